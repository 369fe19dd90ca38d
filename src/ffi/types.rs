//! The types of zookeeper.h and recordio.h: handles, callbacks, operations of a multi, error codes. Owns layouts only;
//! `layout` proves sizes and offsets against those of Apache's headers. Records are in `records`, re-exported here.
#![allow(non_camel_case_types, non_snake_case, reason = "the names are the C interface's")]
#![allow(missing_docs, reason = "the text on each type says what its fields hold")]
use libc::{c_char, c_int, c_uint, c_void};
use std::marker::{PhantomData, PhantomPinned};

pub use super::records::*;

/// A length and bytes from malloc. `len` is -1 and `buff` null where the protocol says "none"; with `len` 0 the value is
/// empty.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct buffer {
    pub len: i32,
    pub buff: *mut c_char,
}

/// A connection to an ensemble with its session. Made by `zookeeper_init`, ended by `zookeeper_close`; its content is
/// private to the library.
#[repr(C)]
pub struct _zhandle {
    _inside: [u8; 0],
    _neither_send_nor_sync_nor_unpin: PhantomData<(*mut u8, PhantomPinned)>,
}
pub type zhandle_t = _zhandle;

/// Identifies a session across connections and processes. Keep it secret: a client that knows both parts can take the
/// session over.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct clientid {
    pub client_id: i64,
    pub passwd: [c_char; 16],
}
pub type clientid_t = clientid;

/// `ZooLogLevel`, an enum in C whose values are 1 (error) to 4 (debug). Any number may arrive here.
pub type ZooLogLevel = c_uint;
/// `ZooWatcherType`, an enum in C whose values are 1 (child) to 5 (persistent recursive). Any number may arrive here.
pub type ZooWatcherType = c_uint;

/// Receives session events (`path` "", `type` `ZOO_SESSION_EVENT`) and changes to watched nodes.
pub type watcher_fn = Option<
    unsafe extern "C" fn(zh: *mut zhandle_t, r#type: c_int, state: c_int, path: *const c_char, watcherCtx: *mut c_void),
>;

/// Receives each log line of a handle in place of the log stream, without a newline at its end; a text that itself ends
/// with a newline keeps that. Called by any thread that works for the handle, also by several at once: threads of the
/// application inside a call, the library's I/O thread, the completion thread, and threads that resolve names. It
/// should not block, and must not make synchronous calls.
pub type log_callback_fn = Option<unsafe extern "C" fn(message: *const c_char)>;

/// Completion of a call that yields nothing but `rc`, one of `enum ZOO_ERRORS`.
pub type void_completion_t = Option<unsafe extern "C" fn(rc: c_int, data: *const c_void)>;

/// Completion of a call that yields a node's status. `stat` is null unless `rc` is `ZOK`.
pub type stat_completion_t = Option<unsafe extern "C" fn(rc: c_int, stat: *const Stat, data: *const c_void)>;

/// Completion of a call that yields a node's data: `value_len` bytes, not NUL-terminated. A node without data gives a
/// null `value` and `value_len` -1.
pub type data_completion_t = Option<
    unsafe extern "C" fn(rc: c_int, value: *const c_char, value_len: c_int, stat: *const Stat, data: *const c_void),
>;

/// Completion of a call that yields a list of names.
pub type strings_completion_t =
    Option<unsafe extern "C" fn(rc: c_int, strings: *const String_vector, data: *const c_void)>;

/// Completion of a call that yields a list of names and the parent's status.
pub type strings_stat_completion_t =
    Option<unsafe extern "C" fn(rc: c_int, strings: *const String_vector, stat: *const Stat, data: *const c_void)>;

/// Completion of a call that yields a path.
pub type string_completion_t = Option<unsafe extern "C" fn(rc: c_int, value: *const c_char, data: *const c_void)>;

/// Completion of a call that yields a path and the status of its node.
pub type string_stat_completion_t =
    Option<unsafe extern "C" fn(rc: c_int, string: *const c_char, stat: *const Stat, data: *const c_void)>;

/// Completion of a call that yields an access control list and the node's status.
pub type acl_completion_t =
    Option<unsafe extern "C" fn(rc: c_int, acl: *mut ACL_vector, stat: *mut Stat, data: *const c_void)>;

/// Completion of a call that yields a number. `value` is 0 unless `rc` is `ZOK`.
pub type int_completion_t = Option<unsafe extern "C" fn(rc: c_int, value: c_int, data: *const c_void)>;

/// Completion of a call that yields identities. `infos` is null unless `rc` is `ZOK`.
pub type client_infos_completion_t =
    Option<unsafe extern "C" fn(rc: c_int, infos: *const ClientInfo_vector, data: *const c_void)>;

/// One operation of a multi; filled in by the `zoo_*_op_init` functions. `type` is one of `ZOO_CREATE_OP`,
/// `ZOO_CREATE2_OP`, `ZOO_CREATE_CONTAINER_OP`, `ZOO_CREATE_TTL_OP`, `ZOO_DELETE_OP`, `ZOO_SETDATA_OP`, `ZOO_CHECK_OP`
/// and says which member of the union is valid.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zoo_op {
    pub r#type: c_int,
    pub args: zoo_op_args,
}
pub type zoo_op_t = zoo_op;

