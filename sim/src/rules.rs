//! The paths, versions and create modes that the real server accepts. Knows no tree.
use zk_core::code::Code;

/// `ephemeral_owner` of a container.
pub const CONTAINER: i64 = i64::MIN;
/// Upper bits of `ephemeral_owner` of a node with a time to live; the lower bits hold that time in milliseconds.
const TTL_MARK: i64 = 0xff << 56;
/// Longest time to live, milliseconds.
pub(crate) const TTL_MAX: i64 = 0xff_ffff_ffff;

/// Whether an `ephemeral_owner` stands for a container or a time to live; clients see 0 instead.
pub(crate) fn is_mortal(owner: i64) -> bool {
    owner == CONTAINER || owner & TTL_MARK == TTL_MARK
}

/// The properties of a create mode.
pub(crate) struct Mode {
    /// Whether the server appends a number to the path.
    pub(crate) sequential: bool,
    /// The value for `ephemeral_owner`.
    pub(crate) owner: i64,
}

impl Mode {
    /// The mode of wire flags, with the time to live of the request (-1 for none).
    pub(crate) fn new(flags: i32, ttl: i64, session: i64, extended_types: bool) -> Result<Mode, Code> {
        let (sequential, ephemeral, with_ttl) = match flags {
            0 | 4 => (false, false, false),
            1 => (false, true, false),
            2 => (true, false, false),
            3 => (true, true, false),
            5 => (false, false, true),
            6 => (true, false, true),
            _ => return Err(Code::BadArguments),
        };
        if with_ttl && !extended_types {
            return Err(Code::Unimplemented);
        }
        let fits = if with_ttl { (1..=TTL_MAX).contains(&ttl) } else { ttl < 0 };
        if !fits {
            return Err(Code::BadArguments);
        }
        let owner = match (flags, ephemeral, with_ttl) {
            (4, ..) => CONTAINER,
            (_, _, true) => TTL_MARK | ttl,
            (_, true, _) => session,
            _ => 0,
        };
        Ok(Mode { sequential, owner })
    }
}

/// Parent and name; the parent of a top-level node is the empty path.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// The next version, if `expected` is the current one or -1.
pub(crate) fn next_version(current: i32, expected: i32) -> Result<i32, Code> {
    if expected != -1 && expected != current {
        return Err(Code::BadVersion);
    }
    Ok(current.wrapping_add(1))
}

/// Checks whether the server accepts the path.
pub(crate) fn valid(path: &str) -> Result<(), Code> {
    let Some(rest) = path.strip_prefix('/') else { return Err(Code::BadArguments) };
    let bad_component = |part: &str| part.is_empty() || part == "." || part == "..";
    if !rest.is_empty() && rest.split('/').any(bad_component) {
        return Err(Code::BadArguments);
    }
    // The ranges are of UTF-16 units, so that everything outside the basic plane is refused as well.
    let bad = |unit: u16| matches!(unit, 0..=0x1f | 0x7f..=0x9f | 0xd800..=0xf8ff | 0xfff0..=0xffff);
    if rest.encode_utf16().any(bad) { Err(Code::BadArguments) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_the_server_refuses() {
        for path in
            ["", "a", "/a/", "//", "/.", "/a/../b", "/a\u{1}", "/a\u{1f}", "/\u{7f}", "/\u{85}", "/\u{fffd}", "/a\0"]
        {
            assert!(valid(path).is_err(), "{path:?}");
        }
        for path in ["/", "/a", "/a.b/...", "/é"] {
            assert!(valid(path).is_ok(), "{path:?}");
        }
    }

    #[test]
    fn a_time_to_live_goes_with_its_modes_only() {
        assert!(Mode::new(5, 1, 9, true).is_ok_and(|mode| mode.owner == TTL_MARK | 1));
        assert!(Mode::new(5, 1, 9, false).is_err());
        for (flags, ttl) in [(5, -1), (5, 0), (6, TTL_MAX + 1), (0, 0), (0, 7), (9, -1)] {
            assert!(Mode::new(flags, ttl, 9, true).is_err(), "{flags} {ttl}");
        }
    }
}
