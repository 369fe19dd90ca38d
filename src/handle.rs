//! One handle: the session behind one lock, and everything that must agree on it. Owns the lock and what happens when
//! it is let go; knows no socket and no C pointer.
use crate::dispatch::{Item, Queue};
use crate::logging::{self, Sink};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{JoinHandle, ThreadId};
use std::time::Instant;
use zk_core::backoff::{History, Memory};
use zk_core::code::Code;
use zk_core::frames::Frame;
use zk_core::servers::HostPort;
use zk_core::session::{ClientId, Input, Output, Session, Watcher};

/// What waits for a reply.
pub(crate) trait Completion: Send + Sized + 'static {
    /// Whether it takes its result on whatever thread has it, rather than in the queue of callbacks.
    fn is_direct(&self) -> bool;
    /// Takes the result.
    fn finish(self, result: Result<Frame, Code>);
}

/// A command from the session to the I/O thread.
#[derive(Debug)]
pub(crate) enum Command {
    Resolve,
    Connect(SocketAddr),
    Probe(SocketAddr),
    Disconnect { reset: bool },
}

/// The reconnect memory of this process.
static HISTORY: Mutex<Option<History>> = Mutex::new(None);

/// Uses the memory. It is never waited for: in a forked child the lock may have been taken by a thread that is not there,
/// and to forget costs little.
fn with_history<R>(body: impl FnOnce(&mut History) -> R) -> Option<R> {
    const TRIES: u32 = 100;
    for _ in 0..TRIES {
        match HISTORY.try_lock() {
            Ok(mut history) => return Some(body(history.get_or_insert_with(History::new))),
            Err(TryLockError::Poisoned(broken)) => {
                return Some(body(broken.into_inner().get_or_insert_with(History::new)));
            }
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    }
    None
}

/// What earlier handles learned about these servers.
pub(crate) fn recall(servers: &[HostPort], now: Instant) -> Option<Memory> {
    with_history(|history| history.get(servers, now)).flatten()
}

/// A session's identity in the layout of C's `clientid_t`, so that a pointer to it can be given out once and stays true.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct SharedClientId {
    id: AtomicI64,
    password: [AtomicU8; 16],
}

impl SharedClientId {
    fn store(&self, client_id: ClientId) {
        self.id.store(client_id.id, Ordering::Relaxed);
        for (place, byte) in self.password.iter().zip(client_id.password) {
            place.store(byte, Ordering::Relaxed);
        }
    }
}

pub(crate) struct Threads {
    pub(crate) driver: JoinHandle<()>,
    pub(crate) dispatcher: JoinHandle<()>,
}

struct Inner<C, W> {
    session: Session<C, W>,
    servers: Vec<HostPort>,
    commands: VecDeque<Command>,
    /// Whether the I/O thread sleeps, and until when.
    asleep: bool,
    wake_at: Option<Instant>,
    threads: Option<Threads>,
    dispatcher: Option<ThreadId>,
    closed: bool,
}

/// A handle. `C` is the completion, `W` the watcher.
pub(crate) struct Handle<C, W> {
    inner: Mutex<Inner<C, W>>,
    waker: mio::Waker,
    pub(crate) queue: Queue<C, W>,
    /// Where this handle's log lines go.
    pub(crate) sink: Arc<Sink>,
    pub(crate) client_id: SharedClientId,
    pub(crate) chroot: Vec<u8>,
    /// The socket of the current connection, -1 for none; for information only.
    pub(crate) socket: AtomicI32,
    /// Counts forks at the time of creation, see `ffi::process`.
    pub(crate) generation: u32,
}

/// What one turn of the I/O thread has to do.
pub(crate) struct Turn {
    pub(crate) commands: VecDeque<Command>,
    /// Whether nothing is left but to sleep, until then.
    pub(crate) idle: bool,
    pub(crate) deadline: Option<Instant>,
    pub(crate) closing: bool,
    pub(crate) closed: bool,
}

