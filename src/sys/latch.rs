//! A latch that one thread waits for and another one sets. Unlike `thread::park`, a wait may happen in a signal handler
//! that interrupts another wait on the same thread, and neither side takes a lock.
#[cfg(not(calmkeeper_shuttle))]
mod futex {
    use std::ptr::null;
    use std::sync::atomic::{AtomicU32, Ordering};

    const UNSET: u32 = 0;
    const AWAITED: u32 = 1;
    const SET: u32 = 2;

    /// See the module.
    #[derive(Debug)]
    pub(crate) struct Latch(AtomicU32);

    impl Latch {
        pub(crate) fn new() -> Latch {
            Latch(AtomicU32::new(UNSET))
        }

        /// Whether it is set. If so, everything that the other thread wrote before is visible.
        pub(crate) fn is_set(&self) -> bool {
            self.0.load(Ordering::Acquire) == SET
        }

        pub(crate) fn set(&self) {
            if self.0.swap(SET, Ordering::AcqRel) == AWAITED {
                self.call(libc::FUTEX_WAKE, u32::MAX >> 1);
            }
        }

        /// Waits until it is set. Not a cancellation point.
        pub(crate) fn wait(&self) {
            while !self.is_set() {
                let _ = self.0.compare_exchange(UNSET, AWAITED, Ordering::AcqRel, Ordering::Acquire);
                self.call(libc::FUTEX_WAIT, AWAITED);
            }
        }

        /// Makes it one that has not been set. Nobody waits for it or is still to set it; who has set it may still be waking
        /// others, and the next [`Latch::wait`] goes on waiting when it is woken so.
        pub(crate) fn reset(&self) {
            self.0.store(UNSET, Ordering::Relaxed);
        }

        fn call(&self, operation: i32, value: u32) {
            // SAFETY: the word lives through the call. Without a timeout; the other arguments are not used.
            unsafe {
                libc::syscall(
                    libc::SYS_futex,
                    self.0.as_ptr(),
                    operation | libc::FUTEX_PRIVATE_FLAG,
                    value,
                    null::<libc::timespec>(),
                );
            }
        }
    }
}

#[cfg(calmkeeper_shuttle)]
mod scheduled {
    use crate::sys::sync::{Condvar, Mutex};
    use std::sync::PoisonError;

    /// The latch under the scheduler.
    #[derive(Debug)]
    pub(crate) struct Latch(Mutex<bool>, Condvar);

    impl Latch {
        pub(crate) fn new() -> Latch {
            Latch(Mutex::new(false), Condvar::new())
        }

        pub(crate) fn is_set(&self) -> bool {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        pub(crate) fn set(&self) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.1.notify_all();
        }

        pub(crate) fn wait(&self) {
            let mut is_set = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            while !*is_set {
                is_set = self.1.wait(is_set).unwrap_or_else(PoisonError::into_inner);
            }
        }

        pub(crate) fn reset(&self) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = false;
        }
    }
}

#[cfg(not(calmkeeper_shuttle))]
pub(crate) use futex::Latch;
#[cfg(calmkeeper_shuttle)]
pub(crate) use scheduled::Latch;

#[cfg(all(test, not(calmkeeper_shuttle)))]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_waiter_sees_what_was_done_before_the_event() {
        for _ in 0..200 {
            let latch = Arc::new(Latch::new());
            let setter = Arc::clone(&latch);
            let thread = std::thread::spawn(move || setter.set());
            latch.wait();
            assert!(latch.is_set());
            thread.join().unwrap();
            latch.reset();
            assert!(!latch.is_set());
        }
    }
}
