//! Disables the cancellation (`pthread_cancel`) of a thread while it is inside the library: glibc unwinds a cancelled
//! thread, and unwinding through Rust frames aborts the process. Owns the calls.
use libc::c_int;

/// `PTHREAD_CANCEL_DISABLE`
const DISABLE: c_int = 1;

// glibc's. Safety: they only read and write the calling thread's own state.
/// cbindgen:ignore
#[allow(unused_doc_comments, reason = "cbindgen reads it: these are not part of the C interface")]
unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
}

/// cbindgen:ignore
#[allow(unused_doc_comments, reason = "cbindgen reads it: these are not part of the C interface")]
unsafe extern "C-unwind" {
    fn pthread_testcancel();
}

/// Ends the calling thread here if it has been cancelled and cancellation is enabled. glibc then unwinds its stack: the
/// frames up to the application's must have no destructors, and must be functions that may be unwound (`"C-unwind"`).
#[inline]
pub(crate) fn end_if_cancelled() {
    // SAFETY: see above.
    unsafe { pthread_testcancel() };
}

/// This thread is not cancelled while the guard lives. A cancellation in that time takes effect at the thread's next
/// cancellation point after that.
pub(crate) struct DisabledGuard {
    before: c_int,
}

impl DisabledGuard {
    #[inline]
    pub(crate) fn new() -> DisabledGuard {
        let mut before = 0;
        // SAFETY: see above.
        unsafe { pthread_setcancelstate(DISABLE, &raw mut before) };
        DisabledGuard { before }
    }
}

impl Drop for DisabledGuard {
    #[inline]
    fn drop(&mut self) {
        let mut disabled = 0;
        // SAFETY: see above.
        unsafe { pthread_setcancelstate(self.before, &raw mut disabled) };
    }
}
