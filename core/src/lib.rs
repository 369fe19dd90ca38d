//! The ZooKeeper client as a state machine. It decides; it has no socket, clock, thread, environment or `unsafe`.
//! Time and bytes go in, bytes and deliveries come out.
#![forbid(unsafe_code)]
pub mod backoff;
pub mod code;
pub mod frames;
pub mod jute;
pub mod limits;
pub mod multi;
pub mod multi_read;
pub mod path;
mod pending;
pub mod proto;
pub mod reply;
pub mod request;
pub mod servers;
pub mod session;
pub mod settings;
pub mod watches;
