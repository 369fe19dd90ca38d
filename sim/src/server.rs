//! A simulated ensemble: members, connections, sessions, time. Bytes and virtual milliseconds go in, bytes come out.
//!
//! Owns the connections of clients to members and the order of sending; `requests` has the meaning of requests. All
//! members share one state: a write is visible on every member at once.
use crate::acl::Identities;
use crate::fault::{Fault, Outlet};
pub use crate::member::{Greeting, Mode, Options};
use crate::member::{Lag, Member, Serving};
pub use crate::sasl::SaslAnswer;
use crate::sessions::Sessions;
use crate::tree::{Happened, Tree};
use crate::watches::Watches;
use crate::words::{self, Vitals};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use zk_core::jute::Reader;

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

/// The ensemble.
#[derive(Debug)]
pub struct Ensemble {
    /// The answers to SASL tokens, used from the front; may be changed at any time.
    pub sasl: VecDeque<SaslAnswer>,
    pub(crate) options: Options,
    pub(crate) tree: Tree,
    pub(crate) sessions: Sessions,
    pub(crate) watches: Watches,
    pub(crate) connections: BTreeMap<ConnId, Connection>,
    pub(crate) zxid: i64,
    pub(crate) now: u64,
    pub(crate) happened: Vec<Happened>,
    pub(crate) scratch: Vec<u8>,
    /// Sessions that read-only members have created by themselves.
    pub(crate) local_sessions: Sessions,
    pub(crate) config_version: i64,
    members: Vec<Member>,
    next: ConnId,
    news: Vec<ConnId>,
    /// Connections with bytes that are held back, ordered by the time at which the first may be sent.
    late: BTreeSet<(u64, ConnId)>,
    next_check: u64,
    received: u64,
    pub(crate) sent: u64,
}

/// The interval in milliseconds at which containers and nodes with a time to live are checked.
const CONTAINER_CHECK: u64 = 60_000;

impl Ensemble {
    /// A fresh ensemble, all members up.
    pub fn new(options: Options) -> Ensemble {
        let members = options.members.max(1);
        let mut ensemble = Ensemble {
            sasl: VecDeque::new(),
            tree: Tree::new(&options.config, if members > 1 { -1 } else { 0 }),
            sessions: Sessions::new(options.seed, options.tick),
            local_sessions: Sessions::new(!options.seed, options.tick),
            watches: Watches::default(),
            connections: BTreeMap::new(),
            zxid: if members > 1 { 1 << 32 } else { 0 },
            now: 0,
            happened: Vec::new(),
            scratch: Vec::new(),
            config_version: 0,
            members: (0..members).map(|_| Member::new()).collect(),
            next: 1,
            news: Vec::new(),
            late: BTreeSet::new(),
            next_check: CONTAINER_CHECK,
            received: 0,
            sent: 0,
            options,
        };
        for member in 0..members {
            ensemble.begin_life(member);
        }
        ensemble
    }

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

    /// Advances the time: delayed bytes become due, sessions expire, containers are deleted.
    pub fn tick(&mut self, now: u64) {
        self.now = self.now.max(now);
        while let Some((when, id)) = self.late.pop_first() {
            if when > now {
                self.late.insert((when, id));
                break;
            }
            self.list(id);
        }
        if !self.has_quorum() {
            return;
        }
        for session in self.sessions.due(now) {
            self.expire(session);
        }
        if now >= self.next_check {
            self.next_check = now + CONTAINER_CHECK;
            for path in self.tree.due(self.wall()) {
                self.zxid += 1;
                self.tree.remove(&path, self.zxid, &mut self.happened);
            }
            self.announce();
        }
    }

    /// When [`Ensemble::tick`] has something to do.
    pub fn deadline(&self) -> Option<u64> {
        let late = self.late.first().map(|(when, _)| *when);
        let expiry = self.sessions.deadline().filter(|_| self.has_quorum());
        let check = (self.tree.has_mortals() && self.has_quorum()).then_some(self.next_check);
        [late, expiry, check].into_iter().flatten().min()
    }

    /// Ends a session as if it had timed out.
    pub fn expire(&mut self, session: i64) {
        if let Some(owner) = self.end_session(session) {
            self.close(owner);
        }
    }

