//! The end of a session by the application.
use super::link::Link;
use super::timer_table::Timer;
use super::{Output, Session, Watcher};
use crate::code::Code;
use std::time::{Duration, Instant};

/// How long a close may take to send the remaining bytes.
const CLOSE_FLUSH: Duration = Duration::from_secs(3);
/// How long it then waits for the server's answer.
const CLOSE_ANSWER: Duration = Duration::from_millis(1500);

impl<C, W: Watcher> Session<C, W> {
    pub(super) fn on_flushed(&mut self, now: Instant) {
        if let (Link::Closing { .. }, Some(until)) = (self.link, self.timers.get(Timer::Close)) {
            self.timers.set(Timer::Close, until.min(now + CLOSE_ANSWER));
        }
    }

    pub(super) fn on_close(&mut self, now: Instant) {
        if self.is_closing() {
            return;
        }
        if let Link::Established { addr, .. } = self.link {
            log::info!(target: "zookeeper_close", "Closing zookeeper sessionId={:#x} to {addr}\n", self.id.id);
        }
        // divergence: Every completion that has not been called gets ZCLOSING before zookeeper_close returns; stock drops some.
        // Requests are still sent, as on stock, but their answers are dropped.
        self.fail_credentials(Code::Closing);
        self.fail_pending(Code::Closing);
        self.outputs.push_back(Output::Last);
        if !matches!(self.link, Link::Dead(_)) {
            self.bequeath(now);
        }
        if let Link::Established { addr, is_read_only } = self.link {
            let xid = self.put_close();
            self.link = Link::Closing { addr, is_read_only, xid };
            self.timers.stop_all();
            self.timers.set(Timer::Close, now + CLOSE_FLUSH);
        } else {
            self.finish_close();
        }
    }

    pub(super) fn finish_close(&mut self) {
        if self.link.address().is_some() {
            self.outputs.push_back(Output::Disconnect { reset: self.wants_reset() });
        }
        self.outgoing = Vec::new();
        self.link = Link::Closed;
        self.timers.stop_all();
        self.outputs.push_back(Output::Closed);
    }
}
