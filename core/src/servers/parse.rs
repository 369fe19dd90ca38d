//! Host strings: `host:port,host:port/chroot`. The accepted forms are those observed on the stock library, see the
//! tests.
use crate::{limits, path};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// A server as the application named it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPort {
    /// A name, or an address without brackets. May be empty or nonsense, which the resolver then reports.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl HostPort {
    /// The address, if `host` is numeric, so that no resolver is needed.
    pub fn numeric(&self) -> Option<SocketAddr> {
        if let Ok(ip) = self.host.parse::<IpAddr>() {
            return Some(SocketAddr::new(ip, self.port));
        }
        // A link-local address with a numeric interface; the resolver handles interface names.
        self.host.contains('%').then(|| format!("[{}]:{}", self.host, self.port).parse().ok()).flatten()
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A parsed host string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostString {
    /// The servers in the order given.
    pub hosts: Vec<HostPort>,
    /// The chroot, to which all of the handle's paths are relative; empty for none.
    pub chroot: Vec<u8>,
    /// Entries that are left out because no resolver would accept their port; each as given, for a log line.
    pub skipped: Vec<String>,
    /// Number of entries beyond the first [`limits::SERVERS`], which are left out too.
    pub omitted: usize,
}

/// Why a host string is not accepted. `zookeeper_init` reports each as `EINVAL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The string is empty.
    Empty,
    /// The string has separators but no server.
    NoServers,
    /// This entry has no port.
    NoPort(String),
    /// The port of this entry is not a number, or zero.
    InvalidPort(String),
    /// The part from the first slash on is not a path.
    InvalidChroot,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParseError::Empty => write!(f, "no servers given"),
            ParseError::NoServers => write!(f, "no usable server in the list, which ends at the first slash"),
            ParseError::NoPort(entry) => write!(f, "no port in {entry}"),
            ParseError::InvalidPort(entry) => write!(f, "invalid port in {entry}"),
            ParseError::InvalidChroot => write!(f, "the chroot is not a valid path"),
        }
    }
}

impl std::error::Error for ParseError {}

/// Parses the host string of `zookeeper_init`: servers up to the first slash, the chroot from there on.
pub fn parse(hosts: &[u8]) -> Result<HostString, ParseError> {
    if hosts.is_empty() {
        return Err(ParseError::Empty);
    }
    let slash = hosts.iter().position(|byte| *byte == b'/').unwrap_or(hosts.len());
    let (servers, chroot) = hosts.split_at(slash);
    let chroot = if chroot.len() > 1 { chroot } else { b"" };
    if !chroot.is_empty() && !path::is_valid(chroot, false) {
        return Err(ParseError::InvalidChroot);
    }
    let mut list = parse_servers(servers)?;
    if list.hosts.is_empty() {
        return Err(ParseError::NoServers);
    }
    list.chroot = chroot.to_vec();
    Ok(list)
}

/// Parses the host string of `zoo_set_servers`, which has no chroot: a slash counts as part of the port, which is an
/// error. The empty string is an empty list.
pub fn parse_servers(hosts: &[u8]) -> Result<HostString, ParseError> {
    // divergence: At most 4096 servers of a host string and 4096 addresses of them are used, with a warning; stock has no
    // limit.
    let mut list = HostString::default();
    for entry in hosts.split(|byte| *byte == b',').filter(|entry| !entry.is_empty()) {
        match parse_entry(entry)? {
            _ if list.hosts.len() + list.skipped.len() >= limits::SERVERS => list.omitted += 1,
            Some(server) => list.hosts.push(server),
            None => list.skipped.push(String::from_utf8_lossy(entry).into_owned()),
        }
    }
    if list.hosts.is_empty() && !hosts.is_empty() {
        return Err(ParseError::NoServers);
    }
    Ok(list)
}

/// One `host:port`; `None` if the port passes the first check but no resolver would take it.
fn parse_entry(entry: &[u8]) -> Result<Option<HostPort>, ParseError> {
    let shown = || String::from_utf8_lossy(entry).into_owned();
    let colon = entry.iter().rposition(|byte| *byte == b':').ok_or_else(|| ParseError::NoPort(shown()))?;
    let (host, port) = entry.split_at(colon);
    let port = port.get(1..).unwrap_or_default();
    if !is_port_number(port) {
        return Err(ParseError::InvalidPort(shown()));
    }
    let host = String::from_utf8_lossy(skip_blanks(host));
    Ok(resolver_port(port).map(|port| HostPort { host: without_brackets(&host).to_owned(), port }))
}

// divergence: "[::1]:2181" is accepted beside "::1:2181"; stock takes the brackets for a part of the name.
fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .filter(|host| host.split('%').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()))
        .unwrap_or(host)
}

fn skip_blanks(bytes: &[u8]) -> &[u8] {
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let first = bytes.iter().position(|byte| !blank(byte)).unwrap_or(bytes.len());
    bytes.get(first..).unwrap_or_default()
}

