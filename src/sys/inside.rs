//! Whether a thread of the application is at work in the library: between the start and the end of a call, but not while it
//! waits there or runs the application's code. Owns that mark.
//!
//! A signal handler may interrupt a call anywhere, also in `malloc`, which must not be entered again. So a handler that finds
//! the mark gets an error from each function that would allocate, free or take a lock. A signal that comes while signals are
//! blocked for a lock is delivered at the end of the call, and its handler finds no mark.
use crate::sys::marks::{self, At, Marks};
use crate::sys::signals;
use std::sync::atomic::{Ordering, compiler_fence};

/// Whether this thread is at work in the library or holds one of its locks, which only a signal handler can find true.
#[inline]
pub(crate) fn is_busy() -> bool {
    marks::with(|marks| marks.at.get() != At::Application || marks.locks.get() > 0)
}

/// This thread is at work in the library while the guard lives.
pub(crate) struct InsideGuard {
    before: At,
}

impl InsideGuard {
    #[inline]
    pub(crate) fn new() -> InsideGuard {
        InsideGuard::set(At::Work)
    }

    /// For a call that makes no thread and waits only under an [`OutsideGuard`]: signals that have been blocked for a lock
    /// stay blocked until its end.
    #[inline]
    pub(crate) fn of_a_call() -> InsideGuard {
        InsideGuard::set(At::WorkOfACall)
    }

    #[inline]
    fn set(at: At) -> InsideGuard {
        let before = marks::with(|marks| marks.at.replace(at));
        compiler_fence(Ordering::SeqCst);
        InsideGuard { before }
    }
}

impl Drop for InsideGuard {
    #[inline]
    fn drop(&mut self) {
        go_to(self.before);
    }
}

/// This thread waits, or runs the application's code, while the guard lives.
pub(crate) struct OutsideGuard {
    before: At,
}

impl OutsideGuard {
    #[inline]
    pub(crate) fn new() -> OutsideGuard {
        OutsideGuard { before: leave() }
    }
}

impl Drop for OutsideGuard {
    #[inline]
    fn drop(&mut self) {
        come_back(self.before);
    }
}

/// [`OutsideGuard`] for a call of the application that may be left by an exception or by `longjmp`: what is to be given to
/// [`come_back`] if it returns.
#[inline]
pub(crate) fn leave() -> At {
    let before = marks::with(|marks| marks.at.get());
    go_to(At::Application);
    before
}

#[inline]
pub(crate) fn come_back(before: At) {
    marks::with(|marks| marks.at.set(before));
    compiler_fence(Ordering::SeqCst);
}

#[inline]
fn go_to(at: At) {
    compiler_fence(Ordering::SeqCst);
    marks::with(|Marks { at: place, blocked, .. }| {
        place.set(at);
        if at != At::WorkOfACall
            && let Some(before) = blocked.take()
        {
            signals::restore(before);
        }
    });
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
        assert!(is_busy());
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
