//! The events that the shell gives to a session.
use super::secure::{Exchange, SaslFailure};
use crate::frames::{BadLength, Frame};
use crate::servers::Hosts;
use std::io;
use std::net::SocketAddr;

/// An event for a session.
#[derive(Debug)]
pub enum Input<'a> {
    /// Names were resolved again.
    Resolved {
        /// The generation of the question.
        generation: u64,
        /// Their addresses.
        addresses: Vec<SocketAddr>,
    },
    /// Names could not be resolved.
    ResolutionFailed {
        /// The generation of the question.
        generation: u64,
        /// The reason, for the log.
        error: String,
    },
    /// The application gave a new server list, already resolved.
    SetServers {
        /// The servers as the application named them.
        hosts: Hosts,
        /// Their addresses.
        addresses: Vec<SocketAddr>,
    },
    /// The requested TCP connection is made, and TLS begins.
    TcpConnected,
    /// Bytes may flow: the requested TCP connection is made, and the TLS handshake on it is done if there is one.
    Connected,
    /// TLS failed with this server for a reason that only an operator can remove: a certificate, a setting, a server
    /// that speaks no TLS.
    TlsFailed(io::Error),
    /// The mechanism's next token, to be sent.
    SaslToken(Exchange, Vec<u8>),
    /// The mechanism has succeeded: the session may be used.
    SaslDone(Exchange),
    /// The mechanism cannot go on.
    SaslFailed(Exchange, SaslFailure),
    /// The connection failed or ended, as found by connecting or reading.
    Disconnected(io::Error),
    /// The connection failed, as found by writing.
    SendFailed(io::Error),
    /// Bytes arrived, which complete these frames. The list is drained; if it is empty, only part of a frame came.
    Received(&'a mut Vec<Frame>),
    /// The peer announced a frame of this length, which is not acceptable.
    BadFrame(BadLength),
    /// All bytes taken by [`super::Session::take_outgoing`] have been passed to the kernel.
    Flushed,
    /// A server that was asked by [`super::Output::Probe`] answered, or did not.
    Probed {
        /// The server.
        addr: SocketAddr,
        /// Whether it takes writes.
        read_write: bool,
    },
    /// The deadline passed.
    Timeout,
    /// The application closes the session.
    Close,
}
