//! An operation with its arguments as C passed them. An asynchronous function and its synchronous counterpart share one
//! operation. Owns the step from C's arguments to the core's request.
use super::callbacks::Watch;
use super::convert::{acl, path, text, value};
use super::entry::Zk;
use super::types::{ACL_vector, ZooWatcherType, watcher_fn};
use libc::{c_char, c_int, c_void};
use zk_core::code::Code;
use zk_core::path::{below_chroot, is_valid};
use zk_core::request::{self, Request};
use zk_core::watches::{Removal, WatchKind};

/// The time to live of calls without one.
///
/// cbindgen:ignore
pub const NO_TTL: i64 = -1;

/// Which watcher a read leaves behind.
#[derive(Clone, Copy, Debug)]
pub enum Watcher {
    /// The argument `watch`: the handle's own watcher, as it is now, unless 0.
    Own(c_int),
    /// The arguments `watcher` and `watcherCtx`: none for a null function.
    Given(watcher_fn, *mut c_void),
}

impl Watcher {
    #[inline]
    fn of(self, handle: &Zk) -> Option<Watch> {
        match self {
            Watcher::Own(0) => None,
            Watcher::Own(_) => Some(Watch::own(&handle.own_watch)),
            Watcher::Given(function, context) => Watch::new(function, context),
        }
    }
}

/// An operation. Every pointer is the application's and is read only while the call lasts.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the fields are the arguments of the C functions")]
pub enum Operation {
    Create {
        path: *const c_char,
        value: *const c_char,
        len: c_int,
        acl: *const ACL_vector,
        mode: c_int,
        ttl: i64,
        stat: bool,
    },
    Delete {
        path: *const c_char,
        version: c_int,
    },
    Exists {
        path: *const c_char,
        watcher: Watcher,
    },
    Get {
        path: *const c_char,
        watcher: Watcher,
    },
    GetConfig {
        watcher: Watcher,
    },
    Reconfig {
        joining: *const c_char,
        leaving: *const c_char,
        members: *const c_char,
        version: i64,
    },
    Set {
        path: *const c_char,
        value: *const c_char,
        len: c_int,
        version: c_int,
    },
    GetChildren {
        path: *const c_char,
        watcher: Watcher,
        stat: bool,
    },
    Sync {
        path: *const c_char,
    },
    GetAcl {
        path: *const c_char,
    },
    SetAcl {
        path: *const c_char,
        version: c_int,
        acl: *const ACL_vector,
    },
    RemoveWatches {
        path: *const c_char,
        wtype: ZooWatcherType,
        watcher: Watcher,
        local: c_int,
    },
    AddWatch {
        path: *const c_char,
        mode: c_int,
        watcher: Watcher,
    },
    WhoAmI,
    GetEphemerals {
        prefix: *const c_char,
    },
    GetAllChildrenNumber {
        path: *const c_char,
    },
}

impl Operation {
    /// Runs `body` with the request.
    ///
    /// Errors: `BadArguments` for a null path; what `body` returns.
    ///
    /// # Safety
    /// The contract of [`super`].
    pub(super) unsafe fn with_request<R>(
        &self,
        handle: &Zk,
        body: impl FnOnce(&Request<'_, Watch>) -> Result<R, Code>,
    ) -> Result<R, Code> {
        // SAFETY: the caller's promise; nothing read here outlives the call.
        unsafe {
            match *self {
                Operation::Create { path: at, value: bytes, len, acl: list, mode, ttl, stat } => {
                    let (path, data, acl) = (path(at)?, value(bytes, len)?, acl(list));
                    body(&Request::Create(request::Create { path, data, acl: &acl, mode, ttl, stat }))
                }
                Operation::Delete { path: at, version } => body(&Request::Delete { path: path(at)?, version }),
                Operation::Exists { path: at, watcher } => {
                    body(&Request::Exists { path: path(at)?, watcher: watcher.of(handle) })
                }
                Operation::Get { path: at, watcher } => {
                    body(&Request::GetData { path: path(at)?, watcher: watcher.of(handle) })
                }
                // divergence: zoo_getconfig and zoo_wgetconfig read ZOO_CONFIG_NODE whatever the chroot; stock looks for it below the chroot.
                Operation::GetConfig { watcher } => body(&Request::GetConfig { watcher: watcher.of(handle) }),
                Operation::Reconfig { joining, leaving, members, version } => {
                    let (joining, leaving, members) = (text(joining), text(leaving), text(members));
                    body(&Request::Reconfig { joining, leaving, members, version })
                }
                Operation::Set { path: at, value: bytes, len, version } => {
                    body(&Request::SetData { path: path(at)?, data: value(bytes, len)?, version })
                }
                Operation::GetChildren { path: at, watcher, stat } => {
                    body(&Request::GetChildren { path: path(at)?, watcher: watcher.of(handle), stat })
                }
                Operation::Sync { path: at } => body(&Request::Sync { path: path(at)? }),
                Operation::GetAcl { path: at } => body(&Request::GetAcl { path: path(at)? }),
                Operation::SetAcl { path: at, version, acl: list } => {
                    body(&Request::SetAcl { path: path(at)?, acl: &acl(list), version })
                }
                Operation::RemoveWatches { path: at, wtype, watcher, local } => {
                    let path = path(at)?;
                    let Some(kind) = i32::try_from(wtype).ok().and_then(Removal::from_i32) else {
                        return Err(unknown_removal(handle, path, local != 0));
                    };
                    // divergence: zoo_aremove_watches and zoo_aremove_all_watches with local=1 remove the watch and call the completion; stock crashes.
                    body(&Request::RemoveWatches { path, kind, watcher: watcher.of(handle), local: local != 0 })
                }
                Operation::AddWatch { path: at, mode, watcher } => {
                    let kind = WatchKind::from_mode(mode).ok_or(Code::BadArguments)?;
                    let watcher = watcher.of(handle).ok_or(Code::BadArguments)?;
                    body(&Request::AddWatch { path: path(at)?, kind, watcher })
                }
                Operation::WhoAmI => body(&Request::WhoAmI),
                Operation::GetEphemerals { prefix } => body(&Request::GetEphemerals { prefix: path(prefix)? }),
                Operation::GetAllChildrenNumber { path: at } => {
                    body(&Request::GetAllChildrenNumber { path: path(at)? })
                }
            }
        }
    }
}

/// The code that stock returns for a kind of watch that does not exist: stock checks the path, then the session, and
/// then finds no watcher.
#[cold]
fn unknown_removal(handle: &Zk, path: &[u8], is_local: bool) -> Code {
    let server_path = [&handle.chroot, below_chroot(&handle.chroot, path)].concat();
    if !is_valid(&server_path, false) {
        Code::BadArguments
    } else if !is_local && handle.peek(zk_core::session::Session::is_unrecoverable) {
        Code::InvalidState
    } else {
        Code::NoWatcher
    }
}
