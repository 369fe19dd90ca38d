//! The reconnect policy: when to try next, and how long one attempt may take. A pure function of its inputs and of a
//! passed-in generator; it must not know of sockets, the environment or the clock. docs/BACKOFF.md has the reasons and
//! the evidence.
mod config;
mod memory;
#[cfg(test)]
mod tests;

pub use config::{Config, Policy};
pub use memory::{History, Memory};

use crate::limits::LEAST_WAIT;
use rand::{Rng, RngExt};
use std::time::{Duration, Instant};

/// Availability levels beyond this change nothing: the window has long met its cap.
const MOST_AVAILABILITY: u32 = 16;
/// Congestion levels beyond this change nothing but the time they take to decay.
const MOST_CONGESTION: u32 = 12;
/// Factor on the attempt's time limit at most; the session timeout bounds it in any case.
const MOST_PATIENCE: u32 = 2;
/// After an unanswered SYN the next one may wait so many times longer: in 1.2 s only one retransmission fits, and a
/// server that is back but slow to accept is reached by the second or third.
const LONGER_CONNECT: u32 = 4;
/// Up to this level of congestion the window is half the session timeout, so that a session may yet be saved: a server
/// that was only stopped looks the same to its clients as one with too many of them.
const CONGESTION_FLAT: u32 = 2;
/// The congestion window ends at so many session timeouts.
const CONGESTION_CAP_TIMEOUTS: u32 = 8;
/// From this availability level on, at least half of the window is waited.
const FLAT_FROM: u32 = 3;
/// Growth of the availability window from level to level.
const GROWTH: f64 = 1.6;
/// No congestion window is longer.
const CONGESTION_CAP: Duration = Duration::from_secs(120);
/// The least default limit of the TCP phase: one SYN retransmission (at 1 s) fits.
const CONNECT_FLOOR: Duration = Duration::from_millis(1100);
/// A handshake that takes longer than this part of the session timeout tells of a queue at the server, unless it is
/// still quicker than a second: a long way, TLS and a busy client take their time too.
const SLOW: u32 = 10;
const SLOW_FLOOR: Duration = Duration::from_secs(1);
/// A level of congestion decays, and a session counts as young, in so many session timeouts.
const DECAY: u32 = 3;
/// Sessions in a row that may be lost young before that counts against the servers.
const BRIEF: u32 = 8;
/// The range in which the session timeout scales the policy.
const TIMEOUT_RANGE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What happened to the connection, in the terms the policy weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The handle starts: the first attempt of its life.
    Init,
    /// An established session lost its connection.
    Lost {
        /// Whether a missed receive deadline ended it, rather than an error or end of file.
        read_timeout: bool,
        /// When the session was (last) established.
        established: Instant,
        /// When the last byte came.
        last_received: Instant,
    },
    /// An attempt failed before the session was confirmed.
    Failed(Failure),
    /// The server confirmed the session (never on TCP connect alone).
    Established,
    /// The server said that the session is expired; the handle is finished, only the memory matters.
    Expired,
    /// The server list changed for real; `overlap` says whether old and new share a server.
    ServersChanged {
        /// Whether old and new list share a server.
        overlap: bool,
    },
    /// A reconnect the client itself chose (to a read-write server, or by `zoo_cycle_next_server`).
    Voluntary,
}

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The peer refused, or the network says that it cannot be reached.
    Refused,
    /// This host could not even try: no descriptor, port, memory or route. Says nothing about the server.
    Local,
    /// No TCP connection within [`Plan::connect_timeout`].
    ConnectTimeout,
    /// The peer accepted and then closed before it confirmed a session.
    Closed,
    /// The peer accepted, and confirmed no session within [`Plan::attempt_timeout`].
    HandshakeTimeout,
    /// TLS cannot be had with the peer until an operator changes something.
    Tls,
}

/// The next attempt: when it may start (absolute, nothing shortens it) and how long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The attempt starts at this instant and not before.
    pub not_before: Instant,
    /// Limit of the TCP phase, counted from the attempt's start.
    pub connect_timeout: Duration,
    /// Limit of the whole attempt (TCP, TLS, handshake), counted from its start.
    pub attempt_timeout: Duration,
}

/// The two levels, for log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Full passes over the list without an answer since the last session.
    pub availability: u32,
    /// Signs that the servers answer too slowly; decays with the uptime of a session.
    pub congestion: u32,
}

