//! The entry of a call that its thread may leave for good, and the system calls in which it waits; see shield.c.
use crate::sys::marks;
use std::ffi::c_void;
#[cfg(not(calmkeeper_shuttle))]
use std::mem::{ManuallyDrop, MaybeUninit};

/// Runs `body` with cancellation disabled. The thread may end in a wait or a callback of `body`: the frames of `body` are
/// then left as they are, without their destructors, and the stack above is unwound. Therefore the callers up to the
/// application must be functions that may be unwound (`"C-unwind"`), and should own nothing.
#[cfg(not(calmkeeper_shuttle))]
#[inline]
pub(crate) fn shielded<R>(body: impl FnOnce() -> R) -> R {
    struct Task<F, R> {
        body: ManuallyDrop<F>,
        result: MaybeUninit<R>,
        before: marks::Saved,
    }
    unsafe extern "C-unwind" fn run<F: FnOnce() -> R, R>(task: *mut c_void) {
        // SAFETY: `task` is that of `shielded`, which calls this once.
        unsafe {
            let task = task.cast::<Task<F, R>>();
            (*task).result.write(ManuallyDrop::take(&mut (*task).body)());
        }
    }
    unsafe extern "C-unwind" fn abandon<F, R>(task: *mut c_void) {
        // SAFETY: `task` is that of `shielded`, whose frame is still there.
        marks::with(|marks| marks.restore(unsafe { (*task.cast::<Task<F, R>>()).before }));
    }
    fn of<F: FnOnce() -> R, R>(task: &mut Task<F, R>, innermost: *mut *mut c_void) {
        // SAFETY: the functions fit `task`; `innermost` is this thread's mark.
        unsafe { calmkeeper_shielded(run::<F, R>, abandon::<F, R>, (&raw mut *task).cast(), innermost) }
    }
    let (before, innermost) = marks::with(|marks| (marks.save(), marks.shield.as_ptr()));
    let mut task = Task { body: ManuallyDrop::new(body), result: MaybeUninit::uninit(), before };
    of(&mut task, innermost);
    // SAFETY: `run` has written it.
    unsafe { task.result.assume_init() }
}

/// Under the scheduler no thread ends in a call.
#[cfg(calmkeeper_shuttle)]
pub(crate) fn shielded<R>(body: impl FnOnce() -> R) -> R {
    body()
}

// In shield.c. Safety of the waits: their pointers are valid through the call; the mask may be null.
/// cbindgen:ignore
#[allow(unused_doc_comments, reason = "cbindgen reads it: these are not part of the C interface")]
#[cfg_attr(calmkeeper_shuttle, allow(dead_code, reason = "the scheduler has waits of its own"))]
unsafe extern "C-unwind" {
    fn calmkeeper_shielded(
        body: unsafe extern "C-unwind" fn(*mut c_void),
        abandoned: unsafe extern "C-unwind" fn(*mut c_void),
        data: *mut c_void,
        innermost: *mut *mut c_void,
    );
    /// `ppoll` with one entry and a mask of the kernel's form. As in the next function, the frames of the caller that is
    /// outside of the library (`sys::inside`) may never be gone back to.
    #[link_name = "calmkeeper_wait_for_descriptor"]
    pub(crate) fn wait_for_descriptor(
        entry: *mut libc::pollfd,
        limit: *mut libc::timespec,
        mask: *const u64,
    ) -> libc::c_int;
    /// Waits while the word is `value`, or less; at most for `limit`, unless that is null. `left` is the shield of the call
    /// that is left, or null.
    #[link_name = "calmkeeper_wait_for_word"]
    pub(crate) fn wait_for_word(word: *mut u32, value: u32, limit: *const libc::timespec, left: *const c_void);
}

/// Called by `shield.c`: the shield of the call that this thread has left for a wait or a callback, or null.
#[unsafe(no_mangle)]
extern "C" fn calmkeeper_left_shield() -> *mut c_void {
    marks::with(|marks| marks.left.get())
}
