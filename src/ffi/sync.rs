//! Synchronous calls: the asynchronous path with a caller that waits. Owns the translation of a reply into the caller's
//! memory.
//! The exported functions are in the package `mt`: the single-threaded library has none of them.
//!
//! As on Apache's library, a wait is a cancellation point: a cancelled thread ends when its call is over and has
//! released everything, so these functions may be unwound.
use super::callbacks::{CallCompletion, Exact, Watch, acl_list, client_infos, client_path, ephemerals};
use super::callout;
use super::convert::{put_stat, put_text};
use super::entry::{Zk, call};
use super::multi_api;
use super::multi_read_api;
use super::operation::Operation;
use super::owned;
use super::sync_waiter::SyncWaiter;
use super::types::{ACL_vector, ClientInfo_vector, Stat, String_vector, zhandle_t, zoo_op_result_t, zoo_op_t};
use crate::sys::cancel;
use libc::{c_char, c_int};
use std::sync::Arc;
use zk_core::code::Code;
use zk_core::frames::Frame;
use zk_core::jute::Malformed;
use zk_core::reply;
use zk_core::request::Request;
use zk_core::session::Session;

/// The kind of reply, and the memory of the caller that it is written to. On an error that memory is unchanged.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the fields are the arguments of the C functions")]
pub enum ReplyTo {
    /// The code alone.
    Code,
    Stat(*mut Stat),
    Path {
        buffer: *mut c_char,
        room: c_int,
    },
    PathStat {
        buffer: *mut c_char,
        room: c_int,
        stat: *mut Stat,
    },
    Data {
        buffer: *mut c_char,
        len: *mut c_int,
        stat: *mut Stat,
    },
    Strings(*mut String_vector),
    StringsStat(*mut String_vector, *mut Stat),
    Acl(*mut ACL_vector, *mut Stat),
    Int(*mut c_int),
    ClientInfos(*mut ClientInfo_vector),
    Ephemerals(*mut String_vector),
}

/// Asks the server and waits for its reply; returns the code of the C function.
///
/// # Safety
/// The contract of [`super`].
pub unsafe fn wait(zh: *mut zhandle_t, operation: Operation, to: ReplyTo) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        call_and_wait(zh, |handle| {
            to.check()?;
            let frame = operation.with_request(handle, |request| exchange(handle, request))??;
            to.write(&handle.chroot, frame.bytes())
        })
    }
}

/// [`wait`] for a transaction of `count` operations.
///
/// # Safety
/// The contract of [`super`].
pub unsafe fn wait_multi(
    zh: *mut zhandle_t,
    count: c_int,
    ops: *const zoo_op_t,
    results: *mut zoo_op_result_t,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        call_and_wait(zh, |handle| {
            let (ops, results) = multi_api::read(count, ops, results)?;
            let answer = exchange(handle, &Request::Multi(&ops))?;
            results.fill(&handle.chroot, answer)
        })
    }
}

/// [`wait`] for `count` reads with one request.
///
/// # Safety
/// The contract of [`super`].
pub unsafe fn wait_multi_read(
    zh: *mut zhandle_t,
    count: c_int,
    ops: *const zoo_op_t,
    results: *mut zoo_op_result_t,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        call_and_wait(zh, |handle| {
            let (ops, results) = multi_read_api::read(count, ops, results)?;
            let answer = exchange(handle, &Request::MultiRead(&ops))?;
            results.fill(answer)
        })
    }
}

/// [`call`], followed by the cancellation point.
///
/// # Safety
/// The contract of [`super`].
unsafe fn call_and_wait(zh: *mut zhandle_t, body: impl FnOnce(&Arc<Zk>) -> Result<(), Code>) -> c_int {
    // SAFETY: the caller's promise.
    let code = unsafe { call(zh, body) };
    cancel::end_if_cancelled();
    code
}

/// Sends a request and waits for its reply. The outer error means that the request was not sent.
fn exchange(handle: &Zk, request: &Request<'_, Watch>) -> Result<Result<Frame, Code>, Code> {
    // divergence: A sync call in a log callback on the library's I/O thread returns ZSYSTEMERROR; on stock it hangs.
    // The same holds for a handle of the single-threaded library in a program with both: no thread would receive the
    // reply.
    if callout::is_io_thread(handle) || handle.is_pumped() {
        return Err(Code::SystemError);
    }
    let (waiter, sender) = SyncWaiter::new();
    let submit =
        |session: &mut Session<CallCompletion, Watch>, now| session.submit(now, request, CallCompletion::Sync(sender));
    handle.submit_and_receive(submit, || waiter.is_filled())?;
    Ok(waiter.wait())
}