fn sign(bytes: &[u8]) -> (bool, &[u8]) {
    match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, bytes),
    }
}

/// `digits` as a number of this base, limited to the type's maximum; `None` if a byte is not a digit.
fn number(digits: &[u8], base: u32) -> Option<u128> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u128, |value, byte| {
        let digit = char::from(*byte).to_digit(base)?;
        Some(value.saturating_mul(base.into()).saturating_add(digit.into()))
    })
}

/// The first of stock's two checks: a C number in base 8, 10 or 16 with nothing after it, not zero as a C `int`.
fn is_port_number(port: &[u8]) -> bool {
    let (negative, digits) = sign(skip_blanks(port));
    let value = match digits {
        [b'0', b'x' | b'X', hex @ ..] => number(hex, 16),
        [b'0', octal @ ..] if !octal.is_empty() => number(octal, 8),
        decimal => number(decimal, 10),
    };
    let Some(value) = value else { return false };
    // If the number is out of range, C gives the largest or the smallest `long`; the smallest is 0 as an `int`.
    let as_long = match i64::try_from(value) {
        Ok(value) if negative => -value,
        Ok(value) => value,
        Err(_) if negative => i64::MIN,
        Err(_) => i64::MAX,
    };
    as_long & 0xffff_ffff != 0
}

