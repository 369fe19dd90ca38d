//! Four-letter words: plain-text commands that an operator may send to a server. Formats the answers; does not gather
//! the data.
use std::fmt::Write;

/// The data for the answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vitals<'a> {
    /// `leader`, `follower`, `standalone`, `read-only`; `None` when the server does not serve clients.
    pub(crate) mode: Option<&'a str>,
    pub(crate) zxid: i64,
    pub(crate) nodes: usize,
    pub(crate) watches: usize,
    pub(crate) connections: usize,
    pub(crate) sessions: usize,
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

/// The answer to `word`, if it is a known word.
pub(crate) fn answer(word: [u8; 4], vitals: &Vitals<'_>) -> Option<String> {
    let not_serving = "This ZooKeeper instance is not currently serving requests\n".to_owned();
    Some(match (&word, vitals.mode) {
        (b"ruok", _) => "imok".into(),
        (b"isro", Some("read-only")) => "ro".into(),
        (b"isro", Some(_)) => "rw".into(),
        (b"isro", None) => "null".into(),
        (b"stat" | b"srvr" | b"mntr", None) => not_serving,
        (b"stat" | b"srvr", Some(mode)) => status(mode, vitals),
        (b"mntr", Some(mode)) => monitor(mode, vitals),
        _ => return None,
    })
}

fn status(mode: &str, vitals: &Vitals<'_>) -> String {
    let mut text = String::from("Zookeeper version: simulated 3.8.0\nLatency min/avg/max: 0/0.0/0\n");
    let _ = write!(
        text,
        "Received: {}\nSent: {}\nConnections: {}\nOutstanding: 0\nZxid: {:#x}\nMode: {mode}\nNode count: {}\n",
        vitals.received, vitals.sent, vitals.connections, vitals.zxid, vitals.nodes
    );
    text
}

fn monitor(mode: &str, vitals: &Vitals<'_>) -> String {
    let mut text = format!("zk_version\tsimulated 3.8.0\nzk_server_state\t{mode}\n");
    let rows: [(&str, u64); 6] = [
        ("packets_received", vitals.received),
        ("packets_sent", vitals.sent),
        ("num_alive_connections", vitals.connections as u64),
        ("znode_count", vitals.nodes as u64),
        ("watch_count", vitals.watches as u64),
        ("global_sessions", vitals.sessions as u64),
    ];
    for (name, value) in rows {
        let _ = writeln!(text, "zk_{name}\t{value}");
    }
    text
}
