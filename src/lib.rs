//! Calmkeeper: the shell around `zk_core` that offers the C interface of `libzookeeper_mt`.
mod dispatch;
pub mod ffi;
mod handle;
mod io;
pub mod observe;
mod sys;
