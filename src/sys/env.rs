//! The settings named ZOO_*: environment variables, and the lines of a file for the whole host. The only module that
//! reads either. A process that runs with more rights than its caller (setuid, setgid, file capabilities) must not be
//! controlled by that caller, so every setting counts as unset there.
use crate::sys::process::PerProcess;
use crate::sys::settings::Settings;
use libc::c_char;
use std::env;
use std::ffi::{CStr, OsString};

/// Names a file to read instead of the host's file; empty for no file.
const FILE_VARIABLE: &str = "ZOO_CONFIG_FILE";
/// The host's file.
const HOST_FILE: &str = "/etc/calmkeeper.conf";

/// The settings of the file, which is read when a setting is first asked for.
static SETTINGS: PerProcess<FileSettings> = PerProcess::new();

struct FileSettings(Settings);

impl Default for FileSettings {
    fn default() -> Self {
        let (settings, warnings) = match env::var(FILE_VARIABLE) {
            Ok(path) if path.is_empty() => (Settings::default(), Vec::new()),
            // The user who sets the environment of this process may also own the file.
            Ok(path) => Settings::read(&path, true),
            Err(_) => Settings::read(HOST_FILE, false),
        };
        for warning in warnings {
            log::warn!(target: "zookeeper_init_internal", "{warning}");
        }
        FileSettings(settings)
    }
}

/// Whether the kernel started this process with more rights than the process that started it has (`AT_SECURE`).
pub(crate) fn is_privileged() -> bool {
    // SAFETY: reads the auxiliary vector; an entry that is not there is 0.
    (unsafe { libc::getauxval(libc::AT_SECURE) }) != 0
}

/// Reads the settings file now, unless it has been read already or the process is privileged. Otherwise the first
/// [`var`] would read it, perhaps on a small stack.
pub(crate) fn load() {
    if !is_privileged() {
        SETTINGS.get();
    }
}

/// The value of a setting: the environment's, else the file's. `None` if neither has it or the process [is
/// privileged](is_privileged). The first call of a process reads the file, and logs what is wrong with it.
pub(crate) fn var(name: &str) -> Option<String> {
    // divergence: Apache's library reads no environment variable; ours reads those named ZOO_*, and
    // /etc/calmkeeper.conf, which may contain them too. A privileged process (setuid, setgid, file capabilities) reads
    // neither.
    if is_privileged() {
        return None;
    }
    match env::var(name) {
        Ok(value) => Some(value),
        Err(env::VarError::NotUnicode(_)) => None,
        Err(env::VarError::NotPresent) => SETTINGS.get().0.value(name).map(str::to_owned),
    }
}

/// [`var`] for a value that need not be UTF-8: the name of a file.
pub(crate) fn var_os(name: &str) -> Option<OsString> {
    if is_privileged() { None } else { env::var_os(name).or_else(|| var(name).map(OsString::from)) }
}

/// The name of a variable or setting that begins with `prefix`, if there is one; its value does not matter.
pub(crate) fn any_name(prefix: &str) -> Option<String> {
    if is_privileged() {
        return None;
    }
    let mut next = environment();
    // SAFETY: the process's environment ends with null, and its entries are C strings. As with `getenv`, no other
    // thread may change it meanwhile. (Nothing is allocated for the many other entries.)
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

/// The process's list of environment variables.
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
