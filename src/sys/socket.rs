//! Operations on a connected socket that mio does not offer: reads, writes and waits on a shared reference, and a
//! registration that changes without a source. Owns the system calls. Transfers and waits bypass glibc, whose functions
//! are cancellation points.
use crate::sys::descriptor::{above_standard, make_above_standard};
use crate::sys::file_id;
use crate::sys::shield;
use crate::sys::signals::BlockedSignals;
use crate::sys::time::timespec;
use libc::{c_int, c_long};
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Poll, Token};
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::ptr::{from_ref, null};
use std::time::Duration;

/// Starts to connect. The socket is non-blocking and close-on-exec.
pub(crate) fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    Ok(above_standard(TcpStream::connect(addr)?.into())?.into())
}

/// A poll without registrations.
pub(crate) fn new_poll() -> io::Result<Poll> {
    make_above_standard(Poll::new)
}

/// Receives at most `space`. Never blocks: `WouldBlock` if there is no data.
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

/// Sends as much as the socket takes. Never blocks, never raises SIGPIPE.
pub(crate) fn send(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    const FLAGS: c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the slice is readable memory of that length; no address is given.
    length(unsafe { libc::syscall(libc::SYS_sendto, fd, bytes.as_ptr(), bytes.len(), FLAGS, null::<u8>(), 0) })
}

/// Waits until the descriptor can be read or has ended, or for `limit`; a signal ends the wait sooner.
pub(crate) fn wait_for_readable(fd: RawFd, limit: Duration) {
    /// The pause after a wait that the system refused, so that a caller in a loop does not spin.
    const REFUSED_PAUSE: Duration = Duration::from_millis(10);
    if wait(fd, limit, null()) < 0 && !is_interrupted() {
        std::thread::sleep(limit.min(REFUSED_PAUSE));
    }
}

/// Whether a signal handler has ended the last system call of this thread.
fn is_interrupted() -> bool {
    io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
}

/// [`wait_for_readable`] with a signal mask, unless that is null. Returns the result of the system call.
fn wait(fd: RawFd, limit: Duration, mask: *const u64) -> c_int {
    let mut entry = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut limit = timespec(limit);
    // SAFETY: an entry and a time, which live through the call; the mask is null or one of the kernel's.
    unsafe { shield::wait_for_descriptor(&raw mut entry, &raw mut limit, mask) }
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
    /// Nothing came in time, or the system refuses to wait.
    TimedOut,
}

/// Waits for something to read, with the signal mask that the thread had before `blocked`.
pub(crate) fn wait_as_reader(fd: RawFd, limit: Duration, blocked: &BlockedSignals) -> Waited {
    match wait(fd, limit, from_ref(blocked.mask_before())) {
        1.. => Waited::Ready,
        0 => Waited::TimedOut,
        _ if is_interrupted() => Waited::Interrupted,
        // Such an error comes back at once: a caller that tried again would spin.
        _ => Waited::TimedOut,
    }
}

/// Registers a socket with mio's poll for all events. Existing readiness is reported.
pub(crate) fn register(epoll: RawFd, fd: RawFd, token: usize) -> io::Result<()> {
    control(epoll, libc::EPOLL_CTL_ADD, fd, INPUT | ROOM | libc::EPOLLET, token)
}

/// Registers a descriptor for readability, reported each time that more comes.
pub(crate) fn register_input(epoll: RawFd, fd: RawFd, token: usize) -> io::Result<()> {
    control(epoll, libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN | libc::EPOLLET, token)
}

/// Adds to the count of an event descriptor. `WouldBlock` if the sum would be too large.
pub(crate) fn write_count(fd: RawFd, count: u64) -> io::Result<()> {
    // SAFETY: the count lives through the call.
    length(unsafe { libc::syscall(libc::SYS_write, fd, &raw const count, size_of::<u64>()) }).map(|_| ())
}

/// Reads and clears the count of an event descriptor.
pub(crate) fn read_count(fd: RawFd) -> io::Result<u64> {
    let mut count = 0_u64;
    // SAFETY: the count lives through the call.
    length(unsafe { libc::syscall(libc::SYS_read, fd, &raw mut count, size_of::<u64>()) }).map(|_| count)
}

