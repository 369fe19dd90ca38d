//! Which processes run, and as which user. Needs neither /proc nor the right to see other users' processes there (`hidepid`),
//! but without them the user may be unknown.
use rustix::io::Errno;
use rustix::process::{Pid, geteuid, test_kill_process};
use std::fs;
use std::os::unix::fs::MetadataExt;

/// What is known of a process number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Process {
    /// It runs as this user.
    Of(u32),
    /// It runs as a user that cannot be seen.
    OfUnknown,
    Gone,
}

impl Process {
    pub(crate) fn find(pid: u32) -> Process {
        match fs::metadata(format!("/proc/{pid}")) {
            Ok(facts) => Process::Of(facts.uid()),
            Err(_) => Process::ask(pid),
        }
    }

    /// Asks by the signal 0, which needs no /proc.
    fn ask(pid: u32) -> Process {
        let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Process::Gone };
        match test_kill_process(pid) {
            Err(Errno::SRCH) => Process::Gone,
            // Only root may send signals to processes of other users.
            Ok(()) if own_user() != 0 => Process::Of(own_user()),
            Ok(()) | Err(_) => Process::OfUnknown,
        }
    }
}

/// The user of this process.
pub(crate) fn own_user() -> u32 {
    geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_with_and_without_proc() {
        let own = std::process::id();
        assert_eq!(Process::find(own), Process::Of(own_user()));
        let wanted = if own_user() == 0 { Process::OfUnknown } else { Process::Of(own_user()) };
        assert_eq!(Process::ask(own), wanted);
        for none in [1 << 23, u32::MAX, 0] {
            assert_eq!((Process::find(none), Process::ask(none)), (Process::Gone, Process::Gone), "{none}");
        }
    }
}
