//! The log lines of failed attempts and lost connections, and what keeps a long outage from filling the log.
use super::{Session, Watcher};
use crate::backoff::Failure;
use crate::code::Code;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

/// Keeps a long outage from filling the log: the first failures are logged one by one, then one in [`FailureLogLimiter::EVERY`].
#[derive(Debug, Default)]
pub(super) struct FailureLogLimiter {
    failures: u32,
}

impl FailureLogLimiter {
    const FIRST: u32 = 20;
    const EVERY: u32 = 10;

    /// Whether this failure is to be logged, with what is to be said of those that were not.
    pub(super) fn admit(&mut self) -> Option<String> {
        self.failures = self.failures.saturating_add(1);
        if self.failures <= FailureLogLimiter::FIRST {
            return Some(String::new());
        }
        let due = (self.failures - FailureLogLimiter::FIRST).is_multiple_of(FailureLogLimiter::EVERY);
        due.then(|| format!(" ({} similar failures not logged)", FailureLogLimiter::EVERY - 1))
    }
}

/// The system's text for an error, without Rust's number behind it.
pub(super) fn text_of(error: &io::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" (os error").map_or(text.clone(), |(head, _)| head.to_owned())
}

impl<C, W: Watcher> Session<C, W> {
    pub(super) fn log_failure(
        &mut self,
        now: Instant,
        addr: SocketAddr,
        failure: Failure,
        code: Code,
        error: &io::Error,
    ) {
        // divergence: A failed attempt is one log line, with its kind, the policy's levels and the pause; after 20 in a row
        // one in ten is logged. Stock writes several lines an attempt.
        let Some(omitted) = self.failure_log.admit() else { return };
        let (what, kind) = match failure {
            Failure::Refused => ("server refused to accept the client", "refused"),
            Failure::ConnectTimeout => ("no TCP connection in time", "connect timeout"),
            Failure::Closed => ("server closed the connection before it confirmed a session", "closed early"),
            Failure::HandshakeTimeout => ("server confirmed no session in time", "handshake timeout"),
        };
        let level = self.backoff.level();
        let pause = self.plan.not_before.saturating_duration_since(now).as_millis();
        // Stock's words for a pass that found no server, so that what looks for them still finds them.
        let delaying = if self.servers.is_sweep_end() {
            format!("; Delaying connection after exhaustively trying all servers [{}]", self.servers.hosts().text())
        } else {
            String::new()
        };
        log::error!(
            "Socket {addr} zk retcode={}, errno={}({}): {what}; attempt {} failed ({kind}), availability level {}, \
             congestion level {}, next attempt in {pause}ms{delaying}{omitted}",
            code.to_i32(),
            error.raw_os_error().unwrap_or(0),
            text_of(error),
            self.stats.attempts,
            level.availability,
            level.congestion,
        );
    }
}
