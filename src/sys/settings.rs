//! Reading a file of settings. Owns the check of the file's owner; knows neither its format nor the settings.
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use zk_core::settings::{FILE_LEN_MAX, Settings};
use zk_secure::open_regular;

/// Reads a file that belongs to root or, with `own`, to this process's user, and that no other user may write. A
/// missing file has no settings, and so has a file that must not be trusted. Returns the faults too, one line each;
/// that there is no file is one with `own`, because somebody has named it. Never blocks on a pipe or device.
pub(crate) fn read(path: &str, own: bool) -> (Settings, Vec<String>) {
    match open(path, own) {
        Ok(text) => {
            let (settings, wrong) = Settings::parse(&text);
            (settings, wrong.into_iter().map(|(line, what)| format!("{path} line {line}: {what}")).collect())
        }
        Err(Refusal::Io(error)) if error.kind() == io::ErrorKind::NotFound && !own => (Settings::default(), Vec::new()),
        Err(Refusal::Io(error)) => (Settings::default(), vec![format!("{path} is ignored: {error}")]),
        Err(Refusal::Untrusted(why)) => (Settings::default(), vec![format!("{path} is ignored: {why}")]),
    }
}

enum Refusal {
    Io(io::Error),
    Untrusted(String),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Refusal {
        Refusal::Io(error)
    }
}

fn open(path: &str, own: bool) -> Result<String, Refusal> {
    let untrusted = |why: &str| Err(Refusal::Untrusted(why.to_owned()));
    let Some((file, facts)) = open_regular(Path::new(path))? else { return untrusted("it is not a file") };
    // SAFETY: only asks.
    let user = unsafe { libc::geteuid() };
    if facts.uid() != 0 && !(own && facts.uid() == user) {
        return untrusted("it does not belong to root");
    }
    if facts.mode() & 0o022 != 0 {
        return untrusted("its group or others may write to it");
    }
    if facts.len() > FILE_LEN_MAX {
        return untrusted("it is larger than 64 KiB");
    }
    let mut text = String::new();
    file.take(FILE_LEN_MAX).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_that_others_may_write_is_ignored() {
        let path = std::env::temp_dir().join(format!("calmkeeper-settings-{}", std::process::id()));
        let name = path.to_str().unwrap();
        fs::write(&path, "ZOO_A=1\n").unwrap();
        let read = |mode| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            super::read(name, true)
        };
        assert_eq!(read(0o644).0.value("ZOO_A"), Some("1"));
        for mode in [0o664, 0o646] {
            let (settings, warnings) = read(mode);
            assert_eq!(settings.value("ZOO_A"), None);
            assert!(warnings.iter().any(|line| line.contains("may write")), "{warnings:?}");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(super::read(name, false), (Settings::default(), Vec::new()));
        let (settings, warnings) = super::read(name, true);
        assert_eq!((settings, warnings.len()), (Settings::default(), 1), "{warnings:?}");
        assert!(!super::read("/dev/null", true).1.is_empty(), "a device is no file");
    }
}
