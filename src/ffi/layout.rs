//! Proof, at compile time, that every C-visible type has the size and the member offsets of Apache's headers. The facts
//! are abi/layout-3.8.0.tsv, which the header tests assert on Debian's headers too; build.rs turns each row into an
//! assertion. The facts are for 64-bit targets, the only ones the library is built for.
#![allow(clippy::wildcard_imports, reason = "all of the types are needed")]
use super::types::*;
use std::mem::{offset_of, size_of};

include!(concat!(env!("OUT_DIR"), "/layout.rs"));
