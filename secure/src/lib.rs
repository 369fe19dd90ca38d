//! TLS and SASL for the client: the messages and checks of a connection, without a socket, clock, thread or `unsafe`.
//!
//! The shell moves bytes between a socket and [`tls::Connection`], and between the session and a SASL mechanism. This
//! package reads files (certificates, keys, passwords) but nothing else of the system: it gets environment variables
//! through a function, so that the shell decides whether a privileged process trusts them.
#![forbid(unsafe_code)]

mod files;
mod named_file;
pub mod sasl;
mod secret;
mod settings_error;
pub mod tls;

pub use files::open_regular;
pub use named_file::NamedFile;
pub use secret::Secret;
pub use settings_error::SettingsError;

/// Looks up an environment variable; the shell returns `None` if the process is privileged.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<std::ffi::OsString>;

/// A variable that is set and not empty.
pub(crate) fn variable(lookup: Lookup<'_>, name: &str) -> Option<std::ffi::OsString> {
    lookup(name).filter(|value| !value.is_empty())
}

/// The value of [`variable`] as a word of a fixed set: trimmed and in lower case.
pub(crate) fn word_variable(lookup: Lookup<'_>, name: &str) -> Result<Option<String>, SettingsError> {
    Ok(text_variable(lookup, name)?.map(|text| text.trim().to_ascii_lowercase()))
}

/// The value of [`variable`] as text; [`SettingsError`] if it is not UTF-8.
pub(crate) fn text_variable(lookup: Lookup<'_>, name: &str) -> Result<Option<String>, SettingsError> {
    match variable(lookup, name).map(std::ffi::OsString::into_string) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(_)) => Err(SettingsError::invalid(format!("{name} is not valid UTF-8"))),
    }
}
