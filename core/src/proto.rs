//! The records of the client protocol, requests and replies, under their jute names. Knows no session.
//!
//! Facts: the public `zookeeper.jute` definition, and bytes captured from ZooKeeper 3.8.0.
use crate::jute::{Malformed, Put, Reader};

/// Request types.
pub mod op {
    #![allow(missing_docs)]
    pub const CREATE: i32 = 1;
    pub const DELETE: i32 = 2;
    pub const EXISTS: i32 = 3;
    pub const GET_DATA: i32 = 4;
    pub const SET_DATA: i32 = 5;
    pub const GET_ACL: i32 = 6;
    pub const SET_ACL: i32 = 7;
    pub const GET_CHILDREN: i32 = 8;
    pub const SYNC: i32 = 9;
    pub const PING: i32 = 11;
    pub const GET_CHILDREN2: i32 = 12;
    pub const CHECK: i32 = 13;
    pub const MULTI: i32 = 14;
    pub const CREATE2: i32 = 15;
    pub const RECONFIG: i32 = 16;
    pub const CHECK_WATCHES: i32 = 17;
    pub const REMOVE_WATCHES: i32 = 18;
    pub const CREATE_CONTAINER: i32 = 19;
    pub const CREATE_TTL: i32 = 21;
    pub const MULTI_READ: i32 = 22;
    pub const CLOSE: i32 = -11;
    pub const SET_AUTH: i32 = 100;
    pub const SET_WATCHES: i32 = 101;
    pub const SASL: i32 = 102;
    pub const GET_EPHEMERALS: i32 = 103;
    pub const GET_ALL_CHILDREN_NUMBER: i32 = 104;
    pub const SET_WATCHES2: i32 = 105;
    pub const ADD_WATCH: i32 = 106;
    pub const WHO_AM_I: i32 = 107;
    /// Type of a failed part in a multi response.
    pub const ERROR: i32 = -1;
}

/// Request ids that are reserved for the protocol.
pub mod xid {
    #![allow(missing_docs)]
    pub const WATCHER_EVENT: i32 = -1;
    pub const PING: i32 = -2;
    pub const AUTH: i32 = -4;
    pub const SET_WATCHES: i32 = -8;
}

/// Path of the node that holds the ensemble's configuration; no chroot applies to it.
pub const CONFIG_NODE: &[u8] = b"/zookeeper/config";

/// Metadata of a node. Times in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Transaction that created the node.
    pub czxid: i64,
    /// Transaction that changed it last.
    pub mzxid: i64,
    /// Creation time.
    pub ctime: i64,
    /// Time of the last change.
    pub mtime: i64,
    /// Number of changes of the data.
    pub version: i32,
    /// Number of changes of the children.
    pub cversion: i32,
    /// Number of changes of the ACL.
    pub aversion: i32,
    /// Session that owns an ephemeral node, 0 for others.
    pub ephemeral_owner: i64,
    /// Bytes of data.
    pub data_length: i32,
    /// Number of children.
    pub num_children: i32,
    /// Transaction that changed the children last.
    pub pzxid: i64,
}

impl Stat {
    /// Encoded size in bytes.
    pub const LEN: usize = 68;

    /// Reads one.
    pub fn read(reader: &mut Reader<'_>) -> Result<Stat, Malformed> {
        // One check of the length for all fields.
        let bytes = reader.array::<{ Stat::LEN }>()?;
        let mut reader = Reader::new(&bytes);
        Ok(Stat {
            czxid: reader.i64()?,
            mzxid: reader.i64()?,
            ctime: reader.i64()?,
            mtime: reader.i64()?,
            version: reader.i32()?,
            cversion: reader.i32()?,
            aversion: reader.i32()?,
            ephemeral_owner: reader.i64()?,
            data_length: reader.i32()?,
            num_children: reader.i32()?,
            pzxid: reader.i64()?,
        })
    }

