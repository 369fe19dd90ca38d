//! The phases of a secured attempt, with inputs and clock by hand: when each begins, how long it may take, and the
//! effect of its end on the session, the requests and the log.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test")]
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use zk_core::code::Code;
use zk_core::frames::{BadLength, Frame};
use zk_core::jute::{Put, Reader};
use zk_core::proto::{ConnectResponse, ReplyHeader};
use zk_core::request::Request;
use zk_core::servers::{HostPort, Hosts};
use zk_core::session::{Config, Exchange, Input, Output, SaslFailure, Session, State};

const TIMEOUT: i32 = 9000;

#[derive(Default)]
struct Seen {
    connects: Vec<SocketAddr>,
    disconnects: Vec<bool>,
    starts: Vec<Exchange>,
    challenges: Vec<Option<Vec<u8>>>,
    results: Vec<(u32, Result<usize, Code>)>,
    states: Vec<i32>,
}

struct Client {
    session: Session<u32, &'static str>,
    now: Instant,
    seen: Seen,
}

impl Client {
    fn new(tls: bool, sasl: bool) -> Client {
        let now = Instant::now();
        let config = Config {
            timeout: TIMEOUT,
            hosts: Hosts::new("127.0.0.1:1", vec![HostPort { host: "127.0.0.1".to_owned(), port: 1 }]),
            tls,
            sasl,
            first_xid: 16,
            seed: 1,
            ..Config::default()
        };
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        Client { session: Session::new(config, &[address], "default", now), now, seen: Seen::default() }
    }

    fn handle(&mut self, input: Input<'_>) {
        self.session.handle(self.now, input);
        while let Some(output) = self.session.poll() {
            match output {
                Output::Connect(addr) => self.seen.connects.push(addr),
                Output::Disconnect { reset } => self.seen.disconnects.push(reset),
                Output::SaslStart(exchange, _) => self.seen.starts.push(exchange),
                Output::SaslChallenge(_, token) => self.seen.challenges.push(token),
                Output::Deliver(tag, result) => {
                    self.seen.results.push((tag, result.map(|frame| frame.bytes().len())));
                }
                Output::Notify(event) => self.seen.states.push(event.state),
                _ => {}
            }
        }
    }

    fn wait_for(&mut self, state: State) {
        while self.session.state() != state {
            self.now = self.now.max(self.session.deadline().unwrap());
            self.handle(Input::Timeout);
        }
    }

    /// The server confirms session 7.
    fn confirm(&mut self) {
        let mut body = Vec::new();
        ConnectResponse { timeout: TIMEOUT, session_id: 7, password: [1; 16], read_only: false }.write(&mut body);
        self.handle(Input::Received(&mut vec![Frame::from(body)]));
    }

    /// The server answers SASL.
    fn answer(&mut self, err: i32, token: Option<&[u8]>) {
        let mut body = Vec::new();
        ReplyHeader { xid: 16, zxid: 5, err }.write(&mut body);
        body.put_buffer(token);
        self.handle(Input::Received(&mut vec![Frame::from(body)]));
    }

    /// A connection on which SASL has begun.
    fn authenticating() -> Client {
        let mut client = Client::new(false, true);
        client.wait_for(State::Connecting);
        client.handle(Input::Connected);
        client.confirm();
        client.sent();
        client
    }

    fn exchange(&self) -> Exchange {
        *self.seen.starts.last().unwrap()
    }

    fn sent(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.session.has_outgoing() {
            self.session.take_outgoing(self.now, &mut bytes);
        }
        bytes
    }

    fn submit(&mut self, tag: u32) {
        let request = Request::GetData { path: b"/a", watcher: None };
        self.session.submit(self.now, &request, tag).unwrap();
        self.handle(Input::Flushed);
    }
}

#[test]
fn tls_has_a_state_of_its_own_and_the_limit_of_the_attempt() {
    let mut client = Client::new(true, false);
    client.wait_for(State::Securing);
    assert_eq!(client.session.state().to_i32(), 7, "from the start of the connection, as on stock");
    let tcp_limit = client.session.deadline().unwrap() - client.now;
    client.handle(Input::TcpConnected);
    assert_eq!(client.session.state(), State::Securing);
    let limit = client.session.deadline().unwrap() - client.now;
    assert!(limit > tcp_limit * 2, "{limit:?}, and {tcp_limit:?} for TCP");
    assert!(client.sent().is_empty(), "nothing is sent before TLS");
    client.handle(Input::Connected);
    assert_eq!(client.session.state(), State::Associating);
    assert!(!client.sent().is_empty());
    client.confirm();
    assert_eq!(client.session.state(), State::Connected);
}

