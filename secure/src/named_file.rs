//! A file that a setting names. Decides how much of the name may be shown: operators sometimes type a password in place
//! of a file name, and a log would keep it.
use crate::{SettingsError, files};
use std::fs::File;
use std::path::{Component, Path, PathBuf};
use std::{fmt, io};

/// See the module. `Debug` and `Display` show the setting, the purpose of the file, and the name if it may be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct NamedFile {
    setting: &'static str,
    what: &'static str,
    given: PathBuf,
    path: PathBuf,
    /// Whether the file existed when this was made.
    existed: bool,
}

impl NamedFile {
    /// The file `given` by a setting. A relative name refers to the working directory at the time of this call, even if
    /// the program changes it later.
    pub fn new(setting: &'static str, what: &'static str, given: impl Into<PathBuf>) -> NamedFile {
        let given = given.into();
        let path = std::path::absolute(&given).unwrap_or_else(|_| given.clone());
        let existed = path.symlink_metadata().is_ok();
        NamedFile { setting, what, given, path, existed }
    }

    /// The same file for another purpose.
    #[must_use]
    pub(crate) fn used_as(&self, what: &'static str) -> NamedFile {
        NamedFile { what, ..self.clone() }
    }

    /// A file that was found in this directory.
    pub(crate) fn member(&self, path: PathBuf) -> NamedFile {
        NamedFile { given: path.clone(), path, existed: true, ..*self }
    }

    /// The absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file without waiting for anything.
    ///
    /// Errors: the system's; `EINVAL` for what is not a regular file.
    pub fn open(&self) -> Result<File, SettingsError> {
        Ok(files::open(self)?.0)
    }

    /// The error for a file whose content cannot be used: `EINVAL`.
    pub fn unusable(&self, reason: impl fmt::Display) -> SettingsError {
        SettingsError::invalid(format!("{self}: {reason}"))
    }

    /// The error for a file that cannot be read: the system's errno.
    pub fn unreadable(&self, error: &io::Error) -> SettingsError {
        SettingsError::system(error, format!("{self}: {error}"))
    }

    /// The first line of the file's content, without the line end: the password. It must not be empty: no server has an
    /// empty password, so the file may be in the middle of being written.
    pub fn first_line<'a>(&self, content: &'a [u8]) -> Result<&'a [u8], SettingsError> {
        let line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            Err(self.unusable("the first line, which holds the password, is empty"))
        } else {
            Ok(line)
        }
    }

    /// The path, or a replacement text. The name of a file that exists or has existed is not a secret, nor is a name
    /// that is given with an existing directory. The root directory does not count, because passwords begin with a
    /// slash too.
    pub fn shown(&self) -> String {
        let exists = self.existed || self.path.symlink_metadata().is_ok();
        let is_named = |parent: &Path| {
            parent.components().any(|part| matches!(part, Component::Normal(_)))
                && self.path.parent().is_some_and(Path::is_dir)
        };
        if exists || self.given.parent().is_some_and(is_named) {
            self.path.display().to_string()
        } else {
            "(name not shown: nothing like it exists, and it could be a secret)".to_owned()
        }
    }
}

impl fmt::Display for NamedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.setting, self.what, self.shown())
    }
}

impl fmt::Debug for NamedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamedFile({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(given: &str) -> String {
        let file = NamedFile::new("ZOO_TLS_KEY", "client key", given);
        let text = format!("{file} {file:?} {}", file.unreadable(&io::ErrorKind::NotFound.into()));
        assert!(text.starts_with("ZOO_TLS_KEY: client key "), "{text}");
        text
    }

    #[test]
    fn a_name_is_shown_where_it_is_a_path() {
        let existing = std::env::temp_dir().join(format!("zk-named-file-{}", std::process::id()));
        std::fs::write(&existing, "").unwrap();
        let sibling = existing.with_extension("missing");
        for path in [existing.to_str().unwrap(), sibling.to_str().unwrap(), "src/nothing", "Cargo.toml", "/"] {
            assert!(shown(path).contains(path), "{path}");
        }
        std::fs::remove_file(&existing).unwrap();
    }

    #[test]
    fn a_name_that_could_be_a_secret_is_not_shown() {
        for secret in
            ["Tr0ub4dor", "/Tr0ub4dor", "./Tr0ub4dor", "Tr0u/b4dor", "/Tr0u/b4dor", "../Tr0ub4dor", "//Tr0ub4dor"]
        {
            let text = shown(secret);
            assert!(!text.contains("b4dor") && !text.contains("Tr0u"), "{text}");
        }
    }

    #[test]
    fn a_file_that_was_there_is_named_when_it_is_gone() {
        let path = std::env::temp_dir().join(format!("zk-named-file-gone-{}", std::process::id()));
        std::fs::write(&path, "").unwrap();
        let file = NamedFile { given: "bare".into(), ..NamedFile::new("", "", &path) };
        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.shown(), path.display().to_string());
    }

    #[test]
    fn the_first_line_is_the_password_without_the_end_of_any_system() {
        let file = NamedFile::new("ZOO_SASL_PASSWORD_FILE", "password file", "f");
        for content in ["secret", "secret\n", "secret\r\n", "secret\nmore\n"] {
            assert_eq!(file.first_line(content.as_bytes()).unwrap(), b"secret");
        }
        assert_eq!(file.first_line(b" s\rt ").unwrap(), b" s\rt ");
        for content in ["", "\n", "\r\n", "\nsecret"] {
            let error = file.first_line(content.as_bytes()).unwrap_err().to_string();
            assert!(error.ends_with(": the first line, which holds the password, is empty"), "{error}");
        }
    }

    #[test]
    fn a_relative_name_is_made_absolute() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(NamedFile::new("", "", "a/b").path(), here.join("a/b"));
    }
}
