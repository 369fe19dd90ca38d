//! The session's clocks: when to ping, when silence means loss, when to give up a queued request, when to resolve names
//! or look for a read-write server again.
use super::link::Link;
use super::timer_table::{Timer, TimerTable};
use super::{Output, Session, Watcher};
use crate::limits;
use rand::RngExt;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

/// First pause of the search for a read-write server.
const PROBE_FIRST: Duration = Duration::from_millis(200);
/// Longest pause of the search for a read-write server.
const PROBE_LAST: Duration = Duration::from_secs(60);
/// Shortest time between two resolutions of the names, whatever interval the application asks for.
const RESOLVE_FLOOR: Duration = Duration::from_secs(1);
/// Lateness that is logged as a warning.
const LATE: Duration = Duration::from_millis(200);

/// A duration from the C interface's milliseconds.
pub(super) fn millis(value: i32) -> Duration {
    Duration::from_millis(u64::try_from(value).unwrap_or(0))
}

/// The deadlines, and the instants they are counted from. Derefs to the table.
#[derive(Debug)]
pub(super) struct Timers {
    table: TimerTable,
    pub(super) last_received: Instant,
    /// When a server last sent something; a TCP connection alone does not count.
    pub(super) last_word: Instant,
    pub(super) established: Instant,
    last_resolved: Instant,
    is_resolving: bool,
    probe_pause: Duration,
    probes: usize,
    /// The deadline whose lateness was logged last, so that it is logged once.
    late: Option<Instant>,
    /// When the timer that is being handled was due.
    pub(super) handled: Option<Instant>,
}

impl Deref for Timers {
    type Target = TimerTable;

    fn deref(&self) -> &TimerTable {
        &self.table
    }
}

impl DerefMut for Timers {
    fn deref_mut(&mut self) -> &mut TimerTable {
        &mut self.table
    }
}

impl Timers {
    pub(super) fn new(now: Instant) -> Timers {
        Timers {
            table: TimerTable::default(),
            last_received: now,
            last_word: now,
            established: now,
            last_resolved: now,
            is_resolving: false,
            probe_pause: PROBE_FIRST,
            probes: 0,
            late: None,
            handled: None,
        }
    }

    /// Called when a lookup of names has ended.
    pub(super) fn resolution_ended(&mut self, now: Instant) {
        self.is_resolving = false;
        self.last_resolved = now;
    }

    /// Forgets a lookup of names that are no longer in use, so that the new names may be looked up.
    pub(super) fn forget_resolution(&mut self) {
        self.is_resolving = false;
    }
}

impl<C, W: Watcher> Session<C, W> {
    /// When [`super::Input::Timeout`] is due; `None` when only an event can change anything.
    pub fn deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub(super) fn on_timeout(&mut self, now: Instant) {
        for timer in Timer::ALL {
            let due = self.timers.get(timer);
            if self.timers.take_expired(timer, now) {
                self.timers.handled = due;
                self.on_timer(now, timer);
            }
        }
        self.timers.handled = None;
    }

