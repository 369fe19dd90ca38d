//! How a connection ends: by errors, silence, broken protocol, expiry, or choice.
use super::failure_log::text_of;
use super::link::{Death, Link};
use super::timer_table::Timer;
use super::{Output, Session, State, Watcher};
use crate::backoff::{Event, Failure};
use crate::code::Code;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// `errno` values of log lines for failures that no system call reported, as stock prints them.
const ETIMEDOUT: i32 = 110;
const EHOSTDOWN: i32 = 112;

impl<C, W: Watcher> Session<C, W> {
    pub(super) fn on_disconnected(&mut self, now: Instant, error: &io::Error) {
        let eof = error.kind() == io::ErrorKind::UnexpectedEof;
        match self.link {
            Link::Idle { .. } | Link::Dead(_) | Link::Closed => {}
            Link::Closing { .. } => self.finish_close(),
            Link::Connecting { .. } if error.kind() == io::ErrorKind::TimedOut => {
                self.fail_attempt(now, Failure::ConnectTimeout, Code::ConnectionLoss, error);
            }
            Link::Connecting { .. } => self.fail_attempt(now, Failure::Refused, Code::ConnectionLoss, error),
            Link::Handshaking { .. } => self.fail_attempt(now, Failure::Closed, Code::ConnectionLoss, error),
            Link::Established { .. } => {
                let what = if eof { "failed while received a server response" } else { "connection failed" };
                let error = if eof { &io::Error::from_raw_os_error(EHOSTDOWN) } else { error };
                self.lose(now, Code::ConnectionLoss, false, error, what);
            }
        }
    }

    pub(super) fn on_silence(&mut self, now: Instant) {
        let error = io::Error::from_raw_os_error(ETIMEDOUT);
        self.lose(now, Code::OperationTimeout, true, &error, "no answer from the server in time");
    }

    /// The server broke the protocol; nothing after it can be trusted.
    pub(super) fn on_misbehaviour(&mut self, now: Instant, code: Code, what: &str) {
        let error = io::Error::from_raw_os_error(0);
        self.lose(now, code, false, &error, what);
    }

    pub(super) fn on_bad_frame(&mut self, now: Instant, len: i32) {
        let what = format!("frame of {len} bytes announced, which is not acceptable");
        match self.link {
            Link::Established { .. } => self.on_misbehaviour(now, Code::MarshallingError, &what),
            Link::Connecting { .. } | Link::Handshaking { .. } => {
                let error = io::Error::new(io::ErrorKind::InvalidData, what);
                self.fail_attempt(now, Failure::Closed, Code::MarshallingError, &error);
            }
            Link::Closing { .. } => self.finish_close(),
            Link::Idle { .. } | Link::Dead(_) | Link::Closed => {}
        }
    }

    /// An established session lost its connection.
    fn lose(&mut self, now: Instant, code: Code, read_timeout: bool, error: &io::Error, what: &str) {
        let Link::Established { addr, .. } = self.link else { return };
        let (established, last_received) = (self.timers.established, self.timers.last_received);
        self.outputs.push_back(Output::Disconnect { reset: false });
        self.stats.lost += 1;
        self.drop_link(false);
        self.next_plan(now, Event::Lost { read_timeout, established, last_received });
        log::error!(
            "Socket {addr} zk retcode={}, errno={}({}): {what}; connection lost, next attempt in {}ms",
            code.to_i32(),
            error.raw_os_error().unwrap_or(0),
            if error.raw_os_error() == Some(0) { "none".to_owned() } else { text_of(error) },
            self.plan.not_before.saturating_duration_since(now).as_millis()
        );
        self.tell_loss(code);
    }

    /// Leaves an established session's server by choice.
    pub(super) fn leave(&mut self, now: Instant, event: Event) {
        self.outputs.push_back(Output::Disconnect { reset: false });
        self.drop_link(false);
        self.next_plan(now, event);
        self.tell_loss(Code::ConnectionLoss);
    }

    fn tell_loss(&mut self, code: Code) {
        self.notify_session(State::Connecting);
        self.fail_credentials(code);
        self.fail_pending(code);
    }

    /// There is no connection any more. `is_fresh` as in [`Link::Idle`].
    pub(super) fn drop_link(&mut self, is_fresh: bool) {
        self.link = Link::Idle { is_fresh };
        self.last_failure = Code::ConnectionLoss;
        self.outgoing.clear();
        self.timers.stop_all();
        self.arm_resolve();
    }

    pub(super) fn next_plan(&mut self, now: Instant, event: Event) {
        self.plan = self.backoff.on(event, self.servers.len(), now, &mut self.rng);
        let pause = self.plan.not_before.saturating_duration_since(now);
        let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.stats.last_pause_ms = pause;
        self.stats.paused_ms += pause;
        self.arm_attempt();
    }

    /// The next attempt starts when the plan allows it.
    pub(super) fn arm_attempt(&mut self) {
        let waits = matches!(self.link, Link::Idle { .. }) && !self.servers.is_empty();
        self.timers.set(Timer::Attempt, waits.then_some(self.plan.not_before));
    }

    /// Leaves the pace to the next handle. Only where this handle stops pausing itself: a pause that it still keeps is
    /// not another handle's.
    pub(super) fn remember(&mut self, now: Instant) {
        self.outputs.push_back(Output::Remember(Arc::clone(self.servers.hosts().names()), self.backoff.memory(now)));
    }

    pub(super) fn expire(&mut self, now: Instant, addr: SocketAddr) {
        log::error!("session {:#x} has expired, says server {addr}", self.id.id);
        self.stats.expired += 1;
        self.next_plan(now, Event::Expired);
        self.remember(now);
        self.outputs.push_back(Output::Disconnect { reset: false });
        self.fail_credentials(Code::SessionExpired);
        self.die(Death::Expired, Code::SessionExpired);
    }

    /// Nothing more can succeed: tells the watchers and everyone who waits.
    pub(super) fn die(&mut self, death: Death, code: Code) {
        self.drop_link(false);
        self.link = Link::Dead(death);
        self.timers.stop_all();
        self.notify_session(self.link.state());
        self.fail_pending(code);
    }
}
