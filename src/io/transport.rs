//! One connection to a server: the only reader and writer of its socket, and the only place that knows whether it is plain
//! TCP or [TLS](super::tls).
//!
//! The I/O thread and blocking callers share it, so everything here works on a shared reference. One thread sends at a time
//! and one receives at a time: the handle's locks ensure it. Nothing here blocks but [`Transport::wait_as_reader`] and
//! [`Transport::wait_for_readable`].
use crate::io::registration::Registration;
use crate::io::tls::Tls;
use crate::sys::inherited::Unshared;
use crate::sys::net::{Registry, SockRef, TcpStream, Token, Waited, socket};
use crate::sys::signals::BlockedSignals;
use crate::sys::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;
use zk_secure::tls::Connection;

/// A connection, or the attempt at one.
#[derive(Debug)]
pub(crate) struct Transport {
    _unshared: Unshared,
    stream: TcpStream,
    registration: Registration,
    tls: Option<Box<Tls>>,
    /// Whether there is a TCP connection.
    established: AtomicBool,
    /// Whether bytes may flow.
    connected: AtomicBool,
}

/// What a read gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// So many bytes that there may be more; with TLS it may be none.
    More(usize),
    /// All that was there. The end of the peer's side may follow.
    Drained(usize),
    /// Nothing was there.
    Empty,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The next readiness event may tell.
    Pending,
    /// There is a TCP connection, and TLS begins.
    Tcp,
    /// Bytes may flow.
    Connected,
}

impl Transport {
    /// Starts to connect, and to secure the connection if `tls` is there. The socket is non-blocking and not inherited by programs the application executes.
    pub(crate) fn connect(
        addr: SocketAddr,
        registry: &Registry,
        token: Token,
        tls: Option<Box<Connection>>,
    ) -> io::Result<Transport> {
        let stream = TcpStream::connect(addr)?;
        let registration = Registration::new(registry, stream.as_raw_fd(), token)?;
        Ok(Transport {
            _unshared: Unshared::new(stream.as_raw_fd()),
            stream,
            registration,
            tls: tls.map(|connection| Box::new(Tls::new(connection))),
            established: AtomicBool::new(false),
            connected: AtomicBool::new(false),
        })
    }

    /// After a readiness event of a connection that is being made. Each step is told once, and not before all that follows
    /// from `Pending`: it is to be called again until then.
    pub(crate) fn advance(&self) -> io::Result<Progress> {
        if self.is_connected() {
            return Ok(Progress::Pending);
        }
        if self.established.load(Ordering::Relaxed) {
            return self.advance_tls();
        }
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.stream.peer_addr() {
            Ok(_) => {
                // Small requests must not wait for the acknowledgement of earlier ones. Failure costs speed only.
                let _ = self.stream.set_nodelay(true);
                self.established.store(true, Ordering::Relaxed);
                self.set_writable();
                if self.tls.is_some() {
                    return Ok(Progress::Tcp);
                }
                self.connected.store(true, Ordering::Relaxed);
                Ok(Progress::Connected)
            }
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOTCONN | libc::EINPROGRESS)) => {
                Ok(Progress::Pending)
            }
            Err(error) => Err(error),
        }
    }

    fn advance_tls(&self) -> io::Result<Progress> {
        let Some(tls) = &self.tls else { return Ok(Progress::Pending) };
        let Some(summary) = tls.advance(&self.registration)? else { return Ok(Progress::Pending) };
        self.connected.store(true, Ordering::Relaxed);
        log::debug!(target: "init_ssl_for_socket", "{summary} with {}", self.stream.peer_addr()?);
        Ok(Progress::Connected)
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Whether a write may succeed.
    pub(crate) fn is_writable(&self) -> bool {
        self.registration.is_writable()
    }

    /// The socket has room.
    pub(crate) fn set_writable(&self) {
        self.registration.set_writable();
    }

    /// Reads what has come, at most `space`, which is not empty.
    pub(crate) fn read_into(&self, space: &mut [u8]) -> io::Result<Read> {
        if let Some(tls) = &self.tls {
            return tls.read_into(&self.registration, space);
        }
        match socket::receive(self.fd(), space) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            // TCP gives all it has, so a read that does not fill its buffer has emptied the socket.
            Ok(n) if n < space.len() => Ok(Read::Drained(n)),
            Ok(n) => Ok(Read::More(n)),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(Read::Empty)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes what the socket takes. Never blocks, never raises SIGPIPE. When it takes nothing, the next readiness event says
    /// that it does again.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(tls) = &self.tls {
            return tls.write(&self.registration, bytes);
        }
        match socket::send(self.fd(), bytes) {
            Ok(n) => Ok(n),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.write_again(bytes),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error),
        }
    }

    fn write_again(&self, bytes: &[u8]) -> io::Result<usize> {
        self.registration.set_full()?;
        match socket::send(self.fd(), bytes) {
            Ok(n) => {
                self.set_writable();
                Ok(n)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// The socket has room: what TLS could not write goes first.
    pub(crate) fn resume(&self) -> io::Result<()> {
        self.set_writable();
        self.tls.as_ref().map_or(Ok(()), |tls| tls.resume(&self.registration))
    }

    /// Whether something that was taken by [`Transport::write`] is not with the kernel yet. It is written by the next call of
    /// that, be it without bytes, and when there is room again.
    pub(crate) fn has_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_unsent())
    }

    /// Whether there may be something to read that the socket does not show any more.
    pub(crate) fn is_undrained(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_undrained())
    }

    /// Tells the server that nothing more comes, if this is TLS and that is possible at once.
    pub(crate) fn end_tls(&self) {
        if let Some(tls) = self.tls.as_ref().filter(|_| self.is_connected()) {
            tls.end(&self.registration);
        }
    }

    /// Waits until [`Transport::read_into`] has something, or for `limit`; a signal ends it sooner.
    pub(crate) fn wait_for_readable(&self, limit: Duration) {
        if self.is_undrained() {
            return;
        }
        socket::wait_for_readable(self.fd(), limit);
    }

    /// The connection is watched by another poll from now on.
    pub(crate) fn move_to(&self, registry: &Registry) -> io::Result<()> {
        self.registration.move_to(registry)
    }

    /// Input does not wake the I/O thread any more: a caller is about to wait for it, see [`Transport::wait_as_reader`].
    pub(crate) fn pause_input(&self) -> io::Result<()> {
        self.registration.pause_input()
    }

    /// Input wakes the I/O thread again, even if a caller still waits for it. Data that has arrived meanwhile does so at once.
    pub(crate) fn resume_input(&self) -> io::Result<()> {
        self.registration.resume_input()
    }

    /// Waits for something to read. It ends when the connection ends, after `limit`, and when a signal handler has run, which
    /// has the thread's mask from before `blocked`.
    pub(crate) fn wait_as_reader(&self, limit: Duration, blocked: &BlockedSignals) -> Waited {
        if self.is_undrained() {
            return Waited::Ready;
        }
        socket::wait_as_reader(self.fd(), limit, blocked)
    }

    /// Ends the connection, by RST when `reset` is set, so that the server need not read what was sent. The descriptor goes
    /// with the last reference. On the I/O thread.
    pub(crate) fn disconnect(&self, reset: bool) {
        self.registration.end();
        if reset {
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        } else {
            self.end_tls();
        }
    }

    /// Ends both directions; whoever waits for the socket stops waiting.
    pub(crate) fn shut_down(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}
