//! The poll: edge-triggered, as epoll with EPOLLET. A registration is queued when an event of its interest occurs, or
//! when its interest changes and the socket is ready. The poll reports the readiness at the end of the wait.
use super::socket::Change;
use super::{NETWORK, Next, State, lock, wait};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) usize);

/// The events that a registration reports, besides errors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interests {
    /// Input, and the end of the peer's side.
    pub(super) input: bool,
    /// Room to write.
    pub(super) room: bool,
}

impl Interests {
    /// The part of a change that is of interest.
    fn of(self, is: Change) -> Change {
        let Interests { input, room } = self;
        Change {
            readable: is.readable && input,
            closed: is.closed && input,
            writable: is.writable && room,
            error: is.error,
        }
    }
}

struct Registered {
    token: Token,
    interests: Interests,
    queued: bool,
}

impl Registered {
    fn touch(&mut self, change: Change) {
        let Change { readable, writable, closed, error } = self.interests.of(change);
        self.queued |= readable || writable || closed || error;
    }
}

/// One poll, as the kernel has it.
#[derive(Default)]
pub(super) struct Polled {
    registered: BTreeMap<RawFd, Registered>,
    woken: Option<Token>,
}

impl Polled {
    pub(super) fn touch(&mut self, fd: RawFd, change: Change) {
        if let Some(registered) = self.registered.get_mut(&fd) {
            registered.touch(change);
        }
    }

    pub(super) fn forget(&mut self, fd: RawFd) {
        self.registered.remove(&fd);
    }
}

/// See `mio::event::Event`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    token: Token,
    is: Change,
}

impl Event {
    pub(crate) fn token(&self) -> Token {
        self.token
    }

    pub(crate) fn is_readable(&self) -> bool {
        self.is.readable
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.is.writable
    }

    pub(crate) fn is_read_closed(&self) -> bool {
        self.is.closed
    }

    pub(crate) fn is_error(&self) -> bool {
        self.is.error
    }
}

/// See `mio::Events`.
pub(crate) struct Events(Vec<Event>);

impl Events {
    pub(crate) fn with_capacity(_: usize) -> Events {
        Events(Vec::new())
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Event> {
        self.0.iter()
    }
}

/// See `mio::Registry`.
pub(crate) struct Registry {
    poll: RawFd,
}

impl AsRawFd for Registry {
    fn as_raw_fd(&self) -> RawFd {
        self.poll
    }
}

/// Registers a socket. Existing readiness counts as new.
pub(super) fn register(poll: RawFd, fd: RawFd, token: Token, interests: Interests) -> io::Result<()> {
    with(poll, fd, |polled, is| {
        let mut registered = Registered { token, interests, queued: false };
        registered.touch(is);
        match polled.registered.insert(fd, registered) {
            Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
            None => Ok(()),
        }
    })
}

/// Changes the interests of a registration. Existing readiness counts as new.
pub(super) fn change(poll: RawFd, fd: RawFd, interests: Interests) -> io::Result<()> {
    with(poll, fd, |polled, is| {
        let registered = polled.registered.get_mut(&fd).ok_or(io::ErrorKind::NotFound)?;
        registered.interests = interests;
        registered.touch(is);
        Ok(())
    })
}

/// Runs `body` on a poll, with the readiness of the socket.
fn with(poll: RawFd, fd: RawFd, body: impl FnOnce(&mut Polled, Change) -> io::Result<()>) -> io::Result<()> {
    let mut state = lock();
    let is = state.sockets.get(&fd).ok_or(io::ErrorKind::NotFound)?.is();
    body(state.polls.get_mut(&poll).ok_or(io::ErrorKind::NotFound)?, is)?;
    NETWORK.changed.notify_all();
    Ok(())
}

/// Ends a registration.
pub(super) fn deregister(poll: RawFd, fd: RawFd) -> io::Result<()> {
    let mut state = lock();
    let polled = state.polls.get_mut(&poll).ok_or(io::ErrorKind::NotFound)?;
    polled.registered.remove(&fd).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// See `mio::Poll`.
pub(crate) struct Poll {
    registry: Registry,
}

impl Poll {
    #[allow(clippy::unnecessary_wraps, reason = "it is mio's")]
    pub(crate) fn new() -> io::Result<Poll> {
        let mut state = lock();
        let poll = state.next_descriptor();
        state.polls.insert(poll, Polled::default());
        Ok(Poll { registry: Registry { poll } })
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    #[allow(clippy::unnecessary_wraps, reason = "it is mio's")]
    pub(crate) fn poll(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let poll = self.registry.poll;
        let found = wait(timeout, |state| {
            let found = ready(state, poll);
            if found.is_empty() { Next::Wait } else { Next::Done(found) }
        });
        events.0 = found.unwrap_or_default();
        Ok(())
    }
}

fn ready(state: &mut State, poll: RawFd) -> Vec<Event> {
    let State { polls, sockets, .. } = state;
    let Some(polled) = polls.get_mut(&poll) else { return Vec::new() };
    let mut found = Vec::new();
    if let Some(token) = polled.woken.take() {
        found.push(Event { token, is: Change { readable: true, ..Change::default() } });
    }
    for (fd, registered) in &mut polled.registered {
        if !std::mem::take(&mut registered.queued) {
            continue;
        }
        let Some(socket) = sockets.get(fd) else { continue };
        let is = registered.interests.of(socket.is());
        if is.readable || is.writable || is.closed || is.error {
            found.push(Event { token: registered.token, is });
        }
    }
    found
}

impl AsRawFd for Poll {
    fn as_raw_fd(&self) -> RawFd {
        self.registry.poll
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        lock().polls.remove(&self.registry.poll);
    }
}

/// See `mio::Waker`.
pub(crate) struct Waker {
    poll: RawFd,
    token: Token,
}

impl Waker {
    #[allow(clippy::unnecessary_wraps, reason = "it is mio's")]
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Waker> {
        Ok(Waker { poll: registry.poll, token })
    }

    #[allow(clippy::unnecessary_wraps, reason = "it is mio's")]
    pub(crate) fn wake(&self) -> io::Result<()> {
        let mut state = lock();
        let deaf = state.deaf;
        if let Some(poll) = state.polls.get_mut(&self.poll).filter(|_| !deaf) {
            poll.woken = Some(self.token);
            NETWORK.changed.notify_all();
        }
        Ok(())
    }
}
