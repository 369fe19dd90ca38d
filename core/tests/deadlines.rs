//! Deadlines that pass without a message from a server: requests with a time limit, silent ensembles, ensembles that
//! reject a session for ever.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use zk_core::frames::{Frame, Inbox};
use zk_core::proto::{ConnectResponse, ReplyHeader, event, xid};
use zk_core::request::Request;
use zk_core::servers::{HostPort, Hosts};
use zk_core::session::{Config, Input, Output, Session, State};
use zk_core::watches::{Removal, WatchKind};

const T: i32 = 9000;

struct Client {
    session: Session<u32, &'static str>,
    now: Instant,
    log: Vec<String>,
    /// Whether the server ends every connection before it answers.
    is_turned_away: bool,
    /// The first frame of each connection.
    greetings: Vec<Vec<u8>>,
}

impl Client {
    fn new() -> Client {
        let config = Config {
            timeout: T,
            hosts: Hosts::new("127.0.0.1", vec![HostPort { host: "127.0.0.1".to_owned(), port: 1 }]),
            seed: 1,
            ..Config::default()
        };
        let (now, servers) = (Instant::now(), [1, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port))));
        let session = Session::new(config, &servers, "default", now);
        Client { session, now, log: Vec::new(), is_turned_away: false, greetings: Vec::new() }
    }

    fn handle(&mut self, input: Input<'_>) {
        self.session.handle(self.now, input);
        while let Some(output) = self.session.poll() {
            match output {
                Output::Deliver(tag, result) => self.log.push(format!("{tag}: {:?}", result.map(|_| ()))),
                Output::Notify(event) if event.kind == event::SESSION => {
                    self.log.push(format!("state {}", event.state));
                }
                Output::Disconnect { .. } => self.log.push("disconnect".to_owned()),
                Output::Connect(_) if self.is_turned_away => {
                    self.session.handle(self.now, Input::Connected);
                    let greeting = self.sent().pop().unwrap();
                    self.greetings.push(greeting);
                    let closed = std::io::ErrorKind::UnexpectedEof.into();
                    self.session.handle(self.now, Input::Disconnected(closed));
                }
                _ => {}
            }
        }
    }

    fn connect(&mut self) {
        while self.session.state() != State::Connecting {
            self.wait();
        }
        self.handle(Input::Connected);
        self.sent();
        let mut body = Vec::new();
        ConnectResponse { timeout: T, session_id: 7, password: [1; 16], read_only: false }.write(&mut body);
        self.receive(body);
        self.log.clear();
    }

    /// Advances the clock to the session's next deadline.
    fn wait(&mut self) {
        self.now = self.now.max(self.session.deadline().unwrap());
        self.handle(Input::Timeout);
    }

    /// Advances the clock by `millis`, with everything that falls due in that time.
    fn pass(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some(due) = self.session.deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.handle(Input::Timeout);
        }
        self.now = end;
    }

    fn receive(&mut self, body: Vec<u8>) {
        self.handle(Input::Received(&mut vec![Frame::from(body)]));
    }

    fn answer(&mut self, xid: i32) {
        let mut body = Vec::new();
        ReplyHeader { xid, zxid: 5, err: 0 }.write(&mut body);
        self.receive(body);
    }

    fn ask(&mut self, tag: u32, request: &Request<'_, &'static str>) {
        self.session.submit(self.now, request, tag).unwrap();
    }

    fn get(&mut self, tag: u32, watcher: Option<&'static str>) {
        self.ask(tag, &Request::GetData { path: b"/a", watcher });
    }

    fn sent(&mut self) -> Vec<Vec<u8>> {
        let (mut bytes, mut frames, mut inbox) = (Vec::new(), Vec::new(), Inbox::new(1 << 20));
        self.session.take_outgoing(self.now, &mut bytes);
        for byte in bytes {
            inbox.space()[0] = byte;
            inbox.received(1, &mut frames).unwrap();
        }
        frames.iter().map(|frame| frame.bytes().to_vec()).collect()
    }

    fn log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }
}

#[test]
fn a_request_that_timed_out_keeps_its_place_and_the_connection_lives() {
    let mut client = Client::new();
    client.session.set_request_timeout(Some(Duration::from_millis(500)));
    client.connect();
    client.get(1, Some("w"));
    client.pass(300);
    client.get(2, None);
    client.pass(199);
    assert_eq!(client.log(), [""; 0]);
    client.pass(1);
    assert_eq!(client.log(), ["1: Err(RequestTimeout)"]);
    client.answer(1);
    assert_eq!(client.log(), [""; 0], "the late answer is dropped");
    assert_eq!(client.session.watch_count(), 0, "and arms nothing");
    client.answer(2);
    assert_eq!(client.log(), ["2: Ok(())"], "the next answer has its own request");
    assert_eq!(client.session.state(), State::Connected);
}

#[test]
fn a_late_removal_of_a_watch_holds() {
    let mut client = Client::new();
    client.connect();
    client.ask(1, &Request::AddWatch { path: b"/a", kind: WatchKind::Persistent, watcher: "w" });
    client.answer(1);
    client.session.set_request_timeout(Some(Duration::from_millis(500)));
    client.ask(2, &Request::RemoveWatches { path: b"/a", kind: Removal::Any, watcher: None, local: false });
    client.pass(500);
    assert_eq!(client.log(), ["1: Ok(())", "2: Err(RequestTimeout)"]);
    client.answer(2);
    assert_eq!(client.session.watch_count(), 0);
}

