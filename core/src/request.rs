//! The requests of an application, and their encoding. Knows the chroot and the path rule; knows no connection.
use crate::code::Code;
use crate::jute::Put;
use crate::multi::{self, MultiOp};
use crate::multi_read::{self, ReadOp};
use crate::path;
use crate::proto::{Acl, CONFIG_NODE, op, put_acls};
use crate::watches::{Removal, WatchKind};

/// Longest time to live a server accepts, in milliseconds (40 bits).
const TTL_MAX: i64 = 0xff_ffff_ffff;

/// How a node lives and is named; the numbers are the wire's and the C interface's (`ZOO_PERSISTENT` and so on).
pub mod mode {
    #![allow(missing_docs)]
    pub const PERSISTENT: i32 = 0;
    pub const EPHEMERAL: i32 = 1;
    pub const PERSISTENT_SEQUENTIAL: i32 = 2;
    pub const EPHEMERAL_SEQUENTIAL: i32 = 3;
    pub const CONTAINER: i32 = 4;
    pub const PERSISTENT_WITH_TTL: i32 = 5;
    pub const PERSISTENT_SEQUENTIAL_WITH_TTL: i32 = 6;

    /// Whether the server appends a number to the name.
    pub const fn is_sequential(mode: i32) -> bool {
        matches!(mode, PERSISTENT_SEQUENTIAL | EPHEMERAL_SEQUENTIAL | PERSISTENT_SEQUENTIAL_WITH_TTL)
    }

    /// Whether the node has a time to live.
    pub const fn has_ttl(mode: i32) -> bool {
        matches!(mode, PERSISTENT_WITH_TTL | PERSISTENT_SEQUENTIAL_WITH_TTL)
    }
}

/// A node to create.
#[derive(Clone, Copy, Debug)]
pub struct Create<'a> {
    /// Client path.
    pub path: &'a [u8],
    /// Content of the node; `None` is sent as length -1.
    pub data: Option<&'a [u8]>,
    /// Access control list.
    pub acl: &'a [Acl<'a>],
    /// One of [`mode`].
    pub mode: i32,
    /// Time to live in milliseconds: above 0 and below 2^40 for the modes with a time to live, below 0 for the others.
    pub ttl: i64,
    /// Whether the reply carries the new node's `Stat`.
    pub stat: bool,
}

impl Create<'_> {
    fn check(&self) -> Result<i32, Code> {
        let ttl_fits = if mode::has_ttl(self.mode) { 0 < self.ttl && self.ttl <= TTL_MAX } else { self.ttl < 0 };
        if !ttl_fits {
            return Err(Code::BadArguments);
        }
        Ok(match self.mode {
            mode::CONTAINER => op::CREATE_CONTAINER,
            _ if mode::has_ttl(self.mode) => op::CREATE_TTL,
            _ if self.stat => op::CREATE2,
            _ => op::CREATE,
        })
    }
}

/// One request. Paths are the client's, without the chroot.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // the fields are those of the protocol's records
pub enum Request<'a, W> {
    Create(Create<'a>),
    Delete {
        path: &'a [u8],
        version: i32,
    },
    Exists {
        path: &'a [u8],
        watcher: Option<W>,
    },
    GetData {
        path: &'a [u8],
        watcher: Option<W>,
    },
    SetData {
        path: &'a [u8],
        data: Option<&'a [u8]>,
        version: i32,
    },
    GetAcl {
        path: &'a [u8],
    },
    SetAcl {
        path: &'a [u8],
        acl: &'a [Acl<'a>],
        version: i32,
    },
    GetChildren {
        path: &'a [u8],
        watcher: Option<W>,
        stat: bool,
    },
    Sync {
        path: &'a [u8],
    },
    GetConfig {
        watcher: Option<W>,
    },
    Reconfig {
        joining: Option<&'a [u8]>,
        leaving: Option<&'a [u8]>,
        members: Option<&'a [u8]>,
        version: i64,
    },
    Multi(&'a [MultiOp<'a>]),
    RemoveWatches {
        path: &'a [u8],
        kind: Removal,
        watcher: Option<W>,
        local: bool,
    },
    /// `kind` is one of the persistent kinds.
    AddWatch {
        path: &'a [u8],
        kind: WatchKind,
        watcher: W,
    },
    WhoAmI,
    /// `prefix` is empty or starts with `/`; it need not end where a name ends.
    GetEphemerals {
        prefix: &'a [u8],
    },
    GetAllChildrenNumber {
        path: &'a [u8],
    },
    MultiRead(&'a [ReadOp<'a>]),
}

