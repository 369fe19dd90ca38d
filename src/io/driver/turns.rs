//! The driver of a handle without threads: the application's loop takes turns with it, see `handle::pump`.
use super::{Driver, Next, Readiness};
use crate::handle::Completion;
use crate::io::resolver;
use crate::sys::inherited::Unshared;
use crate::sys::net::{Events, socket};
use std::io;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};
use zk_core::session::{Input, State, Watcher};

/// Shortest time between two lookups for which the application has to wait.
// divergence: The single-threaded library resolves names before an attempt and at most once a minute, and zoo_set_servers_resolution_delay cannot make it more often; stock does it in every zookeeper_interest.
pub(super) const LOOKUP_INTERVAL: Duration = Duration::from_secs(60);

/// The descriptor that the application's loop has to watch for a handle without threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    pub(crate) fd: RawFd,
    /// Whether to watch for room to write, or for the connection to be made.
    pub(crate) wants_write: bool,
}

impl Readiness {
    /// Everything may be ready.
    pub(crate) fn all() -> Readiness {
        Readiness { readable: true, writable: true, probe: true }
    }

    /// The readiness that an application reports for the socket.
    pub(crate) fn of_socket(readable: bool, writable: bool) -> Readiness {
        Readiness { readable, writable, probe: false }
    }
}

impl<C: Completion, W: Watcher + Send + 'static> Driver<C, W> {
    /// Steps until there is something to wait for, or `SETTLE_MAX` times, so that the loop is not held up.
    pub(crate) fn settle(&mut self) -> Next {
        const SETTLE_MAX: u32 = 32;
        self.resolve_before_attempt();
        let mut next = Next::Step;
        for _ in 0..SETTLE_MAX {
            next = self.step();
            if next != Next::Step {
                break;
            }
        }
        next
    }

    /// Resolves the names on this thread, if a lookup is wanted and an attempt is about to start.
    fn resolve_before_attempt(&mut self) {
        let now = Instant::now();
        if self.lookup.is_none() || now < self.may_look_up {
            return;
        }
        let is_due = self.handle.peek(|session| {
            matches!(session.state(), State::NotConnected | State::Paused) && session.not_before() <= now
        });
        if let Some(lookup) = self.lookup.take_if(|_| is_due) {
            resolver::resolve_here(&self.handle, lookup);
            self.may_look_up = Instant::now() + LOOKUP_INTERVAL;
        }
    }

    /// Called when this process has inherited the driver by fork. It shares its poll with the parent: each would take
    /// the other's events and remove the other's sockets. A connection whose descriptor this process has closed is lost.
    pub(crate) fn separate(&mut self) {
        self.probe = None;
        if self.transport.as_ref().is_some_and(|transport| !transport.is_in_place()) {
            self.forget_transport();
            self.handle.feed_awake(Input::Disconnected(io::Error::from_raw_os_error(libc::EBADF)));
        }
        match socket::new_poll() {
            Ok(poll) => {
                if let Some(Err(error)) = self.transport.as_ref().map(|transport| transport.move_to(poll.registry())) {
                    self.fail(error);
                }
                self.poll = Unshared::new(poll);
            }
            Err(error) => log::error!("cannot make a poll after a fork: {error}"),
        }
    }

    /// What to watch; `None` without a connection or an attempt at one.
    pub(crate) fn watched(&self) -> Option<Watched> {
        let transport = self.transport.as_ref()?;
        Some(Watched { fd: transport.fd(), wants_write: !transport.is_writable() })
    }

    /// Whether a probe is under way, which the application does not watch.
    pub(crate) fn has_probe(&self) -> bool {
        self.probe.is_some()
    }

    /// Whether received data is unread, which the socket need not show.
    pub(crate) fn is_undrained(&self) -> bool {
        self.readable
    }

    /// Handles the readiness that the application's loop reports, and what the loop cannot see.
    pub(crate) fn apply_watched(&mut self, ready: Readiness) {
        let mut ready = ready;
        if self.probe.is_some() {
            ready.probe = self.wait(&mut Events::with_capacity(8), Some(Instant::now())).probe;
        }
        self.apply(ready);
    }
}
