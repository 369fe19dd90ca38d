//! The connection's life: attempts, the handshake, loss, expiry, changing servers, closing. When the next attempt may
//! start comes from the policy alone.
use super::{ClientId, Output, Session, State, Watcher, timers};
use crate::backoff::{Event, Failure};
use crate::code::Code;
use crate::jute::Reader;
use crate::proto::{ConnectRequest, ConnectResponse};
use crate::request::frame;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long a close may take to send what is left.
const CLOSE_FLUSH: Duration = Duration::from_secs(3);
/// How long it waits for the server's answer then.
const CLOSE_ANSWER: Duration = Duration::from_millis(1500);
/// An address that timed out comes last in the sweeps of so many attempts' time.
const AVOIDED: u32 = 3;
/// `errno` values of log lines for failures that no system call reported, as stock prints them.
const ETIMEDOUT: i32 = 110;
const EHOSTDOWN: i32 = 112;

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// None; the next attempt waits for the policy.
    Idle,
    /// TCP is being established.
    Connecting { connect_by: Instant, until: Instant },
    /// The server has not confirmed the session yet.
    Handshaking { until: Instant },
    /// The session is there.
    Established,
    /// The close request is sent, or being sent.
    Closing { xid: i32, until: Instant },
    /// Over: expired or refused.
    Dead,
}

/// Keeps a long outage from filling the log: the first failures are logged one by one, then one in [`Quiet::EVERY`].
#[derive(Debug, Default)]
pub(super) struct Quiet {
    failures: u32,
}

impl Quiet {
    const FIRST: u32 = 20;
    const EVERY: u32 = 10;

    /// Whether this failure is to be logged, with what is to be said of those that were not.
    fn admit(&mut self) -> Option<String> {
        self.failures = self.failures.saturating_add(1);
        if self.failures <= Quiet::FIRST {
            return Some(String::new());
        }
        let due = (self.failures - Quiet::FIRST).is_multiple_of(Quiet::EVERY);
        due.then(|| format!(" ({} similar failures not logged)", Quiet::EVERY - 1))
    }
}

/// The system's text for an error, without Rust's number behind it.
fn text_of(error: &io::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" (os error").map_or(text.clone(), |(head, _)| head.to_owned())
}

impl<C, W: Watcher> Session<C, W> {
    pub(super) fn start_attempt(&mut self, now: Instant) {
        let Some(addr) = self.servers.advance(now) else { return };
        // divergence: When an attempt starts is decided by the reconnect policy (docs/BACKOFF.md) alone; stock pauses for
        // a sixtieth of the timeout after a full pass at most, and any API call cuts that short.
        let until = now + self.plan.attempt_timeout;
        self.link = Link::Connecting { connect_by: until.min(now + self.plan.connect_timeout), until };
        self.state = State::Connecting;
        self.stats.attempts += 1;
        self.outputs.push_back(Output::Connect(addr));
        log::debug!("connecting to {addr}");
        if self.stats.attempts > 1 {
            self.resolve(now);
        }
    }

    pub(super) fn connected(&mut self, now: Instant) {
        let Link::Connecting { until, .. } = self.link else { return };
        self.link = Link::Handshaking { until };
        self.state = State::Associating;
        self.timers.last_received = now;
        if let Some(addr) = self.servers.current() {
            log::info!("initiated connection to server {addr}");
        }
        let request = ConnectRequest {
            last_zxid_seen: self.last_zxid,
            timeout: self.timeout,
            session_id: if self.seen_read_write { self.id.id } else { 0 },
            password: self.id.password,
            read_only: self.config.read_only,
        };
        self.outgoing.clear();
        frame(&mut self.outgoing, |out| request.write(out));
    }

    pub(super) fn handshake_answered(&mut self, now: Instant, body: &[u8]) {
        let Ok(response) = ConnectResponse::read(&mut Reader::new(body)) else {
            let error = io::Error::new(io::ErrorKind::InvalidData, "handshake answer cannot be read");
            return self.attempt_failed(now, Failure::Closed, Code::MarshallingError, &error);
        };
        let resumed = if self.seen_read_write { self.id.id } else { 0 };
        if resumed != 0 && resumed != response.session_id {
            return self.expired(now);
        }
        // divergence: A first handshake answered with no session counts as a failed attempt; stock takes it for a session.
        if response.timeout <= 0 || response.session_id == 0 {
            let error = io::Error::new(io::ErrorKind::InvalidData, "the server granted no session");
            return self.attempt_failed(now, Failure::Closed, Code::ConnectionLoss, &error);
        }
        self.establish(now, &response);
    }

