//! Persistent watches in a session: armed by the answer, kept by events, re-armed on each connection.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]
use std::net::SocketAddr;
use std::time::Instant;
use zk_core::code::Code;
use zk_core::frames::{Frame, Inbox};
use zk_core::proto::{ConnectResponse, ReplyHeader, WatcherEvent, event, op, xid};
use zk_core::request::Request;
use zk_core::servers::{HostPort, Hosts};
use zk_core::session::{Config, Input, Output, Session, State};
use zk_core::watches::{Removal, WatchKind};

const T: i32 = 9000;

struct Client {
    session: Session<u32, &'static str>,
    now: Instant,
    log: Vec<String>,
    xid: i32,
}

impl Client {
    /// Connected, below the chroot `/c`.
    fn new() -> Client {
        let config = Config {
            timeout: T,
            chroot: b"/c".to_vec(),
            hosts: Hosts::new("127.0.0.1", vec![HostPort { host: "127.0.0.1".to_owned(), port: 1 }]),
            seed: 1,
            ..Config::default()
        };
        let (now, server) = (Instant::now(), SocketAddr::from(([127, 0, 0, 1], 1)));
        let mut client =
            Client { session: Session::new(config, &[server], "default", now), now, log: Vec::new(), xid: 0 };
        client.connect();
        client.log.clear();
        client
    }

    fn handle(&mut self, input: Input<'_>) {
        self.session.handle(self.now, input);
        while let Some(output) = self.session.poll() {
            match output {
                Output::Deliver(tag, result) => self.log.push(format!("{tag}: {:?}", result.map(|_| ()))),
                Output::Notify(event) if event.kind != event::SESSION => self.log.push(format!(
                    "{} {} {:?}",
                    event.kind,
                    String::from_utf8_lossy(&event.path),
                    event.watchers
                )),
                _ => {}
            }
        }
    }

    fn connect(&mut self) {
        while self.session.state() != State::Connecting {
            self.now = self.now.max(self.session.deadline().unwrap());
            self.handle(Input::Timeout);
        }
        self.handle(Input::Connected);
        let mut body = Vec::new();
        ConnectResponse { timeout: T, session_id: 7, password: [1; 16], read_only: false }.write(&mut body);
        self.session.take_outgoing(self.now, &mut Vec::new());
        self.receive(body);
    }

    fn reconnect(&mut self) {
        self.handle(Input::Disconnected(std::io::ErrorKind::ConnectionReset.into()));
        self.connect();
    }

    fn receive(&mut self, body: Vec<u8>) {
        self.handle(Input::Received(&mut vec![Frame::from(body)]));
    }

    /// Submits a request and answers it with `err`; returns what the client was told.
    fn ask(&mut self, request: &Request<'_, &'static str>, err: Code) -> Result<Vec<String>, Code> {
        self.session.submit(self.now, request, 1)?;
        self.xid += 1;
        self.answer(self.xid, err);
        Ok(std::mem::take(&mut self.log))
    }

    fn answer(&mut self, xid: i32, err: Code) {
        let mut body = Vec::new();
        ReplyHeader { xid, zxid: 5, err: err.to_i32() }.write(&mut body);
        self.receive(body);
    }

    /// Feeds a watch event of the server; returns the watchers that the session calls.
    fn event(&mut self, kind: i32, path: &str) -> Vec<String> {
        let mut body = Vec::new();
        ReplyHeader { xid: xid::WATCHER_EVENT, zxid: -1, err: 0 }.write(&mut body);
        WatcherEvent { kind, state: 3, path: path.as_bytes() }.write(&mut body);
        self.receive(body);
        std::mem::take(&mut self.log)
    }

    /// Types of the requests sent since the last call.
    fn sent(&mut self) -> Vec<i32> {
        self.sent_frames().iter().map(|frame| i32::from_be_bytes(frame[4..8].try_into().unwrap())).collect()
    }

    fn sent_frames(&mut self) -> Vec<Vec<u8>> {
        let (mut bytes, mut frames, mut inbox) = (Vec::new(), Vec::new(), Inbox::new(1 << 20));
        self.session.take_outgoing(self.now, &mut bytes);
        for byte in bytes {
            inbox.space()[0] = byte;
            inbox.received(1, &mut frames).unwrap();
        }
        frames.iter().map(|frame| frame.bytes().to_vec()).collect()
    }

    /// Types and last numbers of the requests sent since the last call.
    fn sent_numbers(&mut self) -> Vec<(i32, i32)> {
        let number = |bytes: &[u8]| i32::from_be_bytes(bytes.try_into().unwrap());
        self.sent_frames().iter().map(|frame| (number(&frame[4..8]), number(&frame[frame.len() - 4..]))).collect()
    }
}

fn add(kind: WatchKind) -> Request<'static, &'static str> {
    Request::AddWatch { path: b"/a", kind, watcher: "w" }
}

fn remove(kind: Removal, watcher: Option<&'static str>) -> Request<'static, &'static str> {
    Request::RemoveWatches { path: b"/a", kind, watcher, local: false }
}

