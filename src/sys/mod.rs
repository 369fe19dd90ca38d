//! The system behind small safe wrappers: sockets and poll, locks and threads, the process and its environment, log
//! sinks, files and settings. With `ffi` the only place with `unsafe`. Knows no other part of the library.
pub(crate) mod cancel;
pub(crate) mod cyrus;
pub(crate) mod descriptor;
pub(crate) mod env;
pub(crate) mod environment;
pub(crate) mod file;
pub(crate) mod file_id;
pub(crate) mod gssapi;
pub(crate) mod inherited;
pub(crate) mod inside;
pub(crate) mod latch;
pub(crate) mod lock;
pub(crate) mod log_sink;
pub(crate) mod marks;
pub(crate) mod names;
pub(crate) mod net;
pub(crate) mod own_thread;
pub(crate) mod pause_timer;
pub(crate) mod priority;
pub(crate) mod process;
pub(crate) mod settings;
pub(crate) mod shield;
pub(crate) mod signals;
#[cfg(not(calmkeeper_shuttle))]
pub(crate) mod socket;
pub(crate) mod stamp;
pub(crate) mod sync;
pub(crate) mod thread_end;
pub(crate) mod time;
#[cfg(calmkeeper_tsan)]
pub(crate) mod tsan;
#[cfg(not(calmkeeper_shuttle))]
pub(crate) mod waker;
