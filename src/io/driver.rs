//! The I/O thread: executes the session's outputs and gives it its inputs. Owns the poll loop and the connection;
//! decides nothing. Callers that wait for a reply may send and receive in its place, see `handle::lease`.
//!
//! [`Driver::step`] works without waiting and says what to wait for; [`Driver::run`] is the loop around it. A handle
//! without threads has the application's loop instead, see `handle::pump`.
mod turns;

use crate::handle::{Completion, Handle, Stage};
use crate::io::probe::Probe;
use crate::io::receiver::ReadOutcome;
use crate::io::resolver;
use crate::io::sasl::Conversation;
use crate::io::tls;
use crate::io::transport::{Progress, Transport};
use crate::sys::inherited::Unshared;
use crate::sys::net::{Events, Poll, Token, socket};
use crate::sys::signals;
use crate::sys::thread_end::EndGuard;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use zk_core::servers::Lookup;
use zk_core::session::{Input, Output, Watcher};

pub(crate) use turns::Watched;

pub(crate) const WAKE: Token = Token(0);
const SOCKET: Token = Token(1);
const PROBE: Token = Token(2);

/// Reads in a row before the session's timers are checked.
const READS_MAX: usize = 16;
/// Shortest time between two log lines about failed waits.
const WAIT_LOG_INTERVAL: Duration = Duration::from_secs(60);
/// Steps in a row before the socket is checked for input.
const STEPS_MAX: u32 = 4;

pub(crate) struct Driver<C, W> {
    handle: Arc<Handle<C, W>>,
    poll: Unshared<Poll>,
    transport: Option<Arc<Transport>>,
    probe: Option<Probe>,
    sasl: Option<Conversation>,
    /// Whether the socket may hold unread data.
    readable: bool,
    /// Whether the peer has ended its side.
    ended: bool,
    /// The lookup that a handle without threads is to make before its next attempt, and when it may.
    lookup: Option<Lookup>,
    may_look_up: Instant,
    /// When a failed wait may be logged.
    may_log_wait: Instant,
}

/// What to do after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Take another step: there may be more to do.
    Step,
    /// Wait for readiness, until the given time if there is one.
    Wait(Option<Instant>),
    /// The session is closed.
    End,
}

/// What has become ready.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Readiness {
    readable: bool,
    writable: bool,
    probe: bool,
}

