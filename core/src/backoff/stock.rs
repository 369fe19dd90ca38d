//! The pauses of Apache's library, for `ZOO_RECONNECT_POLICY=stock`.
use super::{Backoff, Event, Plan};
use crate::limits::LEAST_WAIT;
use std::time::Instant;

impl Backoff {
    // divergence: ZOO_RECONNECT_POLICY=stock keeps stock's pauses (T/60 after the last address of the list, here at least
    // 5 ms), but takes one step in the list per failure, and no API call cuts the pause short.
    pub(super) fn on_as_stock(&mut self, event: Event, servers: usize, now: Instant) -> Plan {
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
