//! The settings of a session.
use super::ClientId;
use crate::backoff::{self, Memory};
use crate::servers::Hosts;
use std::time::Duration;

/// The settings of a new session. The default has no servers, a timeout of 0, and everything else off.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent")]
pub struct Config {
    /// Requested session timeout, in milliseconds.
    pub timeout: i32,
    /// Session to resume; all zero for a new one.
    pub client_id: ClientId,
    /// Whether a read-only server is accepted.
    pub read_only: bool,
    /// Prefix of all paths; empty for none.
    pub chroot: Vec<u8>,
    /// The servers as the application named them.
    pub hosts: Hosts,
    /// Whether connections are secured by TLS: [`super::Input::TcpConnected`] comes before [`super::Input::Connected`].
    pub tls: bool,
    /// Whether each connection is authenticated by SASL before the session is used.
    pub sasl: bool,
    /// Shortest time between two name resolutions while connected; `None` for never.
    pub resolution_interval: Option<Duration>,
    /// Whether the order of the servers is random.
    pub shuffle: bool,
    /// The reconnect policy.
    pub backoff: backoff::Config,
    /// What earlier handles of this process learned about these servers.
    pub memory: Option<Memory>,
    /// First transaction id; 1 if this is less.
    pub first_xid: i32,
    /// Seed of all random choices.
    pub seed: u64,
}