fn read<T>(result: Result<T, Malformed>) -> Result<T, Code> {
    result.map_err(|Malformed| {
        log::error!(target: "process_sync_completion", "the server's reply cannot be read");
        Code::MarshallingError
    })
}

impl ReplyTo {
    /// Finds bad arguments before anything is sent.
    fn check(self) -> Result<(), Code> {
        match self {
            ReplyTo::Data { len, .. } if len.is_null() => Err(Code::BadArguments),
            // These calls yield nothing else; stock's calls take null for "not wanted".
            ReplyTo::Int(place) if place.is_null() => Err(Code::BadArguments),
            ReplyTo::ClientInfos(place) if place.is_null() => Err(Code::BadArguments),
            ReplyTo::Ephemerals(place) if place.is_null() => Err(Code::BadArguments),
            _ => Ok(()),
        }
    }

    /// Writes a reply into the caller's memory; null pointers are skipped.
    ///
    /// # Safety
    /// The contract of [`super`].
    unsafe fn write(self, chroot: &[u8], reply: &[u8]) -> Result<(), Code> {
        // SAFETY: the caller's promise: places are null or valid for their type, buffers have the room stated.
        unsafe {
            match self {
                ReplyTo::Code => {}
                ReplyTo::Stat(stat) => put_stat(stat, &read(reply::stat(reply))?),
                ReplyTo::Path { buffer, room } => {
                    put_text(buffer, room, client_path(chroot, read(reply::path(reply))?));
                }
                ReplyTo::PathStat { buffer, room, stat } => {
                    let (path, found) = read(reply::path_stat(reply))?;
                    put_stat(stat, &found);
                    put_text(buffer, room, client_path(chroot, path));
                }
                ReplyTo::Data { buffer, len, stat } => {
                    let (data, found) = read(reply::data(reply))?;
                    put_stat(stat, &found);
                    put_data(buffer, len, data);
                }
                ReplyTo::Strings(strings) => put_strings(strings, &read(reply::children(reply))?)?,
                ReplyTo::StringsStat(strings, stat) => {
                    let (names, found) = read(reply::children_stat(reply))?;
                    put_strings(strings, &names)?;
                    put_stat(stat, &found);
                }
                ReplyTo::Int(place) => place.write(read(reply::all_children_number(reply))?),
                ReplyTo::ClientInfos(place) => {
                    place.write(client_infos(&read(reply::client_infos(reply))?)?.into_raw());
                }
                ReplyTo::Ephemerals(place) => {
                    place.write(ephemerals(chroot, &read(reply::ephemerals(reply))?)?.into_raw());
                }
                ReplyTo::Acl(acl, stat) => {
                    let (entries, found) = read(reply::acls(reply))?;
                    if !acl.is_null() {
                        acl.write(acl_list(&entries)?.into_raw());
                    }
                    put_stat(stat, &found);
                }
            }
        }
        Ok(())
    }
}

/// Writes at most `*len` bytes; `*len` becomes the number written, or -1 for a node without data.
///
/// # Safety
/// `len` is valid, and `buffer` is null or has `*len` bytes.
pub(super) unsafe fn put_data(buffer: *mut c_char, len: *mut c_int, data: Option<&[u8]>) {
    // SAFETY: the caller's promise.
    unsafe {
        let Some(data) = data else { return len.write(-1) };
        // divergence: A negative *buffer_len counts as no room in zoo_get and its relatives; stock copies as many bytes as it is when taken for unsigned.
        let room = if buffer.is_null() { 0 } else { usize::try_from(len.read()).unwrap_or(0) };
        let written = data.len().min(room);
        if written > 0 {
            buffer.cast::<u8>().copy_from_nonoverlapping(data.as_ptr(), written);
        }
        len.write(c_int::try_from(written).unwrap_or(c_int::MAX));
    }
}

/// # Safety
/// `place` is null or valid for writes.
pub(super) unsafe fn put_strings(place: *mut String_vector, names: &reply::Strings<'_>) -> Result<(), Code> {
    if !place.is_null() {
        let list = owned::string_vector(Exact(names.iter(), names.count()))?;
        // SAFETY: not null, so valid.
        unsafe { place.write(list.into_raw()) };
    }
    Ok(())
}
