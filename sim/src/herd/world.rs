//! The virtual world: it moves clients and servers through one run of a scenario. Randomness comes only from the seed,
//! time only from the event queue.
mod clients;
mod incident;
mod servers;

use super::client::{Client, Phase};
use super::outcome::{Group, Moment, Outcome, SHARES};
use super::queue::Queue;
use super::rule::{Policy, Rule};
use super::scenario::{Ids, Incident, Scenario};
use super::server::{Bucket, Pipeline, Server, State, Work};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::time::{Duration, Instant};
use zk_core::backoff::{Event, History, Standing};

const SECOND: u64 = 1_000_000_000;
/// A round trip in the data centre.
const ROUND_TRIP: u64 = 300_000;
/// The interval at which the session tracker looks for expired sessions.
const TRACKER: u64 = SECOND / 2;
/// The interval of the timeline's samples.
const SAMPLE: u64 = SECOND / 10;

/// The ensemble's first epoch.
const FIRST_EPOCH: u32 = 1000;
/// The time on the clocks of the servers when they started, in milliseconds.
const SERVER_CLOCK: i64 = 1 << 36;

/// In place of a session's expiry: there is no session, and the client asks for a new one.
const NONE: u64 = 0;
/// In place of a session's expiry: the session has expired, and its client does not know yet.
const GONE: u64 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Begin,
    End,
    Tracker,
    Sample,
    Stall(u8),
    Thaw(u8),
    Accept(u8),
    Worked(u8),
    Timer { client: u32, number: u32 },
}

struct World<'a> {
    scenario: &'a Scenario,
    now: u64,
    epoch: Instant,
    rng: SmallRng,
    queue: Queue<Happening>,
    /// The distinct policies, which clients and groups refer to by index.
    policies: Vec<&'a Policy>,
    clients: Vec<Client>,
    /// When each session expires, or [`NONE`], or [`GONE`].
    sessions: Vec<u64>,
    servers: Vec<Server>,
    /// The memory of each process about the ensemble.
    histories: Vec<History>,
    /// The ensemble's epoch.
    zxid_epoch: u32,
    /// Number of sessions created by the whole ensemble.
    created: u32,
    pipelines: Vec<Pipeline>,
    begin: u64,
    end: u64,
    /// Whether sessions expire; suspended during parts of an incident.
    tracking: bool,
    connected: u32,
    handshakes: u64,
    wasted: u64,
    groups: Vec<Presence>,
    outcome: Outcome,
}

/// How many clients of a policy are connected, and the integral of that over time since the incident's end.
#[derive(Clone, Copy, Debug, Default)]
struct Presence {
    clients: u32,
    connected: u32,
    since: u64,
    sum: f64,
}

