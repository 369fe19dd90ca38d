//! Plays a plan and checks every step of it.
use crate::check::{absent, early, spurious};
use crate::model::{Meaning, Model, Verdict};
use crate::plan::{Ask, Plan, Setup, Step, Then};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use zk_core::backoff;
use zk_core::servers::{HostPort, Hosts};
use zk_core::session::{ClientId, Config, Input, Session, State};
use zk_sim::fault::Fault;
use zk_sim::server::Options;
use zk_sim::world::{ClientNo, Heard, Weather, World};

pub(crate) struct One {
    /// Its number in the world.
    pub(crate) number: ClientNo,
    pub(crate) setup: Setup,
    pub(crate) model: Model,
    pub(crate) heard: usize,
    /// The end of its pause as of the last step.
    pub(crate) not_before: Duration,
    pub(crate) thens: BTreeMap<u64, Then>,
    pub(crate) frozen_until: Duration,
    pub(crate) list_changed: bool,
    /// The list that the application set last, with numeric addresses: no answer of the name service may replace it.
    pub(crate) list: Option<Vec<SocketAddr>>,
    /// State and attempts as of the last step.
    pub(crate) before: (State, u64),
    /// The session that takes writes, once there is one.
    pub(crate) session: i64,
    /// What the watcher of the next event does.
    pub(crate) on_event: Option<Then>,
    /// Credentials taken in.
    pub(crate) auths: Vec<Vec<u8>>,
    /// The time limit of requests, when it was set, and the shortest limit so far.
    pub(crate) limit: Option<Duration>,
    pub(crate) limit_since: Duration,
    pub(crate) least_limit: Option<Duration>,
    /// For each attempt, the greatest transaction that the client had seen by then.
    pub(crate) floors: Vec<i64>,
}

pub struct Run {
    pub(crate) world: World,
    pub(crate) ones: Vec<One>,
    /// Index of the handle at each position of the plan.
    pub(crate) places: Vec<usize>,
    pub(crate) tag: u64,
    pub(crate) members: usize,
    /// Whether a fault has corrupted the bytes of a frame.
    pub(crate) spoiled: bool,
    /// Whether a server has sent something that real servers do not send.
    pub(crate) lied: bool,
    pub(crate) names_changed: bool,
}

/// Plays the whole plan; the error describes the violation.
pub fn play(plan: &Plan) -> Verdict {
    let mut run = Run::new(plan);
    for step in &plan.steps {
        run.perform(step)?;
        run.check()?;
    }
    run.heal()?;
    run.finish()
}

fn lies(fault: Fault) -> bool {
    !matches!(fault, Fault::Cut(_) | Fault::Delay(_) | Fault::Slow(..))
}

fn spoils(fault: Fault) -> bool {
    matches!(fault, Fault::Length(_) | Fault::Garbage(_) | Fault::Truncate(_))
}

pub(crate) fn server_path(chroot: bool, path: &str) -> String {
    match (chroot, path) {
        (false, path) => path.to_owned(),
        (true, "/") => "/c".to_owned(),
        (true, path) => format!("/c{path}"),
    }
}

impl Run {
    pub(crate) fn new(plan: &Plan) -> Run {
        let one_lasting_watch = plan.seed.is_multiple_of(2);
        let members = plan.members;
        let options = Options { members, read_only: true, seed: plan.seed, one_lasting_watch, ..Options::default() };
        let world = World::new(plan.seed, options);
        let mut run = Run {
            world,
            ones: Vec::new(),
            places: Vec::new(),
            tag: 0,
            members: plan.members,
            spoiled: false,
            lied: false,
            names_changed: false,
        };
        run.world.names.answer = Some(run.addresses());
        for (place, setup) in plan.clients.iter().enumerate() {
            run.places.push(place);
            run.open(setup.clone(), ClientId::default(), None, plan.seed ^ place as u64);
        }
        run
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        (0..self.members).map(World::address).collect()
    }

