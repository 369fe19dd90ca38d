//! The data shapes of zookeeper.jute.h that both directions share, and the lists an API call can hand out. The C
//! interface defines the layouts; `memory` frees their content.
use libc::c_char;

/// The identity of an ACL entry: a scheme (`world`, `auth`, `digest`, `ip`, `x509`, ...) and a name within it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Id {
    pub scheme: *mut c_char,
    pub id: *mut c_char,
}

/// One entry of an access control list: the `ZOO_PERM_*` bits granted to one identity.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ACL {
    pub perms: i32,
    pub id: Id,
}

/// An access control list; `data` points to `count` entries from malloc.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ACL_vector {
    pub count: i32,
    pub data: *mut ACL,
}

/// The status of a node. Zxids are transaction ids; times are milliseconds since the epoch, by the server's clock;
/// `ephemeralOwner` is the session that owns the node, 0 when it is not ephemeral; `dataLength` is in bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Stat {
    pub czxid: i64,
    pub mzxid: i64,
    pub ctime: i64,
    pub mtime: i64,
    pub version: i32,
    pub cversion: i32,
    pub aversion: i32,
    pub ephemeralOwner: i64,
    pub dataLength: i32,
    pub numChildren: i32,
    pub pzxid: i64,
}

/// The part of a node's status that servers keep on disk: `Stat` without the two figures they can recompute.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct StatPersisted {
    pub czxid: i64,
    pub mzxid: i64,
    pub ctime: i64,
    pub mtime: i64,
    pub version: i32,
    pub cversion: i32,
    pub aversion: i32,
    pub ephemeralOwner: i64,
    pub pzxid: i64,
}

/// One identity of a session, as the server sees it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ClientInfo {
    pub authScheme: *mut c_char,
    pub user: *mut c_char,
}

/// A list of identities; `data` is from malloc.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ClientInfo_vector {
    pub count: i32,
    pub data: *mut ClientInfo,
}

/// A list of identities; `data` is from malloc.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Id_vector {
    pub count: i32,
    pub data: *mut Id,
}

/// A list of strings. `data` points to `count` pointers; both levels are from malloc.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct String_vector {
    pub count: i32,
    pub data: *mut *mut c_char,
}
