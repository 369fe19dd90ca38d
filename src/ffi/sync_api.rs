//! The synchronous calls: the asynchronous path with a caller that waits, and the results written to where the caller
//! wants them. On an error the caller's memory is as it was.
#![allow(non_snake_case, reason = "the names are the C interface's")]
use super::async_api::{CreateArgs, NO_TTL, RemovalArgs, own_watcher};
use super::callbacks::{Done, Exact, Slot, Watch, acl_list, client_path};
use super::convert::{acl, path, put_stat, put_text, text, value};
use super::entry::{Zk, call};
use super::memory;
use super::types::{ACL_vector, Stat, String_vector, ZooWatcherType, watcher_fn, zhandle_t};
use libc::{c_char, c_int, c_void};
use zk_core::code::Code;
use zk_core::frames::Frame;
use zk_core::jute::Malformed;
use zk_core::reply;
use zk_core::request::Request;

/// Sends a request and waits for its reply. The outer error means that it was refused.
pub(super) fn exchange(handle: &Zk, request: &Request<'_, Watch>) -> Result<Result<Frame, Code>, Code> {
    let (slot, end) = Slot::new();
    let (submitted, lent) = handle.with_waiting(|session, now| session.submit(now, request, Done::Sync(end)));
    if let Some(transport) = lent {
        handle.receive_until(&transport, || slot.is_filled());
    }
    submitted?;
    Ok(slot.wait())
}

/// The same where it makes no difference.
fn wait(handle: &Zk, request: &Request<'_, Watch>) -> Result<Frame, Code> {
    exchange(handle, request)?
}

fn malformed(_: Malformed) -> Code {
    log::error!("the server's reply cannot be read");
    Code::MarshallingError
}

/// Where a caller wants a node's data.
struct DataPlace {
    buffer: *mut c_char,
    len: *mut c_int,
    stat: *mut Stat,
}

impl DataPlace {
    /// Sends a request for data and writes the reply: at most `*len` bytes, `*len` becomes what was written, or -1
    /// for a node without data.
    ///
    /// # Safety
    /// The contract of [`super`].
    unsafe fn fill(&self, handle: &Zk, request: &Request<'_, Watch>) -> Result<(), Code> {
        if self.len.is_null() {
            return Err(Code::BadArguments);
        }
        let frame = wait(handle, request)?;
        let (data, stat) = reply::data(frame.bytes()).map_err(malformed)?;
        // SAFETY: `len` is not null, and `buffer` has `*len` bytes by the contract.
        unsafe {
            put_stat(self.stat, &stat);
            let Some(data) = data else {
                self.len.write(-1);
                return Ok(());
            };
            let room = if self.buffer.is_null() { 0 } else { usize::try_from(self.len.read()).unwrap_or(0) };
            let len = data.len().min(room);
            if len > 0 {
                self.buffer.cast::<u8>().copy_from_nonoverlapping(data.as_ptr(), len);
            }
            self.len.write(c_int::try_from(len).unwrap_or(c_int::MAX));
        }
        Ok(())
    }
}

/// # Safety
/// The contract of [`super`].
unsafe fn create(
    handle: &Zk,
    args: &CreateArgs,
    buffer: *mut c_char,
    room: c_int,
    stat: *mut Stat,
) -> Result<(), Code> {
    // SAFETY: the caller's promise.
    unsafe {
        let frame = args.with(|request| wait(handle, request))?;
        let path = if args.stat {
            let (path, found) = reply::path_stat(frame.bytes()).map_err(malformed)?;
            put_stat(stat, &found);
            path
        } else {
            reply::path(frame.bytes()).map_err(malformed)?
        };
        put_text(buffer, room, client_path(&handle.chroot, path));
    }
    Ok(())
}

/// # Safety
/// The contract of [`super`].
unsafe fn exists(handle: &Zk, node: *const c_char, watcher: Option<Watch>, stat: *mut Stat) -> Result<(), Code> {
    // SAFETY: the caller's promise.
    unsafe {
        let frame = wait(handle, &Request::Exists { path: path(node)?, watcher })?;
        put_stat(stat, &reply::stat(frame.bytes()).map_err(malformed)?);
    }
    Ok(())
}

