//! The connections of clients to members: what has arrived and is not handled yet, and the order of sending. Splits
//! received bytes into frames; `requests` has their meaning.
use super::Ensemble;
use crate::acl::Identities;
use crate::fault::{Fault, Outlet};
use crate::member::{Greeting, Mode};
use crate::words;

/// Names a connection; never used twice.
pub type ConnId = u64;

/// One client's connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) member: usize,
    pub(crate) identities: Identities,
    pub(crate) session: Option<i64>,
    /// Nothing more is read; the connection is closed once all output has been sent.
    pub(crate) closing: bool,
    inbox: Vec<u8>,
    pub(crate) outlet: Outlet,
    listed: bool,
}

/// The state of a connection after [`Ensemble::take`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It stands.
    Open,
    /// The server has closed the connection; the bytes taken were the last.
    Closed,
}

impl Ensemble {
    /// A client connects to a member from the address `peer`. `None` when it is refused.
    pub fn accept(&mut self, member: usize, peer: &str, now: u64) -> Option<ConnId> {
        self.now = self.now.max(now);
        let host = self.members.get(member).filter(|host| host.mode != Mode::Down)?;
        let mut connection = Connection {
            member,
            identities: Identities::of_peer(peer),
            session: None,
            closing: host.greeting == Greeting::Close,
            inbox: Vec::new(),
            outlet: Outlet::default(),
            listed: false,
        };
        for fault in &host.faults {
            connection.outlet.inject(*fault);
        }
        let id = self.next;
        self.next += 1;
        self.connections.insert(id, connection);
        self.list(id);
        Some(id)
    }

    /// Called when the client sends bytes.
    pub fn receive(&mut self, id: ConnId, bytes: &[u8], now: u64) {
        self.now = self.now.max(now);
        if let Some(connection) = self.connections.get_mut(&id).filter(|connection| !connection.closing) {
            connection.inbox.extend_from_slice(bytes);
            self.work(id);
        }
    }

    /// Called when the client has closed its end, or the network has cut the connection.
    pub fn disconnect(&mut self, id: ConnId) {
        if let Some(connection) = self.connections.remove(&id) {
            self.watches.forget(id);
            if let Some(session) = connection.session {
                self.sessions.orphan(session, id);
                self.local_sessions.orphan(session, id);
            }
        }
    }

    /// Appends to `out` the bytes that the server sends now. A closed connection is forgotten.
    pub fn take(&mut self, id: ConnId, now: u64, out: &mut Vec<u8>) -> Flow {
        self.now = self.now.max(now);
        let Some(connection) = self.connections.get_mut(&id) else { return Flow::Closed };
        connection.listed = false;
        if self.members.get(connection.member).is_some_and(|member| member.mode == Mode::Frozen) {
            return Flow::Open;
        }
        let cut = connection.outlet.take(now, out);
        if let Some(when) = connection.outlet.deadline() {
            self.late.insert((when, id));
        }
        if cut || connection.closing && connection.outlet.is_empty() {
            self.disconnect(id);
            return Flow::Closed;
        }
        Flow::Open
    }

    /// Connections that have got output or have been closed since the last call.
    pub fn news(&mut self) -> Vec<ConnId> {
        std::mem::take(&mut self.news)
    }

    /// Closes a connection once its output has been sent.
    pub fn close(&mut self, id: ConnId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.closing = true;
            self.list(id);
        }
    }

    /// Adds a fault to a connection.
    pub fn inject(&mut self, id: ConnId, fault: Fault) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.outlet.inject(fault);
            self.list(id);
        }
    }

    /// Connections to a member.
    pub fn connections_of(&self, member: usize) -> Vec<ConnId> {
        self.connections.iter().filter(|(_, one)| one.member == member).map(|(id, _)| *id).collect()
    }

    /// All connections.
    pub fn connections(&self) -> Vec<ConnId> {
        self.connections.keys().copied().collect()
    }

    /// The session of a connection.
    pub fn session_of(&self, id: ConnId) -> Option<i64> {
        self.connections.get(&id)?.session
    }

    pub(crate) fn list(&mut self, id: ConnId) {
        if let Some(connection) = self.connections.get_mut(&id).filter(|connection| !connection.listed) {
            connection.listed = true;
            self.news.push(id);
        }
    }

    /// Handles the whole frames that have arrived.
    pub(super) fn work(&mut self, id: ConnId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let member = connection.member;
        if self.members.get(member).is_none_or(|member| member.mode == Mode::Frozen) {
            return;
        }
        let inbox = std::mem::take(&mut connection.inbox);
        let mut rest = inbox.as_slice();
        while let Some((frame, after)) = self.next_frame(id, rest) {
            rest = after;
            self.received += 1;
            if self.session_of(id).is_none() {
                self.greet(id, frame);
            } else {
                self.request(id, frame);
            }
        }
        let left = rest.len();
        if let Some(connection) = self.connections.get_mut(&id) {
            // Keeps the allocation: usually nothing is left over.
            let mut inbox = inbox;
            inbox.drain(..inbox.len() - left);
            connection.inbox = inbox;
        }
    }

    /// Returns the next frame and the rest. Closes the connection after a bad length, answers four-letter words.
    fn next_frame<'a>(&mut self, id: ConnId, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let connection = self.connections.get(&id).filter(|connection| !connection.closing)?;
        let (prefix, after) = bytes.split_first_chunk::<4>()?;
        if connection.session.is_none()
            && let Some(text) = words::answer(*prefix, &self.vitals(connection.member))
        {
            let now = self.now;
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.outlet.raw(now, text.as_bytes());
            }
            self.close(id);
            return None;
        }
        match usize::try_from(i32::from_be_bytes(*prefix)) {
            Ok(len) if len <= self.options.max_frame => after.split_at_checked(len),
            _ => {
                self.close(id);
                None
            }
        }
    }
}