#[test]
fn a_recursive_watch_reports_paths_without_the_chroot() {
    let mut client = Client::new();
    assert_eq!(client.ask(&add(WatchKind::Recursive), Code::Ok).unwrap(), ["1: Ok(())"]);
    assert_eq!(client.event(event::CREATED, "/c/a/b"), ["1 /a/b [\"w\"]"]);
    assert_eq!(client.event(event::DELETED, "/c/a/b"), ["2 /a/b [\"w\"]"]);
    assert_eq!(client.event(event::CHANGED, "/c/a"), ["3 /a [\"w\"]"]);
    assert!(client.event(event::CREATED, "/c/b").is_empty());
    let root = Request::AddWatch { path: b"/", kind: WatchKind::Recursive, watcher: "root" };
    client.ask(&root, Code::Ok).unwrap();
    assert_eq!(client.event(event::CHANGED, "/c"), ["3 / [\"root\"]"]);
    assert_eq!(client.event(event::CHANGED, "/c/a"), ["3 /a [\"w\", \"root\"]"]);
}

#[test]
fn a_watch_that_the_server_refuses_is_not_armed() {
    let mut client = Client::new();
    assert_eq!(client.ask(&add(WatchKind::Persistent), Code::NoAuth).unwrap(), ["1: Err(NoAuth)"]);
    assert!(client.event(event::CHANGED, "/c/a").is_empty());
    assert_eq!(client.session.watch_count(), 0);
}

#[test]
fn persistent_watches_are_re_armed_by_set_watches_2_and_others_by_set_watches() {
    let mut client = Client::new();
    client.ask(&Request::GetChildren { path: b"/a", watcher: Some("child"), stat: false }, Code::Ok).unwrap();
    client.reconnect();
    assert_eq!(client.sent(), [op::SET_WATCHES]);
    client.ask(&add(WatchKind::Persistent), Code::Ok).unwrap();
    for _ in 0..3 {
        client.reconnect();
        assert_eq!(client.sent(), [op::SET_WATCHES2]);
        client.answer(xid::SET_WATCHES, Code::Ok);
        assert_eq!(client.event(event::CHANGED, "/c/a"), ["3 /a [\"w\"]"]);
    }
    client.ask(&remove(Removal::Any, None), Code::Ok).unwrap();
    client.sent();
    client.reconnect();
    assert_eq!(client.sent(), [0_i32; 0]);
}

#[test]
fn a_server_that_knows_no_persistent_watches_is_asked_plainly_the_next_time() {
    let mut client = Client::new();
    client.ask(&Request::GetChildren { path: b"/a", watcher: Some("child"), stat: false }, Code::Ok).unwrap();
    client.ask(&add(WatchKind::Persistent), Code::Ok).unwrap();
    let mut sent = Vec::new();
    for _ in 0..4 {
        client.sent();
        client.reconnect();
        let kind = client.sent()[0];
        client.answer(xid::SET_WATCHES, if kind == op::SET_WATCHES2 { Code::Unimplemented } else { Code::Ok });
        sent.push(kind);
    }
    let (old, new) = (op::SET_WATCHES, op::SET_WATCHES2);
    assert_eq!(sent, [new, old, new, old], "it gets its one-shot watches, and a chance to have become newer");
}

#[test]
fn persistent_kinds_are_removed_when_the_server_agrees_and_refused_where_there_is_none() {
    let mut client = Client::new();
    assert_eq!(client.ask(&remove(Removal::Persistent, None), Code::Ok), Err(Code::NoWatcher));
    client.ask(&add(WatchKind::Persistent), Code::Ok).unwrap();
    assert_eq!(client.ask(&remove(Removal::Recursive, None), Code::Ok), Err(Code::NoWatcher));
    // The answer of a 3.8 server.
    let answer = client.ask(&remove(Removal::Persistent, None), Code::MarshallingError).unwrap();
    assert_eq!(answer, ["1: Err(MarshallingError)"]);
    assert_eq!(client.event(event::CHANGED, "/c/a"), ["3 /a [\"w\"]"]);
    client.ask(&remove(Removal::Persistent, Some("w")), Code::Ok).unwrap();
    assert!(client.event(event::CHANGED, "/c/a").is_empty());
}

#[test]
fn other_kinds_are_not_removed_at_the_server_where_only_a_persistent_watch_stands() {
    for kind in [WatchKind::Persistent, WatchKind::Recursive] {
        let mut client = Client::new();
        client.ask(&remove(Removal::Children, None), Code::NoWatcher).unwrap();
        client.ask(&add(kind), Code::Ok).unwrap();
        for other in [Removal::Children, Removal::Data] {
            assert_eq!(client.ask(&remove(other, None), Code::Ok), Err(Code::NoWatcher));
        }
        client.ask(&Request::GetChildren { path: b"/a", watcher: Some("child"), stat: false }, Code::Ok).unwrap();
        client.ask(&remove(Removal::Children, None), Code::Ok).unwrap();
        client.ask(&remove(Removal::Any, None), Code::Ok).unwrap();
    }
}

