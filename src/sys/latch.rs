//! A latch that one thread waits for and another one sets: the only wait of the library for an event that another of its
//! threads causes, besides the waits for sockets. Owns the mark of a wait: while it lasts, its thread counts as outside
//! of the library, so a signal handler that interrupts it may make every call, and may leave it by `siglongjmp`.
//!
//! Therefore the waiting thread holds nothing: it releases its locks before it waits. A condition variable would not do,
//! because it takes its lock again before it returns, and a handler may interrupt that.
#[cfg_attr(calmkeeper_shuttle, allow(dead_code, reason = "threads of the process do not use all of it"))]
mod futex {
    use crate::sys::inside::OutsideGuard;
    use crate::sys::shield;
    use crate::sys::time::timespec;
    use std::ptr::{from_ref, null};
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::{Duration, Instant};

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
                self.wake_all();
            }
        }

        /// Waits until it is set. The caller holds no lock. Not a cancellation point.
        #[inline]
        pub(crate) fn wait(&self) {
            if !self.is_set() {
                self.wait_for(&|| None);
            }
        }

        /// [`wait`](Latch::wait), at most until `deadline`. Returns whether it is set.
        pub(crate) fn wait_until(&self, deadline: Instant) -> bool {
            if !self.is_set() {
                self.wait_for(&|| Some(deadline.saturating_duration_since(Instant::now())));
            }
            self.is_set()
        }

        /// Waits while there is time `left`; `None` is no limit.
        fn wait_for(&self, left: &dyn Fn() -> Option<Duration>) {
            let outside = OutsideGuard::new();
            while !self.is_set() {
                let left = left();
                if left == Some(Duration::ZERO) {
                    return;
                }
                let _ = self.0.compare_exchange(UNSET, AWAITED, Ordering::AcqRel, Ordering::Acquire);
                let limit = left.map(timespec);
                let limit = limit.as_ref().map_or(null(), from_ref);
                // SAFETY: the word and the limit live through the call.
                unsafe { shield::wait_for_word(self.0.as_ptr(), AWAITED, limit, outside.left()) };
            }
        }

        /// Makes it one that has not been set. Nobody waits for it or is still to set it; who has set it may still be waking
        /// others, and the next [`Latch::wait`] goes on waiting when it is woken so.
        pub(crate) fn reset(&self) {
            self.0.store(UNSET, Ordering::Relaxed);
        }

        fn wake_all(&self) {
            const WAKE: i32 = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
            // SAFETY: the word lives through the call.
            unsafe { libc::syscall(libc::SYS_futex, self.0.as_ptr(), WAKE, i32::MAX) };
        }
    }
}

#[cfg(calmkeeper_shuttle)]
mod scheduled {
    use crate::sys::inside::OutsideGuard;
    use crate::sys::sync::atomic::AtomicBool as Step;
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, PoisonError};
    use std::task::{Poll, Waker};

    /// The latch under the scheduler, which may change threads before a set and in a wait, and nowhere else: a test that tries
    /// all executions would not end otherwise.
    #[derive(Debug)]
    pub(crate) struct Latch {
        is_set: AtomicBool,
        step: Step,
        waiting: Mutex<Vec<Waker>>,
    }

    impl Latch {
        pub(crate) fn new() -> Latch {
            Latch { is_set: AtomicBool::new(false), step: Step::new(false), waiting: Mutex::default() }
        }

        pub(crate) fn is_set(&self) -> bool {
            self.is_set.load(Ordering::Acquire)
        }

        pub(crate) fn set(&self) {
            self.step.store(true, Ordering::Relaxed);
            self.is_set.store(true, Ordering::Release);
            let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            waiting.into_iter().for_each(Waker::wake);
        }

        pub(crate) fn wait(&self) {
            let _outside = OutsideGuard::new();
            shuttle::future::block_on(poll_fn(|context| {
                if self.is_set() {
                    return Poll::Ready(());
                }
                self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(context.waker().clone());
                Poll::Pending
            }));
        }

        pub(crate) fn reset(&self) {
            self.is_set.store(false, Ordering::Relaxed);
        }
    }
}

#[cfg(not(calmkeeper_shuttle))]
pub(crate) use futex::Latch;
#[cfg(calmkeeper_shuttle)]
pub(crate) use scheduled::Latch;

/// The latch of threads that belong to the whole process. It is not a latch of the scheduler, see `sync::global`.
pub(crate) mod global {
    pub(crate) use super::futex::Latch;
}

#[cfg(all(test, not(calmkeeper_shuttle)))]
mod tests {
    use super::*;
    use crate::sys::inside::{self, InsideGuard};
    use std::os::unix::thread::JoinHandleExt;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::{Duration, Instant};

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

    #[test]
    fn a_wait_has_a_limit() {
        let latch = Latch::new();
        assert!(!latch.wait_until(Instant::now()));
        assert!(!latch.wait_until(Instant::now() + Duration::from_millis(1)));
        latch.set();
        assert!(latch.wait_until(Instant::now()));
    }

    static FREE: AtomicU32 = AtomicU32::new(0);
    static HANDLED: AtomicU32 = AtomicU32::new(0);

    extern "C" fn handle(_: i32) {
        FREE.fetch_add(u32::from(!inside::is_busy()), Ordering::SeqCst);
        HANDLED.fetch_add(1, Ordering::SeqCst);
    }

    /// The first signals may find the thread at work, a later one finds the wait.
    #[test]
    fn a_handler_that_interrupts_a_wait_finds_the_thread_outside() {
        // SAFETY: a handler for a signal that nothing else here uses, and signals to a thread that is joined afterwards.
        unsafe { libc::signal(libc::SIGUSR1, handle as extern "C" fn(i32) as libc::sighandler_t) };
        let latch = Arc::new(Latch::new());
        let (awaited, at_work) = (Arc::clone(&latch), Arc::new(Latch::new()));
        let begins = Arc::clone(&at_work);
        let waiter = std::thread::spawn(move || {
            let _inside = InsideGuard::new();
            begins.set();
            awaited.wait();
            assert!(inside::is_busy());
        });
        at_work.wait();
        let until = Instant::now() + Duration::from_secs(60);
        while FREE.load(Ordering::SeqCst) == 0 {
            assert!(Instant::now() < until, "{HANDLED:?} signals, none in a wait");
            // SAFETY: as above.
            unsafe { libc::pthread_kill(waiter.as_pthread_t(), libc::SIGUSR1) };
            std::thread::sleep(Duration::from_millis(1));
        }
        latch.set();
        waiter.join().unwrap();
    }
}
