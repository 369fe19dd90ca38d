//! One session with an ensemble, as a state machine. Owns the connection's life, the requests in flight, the watches
//! and the timers; it must not know of sockets, threads, clocks or C.
//!
//! The shell calls [`Session::handle`] for each event and then drains [`Session::poll`] and [`Session::take_outgoing`];
//! it sleeps until [`Session::deadline`]. Every completion given to [`Session::submit`] or [`Session::add_auth`] comes
//! back in exactly one [`Output::Deliver`], in the order of the requests.
mod closing;
mod config;
mod credentials;
mod expiry;
mod failure_log;
mod input;
mod link;
mod loss;
mod output;
mod replies;
mod requests;
mod secure;
mod server_changes;
mod state;
mod stats;
mod timer_table;
mod timers;

use crate::backoff::{self, Backoff, Plan};
use crate::code::Code;
use crate::frames::BadLength;
use crate::limits;
use crate::pending::Pending;
use crate::servers::{HostList, Hosts, InUse};
use crate::watches::Watches;
use credentials::Credentials;
use failure_log::FailureLogLimiter;
use link::Link;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::VecDeque;
use std::hash::Hash;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub use config::Config;
pub use input::Input;
pub use output::Output;
pub use replies::Event;
pub use secure::{Exchange, SaslFailure};
pub use state::State;
pub use stats::{Counter, Stats};

/// A watcher, in a form that the shell defines; two are equal if they would make the same call.
pub trait Watcher: Clone + Eq + Hash {
    /// The watcher to call for an event now. The shell may change what its default watcher stands for without telling
    /// the session.
    #[must_use]
    fn current(&self) -> Self {
        self.clone()
    }
}
impl Watcher for u8 {}
impl Watcher for u32 {}
impl Watcher for &'static str {}

/// A session's identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientId {
    /// The number; 0 for no session.
    pub id: i64,
    /// The password that proves the ownership of the session.
    pub password: [u8; 16],
}

/// The session. `C` is the completion that comes back with a reply, `W` the watcher; both are opaque here.
pub struct Session<C, W> {
    config: Config,
    link: Link,
    id: ClientId,
    seen_read_write: bool,
    last_zxid: i64,
    next_xid: i32,
    /// The negotiated session timeout in milliseconds, or the requested one before the first session.
    timeout: i32,
    servers: HostList,
    backoff: Backoff,
    plan: Plan,
    rng: StdRng,
    pending: Pending<C, W>,
    watches: Watches<W>,
    /// Servers that have refused `SetWatches2`; each gets `SetWatches` the next time.
    rearm_refused: Vec<SocketAddr>,
    credentials: Credentials<C>,
    default_watcher: W,
    /// Bytes for the current connection.
    outgoing: Vec<u8>,
    /// Frames that wait for a session; the first `unsent` bytes belong to requests that have already failed.
    queued: Vec<u8>,
    unsent: usize,
    outputs: VecDeque<Output<C, W>>,
    timers: timers::Timers,
    failure_log: FailureLogLimiter,
    /// The limiter for failed name lookups.
    lookup_log: FailureLogLimiter,
    stats: Stats,
    /// Time limit of requests.
    request_timeout: Option<Duration>,
    expire_locally: bool,
    forget_zxid: bool,
    turned_away: expiry::TurnedAway,
    /// How the last connection or attempt ended; requests that are given up without a connection fail with it.
    last_failure: Code,
    /// See [`Session::take_end`].
    ended: Option<Code>,
    /// See [`Session::describe_sasl`].
    sasl_identity: Option<Box<str>>,
}

impl<C, W: Watcher> Session<C, W> {
    /// A session that makes its first attempt when the policy allows it. `addresses` must not be empty unless the
    /// host string names a chroot only.
    pub fn new(config: Config, addresses: &[SocketAddr], default_watcher: W, now: Instant) -> Session<C, W> {
        *Session::boxed(config, addresses, default_watcher, now)
    }