    pub(crate) fn open(
        &mut self,
        setup: Setup,
        client_id: ClientId,
        memory: Option<backoff::Memory>,
        seed: u64,
    ) -> usize {
        let config = Config {
            timeout: setup.timeout,
            client_id,
            read_only: setup.read_only,
            chroot: if setup.chroot { b"/c".to_vec() } else { Vec::new() },
            hosts: hosts(if setup.names { "name" } else { "10.0.0.1" }),
            resolution_interval: setup.names.then_some(Duration::from_secs(5)),
            shuffle: setup.shuffle,
            memory,
            first_xid: i32::MAX - 40,
            seed,
            ..Config::default()
        };
        let addresses = self.addresses();
        let given = client_id.id;
        let number = self.world.connect(config, &addresses);
        let not_before = self.pause_end(number);
        self.ones.push(One {
            number,
            list: None,
            list_changed: setup.names && self.names_changed,
            setup,
            model: Model::new(given != 0),
            heard: 0,
            not_before,
            thens: BTreeMap::new(),
            frozen_until: Duration::ZERO,
            before: (State::NotConnected, 0),
            session: given,
            on_event: None,
            auths: Vec::new(),
            limit: None,
            limit_since: Duration::ZERO,
            least_limit: None,
            floors: Vec::new(),
        });
        self.ones.len() - 1
    }

    pub(crate) fn pause_end(&self, number: ClientNo) -> Duration {
        self.world.time_of(self.world.client(number).session.not_before())
    }

