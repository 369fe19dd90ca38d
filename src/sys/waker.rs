//! Wakes the I/O thread out of its poll: an event descriptor. Owns the system calls. (mio has such a waker too, whose
//! descriptor a forked child could not close.)
use crate::sys::descriptor::above_standard;
use crate::sys::file_id;
use crate::sys::inherited::Unshared;
use crate::sys::socket;
use mio::{Registry, Token};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// See the module.
#[derive(Debug)]
pub(crate) struct Waker {
    event: Unshared<OwnedFd>,
}

impl Waker {
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Waker> {
        // SAFETY: numbers only; the result is checked and owned here.
        let event = above_standard(unsafe {
            let event = libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC);
            if event < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(event)
        })?;
        // A forked child recognises the descriptor by this count. The poll reports it once.
        socket::write_count(event.as_raw_fd(), file_id::mark())?;
        socket::register_input(registry.as_raw_fd(), event.as_raw_fd(), token.0)?;
        Ok(Waker { event: Unshared::new(event) })
    }

    /// Each call is an event, whether the previous one was seen or not. Nothing has to read the count.
    pub(crate) fn wake(&self) -> io::Result<()> {
        match socket::write_count(self.event.as_raw_fd(), 1) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // The count is at its maximum, after 2^63 calls.
                socket::read_count(self.event.as_raw_fd())?;
                socket::write_count(self.event.as_raw_fd(), 1)
            }
            result => result,
        }
    }

    #[cfg(test)]
    pub(crate) fn fd(&self) -> std::os::fd::RawFd {
        self.event.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn has_event(poll: &mut mio::Poll, limit: Duration) -> bool {
        let mut events = mio::Events::with_capacity(4);
        poll.poll(&mut events, Some(limit)).unwrap();
        events.iter().any(|event| socket::token_of(event) == Token(7) && event.is_readable())
    }

    #[test]
    fn each_call_ends_one_wait() {
        let mut poll = mio::Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), Token(7)).unwrap();
        assert!(has_event(&mut poll, Duration::from_secs(20)), "the mark");
        assert!(!has_event(&mut poll, Duration::from_millis(10)));
        for _ in 0..3 {
            waker.wake().unwrap();
            assert!(has_event(&mut poll, Duration::from_secs(20)));
            assert!(!has_event(&mut poll, Duration::from_millis(10)));
        }
        socket::read_count(waker.fd()).unwrap();
        socket::write_count(waker.fd(), u64::MAX - 1).unwrap();
        waker.wake().unwrap();
        assert!(has_event(&mut poll, Duration::from_secs(20)));
    }
}
