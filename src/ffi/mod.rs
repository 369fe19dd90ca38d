//! The C interface.
pub mod constants;
pub mod library_api;
pub mod log_api;
pub(crate) mod log_sink;
pub mod memory;
pub mod types;

mod layout;
mod records;
