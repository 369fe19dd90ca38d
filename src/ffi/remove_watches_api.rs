//! The asynchronous calls that remove watches. The contract is that of `async_api`.
#![allow(non_snake_case, reason = "the names are the C interface's")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "each function passes its arguments on, under the contract of `super`"
)]
use super::async_api::submit;
use super::callbacks::{CallCompletion, Data};
use super::operation::{Operation, Watcher};
use super::types::{ZooWatcherType, void_completion_t, watcher_fn, zhandle_t};
use libc::{c_char, c_int, c_void};

/// Removes one watch. `completion` is the function itself, although its type is a pointer to a function pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_aremove_watches(
    zh: *mut zhandle_t,
    path: *const c_char,
    wtype: ZooWatcherType,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    local: c_int,
    completion: *mut void_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe {
        submit(
            zh,
            Operation::RemoveWatches { path, wtype, watcher: Watcher::Given(watcher, watcherCtx), local },
            CallCompletion::Void(as_function(completion), Data(data)),
        )
    }
}

/// `zoo_aremove_watches` under its name in Apache's 3.5, for programs that were built against 3.5.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_aremove_watchers(
    zh: *mut zhandle_t,
    path: *const c_char,
    wtype: ZooWatcherType,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    local: c_int,
    completion: *mut void_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe {
        submit(
            zh,
            Operation::RemoveWatches { path, wtype, watcher: Watcher::Given(watcher, watcherCtx), local },
            CallCompletion::Void(as_function(completion), Data(data)),
        )
    }
}

/// Removes all watches of a kind. `completion` is the function itself, although its type is a pointer to a function
/// pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_aremove_all_watches(
    zh: *mut zhandle_t,
    path: *const c_char,
    wtype: ZooWatcherType,
    local: c_int,
    completion: *mut void_completion_t,
    data: *const c_void,
) -> c_int {
    unsafe {
        submit(
            zh,
            Operation::RemoveWatches { path, wtype, watcher: Watcher::Own(0), local },
            CallCompletion::Void(as_function(completion), Data(data)),
        )
    }
}

/// The header declares a pointer to a function pointer, but programs pass the function.
fn as_function(completion: *mut void_completion_t) -> void_completion_t {
    // Null becomes `None`; anything else is a function by the contract of `super`.
    unsafe { std::mem::transmute::<*mut c_void, void_completion_t>(completion.cast()) }
}
