//! The synchronous calls. Each waits for the reply to its operation and writes it into the caller's memory.
#![allow(non_snake_case, reason = "the names are the C interface's")]
#![allow(
    clippy::missing_safety_doc,
    clippy::undocumented_unsafe_blocks,
    reason = "each function passes its arguments on, under the contract of `calmkeeper::ffi`"
)]
use calmkeeper::ffi::operation::{NO_TTL, Operation, Watcher};
use calmkeeper::ffi::sync::{ReplyTo, wait, wait_multi};
use calmkeeper::ffi::types::{
    ACL_vector, Stat, String_vector, ZooWatcherType, watcher_fn, zhandle_t, zoo_op_result_t, zoo_op_t,
};
use libc::{c_char, c_int, c_void};
use std::ptr::null_mut;

/// Creates a node.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_create(
    zh: *mut zhandle_t,
    path: *const c_char,
    value: *const c_char,
    valuelen: c_int,
    acl: *const ACL_vector,
    mode: c_int,
    path_buffer: *mut c_char,
    path_buffer_len: c_int,
) -> c_int {
    unsafe {
        wait(
            zh,
            Operation::Create { path, value, len: valuelen, acl, mode, ttl: NO_TTL, stat: false },
            ReplyTo::Path { buffer: path_buffer, room: path_buffer_len },
        )
    }
}

/// Creates a node with a time to live.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_create_ttl(
    zh: *mut zhandle_t,
    path: *const c_char,
    value: *const c_char,
    valuelen: c_int,
    acl: *const ACL_vector,
    mode: c_int,
    ttl: i64,
    path_buffer: *mut c_char,
    path_buffer_len: c_int,
) -> c_int {
    unsafe {
        wait(
            zh,
            Operation::Create { path, value, len: valuelen, acl, mode, ttl, stat: false },
            ReplyTo::Path { buffer: path_buffer, room: path_buffer_len },
        )
    }
}

/// Creates a node and gives its status.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_create2(
    zh: *mut zhandle_t,
    path: *const c_char,
    value: *const c_char,
    valuelen: c_int,
    acl: *const ACL_vector,
    mode: c_int,
    path_buffer: *mut c_char,
    path_buffer_len: c_int,
    stat: *mut Stat,
) -> c_int {
    unsafe {
        wait(
            zh,
            Operation::Create { path, value, len: valuelen, acl, mode, ttl: NO_TTL, stat: true },
            ReplyTo::PathStat { buffer: path_buffer, room: path_buffer_len, stat },
        )
    }
}

/// Creates a node with a time to live and gives its status.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_create2_ttl(
    zh: *mut zhandle_t,
    path: *const c_char,
    value: *const c_char,
    valuelen: c_int,
    acl: *const ACL_vector,
    mode: c_int,
    ttl: i64,
    path_buffer: *mut c_char,
    path_buffer_len: c_int,
    stat: *mut Stat,
) -> c_int {
    unsafe {
        wait(
            zh,
            Operation::Create { path, value, len: valuelen, acl, mode, ttl, stat: true },
            ReplyTo::PathStat { buffer: path_buffer, room: path_buffer_len, stat },
        )
    }
}

/// Deletes a node.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_delete(zh: *mut zhandle_t, path: *const c_char, version: c_int) -> c_int {
    unsafe { wait(zh, Operation::Delete { path, version }, ReplyTo::Code) }
}

/// Looks for a node; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_exists(
    zh: *mut zhandle_t,
    path: *const c_char,
    watch: c_int,
    stat: *mut Stat,
) -> c_int {
    unsafe { wait(zh, Operation::Exists { path, watcher: Watcher::Own(watch) }, ReplyTo::Stat(stat)) }
}

/// Looks for a node, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_wexists(
    zh: *mut zhandle_t,
    path: *const c_char,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    stat: *mut Stat,
) -> c_int {
    unsafe { wait(zh, Operation::Exists { path, watcher: Watcher::Given(watcher, watcherCtx) }, ReplyTo::Stat(stat)) }
}

/// Reads a node; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_get(
    zh: *mut zhandle_t,
    path: *const c_char,
    watch: c_int,
    buffer: *mut c_char,
    buffer_len: *mut c_int,
    stat: *mut Stat,
) -> c_int {
    unsafe {
        wait(zh, Operation::Get { path, watcher: Watcher::Own(watch) }, ReplyTo::Data { buffer, len: buffer_len, stat })
    }
}

/// Reads a node, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_wget(
    zh: *mut zhandle_t,
    path: *const c_char,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    buffer: *mut c_char,
    buffer_len: *mut c_int,
    stat: *mut Stat,
) -> c_int {
    unsafe {
        wait(
            zh,
            Operation::Get { path, watcher: Watcher::Given(watcher, watcherCtx) },
            ReplyTo::Data { buffer, len: buffer_len, stat },
        )
    }
}

/// Reads the ensemble's configuration; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_getconfig(
    zh: *mut zhandle_t,
    watch: c_int,
    buffer: *mut c_char,
    buffer_len: *mut c_int,
    stat: *mut Stat,
) -> c_int {
    unsafe {
        wait(zh, Operation::GetConfig { watcher: Watcher::Own(watch) }, ReplyTo::Data { buffer, len: buffer_len, stat })
    }
}

