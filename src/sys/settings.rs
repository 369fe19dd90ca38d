//! A file of settings: lines `ZOO_NAME=value`, empty lines, and comments that start with `#`. Owns the format of the
//! file and the check of its owner; does not know the settings.
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use zk_secure::open_regular;

/// Largest file read, in bytes.
const FILE_LEN_MAX: u64 = 64 * 1024;

/// The settings of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Reads a file that belongs to root or, with `own`, to this process's user, and that no other user may write. A
    /// missing file has no settings, and so has a file that must not be trusted. Returns the faults too, one line each;
    /// that there is no file is one with `own`, because somebody has named it. Never blocks on a pipe or device.
    pub(crate) fn read(path: &str, own: bool) -> (Settings, Vec<String>) {
        match open(path, own) {
            Ok(text) => {
                let (settings, wrong) = Settings::parse(&text);
                (settings, wrong.into_iter().map(|(line, what)| format!("{path} line {line}: {what}")).collect())
            }
            Err(Refusal::Io(error)) if error.kind() == io::ErrorKind::NotFound && !own => {
                (Settings::default(), Vec::new())
            }
            Err(Refusal::Io(error)) => (Settings::default(), vec![format!("{path} is ignored: {error}")]),
            Err(Refusal::Untrusted(why)) => (Settings::default(), vec![format!("{path} is ignored: {why}")]),
        }
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The names of all settings.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The settings, and the faulty lines with their numbers.
    pub(super) fn parse(text: &str) -> (Settings, Vec<(usize, String)>) {
        let (mut settings, mut wrong) = (BTreeMap::new(), Vec::new());
        for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((name, value)) = line.split_once('=').map(|(name, value)| (name.trim(), value.trim())) else {
                // The line is not quoted: it could hold a password.
                wrong.push((number, "ignored, it is not ZOO_NAME=value".to_owned()));
                continue;
            };
            if name.starts_with("ZOO_")
                && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            {
                settings.insert(name.to_owned(), value.to_owned());
            } else {
                wrong.push((number, "ignored, what is before '=' is not the name of a setting, ZOO_...".to_owned()));
            }
        }
        (Settings(settings), wrong)
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
    fn lines_are_settings_comments_or_wrong() {
        let (settings, wrong) =
            Settings::parse("# for the host\n\n ZOO_STATS_DIR = /run/calmkeeper \nZOO_A=\nPATH=/x\nZOO_B\nZOO_b=1\n");
        assert_eq!(settings.value("ZOO_STATS_DIR"), Some("/run/calmkeeper"));
        assert_eq!(settings.value("ZOO_A"), Some(""));
        assert_eq!(settings.value("PATH"), None);
        assert_eq!(wrong.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [5, 6, 7]);
        let (_, wrong) = Settings::parse("ZOO_TLS_KEY_PASSWORD hunter2\nhunter2=\nhunter2\n");
        assert!(wrong.len() == 3 && !wrong.iter().any(|(_, what)| what.contains("hunter2")), "{wrong:?}");
    }

    #[test]
    fn a_file_that_others_may_write_is_ignored() {
        let path = std::env::temp_dir().join(format!("calmkeeper-settings-{}", std::process::id()));
        let name = path.to_str().unwrap();
        fs::write(&path, "ZOO_A=1\n").unwrap();
        let read = |mode| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            Settings::read(name, true)
        };
        assert_eq!(read(0o644).0.value("ZOO_A"), Some("1"));
        for mode in [0o664, 0o646] {
            let (settings, warnings) = read(mode);
            assert_eq!(settings.value("ZOO_A"), None);
            assert!(warnings.iter().any(|line| line.contains("may write")), "{warnings:?}");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(Settings::read(name, false), (Settings::default(), Vec::new()));
        let (settings, warnings) = Settings::read(name, true);
        assert_eq!((settings, warnings.len()), (Settings::default(), 1), "{warnings:?}");
        assert!(!Settings::read("/dev/null", true).1.is_empty(), "a device is no file");
    }
}
