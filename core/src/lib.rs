//! The ZooKeeper client as a state machine. It decides; it has no socket, clock, thread, environment or `unsafe`.
//! Time and bytes go in, bytes and deliveries come out.
#![forbid(unsafe_code)]
pub mod backoff;
pub mod code;
pub mod frames;
pub mod jute;
pub mod limits;
pub mod path;
pub mod proto;
pub mod servers;