    /// [`new`](Session::new) on the heap, with half of the stack.
    pub fn boxed(mut config: Config, addresses: &[SocketAddr], default_watcher: W, now: Instant) -> Box<Session<C, W>> {
        let mut rng = StdRng::seed_from_u64(config.seed);
        let mut servers = HostList::default();
        let hosts = std::mem::take(&mut config.hosts);
        servers.replace(hosts, addresses, InUse::Nothing, &mut rng, config.shuffle);
        let timeout = config.timeout;
        let mut backoff = Backoff::new(&config.backoff, timers::millis(timeout), config.memory);
        let plan = backoff.on(backoff::Event::Init, servers.len(), now, &mut rng);
        let mut session = Box::new(Session {
            link: Link::Idle { is_fresh: true },
            id: config.client_id,
            seen_read_write: config.client_id.id != 0,
            last_zxid: 0,
            next_xid: config.first_xid.max(1),
            timeout,
            servers,
            backoff,
            plan,
            rng,
            pending: Pending::default(),
            watches: Watches::new(config.seed),
            rearm_refused: Vec::new(),
            credentials: Credentials::default(),
            default_watcher,
            outgoing: Vec::new(),
            queued: Vec::new(),
            unsent: 0,
            outputs: VecDeque::new(),
            timers: timers::Timers::new(now),
            failure_log: FailureLogLimiter::default(),
            lookup_log: FailureLogLimiter::default(),
            stats: Stats::default(),
            request_timeout: None,
            expire_locally: false,
            forget_zxid: false,
            turned_away: expiry::TurnedAway::default(),
            last_failure: Code::ConnectionLoss,
            ended: None,
            sasl_identity: None,
            config,
        });
        session.arm_attempt();
        session.arm_resolve(now);
        session
    }

