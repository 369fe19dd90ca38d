//! The application's requests: encoding into the outgoing bytes, and the queue of their completions.
use super::timer_table::Timer;
use super::{Output, Session, Watcher};
use crate::code::Code;
use crate::frames::Frame;
use crate::jute::Put;
use crate::limits;
use crate::path::below_chroot;
use crate::pending::Entry;
use crate::proto::{op, xid};
use crate::request::{Request, WatchChange, frame};
use crate::watches::{Removal, WatchKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

impl<C, W: Watcher> Session<C, W> {
    /// Accepts a request. On an error the request is not accepted and `completion` is dropped: the error is the answer.
    ///
    /// Errors: those of [`Request::encode`]; `InvalidState` when the session is over; `NoWatcher` when there are no
    /// watches to remove; `MarshallingError` when the request is longer than [`limits::REQUEST`], or more than
    /// [`limits::QUEUED`] bytes are already queued.
    pub fn submit(&mut self, now: Instant, request: &Request<'_, W>, completion: C) -> Result<(), Code> {
        let established = self.is_established();
        let is_shared = self.shares_watch(request);
        let out = if established { &mut self.outgoing } else { &mut self.queued };
        let start = out.len();
        if request.payload_len() > limits::REQUEST || start > limits::QUEUED {
            return Err(if self.is_unrecoverable() { Code::InvalidState } else { Code::MarshallingError });
        }
        let change = request.encode_shared(self.next_xid, &self.config.chroot, is_shared, out)?;
        let len = out.len() - start;
        let refusal = if self.is_unrecoverable() {
            Some(Code::InvalidState)
        } else if let Some(WatchChange::Disarm(kind, path, watcher)) = change.as_deref() {
            // Servers before 3.9 do not know the removal of persistent kinds: they are not asked when there is no such
            // watch. Nor are they asked to remove another kind where there is only a persistent watch, because they
            // would remove part of that.
            let is_asked = watcher.is_none()
                && match kind {
                    Removal::Any => true,
                    Removal::Children | Removal::Data => {
                        !self.watches.has(Removal::Persistent, path, None)
                            && !self.watches.has(Removal::Recursive, path, None)
                    }
                    Removal::Persistent | Removal::Recursive => false,
                };
            let found = is_asked || self.watches.has(*kind, path, watcher.as_ref());
            (!found).then_some(Code::NoWatcher)
        } else {
            None
        };
        let local = matches!(request, Request::RemoveWatches { local: true, .. });
        if refusal.is_some() || local {
            let out = if established { &mut self.outgoing } else { &mut self.queued };
            out.truncate(start);
        }
        if let Some(code) = refusal {
            return Err(code);
        }
        if local {
            if let Some(change) = change {
                self.apply(*change, Code::Ok);
            }
            self.outputs.push_back(Output::Deliver(completion, Ok(Frame::from(Vec::new()))));
            return Ok(());
        }
        let exists = matches!(request, Request::Exists { .. });
        let xid = self.take_xid();
        if log::log_enabled!(log::Level::Debug) {
            self.log_request(xid, request);
        }
        self.pending.push(Entry { xid, len, submitted: now, completion: Some(completion), change, exists });
        if self.request_timeout.is_some() && self.timers.get(Timer::Request).is_none() {
            self.arm_request_timeout();
        }
        if !established {
            self.arm_give_up();
        }
        Ok(())
    }

    /// Whether a request is about a path where the server is to hold one recursive watch for both persistent kinds.
    /// Servers before 3.9 keep one mode per path and session, so the kind that is added later would replace the other;
    /// the events of a recursive watch suffice for both.
    fn shares_watch(&self, request: &Request<'_, W>) -> bool {
        let (path, needs) = match request {
            Request::AddWatch { path, kind: WatchKind::Persistent, .. } => (path, &[WatchKind::Recursive][..]),
            Request::RemoveWatches { path, kind: Removal::Persistent | Removal::Recursive, local: false, .. } => {
                (path, &[WatchKind::Persistent, WatchKind::Recursive][..])
            }
            _ => return false,
        };
        let path = [self.config.chroot.as_slice(), below_chroot(&self.config.chroot, path)].concat();
        needs.iter().all(|kind| self.watches.stands(*kind, &path) || self.pending.leaves_watch(*kind, &path))
    }

    #[cold]
    fn log_request(&self, xid: i32, request: &Request<'_, W>) {
        let (function, server) = (request.function_name(), self.shown_server());
        let waits = if self.is_established() { "" } else { ", waits for a session" };
        match request {
            Request::Reconfig { .. } => {
                log::debug!(target: function, "Sending Reconfig request xid={xid:#x} to {server}{waits}");
            }
            Request::Multi(ops) => log::debug!(
                target: function,
                "Sending multi request xid={xid:#x} with {} subrequests to {server}{waits}",
                ops.len()
            ),
            Request::MultiRead(ops) => log::debug!(
                target: function,
                "Sending multi read request xid={xid:#x} with {} subrequests to {server}{waits}",
                ops.len()
            ),
            _ => {
                let path = String::from_utf8_lossy(request.path());
                log::debug!(target: function, "Sending request xid={xid:#x} for path [{path}] to {server}{waits}");
            }
        }
    }

    pub(super) fn take_xid(&mut self) -> i32 {
        let xid = self.next_xid;
        // Negative ids are the protocol's own, so the count starts again at 1.
        self.next_xid = xid.checked_add(1).unwrap_or(1);
        xid
    }

    pub(super) fn put_ping(&mut self) {
        put_header(&mut self.outgoing, xid::PING, op::PING);
    }

    pub(super) fn put_close(&mut self) -> i32 {
        let xid = self.take_xid();
        put_header(&mut self.outgoing, xid, op::CLOSE);
        xid
    }

    /// Re-arms all watches at `addr`. `SetWatches2` only when there is a persistent watch, since servers before 3.6
    /// answer it by closing the connection; a server that has just closed it gets `SetWatches`.
    pub(super) fn put_set_watches(&mut self, addr: SocketAddr) {
        self.watches.end_sharing();
        let refused = self.rearm_refused.iter().position(|known| *known == addr);
        if let Some(at) = refused {
            // Only once: next time the address may have a newer server.
            self.rearm_refused.swap_remove(at);
            log::error!(
                target: "send_set_watches",
                "server {addr} knows no persistent watches (it is older than 3.6); they are not re-armed there"
            );
        }
        let with_persistent = refused.is_none() && self.watches.has_persistent();
        let requests = self.watches.set_watches(self.last_zxid, with_persistent);
        if !requests.is_empty() {
            log::debug!(target: "send_set_watches", "Sending set watches request to {}", self.shown_server());
        }
        for body in requests {
            frame(&mut self.outgoing, |out| {
                out.put_i32(xid::SET_WATCHES);
                out.put_i32(if with_persistent { op::SET_WATCHES2 } else { op::SET_WATCHES });
                out.extend_from_slice(&body);
            });
        }
    }

    /// Moves the queued requests behind the first messages of the session.
    pub(super) fn put_queued(&mut self) {
        let waiting = self.queued.get(self.unsent..).unwrap_or_default();
        self.outgoing.extend_from_slice(waiting);
        self.queued = Vec::new();
        self.unsent = 0;
    }

    /// Fails all requests, sent or not.
    pub(super) fn fail_pending(&mut self, code: Code) {
        limits::drain(&mut self.queued);
        self.unsent = 0;
        while let Some(entry) = self.pending.pop() {
            self.fail(entry.completion, code);
        }
    }

    /// Fails the requests that were queued at or before `limit` and have not been sent.
    pub(super) fn fail_queued_by(&mut self, limit: Instant, code: Code) {
        debug_assert!(!self.is_established());
        while let Some(entry) = self.pending.pop_submitted_by(limit) {
            self.unsent += entry.len;
            self.fail(entry.completion, code);
        }
        if self.pending.is_empty() {
            limits::drain(&mut self.queued);
            self.unsent = 0;
        } else if self.unsent > self.queued.len() / 2 {
            self.queued.drain(..self.unsent);
            self.unsent = 0;
        }
    }

    fn fail(&mut self, completion: Option<C>, code: Code) {
        if let Some(completion) = completion {
            self.stats.failed += 1;
            self.outputs.push_back(Output::Deliver(completion, Err(code)));
        }
    }

    /// Changes the time limit of requests, those in flight included; `None` for no limit.
    pub fn set_request_timeout(&mut self, timeout: Option<Duration>) {
        self.request_timeout = timeout.map(|timeout| timeout.max(limits::LEAST_WAIT));
        self.arm_request_timeout();
    }

    /// Sets the deadline of the oldest request or credentials with a completion.
    pub(super) fn arm_request_timeout(&mut self) {
        let due = self.request_timeout.and_then(|timeout| {
            let oldest = [self.pending.oldest_waiting(), self.credentials.oldest_waiting()].into_iter().flatten().min();
            Some(oldest? + timeout)
        });
        self.timers.set(Timer::Request, due);
    }

    /// Completes the requests whose time has passed. A request that the server may have keeps its place, so that its
    /// late answer is recognised and dropped; the connection stays usable. A request that has not been sent is not sent
    /// any more. Credentials stay and are sent.
    pub(super) fn on_request_timeout(&mut self, now: Instant) {
        let Some(limit) = self.request_timeout.and_then(|timeout| now.checked_sub(timeout)) else { return };
        if self.is_established() {
            while let Some(completion) = self.pending.abandon_submitted_by(limit) {
                self.fail(Some(completion), Code::RequestTimeout);
            }
        } else if !self.is_closing() {
            self.fail_queued_by(limit, Code::RequestTimeout);
        }
        while let Some(completion) = self.credentials.abandon_submitted_by(limit) {
            self.outputs.push_back(Output::Deliver(completion, Err(Code::RequestTimeout)));
        }
        self.arm_request_timeout();
    }

    /// Changes the watch registry after a successful answer.
    pub(super) fn apply(&mut self, change: WatchChange<W>, err: Code) {
        match change {
            WatchChange::Arm(kind, path, watcher) => {
                use WatchKind::{Data, Exist};
                // An existing node is watched for its data, a missing one for its creation.
                let kind = if kind == Exist && err == Code::Ok { Data } else { kind };
                self.watches.arm(kind, path, watcher);
            }
            WatchChange::ArmShared(path, watcher) => {
                self.watches.arm(WatchKind::Persistent, path.clone(), watcher);
                self.watches.share(&path);
            }
            WatchChange::Disarm(kind, path, watcher) => self.watches.disarm(kind, &path, watcher.as_ref()),
        }
    }

    /// [`apply`](Self::apply) for an answer after the request's time limit. The caller may have freed the watcher's
    /// context, so no watcher is armed. The server's watch exists, and watches that it removed are gone.
    pub(super) fn apply_late(&mut self, change: WatchChange<W>, err: Code) {
        match change {
            WatchChange::Arm(WatchKind::Recursive, path, _) | WatchChange::ArmShared(path, _) => {
                self.watches.share(&path);
            }
            WatchChange::Arm(..) => {}
            WatchChange::Disarm(..) => self.apply(change, err),
        }
    }
}

fn put_header(out: &mut Vec<u8>, xid: i32, kind: i32) {
    frame(out, |out| {
        out.put_i32(xid);
        out.put_i32(kind);
    });
}
