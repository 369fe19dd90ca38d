//! The guard at every entry from C: null and stale handles, panics, errno, cancellation, and where the handle's log lines go.
use super::callbacks::{CallCompletion, Watch};
use super::types::zhandle_t;
use crate::handle::Handle;
use crate::observe::logging::with_sink;
use crate::sys::inside::InsideGuard;
use crate::sys::shield::shielded;
use libc::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use zk_core::code::Code;

/// The type behind `zhandle_t *`. C's pointer owns a reference of its own.
pub(super) type Zk = Handle<CallCompletion, Watch>;

/// Gives C a reference to the handle.
pub(super) fn to_c(handle: &Arc<Zk>) -> *mut zhandle_t {
    Arc::as_ptr(handle).cast_mut().cast()
}

/// The handle behind a pointer. The reference it returns keeps the handle alive while another thread closes it.
///
/// # Safety
/// The contract of [`super`].
pub(super) unsafe fn from_c(zh: *const zhandle_t) -> Option<Arc<Zk>> {
    if zh.is_null() {
        return None;
    }
    let handle = zh.cast::<Zk>();
    // SAFETY: the pointer came from `to_c`, and C's own reference is only dropped by `zookeeper_close`.
    unsafe {
        Arc::increment_strong_count(handle);
        Some(Arc::from_raw(handle))
    }
}

/// Runs `body` as a call of the application. The thread is not cancelled meanwhile, but may end in a wait or a callback,
/// see [`shielded`]. Restores errno, if it returns.
#[inline]
pub(super) fn enter_call<R>(body: impl FnOnce() -> R) -> R {
    // divergence: A signal handler that calls pthread_exit during a call ends its thread if the call waits, and the handle stays usable; if the call is at work, which takes microseconds, the process is aborted. On stock the thread ends, and what it had locked stays locked.
    // divergence: A thread that is cancelled (pthread_cancel) inside a synchronous call ends when that call has its result, inside another one at the next cancellation point after it, and the handle stays usable; on stock it ends at once and may keep the handle's locks.
    // Not a guard: this frame may be unwound at any instruction, and Rust allows that where there is nothing to drop.
    // SAFETY: errno is this thread's.
    let before = unsafe { libc::__errno_location().read() };
    let result = shielded(body);
    set_errno(before);
    result
}

/// Restores errno when it is dropped: programs may look at errno after a call that succeeded.
struct ErrnoGuard {
    errno: c_int,
}

impl ErrnoGuard {
    #[inline]
    fn new() -> ErrnoGuard {
        // SAFETY: errno is this thread's.
        ErrnoGuard { errno: unsafe { libc::__errno_location().read() } }
    }
}

impl Drop for ErrnoGuard {
    #[inline]
    fn drop(&mut self) {
        set_errno(self.errno);
    }
}

/// Sets errno for calls that report errors by it. Call it after [`enter_call`].
pub(super) fn set_errno(errno: c_int) {
    // SAFETY: errno is this thread's.
    unsafe { libc::__errno_location().write(errno) };
}

/// Catches a panic of the library at the border, because it must not unwind into C.
pub(super) fn guard<R>(failed: R, body: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        log::error!("internal error: a panic was caught at the C interface");
        failed
    })
}

/// Runs `body` with the handle.
///
/// Errors: `BadArguments` for null; `InvalidState` in a child of the process that made the handle, whose threads the
/// child does not have; `SystemError` in a signal handler that has interrupted this thread at work in the library.
///
/// # Safety
/// The contract of [`super`].
pub(super) unsafe fn with_handle<R>(
    zh: *const zhandle_t,
    body: impl FnOnce(&Arc<Zk>) -> Result<R, Code>,
) -> Result<R, Code> {
    // SAFETY: the caller's promise.
    enter_call(|| unsafe { enter(zh, body) })
}

/// # Safety
/// The contract of [`super`].
#[inline]
unsafe fn enter<R>(zh: *const zhandle_t, body: impl FnOnce(&Arc<Zk>) -> Result<R, Code>) -> Result<R, Code> {
    // SAFETY: the caller's promise.
    let Entered { handle, _inside } = unsafe { enter_handle(zh)? };
    let sink = &handle.sink;
    guard(Err(Code::SystemError), || with_sink(sink, || body(&handle)))
}