    /// Appends one.
    pub fn write(&self, out: &mut Vec<u8>) {
        for value in [self.czxid, self.mzxid, self.ctime, self.mtime] {
            out.put_i64(value);
        }
        for value in [self.version, self.cversion, self.aversion] {
            out.put_i32(value);
        }
        out.put_i64(self.ephemeral_owner);
        out.put_i32(self.data_length);
        out.put_i32(self.num_children);
        out.put_i64(self.pzxid);
    }
}

/// One entry of an access control list. `None` is a string of length -1, which servers refuse as an invalid ACL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acl<'a> {
    /// Permission bits.
    pub perms: i32,
    /// Scheme of the identity.
    pub scheme: Option<&'a [u8]>,
    /// The identity.
    pub id: Option<&'a [u8]>,
}

impl<'a> Acl<'a> {
    /// Smallest encoded size in bytes.
    pub const MIN_LEN: usize = 12;

    /// Reads one.
    pub fn read(reader: &mut Reader<'a>) -> Result<Acl<'a>, Malformed> {
        Ok(Acl { perms: reader.i32()?, scheme: reader.buffer()?, id: reader.buffer()? })
    }

    /// Appends one.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.put_i32(self.perms);
        out.put_buffer(self.scheme);
        out.put_buffer(self.id);
    }
}

/// Appends a whole list.
pub fn put_acls(out: &mut Vec<u8>, acls: &[Acl<'_>]) {
    out.put_len(acls.len());
    for acl in acls {
        acl.write(out);
    }
}

/// The first frame on a connection, from client to server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectRequest {
    /// Highest transaction id the client has seen.
    pub last_zxid_seen: i64,
    /// Requested session timeout, in milliseconds.
    pub timeout: i32,
    /// Session to resume, 0 for a new one.
    pub session_id: i64,
    /// Password of that session.
    pub password: [u8; 16],
    /// Whether the client accepts a read-only server.
    pub read_only: bool,
}

impl ConnectRequest {
    /// Appends the record, without the frame length.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.put_i32(0);
        out.put_i64(self.last_zxid_seen);
        out.put_i32(self.timeout);
        out.put_i64(self.session_id);
        out.put_buffer(Some(&self.password));
        out.put_bool(self.read_only);
    }

    /// Reads the record; the last byte is missing in requests of clients before 3.4.
    pub fn read(reader: &mut Reader<'_>) -> Result<ConnectRequest, Malformed> {
        reader.i32()?;
        Ok(ConnectRequest {
            last_zxid_seen: reader.i64()?,
            timeout: reader.i32()?,
            session_id: reader.i64()?,
            password: password(reader)?,
            read_only: reader.bool().unwrap_or(false),
        })
    }
}

/// The first frame on a connection from server to client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectResponse {
    /// Negotiated session timeout in milliseconds, 0 or less when the session is expired.
    pub timeout: i32,
    /// The session.
    pub session_id: i64,
    /// Its password.
    pub password: [u8; 16],
    /// Whether the server is read-only.
    pub read_only: bool,
}

impl ConnectResponse {
    /// Reads the record: 36 bytes from servers before 3.4, which have no read-only mode, 37 from later ones.
    pub fn read(reader: &mut Reader<'_>) -> Result<ConnectResponse, Malformed> {
        reader.i32()?;
        Ok(ConnectResponse {
            timeout: reader.i32()?,
            session_id: reader.i64()?,
            password: password(reader)?,
            read_only: reader.bool().unwrap_or(false),
        })
    }

    /// Appends the record, without the frame length.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.put_i32(0);
        out.put_i32(self.timeout);
        out.put_i64(self.session_id);
        out.put_buffer(Some(&self.password));
        out.put_bool(self.read_only);
    }
}

fn password(reader: &mut Reader<'_>) -> Result<[u8; 16], Malformed> {
    let mut password = [0; 16];
    let bytes = reader.string()?;
    match password.get_mut(..bytes.len()) {
        Some(head) => head.copy_from_slice(bytes),
        None => return Err(Malformed),
    }
    Ok(password)
}