/// # Safety
/// The contract of [`super`].
unsafe fn set(handle: &Zk, request: &Request<'_, Watch>, stat: *mut Stat) -> Result<(), Code> {
    let frame = wait(handle, request)?;
    // SAFETY: the caller's promise.
    unsafe { put_stat(stat, &reply::stat(frame.bytes()).map_err(malformed)?) };
    Ok(())
}

/// # Safety
/// The contract of [`super`].
unsafe fn children(
    handle: &Zk,
    node: *const c_char,
    watcher: Option<Watch>,
    strings: *mut String_vector,
    stat: Option<*mut Stat>,
) -> Result<(), Code> {
    // SAFETY: the caller's promise.
    unsafe {
        let frame = wait(handle, &Request::GetChildren { path: path(node)?, watcher, stat: stat.is_some() })?;
        let names = if let Some(place) = stat {
            let (names, found) = reply::children_stat(frame.bytes()).map_err(malformed)?;
            put_stat(place, &found);
            names
        } else {
            reply::children(frame.bytes()).map_err(malformed)?
        };
        if !strings.is_null() {
            strings.write(memory::string_vector(Exact(names.iter(), names.count()))?.into_raw());
        }
    }
    Ok(())
}

/// Creates a node.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_create(
    zh: *mut zhandle_t,
    path: *const c_char,
    value: *const c_char,
    valuelen: c_int,
    acl: *const ACL_vector,
    mode: c_int,
    path_buffer: *mut c_char,
    path_buffer_len: c_int,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            let args = CreateArgs { path, value, len: valuelen, acl, mode, ttl: NO_TTL, stat: false };
            create(zh, &args, path_buffer, path_buffer_len, std::ptr::null_mut())
        })
    }
}

/// Creates a node with a time to live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_create_ttl(
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
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            let args = CreateArgs { path, value, len: valuelen, acl, mode, ttl, stat: false };
            create(zh, &args, path_buffer, path_buffer_len, std::ptr::null_mut())
        })
    }
}

/// Creates a node and gives its status.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_create2(
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
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            let args = CreateArgs { path, value, len: valuelen, acl, mode, ttl: NO_TTL, stat: true };
            create(zh, &args, path_buffer, path_buffer_len, stat)
        })
    }
}

/// Creates a node with a time to live and gives its status.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_create2_ttl(
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
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            let args = CreateArgs { path, value, len: valuelen, acl, mode, ttl, stat: true };
            create(zh, &args, path_buffer, path_buffer_len, stat)
        })
    }
}

/// Deletes a node.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_delete(zh: *mut zhandle_t, path: *const c_char, version: c_int) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe { call(zh, |zh| wait(zh, &Request::Delete { path: self::path(path)?, version }).map(|_| ())) }
}

/// Looks for a node; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_exists(zh: *mut zhandle_t, path: *const c_char, watch: c_int, stat: *mut Stat) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe { call(zh, |zh| exists(zh, path, own_watcher(zh, watch), stat)) }
}

/// Looks for a node, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_wexists(
    zh: *mut zhandle_t,
    path: *const c_char,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    stat: *mut Stat,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe { call(zh, |zh| exists(zh, path, Watch::new(watcher, watcherCtx), stat)) }
}

/// Reads a node; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_get(
    zh: *mut zhandle_t,
    path: *const c_char,
    watch: c_int,
    buffer: *mut c_char,
    buffer_len: *mut c_int,
    stat: *mut Stat,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            let request = Request::GetData { path: self::path(path)?, watcher: own_watcher(zh, watch) };
            DataPlace { buffer, len: buffer_len, stat }.fill(zh, &request)
        })
    }
}

/// Reads a node, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_wget(
    zh: *mut zhandle_t,
    path: *const c_char,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    buffer: *mut c_char,
    buffer_len: *mut c_int,
    stat: *mut Stat,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            let request = Request::GetData { path: self::path(path)?, watcher: Watch::new(watcher, watcherCtx) };
            DataPlace { buffer, len: buffer_len, stat }.fill(zh, &request)
        })
    }
}

/// Reads the ensemble's configuration; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_getconfig(
    zh: *mut zhandle_t,
    watch: c_int,
    buffer: *mut c_char,
    buffer_len: *mut c_int,
    stat: *mut Stat,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            DataPlace { buffer, len: buffer_len, stat }
                .fill(zh, &Request::GetConfig { watcher: own_watcher(zh, watch) })
        })
    }
}