/// What the reply changes in the watch registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchChange<W> {
    /// Arms a watch at a server path.
    Arm(WatchKind, Box<[u8]>, W),
    /// Arms a persistent watch that the server holds as a recursive one.
    ArmShared(Box<[u8]>, W),
    /// Removes watches from a server path: those of one watcher, or all without a watcher.
    Disarm(Removal, Box<[u8]>, Option<W>),
}

impl<W: Clone> Request<'_, W> {
    /// Appends the complete frame to `out`. On an error `out` is unchanged.
    ///
    /// Errors: `BadArguments` for a bad path or time to live; `MarshallingError` for a bad path inside a multi;
    /// `Unimplemented` for an operation a multi cannot hold.
    pub fn encode(&self, xid: i32, chroot: &[u8], out: &mut Vec<u8>) -> Result<Option<Box<WatchChange<W>>>, Code> {
        self.encode_shared(xid, chroot, false, out)
    }

    /// [`encode`](Self::encode), with `is_shared` for a path where the server is to hold one recursive watch for both
    /// persistent and recursive watchers. In that case a persistent watch is added as a recursive one, and the removal
    /// of one kind leaves the server's watch, because the other kind needs it.
    pub fn encode_shared(
        &self,
        xid: i32,
        chroot: &[u8],
        is_shared: bool,
        out: &mut Vec<u8>,
    ) -> Result<Option<Box<WatchChange<W>>>, Code> {
        let start = out.len();
        let kind =
            if is_shared && matches!(self, Request::RemoveWatches { .. }) { op::CHECK_WATCHES } else { self.kind()? };
        let result = message(out, xid, kind, |out| self.body(kind, chroot, is_shared, out));
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    /// The path of the request as the application gave it; empty if it has none, or several.
    pub fn path(&self) -> &[u8] {
        match self {
            Request::Create(create) => create.path,
            Request::Delete { path, .. }
            | Request::Exists { path, .. }
            | Request::GetData { path, .. }
            | Request::SetData { path, .. }
            | Request::GetAcl { path }
            | Request::SetAcl { path, .. }
            | Request::GetChildren { path, .. }
            | Request::Sync { path }
            | Request::AddWatch { path, .. }
            | Request::GetEphemerals { prefix: path }
            | Request::GetAllChildrenNumber { path }
            | Request::RemoveWatches { path, .. } => path,
            Request::GetConfig { .. } => CONFIG_NODE,
            Request::Reconfig { .. } | Request::Multi(_) | Request::MultiRead(_) | Request::WhoAmI => b"",
        }
    }

    /// The function of stock's library that sends this request and appears in its log lines: sync calls and short forms
    /// end in it too. If stock has no such function, the one of this library.
    pub fn function_name(&self) -> &'static str {
        match self {
            Request::Create(Create { stat: false, .. }) => "zoo_acreate_ttl",
            Request::Create(Create { stat: true, .. }) => "zoo_acreate2_ttl",
            Request::Delete { .. } => "zoo_adelete",
            Request::Exists { .. } => "zoo_awexists",
            Request::GetData { .. } | Request::GetConfig { .. } => "zoo_awget",
            Request::SetData { .. } => "zoo_aset",
            Request::GetAcl { .. } => "zoo_aget_acl",
            Request::SetAcl { .. } => "zoo_aset_acl",
            Request::GetChildren { stat: false, .. } => "zoo_awget_children_",
            Request::GetChildren { stat: true, .. } => "zoo_awget_children2_",
            Request::Sync { .. } => "zoo_async",
            Request::Reconfig { .. } => "zoo_areconfig",
            Request::Multi(_) => "zoo_amulti",
            Request::RemoveWatches { .. } => "aremove_watches",
            Request::AddWatch { .. } => "zoo_aadd_watch",
            Request::WhoAmI => "zoo_awhoami",
            Request::GetEphemerals { .. } => "zoo_aget_ephemerals",
            Request::GetAllChildrenNumber { .. } => "zoo_aget_all_children_number",
            Request::MultiRead(_) => "zoo_amulti_read",
        }
    }

    /// Bytes that the application gave, to check the limit of a request before anything is encoded.
    pub fn payload_len(&self) -> usize {
        let len = |data: Option<&[u8]>| data.map_or(0, <[u8]>::len);
        match self {
            Request::Create(create) => create.path.len() + len(create.data),
            Request::SetData { path, data, .. } => path.len() + len(*data),
            Request::Reconfig { joining, leaving, members, .. } => len(*joining) + len(*leaving) + len(*members),
            Request::Multi(ops) => ops.iter().map(MultiOp::payload_len).sum(),
            Request::MultiRead(ops) => ops.iter().map(ReadOp::payload_len).sum(),
            other => other.path().len(),
        }
    }

    /// The type for the request's header.
    fn kind(&self) -> Result<i32, Code> {
        Ok(match self {
            Request::Create(create) => create.check()?,
            Request::Delete { .. } => op::DELETE,
            Request::Exists { .. } => op::EXISTS,
            Request::GetData { .. } | Request::GetConfig { .. } => op::GET_DATA,
            Request::SetData { .. } => op::SET_DATA,
            Request::GetAcl { .. } => op::GET_ACL,
            Request::SetAcl { .. } => op::SET_ACL,
            Request::GetChildren { stat: false, .. } => op::GET_CHILDREN,
            Request::GetChildren { stat: true, .. } => op::GET_CHILDREN2,
            Request::Sync { .. } => op::SYNC,
            Request::Reconfig { .. } => op::RECONFIG,
            Request::Multi(_) => op::MULTI,
            // divergence: zoo_remove_watches with a null watcher removes all watches of the kind, on the server too
            // (request 18); stock asks the server about one watch (request 17) and removes all of them locally.
            Request::RemoveWatches { watcher: Some(_), .. } => op::CHECK_WATCHES,
            Request::RemoveWatches { watcher: None, .. } => op::REMOVE_WATCHES,
            Request::AddWatch { .. } => op::ADD_WATCH,
            Request::WhoAmI => op::WHO_AM_I,
            Request::GetEphemerals { .. } => op::GET_EPHEMERALS,
            Request::GetAllChildrenNumber { .. } => op::GET_ALL_CHILDREN_NUMBER,
            Request::MultiRead(_) => op::MULTI_READ,
        })
    }

    fn body(
        &self,
        request: i32,
        chroot: &[u8],
        is_shared: bool,
        out: &mut Vec<u8>,
    ) -> Result<Option<Box<WatchChange<W>>>, Code> {
        use WatchKind::{Child, Data, Exist};
        match self {
            Request::Create(create) => {
                put_path(out, chroot, create.path, mode::is_sequential(create.mode))?;
                out.put_buffer(create.data);
                put_acls(out, create.acl);
                out.put_i32(create.mode);
                if request == op::CREATE_TTL {
                    out.put_i64(create.ttl);
                }
            }
            Request::Delete { path, version } => {
                put_path(out, chroot, path, false)?;
                out.put_i32(*version);
            }
            Request::SetData { path, data, version } => {
                put_path(out, chroot, path, false)?;
                out.put_buffer(*data);
                out.put_i32(*version);
            }
            Request::GetAcl { path } | Request::Sync { path } | Request::GetAllChildrenNumber { path } => {
                put_path(out, chroot, path, false)?;
            }
            Request::SetAcl { path, acl, version } => {
                put_path(out, chroot, path, false)?;
                put_acls(out, acl);
                out.put_i32(*version);
            }
            Request::Exists { path, watcher } => return read(out, chroot, path, Exist, watcher.as_ref()),
            Request::GetData { path, watcher } => return read(out, chroot, path, Data, watcher.as_ref()),
            Request::GetChildren { path, watcher, .. } => return read(out, chroot, path, Child, watcher.as_ref()),
            Request::GetConfig { watcher } => return read(out, b"", CONFIG_NODE, Data, watcher.as_ref()),
            Request::Reconfig { joining, leaving, members, version } => {
                for list in [joining, leaving, members] {
                    out.put_buffer(*list);
                }
                out.put_i64(*version);
            }
            Request::Multi(ops) => multi::encode(ops, chroot, out)?,
            Request::MultiRead(ops) => multi_read::encode(ops, chroot, out)?,
            Request::WhoAmI => {}
            Request::GetEphemerals { prefix } => put_prefix(out, chroot, prefix)?,
            Request::AddWatch { path, kind, watcher } => {
                let mode = kind.mode().ok_or(Code::BadArguments)?;
                let path = put_path(out, chroot, path, false)?;
                let (path, watcher) = (copy(out, path), watcher.clone());
                let (mode, change) = if is_shared && *kind == WatchKind::Persistent {
                    (WatchKind::Recursive.mode().unwrap_or(mode), WatchChange::ArmShared(path, watcher))
                } else {
                    (mode, WatchChange::Arm(*kind, path, watcher))
                };
                out.put_i32(mode);
                return Ok(Some(Box::new(change)));
            }
            Request::RemoveWatches { path, kind, watcher, .. } => {
                let path = put_path(out, chroot, path, false)?;
                let change = WatchChange::Disarm(*kind, copy(out, path), watcher.clone());
                out.put_i32(if is_shared { Removal::Any } else { *kind }.to_i32());
                return Ok(Some(Box::new(change)));
            }
        }
        Ok(None)
    }
}

