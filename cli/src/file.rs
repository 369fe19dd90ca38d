//! The file that `plan --svg` writes. Writes a new file beside it and renames that, so that a failure leaves the old one.
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// How many names for the new file are tried.
const TRIES: u32 = 100;

/// Mode of a new file.
const MODE: u32 = 0o644;

/// Replaces a file by `text`, and keeps its mode; `None` tests whether that is possible. Writes to a pipe or a device. No
/// other file is changed. A link to a regular file is an error, because another user may have made it.
///
/// Errors: the system's; a regular file is then unchanged.
pub(crate) fn replace(path: &Path, text: Option<&str>) -> io::Result<()> {
    if path.exists() && !path.is_file() {
        // The open fails for a directory.
        return OpenOptions::new().write(true).open(path)?.write_all(text.unwrap_or_default().as_bytes());
    }
    if fs::symlink_metadata(path).is_ok_and(|facts| facts.is_symlink()) {
        return Err(io::Error::other("it is a link"));
    }
    let (neighbour, mut file) = create_neighbour(path)?;
    let result = match text {
        Some(text) => file
            .write_all(text.as_bytes())
            .and_then(|()| keep_mode(path, &file))
            .and_then(|()| fs::rename(&neighbour, path)),
        None => fs::remove_file(&neighbour),
    };
    if result.is_err() {
        let _ = fs::remove_file(&neighbour);
    }
    result
}

/// Gives `file` the mode of the file at `path`, if there is one.
fn keep_mode(path: &Path, file: &File) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(facts) => file.set_permissions(facts.permissions()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Creates a file beside `path` under a name that is free. `O_EXCL`: a file or link that is there already is left alone.
fn create_neighbour(path: &Path) -> io::Result<(PathBuf, File)> {
    // Not readable for more users than the old file.
    let mode = fs::metadata(path).map_or(MODE, |facts| facts.permissions().mode() & MODE);
    for number in 0..TRIES {
        let mut name = OsString::from(path);
        name.push(format!(".{}.{number}.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).mode(mode).open(&name) {
            Ok(file) => return Ok((name.into(), file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn no_other_file_is_touched() {
        let folder = std::env::temp_dir().join(format!("calmkeeper-svg-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        let (file, victim, link) = (folder.join("x.svg"), folder.join("victim"), folder.join("link.svg"));
        fs::write(&victim, "untouched").unwrap();
        symlink(&victim, folder.join(format!("x.svg.{}.0.tmp", std::process::id()))).unwrap();
        symlink(&victim, &link).unwrap();
        symlink(folder.join("nothing"), folder.join("dangling.svg")).unwrap();
        fs::write(folder.join("x.svg.new"), "untouched").unwrap();
        replace(&file, None).unwrap();
        assert!(!file.exists());
        replace(&file, Some("one")).unwrap();
        replace(&file, Some("two")).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
        for mode in [0o600, 0o664] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            replace(&file, Some("two")).unwrap();
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, mode);
        }
        for name in ["link.svg", "dangling.svg"] {
            assert!(replace(&folder.join(name), Some("x")).unwrap_err().to_string().contains("link"));
            assert!(fs::symlink_metadata(folder.join(name)).unwrap().is_symlink());
        }
        for name in ["victim", "x.svg.new"] {
            assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), "untouched");
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 6);
        fs::remove_dir_all(folder).unwrap();
    }
}
