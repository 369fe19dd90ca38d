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
mod io_thread;
mod lease;
mod outputs;
mod own_watch;
mod published;
mod pump;
mod send;
mod wake;

use crate::dispatch::Queue;
use crate::io::receiver::Receiver;
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
pub(crate) use own_watch::OwnWatch;
use published::Published;
use pump::Pump;
pub(crate) use pump::{Place, Turn};
use send::SendQueue;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::time::Instant;
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
    /// Whether the waker has failed, which is logged once.
    has_failed_wake: AtomicBool,
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
    /// What the session's default watcher stands for; it lives as long as the session.
    pub(crate) own_watch: Arc<OwnWatch>,
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

impl<C: Completion, W: Watcher + Send + 'static> Handle<C, W> {
    /// Without a `waker` the handle has no threads.
    pub(crate) fn new(
        session: Box<Session<C, W>>,
        own_watch: Arc<OwnWatch>,
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
            own_watch,
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
            has_failed_wake: AtomicBool::new(false),
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

    /// [`peek`](Self::peek) in a forked child. `None` where a thread of the parent held the handle's lock at the fork.
    pub(crate) fn peek_in_child<R>(&self, body: impl FnOnce(&Session<C, W>) -> R) -> Option<R> {
        self.inner.try_lock().map(|inner| body(&inner.session))
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

    /// Whether the calling thread ranks below the I/O thread. Such a thread may not run for a long time once its write
    /// has woken another thread, and must not hold a lock then: it neither sends nor receives.
    fn is_outranked(&self, now: Instant) -> bool {
        self.rank.is_some_and(|rank| Rank::current(now) < rank)
    }
}
