//! The requests of a client, as zookeeper.jute.h lays them out for C programs. The library itself uses
//! `zk_core::proto`; these records exist because the header and the `deallocate_*` functions are part of the interface.
use super::data::{ACL_vector, String_vector};
use crate::ffi::types::buffer;
use libc::c_char;

/// First message of a connection. `timeOut` is the asked-for session timeout in milliseconds; `sessionId` 0 and 16 zero
/// bytes of `passwd` ask for a new session.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ConnectRequest {
    pub protocolVersion: i32,
    pub lastZxidSeen: i64,
    pub timeOut: i32,
    pub sessionId: i64,
    pub passwd: buffer,
}

/// Re-arms watches after a reconnect. The server fires at once the watches of nodes that changed after `relativeZxid`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SetWatches {
    pub relativeZxid: i64,
    pub dataWatches: String_vector,
    pub existWatches: String_vector,
    pub childWatches: String_vector,
}

/// `SetWatches` with the two kinds of persistent watches.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SetWatches2 {
    pub relativeZxid: i64,
    pub dataWatches: String_vector,
    pub existWatches: String_vector,
    pub childWatches: String_vector,
    pub persistentWatches: String_vector,
    pub persistentRecursiveWatches: String_vector,
}

/// Begins each request: `xid` is echoed by the reply, `type` is one of the `ZOO_*_OP` of proto.h.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RequestHeader {
    pub xid: i32,
    pub r#type: i32,
}

/// Begins each part of a multi request or reply; `done` is 1 on the part that ends it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MultiHeader {
    pub r#type: i32,
    pub done: i32,
    pub err: i32,
}

/// Presents credentials: `auth` is what the scheme asks for, such as `user:password`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct AuthPacket {
    pub r#type: i32,
    pub scheme: *mut c_char,
    pub auth: buffer,
}

/// Asks for a node's data; a non-zero `watch` sets a watch on it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GetDataRequest {
    pub path: *mut c_char,
    pub watch: i32,
}

/// Replaces a node's data if its version is `version`; -1 matches any version.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SetDataRequest {
    pub path: *mut c_char,
    pub data: buffer,
    pub version: i32,
}

/// Changes the ensemble: comma-separated joiners and leavers, or the whole new membership; -1 in `curConfigId` matches
/// any current configuration.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ReconfigRequest {
    pub joiningServers: *mut c_char,
    pub leavingServers: *mut c_char,
    pub newMembers: *mut c_char,
    pub curConfigId: i64,
}

/// One step of a SASL exchange, from the client.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GetSASLRequest {
    pub token: buffer,
}

/// One step of a SASL exchange, from the client.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SetSASLRequest {
    pub token: buffer,
}

/// Creates a node; `flags` is the mode (`ZOO_EPHEMERAL`, ...).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CreateRequest {
    pub path: *mut c_char,
    pub data: buffer,
    pub acl: ACL_vector,
    pub flags: i32,
}

/// Creates a node with a time to live, in milliseconds.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CreateTTLRequest {
    pub path: *mut c_char,
    pub data: buffer,
    pub acl: ACL_vector,
    pub flags: i32,
    pub ttl: i64,
}

/// Deletes a node if its version is `version`; -1 matches any version.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DeleteRequest {
    pub path: *mut c_char,
    pub version: i32,
}

/// Asks for the names of a node's children.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GetChildrenRequest {
    pub path: *mut c_char,
    pub watch: i32,
}

/// Asks how many nodes there are below a path.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GetAllChildrenNumberRequest {
    pub path: *mut c_char,
}

/// Asks for the names of a node's children and the node's status.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GetChildren2Request {
    pub path: *mut c_char,
    pub watch: i32,
}

/// Succeeds if the node's data version is `version`; a part of a multi.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CheckVersionRequest {
    pub path: *mut c_char,
    pub version: i32,
}

/// Asks for a node's limit of children. No server answers it; kept for the layout.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GetMaxChildrenRequest {
    pub path: *mut c_char,
}

/// Sets a node's limit of children. No server answers it; kept for the layout.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SetMaxChildrenRequest {
    pub path: *mut c_char,
    pub max: i32,
}

/// Asks the server to catch up with the leader.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SyncRequest {
    pub path: *mut c_char,
}

/// Asks for a node's access control list.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GetACLRequest {
    pub path: *mut c_char,
}

/// Replaces a node's access control list if its ACL version is `version`; -1 matches any version.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SetACLRequest {
    pub path: *mut c_char,
    pub acl: ACL_vector,
    pub version: i32,
}

/// Adds a persistent watch: `mode` 0 for the node, 1 for everything below it too.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct AddWatchRequest {
    pub path: *mut c_char,
    pub mode: i32,
}

/// Asks for a node's status; a non-zero `watch` sets a watch on it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ExistsRequest {
    pub path: *mut c_char,
    pub watch: i32,
}

/// Asks whether the session has a watch on the path; `type` is a `ZooWatcherType`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CheckWatchesRequest {
    pub path: *mut c_char,
    pub r#type: i32,
}

/// Takes the session's watches off the path; `type` is a `ZooWatcherType`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RemoveWatchesRequest {
    pub path: *mut c_char,
    pub r#type: i32,
}

/// Asks for the session's ephemeral nodes below a path.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GetEphemeralsRequest {
    pub prefixPath: *mut c_char,
}
