//! All deadlines of a session, one place for each. Does not know what happens when they pass.
use std::cell::Cell;
use std::time::Instant;

/// The purpose of a deadline. Expired timers are handled in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// The next attempt starts.
    Attempt,
    /// Limit for the TCP connection.
    Connect,
    /// Limit for the confirmation of the session.
    Handshake,
    /// Limit for the answer to the close request.
    Close,
    /// When a silent connection counts as lost.
    Silence,
    /// The next ping is due.
    Ping,
    /// When the names are resolved again.
    Resolve,
    /// When the client looks for a read-write server.
    Probe,
    /// When the oldest request without a session is given up.
    GiveUp,
    /// The application's time limit for the oldest request.
    Request,
    /// When the session counts as expired without a message from any server.
    Expiry,
}

impl Timer {
    pub(super) const ALL: [Timer; 11] = [
        Timer::Attempt,
        Timer::Connect,
        Timer::Handshake,
        Timer::Close,
        Timer::Silence,
        Timer::Ping,
        Timer::Resolve,
        Timer::Probe,
        Timer::GiveUp,
        Timer::Request,
        Timer::Expiry,
    ];
}

/// The deadlines that are set.
#[derive(Debug, Default)]
pub(super) struct TimerTable {
    due: [Option<Instant>; Timer::ALL.len()],
    /// The last result of [`TimerTable::next`], if it is still valid: the function is called several times a request,
    /// and the result rarely changes.
    earliest: Cell<Option<Instant>>,
    is_known: Cell<bool>,
}

impl TimerTable {
    /// Sets or moves a deadline; `None` stops it.
    pub(super) fn set(&mut self, timer: Timer, at: impl Into<Option<Instant>>) {
        if let Some(due) = self.due.get_mut(timer as usize) {
            let before = std::mem::replace(due, at.into());
            let earliest = self.earliest.get();
            let is_overtaken = due.is_some_and(|at| earliest.is_none_or(|earliest| at < earliest));
            if is_overtaken || before.is_some() && before == earliest {
                self.is_known.set(false);
            }
        }
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.set(timer, None);
    }

    pub(super) fn stop_all(&mut self) {
        *self = TimerTable::default();
    }

    /// When this deadline is due.
    pub(super) fn get(&self, timer: Timer) -> Option<Instant> {
        self.due.get(timer as usize).copied().flatten()
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        if !self.is_known.replace(true) {
            self.earliest.set(self.due.iter().flatten().min().copied());
        }
        self.earliest.get()
    }

    /// Whether `timer` is due at `now`; if so, it is stopped.
    pub(super) fn take_expired(&mut self, timer: Timer, now: Instant) -> bool {
        let expired = self.get(timer).is_some_and(|at| at <= now);
        if expired {
            self.stop(timer);
        }
        expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_earliest_is_next_and_an_expired_one_is_taken_once() {
        let (mut table, now) = (TimerTable::default(), Instant::now());
        assert_eq!(table.next(), None);
        let ms = |millis| now + Duration::from_millis(millis);
        for (timer, at) in Timer::ALL.into_iter().zip([9, 8, 7, 6, 1, 2, 3, 4, 5, 10, 11]) {
            table.set(timer, ms(at));
        }
        assert_eq!((table.next(), table.get(Timer::Close)), (Some(ms(1)), Some(ms(6))));
        assert!(table.take_expired(Timer::Silence, ms(1)) && !table.take_expired(Timer::Silence, ms(1)));
        assert!(!table.take_expired(Timer::Ping, ms(1)));
        assert_eq!(table.next(), Some(ms(2)));
        table.set(Timer::Ping, ms(20));
        assert_eq!(table.next(), Some(ms(3)));
        table.set(Timer::Ping, ms(2));
        assert_eq!(table.next(), Some(ms(2)));
        table.stop_all();
        assert_eq!(table.next(), None);
        table.set(Timer::Close, ms(4));
        assert_eq!(table.next(), Some(ms(4)));
    }

    #[test]
    fn the_earliest_is_never_a_stale_one() {
        let (mut table, now, mut random) = (TimerTable::default(), Instant::now(), 1_u64);
        for _ in 0..10_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let [which, at, asks, ..] = (random >> 32).to_le_bytes();
            let timer = Timer::ALL[usize::from(which) % Timer::ALL.len()];
            table.set(timer, (at % 9 != 0).then(|| now + Duration::from_millis((at % 9).into())));
            if asks % 2 == 0 {
                assert_eq!(table.next(), Timer::ALL.iter().filter_map(|timer| table.get(*timer)).min());
            }
        }
    }
}