    pub(crate) fn perform(&mut self, step: &Step) -> Verdict {
        let number = |run: &Run, client: &usize| run.ones[run.places[*client]].number;
        match step {
            Step::Wait { millis } => return self.wait(Duration::from_millis(*millis)),
            Step::Submit { client, ask, then } => {
                let one = self.places[*client];
                return self.submit(one, ask, then.clone());
            }
            Step::Burst { client, asks } => {
                let one = self.places[*client];
                for ask in asks {
                    self.submit(one, ask, Then::Nothing)?;
                }
            }
            Step::Call { client, ask } => {
                let one = self.places[*client];
                self.submit(one, ask, Then::Nothing)?;
                let (tag, end) = (self.tag, self.world.now() + Duration::from_secs(30));
                while self.ones[one].model.waiting.contains_key(&tag) && self.world.step(end) {
                    self.check()?;
                }
            }
            Step::OnEvent { client, then } => self.ones[self.places[*client]].on_event = Some(then.clone()),
            Step::Auth { client, good } => return self.auth(self.places[*client], *good),
            Step::SetServers { client, members } => {
                let addresses: Vec<_> = members.iter().map(|member| World::address(*member)).collect();
                let number = number(self, client);
                let one = &mut self.ones[self.places[*client]];
                one.list_changed = true;
                one.list = Some(addresses.clone());
                self.world.feed(number, Input::SetServers { hosts: hosts("10.0.0.2"), addresses });
            }
            Step::Cycle { client } => {
                let number = number(self, client);
                self.application(self.places[*client], |world| {
                    world.with(number, Session::cycle_server);
                })?;
            }
            Step::Limit { client, millis } => {
                // The session raises shorter limits to 5 ms.
                let limit = millis.map(|millis| Duration::from_millis(millis.max(5)));
                let (number, now) = (number(self, client), self.world.now());
                self.world.with(number, |session, _| session.set_request_timeout(millis.map(Duration::from_millis)));
                let one = &mut self.ones[self.places[*client]];
                (one.limit, one.limit_since) = (limit, now);
                one.least_limit = limit.into_iter().chain(one.least_limit).min();
            }
            Step::Close { client } => self.close(self.places[*client]),
            Step::Reopen { client } => {
                let one = self.places[*client];
                let state = self.world.client(self.ones[one].number).state();
                if matches!(state, State::Closed | State::Expired | State::AuthFailed) {
                    self.close(one);
                    self.check()?;
                    let memory = self.world.client(self.ones[one].number).memory;
                    let setup = self.ones[one].setup.clone();
                    self.tag += 1;
                    self.places[*client] = self.open(setup, ClientId::default(), memory, self.tag);
                }
            }
            Step::Steal { client } => {
                let one = self.places[*client];
                let id = self.world.client(self.ones[one].number).session.client_id();
                if id.id != 0 && !self.ones[one].setup.read_only {
                    let setup = self.ones[one].setup.clone();
                    self.tag += 1;
                    self.places[*client] = self.open(setup, id, None, self.tag);
                    self.wait(Duration::from_millis(20))?;
                    self.close(one);
                }
            }
            Step::Mode { member, mode } if *member < self.members => {
                self.world.servers(|servers, now| servers.set_mode(*member, *mode, now));
            }
            Step::Mode { .. } => {}
            Step::Greeting { member, greeting } => {
                self.world.servers(|servers, _| servers.set_greeting(*member, *greeting));
            }
            Step::Route { member, route } => self.world.set_route(World::address(*member), *route),
            Step::Faults { member, fault } => {
                self.spoiled |= fault.is_some_and(spoils);
                self.lied |= fault.is_some_and(lies);
                self.world.servers(|servers, _| servers.set_faults(*member, fault.iter().copied().collect()));
            }
            Step::Inject { client, fault } => {
                self.spoiled |= spoils(*fault);
                self.lied |= lies(*fault);
                if let Some(end) = self.world.server_end(number(self, client)) {
                    self.world.servers(|servers, _| servers.inject(end, *fault));
                }
            }
            Step::Cut { client } => self.world.cut(number(self, client)),
            Step::CutAfter { client, to_client, bytes } => {
                self.world.cut_after(number(self, client), *to_client, *bytes);
            }
            Step::Expire { client } => {
                let id = self.world.client(number(self, client)).session.client_id().id;
                self.world.servers(|servers, _| servers.expire(id));
            }
            Step::Freeze { client, millis } => {
                let time = Duration::from_millis(*millis);
                let until = self.world.now() + time;
                let one = &mut self.ones[self.places[*client]];
                one.frozen_until = one.frozen_until.max(until);
                self.world.freeze(one.number, time);
            }
            Step::Names { members } => {
                let addresses = |members: &Vec<usize>| members.iter().map(|member| World::address(*member)).collect();
                self.world.names.answer = members.as_ref().map(addresses);
                self.names_changed = true;
                for one in &mut self.ones {
                    one.list_changed |= one.setup.names;
                }
            }
            Step::Lag { member, lags: true } => self.world.servers(|servers, _| servers.set_lagging(*member)),
            Step::Lag { member, lags: false } => self.world.servers(|servers, _| servers.catch_up(*member)),
            Step::WriteAndMove { client, path } => {
                let one = self.places[*client];
                let number = self.ones[one].number;
                let here = self.world.client(number).session.server();
                for member in (0..self.members).filter(|member| Some(World::address(*member)) != here) {
                    self.world.servers(|servers, _| servers.set_lagging(member));
                }
                self.submit(one, &Ask::Set { path: *path }, Then::Nothing)?;
                self.wait(Duration::from_millis(20))?;
                self.world.cut(number);
                let end = self.world.now() + Duration::from_secs(5);
                self.wait(Duration::from_millis(20))?;
                while !self.world.client(number).session.is_established() && self.world.step(end) {
                    self.check()?;
                }
                self.submit(one, &Ask::Get { path: *path, watcher: None }, Then::Nothing)?;
                self.wait(Duration::from_millis(50))?;
            }
            Step::Weather { slow, pieces, window } => {
                let latency = if *slow { (1, 800) } else { (0, 2) };
                self.world.weather = Weather {
                    latency: (Duration::from_millis(latency.0), Duration::from_millis(latency.1)),
                    pieces: if *pieces { 0.5 } else { 0.0 },
                    window: *window,
                };
            }
        }
        Ok(())
    }

    pub(crate) fn wait(&mut self, time: Duration) -> Verdict {
        let end = self.world.now() + time;
        while self.world.step(end) {
            self.check()?;
        }
        self.world.run_for(end.saturating_sub(self.world.now()));
        Ok(())
    }

    pub(crate) fn close(&mut self, one: usize) {
        self.world.feed(self.ones[one].number, Input::Close);
    }

