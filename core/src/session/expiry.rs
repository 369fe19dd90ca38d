//! The end of a session without an announcement by a server: all servers are silent, or they reject the session for
//! ever.
//!
//! Servers close the connection of a client whose last transaction lies in their future. After the data of an ensemble
//! was wiped or restored from a backup, this goes on until the servers have caught up: the client is ahead of all of
//! them.
use super::link::Link;
use super::timer_table::Timer;
use super::{Session, Watcher, timers};
use crate::backoff::Failure;
use crate::limits;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A series of attempts that all ended when the server closed the connection before it answered.
#[derive(Debug, Default)]
pub(super) struct TurnedAway {
    /// When the first of these attempts ended.
    since: Option<Instant>,
    servers: HashSet<SocketAddr>,
    is_told: bool,
}

impl<C, W: Watcher> Session<C, W> {
    /// Lets the session expire without hearing from a server, when none has sent anything for 4/3 of its timeout.
    pub fn expire_locally(&mut self) {
        self.expire_locally = true;
        self.arm_local_expiry();
    }

    /// Lets a session that every server rejects connect with transaction id 0. Dangerous: the servers' data may be
    /// older than the data that the application has read.
    pub fn forget_zxid(&mut self) {
        self.forget_zxid = true;
    }

    /// How long all servers must be silent before the session expires locally.
    fn expiry_time(&self) -> Duration {
        timers::millis(self.timeout) * 4 / 3
    }

    /// Sets the time of the local expiry, which a message of a server would move.
    pub(super) fn arm_local_expiry(&mut self) {
        let is_lost = matches!(
            self.link,
            Link::Idle { .. }
                | Link::Connecting { .. }
                | Link::Securing { .. }
                | Link::Handshaking { .. }
                | Link::Authenticating { .. }
        );
        let applies = self.expire_locally && is_lost && self.id.id != 0;
        let due = applies.then(|| self.timers.last_word + self.expiry_time());
        self.timers.set(Timer::Expiry, due);
    }

    pub(super) fn on_local_expiry(&mut self, now: Instant) {
        if self.is_established() {
            return;
        }
        // divergence: With ZOO_LOCAL_EXPIRY=1 or the flag ZOO_EXPIRE_LOCALLY a session expires when no server has said
        // anything for 4/3 of its timeout; without these, as on stock, only when a server says so.
        log::error!(
            target: "check_local_expiry",
            "sessionId={:#x} has expired: no server has said anything for {}ms (session timeout {}ms)",
            self.id.id,
            now.saturating_duration_since(self.timers.last_word).as_millis(),
            self.timeout
        );
        self.end_expired(now);
    }

    /// Called when an attempt has failed. If for two session timeouts every server has only closed the connection, logs
    /// the likely cause; with `forget_zxid` the next attempt connects with transaction id 0.
    pub(super) fn note_turned_away(&mut self, now: Instant, addr: SocketAddr, failure: Failure) {
        if failure != Failure::Closed || self.last_zxid == 0 {
            self.turned_away = TurnedAway::default();
            return;
        }
        let since = *self.turned_away.since.get_or_insert(now);
        if self.turned_away.servers.len() < limits::SERVERS {
            self.turned_away.servers.insert(addr);
        }
        let all = self.servers.addresses().iter().all(|server| self.turned_away.servers.contains(server));
        let is_long = now.saturating_duration_since(since) >= timers::millis(self.timeout) * 2;
        if self.turned_away.is_told || !all || !is_long {
            return;
        }
        self.turned_away.is_told = true;
        let what = if self.forget_zxid {
            "ZOO_RECONNECT_FORGET_ZXID is set: from now on this session asks as one that has seen nothing"
        } else {
            "if so, close this handle and make a new one, or set ZOO_RECONNECT_FORGET_ZXID=1 (docs/BACKOFF.md)"
        };
        log::error!(
            target: "note_turned_away",
            "all servers have closed the connection early for {}ms. This session has seen transaction {:#x}: servers whose \
             data was wiped or restored are behind that, and turn it away for ever; {what}",
            now.saturating_duration_since(since).as_millis(),
            self.last_zxid
        );
        if self.forget_zxid {
            self.last_zxid = 0;
        }
    }
}