#[test]
fn a_request_that_timed_out_is_not_completed_again_when_the_connection_is_lost() {
    let mut client = Client::new();
    client.session.set_request_timeout(Some(Duration::from_millis(500)));
    client.connect();
    client.get(1, None);
    client.pass(400);
    client.get(2, None);
    client.pass(200);
    assert_eq!(client.log(), ["1: Err(RequestTimeout)"]);
    client.handle(Input::Disconnected(std::io::ErrorKind::ConnectionReset.into()));
    assert_eq!(client.log(), ["disconnect", "state 1", "2: Err(ConnectionLoss)"]);
    client.connect();
    client.get(3, None);
    client.pass(500);
    assert_eq!(client.log(), ["3: Err(RequestTimeout)"], "the limit holds on the next connection too");
}

#[test]
fn a_request_that_timed_out_unsent_is_never_sent() {
    let mut client = Client::new();
    client.session.set_request_timeout(Some(Duration::from_millis(100)));
    while client.session.state() != State::Connecting {
        client.wait();
    }
    client.get(1, None);
    client.pass(60);
    client.get(2, None);
    client.pass(40);
    assert_eq!(client.log(), ["1: Err(RequestTimeout)"]);
    client.connect();
    assert_eq!(client.sent().len(), 1);
    client.answer(2);
    assert_eq!(client.log(), ["2: Ok(())"]);
}

#[test]
fn credentials_time_out_like_requests_and_count_all_the_same() {
    let mut client = Client::new();
    client.session.set_request_timeout(Some(Duration::from_millis(500)));
    client.session.add_auth(client.now, b"digest", Some(b"u:p"), Some(7)).unwrap();
    client.connect();
    client.session.add_auth(client.now, b"digest", Some(b"v:p"), Some(8)).unwrap();
    client.pass(300);
    client.get(1, None);
    client.pass(500);
    assert_eq!(client.log(), ["7: Err(RequestTimeout)", "8: Err(RequestTimeout)", "1: Err(RequestTimeout)"]);
    for xid in [xid::AUTH, xid::AUTH, 1] {
        client.answer(xid);
    }
    assert_eq!((client.log(), client.session.state()), (vec![], State::Connected), "late answers disturb nothing");
    client.handle(Input::Disconnected(std::io::ErrorKind::ConnectionReset.into()));
    client.log();
    client.connect();
    client.pass(600);
    assert_eq!(client.log(), [""; 0], "nobody is told twice");
}

#[test]
fn without_a_limit_requests_wait_for_the_connection() {
    let mut client = Client::new();
    client.connect();
    client.get(1, None);
    client.pass(5000);
    assert_eq!(client.log(), [""; 0]);
    client.session.set_request_timeout(Some(Duration::from_millis(10)));
    client.pass(0);
    assert_eq!(client.log(), ["1: Err(RequestTimeout)"], "a limit holds for what is in flight");
    client.get(2, None);
    client.session.set_request_timeout(None);
    client.pass(500);
    assert_eq!(client.log(), [""; 0]);
}

/// The time from the last message of a server until the session expires; `None` when it does not within an hour.
fn expires_after(setup: impl FnOnce(&mut Client)) -> Option<Duration> {
    let mut client = Client::new();
    setup(&mut client);
    let (start, end) = (client.now, client.now + Duration::from_secs(3600));
    while client.session.state() != State::Expired {
        if client.now > end {
            return None;
        }
        client.wait();
        if client.session.state() == State::Connecting {
            client.handle(Input::Disconnected(std::io::ErrorKind::ConnectionRefused.into()));
        }
    }
    assert_eq!(client.log().last().unwrap(), "state -112");
    Some(client.now - start)
}

#[test]
fn a_session_expires_locally_after_four_thirds_of_its_timeout_if_that_is_wanted() {
    assert_eq!(expires_after(Client::connect), None);
    let local = |client: &mut Client| {
        client.session.expire_locally();
        client.connect();
    };
    assert_eq!(expires_after(local), Some(Duration::from_secs(12)));
    assert_eq!(expires_after(|client| client.session.expire_locally()), None, "without a session nothing expires");
}

/// The last transaction ids in the connect requests of a client that has seen transaction 5 and is rejected by both
/// servers.
fn asked_with(forget: bool) -> Vec<i64> {
    let mut client = Client::new();
    if forget {
        client.session.forget_zxid();
    }
    client.connect();
    client.get(1, None);
    client.answer(1);
    client.is_turned_away = true;
    client.handle(Input::Disconnected(std::io::ErrorKind::ConnectionReset.into()));
    let start = client.now;
    while client.now - start < Duration::from_secs(180) {
        client.wait();
    }
    client.greetings.iter().map(|greeting| i64::from_be_bytes(greeting[4..12].try_into().unwrap())).collect()
}

#[test]
fn a_session_that_all_servers_turn_away_forgets_what_it_has_seen_if_that_is_wanted() {
    assert!(asked_with(false).iter().all(|zxid| *zxid == 5));
    let forgetful = asked_with(true);
    let remembered = forgetful.iter().take_while(|zxid| **zxid == 5).count();
    assert!(remembered > 2, "not before all servers have done it for two session timeouts");
    assert!(remembered < forgetful.len() && forgetful[remembered..].iter().all(|zxid| *zxid == 0));
}
