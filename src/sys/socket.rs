//! What mio does not offer on a connected socket: reads that wait and reads that do not, side by side, and an interest
//! that may be empty and is changed from any thread. Owns the system calls.
use libc::{c_int, c_void};
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

/// Changes what a descriptor registered with mio under `token` wakes its poll loop for. With neither, only errors and
/// the end of the connection do. What is ready already counts as new.
pub(crate) fn set_interest(epoll: RawFd, fd: RawFd, token: usize, readable: bool, writable: bool) -> io::Result<()> {
    let mut events = libc::EPOLLET;
    if readable {
        events |= libc::EPOLLIN | libc::EPOLLRDHUP;
    }
    if writable {
        events |= libc::EPOLLOUT;
    }
    let mut event = libc::epoll_event { events: events.cast_unsigned(), u64: token as u64 };
    // SAFETY: the event lives through the call; descriptors that are not open are an error, not a danger.
    let rc = unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_MOD, fd, &raw mut event) };
    if rc == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Receives at most `space`. Without `wait` it never blocks; with it, a blocking socket blocks as long as its receive
/// timeout says. Nothing there, or nothing in time, is `WouldBlock`.
pub(crate) fn receive(fd: RawFd, space: &mut [u8], wait: bool) -> io::Result<usize> {
    let flags = if wait { 0 } else { libc::MSG_DONTWAIT };
    // SAFETY: the slice is writable memory of that length.
    length(unsafe { libc::recv(fd, space.as_mut_ptr().cast::<c_void>(), space.len(), flags) })
}

/// Waits until the descriptor can be read or has ended, or for `limit`; a signal ends it sooner.
pub(crate) fn wait_for_readable(fd: RawFd, limit: Duration) {
    // Up, or the last part of a millisecond would be spent asking.
    let millis = c_int::try_from(limit.as_millis() + 1).unwrap_or(c_int::MAX);
    let mut entry = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, which lives through the call.
    unsafe { libc::poll(&raw mut entry, 1, millis) };
}

/// Sends what the socket takes without blocking, and without SIGPIPE.
pub(crate) fn send(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    const FLAGS: c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the slice is readable memory of that length.
    length(unsafe { libc::send(fd, bytes.as_ptr().cast::<c_void>(), bytes.len(), FLAGS) })
}

fn length(rc: isize) -> io::Result<usize> {
    usize::try_from(rc).map_err(|_| io::Error::last_os_error())
}
