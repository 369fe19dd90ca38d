//! What the library keeps of the calling thread, in one place, because each look-up of a thread's storage costs a call. Owns
//! the place; what stands in it belongs to the modules named there.
use crate::sys::log_sink::Sink;
use std::cell::Cell;
use std::ptr::null;

/// See the module.
pub(crate) struct Marks {
    /// Locks that this thread holds or is about to take (`sys::lock`).
    pub(crate) locks: Cell<u32>,
    /// The sink of the innermost `with` of this thread, or null (`sys::log_sink`).
    pub(crate) sink: Cell<*const Sink>,
    /// Whether log lines of this thread wait for something to end (`observe::logging`).
    pub(crate) holding: Cell<Holding>,
}

/// Whether lines wait, and whether there are any.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holding {
    No,
    Nothing,
    Lines,
}

crate::sys::sync::thread_local! {
    static MARKS: Marks =
        const { Marks { locks: Cell::new(0), sink: Cell::new(null()), holding: Cell::new(Holding::No) } };
}

/// Runs `body` with this thread's.
#[inline]
pub(crate) fn with<R>(body: impl FnOnce(&Marks) -> R) -> R {
    MARKS.with(body)
}
