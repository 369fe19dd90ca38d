//! Asynchronous calls that Apache's C library does not have: persistent watches, and the information that servers give
//! since 3.6 and 3.7. The contract is that of `async_api`.
#![allow(non_snake_case, reason = "the names are the C interface's")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "each function passes its arguments on, under the contract of `super`"
)]
use super::async_api::submit;
use super::callbacks::{CallCompletion, Data};
use super::operation::{Operation, Watcher};
use super::types::{
    client_infos_completion_t, int_completion_t, strings_completion_t, void_completion_t, watcher_fn, zhandle_t,
};
use libc::{c_char, c_int, c_void};

/// Adds a persistent watch: it stays after an event.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_aadd_watch(
    zh: *mut zhandle_t,
    path: *const c_char,
    mode: c_int,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    completion: void_completion_t,
    data: *const c_void,
) -> c_int {
    let watcher = Watcher::Given(watcher, watcherCtx);
    unsafe { submit(zh, Operation::AddWatch { path, mode, watcher }, CallCompletion::Void(completion, Data(data))) }
}

/// Asks for the identities of the session.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_awhoami(
    zh: *mut zhandle_t,
    completion: client_infos_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe { submit(zh, Operation::WhoAmI, CallCompletion::ClientInfos(completion, Data(data))) }
}

/// Lists the session's ephemeral nodes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_aget_ephemerals(
    zh: *mut zhandle_t,
    prefix: *const c_char,
    completion: strings_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe { submit(zh, Operation::GetEphemerals { prefix }, CallCompletion::Ephemerals(completion, Data(data))) }
}

/// Counts the nodes below a node.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_aget_all_children_number(
    zh: *mut zhandle_t,
    path: *const c_char,
    completion: int_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe { submit(zh, Operation::GetAllChildrenNumber { path }, CallCompletion::Int(completion, Data(data))) }
}
