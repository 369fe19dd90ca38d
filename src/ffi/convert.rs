//! Reading C's arguments and writing C's results. Borrows instead of copying where it can.
use super::types::{ACL_vector, Stat};
use libc::{c_char, c_int};
use std::ffi::CStr;
use std::slice;
use zk_core::code::Code;
use zk_core::proto::{self, Acl};

/// The bytes of a C string; `None` for null.
///
/// # Safety
/// The contract of [`super`]; the result must not outlive the call.
pub(crate) unsafe fn text<'a>(pointer: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: not null, and a C string by the contract.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_bytes())
}

/// The bytes of a path. Errors: `BadArguments` for null.
///
/// # Safety
/// The contract of [`super`]; the result must not outlive the call.
pub(super) unsafe fn path<'a>(pointer: *const c_char) -> Result<&'a [u8], Code> {
    // SAFETY: the caller's promise.
    unsafe { text(pointer) }.ok_or(Code::BadArguments)
}

/// A value with its length; `None` where the protocol's length -1 is meant: for that length, and for a null pointer that
/// claims to have bytes. A null pointer of length 0 is an empty value, as on stock.
///
/// Errors: `BadArguments` for any other negative length.
///
/// # Safety
/// The contract of [`super`]; the result must not outlive the call.
pub(super) unsafe fn value<'a>(pointer: *const c_char, len: c_int) -> Result<Option<&'a [u8]>, Code> {
    if len == NO_VALUE {
        return Ok(None);
    }
    // divergence: A length below -1 is ZBADARGUMENTS in every call; stock crashes on it, or sends it, and the server cuts the connection.
    let len = usize::try_from(len).map_err(|_| Code::BadArguments)?;
    if len == 0 {
        return Ok(Some(&[]));
    }
    // divergence: A null value with a positive length is a missing value; stock crashes on it.
    // SAFETY: not null, and `len` bytes by the contract.
    Ok((!pointer.is_null()).then(|| unsafe { slice::from_raw_parts(pointer.cast(), len) }))
}

/// The length that stands for a missing value, as opposed to an empty one.
const NO_VALUE: c_int = -1;

/// The entries of an access control list. Almost every list has a single entry, for which nothing is allocated.
pub(super) enum AclList<'a> {
    One(Acl<'a>),
    Some(Vec<Acl<'a>>),
}

impl<'a> std::ops::Deref for AclList<'a> {
    type Target = [Acl<'a>];

    fn deref(&self) -> &[Acl<'a>] {
        match self {
            AclList::One(entry) => slice::from_ref(entry),
            AclList::Some(entries) => entries,
        }
    }
}

/// The entries of an access control list; none for null.
///
/// # Safety
/// The contract of [`super`]; the result must not outlive the call.
pub(super) unsafe fn acl<'a>(list: *const ACL_vector) -> AclList<'a> {
    // SAFETY: null or a list by the contract, with `count` entries unless `data` is null.
    unsafe {
        let Some(list) = list.as_ref().filter(|list| !list.data.is_null()) else { return AclList::Some(Vec::new()) };
        let entries = slice::from_raw_parts(list.data, usize::try_from(list.count).unwrap_or(0));
        let entry = |entry: &super::types::ACL| Acl {
            perms: entry.perms,
            scheme: text(entry.id.scheme),
            id: text(entry.id.id),
        };
        match entries {
            [one] => AclList::One(entry(one)),
            _ => AclList::Some(entries.iter().map(entry).collect()),
        }
    }
}

/// A node's status in C's layout.
pub(super) fn stat(stat: &proto::Stat) -> Stat {
    Stat {
        czxid: stat.czxid,
        mzxid: stat.mzxid,
        ctime: stat.ctime,
        mtime: stat.mtime,
        version: stat.version,
        cversion: stat.cversion,
        aversion: stat.aversion,
        ephemeralOwner: stat.ephemeral_owner,
        dataLength: stat.data_length,
        numChildren: stat.num_children,
        pzxid: stat.pzxid,
    }
}

/// Writes a status to `place`, unless that is null.
///
/// # Safety
/// `place` is null or valid for writes.
pub(super) unsafe fn put_stat(place: *mut Stat, from: &proto::Stat) {
    if !place.is_null() {
        // SAFETY: not null, so valid.
        unsafe { place.write(stat(from)) }
    }
}

/// Writes a path into a caller's buffer: as much as fits, always ended by NUL, nothing if `room` is 0 or less.
///
/// # Safety
/// `buffer` is null or has `room` bytes.
pub(super) unsafe fn put_text(buffer: *mut c_char, room: c_int, text: &[u8]) {
    let Some(last) = usize::try_from(room).ok().and_then(|room| room.checked_sub(1)) else { return };
    if buffer.is_null() {
        return;
    }
    let len = text.len().min(last);
    // SAFETY: `len` and the NUL behind it are within `room`.
    unsafe {
        buffer.copy_from_nonoverlapping(text.as_ptr().cast(), len);
        buffer.add(len).write(0);
    }
}
