//! Stories in virtual time: one client or a few, the simulated ensemble, and the faults between them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::unchecked_time_subtraction, clippy::needless_for_each, missing_docs, unreachable_pub)]
mod closing;
mod outages;
mod persistent;
mod requests;
mod secure;
mod servers;
mod sessions;
mod stage;
mod watches;
