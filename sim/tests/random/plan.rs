//! The plan of a history: the setting and the steps, all drawn from one seed. Each step is self-contained, so that any
//! selection of the steps is a history too.
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use zk_sim::fault::Fault;
use zk_sim::server::{Greeting, Mode};
use zk_sim::world::Route;

/// The setting.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub members: usize,
    /// Whether servers only send what real servers send: the network may then cut and delay, but not change bytes.
    pub honest: bool,
    pub clients: Vec<Setup>,
    pub steps: Vec<Step>,
}

/// How a client is started.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // independent switches
pub struct Setup {
    pub timeout: i32,
    pub chroot: bool,
    pub read_only: bool,
    pub names: bool,
    pub shuffle: bool,
}

/// A request of an application. Paths and watchers are numbers.
#[derive(Clone, Debug)]
pub enum Ask {
    Create { path: usize, mode: i32, stat: bool },
    Delete { path: usize },
    Set { path: usize },
    Get { path: usize, watcher: Option<u32> },
    Exists { path: usize, watcher: Option<u32> },
    Children { path: usize, watcher: Option<u32> },
    GetAcl { path: usize },
    Sync { path: usize },
    Multi { paths: Vec<usize>, fails: bool },
    Remove { path: usize, kind: i32, watcher: Option<u32>, local: bool },
    AddWatch { path: usize, mode: i32, watcher: u32 },
}

/// What the callback of a request does.
#[derive(Clone, Debug)]
pub enum Then {
    Nothing,
    Ask(Ask),
    Close,
}

#[derive(Clone, Debug)]
pub enum Step {
    Wait {
        millis: u64,
    },
    Submit {
        client: usize,
        ask: Ask,
        then: Then,
    },
    /// A sync call: the program does nothing else until it has the answer, or for half a minute.
    Call {
        client: usize,
        ask: Ask,
    },
    /// What the watcher of the next event will do, be it a session or a node event.
    OnEvent {
        client: usize,
        then: Then,
    },
    Burst {
        client: usize,
        asks: Vec<Ask>,
    },
    Auth {
        client: usize,
        good: bool,
    },
    SetServers {
        client: usize,
        members: Vec<usize>,
    },
    Cycle {
        client: usize,
    },
    /// Sets a time limit of requests.
    Limit {
        client: usize,
        millis: Option<u64>,
    },
    Close {
        client: usize,
    },
    /// Opens a new handle in place of a client that is closed or dead.
    Reopen {
        client: usize,
    },
    /// Makes a second handle take the session over.
    Steal {
        client: usize,
    },
    Mode {
        member: usize,
        mode: Mode,
    },
    Greeting {
        member: usize,
        greeting: Greeting,
    },
    Route {
        member: usize,
        route: Route,
    },
    Faults {
        member: usize,
        fault: Option<Fault>,
    },
    Inject {
        client: usize,
        fault: Fault,
    },
    Cut {
        client: usize,
    },
    CutAfter {
        client: usize,
        to_client: bool,
        bytes: usize,
    },
    Expire {
        client: usize,
    },
    Freeze {
        client: usize,
        millis: u64,
    },
    /// Changes the answer of the name service.
    Names {
        members: Option<Vec<usize>>,
    },
    /// Makes a member show an old state, or the current one again.
    Lag {
        member: usize,
        lags: bool,
    },
    /// A client writes, loses the server that it wrote to, and reads, while all other members lag.
    WriteAndMove {
        client: usize,
        path: usize,
    },
    Weather {
        slow: bool,
        pieces: bool,
        window: Option<usize>,
    },
}

impl Ask {
    fn remove_locally(&mut self) {
        if let Ask::Remove { local, .. } = self {
            *local = true;
        }
    }
}

impl Then {
    fn remove_locally(&mut self) {
        if let Then::Ask(ask) = self {
            ask.remove_locally();
        }
    }
}

impl Step {
    fn remove_locally(&mut self) {
        match self {
            Step::Submit { ask, then, .. } => {
                ask.remove_locally();
                then.remove_locally();
            }
            Step::Call { ask, .. } => ask.remove_locally(),
            Step::OnEvent { then, .. } => then.remove_locally(),
            Step::Burst { asks, .. } => asks.iter_mut().for_each(Ask::remove_locally),
            _ => {}
        }
    }
}

pub const PATHS: usize = 7;
pub const MEMBERS: usize = 3;

struct Draw {
    rng: StdRng,
    clients: usize,
    /// How often a fault occurs, in percent of the steps.
    trouble: u32,
    honest: bool,
}

impl Plan {
    pub fn generate(seed: u64) -> Plan {
        let mut rng = StdRng::seed_from_u64(seed);
        let clients = rng.random_range(1..=3);
        let trouble = [5, 25, 50, 75][rng.random_range(0..4)];
        let count = [10, 25, 60, 120][rng.random_range(0..4)];
        let setups = (0..clients)
            .map(|_| Setup {
                timeout: [2000, 4000, 10_000, 10_000, 30_000][rng.random_range(0..5)],
                chroot: rng.random_bool(0.2),
                read_only: rng.random_bool(0.3),
                names: rng.random_bool(0.3),
                shuffle: rng.random_bool(0.5),
            })
            .collect();
        let members = if rng.random_bool(0.2) { 1 } else { MEMBERS };
        let honest = rng.random_bool(0.5);
        let mut draw = Draw { rng, clients, trouble, honest };
        let steps = (0..count).map(|_| draw.step()).collect();
        let mut plan = Plan { seed, members, honest, clients: setups, steps };
        plan.insert_lasting_watches();
        plan.insert_limits();
        plan
    }

    /// Inserts persistent watches, in two histories of five. Uses its own generator, so that the other steps do not
    /// change.
    fn insert_lasting_watches(&mut self) {
        let mut rng = StdRng::seed_from_u64(!self.seed);
        if !rng.random_bool(0.4) {
            return;
        }
        for _ in 0..rng.random_range(1..=self.steps.len() / 4 + 1) {
            let (client, path) = (rng.random_range(0..self.clients.len()), rng.random_range(0..PATHS));
            let watcher = rng.random_range(0..4);
            let ask = if rng.random_bool(0.8) {
                Ask::AddWatch { path, mode: rng.random_range(0..=1), watcher }
            } else {
                let watcher = rng.random_bool(0.5).then_some(watcher);
                Ask::Remove { path, kind: rng.random_range(3..=5), watcher, local: rng.random_bool(0.3) }
            };
            let at = rng.random_range(0..=self.steps.len());
            self.steps.insert(at, Step::Submit { client, ask, then: Then::Nothing });
        }
    }

    /// Inserts time limits, in one history of four.
    fn insert_limits(&mut self) {
        let mut rng = StdRng::seed_from_u64(self.seed.rotate_left(32) ^ 1);
        if !rng.random_bool(0.25) {
            return;
        }
        for _ in 0..rng.random_range(1..=4) {
            let millis = [None, Some(1), Some(50), Some(500), Some(3000)][rng.random_range(0..5)];
            let at = rng.random_range(0..=self.steps.len());
            self.steps.insert(at, Step::Limit { client: rng.random_range(0..self.clients.len()), millis });
        }
        // If a removal times out, its result is never known.
        for step in &mut self.steps {
            step.remove_locally();
        }
    }

    /// The plan with only these steps.
    pub fn keep(&self, steps: &[usize]) -> Plan {
        let steps = steps.iter().filter_map(|at| self.steps.get(*at).cloned()).collect();
        Plan { steps, ..self.clone() }
    }
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

    fn step(&mut self) -> Step {
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
