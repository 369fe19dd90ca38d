//! The reconnect policy: when to try next, and how long one attempt may take. A pure function of its inputs and of a
//! passed-in generator; it must not know of sockets, the environment or the clock. docs/BACKOFF.md has the reasons and
//! the evidence.
mod brief;
mod config;
mod decision;
mod event;
mod memory;
mod rank;
mod stock;
#[cfg(test)]
mod tests;
mod transitions;
mod windows;

pub use config::{Config, Policy};
pub use decision::{Decision, Why};
pub use event::{Event, Failure};
pub use memory::{History, Memory};
pub use rank::Standing;

use brief::Briefs;
use rand::{Rng, RngExt};
use rank::{Knowledge, Tracker};
use std::time::{Duration, Instant};

/// Availability levels beyond this change nothing: the window has long reached its cap.
const AVAILABILITY_MAX: u32 = 16;
/// Congestion levels beyond this change only the time that they take to decay.
const CONGESTION_MAX: u32 = 12;
/// Largest factor on the attempt's time limit; the session timeout bounds it in any case.
const PATIENCE_MAX: u32 = 2;
/// In session timeouts: the time in which one level of congestion decays, and for which a session counts as young.
const DECAY: u32 = 3;
/// An address that timed out is tried last for this many attempt time limits.
const AVOIDED: u32 = 3;
/// The range in which the session timeout scales the policy.
const TIMEOUT_RANGE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The next attempt: when it may start (an instant that nothing moves forward) and how long it may take.
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
    /// The session timeout that the application asked for, used by the policy `stock`.
    requested: Duration,
    /// The session timeout as the scale of the policy.
    timeout: Duration,
    level: Level,
    /// When the congestion level last rose, or last decayed by whole levels.
    congested: Option<Instant>,
    /// Factor on the attempt's time limit.
    patience: u32,
    /// Failures since the pass over the list began.
    tried: u32,
    /// Whether the last session was slow in coming, or came while the servers were congested.
    hot: bool,
    /// The last moment at which a server certainly knew of this session.
    last_contact: Option<Instant>,
    last_failure: Option<Failure>,
    /// The duration of the attempt that failed last.
    failed_in: Duration,
    /// Consecutive sessions that were each lost before their first ping was due.
    briefs: Briefs,
    /// The session's rank and its later history.
    tracker: Tracker,
    /// When the client began to be without a session; `None` while it has one.
    down: Option<Instant>,
    /// The number of attempts that have failed since `down`.
    failures: u32,
    /// The number of addresses, as of the latest event.
    servers: u32,
    /// Whether the address that the latest event is about should be tried after the others.
    avoid: bool,
    decision: Decision,
    /// The pause from the latest event to the attempt.
    pause: Duration,
    /// When a change of the server list last shortened a pause.
    list_changed: Option<Instant>,
    not_before: Option<Instant>,
}

impl Backoff {
    /// The policy of a new handle that asks for `session_timeout`, with the memory of an earlier handle (if any).
    pub fn new(config: &Config, session_timeout: Duration, memory: Option<Memory>) -> Backoff {
        let memory = memory.filter(|_| config.memory && config.policy == Policy::Adaptive);
        Backoff {
            config: config.clone(),
            requested: session_timeout,
            timeout: scale(session_timeout),
            level: Level {
                availability: memory.map_or(0, |m| m.availability.min(AVAILABILITY_MAX)),
                congestion: memory.map_or(0, |m| m.congestion.min(CONGESTION_MAX)),
            },
            congested: memory.map(|m| m.congested),
            patience: memory.map_or(1, |m| m.patience.clamp(1, PATIENCE_MAX)),
            tried: 0,
            hot: false,
            last_contact: None,
            last_failure: None,
            failed_in: Duration::ZERO,
            briefs: Briefs::default(),
            tracker: Tracker::new(memory.and_then(|m| m.standing)),
            down: memory.and_then(|m| m.down),
            failures: 0,
            servers: 1,
            avoid: false,
            decision: Decision::default(),
            pause: Duration::ZERO,
            list_changed: None,
            not_before: memory.and_then(|m| m.not_before),
        }
    }

    /// Processes an event and plans the next attempt. `servers` is the number of addresses in the list. After
    /// [`Event::Established`] and [`Event::Expired`] this handle does not use the plan.
    pub fn on(&mut self, event: Event, servers: usize, now: Instant, rng: &mut impl Rng) -> Plan {
        self.servers = u32::try_from(servers).unwrap_or(u32::MAX).max(1);
        if let Event::Failed(_) = event {
            self.failed_in = self.since_start(now);
        }
        self.avoid = matches!(
            event,
            Event::Failed(Failure::ConnectTimeout | Failure::HandshakeTimeout) | Event::Lost { read_timeout: true, .. }
        );
        self.decision = Decision::default();
        if self.config.policy == Policy::Stock {
            return self.on_as_stock(event, servers, now);
        }
        self.count(event, now);
        let not_before = match event {
            Event::Init => self.init(now, rng),
            Event::Lost { read_timeout, established, last_received, server } => {
                let uptime = now.saturating_duration_since(established);
                self.lost(uptime, server);
                self.last_contact = Some(if read_timeout { last_received } else { now });
                now + self.draw_reconnect(rng).max(self.draw_brief(uptime, rng))
            }
            Event::Failed(failure) => now + self.failed(failure, now, rng),
            Event::Established => {
                self.established(now);
                now
            }
            Event::Expired => now + self.expired(now, rng),
            Event::ServersChanged { overlap } => self.servers_changed(overlap, now, rng),
            Event::Voluntary => self.at_least_as_late(now + draw(Duration::ZERO, self.first_jitter(), rng)),
        };
        self.not_before = Some(not_before);
        self.pause = not_before.saturating_duration_since(now);
        let plan = self.plan_at(not_before);
        self.decision.parked = self.is_parked();
        self.decision.standing = self.standing();
        plan
    }