/// A handle that a call uses. The fields are dropped in this order, because the last reference frees memory, and the
/// thread must be marked then.
struct Entered {
    handle: Arc<Zk>,
    _inside: InsideGuard,
}

/// The handle, if it may be used here and now. Errors: as [`with_handle`].
///
/// # Safety
/// The contract of [`super`].
#[inline]
unsafe fn enter_handle(zh: *const zhandle_t) -> Result<Entered, Code> {
    // divergence: A null handle is ZBADARGUMENTS in every call; stock crashes in zoo_get, zoo_exists and others.
    // SAFETY: the caller's promise.
    let handle = unsafe { from_c(zh) }.ok_or(Code::BadArguments)?;
    if handle.is_orphaned() {
        // divergence: In a forked child every call on an inherited handle of the multi-threaded library that needs its threads returns ZINVALIDSTATE at once; on stock a sync call hangs.
        // Dropping the reference is safe, because the child has its own copy of the count. The lock must not be taken,
        // because a thread that the child does not have may hold it.
        return Err(Code::InvalidState);
    }
    let Some(inside) = InsideGuard::of_a_call() else {
        // divergence: A call in a signal handler that has interrupted the library at work returns ZSYSTEMERROR; stock hangs, or its memory is damaged. A call works for microseconds, and a handler that interrupts its wait may call.
        return Err(Code::SystemError);
    };
    Ok(Entered { handle, _inside: inside })
}

/// Runs `body` with the handle for a function that waits for no lock and logs nothing: it works in every signal handler,
/// and in a forked child.
///
/// Errors: `BadArguments` for null.
///
/// # Safety
/// The contract of [`super`].
pub(super) unsafe fn with_unlocked<R>(zh: *const zhandle_t, body: impl FnOnce(&Zk) -> R) -> Result<R, Code> {
    // SAFETY: the caller's promise.
    let handle = unsafe { zh.cast::<Zk>().as_ref() }.ok_or(Code::BadArguments)?;
    Ok(body(handle))
}

/// [`with_handle`] for functions that return only a code.
///
/// # Safety
/// The contract of [`super`].
pub(super) unsafe fn call(zh: *const zhandle_t, body: impl FnOnce(&Arc<Zk>) -> Result<(), Code>) -> c_int {
    // SAFETY: the caller's promise.
    code_of(unsafe { with_handle(zh, body) })
}

/// [`call`] for a function that calls the application back on the calling thread. An exception that leaves a callback
/// passes through this function. `body` must catch its own panics: one that it does not catch would pass through too,
/// and ends the process.
///
/// # Safety
/// The contract of [`super`].
pub(super) unsafe fn call_and_call_back(
    zh: *const zhandle_t,
    body: impl FnOnce(&Arc<Zk>) -> Result<(), Code>,
) -> c_int {
    struct PanicGuard;
    impl Drop for PanicGuard {
        fn drop(&mut self) {
            if std::thread::panicking() {
                log::error!("internal error: a panic where one cannot be caught");
                std::process::abort();
            }
        }
    }
    enter_call(|| {
        let panics = PanicGuard;
        // SAFETY: the caller's promise.
        let result = unsafe { enter_handle(zh) }
            .and_then(|Entered { handle, _inside }| with_sink(&handle.sink, || body(&handle)));
        std::mem::forget(panics);
        code_of(result)
    })
}

/// [`call`] for a function that submits a request and returns. Such a function reaches two cancellation points, a log
/// line and the wakeup of the I/O thread, and both disable cancellation themselves: a guard in the entry would be a
/// twentieth of the cost of the call.
///
/// # Safety
/// The contract of [`super`].
#[inline]
pub(super) unsafe fn call_and_go_on(zh: *const zhandle_t, body: impl FnOnce(&Arc<Zk>) -> Result<(), Code>) -> c_int {
    let _errno = ErrnoGuard::new();
    // SAFETY: the caller's promise.
    code_of(unsafe { enter(zh, body) })
}

/// What C returns.
pub(super) fn code_of(result: Result<(), Code>) -> c_int {
    result.err().unwrap_or(Code::Ok).to_i32()
}
