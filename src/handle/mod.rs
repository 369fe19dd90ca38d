//! One handle: the session and everything that must be consistent with it, behind one lock. Owns the lock and its API;
//! knows no C pointer, and of the connection only how to send and receive.
//!
//! | thread | sends | receives |
//! |---|---|---|
//! | I/O thread | whenever there is something | whenever no lease is out |
//! | caller that waits for its reply | when the I/O thread sleeps with nothing to send | with a [`lease`], when its request is the only one |
//! | caller of an asynchronous function | when its request is the only one | never |
//!
//! The thread that holds `sending` sends, the thread that holds `receiver` receives. Locks are taken in the order `sending` or
//! `receiver`, `inner`, the completion queue; a thread that holds `inner` only tries `sending`. None is held while a thread
//! waits or while a callback runs.
mod client_id;
mod close;
mod history;
mod lease;
mod outputs;
mod published;
mod pump;
mod send;
mod wake;

use crate::dispatch::Queue;
use crate::io::receiver::{ReadOutcome, Receiver};
use crate::io::resolver::Resolved;
use crate::io::security::Security;
use crate::io::transport::Transport;
use crate::observe::logging::{self, Sink};
use crate::sys::lock::{Mutex, MutexGuard};
use crate::sys::net::Waker;
use crate::sys::priority::Rank;
use crate::sys::process;
use crate::sys::signals::BlockedSignals;
use crate::sys::sync::thread::{JoinHandle, ThreadId};
use crate::sys::thread_end::ThreadEnd;
use client_id::SharedClientId;
pub(crate) use history::recall;
use lease::Leases;
use published::Published;
use pump::Pump;
pub(crate) use pump::{Place, Turn};
use send::SendQueue;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use wake::Sleep;
use zk_core::code::Code;
use zk_core::frames::Frame;
use zk_core::session::{Input, Output, Session, Watcher};
use zk_secure::tls::{Connection, Failure};

/// The receiver of a reply.
pub(crate) trait Completion: Send + Sized + 'static {
    /// Whether it takes its result on any thread, without the queue of callbacks.
    fn is_direct(&self) -> bool;
    /// Takes the result.
    fn finish(self, result: Result<Frame, Code>);
}

pub(crate) struct Threads {
    pub(crate) driver: JoinHandle<()>,
    pub(crate) dispatcher: JoinHandle<()>,
}

/// How long buffers stay large after a burst.
const TRIM_INTERVAL: Duration = Duration::from_secs(1);

struct Inner<C, W> {
    /// On the heap: it is large, and moving it would need the stack of the thread that opens a handle.
    session: Box<Session<C, W>>,
    /// The connection, once the first attempt has begun.
    transport: Option<Arc<Transport>>,
    /// The session's outputs for the I/O thread.
    io_outputs: VecDeque<Output<C, W>>,
    leases: Leases,
    /// Whether the I/O thread must read the socket without an event from the poll.
    must_read: bool,
    /// Whether a caller left bytes in `sending`.
    has_unsent: bool,
    sleep: Sleep,
    /// The I/O thread's rank, once it runs.
    rank: Option<Rank>,
    /// When buffers are to be trimmed.
    trim_at: Option<Instant>,
    /// The time when the clock was last read under this lock.
    clock: Instant,
    threads: Option<Threads>,
    dispatcher: Option<ThreadId>,
    stage: Stage,
}

/// How far the closing of the handle has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Open,
    /// The closing caller has taken over the connection, and the I/O thread ends.
    HandedOver,
    Closed,
}

