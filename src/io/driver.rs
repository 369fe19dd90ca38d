//! The I/O thread: executes what the session wants and tells it what happened. Owns the connection and the poll loop;
//! decides nothing. Callers that wait for a reply may send and receive in its place, see `Handle`.
use crate::handle::{Command, Completion, Handle, Stage, Turn};
use crate::io::probe::Probe;
use crate::io::receiver::Got;
use crate::io::resolver;
use crate::io::transport::Transport;
use crate::sys::net::{Events, Poll, Token};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use zk_core::session::{Input, Watcher};

pub(crate) const WAKE: Token = Token(0);
const SOCKET: Token = Token(1);
const PROBE: Token = Token(2);

/// Reads in a row before the session sees to its timers.
const READS: usize = 16;
/// Sends in a row before the socket is looked at for what has arrived.
const PASSES: u32 = 4;

pub(crate) struct Driver<C, W> {
    handle: Arc<Handle<C, W>>,
    poll: Poll,
    transport: Option<Arc<Transport>>,
    probe: Option<Probe>,
    /// Bytes taken from the session; those before `sent` are with the kernel.
    out: Vec<u8>,
    sent: usize,
    /// Whether the socket may hold more than was read.
    readable: bool,
    /// Whether the peer has ended its side.
    ended: bool,
}

impl<C: Completion, W: Watcher + Send + 'static> Driver<C, W> {
    pub(crate) fn new(handle: Arc<Handle<C, W>>, poll: Poll) -> Self {
        Driver { handle, poll, transport: None, probe: None, out: Vec::new(), sent: 0, readable: false, ended: false }
    }

    /// Runs until the session is closed.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(8);
        let mut passes = 0;
        loop {
            let blocked = !self.transport.as_ref().is_some_and(|transport| transport.is_writable());
            let turn = self.handle.turn(&mut self.out, blocked);
            match turn.stage {
                Stage::HandedOver => return self.leave(),
                Stage::Closed if turn.commands.is_empty() => break,
                _ => {}
            }
            let idle = turn.idle && !self.readable;
            let deadline = turn.deadline;
            self.carry_out(turn);
            if !idle && !self.readable && passes < PASSES {
                // There may be more to send already.
                passes += 1;
                continue;
            }
            passes = 0;
            self.wait(&mut events, if idle { deadline } else { Some(Instant::now()) });
        }
        self.drop_transport(false);
    }

    fn carry_out(&mut self, turn: Turn) {
        for command in turn.commands {
            match command {
                Command::Connect(addr) => self.connect(addr),
                Command::Disconnect { reset } => self.drop_transport(reset),
                Command::Resolve(lookup) => resolver::resolve_again(&self.handle, lookup),
                Command::Probe(addr) => self.probe = Probe::start(addr, self.poll.registry(), PROBE),
            }
        }
        self.send(turn.closing);
    }

    fn connect(&mut self, addr: SocketAddr) {
        self.drop_transport(false);
        match Transport::connect(addr, self.poll.registry(), SOCKET) {
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
        self.handle.socket.store(-1, Ordering::Relaxed);
        if let Some(transport) = self.transport.take() {
            transport.disconnect(self.poll.registry(), reset);
        }
        self.handle.attach(None);
        self.out.clear();
        self.sent = 0;
        self.readable = false;
        self.ended = false;
    }

    /// The end, with a connection that another thread goes on with.
    fn leave(self) {
        self.handle.socket.store(-1, Ordering::Relaxed);
        if let Some(transport) = self.transport {
            transport.leave();
        }
    }

    fn send(&mut self, closing: bool) {
        let Some(transport) = self.transport.as_ref().filter(|transport| transport.is_connected()) else { return };
        while transport.is_writable() && self.sent < self.out.len() {
            match transport.write(self.out.get(self.sent..).unwrap_or_default()) {
                Ok(n) => self.sent += n,
                Err(error) => return self.handle.feed_awake(Input::SendFailed(error)),
            }
        }
        if self.sent == self.out.len() {
            let sent = self.sent > 0;
            self.out.clear();
            self.sent = 0;
            if closing && sent {
                self.handle.feed_awake(Input::Flushed);
            }
        }
    }

    fn fail(&mut self, error: io::Error) {
        self.handle.feed_awake(Input::Disconnected(error));
    }

    /// Sleeps until something happens or `deadline`, and sees to what happened.
    fn wait(&mut self, events: &mut Events, deadline: Option<Instant>) {
        let probe = self.probe.as_ref().map(Probe::deadline);
        let timeout =
            [deadline, probe].into_iter().flatten().min().map(|at| at.saturating_duration_since(Instant::now()));
        let timeout = if self.readable { Some(Duration::ZERO) } else { timeout };
        if let Err(error) = self.poll.poll(events, timeout)
            && error.kind() != io::ErrorKind::Interrupted
        {
            log::error!("cannot wait for the socket: {error}");
            // Nothing here can be mended; do not spin.
            std::thread::sleep(Duration::from_millis(100));
        }
        let mut ready = self.readable;
        for event in events.iter() {
            match event.token() {
                SOCKET => {
                    ready |= event.is_readable() || event.is_error();
                    self.ended |= event.is_read_closed() || event.is_error();
                    if event.is_writable() || event.is_error() {
                        self.socket_writable();
                    }
                }
                PROBE => self.probe_ready(),
                _ => {}
            }
        }
        self.probe_expired();
        if ready {
            self.receive();
        }
    }

    fn socket_writable(&mut self) {
        let Some(transport) = self.transport.as_ref() else { return };
        match transport.finish_connect() {
            Ok(true) => self.handle.feed_awake(Input::Connected),
            Ok(false) if transport.is_connected() => transport.set_writable(),
            Ok(false) => {}
            Err(error) => self.fail(error),
        }
    }

    /// Reads what has come. A socket whose peer has ended is not empty before the end itself was read.
    fn receive(&mut self) {
        self.readable = false;
        for _ in 0..READS {
            if self.transport.as_ref().is_none_or(|transport| transport.is_lent()) {
                // What the caller leaves wakes this thread again.
                return;
            }
            match self.handle.receive() {
                Got::Some => {}
                Got::All if self.ended => {}
                Got::All | Got::Nothing | Got::End => return,
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
            let addr = probe.end(self.poll.registry());
            self.handle.feed_awake(Input::Probed { addr, read_write });
        }
    }
}
