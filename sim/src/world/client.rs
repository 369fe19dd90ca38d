//! A client of the world: the session, a small shell around it, and the record of all that happened to it. Knows no
//! server.
use super::{ClientNo, Happening, LinkNo, Parcel, Step, World};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use zk_core::backoff::Memory;
use zk_core::code::Code;
use zk_core::frames::Inbox;
use zk_core::session::{Event, Exchange, Input, Output, Session, State};

/// An action of a client, or an event that it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A completion, with the reply's body.
    Delivered(u64, Result<Vec<u8>, Code>),
    /// Watchers were called.
    Notified(Event<u32>),
    /// It began an attempt.
    Attempt(SocketAddr),
    /// It dropped its connection; `true` means with a reset.
    Disconnected(bool),
    /// It asked for its names to be resolved.
    Resolving,
    /// It asked a server whether it takes writes.
    Probing(SocketAddr),
    /// Its state changed to this one.
    State(State),
    /// It is closing: nothing more is delivered.
    Last,
    /// It is closed.
    Closed,
}

/// One entry of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub at: Duration,
    /// What.
    pub what: Heard,
}

/// A client.
pub struct Client {
    /// Its session.
    pub session: Session<u64, u32>,
    /// All actions and events of the client.
    pub record: Vec<Record>,
    /// The memory that the policy leaves to the next handle.
    pub memory: Option<Memory>,
    /// Every byte it has sent, one buffer for each connection, for checks.
    pub sent: Vec<Vec<u8>>,
    pub(super) link: Option<LinkNo>,
    pub(super) frozen_until: Option<Duration>,
    /// Whether its connections have TLS.
    pub(super) is_secured: bool,
    /// Steps of its mechanism that the session has not got yet.
    pub(super) said: VecDeque<(Exchange, Step)>,
    /// The answers of servers in SASL, in order.
    pub challenges: Vec<Option<Vec<u8>>>,
    /// When a whole frame has last arrived.
    pub heard_at: Duration,
    /// Bytes that the kernel has not taken yet.
    unsent: Vec<u8>,
    inbox: Inbox,
    state: State,
}

/// Longest frame a client accepts.
const FRAME: usize = 16 << 20;

impl Client {
    pub(super) fn new(session: Session<u64, u32>, is_secured: bool) -> Client {
        Client {
            state: session.state(),
            session,
            record: Vec::new(),
            memory: None,
            sent: Vec::new(),
            link: None,
            frozen_until: None,
            is_secured,
            said: VecDeque::new(),
            challenges: Vec::new(),
            heard_at: Duration::ZERO,
            unsent: Vec::new(),
            inbox: Inbox::new(FRAME),
        }
    }

    /// The attempts it made, with their times.
    pub fn attempts(&self) -> Vec<(Duration, SocketAddr)> {
        let attempt = |record: &Record| match record.what {
            Heard::Attempt(address) => Some((record.at, address)),
            _ => None,
        };
        self.record.iter().filter_map(attempt).collect()
    }

    /// The state.
    pub fn state(&self) -> State {
        self.session.state()
    }

    /// The result of a request; `None` while it waits.
    pub fn result(&self, tag: u64) -> Option<&Result<Vec<u8>, Code>> {
        self.record.iter().find_map(|record| match &record.what {
            Heard::Delivered(delivered, result) if *delivered == tag => Some(result),
            _ => None,
        })
    }

    /// The events that it got, in order.
    pub fn events(&self) -> Vec<&Event<u32>> {
        let event = |record: &'_ Record| matches!(record.what, Heard::Notified(_));
        self.record
            .iter()
            .filter(|record| event(record))
            .filter_map(|record| match &record.what {
                Heard::Notified(event) => Some(event),
                _ => None,
            })
            .collect()
    }

    /// The states of its session events, in order.
    pub fn session_events(&self) -> Vec<i32> {
        self.events().iter().filter(|event| event.path.is_empty()).map(|event| event.state).collect()
    }
}