/// The reconnect policy of one handle.
#[derive(Clone, Debug)]
pub struct Backoff {
    config: Config,
    /// The session timeout as given, for `stock`.
    requested: Duration,
    /// The session timeout as the scale of the policy.
    timeout: Duration,
    level: Level,
    /// When the congestion level rose last, or what is left of it.
    congested: Option<Instant>,
    /// Factor on the attempt's time limit.
    patience: u32,
    /// Failures since the pass over the list began.
    tried: u32,
    /// Whether the last session was slow in coming, or came in times of congestion.
    hot: bool,
    /// The last moment at which a server certainly knew of this session.
    last_contact: Option<Instant>,
    last_failure: Option<Failure>,
    /// How long the attempt took that failed last.
    failed_in: Duration,
    /// Sessions lost one after the other, each before its first ping was due.
    brief: u32,
    /// When a change of the server list last cut a pause short.
    list_changed: Option<Instant>,
    not_before: Option<Instant>,
}

impl Backoff {
    /// The policy of a new handle that asks for `session_timeout`, with what an earlier handle left (if any).
    pub fn new(config: &Config, session_timeout: Duration, memory: Option<Memory>) -> Backoff {
        let memory = memory.filter(|_| config.memory && config.policy == Policy::Adaptive);
        Backoff {
            config: config.clone(),
            requested: session_timeout,
            timeout: scale(session_timeout),
            level: Level {
                availability: memory.map_or(0, |m| m.availability.min(MOST_AVAILABILITY)),
                congestion: memory.map_or(0, |m| m.congestion.min(MOST_CONGESTION)),
            },
            congested: memory.map(|m| m.congested),
            patience: memory.map_or(1, |m| m.patience.clamp(1, MOST_PATIENCE)),
            tried: 0,
            hot: false,
            last_contact: None,
            last_failure: None,
            failed_in: Duration::ZERO,
            brief: 0,
            list_changed: None,
            not_before: memory.and_then(|m| m.not_before),
        }
    }

    /// Takes in what happened and says when and how to try next. `servers` is the number of addresses in the list.
    /// After [`Event::Established`] and [`Event::Expired`] the plan is of no use to this handle.
    pub fn on(&mut self, event: Event, servers: usize, now: Instant, rng: &mut impl Rng) -> Plan {
        if let Event::Failed(_) = event {
            self.failed_in = self.since_start(now);
        }
        if self.config.policy == Policy::Stock {
            return self.on_as_stock(event, servers, now);
        }
        let not_before = match event {
            Event::Init => self.init(now, rng),
            Event::Lost { read_timeout, established, last_received } => {
                self.lost(read_timeout, established, last_received, now);
                now + self.draw_reconnect(rng).max(self.draw_brief(rng))
            }
            Event::Failed(failure) => now + self.failed(failure, servers, now, rng),
            Event::Established => {
                self.established(now);
                now
            }
            Event::Expired => now + self.expired(now, rng),
            Event::ServersChanged { overlap } => self.servers_changed(overlap, now, rng),
            Event::Voluntary => self.at_least_as_late(now + draw(Duration::ZERO, self.first_jitter(), rng)),
        };
        self.not_before = Some(not_before);
        self.plan_at(not_before)
    }

    /// The plan of the latest event; before the first one, an attempt at `now`.
    pub fn plan(&self, now: Instant) -> Plan {
        self.plan_at(self.not_before.unwrap_or(now))
    }

    /// Takes the timeout that the handshake negotiated (or that the application asks for) as the new scale.
    pub fn set_session_timeout(&mut self, timeout: Duration) {
        self.requested = timeout;
        self.timeout = scale(timeout);
    }

    /// The levels, for log lines and counters.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Whether a socket that is abandoned before the session is confirmed should be closed with RST. Never to be
    /// applied to an established session, whose last bytes it could discard.
    pub fn rst(&self) -> bool {
        self.config.rst && self.config.policy == Policy::Adaptive
    }

    /// How long an established session of this age waits for a byte before it is given up as lost: two thirds of the
    /// session timeout, so that the rest suffices to save the session elsewhere. While the servers are known to be
    /// congested it would not suffice, and the loss would add to the congestion: then the whole timeout.
    pub fn read_timeout(&self, uptime: Duration) -> Duration {
        // divergence: A session that was slow in coming (its handshake took a tenth of the timeout or more, or others
        // timed out before it) is given up after a whole session timeout of silence while it is young, not after two
        // thirds; and its first ping goes out at once.
        let young = uptime < self.timeout * DECAY;
        let congested = (self.hot && young) || self.level.congestion > self.decayed(uptime);
        if congested && self.config.policy == Policy::Adaptive { self.requested } else { self.requested * 2 / 3 }
    }

