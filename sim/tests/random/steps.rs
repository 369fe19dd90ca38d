//! Performs the steps of a plan: the program's calls, and the faults.
use crate::model::{Meaning, Verdict};
use crate::plan::{Ask, Step, Then};
use crate::run::{Run, hosts};
use std::time::Duration;
use zk_core::session::{ClientId, Input, Session, State};
use zk_sim::fault::Fault;
use zk_sim::world::{ClientNo, Weather, World};

impl Run {
    pub(crate) fn perform(&mut self, step: &Step) -> Verdict {
        match step {
            Step::Wait { millis } => return self.wait(Duration::from_millis(*millis)),
            Step::Submit { client, ask, then } => return self.submit(self.places[*client], ask, then.clone()),
            Step::Burst { client, asks } => {
                for ask in asks {
                    self.submit(self.places[*client], ask, Then::Nothing)?;
                }
            }
            Step::Call { client, ask } => return self.call(self.places[*client], ask),
            Step::OnEvent { client, then } => self.ones[self.places[*client]].on_event = Some(then.clone()),
            Step::Auth { client, good } => return self.auth(self.places[*client], *good),
            Step::SetServers { client, members } => self.set_servers(self.places[*client], members),
            Step::Cycle { client } => return self.cycle(self.places[*client]),
            Step::Limit { client, millis } => self.limit(self.places[*client], *millis),
            Step::Close { client } => self.close(self.places[*client]),
            Step::Reopen { client } => return self.reopen(*client),
            Step::Steal { client } => return self.steal(*client),
            Step::Mode { member, mode } if *member < self.members => {
                self.world.servers(|servers, now| servers.set_mode(*member, *mode, now));
            }
            Step::Mode { .. } => {}
            Step::Greeting { member, greeting } => {
                self.world.servers(|servers, _| servers.set_greeting(*member, *greeting));
            }
            Step::Route { member, route } => self.world.set_route(World::address(*member), *route),
            Step::Faults { member, fault } => {
                self.note(*fault);
                self.world.servers(|servers, _| servers.set_faults(*member, fault.iter().copied().collect()));
            }
            Step::Inject { client, fault } => {
                self.note(Some(*fault));
                if let Some(end) = self.world.server_end(self.number(*client)) {
                    self.world.servers(|servers, _| servers.inject(end, *fault));
                }
            }
            Step::Cut { client } => self.world.cut(self.number(*client)),
            Step::CutAfter { client, to_client, bytes } => {
                self.world.cut_after(self.number(*client), *to_client, *bytes);
            }
            Step::Expire { client } => {
                let id = self.world.client(self.number(*client)).session.client_id().id;
                self.world.servers(|servers, _| servers.expire(id));
            }
            Step::Freeze { client, millis } => self.freeze(self.places[*client], Duration::from_millis(*millis)),
            Step::Names { members } => self.set_names(members.as_deref()),
            Step::Lag { member, lags: true } => self.world.servers(|servers, _| servers.set_lagging(*member)),
            Step::Lag { member, lags: false } => self.world.servers(|servers, _| servers.catch_up(*member)),
            Step::WriteAndMove { client, path } => return self.write_and_move(self.places[*client], *path),
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

    fn number(&self, client: usize) -> ClientNo {
        self.ones[self.places[client]].number
    }

    fn call(&mut self, one: usize, ask: &Ask) -> Verdict {
        self.submit(one, ask, Then::Nothing)?;
        let (tag, end) = (self.tag, self.world.now() + Duration::from_secs(30));
        while self.ones[one].model.waiting.contains_key(&tag) && self.world.step(end) {
            self.check()?;
        }
        Ok(())
    }

    fn auth(&mut self, one: usize, good: bool) -> Verdict {
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

    fn set_servers(&mut self, one: usize, members: &[usize]) {
        let addresses: Vec<_> = members.iter().map(|member| World::address(*member)).collect();
        let one = &mut self.ones[one];
        one.list_changed = true;
        one.list = Some(addresses.clone());
        self.world.feed(one.number, Input::SetServers { hosts: hosts("10.0.0.2"), addresses });
    }

    fn cycle(&mut self, one: usize) -> Verdict {
        let number = self.ones[one].number;
        self.application(one, |world| {
            world.with(number, Session::cycle_server);
        })
    }

    fn limit(&mut self, one: usize, millis: Option<u64>) {
        // The session raises shorter limits to 5 ms.
        let limit = millis.map(|millis| Duration::from_millis(millis.max(5)));
        let (number, now) = (self.ones[one].number, self.world.now());
        self.world.with(number, |session, _| session.set_request_timeout(millis.map(Duration::from_millis)));
        let one = &mut self.ones[one];
        (one.limit, one.limit_since) = (limit, now);
        one.least_limit = limit.into_iter().chain(one.least_limit).min();
    }

    fn reopen(&mut self, client: usize) -> Verdict {
        let one = self.places[client];
        let state = self.world.client(self.ones[one].number).state();
        if matches!(state, State::Closed | State::Expired | State::AuthFailed) {
            self.close(one);
            self.check()?;
            let memory = self.world.client(self.ones[one].number).memory;
            let setup = self.ones[one].setup.clone();
            self.tag += 1;
            self.places[client] = self.open(setup, ClientId::default(), memory, self.tag);
        }
        Ok(())
    }

    fn steal(&mut self, client: usize) -> Verdict {
        let one = self.places[client];
        let id = self.world.client(self.ones[one].number).session.client_id();
        if id.id != 0 && !self.ones[one].setup.read_only {
            let setup = self.ones[one].setup.clone();
            self.tag += 1;
            self.places[client] = self.open(setup, id, None, self.tag);
            self.wait(Duration::from_millis(20))?;
            self.close(one);
        }
        Ok(())
    }

    /// Records whether a fault corrupts frames, or sends what real servers do not send: some checks do not hold then.
    fn note(&mut self, fault: Option<Fault>) {
        self.spoiled |= fault.is_some_and(spoils);
        self.lied |= fault.is_some_and(lies);
    }

    fn freeze(&mut self, one: usize, time: Duration) {
        let until = self.world.now() + time;
        let one = &mut self.ones[one];
        one.frozen_until = one.frozen_until.max(until);
        self.world.freeze(one.number, time);
    }

    fn set_names(&mut self, members: Option<&[usize]>) {
        let addresses = |members: &[usize]| members.iter().map(|member| World::address(*member)).collect();
        self.world.names.answer = members.map(addresses);
        self.names_changed = true;
        for one in &mut self.ones {
            one.list_changed |= one.setup.names;
        }
    }

    fn write_and_move(&mut self, one: usize, path: usize) -> Verdict {
        let number = self.ones[one].number;
        let here = self.world.client(number).session.server();
        for member in (0..self.members).filter(|member| Some(World::address(*member)) != here) {
            self.world.servers(|servers, _| servers.set_lagging(member));
        }
        self.submit(one, &Ask::Set { path }, Then::Nothing)?;
        self.wait(Duration::from_millis(20))?;
        self.world.cut(number);
        let end = self.world.now() + Duration::from_secs(5);
        self.wait(Duration::from_millis(20))?;
        while !self.world.client(number).session.is_established() && self.world.step(end) {
            self.check()?;
        }
        self.submit(one, &Ask::Get { path, watcher: None }, Then::Nothing)?;
        self.wait(Duration::from_millis(50))
    }
}

fn lies(fault: Fault) -> bool {
    !matches!(fault, Fault::Cut(_) | Fault::Delay(_) | Fault::Slow(..))
}

fn spoils(fault: Fault) -> bool {
    matches!(fault, Fault::Length(_) | Fault::Garbage(_) | Fault::Truncate(_))
}
