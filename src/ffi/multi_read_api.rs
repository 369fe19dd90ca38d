//! Several reads with one request: the operations' constructors, the asynchronous call, and the results.
use super::callbacks::{CallCompletion, Data};
use super::convert::{path, put_stat};
use super::entry::call;
use super::multi_api::init;
use super::sync::{put_data, put_strings};
use super::types::{
    Stat, String_vector, void_completion_t, zhandle_t, zoo_get_children_op_args, zoo_get_op_args, zoo_op_args,
    zoo_op_result_t, zoo_op_t,
};
use libc::{c_char, c_int, c_void};
use std::ptr::null_mut;
use std::slice;
use zk_core::code::Code;
use zk_core::frames::Frame;
use zk_core::multi_read::{ReadOp, ReadResult, ReadResults};
use zk_core::proto::op;
use zk_core::request::Request;

/// Where the result of one read goes.
#[derive(Clone, Copy, Debug)]
enum Place {
    Data { buffer: *mut c_char, room: c_int, stat: *mut Stat },
    Strings(*mut String_vector),
    None,
}

/// Where the results of all reads go: the caller's array, and the caller's buffers.
#[derive(Debug)]
pub(super) struct Results {
    places: Vec<Place>,
    results: *mut zoo_op_result_t,
}

// SAFETY: the application keeps the array and the buffers alive until its completion is called, on whatever thread.
unsafe impl Send for Results {}

impl Results {
    /// Writes all results. The code of the whole only says whether the server answered, because each read has its own
    /// failure.
    pub(super) fn fill(&self, reply: Result<Frame, Code>) -> Result<(), Code> {
        let (frame, mut whole) = match reply {
            Ok(frame) => (frame, Ok(())),
            Err(code) => (Frame::from(Vec::new()), Err(code)),
        };
        let mut results = ReadResults::new(frame.bytes());
        for (at, place) in self.places.iter().enumerate() {
            let result = match whole {
                Ok(()) => results.read().ok().flatten().unwrap_or_else(|| {
                    log::error!(target: "deserialize_response", "the server's reply to multi_read cannot be read");
                    whole = Err(Code::MarshallingError);
                    ReadResult::Failed(Code::MarshallingError)
                }),
                Err(code) => ReadResult::Failed(code),
            };
            // SAFETY: the array has as many entries as there are places, by the contract of `super`.
            unsafe { self.put(at, place, &result) };
        }
        whole
    }

    /// # Safety
    /// `at` is within the caller's array.
    unsafe fn put(&self, at: usize, place: &Place, result: &ReadResult<'_>) {
        let mut out = zoo_op_result_t { err: 0, value: null_mut(), valuelen: 0, stat: null_mut() };
        // SAFETY: the buffers are the caller's, with the room the caller stated.
        unsafe {
            match (place, result) {
                (Place::Data { buffer, room, stat }, ReadResult::Data(data, found)) => {
                    out.value = *buffer;
                    out.valuelen = *room;
                    out.stat = *stat;
                    put_data(*buffer, &raw mut out.valuelen, *data);
                    put_stat(*stat, found);
                }
                (Place::Strings(place), ReadResult::Children(names)) => {
                    out.err = put_strings(*place, names).err().unwrap_or(Code::Ok).to_i32();
                }
                (_, ReadResult::Failed(code)) => out.err = code.to_i32(),
                // A result of another kind than the request asked for.
                _ => out.err = Code::MarshallingError.to_i32(),
            }
            self.results.add(at).write(out);
        }
    }
}

/// The reads of a call and where their results go.
///
/// # Safety
/// The contract of [`super`]; the operations must not outlive the call.
pub(super) unsafe fn read<'a>(
    count: c_int,
    ops: *const zoo_op_t,
    results: *mut zoo_op_result_t,
) -> Result<(Vec<ReadOp<'a>>, Results), Code> {
    let count = usize::try_from(count).map_err(|_| Code::BadArguments)?;
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
                op::GET_DATA => {
                    let args = item.args.get_op;
                    let place = Place::Data { buffer: args.buf, room: args.buflen, stat: args.stat };
                    (ReadOp::Data { path: path(args.path)? }, place)
                }
                op::GET_CHILDREN => {
                    let args = item.args.get_children_op;
                    (ReadOp::Children { path: path(args.path)? }, Place::Strings(args.strings))
                }
                other => (ReadOp::Unsupported(other), Place::None),
            };
            list.push(op);
            out.places.push(place);
        }
    }
    Ok((list, out))
}

/// Does `count` reads with one request; `results` and the buffers of the operations are written to until the completion is
/// called.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_amulti_read(
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
            let completion = CallCompletion::MultiRead(Box::new(results), completion, Data(data));
            handle.with_request(|session, now| session.submit(now, &Request::MultiRead(&ops), completion))
        })
    }
}

/// Fills in an operation that reads a node.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_get_op_init(
    op: *mut zoo_op_t,
    path: *const c_char,
    buf: *mut c_char,
    buflen: c_int,
    stat: *mut Stat,
) {
    let args = zoo_op_args { get_op: zoo_get_op_args { path, buf, buflen, stat } };
    // SAFETY: the contract of `super`.
    unsafe { init(op, op::GET_DATA, args) }
}

/// Fills in an operation that lists a node's children.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_get_children_op_init(
    op: *mut zoo_op_t,
    path: *const c_char,
    strings: *mut String_vector,
) {
    let args = zoo_op_args { get_children_op: zoo_get_children_op_args { path, strings } };
    // SAFETY: the contract of `super`.
    unsafe { init(op, op::GET_CHILDREN, args) }
}
