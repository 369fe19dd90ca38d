//! TLS: settings, trust, and the connection itself. Built on rustls.
mod certificate;
mod client_auth;
mod compat;
mod connection;
mod constraints;
mod context;
mod credentials;
mod failure;
mod key;
mod legacy_key;
mod names;
mod pem;
mod settings;
mod trust;
mod verifier;

pub use connection::{Connection, ReadOutcome};
pub use context::{Context, Severity};
pub use failure::{Failure, FailureKind};
pub use settings::{MinVersion, Roots, Settings, Verify};

#[doc(hidden)]
pub mod fuzzing;
