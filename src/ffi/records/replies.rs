//! The replies of a server, as zookeeper.jute.h lays them out for C programs. `requests` says why they exist.
use super::data::{ACL_vector, ClientInfo_vector, Stat, String_vector};
use crate::ffi::types::buffer;
use libc::c_char;

/// The server's answer to `ConnectRequest`. `timeOut` is the negotiated session timeout in milliseconds; 0 together
/// with `sessionId` 0 means that the session has expired.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ConnectResponse {
    pub protocolVersion: i32,
    pub timeOut: i32,
    pub sessionId: i64,
    pub passwd: buffer,
}

/// Begins each reply: the request's `xid`, the server's last transaction, and one of `enum ZOO_ERRORS`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ReplyHeader {
    pub xid: i32,
    pub zxid: i64,
    pub err: i32,
}

/// The node's status after the change.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SetDataResponse {
    pub stat: Stat,
}

/// One step of a SASL exchange, from the server.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SetSASLResponse {
    pub token: buffer,
}

/// Answer to `GetMaxChildrenRequest`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GetMaxChildrenResponse {
    pub max: i32,
}

/// The path of the request.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SyncResponse {
    pub path: *mut c_char,
}

/// The node's status after the change.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SetACLResponse {
    pub stat: Stat,
}

/// Reports a change: `type` is a `ZOO_*_EVENT`, `state` a `ZOO_*_STATE`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WatcherEvent {
    pub r#type: i32,
    pub state: i32,
    pub path: *mut c_char,
}

/// The failure of one part of a multi: one of `enum ZOO_ERRORS`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ErrorResponse {
    pub err: i32,
}

/// The path of the new node, with the sequence number if one was asked for.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CreateResponse {
    pub path: *mut c_char,
}

/// The path and the status of the new node.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Create2Response {
    pub path: *mut c_char,
    pub stat: Stat,
}

/// The node's status.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ExistsResponse {
    pub stat: Stat,
}

/// The node's data and status. `data.len` is -1 and `data.buff` null when the node has none.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GetDataResponse {
    pub data: buffer,
    pub stat: Stat,
}

/// The names of the children, without the parent's path, in no particular order.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GetChildrenResponse {
    pub children: String_vector,
}

/// How many nodes there are below the path.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GetAllChildrenNumberResponse {
    pub totalNumber: i32,
}

/// The names of the children, without the parent's path, and the status of the parent.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GetChildren2Response {
    pub children: String_vector,
    pub stat: Stat,
}

/// The node's access control list and status.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GetACLResponse {
    pub acl: ACL_vector,
    pub stat: Stat,
}

/// Full paths of the session's ephemeral nodes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GetEphemeralsResponse {
    pub ephemerals: String_vector,
}

/// The identities of the session.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WhoAmIResponse {
    pub clientInfo: ClientInfo_vector,
}
