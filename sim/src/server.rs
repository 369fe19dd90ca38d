//! A simulated ensemble: members, connections, sessions, time. Bytes and virtual milliseconds go in, bytes come out.
//!
//! Owns the members and the time; `connection` has the connections of clients, `requests` the meaning of requests. All
//! members share one state: a write is visible on every member at once.
mod connection;

use crate::fault::Fault;
pub use crate::member::{Greeting, Mode, Options};
use crate::member::{Lag, Member, Serving};
pub use crate::sasl::SaslAnswer;
use crate::sessions::Sessions;
use crate::tree::{Happened, Tree};
use crate::watches::Watches;
use crate::words::Vitals;
pub(crate) use connection::Connection;
pub use connection::{ConnId, Flow};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use zk_core::jute::Reader;

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
