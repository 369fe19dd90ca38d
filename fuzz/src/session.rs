//! The session under any order of inputs and any bytes from the server. Asserts the invariants of ARCHITECTURE.md that
//! can be seen from outside: each completion is delivered exactly once and in order, nothing is left at the end, and no
//! call shortens a pause.
use crate::script::Script;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use zk_core::frames::{BadLength, Frame, Inbox};
use zk_core::multi::MultiOp;
use zk_core::proto::{ConnectResponse, ReplyHeader, Stat, WatcherEvent, xid};
use zk_core::request::{Create, Request};
use zk_core::servers::{HostPort, Hosts};
use zk_core::session::{Config, Input, Output, Session, State};
use zk_core::watches::Removal;

struct World {
    session: Session<u32, u8>,
    now: Instant,
    inbox: Inbox,
    /// Tags of accepted requests that are not delivered yet, in order. Credentials, which are answered independently,
    /// are in `auths`.
    waiting: VecDeque<u32>,
    auths: Vec<u32>,
    next_tag: u32,
    /// Request ids that have been sent and not answered.
    sent: VecDeque<i32>,
    session_id: i64,
    last: bool,
    closed: bool,
}

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 1 + u16::from(number % 7)))
}

fn hosts(host: &str) -> Hosts {
    Hosts::new(host, vec![HostPort { host: host.to_owned(), port: 1 }])
}

/// Runs a script.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let mut world = World::new(&mut script);
    for _ in 0..2000 {
        if script.is_empty() || world.closed {
            break;
        }
        world.step(&mut script);
    }
    world.end();
}

impl World {
    fn new(script: &mut Script<'_>) -> World {
        let now = Instant::now();
        let flags = script.byte();
        let addresses: Vec<_> = (0..=(script.byte() % 6)).map(address).collect();
        let config = Config {
            timeout: script.i32() % 100_000,
            read_only: flags & 1 != 0,
            chroot: if flags & 2 != 0 { b"/root".to_vec() } else { Vec::new() },
            hosts: hosts(if flags & 4 != 0 { "name" } else { "127.0.0.1" }),
            resolution_interval: (flags & 8 != 0).then_some(Duration::from_secs(5)),
            shuffle: flags & 16 != 0,
            first_xid: if flags & 32 != 0 { i32::MAX - 2 } else { 1 },
            seed: u64::from(flags),
            ..Config::default()
        };
        World {
            session: Session::new(config, &addresses, 0, now),
            now,
            inbox: Inbox::new(1 << 16),
            waiting: VecDeque::new(),
            auths: Vec::new(),
            next_tag: 0,
            sent: VecDeque::new(),
            session_id: 0x1234,
            last: false,
            closed: false,
        }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        match script.byte() % 20 {
            0..4 => self.submit(script),
            4 => self.wait(),
            5 => self.handle(Input::Connected),
            6 => self.handshake(script),
            7..10 => self.answer(script),
            10 => self.raw(script.bytes()),
            11 => self.handle(Input::Disconnected(io::ErrorKind::ConnectionReset.into())),
            12 => self.event(script),
            13 => self.handle(Input::BadFrame(BadLength(script.i32()))),
            14 => self.add_auth(script),
            15 => {
                let addresses = (0..=(script.byte() % 5)).map(|number| address(number.wrapping_mul(3))).collect();
                self.handle(Input::SetServers { hosts: hosts("127.0.0.1"), addresses });
            }
            16 => {
                let read_write = script.byte().is_multiple_of(2);
                self.handle(Input::Probed { addr: address(script.byte()), read_write });
            }
            17 => {
                let addresses = (0..script.byte() % 4).map(address).collect();
                self.handle(Input::Resolved { generation: u64::from(script.byte() % 4), addresses });
            }
            18 => self.now += Duration::from_millis(u64::from(script.byte()) * 50),
            _ if script.byte() < 64 => self.handle(Input::Close),
            _ => self.handle(Input::Flushed),
        }
    }

    fn submit(&mut self, script: &mut Script<'_>) {
        let path = [b"/".as_slice(), script.bytes()].concat();
        let watcher = Some(script.byte()).filter(|byte| byte % 2 == 0);
        let version = script.i32();
        let path = path.as_slice();
        let multi = [MultiOp::Check { path, version }, MultiOp::Unsupported(version)];
        let request = match script.byte() % 8 {
            0 => Request::GetData { path, watcher },
            1 => Request::Exists { path, watcher },
            2 => Request::GetChildren { path, watcher, stat: version % 2 == 0 },
            3 => Request::SetData { path, data: Some(path), version },
            4 => Request::Create(Create { path, data: None, acl: &[], mode: version % 8, ttl: -1, stat: false }),
            5 => {
                let kind = Removal::from_i32(version).unwrap_or(Removal::Any);
                Request::RemoveWatches { path, kind, watcher, local: version % 2 == 0 }
            }
            6 => Request::Multi(multi.get(..usize::from(version % 3 == 0) + 1).unwrap_or_default()),
            _ => Request::Sync { path },
        };
        let before = self.session.not_before();
        let tag = self.next_tag;
        if self.session.submit(self.now, &request, tag).is_ok() {
            self.next_tag += 1;
            self.waiting.push_back(tag);
        }
        assert_eq!(self.session.not_before(), before, "a call changed the pause");
        self.drain();
    }