    /// Whether the session that was just established was slow in coming. Then the first ping should go out at once: it
    /// stands in the server's queue as long as the connect request did, and a third of the timeout may be too short.
    pub fn ping_at_once(&self) -> bool {
        self.hot && self.config.policy == Policy::Adaptive
    }

    /// How long an operation submitted during a pause waits before it fails with connection loss: about as long as
    /// the next attempt of the stock client would have taken to fail, so that a longer pause hangs nobody. Any call makes
    /// stock try at once, so that is the time of one attempt and not stock's pause.
    pub fn failure_tick(&self) -> Duration {
        match self.last_failure {
            Some(Failure::ConnectTimeout | Failure::HandshakeTimeout) => self.requested * 2 / 3,
            Some(Failure::Refused | Failure::Local | Failure::Closed | Failure::Tls) => {
                self.failed_in.min(self.requested / 60)
            }
            None => self.requested / 60,
        }
    }

    /// What to leave to the next handle for these servers: to be stored when a session is established, when it
    /// expires and when the handle is closed.
    pub fn memory(&self, now: Instant) -> Memory {
        let stock = self.config.policy == Policy::Stock;
        Memory {
            availability: self.level.availability,
            congestion: self.level.congestion,
            congested: self.congested.unwrap_or(now),
            patience: self.patience,
            not_before: self.not_before.filter(|end| *end > now && !stock),
            written: now,
        }
    }

    fn init(&mut self, now: Instant, rng: &mut impl Rng) -> Instant {
        self.last_contact = Some(now);
        // By the clock and not by the uptime of sessions, or short-lived handles would hand a level on for ever.
        if let Some(congested) = self.congested {
            let levels = self.decay(now.saturating_duration_since(congested));
            self.congested = Some(congested + self.timeout * DECAY * levels);
        }
        if let Some(end) = self.not_before.filter(|end| *end > now) {
            return end;
        }
        self.level.availability = 0;
        match self.level.congestion {
            0 => now,
            _ => now + draw(Duration::ZERO, self.congestion_window() / 2, rng),
        }
    }

    fn lost(&mut self, read_timeout: bool, established: Instant, last_received: Instant, now: Instant) {
        let uptime = now.saturating_duration_since(established);
        self.decay(uptime);
        self.brief = if uptime < self.timeout / 3 { (self.brief + 1).min(MOST_AVAILABILITY) } else { 0 };
        self.last_contact = Some(if read_timeout { last_received } else { now });
        self.begin();
    }

    fn failed(&mut self, failure: Failure, servers: usize, now: Instant, rng: &mut impl Rng) -> Duration {
        self.tried = self.tried.saturating_add(1);
        // An unanswered SYN has been waiting all along: the time it took counts as a part of the pause.
        let waited = self.connect_timeout();
        let previous = self.last_failure.replace(failure);
        let servers = u32::try_from(servers).unwrap_or(u32::MAX).max(1);
        let first = self.level == Level::default();
        // A majority that does not serve means that no quorum does: there is no use in asking the rest.
        let enough = match failure {
            Failure::Refused | Failure::Local | Failure::Closed => servers / 2 + 1,
            Failure::ConnectTimeout | Failure::HandshakeTimeout | Failure::Tls => servers,
        };
        let pass_ended = self.tried >= enough;
        let hop = self.timeout / 100;
        match failure {
            Failure::HandshakeTimeout if first && !pass_ended && self.session_saveable(now) => {
                draw(Duration::ZERO, hop, rng)
            }
            // Whoever was refused just before has met a server that was starting. A standalone server never answers what
            // connected before its database was there, but keeps the sessions: one more try while they live, and no
            // sign of congestion. Spread over a quarter of the timeout, of which two thirds are gone.
            Failure::HandshakeTimeout if previous == Some(Failure::Refused) && self.level.congestion == 0 => {
                draw(Duration::ZERO, self.timeout / 4, rng)
            }
            Failure::HandshakeTimeout => {
                self.congest(now);
                self.patience = (self.patience * 2).min(MOST_PATIENCE);
                self.tried = 0;
                let window = self.congestion_window();
                draw(window / 2, window, rng)
            }
            Failure::Closed | Failure::Tls if !pass_ended && first => draw(Duration::ZERO, hop * 2, rng),
            Failure::Refused | Failure::Local if !pass_ended => draw(Duration::ZERO, hop, rng),
            Failure::ConnectTimeout if !pass_ended && first => draw(Duration::ZERO, hop, rng),
            // Never at once, or a fleet that was lost at one moment would stay in step.
            Failure::ConnectTimeout => {
                self.step(failure, servers, rng).saturating_sub(waited).max(draw(Duration::ZERO, hop, rng))
            }
            _ => self.step(failure, servers, rng),
        }
    }

