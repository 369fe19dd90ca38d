//! The log lines of failed attempts and lost connections, and the limiter that keeps a long outage from filling the
//! log.
//!
//! Operators and programs search these lines for the words of Apache's library, with the C function's name as the
//! target and its order of fields; additions of this library come at the end.
use super::link::Link;
use super::{Session, Watcher};
use crate::backoff::Failure;
use crate::code::Code;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// `errno` values of failures that no system call reported, as stock prints them.
pub(super) const ETIMEDOUT: i32 = 110;
pub(super) const EHOSTDOWN: i32 = 112;
pub(super) const ESTALE: i32 = 116;
/// The `errno` values of a broken connection, for socket errors that carry a text of TLS instead of a number.
const EPIPE: i32 = 32;
const ECONNRESET: i32 = 104;

/// Errors of `socket` and `connect` (Linux numbers) whose cause is this host and not the server.
mod local {
    /// No descriptor or memory for a socket, or no such address family here: ENOMEM, ENFILE, EMFILE, EAFNOSUPPORT,
    /// ENOBUFS.
    pub(super) const SOCKET: [i32; 5] = [12, 23, 24, 97, 105];
    /// A socket that cannot be connected from here: EPERM, EAGAIN, EACCES, EADDRINUSE, EADDRNOTAVAIL, ENETDOWN,
    /// ENETUNREACH.
    pub(super) const CONNECT: [i32; 7] = [1, 11, 13, 98, 99, 100, 101];
}

/// Whether an attempt failed on this host, before any server was involved.
pub(super) fn is_local(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|errno| local::SOCKET.contains(&errno) || local::CONNECT.contains(&errno))
}

/// Stock's words for a failure of the socket before a session is confirmed.
fn words(failure: Failure, error: &io::Error) -> &'static str {
    match failure {
        Failure::Refused => "server refused to accept the client",
        Failure::Local if error.raw_os_error().is_some_and(|errno| local::SOCKET.contains(&errno)) => {
            "socket() call failed"
        }
        Failure::Local => "connect() call failed",
        Failure::Closed | Failure::ConnectTimeout | Failure::HandshakeTimeout => RECEIVE_FAILED,
        Failure::Tls => "error in ssl connect",
    }
}

/// Stock's words for an error or an end of file in reading.
pub(super) const RECEIVE_FAILED: &str = "failed while receiving a server response";
/// Stock's words for an error in writing.
pub(super) const FLUSH_FAILED: &str = "failed while flushing send queue";

/// The function of stock that writes the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    CheckEvents,
    Interest,
    Process,
}

/// Keeps a long outage from filling the log: the first failures are logged one by one, then one in
/// [`FailureLogLimiter::EVERY`].
#[derive(Debug, Default)]
pub(super) struct FailureLogLimiter {
    /// Connections in a row that ended before the server had sent anything.
    pub(super) silent: u32,
    /// Attempts since the session was lost, or since the start.
    pub(super) attempts: u32,
    failures: u32,
}

impl FailureLogLimiter {
    /// After this many connections in a row that ended without a byte, a hint is logged even if there was a session
    /// before.
    const SILENT: u32 = 3;
    const FIRST: u32 = 20;
    const EVERY: u32 = 10;

    /// Counts a failure. If it is to be logged, returns what its line says of those that were not, which may be nothing.
    pub(super) fn admit(&mut self) -> Option<String> {
        self.failures = self.failures.saturating_add(1);
        if self.failures <= FailureLogLimiter::FIRST {
            return Some(String::new());
        }
        let due = (self.failures - FailureLogLimiter::FIRST).is_multiple_of(FailureLogLimiter::EVERY);
        due.then(|| format!(" ({} similar failures not logged)", FailureLogLimiter::EVERY - 1))
    }
}

/// Writes stock's line about a socket: `what` starts with stock's words.
pub(super) fn log_socket_error(
    place: Place,
    addr: SocketAddr,
    code: Code,
    error: &io::Error,
    what: fmt::Arguments<'_>,
) {
    let (errno, text) = errno_of(error);
    let code = code.to_i32();
    match place {
        Place::CheckEvents => {
            log::error!(target: "check_events", "Socket {addr} zk retcode={code}, errno={errno}({text}): {what}");
        }
        Place::Interest => {
            log::error!(target: "zookeeper_interest", "Socket {addr} zk retcode={code}, errno={errno}({text}): {what}");
        }
        Place::Process => {
            log::error!(target: "zookeeper_process", "Socket {addr} zk retcode={code}, errno={errno}({text}): {what}");
        }
    }
}

/// Whether the peer has ended the connection, including errors by which a call finds this out.
fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

