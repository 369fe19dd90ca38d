//! The plan of a history: the setting and the steps, all drawn from one seed (`draw`). Each step is self-contained, so that any
//! selection of the steps is a history too.
use crate::draw::Draw;
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
