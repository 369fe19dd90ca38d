//! The log lines that operators and programs search for: stock's function, words and order of fields, with the
//! additions of this library at the end. The formats were taken from a run of Debian's library.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use zk_core::frames::{BadLength, Frame};
use zk_core::proto::{ConnectResponse, ReplyHeader, xid};
use zk_core::request::Request;
use zk_core::servers::{HostPort, Hosts};
use zk_core::session::{Config, Input, Session, State};

struct Lines;

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{}@{}: {}", record.level(), record.target(), record.args());
        LINES.with_borrow_mut(|lines| lines.push(line));
    }

    fn flush(&self) {}
}

/// The lines of this thread since the last call.
fn lines() -> Vec<String> {
    LINES.take()
}

#[track_caller]
fn expect(lines: &[String], start: &str) {
    assert!(lines.iter().any(|line| line.starts_with(start)), "no {start:?} in {lines:#?}");
}

struct Client {
    session: Session<u32, &'static str>,
    now: Instant,
}

impl Client {
    fn new(servers: u16) -> Client {
        // Only the first test of the process can set the logger, which is the same for all.
        let _ = log::set_logger(&Lines);
        log::set_max_level(log::LevelFilter::Debug);
        let now = Instant::now();
        let config = Config {
            timeout: 9000,
            hosts: Hosts::new("127.0.0.1:1", vec![HostPort { host: "127.0.0.1".to_owned(), port: 1 }]),
            first_xid: 16,
            seed: 1,
            ..Config::default()
        };
        let addresses: Vec<_> = (1..=servers).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect();
        Client { session: Session::new(config, &addresses, "default", now), now }
    }

    fn connected() -> Client {
        let mut client = Client::new(1);
        client.connect(7);
        lines();
        client
    }

    fn handle(&mut self, input: Input<'_>) {
        self.session.handle(self.now, input);
        while self.session.poll().is_some() {}
    }

    fn wait(&mut self, late: Duration) {
        self.now = self.now.max(self.session.deadline().unwrap()) + late;
        self.handle(Input::Timeout);
    }

    fn wait_for(&mut self, state: State) {
        while self.session.state() != state {
            self.wait(Duration::ZERO);
        }
    }

    fn connect(&mut self, session_id: i64) {
        self.wait_for(State::Connecting);
        self.handle(Input::Connected);
        let mut body = Vec::new();
        ConnectResponse { timeout: 9000, session_id, password: [1; 16], read_only: false }.write(&mut body);
        self.handle(Input::Received(&mut vec![Frame::from(body)]));
    }

    fn reply(&mut self, xid: i32, err: i32) {
        let mut body = Vec::new();
        ReplyHeader { xid, zxid: 5, err }.write(&mut body);
        self.handle(Input::Received(&mut vec![Frame::from(body)]));
    }
}

#[test]
fn a_session_is_established() {
    let mut client = Client::new(1);
    lines();
    client.connect(7);
    let lines = lines();
    expect(&lines, "INFO@check_events: initiated connection to server 127.0.0.1:1");
    expect(
        &lines,
        "INFO@finalize_session_establishment: session establishment complete on server 127.0.0.1:1, sessionId=0x7, \
         negotiated timeout=9000 ",
    );
}

#[test]
fn an_end_of_file_is_one_form_with_and_without_a_session() {
    let mut client = Client::connected();
    let start = "ERROR@check_events: Socket 127.0.0.1:1 zk retcode=-4, errno=112(Host is down): failed while \
                 receiving a server response; ";
    client.handle(Input::Disconnected(io::ErrorKind::UnexpectedEof.into()));
    expect(&lines(), &format!("{start}connection lost, next attempt in "));
    client.wait_for(State::Connecting);
    client.handle(Input::Connected);
    client.handle(Input::Disconnected(io::ErrorKind::UnexpectedEof.into()));
    expect(&lines(), &format!("{start}attempt 1 failed (closed early), availability level "));
}

#[test]
fn errors_of_reading_and_writing_have_stocks_words() {
    let mut client = Client::connected();
    client.handle(Input::Disconnected(io::Error::from_raw_os_error(104)));
    expect(
        &lines(),
        "ERROR@check_events: Socket 127.0.0.1:1 zk retcode=-4, errno=104(Connection reset by peer): failed while \
         receiving a server response; ",
    );
    let mut client = Client::connected();
    client.handle(Input::SendFailed(io::Error::from_raw_os_error(32)));
    expect(
        &lines(),
        "ERROR@check_events: Socket 127.0.0.1:1 zk retcode=-4, errno=32(Broken pipe): failed while flushing send queue; ",
    );
}

