//! The asynchronous calls. Each submits an operation with its completion. An error found here is returned and the
//! completion is not called; with `ZOK` it is called exactly once, on the completion thread.
#![allow(non_snake_case, reason = "the names are the C interface's")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "each function passes its arguments on, under the contract of `super`"
)]
use super::callbacks::{CallCompletion, Data};
use super::entry::call_and_go_on;
use super::operation::{NO_TTL, Operation, Watcher};
use super::types::{
    ACL_vector, acl_completion_t, data_completion_t, stat_completion_t, string_completion_t, string_stat_completion_t,
    strings_completion_t, strings_stat_completion_t, void_completion_t, watcher_fn, zhandle_t,
};
use libc::{c_char, c_int, c_void};

/// Hands an operation to the session.
///
/// # Safety
/// The contract of [`super`].
pub(super) unsafe fn submit(zh: *mut zhandle_t, operation: Operation, completion: CallCompletion) -> c_int {
    unsafe {
        call_and_go_on(zh, |handle| {
            operation.with_request(handle, |request| {
                handle.with_request(|session, now| session.submit(now, request, completion))
            })
        })
    }
}

/// Creates a node.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_acreate(
    zh: *mut zhandle_t,
    path: *const c_char,
    value: *const c_char,
    valuelen: c_int,
    acl: *const ACL_vector,
    mode: c_int,
    completion: string_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe {
        submit(
            zh,
            Operation::Create { path, value, len: valuelen, acl, mode, ttl: NO_TTL, stat: false },
            CallCompletion::Text(completion, Data(data)),
        )
    }
}

/// Creates a node with a time to live.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_acreate_ttl(
    zh: *mut zhandle_t,
    path: *const c_char,
    value: *const c_char,
    valuelen: c_int,
    acl: *const ACL_vector,
    mode: c_int,
    ttl: i64,
    completion: string_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe {
        submit(
            zh,
            Operation::Create { path, value, len: valuelen, acl, mode, ttl, stat: false },
            CallCompletion::Text(completion, Data(data)),
        )
    }
}

/// Creates a node and gives its status.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_acreate2(
    zh: *mut zhandle_t,
    path: *const c_char,
    value: *const c_char,
    valuelen: c_int,
    acl: *const ACL_vector,
    mode: c_int,
    completion: string_stat_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe {
        submit(
            zh,
            Operation::Create { path, value, len: valuelen, acl, mode, ttl: NO_TTL, stat: true },
            CallCompletion::TextStat(completion, Data(data)),
        )
    }
}

/// Creates a node with a time to live and gives its status.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_acreate2_ttl(
    zh: *mut zhandle_t,
    path: *const c_char,
    value: *const c_char,
    valuelen: c_int,
    acl: *const ACL_vector,
    mode: c_int,
    ttl: i64,
    completion: string_stat_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe {
        submit(
            zh,
            Operation::Create { path, value, len: valuelen, acl, mode, ttl, stat: true },
            CallCompletion::TextStat(completion, Data(data)),
        )
    }
}

/// Deletes a node.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_adelete(
    zh: *mut zhandle_t,
    path: *const c_char,
    version: c_int,
    completion: void_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe { submit(zh, Operation::Delete { path, version }, CallCompletion::Void(completion, Data(data))) }
}

/// Looks for a node; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_aexists(
    zh: *mut zhandle_t,
    path: *const c_char,
    watch: c_int,
    completion: stat_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe {
        submit(
            zh,
            Operation::Exists { path, watcher: Watcher::Own(watch) },
            CallCompletion::Stat(completion, Data(data)),
        )
    }
}

/// Looks for a node, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_awexists(
    zh: *mut zhandle_t,
    path: *const c_char,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    completion: stat_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe {
        submit(
            zh,
            Operation::Exists { path, watcher: Watcher::Given(watcher, watcherCtx) },
            CallCompletion::Stat(completion, Data(data)),
        )
    }
}

