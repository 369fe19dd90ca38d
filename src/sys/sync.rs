//! The locks and threads that our threads meet by: those of the standard library, unless the library is built to be
//! watched while it runs. Owns that choice; knows nothing of what is locked.
//!
//! With `--cfg calmkeeper_tsan` they are the same locks, whose use is told to ThreadSanitizer (`make tsan`). With `--cfg
//! calmkeeper_shuttle` they are those of a scheduler that decides which thread goes on (`make schedules`).
#[cfg(calmkeeper_tsan)]
pub(crate) use crate::sys::tsan::{Condvar, Mutex, MutexGuard};
#[cfg(calmkeeper_shuttle)]
pub(crate) use shuttle::{
    sync::{Condvar, Mutex, MutexGuard, atomic},
    thread, thread_local,
};
#[cfg(not(any(calmkeeper_tsan, calmkeeper_shuttle)))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
#[cfg(not(calmkeeper_shuttle))]
pub(crate) use std::{sync::atomic, thread, thread_local};

/// The locks of state that belongs to the whole process. The scheduler of `make schedules` leaves them alone: it runs many
/// times in one process, and a lock of its own does not outlive a run.
pub(crate) mod global {
    #[cfg(calmkeeper_tsan)]
    pub(crate) use crate::sys::tsan::{Condvar, Mutex, MutexGuard};
    #[cfg(not(calmkeeper_tsan))]
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
}