#[test]
fn a_server_that_never_answers_tls_costs_one_attempt() {
    let mut client = Client::new(true, false);
    client.wait_for(State::Securing);
    client.submit(1);
    client.handle(Input::TcpConnected);
    client.wait_for(State::Paused);
    assert_eq!(client.seen.results, [(1, Err(Code::OperationTimeout))]);
    assert_eq!(client.seen.disconnects, [true]);
    assert_eq!(client.session.stats().handshake_timeouts, 1);
    client.wait_for(State::Securing);
    assert_eq!(client.seen.connects.len(), 2);
}

#[test]
fn a_fault_that_only_an_operator_can_mend_pauses_longest_at_once() {
    let mut client = Client::new(true, false);
    client.wait_for(State::Securing);
    client.submit(1);
    client.handle(Input::TcpConnected);
    client.handle(Input::TlsFailed(io::Error::other("unknown issuer")));
    assert_eq!(client.seen.results, [(1, Err(Code::SslConnectionError))]);
    assert_eq!(client.session.stats().tls_failures, 1);
    assert!(client.seen.states.is_empty(), "no session event without a session");
    let pause = client.session.not_before() - client.now;
    let most = Duration::from_secs(9) * 2 / 5;
    assert!(pause >= most / 2 && pause <= most, "{pause:?}");
}

