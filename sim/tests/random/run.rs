//! Plays a plan and checks every step of it.
use crate::check::spurious;
use crate::model::{Meaning, Model, Verdict};
use crate::plan::{Plan, Setup, Step, Then};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;
use zk_core::backoff;
use zk_core::session::{ClientId, Config, Input, Session, State};
use zk_sim::fault::Fault;
use zk_sim::server::{Greeting, Mode, Options};
use zk_sim::world::{ClientNo, Heard, Route, Weather, World};

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
}

pub struct Run {
    pub(crate) world: World,
    pub(crate) ones: Vec<One>,
    /// Index of the handle that stands at each place of the plan.
    pub(crate) places: Vec<usize>,
    pub(crate) tag: u64,
    pub(crate) members: usize,
    /// Whether a fault has broken the bytes of a frame.
    pub(crate) spoiled: bool,
}

/// Plays the whole plan; the error says what was violated.
pub fn play(plan: &Plan) -> Verdict {
    let mut run = Run::new(plan);
    for step in &plan.steps {
        run.perform(step)?;
        run.check()?;
    }
    run.heal()?;
    run.finish()
}

/// What each client did and was told, up to the violation if there is one.
pub fn trace(plan: &Plan) -> String {
    let mut run = Run::new(plan);
    let mut text = String::new();
    let mut told: Vec<usize> = Vec::new();
    for step in &plan.steps {
        let _ = writeln!(text, "{:?} {step:?}", run.world.now());
        let result = run.perform(step).and_then(|()| run.check());
        run.tell(&mut told, &mut text);
        if let Err(what) = result {
            let _ = writeln!(text, "VIOLATED: {what}");
            return text;
        }
    }
    let _ = writeln!(text, "{:?} all is well again", run.world.now());
    let result = run.heal().and_then(|()| run.finish());
    run.tell(&mut told, &mut text);
    let _ = writeln!(text, "{result:?}");
    text
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
        let options = Options { members: plan.members, read_only: true, seed: plan.seed, ..Options::default() };
        let world = World::new(plan.seed, options);
        let mut run =
            Run { world, ones: Vec::new(), places: Vec::new(), tag: 0, members: plan.members, spoiled: false };
        run.world.names.answer = Some(run.addresses());
        for (place, setup) in plan.clients.iter().enumerate() {
            run.places.push(place);
            run.open(setup.clone(), ClientId::default(), None, plan.seed ^ place as u64);
        }
        run
    }

    pub(crate) fn tell(&self, told: &mut Vec<usize>, text: &mut String) {
        told.resize(self.ones.len(), 0);
        for (at, one) in self.ones.iter().enumerate() {
            let record = &self.world.client(one.number).record;
            for entry in &record[told[at]..] {
                let _ = writeln!(text, "    {:?} client {at}: {:?}", entry.at, entry.what);
            }
            told[at] = record.len();
        }
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
            hosts: "random".into(),
            has_names: setup.names,
            resolution_interval: setup.names.then_some(Duration::from_secs(5)),
            shuffle: setup.shuffle,
            backoff: backoff::Config::default(),
            memory,
            first_xid: i32::MAX - 40,
            seed,
        };
        let addresses = self.addresses();
        let number = self.world.connect(config, &addresses);
        let not_before = self.pause_end(number);
        self.ones.push(One {
            number,
            setup,
            model: Model::new(client_id.id != 0),
            heard: 0,
            not_before,
            thens: BTreeMap::new(),
            frozen_until: Duration::ZERO,
            list_changed: false,
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
            Step::Auth { client, good } => return self.auth(self.places[*client], *good),
            Step::SetServers { client, members } => {
                let addresses: Vec<_> = members.iter().map(|member| World::address(*member)).collect();
                let number = number(self, client);
                self.ones[self.places[*client]].list_changed = true;
                self.world.feed(number, Input::SetServers { hosts: "new".into(), has_names: false, addresses });
            }
            Step::Cycle { client } => {
                let number = number(self, client);
                self.application(self.places[*client], |world| {
                    world.with(number, Session::cycle_server);
                })?;
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
                self.world.servers(|servers, _| servers.set_faults(*member, fault.iter().copied().collect()));
            }
            Step::Inject { client, fault } => {
                self.spoiled |= spoils(*fault);
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
            Step::Names { works } => {
                self.world.names.answer = works.then(|| (0..self.members).map(World::address).collect());
            }
            Step::Weather { slow, pieces } => {
                let latency = if *slow { (1, 800) } else { (0, 2) };
                self.world.weather = Weather {
                    latency: (Duration::from_millis(latency.0), Duration::from_millis(latency.1)),
                    pieces: if *pieces { 0.5 } else { 0.0 },
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

    /// A call of the application's: whatever it does, it must not move the end of the pause.
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
            world.with(number, |session, _| session.add_auth(scheme, Some(credentials.as_bytes()), Some(tag)))
        })?;
        self.refused(one, tag, accepted.err())
    }

    /// A request that was not taken in must not be answered, and must have a reason.
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

    /// Takes in what the clients have heard, lets callbacks act, and checks what must hold at every moment.
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
            spurious(&self.world, one, &record)?;
            if record.what == Heard::State(State::Expired) {
                let session = self.world.client(one.number).session.client_id().id;
                if self.world.ensemble.sessions().get(session).is_some() {
                    return Err(format!("client {at}: session {session:x} is alive and taken for expired"));
                }
            }
            one.model.hear(&record).map_err(|what| format!("client {at} at {:?}: {what}", record.at))?;
            if let Heard::Delivered(tag, _) = record.what {
                match one.thens.remove(&tag) {
                    Some(Then::Ask(ask)) => self.submit(at, &ask, Then::Nothing)?,
                    Some(Then::Close) => self.close(at),
                    Some(Then::Nothing) | None => {}
                }
            }
        }
    }

    /// Everything is well again; everybody who can must get a session, and what waits its answer.
    pub(crate) fn heal(&mut self) -> Verdict {
        for member in 0..self.members {
            self.world.set_route(World::address(member), Route::Open);
            self.world.servers(|servers, now| {
                servers.set_greeting(member, Greeting::Proper);
                servers.set_faults(member, Vec::new());
                servers.set_mode(member, Mode::Up, now);
            });
        }
        self.world.names.answer = Some(self.addresses());
        self.world.weather = Weather::default();
        for one in 0..self.ones.len() {
            // Spoiled connections would not heal by themselves.
            self.world.cut(self.ones[one].number);
        }
        self.check()?;
        // The longest pause of the policy is two minutes, and a frozen process thaws within half of one.
        for _ in 0..40 {
            self.wait(Duration::from_secs(10))?;
            if (0..self.ones.len()).all(|one| self.is_settled(one)) {
                return Ok(());
            }
        }
        let states: Vec<_> = self.ones.iter().map(|one| self.world.client(one.number).state()).collect();
        Err(format!("not everybody has settled 400 s after everything was well again: {states:?}"))
    }

    pub(crate) fn finish(&mut self) -> Verdict {
        for one in 0..self.ones.len() {
            self.watches_are_kept(one).map_err(|what| format!("client {one}: {what}"))?;
            self.wire_is_clean(one).map_err(|what| format!("client {one}: {what}"))?;
        }
        for one in 0..self.ones.len() {
            self.close(one);
        }
        self.check()?;
        self.wait(Duration::from_secs(5))?;
        for (at, one) in self.ones.iter().enumerate() {
            if !one.model.closed || !one.model.waiting.is_empty() {
                return Err(format!("client {at} is not closed, or {} requests wait", one.model.waiting.len()));
            }
        }
        Ok(())
    }
}