    /// A pass over the list has ended without an answer: one availability level up, and a pause.
    fn step(&mut self, failure: Failure, servers: u32, rng: &mut impl Rng) -> Duration {
        // Only an operator can mend TLS: the longest pause at once.
        let next = if failure == Failure::Tls { MOST_AVAILABILITY } else { self.level.availability + 1 };
        self.level.availability = next.min(MOST_AVAILABILITY);
        // A refusal costs nobody anything, so the next step may ask a majority again; of the dearer kinds of failure
        // there is one per step from here on.
        self.tried = if matches!(failure, Failure::Refused | Failure::Local) { 0 } else { servers };
        let window = self.availability_window().max(self.congestion_window());
        let least = if self.level.availability >= FLAT_FROM { window / 2 } else { Duration::ZERO };
        draw(least, window, rng)
    }

    fn established(&mut self, now: Instant) {
        let took = self.since_start(now);
        let slow = (self.timeout / SLOW).max(SLOW_FLOOR).min(self.timeout / 3);
        if took < slow {
            // Its queue is short: what timed out before may have been a server that was stopped.
            self.level.congestion /= 2;
            self.patience = 1;
        }
        self.hot = took >= slow || self.level.congestion > 0;
        self.last_contact = Some(now);
        self.begin();
    }

    /// An expiry is told only by a healthy quorum, at the pace of its answers: worth half a window.
    fn expired(&mut self, now: Instant, rng: &mut impl Rng) -> Duration {
        let window = if self.level.congestion > 0 {
            (self.congestion_window() / 2).min(self.timeout)
        } else if self.level.availability > 0 {
            self.availability_window() / 2
        } else {
            self.first_jitter()
        };
        self.last_contact = Some(now);
        self.begin();
        draw(Duration::ZERO, window, rng)
    }

    /// A new list deserves a try at once, but an application (or a resolver) that changes it all the time must not
    /// thereby set its own pace: one pause in a session timeout is cut short, the others run on.
    fn servers_changed(&mut self, overlap: bool, now: Instant, rng: &mut impl Rng) -> Instant {
        let soon = now + draw(Duration::ZERO, self.first_jitter(), rng);
        if self.list_changed.is_some_and(|at| now.saturating_duration_since(at) < self.timeout) {
            return self.at_least_as_late(soon);
        }
        self.list_changed = Some(now);
        if !overlap {
            self.level.congestion = 0;
            self.patience = 1;
        }
        self.begin();
        if self.level.congestion > 0 { self.at_least_as_late(soon) } else { soon }
    }

    /// Forgets the search that ended: levels of congestion stay.
    fn begin(&mut self) {
        self.level.availability = 0;
        self.tried = 0;
        self.last_failure = None;
    }

    /// Takes off the levels that `time` without trouble makes up for, and says how many.
    fn decay(&mut self, time: Duration) -> u32 {
        let levels = self.decayed(time).min(self.level.congestion);
        self.level.congestion = self.level.congestion.saturating_sub(levels);
        self.patience = self.patience.checked_shr(levels).unwrap_or(0).max(1);
        levels
    }

    /// Levels of congestion that a session of this age makes up for.
    fn decayed(&self, uptime: Duration) -> u32 {
        let levels = uptime.as_nanos().checked_div((self.timeout * DECAY).as_nanos()).unwrap_or(0);
        u32::try_from(levels).unwrap_or(u32::MAX)
    }

    fn congest(&mut self, now: Instant) {
        self.congested = Some(now);
        self.level.congestion = (self.level.congestion + 1).min(MOST_CONGESTION);
    }

    fn session_saveable(&self, now: Instant) -> bool {
        self.last_contact.is_some_and(|at| now.saturating_duration_since(at) < self.timeout)
    }

    /// How long the attempt under way has taken.
    fn since_start(&self, now: Instant) -> Duration {
        self.not_before.map_or(Duration::ZERO, |start| now.saturating_duration_since(start))
    }

