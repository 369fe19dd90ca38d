//! The asynchronous calls: each turns its arguments into a request and a completion. Every error found here is returned
//! and the completion is not called; with `ZOK` it is called exactly once, on the completion thread.
#![allow(non_snake_case, reason = "the names are the C interface's")]
use super::callbacks::{Data, Done, Watch};
use super::convert::{acl, path, text, value};
use super::entry::{Zk, call};
use super::types::{
    ACL_vector, ZooWatcherType, acl_completion_t, data_completion_t, stat_completion_t, string_completion_t,
    string_stat_completion_t, strings_completion_t, strings_stat_completion_t, void_completion_t, watcher_fn,
    zhandle_t,
};
use libc::{c_char, c_int, c_void};
use zk_core::code::Code;
use zk_core::request::{Create, Request};
use zk_core::watches::Removal;

/// Hands a request to the session.
pub(super) fn submit(handle: &Zk, request: &Request<'_, Watch>, done: Done) -> Result<(), Code> {
    handle.with_request(|session, now| session.submit(now, request, done))
}

/// The watcher that a `watch` argument asks for: the handle's own, as it is now.
pub(super) fn own_watcher(handle: &Zk, watch: c_int) -> Option<Watch> {
    (watch != 0).then(|| handle.peek(|session| *session.default_watcher()))
}

/// What a call that creates a node was given.
pub(super) struct CreateArgs {
    pub(super) path: *const c_char,
    pub(super) value: *const c_char,
    pub(super) len: c_int,
    pub(super) acl: *const ACL_vector,
    pub(super) mode: c_int,
    pub(super) ttl: i64,
    pub(super) stat: bool,
}

impl CreateArgs {
    /// Runs `body` with the request.
    ///
    /// # Safety
    /// The contract of [`super`].
    pub(super) unsafe fn with<R>(&self, body: impl FnOnce(&Request<'_, Watch>) -> Result<R, Code>) -> Result<R, Code> {
        // SAFETY: the caller's promise; nothing outlives the call.
        let (path, data, acl) = unsafe { (path(self.path)?, value(self.value, self.len), acl(self.acl)) };
        body(&Request::Create(Create { path, data, acl: &acl, mode: self.mode, ttl: self.ttl, stat: self.stat }))
    }
}

/// Time to live of calls that have none.
pub(super) const NO_TTL: i64 = -1;

/// Creates a node.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_acreate(
    zh: *mut zhandle_t,
    path: *const c_char,
    value: *const c_char,
    valuelen: c_int,
    acl: *const ACL_vector,
    mode: c_int,
    completion: string_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            CreateArgs { path, value, len: valuelen, acl, mode, ttl: NO_TTL, stat: false }
                .with(|request| submit(zh, request, Done::Text(completion, Data(data))))
        })
    }
}

/// Creates a node with a time to live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_acreate_ttl(
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
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            CreateArgs { path, value, len: valuelen, acl, mode, ttl, stat: false }
                .with(|request| submit(zh, request, Done::Text(completion, Data(data))))
        })
    }
}

/// Creates a node and gives its status.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_acreate2(
    zh: *mut zhandle_t,
    path: *const c_char,
    value: *const c_char,
    valuelen: c_int,
    acl: *const ACL_vector,
    mode: c_int,
    completion: string_stat_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            CreateArgs { path, value, len: valuelen, acl, mode, ttl: NO_TTL, stat: true }
                .with(|request| submit(zh, request, Done::TextStat(completion, Data(data))))
        })
    }
}

/// Creates a node with a time to live and gives its status.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_acreate2_ttl(
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
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            CreateArgs { path, value, len: valuelen, acl, mode, ttl, stat: true }
                .with(|request| submit(zh, request, Done::TextStat(completion, Data(data))))
        })
    }
}

/// Deletes a node.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_adelete(
    zh: *mut zhandle_t,
    path: *const c_char,
    version: c_int,
    completion: void_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            submit(zh, &Request::Delete { path: self::path(path)?, version }, Done::Void(completion, Data(data)))
        })
    }
}

/// Looks for a node; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_aexists(
    zh: *mut zhandle_t,
    path: *const c_char,
    watch: c_int,
    completion: stat_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            submit(
                zh,
                &Request::Exists { path: self::path(path)?, watcher: own_watcher(zh, watch) },
                Done::Stat(completion, Data(data)),
            )
        })
    }
}

/// Looks for a node, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_awexists(
    zh: *mut zhandle_t,
    path: *const c_char,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    completion: stat_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            submit(
                zh,
                &Request::Exists { path: self::path(path)?, watcher: Watch::new(watcher, watcherCtx) },
                Done::Stat(completion, Data(data)),
            )
        })
    }
}

/// Reads a node; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_aget(
    zh: *mut zhandle_t,
    path: *const c_char,
    watch: c_int,
    completion: data_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            submit(
                zh,
                &Request::GetData { path: self::path(path)?, watcher: own_watcher(zh, watch) },
                Done::Data(completion, Data(data)),
            )
        })
    }
}

/// Reads a node, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_awget(
    zh: *mut zhandle_t,
    path: *const c_char,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    completion: data_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            submit(
                zh,
                &Request::GetData { path: self::path(path)?, watcher: Watch::new(watcher, watcherCtx) },
                Done::Data(completion, Data(data)),
            )
        })
    }
}

/// Reads the ensemble's configuration; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_agetconfig(
    zh: *mut zhandle_t,
    watch: c_int,
    completion: data_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            submit(zh, &Request::GetConfig { watcher: own_watcher(zh, watch) }, Done::Data(completion, Data(data)))
        })
    }
}

