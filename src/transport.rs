//! One connection to a server. The only place that knows it is TCP: TLS and SASL, when they come, live behind this type.
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

/// A connection, or the attempt at one.
#[derive(Debug)]
pub(crate) struct Transport {
    stream: TcpStream,
    connected: bool,
    /// Whether a write may succeed; cleared when the socket is full, set by the next readiness event.
    pub(crate) writable: bool,
}

impl Transport {
    /// Starts to connect. The socket is non-blocking and not inherited by programs the application executes.
    // divergence: Sockets are closed on exec; a program started by the application inherits none.
    pub(crate) fn connect(addr: SocketAddr, registry: &Registry, token: Token) -> io::Result<Transport> {
        let mut stream = TcpStream::connect(addr)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Transport { stream, connected: false, writable: false })
    }

    /// After a readiness event: `true` once the connection is there, for the first time.
    pub(crate) fn finish_connect(&mut self) -> io::Result<bool> {
        if self.connected {
            return Ok(false);
        }
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.stream.peer_addr() {
            Ok(_) => {
                // Small requests must not wait for the acknowledgement of earlier ones. Failure costs speed only.
                let _ = self.stream.set_nodelay(true);
                self.connected = true;
                self.writable = true;
                Ok(true)
            }
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOTCONN | libc::EINPROGRESS)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected
    }

    /// Reads what has come, at most `space`. `Ok(None)` when nothing has.
    pub(crate) fn read(&mut self, space: &mut [u8]) -> io::Result<Option<usize>> {
        match self.stream.read(space) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => Ok(Some(n)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes what the socket takes. Never raises SIGPIPE: the standard library sends with `MSG_NOSIGNAL`.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.stream.write(bytes) {
            Ok(n) => Ok(n),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.writable = false;
                Ok(0)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Ends the connection, by RST when `reset` is set, so that the server need not read what was sent.
    pub(crate) fn disconnect(mut self, registry: &Registry, reset: bool) {
        let _ = registry.deregister(&mut self.stream);
        if reset {
            let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}
