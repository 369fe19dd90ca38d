//! Several reads with one request: their encoding, and the results. Each read fails or succeeds independently. Knows no
//! session.
use crate::code::Code;
use crate::jute::{Malformed, Put, Reader};
use crate::proto::{MultiHeader, Stat, op};
use crate::reply::Strings;
use crate::request::put_path;

/// One read. Paths are the client's, without the chroot.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // the fields are those of the protocol's records
pub enum ReadOp<'a> {
    Data {
        path: &'a [u8],
    },
    Children {
        path: &'a [u8],
    },
    /// A type that is not a read, as passed by the caller.
    Unsupported(i32),
}

impl ReadOp<'_> {
    /// Bytes of the path.
    pub(crate) fn payload_len(&self) -> usize {
        match self {
            ReadOp::Data { path } | ReadOp::Children { path } => path.len(),
            ReadOp::Unsupported(_) => 0,
        }
    }
}

/// Appends all reads and the end mark. No read sets a watch.
///
/// Errors: `BadArguments` for a bad path, `Unimplemented` for a type that is not a read.
pub fn encode(ops: &[ReadOp<'_>], chroot: &[u8], out: &mut Vec<u8>) -> Result<(), Code> {
    for item in ops {
        let (kind, path) = match item {
            ReadOp::Data { path } => (op::GET_DATA, path),
            ReadOp::Children { path } => (op::GET_CHILDREN, path),
            ReadOp::Unsupported(_) => return Err(Code::Unimplemented),
        };
        MultiHeader { kind, done: false, err: -1 }.write(out);
        put_path(out, chroot, path, false)?;
        out.put_bool(false);
    }
    MultiHeader::END.write(out);
    Ok(())
}

/// The result of one read.
#[derive(Clone, Debug)]
pub enum ReadResult<'a> {
    /// The node's data, if it has any, and its `Stat`.
    Data(Option<&'a [u8]>, Stat),
    /// The names of its children.
    Children(Strings<'a>),
    /// Failed with this code.
    Failed(Code),
}

/// Reads the results one by one off the body of the reply.
#[derive(Clone, Debug)]
pub struct ReadResults<'a> {
    reader: Reader<'a>,
}

impl<'a> ReadResults<'a> {
    /// The results in the body of a reply, after its header.
    pub fn new(body: &'a [u8]) -> ReadResults<'a> {
        ReadResults { reader: Reader::new(body) }
    }

    /// The next result; `None` at the end mark.
    pub fn read(&mut self) -> Result<Option<ReadResult<'a>>, Malformed> {
        let reader = &mut self.reader;
        let header = MultiHeader::read(reader)?;
        if header.done {
            return Ok(None);
        }
        Ok(Some(match header.kind {
            op::GET_DATA => ReadResult::Data(reader.buffer()?, Stat::read(reader)?),
            op::GET_CHILDREN => ReadResult::Children(Strings::read(reader)?),
            op::ERROR => ReadResult::Failed(Code::from_i32(reader.i32()?)),
            _ => return Err(Malformed),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_leave_no_watch_and_end_with_a_mark() {
        let mut out = Vec::new();
        encode(&[ReadOp::Data { path: b"/a" }, ReadOp::Children { path: b"/" }], b"/c", &mut out).unwrap();
        let data = b"\0\0\0\x04\0\xff\xff\xff\xff\0\0\0\x04/c/a\0";
        let children = b"\0\0\0\x08\0\xff\xff\xff\xff\0\0\0\x02/c\0";
        let end = b"\xff\xff\xff\xff\x01\xff\xff\xff\xff";
        assert_eq!(out, [&data[..], children, end].concat());
    }

    #[test]
    fn bad_reads_have_their_own_codes() {
        let mut out = Vec::new();
        assert_eq!(encode(&[ReadOp::Data { path: b"a" }], b"", &mut out), Err(Code::BadArguments));
        assert_eq!(encode(&[ReadOp::Unsupported(13)], b"", &mut out), Err(Code::Unimplemented));
    }

    #[test]
    fn each_read_has_its_own_result() {
        let mut body = Vec::new();
        MultiHeader { kind: op::GET_DATA, done: false, err: 0 }.write(&mut body);
        body.put_buffer(Some(b"x"));
        Stat { version: 3, ..Stat::default() }.write(&mut body);
        MultiHeader { kind: op::ERROR, done: false, err: -101 }.write(&mut body);
        body.put_i32(-101);
        MultiHeader { kind: op::GET_CHILDREN, done: false, err: 0 }.write(&mut body);
        body.put_len(1);
        body.put_buffer(Some(b"k"));
        MultiHeader::END.write(&mut body);
        let mut results = ReadResults::new(&body);
        assert!(matches!(results.read(), Ok(Some(ReadResult::Data(Some(b"x"), Stat { version: 3, .. })))));
        assert!(matches!(results.read(), Ok(Some(ReadResult::Failed(Code::NoNode)))));
        let Ok(Some(ReadResult::Children(names))) = results.read() else { panic!("no children") };
        assert_eq!(names.iter().collect::<Vec<_>>(), [b"k"]);
        assert!(matches!(results.read(), Ok(None)));
        assert!(results.read().is_err());
    }
}
