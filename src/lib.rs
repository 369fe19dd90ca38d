//! Calmkeeper: the shell around `zk_core` that offers the C interface of `libzookeeper_mt`.
mod dispatch;
mod driver;
pub mod ffi;
mod handle;
pub mod logging;
mod net;
mod probe;
mod receiver;
mod resolver;
mod stats;
mod sync;
mod transport;