    fn on_timer(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Attempt => self.start_attempt(now),
            Timer::Connect | Timer::Handshake => self.on_attempt_timeout(now),
            Timer::Close => self.finish_close(),
            Timer::Silence => self.on_silence(now),
            Timer::Ping => {
                self.put_ping();
                self.arm_ping(now);
            }
            Timer::Resolve => self.resolve(),
            Timer::Probe => self.probe(now),
            Timer::Request => self.on_request_timeout(now),
            Timer::Expiry => self.on_local_expiry(now),
            Timer::GiveUp => {
                // The deadline may have moved if the link has changed since the timer was set.
                if self.give_up_at().is_some_and(|at| now >= at) {
                    self.fail_queued_by(now.checked_sub(self.patience()).unwrap_or(now), self.last_failure);
                }
            }
        }
    }

    /// Starts the clocks of a session that was just confirmed.
    pub(super) fn start_session_timers(&mut self, now: Instant, read_only: bool) {
        self.timers.stop_all();
        self.timers.established = now;
        self.timers.probe_pause = PROBE_FIRST;
        self.timers.set(Timer::Probe, read_only.then(|| now + PROBE_FIRST));
        self.note_received(now);
        if self.backoff.ping_at_once() {
            self.timers.set(Timer::Ping, now);
        } else {
            self.arm_ping(now);
        }
        self.arm_resolve(now);
    }

    /// Called for each received frame: sets the time at which the connection counts as lost.
    pub(super) fn note_received(&mut self, now: Instant) {
        self.timers.last_received = now;
        if self.is_established() {
            let uptime = now.saturating_duration_since(self.timers.established);
            self.timers.set(Timer::Silence, now + self.backoff.read_timeout(uptime).max(limits::LEAST_WAIT));
        }
    }

    /// Called when something is sent at `now`: moves the next ping.
    pub(super) fn arm_ping(&mut self, now: Instant) {
        // divergence: Pings keep their schedule while a request is outstanding; stock sends none then, so one slow reply drops the connection.
        if self.is_established() {
            let at = now + self.third();
            self.timers.set(Timer::Ping, at);
        }
    }

    fn third(&self) -> Duration {
        (millis(self.timeout) / 3).max(limits::LEAST_WAIT)
    }

    /// Sets when the names are resolved again: after the application's interval while connected; without a session
    /// about once a second, independently of the attempts, because the addresses may have changed.
    pub(super) fn arm_resolve(&mut self, now: Instant) {
        // divergence: Without a session, names are resolved again once in 1 to 1.25 s; stock does it before each attempt.
        let due = if !self.servers.hosts().has_names() || self.timers.is_resolving {
            None
        } else {
            match self.link {
                Link::Established { .. } => {
                    let interval = self.config.resolution_interval;
                    interval.map(|interval| self.timers.last_resolved + interval.max(RESOLVE_FLOOR))
                }
                Link::Idle { .. }
                | Link::Connecting { .. }
                | Link::Securing { .. }
                | Link::Handshaking { .. }
                | Link::Authenticating { .. } => {
                    // A fleet that lost its sessions at one moment must not ask at one moment.
                    let jitter = self.rng.random_range(0.0..=0.25);
                    let floor = self.timers.last_resolved + RESOLVE_FLOOR;
                    Some(now.max(floor) + RESOLVE_FLOOR.mul_f64(jitter))
                }
                Link::Closing { .. } | Link::Dead(_) | Link::Closed => None,
            }
        };
        self.timers.set(Timer::Resolve, due);
    }

    fn resolve(&mut self) {
        if self.servers.hosts().has_names() && !self.timers.is_resolving {
            self.timers.is_resolving = true;
            self.stats.resolutions += 1;
            self.outputs.push_back(Output::Resolve(self.servers.lookup()));
        }
    }

    /// Sets when the oldest queued request is given up.
    pub(super) fn arm_give_up(&mut self) {
        let at = self.give_up_at();
        self.timers.set(Timer::GiveUp, at);
    }

    /// When the oldest queued request has waited as long as on stock, which fails it with the next failed attempt.
    fn give_up_at(&self) -> Option<Instant> {
        match self.link {
            Link::Idle { .. }
            | Link::Connecting { .. }
            | Link::Securing { .. }
            | Link::Handshaking { .. }
            | Link::Authenticating { .. } => Some(self.pending.front()?.submitted + self.patience()),
            Link::Established { .. } | Link::Closing { .. } | Link::Dead(_) | Link::Closed => None,
        }
    }

    fn patience(&self) -> Duration {
        // divergence: Requests queued during a pause fail with the code of the last failure after the time stock's next attempt would have taken; no attempt is made for them.
        let attempt = self.third() * 2;
        match self.link {
            Link::Idle { is_fresh: false } => self.backoff.failure_tick().min(attempt),
            _ => attempt,
        }
    }

    /// Warns when a deadline was missed by a large margin, whichever input found it.
    pub(super) fn warn_when_late(&mut self, now: Instant) {
        let Some(due) = self.timers.next().filter(|due| *due < now) else { return };
        let late = now.saturating_duration_since(due);
        let worth = LATE.min(millis(self.timeout) / 10).max(Duration::from_millis(20));
        if late > worth && self.timers.late != Some(due) {
            self.timers.late = Some(due);
            log::warn!(target: "zookeeper_interest", "Exceeded deadline by {}ms", late.as_millis());
        }
    }

    fn probe(&mut self, now: Instant) {
        let current = self.link.address();
        let others: Vec<_> = self.servers.addresses().into_iter().filter(|addr| Some(*addr) != current).collect();
        let turn = self.timers.probes.checked_rem(others.len());
        if let Some(addr) = turn.and_then(|turn| others.get(turn)) {
            self.outputs.push_back(Output::Probe(*addr));
        }
        self.timers.probes += 1;
        let jitter = self.rng.random_range(0.8..=1.2);
        let pause = self.timers.probe_pause;
        self.timers.set(Timer::Probe, now + pause.mul_f64(jitter));
        self.timers.probe_pause = (pause * 2).min(PROBE_LAST);
    }
}
