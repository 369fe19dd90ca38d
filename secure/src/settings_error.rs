//! Why settings, or a file that they name, cannot be used.
use std::{fmt, io};

/// The platform's `EINVAL`; the same number on every Unix.
const EINVAL: i32 = 22;

/// The error that `zookeeper_init*` reports: an errno, and one line that names the setting or file and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    errno: i32,
    text: String,
}

impl SettingsError {
    /// The error for a setting, or a file's content, that cannot be used: `EINVAL`.
    pub fn invalid(text: impl Into<String>) -> SettingsError {
        SettingsError { errno: EINVAL, text: one_line(text.into()) }
    }

    /// The error for a refusal by the system: its errno.
    pub(crate) fn system(error: &io::Error, text: String) -> SettingsError {
        SettingsError { errno: error.raw_os_error().unwrap_or(EINVAL), text: one_line(text) }
    }

    /// The value for `errno`: never 0.
    pub fn errno(&self) -> i32 {
        self.errno
    }
}

/// Replaces control characters: a path or a variable may hold any bytes, but a log line is one line.
fn one_line(text: String) -> String {
    if text.contains(char::is_control) { text.replace(char::is_control, "?") } else { text }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for SettingsError {}