    fn establish(&mut self, now: Instant, response: &ConnectResponse) {
        self.id = ClientId { id: response.session_id, password: response.password };
        self.seen_read_write |= !response.read_only;
        self.timeout = response.timeout;
        self.backoff.set_session_timeout(timers::millis(self.timeout));
        self.plan = self.backoff.on(Event::Established, self.servers.len(), now, &mut self.rng);
        self.servers.confirm_current();
        self.timers.established(now, response.read_only);
        if self.backoff.ping_at_once() {
            self.timers.ping_is_due(now, timers::millis(self.timeout) / 3);
        }
        self.link = Link::Established;
        self.state = if response.read_only { State::ReadOnly } else { State::Connected };
        self.quiet = Quiet::default();
        self.stats.established += 1;
        if let Some(addr) = self.servers.current() {
            log::info!(
                "session establishment complete on server {addr}, sessionId={:#x}, negotiated timeout={} {}",
                self.id.id,
                self.timeout,
                if response.read_only { "(READ-ONLY mode)" } else { "" }
            );
        }
        self.remember(now);
        self.outgoing.clear();
        self.put_auths();
        self.put_set_watches();
        self.put_queued();
        self.notify_session(self.state);
    }

    pub(super) fn disconnected(&mut self, now: Instant, error: &io::Error) {
        let eof = error.kind() == io::ErrorKind::UnexpectedEof;
        match self.link {
            Link::Idle | Link::Dead => {}
            Link::Closing { .. } => self.finish_close(),
            Link::Connecting { .. } if error.kind() == io::ErrorKind::TimedOut => {
                self.attempt_failed(now, Failure::ConnectTimeout, Code::ConnectionLoss, error);
            }
            Link::Connecting { .. } => self.attempt_failed(now, Failure::Refused, Code::ConnectionLoss, error),
            Link::Handshaking { .. } => self.attempt_failed(now, Failure::Closed, Code::ConnectionLoss, error),
            Link::Established => {
                let what = if eof { "failed while received a server response" } else { "connection failed" };
                let error = if eof { &io::Error::from_raw_os_error(EHOSTDOWN) } else { error };
                self.lost(now, Code::ConnectionLoss, false, error, what);
            }
        }
    }

    pub(super) fn attempt_timed_out(&mut self, now: Instant, due: Instant) {
        let failure = match self.link {
            Link::Connecting { .. } => Failure::ConnectTimeout,
            _ => Failure::HandshakeTimeout,
        };
        log::debug!("attempt ended {}ms after its limit", now.saturating_duration_since(due).as_millis());
        let error = io::Error::from_raw_os_error(ETIMEDOUT);
        self.attempt_failed(now, failure, Code::OperationTimeout, &error);
    }

    /// An attempt ended without a session.
    fn attempt_failed(&mut self, now: Instant, failure: Failure, code: Code, error: &io::Error) {
        let addr = self.servers.current();
        // Only a request that the server may not have read yet is worth a reset; an established session never is.
        let reset = self.backoff.rst() && matches!(self.link, Link::Handshaking { .. });
        self.outputs.push_back(Output::Disconnect { reset });
        match failure {
            Failure::Refused => self.stats.refused += 1,
            Failure::ConnectTimeout => self.stats.connect_timeouts += 1,
            Failure::Closed => self.stats.closed_early += 1,
            Failure::HandshakeTimeout => self.stats.handshake_timeouts += 1,
        }
        let timed_out = matches!(failure, Failure::ConnectTimeout | Failure::HandshakeTimeout);
        self.disconnect_state();
        self.next_plan(now, Event::Failed(failure));
        if timed_out {
            self.last_failure = Code::OperationTimeout;
            self.servers.avoid_current(now + self.plan.attempt_timeout * AVOIDED);
        }
        self.log_failure(now, addr, failure, code, error);
        self.fail_auths(code);
        self.fail_pending(code);
    }

