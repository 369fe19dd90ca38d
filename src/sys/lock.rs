//! The library's locks: those of `sync`, with a mark on the thread that holds one. Owns the mark; does not know what is
//! locked. There is no condition variable: a thread waits at a `sys::latch`, and holds no lock then. A panic under a lock
//! does not poison it: every critical section leaves its data usable.
//!
//! A signal handler may call the library while its thread is inside it. If that thread holds a lock, taking another one
//! could wait for ever. So each entry asks `sys::inside`, and returns without taking a lock if one is held.
use crate::sys::signals::BlockedSignals;
use crate::sys::{marks, sync};
use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::ptr::from_ref;
use std::sync::atomic::{Ordering, compiler_fence};
use std::sync::{PoisonError, TryLockError};
use std::time::Duration;

/// Whether this thread holds a lock of the library, which only a signal handler can find true. `inside::is_busy` is
/// also true in a call that holds none.
pub(crate) fn is_held() -> bool {
    marks::with(|marks| marks.locks.get() > 0)
}

/// Marks this thread while the guard lives. Set before the lock is taken and cleared after it is released, so that a
/// signal handler never finds a lock held without a mark.
struct HeldGuard(*const Cell<u32>);

impl HeldGuard {
    #[inline]
    fn new() -> HeldGuard {
        // The address is kept, as each look-up costs a call.
        let held = marks::with(|marks| {
            marks.locks.set(marks.locks.get() + 1);
            from_ref(&marks.locks)
        });
        compiler_fence(Ordering::SeqCst);
        HeldGuard(held)
    }
}

impl Drop for HeldGuard {
    #[inline]
    fn drop(&mut self) {
        compiler_fence(Ordering::SeqCst);
        // SAFETY: a guard stays on its thread, whose storage outlives the thread's frames.
        let held = unsafe { &*self.0 };
        held.set(held.get() - 1);
    }
}

/// A lock.
#[derive(Debug)]
pub(crate) struct Mutex<T>(sync::Mutex<T>);

/// A lock that is held. The fields are dropped in this order.
pub(crate) struct MutexGuard<'a, T> {
    guard: sync::MutexGuard<'a, T>,
    _held: HeldGuard,
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Mutex<T> {
        Mutex(sync::Mutex::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        let held = HeldGuard::new();
        MutexGuard { guard: self.0.lock().unwrap_or_else(PoisonError::into_inner), _held: held }
    }

    /// `None` if another thread holds it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let held = HeldGuard::new();
        let guard = match self.0.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(MutexGuard { guard, _held: held })
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

/// A lock of state that belongs to the whole process. While a thread holds it, signals are blocked on that thread, so
/// that no handler finds the lock taken by its own thread: every entry may be used in a handler. These sections are
/// short and rare.
#[derive(Debug, Default)]
pub(crate) struct ProcessMutex<T>(sync::global::Mutex<T>);

/// A lock of the process that is held. The fields are dropped in this order.
pub(crate) struct ProcessGuard<'a, T> {
    guard: sync::global::MutexGuard<'a, T>,
    blocked: BlockedSignals,
}

impl<T> ProcessMutex<T> {
    pub(crate) fn new(value: T) -> ProcessMutex<T> {
        ProcessMutex(sync::global::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> ProcessGuard<'_, T> {
        let blocked = BlockedSignals::new();
        ProcessGuard { guard: self.0.lock().unwrap_or_else(PoisonError::into_inner), blocked }
    }

    /// `None` if a thread holds it.
    pub(crate) fn try_lock(&self) -> Option<ProcessGuard<'_, T>> {
        let blocked = BlockedSignals::new();
        self.0.try_lock().ok().map(|guard| ProcessGuard { guard, blocked })
    }
}

impl<'a, T> ProcessGuard<'a, T> {
    /// Releases the lock until `changed` is notified or for `limit`. Signals stay blocked, so only threads of the
    /// library may call this.
    pub(crate) fn wait(self, changed: &sync::global::Condvar, limit: Duration) -> ProcessGuard<'a, T> {
        let ProcessGuard { guard, blocked } = self;
        let guard = changed.wait_timeout(guard, limit).unwrap_or_else(PoisonError::into_inner).0;
        ProcessGuard { guard, blocked }
    }
}

impl<T> Deref for ProcessGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for ProcessGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

#[cfg(all(test, not(calmkeeper_shuttle)))]
mod tests {
    use super::*;
    use std::os::unix::thread::JoinHandleExt;
    use std::sync::atomic::AtomicBool;

    static STATE: ProcessMutex<u32> = ProcessMutex(sync::global::Mutex::new(0));
    static HANDLED: AtomicBool = AtomicBool::new(false);

    extern "C" fn handle(_: i32) {
        *STATE.lock() += 1;
        HANDLED.store(true, Ordering::SeqCst);
    }

    #[test]
    fn a_handler_does_not_find_the_lock_of_its_own_thread() {
        // SAFETY: a handler for a signal that nothing else here uses, and a signal to a thread that is joined afterwards.
        unsafe { libc::signal(libc::SIGUSR2, handle as extern "C" fn(i32) as libc::sighandler_t) };
        let (held, is_held) = std::sync::mpsc::channel();
        let (release, is_released) = std::sync::mpsc::channel::<()>();
        let holder = std::thread::spawn(move || {
            let _guard = STATE.lock();
            held.send(()).unwrap();
            is_released.recv().unwrap();
        });
        is_held.recv().unwrap();
        // SAFETY: as above.
        unsafe { libc::pthread_kill(holder.as_pthread_t(), libc::SIGUSR2) };
        assert!(!HANDLED.load(Ordering::SeqCst));
        release.send(()).unwrap();
        holder.join().unwrap();
        assert!(HANDLED.load(Ordering::SeqCst));
        assert_eq!(*STATE.lock(), 1);
    }

    #[test]
    fn a_thread_is_marked_while_it_holds_a_lock() {
        let (first, second) = (Mutex::new(1), Mutex::new(2));
        assert!(!is_held());
        let outer = first.lock();
        let inner = second.try_lock();
        assert!(inner.is_some() && is_held());
        assert!(!std::thread::spawn(is_held).join().unwrap());
        drop(inner);
        assert!(is_held());
        drop(outer);
        assert!(!is_held());
    }

    #[test]
    fn a_failed_try_leaves_no_mark() {
        let lock = Mutex::new(());
        let _guard = lock.lock();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                assert!(lock.try_lock().is_none());
                assert!(!is_held());
            });
        });
    }
}
