//! A socket's registration with the I/O thread's poll: what that thread is told of the socket, and whether a write may succeed.
//! Owns both. While a caller waits for the socket itself, the I/O thread is not told of what arrives.
use crate::sys::lock::Mutex;
use crate::sys::net::{Registry, Token, socket};
use crate::sys::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// See the module.
#[derive(Debug)]
pub(crate) struct Registration {
    epoll: RawFd,
    fd: RawFd,
    token: Token,
    told: Mutex<Told>,
    /// Cleared when the socket is full, set by the next readiness event.
    writable: AtomicBool,
}

/// What the I/O thread is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    /// That something has arrived, or that the peer has ended its side.
    input: bool,
    /// That there is room to write.
    room: bool,
}

impl Registration {
    /// Registers a socket that is being connected.
    pub(crate) fn new(registry: &Registry, fd: RawFd, token: Token) -> io::Result<Registration> {
        let epoll = registry.as_raw_fd();
        socket::register(epoll, fd, token.0)?;
        let told = Mutex::new(Told { input: true, room: true });
        Ok(Registration { epoll, fd, token, told, writable: AtomicBool::new(false) })
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.fd
    }

    /// Whether a write may succeed.
    pub(crate) fn is_writable(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }

    /// The socket has room.
    pub(crate) fn set_writable(&self) {
        self.writable.store(true, Ordering::Relaxed);
    }

    /// A write found no room. The I/O thread may have seen an event for room since then, so the caller tries again: the event
    /// after a second failure cannot be missed.
    pub(crate) fn set_full(&self) -> io::Result<()> {
        self.writable.store(false, Ordering::SeqCst);
        self.change(|told| told.room = true)
    }

    /// From now on a caller waits for what arrives, see [`take_back`](Registration::take_back).
    pub(crate) fn lend(&self) -> io::Result<()> {
        // Without the interest in room, as each change reports what is so already.
        self.change(|told| *told = Told { input: false, room: !self.is_writable() })
    }

    /// The I/O thread is told of what arrives again, and of what has arrived meanwhile.
    pub(crate) fn take_back(&self) -> io::Result<()> {
        self.change(|told| told.input = true)
    }

    fn change(&self, change: impl FnOnce(&mut Told)) -> io::Result<()> {
        let mut told = self.told.lock();
        let mut wanted = *told;
        change(&mut wanted);
        if wanted != *told {
            socket::tell(self.epoll, self.fd, self.token.0, wanted.input, wanted.room)?;
            *told = wanted;
        }
        Ok(())
    }

    /// Ends the registration.
    pub(crate) fn end(&self) {
        let _ = socket::deregister(self.epoll, self.fd);
    }
}