    fn log_failure(&mut self, now: Instant, addr: Option<SocketAddr>, failure: Failure, code: Code, error: &io::Error) {
        // divergence: A failed attempt is one log line, with its kind, the policy's levels and the pause; after 20 in a row
        // one in ten is logged. Stock writes several lines an attempt.
        let Some(omitted) = self.quiet.admit() else { return };
        let (what, kind) = match failure {
            Failure::Refused => ("server refused to accept the client", "refused"),
            Failure::ConnectTimeout => ("no TCP connection in time", "connect timeout"),
            Failure::Closed => ("server closed the connection before it confirmed a session", "closed early"),
            Failure::HandshakeTimeout => ("server confirmed no session in time", "handshake timeout"),
        };
        let addr = addr.map_or(String::new(), |addr| addr.to_string());
        let level = self.backoff.level();
        let pause = self.plan.not_before.saturating_duration_since(now).as_millis();
        // Stock's words for a pass that found no server, so that what looks for them still finds them.
        let delaying = if self.servers.is_sweep_end() {
            format!("; Delaying connection after exhaustively trying all servers [{}]", self.config.hosts)
        } else {
            String::new()
        };
        log::error!(
            "Socket {addr} zk retcode={}, errno={}({}): {what}; attempt {} failed ({kind}), availability level {}, \
             congestion level {}, next attempt in {pause}ms{delaying}{omitted}",
            code.to_i32(),
            error.raw_os_error().unwrap_or(0),
            text_of(error),
            self.stats.attempts,
            level.availability,
            level.congestion,
        );
    }

    pub(super) fn lost_by_silence(&mut self, now: Instant) {
        let error = io::Error::from_raw_os_error(ETIMEDOUT);
        self.lost(now, Code::OperationTimeout, true, &error, "no answer from the server in time");
    }

    /// The server broke the protocol; nothing after it can be trusted.
    pub(super) fn misbehaved(&mut self, now: Instant, code: Code, what: &str) {
        let error = io::Error::from_raw_os_error(0);
        self.lost(now, code, false, &error, what);
    }

    pub(super) fn bad_frame(&mut self, now: Instant, len: i32) {
        let what = format!("frame of {len} bytes announced, which is not acceptable");
        match self.link {
            Link::Established => self.misbehaved(now, Code::MarshallingError, &what),
            Link::Connecting { .. } | Link::Handshaking { .. } => {
                let error = io::Error::new(io::ErrorKind::InvalidData, what);
                self.attempt_failed(now, Failure::Closed, Code::MarshallingError, &error);
            }
            Link::Closing { .. } => self.finish_close(),
            Link::Idle | Link::Dead => {}
        }
    }

