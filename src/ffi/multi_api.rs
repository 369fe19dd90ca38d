//! Transactions: the operations' constructors, the two calls, and the results.
use super::callbacks::{CallCompletion, Data, client_path};
use super::convert::{acl, path, put_stat, put_text, value};
use super::entry::call;
use super::types::{
    ACL_vector, Stat, void_completion_t, zhandle_t, zoo_check_op_args, zoo_create_op_args, zoo_delete_op_args, zoo_op,
    zoo_op_args, zoo_op_result_t, zoo_op_t, zoo_set_op_args,
};
use libc::{c_char, c_int, c_void};
use std::ptr::null_mut;
use std::slice;
use zk_core::code::Code;
use zk_core::frames::Frame;
use zk_core::multi::{MultiOp, MultiResult, MultiResults};
use zk_core::proto::op;
use zk_core::request::{Request, mode};

/// Where one operation's result goes. Each kind writes its own fields of the caller's `zoo_op_result_t` only, as stock
/// does; the other fields keep what the application put there.
#[derive(Clone, Copy, Debug)]
enum Place {
    Path { buffer: *mut c_char, room: c_int },
    Stat(*mut Stat),
    Code,
}

/// Where the results of a transaction go: the caller's array, and the caller's buffers.
#[derive(Debug)]
pub(super) struct Results {
    places: Vec<Place>,
    results: *mut zoo_op_result_t,
}

// SAFETY: the application keeps the array and the buffers alive until its completion is called, on whatever thread.
unsafe impl Send for Results {}

impl Results {
    // divergence: zoo_multi refused as a whole (by a read-only server, say) returns the code, with which every result is
    // filled; stock aborts the process.
    /// Writes all results. The code of the whole transaction is the first failure that is more than "another operation
    /// failed".
    pub(super) fn fill(&self, chroot: &[u8], reply: Result<Frame, Code>) -> Result<(), Code> {
        let whole = match &reply {
            Ok(_) => Code::Ok,
            Err(code) => *code,
        };
        let frame = reply.unwrap_or_else(|_| Frame::from(Vec::new()));
        let mut results = MultiResults::new(frame.bytes());
        let mut first = whole;
        for (at, place) in self.places.iter().enumerate() {
            let result = if whole == Code::Ok {
                match results.read() {
                    Ok(Some(result)) => result,
                    Ok(None) | Err(_) => MultiResult::Failed(Code::MarshallingError),
                }
            } else {
                MultiResult::Failed(whole)
            };
            if let MultiResult::Failed(code) = result
                && !matches!(code, Code::Ok | Code::RuntimeInconsistency)
                && first == Code::Ok
            {
                first = code;
            }
            // SAFETY: the array has as many entries as there are places, by the contract of `super`.
            unsafe { self.put(at, place, chroot, &result) };
        }
        if first == Code::Ok { Ok(()) } else { Err(first) }
    }

    /// # Safety
    /// `at` is within the caller's array.
    unsafe fn put(&self, at: usize, place: &Place, chroot: &[u8], result: &MultiResult<'_>) {
        let failed = if let MultiResult::Failed(code) = result { Some(code.to_i32()) } else { None };
        // SAFETY: the buffers are the caller's, with the room the caller stated; only fields of the entry are written.
        unsafe {
            let out = self.results.add(at);
            (*out).err = failed.unwrap_or(0);
            match *place {
                Place::Path { buffer, room } => {
                    if let MultiResult::Create(path, _) = result {
                        put_text(buffer, room, client_path(chroot, path));
                    }
                    (*out).value = if failed.is_none() { buffer } else { null_mut() };
                    (*out).valuelen = room;
                }
                Place::Stat(stat) => {
                    if let MultiResult::SetData(from) = result {
                        put_stat(stat, from);
                    }
                    (*out).stat = if failed.is_none() { stat } else { null_mut() };
                }
                Place::Code => {}
            }
        }
    }
}

/// The operations of a call and where their results go.
// divergence: A transaction that is refused before it is sent (a bad path, an ended session) returns the code, ZINVALIDSTATE for an ended session, and writes no results; stock frees twice and aborts, or returns ZMARSHALLINGERROR.
///
/// # Safety
/// The contract of [`super`]; the operations must not outlive the call.
pub(super) unsafe fn read<'a>(
    count: c_int,
    ops: *const zoo_op_t,
    results: *mut zoo_op_result_t,
) -> Result<(Vec<MultiOp<'a>>, Results), Code> {
    // A negative count is an empty transaction, as on stock.
    let count = usize::try_from(count).unwrap_or(0);
    if count > 0 && (ops.is_null() || results.is_null()) {
        return Err(Code::BadArguments);
    }
    let mut out = Results { places: Vec::with_capacity(count), results };
    let mut list = Vec::with_capacity(count);
    // SAFETY: `count` operations by the contract; the type of each says which member of the union holds.
    unsafe {
        let ops = if count == 0 { &[] } else { slice::from_raw_parts(ops, count) };
        for item in ops {
            let (op, place) = match item.r#type {
                // divergence: A container in a transaction works; stock aborts when the answer comes.
                op::CREATE | op::CREATE_CONTAINER => {
                    let args = item.args.create_op;
                    let data = value(args.data, args.datalen)?;
                    let op = MultiOp::Create {
                        path: sub_path(args.path)?,
                        data,
                        acl: acl(args.acl).to_vec(),
                        mode: args.flags,
                    };
                    (op, Place::Path { buffer: args.buf, room: args.buflen })
                }
                op::DELETE => {
                    let args = item.args.delete_op;
                    (MultiOp::Delete { path: sub_path(args.path)?, version: args.version }, Place::Code)
                }
                op::SET_DATA => {
                    let args = item.args.set_op;
                    let data = value(args.data, args.datalen)?;
                    let op = MultiOp::SetData { path: sub_path(args.path)?, data, version: args.version };
                    (op, Place::Stat(args.stat))
                }
                op::CHECK => {
                    let args = item.args.check_op;
                    (MultiOp::Check { path: sub_path(args.path)?, version: args.version }, Place::Code)
                }
                other => (MultiOp::Unsupported(other), Place::Code),
            };
            list.push(op);
            out.places.push(place);
        }
    }
    Ok((list, out))
}

