//! Limits, floors and the capacity of drained buffers.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use zk_core::backoff::{self, Policy};
use zk_core::code::Code;
use zk_core::frames::{BadLength, Frame, Inbox};
use zk_core::limits;
use zk_core::proto::ConnectResponse;
use zk_core::request::Request;
use zk_core::session::{Config, Input, Session, State};

fn session(timeout: i32, policy: Policy) -> (Session<u32, u8>, Instant) {
    let now = Instant::now();
    let config = Config {
        timeout,
        backoff: backoff::Config { policy, ..backoff::Config::default() },
        seed: 1,
        ..Config::default()
    };
    (Session::new(config, &[SocketAddr::from(([127, 0, 0, 1], 1))], 0, now), now)
}

fn connect(session: &mut Session<u32, u8>, mut now: Instant, timeout: i32) -> Instant {
    while session.state() != State::Connecting {
        now = now.max(session.deadline().unwrap());
        session.handle(now, Input::Timeout);
    }
    session.handle(now, Input::Connected);
    let mut body = Vec::new();
    ConnectResponse { timeout, session_id: 7, password: [1; 16], read_only: false }.write(&mut body);
    session.handle(now, Input::Received(&mut vec![Frame::from(body)]));
    now
}

#[test]
fn a_request_beyond_the_limit_is_refused_before_it_is_encoded() {
    let (mut session, now) = session(9000, Policy::Adaptive);
    // The vector is never touched, so it takes no memory.
    let data = vec![0; limits::REQUEST + 1];
    let request = Request::SetData { path: b"/a", data: Some(&data), version: -1 };
    assert_eq!(session.submit(now, &request, 1), Err(Code::MarshallingError));
    connect(&mut session, now, 9000);
    assert_eq!(session.submit(now, &request, 1), Err(Code::MarshallingError));
    assert_eq!(session.pending_len(), 0);
}

#[test]
fn a_frame_beyond_the_limit_is_refused_at_its_length() {
    let mut inbox = Inbox::new(limits::FRAME);
    let len = i32::try_from(limits::FRAME + 1).unwrap();
    inbox.space()[..4].copy_from_slice(&len.to_be_bytes());
    assert_eq!(inbox.received(4, &mut Vec::new()), Err(BadLength(len)));
}

#[test]
fn drained_buffers_give_back_what_a_burst_took() {
    let (mut session, now) = session(9000, Policy::Adaptive);
    let now = connect(&mut session, now, 9000);
    let data = vec![0; 1 << 20];
    let mut buffer = Vec::new();
    for round in 0..4 {
        for _ in 0..8 {
            let request = Request::SetData { path: b"/a", data: Some(&data), version: -1 };
            session.submit(now, &request, 1).unwrap();
        }
        buffer.clear();
        session.take_outgoing(now, &mut buffer);
        assert!(buffer.len() > 8 << 20, "round {round}");
    }
    // The large buffer comes back to the session, which keeps a small one.
    buffer.clear();
    session.submit(now, &Request::Sync { path: b"/a" }, 1).unwrap();
    session.take_outgoing(now, &mut buffer);
    buffer.clear();
    session.submit(now, &Request::Sync { path: b"/a" }, 1).unwrap();
    session.take_outgoing(now, &mut buffer);
    assert!(buffer.capacity() <= limits::KEPT, "{} bytes kept", buffer.capacity());
}

/// 0.1.0 made 69,750 attempts in 3 s of real time; in virtual time it never ended.
#[test]
fn a_session_timeout_of_zero_makes_no_loop_without_a_pause() {
    for policy in [Policy::Stock, Policy::Adaptive] {
        for timeout in [0, 1, 2] {
            let (mut session, start) = session(timeout, policy);
            let mut now = start;
            let mut steps = 0;
            while now < start + Duration::from_secs(3) {
                now = now.max(session.deadline().unwrap());
                session.handle(now, Input::Timeout);
                if session.state() == State::Connecting {
                    session.handle(now, Input::Disconnected(std::io::ErrorKind::ConnectionRefused.into()));
                }
                while session.poll().is_some() {}
                steps += 1;
                assert!(steps < 5000, "{policy:?}, {timeout} ms: {:?} in {steps} steps", now - start);
            }
            assert!(session.stats().attempts <= 601, "{policy:?}, {timeout} ms: {}", session.stats().attempts);
        }
    }
}

#[test]
fn a_session_of_one_millisecond_pings_at_the_floor() {
    let (mut session, now) = session(1, Policy::Adaptive);
    let now = connect(&mut session, now, 1);
    assert_eq!(session.deadline(), Some(now + limits::LEAST_WAIT));
}
