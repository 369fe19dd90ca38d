//! Calmkeeper: the shell around `zk_core` that offers the C interface of `libzookeeper_mt`.
pub mod ffi;
pub mod logging;
