//! How each event changes the policy's state, and the pause that is drawn after it.
use super::{AVAILABILITY_MAX, Backoff, CONGESTION_MAX, DECAY, Failure, Level, PATIENCE_MAX, Why, draw};
use rand::Rng;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// From this availability level on, at least half of the window is waited.
const FLAT_FROM: u32 = 3;
/// A handshake that takes longer than this part of the session timeout is a sign of a queue at the server, unless it
/// takes less than a second: a long route, TLS and a busy client cost time too.
pub(super) const SLOW: u32 = 10;
const SLOW_FLOOR: Duration = Duration::from_secs(1);

impl Backoff {
    pub(super) fn init(&mut self, now: Instant, rng: &mut impl Rng) -> Instant {
        self.last_contact = Some(now);
        // Decays by the clock, not by the uptime of sessions: short-lived handles would otherwise pass a level on for
        // ever.
        if let Some(congested) = self.congested {
            let levels = self.decay(now.saturating_duration_since(congested));
            self.congested = Some(congested + self.timeout * DECAY * levels);
        }
        if let Some(end) = self.not_before.filter(|end| *end > now) {
            self.decision.why = Why::Inherited;
            return end;
        }
        self.level.availability = 0;
        match self.level.congestion {
            0 => now,
            _ => now + draw(Duration::ZERO, self.congestion_window() / 2, rng),
        }
    }

    pub(super) fn lost(&mut self, uptime: Duration, server: Option<SocketAddr>) {
        self.decay(uptime);
        if uptime < self.timeout / 3 {
            self.briefs.cut(server);
            self.avoid = true;
        } else {
            self.briefs.clear();
            self.tracker.lost();
        }
        self.begin();
    }

    pub(super) fn failed(&mut self, failure: Failure, now: Instant, rng: &mut impl Rng) -> Duration {
        self.tried = self.tried.saturating_add(1);
        // The time that the attempt waited for an answer to its SYN counts as part of the pause.
        let waited = self.connect_timeout();
        let previous = self.last_failure.replace(failure);
        let first = self.level == Level::default();
        // If a majority does not serve, no quorum does: asking the rest is useless.
        let enough = match failure {
            Failure::Refused | Failure::Local | Failure::Closed => self.servers / 2 + 1,
            Failure::ConnectTimeout | Failure::HandshakeTimeout | Failure::Tls => self.servers,
        };
        let pass_ended = self.tried >= enough;
        let hop = self.hop();
        match failure {
            Failure::HandshakeTimeout if first && !pass_ended && self.session_saveable(now) => {
                self.wait(Why::NextServer, Duration::ZERO, hop, rng)
            }
            // A refusal just before suggests that the server is still starting. A standalone server never answers
            // connections that were made before its database was loaded, but it keeps the sessions: so one more try
            // while they live, and no sign of congestion. The rest of the session timeout bounds the window.
            Failure::HandshakeTimeout if previous == Some(Failure::Refused) && self.level.congestion == 0 => {
                let window = if self.servers > 1 { self.timeout / 20 } else { self.timeout / 4 };
                self.wait(Why::Starting, Duration::ZERO, window, rng)
            }
            Failure::HandshakeTimeout => {
                self.congest(now);
                self.patience = (self.patience * 2).min(PATIENCE_MAX);
                self.tried = 0;
                let window = self.congestion_window();
                self.wait(Why::Congestion, window / 2, window, rng)
            }
            Failure::Closed | Failure::Tls if !pass_ended && first => {
                self.wait(Why::NextServer, Duration::ZERO, hop * 2, rng)
            }
            Failure::Refused | Failure::Local if !pass_ended => self.wait(Why::NextServer, Duration::ZERO, hop, rng),
            Failure::ConnectTimeout if !pass_ended && first => self.wait(Why::NextServer, Duration::ZERO, hop, rng),
            // Never at once, or a fleet that lost its servers at one moment would stay in step.
            Failure::ConnectTimeout => {
                self.step(failure, now, rng).saturating_sub(waited).max(draw(Duration::ZERO, hop, rng))
            }
            Failure::Refused | Failure::Local | Failure::Closed | Failure::Tls => self.step(failure, now, rng),
        }
    }

    /// A pass over the list has ended without an answer: one availability level up, and a pause.
    fn step(&mut self, failure: Failure, now: Instant, rng: &mut impl Rng) -> Duration {
        // Only an operator can repair TLS: take the longest pause at once.
        let next = if failure == Failure::Tls { AVAILABILITY_MAX } else { self.level.availability + 1 };
        self.level.availability = next.min(AVAILABILITY_MAX);
        // A refusal costs the servers almost nothing, so the next step may ask a majority again. After other failures,
        // which cost more, each step asks one address from here on.
        self.tried = if matches!(failure, Failure::Refused | Failure::Local) { 0 } else { self.servers };
        let mut window = self.availability_window();
        let mut why = Why::Pass;
        let mut flat = self.level.availability >= FLAT_FROM;
        if let Some((shorter, reason)) = self.informed_window(failure, now).filter(|(shorter, _)| *shorter < window) {
            window = shorter;
            why = reason;
            // Steps are frequent now: each asks one address, and keeps a distance from the previous step.
            self.tried = self.servers;
            flat = true;
        }
        if self.congestion_window() > window {
            window = self.congestion_window();
            why = Why::Congestion;
        }
        let least = if flat { window / 2 } else { Duration::ZERO };
        self.wait(why, least, window, rng)
    }

