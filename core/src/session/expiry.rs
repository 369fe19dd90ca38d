//! The end of a session that no server announces: silence of all servers, and servers that turn the session away for ever.
//!
//! Servers close the connection of a client whose last transaction lies in their future. When the data of an ensemble was
//! wiped or restored from a backup that never ends by itself: the client is ahead of every server until they have caught up.
use super::link::Link;
use super::timer_table::Timer;
use super::{Session, Watcher, timers};
use crate::backoff::Failure;
use crate::limits;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A row of attempts that all ended in the server's closing the connection before it answered.
#[derive(Debug, Default)]
pub(super) struct TurnedAway {
    /// When the first of them ended.
    since: Option<Instant>,
    servers: HashSet<SocketAddr>,
    is_told: bool,
}

impl<C, W: Watcher> Session<C, W> {
    /// Lets the session expire without a server's word, when none has said anything for 4/3 of its timeout.
    pub fn expire_locally(&mut self) {
        self.expire_locally = true;
        self.arm_local_expiry();
    }

    /// Lets a session that every server turns away ask with transaction id 0. Dangerous: the servers' data may be older than
    /// what the application has read.
    pub fn forget_zxid(&mut self) {
        self.forget_zxid = true;
    }

    /// How long all servers are silent before a session expires without their word.
    fn expiry_time(&self) -> Duration {
        timers::millis(self.timeout) * 4 / 3
    }

    /// Sets when the session expires unless a server says something.
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
        // anything for 4/3 of its timeout; without, as on stock, only by a server's word.
        log::error!(
            target: "check_local_expiry",
            "sessionId={:#x} has expired: no server has said anything for {}ms (session timeout {}ms)",
            self.id.id,
            now.saturating_duration_since(self.timers.last_word).as_millis(),
            self.timeout
        );
        self.end_expired(now);
    }

    /// An attempt has failed. When every server has closed the connection for two session timeouts, and none has done
    /// anything else, says what that may mean; with `forget_zxid` the next attempt asks with transaction id 0.
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
