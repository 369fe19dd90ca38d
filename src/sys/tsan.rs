//! The standard library's locks, reported to ThreadSanitizer. The standard library is compiled without the sanitizer,
//! which therefore does not see all lock operations and would report accesses that a lock protects. Owns the calls that
//! report them; the lock itself is the standard library's. The sanitizer then also finds locks that are taken in
//! conflicting orders.
use libc::c_void;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::from_ref;
use std::sync::{self, LockResult, PoisonError, TryLockError, TryLockResult, WaitTimeoutResult};
use std::time::Duration;

// Defined in the sanitizer's runtime. Safety: it uses the address as a number and never dereferences it.
/// cbindgen:ignore
#[allow(unused_doc_comments, reason = "cbindgen reads it: these are not part of the C interface")]
unsafe extern "C" {
    fn __tsan_mutex_pre_lock(address: *const c_void, flags: u32);
    fn __tsan_mutex_post_lock(address: *const c_void, flags: u32, recursion: i32);
    fn __tsan_mutex_pre_unlock(address: *const c_void, flags: u32) -> i32;
    fn __tsan_mutex_post_unlock(address: *const c_void, flags: u32);
    fn __tsan_mutex_destroy(address: *const c_void, flags: u32);
}

/// The lock may be destroyed, after which it must not be used.
const FLAGS: u32 = 1 << 8;
/// The lock is taken only if it is free, so it cannot take part in a deadlock.
const TRY: u32 = FLAGS | 1 << 4;

fn taking<R>(address: *const c_void, flags: u32, take: impl FnOnce() -> R) -> R {
    // SAFETY: see the block above, here and below.
    unsafe { __tsan_mutex_pre_lock(address, flags) };
    let taken = take();
    // SAFETY: see above.
    unsafe { __tsan_mutex_post_lock(address, flags, 0) };
    taken
}

fn leaving<R>(address: *const c_void, leave: impl FnOnce() -> R) -> R {
    // SAFETY: see above.
    unsafe { __tsan_mutex_pre_unlock(address, 0) };
    let left = leave();
    // SAFETY: see above.
    unsafe { __tsan_mutex_post_unlock(address, 0) };
    left
}

/// See `std::sync::Mutex`.
#[derive(Debug)]
pub(crate) struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Mutex<T> {
        Mutex(sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let address = from_ref(self).cast();
        let wrap = |guard| MutexGuard { guard: ManuallyDrop::new(guard), address };
        match taking(address, FLAGS, || self.0.lock()) {
            Ok(guard) => Ok(wrap(guard)),
            Err(poisoned) => Err(PoisonError::new(wrap(poisoned.into_inner()))),
        }
    }
}

impl<T> Mutex<T> {
    /// Like the standard library's function.
    pub(crate) fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        let address = from_ref(self).cast();
        let (guard, poisoned) = match self.0.try_lock() {
            Ok(guard) => (guard, false),
            Err(TryLockError::Poisoned(error)) => (error.into_inner(), true),
            Err(TryLockError::WouldBlock) => return Err(TryLockError::WouldBlock),
        };
        taking(address, TRY, || ());
        let guard = MutexGuard { guard: ManuallyDrop::new(guard), address };
        if poisoned { Err(TryLockError::Poisoned(PoisonError::new(guard))) } else { Ok(guard) }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T> Drop for Mutex<T> {
    fn drop(&mut self) {
        // SAFETY: see above.
        unsafe { __tsan_mutex_destroy(from_ref(self).cast(), FLAGS) };
    }
}

/// See `std::sync::MutexGuard`.
pub(crate) struct MutexGuard<'a, T> {
    guard: ManuallyDrop<sync::MutexGuard<'a, T>>,
    address: *const c_void,
}

impl<'a, T> MutexGuard<'a, T> {
    /// The inner guard, with the lock still held.
    fn into_inner(self) -> (sync::MutexGuard<'a, T>, *const c_void) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: it is not used again: `this` is never dropped.
        (unsafe { ManuallyDrop::take(&mut this.guard) }, this.address)
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

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the end of the only owner.
        leaving(self.address, || unsafe { ManuallyDrop::drop(&mut self.guard) });
    }
}

/// See `std::sync::Condvar`.
#[derive(Debug, Default)]
pub(crate) struct Condvar(sync::Condvar);

impl Condvar {
    /// The lock is free during the wait, and is taken again at the end.
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let (guard, address) = guard.into_inner();
        // Both within the wait, as far as can be seen from here.
        leaving(address, || ());
        let wrap = |guard| MutexGuard { guard: ManuallyDrop::new(guard), address };
        match taking(address, FLAGS, || self.0.wait_timeout(guard, limit)) {
            Ok((guard, result)) => Ok((wrap(guard), result)),
            Err(poisoned) => {
                let (guard, result) = poisoned.into_inner();
                Err(PoisonError::new((wrap(guard), result)))
            }
        }
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// Functions that ctest/tsan/proof.c calls to check that the sanitizer is on and understands these locks.
mod proof {
    use super::Mutex;
    use libc::c_int;
    use std::sync::PoisonError;

    static FIRST: Mutex<u32> = Mutex::new(0);
    static SECOND: Mutex<u32> = Mutex::new(0);

    /// A fault.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn calmkeeper_race(place: *mut c_int) {
        // SAFETY: none if two threads call it: that race is the purpose.
        unsafe { *place = (*place).wrapping_add(1) };
    }

    /// No fault.
    #[unsafe(no_mangle)]
    extern "C" fn calmkeeper_locked() {
        let mut guard = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
        *guard = guard.wrapping_add(1);
    }

    /// A fault if it is called with both orders.
    #[unsafe(no_mangle)]
    extern "C" fn calmkeeper_inversion(order: c_int) {
        let (outer, inner) = if order == 0 { (&FIRST, &SECOND) } else { (&SECOND, &FIRST) };
        let outer = outer.lock().unwrap_or_else(PoisonError::into_inner);
        *inner.lock().unwrap_or_else(PoisonError::into_inner) = *outer;
    }
}
