//! The herd in virtual time: a fleet of clients that drive the real `zk_core::backoff` and `zk_core::servers`, a model
//! of the servers, and of the policies of other clients. Owns no figures: the scenarios and the knobs are passed in.
//!
//! The server model: an accept queue that overflows silently, SYN retransmission after 1, 3, 7, 15 s, one pipeline per
//! server (or one for all) of limited capacity in which pings wait in line with connect requests; the server still
//! processes requests of clients that have given up, unless a reset spares it that work; there are a descriptor limit,
//! session expiry by a tracker, and connection throttling.
#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)] // virtual times, counts
#![allow(clippy::indexing_slicing)] // an experiment: a wrong index should end it
mod acceptance;
mod client;
mod evidence;
mod measured;
mod outcome;
mod queue;
mod rule;
mod scenario;
mod server;
mod targets;
mod world;

pub use acceptance::{Trial, Tried, markdown as acceptance_markdown, run_trials, trials};
pub use evidence::{Extent, Measurements, gather};
pub use measured::{Measured, measure, measure_all, seconds};
pub use outcome::{Group, Moment, Outcome, at_quantile, median, median_time};
pub use rule::Policy;
pub use scenario::{Ids, Incident, Scenario};
pub use targets::Verdict;
pub use world::run;
