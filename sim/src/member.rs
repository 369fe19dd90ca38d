//! The setup of an ensemble, and the modes of its members. Knows no connection.
use crate::fault::Fault;
use crate::node::Happened;
use crate::tree::Tree;

/// The setup of an ensemble. Times are in milliseconds.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // independent switches of a real server
pub struct Options {
    /// Number of members; a single one is a standalone server.
    pub members: usize,
    /// Sessions expire at multiples of this.
    pub tick: u64,
    /// Shortest session time-out granted.
    pub min_timeout: u64,
    /// Longest session time-out granted.
    pub max_timeout: u64,
    /// Wall clock at virtual time 0.
    pub epoch: i64,
    /// Seed of the session ids and passwords.
    pub seed: u64,
    /// Whether nodes may have a time to live.
    pub extended_types: bool,
    /// Whether ACLs are ignored.
    pub skip_acl: bool,
    /// Identity (`super:digest`) that has all permissions.
    pub superuser: Option<String>,
    /// Whether reconfiguration is switched on.
    pub reconfig: bool,
    /// Whether members without quorum serve read-only clients.
    pub read_only: bool,
    /// Whether responses to connect requests have 36 bytes, as before 3.4.
    pub old_handshake: bool,
    /// Whether a connection has only one persistent watch per path, the latest, as before 3.9.
    pub one_lasting_watch: bool,
    /// Longest request accepted, bytes.
    pub max_frame: usize,
    /// Text of the configuration node.
    pub config: String,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            members: 1,
            tick: 500,
            min_timeout: 1000,
            max_timeout: 60_000,
            epoch: 1_700_000_000_000,
            seed: 1,
            extended_types: true,
            skip_acl: false,
            superuser: None,
            reconfig: false,
            read_only: false,
            old_handshake: false,
            one_lasting_watch: false,
            max_frame: 0xf_ffff,
            config: String::new(),
        }
    }
}

/// The mode of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It takes part in the ensemble, and serves clients if there is a quorum.
    Up,
    /// Its process is gone: connections are closed, new ones refused.
    Down,
    /// Its process is stopped: connections stay and new ones are accepted, but nothing is answered.
    Frozen,
    /// It runs outside any quorum: it accepts, and closes on the connect request.
    NotServing,
    /// It runs outside any quorum and serves read-only clients.
    ReadOnly,
}

/// How a member treats new connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Greeting {
    /// As it should.
    #[default]
    Proper,
    /// It closes them at once.
    Close,
    /// It reads, but never answers the connect request.
    Silent,
    /// It closes them on the connect request, as a server without a quorum does.
    Reject,
}

/// Which clients a member serves at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serving {
    Everybody,
    Readers,
    Nobody,
}

/// The old state that a lagging member still shows, and the events that it has not sent to its clients.
#[derive(Debug)]
pub(crate) struct Lag {
    pub(crate) tree: Tree,
    pub(crate) zxid: i64,
    pub(crate) missed: Vec<Happened>,
}

/// One member.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) mode: Mode,
    pub(crate) serving: Serving,
    pub(crate) greeting: Greeting,
    /// The faults of each new connection.
    pub(crate) faults: Vec<Fault>,
    /// If set, the member claims to have seen only transactions up to this one.
    pub(crate) behind: Option<i64>,
    pub(crate) lag: Option<Box<Lag>>,
}

impl Member {
    /// A member that is up.
    pub(crate) fn new() -> Member {
        Member {
            mode: Mode::Up,
            serving: Serving::Everybody,
            greeting: Greeting::Proper,
            faults: Vec::new(),
            behind: None,
            lag: None,
        }
    }
}