/// A missing path inside a transaction gets the code that a bad path gets there.
unsafe fn sub_path<'a>(pointer: *const c_char) -> Result<&'a [u8], Code> {
    // SAFETY: the contract of `super`.
    unsafe { path(pointer) }.map_err(|_| Code::MarshallingError)
}

/// Runs `count` operations as one transaction; `results` and the buffers of the operations are written to until the
/// completion is called.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_amulti(
    zh: *mut zhandle_t,
    count: c_int,
    ops: *const zoo_op_t,
    results: *mut zoo_op_result_t,
    completion: void_completion_t,
    data: *const c_void,
) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |handle| {
            let (ops, results) = read(count, ops, results)?;
            let completion = CallCompletion::Multi(Box::new(results), completion, Data(data));
            handle.with_request(|session, now| session.submit(now, &Request::Multi(&ops), completion))
        })
    }
}

/// # Safety
/// `place` is null or valid for writes.
pub(super) unsafe fn init(place: *mut zoo_op_t, kind: c_int, args: zoo_op_args) {
    if !place.is_null() {
        // SAFETY: not null, so valid.
        unsafe { place.write(zoo_op { r#type: kind, args }) }
    }
}

/// Fills in an operation that creates a node; the new path goes to `path_buffer`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_create_op_init(
    op: *mut zoo_op_t,
    path: *const c_char,
    value: *const c_char,
    valuelen: c_int,
    acl: *const ACL_vector,
    mode: c_int,
    path_buffer: *mut c_char,
    path_buffer_len: c_int,
) {
    let args = create_args(path, value, valuelen, acl, mode, path_buffer, path_buffer_len);
    // SAFETY: the contract of `super`.
    unsafe { init(op, create_kind(mode, op::CREATE), args) }
}

/// Fills in an operation that creates a node and would return its status; transactions refuse it, as on stock.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_create2_op_init(
    op: *mut zoo_op_t,
    path: *const c_char,
    value: *const c_char,
    valuelen: c_int,
    acl: *const ACL_vector,
    mode: c_int,
    path_buffer: *mut c_char,
    path_buffer_len: c_int,
) {
    let args = create_args(path, value, valuelen, acl, mode, path_buffer, path_buffer_len);
    // SAFETY: the contract of `super`.
    unsafe { init(op, create_kind(mode, op::CREATE2), args) }
}

/// The operation type for a node of that mode: `plain`, unless the mode has an operation type of its own.
fn create_kind(mode: c_int, plain: c_int) -> c_int {
    match mode {
        mode::CONTAINER => op::CREATE_CONTAINER,
        _ if mode::has_ttl(mode) => op::CREATE_TTL,
        _ => plain,
    }
}

fn create_args(
    path: *const c_char,
    data: *const c_char,
    datalen: c_int,
    acl: *const ACL_vector,
    flags: c_int,
    buf: *mut c_char,
    buflen: c_int,
) -> zoo_op_args {
    zoo_op_args { create_op: zoo_create_op_args { path, data, datalen, buf, buflen, acl, flags, ttl: 0 } }
}

/// Fills in an operation that deletes a node.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_delete_op_init(op: *mut zoo_op_t, path: *const c_char, version: c_int) {
    // SAFETY: the contract of `super`.
    unsafe { init(op, op::DELETE, zoo_op_args { delete_op: zoo_delete_op_args { path, version } }) }
}

/// Fills in an operation that writes a node; its status goes to `stat`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_set_op_init(
    op: *mut zoo_op_t,
    path: *const c_char,
    buffer: *const c_char,
    buflen: c_int,
    version: c_int,
    stat: *mut Stat,
) {
    let args = zoo_set_op_args { path, data: buffer, datalen: buflen, version, stat };
    // SAFETY: the contract of `super`.
    unsafe { init(op, op::SET_DATA, zoo_op_args { set_op: args }) }
}

/// Fills in an operation that checks a node's version.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_check_op_init(op: *mut zoo_op_t, path: *const c_char, version: c_int) {
    // SAFETY: the contract of `super`.
    unsafe { init(op, op::CHECK, zoo_op_args { check_op: zoo_check_op_args { path, version } }) }
}
