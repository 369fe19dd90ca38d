//! Whether a thread of the application is at work in the library: between the start and the end of a call, but not while it
//! waits there or runs the application's code. Owns that mark.
//!
//! A signal handler may interrupt a call anywhere, also in `malloc`, which must not be entered again. So in a handler
//! that finds the mark, a call on a handle fails if it would allocate, free or take a lock; `zookeeper_close` leaves
//! its work to the I/O thread. Under [`InsideGuard::of_a_call`], a signal that was blocked for a lock is delivered when
//! the call ends or waits, and its handler finds no mark.
use crate::sys::marks::{self, At, Marks};
use crate::sys::signals;
use std::ptr::from_ref;
use std::sync::atomic::{Ordering, compiler_fence};

/// Whether this thread is at work in the library or holds one of its locks, which only a signal handler can find true.
#[inline]
pub(crate) fn is_busy() -> bool {
    marks::with(Position::is_busy)
}

/// A place of this thread, to go back to. Keeps the address of the thread's marks, because each look-up costs a call.
/// Must stay on its thread, whose storage outlives the thread's frames.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Position {
    marks: *const Marks,
    at: At,
}

impl Position {
    fn is_busy(marks: &Marks) -> bool {
        marks.at.get() != At::Application || marks.locks.get() > 0
    }

    /// Moves this thread; returns where it was.
    #[inline]
    fn leave_for(at: At, marks: &Marks) -> Position {
        let before = Position { marks: from_ref(marks), at: marks.at.get() };
        Position { at, ..before }.go_back();
        before
    }

    /// Moves the thread back to this place.
    #[inline]
    pub(crate) fn go_back(self) {
        compiler_fence(Ordering::SeqCst);
        // SAFETY: see the type.
        let marks = unsafe { &*self.marks };
        marks.at.set(self.at);
        if self.at != At::WorkOfACall
            && let Some(mask) = marks.blocked.take()
        {
            signals::restore(mask);
        }
        compiler_fence(Ordering::SeqCst);
    }
}

/// This thread is at work in the library while the guard lives.
pub(crate) struct InsideGuard(Position);

impl InsideGuard {
    #[inline]
    pub(crate) fn new() -> InsideGuard {
        InsideGuard(marks::with(|marks| Position::leave_for(At::Work, marks)))
    }

    /// For a call that waits only under an [`OutsideGuard`], and makes only threads on which signals are blocked: signals
    /// that have been blocked for a lock stay blocked until the call ends or waits. `None` if the thread [is
    /// busy](is_busy).
    #[inline]
    pub(crate) fn of_a_call() -> Option<InsideGuard> {
        marks::with(|marks| {
            let is_free = !Position::is_busy(marks);
            is_free.then(|| InsideGuard(Position::leave_for(At::WorkOfACall, marks)))
        })
    }
}

impl Drop for InsideGuard {
    #[inline]
    fn drop(&mut self) {
        self.0.go_back();
    }
}

/// This thread waits, or runs the application's code, while the guard lives.
pub(crate) struct OutsideGuard(Position);

impl OutsideGuard {
    #[inline]
    pub(crate) fn new() -> OutsideGuard {
        OutsideGuard(leave())
    }
}

impl Drop for OutsideGuard {
    #[inline]
    fn drop(&mut self) {
        self.0.go_back();
    }
}

/// [`OutsideGuard`] for a callback, which an exception or `longjmp` may leave. If the callback returns, its caller
/// calls [`Position::go_back`].
#[inline]
pub(crate) fn leave() -> Position {
    marks::with(|marks| Position::leave_for(At::Application, marks))
}

#[cfg(all(test, not(calmkeeper_shuttle)))]
mod tests {
    use super::*;
    use crate::sys::lock::Mutex;
    use crate::sys::signals::BlockedSignals;

    #[test]
    fn a_thread_is_busy_in_a_call_but_not_while_it_waits() {
        assert!(!is_busy());
        let call = InsideGuard::new();
        assert!(is_busy());
        assert!(!std::thread::spawn(is_busy).join().unwrap());
        let callback = OutsideGuard::new();
        assert!(!is_busy());
        let nested = InsideGuard::of_a_call();
        assert!(nested.is_some() && InsideGuard::of_a_call().is_none());
        drop(nested);
        assert!(!is_busy());
        drop(callback);
        assert!(is_busy());
        drop(call);
        assert!(!is_busy());
    }

    #[test]
    fn a_lock_makes_a_thread_busy() {
        let lock = Mutex::new(());
        let held = lock.lock();
        assert!(is_busy());
        drop(held);
        assert!(!is_busy());
    }

    #[test]
    fn signals_stay_blocked_until_a_call_ends_or_waits() {
        let before = signals::current();
        let call = InsideGuard::of_a_call();
        assert!(call.is_some());
        drop(BlockedSignals::new());
        let blocked = signals::current();
        assert_ne!(blocked, before);
        let again = BlockedSignals::new();
        assert_eq!(*again.mask_before(), before, "the mask of the application, not that of the call");
        drop(again);
        let wait = OutsideGuard::new();
        assert_eq!(signals::current(), before);
        drop(wait);
        drop(BlockedSignals::new());
        assert_eq!(signals::current(), blocked);
        drop(call);
        assert_eq!(signals::current(), before);
        let other = InsideGuard::new();
        drop(BlockedSignals::new());
        assert_eq!(signals::current(), before);
        drop(other);
    }
}