/// The arguments of a `zoo_op`; in C an anonymous union.
#[repr(C)]
#[derive(Clone, Copy)]
pub union zoo_op_args {
    pub create_op: zoo_create_op_args,
    pub delete_op: zoo_delete_op_args,
    pub set_op: zoo_set_op_args,
    pub check_op: zoo_check_op_args,
    pub get_op: zoo_get_op_args,
    pub get_children_op: zoo_get_children_op_args,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct zoo_create_op_args {
    pub path: *const c_char,
    pub data: *const c_char,
    pub datalen: c_int,
    pub buf: *mut c_char,
    pub buflen: c_int,
    pub acl: *const ACL_vector,
    pub flags: c_int,
    pub ttl: i64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct zoo_delete_op_args {
    pub path: *const c_char,
    pub version: c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct zoo_set_op_args {
    pub path: *const c_char,
    pub data: *const c_char,
    pub datalen: c_int,
    pub version: c_int,
    pub stat: *mut Stat,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct zoo_check_op_args {
    pub path: *const c_char,
    pub version: c_int,
}

/// Private to the library: C's union has no such member. Filled in by `zoo_get_op_init`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct zoo_get_op_args {
    pub path: *const c_char,
    pub buf: *mut c_char,
    pub buflen: c_int,
    pub stat: *mut Stat,
}

/// Private to the library like `zoo_get_op_args`. Filled in by `zoo_get_children_op_init`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct zoo_get_children_op_args {
    pub path: *const c_char,
    pub strings: *mut String_vector,
}

/// The outcome of one operation of a multi. `value` and `stat` are the buffers given with the operation, null if there
/// is none or the operation failed. `valuelen` is the size of that buffer as given; in a `zoo_multi_read`, the number of
/// bytes that were written to it. A `zoo_multi` writes only the fields that its operation has.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct zoo_op_result {
    pub err: c_int,
    pub value: *mut c_char,
    pub valuelen: c_int,
    pub stat: *mut Stat,
}
pub type zoo_op_result_t = zoo_op_result;

/// The codes that calls return and completions get as `rc`. The library makes those from -1 to -99, servers make those
/// from -101 on. The library makes some of these too: ZREQUESTTIMEOUT, ZCLOSING, and the code of a session's end for calls
/// that wait.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZOO_ERRORS {
    /// Success.
    ZOK = 0,
    /// The system refused something, or the call cannot be made in this place; also marks the range of system and
    /// server-side errors.
    ZSYSTEMERROR = -1,
    /// The library found its own state contradictory.
    ZRUNTIMEINCONSISTENCY = -2,
    /// The server found a data inconsistency.
    ZDATAINCONSISTENCY = -3,
    /// The connection to the server was lost before the answer came; the operation may or may not have happened.
    ZCONNECTIONLOSS = -4,
    /// A message could not be encoded or decoded.
    ZMARSHALLINGERROR = -5,
    /// The operation is not implemented.
    ZUNIMPLEMENTED = -6,
    /// No answer within two thirds of the session timeout.
    ZOPERATIONTIMEOUT = -7,
    /// The arguments are not valid.
    ZBADARGUMENTS = -8,
    /// The handle is not in a state for this call.
    ZINVALIDSTATE = -9,
    /// No quorum of the new configuration is connected.
    ZNEWCONFIGNOQUORUM = -13,
    /// A reconfiguration is in progress already.
    ZRECONFIGINPROGRESS = -14,
    /// The TLS connection failed.
    ZSSLCONNECTIONERROR = -15,
    /// Marks the range of errors the server returns for an operation.
    ZAPIERROR = -100,
    /// The node does not exist.
    ZNONODE = -101,
    /// The session lacks the permission.
    ZNOAUTH = -102,
    /// The node's version is not the requested one.
    ZBADVERSION = -103,
    /// An ephemeral node may not have children.
    ZNOCHILDRENFOREPHEMERALS = -108,
    /// The node exists already.
    ZNODEEXISTS = -110,
    /// The node has children.
    ZNOTEMPTY = -111,
    /// The server has expired the session.
    ZSESSIONEXPIRED = -112,
    /// The callback is not valid.
    ZINVALIDCALLBACK = -113,
    /// The ACL is not valid.
    ZINVALIDACL = -114,
    /// Authentication failed.
    ZAUTHFAILED = -115,
    /// The handle is being closed.
    ZCLOSING = -116,
    /// There is nothing to read.
    ZNOTHING = -117,
    /// The session moved to another server, so the operation was ignored.
    ZSESSIONMOVED = -118,
    /// A read-only server got a request that changes state.
    ZNOTREADONLY = -119,
    /// The operation would need an ephemeral node on a local session.
    ZEPHEMERALONLOCALSESSION = -120,
    /// No such watcher is registered.
    ZNOWATCHER = -121,
    /// No answer within the time limit of requests: the operation may or may not happen. The connection stays.
    ZREQUESTTIMEOUT = -122,
    /// Dynamic reconfiguration is switched off.
    ZRECONFIGDISABLED = -123,
    /// The server demands SASL authentication, and the session has none.
    ZSESSIONCLOSEDREQUIRESASLAUTH = -124,
    /// The write would exceed a quota, and the server enforces it (since 3.7).
    ZQUOTAEXCEEDED = -125,
    /// The server throttled the operation.
    ZTHROTTLEDOP = -127,
}
