//! The events that the policy weighs.
use std::net::SocketAddr;
use std::time::Instant;

/// What happened to the connection, in the terms the policy weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The handle starts, and with it the first attempt.
    Init,
    /// An established session lost its connection.
    Lost {
        /// Whether the cause was a missed receive deadline, rather than an error or end of file.
        read_timeout: bool,
        /// When the session was (last) established.
        established: Instant,
        /// When the last byte came.
        last_received: Instant,
        /// The address of the session's server.
        server: Option<SocketAddr>,
    },
    /// An attempt failed before the session was confirmed.
    Failed(Failure),
    /// The server confirmed the session (never on TCP connect alone).
    Established,
    /// The server said that the session is expired; the handle is finished, and only its memory is used further.
    Expired,
    /// The server list really changed; `overlap` says whether old and new list share a server.
    ServersChanged {
        /// Whether old and new list share a server.
        overlap: bool,
    },
    /// A reconnect that the client chose itself (to a read-write server, or by `zoo_cycle_next_server`).
    Voluntary,
}

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The peer refused, or the network says that it cannot be reached.
    Refused,
    /// This host could not even start the attempt: no descriptor, port, memory or route. Says nothing about the server.
    Local,
    /// No TCP connection within [`super::Plan::connect_timeout`].
    ConnectTimeout,
    /// The peer accepted and then closed before it confirmed a session.
    Closed,
    /// The peer accepted, but confirmed no session within [`super::Plan::attempt_timeout`].
    HandshakeTimeout,
    /// TLS fails with this peer until an operator changes something.
    Tls,
}
