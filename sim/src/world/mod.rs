//! Clients, a network and an ensemble under one virtual clock. Single-threaded and deterministic: the same seed and the
//! same calls give the same history, byte for byte.
//!
//! Owns the clock, the order of events, the routes and the name service; `client` has a client's side, `link` the
//! connections.
mod client;
mod link;
mod secure;

pub use client::{Client, Heard, Record};
use link::{Link, Parcel};
use secure::Ending;
pub use secure::{Handshake, Secure, Step};

use crate::server::{ConnId, Ensemble, Flow, Options};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use zk_core::code::Code;
use zk_core::request::Request;
use zk_core::session::{Config, Input, Session};

/// Names a client of the world.
pub type ClientNo = usize;
/// Names a connection of the world.
pub(crate) type LinkNo = u64;

/// How packets to a host are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// They arrive.
    #[default]
    Open,
    /// Connecting is refused, whatever the member's mode is.
    Refused,
    /// Packets vanish and are sent again, as by TCP, until the route is open.
    Blackhole,
}

/// One address at which a member listens.
#[derive(Clone, Copy, Debug)]
struct Host {
    member: usize,
    route: Route,
}

/// How the network treats data in transit.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Shortest and longest delay of one direction.
    pub latency: (Duration, Duration),
    /// Share of the deliveries that arrive in pieces.
    pub pieces: f64,
    /// How many bytes a client's kernel takes at once; the rest waits for the delay of one direction. `None`: all
    /// bytes.
    pub window: Option<usize>,
}

impl Default for Weather {
    fn default() -> Weather {
        Weather { latency: (Duration::from_micros(100), Duration::from_micros(500)), pieces: 0.0, window: None }
    }
}

/// The name service.
#[derive(Clone, Debug)]
pub struct Names {
    /// The result of a resolution; `None` if it fails.
    pub answer: Option<Vec<SocketAddr>>,
    /// How long a resolution takes.
    pub delay: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    /// A parcel may be due on the way to the server.
    ToServer(LinkNo),
    /// A parcel may be due on the way to the client.
    ToClient(LinkNo),
    /// The answer to the lookup of this generation.
    Resolved(ClientNo, u64),
    Probed(ClientNo, SocketAddr),
    Thaw(ClientNo),
    /// A client's kernel takes more bytes.
    Writable(ClientNo, LinkNo),
    /// A TLS handshake ends.
    Secured(ClientNo, LinkNo, Ending),
    /// A SASL mechanism has done a step.
    Mechanism(ClientNo),
}

/// This many steps without progress of the clock count as an endless loop.
const SPIN: u32 = 100_000;

/// The world.
pub struct World {
    /// The servers.
    pub ensemble: Ensemble,
    /// The state of the network; may be changed at any time.
    pub weather: Weather,
    /// The name service; may be changed at any time.
    pub names: Names,
    /// TLS and SASL; may be changed at any time.
    pub secure: Secure,
    rng: StdRng,
    base: Instant,
    now: Duration,
    hosts: BTreeMap<SocketAddr, Host>,
    clients: Vec<Client>,
    links: BTreeMap<LinkNo, Link>,
    by_server: BTreeMap<ConnId, LinkNo>,
    queue: BTreeMap<(Duration, u64), Happening>,
    next: u64,
    spins: u32,
}

impl World {
    /// A world with an ensemble and no client. Member `i` listens at [`World::address`]`(i)`.
    pub fn new(seed: u64, options: Options) -> World {
        let members = options.members.max(1);
        let host = |member| (World::address(member), Host { member, route: Route::Open });
        World {
            ensemble: Ensemble::new(options),
            weather: Weather::default(),
            names: Names { answer: None, delay: Duration::from_millis(5) },
            secure: Secure::default(),
            rng: StdRng::seed_from_u64(seed),
            base: Instant::now(),
            now: Duration::ZERO,
            hosts: (0..members).map(host).collect(),
            clients: Vec::new(),
            links: BTreeMap::new(),
            by_server: BTreeMap::new(),
            queue: BTreeMap::new(),
            next: 0,
            spins: 0,
        }
    }