/// Reads the ensemble's configuration, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_awgetconfig(
    zh: *mut zhandle_t,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    completion: data_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            submit(
                zh,
                &Request::GetConfig { watcher: Watch::new(watcher, watcherCtx) },
                Done::Data(completion, Data(data)),
            )
        })
    }
}

/// Changes the ensemble's members.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_areconfig(
    zh: *mut zhandle_t,
    joining: *const c_char,
    leaving: *const c_char,
    members: *const c_char,
    version: i64,
    dc: data_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            submit(
                zh,
                &Request::Reconfig { joining: text(joining), leaving: text(leaving), members: text(members), version },
                Done::Data(dc, Data(data)),
            )
        })
    }
}

/// Writes a node.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_aset(
    zh: *mut zhandle_t,
    path: *const c_char,
    buffer: *const c_char,
    buflen: c_int,
    version: c_int,
    completion: stat_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            submit(
                zh,
                &Request::SetData { path: self::path(path)?, data: value(buffer, buflen), version },
                Done::Stat(completion, Data(data)),
            )
        })
    }
}

/// Lists a node's children; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_aget_children(
    zh: *mut zhandle_t,
    path: *const c_char,
    watch: c_int,
    completion: strings_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            submit(
                zh,
                &Request::GetChildren { path: self::path(path)?, watcher: own_watcher(zh, watch), stat: false },
                Done::Strings(completion, Data(data)),
            )
        })
    }
}

/// Lists a node's children, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_awget_children(
    zh: *mut zhandle_t,
    path: *const c_char,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    completion: strings_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            submit(
                zh,
                &Request::GetChildren {
                    path: self::path(path)?,
                    watcher: Watch::new(watcher, watcherCtx),
                    stat: false,
                },
                Done::Strings(completion, Data(data)),
            )
        })
    }
}

/// Lists a node's children and gives its status; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_aget_children2(
    zh: *mut zhandle_t,
    path: *const c_char,
    watch: c_int,
    completion: strings_stat_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            submit(
                zh,
                &Request::GetChildren { path: self::path(path)?, watcher: own_watcher(zh, watch), stat: true },
                Done::StringsStat(completion, Data(data)),
            )
        })
    }
}

/// Lists a node's children and gives its status, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_awget_children2(
    zh: *mut zhandle_t,
    path: *const c_char,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    completion: strings_stat_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            submit(
                zh,
                &Request::GetChildren { path: self::path(path)?, watcher: Watch::new(watcher, watcherCtx), stat: true },
                Done::StringsStat(completion, Data(data)),
            )
        })
    }
}

/// Waits until the server has caught up with the leader.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_async(
    zh: *mut zhandle_t,
    path: *const c_char,
    completion: string_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe { call(zh, |zh| submit(zh, &Request::Sync { path: self::path(path)? }, Done::Text(completion, Data(data)))) }
}

/// Reads a node's access control list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_aget_acl(
    zh: *mut zhandle_t,
    path: *const c_char,
    completion: acl_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| submit(zh, &Request::GetAcl { path: self::path(path)? }, Done::Acl(completion, Data(data))))
    }
}

/// Replaces a node's access control list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_aset_acl(
    zh: *mut zhandle_t,
    path: *const c_char,
    version: c_int,
    acl: *mut ACL_vector,
    completion: void_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            submit(
                zh,
                &Request::SetAcl { path: self::path(path)?, acl: &self::acl(acl), version },
                Done::Void(completion, Data(data)),
            )
        })
    }
}

/// Removes one watch. `completion` is the function itself, whatever the type says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_aremove_watches(
    zh: *mut zhandle_t,
    path: *const c_char,
    wtype: ZooWatcherType,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    local: c_int,
    completion: *mut void_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            let removal = RemovalArgs { path, wtype, watch: Watch::new(watcher, watcherCtx), local };
            removal.with(|request| submit(zh, request, Done::Void(as_function(completion), Data(data))))
        })
    }
}

/// Removes all watches of a kind. `completion` is the function itself, whatever the type says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_aremove_all_watches(
    zh: *mut zhandle_t,
    path: *const c_char,
    wtype: ZooWatcherType,
    local: c_int,
    completion: *mut void_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            let removal = RemovalArgs { path, wtype, watch: None, local };
            removal.with(|request| submit(zh, request, Done::Void(as_function(completion), Data(data))))
        })
    }
}

/// The header declares a pointer to a function pointer, but what programs pass is the function.
fn as_function(completion: *mut void_completion_t) -> void_completion_t {
    // SAFETY: null becomes `None`; anything else is a function by the contract of `super`.
    unsafe { std::mem::transmute::<*mut c_void, void_completion_t>(completion.cast()) }
}

/// What a call that removes watches was given.
pub(super) struct RemovalArgs {
    pub(super) path: *const c_char,
    pub(super) wtype: ZooWatcherType,
    pub(super) watch: Option<Watch>,
    pub(super) local: c_int,
}

impl RemovalArgs {
    /// Runs `body` with the request.
    ///
    /// # Safety
    /// The contract of [`super`].
    pub(super) unsafe fn with<R>(self, body: impl FnOnce(&Request<'_, Watch>) -> Result<R, Code>) -> Result<R, Code> {
        // SAFETY: the caller's promise; nothing outlives the call.
        let path = unsafe { path(self.path)? };
        let kind = i32::try_from(self.wtype).ok().and_then(Removal::from_i32).ok_or(Code::NoWatcher)?;
        body(&Request::RemoveWatches { path, kind, watcher: self.watch, local: self.local != 0 })
    }
}