    fn add_auth(&mut self, script: &mut Script<'_>) {
        let tag = self.next_tag;
        if self.session.add_auth(self.now, script.bytes(), Some(b"secret"), Some(tag)).is_ok() {
            self.next_tag += 1;
            self.auths.push(tag);
        }
        self.drain();
    }

    /// Advances the clock to the session's deadline.
    fn wait(&mut self) {
        if let Some(deadline) = self.session.deadline() {
            self.now = self.now.max(deadline);
            self.handle(Input::Timeout);
        }
    }

    fn handshake(&mut self, script: &mut Script<'_>) {
        let kind = script.byte();
        let response = ConnectResponse {
            timeout: if kind % 16 == 1 { 0 } else { 6000 },
            session_id: if kind % 16 == 2 { 0 } else { self.session_id },
            password: [1; 16],
            read_only: kind % 4 == 3,
        };
        let mut body = Vec::new();
        response.write(&mut body);
        self.frame(body);
    }

    /// Sends a good or bad answer to the oldest request.
    fn answer(&mut self, script: &mut Script<'_>) {
        let kind = script.byte();
        let xid = if kind % 32 == 31 { script.i32() } else { self.sent.pop_front().unwrap_or(-2) };
        let err = if kind.is_multiple_of(4) { script.i32() } else { 0 };
        let mut body = Vec::new();
        ReplyHeader { xid, zxid: i64::from(kind), err }.write(&mut body);
        if kind.is_multiple_of(2) {
            Stat::default().write(&mut body);
        }
        body.extend_from_slice(script.bytes());
        self.frame(body);
    }

    fn event(&mut self, script: &mut Script<'_>) {
        let path = [b"/".as_slice(), script.bytes()].concat();
        let mut body = Vec::new();
        ReplyHeader { xid: xid::WATCHER_EVENT, zxid: -1, err: 0 }.write(&mut body);
        WatcherEvent { kind: i32::from(script.byte() % 6), state: 3, path: &path }.write(&mut body);
        self.frame(body);
    }

    fn frame(&mut self, body: Vec<u8>) {
        self.handle(Input::Received(&mut vec![Frame::from(body)]));
    }

    /// Feeds raw bytes through the frame splitter.
    fn raw(&mut self, bytes: &[u8]) {
        for byte in bytes {
            *self.inbox.space().first_mut().expect("space is never empty") = *byte;
            let mut frames = Vec::new();
            let verdict = self.inbox.received(1, &mut frames);
            self.handle(Input::Received(&mut frames));
            if let Err(bad) = verdict {
                self.inbox.clear();
                self.handle(Input::BadFrame(bad));
            }
        }
    }

    fn handle(&mut self, input: Input<'_>) {
        let voluntary = matches!(input, Input::SetServers { .. } | Input::Resolved { .. } | Input::Probed { .. });
        let (paused, before) = (self.session.state() == State::Paused, self.session.not_before());
        self.session.handle(self.now, input);
        if paused && self.session.state() == State::Paused && !voluntary {
            assert!(self.session.not_before() >= before, "a pause was shortened");
        }
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll() {
            assert!(!self.closed, "something followed Closed");
            assert!(
                !self.last || !matches!(output, Output::Deliver(..) | Output::Notify(_)),
                "something followed Last"
            );
            match output {
                Output::Last => self.last = true,
                Output::Deliver(tag, _) => self.delivered(tag),
                Output::Disconnect { reset } => {
                    assert!(!reset || !self.session.is_established());
                    self.sent.clear();
                    self.inbox.clear();
                }
                Output::Closed => self.closed = true,
                _ => {}
            }
        }
        let mut bytes = Vec::new();
        self.session.take_outgoing(self.now, &mut bytes);
        self.note_sent(&bytes);
        assert!(self.session.pending_len() <= self.waiting.len());
    }

    fn delivered(&mut self, tag: u32) {
        if let Some(at) = self.auths.iter().position(|auth| *auth == tag) {
            self.auths.swap_remove(at);
            return;
        }
        // A removal that is only local is answered at once; all others keep their order.
        let at = self.waiting.iter().position(|waiting| *waiting == tag);
        let at = at.expect("delivered twice, or never taken in");
        assert!(at == 0 || at + 1 == self.waiting.len(), "delivered out of order");
        self.waiting.remove(at);
    }

    fn note_sent(&mut self, mut bytes: &[u8]) {
        while let Some((prefix, rest)) = bytes.split_first_chunk::<4>() {
            let len = usize::try_from(i32::from_be_bytes(*prefix)).expect("we send no negative length");
            let (body, rest) = rest.split_at_checked(len).expect("we send whole frames");
            if let Some(xid) = body.first_chunk::<4>().map(|xid| i32::from_be_bytes(*xid))
                && xid > 0
            {
                self.sent.push_back(xid);
            }
            bytes = rest;
        }
    }

    /// Closes, and checks that every request gets its completion.
    fn end(mut self) {
        self.handle(Input::Close);
        for _ in 0..4 {
            if !self.closed {
                self.wait();
            }
        }
        assert!(self.closed, "close did not end");
        assert!(self.waiting.is_empty() && self.auths.is_empty(), "someone was not told");
        assert_eq!(self.session.pending_len(), 0);
    }
}
