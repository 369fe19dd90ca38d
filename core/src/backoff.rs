//! The reconnect policy: when to try next, and how long one attempt may take. A pure function of its inputs and of a
//! passed-in generator; it must not know of sockets, addresses, the environment or the clock.
use rand::Rng;
use std::time::{Duration, Instant};

/// What happened to the connection, in the terms the policy weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The handle starts: the first attempt of its life.
    Init,
    /// An established session lost its connection.
    Lost {
        /// Whether a missed receive deadline ended it, rather than an error or end of file.
        read_timeout: bool,
        /// When the session was (last) established.
        established: Instant,
        /// When the last byte came.
        last_received: Instant,
    },
    /// An attempt failed before the session was confirmed.
    Failed(Failure),
    /// The server confirmed the session (never on TCP connect alone).
    Established,
    /// The server said that the session is expired; the handle is finished, only the memory matters.
    Expired,
    /// The server list changed for real; `overlap` says whether old and new share a server.
    ServersChanged {
        /// Whether old and new list share a server.
        overlap: bool,
    },
    /// A reconnect the client itself chose (to a read-write server, or by `zoo_cycle_next_server`).
    Voluntary,
}

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The peer refused, or the network says that it cannot be reached.
    Refused,
    /// No TCP connection within [`Plan::connect_timeout`].
    ConnectTimeout,
    /// The peer accepted and then closed before it confirmed a session.
    Closed,
    /// The peer accepted, and confirmed no session within [`Plan::attempt_timeout`].
    HandshakeTimeout,
}

/// The next attempt: when it may start (absolute, nothing shortens it) and how long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The attempt starts at this instant and not before.
    pub not_before: Instant,
    /// Limit of the TCP phase, counted from the attempt's start.
    pub connect_timeout: Duration,
    /// Limit of the whole attempt (TCP, TLS, handshake), counted from its start.
    pub attempt_timeout: Duration,
}
