//! The settings of the host, as the library reads them (src/sys/env.rs and src/sys/settings.rs): `ZOO_CONFIG_FILE` names the
//! file, empty for none, else it is the host's; the environment wins over the file, and a file that someone else may
//! write is ignored.
use crate::process::own_user;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use zk_core::settings::{FILE_LEN_MAX, FILE_VARIABLE, HOST_FILE, Settings};

/// The value of a setting; `None` if it is not set, or empty.
pub(crate) fn value(name: &str) -> Option<String> {
    let set = match std::env::var_os(name) {
        Some(value) => value.into_string().ok(),
        None => match std::env::var(FILE_VARIABLE) {
            Ok(path) if path.is_empty() => None,
            Ok(path) => of_file(&read(Path::new(&path), true)?, name),
            Err(_) => of_file(&read(Path::new(HOST_FILE), false)?, name),
        },
    };
    set.filter(|value| !value.is_empty())
}

/// The file that may hold settings; `None` if none is read.
pub(crate) fn file() -> Option<String> {
    let path = std::env::var(FILE_VARIABLE).unwrap_or_else(|_| HOST_FILE.to_owned());
    (!path.is_empty()).then_some(path)
}

fn of_file(text: &str, name: &str) -> Option<String> {
    Settings::parse(text).0.value(name).map(str::to_owned)
}

/// The text of a file that belongs to root or, with `own`, to this process's user, and that no other user may write.
fn read(path: &Path, own: bool) -> Option<String> {
    let file: File = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path).ok()?;
    let facts = file.metadata().ok()?;
    let is_own = || own && facts.uid() == own_user();
    let is_trusted =
        facts.is_file() && (facts.uid() == 0 || is_own()) && facts.mode() & 0o022 == 0 && facts.len() <= FILE_LEN_MAX;
    let mut text = String::new();
    (is_trusted && file.take(FILE_LEN_MAX).read_to_string(&mut text).is_ok()).then_some(text)
}
