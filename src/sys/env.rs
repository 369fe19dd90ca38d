//! The settings named ZOO_*: environment variables, and the lines of a file for the whole host. The only place that reads
//! either. A process that runs with more rights than its caller (setuid, setgid, file capabilities) must not be steered by
//! that caller, so there every setting counts as unset.
use crate::sys::process::PerProcess;
use crate::sys::settings::Settings;
use std::env;
use std::ffi::OsString;

/// Names a file to read in the place of the host's; empty for none.
const FILE_VARIABLE: &str = "ZOO_CONFIG_FILE";
/// The host's file.
const HOST_FILE: &str = "/etc/calmkeeper.conf";

/// The settings of the file, read when the first of them is asked for.
static SETTINGS: PerProcess<FileSettings> = PerProcess::new();

struct FileSettings(Settings);

impl Default for FileSettings {
    fn default() -> Self {
        let (settings, warnings) = match env::var(FILE_VARIABLE) {
            Ok(path) if path.is_empty() => (Settings::default(), Vec::new()),
            // Whoever sets the environment of this process may as well own the file.
            Ok(path) => Settings::read(&path, true),
            Err(_) => Settings::read(HOST_FILE, false),
        };
        for warning in warnings {
            log::warn!(target: "zookeeper_init_internal", "{warning}");
        }
        FileSettings(settings)
    }
}

/// Whether the kernel started this process with more rights than those of the process that started it (`AT_SECURE`).
pub(crate) fn is_privileged() -> bool {
    // SAFETY: reads the auxiliary vector; an entry that is not there is 0.
    (unsafe { libc::getauxval(libc::AT_SECURE) }) != 0
}

/// Reads the file of settings, unless that was done or may not be. Otherwise the first [`var`] does it, wherever it is called:
/// a caller with little stack wants it done early.
pub(crate) fn load() {
    if !is_privileged() {
        SETTINGS.get();
    }
}

/// The value of a setting: the environment's, else the file's. `None` if neither has it or the process [is
/// privileged](is_privileged). The first call of a process reads the file, and logs what is wrong with it.
pub(crate) fn var(name: &str) -> Option<String> {
    // divergence: Apache's library reads no environment variable; ours reads those named ZOO_*, and /etc/calmkeeper.conf, in
    // which they may stand too. A privileged process (setuid, setgid, file capabilities) reads neither.
    if is_privileged() {
        return None;
    }
    match env::var(name) {
        Ok(value) => Some(value),
        Err(env::VarError::NotUnicode(_)) => None,
        Err(env::VarError::NotPresent) => SETTINGS.get().0.value(name).map(str::to_owned),
    }
}

/// The same for a value that need not be UTF-8: the name of a file.
pub(crate) fn var_os(name: &str) -> Option<OsString> {
    if is_privileged() { None } else { env::var_os(name).or_else(|| var(name).map(OsString::from)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_special_rights_reads_its_environment() {
        assert!(!is_privileged());
        assert_eq!(var("PATH"), env::var("PATH").ok());
        assert_eq!(var("ZOO_NO_SUCH_VARIABLE"), None);
    }
}
