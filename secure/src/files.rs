//! Reading configuration files: bounded, never blocking, and with a stamp that changes when a file changes.
use crate::{NamedFile, SettingsError};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// The largest file that is read; a system's certificate bundle has a few hundred kilobytes.
pub(crate) const FILE_LEN_MAX: u64 = 16 << 20;
/// How many directory entries are searched for certificates.
pub(crate) const ENTRIES_MAX: usize = 2000;
/// `O_NONBLOCK`: opening a FIFO must not wait for its writer.
#[cfg(any(target_arch = "mips", target_arch = "mips64"))]
const O_NONBLOCK: i32 = 0o200;
#[cfg(not(any(target_arch = "mips", target_arch = "mips64")))]
const O_NONBLOCK: i32 = 0o4000;
/// `O_NOCTTY`: a terminal must not become the process's controlling terminal.
#[cfg(any(target_arch = "mips", target_arch = "mips64"))]
const O_NOCTTY: i32 = 0o4000;
#[cfg(not(any(target_arch = "mips", target_arch = "mips64")))]
const O_NOCTTY: i32 = 0o400;

/// Identifies a file's content: a changed file has a different stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp(Option<[i64; 7]>);

impl Stamp {
    /// The present stamp of a file or directory; absent files have a stamp of their own.
    pub(crate) fn of(path: &Path) -> Stamp {
        Stamp(fs::metadata(path).ok().map(|metadata| identity(&metadata)))
    }
}

fn identity(metadata: &Metadata) -> [i64; 7] {
    [
        metadata.dev().cast_signed(),
        metadata.ino().cast_signed(),
        metadata.size().cast_signed(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    ]
}

/// Opens a file that an operator names. `None` for what is not a regular file: a directory, device or pipe. Never waits.
pub fn open_regular(path: &Path) -> io::Result<Option<(File, Metadata)>> {
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK | O_NOCTTY).open(path)?;
    // The number of a closed standard stream is not used: a duplicate gets 3 or above.
    let file = if file.as_raw_fd() > 2 { file } else { file.try_clone()? };
    // Metadata of the open file, so that the checked file is the one that is read.
    let metadata = file.metadata()?;
    Ok(metadata.is_file().then_some((file, metadata)))
}

/// [`open_regular`] with the errors of a setting.
pub(crate) fn open(named: &NamedFile) -> Result<(File, Metadata), SettingsError> {
    let found = open_regular(named.path()).map_err(|error| named.unreadable(&error))?;
    found.ok_or_else(|| named.unusable(if named.path().is_dir() { "is a directory" } else { "is not a regular file" }))
}

/// A regular file's content, erased when dropped.
pub(crate) fn read(named: &NamedFile) -> Result<Zeroizing<Vec<u8>>, SettingsError> {
    let (file, metadata) = open(named)?;
    read_open(&file, metadata.len())
        .map_err(|error| named.unreadable(&error))?
        .ok_or_else(|| named.unusable(format_args!("is larger than {} MiB", FILE_LEN_MAX >> 20)))
}

/// The content; `None` if it is too large.
fn read_open(file: &File, expected: u64) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    if expected > FILE_LEN_MAX {
        return Ok(None);
    }
    // The full size is allocated at once, because a growing vector would leave pieces of a key in freed memory.
    let room = usize::try_from(expected).unwrap_or(0).saturating_add(1);
    let mut content = Zeroizing::new(Vec::with_capacity(room));
    file.take(FILE_LEN_MAX + 1).read_to_end(&mut content)?;
    Ok((content.len() as u64 <= FILE_LEN_MAX).then_some(content))
}

/// The password that a file holds in its first line.
pub(crate) fn first_line(file: &NamedFile) -> Result<crate::Secret, SettingsError> {
    Ok(crate::Secret::new(file.first_line(&read(file)?)?.to_vec()))
}

/// The files in a directory, sorted by name; hidden ones (Kubernetes' `..data`) are left out.
pub(crate) fn directory(named: &NamedFile) -> Result<Vec<NamedFile>, SettingsError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(named.path()).map_err(|error| named.unreadable(&error))? {
        let entry = entry.map_err(|error| named.unreadable(&error))?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if found.len() == ENTRIES_MAX {
            return Err(named.unusable(format_args!("holds more than {ENTRIES_MAX} files")));
        }
        found.push(entry.path());
    }
    found.sort();
    found.retain(|file| file.is_file());
    Ok(found.into_iter().map(|file| named.member(file)).collect())
}
