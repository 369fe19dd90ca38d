//! The phases of an attempt that only a secured ensemble has: TLS before the handshake, SASL after it. The shell owns
//! TLS itself and the mechanisms; this file decides when they run, how long they may take, and what their end means.
use super::failure_log::{Place, log_socket_error};
use super::link::{Death, Link};
use super::timer_table::Timer;
use super::{Output, Session, Watcher};
use crate::backoff::Failure;
use crate::code::Code;
use crate::jute::{Put, Reader};
use crate::proto::{ReplyHeader, op};
use crate::request::frame;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

/// One run of SASL on one connection. A mechanism may take a long time; its result is dropped if its connection is gone
/// by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange(u64);

/// Why a mechanism failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslFailure {
    /// Mechanism and reason for the log, without secrets.
    pub text: String,
    /// Whether another attempt would fail in the same way: a wrong password, a server that cannot prove its identity.
    /// An expired ticket or an unreachable KDC is not final.
    pub is_final: bool,
}

impl<C, W: Watcher> Session<C, W> {
    /// The identity and mechanism of SASL for the log, without secrets.
    pub fn describe_sasl(&mut self, identity: String) {
        self.sasl_identity = Some(identity.into_boxed_str());
    }

    pub(super) fn on_tcp_connected(&mut self, now: Instant) {
        let Link::Connecting { addr, is_secured: true } = self.link else { return };
        self.link = Link::Securing { addr };
        // divergence: The TLS handshake must end within the time limit of the whole attempt, so a server that accepts and
        // never answers costs one attempt; stock's I/O thread waits for the handshake without a limit.
        self.timers.stop(Timer::Connect);
        self.note_received(now);
        log::debug!(target: "check_events", "TLS begins with {addr}");
    }

    pub(super) fn on_tls_failure(&mut self, now: Instant, error: &io::Error) {
        // With TLS 1.3 a server checks the client's certificate after the client considers the handshake complete.
        if matches!(self.link, Link::Securing { .. } | Link::Handshaking { .. }) {
            self.fail_attempt(now, Failure::Tls, Code::SslConnectionError, error);
        } else {
            // An alert on an established connection: the connection is lost, and the next attempt will get the reason.
            self.on_disconnected(now, error);
        }
    }

    /// Called when the session is confirmed: nothing but SASL is sent before SASL has ended.
    pub(super) fn start_sasl(&mut self, now: Instant, addr: SocketAddr, is_read_only: bool) {
        let exchange = Exchange(self.stats.attempts);
        self.link = Link::Authenticating { addr, is_read_only, exchange };
        self.timers.set(Timer::Handshake, now + self.plan.attempt_timeout);
        self.outputs.push_back(Output::SaslStart(exchange, addr));
    }

    pub(super) fn on_sasl_token(&mut self, of: Exchange, token: &[u8]) {
        if !self.is_authenticating(of) {
            return;
        }
        let xid = self.take_xid();
        frame(&mut self.outgoing, |out| {
            out.put_i32(xid);
            out.put_i32(op::SASL);
            out.put_buffer(Some(token));
        });
    }

    pub(super) fn on_sasl_answer(&mut self, now: Instant, exchange: Exchange, body: &[u8]) {
        let mut reader = Reader::new(body);
        let Ok(header) = ReplyHeader::read(&mut reader) else {
            return self.fail_authentication_attempt(now, "the server's SASL answer cannot be read");
        };
        match Code::from_i32(header.err) {
            Code::Ok => {}
            code @ (Code::AuthFailed | Code::SessionClosedRequireSaslAuth) => {
                let identity = self.sasl_identity.as_deref().map_or(String::new(), |identity| format!("{identity}: "));
                let text = format!("{identity}the server refused the credentials (code {})", code.to_i32());
                return self.on_sasl_failure(now, exchange, &SaslFailure { text, is_final: true });
            }
            code => {
                let text = format!("the server answered SASL with code {}", code.to_i32());
                return self.fail_authentication_attempt(now, &text);
            }
        }
        match reader.buffer() {
            Ok(token) => {
                let token = token.map(<[u8]>::to_vec);
                self.outputs.push_back(Output::SaslChallenge(exchange, token));
            }
            Err(_) => self.fail_authentication_attempt(now, "the server's SASL answer cannot be read"),
        }
    }

    pub(super) fn on_sasl_done(&mut self, now: Instant, of: Exchange) {
        if let Link::Authenticating { addr, is_read_only, exchange } = self.link
            && exchange == of
        {
            log::info!(target: "finalize_session_establishment", "SASL authentication succeeded with server {addr}");
            self.establish(now, addr, is_read_only);
        }
    }

    pub(super) fn on_sasl_failure(&mut self, now: Instant, of: Exchange, failure: &SaslFailure) {
        let Link::Authenticating { addr, exchange, .. } = self.link else { return };
        if exchange != of {
            return;
        }
        if !failure.is_final {
            let error = io::Error::new(io::ErrorKind::InvalidData, format!("SASL: {}", failure.text));
            // The server has done its part: the fault is on this host, or at its KDC.
            return self.fail_attempt(now, Failure::Local, Code::ConnectionLoss, &error);
        }
        // divergence: A SASL failure is logged with its reason, gives the session event ZOO_AUTH_FAILED_STATE, and
        // fails the waiting calls with ZAUTHFAILED; stock logs nothing and answers them when the handle is closed.
        let none = io::Error::from_raw_os_error(0);
        let what = format_args!("SASL authentication failed: {}. Connection closed.", failure.text);
        log_socket_error(Place::CheckEvents, addr, Code::AuthFailed, &none, what);
        self.outputs.push_back(Output::Disconnect { reset: false });
        self.fail_credentials(Code::AuthFailed);
        self.die(now, Death::AuthFailed, Code::AuthFailed);
    }

    fn fail_authentication_attempt(&mut self, now: Instant, text: &str) {
        let error = io::Error::new(io::ErrorKind::InvalidData, text);
        self.fail_attempt(now, Failure::Closed, Code::MarshallingError, &error);
    }

    fn is_authenticating(&self, of: Exchange) -> bool {
        matches!(self.link, Link::Authenticating { exchange, .. } if exchange == of)
    }
}
