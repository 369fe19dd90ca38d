//! Listeners and connections on real ports around the ensemble. Owns sockets, buffers and the clock.
use crate::control::{self, Then};
use crate::stream::Stream;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use rustls::ServerConfig;
use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{io, mem};
use zk_sim::server::{ConnId, Ensemble, Flow, Mode, Options};

/// Tokens below this are listeners and the waker.
const FIRST_CONNECTION: usize = 128;
/// The waker's token.
pub(crate) const WAKER: Token = Token(FIRST_CONNECTION - 1);
/// Beyond this many unsent bytes a client is not read from until it reads.
const BACKLOG: usize = 8 << 20;
/// Input goes to the ensemble in pieces of this size, because few bytes of requests can cause very many bytes of
/// replies.
const PIECE: usize = 4096;
/// After this many reads from one client the others get a turn.
const TURNS: usize = 16;

struct Peer {
    stream: Stream,
    out: Vec<u8>,
    written: usize,
    /// To be closed once everything is sent.
    last: bool,
    /// Not read for the moment, because the client does not read.
    paused: bool,
    /// Bytes that were read before that was noticed.
    held: Vec<u8>,
}

/// The ensemble on its ports.
pub(crate) struct Server {
    poll: Poll,
    ensemble: Ensemble,
    tls: Option<Arc<ServerConfig>>,
    addresses: Vec<SocketAddr>,
    listeners: Vec<Option<TcpListener>>,
    peers: HashMap<ConnId, Peer>,
    start: Instant,
    input: Vec<u8>,
    /// Connections that may have unread bytes left after their turn.
    again: Vec<ConnId>,
}

fn wall() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(0)
}

impl Server {
    /// Listens on `addresses`, one for each member.
    pub(crate) fn new(
        mut options: Options,
        tls: Option<Arc<ServerConfig>>,
        addresses: &[SocketAddr],
    ) -> io::Result<Server> {
        let poll = Poll::new()?;
        let bound: Vec<TcpListener> = addresses.iter().map(|at| TcpListener::bind(*at)).collect::<io::Result<_>>()?;
        let addresses: Vec<SocketAddr> = bound.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
        options.epoch = wall();
        options.seed = u64::from(std::process::id()) ^ wall().cast_unsigned();
        if options.members > 1 {
            let line = |(number, at): (usize, &SocketAddr)| {
                format!("server.{}={}:1:1:participant;{at}\n", number + 1, at.ip())
            };
            options.config = addresses.iter().enumerate().map(line).collect::<String>() + "version=0";
        }
        let mut server = Server {
            poll,
            ensemble: Ensemble::new(options),
            tls,
            listeners: bound.iter().map(|_| None).collect(),
            addresses,
            peers: HashMap::new(),
            start: Instant::now(),
            input: vec![0; 256 * 1024],
            again: Vec::new(),
        };
        for (number, mut listener) in bound.into_iter().enumerate() {
            server.poll.registry().register(&mut listener, Token(number), Interest::READABLE)?;
            if let Some(slot) = server.listeners.get_mut(number) {
                *slot = Some(listener);
            }
        }
        Ok(server)
    }

    /// The members' ports.
    pub(crate) fn ports(&self) -> Vec<u16> {
        self.addresses.iter().map(SocketAddr::port).collect()
    }

