//! The locks and threads of the library: those of the standard library, except in builds that observe the threads. Owns
//! that choice; does not know what is locked.
//!
//! With `--cfg calmkeeper_tsan` they are the same locks, reported to ThreadSanitizer (`make tsan`). With `--cfg
//! calmkeeper_shuttle` they are those of a scheduler that decides which thread goes on (`make schedules`).
#[cfg(calmkeeper_tsan)]
pub(crate) use crate::sys::tsan::{Mutex, MutexGuard};
#[cfg(calmkeeper_shuttle)]
pub(crate) use shuttle::{
    sync::{Condvar, Mutex, MutexGuard, atomic},
    thread, thread_local,
};
#[cfg(not(any(calmkeeper_tsan, calmkeeper_shuttle)))]
pub(crate) use std::sync::{Mutex, MutexGuard};
#[cfg(not(calmkeeper_shuttle))]
pub(crate) use std::{sync::atomic, thread, thread_local};

/// The locks of state that belongs to the whole process. They are not locks of the scheduler of `make schedules`,
/// because it runs many times in one process and its locks do not outlive a run.
pub(crate) mod global {
    #[cfg(calmkeeper_tsan)]
    pub(crate) use crate::sys::tsan::{Condvar, Mutex, MutexGuard};
    #[cfg(not(calmkeeper_tsan))]
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
}