/// Appends one request: its header, and the body that `body` writes.
fn message<T>(out: &mut Vec<u8>, xid: i32, kind: i32, body: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let start = out.len();
    let mut head = [0; 12];
    if let Some((xid_place, kind_place)) = head.get_mut(4..).and_then(|rest| rest.split_at_mut_checked(4)) {
        xid_place.copy_from_slice(&xid.to_be_bytes());
        kind_place.copy_from_slice(&kind.to_be_bytes());
    }
    out.extend_from_slice(&head);
    let result = body(out);
    set_len(out, start);
    result
}

/// Appends one frame: the bytes that `body` writes, preceded by their length.
pub fn frame<T>(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let start = out.len();
    out.put_i32(0);
    let result = body(out);
    set_len(out, start);
    result
}

/// Writes the length of the frame from `start` to the end of `out`.
#[inline]
fn set_len(out: &mut [u8], start: usize) {
    let len = i32::try_from(out.len() - start - 4).unwrap_or(i32::MAX);
    if let Some(prefix) = out.get_mut(start..start + 4) {
        prefix.copy_from_slice(&len.to_be_bytes());
    }
}

/// Appends the server path and returns its position.
#[inline]
pub fn put_path(
    out: &mut Vec<u8>,
    chroot: &[u8],
    path: &[u8],
    sequential: bool,
) -> Result<std::ops::Range<usize>, Code> {
    let start = out.len() + 4;
    out.put_joined(chroot, path::below_chroot(chroot, path));
    let range = start..out.len();
    // The rule holds for the whole path: under a chroot `x` names a sibling of it, as on stock.
    if out.get(range.clone()).is_some_and(|joined| path::is_valid(joined, sequential)) {
        Ok(range)
    } else {
        Err(Code::BadArguments)
    }
}

