//! The ways in which a connection ends: errors, silence, broken protocol, expiry, or choice.
use super::failure_log::{ESTALE, ETIMEDOUT, FLUSH_FAILED, Place, RECEIVE_FAILED, is_local, log_socket_error};
use super::link::{Death, Link};
use super::timer_table::Timer;
use super::{Output, Session, State, Watcher};
use crate::backoff::{Event, Failure, Memory};
use crate::code::Code;
use crate::limits;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// How an established connection ended.
#[derive(Clone, Copy, Debug)]
struct Loss {
    code: Code,
    is_silence: bool,
    place: Place,
}

/// The protocol of a server whose first four bytes, read as a frame's length, are `len`.
fn other_protocol(len: i32) -> Option<String> {
    let bytes = len.to_be_bytes();
    match &bytes {
        // A record of TLS: its type, and the version.
        [0x14..=0x17, 3, 0..=4, _] => {
            Some("the server speaks TLS on this port, and this client does not: see ZOO_TLS".to_owned())
        }
        b"HTTP" => {
            Some("the server answers in HTTP: this is the port of a web server, or of the AdminServer".to_owned())
        }
        text if text.iter().all(|byte| (b' '..=b'~').contains(byte)) => {
            let text = String::from_utf8_lossy(text);
            Some(format!("the server speaks another protocol: its answer begins with \"{text}\""))
        }
        _ => None,
    }
}

impl<C, W: Watcher> Session<C, W> {
    /// Called when reading or connecting failed, or the peer has ended the connection.
    pub(super) fn on_disconnected(&mut self, now: Instant, error: &io::Error) {
        match self.link {
            Link::Idle { .. } | Link::Dead(_) | Link::Closed => {}
            Link::Closing { .. } => self.finish_close(),
            Link::Connecting { .. } => {
                let failure = match error.kind() {
                    io::ErrorKind::TimedOut => Failure::ConnectTimeout,
                    _ if is_local(error) => Failure::Local,
                    _ => Failure::Refused,
                };
                self.fail_attempt(now, failure, Code::ConnectionLoss, error);
            }
            Link::Securing { .. } | Link::Handshaking { .. } | Link::Authenticating { .. } => {
                self.fail_attempt(now, Failure::Closed, Code::ConnectionLoss, error);
            }
            Link::Established { .. } => {
                let loss = Loss { code: Code::ConnectionLoss, is_silence: false, place: Place::CheckEvents };
                self.lose(now, loss, error, format_args!("{RECEIVE_FAILED}"));
            }
        }
    }

    /// Writing failed.
    pub(super) fn on_send_failure(&mut self, now: Instant, error: &io::Error) {
        if self.is_established() {
            let loss = Loss { code: Code::ConnectionLoss, is_silence: false, place: Place::CheckEvents };
            self.lose(now, loss, error, format_args!("{FLUSH_FAILED}"));
        } else {
            self.on_disconnected(now, error);
        }
    }

    pub(super) fn on_silence(&mut self, now: Instant) {
        let Some(addr) = self.link.address() else { return };
        let error = io::Error::from_raw_os_error(ETIMEDOUT);
        let loss = Loss { code: Code::OperationTimeout, is_silence: true, place: Place::Interest };
        let late = self.late_by(now).as_millis();
        self.lose(now, loss, &error, format_args!("connection to {addr} timed out (exceeded timeout by {late}ms)"));
    }

    /// Called when the server broke the protocol; its further data cannot be trusted.
    pub(super) fn on_misbehaviour(&mut self, now: Instant, code: Code, what: &str) {
        let error = io::Error::from_raw_os_error(0);
        let loss = Loss { code, is_silence: false, place: Place::Process };
        self.lose(now, loss, &error, format_args!("{what}"));
    }

    pub(super) fn on_bad_frame(&mut self, now: Instant, len: i32) {
        let what = "announced, which is not acceptable";
        let hint = if len > 0 { "; ZOO_JUTE_MAXBUFFER sets the largest" } else { "" };
        match self.link {
            Link::Established { .. } => {
                let text = format!("frame of {len} bytes {what}{hint}");
                self.on_misbehaviour(now, Code::MarshallingError, &text);
            }
            Link::Connecting { .. }
            | Link::Securing { .. }
            | Link::Handshaking { .. }
            | Link::Authenticating { .. } => {
                let text = match other_protocol(len) {
                    Some(protocol) => format!("{protocol} (frame of {len} bytes {what})"),
                    None => format!("frame of {len} bytes {what}{hint}"),
                };
                let error = io::Error::new(io::ErrorKind::InvalidData, text);
                self.fail_attempt(now, Failure::Closed, Code::MarshallingError, &error);
            }
            Link::Closing { .. } => self.finish_close(),
            Link::Idle { .. } | Link::Dead(_) | Link::Closed => {}
        }
    }

