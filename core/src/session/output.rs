//! The actions that a session asks the shell for.
use super::replies::Event;
use super::secure::Exchange;
use crate::backoff::Memory;
use crate::code::Code;
use crate::frames::Frame;
use crate::servers::{HostPort, Lookup};
use std::net::SocketAddr;
use std::sync::Arc;

/// An action that a session asks for.
#[derive(Debug)]
pub enum Output<C, W> {
    /// Resolve the names again and answer with `Resolved` or `ResolutionFailed`.
    Resolve(Lookup),
    /// Connect to this server.
    Connect(SocketAddr),
    /// Begin SASL with this server; the answer is `SaslToken`, `SaslDone` or `SaslFailed`.
    SaslStart(Exchange, SocketAddr),
    /// Give the server's answer to the mechanism; `None` if the server sent no token.
    SaslChallenge(Exchange, Option<Vec<u8>>),
    /// Ask this server on a separate connection whether it takes writes.
    Probe(SocketAddr),
    /// Drop the connection; `reset` asks for RST instead of FIN, so that the server discards unread bytes.
    Disconnect {
        /// Whether to reset.
        reset: bool,
    },
    /// Complete a request.
    Deliver(C, Result<Frame, Code>),
    /// Call watchers.
    Notify(Event<W>),
    /// Keep this for later handles with these servers. Boxed, because otherwise this would enlarge every output.
    Remember(Arc<[HostPort]>, Box<Memory>),
    /// The session is being closed: no `Deliver` and no `Notify` follows.
    Last,
    /// The session is closed; nothing follows.
    Closed,
}
