//! Keeps descriptors of the library away from the numbers 0, 1 and 2. A program that has closed its standard streams still
//! writes to them, and a log line on standard error must not go to a server.
//!
//! glibc's name lookup, and a directory while it is listed, may get these numbers for a moment.
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

// divergence: No descriptor of the library is 0, 1 or 2; on stock the socket of a program that has closed its standard streams may get the number of standard error, and log lines go to the server.
/// The largest number of a standard stream.
const STANDARD_MAX: RawFd = 2;

/// `fd` itself, or a duplicate above 2 if it has the number of a standard stream. The duplicate is closed on exec.
#[inline]
pub(crate) fn above_standard(fd: OwnedFd) -> io::Result<OwnedFd> {
    // The standard library duplicates to 3 and above.
    if is_above_standard(&fd) { Ok(fd) } else { fd.try_clone() }
}

/// [`above_standard`] for what cannot be duplicated: calls `make` until it returns a number above 2.
#[cfg(not(calmkeeper_shuttle))]
pub(crate) fn make_above_standard<T: AsRawFd>(make: impl Fn() -> io::Result<T>) -> io::Result<T> {
    // Those with a lower number stay open until then, so that `make` does not get it again.
    let mut others = Vec::new();
    loop {
        let made = make()?;
        if is_above_standard(&made) {
            return Ok(made);
        }
        others.push(made);
    }
}

fn is_above_standard(fd: &impl AsRawFd) -> bool {
    fd.as_raw_fd() > STANDARD_MAX
}

#[cfg(all(test, not(calmkeeper_shuttle)))]
mod tests {
    use crate::sys::pause_timer::PauseTimer;
    use crate::sys::process::tests::in_a_child;
    use crate::sys::{file, socket, waker::Waker};
    use mio::Token;
    use std::net::TcpListener;
    use std::os::fd::AsRawFd;

    /// Whether the numbers of the standard streams are all closed in this process.
    fn are_free() -> bool {
        // SAFETY: only asks.
        (0..=2).all(|fd| unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0)
    }

    /// Opens one of each, and returns the number of the step that failed, 0 for none.
    fn first_failure(listener: &TcpListener, path: &std::path::Path) -> i32 {
        let Ok(poll) = socket::new_poll() else { return 1 };
        let Ok(waker) = Waker::new(poll.registry(), Token(0)) else { return 2 };
        let Ok(timer) = PauseTimer::new() else { return 3 };
        let Ok(stream) = listener.local_addr().and_then(socket::connect) else { return 4 };
        let Ok((_, file)) = file::create_neighbour(path) else { return 5 };
        let Ok(Some((read, _))) = zk_secure::open_regular("/proc/self/exe".as_ref()) else { return 6 };
        let result = if are_free() { 0 } else { 7 };
        drop((poll, waker, timer, stream, file, read));
        result
    }

    #[test]
    fn no_descriptor_takes_the_place_of_a_closed_standard_stream() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let folder = std::env::temp_dir().join(format!("calmkeeper-standard-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let close_and_open = || {
            for fd in 0..=2 {
                // SAFETY: the child's copies, which nothing there uses.
                unsafe { libc::close(fd) };
            }
            first_failure(&listener, &folder.join("stats"))
        };
        // SAFETY: the child opens and closes descriptors of its own.
        assert_eq!(unsafe { in_a_child(close_and_open) }, 0, "the step that failed");
        // So the child has not closed the listener.
        assert!(listener.as_raw_fd() > 2);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
