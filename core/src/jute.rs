//! The jute encoding: big-endian integers, length-prefixed buffers and vectors. Owns reading and writing of the
//! primitives; knows no record. A length of -1 stands for "none" in buffers, strings and vectors.

/// The bytes do not form the requested value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads primitives off the front of a byte slice. Nothing is allocated and nothing is copied.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// The bytes that have not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Exactly `N` bytes.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*head)
    }

    /// A 32-bit integer.
    #[inline]
    pub fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    /// A 64-bit integer.
    #[inline]
    pub fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_be_bytes)
    }

    /// A truth value: any byte but 0 is true.
    #[inline]
    pub fn bool(&mut self) -> Result<bool, Malformed> {
        self.array::<1>().map(|[byte]| byte != 0)
    }

    /// A buffer; `None` for a negative length.
    #[inline]
    pub fn buffer(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        let Ok(len) = usize::try_from(self.i32()?) else { return Ok(None) };
        let (head, rest) = self.rest.split_at_checked(len).ok_or(Malformed)?;
        self.rest = rest;
        Ok(Some(head))
    }

    /// A string: raw bytes, not checked for UTF-8; a negative length reads as empty.
    #[inline]
    pub fn string(&mut self) -> Result<&'a [u8], Malformed> {
        Ok(self.buffer()?.unwrap_or_default())
    }

    /// The count that starts a vector; a negative count reads as 0. A count that does not fit into the following bytes,
    /// at `min_item` bytes an item, is malformed, so it is safe to allocate for the count.
    pub fn count(&mut self, min_item: usize) -> Result<usize, Malformed> {
        let count = usize::try_from(self.i32()?).unwrap_or(0);
        if count.saturating_mul(min_item) > self.rest.len() { Err(Malformed) } else { Ok(count) }
    }
}

/// Appends primitives to a byte vector.
pub trait Put {
    /// A 32-bit integer.
    fn put_i32(&mut self, value: i32);
    /// A 64-bit integer.
    fn put_i64(&mut self, value: i64);
    /// A truth value.
    fn put_bool(&mut self, value: bool);
    /// A buffer or string, its length first; `None` is written as length -1.
    fn put_buffer(&mut self, value: Option<&[u8]>);
    /// A string in two pieces, written as one, which saves joining chroot and path first.
    fn put_joined(&mut self, head: &[u8], tail: &[u8]);
    /// A length or count that `usize` holds. Lengths are bounded by [`crate::limits`], so it always fits.
    fn put_len(&mut self, len: usize);
}

impl Put for Vec<u8> {
    #[inline]
    fn put_i32(&mut self, value: i32) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_i64(&mut self, value: i64) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    #[inline]
    fn put_bool(&mut self, value: bool) {
        self.push(u8::from(value));
    }

    fn put_buffer(&mut self, value: Option<&[u8]>) {
        match value {
            Some(bytes) => self.put_joined(bytes, &[]),
            None => self.put_i32(-1),
        }
    }

    #[inline]
    fn put_joined(&mut self, head: &[u8], tail: &[u8]) {
        self.put_len(head.len() + tail.len());
        self.extend_from_slice(head);
        self.extend_from_slice(tail);
    }

    #[inline]
    fn put_len(&mut self, len: usize) {
        self.put_i32(i32::try_from(len).unwrap_or(i32::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_big_endian() {
        let mut out = Vec::new();
        out.put_i32(0x0102_0304);
        out.put_i64(-2);
        out.put_bool(true);
        assert_eq!(out, [1, 2, 3, 4, 255, 255, 255, 255, 255, 255, 255, 254, 1]);
        let mut reader = Reader::new(&out);
        assert_eq!((reader.i32(), reader.i64(), reader.bool()), (Ok(0x0102_0304), Ok(-2), Ok(true)));
        assert_eq!(reader.bool(), Err(Malformed));
    }

    #[test]
    fn a_missing_buffer_is_length_minus_one() {
        let mut out = Vec::new();
        out.put_buffer(None);
        out.put_buffer(Some(b""));
        out.put_joined(b"/a", b"/b");
        assert_eq!(out, [255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 4, b'/', b'a', b'/', b'b']);
        let mut reader = Reader::new(&out);
        assert_eq!(reader.buffer(), Ok(None));
        assert_eq!(reader.buffer(), Ok(Some(&b""[..])));
        assert_eq!(reader.string(), Ok(&b"/a/b"[..]));
    }

    #[test]
    fn lying_lengths_and_counts_are_malformed() {
        assert_eq!(Reader::new(&[0, 0, 0, 9, 1]).buffer(), Err(Malformed));
        assert_eq!(Reader::new(&[127, 255, 255, 255]).count(4), Err(Malformed));
        assert_eq!(Reader::new(&[255, 255, 255, 255]).count(4), Ok(0));
        assert_eq!(Reader::new(&[0, 0, 0, 1, 0, 0, 0, 0]).count(4), Ok(1));
    }
}
