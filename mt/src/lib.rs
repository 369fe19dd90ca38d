//! `libzookeeper_mt`: the multi-threaded library. Every exported function of `calmkeeper` and, besides, the synchronous calls,
//! which a single-threaded library cannot offer.
// divergence: dlclose leaves the library mapped, because its threads may still run its code; stock is unmapped, threads or not.
#[doc(hidden)]
pub use calmkeeper;

pub mod additive_api;
pub mod sync_api;
