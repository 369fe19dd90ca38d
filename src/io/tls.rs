//! TLS on one socket: the layer between the plain bytes of a [`Transport`](super::transport::Transport) and its
//! descriptor. Owns the ciphertext that was received but not decrypted yet. Never waits.
//!
//! Sending and receiving share one state, so each call takes the lock of that state, the last one in the order of
//! locks, while it encrypts or decrypts a few records.
use crate::io::registration::Registration;
use crate::io::transport::Read;
use crate::sys::lock::Mutex;
use crate::sys::net;
use crate::sys::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::os::fd::RawFd;
use zk_core::session::Input;
use zk_secure::tls::{Connection, Failure, ReadOutcome};

/// Bytes of ciphertext that one read of the socket takes; a record has a little more than 16 KiB at most.
const CHUNK: usize = 17 * 1024;

/// Reads of the socket in a row that give no plaintext before the lock is released: a server can send tickets and key
/// updates without end.
const BARREN_READS_MAX: usize = 16;

/// Reads of the remaining data after a server has ended the connection: an alert comes within its last records.
const LAST_READS_MAX: usize = 16;

/// See the module.
#[derive(Debug)]
pub(crate) struct Tls {
    state: Mutex<State>,
    /// Whether unread bytes may be here for which the socket reports no readiness.
    undrained: AtomicBool,
    /// Whether ciphertext waits for the socket.
    unsent: AtomicBool,
}

#[derive(Debug)]
struct State {
    connection: Box<Connection>,
    /// Received ciphertext; `fed` of its `len` bytes have been decrypted.
    chunk: Box<[u8]>,
    fed: usize,
    len: usize,
    /// Why nothing more can be read, once the decrypted data has been read.
    failure: Option<Failure>,
}

impl State {
    /// Decrypts what was received. Returns how many bytes were taken in: none after a failure, or if plaintext has to be read
    /// first.
    fn feed(&mut self) -> usize {
        let received = self.chunk.get(self.fed..self.len).unwrap_or_default();
        match self.connection.feed(received) {
            Ok(n) => {
                self.fed += n;
                n
            }
            Err(failure) => {
                self.failure = Some(failure);
                0
            }
        }
    }
}

/// The result of a flush.
enum Flushed {
    /// The kernel has everything.
    All,
    /// The socket is full.
    Full,
}

impl Tls {
    pub(crate) fn new(connection: Box<Connection>) -> Tls {
        let state = State { connection, chunk: vec![0; CHUNK].into_boxed_slice(), fed: 0, len: 0, failure: None };
        Tls { state: Mutex::new(state), undrained: AtomicBool::new(false), unsent: AtomicBool::new(false) }
    }

    /// Continues the handshake. When it is done, returns a description of the connection.
    pub(crate) fn advance(&self, socket: &Registration) -> io::Result<Option<String>> {
        let mut state = self.state.lock();
        loop {
            self.flush(&mut state, socket)?;
            if !state.connection.is_handshaking() {
                // For data that came with its last message no event follows.
                self.undrained.store(true, Ordering::Relaxed);
                return Ok(Some(state.connection.summary()));
            }
            if !self.take_in(&mut state, socket)? {
                return Ok(None);
            }
        }
    }

    /// Reads input, at most `space`, which is not empty. Decrypted data comes first: a record may hold two replies. The
    /// result may be empty although much was received.
    // divergence: All replies of one TLS record are delivered; stock leaves the second one in OpenSSL's buffer until more comes.
    pub(crate) fn read_into(&self, socket: &Registration, space: &mut [u8]) -> io::Result<Read> {
        let mut state = self.state.lock();
        let (mut filled, mut barren) = (0, 0);
        let outcome = loop {
            let rest = space.get_mut(filled..).unwrap_or_default();
            if rest.is_empty() {
                break Ok(Read::More(filled));
            }
            match state.connection.read(rest) {
                ReadOutcome::Bytes(n) => {
                    (filled, barren) = (filled + n, 0);
                    continue;
                }
                ReadOutcome::Closed if filled == 0 => break Err(io::ErrorKind::UnexpectedEof.into()),
                // The next read reports the end.
                ReadOutcome::Closed => break Ok(Read::More(filled)),
                ReadOutcome::Drained => {}
            }
            match self.take_in(&mut state, socket) {
                Ok(true) if barren == BARREN_READS_MAX => break Ok(Read::More(filled)),
                Ok(true) => barren += 1,
                Ok(false) if filled == 0 => break Ok(Read::Empty),
                Ok(false) => break Ok(Read::Drained(filled)),
                // The next read meets the error again.
                Err(_) if filled > 0 => break Ok(Read::More(filled)),
                Err(error) => break Err(error),
            }
        };
        self.undrained.store(!matches!(outcome, Ok(Read::Empty | Read::Drained(_))), Ordering::Relaxed);
        outcome
    }

