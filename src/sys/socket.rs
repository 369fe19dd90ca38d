//! What mio does not offer on a connected socket: reads and writes on a shared reference, and a second poll for callers that
//! read in the place of the I/O thread. Owns the system calls. Those that transfer or wait are the kernel's own rather than
//! glibc's, which are cancellation points.
use crate::sys::signals::BlockedSignals;
use crate::sys::time::timespec;
use libc::{c_int, c_long};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::null;
use std::time::Duration;

/// Receives at most `space`. Never blocks: nothing there is `WouldBlock`.
pub(crate) fn receive(fd: RawFd, space: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the slice is writable memory of that length; no address is asked for.
    length(unsafe {
        libc::syscall(
            libc::SYS_recvfrom,
            fd,
            space.as_mut_ptr(),
            space.len(),
            libc::MSG_DONTWAIT,
            null::<u8>(),
            null::<u8>(),
        )
    })
}

/// Sends what the socket takes without blocking, and without SIGPIPE.
pub(crate) fn send(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    const FLAGS: c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the slice is readable memory of that length; no address is given.
    length(unsafe { libc::syscall(libc::SYS_sendto, fd, bytes.as_ptr(), bytes.len(), FLAGS, null::<u8>(), 0) })
}

/// Waits until the descriptor can be read or has ended, or for `limit`; a signal ends it sooner.
pub(crate) fn wait_for_readable(fd: RawFd, limit: Duration) {
    let mut entry = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut limit = timespec(limit);
    // SAFETY: one entry and a time, which live through the call; without a signal mask.
    unsafe { libc::syscall(libc::SYS_ppoll, &raw mut entry, 1, &raw mut limit, null::<u64>(), 0) };
}

fn length(rc: c_long) -> io::Result<usize> {
    usize::try_from(rc).map_err(|_| io::Error::last_os_error())
}

/// How a wait for something to read ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// There may be something to read.
    Ready,
    /// A signal handler ran.
    Interrupted,
    /// Nothing came in time.
    TimedOut,
}

/// A poll of its own for one socket. While somebody waits on it, what arrives wakes that thread and not the poll that the
/// socket is registered with by [`register_shared`].
///
/// This is the kernel's rule for `EPOLLEXCLUSIVE`: of the polls that watch a descriptor exclusively, the first one registered
/// that has a waiter is woken. What ends the connection wakes both.
#[derive(Debug)]
pub(crate) struct ReaderPoll {
    epoll: OwnedFd,
}

impl ReaderPoll {
    /// Must be made before the socket is registered by [`register_shared`].
    pub(crate) fn new(fd: RawFd) -> io::Result<ReaderPoll> {
        // SAFETY: without arguments in memory; the result is checked, and is nobody else's.
        let epoll = unsafe {
            let epoll = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            if epoll < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(epoll)
        };
        control(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN | libc::EPOLLET | libc::EPOLLEXCLUSIVE, 0)?;
        Ok(ReaderPoll { epoll })
    }

    /// Waits for something to read, with the signal mask that the thread had before `blocked`.
    pub(crate) fn wait(&self, limit: Duration, blocked: &BlockedSignals) -> Waited {
        // Up, or the last part of a millisecond would be spent asking.
        let millis = c_int::try_from(limit.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX);
        let mut event = MaybeUninit::<libc::epoll_event>::uninit();
        // SAFETY: room for one event, and a mask of the size that the kernel is told.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait,
                self.epoll.as_raw_fd(),
                event.as_mut_ptr(),
                1,
                millis,
                std::ptr::from_ref(blocked.mask_before()),
                size_of::<u64>(),
            )
        };
        match count {
            0 => Waited::TimedOut,
            1.. => Waited::Ready,
            _ => Waited::Interrupted,
        }
    }
}

/// A second descriptor of a socket, see [`register_peer`].
pub(crate) type Duplicate = OwnedFd;

