//! How long the windows and the limits of an attempt are, given the policy's state. Changes nothing.
use super::{Backoff, CONGESTION_MAX, Failure, Knowledge, Plan, Policy, Why};
use crate::limits::LEAST_WAIT;
use std::time::{Duration, Instant};

/// After an unanswered SYN the next attempt may wait this many times as long: in 1.2 s only one retransmission fits,
/// and a server that is back but slow to accept is reached by the second or third one.
const LONGER_CONNECT: u32 = 4;
/// Up to this level of congestion the window is half the session timeout, so that a session may still be saved: to its
/// clients a stopped server looks like an overloaded one.
pub(super) const CONGESTION_FLAT: u32 = 2;
/// Upper limit of the congestion window, in session timeouts.
const CONGESTION_CAP_TIMEOUTS: u32 = 8;
/// Growth factor of the availability window from level to level.
const GROWTH: f64 = 1.6;
/// Upper limit of any congestion window.
pub(super) const CONGESTION_CAP: Duration = Duration::from_secs(120);
/// The lowest default of the limit of the TCP phase: one SYN retransmission (at 1 s) fits.
pub(super) const CONNECT_FLOOR: Duration = Duration::from_millis(1100);
/// Lower limit of a window that comes from the rank or from the fleet's size.
pub(super) const INFORMED_FLOOR: Duration = Duration::from_millis(250);
/// After refusals the window is at most a quarter of the outage's age, but at least this.
pub(super) const REFUSED_FLOOR: Duration = Duration::from_millis(500);
const REFUSED_AGE: u32 = 4;
/// Slope of the floor that grows with the outage's age: age x T / (this x the number of servers). Stock asks a single
/// server so rarely that its floor has to be steeper.
const AGE_SLOPE: f64 = 75.0;
const AGE_SLOPE_ALONE: f64 = 60.0;
/// Stock does not try more often with a longer list, so the floor counts at most this many servers.
const SERVERS_MAX: u32 = 3;
/// How long a parked request stays at its server, in session timeouts.
pub(super) const PARKED_TIMEOUTS: u32 = 4;

impl Backoff {
    /// The knowledge about the fleet; the operator's number has precedence.
    pub(super) fn knowledge(&self) -> Knowledge {
        match (self.config.fleet, self.standing()) {
            (Some(clients), _) => Knowledge::Fleet(clients),
            (None, Some(standing)) => Knowledge::Rank(standing),
            (None, None) => Knowledge::Unknown,
        }
    }

    /// The spread of the first attempt after a loss.
    pub(super) fn first_jitter(&self) -> Duration {
        self.config.first_jitter.unwrap_or_else(|| self.hop())
    }

    /// The spread of a step to the next address of a pass.
    pub(super) fn hop(&self) -> Duration {
        let most = self.timeout / 100;
        self.knowledge().hop().map_or(most, |hop| hop.min(most))
    }

    /// The pause after `level.availability` passes, zero at level 0.
    pub(super) fn availability_window(&self) -> Duration {
        self.window_after(self.level.availability)
    }

    fn window_after(&self, passes: u32) -> Duration {
        let Some(exponent) = passes.checked_sub(1) else { return Duration::ZERO };
        let cap = self.config.cap.unwrap_or(self.timeout * 2 / 5);
        let exponent = i32::try_from(exponent).unwrap_or(i32::MAX);
        let window = self.config.base.unwrap_or(self.timeout / 10).min(cap).mul_f64(GROWTH.powi(exponent)).min(cap);
        window.max(LEAST_WAIT)
    }

    /// The shortest window that the rank, the fleet's size or a refusal allow after this failure, and its reason.
    pub(super) fn informed_window(&self, failure: Failure, now: Instant) -> Option<(Duration, Why)> {
        let age = self.down.map_or(Duration::ZERO, |down| now.saturating_duration_since(down));
        let refused = (failure == Failure::Refused).then(|| ((age / REFUSED_AGE).max(REFUSED_FLOOR), Why::Refused));
        let answered = matches!(failure, Failure::Refused | Failure::Closed);
        let known = self.known_window().filter(|_| answered);
        let (window, why) = refused.into_iter().chain(known).min_by_key(|(window, _)| *window)?;
        Some((window.max(self.age_floor(age)), why))
    }

