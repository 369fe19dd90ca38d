//! The client's end of a connection.
use super::poll::{self, Event, Interests, Poll, Token};
use super::{NETWORK, Next, Stop, lock, wait};
use crate::sys::signals::BlockedSignals;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

/// Bytes to the server that a socket can buffer: few, so that it is often full.
const ROOM: usize = 80;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Connecting,
    Connected,
    /// The server has sent RST.
    Reset,
}

#[allow(clippy::struct_excessive_bools, reason = "they are independent")]
/// One connection, as the kernel has it.
pub(super) struct Socket {
    pub(super) stage: Stage,
    addr: SocketAddr,
    pub(super) inbound: Vec<u8>,
    pub(super) outbound: Vec<u8>,
    /// The server sends no more.
    pub(super) ended: bool,
    /// The client sends and receives no more.
    pub(super) shut: bool,
    /// The client is gone.
    pub(super) closed: bool,
    /// Whether its end is an RST, which makes the server lose unread bytes.
    resets: bool,
}

/// Readiness, or a change of it.
#[allow(clippy::struct_excessive_bools, reason = "they are independent")]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Change {
    pub(super) readable: bool,
    pub(super) writable: bool,
    pub(super) closed: bool,
    pub(super) error: bool,
}

impl Socket {
    pub(super) fn is(&self) -> Change {
        let error = self.stage == Stage::Reset;
        let closed = self.ended || self.shut || error;
        Change {
            readable: !self.inbound.is_empty() || closed,
            writable: error || self.stage == Stage::Connected && self.outbound.len() < ROOM,
            closed,
            error,
        }
    }
}

/// See `crate::sys::socket`.
pub(crate) fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect(addr)
}

/// See `crate::sys::socket`.
pub(crate) fn new_poll() -> io::Result<Poll> {
    Poll::new()
}

/// See `mio::net::TcpStream`.
#[derive(Debug)]
pub(crate) struct TcpStream {
    fd: RawFd,
}

impl TcpStream {
    #[allow(clippy::unnecessary_wraps, reason = "it is mio's")]
    pub(crate) fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
        let mut state = lock();
        let fd = state.next_descriptor();
        let socket = Socket {
            stage: Stage::Connecting,
            addr,
            inbound: Vec::new(),
            outbound: Vec::new(),
            ended: false,
            shut: false,
            closed: false,
            resets: false,
        };
        state.sockets.insert(fd, socket);
        NETWORK.changed.notify_all();
        Ok(TcpStream { fd })
    }

    fn with<R>(&self, body: impl FnOnce(&mut Socket) -> io::Result<R>) -> io::Result<R> {
        body(lock().sockets.get_mut(&self.fd).ok_or(io::ErrorKind::NotFound)?)
    }

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.with(|socket| Ok((socket.stage == Stage::Reset).then(|| io::ErrorKind::ConnectionReset.into())))
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.with(|socket| match socket.stage {
            Stage::Connected => Ok(socket.addr),
            Stage::Connecting | Stage::Reset => Err(io::Error::from_raw_os_error(libc::ENOTCONN)),
        })
    }

    pub(crate) fn set_nodelay(&self, _: bool) -> io::Result<()> {
        self.with(|_| Ok(()))
    }

    pub(crate) fn shutdown(&self, _: Shutdown) -> io::Result<()> {
        let mut state = lock();
        state.sockets.get_mut(&self.fd).ok_or(io::ErrorKind::NotFound)?.shut = true;
        state.touch(self.fd, Change { readable: true, writable: true, closed: true, ..Change::default() });
        Ok(())
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.fd
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        let mut state = lock();
        for poll in state.polls.values_mut() {
            poll.forget(self.fd);
        }
        if let Some(socket) = state.sockets.get_mut(&self.fd) {
            socket.closed = true;
            if socket.resets {
                socket.outbound.clear();
            }
        }
        NETWORK.changed.notify_all();
    }
}

/// See `socket2::SockRef`.
pub(crate) struct SockRef<'a>(&'a TcpStream);

impl<'a> From<&'a TcpStream> for SockRef<'a> {
    fn from(stream: &'a TcpStream) -> Self {
        SockRef(stream)
    }
}

impl SockRef<'_> {
    pub(crate) fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.0.with(|socket| {
            socket.resets = linger == Some(Duration::ZERO);
            Ok(())
        })
    }
}

/// See `sys::socket`.
pub(crate) fn receive(fd: RawFd, space: &mut [u8]) -> io::Result<usize> {
    let mut state = lock();
    let socket = state.sockets.get_mut(&fd).ok_or(io::ErrorKind::NotFound)?;
    if socket.stage == Stage::Reset {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    if socket.inbound.is_empty() {
        return if socket.ended || socket.shut { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
    }
    let len = space.len().min(socket.inbound.len());
    for (place, byte) in space.iter_mut().zip(socket.inbound.drain(..len)) {
        *place = byte;
    }
    Ok(len)
}

/// See `sys::socket`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    Ready,
    #[allow(dead_code, reason = "there are no signals here")]
    Interrupted,
    TimedOut,
}

/// See `sys::socket`.
pub(crate) fn wait_as_reader(fd: RawFd, limit: Duration, _: &BlockedSignals) -> Waited {
    Stop::BeforeWaiting.here();
    let waited = wait_until_readable(fd, limit);
    Stop::AfterWaiting.here();
    if waited.is_some() { Waited::Ready } else { Waited::TimedOut }
}

/// See `sys::socket`.
pub(crate) fn register(epoll: RawFd, fd: RawFd, token: usize) -> io::Result<()> {
    poll::register(epoll, fd, Token(token), Interests { input: true, room: true })
}

/// See `sys::socket`.
pub(crate) fn token_of(event: &Event) -> Token {
    event.token()
}

/// See `sys::socket`.
pub(crate) fn set_interest(epoll: RawFd, fd: RawFd, _: usize, input: bool, room: bool) -> io::Result<()> {
    poll::change(epoll, fd, Interests { input, room })
}

/// See `sys::socket`.
pub(crate) fn deregister(epoll: RawFd, fd: RawFd) -> io::Result<()> {
    poll::deregister(epoll, fd)
}

/// See `sys::socket`.
pub(crate) fn wait_for_readable(fd: RawFd, limit: Duration) {
    wait_until_readable(fd, limit);
}

fn wait_until_readable(fd: RawFd, limit: Duration) -> Option<()> {
    wait(Some(limit), |state| match state.sockets.get(&fd) {
        Some(socket) if !socket.is().readable => Next::Wait,
        _ => Next::Done(()),
    })
}

/// See `sys::socket`.
pub(crate) fn send(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    let mut state = lock();
    let socket = state.sockets.get_mut(&fd).ok_or(io::ErrorKind::NotFound)?;
    if socket.stage != Stage::Connected || socket.shut {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    let len = bytes.len().min(ROOM.saturating_sub(socket.outbound.len()));
    if len == 0 {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    socket.outbound.extend(bytes.iter().take(len));
    NETWORK.changed.notify_all();
    Ok(len)
}
