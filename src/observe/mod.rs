//! What operators read: log lines and the statistics file. Owns their formats.
pub mod logging;
pub(crate) mod stats;
