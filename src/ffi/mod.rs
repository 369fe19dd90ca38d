//! The C interface: with `sys` the only place with `unsafe`. Owns the translation between C's types and the handle;
//! decides nothing.
//!
//! # Safety
//! One contract holds for every exported function:
//! - a `zhandle_t *` is null, or came from `zookeeper_init*` and has not been passed to `zookeeper_close`;
//! - a `const char *` is null or a NUL-terminated string, a pointer with a length points to that many bytes, and other
//!   pointers are null or valid for what their type says, all for the length of the call;
//! - a callback, with its context, may be called from the library's threads until `zookeeper_close` returns;
//! - memory that the interface hands over is from malloc.
//!
//! Within that contract no argument may crash: null gives `ZBADARGUMENTS`. A panic of ours is caught at the entry,
//! logged, and becomes `ZSYSTEMERROR` or null.
//!
//! No exported function calls another exported one, because a program may replace either by its own.
#![allow(clippy::missing_safety_doc, reason = "the contract above is that of every function")]
pub mod additive_api;
pub mod async_api;
mod callbacks;
mod callout;
pub mod close_api;
pub mod constants;
pub(crate) mod convert;
pub mod deadlines_api;
mod deliveries;
mod entry;
pub mod error_text;
pub mod event_loop_api;
pub mod init_api;
pub mod library_api;
pub mod lifecycle;
pub mod log_api;
pub mod memory;
pub mod multi_api;
pub mod multi_read_api;
#[doc(hidden)]
pub mod operation;
mod owned;
pub mod remove_watches_api;
pub mod sasl_api;
#[cfg(all(test, calmkeeper_shuttle))]
mod schedules;
pub mod servers_api;
pub mod state_api;
pub mod stats_api;
#[doc(hidden)]
pub mod sync;
mod sync_waiter;
pub mod types;

mod layout;
mod records;
