//! One connection to a server: the only reader and writer of its socket, and the only place that knows whether it is plain
//! TCP or [TLS](super::tls).
//!
//! The I/O thread and blocking callers share it, so everything here works on a shared reference. One thread sends at a time
//! and one receives at a time: the handle's locks ensure it. Nothing here blocks but [`Transport::wait_as_reader`] and
//! [`Transport::wait_for_readable`].
use crate::io::tls::Tls;
use crate::sys::net::{Registry, SockRef, TcpStream, Token, Waited, socket};
use crate::sys::signals::BlockedSignals;
use crate::sys::sync::atomic::{AtomicBool, Ordering};
use socket::ReaderPoll;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::OnceLock;
use std::time::Duration;
use zk_secure::tls::Connection;

/// A connection, or the attempt at one.
#[derive(Debug)]
pub(crate) struct Transport {
    stream: TcpStream,
    epoll: RawFd,
    token: Token,
    tls: Option<Box<Tls>>,
    /// Whether there is a TCP connection.
    established: AtomicBool,
    /// Whether bytes may flow.
    connected: AtomicBool,
    /// Whether a write may succeed; cleared when the socket is full, set by the next readiness event.
    writable: AtomicBool,
    /// How callers wait for the socket beside the I/O thread, once one has wanted to.
    reader: OnceLock<Reader>,
    /// Whether what arrives wakes a waiting caller alone.
    shared: AtomicBool,
}

#[derive(Debug)]
struct Reader {
    poll: ReaderPoll,
    /// For the end of the peer's side, which the I/O thread's poll does not report of a shared socket.
    peer: socket::Duplicate,
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
        tls: Option<Connection>,
    ) -> io::Result<Transport> {
        let stream = TcpStream::connect(addr)?;
        let epoll = registry.as_raw_fd();
        socket::register_alone(epoll, stream.as_raw_fd(), token.0)?;
        Ok(Transport {
            stream,
            epoll,
            token,
            tls: tls.map(|connection| Box::new(Tls::new(connection))),
            established: AtomicBool::new(false),
            connected: AtomicBool::new(false),
            writable: AtomicBool::new(false),
            reader: OnceLock::new(),
            shared: AtomicBool::new(false),
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
        let Some(summary) = tls.advance(self.fd(), &self.writable)? else { return Ok(Progress::Pending) };
        self.connected.store(true, Ordering::Relaxed);
        log::debug!(target: "init_ssl_for_socket", "{summary} with {}", self.stream.peer_addr()?);
        Ok(Progress::Connected)
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

    /// Reads what has come, at most `space`, which is not empty.
    pub(crate) fn read_into(&self, space: &mut [u8]) -> io::Result<Read> {
        if let Some(tls) = &self.tls {
            return tls.read_into(self.fd(), &self.writable, space);
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
            return tls.write(self.fd(), &self.writable, bytes);
        }
        match socket::send(self.fd(), bytes) {
            Ok(n) => Ok(n),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.write_again(bytes),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// After a write that found no room. The I/O thread may have seen an event for room since then, so it is tried again once
    /// the socket counts as full: the event after a second failure cannot be missed.
    fn write_again(&self, bytes: &[u8]) -> io::Result<usize> {
        self.writable.store(false, Ordering::SeqCst);
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
        self.tls.as_ref().map_or(Ok(()), |tls| tls.resume(self.fd(), &self.writable))
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
            tls.end(self.fd());
        }
    }

    /// Waits until [`Transport::read_into`] has something, or for `limit`; a signal ends it sooner.
    pub(crate) fn wait_for_readable(&self, limit: Duration) {
        if self.is_undrained() {
            return;
        }
        socket::wait_for_readable(self.fd(), limit);
    }

    /// Lets callers wait for the socket beside the I/O thread, see [`Transport::wait_as_reader`]. On the I/O thread. `false`
    /// when that cannot be; on an error the I/O thread's poll does not watch the socket any more.
    pub(crate) fn share(&self, peer: Token) -> io::Result<bool> {
        if self.reader.get().is_none() {
            let Ok(reader) = self.new_reader(peer) else { return Ok(false) };
            let _ = self.reader.set(reader);
        }
        socket::deregister(self.epoll, self.fd())?;
        if socket::register_shared(self.epoll, self.fd(), self.token.0).is_ok() {
            self.shared.store(true, Ordering::Release);
            return Ok(true);
        }
        socket::register_alone(self.epoll, self.fd(), self.token.0)?;
        Ok(false)
    }

    fn new_reader(&self, peer: Token) -> io::Result<Reader> {
        let poll = ReaderPoll::new(self.fd())?;
        let copy = socket::duplicate(self.fd())?;
        socket::register_peer(self.epoll, &copy, peer.0)?;
        Ok(Reader { poll, peer: copy })
    }

    /// From now on what arrives wakes the I/O thread, whoever still waits as a reader. On the I/O thread; on an error its poll
    /// does not watch the socket any more.
    pub(crate) fn unshare(&self) -> io::Result<()> {
        if self.shared.swap(false, Ordering::Relaxed) {
            socket::deregister(self.epoll, self.fd())?;
            socket::register_alone(self.epoll, self.fd(), self.token.0)?;
        }
        Ok(())
    }

    /// Whether a caller may wait as a reader.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared.load(Ordering::Acquire)
    }

    /// Waits for something to read; while a caller does, what arrives wakes it and not the I/O thread. It ends when the
    /// connection ends, after `limit`, and when a signal handler has run, which has the thread's mask from before `blocked`.
    pub(crate) fn wait_as_reader(&self, limit: Duration, blocked: &BlockedSignals) -> Waited {
        if self.is_undrained() {
            return Waited::Ready;
        }
        self.reader.get().map_or(Waited::TimedOut, |reader| reader.poll.wait(limit, blocked))
    }

    /// Ends the connection, by RST when `reset` is set, so that the server need not read what was sent. A caller that waits
    /// for something to read stops waiting; the descriptor goes with the last reference. On the I/O thread.
    pub(crate) fn disconnect(&self, reset: bool) {
        let _ = socket::deregister(self.epoll, self.fd());
        if let Some(reader) = self.reader.get() {
            let _ = socket::deregister(self.epoll, reader.peer.as_raw_fd());
        }
        if !reset {
            self.end_tls();
        }
        if reset {
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
        if self.is_shared() {
            self.shut_down();
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
