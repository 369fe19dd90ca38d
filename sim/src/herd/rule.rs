//! The rule for a simulated client's next attempt: our policy (the real code of core), or a model of another client's.
//! Knows addresses only by their index.
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use zk_core::backoff::{Backoff, Config, Event, History, Plan, Standing};
use zk_core::servers::{HostPort, InUse, ServerList};

/// A reconnect policy under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// `zk_core::backoff` and `zk_core::servers` with these knobs.
    Ours(Config),
    /// The C client since 3.5: two steps in the list per failure; T/60 after a pass, but never on an even list.
    C35,
    /// The C client of 3.3 and 3.4: one step per failure; T/3 after a pass.
    C33,
    /// The Java client: up to a second before every reconnect, one more after a pass, and a limit of T/n for an
    /// attempt.
    Java,
}

impl Policy {
    /// The name in tables.
    pub fn name(&self) -> &'static str {
        match self {
            Policy::Ours(config) if *config == Config::default() => "ours",
            Policy::Ours(config) => match (config.rst, config.memory, config.rank, config.fleet) {
                (false, ..) => "ours without RST",
                (_, false, ..) => "ours without memory",
                (_, _, false, None) => "ours without ranks",
                (.., Some(_)) => "ours, fleet known",
                _ => "ours, other knobs",
            },
            Policy::C35 => "C 3.5+",
            Policy::C33 => "C 3.3",
            Policy::Java => "Java",
        }
    }
}

/// The policy's state in one client.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    Ours(Box<Ours>),
    Rival(Rival),
}

#[derive(Clone, Debug)]
pub(super) struct Ours {
    backoff: Backoff,
    list: ServerList,
}

/// The name under which a process remembers the ensemble.
fn ensemble() -> Vec<HostPort> {
    vec![HostPort { host: "ensemble".to_owned(), port: 2181 }]
}

/// The address for an index.
fn address(index: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, index], 2181))
}

fn index(address: SocketAddr) -> u8 {
    match address {
        SocketAddr::V4(address) => address.ip().octets()[3],
        SocketAddr::V6(_) => 0,
    }
}

impl Rule {
    /// The rule of a new handle, in a process with this memory.
    pub(super) fn new(
        policy: &Policy,
        history: &mut History,
        addresses: u8,
        timeout: Duration,
        now: Instant,
        rng: &mut SmallRng,
    ) -> Rule {
        match policy {
            Policy::Ours(config) => {
                let remembered = config.memory && !history.is_empty();
                let memory = if remembered { history.get(&ensemble(), now) } else { None };
                let mut list = ServerList::new();
                let all: Vec<_> = (0..addresses).map(address).collect();
                list.replace(&all, InUse::Nothing, rng, true);
                Rule::Ours(Box::new(Ours { backoff: Backoff::new(config, timeout, memory), list }))
            }
            _ => Rule::Rival(Rival::new(policy, addresses, timeout, rng)),
        }
    }

    /// Stores the handle's knowledge in the memory of its process: all of it if its session is over, else only the
    /// pace.
    pub(super) fn remember(&self, is_over: bool, history: &mut History, now: Instant) {
        if let Rule::Ours(ours) = self {
            let memory = if is_over { ours.backoff.legacy(now) } else { ours.backoff.memory(now) };
            if !(memory.is_clean() && history.is_empty()) {
                history.put(&ensemble(), memory);
            }
        }
    }

    /// Called when the server has created a session with this id.
    pub(super) fn created(&mut self, id: i64) {
        if let Rule::Ours(ours) = self {
            ours.backoff.session_created(id);
        }
    }

    /// Sets the standing of a session that is older than the run.
    pub(super) fn set_standing(&mut self, standing: Option<Standing>) {
        if let Rule::Ours(ours) = self {
            ours.backoff.set_standing(standing);
        }
    }

    /// Called for a reply in this epoch.
    pub(super) fn saw_epoch(&mut self, epoch: u32) {
        if let Rule::Ours(ours) = self {
            ours.backoff.saw_zxid(i64::from(epoch) << 32 | 1);
        }
    }

