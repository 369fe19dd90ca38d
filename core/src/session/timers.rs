//! The session's clocks: when to ping, when silence means loss, when a queued request has waited long enough, when to
//! resolve names or look for a read-write server again. Knows instants, not what is done at them.
use super::link::Link;
use super::{Output, Session, State, Watcher};
use rand::RngExt;
use std::time::{Duration, Instant};

/// First pause of the search for a read-write server.
const PROBE_FIRST: Duration = Duration::from_millis(200);
/// Longest pause of that search.
const PROBE_LAST: Duration = Duration::from_secs(60);
/// Least time between two resolutions of the names, whatever the application asks for.
const RESOLVE_FLOOR: Duration = Duration::from_secs(1);
/// Lateness that is worth a warning.
const LATE: Duration = Duration::from_millis(200);

/// A duration from the C interface's milliseconds.
pub(super) fn millis(value: i32) -> Duration {
    Duration::from_millis(u64::try_from(value).unwrap_or(0))
}

#[derive(Debug)]
pub(super) struct Timers {
    pub(super) last_sent: Instant,
    pub(super) last_received: Instant,
    pub(super) established: Instant,
    last_ping: Instant,
    last_resolved: Instant,
    resolving: bool,
    probe_at: Option<Instant>,
    probe_pause: Duration,
    probes: usize,
}

impl Timers {
    pub(super) fn new(now: Instant) -> Timers {
        Timers {
            last_sent: now,
            last_received: now,
            established: now,
            last_ping: now,
            last_resolved: now,
            resolving: false,
            probe_at: None,
            probe_pause: PROBE_FIRST,
            probes: 0,
        }
    }

    pub(super) fn established(&mut self, now: Instant, read_only: bool) {
        self.last_received = now;
        self.last_sent = now;
        self.last_ping = now;
        self.established = now;
        self.probe_pause = PROBE_FIRST;
        self.probe_at = read_only.then(|| now + PROBE_FIRST);
    }

    /// Makes the ping due that otherwise waits for `interval`, unless something is sent before.
    pub(super) fn ping_is_due(&mut self, now: Instant, interval: Duration) {
        let before = now.checked_sub(interval).unwrap_or(now);
        self.last_sent = before;
        self.last_ping = before;
    }

    pub(super) fn disconnected(&mut self) {
        self.probe_at = None;
    }

    pub(super) fn resolution_done(&mut self, now: Instant) {
        self.resolving = false;
        self.last_resolved = now;
    }
}

impl<C, W: Watcher> Session<C, W> {
    /// When [`super::Input::Timeout`] is due; `None` when only an event can change anything.
    pub fn deadline(&self) -> Option<Instant> {
        let link = match self.link {
            Link::Idle if self.servers.is_empty() => None,
            Link::Idle => Some(self.plan.not_before),
            Link::Connecting { connect_by, .. } => Some(connect_by),
            Link::Handshaking { until } | Link::Closing { until, .. } => Some(until),
            Link::Established => {
                let timers = [Some(self.ping_at()), Some(self.silent_at()), self.timers.probe_at, self.resolve_at()];
                timers.into_iter().flatten().min()
            }
            Link::Dead => return None,
        };
        [link, self.give_up_at()].into_iter().flatten().min()
    }

    fn third(&self) -> Duration {
        millis(self.timeout) / 3
    }

    fn ping_at(&self) -> Instant {
        // divergence: Pings keep their schedule while a request is outstanding; stock sends none then, so one slow reply drops the connection.
        self.timers.last_sent.max(self.timers.last_ping) + self.third()
    }

    fn silent_at(&self) -> Instant {
        let uptime = self.timers.last_received.saturating_duration_since(self.timers.established);
        self.timers.last_received + self.backoff.read_timeout(uptime)
    }

    /// When the names are due while connected.
    fn resolve_at(&self) -> Option<Instant> {
        if !self.config.has_names || self.timers.resolving {
            return None;
        }
        let interval = self.config.resolution_interval?;
        Some(self.timers.last_resolved + interval.max(RESOLVE_FLOOR))
    }

    /// When the oldest queued request has waited as long as it would have with stock, which fails it with the next
    /// failed attempt, one sixtieth of the timeout later.
    fn give_up_at(&self) -> Option<Instant> {
        if matches!(self.link, Link::Established | Link::Closing { .. } | Link::Dead) {
            return None;
        }
        Some(self.pending.front()?.submitted + self.patience())
    }

    fn patience(&self) -> Duration {
        // divergence: Requests queued during a pause fail with the code of the last failure after the time stock's next attempt would have taken; no attempt is made for them.
        let attempt = self.third() * 2;
        match self.state {
            State::Paused => self.backoff.failure_tick().min(attempt),
            _ => attempt,
        }
    }

    pub(super) fn time_passed(&mut self, now: Instant) {
        if let Some(due) = self.deadline() {
            self.warn_when_late(now, due);
        }
        match self.link {
            Link::Idle if !self.servers.is_empty() && now >= self.plan.not_before => self.start_attempt(now),
            Link::Connecting { connect_by, .. } if now >= connect_by => self.attempt_timed_out(now, connect_by),
            Link::Handshaking { until } if now >= until => self.attempt_timed_out(now, until),
            Link::Established => self.time_passed_established(now),
            Link::Closing { until, .. } if now >= until => self.finish_close(),
            _ => {}
        }
        if self.give_up_at().is_some_and(|at| now >= at) {
            self.fail_queued_by(now.checked_sub(self.patience()).unwrap_or(now), self.last_failure);
        }
    }

    fn time_passed_established(&mut self, now: Instant) {
        if now >= self.silent_at() {
            self.lost_by_silence(now);
            return;
        }
        if now >= self.ping_at() {
            self.timers.last_ping = now;
            self.put_ping();
        }
        if self.resolve_at().is_some_and(|at| now >= at) {
            self.resolve(now);
        }
        if self.timers.probe_at.is_some_and(|at| now >= at) {
            self.probe(now);
        }
    }

    fn warn_when_late(&self, now: Instant, due: Instant) {
        let late = now.saturating_duration_since(due);
        if late > LATE.min(millis(self.timeout) / 10).max(Duration::from_millis(20)) {
            log::warn!("Exceeded deadline by {}ms", late.as_millis());
        }
    }

    /// Asks for the names, unless that is under way or was done just now.
    pub(super) fn resolve(&mut self, now: Instant) {
        let due = self.stats.resolutions == 0 || now >= self.timers.last_resolved + RESOLVE_FLOOR;
        if self.config.has_names && !self.timers.resolving && due {
            self.timers.resolving = true;
            self.stats.resolutions += 1;
            self.outputs.push_back(Output::Resolve);
        }
    }

    fn probe(&mut self, now: Instant) {
        let current = self.servers.current();
        let others: Vec<_> = self.servers.addresses().into_iter().filter(|addr| Some(*addr) != current).collect();
        let turn = self.timers.probes.checked_rem(others.len());
        if let Some(addr) = turn.and_then(|turn| others.get(turn)) {
            self.outputs.push_back(Output::Probe(*addr));
        }
        self.timers.probes += 1;
        let jitter = self.rng.random_range(0.8..=1.2);
        self.timers.probe_at = Some(now + self.timers.probe_pause.mul_f64(jitter));
        self.timers.probe_pause = (self.timers.probe_pause * 2).min(PROBE_LAST);
    }
}
