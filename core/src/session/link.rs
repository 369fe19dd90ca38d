//! The connection's life up to the session: attempts and the handshake. When the next attempt may start comes from the
//! policy alone.
use super::expiry::TurnedAway;
use super::failure_log::{ETIMEDOUT, FailureLogLimiter};
use super::secure::Exchange;
use super::timer_table::Timer;
use super::{ClientId, Output, Session, State, Watcher, timers};
use crate::backoff::{Event, Failure};
use crate::code::Code;
use crate::jute::Reader;
use crate::limits;
use crate::proto::{ConnectRequest, ConnectResponse};
use crate::request::frame;
use crate::servers::InUse;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

/// The state of the connection. States with a socket have its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// No connection; the next attempt waits for the policy.
    Idle {
        /// Whether no pause after a failure is due: no attempt has ended yet, or a new list ended it.
        is_fresh: bool,
    },
    /// TCP is being established.
    Connecting { addr: SocketAddr, is_secured: bool },
    /// There is a TCP connection, and TLS is being established. The limit of the TCP phase does not apply, because it
    /// is for lost SYNs.
    Securing { addr: SocketAddr },
    /// The server has not confirmed the session yet.
    Handshaking { addr: SocketAddr },
    /// The server has confirmed the session, and SASL is under way. `exchange` distinguishes its messages from those of
    /// an earlier connection.
    Authenticating { addr: SocketAddr, is_read_only: bool, exchange: Exchange },
    /// The session is established.
    Established { addr: SocketAddr, is_read_only: bool },
    /// The close request is sent, or being sent.
    Closing { addr: SocketAddr, is_read_only: bool, xid: i32 },
    /// No attempt follows.
    Dead(Death),
    /// The application has closed the session, and nothing is left to do.
    Closed,
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    Expired,
    AuthFailed,
}

impl Link {
    /// The server of the connection or the attempt.
    pub(super) fn address(self) -> Option<SocketAddr> {
        match self {
            Link::Connecting { addr, .. }
            | Link::Securing { addr }
            | Link::Handshaking { addr }
            | Link::Authenticating { addr, .. }
            | Link::Established { addr, .. }
            | Link::Closing { addr, .. } => Some(addr),
            Link::Idle { .. } | Link::Dead(_) | Link::Closed => None,
        }
    }

    /// The address as [`InUse`] for the server list.
    pub(super) fn in_use(self) -> InUse {
        match self {
            Link::Connecting { addr, .. }
            | Link::Securing { addr }
            | Link::Handshaking { addr }
            | Link::Authenticating { addr, .. } => InUse::Attempt(addr),
            Link::Established { addr, .. } => InUse::Session(addr),
            Link::Idle { .. } | Link::Closing { .. } | Link::Dead(_) | Link::Closed => InUse::Nothing,
        }
    }

    /// The state that the application sees.
    pub(super) fn state(self) -> State {
        match self {
            Link::Idle { is_fresh: true } => State::NotConnected,
            Link::Idle { is_fresh: false } => State::Paused,
            Link::Connecting { is_secured: false, .. } => State::Connecting,
            Link::Connecting { is_secured: true, .. } | Link::Securing { .. } => State::Securing,
            Link::Handshaking { .. } | Link::Authenticating { .. } => State::Associating,
            Link::Established { is_read_only: false, .. } | Link::Closing { is_read_only: false, .. } => {
                State::Connected
            }
            Link::Established { is_read_only: true, .. } | Link::Closing { is_read_only: true, .. } => State::ReadOnly,
            Link::Dead(Death::Expired) => State::Expired,
            Link::Dead(Death::AuthFailed) => State::AuthFailed,
            Link::Closed => State::Closed,
        }
    }
}

impl<C, W: Watcher> Session<C, W> {
    pub(super) fn start_attempt(&mut self, now: Instant) {
        let Some(addr) = self.servers.advance(now) else { return };
        // divergence: When an attempt starts is decided by the reconnect policy (docs/BACKOFF.md) alone; stock pauses
        // only after a full pass, for a sixtieth of the timeout, and any API call shortens that pause.
        let limit = now + self.plan.attempt_timeout;
        self.timers.set(Timer::Handshake, limit);
        self.timers.set(Timer::Connect, limit.min(now + self.plan.connect_timeout));
        self.link = Link::Connecting { addr, is_secured: self.config.tls };
        self.stats.attempts += 1;
        self.failure_log.attempts = self.failure_log.attempts.saturating_add(1);
        self.outputs.push_back(Output::Connect(addr));
        log::debug!(target: "zookeeper_connect", "[zk] connect() to {addr}");
    }

