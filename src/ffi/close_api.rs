//! `zookeeper_close`: the end of a handle.
use super::deliveries::call_back;
use super::entry::{Zk, code_of, enter_call, from_c, guard};
use super::lifecycle::alternate_hex;
use super::types::zhandle_t;
use crate::handle::Place;
use crate::io::errand;
use crate::observe::logging::with_sink;
use crate::observe::stats::{self, Source};
use crate::sys::inside::{self, InsideGuard};
use crate::sys::lock;
use libc::c_int;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use zk_core::code::Code;

/// How long a close in a signal handler waits for the I/O thread, which may itself wait for memory that the interrupted call
/// is about to allocate.
const CLOSE_IN_HANDLER_MAX: Duration = Duration::from_secs(1);

/// Closes the session and frees the handle. Every completion that is still outstanding is called with `ZCLOSING` before
/// this function returns. In a callback of the handle itself it returns at once, and the completions are called after
/// that callback. Returns `ZOK`, or `ZBADARGUMENTS` for null.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zookeeper_close(zh: *mut zhandle_t) -> c_int {
    let entry = Place::here();
    // SAFETY: the contract of `super`.
    enter_call(|| unsafe { close(zh, entry) })
}

/// Not inlined: the address in `entry` is to be near the application's frame.
///
/// # Safety
/// The contract of [`super`].
#[inline(never)]
unsafe fn close(zh: *mut zhandle_t, entry: Place) -> c_int {
    // SAFETY: the contract of `super`.
    let Some(handle) = (unsafe { from_c(zh) }) else { return Code::BadArguments.to_i32() };
    if handle.is_inherited() {
        // divergence: zookeeper_close in a forked child sends nothing and touches nothing of the parent's session; the child has no copy of its descriptors afterwards, that of a handle with threads from the fork on. A number under which the child has another file is not closed; a poll or event descriptor stays open where /proc does not show which one it is.
        handle.abandon_inherited();
        std::mem::forget(handle);
        return Code::Ok.to_i32();
    }
    let is_busy = inside::is_busy();
    if handle.is_pumped() && is_busy {
        // No thread of the library could close the handle later.
        return Code::SystemError.to_i32();
    }
    // divergence: A second zookeeper_close on a handle that is being closed returns ZBADARGUMENTS; on stock it frees what is in use.
    if !handle.begin_close() {
        return Code::BadArguments.to_i32();
    }
    if is_busy {
        // divergence: zookeeper_close in a signal handler that has interrupted the library at work leaves the close to the I/O thread, and waits for it at most a second, or not at all if the interrupted call holds a lock; then the session is closed when that call goes on. Stock hangs.
        handle.close_later();
        if !lock::is_held() {
            handle.await_io_end(CLOSE_IN_HANDLER_MAX);
        }
        // SAFETY: the reference that C held; the application gives it up with this call. The I/O thread has one.
        drop(unsafe { Arc::from_raw(zh.cast_const().cast::<Zk>()) });
        return Code::Ok.to_i32();
    }
    let _inside = InsideGuard::new();
    let sink = Arc::clone(&handle.sink);
    code_of(guard(Err(Code::SystemError), || {
        with_sink(&sink, || {
            let id = handle.peek(|session| session.client_id().id);
            if handle.is_pumped() {
                handle.close_pumped(entry, |output| guard(ControlFlow::Continue(()), || call_back(&handle, output)));
            } else {
                handle.close();
                errand::wait_for_end(&handle);
            }
            stats::retire(&handle, &handle.sample());
            log::info!(target: "zookeeper_close", "Freeing zookeeper resources for sessionId={}\n", alternate_hex(id));
        });
        // SAFETY: the reference that C held; the application gives it up with this call.
        drop(unsafe { Arc::from_raw(zh.cast_const().cast::<Zk>()) });
        Ok(())
    }))
}
