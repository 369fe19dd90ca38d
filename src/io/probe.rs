//! Asks one server whether it takes writes, on a connection of its own. Owns that connection and the limit on it.
use crate::io::transport::{Progress, Read, Transport};
use crate::sys::net::{Registry, Token};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use zk_secure::tls::Connection;

/// The time limit of one probe.
const LIMIT: Duration = Duration::from_secs(1);
/// The four-letter word; the answer is `rw`, `ro`, or a text that refuses it.
const QUESTION: &[u8] = b"isro";

pub(crate) struct Probe {
    addr: SocketAddr,
    transport: Transport,
    deadline: Instant,
    answer: Vec<u8>,
}

impl Probe {
    // divergence: The search for a read-write server is non-blocking and per handle; stock blocks its I/O thread for up
    // to a second, leaks the descriptor, and shares the result among handles.
    /// Starts to connect; `None` if that fails at once.
    pub(crate) fn start(
        addr: SocketAddr,
        tls: Option<Box<Connection>>,
        registry: &Registry,
        token: Token,
    ) -> Option<Probe> {
        let transport = Transport::connect(addr, registry, token, tls).ok()?;
        Some(Probe { addr, transport, deadline: Instant::now() + LIMIT, answer: Vec::new() })
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Called after a readiness event. Returns the answer, once there is one; any failure counts as "no".
    pub(crate) fn ready(&mut self) -> Option<bool> {
        loop {
            match self.transport.advance() {
                Ok(Progress::Tcp) => {}
                Ok(Progress::Connected) => match self.transport.write(QUESTION) {
                    Ok(n) if n == QUESTION.len() => break,
                    _ => return Some(false),
                },
                Ok(Progress::Pending) => break,
                Err(_) => return Some(false),
            }
        }
        if !self.transport.is_connected() {
            return None;
        }
        let mut bytes = [0; 16];
        loop {
            match self.transport.read_into(&mut bytes) {
                // The server sends more than any answer has.
                Ok(Read::More(0)) => return Some(false),
                Ok(Read::More(n) | Read::Drained(n)) => {
                    self.answer.extend_from_slice(bytes.get(..n).unwrap_or_default());
                }
                Ok(Read::Empty) if self.answer.len() < 2 => return None,
                Ok(Read::Empty) | Err(_) => return Some(self.answer.starts_with(b"rw")),
            }
            if self.answer.len() >= 2 {
                return Some(self.answer.starts_with(b"rw"));
            }
        }
    }

    /// Ends the connection and returns the server's address.
    pub(crate) fn end(self) -> SocketAddr {
        self.transport.disconnect(false);
        self.addr
    }
}
