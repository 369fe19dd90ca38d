//! How one of the library's threads has ended, for a thread that waits for it. A thread that is ended by a callback
//! never returns; it ends in `ffi/callout.c`, and joining it is not possible.
use crate::sys::latch::Latch;
use std::sync::atomic::{AtomicBool, Ordering};

/// See the module.
#[derive(Debug)]
pub(crate) struct ThreadEnd {
    over: Latch,
    /// Whether a callback has ended it, so that it never returns. Written before the latch is set.
    is_lost: AtomicBool,
}

impl ThreadEnd {
    pub(crate) fn new() -> ThreadEnd {
        ThreadEnd { over: Latch::new(), is_lost: AtomicBool::new(false) }
    }

    /// Called when the thread is about to return.
    pub(crate) fn set_ended(&self) {
        self.over.set();
    }

    /// Called when the thread never returns.
    pub(crate) fn set_lost(&self) {
        self.is_lost.store(true, Ordering::Release);
        self.over.set();
    }

    /// Whether it has ended, in either way.
    pub(crate) fn is_over(&self) -> bool {
        self.over.is_set()
    }

    /// Waits for either end; `true` if the thread returns. The caller holds no lock.
    pub(crate) fn wait(&self) -> bool {
        self.over.wait();
        !self.is_lost.load(Ordering::Acquire)
    }
}

/// Reports on drop that the thread is about to return, even after a panic.
pub(crate) struct EndGuard<'a>(pub(crate) &'a ThreadEnd);

impl Drop for EndGuard<'_> {
    fn drop(&mut self) {
        self.0.set_ended();
    }
}