/// Starts every frame from the server except the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyHeader {
    /// The request that this answers, or one of [`xid`].
    pub xid: i32,
    /// The server's latest transaction; 0 or -1 where none applies.
    pub zxid: i64,
    /// 0, or the error.
    pub err: i32,
}

impl ReplyHeader {
    /// Encoded size in bytes.
    pub const LEN: usize = 16;

    /// Reads one.
    #[inline]
    pub fn read(reader: &mut Reader<'_>) -> Result<ReplyHeader, Malformed> {
        let bytes = reader.array::<{ ReplyHeader::LEN }>()?;
        let mut reader = Reader::new(&bytes);
        Ok(ReplyHeader { xid: reader.i32()?, zxid: reader.i64()?, err: reader.i32()? })
    }

    /// Appends one.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.put_i32(self.xid);
        out.put_i64(self.zxid);
        out.put_i32(self.err);
    }
}

/// What a watch reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatcherEvent<'a> {
    /// One of [`event`].
    pub kind: i32,
    /// The session's state as the server reports it.
    pub state: i32,
    /// Server path of the node.
    pub path: &'a [u8],
}

impl<'a> WatcherEvent<'a> {
    /// Reads one.
    pub fn read(reader: &mut Reader<'a>) -> Result<WatcherEvent<'a>, Malformed> {
        Ok(WatcherEvent { kind: reader.i32()?, state: reader.i32()?, path: reader.string()? })
    }

    /// Appends one.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.put_i32(self.kind);
        out.put_i32(self.state);
        out.put_buffer(Some(self.path));
    }
}

/// Event types.
pub mod event {
    #![allow(missing_docs)]
    pub const CREATED: i32 = 1;
    pub const DELETED: i32 = 2;
    pub const CHANGED: i32 = 3;
    pub const CHILD: i32 = 4;
    pub const SESSION: i32 = -1;
    pub const NOT_WATCHING: i32 = -2;
}

/// Starts each part of a multi request and response; the last one has `done` set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultiHeader {
    /// Type of the part, [`op::ERROR`] for a failed one, -1 with `done`.
    pub kind: i32,
    /// Whether the list ends here.
    pub done: bool,
    /// The part's error.
    pub err: i32,
}

impl MultiHeader {
    /// The header that ends the list.
    pub const END: MultiHeader = MultiHeader { kind: -1, done: true, err: -1 };

    /// Reads one.
    pub fn read(reader: &mut Reader<'_>) -> Result<MultiHeader, Malformed> {
        Ok(MultiHeader { kind: reader.i32()?, done: reader.bool()?, err: reader.i32()? })
    }

    /// Appends one.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.put_i32(self.kind);
        out.put_bool(self.done);
        out.put_i32(self.err);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connect_request_has_45_bytes() {
        let request =
            ConnectRequest { last_zxid_seen: 1, timeout: 10_000, session_id: 2, password: [3; 16], read_only: false };
        let mut out = Vec::new();
        request.write(&mut out);
        assert_eq!(out.len(), 45);
        assert_eq!(ConnectRequest::read(&mut Reader::new(&out)), Ok(request));
    }

    #[test]
    fn connect_responses_of_36_and_37_bytes_are_read() {
        let response = ConnectResponse { timeout: 4000, session_id: -5, password: [7; 16], read_only: false };
        let mut out = Vec::new();
        response.write(&mut out);
        assert_eq!(out.len(), 37);
        assert_eq!(ConnectResponse::read(&mut Reader::new(&out)), Ok(response));
        assert_eq!(ConnectResponse::read(&mut Reader::new(&out[..36])), Ok(response));
        assert_eq!(ConnectResponse::read(&mut Reader::new(&out[..35])), Err(Malformed));
    }

    #[test]
    fn a_stat_takes_68_bytes() {
        let stat = Stat { czxid: 1, mzxid: 2, pzxid: 3, version: 4, ..Stat::default() };
        let mut out = Vec::new();
        stat.write(&mut out);
        assert_eq!(out.len(), Stat::LEN);
        assert_eq!(Stat::read(&mut Reader::new(&out)), Ok(stat));
    }
}