#[test]
fn requests_of_the_pause_get_the_code_of_the_last_failure() {
    type Way = (&'static dyn Fn(&mut Client), Code);
    let ways: [Way; 3] = [
        (&|client| client.handle(Input::TlsFailed(io::Error::other("unknown issuer"))), Code::SslConnectionError),
        (&|client| client.handle(Input::Disconnected(io::ErrorKind::UnexpectedEof.into())), Code::ConnectionLoss),
        // The code is not about the bytes of a request that came later.
        (&|client| client.handle(Input::BadFrame(BadLength(-1))), Code::ConnectionLoss),
    ];
    for (way, code) in ways {
        let mut client = Client::new(true, false);
        let tick = Duration::from_secs(9) / 60;
        // Fails until there is a pause longer than a request may wait.
        while client.session.state() != State::Paused || client.session.not_before() - client.now <= tick {
            client.wait_for(State::Securing);
            client.handle(Input::TcpConnected);
            way(&mut client);
            assert_eq!(client.session.state(), State::Paused);
        }
        client.submit(1);
        while client.seen.results.is_empty() {
            client.now = client.now.max(client.session.deadline().unwrap());
            client.handle(Input::Timeout);
            assert_eq!(client.session.state(), State::Paused);
        }
        assert_eq!(client.seen.results, [(1, Err(code))]);
    }
}

#[test]
fn an_end_during_tls_is_an_early_close() {
    let mut client = Client::new(true, false);
    client.wait_for(State::Securing);
    client.handle(Input::TcpConnected);
    client.handle(Input::Disconnected(io::ErrorKind::UnexpectedEof.into()));
    assert_eq!((client.session.stats().closed_early, client.session.stats().tls_failures), (1, 0));
}

#[test]
fn nothing_but_sasl_is_sent_before_it_has_ended() {
    let mut client = Client::authenticating();
    assert_eq!((client.session.state(), client.session.is_established()), (State::Associating, false));
    client.submit(1);
    assert!(client.sent().is_empty(), "the request waits");
    client.handle(Input::SaslToken(client.exchange(), b"hello".to_vec()));
    let sent = client.sent();
    let mut reader = Reader::new(sent.get(4..).unwrap());
    let xid = reader.i32().unwrap();
    assert_eq!((reader.i32(), reader.buffer()), (Ok(102), Ok(Some(&b"hello"[..]))));
    client.answer(0, Some(b"challenge"));
    client.answer(0, None);
    assert_eq!(client.seen.challenges, [Some(b"challenge".to_vec()), None]);
    assert!(client.seen.states.is_empty());
    client.handle(Input::SaslDone(client.exchange()));
    assert_eq!(client.seen.states, [3]);
    let sent = client.sent();
    let request = Reader::new(sent.get(4..).unwrap()).i32().unwrap();
    assert_ne!(request, xid, "the request follows with a number of its own");
    assert!(client.seen.results.is_empty(), "queued requests are held, not failed");
}

#[test]
fn wrong_credentials_are_final_whoever_finds_out() {
    let found_by_server = |client: &mut Client| client.answer(Code::AuthFailed.to_i32(), None);
    let required = |client: &mut Client| client.answer(Code::SessionClosedRequireSaslAuth.to_i32(), None);
    let found_by_mechanism = |client: &mut Client| {
        let failure = SaslFailure { text: "rspauth differs".to_owned(), is_final: true };
        client.handle(Input::SaslFailed(client.exchange(), failure));
    };
    let ways: [&dyn Fn(&mut Client); 3] = [&found_by_server, &required, &found_by_mechanism];
    for way in ways {
        let mut client = Client::authenticating();
        client.submit(1);
        way(&mut client);
        assert_eq!(client.session.state(), State::AuthFailed);
        assert_eq!(client.seen.results, [(1, Err(Code::AuthFailed))]);
        assert_eq!(client.seen.states, [-113]);
        assert_eq!(client.seen.disconnects, [false], "the session was confirmed, so no reset");
        assert_eq!(client.session.deadline(), None, "no attempt follows");
    }
}

#[test]
fn what_may_pass_is_another_attempt_for_a_new_session() {
    let expired_ticket = |client: &mut Client| {
        let failure = SaslFailure { text: "ticket expired".to_owned(), is_final: false };
        client.handle(Input::SaslFailed(client.exchange(), failure));
    };
    let lost = |client: &mut Client| client.handle(Input::Disconnected(io::ErrorKind::UnexpectedEof.into()));
    let broken = |client: &mut Client| client.handle(Input::Received(&mut vec![Frame::from(vec![1, 2])]));
    let silent = |client: &mut Client| client.wait_for(State::Paused);
    let ways: [&dyn Fn(&mut Client); 4] = [&expired_ticket, &lost, &broken, &silent];
    for way in ways {
        let mut client = Client::authenticating();
        way(&mut client);
        assert_eq!(client.session.state(), State::Paused);
        client.wait_for(State::Connecting);
        client.handle(Input::Connected);
        let sent = client.sent();
        // Length, protocol version, last zxid and timeout come before the session id.
        let mut reader = Reader::new(sent.get(4 + 4 + 8 + 4..).unwrap());
        assert_eq!(reader.i64(), Ok(0), "one that was never authenticated could be found expired");
        client.confirm();
        assert_eq!(client.seen.starts.len(), 2);
    }
}

#[test]
fn an_authenticated_session_is_resumed() {
    let mut client = Client::authenticating();
    client.handle(Input::SaslDone(client.exchange()));
    // Lost twice, the second time before SASL has ended again.
    for _ in 0..2 {
        client.handle(Input::Disconnected(io::ErrorKind::UnexpectedEof.into()));
        client.wait_for(State::Connecting);
        client.sent();
        client.handle(Input::Connected);
        let sent = client.sent();
        assert_eq!(Reader::new(sent.get(4 + 4 + 8 + 4..).unwrap()).i64(), Ok(7));
        client.confirm();
    }
}

#[test]
fn a_mechanism_of_an_earlier_connection_is_not_heard() {
    let mut client = Client::authenticating();
    let stale = client.exchange();
    client.handle(Input::Disconnected(io::ErrorKind::UnexpectedEof.into()));
    client.wait_for(State::Connecting);
    client.handle(Input::Connected);
    client.confirm();
    client.sent();
    client.handle(Input::SaslToken(stale, b"old".to_vec()));
    client.handle(Input::SaslFailed(stale, SaslFailure { text: "old".to_owned(), is_final: true }));
    client.handle(Input::SaslDone(stale));
    assert!(client.sent().is_empty());
    assert_eq!((client.session.state(), client.session.is_established()), (State::Associating, false));
    client.handle(Input::SaslDone(client.exchange()));
    assert!(client.session.is_established());
}

#[test]
fn closing_in_any_phase_ends_at_once() {
    for phase in 0..3 {
        let mut client = Client::new(phase < 2, phase == 2);
        match phase {
            0 => client.wait_for(State::Securing),
            1 => {
                client.wait_for(State::Securing);
                client.handle(Input::TcpConnected);
            }
            _ => client = Client::authenticating(),
        }
        client.submit(1);
        client.handle(Input::Close);
        assert_eq!(client.seen.results, [(1, Err(Code::Closing))], "phase {phase}");
        assert_eq!((client.session.state(), client.seen.disconnects.len()), (State::Closed, 1), "phase {phase}");
    }
}
