//! Files that the library writes. Writes a temporary file beside the target and renames it, so that a reader never sees
//! half a file and no link is followed.
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// How many names for the temporary file are tried.
const TRIES: u32 = 4;

/// Replaces or creates the file, with mode 0644 less the umask. The last component of `path` is never followed as a
/// link: a link of that name is itself replaced. Blocks as long as the file system does.
///
/// Errors: the system's; the temporary file is removed then.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (neighbour, mut file) = create_neighbour(path)?;
    let result = file.write_all(bytes).and_then(|()| fs::rename(&neighbour, path));
    if result.is_err() {
        let _ = fs::remove_file(&neighbour);
    }
    result
}

/// Creates a temporary file beside `path`, named after this process.
fn create_neighbour(path: &Path) -> io::Result<(PathBuf, File)> {
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for number in 0..TRIES {
        let mut name = OsString::from(path);
        name.push(format!(".{}.{number}.tmp", std::process::id()));
        let name = PathBuf::from(name);
        match create(&name) {
            Ok(file) => return Ok((name, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // A process of the same number was killed while it wrote, or someone else has put this file here.
                let _ = fs::remove_file(&name);
                match create(&name) {
                    Ok(file) => return Ok((name, file)),
                    Err(error) => last = error,
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// `O_EXCL`: a file or link that is there already is an error, whatever it points to.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o644).custom_flags(libc::O_NOFOLLOW).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("calmkeeper-file-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<OsString> {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let folder = scratch("replaced");
        let file = folder.join("stats");
        replace(&file, b"one").unwrap();
        replace(&file, b"two").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7133, 0, "0644 at most");
        assert_eq!(names(&folder), ["stats"]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn no_link_is_followed() {
        let folder = scratch("links");
        let (file, victim) = (folder.join("stats"), folder.join("victim"));
        fs::write(&victim, "untouched").unwrap();
        symlink(&victim, &file).unwrap();
        // Traps: links with the names that the temporary file could have.
        for name in [format!("stats.{}.tmp", std::process::id()), format!("stats.{}.0.tmp", std::process::id())] {
            symlink(&victim, folder.join(name)).unwrap();
        }
        replace(&file, b"new").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"untouched");
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!(!fs::symlink_metadata(&file).unwrap().is_symlink());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_failure_leaves_nothing() {
        let folder = scratch("failure");
        assert!(replace(&folder.join("missing/stats"), b"x").is_err());
        let taken = folder.join("taken");
        fs::create_dir(&taken).unwrap();
        assert!(replace(&taken, b"x").is_err());
        assert_eq!(names(&folder), ["taken"]);
        fs::remove_dir_all(folder).unwrap();
    }
}