    /// An established session lost its connection.
    fn lost(&mut self, now: Instant, code: Code, read_timeout: bool, error: &io::Error, what: &str) {
        let Link::Established = self.link else { return };
        let addr = self.servers.current().map_or(String::new(), |addr| addr.to_string());
        let (established, last_received) = (self.timers.established, self.timers.last_received);
        self.outputs.push_back(Output::Disconnect { reset: false });
        self.stats.lost += 1;
        self.disconnect_state();
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
    fn leave(&mut self, now: Instant, event: Event) {
        self.outputs.push_back(Output::Disconnect { reset: false });
        self.disconnect_state();
        self.next_plan(now, event);
        self.tell_loss(Code::ConnectionLoss);
    }

    fn tell_loss(&mut self, code: Code) {
        self.notify_session(State::Connecting);
        self.fail_auths(code);
        self.fail_pending(code);
    }

    fn disconnect_state(&mut self) {
        self.link = Link::Idle;
        self.state = State::Paused;
        self.last_failure = Code::ConnectionLoss;
        self.outgoing.clear();
        self.timers.disconnected();
    }

    fn next_plan(&mut self, now: Instant, event: Event) {
        self.plan = self.backoff.on(event, self.servers.len(), now, &mut self.rng);
        let pause = self.plan.not_before.saturating_duration_since(now);
        let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.stats.last_pause_ms = pause;
        self.stats.paused_ms += pause;
    }

    /// Leaves the pace to the next handle. Only where this handle stops pausing itself: a pause that it still keeps is
    /// not another handle's.
    fn remember(&mut self, now: Instant) {
        self.outputs.push_back(Output::Remember(self.backoff.memory(now)));
    }

    fn expired(&mut self, now: Instant) {
        let addr = self.servers.current().map_or(String::new(), |addr| addr.to_string());
        log::error!("session {:#x} has expired, says server {addr}", self.id.id);
        self.stats.expired += 1;
        self.next_plan(now, Event::Expired);
        self.remember(now);
        self.outputs.push_back(Output::Disconnect { reset: false });
        self.fail_auths(Code::SessionExpired);
        self.die(State::Expired, Code::SessionExpired);
    }

    /// Nothing more can succeed: tells the watchers and everyone who waits.
    pub(super) fn die(&mut self, state: State, code: Code) {
        self.disconnect_state();
        self.state = state;
        self.link = Link::Dead;
        self.notify_session(state);
        self.fail_pending(code);
    }

    pub(super) fn resolved(&mut self, now: Instant, addresses: &[SocketAddr]) {
        self.timers.resolution_done(now);
        self.replace_servers(now, addresses);
    }

    pub(super) fn resolution_failed(&mut self, now: Instant, error: &str) {
        self.timers.resolution_done(now);
        log::warn!("cannot resolve [{}]: {error}; the addresses known are kept", self.config.hosts);
    }

    pub(super) fn replace_servers(&mut self, now: Instant, addresses: &[SocketAddr]) {
        // divergence: When zoo_set_servers moves a connected client, the requests in flight get ZCONNECTIONLOSS and the
        // watchers a CONNECTING event; stock tells nobody and then fails them with ZRUNTIMEINCONSISTENCY. A changed port
        // counts as a changed server.
        let connected = self.is_established();
        let in_use = matches!(self.link, Link::Established | Link::Connecting { .. } | Link::Handshaking { .. });
        let current = if in_use { self.servers.current() } else { None };
        let change = self.servers.replace(addresses, current, connected, &mut self.rng, self.config.shuffle);
        if !change.changed {
            return;
        }
        log::info!("server list changed to {} addresses [{}]", self.servers.len(), self.config.hosts);
        let event = Event::ServersChanged { overlap: change.overlap };
        match self.link {
            Link::Established if change.reconnect => self.leave(now, event),
            Link::Connecting { .. } | Link::Handshaking { .. } if change.reconnect => {
                let reset = self.backoff.rst() && matches!(self.link, Link::Handshaking { .. });
                self.outputs.push_back(Output::Disconnect { reset });
                self.disconnect_state();
                self.state = State::NotConnected;
                self.next_plan(now, event);
            }
            Link::Idle => self.next_plan(now, event),
            _ => {}
        }
    }

    pub(super) fn probed(&mut self, now: Instant, addr: SocketAddr, read_write: bool) {
        if self.state == State::ReadOnly && self.is_established() && read_write && self.servers.prefer(addr) {
            log::info!("r/w server found at {addr}");
            self.leave(now, Event::Voluntary);
        }
    }

    pub(super) fn flushed(&mut self, now: Instant) {
        if let Link::Closing { until, .. } = &mut self.link {
            *until = (*until).min(now + CLOSE_ANSWER);
        }
    }

    pub(super) fn close(&mut self, now: Instant) {
        if self.is_closing() {
            return;
        }
        let established = self.is_established();
        let addr = self.servers.current().map_or(String::new(), |addr| addr.to_string());
        if established {
            log::info!(target: "zookeeper_close", "Closing zookeeper sessionId={:#x} to {addr}\n", self.id.id);
        }
        // divergence: Every completion that has not been called gets ZCLOSING before zookeeper_close returns; stock drops some.
        // What has been asked for is still sent, as on stock, but nobody hears the answer.
        self.fail_auths(Code::Closing);
        self.fail_pending(Code::Closing);
        self.outputs.push_back(Output::Last);
        if !matches!(self.link, Link::Dead) {
            self.remember(now);
        }
        if established {
            let xid = self.put_close();
            self.link = Link::Closing { xid, until: now + CLOSE_FLUSH };
        } else {
            self.finish_close();
        }
    }

    pub(super) fn finish_close(&mut self) {
        if !matches!(self.link, Link::Idle | Link::Dead) {
            let reset = self.backoff.rst() && matches!(self.link, Link::Handshaking { .. });
            self.outputs.push_back(Output::Disconnect { reset });
        }
        self.outgoing = Vec::new();
        self.link = Link::Dead;
        self.state = State::Closed;
        self.outputs.push_back(Output::Closed);
    }
}
