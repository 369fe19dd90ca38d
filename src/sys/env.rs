//! The settings named ZOO_*: environment variables, and the lines of a file for the whole host. The only place that reads
//! either. A process that runs with more rights than its caller (setuid, setgid, file capabilities) must not be steered by
//! that caller, so there every setting counts as unset.
use crate::sys::process::PerProcess;
use crate::sys::settings::Settings;
use libc::c_char;
use std::env;
use std::ffi::{CStr, OsString};

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

/// A variable or setting whose name begins with `prefix`, if there is one; what it says is not looked at.
pub(crate) fn any_name(prefix: &str) -> Option<String> {
    if is_privileged() {
        return None;
    }
    let mut next = environment();
    // SAFETY: the process's environment ends with null, and its entries are C strings. As with `getenv`, no other thread may change
    // it meanwhile. Nothing is allocated for the many entries that are not ours.
    unsafe {
        while let Some(entry) = next.as_ref().copied().filter(|entry| !entry.is_null()) {
            let entry = CStr::from_ptr(entry).to_bytes();
            if entry.starts_with(prefix.as_bytes()) {
                let name = entry.split(|byte| *byte == b'=').next().unwrap_or_default();
                return Some(String::from_utf8_lossy(name).into_owned());
            }
            next = next.add(1);
        }
    }
    SETTINGS.get().0.names().find(|name| name.starts_with(prefix)).map(str::to_owned)
}

/// The process's own list.
fn environment() -> *const *const c_char {
    unsafe extern "C" {
        static environ: *const *const c_char;
    }
    // SAFETY: libc's variable, which is read once.
    unsafe { environ }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_special_rights_reads_its_environment() {
        assert!(!is_privileged());
        assert_eq!(var("PATH"), env::var("PATH").ok());
        assert_eq!(var("ZOO_NO_SUCH_VARIABLE"), None);
        assert_eq!(any_name("PATH=").or_else(|| any_name("PATH")).as_deref(), Some("PATH"));
        assert_eq!(any_name("ZOO_NO_SUCH_"), None);
    }
}