/// The number and the system's text for an error, without the number that Rust appends. An end of file is always
/// stock's `errno=112(Host is down)`. The text of TLS about an end is not included, see [`Session::hint`].
fn errno_of(error: &io::Error) -> (i32, String) {
    let of_socket = match error.kind() {
        io::ErrorKind::UnexpectedEof => Some(EHOSTDOWN),
        io::ErrorKind::ConnectionReset => Some(ECONNRESET),
        io::ErrorKind::BrokenPipe => Some(EPIPE),
        _ => None,
    };
    let of_socket = of_socket.map(io::Error::from_raw_os_error);
    let error = of_socket.as_ref().unwrap_or(error);
    let errno = error.raw_os_error().unwrap_or(0);
    let text = if error.raw_os_error() == Some(0) { "none".to_owned() } else { error.to_string() };
    (errno, text.rsplit_once(" (os error").map_or(text.clone(), |(head, _)| head.to_owned()))
}

impl<C, W: Watcher> Session<C, W> {
    pub(super) fn log_failure(
        &mut self,
        now: Instant,
        addr: SocketAddr,
        failure: Failure,
        code: Code,
        error: &io::Error,
        hint: &str,
    ) {
        // divergence: After 20 failed attempts in a row one in ten is logged. After stock's words the line has the
        // attempt's number and kind, the policy's levels and the pause.
        let Some(omitted) = self.failure_log.admit() else { return };
        let kind = match failure {
            Failure::Refused => "refused",
            Failure::Local => "local fault",
            Failure::ConnectTimeout => "connect timeout",
            Failure::Closed => "closed early",
            Failure::HandshakeTimeout => "handshake timeout",
            Failure::Tls => "TLS",
        };
        let (level, attempt) = (self.backoff.level(), self.failure_log.attempts);
        let pause = self.plan.not_before.saturating_duration_since(now).as_millis();
        let details = format_args!(
            "attempt {attempt} failed ({kind}), availability level {}, congestion level {}, next attempt in \
             {pause}ms{omitted}; {}",
            level.availability,
            level.congestion,
            self.backoff.decision(),
        );
        let what = words(failure, error);
        match failure {
            Failure::ConnectTimeout | Failure::HandshakeTimeout => {
                let late = self.late_by(now).as_millis();
                let what = format_args!("connection to {addr} timed out (exceeded timeout by {late}ms); {details}");
                log_socket_error(Place::Interest, addr, code, error, what);
            }
            // The server's answer, or something on this host that SASL needs, could not be used: the error says why.
            Failure::Local | Failure::Closed if error.kind() == io::ErrorKind::InvalidData => {
                let none = io::Error::from_raw_os_error(0);
                log_socket_error(Place::CheckEvents, addr, code, &none, format_args!("{error}; {details}"));
            }
            Failure::Local => log_socket_error(Place::Interest, addr, code, error, format_args!("{what}; {details}")),
            // Stock names no reason, only that there was an error.
            Failure::Tls => log::error!(
                target: "check_events",
                "Socket {addr} zk retcode={}, errno=0(Success): {what}: {error}; {details}",
                code.to_i32()
            ),
            Failure::Refused | Failure::Closed => {
                log_socket_error(Place::CheckEvents, addr, code, error, format_args!("{what}; {details}{hint}"));
            }
        }
        if self.servers.is_sweep_end() {
            log::warn!(
                target: "zookeeper_interest",
                "Delaying connection after exhaustively trying all servers [{}]",
                self.servers.hosts().text()
            );
        }
    }

    /// A hint for the operator after the server has ended a connection before there was a session: when TLS is set up
    /// on one side only, this is the only symptom. Must be called before the link is dropped.
    pub(super) fn hint(&mut self, failure: Failure, error: &io::Error) -> String {
        if failure != Failure::Closed || !is_end(error) {
            return String::new();
        }
        if let Some(inner) = error.get_ref() {
            // The text of TLS about an end during its handshake.
            return format!(" ({inner})");
        }
        match self.link {
            Link::Authenticating { .. } => " (during SASL authentication: the server's log has the reason)".to_owned(),
            Link::Handshaking { .. } if self.config.tls && self.stats.established == 0 => {
                " (right after TLS: a server without a quorum, or one that does not accept the client's certificate)"
                    .to_owned()
            }
            Link::Handshaking { .. } if !self.config.tls => {
                self.failure_log.silent = self.failure_log.silent.saturating_add(1);
                // A client that had a session is on the right port, unless the servers were changed.
                let is_new = self.stats.established == 0;
                if !is_new && self.failure_log.silent < FailureLogLimiter::SILENT {
                    return String::new();
                }
                " (a server without a quorum, or a secure port? this client does not use TLS: see ZOO_TLS)".to_owned()
            }
            _ => String::new(),
        }
    }

    /// How late the timer that is being handled was found.
    pub(super) fn late_by(&self, now: Instant) -> Duration {
        self.timers.handled.map_or(Duration::ZERO, |due| now.saturating_duration_since(due))
    }

    /// The address for log lines about requests, as in stock's.
    pub(super) fn shown_server(&self) -> String {
        let addr = self.link.address().or_else(|| self.servers.current());
        addr.map_or_else(|| ":0".to_owned(), |addr| addr.to_string())
    }
}
