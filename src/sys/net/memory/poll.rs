//! The poll: edge-triggered, as epoll with EPOLLET. A registration is queued when something it is interested in becomes so,
//! or is so when the interest changes; what is reported is what is so when the wait ends.
use super::socket::Change;
use super::{NETWORK, Next, State, lock, wait};
use std::collections::BTreeMap;
use std::io;
use std::ops::BitOr;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) usize);

/// See `mio::Interest`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interest(Interests);

impl Interest {
    pub(crate) const READABLE: Interest = Interest(Interests { readable: true, writable: false });
    pub(crate) const WRITABLE: Interest = Interest(Interests { readable: false, writable: true });
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        Interest(Interests {
            readable: self.0.readable || other.0.readable,
            writable: self.0.writable || other.0.writable,
        })
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Interests {
    pub(super) readable: bool,
    pub(super) writable: bool,
}

struct Registered {
    token: Token,
    interests: Interests,
    queued: bool,
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
            let Interests { readable, writable } = registered.interests;
            registered.queued |= change.readable && readable || change.writable && writable || change.error;
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

/// See `mio::unix::SourceFd`.
pub(crate) struct SourceFd<'a>(pub(crate) &'a RawFd);

impl Registry {
    pub(crate) fn register(&self, source: &mut SourceFd<'_>, token: Token, interest: Interest) -> io::Result<()> {
        let mut state = lock();
        let poll = state.polls.get_mut(&self.poll).ok_or(io::ErrorKind::NotFound)?;
        poll.registered.insert(*source.0, Registered { token, interests: interest.0, queued: false });
        drop(state);
        // What is so already counts.
        set_interest(self.poll, *source.0, token.0, interest.0)
    }

    pub(crate) fn deregister(&self, source: &mut SourceFd<'_>) -> io::Result<()> {
        let mut state = lock();
        state.polls.get_mut(&self.poll).ok_or(io::ErrorKind::NotFound)?.forget(*source.0);
        Ok(())
    }
}

impl AsRawFd for Registry {
    fn as_raw_fd(&self) -> RawFd {
        self.poll
    }
}

/// `ffi::socket::set_interest`.
pub(super) fn set_interest(poll: RawFd, fd: RawFd, token: usize, interests: Interests) -> io::Result<()> {
    let mut state = lock();
    let is = state.sockets.get(&fd).ok_or(io::ErrorKind::NotFound)?.is();
    let registered = state.polls.get_mut(&poll).and_then(|poll| poll.registered.get_mut(&fd));
    let registered = registered.ok_or(io::ErrorKind::NotFound)?;
    registered.token = Token(token);
    registered.interests = interests;
    registered.queued |= is.readable && interests.readable || is.writable && interests.writable || is.error;
    NETWORK.changed.notify_all();
    Ok(())
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
        let Interests { readable, writable } = registered.interests;
        let mut is = socket.is();
        is.readable &= readable;
        is.closed &= readable;
        is.writable &= writable;
        if is.readable || is.writable || is.error {
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