fn add_as(kind: WatchKind, watcher: &'static str) -> Request<'static, &'static str> {
    Request::AddWatch { path: b"/a", kind, watcher }
}

/// Checks the events of a client that has both persistent kinds at `/a`, with a server that has a recursive watch
/// there.
fn hears_both(client: &mut Client) {
    assert_eq!(client.event(event::CREATED, "/c/a/b"), ["1 /a/b [\"r\"]", "4 /a [\"p\"]"]);
    assert_eq!(client.event(event::CHILD, "/c/a"), [""; 0], "servers of 3.9 say it too where they have both");
    assert_eq!(client.event(event::CHANGED, "/c/a/b"), ["3 /a/b [\"r\"]"]);
    assert_eq!(client.event(event::DELETED, "/c/a/b/c"), ["2 /a/b/c [\"r\"]"]);
    assert_eq!(client.event(event::DELETED, "/c/a/b"), ["2 /a/b [\"r\"]", "4 /a [\"p\"]"]);
    assert_eq!(client.event(event::CHANGED, "/c/a"), ["3 /a [\"p\", \"r\"]"]);
}

#[test]
fn both_lasting_kinds_at_a_path_are_one_recursive_watch_at_the_server() {
    let (persistent, recursive) = (add_as(WatchKind::Persistent, "p"), add_as(WatchKind::Recursive, "r"));
    let mut client = Client::new();
    client.ask(&persistent, Code::Ok).unwrap();
    client.ask(&recursive, Code::Ok).unwrap();
    assert_eq!(client.sent_numbers(), [(op::ADD_WATCH, 0), (op::ADD_WATCH, 1)]);
    hears_both(&mut client);
    client.reconnect();
    hears_both(&mut client);

    let mut client = Client::new();
    client.ask(&recursive, Code::Ok).unwrap();
    client.ask(&persistent, Code::Ok).unwrap();
    assert_eq!(client.sent_numbers(), [(op::ADD_WATCH, 1), (op::ADD_WATCH, 1)], "it must not become less");
    hears_both(&mut client);

    // Both requests are in flight at once; the recursive one is refused.
    let mut client = Client::new();
    client.session.submit(client.now, &recursive, 1).unwrap();
    client.session.submit(client.now, &persistent, 2).unwrap();
    assert_eq!(client.sent_numbers(), [(op::ADD_WATCH, 1), (op::ADD_WATCH, 1)]);
    client.answer(1, Code::NoAuth);
    client.answer(2, Code::Ok);
    client.log.clear();
    assert_eq!(client.event(event::CREATED, "/c/a/b"), ["4 /a [\"p\"]"]);
    assert_eq!(client.session.watch_count(), 1);
}

#[test]
fn removing_one_of_both_lasting_kinds_leaves_the_other_what_it_needs() {
    for watcher in [None, Some(())] {
        let mut client = Client::new();
        client.ask(&add_as(WatchKind::Recursive, "r"), Code::Ok).unwrap();
        client.ask(&add_as(WatchKind::Persistent, "p"), Code::Ok).unwrap();
        client.sent();
        client.ask(&remove(Removal::Recursive, watcher.map(|()| "r")), Code::Ok).unwrap();
        assert_eq!(client.sent_numbers(), [(op::CHECK_WATCHES, 3)], "which servers before 3.9 know too");
        assert_eq!(client.event(event::CREATED, "/c/a/b"), ["4 /a [\"p\"]"]);
        client.reconnect();
        assert_eq!(client.event(event::CHILD, "/c/a"), ["4 /a [\"p\"]"], "now it has a watch of its own kind");

        client.ask(&add_as(WatchKind::Recursive, "r"), Code::Ok).unwrap();
        client.sent();
        client.ask(&remove(Removal::Persistent, watcher.map(|()| "p")), Code::Ok).unwrap();
        assert_eq!(client.sent_numbers(), [(op::CHECK_WATCHES, 3)]);
        assert_eq!(client.event(event::CREATED, "/c/a/b"), ["1 /a/b [\"r\"]"]);
        client.ask(&remove(Removal::Any, None), Code::Ok).unwrap();
        assert_eq!(client.session.watch_count(), 0);
    }
}

#[test]
fn a_recursive_watch_whose_answer_comes_too_late_does_not_silence_a_persistent_one() {
    let mut client = Client::new();
    client.ask(&add_as(WatchKind::Persistent, "p"), Code::Ok).unwrap();
    client.session.set_request_timeout(Some(std::time::Duration::from_millis(50)));
    client.session.submit(client.now, &add_as(WatchKind::Recursive, "r"), 2).unwrap();
    client.now += std::time::Duration::from_millis(50);
    client.handle(Input::Timeout);
    assert_eq!(client.log, ["2: Err(RequestTimeout)"]);
    client.log.clear();
    client.answer(2, Code::Ok);
    assert_eq!(client.event(event::CREATED, "/c/a/b"), ["4 /a [\"p\"]"]);
}
