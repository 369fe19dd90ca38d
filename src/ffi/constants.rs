//! The data symbols of the C interface. Owns their values only.
//!
//! Executables may hold a COPY relocation of any of these, so their sizes are frozen, and the library must reach the ones
//! that change (`logLevel`, in `sys::log_sink`) through the global offset table, never directly: no `-Bsymbolic`, no protected visibility.
#![allow(non_upper_case_globals, reason = "the names are the C interface's")]
use super::types::{ACL, ACL_vector, Id};
use libc::{c_char, c_int};

/// Permission to read a node's data and list its children.
#[unsafe(no_mangle)]
pub static ZOO_PERM_READ: c_int = 1;
/// Permission to change a node's data.
#[unsafe(no_mangle)]
pub static ZOO_PERM_WRITE: c_int = 2;
/// Permission to create children of a node.
#[unsafe(no_mangle)]
pub static ZOO_PERM_CREATE: c_int = 4;
/// Permission to delete children of a node.
#[unsafe(no_mangle)]
pub static ZOO_PERM_DELETE: c_int = 8;
/// Permission to change a node's access control list.
#[unsafe(no_mangle)]
pub static ZOO_PERM_ADMIN: c_int = 16;
/// All five permissions.
#[unsafe(no_mangle)]
pub static ZOO_PERM_ALL: c_int = 31;

/// Everybody: scheme `world`, id `anyone`.
#[unsafe(no_mangle)]
pub static mut ZOO_ANYONE_ID_UNSAFE: Id = id(c"world", c"anyone");
/// Every identity that the session has authenticated as, by any scheme; the server replaces it by those identities.
#[unsafe(no_mangle)]
pub static mut ZOO_AUTH_IDS: Id = id(c"auth", c"");

/// Everybody has all permissions. Not for nodes that matter.
#[unsafe(no_mangle)]
pub static mut ZOO_OPEN_ACL_UNSAFE: ACL_vector = one(&raw mut OPEN_ACL);
/// Everybody may read.
#[unsafe(no_mangle)]
pub static mut ZOO_READ_ACL_UNSAFE: ACL_vector = one(&raw mut READ_ACL);
/// The creator of the node has all permissions; the session must have authenticated.
#[unsafe(no_mangle)]
pub static mut ZOO_CREATOR_ALL_ACL: ACL_vector = one(&raw mut CREATOR_ACL);

/// Bit of the interest and event masks of `zookeeper_interest` and `zookeeper_process`: the socket is or should become
/// writable.
#[unsafe(no_mangle)]
pub static ZOOKEEPER_WRITE: c_int = 1;
/// Bit of the same masks: the socket is or should become readable.
#[unsafe(no_mangle)]
pub static ZOOKEEPER_READ: c_int = 2;

/// Create mode: the node stays until it is deleted.
#[unsafe(no_mangle)]
pub static ZOO_PERSISTENT: c_int = 0;
/// Create mode: the server deletes the node when the session that created it ends.
#[unsafe(no_mangle)]
pub static ZOO_EPHEMERAL: c_int = 1;
/// Create mode: persistent, and the server appends a ten-digit number that grows under the parent.
#[unsafe(no_mangle)]
pub static ZOO_PERSISTENT_SEQUENTIAL: c_int = 2;
/// Create mode: ephemeral, with a number appended.
#[unsafe(no_mangle)]
pub static ZOO_EPHEMERAL_SEQUENTIAL: c_int = 3;
/// Create mode: the server may delete the node some time after its last child has gone.
#[unsafe(no_mangle)]
pub static ZOO_CONTAINER: c_int = 4;
/// Create mode: the server may delete the node once it has had no children and no change for its time to live. Servers
/// take it only with `zookeeper.extendedTypesEnabled`.
#[unsafe(no_mangle)]
pub static ZOO_PERSISTENT_WITH_TTL: c_int = 5;
/// Create mode: with a time to live and a number appended.
#[unsafe(no_mangle)]
pub static ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL: c_int = 6;
/// From the time when modes were flags: appends a number. Equal to `ZOO_PERSISTENT_SEQUENTIAL`, and or-ed with
/// `ZOO_EPHEMERAL` equal to `ZOO_EPHEMERAL_SEQUENTIAL`.
#[unsafe(no_mangle)]
pub static ZOO_SEQUENCE: c_int = 2;

/// State (-112): the server has expired the session. Final; only `zookeeper_close` is left.
#[unsafe(no_mangle)]
pub static ZOO_EXPIRED_SESSION_STATE: c_int = -112;
/// State (-113): the server has refused the credentials. Final; only `zookeeper_close` is left.
#[unsafe(no_mangle)]
pub static ZOO_AUTH_FAILED_STATE: c_int = -113;
/// State (1): a connection is being made.
#[unsafe(no_mangle)]
pub static ZOO_CONNECTING_STATE: c_int = 1;
/// State (2): connected, and waiting for the server to confirm the session.
#[unsafe(no_mangle)]
pub static ZOO_ASSOCIATING_STATE: c_int = 2;
/// State (3): the session is established.
#[unsafe(no_mangle)]
pub static ZOO_CONNECTED_STATE: c_int = 3;
/// State (5): connected to a server that has lost its quorum and only answers reads.
#[unsafe(no_mangle)]
pub static ZOO_READONLY_STATE: c_int = 5;
/// State (7): connected, and the TLS handshake is under way.
#[unsafe(no_mangle)]
pub static ZOO_SSL_CONNECTING_STATE: c_int = 7;
/// State (999): no connection has been tried yet.
#[unsafe(no_mangle)]
pub static ZOO_NOTCONNECTED_STATE: c_int = 999;

/// Event (1): the node was created. Only a watch set by an exists call or by `zoo_add_watch` sees it.
#[unsafe(no_mangle)]
pub static ZOO_CREATED_EVENT: c_int = 1;
/// Event (2): the node was deleted.
#[unsafe(no_mangle)]
pub static ZOO_DELETED_EVENT: c_int = 2;
/// Event (3): the node's data was set.
#[unsafe(no_mangle)]
pub static ZOO_CHANGED_EVENT: c_int = 3;
/// Event (4): a child was created or deleted. Only a watch set by a get-children call, or a persistent one that is not
/// recursive, sees it.
#[unsafe(no_mangle)]
pub static ZOO_CHILD_EVENT: c_int = 4;
/// Event (-1): the state of the session changed. Every watcher sees it.
#[unsafe(no_mangle)]
pub static ZOO_SESSION_EVENT: c_int = -1;
/// Event (-2): the server gave up the watch. Present servers never send it.
#[unsafe(no_mangle)]
pub static ZOO_NOTWATCHING_EVENT: c_int = -2;

// C may write to these lists, so they are mutable like the symbols that point to them. Rust never touches them.
static mut OPEN_ACL: [ACL; 1] = [ACL { perms: ZOO_PERM_ALL, id: id(c"world", c"anyone") }];
static mut READ_ACL: [ACL; 1] = [ACL { perms: ZOO_PERM_READ, id: id(c"world", c"anyone") }];
static mut CREATOR_ACL: [ACL; 1] = [ACL { perms: ZOO_PERM_ALL, id: id(c"auth", c"") }];

const fn id(scheme: &'static std::ffi::CStr, name: &'static std::ffi::CStr) -> Id {
    Id { scheme: scheme.as_ptr().cast_mut(), id: name.as_ptr().cast::<c_char>().cast_mut() }
}

const fn one(entry: *mut [ACL; 1]) -> ACL_vector {
    ACL_vector { count: 1, data: entry.cast() }
}