    /// Removes a session and its ephemeral nodes; returns its connection.
    pub(crate) fn end_session(&mut self, session: i64) -> Option<ConnId> {
        let gone = self.sessions.remove(session)?;
        self.zxid += 1;
        for path in self.tree.ephemerals(session) {
            self.tree.remove(&path, self.zxid, &mut self.happened);
        }
        self.announce();
        gone.owner
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

    /// The faults that each new connection to a member starts with.
    pub fn set_faults(&mut self, member: usize, faults: Vec<Fault>) {
        if let Some(member) = self.members.get_mut(member) {
            member.faults = faults;
        }
    }

    /// Sets how a member treats new connections.
    pub fn set_greeting(&mut self, member: usize, greeting: Greeting) {
        if let Some(member) = self.members.get_mut(member) {
            member.greeting = greeting;
        }
    }

    /// Lets a member pretend that it has not seen the transactions after `zxid`: it rejects clients that have.
    pub fn set_behind(&mut self, member: usize, zxid: Option<i64>) {
        if let Some(member) = self.members.get_mut(member) {
            member.behind = zxid;
        }
    }

    /// Changes the mode of a member. Losing the quorum closes every connection; regaining it gives every session its
    /// full time-out and starts a new epoch. The member does not lag afterwards, and after a change of epoch no member
    /// does.
    pub fn set_mode(&mut self, member: usize, mode: Mode, now: u64) {
        self.now = self.now.max(now);
        self.catch_up(member);
        let had_quorum = self.has_quorum();
        let Some(host) = self.members.get_mut(member) else { return };
        let was = std::mem::replace(&mut host.mode, mode);
        let quorum = self.has_quorum();
        if quorum && !had_quorum {
            if self.members.len() > 1 {
                self.zxid = ((self.zxid >> 32) + 1) << 32;
                for member in 0..self.members.len() {
                    self.catch_up(member);
                }
            }
            // A standalone server that was only stopped notices that its sessions are overdue.
            if self.members.len() > 1 || was != Mode::Frozen {
                self.sessions.touch_all(now);
            }
        }
        let alone = if self.options.read_only { Serving::Readers } else { Serving::Nobody };
        for number in 0..self.members.len() {
            let Some(host) = self.members.get_mut(number) else { continue };
            let serving = match host.mode {
                Mode::Up if quorum => Serving::Everybody,
                Mode::Up => alone,
                Mode::ReadOnly => Serving::Readers,
                Mode::Down | Mode::NotServing => Serving::Nobody,
                Mode::Frozen => host.serving,
            };
            let changed = std::mem::replace(&mut host.serving, serving) != serving;
            let is_down = host.mode == Mode::Down;
            if changed && serving != Serving::Nobody {
                self.begin_life(number);
            }
            if changed || is_down {
                self.close_all(number);
            }
        }
        if was == Mode::Frozen && mode != Mode::Frozen {
            for id in self.connections_of(member) {
                self.list(id);
                self.work(id);
            }
        }
    }

    fn begin_life(&mut self, member: usize) {
        let clock = self.wall();
        self.sessions.begin_life(member, clock);
        self.local_sessions.begin_life(member, clock);
    }

    fn close_all(&mut self, member: usize) {
        for id in self.connections_of(member) {
            self.close(id);
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

    /// Whether a connection has a data watch and a child watch at a path.
    pub fn watched(&self, id: ConnId, path: &str) -> (bool, bool) {
        (self.watches.data.contains(path, id), self.watches.child.contains(path, id))
    }

    /// Whether a connection has a persistent watch and a recursive one at a path.
    pub fn watched_lastingly(&self, id: ConnId, path: &str) -> (bool, bool) {
        (self.watches.persistent.contains(path, id), self.watches.recursive.contains(path, id))
    }

    /// The mode of a member; `None` if there is no such member.
    pub fn mode(&self, member: usize) -> Option<Mode> {
        Some(self.members.get(member)?.mode)
    }

    /// The sessions that are alive.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The nodes.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The last transaction.
    pub fn zxid(&self) -> i64 {
        self.zxid
    }

    /// Whether more than half of the members are up.
    pub fn has_quorum(&self) -> bool {
        self.members.iter().filter(|member| member.mode == Mode::Up).count() * 2 > self.members.len()
    }

    /// Makes a member show the state of this moment, until it has to commit something itself ([`Self::catch_up`]).
    pub fn set_lagging(&mut self, member: usize) {
        let (tree, zxid) = (self.tree.clone(), self.zxid);
        if let Some(member) = self.members.get_mut(member).filter(|member| member.lag.is_none()) {
            member.lag = Some(Box::new(Lag { tree, zxid, missed: Vec::new() }));
        }
    }

    /// Brings a member up to date: it shows the current state, and its clients get the events that they have missed.
    pub fn catch_up(&mut self, member: usize) {
        let Some(lag) = self.members.get_mut(member).and_then(|member| member.lag.take()) else { return };
        for happened in &lag.missed {
            self.fire(happened, Some(member));
        }
    }

    pub(crate) fn somebody_lags(&self) -> bool {
        self.members.iter().any(|member| member.lag.is_some())
    }

    pub(crate) fn lags(&self, member: usize) -> bool {
        self.members.get(member).is_some_and(|member| member.lag.is_some())
    }

    /// Stores events for the clients of lagging members.
    pub(crate) fn keep_for_lagging(&mut self, happened: &[Happened]) {
        for lag in self.members.iter_mut().filter_map(|member| member.lag.as_mut()) {
            lag.missed.extend_from_slice(happened);
        }
    }

    /// The tree that a connection's member shows.
    pub(crate) fn tree_of(&self, id: ConnId) -> &Tree {
        let member = self.connections.get(&id).and_then(|connection| self.members.get(connection.member));
        member.and_then(|member| member.lag.as_ref()).map_or(&self.tree, |lag| &lag.tree)
    }

    /// The last transaction that a connection's member knows.
    pub(crate) fn zxid_of(&self, id: ConnId) -> i64 {
        let member = self.connections.get(&id).and_then(|connection| self.members.get(connection.member));
        member.and_then(|member| member.lag.as_ref()).map_or(self.zxid, |lag| lag.zxid)
    }

    pub(crate) fn serving(&self, member: usize) -> Serving {
        self.members.get(member).map_or(Serving::Nobody, |member| member.serving)
    }

    pub(crate) fn greeting(&self, member: usize) -> Greeting {
        self.members.get(member).map_or(Greeting::Close, |member| member.greeting)
    }

    /// The last transaction that a member claims to know.
    pub(crate) fn known_zxid(&self, member: usize) -> i64 {
        let Some(member) = self.members.get(member) else { return self.zxid };
        let shown = member.lag.as_ref().map_or(self.zxid, |lag| lag.zxid);
        member.behind.map_or(shown, |behind| behind.min(shown))
    }

    /// Wall clock, milliseconds.
    pub(crate) fn wall(&self) -> i64 {
        self.options.epoch.saturating_add_unsigned(self.now)
    }

    pub(crate) fn list(&mut self, id: ConnId) {
        if let Some(connection) = self.connections.get_mut(&id).filter(|connection| !connection.listed) {
            connection.listed = true;
            self.news.push(id);
        }
    }

    /// Handles the whole frames that have arrived.
    fn work(&mut self, id: ConnId) {
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

    fn vitals(&self, member: usize) -> Vitals<'static> {
        let mode = match self.serving(member) {
            Serving::Nobody => None,
            Serving::Readers => Some("read-only"),
            Serving::Everybody if self.members.len() == 1 => Some("standalone"),
            Serving::Everybody if self.members.iter().position(|one| one.mode == Mode::Up) == Some(member) => {
                Some("leader")
            }
            Serving::Everybody => Some("follower"),
        };
        Vitals {
            mode,
            zxid: self.zxid,
            nodes: self.tree.len(),
            watches: self.watches.len(),
            connections: self.connections.len(),
            sessions: self.sessions.len(),
            received: self.received,
            sent: self.sent,
        }
    }

    /// Reads a request's header: xid and type.
    pub(crate) fn header(reader: &mut Reader<'_>) -> Option<(i32, i32)> {
        Some((reader.i32().ok()?, reader.i32().ok()?))
    }
}
