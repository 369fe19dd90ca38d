//! The environment variables that configure the library. The only place that reads the environment: a process that runs
//! with more rights than its caller (setuid, setgid, file capabilities) must not be steered by that caller, so there every
//! variable counts as unset.
use std::env;
use std::ffi::OsString;

/// Whether the kernel started this process with more rights than those of the process that started it (`AT_SECURE`).
pub(crate) fn is_privileged() -> bool {
    // SAFETY: reads the auxiliary vector; an entry that is not there is 0.
    (unsafe { libc::getauxval(libc::AT_SECURE) }) != 0
}

/// The value of a variable; `None` if it is not set, is not UTF-8, or the process [is privileged](is_privileged).
pub(crate) fn var(name: &str) -> Option<String> {
    // divergence: Apache's library reads no environment variable; ours reads those named ZOO_*, none of them in a privileged
    // process (setuid, setgid, file capabilities).
    if is_privileged() { None } else { env::var(name).ok() }
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
