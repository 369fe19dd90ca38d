//! The locks that our threads meet at: those of the standard library, unless the library is built to be watched while it
//! runs. Owns that choice; knows nothing of what is locked.
//!
//! With `--cfg calmkeeper_tsan` they are the same locks, whose use is told to ThreadSanitizer (`make tsan`).
#[cfg(calmkeeper_tsan)]
pub(crate) use crate::ffi::tsan::{Condvar, Mutex, MutexGuard};
#[cfg(not(calmkeeper_tsan))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
