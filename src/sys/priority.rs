//! A thread's scheduling priority. Owns the two system calls and how often they are made.
use libc::c_int;
use std::cell::Cell;
use std::time::{Duration, Instant};

/// A thread's scheduling rank: a thread with a lower rank waits for the processor while one with a higher rank runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank(i32);

/// How long a rank counts as current. Threads change theirs seldom, mostly when they start.
const FRESH: Duration = Duration::from_secs(1);

/// `SCHED_BATCH`, `SCHED_IDLE` and the flag beside them, which `libc` lacks here.
const BATCH: c_int = 3;
const IDLE: c_int = 5;
const RESET_ON_FORK: c_int = 0x4000_0000;

thread_local! {
    static CACHED: Cell<Option<(Instant, Rank)>> = const { Cell::new(None) };
}

impl Rank {
    /// The calling thread's rank, at most [`FRESH`] old.
    pub(crate) fn current(now: Instant) -> Rank {
        match CACHED.get() {
            Some((at, rank)) if now.saturating_duration_since(at) < FRESH => rank,
            _ => {
                let rank = Rank::ask();
                CACHED.set(Some((now, rank)));
                rank
            }
        }
    }

    fn ask() -> Rank {
        // SAFETY: both take numbers only, and 0 is the calling thread.
        let (policy, nice) = unsafe { (libc::sched_getscheduler(0), libc::getpriority(libc::PRIO_PROCESS, 0)) };
        Rank(match policy & !RESET_ON_FORK {
            IDLE => -100,
            libc::SCHED_OTHER | BATCH => -nice,
            _ => 100,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_thread_ranks_below_others() {
        let now = Instant::now();
        let normal = Rank::current(now);
        let idle = std::thread::spawn(move || {
            // SAFETY: the parameter lives through the call; 0 is the calling thread.
            let rc = unsafe {
                let parameter: libc::sched_param = std::mem::zeroed();
                libc::sched_setscheduler(0, IDLE, &raw const parameter)
            };
            (rc, Rank::current(now))
        });
        let (rc, idle) = idle.join().unwrap();
        assert_eq!(rc, 0);
        assert!(idle < normal);
        assert_eq!(Rank::current(now), normal);
    }
}
