//! One function for each fuzz target. Each takes any bytes and must return; its assertions are the target's contract.
//! `fuzz/targets` passes them to libFuzzer; `tests/corpus.rs` replays the corpora and seeded random input on every test
//! run.
#![allow(clippy::expect_used, clippy::panic, reason = "a broken contract has to stop the fuzzer")]
pub mod c_api;
mod script;
mod secure;
pub mod session;

use script::Script;
pub use secure::{certificates, handshake, keys, sasl, tls_settings};
use zk_core::frames::Inbox;
use zk_core::jute::Reader;
use zk_core::multi::MultiResults;
use zk_core::path::is_valid;
use zk_core::proto::{ConnectRequest, ConnectResponse, ReplyHeader, Stat, WatcherEvent};
use zk_core::reply;
use zk_core::servers;

/// A target: its name, which is also that of its corpus, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("decoder", decoder),
    ("frames", frames),
    ("hosts", hosts),
    ("session", session::run),
    ("c_api", c_api::run),
    ("certificates", secure::certificates),
    ("keys", secure::keys),
    ("sasl", secure::sasl),
    ("handshake", secure::handshake),
    ("tls_settings", secure::tls_settings),
];

/// Reply bodies: any bytes are parsed or refused, lists agree with their counts, and records survive a round trip.
pub fn decoder(data: &[u8]) {
    let _ = reply::data(data);
    let _ = reply::path(data);
    let _ = reply::path_stat(data);
    if let Ok(names) = reply::children(data) {
        assert_eq!(names.iter().count(), names.count());
        assert!(names.count() <= data.len() / 4, "a count is backed by bytes");
    }
    let _ = reply::children_stat(data);
    let _ = reply::acls(data);
    let mut results = MultiResults::new(data);
    while let Ok(Some(_)) = results.read() {}
    let _ = WatcherEvent::read(&mut Reader::new(data));
    let _ = ReplyHeader::read(&mut Reader::new(data));
    let _ = ConnectRequest::read(&mut Reader::new(data));
    if let Ok(response) = ConnectResponse::read(&mut Reader::new(data)) {
        let mut out = Vec::new();
        response.write(&mut out);
        assert_eq!(ConnectResponse::read(&mut Reader::new(&out)), Ok(response));
    }
    if let Ok(stat) = reply::stat(data) {
        let mut out = Vec::new();
        stat.write(&mut out);
        assert_eq!(data.get(..Stat::LEN), Some(&out[..]));
    }
}

/// The stream cutter: for any pieces, the frames are those of the whole stream, and memory is bounded by the bytes
/// received.
pub fn frames(data: &[u8]) {
    const LIMIT: usize = 1 << 16;
    let mut script = Script::new(data);
    let step = usize::from(script.byte()) + 1;
    let stream = script.rest();
    let mut inbox = Inbox::new(LIMIT);
    let mut frames = Vec::new();
    let (mut at, mut bad) = (0, false);
    while at < stream.len() && !bad {
        let space = inbox.space();
        let n = step.min(space.len()).min(stream.len() - at);
        space.get_mut(..n).expect("space has room").copy_from_slice(stream.get(at..at + n).expect("within the stream"));
        at += n;
        bad = inbox.received(n, &mut frames).is_err();
    }
    let mut rest = stream.get(..at).expect("within the stream");
    for frame in &frames {
        let (prefix, tail) = rest.split_first_chunk::<4>().expect("a frame has a prefix");
        let len = usize::try_from(i32::from_be_bytes(*prefix)).expect("a frame's length is not negative");
        assert!(len <= LIMIT);
        let (body, tail) = tail.split_at_checked(len).expect("a frame is whole");
        assert_eq!(frame.bytes(), body);
        rest = tail;
    }
}

/// Host strings: accepted or refused; an accepted string has a valid chroot, and its servers can be printed and parsed
/// again.
pub fn hosts(data: &[u8]) {
    let _ = servers::parse_servers(data);
    let Ok(list) = servers::parse(data) else { return };
    assert!(list.chroot.is_empty() || is_valid(&list.chroot, false));
    for host in &list.hosts {
        // A port may be 0: as on stock, 65536 is accepted, and its low 16 bits are the port.
        if host.port != 0 && !host.host.contains(':') {
            let again = servers::parse_servers(host.to_string().as_bytes()).expect("what is shown can be read");
            assert_eq!(again.hosts, std::slice::from_ref(host));
        }
        let _ = host.numeric();
    }
}