    /// Draws a pause and records its reason.
    fn wait(&mut self, why: Why, least: Duration, most: Duration, rng: &mut impl Rng) -> Duration {
        self.decision.window = most;
        self.decision.why = why;
        draw(least, most, rng)
    }

    pub(super) fn established(&mut self, now: Instant) {
        let took = self.since_start(now);
        let slow = (self.timeout / SLOW).max(SLOW_FLOOR).min(self.timeout / 3);
        if took < slow {
            // The server's queue is short: the earlier timeouts may have come from a server that was stopped.
            self.level.congestion /= 2;
            self.patience = 1;
        }
        self.hot = took >= slow || self.level.congestion > 0;
        self.last_contact = Some(now);
        self.tracker.established();
        self.briefs.came(self.failures);
        self.begin();
    }

    /// Only a healthy quorum reports an expiry, at the pace of its answers: worth half a window.
    pub(super) fn expired(&mut self, now: Instant, rng: &mut impl Rng) -> Duration {
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

    /// A new list deserves a try at once, but an application (or a resolver) that changes the list all the time must
    /// not set its own pace with that: one pause in a session timeout is shortened, the others run on.
    pub(super) fn servers_changed(&mut self, overlap: bool, now: Instant, rng: &mut impl Rng) -> Instant {
        let soon = now + draw(Duration::ZERO, self.first_jitter(), rng);
        if self.list_changed.is_some_and(|at| now.saturating_duration_since(at) < self.timeout) {
            return self.at_least_as_late(soon);
        }
        self.list_changed = Some(now);
        self.briefs.clear();
        if !overlap {
            self.level.congestion = 0;
            self.patience = 1;
        }
        self.begin();
        if self.level.congestion > 0 { self.at_least_as_late(soon) } else { soon }
    }

    /// Forgets the search that has ended; the congestion level stays.
    pub(super) fn begin(&mut self) {
        self.level.availability = 0;
        self.tried = 0;
        self.last_failure = None;
    }

    /// Lowers the congestion level by the levels that `time` without trouble makes up for, and returns how many.
    fn decay(&mut self, time: Duration) -> u32 {
        let levels = self.decayed(time).min(self.level.congestion);
        self.level.congestion = self.level.congestion.saturating_sub(levels);
        self.patience = self.patience.checked_shr(levels).unwrap_or(0).max(1);
        levels
    }

    /// How many levels of congestion a session of this age makes up for.
    pub(super) fn decayed(&self, uptime: Duration) -> u32 {
        let levels = uptime.as_nanos().checked_div((self.timeout * DECAY).as_nanos()).unwrap_or(0);
        u32::try_from(levels).unwrap_or(u32::MAX)
    }

    fn congest(&mut self, now: Instant) {
        self.congested = Some(now);
        self.level.congestion = (self.level.congestion + 1).min(CONGESTION_MAX);
    }

    fn session_saveable(&self, now: Instant) -> bool {
        self.last_contact.is_some_and(|at| now.saturating_duration_since(at) < self.timeout)
    }

    /// How long the present attempt has taken.
    pub(super) fn since_start(&self, now: Instant) -> Duration {
        self.not_before.map_or(Duration::ZERO, |start| now.saturating_duration_since(start))
    }

    pub(super) fn draw_reconnect(&mut self, rng: &mut impl Rng) -> Duration {
        match self.level.congestion {
            0 => self.wait(Why::Reconnect, Duration::ZERO, self.first_jitter(), rng),
            _ => self.wait(Why::Congestion, Duration::ZERO, self.congestion_window().min(self.timeout), rng),
        }
    }

    /// The pause after a session that was cut young: servers that confirm sessions only to break them are asked more
    /// slowly than healthy ones.
    pub(super) fn draw_brief(&mut self, uptime: Duration, rng: &mut impl Rng) -> Duration {
        // divergence: From the ninth session in a row that is lost before its first ping was due, and if most of the
        // addresses have cut one of them or failed just before one, the reconnect pauses as after failed passes; stock
        // connects again at once.
        let window = self.brief_window(self.briefs.passes(self.servers));
        if window.is_zero() {
            return window;
        }
        // The lifetime of the session counts as part of the pause: what matters is how often the servers are asked.
        self.wait(Why::Brief, window / 2, window, rng).saturating_sub(uptime)
    }

    pub(super) fn at_least_as_late(&self, instant: Instant) -> Instant {
        self.not_before.map_or(instant, |end| end.max(instant))
    }
}