    /// Decrypts ciphertext; reads the socket if none is left here. `false` when there is none.
    fn take_in(&self, state: &mut State, socket: &Registration) -> io::Result<bool> {
        if let Some(failure) = &state.failure {
            return Err(error_of(failure.clone()));
        }
        if state.fed == state.len {
            match net::socket::receive(socket.fd(), &mut state.chunk) {
                Ok(0) => return Err(ended(&state.connection, io::ErrorKind::UnexpectedEof.into())),
                Ok(n) => (state.fed, state.len) = (0, n),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                    return Ok(false);
                }
                Err(error) => return Err(ended(&state.connection, error)),
            }
        }
        state.feed();
        // Sends the answer to the server's key update, or the alert with the reason for leaving the server.
        let flushed = self.flush(state, socket);
        match &state.failure {
            Some(failure) => Err(error_of(failure.clone())),
            None => flushed.map(|()| true),
        }
    }

    /// Encrypts and writes. Returns how many bytes were taken, some of which may still wait for the socket, see
    /// [`has_unsent`](Tls::has_unsent).
    pub(crate) fn write(&self, socket: &Registration, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state.lock();
        if let Some(failure) = &state.failure {
            return Err(error_of(failure.clone()));
        }
        let taken = state.connection.write(bytes);
        self.flush(&mut state, socket)?;
        Ok(taken)
    }

    /// Writes the waiting ciphertext, now that there is room.
    pub(crate) fn resume(&self, socket: &Registration) -> io::Result<()> {
        self.flush(&mut self.state.lock(), socket)
    }

    /// Whether ciphertext waits for the socket.
    pub(crate) fn has_unsent(&self) -> bool {
        self.unsent.load(Ordering::Relaxed)
    }

    /// Whether unread bytes may be here for which the socket reports no readiness. A reader must not wait for the
    /// socket then.
    pub(crate) fn is_undrained(&self) -> bool {
        self.undrained.load(Ordering::Relaxed)
    }

    /// Tells the server that nothing more comes, if that is possible at once.
    pub(crate) fn end(&self, socket: &Registration) {
        if let Some(mut state) = self.state.try_lock()
            && !state.connection.is_handshaking()
            && state.failure.is_none()
        {
            state.connection.close();
            let _ = state.connection.write_to(&mut Socket(socket.fd()));
        }
    }

    fn flush(&self, state: &mut State, socket: &Registration) -> io::Result<()> {
        self.write_pending(state, socket).map_err(|error| why(state, socket, error))
    }

    fn write_pending(&self, state: &mut State, socket: &Registration) -> io::Result<()> {
        let mut result = Flushed::All;
        if state.connection.wants_write() {
            result = write_out(&mut state.connection, socket.fd())?;
            if matches!(result, Flushed::Full) {
                socket.set_full()?;
                result = write_out(&mut state.connection, socket.fd())?;
                if matches!(result, Flushed::All) {
                    socket.set_writable();
                }
            }
        }
        self.unsent.store(matches!(result, Flushed::Full), Ordering::Relaxed);
        Ok(())
    }
}

fn write_out(connection: &mut Connection, fd: RawFd) -> io::Result<Flushed> {
    loop {
        match connection.write_to(&mut Socket(fd)) {
            Ok(()) => return Ok(Flushed::All),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Flushed::Full),
            Err(error) => return Err(error),
        }
    }
}