/// Appends the prefix of the requested paths. The server compares it byte by byte and does not know the chroot, so
/// "all" under a chroot is the chroot with a slash: without the slash it would match the chroot's siblings too.
fn put_prefix(out: &mut Vec<u8>, chroot: &[u8], prefix: &[u8]) -> Result<(), Code> {
    match prefix {
        b"" if chroot.is_empty() => out.put_buffer(Some(b"")),
        b"" => out.put_joined(chroot, b"/"),
        [b'/', ..] => out.put_joined(chroot, prefix),
        _ => return Err(Code::BadArguments),
    }
    Ok(())
}

fn copy(out: &[u8], range: std::ops::Range<usize>) -> Box<[u8]> {
    out.get(range).unwrap_or_default().into()
}

#[inline]
fn read<W: Clone>(
    out: &mut Vec<u8>,
    chroot: &[u8],
    path: &[u8],
    watch: WatchKind,
    watcher: Option<&W>,
) -> Result<Option<Box<WatchChange<W>>>, Code> {
    let range = put_path(out, chroot, path, false)?;
    let change = watcher.map(|watcher| Box::new(WatchChange::Arm(watch, copy(out, range), watcher.clone())));
    out.put_bool(watcher.is_some());
    Ok(change)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(request: &Request<'_, u8>, chroot: &[u8]) -> Result<Vec<u8>, Code> {
        let mut out = b"before".to_vec();
        let result = request.encode(7, chroot, &mut out);
        if result.is_err() {
            assert_eq!(out, b"before", "a failed encoding leaves no trace");
        }
        result.map(|_| out.split_off(6))
    }

    #[test]
    fn a_read_is_header_path_and_watch_flag() {
        let bytes = encode(&Request::GetData { path: b"/a", watcher: Some(1) }, b"/c").unwrap();
        assert_eq!(bytes, b"\0\0\0\x11\0\0\0\x07\0\0\0\x04\0\0\0\x04/c/a\x01");
    }

    #[test]
    fn the_root_under_a_chroot_is_the_chroot() {
        let bytes = encode(&Request::Exists { path: b"/", watcher: None }, b"/c").unwrap();
        assert_eq!(bytes, b"\0\0\0\x0f\0\0\0\x07\0\0\0\x03\0\0\0\x02/c\0");
    }

    #[test]
    fn modes_choose_the_request_type() {
        let create = |mode, ttl, stat| {
            let create = Create { path: b"/a", data: None, acl: &[], mode, ttl, stat };
            encode(&Request::Create(create), b"").map(|bytes| bytes[11])
        };
        assert_eq!(create(mode::PERSISTENT, -1, false), Ok(1));
        assert_eq!(create(mode::PERSISTENT, -1, true), Ok(15));
        assert_eq!(create(mode::CONTAINER, -1, false), Ok(19));
        assert_eq!(create(mode::PERSISTENT_WITH_TTL, 1, false), Ok(21));
        assert_eq!(create(mode::PERSISTENT_WITH_TTL, 0, false), Err(Code::BadArguments));
        assert_eq!(create(mode::PERSISTENT_WITH_TTL, TTL_MAX + 1, false), Err(Code::BadArguments));
        assert_eq!(create(mode::PERSISTENT, 0, false), Err(Code::BadArguments));
    }

    #[test]
    fn bad_paths_are_refused() {
        assert_eq!(encode(&Request::Sync { path: b"a" }, b""), Err(Code::BadArguments));
        assert_eq!(encode(&Request::Delete { path: b"/a/", version: 0 }, b""), Err(Code::BadArguments));
        assert!(encode(&Request::Sync { path: b"x" }, b"/chroot").is_ok());
    }

    #[test]
    fn a_persistent_watch_is_path_and_mode() {
        let add = |kind| encode(&Request::AddWatch { path: b"/", kind, watcher: 1 }, b"/c");
        assert_eq!(add(WatchKind::Persistent).unwrap(), b"\0\0\0\x12\0\0\0\x07\0\0\0\x6a\0\0\0\x02/c\0\0\0\0");
        assert_eq!(add(WatchKind::Recursive).unwrap()[18..], [0, 0, 0, 1]);
        assert_eq!(add(WatchKind::Data), Err(Code::BadArguments));
    }

    #[test]
    fn a_prefix_of_ephemerals_stays_below_the_chroot() {
        let sent = |prefix: &[u8], chroot: &[u8]| {
            encode(&Request::GetEphemerals { prefix }, chroot).map(|bytes| bytes[16..].to_vec())
        };
        assert_eq!(sent(b"", b"").unwrap(), b"");
        assert_eq!(sent(b"/", b"").unwrap(), b"/");
        assert_eq!(sent(b"", b"/c").unwrap(), b"/c/");
        assert_eq!(sent(b"/", b"/c").unwrap(), b"/c/");
        assert_eq!(sent(b"/pre-", b"/c").unwrap(), b"/c/pre-");
        assert_eq!(sent(b"pre", b"/c"), Err(Code::BadArguments));
    }

    #[test]
    fn who_am_i_has_no_body() {
        assert_eq!(encode(&Request::WhoAmI, b"/c").unwrap(), b"\0\0\0\x08\0\0\0\x07\0\0\0\x6b");
    }
}
