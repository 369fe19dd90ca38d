//! Reading requests as strictly as the real server does. Does not know their meaning.
use zk_core::jute::{Malformed, Reader};

/// A buffer: length -1 means none, any other negative length is malformed.
pub(crate) fn buffer<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    match reader.rest().first_chunk::<4>().map(|head| i32::from_be_bytes(*head)) {
        Some(len) if len < -1 => Err(Malformed),
        _ => reader.buffer(),
    }
}

/// A string; bytes that are not UTF-8 are replaced, as in Java.
pub(crate) fn string(reader: &mut Reader<'_>) -> Result<Option<String>, Malformed> {
    Ok(buffer(reader)?.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
}

/// A path, which must not be null: Java throws an exception for a null path, which the client sees as a marshalling
/// error.
pub(crate) fn path(reader: &mut Reader<'_>) -> Result<String, Malformed> {
    string(reader)?.ok_or(Malformed)
}

/// A vector of paths.
pub(crate) fn paths(reader: &mut Reader<'_>) -> Result<Vec<String>, Malformed> {
    let count = reader.count(4)?;
    (0..count).map(|_| path(reader)).collect()
}