/// Reads the ensemble's configuration, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_wgetconfig(
    zh: *mut zhandle_t,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    buffer: *mut c_char,
    buffer_len: *mut c_int,
    stat: *mut Stat,
) -> c_int {
    unsafe {
        wait(
            zh,
            Operation::GetConfig { watcher: Watcher::Given(watcher, watcherCtx) },
            ReplyTo::Data { buffer, len: buffer_len, stat },
        )
    }
}

/// Changes the ensemble's members and gives the new configuration.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_reconfig(
    zh: *mut zhandle_t,
    joining: *const c_char,
    leaving: *const c_char,
    members: *const c_char,
    version: i64,
    buffer: *mut c_char,
    buffer_len: *mut c_int,
    stat: *mut Stat,
) -> c_int {
    unsafe {
        wait(
            zh,
            Operation::Reconfig { joining, leaving, members, version },
            ReplyTo::Data { buffer, len: buffer_len, stat },
        )
    }
}

/// Writes a node.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_set(
    zh: *mut zhandle_t,
    path: *const c_char,
    buffer: *const c_char,
    buflen: c_int,
    version: c_int,
) -> c_int {
    unsafe { wait(zh, Operation::Set { path, value: buffer, len: buflen, version }, ReplyTo::Stat(null_mut())) }
}

/// Writes a node and gives its status.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_set2(
    zh: *mut zhandle_t,
    path: *const c_char,
    buffer: *const c_char,
    buflen: c_int,
    version: c_int,
    stat: *mut Stat,
) -> c_int {
    unsafe { wait(zh, Operation::Set { path, value: buffer, len: buflen, version }, ReplyTo::Stat(stat)) }
}

/// Lists a node's children; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_get_children(
    zh: *mut zhandle_t,
    path: *const c_char,
    watch: c_int,
    strings: *mut String_vector,
) -> c_int {
    unsafe {
        wait(zh, Operation::GetChildren { path, watcher: Watcher::Own(watch), stat: false }, ReplyTo::Strings(strings))
    }
}

/// Lists a node's children, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_wget_children(
    zh: *mut zhandle_t,
    path: *const c_char,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    strings: *mut String_vector,
) -> c_int {
    unsafe {
        wait(
            zh,
            Operation::GetChildren { path, watcher: Watcher::Given(watcher, watcherCtx), stat: false },
            ReplyTo::Strings(strings),
        )
    }
}

/// Lists a node's children and gives its status; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_get_children2(
    zh: *mut zhandle_t,
    path: *const c_char,
    watch: c_int,
    strings: *mut String_vector,
    stat: *mut Stat,
) -> c_int {
    unsafe {
        wait(
            zh,
            Operation::GetChildren { path, watcher: Watcher::Own(watch), stat: true },
            ReplyTo::StringsStat(strings, stat),
        )
    }
}

/// Lists a node's children and gives its status, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_wget_children2(
    zh: *mut zhandle_t,
    path: *const c_char,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    strings: *mut String_vector,
    stat: *mut Stat,
) -> c_int {
    unsafe {
        wait(
            zh,
            Operation::GetChildren { path, watcher: Watcher::Given(watcher, watcherCtx), stat: true },
            ReplyTo::StringsStat(strings, stat),
        )
    }
}

/// Reads a node's access control list.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_get_acl(
    zh: *mut zhandle_t,
    path: *const c_char,
    acl: *mut ACL_vector,
    stat: *mut Stat,
) -> c_int {
    unsafe { wait(zh, Operation::GetAcl { path }, ReplyTo::Acl(acl, stat)) }
}

/// Replaces a node's access control list.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_set_acl(
    zh: *mut zhandle_t,
    path: *const c_char,
    version: c_int,
    acl: *const ACL_vector,
) -> c_int {
    unsafe { wait(zh, Operation::SetAcl { path, version, acl }, ReplyTo::Code) }
}

/// Removes one watch.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_remove_watches(
    zh: *mut zhandle_t,
    path: *const c_char,
    wtype: ZooWatcherType,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    local: c_int,
) -> c_int {
    unsafe {
        wait(
            zh,
            Operation::RemoveWatches { path, wtype, watcher: Watcher::Given(watcher, watcherCtx), local },
            ReplyTo::Code,
        )
    }
}

/// `zoo_remove_watches` under its name in Apache's 3.5, for programs that were built against 3.5.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_remove_watchers(
    zh: *mut zhandle_t,
    path: *const c_char,
    wtype: ZooWatcherType,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    local: c_int,
) -> c_int {
    unsafe {
        wait(
            zh,
            Operation::RemoveWatches { path, wtype, watcher: Watcher::Given(watcher, watcherCtx), local },
            ReplyTo::Code,
        )
    }
}

/// Removes all watches of a kind.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_remove_all_watches(
    zh: *mut zhandle_t,
    path: *const c_char,
    wtype: ZooWatcherType,
    local: c_int,
) -> c_int {
    unsafe { wait(zh, Operation::RemoveWatches { path, wtype, watcher: Watcher::Own(0), local }, ReplyTo::Code) }
}

/// Runs `count` operations as one transaction.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_multi(
    zh: *mut zhandle_t,
    count: c_int,
    ops: *const zoo_op_t,
    results: *mut zoo_op_result_t,
) -> c_int {
    unsafe { wait_multi(zh, count, ops, results) }
}
