//! `libzookeeper_mt`: the multi-threaded library. It has every exported function of `calmkeeper`, and also the
//! synchronous calls, which a single-threaded library cannot offer.
// divergence: dlclose leaves the library mapped, because its threads may still run its code; stock is unmapped even
// while its threads run.
#[doc(hidden)]
pub use calmkeeper;

pub mod additive_api;
pub mod sync_api;
