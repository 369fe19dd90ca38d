//! The library's data of the calling thread, in one place, because each look-up of thread-local storage costs a call.
//! Owns the place; the fields belong to the modules named at them.
use crate::sys::log_sink::Sink;
use std::cell::Cell;
use std::ptr::null;

/// See the module.
pub(crate) struct Marks {
    /// Locks that this thread holds or is about to take (`sys::lock`).
    pub(crate) locks: Cell<u32>,
    /// Where this thread is (`sys::inside`).
    pub(crate) at: Cell<At>,
    /// The signal mask to restore when the call ends or waits, if signals have been blocked in it (`sys::signals`).
    pub(crate) blocked: Cell<Option<u64>>,
    /// The sink of the innermost `with` of this thread, or null (`sys::log_sink`).
    pub(crate) sink: Cell<*const Sink>,
    /// Whether log lines of this thread are deferred (`observe::logging`).
    pub(crate) holding: Cell<Holding>,
}

/// Where a thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum At {
    /// In the application, or in a wait of the library.
    Application,
    /// In the library.
    Work,
    /// In a call of the library that leaves signals blocked until it ends or waits.
    WorkOfACall,
}

/// Whether log lines are deferred, and whether there are any.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holding {
    No,
    Nothing,
    Lines,
}

crate::sys::sync::thread_local! {
    static MARKS: Marks =
        const {
            Marks {
                locks: Cell::new(0),
                at: Cell::new(At::Application),
                blocked: Cell::new(None),
                sink: Cell::new(null()),
                holding: Cell::new(Holding::No),
            }
        };
}

/// Runs `body` with this thread's marks.
#[inline]
pub(crate) fn with<R>(body: impl FnOnce(&Marks) -> R) -> R {
    MARKS.with(body)
}
