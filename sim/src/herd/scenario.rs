//! The setting of a run: the fleet, the ensemble, the incident. Plain data with defaults; for numbers that are
//! assumptions about a server the source is given.
use super::rule::Policy;
use std::time::Duration;
use zk_core::backoff::Config;

/// The incident. It begins one session timeout after the start of the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Incident {
    /// No quorum for this time: all connections are closed, connect requests are read and answered by a close. At the
    /// end every session gets a full timeout (the new leader's tracker starts afresh).
    Election(Duration),
    /// All servers stop (as by SIGSTOP, or a long garbage collection) for this time and continue: sessions that should
    /// have expired during the stop then expire at once.
    Freeze(Duration),
    /// All servers are down and refuse connections for this time; then as after an election.
    Outage(Duration),
    /// All servers are down for this time; then the first comes back stopped for good, and the others work.
    HalfDead(Duration),
    /// The first server stops for this time; the others work.
    FreezeOne(Duration),
    /// All servers stop for this time; the first stays stopped for good.
    FreezePart(Duration),
    /// The first server's process dies for good.
    Kill,
    /// The first server's host vanishes for good, without closing connections.
    Vanish,
    /// The clients start within one second, while the first server's host has vanished.
    Start,
}

/// The low sixteen bits of the session ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ids {
    /// ZooKeeper's: a count from 0 in each server life.
    #[default]
    ZooKeeper,
    /// ZooKeeper's layout, but every rank is 0: a false signal.
    Equal,
    /// ZooKeeper's layout with random low bits.
    Random,
    /// A counter from 1 for the whole ensemble, as with servers that are not Apache's.
    Counter,
}

/// A run, except for its seed.
#[allow(clippy::struct_excessive_bools)] // independent assumptions, each of them on or off
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What goes wrong.
    pub incident: Incident,
    /// Number of clients, spread evenly over the servers.
    pub clients: u32,
    /// Number of servers in the ensemble.
    pub servers: u8,
    /// Number of addresses by which a client knows each server.
    pub addresses_each: u8,
    /// The session timeout.
    pub timeout: Duration,
    /// L: the shortest time in which the ensemble can accept all clients again.
    pub load: Duration,
    /// The policies, assigned to the clients in turn: repeat one to give it a larger share.
    pub policies: Vec<Policy>,
    /// How many connect requests a server reads ahead of processing them, which makes a reset too late. 0: requests
    /// wait in the kernel only, the best case for RST. `usize::MAX`: RST saves nothing.
    pub read_ahead: usize,
    /// Whether there is one pipeline for all servers (the leader renews all sessions) instead of one each.
    pub leader_bound: bool,
    /// Limit of connects per second and server that a throttle lets through; further ones are closed. `None`: no
    /// throttle.
    pub throttle: Option<f64>,
    /// Time that the accept thread needs for one connection; by default 50 µs, or a tenth of a handshake if less.
    pub accept_time: Option<Duration>,
    /// After the incident each server stops from time to time, as in a full garbage collection: the mean time between
    /// two stops (exponentially distributed), and the length of a stop.
    pub stalls: Option<(Duration, Duration)>,
    /// Accept queue length (the JDK's default is 50).
    pub backlog: usize,
    /// Descriptors per server, as a multiple of its share of the clients.
    pub descriptors: f64,
    /// Whether pings overtake connect requests instead of waiting in line with them.
    pub pings_first: bool,
    /// Whether a client sends a request right after connecting (re-arms its watches, reads), instead of being silent
    /// until the first ping is due. The request costs as much as a ping.
    pub greeting: bool,
    /// Cost of a ping, in handshakes.
    pub ping_cost: f64,
    /// Cost of closing an expired session, in handshakes (a transaction without network traffic).
    pub expiry_cost: f64,
    /// Cost of creating a session instead of renewing one, in handshakes.
    pub creation_cost: f64,
    /// The servers' session ids.
    pub ids: Ids,
    /// The number of lives of each server in which the fleet's sessions were created.
    pub lives: u32,
    /// The share of those lives that ended with a change of the epoch.
    pub epochs: f64,
    /// Handles per process; they share the memory about the servers.
    pub handles: u32,
    /// Time that the accept thread needs per connection before the connect request is read, as for a TLS handshake.
    pub tls_time: Duration,
    /// Whether to record a timeline.
    pub timeline: bool,
    /// How long the run continues after the incident, recovered or not.
    pub horizon: Duration,
}

impl Scenario {
    /// 5,000 clients of our policy with 10 s sessions on three servers that need `load` for all of them.
    pub fn new(incident: Incident, load: Duration) -> Scenario {
        Scenario {
            incident,
            clients: 5000,
            servers: 3,
            addresses_each: 1,
            timeout: Duration::from_secs(10),
            load,
            policies: vec![Policy::Ours(Config::default())],
            read_ahead: 0,
            leader_bound: false,
            throttle: None,
            accept_time: None,
            stalls: None,
            backlog: 50,
            descriptors: 4.0,
            pings_first: false,
            greeting: true,
            ping_cost: 0.01,
            expiry_cost: 0.0,
            creation_cost: 1.0,
            ids: Ids::ZooKeeper,
            lives: 1,
            epochs: 1.0,
            handles: 1,
            tls_time: Duration::ZERO,
            timeline: false,
            horizon: Duration::from_secs(600),
        }
    }

    /// The same scenario with this policy for all clients.
    #[must_use]
    pub fn with(&self, policy: Policy) -> Scenario {
        Scenario { policies: vec![policy], ..self.clone() }
    }

    /// The policies without repetitions, in the order of their first occurrence. Results are grouped by them.
    pub fn distinct(&self) -> Vec<&Policy> {
        let mut distinct: Vec<&Policy> = Vec::new();
        for policy in &self.policies {
            if !distinct.contains(&policy) {
                distinct.push(policy);
            }
        }
        distinct
    }

    /// How long the incident lasts.
    pub fn duration(&self) -> Duration {
        match self.incident {
            Incident::Election(time)
            | Incident::Freeze(time)
            | Incident::Outage(time)
            | Incident::HalfDead(time)
            | Incident::FreezeOne(time)
            | Incident::FreezePart(time) => time,
            Incident::Kill | Incident::Vanish | Incident::Start => Duration::ZERO,
        }
    }
}
