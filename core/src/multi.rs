//! Several operations as one transaction: their encoding, and the results. Knows no session.
use crate::code::Code;
use crate::jute::{Malformed, Put, Reader};
use crate::proto::{Acl, MultiHeader, Stat, op, put_acls};
use crate::request::{mode, put_path};

/// One operation of a transaction.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // the fields are those of the protocol's records
pub enum MultiOp<'a> {
    Create {
        path: &'a [u8],
        data: Option<&'a [u8]>,
        acl: Vec<Acl<'a>>,
        mode: i32,
    },
    Delete {
        path: &'a [u8],
        version: i32,
    },
    SetData {
        path: &'a [u8],
        data: Option<&'a [u8]>,
        version: i32,
    },
    Check {
        path: &'a [u8],
        version: i32,
    },
    /// A type that a transaction cannot hold, as passed by the caller.
    Unsupported(i32),
}

impl MultiOp<'_> {
    /// Bytes of path and data.
    pub(crate) fn payload_len(&self) -> usize {
        match self {
            MultiOp::Create { path, data, .. } | MultiOp::SetData { path, data, .. } => {
                path.len() + data.map_or(0, <[u8]>::len)
            }
            MultiOp::Delete { path, .. } | MultiOp::Check { path, .. } => path.len(),
            MultiOp::Unsupported(_) => 0,
        }
    }
}

/// Appends all operations and the end mark.
pub fn encode(ops: &[MultiOp<'_>], chroot: &[u8], out: &mut Vec<u8>) -> Result<(), Code> {
    for item in ops {
        let (kind, path, sequential) = match item {
            // The encoding of a transaction has no field for a time to live.
            MultiOp::Create { mode, .. } if mode::has_ttl(*mode) => return Err(unimplemented(op::CREATE_TTL)),
            // The server would make a container from a plain create too; Apache's library sends this type.
            MultiOp::Create { path, mode: mode::CONTAINER, .. } => (op::CREATE_CONTAINER, path, false),
            MultiOp::Create { path, mode, .. } => (op::CREATE, path, mode::is_sequential(*mode)),
            MultiOp::Delete { path, .. } => (op::DELETE, path, false),
            MultiOp::SetData { path, .. } => (op::SET_DATA, path, false),
            MultiOp::Check { path, .. } => (op::CHECK, path, false),
            MultiOp::Unsupported(kind) => return Err(unimplemented(*kind)),
        };
        MultiHeader { kind, done: false, err: -1 }.write(out);
        put_path(out, chroot, path, sequential).map_err(|_| Code::MarshallingError)?;
        match item {
            MultiOp::Create { data, acl, mode, .. } => {
                out.put_buffer(*data);
                put_acls(out, acl);
                out.put_i32(*mode);
            }
            MultiOp::SetData { data, version, .. } => {
                out.put_buffer(*data);
                out.put_i32(*version);
            }
            MultiOp::Delete { version, .. } | MultiOp::Check { version, .. } => out.put_i32(*version),
            MultiOp::Unsupported(_) => {}
        }
    }
    MultiHeader::END.write(out);
    Ok(())
}

/// Logs that a transaction cannot hold this type, and returns the code for it.
fn unimplemented(kind: i32) -> Code {
    log::error!(target: "zoo_amulti", "Unimplemented sub-op type={kind} in multi-op");
    Code::Unimplemented
}

/// The result of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MultiResult<'a> {
    /// Created, with the server path, and the `Stat` where the server sends one.
    Create(&'a [u8], Option<Stat>),
    /// Changed.
    SetData(Stat),
    /// Done, without a result (delete, check).
    Done,
    /// Failed with this code, or not tried (`Ok`, `RuntimeInconsistency`) because another operation failed.
    Failed(Code),
}

/// Reads the results one by one off the body of a multi reply.
#[derive(Clone, Debug)]
pub struct MultiResults<'a> {
    reader: Reader<'a>,
}

impl<'a> MultiResults<'a> {
    /// The results in the body of a reply, after its header.
    pub fn new(body: &'a [u8]) -> MultiResults<'a> {
        MultiResults { reader: Reader::new(body) }
    }

    /// The next result; `None` at the end mark.
    pub fn read(&mut self) -> Result<Option<MultiResult<'a>>, Malformed> {
        let reader = &mut self.reader;
        let header = MultiHeader::read(reader)?;
        if header.done {
            return Ok(None);
        }
        Ok(Some(match header.kind {
            op::CREATE => MultiResult::Create(reader.string()?, None),
            op::CREATE2 | op::CREATE_CONTAINER | op::CREATE_TTL => {
                MultiResult::Create(reader.string()?, Some(Stat::read(reader)?))
            }
            op::SET_DATA => MultiResult::SetData(Stat::read(reader)?),
            op::DELETE | op::CHECK => MultiResult::Done,
            op::ERROR => MultiResult::Failed(Code::from_i32(reader.i32()?)),
            _ => return Err(Malformed),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_ends_with_its_mark() {
        let mut out = Vec::new();
        let ops = [MultiOp::Check { path: b"/a", version: 3 }, MultiOp::Delete { path: b"/b", version: -1 }];
        encode(&ops, b"", &mut out).unwrap();
        let check = b"\0\0\0\x0d\0\xff\xff\xff\xff\0\0\0\x02/a\0\0\0\x03";
        let delete = b"\0\0\0\x02\0\xff\xff\xff\xff\0\0\0\x02/b\xff\xff\xff\xff";
        let end = b"\xff\xff\xff\xff\x01\xff\xff\xff\xff";
        assert_eq!(out, [&check[..], delete, end].concat());
    }

    #[test]
    fn a_container_is_made_by_an_operation_of_its_own() {
        let mut out = Vec::new();
        let make = MultiOp::Create { path: b"/a", data: None, acl: Vec::new(), mode: mode::CONTAINER };
        encode(&[make], b"", &mut out).unwrap();
        assert!(out.starts_with(b"\0\0\0\x13\0\xff\xff\xff\xff\0\0\0\x02/a"), "{out:?}");
    }

    #[test]
    fn bad_parts_have_their_own_codes() {
        let mut out = Vec::new();
        let bad = [MultiOp::Check { path: b"x", version: 3 }];
        assert_eq!(encode(&bad, b"", &mut out), Err(Code::MarshallingError));
        assert_eq!(encode(&[MultiOp::Unsupported(21)], b"", &mut out), Err(Code::Unimplemented));
    }

    #[test]
    fn results_are_read_in_order() {
        let mut body = Vec::new();
        MultiHeader { kind: op::CREATE, done: false, err: 0 }.write(&mut body);
        body.put_buffer(Some(b"/a"));
        MultiHeader { kind: op::ERROR, done: false, err: -101 }.write(&mut body);
        body.put_i32(-101);
        MultiHeader::END.write(&mut body);
        let mut results = MultiResults::new(&body);
        assert_eq!(results.read(), Ok(Some(MultiResult::Create(b"/a", None))));
        assert_eq!(results.read(), Ok(Some(MultiResult::Failed(Code::NoNode))));
        assert_eq!(results.read(), Ok(None));
        assert_eq!(results.read(), Err(Malformed));
    }
}
