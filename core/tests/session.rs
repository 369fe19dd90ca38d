//! The session as its users see it, with inputs and clock by hand.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use zk_core::code::Code;
use zk_core::frames::{Frame, Inbox};
use zk_core::jute::Put;
use zk_core::proto::{ConnectResponse, ReplyHeader, Stat, WatcherEvent, event, xid};
use zk_core::request::{Request, frame};
use zk_core::servers::{HostPort, Hosts};
use zk_core::session::{Config, Input, Output, Session, State};

const T: i32 = 9000;

struct Client {
    session: Session<u32, &'static str>,
    now: Instant,
    log: Vec<String>,
}

fn addresses(count: u16) -> Vec<SocketAddr> {
    (1..=count).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect()
}

fn hosts(host: &str) -> Hosts {
    Hosts::new(host, vec![HostPort { host: host.to_owned(), port: 1 }])
}

impl Client {
    fn new(servers: u16) -> Client {
        let now = Instant::now();
        let config = Config {
            timeout: T,
            chroot: b"/c".to_vec(),
            hosts: hosts("127.0.0.1"),
            first_xid: i32::MAX - 1,
            seed: 1,
            ..Config::default()
        };
        Client { session: Session::new(config, &addresses(servers), "default", now), now, log: Vec::new() }
    }

    fn handle(&mut self, input: Input<'_>) {
        self.session.handle(self.now, input);
        while let Some(output) = self.session.poll() {
            match output {
                Output::Remember(..) => {}
                Output::Deliver(tag, result) => {
                    let result = result.map(|frame| frame.bytes().len());
                    self.log.push(format!("{tag}: {result:?}"));
                }
                Output::Notify(event) => self.log.push(format!(
                    "event {} {} {:?} {:?}",
                    event.kind,
                    event.state,
                    String::from_utf8_lossy(&event.path),
                    event.watchers
                )),
                other => self.log.push(format!("{other:?}")),
            }
        }
    }

    fn submit(&mut self, tag: u32, request: &Request<'_, &'static str>) -> Result<(), Code> {
        let result = self.session.submit(self.now, request, tag);
        self.handle(Input::Flushed);
        result
    }

    fn sent(&mut self) -> Vec<Vec<u8>> {
        let mut bytes = Vec::new();
        self.session.take_outgoing(self.now, &mut bytes);
        let mut inbox = Inbox::new(1 << 20);
        let mut frames = Vec::new();
        for byte in bytes {
            inbox.space()[0] = byte;
            inbox.received(1, &mut frames).unwrap();
        }
        frames.iter().map(|frame| frame.bytes().to_vec()).collect()
    }

    /// Advances the clock to the session's next deadline.
    fn wait(&mut self) {
        self.now = self.now.max(self.session.deadline().unwrap());
        self.handle(Input::Timeout);
    }

    fn receive(&mut self, body: Vec<u8>) {
        self.handle(Input::Received(&mut vec![Frame::from(body)]));
    }

    fn connect_as(&mut self, session_id: i64) {
        while self.session.state() != State::Connecting {
            self.wait();
        }
        self.handle(Input::Connected);
        let mut body = Vec::new();
        ConnectResponse { timeout: T, session_id, password: [1; 16], read_only: false }.write(&mut body);
        self.receive(body);
    }

    fn reply(&mut self, xid: i32, err: i32, body: &[u8]) {
        let mut out = Vec::new();
        ReplyHeader { xid, zxid: 5, err }.write(&mut out);
        out.extend_from_slice(body);
        self.receive(out);
    }

    fn log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }
}

fn get<'a>(path: &'a [u8], watcher: Option<&'static str>) -> Request<'a, &'static str> {
    Request::GetData { path, watcher }
}

fn data() -> Vec<u8> {
    let mut body = Vec::new();
    body.put_buffer(Some(b"hello"));
    Stat::default().write(&mut body);
    body
}

#[test]
fn a_session_is_established_and_answers_come_in_order() {
    let mut client = Client::new(1);
    assert_eq!(client.session.state().to_i32(), 999);
    client.connect_as(7);
    assert_eq!(client.sent().len(), 0, "the connect request belongs to the handshake");
    assert_eq!(client.log(), ["Connect(127.0.0.1:1)", "event -1 3 \"\" [\"default\"]"]);
    client.submit(1, &get(b"/a", None)).unwrap();
    client.submit(2, &get(b"/b", None)).unwrap();
    client.submit(3, &get(b"/c", None)).unwrap();
    let xids: Vec<_> = client.sent().iter().map(|frame| i32::from_be_bytes(frame[..4].try_into().unwrap())).collect();
    assert_eq!(xids, [i32::MAX - 1, i32::MAX, 1], "transaction ids never become negative");
    client.reply(i32::MAX - 1, 0, &data());
    client.reply(i32::MAX, -101, &[]);
    client.reply(1, 0, &data());
    assert_eq!(client.log(), ["1: Ok(77)", "2: Err(NoNode)", "3: Ok(77)"]);
}

