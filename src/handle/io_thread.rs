//! What the I/O thread does with a handle: its steps, what it sends and what it receives. Decides when buffers shrink
//! after a burst.
use super::send::{self, SendQueue};
use super::{Completion, Handle, Inner, Stage};
use crate::io::receiver::{ReadOutcome, Receiver};
use crate::io::transport::Transport;
use crate::observe::logging;
use crate::sys::priority::Rank;
use crate::sys::thread_end::ThreadEnd;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use zk_core::session::{Input, Output, Watcher};

/// How long buffers stay large after a burst.
const TRIM_INTERVAL: Duration = Duration::from_secs(1);

/// The work for one step of the I/O thread.
#[allow(clippy::struct_excessive_bools, reason = "they are independent")]
pub(crate) struct IoStep<C, W> {
    /// Outputs of the session for the I/O thread, in order.
    pub(crate) outputs: VecDeque<Output<C, W>>,
    /// Whether nothing is left but to sleep, until `deadline`.
    pub(crate) is_idle: bool,
    pub(crate) deadline: Option<Instant>,
    /// Whether the socket must be read.
    pub(crate) reads: bool,
    pub(crate) is_closing: bool,
    pub(crate) stage: Stage,
}

impl<C: Completion, W: Watcher + Send + 'static> Handle<C, W> {
    /// Called by the I/O thread when it begins.
    pub(crate) fn begin_io(&self) {
        self.lock().rank = Some(Rank::current(Instant::now()));
    }

    /// How the I/O thread ends.
    pub(crate) fn io_end(&self) -> &ThreadEnd {
        &self.io_end
    }

    /// The next step of the I/O thread. `is_blocked`: the connection takes no bytes at present.
    pub(crate) fn next_step(&self, is_blocked: bool) -> IoStep<C, W> {
        logging::deferred(|| {
            let mut sending = self.sending.lock();
            let mut inner = self.lock();
            let now = inner.now();
            if self.close_requested.swap(false, Ordering::Acquire) {
                inner.session.handle(now, Input::Close);
                // The threads end by themselves, as after a close in a callback.
                inner.threads = None;
            }
            // The application's loop must learn that its connection has ended before another one exists, however short
            // the pause is.
            let is_untold = self.is_pumped() && inner.session.has_ended() && !inner.session.is_closing();
            if !is_untold && inner.session.deadline().is_some_and(|deadline| deadline <= now) {
                inner.session.handle(now, Input::Timeout);
            }
            let post = self.drain_outputs(&mut inner);
            sending.refill(&mut inner.session, now);
            inner.has_unsent = false;
            let trims = inner.plan_trim(&mut sending, now);
            let outputs = std::mem::take(&mut inner.io_outputs);
            let is_revoked = inner.leases.revoke_expired(now);
            inner.resume_input();
            let reads = is_revoked | std::mem::take(&mut inner.must_read);
            let session_deadline = inner.session.deadline();
            let lease_deadline = inner.leases.deadline(now);
            let deadline = [session_deadline, lease_deadline, inner.trim_at].into_iter().flatten().min();
            let is_idle = outputs.is_empty() && (sending.is_empty() || is_blocked) && !reads;
            if is_idle && inner.stage == Stage::Open {
                inner.sleep.begin(deadline);
            } else {
                inner.sleep.end();
            }
            let step = IoStep {
                outputs,
                is_idle,
                deadline,
                reads,
                is_closing: inner.session.is_closing(),
                stage: inner.stage,
            };
            drop(inner);
            drop(sending);
            self.apply(post, false);
            if trims {
                self.receiver.lock().trim();
            }
            step
        })
    }

    /// Sends, on the I/O thread, the bytes that [`Handle::next_step`] took. Returns whether the queue is empty now.
    pub(crate) fn send_taken(&self, transport: &Transport) -> io::Result<bool> {
        self.sending.lock().write(transport)
    }

    /// Sets the connection of the I/O thread, which may be a mere attempt; `None` for no connection. Returns whether a
    /// caller has a lease on the previous one.
    pub(crate) fn attach(&self, transport: Option<&Arc<Transport>>) -> bool {
        let was_lent = {
            let mut sending = self.sending.lock();
            let mut inner = self.lock();
            inner.transport = transport.cloned();
            inner.must_read = false;
            sending.clear();
            inner.leases.reset()
        };
        self.receiver.lock().attach(transport.cloned());
        was_lent
    }

    /// Reads once, on the I/O thread; `None` when a borrower reads.
    pub(crate) fn receive(&self) -> Option<ReadOutcome> {
        {
            let mut inner = self.lock();
            // From here to the next sleep no lease is granted: its borrower would wait for data that is read here.
            inner.sleep.end();
            if inner.leases.is_out() {
                return None;
            }
        }
        Some(logging::deferred(|| {
            let mut receiver = self.receiver.lock();
            let outcome = receiver.read(|input| self.feed_awake(input));
            self.plan_receiver_trim(&receiver);
            outcome
        }))
    }

    /// On the I/O thread: reads what remains on a connection that cannot be written to any more, replies or the reason
    /// of the server. The end of the connection is not fed, because the failed write is.
    pub(crate) fn receive_rest(&self) {
        const READS_MAX: usize = 16;
        if self.lock().leases.is_out() {
            return;
        }
        logging::deferred(|| {
            let mut receiver = self.receiver.lock();
            for _ in 0..READS_MAX {
                let outcome = receiver.read(|input| {
                    if !matches!(input, Input::Disconnected(_)) {
                        self.feed_awake(input);
                    }
                });
                if outcome != ReadOutcome::More {
                    break;
                }
            }
        });
    }

    pub(super) fn plan_receiver_trim(&self, receiver: &Receiver) {
        if receiver.is_oversized() {
            self.lock().trim_at.get_or_insert_with(|| Instant::now() + TRIM_INTERVAL);
        }
    }
}

impl<C, W: Watcher> Inner<C, W> {
    /// Gives back the memory of a burst, [`TRIM_INTERVAL`] after it was noticed. Returns whether the receiver should
    /// trim too.
    fn plan_trim(&mut self, sending: &mut SendQueue, now: Instant) -> bool {
        let is_due = self.trim_at.is_some_and(|at| at <= now);
        if is_due {
            self.trim_at = None;
            sending.trim();
            self.session.trim(send::KEPT_MAX);
        }
        if self.trim_at.is_none() && (sending.is_oversized() || self.session.buffer_capacity() > send::KEPT_MAX) {
            self.trim_at = Some(now + TRIM_INTERVAL);
        }
        is_due
    }
}