    fn draw_reconnect(&self, rng: &mut impl Rng) -> Duration {
        let window = match self.level.congestion {
            0 => self.first_jitter(),
            _ => self.congestion_window().min(self.timeout),
        };
        draw(Duration::ZERO, window, rng)
    }

    /// A server that confirms sessions only to break them is not asked at the pace of a server that was healthy.
    fn draw_brief(&self, rng: &mut impl Rng) -> Duration {
        // divergence: From the ninth session in a row that is lost before its first ping was due, the reconnect pauses as
        // after failed passes; stock connects again at once.
        let window = self.window_after(self.brief.saturating_sub(BRIEF));
        if window.is_zero() { window } else { draw(window / 2, window, rng) }
    }

    fn at_least_as_late(&self, instant: Instant) -> Instant {
        self.not_before.map_or(instant, |end| end.max(instant))
    }

    fn first_jitter(&self) -> Duration {
        self.config.first_jitter.unwrap_or(self.timeout / 100)
    }

    /// The pause after `level.availability` passes, zero at level 0.
    fn availability_window(&self) -> Duration {
        self.window_after(self.level.availability)
    }

    fn window_after(&self, passes: u32) -> Duration {
        let Some(exponent) = passes.checked_sub(1) else { return Duration::ZERO };
        let cap = self.config.cap.unwrap_or(self.timeout * 2 / 5);
        let exponent = i32::try_from(exponent).unwrap_or(i32::MAX);
        let window = self.config.base.unwrap_or(self.timeout / 10).min(cap).mul_f64(GROWTH.powi(exponent)).min(cap);
        window.max(LEAST_WAIT)
    }

    /// The window over which a fleet at `level.congestion` spreads, zero at level 0.
    fn congestion_window(&self) -> Duration {
        if self.level.congestion == 0 {
            return Duration::ZERO;
        }
        let doublings = self.level.congestion.saturating_sub(CONGESTION_FLAT);
        let cap = self.config.congestion_cap.unwrap_or((self.timeout * CONGESTION_CAP_TIMEOUTS).min(CONGESTION_CAP));
        (self.timeout / 2).saturating_mul(1 << doublings.min(MOST_CONGESTION)).min(cap)
    }

    fn plan_at(&self, not_before: Instant) -> Plan {
        if self.config.policy == Policy::Stock {
            let limit = (self.requested * 2 / 3).max(LEAST_WAIT);
            return Plan { not_before, connect_timeout: limit, attempt_timeout: limit };
        }
        Plan { not_before, connect_timeout: self.connect_timeout(), attempt_timeout: self.attempt_timeout() }
    }

    fn attempt_timeout(&self) -> Duration {
        (self.timeout * 2 / 3 * self.patience).min(self.timeout)
    }

    fn connect_timeout(&self) -> Duration {
        let default = || (self.timeout * 12 / 100).max(CONNECT_FLOOR).min(self.timeout / 3);
        let first = self.config.tcp_timeout.unwrap_or_else(default);
        let limit = if self.last_failure == Some(Failure::ConnectTimeout) { first * LONGER_CONNECT } else { first };
        limit.min(self.attempt_timeout()).max(LEAST_WAIT)
    }

    // divergence: ZOO_RECONNECT_POLICY=stock keeps stock's pauses (T/60 after the last address of the list, here at least
    // 5 ms), but takes one step in the list per failure, and no API call cuts the pause short.
    fn on_as_stock(&mut self, event: Event, servers: usize, now: Instant) -> Plan {
        let mut not_before = now;
        match event {
            Event::Failed(failure) => {
                self.last_failure = Some(failure);
                self.tried = self.tried.saturating_add(1);
                if usize::try_from(self.tried).unwrap_or(usize::MAX) >= servers {
                    self.tried = 0;
                    not_before = now + (self.requested / 60).max(LEAST_WAIT);
                }
            }
            Event::Voluntary => not_before = self.at_least_as_late(now),
            _ => self.begin(),
        }
        self.not_before = Some(not_before);
        self.plan_at(not_before)
    }
}

fn scale(timeout: Duration) -> Duration {
    timeout.clamp(TIMEOUT_RANGE.0, TIMEOUT_RANGE.1)
}

fn draw(least: Duration, most: Duration, rng: &mut impl Rng) -> Duration {
    if least < most { rng.random_range(least..=most) } else { most }
}
