//! All calls into the application. They go through `callout.c`, where the thread ends if a callback ends it. Owns what
//! then happens to the handle; does not know what the calls are for.
use super::entry::Zk;
use super::types::{
    ACL_vector, ClientInfo_vector, Stat, String_vector, acl_completion_t, client_infos_completion_t, data_completion_t,
    int_completion_t, stat_completion_t, string_completion_t, string_stat_completion_t, strings_completion_t,
    strings_stat_completion_t, void_completion_t, watcher_fn, zhandle_t,
};
use crate::sys::inside::{self, InsideGuard, Position};
use crate::sys::own_thread;
use libc::{c_char, c_int, c_void};
use std::cell::Cell;
use std::ptr::null;
use std::sync::Arc;

// In `callout.c`. Safety: the function is not `None`, and is the application's by the contract of `super`.
/// cbindgen:ignore
#[allow(unused_doc_comments, reason = "cbindgen reads it: these are not part of the C interface")]
unsafe extern "C-unwind" {
    /// From now on a C++ exception that leaves a callback passes through the library to the application's call from
    /// which the callback was made.
    #[link_name = "calmkeeper_let_exceptions_pass"]
    pub(super) safe fn let_exceptions_pass();
    /// The thread must be outside the library: [`inside::leave`] gave `left`.
    #[link_name = "calmkeeper_call_watcher"]
    pub(super) fn watcher(
        function: watcher_fn,
        zh: *mut zhandle_t,
        kind: c_int,
        state: c_int,
        path: *const c_char,
        context: *mut c_void,
        left: *const c_void,
    );
    #[link_name = "calmkeeper_call_void"]
    pub(super) fn void(function: void_completion_t, rc: c_int, data: *const c_void);
    #[link_name = "calmkeeper_call_stat"]
    pub(super) fn stat(function: stat_completion_t, rc: c_int, stat: *const Stat, data: *const c_void);
    #[link_name = "calmkeeper_call_data"]
    pub(super) fn data(
        function: data_completion_t,
        rc: c_int,
        value: *const c_char,
        length: c_int,
        stat: *const Stat,
        data: *const c_void,
    );
    #[link_name = "calmkeeper_call_strings"]
    pub(super) fn strings(
        function: strings_completion_t,
        rc: c_int,
        strings: *const String_vector,
        data: *const c_void,
    );
    #[link_name = "calmkeeper_call_strings_stat"]
    pub(super) fn strings_stat(
        function: strings_stat_completion_t,
        rc: c_int,
        strings: *const String_vector,
        stat: *const Stat,
        data: *const c_void,
    );
    #[link_name = "calmkeeper_call_string"]
    pub(super) fn string(function: string_completion_t, rc: c_int, value: *const c_char, data: *const c_void);
    #[link_name = "calmkeeper_call_string_stat"]
    pub(super) fn string_stat(
        function: string_stat_completion_t,
        rc: c_int,
        value: *const c_char,
        stat: *const Stat,
        data: *const c_void,
    );
    #[link_name = "calmkeeper_call_int"]
    pub(super) fn int(function: int_completion_t, rc: c_int, value: c_int, data: *const c_void);
    #[link_name = "calmkeeper_call_client_infos"]
    pub(super) fn client_infos(
        function: client_infos_completion_t,
        rc: c_int,
        infos: *const ClientInfo_vector,
        data: *const c_void,
    );
    #[link_name = "calmkeeper_call_acl"]
    pub(super) fn acl(
        function: acl_completion_t,
        rc: c_int,
        acl: *mut ACL_vector,
        stat: *mut Stat,
        data: *const c_void,
    );
}

crate::sys::sync::thread_local! {
    /// The handle whose completion thread this is, or null.
    static SERVED: Cell<*const Zk> = const { Cell::new(null()) };
    /// The handle whose I/O thread this is, or null.
    static DRIVEN: Cell<*const Zk> = const { Cell::new(null()) };
}

/// Runs `body` as the completion thread of `handle`.
pub(super) fn serve(handle: &Arc<Zk>, body: impl FnOnce()) {
    SERVED.with(|served| served.set(Arc::as_ptr(handle)));
    let inside = InsideGuard::new();
    body();
    drop(inside);
    SERVED.with(|served| served.set(null()));
}

/// Runs `body` as the I/O thread of `handle`.
pub(super) fn drive(handle: &Arc<Zk>, body: impl FnOnce()) {
    DRIVEN.with(|driven| driven.set(Arc::as_ptr(handle)));
    body();
    DRIVEN.with(|driven| driven.set(null()));
}

/// Whether this is the I/O thread of `handle`, in a log callback.
pub(super) fn is_io_thread(handle: &Zk) -> bool {
    std::ptr::eq(DRIVEN.with(Cell::get), handle)
}

/// Called by `callout.c` before a callback, which may be left by an exception or by `longjmp`. Not exported: `callout.c`
/// declares it hidden, like the next two functions.
#[unsafe(no_mangle)]
extern "C" fn calmkeeper_leave() -> Position {
    inside::leave()
}

/// Called by `callout.c` after a callback that has returned.
#[unsafe(no_mangle)]
extern "C" fn calmkeeper_go_back(position: Position) {
    position.go_back();
}

/// Called by `callout.c` when a callback ends this thread, before the thread's last system call. Must not log, because
/// it may have been a log callback.
#[unsafe(no_mangle)]
extern "C" fn calmkeeper_thread_is_lost() {
    // SAFETY: set by `serve` or `drive`, whose caller's reference stays on this stack.
    let (served, driven) = unsafe { (SERVED.with(Cell::get).as_ref(), DRIVEN.with(Cell::get).as_ref()) };
    if let Some(handle) = served {
        handle.queue.abandon();
    }
    if let Some(handle) = driven {
        handle.lose_io_thread();
    }
    own_thread::set_lost();
}
