//! Credentials: sent on every connection, acknowledged once. Secrets are never logged.
use super::link::Death;
use super::timer_table::Timer;
use super::{Output, Session, Watcher};
use crate::code::Code;
use crate::frames::Frame;
use crate::jute::Put;
use crate::proto::{op, xid};
use crate::request::frame;
use std::collections::VecDeque;
use std::time::Instant;

struct Auth<C> {
    scheme: Vec<u8>,
    credentials: Option<Vec<u8>>,
    completion: Option<C>,
    /// When the application added it.
    submitted: Instant,
}

/// All credentials of a session.
pub(super) struct Credentials<C> {
    all: Vec<Auth<C>>,
    /// Indices of the credentials whose answer is due, in wire order.
    sent: VecDeque<usize>,
}

impl<C> Default for Credentials<C> {
    fn default() -> Self {
        Credentials { all: Vec::new(), sent: VecDeque::new() }
    }
}

impl<C> Credentials<C> {
    fn put(&self, at: usize, out: &mut Vec<u8>) {
        let Some(auth) = self.all.get(at) else { return };
        frame(out, |out| {
            out.put_i32(xid::AUTH);
            out.put_i32(op::SET_AUTH);
            out.put_i32(0);
            out.put_buffer(Some(&auth.scheme));
            out.put_buffer(auth.credentials.as_deref());
        });
    }

    /// Whether no answer is due.
    pub(super) fn is_answered(&self) -> bool {
        self.sent.is_empty()
    }

    /// When the oldest credentials with an uncalled completion were added.
    pub(super) fn oldest_waiting(&self) -> Option<Instant> {
        self.all.iter().find(|auth| auth.completion.is_some()).map(|auth| auth.submitted)
    }

    /// Takes the completion of the oldest credentials that still have one, if they were added at or before `limit`. The
    /// credentials stay, and their answer is still due.
    pub(super) fn abandon_submitted_by(&mut self, limit: Instant) -> Option<C> {
        let auth = self.all.iter_mut().find(|auth| auth.completion.is_some()).filter(|auth| auth.submitted <= limit)?;
        auth.completion.take()
    }

    /// Takes the completions that have not been called.
    fn waiting(&mut self) -> impl Iterator<Item = C> + '_ {
        self.sent.clear();
        self.all.iter_mut().filter_map(|auth| auth.completion.take())
    }
}

impl<C, W: Watcher> Session<C, W> {
    /// Adds credentials. They are sent now if there is a session, and on every connection from now on; `completion` is
    /// delivered once, with the first answer or the first failure, or when the time limit of requests has passed, after
    /// which the credentials still count.
    pub fn add_auth(
        &mut self,
        now: Instant,
        scheme: &[u8],
        credentials: Option<&[u8]>,
        completion: Option<C>,
    ) -> Result<(), Code> {
        // divergence: zoo_add_auth is accepted between a failure and the next attempt, where stock returns
        // ZINVALIDSTATE: our pauses are longer, and a program that met no pause before should not get an error now.
        if self.is_unrecoverable() {
            return Err(Code::InvalidState);
        }
        let credentials = credentials.map(<[u8]>::to_vec);
        let auth = Auth { scheme: scheme.to_vec(), credentials, completion, submitted: now };
        self.credentials.all.push(auth);
        if self.request_timeout.is_some() && self.timers.get(Timer::Request).is_none() {
            self.arm_request_timeout();
        }
        if self.is_established() {
            let at = self.credentials.all.len() - 1;
            self.credentials.put(at, &mut self.outgoing);
            self.credentials.sent.push_back(at);
            log::debug!(target: "send_last_auth_info", "Sending auth info request to {}", self.shown_server());
        }
        Ok(())
    }

    /// Appends all credentials for a fresh connection, the latest first, as stock does.
    pub(super) fn put_credentials(&mut self) {
        self.credentials.sent.clear();
        if !self.credentials.all.is_empty() {
            log::debug!(target: "send_auth_info", "Sending all auth info request to {}", self.shown_server());
        }
        for at in (0..self.credentials.all.len()).rev() {
            self.credentials.put(at, &mut self.outgoing);
            self.credentials.sent.push_back(at);
        }
    }

    pub(super) fn fail_credentials(&mut self, code: Code) {
        for completion in self.credentials.waiting() {
            self.outputs.push_back(Output::Deliver(completion, Err(code)));
        }
    }

    pub(super) fn on_auth_answer(&mut self, now: Instant, err: Code) {
        let at = self.credentials.sent.pop_front();
        let auth = at.and_then(|at| self.credentials.all.get_mut(at));
        let scheme = auth.as_ref().map_or(String::new(), |auth| String::from_utf8_lossy(&auth.scheme).into_owned());
        if err == Code::Ok {
            log::info!(target: "auth_completion_func", "Authentication scheme {scheme} succeeded");
            if let Some(completion) = auth.and_then(|auth| auth.completion.take()) {
                self.outputs.push_back(Output::Deliver(completion, Ok(Frame::from(Vec::new()))));
            }
            return;
        }
        log::error!(
            target: "auth_completion_func",
            "Authentication scheme {scheme} failed. Connection closed. (code {})",
            err.to_i32()
        );
        self.fail_credentials(Code::AuthFailed);
        self.outputs.push_back(Output::Disconnect { reset: false });
        self.die(now, Death::AuthFailed, Code::AuthFailed);
    }
}