    /// Updates `down` and `failures`.
    fn count(&mut self, event: Event, now: Instant) {
        match event {
            Event::Failed(_) => self.failures = self.failures.saturating_add(1),
            Event::Established => self.down = None,
            Event::Init | Event::Lost { .. } | Event::ServersChanged { .. } | Event::Voluntary => {
                if self.down.is_none() {
                    self.down = Some(now);
                    self.failures = 0;
                }
            }
            Event::Expired => {}
        }
    }

    /// A session was created (not resumed) by this handle and has this id. To be called before [`Event::Established`].
    pub fn session_created(&mut self, id: i64) {
        self.tracker.created(Standing::of_session(id));
    }

    /// A reply on the established connection carried this transaction id, whose upper half is the epoch of the servers.
    pub fn saw_zxid(&mut self, zxid: i64) {
        if let Ok(epoch) = u32::try_from(zxid >> 32)
            && zxid > 0
        {
            self.tracker.saw_epoch(epoch);
        }
    }

    /// Gives the session a standing, for a simulation that starts with older sessions.
    pub fn set_standing(&mut self, standing: Option<Standing>) {
        self.tracker.created(standing);
    }

    /// The standing of the session; `None` while it is unknown or ranks are turned off.
    pub fn standing(&self) -> Option<Standing> {
        self.tracker.standing().filter(|_| self.config.rank && self.config.policy == Policy::Adaptive)
    }

    /// The reasons of the latest plan, for log lines.
    pub fn decision(&self) -> Decision {
        self.decision
    }

    /// How long the address of the latest event should be tried after all others, if at all.
    pub fn avoid_for(&self) -> Option<Duration> {
        self.avoid.then(|| self.attempt_timeout().min(self.timeout) * AVOIDED)
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

    /// Whether a socket that is abandoned before the session is confirmed should be closed with RST. Must not be
    /// applied to an established session, because RST could discard its last bytes.
    pub fn rst(&self) -> bool {
        self.config.rst && self.config.policy == Policy::Adaptive
    }

    /// How long an established session of this age waits for a byte before it counts as lost: two thirds of the session
    /// timeout, so that the rest suffices to save the session elsewhere. The whole timeout while the servers are known
    /// to be congested, because the rest would not suffice and the loss would add to the congestion.
    pub fn read_timeout(&self, uptime: Duration) -> Duration {
        // divergence: A session that was slow in coming (its handshake took a tenth of the timeout or more, or others
        // timed out before it) is given up after a whole session timeout of silence while it is young, not after two
        // thirds; its first ping is sent at once.
        let young = uptime < self.timeout * DECAY;
        let congested = (self.hot && young) || self.level.congestion > self.decayed(uptime);
        if congested && self.config.policy == Policy::Adaptive { self.requested } else { self.requested * 2 / 3 }
    }

    /// Whether the session that was just established was slow in coming. If so, the first ping should be sent at once:
    /// it waits in the server's queue as long as the connect request did, for which a third of the timeout may be too
    /// short.
    pub fn ping_at_once(&self) -> bool {
        self.hot && self.config.policy == Policy::Adaptive
    }

    /// How long an operation submitted during a pause waits before it fails with the last failure's code: about as long
    /// as the next attempt of the stock client would have taken to fail, so that a longer pause does not delay the
    /// caller. This is the time of one attempt without stock's pause, because any call makes stock try at once.
    pub fn failure_tick(&self) -> Duration {
        match self.last_failure {
            Some(Failure::ConnectTimeout | Failure::HandshakeTimeout) => self.requested * 2 / 3,
            Some(Failure::Refused | Failure::Local | Failure::Closed | Failure::Tls) => {
                self.failed_in.min(self.requested / 60)
            }
            None => self.requested / 60,
        }
    }

    /// The memory for the next handle with these servers when the session is over (expired or closed): the pace and the
    /// rank. A rank that this handle inherited and did not use is included.
    pub fn legacy(&self, now: Instant) -> Memory {
        Memory { standing: self.standing().filter(|_| self.config.memory), ..self.memory(now) }
    }

    /// The memory for other handles with these servers while this session lives: only the pace.
    pub fn memory(&self, now: Instant) -> Memory {
        let stock = self.config.policy == Policy::Stock;
        let not_before = self.not_before.filter(|end| *end > now && !stock);
        Memory {
            availability: self.level.availability,
            congestion: self.level.congestion,
            congested: self.congested.unwrap_or(now),
            patience: self.patience,
            not_before,
            down: not_before.and(self.down),
            standing: None,
            written: now,
        }
    }
}

fn scale(timeout: Duration) -> Duration {
    timeout.clamp(TIMEOUT_RANGE.0, TIMEOUT_RANGE.1)
}

fn draw(least: Duration, most: Duration, rng: &mut impl Rng) -> Duration {
    if least < most { rng.random_range(least..=most) } else { most }
}
