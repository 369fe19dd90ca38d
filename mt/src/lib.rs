//! `libzookeeper_mt`: the multi-threaded library. Every exported function of `calmkeeper` and, besides, the synchronous calls,
//! which a single-threaded library cannot offer.
#[doc(hidden)]
pub use calmkeeper;

pub mod sync_api;
