//! Draws the steps of a plan.
use crate::plan::{Ask, MEMBERS, PATHS, Step, Then};
use rand::RngExt;
use rand::rngs::StdRng;
use zk_sim::fault::Fault;
use zk_sim::server::{Greeting, Mode};
use zk_sim::world::Route;

pub struct Draw {
    pub rng: StdRng,
    pub clients: usize,
    /// How often a fault occurs, in percent of the steps.
    pub trouble: u32,
    pub honest: bool,
}

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.rng.random_range(0..limit)
    }

    fn client(&mut self) -> usize {
        self.below(self.clients)
    }

    fn watcher(&mut self) -> Option<u32> {
        self.rng.random_bool(0.5).then(|| self.rng.random_range(0..4))
    }

    /// From one millisecond to half a minute, with short times more often.
    fn millis(&mut self) -> u64 {
        let most = 1 << self.rng.random_range(1..15_u32);
        self.rng.random_range(1..=most)
    }

    fn ask(&mut self) -> Ask {
        let path = self.below(PATHS);
        match self.below(20) {
            0..=3 => Ask::Create { path, mode: [0, 0, 1, 2, 3, 4][self.below(6)], stat: self.rng.random_bool(0.5) },
            4..=5 => Ask::Delete { path },
            6..=8 => Ask::Set { path },
            9..=11 => Ask::Get { path, watcher: self.watcher() },
            12..=13 => Ask::Exists { path, watcher: self.watcher() },
            14..=15 => Ask::Children { path, watcher: self.watcher() },
            16 => Ask::GetAcl { path },
            17 => Ask::Sync { path },
            18 => {
                let count = self.below(4);
                Ask::Multi { paths: (0..count).map(|_| self.below(PATHS)).collect(), fails: self.rng.random_bool(0.3) }
            }
            _ => Ask::Remove {
                path,
                kind: self.rng.random_range(1..=3),
                watcher: self.watcher(),
                local: self.rng.random_bool(0.3),
            },
        }
    }

    pub fn step(&mut self) -> Step {
        if self.rng.random_range(0..100) < self.trouble { self.fault() } else { self.program() }
    }

    fn program(&mut self) -> Step {
        let client = self.client();
        match self.below(44) {
            40 => Step::Call { client, ask: self.ask() },
            41..=43 => {
                Step::OnEvent { client, then: if self.below(4) == 0 { Then::Close } else { Then::Ask(self.ask()) } }
            }
            0..=11 => Step::Wait { millis: self.millis() },
            12..=27 => {
                let ask = self.ask();
                let then = match self.below(20) {
                    0..=3 => Then::Ask(self.ask()),
                    4 => Then::Close,
                    _ => Then::Nothing,
                };
                Step::Submit { client, ask, then }
            }
            28..=31 => {
                let count = 1 + self.below(30);
                Step::Burst { client, asks: (0..count).map(|_| self.ask()).collect() }
            }
            32..=33 => Step::Auth { client, good: self.rng.random_bool(0.9) },
            34 => Step::SetServers { client, members: self.some_members() },
            35 => Step::Cycle { client },
            36 => Step::Close { client },
            37..=38 => Step::Reopen { client },
            _ => Step::Steal { client },
        }
    }

    fn fault(&mut self) -> Step {
        let (client, member) = (self.client(), self.below(MEMBERS));
        match self.below(36) {
            34..=35 => Step::WriteAndMove { client, path: self.below(PATHS) },
            30..=33 => Step::Lag { member, lags: self.rng.random_bool(0.7) },
            0..=5 => {
                let modes = [Mode::Up, Mode::Up, Mode::Up, Mode::Down, Mode::Frozen, Mode::NotServing, Mode::ReadOnly];
                Step::Mode { member, mode: modes[self.below(7)] }
            }
            6..=7 => {
                let kinds = [Greeting::Proper, Greeting::Proper, Greeting::Close, Greeting::Silent, Greeting::Reject];
                Step::Greeting { member, greeting: kinds[self.below(5)] }
            }
            8..=11 => {
                let routes = [Route::Open, Route::Open, Route::Refused, Route::Blackhole];
                Step::Route { member, route: routes[self.below(4)] }
            }
            12 => Step::Faults { member, fault: Some(self.bytes_fault()) },
            13..=14 => Step::Faults { member, fault: None },
            15..=19 => Step::Inject { client, fault: self.bytes_fault() },
            20..=22 => Step::Cut { client },
            23..=25 => Step::CutAfter { client, to_client: self.rng.random_bool(0.5), bytes: self.below(400) },
            26 => Step::Expire { client },
            27 => Step::Freeze { client, millis: self.millis() },
            28 => Step::Names { members: self.rng.random_bool(0.5).then(|| self.some_members()) },
            _ => Step::Weather {
                slow: self.rng.random_bool(0.3),
                pieces: self.rng.random_bool(0.5),
                window: [None, None, Some(1), Some(7), Some(60), Some(1000)][self.below(6)],
            },
        }
    }

    /// Members for a list of servers; one of them does not exist.
    fn some_members(&mut self) -> Vec<usize> {
        let mut members: Vec<usize> = (0..=MEMBERS).filter(|_| self.rng.random_bool(0.6)).collect();
        members.push(0);
        members.dedup();
        members
    }

    fn bytes_fault(&mut self) -> Fault {
        match self.below(if self.honest { 4 } else { 11 }) {
            0 => Fault::Cut(self.below(300)),
            1..=2 => Fault::Delay(self.millis()),
            3 => Fault::Slow(1 + self.below(50), 1 + self.millis() / 20),
            4 => Fault::Duplicate,
            5 => Fault::Unsolicited([77, 0, -1, -2, -4, -8, i32::MIN][self.below(7)]),
            6 => Fault::WrongXid([1, -1, 1000, i32::MAX][self.below(4)]),
            7 => Fault::Length([-1, 0, 3, 15, 16, 1000, i32::MAX, i32::MIN][self.below(8)]),
            // With no bytes at all, the event would never be sent, and the fault would have no effect.
            8 => Fault::Garbage(1 + self.below(200)),
            9 => Fault::Swallow,
            _ => Fault::Truncate(self.below(40)),
        }
    }
}
