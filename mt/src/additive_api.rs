//! The synchronous counterparts of the calls that Apache's C library does not have.
#![allow(non_snake_case, reason = "the names are the C interface's")]
#![allow(
    clippy::missing_safety_doc,
    clippy::undocumented_unsafe_blocks,
    reason = "each function passes its arguments on, under the contract of `calmkeeper::ffi`"
)]
use calmkeeper::ffi::operation::{Operation, Watcher};
use calmkeeper::ffi::sync::{ReplyTo, wait, wait_multi_read};
use calmkeeper::ffi::types::{ClientInfo_vector, String_vector, watcher_fn, zhandle_t, zoo_op_result_t, zoo_op_t};
use libc::{c_char, c_int, c_void};

/// Adds a persistent watch: it stays after an event.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_add_watch(
    zh: *mut zhandle_t,
    path: *const c_char,
    mode: c_int,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
) -> c_int {
    let watcher = Watcher::Given(watcher, watcherCtx);
    unsafe { wait(zh, Operation::AddWatch { path, mode, watcher }, ReplyTo::Code) }
}

/// Asks for the identities of the session.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_whoami(zh: *mut zhandle_t, infos: *mut ClientInfo_vector) -> c_int {
    unsafe { wait(zh, Operation::WhoAmI, ReplyTo::ClientInfos(infos)) }
}

/// Lists the session's ephemeral nodes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_get_ephemerals(
    zh: *mut zhandle_t,
    prefix: *const c_char,
    strings: *mut String_vector,
) -> c_int {
    unsafe { wait(zh, Operation::GetEphemerals { prefix }, ReplyTo::Ephemerals(strings)) }
}

/// Counts the nodes below a node.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_get_all_children_number(
    zh: *mut zhandle_t,
    path: *const c_char,
    number: *mut c_int,
) -> c_int {
    unsafe { wait(zh, Operation::GetAllChildrenNumber { path }, ReplyTo::Int(number)) }
}

/// Does `count` reads with one request.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_multi_read(
    zh: *mut zhandle_t,
    count: c_int,
    ops: *const zoo_op_t,
    results: *mut zoo_op_result_t,
) -> c_int {
    unsafe { wait_multi_read(zh, count, ops, results) }
}
