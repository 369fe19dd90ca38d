//! When the I/O thread sleeps, and what it is woken for.
use super::{Completion, Handle, Inner, Stage};
use crate::sys::cancel;
use crate::sys::net::Waker;
use std::sync::atomic::Ordering;
use std::time::Instant;
use zk_core::session::Watcher;

/// The I/O thread's sleep. Protected by the handle's lock.
#[derive(Debug, Default)]
pub(super) struct Sleep {
    is_asleep: bool,
    until: Option<Instant>,
}

impl Sleep {
    pub(super) fn begin(&mut self, until: Option<Instant>) {
        *self = Sleep { is_asleep: true, until };
    }

    pub(super) fn end(&mut self) {
        self.is_asleep = false;
    }

    pub(super) fn is_asleep(&self) -> bool {
        self.is_asleep
    }

    /// When the I/O thread wakes up by itself; `None` while it is awake or sleeps without limit.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until.filter(|_| self.is_asleep)
    }
}

impl<C, W: Watcher> Inner<C, W> {
    /// Whether the I/O thread must be woken. If so, it counts as awake from now on.
    pub(super) fn take_wake(&mut self) -> bool {
        let wakes = self.sleep.is_asleep && self.has_work();
        if wakes {
            self.sleep.end();
        }
        wakes
    }

    fn has_work(&self) -> bool {
        let outgoing = self.session.has_outgoing() || self.has_unsent;
        if outgoing || !self.io_outputs.is_empty() || self.must_read || self.stage != Stage::Open {
            return true;
        }
        let deadline = [self.session.deadline(), self.trim_at].into_iter().flatten().min();
        match (deadline, self.sleep.until) {
            (Some(deadline), Some(until)) => deadline < until,
            (deadline, None) => deadline.is_some(),
            (None, Some(_)) => false,
        }
    }
}

impl<C: Completion, W: Watcher + Send + 'static> Handle<C, W> {
    #[inline(never)]
    pub(super) fn wake(&self) {
        let _cancellation = cancel::DisabledGuard::new();
        if let Some(Err(error)) = self.waker.as_ref().map(Waker::wake)
            && !self.has_failed_wake.swap(true, Ordering::Relaxed)
        {
            log::error!("cannot wake the I/O thread: {error}");
        }
    }
}
