//! One handle: the session behind one lock, and everything that must agree on it. Owns the lock and what happens when
//! it is let go; knows no C pointer, and of the connection only how to send and receive.
//!
//! As a rule the I/O thread does both. A caller may do it in its place, which saves waking threads: one that waits for its
//! reply anyway sends when the I/O thread sleeps with nothing to send, and receives when its request is the only one in
//! flight; one that goes on sends when its request is the only one. Whoever holds `inner` sends, whoever holds `receiver`
//! receives.
mod client_id;
mod closing;
mod history;

use crate::dispatch::Queue;
use crate::io::receiver::{Got, Receiver};
use crate::io::transport::Transport;
use crate::observe::logging::{self, Sink};
use crate::sys::net::Waker;
use crate::sys::sync::thread::{JoinHandle, ThreadId};
use crate::sys::sync::{Mutex, MutexGuard};
use client_id::SharedClientId;
pub(crate) use history::recall;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::AtomicI32;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use zk_core::code::Code;
use zk_core::frames::Frame;
use zk_core::servers::Lookup;
use zk_core::session::{Input, Output, Session, Watcher};

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
    Resolve(Lookup),
    Connect(SocketAddr),
    Probe(SocketAddr),
    Disconnect { reset: bool },
}

pub(crate) struct Threads {
    pub(crate) driver: JoinHandle<()>,
    pub(crate) dispatcher: JoinHandle<()>,
}

/// How long a caller receives in the place of the I/O thread. Bounds how late it notices what only that thread can tell
/// it; after a longer wait two threads woken do not matter.
const RECEIVE: Duration = Duration::from_millis(20);

struct Inner<C, W> {
    session: Session<C, W>,
    /// The connection, once there is an attempt at one.
    transport: Option<Arc<Transport>>,
    /// Whether the I/O thread holds bytes that the socket did not take.
    backlog: bool,
    /// What a caller could not send; goes before all else.
    unsent: Vec<u8>,
    /// An empty buffer for callers to send from.
    spare: Vec<u8>,
    commands: VecDeque<Command>,
    /// Whether the I/O thread sleeps, and until when.
    asleep: bool,
    wake_at: Option<Instant>,
    threads: Option<Threads>,
    dispatcher: Option<ThreadId>,
    stage: Stage,
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Open,
    /// A caller that closes sees to the connection, and the I/O thread ends.
    HandedOver,
    Closed,
}

/// A handle. `C` is the completion, `W` the watcher.
pub(crate) struct Handle<C, W> {
    inner: Mutex<Inner<C, W>>,
    receiver: Mutex<Receiver>,
    waker: Waker,
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
    pub(crate) stage: Stage,
}

