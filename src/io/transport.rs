//! One connection to a server. The only place that knows it is TCP: TLS and SASL, when they come, live behind this type.
//!
//! It is shared by the I/O thread and by callers that wait for a reply: those may send and receive for themselves, so
//! everything here works on a shared reference. One sends at a time and one receives at a time; the handle sees to that.
use crate::sys::net::{Interest, Registry, SockRef, SourceFd, TcpStream, Token, socket};
use crate::sys::sync::atomic::{AtomicBool, Ordering};
use crate::sys::sync::{Mutex, MutexGuard};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::PoisonError;
use std::time::Duration;

/// A connection, or the attempt at one.
#[derive(Debug)]
pub(crate) struct Transport {
    stream: TcpStream,
    epoll: RawFd,
    token: Token,
    connected: AtomicBool,
    /// Whether a write may succeed; cleared when the socket is full, set by the next readiness event.
    writable: AtomicBool,
    /// Whether the socket is set up for reads that wait.
    waits: AtomicBool,
    wakes: Mutex<Wakes>,
}

/// What wakes the I/O thread.
#[derive(Debug)]
struct Wakes {
    /// Something to read; not while a caller reads.
    readable: bool,
    /// Room to write; not once the connection is there and the socket has room.
    writable: bool,
    /// Whether the connection has ended: nothing wakes anyone any more.
    ended: bool,
}

impl Transport {
    /// Starts to connect. The socket is non-blocking and not inherited by programs the application executes.
    pub(crate) fn connect(addr: SocketAddr, registry: &Registry, token: Token) -> io::Result<Transport> {
        let stream = TcpStream::connect(addr)?;
        registry.register(&mut SourceFd(&stream.as_raw_fd()), token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Transport {
            stream,
            epoll: registry.as_raw_fd(),
            token,
            connected: AtomicBool::new(false),
            writable: AtomicBool::new(false),
            waits: AtomicBool::new(false),
            wakes: Mutex::new(Wakes { readable: true, writable: true, ended: false }),
        })
    }

    /// After a readiness event: `true` once the connection is there, for the first time.
    pub(crate) fn finish_connect(&self) -> io::Result<bool> {
        if self.is_connected() {
            return Ok(false);
        }
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.stream.peer_addr() {
            Ok(_) => {
                // Small requests must not wait for the acknowledgement of earlier ones. Failure costs speed only.
                let _ = self.stream.set_nodelay(true);
                self.connected.store(true, Ordering::Relaxed);
                self.set_writable();
                Ok(true)
            }
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOTCONN | libc::EINPROGRESS)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Whether a write may succeed.
    pub(crate) fn is_writable(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }

    /// The socket has room.
    pub(crate) fn set_writable(&self) {
        self.writable.store(true, Ordering::Relaxed);
    }

    /// Reads what has come, at most `space`. `Ok(None)` when nothing has.
    pub(crate) fn read(&self, space: &mut [u8]) -> io::Result<Option<usize>> {
        found(socket::receive(self.fd(), space, false))
    }

    /// The same between [`Transport::lend`] and [`Transport::give_back`], but waits for something to come, for the time
    /// given to `lend`. It stops waiting when the connection ends.
    pub(crate) fn wait_and_read(&self, space: &mut [u8]) -> io::Result<Option<usize>> {
        found(socket::receive(self.fd(), space, true))
    }

    /// Waits until [`Transport::read`] has something, or for `limit`; perhaps shorter.
    pub(crate) fn wait_for_readable(&self, limit: Duration) {
        socket::wait_for_readable(self.fd(), limit);
    }

    /// Writes what the socket takes. Never blocks, never raises SIGPIPE.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match socket::send(self.fd(), bytes) {
            Ok(n) => Ok(n),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.writable.store(false, Ordering::Relaxed);
                self.wake_for(|wakes| wakes.writable = true)?;
                Ok(0)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Lends the receiving side to a caller: from now on what arrives wakes the thread in [`Transport::wait_and_read`],
    /// which waits for at most `limit` (that of the first time), and not the I/O thread. `false` when it is lent already,
    /// or cannot be.
    pub(crate) fn lend(&self, limit: Duration) -> bool {
        let lend = |wakes: &mut Wakes| {
            wakes.readable = false;
            // While the socket has room it would say so at each change.
            wakes.writable = !self.is_writable();
        };
        !self.is_lent() && self.prepare(limit).and_then(|()| self.wake_for(lend)).is_ok()
    }

    /// The end of [`Transport::lend`]. What has arrived since wakes the I/O thread.
    pub(crate) fn give_back(&self) -> io::Result<()> {
        self.wake_for(|wakes| wakes.readable = true)
    }

    /// Whether a caller receives.
    pub(crate) fn is_lent(&self) -> bool {
        !self.wakes().readable
    }

    fn prepare(&self, limit: Duration) -> io::Result<()> {
        if !self.waits.load(Ordering::Relaxed) {
            let socket = SockRef::from(&self.stream);
            socket.set_read_timeout(Some(limit))?;
            // Only a read that asks for it waits: everything else here says for itself that it does not.
            socket.set_nonblocking(false)?;
            self.waits.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn wakes(&self) -> MutexGuard<'_, Wakes> {
        self.wakes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_for(&self, change: impl FnOnce(&mut Wakes)) -> io::Result<()> {
        let mut wakes = self.wakes();
        change(&mut wakes);
        if wakes.ended {
            // The poll loop may be gone too.
            return Ok(());
        }
        socket::set_interest(self.epoll, self.fd(), self.token.0, wakes.readable, wakes.writable)
    }

    /// The poll loop ends, and the connection goes on without one.
    pub(crate) fn leave(&self) {
        self.wakes().ended = true;
    }

    /// Ends the connection, by RST when `reset` is set, so that the server need not read what was sent. A caller that
    /// waits for something to read stops waiting; the descriptor goes with the last reference.
    pub(crate) fn disconnect(&self, registry: &Registry, reset: bool) {
        let mut wakes = self.wakes();
        wakes.ended = true;
        let _ = registry.deregister(&mut SourceFd(&self.fd()));
        if reset {
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
        if !wakes.readable {
            let _ = self.stream.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

fn found(read: io::Result<usize>) -> io::Result<Option<usize>> {
    match read {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(n) => Ok(Some(n)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}
