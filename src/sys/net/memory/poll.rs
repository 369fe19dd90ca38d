//! The poll: edge-triggered, as epoll with EPOLLET. A registration is queued when something it is interested in becomes so,
//! or is so when the interest changes; what is reported is what is so when the wait ends.
use super::socket::Change;
use super::{NETWORK, Next, State, lock, wait};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) usize);

/// What a registration is interested in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interests {
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// The end of the peer's side, `EPOLLRDHUP`.
    pub(super) closed: bool,
    /// `EPOLLEXCLUSIVE`: what arrives does not count while a reader waits for it.
    pub(super) exclusive: bool,
}

struct Registered {
    /// The socket, of which the descriptor may be a duplicate.
    socket: RawFd,
    token: Token,
    interests: Interests,
    queued: bool,
}

/// One poll, as the kernel has it.
#[derive(Default)]
pub(super) struct Polled {
    registered: BTreeMap<RawFd, Registered>,
    woken: Option<Token>,
    /// Whether this is a poll for readers, which come first.
    pub(super) is_for_readers: bool,
    /// Threads that wait and have not been woken.
    pub(super) waiting: usize,
}

impl Polled {
    /// Whether a thread that waits here is woken by what arrives on a socket, and nobody else. Woken once, it does not count
    /// any more.
    pub(super) fn takes_alone(&mut self, fd: RawFd, change: Change) -> bool {
        let arrives = change.readable && !change.writable && !change.closed && !change.error;
        let takes = self.is_for_readers && arrives && self.waiting > 0 && self.registered.contains_key(&fd);
        if takes {
            self.waiting -= 1;
        }
        takes
    }

    pub(super) fn touch(&mut self, fd: RawFd, change: Change, taken: bool) {
        for registered in self.registered.values_mut().filter(|registered| registered.socket == fd) {
            let Interests { readable, writable, closed, exclusive } = registered.interests;
            if taken && exclusive && !self.is_for_readers {
                continue;
            }
            let ends = change.closed && closed || change.error;
            registered.queued |= change.readable && readable || change.writable && writable || ends;
        }
    }

    pub(super) fn forget(&mut self, fd: RawFd) {
        self.registered.retain(|_, registered| registered.socket != fd);
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

/// Registers a descriptor, which may be a duplicate of `socket`. What is so already counts as new.
pub(super) fn register(poll: RawFd, fd: RawFd, socket: RawFd, token: Token, interests: Interests) -> io::Result<()> {
    let mut state = lock();
    let is = state.sockets.get(&socket).ok_or(io::ErrorKind::NotFound)?.is();
    let polled = state.polls.get_mut(&poll).ok_or(io::ErrorKind::NotFound)?;
    let ends = is.closed && interests.closed || is.error;
    let queued = is.readable && interests.readable || is.writable && interests.writable || ends;
    if polled.registered.insert(fd, Registered { socket, token, interests, queued }).is_some() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
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

pub(super) fn ready(state: &mut State, poll: RawFd) -> Vec<Event> {
    let State { polls, sockets, .. } = state;
    let Some(polled) = polls.get_mut(&poll) else { return Vec::new() };
    let mut found = Vec::new();
    if let Some(token) = polled.woken.take() {
        found.push(Event { token, is: Change { readable: true, ..Change::default() } });
    }
    for registered in polled.registered.values_mut() {
        if !std::mem::take(&mut registered.queued) {
            continue;
        }
        let Some(socket) = sockets.get(&registered.socket) else { continue };
        let Interests { readable, writable, closed, .. } = registered.interests;
        let mut is = socket.is();
        is.readable &= readable;
        is.closed &= closed;
        is.writable &= writable;
        if is.readable || is.writable || is.closed || is.error {
            found.push(Event { token: registered.token, is });
        }
    }
    found
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