#[test]
fn pending_requests_fail_with_connection_loss_after_the_event() {
    let mut client = Client::new(1);
    client.connect_as(7);
    client.submit(1, &get(b"/a", None)).unwrap();
    client.submit(2, &get(b"/a", None)).unwrap();
    client.log();
    client.handle(Input::Disconnected(std::io::ErrorKind::ConnectionReset.into()));
    assert_eq!(
        client.log(),
        [
            "Disconnect { reset: false }",
            "event -1 1 \"\" [\"default\"]",
            "1: Err(ConnectionLoss)",
            "2: Err(ConnectionLoss)"
        ]
    );
    assert_eq!(client.session.state().to_i32(), 0);
}

#[test]
fn a_reply_to_nothing_costs_the_connection_only() {
    let mut client = Client::new(1);
    client.connect_as(7);
    client.log();
    client.reply(99, 0, &[]);
    assert_eq!(client.log(), ["Disconnect { reset: false }", "event -1 1 \"\" [\"default\"]"]);
    client.connect_as(7);
    client.submit(1, &get(b"/a", None)).unwrap();
    client.log();
    client.reply(99, 0, &[]);
    assert_eq!(client.log()[2], "1: Err(RuntimeInconsistency)");
}

#[test]
fn a_reply_to_nothing_does_not_count_as_seen() {
    let mut client = Client::new(1);
    client.connect_as(7);
    client.submit(1, &get(b"/a", None)).unwrap();
    client.reply(i32::MAX - 1, 0, &data());
    let mut noise = Vec::new();
    ReplyHeader { xid: 99, zxid: i64::MAX, err: 0 }.write(&mut noise);
    client.receive(noise);
    while client.session.state() != State::Connecting {
        client.wait();
    }
    client.handle(Input::Connected);
    let request = client.sent().pop().unwrap();
    assert_eq!(request[4..12], 5_i64.to_be_bytes(), "the zxid of the last reply that answered something");
}

#[test]
fn watches_are_armed_before_their_reply_and_re_armed_after_a_reconnect() {
    let mut client = Client::new(1);
    client.connect_as(7);
    client.submit(1, &get(b"/a", Some("w"))).unwrap();
    client.sent();
    let xid = i32::MAX - 1;
    client.reply(xid, 0, &data());
    assert_eq!(client.session.watch_count(), 1);
    client.handle(Input::Disconnected(std::io::ErrorKind::ConnectionReset.into()));
    client.submit(2, &get(b"/b", None)).unwrap();
    client.log();
    client.connect_as(7);
    let kinds: Vec<_> = client.sent().iter().map(|frame| frame[7]).collect();
    assert_eq!(kinds, [101, 4], "SetWatches comes before what was queued");
    let mut body = Vec::new();
    WatcherEvent { kind: event::CHANGED, state: 3, path: b"/c/a" }.write(&mut body);
    client.log();
    client.reply(xid::WATCHER_EVENT, 0, &body);
    client.reply(xid::WATCHER_EVENT, 0, &body);
    assert_eq!(client.log(), ["event 3 3 \"/a\" [\"w\"]"], "a watch fires once");
}

#[test]
fn another_session_in_the_answer_means_expiry() {
    let mut client = Client::new(1);
    client.connect_as(7);
    client.handle(Input::Disconnected(std::io::ErrorKind::ConnectionReset.into()));
    client.submit(1, &get(b"/a", None)).unwrap();
    client.log();
    client.connect_as(0);
    let log = client.log();
    assert_eq!(log[1..], ["Disconnect { reset: false }", "event -1 -112 \"\" [\"default\"]", "1: Err(SessionExpired)"]);
    assert_eq!(client.submit(2, &get(b"/a", None)), Err(Code::InvalidState));
    assert_eq!(client.session.deadline(), None);
}

