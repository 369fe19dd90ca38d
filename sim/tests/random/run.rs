//! Plays a plan and checks every step of it.
use crate::check::{absent, early, spurious};
use crate::model::{Model, Verdict};
use crate::plan::{Plan, Setup, Then};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use zk_core::backoff;
use zk_core::servers::{HostPort, Hosts};
use zk_core::session::{ClientId, Config, Input, State};
use zk_sim::server::Options;
use zk_sim::world::{ClientNo, Heard, World};

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

pub(crate) fn hosts(host: &str) -> Hosts {
    Hosts::new(host, vec![HostPort { host: host.into(), port: 2181 }])
}