    /// Starts a client that is connected from the beginning, at the first address of its list.
    pub(super) fn start_connected(&mut self, now: Instant, rng: &mut SmallRng) -> (u8, Plan) {
        let first = self.next(now);
        self.on(Event::Init, now, rng);
        (first, self.on(Event::Established, now, rng))
    }

    pub(super) fn on(&mut self, event: Event, now: Instant, rng: &mut SmallRng) -> Plan {
        match self {
            Rule::Ours(ours) => {
                // Nothing moves the cursor here, so it stands at the address in use.
                let current = ours.list.current();
                let event = match event {
                    Event::Lost { read_timeout, established, last_received, .. } => {
                        Event::Lost { read_timeout, established, last_received, server: current }
                    }
                    other => other,
                };
                let plan = ours.backoff.on(event, ours.list.len(), now, rng);
                match (current, ours.backoff.avoid_for()) {
                    (Some(current), Some(time)) => ours.list.avoid(current, now + time),
                    (Some(current), None) if event == Event::Established => ours.list.confirm(current),
                    _ => {}
                }
                plan
            }
            Rule::Rival(rival) => rival.on(event, now, rng),
        }
    }

    /// Moves to the address of the next attempt.
    pub(super) fn next(&mut self, now: Instant) -> u8 {
        match self {
            Rule::Ours(ours) => ours.list.advance(now).map_or(0, index),
            Rule::Rival(rival) => rival.next(),
        }
    }

    /// How long an established session of this age waits for a byte.
    pub(super) fn read_timeout(&self, uptime: Duration) -> Duration {
        match self {
            Rule::Ours(ours) => ours.backoff.read_timeout(uptime),
            Rule::Rival(rival) => rival.timeout * 2 / 3,
        }
    }

    /// Whether a ping is sent as soon as the session is established.
    pub(super) fn ping_at_once(&self) -> bool {
        matches!(self, Rule::Ours(ours) if ours.backoff.ping_at_once())
    }

    pub(super) fn rst(&self) -> bool {
        matches!(self, Rule::Ours(ours) if ours.backoff.rst())
    }
}

/// A model of another client's policy.
#[derive(Clone, Debug)]
pub(super) struct Rival {
    policy: Policy,
    order: Vec<u8>,
    /// The index of the next attempt's address in the order.
    cursor: usize,
    tried: usize,
    timeout: Duration,
}

impl Rival {
    fn new(policy: &Policy, addresses: u8, timeout: Duration, rng: &mut SmallRng) -> Rival {
        let mut order: Vec<u8> = (0..addresses).collect();
        order.shuffle(rng);
        Rival { policy: policy.clone(), order, cursor: 0, tried: 0, timeout }
    }

    fn next(&mut self) -> u8 {
        self.order[self.cursor]
    }

    fn step(&mut self) {
        let stride = if self.policy == Policy::C35 { 2 } else { 1 };
        self.cursor = (self.cursor + stride) % self.order.len();
    }

    fn on(&mut self, event: Event, now: Instant, rng: &mut impl Rng) -> Plan {
        let mut pause = Duration::ZERO;
        match event {
            Event::Failed(_) | Event::Lost { .. } => {
                self.step();
                if matches!(event, Event::Failed(_)) {
                    self.tried += 1;
                }
                let pass_ended = self.tried >= self.order.len();
                if pass_ended {
                    self.tried = 0;
                }
                pause = self.pause(pass_ended, rng);
            }
            Event::Established => self.tried = 0,
            _ => {}
        }
        let limit = match self.policy {
            Policy::Java => self.timeout / u32::try_from(self.order.len()).unwrap_or(1),
            _ => self.timeout * 2 / 3,
        };
        Plan { not_before: now + pause, connect_timeout: limit, attempt_timeout: limit }
    }

    fn pause(&self, pass_ended: bool, rng: &mut impl Rng) -> Duration {
        let even = self.order.len().is_multiple_of(2);
        match self.policy {
            Policy::C35 if pass_ended && !even => self.timeout / 60,
            Policy::C33 if pass_ended => self.timeout / 3,
            Policy::Java => Duration::from_millis(rng.random_range(0..1000) + if pass_ended { 1000 } else { 0 }),
            _ => Duration::ZERO,
        }
    }
}