impl<C: Completion, W: Watcher + Send + 'static> Handle<C, W> {
    pub(crate) fn new(
        session: Session<C, W>,
        servers: Vec<HostPort>,
        waker: mio::Waker,
        sink: Arc<Sink>,
        generation: u32,
    ) -> Self {
        let client_id = SharedClientId::default();
        client_id.store(session.client_id());
        Handle {
            chroot: session.chroot().to_vec(),
            inner: Mutex::new(Inner {
                session,
                servers,
                commands: VecDeque::new(),
                asleep: false,
                wake_at: None,
                threads: None,
                dispatcher: None,
                closed: false,
            }),
            waker,
            queue: Queue::default(),
            sink,
            client_id,
            socket: AtomicI32::new(-1),
            generation,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<C, W>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `body` on the session and sees to what follows from it. Log lines are written after the lock is let go, as
    /// an application's log callback may call back.
    pub(crate) fn with<R>(&self, body: impl FnOnce(&mut Session<C, W>, Instant) -> R) -> R {
        self.with_inner(|inner, now| body(&mut inner.session, now))
    }

    fn with_inner<R>(&self, body: impl FnOnce(&mut Inner<C, W>, Instant) -> R) -> R {
        logging::deferred(|| {
            let mut inner = self.lock();
            let result = body(&mut inner, Instant::now());
            let mut after = After::default();
            self.settle(&mut inner, &mut after);
            let wake = inner.asleep && inner.has_work();
            if wake {
                inner.asleep = false;
            }
            drop(inner);
            self.finish(after, wake);
            result
        })
    }

    /// Reads something off the session; nothing may follow from it.
    pub(crate) fn peek<R>(&self, body: impl FnOnce(&Session<C, W>) -> R) -> R {
        body(&self.lock().session)
    }

    /// Tells the session what happened.
    pub(crate) fn feed(&self, input: Input<'_>) {
        self.with(|session, now| session.handle(now, input));
    }

    /// The same from the I/O thread, which is awake and need not be woken.
    pub(crate) fn feed_awake(&self, input: Input<'_>) {
        self.with_inner(|inner, now| {
            inner.asleep = false;
            inner.session.handle(now, input);
        });
    }

    /// One turn of the I/O thread: what is to be done, and the bytes to send if `out` is empty.
    pub(crate) fn turn(&self, out: &mut Vec<u8>, blocked: bool) -> Turn {
        logging::deferred(|| {
            let mut inner = self.lock();
            let mut after = After::default();
            let now = Instant::now();
            if inner.session.deadline().is_some_and(|deadline| deadline <= now) {
                inner.session.handle(now, Input::Timeout);
                self.settle(&mut inner, &mut after);
            }
            let commands = std::mem::take(&mut inner.commands);
            if out.is_empty() {
                inner.session.take_outgoing(now, out);
            }
            let idle = commands.is_empty() && (out.is_empty() || blocked);
            inner.asleep = idle;
            inner.wake_at = inner.session.deadline();
            let turn = Turn {
                commands,
                idle,
                deadline: inner.wake_at,
                closing: inner.session.is_closing(),
                closed: inner.closed,
            };
            drop(inner);
            self.finish(after, false);
            turn
        })
    }

    /// Carries out what the session wants, as far as that does not take the I/O thread. The queue is filled under the
    /// lock, which is what keeps the order.
    fn settle(&self, inner: &mut Inner<C, W>, after: &mut After<C>) {
        while let Some(output) = inner.session.poll() {
            match output {
                Output::Deliver(completion, result) if completion.is_direct() => {
                    after.direct.push((completion, result));
                }
                Output::Deliver(completion, result) => {
                    after.notify |= self.queue.push(Item::Deliver(completion, result));
                }
                Output::Notify(event) => {
                    self.client_id.store(inner.session.client_id());
                    after.notify |= self.queue.push(Item::Notify(event));
                }
                Output::Resolve => inner.commands.push_back(Command::Resolve),
                Output::Connect(addr) => inner.commands.push_back(Command::Connect(addr)),
                Output::Probe(addr) => inner.commands.push_back(Command::Probe(addr)),
                Output::Disconnect { reset } => inner.commands.push_back(Command::Disconnect { reset }),
                Output::Remember(memory) => {
                    with_history(|history| history.put(&inner.servers, memory));
                }
                Output::Closed => {
                    inner.closed = true;
                    after.notify |= self.queue.push(Item::Stop);
                }
            }
        }
    }

    fn finish(&self, after: After<C>, wake: bool) {
        if after.notify {
            self.queue.notify();
        }
        for (completion, result) in after.direct {
            completion.finish(result);
        }
        if wake && let Err(error) = self.waker.wake() {
            log::error!("cannot wake the I/O thread: {error}");
        }
    }

    /// Takes a new server list: resolved, and the names it came from.
    pub(crate) fn set_servers(&self, servers: Vec<HostPort>, input: Input<'_>) {
        self.lock().servers = servers;
        self.feed(input);
    }

    /// The names of the server list.
    pub(crate) fn servers(&self) -> Vec<HostPort> {
        self.lock().servers.clone()
    }

    pub(crate) fn set_threads(&self, threads: Threads) {
        let mut inner = self.lock();
        inner.dispatcher = Some(threads.dispatcher.thread().id());
        inner.threads = Some(threads);
    }

    /// Closes the session. Returns when the threads have ended and every callback has returned; from a callback of this
    /// handle it returns at once, and the rest happens when that callback returns.
    pub(crate) fn close(&self) {
        self.feed(Input::Close);
        let (threads, dispatcher) = {
            let mut inner = self.lock();
            (inner.threads.take(), inner.dispatcher)
        };
        let Some(threads) = threads else { return };
        if dispatcher == Some(std::thread::current().id()) {
            return;
        }
        let join = |thread: JoinHandle<()>| {
            if thread.join().is_err() {
                log::error!("a thread of this handle ended by a panic");
            }
        };
        join(threads.driver);
        if self.queue.wait_for_end() {
            join(threads.dispatcher);
        } else {
            log::error!("a callback of this handle has ended its thread; what was to be called after it never was");
        }
    }
}

impl<C, W: Watcher> Inner<C, W> {
    fn has_work(&self) -> bool {
        if self.session.has_outgoing() || !self.commands.is_empty() || self.closed {
            return true;
        }
        match (self.session.deadline(), self.wake_at) {
            (Some(deadline), Some(wake_at)) => deadline < wake_at,
            (deadline, None) => deadline.is_some(),
            (None, Some(_)) => false,
        }
    }
}

/// What is left to do when the lock has been let go.
struct After<C> {
    direct: Vec<(C, Result<Frame, Code>)>,
    notify: bool,
}

impl<C> Default for After<C> {
    fn default() -> Self {
        After { direct: Vec::new(), notify: false }
    }
}
