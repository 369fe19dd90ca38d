//! Whether a thread of the application is at work in the library: between the start and the end of a call, but not while it
//! waits there or runs the application's code. Owns that mark.
//!
//! A signal handler may interrupt a call anywhere, also in `malloc`, which must not be entered again. So in a handler
//! that finds the mark, a call on a handle fails if it would allocate, free or take a lock; `zookeeper_close` leaves
//! its work to the I/O thread. Under [`InsideGuard::of_a_call`], a signal that was blocked for a lock is delivered when
//! the call ends or waits, and its handler finds no mark.
use crate::sys::marks::{self, At, Marks};
use crate::sys::signals::{self, BlockedSignals};
use std::ffi::c_void;
use std::ptr::{from_ref, null_mut};
use std::sync::atomic::{Ordering, compiler_fence};

/// Whether this thread is at work in the library or holds one of its locks, which only a signal handler can find true.
#[inline]
pub(crate) fn is_busy() -> bool {
    marks::with(is_at_work)
}

fn is_at_work(marks: &Marks) -> bool {
    marks.at.get() != At::Application || marks.locks.get() > 0
}

/// Moves this thread.
#[inline]
fn go_to(at: At, marks: &Marks) {
    compiler_fence(Ordering::SeqCst);
    marks.at.set(at);
    compiler_fence(Ordering::SeqCst);
}

/// This thread is at work in the library while the guard lives. Keeps the address of the thread's marks, because each
/// look-up costs a call. Must stay on its thread, whose storage outlives the thread's frames.
pub(crate) struct InsideGuard {
    marks: *const Marks,
    before: At,
}

impl InsideGuard {
    #[inline]
    pub(crate) fn new() -> InsideGuard {
        marks::with(|marks| InsideGuard::begin(At::Work, marks))
    }

    /// For a call that waits only under an [`OutsideGuard`], and makes only threads on which signals are blocked: signals
    /// that have been blocked for a lock stay blocked until the call ends or waits. `None` if the thread [is
    /// busy](is_busy).
    #[inline]
    pub(crate) fn of_a_call() -> Option<InsideGuard> {
        marks::with(|marks| {
            let is_free = !is_at_work(marks);
            is_free.then(|| InsideGuard::begin(At::WorkOfACall, marks))
        })
    }

    #[inline]
    fn begin(at: At, marks: &Marks) -> InsideGuard {
        let before = marks.at.get();
        go_to(at, marks);
        InsideGuard { marks: from_ref(marks), before }
    }
}

impl Drop for InsideGuard {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: see the type.
        let marks = unsafe { &*self.marks };
        go_to(self.before, marks);
        if self.before != At::WorkOfACall
            && !marks.must_block.get()
            && let Some(mask) = marks.blocked.take()
        {
            signals::restore(mask);
        }
    }
}

/// What this thread had in the library that it has left for a wait or a callback, to go back to. Outside, its marks are
/// those of a thread of the application: if it never comes back, nothing is left of the call that was interrupted.
/// Must stay on its thread, as [`InsideGuard`].
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Position {
    marks: *const Marks,
    /// The shield of the call that is left; null on a thread of the library.
    left: *mut c_void,
    /// The shield that an outer call has left.
    outer: *mut c_void,
    /// The application's signal mask, if signals were blocked.
    mask: u64,
    at: At,
    signals: Signals,
}

/// Whether signals were blocked on a thread that left.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Signals {
    /// They were not, or need not be any more.
    Free,
    /// They must be blocked when the thread goes back.
    Unblocked,
    /// They still are: the kernel unblocks them during the wait.
    Blocked,
}

impl Position {
    #[inline]
    fn leave(marks: &Marks, is_unblocking: bool) -> Position {
        let left = marks.shield.replace(null_mut());
        let outer = marks.left.replace(left);
        let (mask, must_block) = (marks.blocked.take(), marks.must_block.take());
        let signals = match mask {
            Some(_) if !is_unblocking => Signals::Blocked,
            Some(_) if must_block => Signals::Unblocked,
            _ => Signals::Free,
        };
        let at = marks.at.get();
        go_to(At::Application, marks);
        if let Some(mask) = mask.filter(|_| is_unblocking) {
            signals::restore(mask);
        }
        Position { marks: from_ref(marks), left, outer, mask: mask.unwrap_or_default(), at, signals }
    }

    /// The shield of the call that is left; null on a thread of the library.
    pub(crate) fn left(&self) -> *const c_void {
        self.left
    }

    /// Moves the thread back to this place.
    #[inline]
    pub(crate) fn go_back(self) {
        // SAFETY: see the type.
        let marks = unsafe { &*self.marks };
        go_to(self.at, marks);
        marks.left.set(self.outer);
        marks.shield.set(self.left);
        let mask = match self.signals {
            Signals::Free => return,
            Signals::Blocked => self.mask,
            Signals::Unblocked => signals::block(),
        };
        marks.blocked.set(Some(mask));
        marks.must_block.set(true);
    }
}

/// This thread waits, or runs the application's code, while the guard lives.
pub(crate) struct OutsideGuard(Position);

impl OutsideGuard {
    #[inline]
    pub(crate) fn new() -> OutsideGuard {
        OutsideGuard(leave())
    }

    /// For a wait in which the kernel restores the signal mask from before `_`.
    #[inline]
    pub(crate) fn for_a_wait(_: &BlockedSignals) -> OutsideGuard {
        OutsideGuard(marks::with(|marks| Position::leave(marks, false)))
    }

    /// The shield of the call that is left; null on a thread of the library.
    #[inline]
    pub(crate) fn left(&self) -> *const c_void {
        self.0.left()
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
    marks::with(|marks| Position::leave(marks, true))
}

#[cfg(all(test, not(calmkeeper_shuttle)))]
mod tests {
    use super::*;
    use crate::sys::lock::Mutex;

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

    #[test]
    fn the_applications_code_never_runs_with_signals_blocked() {
        let before = signals::current();
        let blocked = BlockedSignals::new();
        let inside = signals::current();
        assert_ne!(inside, before);
        let callback = OutsideGuard::new();
        assert_eq!(signals::current(), before);
        // The callback calls the library.
        drop(BlockedSignals::new());
        assert_eq!(signals::current(), before);
        drop(callback);
        assert_eq!(signals::current(), inside);
        let wait = OutsideGuard::for_a_wait(&blocked);
        assert_eq!(signals::current(), inside, "the kernel restores the mask");
        drop(wait);
        drop(blocked);
        assert_eq!(signals::current(), before);
    }

    #[test]
    fn nothing_is_left_of_a_call_to_which_the_thread_does_not_go_back() {
        let before = signals::current();
        let call = InsideGuard::of_a_call().unwrap();
        let blocked = BlockedSignals::new();
        let _gone = leave();
        std::mem::forget((call, blocked));
        assert!(!is_busy());
        drop(BlockedSignals::new());
        assert_eq!(signals::current(), before);
        assert!(InsideGuard::of_a_call().is_some());
    }
}
