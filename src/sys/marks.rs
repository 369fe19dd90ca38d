//! The library's data of the calling thread, in one place, because each look-up of thread-local storage costs a call.
//! Owns the place; the fields belong to the modules named at them.
use crate::sys::log_sink::Sink;
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::{null, null_mut};

/// See the module.
pub(crate) struct Marks {
    /// Locks that this thread holds or is about to take (`sys::lock`).
    pub(crate) locks: Cell<u32>,
    /// Where this thread is (`sys::inside`).
    pub(crate) at: Cell<At>,
    /// The application's signal mask, if the library has blocked signals on this thread (`sys::signals`).
    pub(crate) blocked: Cell<Option<u64>>,
    /// Whether they must stay blocked: not only because the call unblocks them at its end.
    pub(crate) must_block: Cell<bool>,
    /// The shield of the call in which this thread is at work, or null (`sys::shield`).
    pub(crate) shield: Cell<*mut c_void>,
    /// The shield of the call that this thread has left for a wait or a callback, or null.
    pub(crate) left: Cell<*mut c_void>,
    /// The sink of the innermost `with` of this thread, or null (`sys::log_sink`).
    pub(crate) sink: Cell<*const Sink>,
    /// Whether log lines of this thread are deferred (`observe::logging`).
    pub(crate) holding: Cell<Holding>,
}

/// The marks at the entry of a call.
#[cfg(not(calmkeeper_shuttle))]
#[derive(Clone, Copy)]
pub(crate) struct Saved {
    at: At,
    locks: u32,
    left: *mut c_void,
    sink: *const Sink,
    holding: Holding,
}

#[cfg(not(calmkeeper_shuttle))]
impl Marks {
    #[inline]
    pub(crate) fn save(&self) -> Saved {
        Saved {
            at: self.at.get(),
            locks: self.locks.get(),
            left: self.left.get(),
            sink: self.sink.get(),
            holding: self.holding.get(),
        }
    }

    /// For a thread that has left a call for good. (It was outside, where no signals are blocked.)
    pub(crate) fn restore(&self, before: Saved) {
        self.at.set(before.at);
        self.locks.set(before.locks);
        self.left.set(before.left);
        self.sink.set(before.sink);
        self.holding.set(before.holding);
    }
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
                must_block: Cell::new(false),
                shield: Cell::new(null_mut()),
                left: Cell::new(null_mut()),
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
