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
    stream: Unshared<TcpStream>,
    registration: Registration,
    tls: Option<Box<Tls>>,
    /// Whether there is a TCP connection.
    established: AtomicBool,
    /// Whether bytes may flow.
    connected: AtomicBool,
}

/// The result of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// This many bytes filled the buffer, and there may be more; with TLS the number may be 0.
    More(usize),
    /// This many bytes were all that had arrived. The end of the peer's side may follow.
    Drained(usize),
    /// Nothing was there.
    Empty,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Not further; another readiness event may follow.
    Pending,
    /// There is a TCP connection, and the TLS handshake begins.
    Tcp,
    /// Bytes may flow.
    Connected,
}

impl Transport {
    /// Starts to connect, and to secure the connection if there is a `tls`. The socket is non-blocking and
    /// close-on-exec.
    pub(crate) fn connect(
        addr: SocketAddr,
        registry: &Registry,
        token: Token,
        tls: Option<Box<Connection>>,
    ) -> io::Result<Transport> {
        let stream = socket::connect(addr)?;
        let registration = Registration::new(registry, stream.as_raw_fd(), token)?;
        Ok(Transport {
            stream: Unshared::new(stream),
            registration,
            tls: tls.map(|connection| Box::new(Tls::new(connection))),
            established: AtomicBool::new(false),
            connected: AtomicBool::new(false),
        })
    }

    /// Called after a readiness event of a connection that is being made, until it returns `Pending`. Returns each step
    /// once.
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

    /// Notes that the socket has room.
    pub(crate) fn set_writable(&self) {
        self.registration.set_writable();
    }

    /// Reads input, at most `space`, which is not empty.
    pub(crate) fn read_into(&self, space: &mut [u8]) -> io::Result<Read> {
        if let Some(tls) = &self.tls {
            return tls.read_into(&self.registration, space);
        }
        match socket::receive(self.fd(), space) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            // TCP gives all data it has, so a read that does not fill its buffer has emptied the socket.
            Ok(n) if n < space.len() => Ok(Read::Drained(n)),
            Ok(n) => Ok(Read::More(n)),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(Read::Empty)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes as much as the socket takes. Never blocks, never raises SIGPIPE. When the socket takes nothing, a
    /// readiness event follows once it has room.
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

    /// Called when the socket has room: writes the ciphertext that TLS could not write before.
    pub(crate) fn resume(&self) -> io::Result<()> {
        self.set_writable();
        self.tls.as_ref().map_or(Ok(()), |tls| tls.resume(&self.registration))
    }

    /// Whether bytes that [`Transport::write`] took are not with the kernel yet. The next call of it, even without
    /// bytes, writes them; so does [`Transport::resume`].
    pub(crate) fn has_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_unsent())
    }

    /// Whether there may be unread data for which the socket reports no readiness.
    pub(crate) fn is_undrained(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_undrained())
    }

    /// Tells the server that nothing more comes, if this is TLS and the socket has room.
    pub(crate) fn end_tls(&self) {
        if let Some(tls) = self.tls.as_ref().filter(|_| self.is_connected()) {
            tls.end(&self.registration);
        }
    }

    /// Waits until [`Transport::read_into`] has data, or for `limit`; a signal ends the wait sooner.
    pub(crate) fn wait_for_readable(&self, limit: Duration) {
        if self.is_undrained() {
            return;
        }
        socket::wait_for_readable(self.fd(), limit);
    }

    /// Moves the connection to another poll.
    pub(crate) fn move_to(&self, registry: &Registry) -> io::Result<()> {
        self.registration.move_to(registry)
    }

    /// Stops input from waking the I/O thread: a caller is about to wait for input, see [`Transport::wait_as_reader`].
    pub(crate) fn pause_input(&self) -> io::Result<()> {
        self.registration.pause_input()
    }

    /// Lets input wake the I/O thread again, even if a caller still waits for it. Data that has already arrived wakes
    /// it at once.
    pub(crate) fn resume_input(&self) -> io::Result<()> {
        self.registration.resume_input()
    }

    /// Waits for something to read. The wait ends when the connection ends, after `limit`, or when a signal handler has
    /// run; meanwhile the thread has its mask from before `blocked`.
    pub(crate) fn wait_as_reader(&self, limit: Duration, blocked: &BlockedSignals) -> Waited {
        if self.is_undrained() {
            return Waited::Ready;
        }
        socket::wait_as_reader(self.fd(), limit, blocked)
    }

    /// Ends the connection, by RST when `reset` is set, so that the server discards unread data. The descriptor is
    /// closed with the last reference. Called on the I/O thread.
    pub(crate) fn disconnect(&self, reset: bool) {
        self.registration.end();
        if reset {
            let _ = SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO));
        } else {
            self.end_tls();
        }
    }

    /// Ends both directions; a thread that waits for the socket stops waiting.
    pub(crate) fn shut_down(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Whether the descriptor is still the connection's, see [`Unshared::is_in_place`].
    pub(crate) fn is_in_place(&self) -> bool {
        self.stream.is_in_place()
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}