/// The second check, that of the resolver: the text is read as a decimal C `unsigned long` that is not negative as an
/// `int`, and the port is its low 16 bits. So `70000` is port 4464, `010` is port 10, and `0x10` is no port.
fn resolver_port(port: &[u8]) -> Option<u16> {
    let (negative, digits) = sign(skip_blanks(port));
    let value = number(digits, 10)?;
    let as_unsigned_long = match u64::try_from(value) {
        Ok(value) if negative => value.wrapping_neg(),
        Ok(value) => value,
        Err(_) => u64::MAX,
    };
    if as_unsigned_long & 0x8000_0000 != 0 {
        return None;
    }
    u16::try_from(as_unsigned_long & 0xffff).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(hosts: &str) -> Vec<(String, u16)> {
        let list = parse(hosts.as_bytes()).unwrap_or_else(|error| panic!("{hosts:?}: {error}"));
        list.hosts.into_iter().map(|server| (server.host, server.port)).collect()
    }

    fn one(host: &str, port: u16) -> Vec<(String, u16)> {
        vec![(host.to_owned(), port)]
    }

    // Every expectation below was observed on Debian's libzookeeper_mt 3.8.0, except the two marked as ours.

    #[test]
    fn ports_are_checked_as_c_numbers_and_read_as_decimal_ones() {
        let ports = [
            ("1", 1),
            (" 1", 1),
            ("\t1", 1),
            ("+1", 1),
            ("010", 10),
            ("65535", 65535),
            ("65536", 0),
            ("65537", 1),
            ("70000", 4464),
            ("4294967297", 1),
            ("-4294967295", 1),
            ("9223372036854775808", 0),
        ];
        for (port, expected) in ports {
            assert_eq!(ok(&format!("h:{port}")), one("h", expected), "{port:?}");
        }
        for port in
            ["", "0", "-0", "00", "abc", "http", "1x", "1 ", "1\n", "08", "0x", "0b1", "1_0", "4294967296", "1/"]
        {
            let result = parse_servers(format!("h:{port}").as_bytes());
            assert_eq!(result, Err(ParseError::InvalidPort(format!("h:{port}"))), "{port:?}");
        }
        for port in
            ["0x10", "-1", "99999999999999999999999", "18446744073709551615", "9223372036854775807", "2147483648"]
        {
            assert_eq!(parse(format!("h:{port}").as_bytes()), Err(ParseError::NoServers), "{port:?}");
            let list = parse(format!("h:1,h:{port}").as_bytes()).unwrap();
            assert_eq!((list.hosts.len(), list.skipped), (1, vec![format!("h:{port}")]), "{port:?}");
        }
    }

    #[test]
    fn an_entry_with_a_bad_port_spoils_the_list() {
        for hosts in ["a:1,b", "a:1,b:0", "a:1,b:x", "a:1 ,b:2", "a:1,  ", "  ,a:1", "a"] {
            assert!(parse(hosts.as_bytes()).is_err(), "{hosts:?}");
        }
        assert_eq!(parse(b"a:1,b"), Err(ParseError::NoPort("b".to_owned())));
    }

    #[test]
    fn leading_blanks_and_empty_entries_are_skipped() {
        for hosts in ["a:1", " a:1", "\t\n\x0b a:1", "a:1,", "a:1,,", ",a:1"] {
            assert_eq!(ok(hosts), one("a", 1), "{hosts:?}");
        }
        assert_eq!(ok("a:1, b:2,\tc:3"), [("a".into(), 1), ("b".into(), 2), ("c".into(), 3)]);
    }

    #[test]
    fn what_stock_leaves_to_the_resolver_is_left_to_the_resolver() {
        for (hosts, host) in [("a b:1", "a b"), ("a;b:1", "a;b"), (":1", ""), ("a:1:2", "a:1"), ("[a]:1", "[a]")] {
            let server = &parse(hosts.as_bytes()).unwrap().hosts[0];
            assert_eq!((server.host.as_str(), server.numeric()), (host, None));
        }
        assert!(parse(b"\xff:1").unwrap().hosts[0].numeric().is_none());
    }

    #[test]
    fn addresses_of_both_families_need_no_resolver() {
        let numeric = |hosts: &str| parse(hosts.as_bytes()).unwrap().hosts[0].numeric().map(|addr| addr.to_string());
        assert_eq!(numeric("127.0.0.1:2181").as_deref(), Some("127.0.0.1:2181"));
        assert_eq!(numeric("::1:2181").as_deref(), Some("[::1]:2181"));
        assert_eq!(numeric("[::1]:2181").as_deref(), Some("[::1]:2181")); // ours
        assert_eq!(numeric("[fe80::1%2]:2181").as_deref(), Some("[fe80::1%2]:2181")); // ours
        assert_eq!(numeric("fe80::1%2:2181").as_deref(), Some("[fe80::1%2]:2181"));
        assert_eq!(numeric("fe80::1%lo:2181"), None);
        assert_eq!(numeric("localhost:2181"), None);
    }

    #[test]
    fn the_chroot_runs_from_the_first_slash_to_the_end() {
        let chroot = |hosts: &[u8]| parse(hosts).map(|list| list.chroot);
        let paths: [&[u8]; 7] = [b"/a", b"/a/b.c", b"/...", b"/a b", b"/a,b:2", b"/a\x1f\x7f", b"/\xc3\xa9\xff"];
        for path in paths {
            assert_eq!(chroot(&[b"h:1", path].concat()).as_deref(), Ok(path));
        }
        assert_eq!(chroot(b"h:1/").as_deref(), Ok(&b""[..]));
        for path in ["/a/", "//", "/a//b", "/.", "/..", "/a/.", "/a/..", "/a/../b", "/a/./b", "/a\x01", "/a\x1e"] {
            assert_eq!(chroot(format!("h:1{path}").as_bytes()), Err(ParseError::InvalidChroot), "{path:?}");
        }
    }

    #[test]
    fn a_list_without_servers_is_refused() {
        // On stock a handle with these strings never connects and never sleeps. The last one has a chroot in the wrong
        // place.
        for hosts in ["/", "/a", "/a,127.0.0.1:2181"] {
            assert_eq!(parse(hosts.as_bytes()), Err(ParseError::NoServers), "{hosts}");
        }
        assert_eq!(parse(b""), Err(ParseError::Empty));
        assert_eq!(parse(b","), Err(ParseError::NoServers));
        assert_eq!(parse(b",/a"), Err(ParseError::NoServers));
        assert_eq!(parse(b" /a"), Err(ParseError::NoPort(" ".to_owned())));
    }

    #[test]
    fn a_replacement_list_has_no_chroot() {
        assert_eq!(parse_servers(b""), Ok(HostString::default()));
        assert!(parse_servers(b"/a").is_err());
        assert!(parse_servers(b"a:1/a").is_err());
        assert_eq!(parse_servers(b"a:1").map(|list| list.hosts.len()), Ok(1));
    }

    #[test]
    fn what_exceeds_the_limit_is_checked_and_left_out() {
        let mut hosts = vec!["a:1"; limits::SERVERS + 2].join(",");
        let list = parse(hosts.as_bytes()).unwrap();
        assert_eq!((list.hosts.len(), list.omitted), (limits::SERVERS, 2));
        hosts.push_str(",a:0");
        assert_eq!(parse(hosts.as_bytes()), Err(ParseError::InvalidPort("a:0".to_owned())));
        let skipped = parse(format!("a:1,{}", vec!["b:-1"; limits::SERVERS].join(",")).as_bytes()).unwrap();
        assert_eq!((skipped.hosts.len(), skipped.skipped.len(), skipped.omitted), (1, limits::SERVERS - 1, 1));
    }

    #[test]
    fn no_bytes_whatever_make_it_panic() {
        use rand::{RngExt, SeedableRng, rngs::SmallRng};
        let alphabet = b"a1:0,/[]%. -+x\xff\0\x01";
        let mut rng = SmallRng::seed_from_u64(1);
        for _ in 0..100_000 {
            let length = rng.random_range(0..24);
            let hosts: Vec<u8> = (0..length).map(|_| alphabet[rng.random_range(0..alphabet.len())]).collect();
            if let Ok(list) = parse(&hosts) {
                let _: Vec<_> = list.hosts.iter().map(|server| (server.numeric(), server.to_string())).collect();
            }
        }
    }
}