    /// The address of a member.
    pub fn address(member: usize) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, u8::try_from(member + 1).unwrap_or(u8::MAX)], 2181))
    }

    /// Adds another address of a member, or an address without a server if the member does not exist.
    pub fn add_host(&mut self, address: SocketAddr, member: usize) {
        self.hosts.insert(address, Host { member, route: Route::Open });
    }

    /// Changes how packets to an address are treated.
    pub fn set_route(&mut self, address: SocketAddr, route: Route) {
        if let Some(host) = self.hosts.get_mut(&address) {
            host.route = route;
        }
    }

    /// Virtual time since the start.
    pub fn now(&self) -> Duration {
        self.now
    }

    fn instant(&self) -> Instant {
        self.base + self.now
    }

    /// An instant of a session as virtual time.
    pub fn time_of(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.base)
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.now.as_millis()).unwrap_or(u64::MAX)
    }

    /// Adds a client. Its default watcher is number 0.
    pub fn connect(&mut self, config: Config, addresses: &[SocketAddr]) -> ClientNo {
        let is_secured = config.tls;
        let session = Session::new(config, addresses, 0, self.instant());
        self.clients.push(Client::new(session, is_secured));
        let number = self.clients.len() - 1;
        self.settle(number);
        number
    }

    /// A client.
    ///
    /// # Panics
    /// When there is none of this number.
    pub fn client(&self, number: ClientNo) -> &Client {
        #[allow(clippy::indexing_slicing)] // a wrong number is an error of the test that gave it
        &self.clients[number]
    }

    /// Submits a request under a tag.
    pub fn submit(&mut self, number: ClientNo, tag: u64, request: &Request<'_, u32>) -> Result<(), Code> {
        self.with(number, |session, now| session.submit(now, request, tag))
    }

    /// Runs `body` on a client's session, and executes the outputs.
    pub fn with<R>(&mut self, number: ClientNo, body: impl FnOnce(&mut Session<u64, u32>, Instant) -> R) -> R {
        let now = self.instant();
        #[allow(clippy::indexing_slicing)] // as above
        let result = body(&mut self.clients[number].session, now);
        self.settle(number);
        result
    }

    /// Feeds a client.
    pub fn feed(&mut self, number: ClientNo, input: Input<'_>) {
        self.with(number, |session, now| session.handle(now, input));
    }

    /// Stops a client's process for a while: it handles nothing, and input waits.
    pub fn freeze(&mut self, number: ClientNo, time: Duration) {
        let until = self.now + time;
        if let Some(client) = self.clients.get_mut(number) {
            client.frozen_until = Some(until);
        }
        self.schedule(until, Happening::Thaw(number));
    }

    /// Cuts a client's connection: both ends see it reset.
    pub fn cut(&mut self, number: ClientNo) {
        if let Some(link) = self.clients.get(number).and_then(|client| client.link) {
            self.cut_link(link);
        }
    }

    /// Lets a client's connection end after this many more bytes to it.
    pub fn cut_after(&mut self, number: ClientNo, to_client: bool, bytes: usize) {
        let Some(link) = self.clients.get(number).and_then(|client| client.link) else { return };
        if let Some(link) = self.links.get_mut(&link) {
            let way = if to_client { &mut link.to_client } else { &mut link.to_server };
            way.left = Some(bytes);
        }
    }

    /// The address that a client's connection, or attempt at one, goes to.
    pub fn peer(&self, number: ClientNo) -> Option<SocketAddr> {
        Some(self.links.get(&self.clients.get(number)?.link?)?.host)
    }

    /// The server's end of a client's connection.
    pub fn server_end(&self, number: ClientNo) -> Option<ConnId> {
        self.links.get(&self.clients.get(number)?.link?)?.server
    }

    /// Runs `body` on the ensemble, and handles the consequences.
    pub fn servers<R>(&mut self, body: impl FnOnce(&mut Ensemble, u64) -> R) -> R {
        let now = self.millis();
        let result = body(&mut self.ensemble, now);
        self.send_news();
        result
    }

    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    /// Lets time pass until `done`, at most for `limit`. Returns whether it is done.
    pub fn run_until(&mut self, limit: Duration, done: impl Fn(&World) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            if done(self) {
                return true;
            }
            if !self.step(end) {
                self.now = end;
                return done(self);
            }
        }
    }

    /// Handles the next event that is due by `end`; false when there is none.
    pub fn step(&mut self, end: Duration) -> bool {
        let event = self.queue.first_key_value().map(|((at, _), _)| *at);
        let server = self.ensemble.deadline().map(Duration::from_millis);
        let clients = self.clients.iter().enumerate().filter_map(|(number, client)| {
            let due = client.session.deadline()?.saturating_duration_since(self.base);
            client.frozen_until.is_none().then_some((due, number))
        });
        let client = clients.min();
        let soonest = [event, server, client.map(|(due, _)| due)].into_iter().flatten().min();
        let Some(when) = soonest.map(|when| when.max(self.now)).filter(|when| *when <= end) else { return false };
        self.spins = if when > self.now { 0 } else { self.spins + 1 };
        assert!(
            self.spins < SPIN,
            "events without end at {when:?}: event {event:?} server {server:?} client {client:?}"
        );
        self.now = when;
        if soonest == event {
            if let Some((_, happening)) = self.queue.pop_first() {
                self.happen(happening);
            }
        } else if soonest == server {
            self.servers(Ensemble::tick);
        } else if let Some((_, number)) = client {
            self.feed(number, Input::Timeout);
        }
        true
    }

    fn schedule(&mut self, when: Duration, what: Happening) {
        self.next += 1;
        self.queue.insert((when, self.next), what);
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::ToServer(link) => self.arrive_at_server(link),
            Happening::ToClient(link) => self.arrive_at_client(link),
            Happening::Resolved(number, generation) => {
                let input = match self.names.answer.clone() {
                    Some(addresses) => Input::Resolved { generation, addresses },
                    None => Input::ResolutionFailed { generation, error: "no such host".into() },
                };
                self.feed(number, input);
            }
            Happening::Probed(number, addr) => {
                let read_write = self.ask(addr, b"isro") == b"rw";
                self.feed(number, Input::Probed { addr, read_write });
            }
            Happening::Thaw(number) => self.thaw(number),
            Happening::Writable(number, link) => self.writable(number, link),
            Happening::Secured(number, link, ending) => self.secured(number, link, ending),
            Happening::Mechanism(number) => self.mechanism_says(number),
        }
    }

    /// One way's delay.
    fn latency(&mut self) -> Duration {
        let (least, most) = self.weather.latency;
        if least >= most { least } else { self.rng.random_range(least..most) }
    }

    /// The answer of the server at `addr` to a four-letter word.
    fn ask(&mut self, addr: SocketAddr, word: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        let Some(host) = self.hosts.get(&addr).copied().filter(|host| host.route == Route::Open) else { return answer };
        let now = self.millis();
        if let Some(id) = self.ensemble.accept(host.member, "10.1.0.1", now) {
            self.ensemble.receive(id, word, now);
            self.ensemble.take(id, now, &mut answer);
            self.ensemble.disconnect(id);
        }
        answer
    }

    /// Puts the servers' output onto the network.
    fn send_news(&mut self) {
        let now = self.millis();
        loop {
            let news = self.ensemble.news();
            if news.is_empty() {
                return;
            }
            for id in news {
                let mut bytes = Vec::new();
                let flow = self.ensemble.take(id, now, &mut bytes);
                let Some(number) = self.by_server.get(&id).copied() else { continue };
                if !bytes.is_empty() {
                    self.send(number, true, Parcel::Bytes(bytes));
                }
                if flow == Flow::Closed {
                    self.by_server.remove(&id);
                    if let Some(link) = self.links.get_mut(&number) {
                        link.server = None;
                    }
                    self.send(number, true, Parcel::End);
                }
            }
        }
    }
}

/// The error that a client's system call reports.
fn error_of(parcel: &Parcel) -> io::Error {
    io::Error::from(match parcel {
        Parcel::Refused => io::ErrorKind::ConnectionRefused,
        Parcel::Reset => io::ErrorKind::ConnectionReset,
        _ => io::ErrorKind::UnexpectedEof,
    })
}