/// Sets the events that the poll reports of a registered socket, besides errors. Existing readiness is reported.
pub(crate) fn set_interest(epoll: RawFd, fd: RawFd, token: usize, input: bool, room: bool) -> io::Result<()> {
    let input = if input { INPUT } else { 0 };
    let room = if room { ROOM } else { 0 };
    control(epoll, libc::EPOLL_CTL_MOD, fd, input | room | libc::EPOLLET, token)
}

/// The token with which a descriptor was registered here.
pub(crate) fn token_of(event: &Event) -> Token {
    /// The bits below the mark, which a small `usize` does not have.
    const TOKEN: usize = u32::MAX as usize;
    Token(event.token().0 & TOKEN)
}

/// Data has arrived, or the peer has shut down its side.
const INPUT: c_int = libc::EPOLLIN | libc::EPOLLRDHUP;
/// There is room to write.
const ROOM: c_int = libc::EPOLLOUT;

/// Ends a registration.
pub(crate) fn deregister(epoll: RawFd, fd: RawFd) -> io::Result<()> {
    control(epoll, libc::EPOLL_CTL_DEL, fd, 0, 0)
}

fn control(epoll: RawFd, operation: c_int, fd: RawFd, events: c_int, token: usize) -> io::Result<()> {
    // A forked child recognises the poll by the mark.
    let mut event = libc::epoll_event { events: events.cast_unsigned(), u64: file_id::mark() | token as u64 };
    // SAFETY: the event lives through the call; descriptors that are not open are an error, not a danger.
    let rc = unsafe { libc::epoll_ctl(epoll, operation, fd, &raw mut event) };
    if rc == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::process::tests::in_a_child;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

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

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn paused_input_is_reported_afterwards() {
        let mut poll = mio::Poll::new().unwrap();
        let (near, mut far) = pair();
        let (epoll, fd) = (poll.registry().as_raw_fd(), near.as_raw_fd());
        register(epoll, fd, 1).unwrap();
        // Room to write.
        assert!(has_event(&mut poll, PATIENCE));
        set_interest(epoll, fd, 1, false, false).unwrap();
        far.write_all(b"x").unwrap();
        assert_eq!(wait_as_reader(fd, PATIENCE, &BlockedSignals::new()), Waited::Ready);
        assert!(!has_event(&mut poll, Duration::ZERO));
        set_interest(epoll, fd, 1, true, false).unwrap();
        assert!(has_event(&mut poll, PATIENCE));
        // Data that a reader has taken in the meantime is not reported.
        set_interest(epoll, fd, 1, false, false).unwrap();
        receive(fd, &mut [0; 10]).unwrap();
        set_interest(epoll, fd, 1, true, false).unwrap();
        assert!(!has_event(&mut poll, Duration::ZERO));
    }

    #[test]
    fn the_end_of_the_peer_is_reported_afterwards_too() {
        let mut poll = mio::Poll::new().unwrap();
        let (near, far) = pair();
        let (epoll, fd) = (poll.registry().as_raw_fd(), near.as_raw_fd());
        register(epoll, fd, 1).unwrap();
        assert!(has_event(&mut poll, PATIENCE));
        set_interest(epoll, fd, 1, false, false).unwrap();
        drop(far);
        assert_eq!(wait_as_reader(fd, PATIENCE, &BlockedSignals::new()), Waited::Ready);
        set_interest(epoll, fd, 1, true, false).unwrap();
        assert!(has_event(&mut poll, PATIENCE));
    }

    #[test]
    fn a_wait_that_the_system_refuses_is_over() {
        let (near, _far) = pair();
        let refused = || {
            let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            // SAFETY: the child's own limit, after which the system refuses to poll any descriptor.
            unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const none) };
            i32::from(wait_as_reader(near.as_raw_fd(), PATIENCE, &BlockedSignals::new()) == Waited::TimedOut)
        };
        // SAFETY: the child makes system calls only; without a refusal it would be ended by its alarm.
        assert_eq!(unsafe { in_a_child(refused) }, 1);
    }

    #[test]
    fn a_wait_without_input_ends() {
        let (near, _far) = pair();
        assert_eq!(
            wait_as_reader(near.as_raw_fd(), Duration::from_millis(1), &BlockedSignals::new()),
            Waited::TimedOut
        );
    }
}
