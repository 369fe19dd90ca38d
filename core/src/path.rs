//! The rule for valid paths, and the chroot prefix. Does not know requests.

/// Whether `path` (complete, chroot included) may be sent to a server. `sequential` loosens the rule for the last
/// component, since the server appends a number to it.
///
/// The rule is that of the 3.8.0 C client as observed: it starts with `/`, has no empty, `.` or `..` component and no
/// byte from 0x01 to 0x1e. Bytes from 0x1f on, 0x7f and UTF-8 included, pass.
pub fn is_valid(path: &[u8], sequential: bool) -> bool {
    let Some((b'/', rest)) = path.split_first() else { return false };
    (is_plain(path) && path.last() != Some(&b'/')) || path == b"/" || is_valid_by_component(rest, sequential)
}

/// Bytes examined in one go: sixteen, each with its successor.
const WINDOW: usize = 17;

/// Whether no byte is below 0x1f and no `/` is followed by `/` or `.`, so that only the end can still be wrong.
///
/// Paths are checked on every call: this takes a third of the instructions of a loop over the bytes.
fn is_plain(path: &[u8]) -> bool {
    let Some(last) = path.last_chunk::<WINDOW>() else { return is_plain_short(path) };
    let mut rest = path;
    while let Some(window) = rest.first_chunk::<WINDOW>() {
        if !is_plain_window(window) {
            return false;
        }
        rest = rest.get(WINDOW - 1..).unwrap_or_default();
    }
    is_plain_window(last)
}

fn is_plain_short(path: &[u8]) -> bool {
    let mut padded = [b'a'; WINDOW];
    for (place, byte) in padded.iter_mut().zip(path) {
        *place = *byte;
    }
    is_plain_window(&padded)
}

/// [`is_plain`] for one window. Its first byte is only checked together with the next, because it is the first `/` or
/// the last byte of another window. Free of branches, so that it compiles to a few vector instructions.
#[inline]
fn is_plain_window(window: &[u8; WINDOW]) -> bool {
    let bad = window.iter().zip(window.iter().skip(1)).fold(0, |bad, (byte, next)| {
        let slash = u8::from(*byte == b'/');
        // `.` and `/` differ in the last bit only.
        let joint = u8::from(*next | 1 == b'/');
        bad | (slash & joint) | u8::from(*next < 0x1f)
    });
    bad == 0
}

#[cold]
fn is_valid_by_component(rest: &[u8], sequential: bool) -> bool {
    if rest.iter().any(|byte| *byte < 0x1f) {
        return false;
    }
    let mut components = rest.split(|byte| *byte == b'/').peekable();
    while let Some(component) = components.next() {
        let last = components.peek().is_none();
        if matches!(component, b"" | b"." | b"..") && !(last && sequential) {
            return false;
        }
    }
    true
}

/// A server path as the client sees it, without the chroot; the chroot itself is `/`. `None` if the path does not begin
/// with the chroot.
///
/// The prefix is cut by its length, as on stock. A name without a slash was appended to the chroot unchanged (see
/// [`below_chroot`]), so it comes back unchanged too.
pub fn strip_chroot<'a>(chroot: &[u8], path: &'a [u8]) -> Option<&'a [u8]> {
    match path.strip_prefix(chroot)? {
        b"" if chroot.is_empty() => Some(path),
        b"" => Some(b"/"),
        rest => Some(rest),
    }
}

/// The part of a client path that follows the chroot on the wire: `/` under a chroot names the chroot itself, and so
/// does any other path of one byte, as on stock (which appends longer ones without their slash).
pub fn below_chroot<'a>(chroot: &[u8], path: &'a [u8]) -> &'a [u8] {
    if path.len() == 1 && !chroot.is_empty() { b"" } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_are_valid() {
        for path in [&b"/"[..], b"/a", b"/a/b.c", b"/...", b"/a\x1f", b"/a\x7f", "/é".as_bytes()] {
            assert!(is_valid(path, false), "{path:?}");
        }
    }

    #[test]
    fn bad_paths_are_not() {
        for path in [&b""[..], b"a", b"/a/", b"//", b"/a//b", b"/.", b"/..", b"/a/./b", b"/a/..", b"/a\x01", b"/a\x1e"]
        {
            assert!(!is_valid(path, false), "{path:?}");
        }
    }

    /// The rule byte by byte, as it is worded.
    fn is_valid_plainly(path: &[u8]) -> bool {
        path == b"/"
            || path.strip_prefix(b"/").is_some_and(|rest| {
                rest.iter().all(|byte| *byte >= 0x1f)
                    && rest.split(|byte| *byte == b'/').all(|part| !matches!(part, b"" | b"." | b".."))
            })
    }

    #[test]
    fn the_fast_look_agrees_with_the_plain_rule_at_every_place() {
        for len in 1..55 {
            for at in 0..len {
                for bytes in
                    [&b"/"[..], b".", b"/.", b"//", b"/./", b"/..", b"..", b"\x1e", b"\x1f", b"\x01", b"\xff", b"\x80"]
                {
                    let mut path = vec![b'a'; len];
                    path[0] = b'/';
                    for (place, byte) in path[at..].iter_mut().zip(bytes) {
                        *place = *byte;
                    }
                    assert_eq!(is_valid(&path, false), is_valid_plainly(&path), "{path:?}");
                }
            }
        }
    }

    #[test]
    fn sequential_names_may_end_in_a_stub() {
        for path in [&b"/a/"[..], b"/a/.", b"/a/..", b"/."] {
            assert!(is_valid(path, true), "{path:?}");
        }
        assert!(!is_valid(b"/a//b", true));
        assert!(!is_valid(b"/a/./b", true));
    }

    #[test]
    fn the_chroot_is_stripped_by_its_length() {
        assert_eq!(strip_chroot(b"", b"/a"), Some(&b"/a"[..]));
        assert_eq!(strip_chroot(b"", b""), Some(&b""[..]));
        assert_eq!(strip_chroot(b"/c", b"/c"), Some(&b"/"[..]));
        assert_eq!(strip_chroot(b"/c", b"/c/x"), Some(&b"/x"[..]));
        assert_eq!(strip_chroot(b"/c", b"/cx"), Some(&b"x"[..]));
        assert_eq!(strip_chroot(b"/c", b"/d"), None);
    }
}
