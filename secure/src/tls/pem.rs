//! PEM: the blocks of a file, with their headers, which keys encrypted by old OpenSSL need.
use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

/// Limit of blocks in one file: a system's bundle has about 150.
const BLOCKS_MAX: usize = 10_000;

/// One block. The content of a private key is erased when dropped.
pub(super) struct Block<'a> {
    pub(super) label: &'a str,
    /// RFC 1421 headers, in order.
    pub(super) headers: Vec<(&'a str, &'a str)>,
    pub(super) content: Zeroizing<Vec<u8>>,
}

impl Block<'_> {
    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }
}

/// All blocks of a text. Text between them is ignored, as by OpenSSL: `openssl x509 -text` writes such text.
pub(super) fn blocks(text: &[u8]) -> Result<Vec<Block<'_>>, String> {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut found = Vec::new();
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    while let Some(line) = lines.next() {
        let Some(label) = marker(line, "-----BEGIN ") else { continue };
        if found.len() == BLOCKS_MAX {
            return Err(format!("more than {BLOCKS_MAX} PEM blocks"));
        }
        let mut headers = Vec::new();
        let mut base64 = Zeroizing::new(Vec::new());
        loop {
            let Some(line) = lines.next() else { return Err(format!("the PEM block {label} has no end")) };
            if let Some(end) = marker(line, "-----END ") {
                if end != label {
                    return Err(format!("the PEM block {label} ends as {end}"));
                }
                break;
            }
            let text = std::str::from_utf8(line).map_err(|_| format!("the PEM block {label} holds binary data"))?;
            match text.split_once(':') {
                Some((name, value)) if base64.is_empty() => headers.push((name.trim(), value.trim())),
                _ => base64.extend(text.bytes().filter(|byte| !byte.is_ascii_whitespace())),
            }
        }
        let content = std::str::from_utf8(&base64)
            .ok()
            .and_then(|text| Base64::decode_vec(text).ok())
            .ok_or_else(|| format!("the PEM block {label} is not valid base64"))?;
        found.push(Block { label, headers, content: Zeroizing::new(content) });
    }
    Ok(found)
}

/// The label of a BEGIN or END line.
fn marker<'a>(line: &'a [u8], prefix: &str) -> Option<&'a str> {
    let label = line.strip_prefix(prefix.as_bytes())?.strip_suffix(b"-----")?;
    std::str::from_utf8(label).ok()
}

/// The message about a file without a block of the wanted kind.
pub(super) fn missing(text: &[u8], wanted: &str, blocks: &[Block<'_>]) -> String {
    if let Some(first) = blocks.first() {
        return format!("no {wanted}: its first PEM block is {}", first.label);
    }
    match text {
        [] => format!("no {wanted}: the file is empty"),
        [0x30, ..] => {
            format!("no {wanted}: this looks like DER or PKCS#12, and PEM is needed (convert it with openssl)")
        }
        [0xfe, 0xed, 0xfe, 0xed, ..] => {
            format!("no {wanted}: this is a Java key store, and PEM is needed (convert it with keytool and openssl)")
        }
        _ => format!("no {wanted}: the file is not PEM"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_with_headers_and_text_between_are_read() {
        let text = b"words\r\n-----BEGIN A-----\r\nProc-Type: 4,ENCRYPTED\r\nX: y\r\n\r\nAAEC\r\nAw==\r\n-----END A-----\nmore\n\
            -----BEGIN B C-----\n/w==\n-----END B C-----";
        let blocks = blocks(text).unwrap();
        assert_eq!(
            (blocks[0].label, blocks[0].header("X"), &blocks[0].content[..]),
            ("A", Some("y"), &[0, 1, 2, 3][..])
        );
        assert_eq!((blocks[1].label, &blocks[1].content[..]), ("B C", &[255][..]));
        assert_eq!(blocks.len(), 2);
        assert_eq!(super::blocks(b"\xef\xbb\xbf-----BEGIN A-----\nAAEC\n-----END A-----\n").unwrap().len(), 1);
    }

    #[test]
    fn damaged_blocks_are_refused_with_a_reason() {
        for (text, reason) in [
            ("-----BEGIN A-----\nAAEC", "has no end"),
            ("-----BEGIN A-----\nAAEC\n-----END B-----", "ends as B"),
            ("-----BEGIN A-----\n!!!!\n-----END A-----", "base64"),
            ("-----BEGIN A-----\nAAE\n-----END A-----", "base64"),
        ] {
            let error = blocks(text.as_bytes()).err().unwrap();
            assert!(error.contains(reason), "{error}");
        }
        assert!(blocks(b"-----BEGIN A-----\n\xff\n-----END A-----").err().unwrap().contains("binary"));
        assert!(blocks(b"nothing").unwrap().is_empty());
        for (text, reason) in
            [(&b""[..], "empty"), (b"\x30\x82", "DER"), (b"\xfe\xed\xfe\xed", "Java"), (b"x", "not PEM")]
        {
            assert!(missing(text, "certificate", &[]).contains(reason));
        }
    }
}
