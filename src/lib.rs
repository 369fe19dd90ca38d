//! Calmkeeper: the shell around `zk_core`, with all that the C interface of ZooKeeper's libraries exports but the synchronous
//! calls. Thin packages make shared libraries of it: `mt` is `libzookeeper_mt`, `st` is `libzookeeper_st`.
mod dispatch;
pub mod ffi;
mod handle;
mod io;
pub mod observe;
mod sys;
