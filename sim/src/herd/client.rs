//! One simulated client: its phase and its pending timer. The world moves it.
use super::rule::Rule;
use std::time::Duration;
use zk_core::backoff::Plan;

/// The phase of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits for the end of a pause.
    Pausing,
    /// Has sent a SYN to a server that is down, and will get the refusal.
    Refused,
    /// Sends SYNs that the server has no room for.
    Connecting,
    /// Connected, and waits for the answer to its connect request.
    Handshaking,
    /// Has a session.
    Established,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) rule: Rule,
    /// Index of its policy in the scenario.
    pub(super) policy: u8,
    pub(super) phase: Phase,
    pub(super) server: u8,
    /// The server's life in which the connection was made.
    pub(super) life: u32,
    /// The number of the pending timer; timers with older numbers are void.
    pub(super) timer: u32,
    /// Number of the latest attempt.
    pub(super) attempt: u32,
    /// Limits of the attempt after the pause.
    pub(super) plan: Plan,
    pub(super) started: u64,
    /// End of the TCP phase; `answer_by` is the end of the whole attempt.
    pub(super) connect_by: u64,
    pub(super) answer_by: u64,
    pub(super) syns: u8,
    /// Place of the connect request in the pipeline, once accepted.
    pub(super) ticket: Option<u64>,
    pub(super) established: u64,
    pub(super) received: u64,
    pub(super) pinged: u64,
    pub(super) ping_pending: bool,
    /// The length of silence that ends the session.
    pub(super) read_timeout: Duration,
    /// When the server will close the connection (`u64::MAX`: not planned).
    pub(super) closed_at: u64,
    /// Since when the client has been without a session; for the first time in the run if `counted` is not set.
    pub(super) down_since: u64,
    pub(super) counted: bool,
}

impl Client {
    pub(super) fn new(rule: Rule, policy: u8, server: u8, plan: Plan) -> Client {
        Client {
            rule,
            policy,
            phase: Phase::Established,
            server,
            life: 0,
            timer: 0,
            attempt: 0,
            plan,
            started: 0,
            connect_by: 0,
            answer_by: 0,
            syns: 0,
            ticket: None,
            established: 0,
            received: 0,
            pinged: 0,
            ping_pending: false,
            read_timeout: Duration::ZERO,
            closed_at: u64::MAX,
            down_since: 0,
            counted: false,
        }
    }
}
