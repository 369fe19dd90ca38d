//! The place where a sync caller waits, and the sender of its result.
use crate::sys::latch::Latch;
use std::cell::{Cell, UnsafeCell};
use std::sync::Arc;
use zk_core::code::Code;
use zk_core::frames::Frame;

/// Where a sync caller waits for its result.
#[derive(Debug)]
pub(super) struct SyncWaiter {
    /// Written by [`ResultSender`] before the latch is set, taken by the caller afterwards.
    result: UnsafeCell<Option<Result<Frame, Code>>>,
    is_filled: Latch,
}

// SAFETY: the sender has the result to itself until it sets the latch, the caller from then on. There is one of each.
unsafe impl Sync for SyncWaiter {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for SyncWaiter {}

crate::sys::sync::thread_local! {
    /// A waiter to be used again by this thread's next sync call.
    static SPARE: Cell<Option<Arc<SyncWaiter>>> = const { Cell::new(None) };
}

impl SyncWaiter {
    /// A waiter for a call by this thread, and the sender of its result.
    pub(super) fn new() -> (Arc<SyncWaiter>, ResultSender) {
        let spare = SPARE.try_with(Cell::take).ok().flatten();
        let waiter =
            spare.unwrap_or_else(|| Arc::new(SyncWaiter { result: UnsafeCell::new(None), is_filled: Latch::new() }));
        let sender = ResultSender(Some(Arc::clone(&waiter)));
        (waiter, sender)
    }

    /// Whether the result has come.
    pub(super) fn is_filled(&self) -> bool {
        self.is_filled.is_set()
    }

    /// Waits for the result. A signal handler may run meanwhile and make calls of its own.
    pub(super) fn wait(self: Arc<SyncWaiter>) -> Result<Frame, Code> {
        self.is_filled.wait();
        // SAFETY: the latch is set, so the result is this thread's.
        let result = unsafe { (*self.result.get()).take() };
        // The sender may still be about to wake this thread and to drop its reference. Neither touches the result, and the
        // next wait takes a wakeup that is not its own for nothing.
        self.is_filled.reset();
        let _ = SPARE.try_with(|spare| spare.set(Some(self)));
        result.unwrap_or(Err(Code::SystemError))
    }
}

/// Sends the result to a waiting caller. If it is dropped without a result, it sends an error of the library.
#[derive(Debug)]
pub(super) struct ResultSender(Option<Arc<SyncWaiter>>);

impl ResultSender {
    pub(super) fn finish(mut self, result: Result<Frame, Code>) {
        self.send(result);
    }

    fn send(&mut self, result: Result<Frame, Code>) {
        if let Some(waiter) = self.0.take() {
            // SAFETY: the latch is not set, so the result is this thread's.
            unsafe { *waiter.result.get() = Some(result) };
            waiter.is_filled.set();
        }
    }
}

impl Drop for ResultSender {
    fn drop(&mut self) {
        self.send(Err(Code::SystemError));
    }
}
