//! The information about the process in the first log lines of a handle. Owns the calls to the system; every answer may
//! be missing.
use libc::c_char;
use std::ffi::CStr;
use std::mem::MaybeUninit;

/// The version in log lines: of the interface, and of this library.
// divergence: The client environment line names Calmkeeper's version after the version of the interface.
const VERSION: &str = concat!("zookeeper C client 3.8.0 (calmkeeper ", env!("CARGO_PKG_VERSION"), ")");

/// A copy of a text of the system.
///
/// # Safety
/// `text` is null or a C string.
unsafe fn lossy(text: *const c_char) -> Option<String> {
    // SAFETY: the caller's promise.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// Logs the environment, one line each.
pub(crate) fn log_environment() {
    const TARGET: &str = "log_env";
    if !log::log_enabled!(target: TARGET, log::Level::Info) {
        return;
    }
    log::info!(target: TARGET, "Client environment:zookeeper.version={VERSION}");
    let mut host = [0u8; 256];
    // SAFETY: one byte is left for the NUL that a long name would lack.
    let rc = unsafe { libc::gethostname(host.as_mut_ptr().cast(), host.len() - 1) };
    let name = CStr::from_bytes_until_nul(&host).map(CStr::to_string_lossy).unwrap_or_default();
    if rc == 0 {
        log::info!(target: TARGET, "Client environment:host.name={name}");
    } else {
        log::info!(target: TARGET, "Client environment:host.name=<not implemented>");
    }
    let mut system = MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: zeroed is a valid `utsname`, which uname fills; all its fields end with NUL.
    let (os, release, version) = unsafe {
        libc::uname(system.as_mut_ptr());
        let system = system.assume_init_ref();
        let field = |text| lossy(text).unwrap_or_default();
        (field(system.sysname.as_ptr()), field(system.release.as_ptr()), field(system.version.as_ptr()))
    };
    log::info!(target: TARGET, "Client environment:os.name={os}");
    // Stock logs the kernel's release as `os.arch`, and programs read these lines.
    log::info!(target: TARGET, "Client environment:os.arch={release}");
    log::info!(target: TARGET, "Client environment:os.version={version}");
    log::info!(target: TARGET, "Client environment:user.name={}", login().unwrap_or_else(|| "(null)".to_owned()));
    log::info!(target: TARGET, "Client environment:user.home={}", home().as_deref().unwrap_or("<NA>"));
    // Stock writes this for any directory that it cannot name, including a deleted one.
    let directory = std::env::current_dir().map_or_else(|_| "<toolong>".to_owned(), |path| path.display().to_string());
    log::info!(target: TARGET, "Client environment:user.dir={directory}");
}

/// The user who logged in at the terminal, if there is one.
fn login() -> Option<String> {
    unsafe extern "C" {
        fn getlogin_r(name: *mut libc::c_char, size: libc::size_t) -> libc::c_int;
    }
    let mut name = [0u8; 256];
    // SAFETY: the function of POSIX; the length is that of the buffer.
    let rc = unsafe { getlogin_r(name.as_mut_ptr().cast(), name.len()) };
    let name = CStr::from_bytes_until_nul(&name).ok().filter(|_| rc == 0)?;
    Some(name.to_string_lossy().into_owned())
}

/// The home directory in the user database.
fn home() -> Option<String> {
    let mut entry = MaybeUninit::<libc::passwd>::zeroed();
    let mut found = std::ptr::null_mut();
    let mut strings = vec![0u8; 16 * 1024];
    // SAFETY: all buffers are as long as stated and outlive the use of the entry; `found` is null unless one was.
    unsafe {
        libc::getpwuid_r(
            libc::getuid(),
            entry.as_mut_ptr(),
            strings.as_mut_ptr().cast(),
            strings.len(),
            &raw mut found,
        );
        let entry = found.as_ref()?;
        lossy(entry.pw_dir)
    }
}