impl<C: Completion, W: Watcher + Send + 'static> Handle<C, W> {
    pub(crate) fn new(
        session: Session<C, W>,
        waker: Waker,
        max_frame: usize,
        sink: Arc<Sink>,
        generation: u32,
    ) -> Self {
        let client_id = SharedClientId::default();
        client_id.store(session.client_id());
        Handle {
            chroot: session.chroot().to_vec(),
            inner: Mutex::new(Inner {
                session,
                transport: None,
                backlog: false,
                unsent: Vec::new(),
                spare: Vec::new(),
                commands: VecDeque::new(),
                asleep: false,
                wake_at: None,
                threads: None,
                dispatcher: None,
                stage: Stage::Open,
            }),
            receiver: Mutex::new(Receiver::new(max_frame)),
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

    /// The same for a request whose caller goes on. It is sent here and now when nothing else is in flight, which costs the
    /// caller little more than waking the I/O thread would; with more in flight that thread does better, as one write
    /// takes all that has gathered.
    pub(crate) fn with_request<R>(&self, body: impl FnOnce(&mut Session<C, W>, Instant) -> R) -> R {
        self.with_inner(|inner, now| {
            let result = body(&mut inner.session, now);
            if inner.session.pending_len() == 1 {
                inner.send(now);
            }
            result
        })
    }

    /// The same for a caller that will wait for the reply: it sends the request itself if it can. When it gets the
    /// connection back it has to receive the reply itself too, see [`Handle::receive_until`].
    pub(crate) fn with_waiting<R>(
        &self,
        body: impl FnOnce(&mut Session<C, W>, Instant) -> R,
    ) -> (R, Option<Arc<Transport>>) {
        self.with_inner(|inner, now| {
            let result = body(&mut inner.session, now);
            (result, inner.send_and_lend(now))
        })
    }

    fn with_inner<R>(&self, body: impl FnOnce(&mut Inner<C, W>, Instant) -> R) -> R {
        logging::deferred(|| {
            let mut inner = self.lock();
            let result = body(&mut inner, Instant::now());
            let after = self.settle(&mut inner);
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

    /// The same from a caller that reads this connection. The session may have left it meanwhile and dial another server
    /// already, which must not be blamed for what comes from this one.
    fn feed_from(&self, transport: &Arc<Transport>, input: Input<'_>) {
        self.with_inner(|inner, now| {
            if inner.transport.as_ref().is_some_and(|current| Arc::ptr_eq(current, transport)) {
                inner.session.handle(now, input);
            }
        });
    }

    /// One turn of the I/O thread: what is to be done, and the bytes to send if `out` is empty.
    pub(crate) fn turn(&self, out: &mut Vec<u8>, blocked: bool) -> Turn {
        logging::deferred(|| {
            let mut inner = self.lock();
            let mut after = None;
            let now = Instant::now();
            let mut deadline = inner.session.deadline();
            if deadline.is_some_and(|deadline| deadline <= now) {
                inner.session.handle(now, Input::Timeout);
                after = self.settle(&mut inner);
                deadline = inner.session.deadline();
            }
            let commands = std::mem::take(&mut inner.commands);
            if out.is_empty() {
                if inner.unsent.is_empty() {
                    inner.session.take_outgoing(now, out);
                } else {
                    std::mem::swap(&mut inner.unsent, out);
                }
            }
            inner.backlog = !out.is_empty();
            let idle = commands.is_empty() && (out.is_empty() || blocked);
            inner.asleep = idle && inner.stage == Stage::Open;
            // What is sent now puts it off only, and is followed by another turn.
            inner.wake_at = deadline;
            let turn = Turn { commands, idle, deadline, closing: inner.session.is_closing(), stage: inner.stage };
            drop(inner);
            self.finish(after, false);
            turn
        })
    }

    /// The I/O thread has a connection, or an attempt at one, or none any more. Returns when no caller receives from the
    /// one before.
    pub(crate) fn attach(&self, transport: Option<&Arc<Transport>>) {
        {
            let mut inner = self.lock();
            inner.transport = transport.cloned();
            inner.backlog = false;
            inner.unsent.clear();
        }
        self.receiver().attach(transport.cloned());
    }

    fn receiver(&self) -> MutexGuard<'_, Receiver> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads once, on the I/O thread.
    pub(crate) fn receive(&self) -> Got {
        logging::deferred(|| self.receiver().read(|input| self.feed_awake(input)))
    }

    /// Receives on the thread of a caller that the connection was lent to, until `done`, or something is the I/O thread's
    /// business, or it takes long; and gives it back.
    pub(crate) fn receive_until(&self, transport: &Arc<Transport>, done: impl Fn() -> bool) {
        // Deferred, as a log callback may call the library and wait for a reply that nobody would receive.
        logging::deferred(|| {
            let mut receiver = self.receiver();
            while !done() {
                let got = receiver.wait_and_read(transport, |input| self.feed_from(transport, input));
                if matches!(got, Got::Nothing | Got::End) {
                    break;
                }
            }
            // The I/O thread must find it free when it wakes.
            drop(receiver);
            if let Err(error) = transport.give_back() {
                log::error!("cannot wait for the socket: {error}");
            }
        });
    }

    /// Carries out what the session wants, as far as that does not take the I/O thread. The queue is filled under the
    /// lock, which is what keeps the order.
    #[inline]
    fn settle(&self, inner: &mut Inner<C, W>) -> Option<After<C>> {
        // Most calls only ask for something, and nothing follows yet.
        if inner.session.outputs().is_empty() { None } else { Some(self.carry_out(inner)) }
    }

    #[inline(never)]
    fn carry_out(&self, inner: &mut Inner<C, W>) -> After<C> {
        let mut after = After { direct: None, more: Vec::new(), notify: false };
        let mut queue = self.queue.adding();
        // A batch of replies goes over as it is; one by one they cost 120 instructions more each.
        let queued =
            |output: &Output<C, W>| matches!(output, Output::Deliver(completion, _) if !completion.is_direct());
        if inner.session.outputs().iter().all(queued) {
            queue.append(inner.session.outputs());
        }
        while let Some(output) = inner.session.poll() {
            match output {
                Output::Deliver(completion, result) if completion.is_direct() => {
                    after.finish_directly(completion, result);
                }
                Output::Deliver(..) | Output::Last => queue.push(output),
                Output::Notify(_) => {
                    self.client_id.store(inner.session.client_id());
                    queue.push(output);
                }
                Output::Resolve(lookup) => inner.commands.push_back(Command::Resolve(lookup)),
                Output::Connect(addr) => inner.commands.push_back(Command::Connect(addr)),
                Output::Probe(addr) => inner.commands.push_back(Command::Probe(addr)),
                // Only sessions with `Config::sasl` ask for it.
                Output::SaslStart(..) | Output::SaslChallenge(..) => {}
                Output::Disconnect { reset } => {
                    // What a caller still reads from it is nobody's business.
                    inner.transport = None;
                    inner.unsent.clear();
                    inner.commands.push_back(Command::Disconnect { reset });
                }
                Output::Remember(servers, memory) => history::remember(&servers, memory),
                Output::Closed => inner.stage = Stage::Closed,
            }
        }
        after.notify = queue.end();
        after
    }

    #[inline]
    fn finish(&self, after: Option<After<C>>, wake: bool) {
        if let Some(after) = after {
            self.hand_over(after);
        }
        if wake {
            self.wake();
        }
    }

    #[inline(never)]
    fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            log::error!("cannot wake the I/O thread: {error}");
        }
    }

    #[inline(never)]
    fn hand_over(&self, after: After<C>) {
        if after.notify {
            self.queue.notify();
        }
        for (completion, result) in after.direct.into_iter().chain(after.more) {
            completion.finish(result);
        }
    }

    pub(crate) fn set_threads(&self, threads: Threads) {
        let mut inner = self.lock();
        inner.dispatcher = Some(threads.dispatcher.thread().id());
        inner.threads = Some(threads);
    }
}

impl<C, W: Watcher> Inner<C, W> {
    /// The connection, if what there is to send may go out on the thread of a caller.
    fn sendable(&self) -> Option<&Arc<Transport>> {
        if !self.session.has_outgoing() || !self.asleep || self.backlog || !self.unsent.is_empty() {
            return None;
        }
        if !self.commands.is_empty() || !(self.session.is_established() || self.session.is_closing()) {
            return None;
        }
        self.transport.as_ref()
    }

    /// Sends on the thread of a caller, unless that is the I/O thread's business.
    fn send(&mut self, now: Instant) {
        let Some(transport) = self.sendable().cloned() else { return };
        let mut bytes = std::mem::take(&mut self.spare);
        self.session.take_outgoing(now, &mut bytes);
        // An error is found again by the I/O thread, which knows what to do.
        let sent = transport.write(&bytes).unwrap_or(0);
        if sent == bytes.len() {
            bytes.clear();
            self.spare = bytes;
        } else {
            bytes.drain(..sent);
            self.unsent = bytes;
        }
    }

    /// The same for a caller that waits. Lends it the connection when nothing else is in flight: before it sends, or the
    /// reply might wake the I/O thread.
    fn send_and_lend(&mut self, now: Instant) -> Option<Arc<Transport>> {
        let alone = self.session.pending_len() <= 1;
        let lent = self.sendable().filter(|transport| alone && transport.lend(RECEIVE)).cloned();
        self.send(now);
        lent
    }

    fn has_work(&self) -> bool {
        if self.session.has_outgoing()
            || !self.unsent.is_empty()
            || !self.commands.is_empty()
            || self.stage != Stage::Open
        {
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
    /// Results for those who wait, the first one without a list, as there is seldom more than one.
    direct: Option<(C, Result<Frame, Code>)>,
    more: Vec<(C, Result<Frame, Code>)>,
    notify: bool,
}

impl<C> After<C> {
    fn finish_directly(&mut self, completion: C, result: Result<Frame, Code>) {
        if self.direct.is_none() {
            self.direct = Some((completion, result));
        } else {
            self.more.push((completion, result));
        }
    }
}
