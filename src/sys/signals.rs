//! Blocks signals on a thread for a short time, so that no handler of the application runs while the thread holds a
//! lock. Owns the mask; installs no handler.
use crate::sys::marks::{self, At};

/// A signal mask in the kernel's form: bit `n - 1` for signal `n`.
type Mask = u64;

/// All signals except those of a fault, whose handler must run at once, and the two that glibc uses itself.
const ASYNCHRONOUS: Mask = !(bit(libc::SIGSEGV)
    | bit(libc::SIGBUS)
    | bit(libc::SIGFPE)
    | bit(libc::SIGILL)
    | bit(libc::SIGTRAP)
    | bit(libc::SIGSYS)
    | bit(libc::SIGABRT)
    | bit(32)
    | bit(33));

const fn bit(signal: i32) -> Mask {
    1 << (signal - 1)
}

/// Asynchronous signals are blocked on this thread while the guard lives. A signal that arrives meanwhile is delivered
/// when the guard is dropped. In a call that [leaves them blocked](crate::sys::inside::InsideGuard::of_a_call) it is
/// delivered when the call ends or waits; in a wait with [`BlockedSignals::mask_before`], at once.
pub(crate) struct BlockedSignals {
    before: Mask,
    /// Whether this guard is the outermost.
    is_first: bool,
}

impl BlockedSignals {
    #[inline]
    pub(crate) fn new() -> BlockedSignals {
        marks::with(|marks| {
            let before = marks.blocked.get().unwrap_or_else(block);
            marks.blocked.set(Some(before));
            BlockedSignals { before, is_first: !marks.must_block.replace(true) }
        })
    }

    /// The application's mask.
    #[cfg(not(calmkeeper_shuttle))]
    pub(crate) fn mask_before(&self) -> &Mask {
        &self.before
    }
}

impl Drop for BlockedSignals {
    #[inline]
    fn drop(&mut self) {
        if self.is_first {
            marks::with(|marks| {
                marks.must_block.set(false);
                if marks.at.get() != At::WorkOfACall {
                    marks.blocked.set(None);
                    restore(self.before);
                }
            });
        }
    }
}

/// Blocks asynchronous signals; returns the thread's mask from before.
#[inline]
pub(crate) fn block() -> Mask {
    change(libc::SIG_BLOCK, ASYNCHRONOUS)
}

/// Gives this thread the mask that it had before.
#[inline]
pub(crate) fn restore(before: Mask) {
    change(libc::SIG_SETMASK, before);
}

/// Blocks asynchronous signals on this thread for good: one of the library's threads must not run the application's handlers.
pub(crate) fn block_on_this_thread() {
    block();
}

#[cfg(not(calmkeeper_shuttle))]
fn change(how: i32, mask: Mask) -> Mask {
    let mut before: Mask = 0;
    // The system call itself, because glibc's function copies both sets once more.
    // SAFETY: both masks live through the call and have the size that it is told.
    unsafe {
        libc::syscall(libc::SYS_rt_sigprocmask, how, &raw const mask, &raw mut before, size_of::<Mask>());
    }
    before
}

/// Under the scheduler there are no signals.
#[cfg(calmkeeper_shuttle)]
fn change(_: i32, _: Mask) -> Mask {
    0
}

/// This thread's mask.
#[cfg(all(test, not(calmkeeper_shuttle)))]
pub(crate) fn current() -> Mask {
    change(libc::SIG_BLOCK, 0)
}

#[cfg(all(test, not(calmkeeper_shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn signals_are_blocked_but_for_faults_and_the_mask_comes_back() {
        let before = current();
        {
            let blocked = BlockedSignals::new();
            assert_eq!(*blocked.mask_before(), before);
            let nested = BlockedSignals::new();
            assert_eq!(*nested.mask_before(), before, "the application's mask, which a wait restores");
            assert_ne!(current() & bit(libc::SIGTERM), 0);
            assert_eq!(current() & (bit(libc::SIGSEGV) | bit(32) | bit(33)), before & (bit(libc::SIGSEGV) | bit(32)));
        }
        assert_eq!(current(), before);
    }
}
