//! The other end: a simulated ZooKeeper server that reads and writes in pieces of any size, and cuts connections.
use super::socket::{Change, Stage};
use super::{NETWORK, State, lock};
use shuttle::rand::{Rng, thread_rng};
use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::sync::PoisonError;
use zk_sim::server::{ConnId, Ensemble, Flow, Options};

/// A server on the network.
pub(crate) struct Server {
    ensemble: Ensemble,
    links: BTreeMap<RawFd, Link>,
    /// How many connections it may still cut.
    cuts: u32,
    /// Connections there were.
    accepted: u32,
}

struct Link {
    id: ConnId,
    unsent: Vec<u8>,
    ending: bool,
}

impl Server {
    /// A server that cuts at most `cuts` connections.
    pub(crate) fn new(cuts: u32) -> Server {
        Server { ensemble: Ensemble::new(Options::default()), links: BTreeMap::new(), cuts, accepted: 0 }
    }

    /// Serves until [`end`]; returns the number of connections, and how many more it could have cut.
    pub(crate) fn run(mut self) -> (u32, u32) {
        loop {
            if self.accept() || self.drop_ended() || self.read() || self.write() {
                continue;
            }
            let state = lock();
            if state.over {
                return (self.accepted, self.cuts);
            }
            if !self.has_work(&state) {
                drop(NETWORK.changed.wait(state).unwrap_or_else(PoisonError::into_inner));
            }
        }
    }

    fn has_work(&self, state: &State) -> bool {
        state.sockets.iter().any(|(fd, socket)| match self.links.get(fd) {
            None => socket.stage == Stage::Connecting && !socket.closed,
            Some(link) => {
                let to_send = !link.unsent.is_empty() || link.ending && !socket.ended;
                to_send || !socket.outbound.is_empty() || socket.closed || socket.shut
            }
        })
    }

    fn accept(&mut self) -> bool {
        let mut state = lock();
        let new = |socket: &&mut super::Socket| socket.stage == Stage::Connecting && !socket.closed;
        let Some((fd, socket)) = state.sockets.iter_mut().map(|(fd, socket)| (*fd, socket)).find(|(_, one)| new(one))
        else {
            return false;
        };
        socket.stage = Stage::Connected;
        self.accepted += 1;
        if let Some(id) = self.ensemble.accept(0, "127.0.0.1", 0) {
            self.links.insert(fd, Link { id, unsent: Vec::new(), ending: false });
        }
        state.touch(fd, Change { writable: true, ..Change::default() });
        true
    }

    /// Forgets a connection that the client has ended, once everything it has sent is read.
    fn drop_ended(&mut self) -> bool {
        let mut state = lock();
        let ended = |fd: &RawFd| {
            state.sockets.get(fd).is_none_or(|socket| (socket.closed || socket.shut) && socket.outbound.is_empty())
        };
        let Some(fd) = self.links.keys().copied().find(ended) else { return false };
        if let Some(link) = self.links.remove(&fd) {
            self.ensemble.disconnect(link.id);
        }
        if state.sockets.get(&fd).is_some_and(|socket| socket.closed) {
            state.sockets.remove(&fd);
        }
        true
    }

    /// Reads part of the bytes that one client has sent.
    fn read(&mut self) -> bool {
        let mut state = lock();
        let Some(fd) = self.pick(|fd| state.sockets.get(fd).is_some_and(|socket| !socket.outbound.is_empty())) else {
            return false;
        };
        let (Some(socket), Some(link)) = (state.sockets.get_mut(&fd), self.links.get(&fd)) else { return false };
        let len = thread_rng().gen_range(1..=socket.outbound.len());
        let bytes: Vec<u8> = socket.outbound.drain(..len).collect();
        self.ensemble.receive(link.id, &bytes, 0);
        state.touch(fd, Change { writable: true, ..Change::default() });
        true
    }

    /// Sends part of the bytes for one client, or cuts its connection.
    fn write(&mut self) -> bool {
        self.ensemble.news();
        for link in self.links.values_mut().filter(|link| !link.ending) {
            link.ending = self.ensemble.take(link.id, 0, &mut link.unsent) == Flow::Closed;
        }
        let Some(fd) = self.pick(|_| true) else { return false };
        let mut state = lock();
        let (Some(socket), Some(link)) = (state.sockets.get_mut(&fd), self.links.get_mut(&fd)) else { return false };
        if link.unsent.is_empty() {
            if !link.ending || socket.ended {
                return false;
            }
            socket.ended = true;
            state.touch(fd, Change { readable: true, writable: true, closed: true, ..Change::default() });
            return true;
        }
        if self.cuts > 0 && thread_rng().gen_ratio(1, 8) {
            self.cuts -= 1;
            let reset = thread_rng().gen_bool(0.5);
            if reset {
                socket.stage = Stage::Reset;
            }
            socket.ended = true;
            socket.outbound.clear();
            if let Some(link) = self.links.remove(&fd) {
                self.ensemble.disconnect(link.id);
            }
            state.touch(fd, Change { readable: true, writable: true, closed: true, error: reset });
            return true;
        }
        let len = thread_rng().gen_range(1..=link.unsent.len());
        socket.inbound.extend(link.unsent.drain(..len));
        state.touch(fd, Change { readable: true, ..Change::default() });
        true
    }

    fn pick(&self, wanted: impl Fn(&RawFd) -> bool) -> Option<RawFd> {
        let found: Vec<RawFd> = self.links.keys().copied().filter(wanted).collect();
        if found.is_empty() { None } else { found.get(thread_rng().gen_range(0..found.len())).copied() }
    }
}

/// Ends the server, and returns how many sockets clients have left open.
pub(crate) fn end() -> usize {
    let mut state = lock();
    state.over = true;
    NETWORK.changed.notify_all();
    state.sockets.values().filter(|socket| !socket.closed).count()
}
