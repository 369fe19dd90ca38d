//! Why settings, or a file that they name, cannot be used.
use std::path::Path;
use std::{fmt, io};

/// The platform's `EINVAL`; the same number on every Unix.
const EINVAL: i32 = 22;

/// What `zookeeper_init*` reports: an errno, and one line that names the setting or file and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    errno: i32,
    text: String,
}

impl SettingsError {
    /// A setting or a file's content that cannot be used: `EINVAL`.
    pub fn invalid(text: impl Into<String>) -> SettingsError {
        SettingsError { errno: EINVAL, text: one_line(text.into()) }
    }

    /// A file whose content cannot be used: `EINVAL`.
    pub(crate) fn content(path: &Path, reason: impl fmt::Display) -> SettingsError {
        SettingsError::invalid(format!("{}: {reason}", path.display()))
    }

    /// A file that cannot be read: the system's errno.
    pub(crate) fn io(path: &Path, error: &io::Error) -> SettingsError {
        let text = format!("{}: {error}", path.display());
        SettingsError { errno: error.raw_os_error().unwrap_or(EINVAL), text: one_line(text) }
    }

    /// The same error, with what the file was wanted for in front: "CA file /x: ...".
    #[must_use]
    pub(crate) fn for_use(mut self, what: &str) -> SettingsError {
        self.text = format!("{what} {}", self.text);
        self
    }

    /// The value for `errno`: never 0.
    pub fn errno(&self) -> i32 {
        self.errno
    }
}

/// A path or a variable may hold any bytes; a log line holds one line.
fn one_line(text: String) -> String {
    if text.contains(char::is_control) { text.replace(char::is_control, "?") } else { text }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for SettingsError {}
