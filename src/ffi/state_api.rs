//! The properties of a handle: state, identity, watcher, context, credentials, log callback.
#![allow(non_snake_case, reason = "the names are the C interface's")]
use super::callbacks::{CallCompletion, Data, Watch, ignore_event};
use super::convert::{text, value};
use super::entry::{call, code_of, from_c, with_unlocked};
use super::types::{clientid_t, log_callback_fn, void_completion_t, watcher_fn, zhandle_t};
use libc::{c_char, c_int, c_void};
use std::ptr::null;
use zk_core::code::Code;

/// The state, one of the `ZOO_*_STATE` constants; 0 for a null handle, and between a failure and the next attempt.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_state(zh: *mut zhandle_t) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe { with_unlocked(zh, |handle| handle.published.state()) }.unwrap_or(0)
}

/// `ZINVALIDSTATE` when the session has expired or authentication failed, and in a forked child; `ZBADARGUMENTS` for a
/// null handle; else `ZOK`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn is_unrecoverable(zh: *mut zhandle_t) -> c_int {
    // SAFETY: the contract of `super`.
    let over = unsafe { with_unlocked(zh, |handle| handle.is_orphaned() || handle.published.is_unrecoverable()) };
    code_of(over.and_then(|over| if over { Err(Code::InvalidState) } else { Ok(()) }))
}

/// The session's identity, all zero before the first session unless one was given. The pointer stays valid until the
/// handle is closed, and always points to the current identity.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_client_id(zh: *mut zhandle_t) -> *const clientid_t {
    // SAFETY: the contract of `super`.
    unsafe { with_unlocked(zh, |handle| (&raw const handle.client_id).cast()) }.unwrap_or(null())
}

/// The session timeout in milliseconds: the negotiated one, or the requested one before the first session. 0 for a null
/// handle.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_recv_timeout(zh: *mut zhandle_t) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe { with_unlocked(zh, |handle| handle.published.timeout()) }.unwrap_or(0)
}

/// The context of the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_get_context(zh: *mut zhandle_t) -> *const c_void {
    // SAFETY: the contract of `super`.
    unsafe { with_unlocked(zh, |handle| handle.own_watch.context()) }.unwrap_or(0) as *const c_void
}

/// Changes the context of the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_set_context(zh: *mut zhandle_t, context: *mut c_void) {
    // SAFETY: the contract of `super`.
    let _ = unsafe { with_unlocked(zh, |handle| handle.own_watch.set_context(context as usize)) };
}

/// Changes the handle's watcher, null for none; returns the previous one.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_set_watcher(zh: *mut zhandle_t, newFn: watcher_fn) -> watcher_fn {
    // SAFETY: the contract of `super`.
    let before =
        unsafe { with_unlocked(zh, |handle| Watch::replace_own(&handle.own_watch, newFn.or(Some(ignore_event)))) };
    before.ok().flatten()
}

/// Adds credentials, which are sent on this connection and all later ones. `completion` may be null; it is called once,
/// with the server's first answer or the first failure.
// divergence: Completions of zoo_add_auth are called on the completion thread, in order with all others; stock calls them on its I/O thread, where a sync call would hang.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_add_auth(
    zh: *mut zhandle_t,
    scheme: *const c_char,
    cert: *const c_char,
    certLen: c_int,
    completion: void_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |handle| {
            let scheme = text(scheme).ok_or(Code::BadArguments)?;
            // Null is empty, whatever its length, as on stock; a server refuses a missing value.
            let credentials = if cert.is_null() { Some(&[][..]) } else { value(cert, certLen)? };
            let completion = completion.is_some().then(|| CallCompletion::Void(completion, Data(data)));
            handle.with(|session, now| session.add_auth(now, scheme, credentials, completion))
        })
    }
}

/// The handle's log callback, null for none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_get_log_callback(zh: *const zhandle_t) -> log_callback_fn {
    // SAFETY: the contract of `super`.
    unsafe { from_c(zh) }.and_then(|handle| handle.sink.callback())
}

/// Changes the handle's log callback; null restores the log stream.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_set_log_callback(zh: *mut zhandle_t, callback: log_callback_fn) {
    // SAFETY: the contract of `super`.
    if let Some(handle) = unsafe { from_c(zh) } {
        handle.sink.set(callback);
    }
}

/// Exported by stock by accident: there it takes the lock of the list of credentials, which this library guards itself.
/// Only checks its argument.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_lock_auth(zh: *mut zhandle_t) -> c_int {
    lock_result(zh)
}

/// See `zoo_lock_auth`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_unlock_auth(zh: *mut zhandle_t) -> c_int {
    lock_result(zh)
}

fn lock_result(zh: *const zhandle_t) -> c_int {
    code_of(if zh.is_null() { Err(Code::BadArguments) } else { Ok(()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::close_api::zookeeper_close;
    use crate::ffi::init_api::zookeeper_init;
    use crate::sys::inside::InsideGuard;
    use std::ptr::null_mut;

    unsafe extern "C" fn on_event(_: *mut zhandle_t, _: c_int, _: c_int, _: *const c_char, _: *mut c_void) {}

    #[test]
    fn the_watcher_and_its_context_change_also_where_a_call_was_interrupted() {
        let mut context = 0;
        // SAFETY: the handle is open until the last call; nobody listens at that address.
        unsafe {
            let zh = zookeeper_init(c"127.0.0.1:1".as_ptr(), None, 10_000, null(), null_mut(), 2);
            let interrupted = InsideGuard::of_a_call();
            zoo_set_context(zh, (&raw mut context).cast());
            assert_eq!(zoo_get_context(zh), (&raw const context).cast());
            assert!(zoo_set_watcher(zh, Some(on_event)).is_some());
            let last = zoo_set_watcher(zh, None);
            assert_eq!(last.map(|function| function as usize), Some(on_event as *const () as usize));
            drop(interrupted);
            assert_eq!(zoo_get_context(zh), (&raw const context).cast());
            zookeeper_close(zh);
        }
    }
}
