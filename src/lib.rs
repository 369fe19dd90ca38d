//! Calmkeeper: the shell around `zk_core`, with everything that the C interface of ZooKeeper's libraries exports except
//! the synchronous calls. Thin packages turn it into shared libraries: `mt` is `libzookeeper_mt`, `st` is
//! `libzookeeper_st`.
mod dispatch;
pub mod ffi;
mod handle;
mod io;
pub mod observe;
mod sys;