/// The lines of a first attempt that ends with `end` before there was a session.
fn first_end(end: Input<'_>) -> Vec<String> {
    let mut client = Client::new(1);
    client.wait_for(State::Connecting);
    client.handle(Input::Connected);
    lines();
    client.handle(end);
    lines()
}

#[test]
fn a_client_on_a_port_of_another_protocol_is_told_so_at_once() {
    let hint = "secure port? this client does not use TLS: see ZOO_TLS";
    for error in [io::ErrorKind::UnexpectedEof.into(), io::Error::from_raw_os_error(104)] {
        let lines = first_end(Input::Disconnected(error));
        assert!(lines.iter().any(|line| line.contains(hint)), "{lines:#?}");
    }
    for (bytes, words) in [
        (*b"\x15\x03\x03\x00", "speaks TLS on this port, and this client does not: see ZOO_TLS"),
        (*b"\x15\x03\x01\x00", "speaks TLS on this port"),
        (*b"HTTP", "answers in HTTP"),
        (*b"SSH-", "another protocol: its answer begins with \"SSH-\""),
        (*b"\xff\xff\xff\xff", "frame of -1 bytes announced, which is not acceptable; "),
        (*b"\x7f\0\0\0", "ZOO_JUTE_MAXBUFFER"),
    ] {
        let lines = first_end(Input::BadFrame(BadLength(i32::from_be_bytes(bytes))));
        let told = |line: &&String| line.contains(words) && line.contains("not acceptable");
        assert_eq!(lines.iter().filter(told).count(), 1, "{words}: {lines:#?}");
    }
    // In an established session these bytes are a length like any other.
    let mut client = Client::connected();
    client.handle(Input::BadFrame(BadLength(i32::from_be_bytes(*b"HTTP"))));
    assert!(!lines().iter().any(|line| line.contains("answers in")));
    // A client that had a session is on the right port.
    client.wait_for(State::Connecting);
    client.handle(Input::Connected);
    client.handle(Input::Disconnected(io::ErrorKind::UnexpectedEof.into()));
    assert!(!lines().iter().any(|line| line.contains(hint)));
}

#[test]
fn what_the_server_sent_is_said_once() {
    let lines = first_end(Input::Received(&mut vec![Frame::from(vec![1, 2])]));
    let start =
        "ERROR@check_events: Socket 127.0.0.1:1 zk retcode=-5, errno=0(none): handshake answer cannot be read; ";
    expect(&lines, start);
    assert_eq!(lines.iter().map(|line| line.matches("cannot be read").count()).sum::<usize>(), 1, "{lines:#?}");
}

#[test]
fn attempts_are_counted_since_the_loss_and_the_end_of_a_sweep_has_its_own_line() {
    let mut client = Client::new(2);
    client.connect(7);
    client.handle(Input::Disconnected(io::ErrorKind::UnexpectedEof.into()));
    lines();
    for attempt in 1..=2 {
        client.wait_for(State::Connecting);
        let addr = client.session.server().unwrap();
        client.handle(Input::Disconnected(io::Error::from_raw_os_error(111)));
        let lines = lines();
        expect(
            &lines,
            &format!(
                "ERROR@check_events: Socket {addr} zk retcode=-4, errno=111(Connection refused): server refused to \
                 accept the client; attempt {attempt} failed (refused), "
            ),
        );
        let delaying =
            "WARN@zookeeper_interest: Delaying connection after exhaustively trying all servers [127.0.0.1:1]";
        // The server of the lost session counts as tried.
        assert_eq!(lines.iter().any(|line| line == delaying), attempt == 1, "{lines:#?}");
    }
}

#[test]
fn a_long_outage_does_not_fill_the_log() {
    let mut client = Client::new(1);
    lines();
    for _ in 0..120 {
        client.wait_for(State::Connecting);
        client.handle(Input::Disconnected(io::Error::from_raw_os_error(111)));
    }
    let lines = lines();
    for words in ["server refused", "Delaying connection"] {
        assert_eq!(lines.iter().filter(|line| line.contains(words)).count(), 30, "{words}");
    }
}

