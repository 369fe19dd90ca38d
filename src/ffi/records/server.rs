//! Records that servers exchange among themselves or keep on disk. zookeeper.jute.h has always declared them and their
//! `deallocate_*` functions, so they are part of the interface.
use super::data::{ACL_vector, Id_vector, String_vector};
use crate::ffi::types::buffer;
use libc::c_char;

/// Server to server: how a follower or observer introduces itself to the leader.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LearnerInfo {
    pub serverid: i64,
    pub protocolVersion: i32,
    pub configVersion: i64,
}

/// Server to server: the envelope of the replication protocol.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct QuorumPacket {
    pub r#type: i32,
    pub zxid: i64,
    pub data: buffer,
    pub authinfo: Id_vector,
}

/// Server to server: one step of the SASL exchange between members.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct QuorumAuthPacket {
    pub magic: i64,
    pub status: i32,
    pub token: buffer,
}

/// Begins a server's log or snapshot file.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FileHeader {
    pub magic: i32,
    pub version: i32,
    pub dbid: i64,
}

/// Digest of a server's tree after a transaction.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct TxnDigest {
    pub version: i32,
    pub treeDigest: i64,
}

/// Begins each transaction of a server's log; `time` in milliseconds since the epoch.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct TxnHeader {
    pub clientId: i64,
    pub cxid: i32,
    pub zxid: i64,
    pub time: i64,
    pub r#type: i32,
}

/// Log record of a creation, before `parentCVersion` was added.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CreateTxnV0 {
    pub path: *mut c_char,
    pub data: buffer,
    pub acl: ACL_vector,
    pub ephemeral: i32,
}

/// Log record of a creation.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CreateTxn {
    pub path: *mut c_char,
    pub data: buffer,
    pub acl: ACL_vector,
    pub ephemeral: i32,
    pub parentCVersion: i32,
}

/// Log record of a creation with a time to live in milliseconds.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CreateTTLTxn {
    pub path: *mut c_char,
    pub data: buffer,
    pub acl: ACL_vector,
    pub parentCVersion: i32,
    pub ttl: i64,
}

/// Log record of the creation of a container node.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CreateContainerTxn {
    pub path: *mut c_char,
    pub data: buffer,
    pub acl: ACL_vector,
    pub parentCVersion: i32,
}

/// Log record of a deletion.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DeleteTxn {
    pub path: *mut c_char,
}

/// Log record of a change of data.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SetDataTxn {
    pub path: *mut c_char,
    pub data: buffer,
    pub version: i32,
}

/// Log record of a version check within a multi.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CheckVersionTxn {
    pub path: *mut c_char,
    pub version: i32,
}

/// Log record of a change of an access control list.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SetACLTxn {
    pub path: *mut c_char,
    pub acl: ACL_vector,
    pub version: i32,
}

/// Log record of a limit of children.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SetMaxChildrenTxn {
    pub path: *mut c_char,
    pub max: i32,
}

/// Log record of a new session; `timeOut` in milliseconds.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CreateSessionTxn {
    pub timeOut: i32,
}

/// Log record of a session's end, with the ephemeral nodes that were deleted with it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CloseSessionTxn {
    pub paths2Delete: String_vector,
}

/// Log record of a request that failed, with its error.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ErrorTxn {
    pub err: i32,
}

/// One part of a `MultiTxn`: the type of the record and its bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Txn {
    pub r#type: i32,
    pub data: buffer,
}

/// A list of log records; `data` is from malloc.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Txn_vector {
    pub count: i32,
    pub data: *mut Txn,
}

/// Log record of a multi.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MultiTxn {
    pub txns: Txn_vector,
}
