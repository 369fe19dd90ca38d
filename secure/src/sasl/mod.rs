//! SASL: settings, and the mechanisms that need no library. The session owns the exchange itself (operation 102).
mod digest_md5;
mod failure;
mod gssapi;
mod settings;

pub use digest_md5::{DigestMd5, Step};
pub use failure::Failure;
pub use gssapi::{kerberos_advice, security_layer_reply};
pub use settings::{DIGEST_HOST, Mechanism, Settings};
