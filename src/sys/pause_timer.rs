//! A descriptor that becomes readable at a given time, for a loop that watches descriptors but keeps no time. Owns the
//! system calls.
use crate::sys::descriptor::above_standard;
use crate::sys::inherited::Unshared;
use crate::sys::time::timespec;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::null_mut;
use std::time::Duration;

/// See the module.
#[derive(Debug)]
pub(crate) struct PauseTimer(Unshared<OwnedFd>);

impl PauseTimer {
    pub(crate) fn new() -> io::Result<PauseTimer> {
        const FLAGS: libc::c_int = libc::TFD_NONBLOCK | libc::TFD_CLOEXEC;
        // SAFETY: numbers only; the result is checked and owned here.
        let timer = unsafe {
            let timer = libc::timerfd_create(libc::CLOCK_MONOTONIC, FLAGS);
            if timer < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(timer)
        };
        Ok(PauseTimer(Unshared::new(above_standard(timer)?)))
    }

    /// Makes the descriptor readable after `delay`, and not before.
    pub(crate) fn set(&self, delay: Duration) -> io::Result<()> {
        // Zero would stop it.
        let value = timespec(delay.max(Duration::from_nanos(1)));
        let spec = libc::itimerspec { it_interval: timespec(Duration::ZERO), it_value: value };
        // SAFETY: the new time lives through the call, and the old one is not asked for.
        let rc = unsafe { libc::timerfd_settime(self.0.as_raw_fd(), 0, &raw const spec, null_mut()) };
        if rc == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_can_be_read_when_the_time_has_come_and_not_after_it_is_set_again() {
        let timer = PauseTimer::new().unwrap();
        let is_readable = |wait| {
            let mut entry = libc::pollfd { fd: timer.fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one entry, which lives through the call.
            unsafe { libc::poll(&raw mut entry, 1, wait) > 0 }
        };
        timer.set(Duration::ZERO).unwrap();
        assert!(is_readable(20_000));
        timer.set(Duration::from_secs(1000)).unwrap();
        assert!(!is_readable(0));
        timer.set(Duration::from_millis(1)).unwrap();
        assert!(is_readable(20_000));
    }
}