#[test]
fn silence_for_two_thirds_of_the_timeout_is_loss_and_pings_keep_their_schedule() {
    let mut client = Client::new(1);
    client.connect_as(7);
    client.sent();
    client.submit(1, &get(b"/a", None)).unwrap();
    client.sent();
    client.log();
    let start = client.now;
    client.wait();
    assert_eq!(client.sent(), [b"\xff\xff\xff\xfe\0\0\0\x0b"]);
    client.wait();
    assert_eq!(client.now - start, Duration::from_secs(6));
    assert_eq!(client.log()[2], "1: Err(OperationTimeout)");
}

#[test]
fn bytes_of_an_unfinished_frame_are_no_sign_of_life() {
    let mut client = Client::new(1);
    client.connect_as(7);
    client.sent();
    client.submit(1, &get(b"/a", None)).unwrap();
    client.log();
    for _ in 0..5 {
        client.now += Duration::from_secs(1);
        client.handle(Input::Received(&mut Vec::new()));
    }
    client.now += Duration::from_secs(1);
    client.handle(Input::Timeout);
    assert_eq!(client.log()[2], "1: Err(OperationTimeout)");
}

#[test]
fn a_queued_request_waits_no_longer_than_on_stock() {
    let mut client = Client::new(1);
    for _ in 0..12 {
        while client.session.state() != State::Connecting {
            client.wait();
        }
        client.now += Duration::from_millis(3);
        client.handle(Input::Disconnected(std::io::ErrorKind::ConnectionRefused.into()));
    }
    let due = client.session.not_before();
    assert!(due > client.now + Duration::from_millis(200), "the pause has grown");
    client.submit(1, &get(b"/a", None)).unwrap();
    client.log();
    let start = client.now;
    client.wait();
    assert_eq!(client.now - start, Duration::from_millis(3), "as long as the last attempt took");
    assert_eq!(client.log(), ["1: Err(ConnectionLoss)"]);
    assert_eq!(client.session.not_before(), due, "no call shortens a pause");
}

#[test]
fn credentials_are_sent_latest_first_and_acknowledged_once() {
    let mut client = Client::new(1);
    client.session.add_auth(client.now, b"digest", Some(b"a:b"), Some(1)).unwrap();
    client.session.add_auth(client.now, b"digest", Some(b"c:d"), Some(2)).unwrap();
    client.connect_as(7);
    let sent = client.sent();
    assert!(sent[0].ends_with(b"c:d") && sent[1].ends_with(b"a:b"));
    client.log();
    client.reply(xid::AUTH, 0, &[]);
    client.reply(xid::AUTH, -115, &[]);
    let log = client.log();
    assert_eq!(log[..2], ["2: Ok(0)", "1: Err(AuthFailed)"]);
    assert_eq!(log[3], "event -1 -113 \"\" [\"default\"]");
}

#[test]
fn close_fails_what_waits_and_asks_the_server() {
    let mut client = Client::new(1);
    client.connect_as(7);
    client.submit(1, &get(b"/a", None)).unwrap();
    client.log();
    client.handle(Input::Close);
    assert_eq!(client.log(), ["1: Err(Closing)", "Last"]);
    let sent = client.sent();
    assert_eq!((sent.len(), sent[1].len()), (2, 8), "what was asked for is still sent");
    client.reply(i32::MAX, 0, &[]);
    assert_eq!(client.log(), ["Disconnect { reset: false }", "Closed"]);
    assert_eq!(client.submit(2, &get(b"/a", None)), Err(Code::InvalidState));
}

#[test]
fn every_address_is_tried_once_a_sweep() {
    for servers in [1, 2, 4, 6] {
        let mut client = Client::new(servers);
        let mut tried = Vec::new();
        for _ in 0..2 * servers {
            while client.session.state() != State::Connecting {
                client.wait();
            }
            tried.push(client.session.server().unwrap().port());
            client.handle(Input::Disconnected(std::io::ErrorKind::ConnectionRefused.into()));
        }
        for sweep in tried.chunks(usize::from(servers)) {
            let mut sweep = sweep.to_vec();
            sweep.sort_unstable();
            assert_eq!(sweep, (1..=servers).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_frame_outside_the_limits_costs_the_connection() {
    let mut client = Client::new(1);
    client.connect_as(7);
    client.submit(1, &get(b"/a", None)).unwrap();
    client.log();
    let mut bytes = Vec::new();
    frame(&mut bytes, |_| ());
    client.handle(Input::BadFrame(zk_core::frames::BadLength(-1)));
    assert_eq!(client.log()[2], "1: Err(MarshallingError)");
}