    /// Makes a call of the application: whatever the call is, it must not move the end of the pause.
    pub(crate) fn application<R>(&mut self, one: usize, call: impl FnOnce(&mut World) -> R) -> Result<R, String> {
        let number = self.ones[one].number;
        let before = self.pause_end(number);
        let attempts = self.world.client(number).session.stats().attempts;
        let result = call(&mut self.world);
        let after = self.pause_end(number);
        let made = self.world.client(number).session.stats().attempts - attempts;
        if before != after || made != 0 {
            return Err(format!(
                "an application's call moved the end of the pause from {before:?} to {after:?}, or made {made} attempts"
            ));
        }
        Ok(result)
    }

    pub(crate) fn auth(&mut self, one: usize, good: bool) -> Verdict {
        self.tag += 1;
        let (tag, number, now) = (self.tag, self.ones[one].number, self.world.now());
        let scheme: &[u8] = if good { b"digest" } else { b"bogus" };
        let credentials = format!("user{tag}:secret");
        self.ones[one].model.submitted(tag, Meaning::Auth, false, now);
        let accepted = self.application(one, |world| {
            world.with(number, |session, now| session.add_auth(now, scheme, Some(credentials.as_bytes()), Some(tag)))
        })?;
        if accepted.is_ok() {
            self.ones[one].auths.push(credentials.into_bytes());
        }
        self.refused(one, tag, accepted.err())
    }

    /// A request that was not accepted must not be answered, and must have a reason.
    pub(crate) fn refused(&mut self, one: usize, tag: u64, refusal: Option<zk_core::code::Code>) -> Verdict {
        use zk_core::code::Code;
        let Some(code) = refusal else { return Ok(()) };
        self.ones[one].model.waiting.remove(&tag).ok_or_else(|| format!("{tag} was refused and answered"))?;
        let over = self.world.client(self.ones[one].number).session.is_unrecoverable();
        match code {
            Code::InvalidState if over => Ok(()),
            Code::NoWatcher if !over => Ok(()),
            other => Err(format!("{tag} was refused with {other:?}, over: {over}")),
        }
    }

    /// Processes the new records of the clients, runs callbacks, and checks the invariants that hold at every moment.
    pub(crate) fn check(&mut self) -> Verdict {
        for one in 0..self.ones.len() {
            self.listen(one)?;
            self.moment(one).map_err(|what| format!("client {one}: {what}"))?;
        }
        Ok(())
    }

    pub(crate) fn listen(&mut self, at: usize) -> Verdict {
        loop {
            let one = &mut self.ones[at];
            let Some(record) = self.world.client(one.number).record.get(one.heard).cloned() else { return Ok(()) };
            one.heard += 1;
            if let Heard::Attempt(address) = record.what
                && record.at < one.not_before
            {
                return Err(format!(
                    "client {at}: attempt at {address} at {:?} before {:?}",
                    record.at, one.not_before
                ));
            }
            // Once in a million histories corrupted bytes happen to look like the answer to the request in flight, with
            // any transaction and any data; watches are then also re-armed as of that transaction.
            one.model.spoiled = self.spoiled;
            if !self.spoiled {
                spurious(&self.world, one, &record)?;
            }
            absent(&self.world, one, &record)?;
            early(one, &record).map_err(|what| format!("client {at}: {what}"))?;
            self.honest(at, &record)?;
            let one = &mut self.ones[at];
            if let Heard::Attempt(_) = record.what {
                one.floors.push(one.model.greatest);
            }
            if record.what == Heard::State(State::Expired) {
                let session = self.world.client(one.number).session.client_id().id;
                if self.world.ensemble.sessions().get(session).is_some() {
                    return Err(format!("client {at}: session {session:x} is alive and taken for expired"));
                }
            }
            one.model.hear(&record).map_err(|what| format!("client {at} at {:?}: {what}", record.at))?;
            let then = match record.what {
                Heard::Delivered(tag, _) => one.thens.remove(&tag),
                Heard::Notified(_) => one.on_event.take(),
                _ => None,
            };
            match then {
                Some(Then::Ask(ask)) => self.submit(at, &ask, Then::Nothing)?,
                Some(Then::Close) => self.close(at),
                Some(Then::Nothing) | None => {}
            }
        }
    }
}

fn hosts(host: &str) -> Hosts {
    Hosts::new(host, vec![HostPort { host: host.into(), port: 2181 }])
}
