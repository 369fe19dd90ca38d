//! A file that a setting names. Owns what may be shown of the name: operators type passwords where the name of a file
//! belongs, and a log keeps them.
use crate::SettingsError;
use std::path::{Component, Path, PathBuf};
use std::{fmt, io};

/// See the module. `Debug` and `Display` show the setting, what the file is for, and the name if that may be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct NamedFile {
    setting: &'static str,
    what: &'static str,
    given: PathBuf,
    path: PathBuf,
    /// Whether it existed when it was named.
    existed: bool,
}

impl NamedFile {
    /// The value `given` of a setting. A relative name is one in the working directory of now, wherever the program goes
    /// later.
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

    /// Where it is: an absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its content cannot be used: `EINVAL`.
    pub fn unusable(&self, reason: impl fmt::Display) -> SettingsError {
        SettingsError::invalid(format!("{self}: {reason}"))
    }

    /// It cannot be read: the system's errno.
    pub fn unreadable(&self, error: &io::Error) -> SettingsError {
        SettingsError::system(error, format!("{self}: {error}"))
    }

    /// The path, or words in its place. What exists or has existed is no secret any more; nor is a name in a directory that exists and is
    /// named with it. The root directory says nothing: passwords begin with a slash too.
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
    fn a_relative_name_is_made_absolute() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(NamedFile::new("", "", "a/b").path(), here.join("a/b"));
    }
}