#[test]
fn a_fault_of_this_host_is_not_blamed_on_the_server() {
    for (errno, text, words) in [
        (24, "Too many open files", "socket() call failed"),
        (12, "Cannot allocate memory", "socket() call failed"),
        (97, "Address family not supported by protocol", "socket() call failed"),
        (99, "Cannot assign requested address", "connect() call failed"),
        (101, "Network is unreachable", "connect() call failed"),
        (13, "Permission denied", "connect() call failed"),
    ] {
        let mut client = Client::new(3);
        client.wait_for(State::Connecting);
        lines();
        client.handle(Input::Disconnected(io::Error::from_raw_os_error(errno)));
        expect(
            &lines(),
            &format!(
                "ERROR@zookeeper_interest: Socket 127.0.0.1:1 zk retcode=-4, errno={errno}({text}): {words}; attempt 1 \
                 failed (local fault), "
            ),
        );
        let stats = client.session.stats();
        assert_eq!((stats.local_failures, stats.refused), (1, 0));
    }
}

#[test]
fn a_time_limit_says_by_how_much_it_was_exceeded() {
    let mut client = Client::connected();
    client.wait_for(State::Paused);
    expect(
        &lines(),
        "ERROR@zookeeper_interest: Socket 127.0.0.1:1 zk retcode=-7, errno=110(Connection timed out): connection to \
         127.0.0.1:1 timed out (exceeded timeout by 0ms); connection lost",
    );
    client.wait_for(State::Connecting);
    client.wait(Duration::from_millis(7));
    expect(
        &lines(),
        "ERROR@zookeeper_interest: Socket 127.0.0.1:1 zk retcode=-7, errno=110(Connection timed out): connection to \
         127.0.0.1:1 timed out (exceeded timeout by 7ms); attempt 1 failed (connect timeout)",
    );
}

#[test]
fn a_stopped_process_is_told_so_whichever_input_comes_first() {
    let inputs: [fn() -> Input<'static>; 3] = [
        || Input::Timeout,
        || Input::Disconnected(io::ErrorKind::UnexpectedEof.into()),
        || Input::SendFailed(io::Error::from_raw_os_error(32)),
    ];
    for input in inputs {
        let mut client = Client::connected();
        client.now += Duration::from_secs(10);
        client.handle(input());
        let lines = lines();
        expect(&lines, "WARN@zookeeper_interest: Exceeded deadline by 7000ms");
        let warnings = lines.iter().filter(|line| line.contains("Exceeded deadline")).count();
        assert_eq!(warnings, 1, "{lines:#?}");
    }
}

#[test]
fn an_expiry_has_its_code_and_its_session() {
    let mut client = Client::connected();
    client.handle(Input::Disconnected(io::ErrorKind::UnexpectedEof.into()));
    client.connect(0);
    expect(
        &lines(),
        "ERROR@check_events: Socket 127.0.0.1:1 zk retcode=-112, errno=116(Stale file handle): sessionId=0x7 has expired.",
    );
}

#[test]
fn credentials_that_fail_have_stocks_sentence() {
    let mut client = Client::connected();
    client.session.add_auth(client.now, b"bogus", Some(b"secret"), None).unwrap();
    client.reply(xid::AUTH, -115);
    let lines = lines();
    expect(&lines, "DEBUG@send_last_auth_info: Sending auth info request to 127.0.0.1:1");
    expect(&lines, "ERROR@auth_completion_func: Authentication scheme bogus failed. Connection closed.");
    assert!(!lines.iter().any(|line| line.contains("secret")), "a secret in {lines:#?}");
}

#[test]
fn a_request_is_logged_under_the_name_of_its_function() {
    let mut client = Client::connected();
    let path = b"/a".as_slice();
    let requests: [(&str, Request<'_, &'static str>); 5] = [
        ("zoo_awexists", Request::Exists { path, watcher: None }),
        ("zoo_awget", Request::GetData { path, watcher: None }),
        ("zoo_aset", Request::SetData { path, data: None, version: -1 }),
        ("zoo_awget_children_", Request::GetChildren { path, watcher: None, stat: false }),
        ("zoo_adelete", Request::Delete { path, version: -1 }),
    ];
    for (number, (function, request)) in requests.into_iter().enumerate() {
        client.session.submit(client.now, &request, 1).unwrap();
        let line = format!("DEBUG@{function}: Sending request xid={:#x} for path [/a] to 127.0.0.1:1", 16 + number);
        assert_eq!(lines(), [line]);
    }
    client.session.submit(client.now, &Request::Multi(&[]), 1).unwrap();
    assert_eq!(lines(), ["DEBUG@zoo_amulti: Sending multi request xid=0x15 with 0 subrequests to 127.0.0.1:1"]);
}
