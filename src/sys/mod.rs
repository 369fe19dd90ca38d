//! The system behind small safe wrappers: sockets and poll, locks and threads, the process and its environment. With
//! `ffi` the only place with `unsafe`. Knows no other part of the library.
pub(crate) mod environment;
pub(crate) mod net;
pub(crate) mod process;
#[cfg(not(calmkeeper_shuttle))]
pub(crate) mod socket;
pub(crate) mod sync;
#[cfg(calmkeeper_tsan)]
pub(crate) mod tsan;
