//! Where the statistics file is: `ZOO_STATS_FILE` names it, or `ZOO_STATS_DIR` a folder for the files of many processes. Owns
//! the names in such a folder, and the removal of files whose process is gone.
use crate::sys::env::Variables;
use crate::sys::{file, process};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{fs, io};

/// The start and the end of the name of each file in a shared folder.
const PREFIX: &str = "zookeeper-client.";
const SUFFIX: &str = ".prom";
/// A file counts as left by a dead process only if it is this old: its process could run in another container, where
/// the process number cannot be checked.
const STALE_AFTER_MIN: Duration = Duration::from_secs(300);

/// The file of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    path: PathBuf,
    /// The folder, if this library chose the file's name.
    folder: Option<PathBuf>,
}

impl Place {
    /// The place that the operator wants; `None` for no file. `%p` in `ZOO_STATS_FILE` stands for the process number. A
    /// relative name is made absolute by the first call.
    pub(super) fn configured() -> Option<Place> {
        let variables = Variables::now();
        let given = |name| variables.get(name).filter(|text| !text.is_empty());
        let pid = std::process::id();
        if let Some(path) = given("ZOO_STATS_FILE") {
            return Some(Place { path: file::fixed(path.replace("%p", &pid.to_string()).into()), folder: None });
        }
        let folder = file::fixed(given("ZOO_STATS_DIR")?.into());
        let program = file_name_part(&process::program());
        Some(Place { path: folder.join(format!("{PREFIX}{program}.{pid}{SUFFIX}")), folder: Some(folder) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the files of killed processes from a shared folder.
    pub(super) fn sweep(&self, interval: Duration) {
        if let Some(folder) = &self.folder {
            // A folder that cannot be read is reported when the file is written.
            let _ = sweep(folder, STALE_AFTER_MIN.max(interval * 10));
        }
    }
}

/// A program's name as part of a file name.
fn file_name_part(program: &str) -> String {
    program.chars().map(|c| if c.is_ascii_alphanumeric() || "_-+".contains(c) { c } else { '_' }).take(64).collect()
}

/// The process number in the name of a file that this library made.
fn process_of(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.rsplit_once('.')?.1.parse().ok()
}

fn sweep(folder: &Path, age: Duration) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(process_of) else { continue };
        let is_old = || {
            let facts = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            Some(SystemTime::now().duration_since(facts.modified().ok()?).ok()? > age)
        };
        if !process::is_alive(pid) && is_old().unwrap_or(false) {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn names_are_recognised() {
        assert_eq!(process_of("zookeeper-client.python3_11.42.prom"), Some(42));
        for other in ["zookeeper-client.x.prom", "node.42.prom", "zookeeper-client.a.42.prom.9.0.tmp"] {
            assert_eq!(process_of(other), None, "{other}");
        }
        assert_eq!(file_name_part("python3.11 (x)/"), "python3_11__x__");
    }

    #[test]
    fn only_old_files_of_dead_processes_are_removed() {
        let folder = std::env::temp_dir().join(format!("calmkeeper-sweep-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        let own = std::process::id();
        // Above the largest process number of Linux.
        let (dead, old) = (1 << 23, SystemTime::now() - Duration::from_secs(3600));
        let file = |name: &str, modified: Option<SystemTime>| {
            let file = File::create(folder.join(name)).unwrap();
            if let Some(at) = modified {
                file.set_modified(at).unwrap();
            }
        };
        file(&format!("zookeeper-client.a.{own}.prom"), Some(old));
        file(&format!("zookeeper-client.b.{dead}.prom"), Some(old));
        file(&format!("zookeeper-client.c.{dead}.prom"), None);
        file(&format!("other.{dead}.prom"), Some(old));
        sweep(&folder, STALE_AFTER_MIN).unwrap();
        let mut left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left.len(), 3, "{left:?}");
        assert!(!folder.join(format!("zookeeper-client.b.{dead}.prom")).exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
