//! A socket's registration with the I/O thread's poll. Owns the set of events that the poll reports, and the note
//! whether a write may succeed. Input events are paused while a caller waits for the socket in the place of the I/O
//! thread.
use crate::sys::lock::Mutex;
use crate::sys::net::{Registry, Token, socket};
use crate::sys::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// See the module.
#[derive(Debug)]
pub(crate) struct Registration {
    epoll: AtomicI32,
    fd: RawFd,
    token: Token,
    interest: Mutex<Interest>,
    /// Whether input events are paused; can be read without the lock.
    is_paused: AtomicBool,
    /// Cleared when the socket is full, set by the next readiness event.
    writable: AtomicBool,
}

/// The events that the poll reports, besides errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Interest {
    /// Data has arrived, or the peer has shut down its side.
    input: bool,
    /// There is room to write.
    room: bool,
}

impl Registration {
    /// Registers a socket that is being connected.
    pub(crate) fn new(registry: &Registry, fd: RawFd, token: Token) -> io::Result<Registration> {
        let epoll = registry.as_raw_fd();
        socket::register(epoll, fd, token.0)?;
        let interest = Mutex::new(Interest { input: true, room: true });
        let epoll = AtomicI32::new(epoll);
        let (is_paused, writable) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Registration { epoll, fd, token, interest, is_paused, writable })
    }

    /// Registers the socket with another poll instead: a forked child needs its own, because it shares the inherited
    /// one with its parent.
    pub(crate) fn move_to(&self, registry: &Registry) -> io::Result<()> {
        let mut interest = self.interest.lock();
        let epoll = registry.as_raw_fd();
        socket::register(epoll, self.fd, self.token.0)?;
        self.epoll.store(epoll, Ordering::Relaxed);
        *interest = Interest { input: true, room: true };
        self.is_paused.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn epoll(&self) -> RawFd {
        self.epoll.load(Ordering::Relaxed)
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.fd
    }

    /// Whether a write may succeed.
    pub(crate) fn is_writable(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }

    /// Notes that the socket has room.
    pub(crate) fn set_writable(&self) {
        self.writable.store(true, Ordering::Relaxed);
    }

    /// Notes that a write found no room. The I/O thread may have handled an event for room since then, so the caller
    /// must write again: if that fails too, an event follows.
    pub(crate) fn set_full(&self) -> io::Result<()> {
        self.writable.store(false, Ordering::SeqCst);
        self.change(|interest| interest.room = true)
    }

    /// Stops input events. Called with the lock of the handle, like [`resume_input`](Self::resume_input).
    pub(crate) fn pause_input(&self) -> io::Result<()> {
        if self.is_paused.load(Ordering::Relaxed) {
            return Ok(());
        }
        // Room events are left out if the socket has room: every change of the interest reports what is already ready.
        self.change(|interest| *interest = Interest { input: false, room: !self.is_writable() })
    }

    /// Starts input events again. Data that has already arrived is reported at once.
    #[inline]
    pub(crate) fn resume_input(&self) -> io::Result<()> {
        if !self.is_paused.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.change(|interest| interest.input = true)
    }

    fn change(&self, change: impl FnOnce(&mut Interest)) -> io::Result<()> {
        let mut interest = self.interest.lock();
        let mut wanted = *interest;
        change(&mut wanted);
        if wanted != *interest {
            socket::set_interest(self.epoll(), self.fd, self.token.0, wanted.input, wanted.room)?;
            *interest = wanted;
            self.is_paused.store(!wanted.input, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Ends the registration.
    pub(crate) fn end(&self) {
        let _ = socket::deregister(self.epoll(), self.fd);
    }
}
