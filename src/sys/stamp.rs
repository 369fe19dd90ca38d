//! When and where a log line is written: date and time of day in the process's time zone, the process and the thread.
use libc::c_int;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The head of a log line.
pub(crate) struct Stamp {
    /// Year, month, day.
    pub(crate) date: [c_int; 3],
    /// Hour, minute, second.
    pub(crate) time: [c_int; 3],
    pub(crate) millis: u32,
    pub(crate) process: libc::pid_t,
    pub(crate) thread: usize,
}

impl Stamp {
    #[allow(clippy::cast_possible_truncation, reason = "a thread's name is a number on glibc, and a pointer on musl")]
    pub(crate) fn now() -> Stamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let seconds = libc::time_t::try_from(since.as_secs()).unwrap_or(0);
        // SAFETY: all-zero is a valid `tm`, whose zone pointer may be null; localtime_r writes to it or fails. The
        // other two cannot fail.
        unsafe {
            let mut tm: libc::tm = std::mem::zeroed();
            libc::localtime_r(&raw const seconds, &raw mut tm);
            Stamp {
                date: [tm.tm_year.saturating_add(1900), tm.tm_mon.saturating_add(1), tm.tm_mday],
                time: [tm.tm_hour, tm.tm_min, tm.tm_sec],
                millis: since.subsec_millis(),
                process: libc::getpid(),
                thread: libc::pthread_self() as usize,
            }
        }
    }
}