impl<C: Completion, W: Watcher + Send + 'static> Driver<C, W> {
    pub(crate) fn new(handle: Arc<Handle<C, W>>, poll: Poll) -> Self {
        let now = Instant::now();
        Driver {
            handle,
            poll: Unshared::new(poll),
            transport: None,
            probe: None,
            sasl: None,
            readable: false,
            ended: false,
            lookup: None,
            may_look_up: now + turns::LOOKUP_INTERVAL,
            may_log_wait: now,
        }
    }

    /// Runs until the session is closed.
    pub(crate) fn run(mut self) {
        // A signal handler of the application must not run here: its calls would wait for this very thread.
        // divergence: The I/O thread blocks asynchronous signals, so that the application's handlers run on other threads; on stock they may run there. A tool that signals every thread of the process and waits until each has run the handler waits for ever.
        signals::block_on_this_thread();
        let handle = Arc::clone(&self.handle);
        let _end = EndGuard(handle.io_end());
        handle.begin_io();
        self.run_to_end();
    }

    /// Steps and waits until the session is closed.
    pub(crate) fn run_to_end(&mut self) {
        let mut events = Events::with_capacity(8);
        let mut steps = 0;
        loop {
            let deadline = match self.step() {
                Next::End => return,
                Next::Step if steps < STEPS_MAX => {
                    steps += 1;
                    continue;
                }
                Next::Step => Some(Instant::now()),
                Next::Wait(deadline) => deadline,
            };
            steps = 0;
            let ready = self.wait(&mut events, deadline);
            self.apply(ready);
        }
    }

    /// Executes the session's outputs and sends.
    pub(crate) fn step(&mut self) -> Next {
        let is_blocked = !self.transport.as_ref().is_some_and(|transport| transport.is_writable());
        let step = self.handle.next_step(is_blocked);
        match step.stage {
            Stage::HandedOver => {
                self.handle.socket.store(-1, Ordering::Relaxed);
                return Next::End;
            }
            Stage::Closed if step.outputs.is_empty() => {
                self.drop_transport(false);
                return Next::End;
            }
            Stage::Closed | Stage::Open => {}
        }
        self.readable |= step.reads;
        let (is_idle, deadline, is_closing) = (step.is_idle, step.deadline, step.is_closing);
        for output in step.outputs {
            self.execute(output);
        }
        self.send(is_closing);
        if self.readable {
            Next::Wait(Some(Instant::now()))
        } else if is_idle {
            Next::Wait(deadline)
        } else {
            Next::Step
        }
    }

    fn execute(&mut self, output: Output<C, W>) {
        match output {
            Output::Connect(addr) => self.connect(addr),
            Output::Disconnect { reset } => self.drop_transport(reset),
            Output::Resolve(lookup) if self.handle.is_pumped() => self.lookup = Some(lookup),
            Output::Resolve(lookup) => resolver::resolve_again(&self.handle, lookup),
            Output::Probe(addr) => self.start_probe(addr),
            Output::SaslStart(exchange, addr) => self.sasl = Conversation::start(&self.handle, exchange, addr),
            Output::SaslChallenge(exchange, token) => {
                if let Some(conversation) = &mut self.sasl {
                    conversation.answer(&self.handle, exchange, token);
                }
            }
            // The handle has passed these to others.
            Output::Deliver(..) | Output::Notify(_) | Output::Remember(..) | Output::Last | Output::Closed => {}
        }
    }

    fn connect(&mut self, addr: SocketAddr) {
        self.drop_transport(false);
        let tls = match self.handle.tls_to(addr) {
            Ok(tls) => tls,
            Err(failure) => return self.fail(tls::error_of(failure)),
        };
        match Transport::connect(addr, self.poll.registry(), SOCKET, tls) {
            Ok(transport) => {
                let transport = Arc::new(transport);
                self.handle.socket.store(transport.fd(), Ordering::Relaxed);
                self.handle.attach(Some(&transport));
                self.transport = Some(transport);
            }
            Err(error) => self.handle.feed_awake(Input::Disconnected(error)),
        }
    }

    fn drop_transport(&mut self, reset: bool) {
        let (transport, was_lent) = self.forget_transport();
        if let Some(transport) = transport {
            transport.disconnect(reset);
            if was_lent {
                // This makes its borrower stop waiting.
                transport.shut_down();
            }
        }
    }

    /// Ends the use of the connection without a system call on it. Returns it, and whether it was lent.
    fn forget_transport(&mut self) -> (Option<Arc<Transport>>, bool) {
        self.handle.socket.store(-1, Ordering::Relaxed);
        let was_lent = self.handle.attach(None);
        self.sasl = None;
        self.readable = false;
        self.ended = false;
        (self.transport.take(), was_lent)
    }

    fn send(&mut self, is_closing: bool) {
        let Some(transport) = self.transport.as_ref().filter(|transport| transport.is_connected()) else { return };
        match self.handle.send_taken(transport) {
            Ok(true) if is_closing => self.handle.feed_awake(Input::Flushed),
            Ok(_) => {}
            Err(error) => self.fail_to_send(error),
        }
    }

    /// Not inlined, because its frame would add to the stack of every I/O thread.
    #[cold]
    #[inline(never)]
    fn fail_to_send(&self, error: io::Error) {
        self.handle.receive_rest();
        self.handle.feed_awake(match tls::input_of(error) {
            Input::Disconnected(error) => Input::SendFailed(error),
            failed => failed,
        });
    }

    fn fail(&mut self, error: io::Error) {
        self.handle.feed_awake(tls::input_of(error));
    }

    /// Sleeps until something happens or `deadline`.
    fn wait(&mut self, events: &mut Events, deadline: Option<Instant>) -> Readiness {
        let probe = self.probe.as_ref().map(Probe::deadline);
        let timeout =
            [deadline, probe].into_iter().flatten().min().map(|at| at.saturating_duration_since(Instant::now()));
        if let Err(error) = self.poll.poll(events, timeout)
            && error.kind() != io::ErrorKind::Interrupted
        {
            if self.may_log_wait <= Instant::now() {
                self.may_log_wait = Instant::now() + WAIT_LOG_INTERVAL;
                log::error!("cannot wait for the socket: {error}");
            }
            // This error cannot be repaired here; the sleep keeps the loop from spinning.
            std::thread::sleep(Duration::from_millis(100));
        }
        let mut ready = Readiness::default();
        for event in events.iter() {
            match socket::token_of(event) {
                SOCKET => {
                    let is_closed = event.is_read_closed() || event.is_error();
                    ready.readable |= event.is_readable() || is_closed;
                    ready.writable |= event.is_writable() || event.is_error();
                    self.ended |= is_closed;
                }
                PROBE => ready.probe = true,
                _ => {}
            }
        }
        ready
    }

    /// Handles readiness events.
    pub(crate) fn apply(&mut self, ready: Readiness) {
        if ready.writable || ready.readable {
            self.advance(ready.writable);
        }
        if ready.probe {
            self.probe_ready();
        }
        self.probe_expired();
        if ready.readable || self.readable {
            self.receive();
        }
    }

    /// Advances a connection that is being made; resumes writing on an established one if it `is_writable`.
    fn advance(&mut self, is_writable: bool) {
        while let Some(transport) = self.transport.as_ref() {
            let result = if !transport.is_connected() {
                transport.advance()
            } else if is_writable {
                transport.resume().map(|()| Progress::Pending)
            } else {
                return;
            };
            match result {
                Ok(Progress::Pending) => return,
                Ok(Progress::Tcp) => self.handle.feed_awake(Input::TcpConnected),
                Ok(Progress::Connected) => {
                    self.readable |= transport.is_undrained();
                    self.handle.feed_awake(Input::Connected);
                    return self.log_notices();
                }
                Err(error) => {
                    self.fail(error);
                    return self.log_notices();
                }
            }
        }
    }

    fn log_notices(&self) {
        if let Some(security) = &self.handle.security {
            security.log_notices();
        }
    }

    fn start_probe(&mut self, addr: SocketAddr) {
        // Any failure counts as "no", see [`Probe::ready`].
        self.probe = self.handle.tls_to(addr).ok().and_then(|tls| Probe::start(addr, tls, self.poll.registry(), PROBE));
    }

    /// Reads the input. A socket whose peer has ended is not empty until the end itself has been read.
    fn receive(&mut self) {
        self.readable = false;
        for _ in 0..READS_MAX {
            if self.transport.is_none() {
                return;
            }
            match self.handle.receive() {
                Some(ReadOutcome::More) => {}
                Some(ReadOutcome::Drained) if self.ended => {}
                // Data that a borrower leaves is reported again.
                Some(ReadOutcome::Drained | ReadOutcome::Empty | ReadOutcome::Closed) | None => return,
            }
        }
        self.readable = true;
    }

    fn probe_ready(&mut self) {
        let Some(probe) = self.probe.as_mut() else { return };
        if let Some(read_write) = probe.ready() {
            self.end_probe(read_write);
        }
    }

    fn probe_expired(&mut self) {
        if self.probe.as_ref().is_some_and(|probe| probe.deadline() <= Instant::now()) {
            self.end_probe(false);
        }
    }

    fn end_probe(&mut self, read_write: bool) {
        if let Some(probe) = self.probe.take() {
            let addr = probe.end();
            self.handle.feed_awake(Input::Probed { addr, read_write });
        }
    }
}
