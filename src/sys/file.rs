//! Files that the library writes. Writes a temporary file beside the target and renames it, so that a reader never sees
//! half a file and no link is followed. Nothing but a regular file is ever replaced or removed. Owns the directory to
//! which relative names refer.
use crate::sys::descriptor::above_standard;
use crate::sys::process::PerProcess;
use std::env;
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How many names for the temporary file are tried.
const TRIES: u32 = 4;

/// The working directory when a relative name was first used.
struct Base(PathBuf);

impl Default for Base {
    fn default() -> Self {
        // Without a working directory a relative name stays what it is.
        Base(env::current_dir().unwrap_or_default())
    }
}

/// The absolute form of a name. All relative names refer to the working directory at the time of the process's first
/// call with one, because a daemon changes it later.
pub(crate) fn fixed(name: PathBuf) -> PathBuf {
    static BASE: PerProcess<Base> = PerProcess::new();
    if name.is_absolute() { name } else { BASE.get().0.join(name) }
}

/// A file that [`replace`] has written.
#[derive(Debug)]
pub(crate) struct WrittenFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl WrittenFile {
    /// Removes the file, unless something else has its name by now.
    pub(crate) fn remove(&self) {
        let is_ours = |found: Metadata| found.is_file() && (found.dev(), found.ino()) == (self.device, self.inode);
        if fs::symlink_metadata(&self.path).is_ok_and(is_ours) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Replaces or creates the file, with mode 0644 less the umask. Blocks as long as the file system does.
///
/// Errors: the system's, and one for what has this name and is not a regular file: a link, a device, a pipe. Nothing
/// is left or changed then.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<WrittenFile> {
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other("it is not a regular file"));
    }
    let (neighbour, mut file) = create_neighbour(path)?;
    let written = file.write_all(bytes).and_then(|()| file.metadata());
    let result = written.and_then(|facts| {
        fs::rename(&neighbour, path)?;
        Ok(WrittenFile { path: path.to_owned(), device: facts.dev(), inode: facts.ino() })
    });
    if result.is_err() {
        let _ = fs::remove_file(&neighbour);
    }
    result
}

/// Creates a temporary file beside `path`, named after this process.
pub(super) fn create_neighbour(path: &Path) -> io::Result<(PathBuf, File)> {
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for number in 0..TRIES {
        let mut name = OsString::from(path);
        name.push(format!(".{}.{number}.tmp", std::process::id()));
        let name = PathBuf::from(name);
        match create(&name) {
            Ok(file) => return Ok((name, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !fs::symlink_metadata(&name).is_ok_and(|found| found.is_file()) {
                    continue;
                }
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
    let file = OpenOptions::new().write(true).create_new(true).mode(0o644).custom_flags(libc::O_NOFOLLOW).open(path)?;
    Ok(above_standard(file.into())?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::process::tests::in_a_child;
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

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
        assert!(replace(&file, b"new").is_err(), "a link of that name is refused");
        assert_eq!(fs::read_link(&file).unwrap(), victim);
        fs::remove_file(&file).unwrap();
        replace(&file, b"new").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"untouched");
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(names(&folder).len(), 4, "the traps are still there, and no temporary file");
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

    /// Checks that what `make` makes is neither replaced nor removed. `kind` is its name in messages.
    fn refuses(kind: &str, make: impl FnOnce(&Path)) {
        let folder = scratch(kind);
        let file = folder.join("stats");
        make(&file);
        let before = fs::symlink_metadata(&file).unwrap();
        let error = replace(&file, b"new").expect_err(kind).to_string();
        assert_eq!(error, "it is not a regular file", "{kind}");
        let after = fs::symlink_metadata(&file).unwrap();
        assert_eq!((after.ino(), after.mode()), (before.ino(), before.mode()), "{kind}");
        assert_eq!(names(&folder), ["stats"], "{kind}");
        fs::remove_dir_all(folder).unwrap();
    }

    /// Makes a node of this type; false if this user may not.
    fn make_node(path: &Path, kind: libc::mode_t) -> bool {
        let name = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: the name is a C string. The device number is that of /dev/null.
        unsafe { libc::mknod(name.as_ptr(), kind | 0o600, libc::makedev(1, 3)) == 0 }
    }

    #[test]
    fn what_is_not_a_regular_file_is_refused() {
        refuses("dangling", |path| symlink("nothing", path).unwrap());
        refuses("pipe", |path| assert!(make_node(path, libc::S_IFIFO)));
        refuses("socket", |path| drop(UnixListener::bind(path).unwrap()));
        refuses("device", |path| {
            if !make_node(path, libc::S_IFCHR) {
                // Only root may make one.
                fs::create_dir(path).unwrap();
            }
        });
    }

    #[test]
    fn only_the_file_that_was_written_is_removed() {
        let folder = scratch("removed");
        let file = folder.join("stats");
        replace(&file, b"one").unwrap().remove();
        assert!(names(&folder).is_empty());
        let first = replace(&file, b"one").unwrap();
        // The first file is kept, so that no other file gets its inode number.
        fs::rename(&file, folder.join("kept")).unwrap();
        fs::write(&file, "another's").unwrap();
        first.remove();
        assert_eq!(names(&folder), ["kept", "stats"]);
        fs::remove_file(&file).unwrap();
        symlink("kept", &file).unwrap();
        first.remove();
        assert_eq!(names(&folder), ["kept", "stats"]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_relative_name_stays_when_the_working_directory_changes() {
        let folder = scratch("relative");
        let move_away = || {
            let is_set = env::set_current_dir(&folder).is_ok();
            let first = fixed("stats".into());
            let is_changed = env::set_current_dir("/").is_ok();
            let is_kept = first == folder.join("stats") && fixed("stats".into()) == first;
            i32::from(is_set && is_changed && is_kept && fixed("/x".into()) == Path::new("/x"))
        };
        // SAFETY: the child changes only its own directory, and compares.
        assert_eq!(unsafe { in_a_child(move_away) }, 1);
        fs::remove_dir_all(folder).unwrap();
    }
}