/// The descriptor as a writer for rustls: without blocking and without SIGPIPE.
struct Socket(RawFd);

impl io::Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        net::socket::send(self.0, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why a write failed. A server that ends the connection sends the reason first, in an alert that is still unread.
fn why(state: &mut State, socket: &Registration, error: io::Error) -> io::Error {
    for _ in 0..LAST_READS_MAX {
        if state.failure.is_some() {
            break;
        }
        if state.fed == state.len {
            match net::socket::receive(socket.fd(), &mut state.chunk) {
                Ok(0) => break,
                Ok(n) => (state.fed, state.len) = (0, n),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            }
        }
        if state.feed() == 0 {
            break;
        }
    }
    match &state.failure {
        Some(failure) => error_of(failure.clone()),
        None => ended(&state.connection, error),
    }
}

/// The connection has ended with `error`. During the handshake the error gets an explanation; later it stays as it is.
fn ended(connection: &Connection, error: io::Error) -> io::Error {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    if connection.is_handshaking() && matches!(error.kind(), UnexpectedEof | ConnectionReset | BrokenPipe) {
        return io::Error::new(error.kind(), connection.closed_by_peer());
    }
    error
}

/// Wraps a failure in an `io::Error`, as the code that reads and the code that connects report errors.
pub(crate) fn error_of(failure: Failure) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, failure)
}

/// The session's input for an error.
pub(crate) fn input_of(error: io::Error) -> Input<'static> {
    let failure = error.get_ref().and_then(|inner| inner.downcast_ref::<Failure>());
    if failure.is_some_and(Failure::needs_operator) { Input::TlsFailed(error) } else { Input::Disconnected(error) }
}

#[cfg(all(test, not(calmkeeper_shuttle)))]
mod tests {
    #![allow(clippy::unwrap_used)] // tests
    use super::*;
    use crate::io::transport::{Progress, Transport};
    use std::io::Write;
    use std::net::TcpListener;
    use std::time::{Duration, Instant};
    use zk_secure::tls::{Context, Settings};

    const WAIT: Duration = Duration::from_secs(20);

    /// The error that a client gets if its server sends these bytes and resets the connection before the client has
    /// written anything.
    fn reset_behind(bytes: &[u8]) -> io::Error {
        let variables = |name: &str| match name {
            "ZOO_TLS" => Some("on".into()),
            "ZOO_TLS_VERIFY" => Some("none".into()),
            _ => None,
        };
        let context = Context::new(Settings::from_environment(&variables).unwrap().unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let poll = mio::Poll::new().unwrap();
        let tls = context.connect(addr, &["localhost".to_owned()]).unwrap();
        let near = Transport::connect(addr, poll.registry(), mio::Token(1), Some(Box::new(tls))).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        let end = Instant::now() + WAIT;
        while near.advance().unwrap() != Progress::Tcp {
            assert!(Instant::now() < end);
            std::thread::sleep(Duration::from_millis(1));
        }
        far.write_all(bytes).unwrap();
        net::SockRef::from(&far).set_linger(Some(Duration::ZERO)).unwrap();
        drop(far);
        near.wait_for_readable(WAIT);
        near.advance().unwrap_err()
    }

    #[test]
    fn an_alert_is_read_though_the_write_before_it_fails() {
        let error = reset_behind(&[0x15, 3, 3, 0, 2, 2, 116]);
        assert!(error.to_string().contains("demands a client certificate"), "{error:?}");
        assert!(matches!(input_of(error), Input::TlsFailed(_)));
    }

    #[test]
    fn a_reset_without_an_alert_says_what_it_may_be() {
        let error = reset_behind(&[]);
        assert!(matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe), "{error:?}");
        assert!(error.to_string().contains("secureClientPort"), "{error}");
        // A TLS record has begun, so the server does speak TLS.
        let error = reset_behind(&[0x16, 3, 3]);
        assert!(error.to_string().contains("may demand a client certificate"), "{error}");
        assert!(matches!(input_of(error), Input::Disconnected(_)), "it may be overload, which passes");
    }
}