/// Makes one.
pub(crate) fn duplicate(fd: RawFd) -> io::Result<Duplicate> {
    // SAFETY: numbers only; the result is checked, and is nobody else's.
    unsafe {
        let copy = libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3);
        if copy < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(copy)) }
    }
}

/// Registers a socket with mio's poll for that poll alone. What is ready already counts as new.
pub(crate) fn register_alone(epoll: RawFd, fd: RawFd, token: usize) -> io::Result<()> {
    let events = libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLOUT | libc::EPOLLET;
    control(epoll, libc::EPOLL_CTL_ADD, fd, events, token)
}

/// The same beside a [`ReaderPoll`], which comes first. The kernel does not report the end of the peer's side this way, see
/// [`register_peer`].
pub(crate) fn register_shared(epoll: RawFd, fd: RawFd, token: usize) -> io::Result<()> {
    let events = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLET | libc::EPOLLEXCLUSIVE;
    control(epoll, libc::EPOLL_CTL_ADD, fd, events, token)
}

/// Registers a duplicate of the socket for the end of the peer's side only.
pub(crate) fn register_peer(epoll: RawFd, copy: &Duplicate, token: usize) -> io::Result<()> {
    control(epoll, libc::EPOLL_CTL_ADD, copy.as_raw_fd(), libc::EPOLLRDHUP | libc::EPOLLET, token)
}

/// Ends a registration.
pub(crate) fn deregister(epoll: RawFd, fd: RawFd) -> io::Result<()> {
    control(epoll, libc::EPOLL_CTL_DEL, fd, 0, 0)
}

fn control(epoll: RawFd, operation: c_int, fd: RawFd, events: c_int, token: usize) -> io::Result<()> {
    let mut event = libc::epoll_event { events: events.cast_unsigned(), u64: token as u64 };
    // SAFETY: the event lives through the call; descriptors that are not open are an error, not a danger.
    let rc = unsafe { libc::epoll_ctl(epoll, operation, fd, &raw mut event) };
    if rc == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    fn has_event(poll: &mut mio::Poll, limit: Duration) -> bool {
        let mut events = mio::Events::with_capacity(4);
        poll.poll(&mut events, Some(limit)).unwrap();
        !events.is_empty()
    }

    #[test]
    fn what_arrives_wakes_the_waiting_reader_only() {
        let mut poll = mio::Poll::new().unwrap();
        let (near, mut far) = pair();
        let epoll = poll.registry().as_raw_fd();
        let reader = ReaderPoll::new(near.as_raw_fd()).unwrap();
        register_shared(epoll, near.as_raw_fd(), 1).unwrap();
        // That there is room to write.
        assert!(has_event(&mut poll, Duration::from_secs(20)));
        // A byte that comes before the thread waits wakes both. Then it is tried again with more time.
        let alone = (1..20).any(|attempt| {
            std::thread::scope(|scope| {
                let waited = scope.spawn(|| reader.wait(Duration::from_secs(20), &BlockedSignals::new()));
                std::thread::sleep(Duration::from_millis(attempt * attempt));
                far.write_all(b"x").unwrap();
                assert_eq!(waited.join().unwrap(), Waited::Ready);
                receive(near.as_raw_fd(), &mut [0; 10]).unwrap();
                !has_event(&mut poll, Duration::ZERO)
            })
        });
        assert!(alone);
        // Without a waiter the poll is told.
        far.write_all(b"y").unwrap();
        assert!(has_event(&mut poll, Duration::from_secs(20)));
    }

    #[test]
    fn the_end_of_the_peer_is_seen_on_the_duplicate() {
        let mut poll = mio::Poll::new().unwrap();
        let (near, far) = pair();
        let copy = duplicate(near.as_raw_fd()).unwrap();
        register_peer(poll.registry().as_raw_fd(), &copy, 1).unwrap();
        assert!(!has_event(&mut poll, Duration::ZERO));
        drop(far);
        assert!(has_event(&mut poll, Duration::from_secs(20)));
    }
}