/// A handle. `C` is the completion, `W` the watcher.
pub(crate) struct Handle<C, W> {
    inner: Mutex<Inner<C, W>>,
    sending: Mutex<SendQueue>,
    receiver: Mutex<Receiver>,
    /// `None` for a handle without threads.
    waker: Option<Waker>,
    /// Replaces the threads in a handle without threads.
    pump: Option<Pump<C, W>>,
    /// Set by a close that could take no lock, so that the I/O thread closes the session.
    close_requested: AtomicBool,
    /// Whether the application has called close.
    is_closed: AtomicBool,
    /// How the I/O thread has ended.
    io_end: ThreadEnd,
    pub(crate) queue: Queue<C, W>,
    pub(crate) published: Published,
    /// Where this handle's log lines go.
    pub(crate) sink: Arc<Sink>,
    pub(crate) client_id: SharedClientId,
    pub(crate) chroot: Vec<u8>,
    /// The security settings of connections; `None` for a handle without TLS and SASL.
    pub(crate) security: Option<Box<Security>>,
    /// The socket of the current connection, -1 for none; for information only.
    pub(crate) socket: AtomicI32,
    /// The fork generation of the process that owns the handle, see `sys::process`. A process that runs the loop of an
    /// inherited handle without threads takes it over.
    generation: AtomicU32,
}

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
    /// Without a `waker` the handle has no threads.
    pub(crate) fn new(
        session: Box<Session<C, W>>,
        waker: Option<Waker>,
        max_frame: usize,
        sink: Arc<Sink>,
        security: Option<Box<Security>>,
    ) -> Self {
        let client_id = SharedClientId::default();
        client_id.store(session.client_id());
        Handle {
            chroot: session.chroot().to_vec(),
            published: Published::new(&session),
            inner: Mutex::new(Inner {
                session,
                transport: None,
                io_outputs: VecDeque::new(),
                leases: Leases::default(),
                must_read: false,
                has_unsent: false,
                sleep: Sleep::default(),
                rank: None,
                trim_at: None,
                clock: Instant::now(),
                threads: None,
                dispatcher: None,
                stage: Stage::Open,
            }),
            sending: Mutex::new(SendQueue::default()),
            receiver: Mutex::new(Receiver::new(max_frame)),
            pump: waker.is_none().then(Pump::default),
            waker,
            close_requested: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            io_end: ThreadEnd::new(),
            queue: Queue::default(),
            sink,
            client_id,
            security,
            socket: AtomicI32::new(-1),
            generation: AtomicU32::new(process::generation()),
        }
    }

    /// Whether this is a handle without threads.
    pub(crate) fn is_pumped(&self) -> bool {
        self.pump.is_some()
    }

    /// Whether the handle's connection is that of another process, from which this one was forked.
    pub(crate) fn is_inherited(&self) -> bool {
        process::is_other(self.generation.load(Ordering::Relaxed))
    }

    /// Whether this process lacks the threads of the handle, because it was forked.
    pub(crate) fn is_orphaned(&self) -> bool {
        self.is_inherited() && !self.is_pumped()
    }

    /// Called when this process runs the loop of a handle without threads. A handle that was inherited by fork belongs
    /// to this process from then on, with its session. Returns whether this call took it over.
    // divergence: A forked child owns an inherited handle of the single-threaded library once it calls zookeeper_interest or zookeeper_process; before that its calls send nothing, and its zookeeper_close leaves the parent's session alone. On stock every call of the child writes to the parent's connection.
    pub(crate) fn adopt(&self) -> bool {
        let is_new = self.is_inherited();
        if is_new {
            self.generation.store(process::generation(), Ordering::Relaxed);
            self.separate();
        }
        is_new
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, Inner<C, W>> {
        self.inner.lock()
    }

    /// Runs `body` on the session and hands over the outputs. Log lines are written after the lock is released, because
    /// a log callback of the application may call the library.
    pub(crate) fn with<R>(&self, body: impl FnOnce(&mut Session<C, W>, Instant) -> R) -> R {
        self.with_inner(Inner::now, |inner, now| body(&mut inner.session, now))
    }

    /// [`with`](Self::with) for a request whose caller does not wait. When nothing else is in flight the calling thread
    /// sends the request, which costs it little more than waking the I/O thread would. With more in flight the I/O
    /// thread sends, because one write then takes all that has gathered.
    pub(crate) fn with_request<R>(&self, body: impl FnOnce(&mut Session<C, W>, Instant) -> R) -> R {
        // A signal that arrives during the write is delivered when the lock is released.
        let mut blocked = None;
        let clock = |inner: &mut Inner<C, W>| if self.is_pumped() { inner.now() } else { inner.now_or_almost() };
        self.with_inner(clock, |inner, now| {
            let result = body(&mut inner.session, now);
            let is_alone = inner.session.pending_len() == 1 && !self.is_pumped();
            if is_alone && inner.sendable().is_some() && !inner.is_outranked(now) {
                blocked = Some(BlockedSignals::new());
                self.send(inner, now);
            }
            result
        })
    }

    fn with_inner<R>(
        &self,
        clock: impl FnOnce(&mut Inner<C, W>) -> Instant,
        body: impl FnOnce(&mut Inner<C, W>, Instant) -> R,
    ) -> R {
        logging::deferred(|| {
            let mut inner = self.lock();
            let now = clock(&mut inner);
            let result = body(&mut inner, now);
            if self.is_pumped() && !self.is_inherited() {
                // No thread would be woken to send.
                self.send(&mut inner, now);
            }
            let post = self.drain_outputs(&mut inner);
            let wake = !self.is_pumped() && inner.take_wake();
            drop(inner);
            self.apply(post, wake);
            result
        })
    }

    /// Reads from the session. `body` must not cause outputs.
    pub(crate) fn peek<R>(&self, body: impl FnOnce(&Session<C, W>) -> R) -> R {
        body(&self.lock().session)
    }

    /// Gives the session an input.
    pub(crate) fn feed(&self, input: Input<'_>) {
        self.with(|session, now| session.handle(now, input));
    }

    /// [`feed`](Self::feed) on the I/O thread, which is awake and need not be woken.
    pub(crate) fn feed_awake(&self, input: Input<'_>) {
        self.with_inner(Inner::now, |inner, now| {
            inner.sleep.end();
            inner.session.handle(now, input);
        });
    }

    /// [`feed`](Self::feed) on a caller that reads this connection. Meanwhile the session may have left it and dialled
    /// another server, to which this input must not be attributed.
    fn feed_from(&self, transport: &Arc<Transport>, input: Input<'_>) {
        self.with_inner(Inner::now, |inner, now| {
            if inner.transport.as_ref().is_some_and(|current| Arc::ptr_eq(current, transport)) {
                inner.session.handle(now, input);
            }
        });
    }

    /// Stores the addresses of each host, if TLS or SASL needs them.
    pub(crate) fn learn(&self, resolved: &Resolved) {
        if let Some(security) = &self.security {
            security.learn(resolved);
        }
    }

    /// TLS for a new connection to this server; `None` for a plain one.
    pub(crate) fn tls_to(&self, addr: SocketAddr) -> Result<Option<Box<Connection>>, Failure> {
        let Some(security) = &self.security else { return Ok(None) };
        let names = self.peek(|session| Arc::clone(session.hosts().names()));
        security.connect(addr, &names)
    }

    /// The names of the server at `addr` in the present list.
    pub(crate) fn names_of(&self, addr: SocketAddr) -> Vec<String> {
        let Some(security) = &self.security else { return Vec::new() };
        security.names(addr, &self.peek(|session| Arc::clone(session.hosts().names())))
    }

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

    fn plan_receiver_trim(&self, receiver: &Receiver) {
        if receiver.is_oversized() {
            self.lock().trim_at.get_or_insert_with(|| Instant::now() + TRIM_INTERVAL);
        }
    }

    /// Sends on the thread of a caller, if that is allowed.
    fn send(&self, inner: &mut Inner<C, W>, now: Instant) {
        let Some(transport) = inner.sendable().cloned() else { return };
        let Some(mut sending) = self.sending.try_lock() else { return };
        if !sending.is_empty() {
            return;
        }
        inner.resume_input();
        sending.refill(&mut inner.session, now);
        // The I/O thread meets the error again, and handles it.
        let is_sent = sending.write(&transport).unwrap_or(false);
        inner.has_unsent |= !is_sent;
    }

    pub(crate) fn set_threads(&self, threads: Threads) {
        let mut inner = self.lock();
        inner.dispatcher = Some(threads.dispatcher.thread().id());
        inner.threads = Some(threads);
    }
}

impl<C, W: Watcher> Inner<C, W> {
    #[inline]
    fn now(&mut self) -> Instant {
        self.clock = Instant::now();
        self.clock
    }

    /// [`now`](Self::now) for a request that joins others in flight. While the I/O thread is awake it reads the clock
    /// all the time; another reading for each request would add a twentieth to the cost of a request in a wide window.
    #[inline]
    fn now_or_almost(&mut self) -> Instant {
        if !self.sleep.is_asleep() && self.session.is_streaming() { self.clock } else { self.now() }
    }

    /// The connection, if a caller's thread may send the session's bytes.
    fn sendable(&self) -> Option<&Arc<Transport>> {
        if !self.session.has_outgoing() || !self.sleep.is_asleep() || !self.io_outputs.is_empty() {
            return None;
        }
        if !(self.session.is_established() || self.session.is_closing()) {
            return None;
        }
        self.transport.as_ref()
    }

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

    /// Whether the calling thread ranks below the I/O thread. Such a thread may not run for a long time once its write
    /// has woken another thread, and must not hold a lock then: it neither sends nor receives.
    fn is_outranked(&self, now: Instant) -> bool {
        self.rank.is_some_and(|rank| Rank::current(now) < rank)
    }
}