/// Reads a node; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_aget(
    zh: *mut zhandle_t,
    path: *const c_char,
    watch: c_int,
    completion: data_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe {
        submit(zh, Operation::Get { path, watcher: Watcher::Own(watch) }, CallCompletion::Data(completion, Data(data)))
    }
}

/// Reads a node, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_awget(
    zh: *mut zhandle_t,
    path: *const c_char,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    completion: data_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe {
        submit(
            zh,
            Operation::Get { path, watcher: Watcher::Given(watcher, watcherCtx) },
            CallCompletion::Data(completion, Data(data)),
        )
    }
}

/// Reads the ensemble's configuration; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_agetconfig(
    zh: *mut zhandle_t,
    watch: c_int,
    completion: data_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe {
        submit(zh, Operation::GetConfig { watcher: Watcher::Own(watch) }, CallCompletion::Data(completion, Data(data)))
    }
}

/// Reads the ensemble's configuration, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_awgetconfig(
    zh: *mut zhandle_t,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    completion: data_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe {
        submit(
            zh,
            Operation::GetConfig { watcher: Watcher::Given(watcher, watcherCtx) },
            CallCompletion::Data(completion, Data(data)),
        )
    }
}

/// Changes the ensemble's members.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_areconfig(
    zh: *mut zhandle_t,
    joining: *const c_char,
    leaving: *const c_char,
    members: *const c_char,
    version: i64,
    dc: data_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe {
        submit(zh, Operation::Reconfig { joining, leaving, members, version }, CallCompletion::Data(dc, Data(data)))
    }
}

/// Writes a node.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_aset(
    zh: *mut zhandle_t,
    path: *const c_char,
    buffer: *const c_char,
    buflen: c_int,
    version: c_int,
    completion: stat_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe {
        submit(
            zh,
            Operation::Set { path, value: buffer, len: buflen, version },
            CallCompletion::Stat(completion, Data(data)),
        )
    }
}

/// Lists a node's children; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_aget_children(
    zh: *mut zhandle_t,
    path: *const c_char,
    watch: c_int,
    completion: strings_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe {
        submit(
            zh,
            Operation::GetChildren { path, watcher: Watcher::Own(watch), stat: false },
            CallCompletion::Strings(completion, Data(data)),
        )
    }
}

/// Lists a node's children, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_awget_children(
    zh: *mut zhandle_t,
    path: *const c_char,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    completion: strings_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe {
        submit(
            zh,
            Operation::GetChildren { path, watcher: Watcher::Given(watcher, watcherCtx), stat: false },
            CallCompletion::Strings(completion, Data(data)),
        )
    }
}

/// Lists a node's children and gives its status; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_aget_children2(
    zh: *mut zhandle_t,
    path: *const c_char,
    watch: c_int,
    completion: strings_stat_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe {
        submit(
            zh,
            Operation::GetChildren { path, watcher: Watcher::Own(watch), stat: true },
            CallCompletion::StringsStat(completion, Data(data)),
        )
    }
}

/// Lists a node's children and gives its status, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_awget_children2(
    zh: *mut zhandle_t,
    path: *const c_char,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    completion: strings_stat_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe {
        submit(
            zh,
            Operation::GetChildren { path, watcher: Watcher::Given(watcher, watcherCtx), stat: true },
            CallCompletion::StringsStat(completion, Data(data)),
        )
    }
}

/// Waits until the server has caught up with the leader.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_async(
    zh: *mut zhandle_t,
    path: *const c_char,
    completion: string_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe { submit(zh, Operation::Sync { path }, CallCompletion::Text(completion, Data(data))) }
}

/// Reads a node's access control list.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_aget_acl(
    zh: *mut zhandle_t,
    path: *const c_char,
    completion: acl_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe { submit(zh, Operation::GetAcl { path }, CallCompletion::Acl(completion, Data(data))) }
}

/// Replaces a node's access control list.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_aset_acl(
    zh: *mut zhandle_t,
    path: *const c_char,
    version: c_int,
    acl: *mut ACL_vector,
    completion: void_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe { submit(zh, Operation::SetAcl { path, version, acl }, CallCompletion::Void(completion, Data(data))) }
}
