//! TLS in memory: this package's client against a rustls server, with certificates made by OpenSSL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]
mod connection;
mod files;
mod matrix;
mod pair;
mod real_server;
