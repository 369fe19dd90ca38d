//! What a run is about: the fleet, the ensemble, the incident. Plain data with defaults; the numbers that are
//! assumptions about a server say where they come from.
use super::rule::Policy;
use std::time::Duration;
use zk_core::backoff::Config;

/// What goes wrong. It begins one session timeout after the start of the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Incident {
    /// No quorum for so long: all connections are closed, connect requests are read and answered by a close. At the
    /// end every session gets a full timeout (the new leader's tracker starts afresh).
    Election(Duration),
    /// All servers stop (as by SIGSTOP, or a long garbage collection) and run on: sessions that should have expired
    /// meanwhile expire at once.
    Freeze(Duration),
    /// All servers are down and refuse for so long; then as after an election.
    Outage(Duration),
    /// All are down; at the end the first comes back stopped, for good, and the others are well.
    HalfDead(Duration),
    /// The first server stops for so long, the others are well.
    FreezeOne(Duration),
    /// All stop; at the end the first stays so for good.
    FreezePart(Duration),
    /// The first server's process dies for good.
    Kill,
    /// The first server's host vanishes for good, without a word.
    Vanish,
    /// The clients start, within a second, and the first server's host has vanished.
    Start,
}

/// What the low sixteen bits of session ids say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ids {
    /// ZooKeeper's: a count from 0 in each server life.
    #[default]
    ZooKeeper,
    /// ZooKeeper's layout, but all of rank 0: a signal that lies.
    Equal,
    /// ZooKeeper's layout with random low bits.
    Random,
    /// A counter from 1 for the whole ensemble, as of servers that are not Apache's.
    Counter,
}

/// A run, all but its seed.
#[allow(clippy::struct_excessive_bools)] // independent assumptions, each of them on or off
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What goes wrong.
    pub incident: Incident,
    /// Clients, spread evenly over the servers.
    pub clients: u32,
    /// Servers of the ensemble.
    pub servers: u8,
    /// Addresses by which a client knows each server.
    pub addresses_each: u8,
    /// The session timeout.
    pub timeout: Duration,
    /// L: the least time in which the ensemble can take all clients back.
    pub load: Duration,
    /// The policies, dealt out to the clients in turn: repeat one to give it a larger share.
    pub policies: Vec<Policy>,
    /// Connect requests that a server has read before it works on them, so that a reset comes too late for them.
    /// 0: all waiting is in the kernel, the best case for RST. `usize::MAX`: RST spares nothing.
    pub read_ahead: usize,
    /// One pipeline for all servers (session renewal as the leader's work) instead of one each.
    pub leader_bound: bool,
    /// Connects per second and server that are let through, if throttled; the others are closed.
    pub throttle: Option<f64>,
    /// Time that the accept thread needs for one connection; by default 50 µs, or a tenth of a handshake if less.
    pub accept_time: Option<Duration>,
    /// After the incident each server stops now and then, as by a full garbage collection: mean time between two stops
    /// (exponentially distributed), and how long one lasts.
    pub stalls: Option<(Duration, Duration)>,
    /// Accept queue length (the JDK's default is 50).
    pub backlog: usize,
    /// Descriptors per server, as a multiple of its share of the clients.
    pub descriptors: f64,
    /// Pings overtake connect requests instead of standing in line with them.
    pub pings_first: bool,
    /// A client with a new connection asks something at once (re-arms its watches, reads), instead of being silent
    /// until the first ping is due. Costs as much as a ping.
    pub greeting: bool,
    /// Cost of a ping, in handshakes.
    pub ping_cost: f64,
    /// Cost of closing an expired session, in handshakes (it is a transaction without network).
    pub expiry_cost: f64,
    /// Cost of creating a session instead of renewing one, in handshakes.
    pub creation_cost: f64,
    /// The servers' session ids.
    pub ids: Ids,
    /// In how many lives of each server the fleet's sessions were created.
    pub lives: u32,
    /// Share of those lives that ended with a change of the epoch.
    pub epochs: f64,
    /// Handles per process; they share what is remembered of the servers.
    pub handles: u32,
    /// Time of the accept thread that each connection costs before its connect request is read, as by a TLS handshake.
    pub tls_time: Duration,
    /// Whether to keep a timeline.
    pub timeline: bool,
    /// The run ends so long after the incident, recovered or not.
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

    /// The same with this policy for all clients.
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