    pub(super) fn on_connected(&mut self, now: Instant) {
        let (Link::Connecting { addr, .. } | Link::Securing { addr }) = self.link else { return };
        self.link = Link::Handshaking { addr };
        self.timers.stop(Timer::Connect);
        self.note_received(now);
        log::info!(target: "check_events", "initiated connection to server {addr}");
        let request = ConnectRequest {
            last_zxid_seen: self.last_zxid,
            timeout: self.timeout,
            session_id: if self.seen_read_write { self.id.id } else { 0 },
            password: self.id.password,
            read_only: self.config.read_only,
        };
        limits::drain(&mut self.outgoing);
        frame(&mut self.outgoing, |out| request.write(out));
    }

    pub(super) fn on_handshake_answer(&mut self, now: Instant, addr: SocketAddr, body: &[u8]) {
        let Ok(response) = ConnectResponse::read(&mut Reader::new(body)) else {
            let error = io::Error::new(io::ErrorKind::InvalidData, "handshake answer cannot be read");
            return self.fail_attempt(now, Failure::Closed, Code::MarshallingError, &error);
        };
        let resumed = if self.seen_read_write { self.id.id } else { 0 };
        if resumed != 0 && resumed != response.session_id {
            return self.expire(now, addr);
        }
        // divergence: A first handshake answered with no session counts as a failed attempt; stock takes it for a session.
        if response.timeout <= 0 || response.session_id == 0 {
            let error = io::Error::new(io::ErrorKind::InvalidData, "the server granted no session");
            return self.fail_attempt(now, Failure::Closed, Code::ConnectionLoss, &error);
        }
        if !self.seen_read_write {
            self.backoff.session_created(response.session_id);
        }
        self.id = ClientId { id: response.session_id, password: response.password };
        self.timeout = response.timeout;
        self.backoff.set_session_timeout(timers::millis(self.timeout));
        if self.config.sasl {
            self.start_sasl(now, addr, response.read_only);
        } else {
            self.establish(now, addr, response.read_only);
        }
    }

    /// Called when the session is confirmed, and authenticated if SASL is configured.
    pub(super) fn establish(&mut self, now: Instant, addr: SocketAddr, is_read_only: bool) {
        self.plan = self.backoff.on(Event::Established, self.servers.len(), now, &mut self.rng);
        self.servers.confirm(addr);
        self.link = Link::Established { addr, is_read_only };
        // The id is stored only now: a session that is lost before its authentication is not resumed, so that it cannot
        // turn out to be expired.
        self.seen_read_write |= !is_read_only;
        self.start_session_timers(now, is_read_only);
        self.failure_log = FailureLogLimiter::default();
        self.stats.established += 1;
        self.turned_away = TurnedAway::default();
        log::info!(
            target: "finalize_session_establishment",
            "session establishment complete on server {addr}, sessionId={:#x}, negotiated timeout={} {}",
            self.id.id,
            self.timeout,
            if is_read_only { "(READ-ONLY mode)" } else { "" }
        );
        self.remember(now);
        limits::drain(&mut self.outgoing);
        self.put_credentials();
        self.put_set_watches(addr);
        self.put_queued();
        self.notify_session(self.state());
    }

    /// Whether the connection is dropped by RST: only where the server may not have read the bytes sent, TLS messages
    /// or the connect request. A confirmed session is never reset.
    pub(super) fn wants_reset(&self) -> bool {
        self.backoff.rst() && matches!(self.link, Link::Securing { .. } | Link::Handshaking { .. })
    }

    pub(super) fn on_attempt_timeout(&mut self, now: Instant) {
        let failure = match self.link {
            Link::Connecting { .. } => Failure::ConnectTimeout,
            Link::Securing { .. } | Link::Handshaking { .. } | Link::Authenticating { .. } => Failure::HandshakeTimeout,
            _ => return,
        };
        let error = io::Error::from_raw_os_error(ETIMEDOUT);
        self.fail_attempt(now, failure, Code::OperationTimeout, &error);
    }

    /// Called when an attempt ended without a session.
    pub(super) fn fail_attempt(&mut self, now: Instant, failure: Failure, code: Code, error: &io::Error) {
        let Some(addr) = self.link.address() else { return };
        let hint = self.hint(failure, error);
        self.outputs.push_back(Output::Disconnect { reset: self.wants_reset() });
        match failure {
            Failure::Refused => self.stats.refused += 1,
            Failure::Local => self.stats.local_failures += 1,
            Failure::ConnectTimeout => self.stats.connect_timeouts += 1,
            Failure::Closed => self.stats.closed_early += 1,
            Failure::HandshakeTimeout => self.stats.handshake_timeouts += 1,
            Failure::Tls => self.stats.tls_failures += 1,
        }
        self.drop_link(now, false, code);
        self.next_plan(now, Event::Failed(failure));
        self.avoid_if_asked(now, addr);
        self.log_failure(now, addr, failure, code, error, &hint);
        self.note_turned_away(now, addr, failure);
        self.fail_credentials(code);
        self.fail_pending(code);
        self.ended = Some(code);
    }
}