/// Reads the ensemble's configuration, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_wgetconfig(
    zh: *mut zhandle_t,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    buffer: *mut c_char,
    buffer_len: *mut c_int,
    stat: *mut Stat,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            DataPlace { buffer, len: buffer_len, stat }
                .fill(zh, &Request::GetConfig { watcher: Watch::new(watcher, watcherCtx) })
        })
    }
}

/// Changes the ensemble's members and gives the new configuration.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_reconfig(
    zh: *mut zhandle_t,
    joining: *const c_char,
    leaving: *const c_char,
    members: *const c_char,
    version: i64,
    buffer: *mut c_char,
    buffer_len: *mut c_int,
    stat: *mut Stat,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            let lists = (text(joining), text(leaving), text(members));
            let request = Request::Reconfig { joining: lists.0, leaving: lists.1, members: lists.2, version };
            DataPlace { buffer, len: buffer_len, stat }.fill(zh, &request)
        })
    }
}

/// Writes a node.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_set(
    zh: *mut zhandle_t,
    path: *const c_char,
    buffer: *const c_char,
    buflen: c_int,
    version: c_int,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            let request = Request::SetData { path: self::path(path)?, data: value(buffer, buflen), version };
            set(zh, &request, std::ptr::null_mut())
        })
    }
}

/// Writes a node and gives its status.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_set2(
    zh: *mut zhandle_t,
    path: *const c_char,
    buffer: *const c_char,
    buflen: c_int,
    version: c_int,
    stat: *mut Stat,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            let request = Request::SetData { path: self::path(path)?, data: value(buffer, buflen), version };
            set(zh, &request, stat)
        })
    }
}

/// Lists a node's children; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_get_children(
    zh: *mut zhandle_t,
    path: *const c_char,
    watch: c_int,
    strings: *mut String_vector,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe { call(zh, |zh| children(zh, path, own_watcher(zh, watch), strings, None)) }
}

/// Lists a node's children, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_wget_children(
    zh: *mut zhandle_t,
    path: *const c_char,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    strings: *mut String_vector,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe { call(zh, |zh| children(zh, path, Watch::new(watcher, watcherCtx), strings, None)) }
}

/// Lists a node's children and gives its status; `watch` asks for the handle's watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_get_children2(
    zh: *mut zhandle_t,
    path: *const c_char,
    watch: c_int,
    strings: *mut String_vector,
    stat: *mut Stat,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe { call(zh, |zh| children(zh, path, own_watcher(zh, watch), strings, Some(stat))) }
}

/// Lists a node's children and gives its status, with a watcher of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_wget_children2(
    zh: *mut zhandle_t,
    path: *const c_char,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    strings: *mut String_vector,
    stat: *mut Stat,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe { call(zh, |zh| children(zh, path, Watch::new(watcher, watcherCtx), strings, Some(stat))) }
}

/// Reads a node's access control list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_get_acl(
    zh: *mut zhandle_t,
    path: *const c_char,
    acl: *mut ACL_vector,
    stat: *mut Stat,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            let frame = wait(zh, &Request::GetAcl { path: self::path(path)? })?;
            let (entries, found) = reply::acls(frame.bytes()).map_err(malformed)?;
            put_stat(stat, &found);
            if !acl.is_null() {
                acl.write(acl_list(&entries)?.into_raw());
            }
            Ok(())
        })
    }
}

/// Replaces a node's access control list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_set_acl(
    zh: *mut zhandle_t,
    path: *const c_char,
    version: c_int,
    acl: *const ACL_vector,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| wait(zh, &Request::SetAcl { path: self::path(path)?, acl: &self::acl(acl), version }).map(|_| ()))
    }
}

/// Removes one watch.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_remove_watches(
    zh: *mut zhandle_t,
    path: *const c_char,
    wtype: ZooWatcherType,
    watcher: watcher_fn,
    watcherCtx: *mut c_void,
    local: c_int,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| {
            let removal = RemovalArgs { path, wtype, watch: Watch::new(watcher, watcherCtx), local };
            removal.with(|request| wait(zh, request)).map(|_| ())
        })
    }
}

/// Removes all watches of a kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_remove_all_watches(
    zh: *mut zhandle_t,
    path: *const c_char,
    wtype: ZooWatcherType,
    local: c_int,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |zh| RemovalArgs { path, wtype, watch: None, local }.with(|request| wait(zh, request)).map(|_| ()))
    }
}
