//! The settings of the host, as the library reads them (src/sys/env.rs and src/sys/settings.rs): `ZOO_CONFIG_FILE` names the
//! file, empty for none, else it is the host's; the environment wins over the file, the last line over the first, and a
//! file that someone else may write is ignored.
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// The host's settings.
pub(crate) const HOST_FILE: &str = "/etc/calmkeeper.conf";
const FILE_VARIABLE: &str = "ZOO_CONFIG_FILE";
/// Largest file read, in bytes, by the library too.
const FILE_LEN_MAX: u64 = 64 * 1024;

/// The value of a setting; `None` if it is not set, or empty.
pub(crate) fn value(name: &str) -> Option<String> {
    let set = match std::env::var_os(name) {
        Some(value) => value.into_string().ok(),
        None => match std::env::var(FILE_VARIABLE) {
            Ok(path) if path.is_empty() => None,
            Ok(path) => last(&read(Path::new(&path), true)?, name),
            Err(_) => last(&read(Path::new(HOST_FILE), false)?, name),
        },
    };
    set.filter(|value| !value.is_empty())
}

/// The value that the last line with this name gives it.
fn last(text: &str, name: &str) -> Option<String> {
    let lines = text.lines().rev().map(str::trim).filter(|line| !line.starts_with('#'));
    let mut values = lines.filter_map(|line| line.split_once('=')).filter(|(other, _)| other.trim() == name);
    values.next().map(|(_, value)| value.trim().to_owned())
}

/// The text of a file that belongs to root or, with `own`, to this process's user, and that no other user may write.
fn read(path: &Path, own: bool) -> Option<String> {
    let file: File = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path).ok()?;
    let facts = file.metadata().ok()?;
    let is_own = || own && fs::metadata("/proc/self").is_ok_and(|process| process.uid() == facts.uid());
    let is_trusted =
        facts.is_file() && (facts.uid() == 0 || is_own()) && facts.mode() & 0o022 == 0 && facts.len() <= FILE_LEN_MAX;
    let mut text = String::new();
    (is_trusted && file.take(FILE_LEN_MAX).read_to_string(&mut text).is_ok()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_wins() {
        let text = "ZOO_A=/one\n# ZOO_A=/comment\nZOO_AB=/other\n ZOO_A = /two \nZOO_B=1\nZOO_A\n";
        assert_eq!(last(text, "ZOO_A").as_deref(), Some("/two"));
        assert_eq!(last("ZOO_A=/one\nZOO_A=\n", "ZOO_A").as_deref(), Some(""));
        assert_eq!(last(text, "ZOO_C"), None);
    }
}