    /// Processes an event that happened at `now`.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        if self.link == Link::Closed {
            return;
        }
        self.warn_when_late(now);
        match input {
            Input::Received(frames) => self.on_received(now, frames),
            Input::BadFrame(BadLength(len)) => self.on_bad_frame(now, len),
            Input::TcpConnected => self.on_tcp_connected(now),
            Input::Connected => self.on_connected(now),
            Input::TlsFailed(error) => self.on_tls_failure(now, &error),
            Input::SaslToken(exchange, token) => self.on_sasl_token(exchange, &token),
            Input::SaslDone(exchange) => self.on_sasl_done(now, exchange),
            Input::SaslFailed(exchange, failure) => self.on_sasl_failure(now, exchange, &failure),
            Input::Disconnected(error) => self.on_disconnected(now, &error),
            Input::SendFailed(error) => self.on_send_failure(now, &error),
            Input::Flushed => self.on_flushed(now),
            Input::Timeout => self.on_timeout(now),
            Input::Resolved { generation, addresses } => self.on_resolved(now, generation, &addresses),
            Input::ResolutionFailed { generation, error } => self.on_resolution_failure(now, generation, &error),
            Input::SetServers { hosts, addresses } => self.on_set_servers(now, hosts, &addresses),
            Input::Probed { addr, read_write } => self.on_probed(now, addr, read_write),
            Input::Close => self.on_close(now),
        }
        if !self.is_established() {
            self.arm_give_up();
            self.arm_local_expiry();
        }
        if self.request_timeout.is_some() {
            self.arm_request_timeout();
        }
    }

    /// Changes the seed of the random choices, for a forked child, which must not connect at the same moments as other
    /// children.
    pub fn reseed(&mut self, seed: u64) {
        self.rng = StdRng::seed_from_u64(seed);
    }

    /// The next output, in order; `None` when there is none left.
    pub fn poll(&mut self) -> Option<Output<C, W>> {
        let output = self.outputs.pop_front();
        if output.is_none() && self.outputs.capacity() > limits::KEPT_ENTRIES {
            self.outputs = VecDeque::new();
        }
        output
    }

    /// The outputs as a list, for a shell that takes many at once.
    pub fn outputs(&mut self) -> &mut VecDeque<Output<C, W>> {
        &mut self.outputs
    }

    /// Whether there are bytes to send.
    pub fn has_outgoing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Swaps the bytes to send into `buffer`, which must be empty, and counts them as sent at `now`. Bytes that are
    /// unsent at an [`Output::Disconnect`] must be discarded. The session keeps at most [`limits::KEPT`] bytes of the
    /// capacity of `buffer`.
    pub fn take_outgoing(&mut self, now: Instant, buffer: &mut Vec<u8>) {
        debug_assert!(buffer.is_empty());
        if self.has_outgoing() {
            std::mem::swap(&mut self.outgoing, buffer);
            limits::drain(&mut self.outgoing);
            self.arm_ping(now);
        }
    }

    /// Capacity in bytes of the larger of the two buffers for outgoing requests.
    pub fn buffer_capacity(&self) -> usize {
        self.outgoing.capacity().max(self.queued.capacity())
    }

    /// Frees unused memory of these buffers and of the lists of requests, down to `limit` bytes each.
    pub fn trim(&mut self, limit: usize) {
        self.outgoing.shrink_to(limit);
        self.queued.shrink_to(limit);
        self.pending.shrink_to(limit);
        self.outputs.shrink_to(limit / size_of::<Output<C, W>>());
    }

    /// The state seen by the application.
    pub fn state(&self) -> State {
        self.link.state()
    }

    /// Whether no call can succeed any more.
    pub fn is_unrecoverable(&self) -> bool {
        matches!(self.link, Link::Dead(_)) || self.is_closing()
    }

    /// Whether the application has closed the session.
    pub fn is_closing(&self) -> bool {
        matches!(self.link, Link::Closing { .. } | Link::Closed)
    }

    /// Whether a session is established.
    pub fn is_established(&self) -> bool {
        matches!(self.link, Link::Established { .. })
    }

    /// Why a connection, an attempt or the session has ended since the last call; `None` if none has, or if the client
    /// left its server by choice.
    pub fn take_end(&mut self) -> Option<Code> {
        self.ended.take()
    }

    /// Whether [`Session::take_end`] would return a code.
    pub fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// The session's identity.
    pub fn client_id(&self) -> ClientId {
        self.id
    }

    /// Session timeout in milliseconds: the negotiated one, or the requested one before the first session.
    pub fn timeout(&self) -> i32 {
        self.timeout
    }

    /// Prefix of all paths.
    pub fn chroot(&self) -> &[u8] {
        &self.config.chroot
    }

    /// The server at the list's cursor: the one of the latest attempt, unless [`Session::cycle_server`] has moved the cursor
    /// since.
    pub fn current_server(&self) -> Option<SocketAddr> {
        self.servers.current()
    }

    /// The server of the connection or the attempt, as long as there is one.
    pub fn server(&self) -> Option<SocketAddr> {
        self.link.address()
    }

    /// The servers as the application named them last.
    pub fn hosts(&self) -> &Hosts {
        self.servers.hosts()
    }

    /// Number of addresses.
    pub fn server_count(&self) -> usize {
        self.servers.len()
    }

    /// Moves on to the next server of the list; an existing connection stays.
    // divergence: zoo_cycle_next_server moves on with the first call; on stock the first one names the current server again.
    pub fn cycle_server(&mut self, now: Instant) {
        self.servers.advance(now);
    }

    /// Changes how often names are resolved while connected.
    pub fn set_resolution_interval(&mut self, now: Instant, interval: Option<Duration>) {
        self.config.resolution_interval = interval;
        self.arm_resolve(now);
    }

    /// Ends the session without telling the server, because the shell cannot continue: all requests fail.
    pub fn abort(&mut self) {
        if self.link != Link::Closed {
            if !self.is_closing() {
                self.fail_credentials(Code::SystemError);
                self.fail_pending(Code::SystemError);
                self.outputs.push_back(Output::Last);
            }
            self.finish_close();
        }
    }

    /// The counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The policy's levels, for monitoring.
    pub fn level(&self) -> backoff::Level {
        self.backoff.level()
    }

    /// The reasons of the policy's latest pause, for monitoring.
    pub fn decision(&self) -> backoff::Decision {
        self.backoff.decision()
    }

    /// When the next attempt may start.
    pub fn not_before(&self) -> Instant {
        self.plan.not_before
    }

    /// Requests without an answer.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// Whether requests are in flight, and the time of submission is used only for statistics because no time limit
    /// counts from it.
    pub fn is_streaming(&self) -> bool {
        self.is_established() && !self.pending.is_empty() && self.request_timeout.is_none()
    }

    /// Whether the server has no reason to send anything: no answer is due and no watch is armed.
    pub fn expects_nothing(&self) -> bool {
        self.pending.is_empty() && self.watches.is_empty() && self.credentials.is_answered()
    }

    /// Watches armed.
    pub fn watch_count(&self) -> usize {
        self.watches.len()
    }
}