/// Runs a scenario once.
pub fn run(scenario: &Scenario, seed: u64) -> Outcome {
    let mut world = World::new(scenario, seed);
    while let Some((at, happening)) = world.queue.pop() {
        world.now = at;
        if world.is_over() {
            break;
        }
        world.happen(happening);
    }
    world.finish()
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, seed: u64) -> World<'a> {
        let begin = nanos(scenario.timeout);
        let bucket = scenario.throttle.map(Bucket::new);
        let servers = (0..scenario.servers).map(|_| Server::new(bucket)).collect();
        let pipelines = if scenario.leader_bound { 1 } else { scenario.servers };
        let mut world = World {
            scenario,
            now: 0,
            epoch: Instant::now(),
            rng: SmallRng::seed_from_u64(seed),
            queue: Queue::new(),
            policies: scenario.distinct(),
            clients: Vec::with_capacity(scenario.clients as usize),
            sessions: vec![begin; scenario.clients as usize],
            servers,
            histories: (0..scenario.clients.div_ceil(scenario.handles.max(1))).map(|_| History::new()).collect(),
            zxid_epoch: FIRST_EPOCH,
            created: 0,
            pipelines: (0..pipelines).map(|_| Pipeline::default()).collect(),
            begin,
            end: begin + nanos(scenario.duration()),
            tracking: true,
            connected: 0,
            handshakes: 0,
            wasted: 0,
            groups: vec![Presence::default(); scenario.distinct().len()],
            outcome: Outcome {
                clients: scenario.clients,
                groups: vec![Group::default(); scenario.distinct().len()],
                ..Outcome::default()
            },
        };
        world.populate();
        world.queue.push(world.begin, Happening::Begin);
        world.queue.push(world.end, Happening::End);
        world.queue.push(TRACKER, Happening::Tracker);
        if scenario.timeline {
            world.queue.push(0, Happening::Sample);
        }
        world
    }

    fn populate(&mut self) {
        let index = |policy| self.policies.iter().position(|other| *other == policy).unwrap_or(0);
        let dealt: Vec<usize> = self.scenario.policies.iter().map(index).collect();
        for client in 0..self.scenario.clients {
            let policy = dealt[client as usize % dealt.len()];
            self.groups[policy].clients += 1;
            let rule = self.new_rule(client, policy);
            if self.scenario.incident == Incident::Start {
                self.add_new(client, rule, policy as u8);
            } else {
                self.add_connected(client, rule, policy as u8);
            }
        }
    }

    /// Adds a client that has been connected for a long time, at a random point of its ping interval.
    fn add_connected(&mut self, client: u32, mut rule: Rule, policy: u8) {
        let (address, plan) = rule.start_connected(self.epoch, &mut self.rng);
        let server = self.server_of(address);
        let standing = self.standing_of_old_session(server);
        rule.set_standing(standing);
        self.clients.push(Client::new(rule, policy, server, plan));
        self.servers[usize::from(server)].open();
        self.count_in(client);
        let first_ping = self.rng.random_range(1..=nanos(self.scenario.timeout) / 3);
        self.set_timer(client, first_ping);
    }

    /// The standing of a session that this server created before the run, in this life or an earlier one.
    fn standing_of_old_session(&mut self, server: u8) -> Option<Standing> {
        let lives = self.scenario.lives.max(1);
        let count = self.servers[usize::from(server)].created;
        let (ago, rank) = (count % lives, count / lives);
        let id = self.next_id(server, rank);
        let ended = |lives: u32| (f64::from(lives) * self.scenario.epochs).floor() as u32;
        let epochs = ended(ago);
        // After a life that ended without a change of epoch, the client moved to another server once.
        let resumed = u32::from(ago > 0 && ended(ago - 1) == epochs);
        Standing::of_session(id).map(|standing| Standing { epochs, resumed, ..standing })
    }

    /// Counts a session that is created on this server, and returns its id; its rank is `rank` if the servers have
    /// ranks.
    fn next_id(&mut self, server: u8, rank: u32) -> i64 {
        self.servers[usize::from(server)].created += 1;
        self.created += 1;
        let low = match self.scenario.ids {
            Ids::ZooKeeper => rank & 0xffff,
            Ids::Equal => 0,
            Ids::Random => self.rng.random_range(0..=0xffff),
            Ids::Counter => return i64::from(self.created),
        };
        let life = i64::from(self.servers[usize::from(server)].life);
        (i64::from(server) + 1) << 56 | (SERVER_CLOCK + life) << 16 | i64::from(low)
    }

    /// Adds a client that starts within one second after the beginning.
    fn add_new(&mut self, client: u32, mut rule: Rule, policy: u8) {
        let start = self.begin + self.rng.random_range(0..SECOND);
        let plan = rule.on(Event::Init, self.instant(start), &mut self.rng);
        self.sessions[client as usize] = NONE;
        let mut new = Client::new(rule, policy, 0, plan);
        new.phase = Phase::Pausing;
        new.down_since = start;
        self.clients.push(new);
        self.set_timer(client, start);
    }

    fn process_of(&self, client: u32) -> usize {
        (client / self.scenario.handles.max(1)) as usize
    }

    fn new_rule(&mut self, client: u32, policy: usize) -> Rule {
        let process = self.process_of(client);
        let addresses = self.scenario.servers * self.scenario.addresses_each;
        let now = self.instant(self.now);
        let history = &mut self.histories[process];
        Rule::new(self.policies[policy], history, addresses, self.scenario.timeout, now, &mut self.rng)
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Begin => self.begin_incident(),
            Happening::End => self.end_incident(),
            Happening::Tracker => self.track(),
            Happening::Sample => self.sample(),
            Happening::Stall(server) => self.stall(server),
            Happening::Thaw(server) => {
                if self.servers[usize::from(server)].state == State::Frozen {
                    self.thaw(server);
                }
            }
            Happening::Accept(server) => self.accept(server),
            Happening::Worked(pipeline) => self.worked(pipeline),
            Happening::Timer { client, number } => {
                if self.clients[client as usize].timer == number {
                    self.timer(client);
                }
            }
        }
    }

    fn is_over(&self) -> bool {
        let settled = self.outcome.back[3]
            .is_some_and(|time| self.now >= self.end + seconds(time) + nanos(self.scenario.timeout) * 2);
        settled || self.now > self.end + nanos(self.scenario.horizon)
    }

    fn track(&mut self) {
        if self.tracking {
            self.expire();
        }
        self.queue.push(self.now + TRACKER, Happening::Tracker);
    }

    fn expire(&mut self) {
        let now = self.now;
        let mut closed = 0;
        for client in 0..self.sessions.len() {
            if self.sessions[client] <= GONE || self.sessions[client] >= now {
                continue;
            }
            self.sessions[client] = GONE;
            closed += 1;
            if self.clients[client].phase == Phase::Established && self.clients[client].closed_at == u64::MAX {
                self.clients[client].closed_at = now;
                self.set_timer(client as u32, now);
            }
        }
        if self.scenario.expiry_cost > 0.0 {
            for n in 0..closed {
                let server = (n % self.servers.len()) as u8;
                self.submit(server, Work::CloseSession);
            }
        }
    }

    // ---- measuring ----

    fn count_in(&mut self, client: u32) {
        self.connected += 1;
        self.presence_changes(client, true);
    }

    fn count_out(&mut self, client: u32) {
        self.connected -= 1;
        self.presence_changes(client, false);
    }

    fn presence_changes(&mut self, client: u32, up: bool) {
        let (now, end) = (self.now, self.end);
        let group = &mut self.groups[usize::from(self.clients[client as usize].policy)];
        group.settle(now, end);
        group.connected = if up { group.connected + 1 } else { group.connected - 1 };
        self.note_connected();
    }

    fn note_connected(&mut self) {
        if self.now < self.end {
            return;
        }
        let since = (self.now - self.end) as f64 / 1e9;
        let share = f64::from(self.connected) / f64::from(self.scenario.clients);
        for (back, wanted) in self.outcome.back.iter_mut().zip(SHARES) {
            if share < wanted {
                *back = None;
            } else if back.is_none() {
                *back = Some(since);
            }
        }
    }

    fn sample(&mut self) {
        self.outcome.timeline.push(Moment {
            time: self.now as f64 / 1e9 - self.begin as f64 / 1e9,
            connected: self.connected,
            attempts: self.outcome.attempts_during + self.outcome.attempts_after,
        });
        self.queue.push(self.now + SAMPLE, Happening::Sample);
    }

    fn finish(mut self) -> Outcome {
        let share = f64::from(self.scenario.clients) / f64::from(self.scenario.servers);
        let most = self.servers.iter().map(|server| server.most_descriptors).max().unwrap_or(0);
        self.outcome.descriptors = most as f64 / share;
        self.outcome.wasted = self.wasted as f64 / (self.handshakes.max(1)) as f64;
        self.outcome.ran = self.now.saturating_sub(self.end) as f64 / 1e9;
        self.count_sessions_left();
        // A run that has settled ends early: all clients would stay connected up to the horizon.
        let horizon = nanos(self.scenario.horizon);
        for (group, presence) in self.outcome.groups.iter_mut().zip(&mut self.groups) {
            presence.settle(self.end + horizon, self.end);
            group.connected = presence.sum / f64::from(presence.clients) / horizon as f64;
            group.downtimes.sort_by(f64::total_cmp);
        }
        self.outcome
    }

    /// Counts the sessions of clients that are not connected at the end. After a session timeout without a connection a
    /// session counts as abandoned, even if a server still holds it: a request that the client has given up renews it.
    fn count_sessions_left(&mut self) {
        let timeout = nanos(self.scenario.timeout);
        for (client, &expiry) in self.clients.iter().zip(&self.sessions) {
            let group = &mut self.outcome.groups[usize::from(client.policy)];
            let is_away = expiry > GONE && client.phase != Phase::Established;
            if expiry == GONE || is_away && self.now >= client.down_since + timeout {
                group.abandoned += 1;
            } else if is_away {
                group.undecided += 1;
            }
        }
    }

    fn instant(&self, at: u64) -> Instant {
        self.epoch + Duration::from_nanos(at)
    }
}

impl Presence {
    fn settle(&mut self, now: u64, end: u64) {
        if now > end {
            self.sum += f64::from(self.connected) * (now - self.since.max(end)) as f64;
            self.since = now;
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}

fn seconds(time: f64) -> u64 {
    (time * 1e9) as u64
}
