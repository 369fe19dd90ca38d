//! TLS and SASL as scripted steps: the outcomes of handshakes, and the tokens of mechanisms. Nothing is encrypted; a
//! session sees phases that take time and end well or badly.
use super::{ClientNo, Happening, LinkNo, World};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;
use zk_core::session::{Exchange, Input, SaslFailure};

/// The course of one TLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// It succeeds after this time.
    Done(Duration),
    /// After this time the server closes the connection.
    Closed(Duration),
    /// After this time it fails for a reason that only an operator can remove.
    Refused(Duration),
    /// It succeeds after the first time, and after the second the server refuses the client's certificate, as with TLS
    /// 1.3.
    RefusedLater(Duration, Duration),
    /// The server never answers.
    Silent,
}

/// One step of a client's mechanism.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It has a token for the server.
    Send(Vec<u8>),
    /// It is through.
    Done,
    /// It fails, for good or temporarily.
    Fails {
        /// Whether another attempt would fail in the same way.
        is_final: bool,
    },
    /// It hangs, like a mechanism that asks an unreachable KDC.
    Hangs,
}

/// What happens to the clients whose `Config` asks for TLS or SASL; may be changed at any time. All clients take from
/// the front of the scripts; when these are empty, every handshake and mechanism succeeds.
#[derive(Clone, Debug)]
pub struct Secure {
    /// The outcomes of the next handshakes.
    pub handshakes: VecDeque<Handshake>,
    /// How long all further handshakes take.
    pub handshake_time: Duration,
    /// The next steps of mechanisms.
    pub steps: VecDeque<Step>,
    /// How long a step takes.
    pub step_time: Duration,
}

impl Default for Secure {
    fn default() -> Secure {
        Secure {
            handshakes: VecDeque::new(),
            handshake_time: Duration::from_millis(15),
            steps: VecDeque::new(),
            step_time: Duration::from_millis(1),
        }
    }
}

/// How a handshake ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Done,
    Closed,
    Refused,
}

impl World {
    /// Called when there is a TCP connection: bytes may flow at once, or after the TLS handshake.
    pub(super) fn accepted(&mut self, number: ClientNo, link: LinkNo) {
        if !self.clients.get(number).is_some_and(|client| client.is_secured) {
            return self.feed(number, Input::Connected);
        }
        let usual = Handshake::Done(self.secure.handshake_time);
        let handshake = self.secure.handshakes.pop_front().unwrap_or(usual);
        let mut ending = |after, ending| {
            let when = self.now + after;
            self.schedule(when, Happening::Secured(number, link, ending));
        };
        match handshake {
            Handshake::Done(after) => ending(after, Ending::Done),
            Handshake::Closed(after) => ending(after, Ending::Closed),
            Handshake::Refused(after) => ending(after, Ending::Refused),
            Handshake::RefusedLater(after, later) => {
                ending(after, Ending::Done);
                ending(after + later, Ending::Refused);
            }
            Handshake::Silent => {}
        }
        self.feed(number, Input::TcpConnected);
    }

    pub(super) fn secured(&mut self, number: ClientNo, link: LinkNo, ending: Ending) {
        let Some(client) = self.clients.get(number).filter(|client| client.link == Some(link)) else { return };
        if let Some(until) = client.frozen_until {
            return self.schedule(until, Happening::Secured(number, link, ending));
        }
        self.feed(
            number,
            match ending {
                Ending::Done => Input::Connected,
                Ending::Closed => Input::Disconnected(io::ErrorKind::UnexpectedEof.into()),
                Ending::Refused => {
                    Input::TlsFailed(io::Error::other("the server does not accept the client certificate"))
                }
            },
        );
    }

    /// Gives the mechanism work: at the start, or with the server's answer. Without a script it sends an empty token,
    /// and is done when the server has answered.
    pub(super) fn advance_mechanism(&mut self, number: ClientNo, exchange: Exchange, is_start: bool) {
        let usual = if is_start { Step::Send(Vec::new()) } else { Step::Done };
        let step = self.secure.steps.pop_front().unwrap_or(usual);
        if step == Step::Hangs {
            return;
        }
        let when = self.now + self.secure.step_time;
        if let Some(client) = self.clients.get_mut(number) {
            client.said.push_back((exchange, step));
        }
        self.schedule(when, Happening::Mechanism(number));
    }

    /// Called when a step of a mechanism is done. Its connection may be gone, which the session recognises.
    pub(super) fn mechanism_says(&mut self, number: ClientNo) {
        let Some(client) = self.clients.get_mut(number) else { return };
        if let Some(until) = client.frozen_until {
            return self.schedule(until, Happening::Mechanism(number));
        }
        let Some((exchange, step)) = client.said.pop_front() else { return };
        let input = match step {
            Step::Send(token) => Input::SaslToken(exchange, token),
            Step::Done => Input::SaslDone(exchange),
            Step::Fails { is_final } => {
                Input::SaslFailed(exchange, SaslFailure { text: "scripted".to_owned(), is_final })
            }
            Step::Hangs => return,
        };
        self.feed(number, input);
    }
}