    fn known_window(&self) -> Option<(Duration, Why)> {
        let knowledge = self.knowledge();
        let why = if matches!(knowledge, Knowledge::Fleet(_)) { Why::Fleet } else { Why::Rank };
        knowledge.window().map(|window| (window.max(INFORMED_FLOOR), why))
    }

    /// Lower limit of the pause that keeps the attempts of a client in a long outage at a fifth of stock's, for every
    /// session timeout.
    fn age_floor(&self, age: Duration) -> Duration {
        let servers = self.servers.min(SERVERS_MAX);
        let most = self.timeout / (5 * servers);
        let slope = if servers == 1 { AGE_SLOPE_ALONE } else { AGE_SLOPE };
        age.mul_f64(self.timeout.as_secs_f64() / (slope * f64::from(servers))).min(most)
    }

    /// The pause after sessions that were cut young, which count as this many failed passes.
    pub(super) fn brief_window(&self, passes: u32) -> Duration {
        let window = self.window_after(passes);
        self.known_window().map_or(window, |(known, _)| known.min(window))
    }

    /// The window over which a fleet at `level.congestion` spreads its attempts, zero at level 0.
    pub(super) fn congestion_window(&self) -> Duration {
        if self.level.congestion == 0 {
            return Duration::ZERO;
        }
        let doublings = self.level.congestion.saturating_sub(CONGESTION_FLAT);
        let cap = self.config.congestion_cap.unwrap_or((self.timeout * CONGESTION_CAP_TIMEOUTS).min(CONGESTION_CAP));
        let window = (self.timeout / 2).saturating_mul(1 << doublings.min(CONGESTION_MAX)).min(cap);
        self.knowledge().handshake_window().map_or(window, |known| known.min(window))
    }

    pub(super) fn plan_at(&self, not_before: Instant) -> Plan {
        if self.config.policy == Policy::Stock {
            let limit = (self.requested * 2 / 3).max(LEAST_WAIT);
            return Plan { not_before, connect_timeout: limit, attempt_timeout: limit };
        }
        Plan { not_before, connect_timeout: self.connect_timeout(), attempt_timeout: self.attempt_timeout() }
    }

    /// Whether the next request stays at its server for long: a server that was stopped processes its queue in order
    /// when it continues, and a request that is given up and repeated goes to the end of the queue.
    pub(super) fn is_parked(&self) -> bool {
        self.level.congestion > 0 && self.failures >= self.servers && self.knowledge().is_foremost()
    }

    pub(super) fn attempt_timeout(&self) -> Duration {
        if self.is_parked() {
            return self.timeout * PARKED_TIMEOUTS;
        }
        let limit = (self.timeout * 2 / 3 * self.patience).min(self.timeout);
        // The previous server refused, so this one may be starting too, and patience here helps more than asking
        // elsewhere. The servers keep the session for T after they have come back, which was after the refusal: a tenth
        // of T is left for another try. Clients of a large fleet, whose pauses are long, do not deduct the pause: a try
        // that they give up costs the servers more than it saves.
        if self.last_failure != Some(Failure::Refused) || self.servers == 1 {
            return limit;
        }
        let few = matches!(self.decision.why, Why::Rank | Why::Fleet);
        limit.max((self.timeout * 9 / 10).saturating_sub(if few { self.pause } else { Duration::ZERO }))
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        let default = || (self.timeout * 12 / 100).max(CONNECT_FLOOR).min(self.timeout / 3);
        let first = self.config.tcp_timeout.unwrap_or_else(default);
        let limit = if self.last_failure == Some(Failure::ConnectTimeout) { first * LONGER_CONNECT } else { first };
        limit.min(self.attempt_timeout()).max(LEAST_WAIT)
    }
}
