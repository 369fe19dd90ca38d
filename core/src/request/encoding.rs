//! The encoding of requests, straight into the outgoing buffer: header, paths below the chroot, bodies.
use super::{Request, WatchChange, mode};
use crate::code::Code;
use crate::jute::Put;
use crate::path;
use crate::proto::{CONFIG_NODE, op, put_acls};
use crate::watches::{Removal, WatchKind};
use crate::{multi, multi_read};

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
    use super::super::create::{Create, TTL_MAX};
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
