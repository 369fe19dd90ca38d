//! The records of zookeeper.jute.h, one `#[repr(C)]` struct each under its C name. Owns layouts only; their sizes and
//! offsets are proved by `layout`.
#![allow(non_camel_case_types, non_snake_case, reason = "the names are the C interface's")]
#![allow(missing_docs, reason = "the text on each record says what its fields hold")]
mod data;
mod replies;
mod requests;
mod server;

pub use data::*;
pub use replies::*;
pub use requests::*;
pub use server::*;