    /// The registry, for a waker at [`WAKER`].
    pub(crate) fn registry(&self) -> &mio::Registry {
        self.poll.registry()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Serves until `quit` or the end of the commands; for ever if there are no commands.
    pub(crate) fn run(&mut self, commands: Option<&Receiver<Option<String>>>) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            let now = self.now();
            let wait = self.ensemble.deadline().map(|when| Duration::from_millis(when.saturating_sub(now)));
            // A listener that ran out of descriptors gets no further event, so it is tried again regularly.
            let longest = if self.again.is_empty() { Duration::from_millis(250) } else { Duration::ZERO };
            match self.poll.poll(&mut events, Some(wait.unwrap_or(longest).min(longest))) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            }
            let now = self.now();
            for event in &events {
                match event.token() {
                    WAKER => {}
                    Token(listener) if listener < FIRST_CONNECTION => {}
                    Token(token) => {
                        let id = token.saturating_sub(FIRST_CONNECTION) as ConnId;
                        self.write(id);
                        self.read(id, now);
                    }
                }
            }
            for id in mem::take(&mut self.again) {
                self.read(id, now);
            }
            for member in 0..self.listeners.len() {
                self.accept(member, now);
            }
            self.ensemble.tick(now);
            self.send_news(now);
            if let Some(commands) = commands
                && !self.obey(commands, now)
            {
                return Ok(());
            }
        }
    }

    fn obey(&mut self, commands: &Receiver<Option<String>>, now: u64) -> bool {
        while let Ok(line) = commands.try_recv() {
            let Some(line) = line else { return false };
            let answer = match control::obey(&line, self.addresses.len(), &mut self.ensemble, now) {
                Ok(Then::Quit) => return false,
                Ok(Then::Say(text)) => format!("{text}ok"),
                Ok(Then::Listeners) => match self.follow_modes() {
                    Ok(()) => "ok".to_owned(),
                    Err(error) => format!("error: {error}"),
                },
                Err(error) => format!("error: {error}"),
            };
            self.send_news(now);
            let mut stdout = io::stdout().lock();
            if writeln!(stdout, "{answer}").and_then(|()| stdout.flush()).is_err() {
                return false;
            }
        }
        true
    }

    /// Opens and closes listeners: members that are down have none.
    fn follow_modes(&mut self) -> io::Result<()> {
        for (number, address) in self.addresses.iter().enumerate() {
            let Some(slot) = self.listeners.get_mut(number) else { continue };
            if self.ensemble.mode(number) == Some(Mode::Down) {
                *slot = None;
            } else if slot.is_none() {
                let mut listener = TcpListener::bind(*address)?;
                self.poll.registry().register(&mut listener, Token(number), Interest::READABLE)?;
                *slot = Some(listener);
            }
        }
        Ok(())
    }

    fn accept(&mut self, member: usize, now: u64) {
        while let Some(Some(listener)) = self.listeners.get(member) {
            let Ok((socket, from)) = listener.accept() else { return };
            let Some(id) = self.ensemble.accept(member, &from.ip().to_string(), now) else { continue };
            let _ = socket.set_nodelay(true);
            let Ok(mut stream) = Stream::new(socket, self.tls.as_ref()) else {
                self.ensemble.disconnect(id);
                continue;
            };
            let token = usize::try_from(id).map_or(Token(usize::MAX), |id| Token(FIRST_CONNECTION + id));
            if self.poll.registry().register(stream.socket(), token, Interest::READABLE | Interest::WRITABLE).is_err() {
                self.ensemble.disconnect(id);
                continue;
            }
            self.peers
                .insert(id, Peer { stream, out: Vec::new(), written: 0, last: false, paused: false, held: Vec::new() });
            self.read(id, now);
        }
    }

    fn read(&mut self, id: ConnId, now: u64) {
        let mut input = mem::take(&mut self.input);
        for turn in 0.. {
            let Some(peer) = self.peers.get_mut(&id).filter(|peer| !peer.last) else { break };
            if turn == TURNS {
                self.again.push(id);
                break;
            }
            if peer.out.len() - peer.written > BACKLOG {
                peer.paused = true;
                break;
            }
            if !peer.held.is_empty() {
                let held = mem::take(&mut peer.held);
                self.take_in(id, &held, now);
                continue;
            }
            match peer.stream.read(&mut input) {
                Ok(count) if count > 0 => {
                    self.take_in(id, input.get(..count).unwrap_or_default(), now);
                    // A short read has emptied the socket; an event follows when more arrives.
                    let done = self.peers.get(&id).is_none_or(|peer| peer.held.is_empty());
                    if done && count < input.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => {
                    self.ensemble.disconnect(id);
                    self.peers.remove(&id);
                    break;
                }
            }
        }
        self.input = input;
    }

    /// Gives the ensemble the bytes, until too many answers wait to be sent.
    fn take_in(&mut self, id: ConnId, bytes: &[u8], now: u64) {
        let mut rest = bytes;
        while let Some(peer) = self.peers.get_mut(&id).filter(|_| !rest.is_empty()) {
            if peer.out.len() - peer.written > BACKLOG {
                peer.held.extend_from_slice(rest);
                return;
            }
            let (piece, after) = rest.split_at(rest.len().min(PIECE));
            rest = after;
            self.ensemble.receive(id, piece, now);
            self.send_news(now);
        }
    }

    /// Takes the ensemble's output and sends it.
    fn send_news(&mut self, now: u64) {
        for id in self.ensemble.news() {
            let Some(peer) = self.peers.get_mut(&id) else {
                self.ensemble.disconnect(id);
                continue;
            };
            if self.ensemble.take(id, now, &mut peer.out) == Flow::Closed {
                peer.last = true;
            }
            self.write(id);
        }
    }

    fn write(&mut self, id: ConnId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        while let Some(rest) = peer.out.get(peer.written..).filter(|rest| !rest.is_empty()) {
            match peer.stream.write(rest) {
                Ok(count) if count > 0 => peer.written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                _ => {
                    self.ensemble.disconnect(id);
                    self.peers.remove(&id);
                    return;
                }
            }
        }
        peer.out.clear();
        peer.written = 0;
        // Bytes that TLS still holds are sent at the next event.
        match peer.stream.flush() {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(_) => {
                self.ensemble.disconnect(id);
                self.peers.remove(&id);
                return;
            }
        }
        if peer.last {
            peer.stream.close();
            self.peers.remove(&id);
        } else if mem::take(&mut peer.paused) {
            // Bytes that have arrived in the meantime cause no event of their own any more.
            self.again.push(id);
        }
    }
}