    /// Ends an established session's connection. `what` starts with stock's words.
    fn lose(&mut self, now: Instant, loss: Loss, error: &io::Error, what: fmt::Arguments<'_>) {
        let Link::Established { addr, .. } = self.link else { return };
        let (established, last_received) = (self.timers.established, self.timers.last_received);
        self.outputs.push_back(Output::Disconnect { reset: false });
        self.stats.lost += 1;
        self.stats.last_loss = Some(now);
        self.drop_link(now, false, loss.code);
        let read_timeout = loss.is_silence;
        self.next_plan(now, Event::Lost { read_timeout, established, last_received, server: Some(addr) });
        self.avoid_if_asked(now, addr);
        let pause = self.plan.not_before.saturating_duration_since(now).as_millis();
        let what = format_args!("{what}; connection lost, next attempt in {pause}ms");
        log_socket_error(loss.place, addr, loss.code, error, what);
        let code = loss.code;
        self.tell_loss(code);
        self.ended = Some(code);
    }

    /// Leaves an established session's server because the client chose to.
    pub(super) fn leave(&mut self, now: Instant, event: Event) {
        self.outputs.push_back(Output::Disconnect { reset: false });
        self.drop_link(now, false, Code::ConnectionLoss);
        self.next_plan(now, event);
        self.tell_loss(Code::ConnectionLoss);
    }

    fn tell_loss(&mut self, code: Code) {
        self.notify_session(State::Connecting);
        self.fail_credentials(code);
        self.fail_pending(code);
    }

    /// Drops the connection. `is_fresh` as in [`Link::Idle`]; requests that are given up before there is another
    /// connection fail with `code`.
    pub(super) fn drop_link(&mut self, now: Instant, is_fresh: bool, code: Code) {
        self.link = Link::Idle { is_fresh };
        self.last_failure = match code {
            // These codes are about the bytes of the old connection, which do not concern later requests.
            Code::MarshallingError | Code::RuntimeInconsistency => Code::ConnectionLoss,
            code => code,
        };
        limits::drain(&mut self.outgoing);
        self.timers.stop_all();
        self.arm_resolve(now);
    }

    pub(super) fn next_plan(&mut self, now: Instant, event: Event) {
        self.plan = self.backoff.on(event, self.servers.len(), now, &mut self.rng);
        let pause = self.plan.not_before.saturating_duration_since(now);
        self.stats.last_pause = pause;
        self.stats.paused += pause;
        self.arm_attempt();
    }

    /// Makes the address the last one of the coming sweeps, if the policy asks for that after the latest event.
    pub(super) fn avoid_if_asked(&mut self, now: Instant, addr: SocketAddr) {
        if let Some(time) = self.backoff.avoid_for() {
            self.servers.avoid(addr, now + time);
        }
    }

    /// Sets the timer of the next attempt to the time that the plan allows.
    pub(super) fn arm_attempt(&mut self) {
        let waits = matches!(self.link, Link::Idle { .. }) && !self.servers.is_empty();
        self.timers.set(Timer::Attempt, waits.then_some(self.plan.not_before));
    }

    /// Passes the pace on to other handles. Not during a pause, because the pause belongs to this handle.
    pub(super) fn remember(&mut self, now: Instant) {
        let memory = self.backoff.memory(now);
        self.leave_behind(memory);
    }

    /// Passes the pace and the rank on to the next handle, because this one's session is over.
    pub(super) fn bequeath(&mut self, now: Instant) {
        let memory = self.backoff.legacy(now);
        self.leave_behind(memory);
    }

    fn leave_behind(&mut self, memory: Memory) {
        let names = Arc::clone(self.servers.hosts().names());
        self.outputs.push_back(Output::Remember(names, Box::new(memory)));
    }

    pub(super) fn expire(&mut self, now: Instant, addr: SocketAddr) {
        let error = io::Error::from_raw_os_error(ESTALE);
        let what = format_args!("sessionId={:#x} has expired.", self.id.id);
        log_socket_error(Place::CheckEvents, addr, Code::SessionExpired, &error, what);
        self.end_expired(now);
    }

    /// Ends a session that has expired, whether a server or this client says so.
    pub(super) fn end_expired(&mut self, now: Instant) {
        self.stats.expired += 1;
        self.next_plan(now, Event::Expired);
        self.bequeath(now);
        if self.link.address().is_some() {
            self.outputs.push_back(Output::Disconnect { reset: false });
        }
        self.fail_credentials(Code::SessionExpired);
        self.die(now, Death::Expired, Code::SessionExpired);
    }

    /// Ends the session for good: tells the watchers, and fails all requests.
    pub(super) fn die(&mut self, now: Instant, death: Death, code: Code) {
        self.drop_link(now, false, code);
        self.link = Link::Dead(death);
        self.timers.stop_all();
        self.notify_session(self.link.state());
        self.fail_pending(code);
        self.ended = Some(code);
    }
}