impl World {
    /// Executes the outputs of a client's session.
    pub(super) fn settle(&mut self, number: ClientNo) {
        let now = self.now;
        loop {
            let Some(client) = self.clients.get_mut(number) else { return };
            if client.state != client.session.state() {
                client.state = client.session.state();
                client.record.push(Record { at: now, what: Heard::State(client.state) });
            }
            let Some(output) = client.session.poll() else { break };
            let what = match output {
                Output::Deliver(tag, result) => Heard::Delivered(tag, result.map(|frame| frame.bytes().to_vec())),
                Output::Notify(event) => Heard::Notified(event),
                Output::Connect(address) => {
                    self.hang_up(number, false);
                    let link = self.open(number, address);
                    if let Some(client) = self.clients.get_mut(number) {
                        client.link = Some(link);
                        client.sent.push(Vec::new());
                    }
                    Heard::Attempt(address)
                }
                Output::Disconnect { reset } => {
                    self.hang_up(number, reset);
                    Heard::Disconnected(reset)
                }
                Output::Resolve(lookup) => {
                    self.schedule(now + self.names.delay, Happening::Resolved(number, lookup.generation));
                    Heard::Resolving
                }
                Output::Probe(address) => {
                    let delay = self.latency() * 4;
                    self.schedule(now + delay, Happening::Probed(number, address));
                    Heard::Probing(address)
                }
                Output::Remember(_, memory) => {
                    client.memory = Some(*memory);
                    continue;
                }
                Output::SaslStart(exchange, _) => {
                    self.advance_mechanism(number, exchange, true);
                    continue;
                }
                Output::SaslChallenge(exchange, token) => {
                    client.challenges.push(token);
                    self.advance_mechanism(number, exchange, false);
                    continue;
                }
                Output::Last => Heard::Last,
                Output::Closed => Heard::Closed,
            };
            if let Some(client) = self.clients.get_mut(number) {
                client.record.push(Record { at: now, what });
            }
        }
        self.transmit(number);
    }

    fn hang_up(&mut self, number: ClientNo, reset: bool) {
        let Some(client) = self.clients.get_mut(number) else { return };
        client.inbox.clear();
        client.unsent.clear();
        if let Some(link) = client.link.take() {
            self.let_go(link, reset);
        }
    }

    fn transmit(&mut self, number: ClientNo) {
        let now = self.instant();
        let window = self.weather.window.unwrap_or(usize::MAX).max(1);
        let Some(client) = self.clients.get_mut(number) else { return };
        // As the shell does: no more bytes are taken from the session before the kernel has taken the earlier ones.
        if !client.session.has_outgoing() || !client.unsent.is_empty() {
            return;
        }
        // Without a connection the session must have nothing to send; if it does, the bytes stay and go to the next
        // connection, where the checks find them.
        let Some(link) = client.link else { return };
        let mut bytes = Vec::new();
        client.session.take_outgoing(now, &mut bytes);
        if let Some(sent) = client.sent.last_mut() {
            sent.extend_from_slice(&bytes);
        }
        client.unsent = bytes.split_off(bytes.len().min(window));
        let (closing, all) = (client.session.is_closing(), client.unsent.is_empty());
        self.send(link, false, Parcel::Bytes(bytes));
        if !all {
            self.write_later(number, link);
        } else if closing {
            self.feed(number, Input::Flushed);
        }
    }

    fn write_later(&mut self, number: ClientNo, link: LinkNo) {
        let when = self.now + self.latency();
        self.schedule(when, Happening::Writable(number, link));
    }

    /// Lets the kernel take the next piece of the unsent bytes.
    pub(super) fn writable(&mut self, number: ClientNo, link: LinkNo) {
        let window = self.weather.window.unwrap_or(usize::MAX).max(1);
        let Some(client) = self.clients.get_mut(number).filter(|client| client.link == Some(link)) else { return };
        if client.frozen_until.is_some() {
            return self.write_later(number, link);
        }
        let rest = client.unsent.split_off(client.unsent.len().min(window));
        let bytes = std::mem::replace(&mut client.unsent, rest);
        let (closing, all) = (client.session.is_closing(), client.unsent.is_empty());
        self.send(link, false, Parcel::Bytes(bytes));
        if !all {
            return self.write_later(number, link);
        }
        self.transmit(number);
        let drained = self.clients.get(number).is_some_and(|client| client.unsent.is_empty());
        if closing && drained {
            self.feed(number, Input::Flushed);
        }
    }

    /// Called when bytes have arrived at a client.
    pub(super) fn hear(&mut self, number: ClientNo, bytes: &[u8]) {
        let mut rest = bytes;
        let mut frames = Vec::new();
        while !rest.is_empty() {
            let Some(client) = self.clients.get_mut(number).filter(|client| client.link.is_some()) else { return };
            let space = client.inbox.space();
            let count = space.len().min(rest.len());
            let (head, tail) = rest.split_at(count);
            if let Some(space) = space.get_mut(..count) {
                space.copy_from_slice(head);
            }
            rest = tail;
            let verdict = client.inbox.received(count, &mut frames);
            let link = client.link;
            if !frames.is_empty() {
                client.heard_at = self.now;
            }
            self.feed(number, Input::Received(&mut frames));
            frames.clear();
            if let Err(bad) = verdict {
                return self.feed(number, Input::BadFrame(bad));
            }
            if self.clients.get(number).is_none_or(|client| client.link != link) {
                return;
            }
        }
    }
}
