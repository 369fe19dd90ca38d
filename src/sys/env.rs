//! The settings named ZOO_*: environment variables, and the lines of a file for the whole host. The only module that
//! reads either. A process that runs with more rights than its caller (setuid, setgid, file capabilities) must not be
//! controlled by that caller, so every setting counts as unset there.
use crate::sys::process::PerProcess;
use crate::sys::settings;
use libc::c_char;
use std::borrow::Cow;
use std::env;
use std::ffi::{CStr, OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use zk_core::settings::{FILE_VARIABLE, HOST_FILE, Reader, Settings, unknown_variable};

/// The settings of the file, which is read when a setting is first asked for. The names in the environment are checked then too.
static SETTINGS: PerProcess<FileSettings> = PerProcess::new();

struct FileSettings(Settings);

impl Default for FileSettings {
    fn default() -> Self {
        let (settings, warnings) = match env::var(FILE_VARIABLE) {
            Ok(path) if path.is_empty() => (Settings::default(), Vec::new()),
            // The user who sets the environment of this process may also own the file.
            Ok(path) => settings::read(&path, true),
            Err(_) => settings::read(HOST_FILE, false),
        };
        // SAFETY: as in `Variables::now`.
        let own = unsafe { own_variables(environment()) };
        let misspelt = own.iter().filter_map(|(name, _)| unknown_variable(&name.to_string_lossy()));
        log_warnings(warnings.into_iter().chain(misspelt));
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

/// The settings as they are at one moment. A new handle looks for two dozen of them, and `getenv` goes through the whole
/// environment for each: a quarter of the instructions that opening a handle took.
pub(crate) struct Variables {
    /// Those of the environment named `ZOO_*`, in its order: of two with one name the first counts.
    own: Vec<(OsString, OsString)>,
    /// `None` in a process that [is privileged](is_privileged).
    file: Option<&'static Settings>,
}

impl Variables {
    /// The settings now. The first call of a process reads the file, and logs what is wrong with it.
    pub(crate) fn now() -> Variables {
        // divergence: Apache's library reads no environment variable; ours reads those named ZOO_*, and
        // /etc/calmkeeper.conf, which may contain them too. A privileged process (setuid, setgid, file capabilities)
        // reads neither.
        if is_privileged() {
            return Variables { own: Vec::new(), file: None };
        }
        // SAFETY: it ends with null, and its entries are C strings. As with `getenv`, no other thread may change it meanwhile.
        let own = unsafe { own_variables(environment()) };
        Variables { own, file: Some(&SETTINGS.get().0) }
    }

    /// Those of a file with these lines.
    #[cfg(test)]
    pub(crate) fn of(lines: &str) -> Variables {
        Variables { own: Vec::new(), file: Some(Box::leak(Box::new(Settings::parse(lines).0))) }
    }

    /// The value of a setting: the environment's, else the file's. `None` if neither has it, or if the environment's is not
    /// UTF-8.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        match self.own(name) {
            Some(value) => value.to_str().map(str::to_owned),
            None => self.file?.value(name).map(str::to_owned),
        }
    }

    /// The value of a setting that names a file, which need not be UTF-8.
    pub(crate) fn get_os(&self, name: &str) -> Option<OsString> {
        self.own(name).map(OsStr::to_owned).or_else(|| self.get(name).map(OsString::from))
    }

    /// The name of a setting that begins with `prefix` and is not empty, if there is one.
    pub(crate) fn any_name(&self, prefix: &str) -> Option<String> {
        let own = self.own.iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name.to_string_lossy());
        let is_given = |name: &&str| self.file.and_then(|file| file.value(name)).is_some_and(|value| !value.is_empty());
        let file = self.file.into_iter().flat_map(Settings::names).filter(is_given).map(Cow::Borrowed);
        own.chain(file).find(|name| name.starts_with(prefix)).map(Cow::into_owned)
    }

    /// Reads values by `body`, and logs what is wrong with them.
    pub(crate) fn read<T>(&self, body: impl FnOnce(&mut Reader<&dyn Fn(&str) -> Option<String>>) -> T) -> T {
        let lookup = |name: &str| self.get(name);
        let mut reader = Reader::new(&lookup as &dyn Fn(&str) -> Option<String>);
        let result = body(&mut reader);
        log_warnings(reader.into_warnings());
        result
    }

    fn own(&self, name: &str) -> Option<&OsStr> {
        self.own.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_os_str())
    }
}

pub(crate) fn log_warnings(warnings: impl IntoIterator<Item = String>) {
    for warning in warnings {
        log::warn!(target: "zookeeper_init_internal", "{warning}");
    }
}

/// One setting, for those who look for no other.
pub(crate) fn var(name: &str) -> Option<String> {
    Variables::now().get(name)
}

/// The variables named `ZOO_*` of an environment. Nothing is allocated for the many others.
///
/// # Safety
/// `next` is null, or a list of C strings that ends with null.
unsafe fn own_variables(mut next: *const *const c_char) -> Vec<(OsString, OsString)> {
    let mut found = Vec::new();
    // SAFETY: the caller's promise.
    unsafe {
        while let Some(entry) = next.as_ref().copied().filter(|entry| !entry.is_null()) {
            if is_own(entry) {
                let entry = CStr::from_ptr(entry).to_bytes();
                let (name, value) = entry.split_at(entry.iter().position(|byte| *byte == b'=').unwrap_or(entry.len()));
                let value = value.get(1..).unwrap_or_default();
                found.push((OsString::from_vec(name.to_vec()), OsString::from_vec(value.to_vec())));
            }
            next = next.add(1);
        }
    }
    found
}

/// Whether an entry of the environment begins with `ZOO_`.
///
/// # Safety
/// `entry` is a C string.
unsafe fn is_own(entry: *const c_char) -> bool {
    // SAFETY: a byte is read only when the one before it is not the NUL.
    b"ZOO_".iter().enumerate().all(|(at, byte)| unsafe { entry.add(at).read().cast_unsigned() } == *byte)
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
        assert_eq!(var("ZOO_NO_SUCH_VARIABLE"), None);
        assert_eq!(Variables::now().any_name("ZOO_NO_SUCH_"), None);
        assert_eq!(var("PATH"), None, "only those named ZOO_*");
    }

    #[test]
    fn settings_are_read_as_getenv_would_and_the_file_stands_behind_them() {
        let entries = [c"PATH=/bin", c"ZOO", c"ZOO_", c"ZOO_A=1=2", c"ZOO_B=", c"ZOO_C=\xff", c"ZOO_A=3", c"ZOO_D"];
        let list: Vec<_> = entries.iter().map(|entry| entry.as_ptr()).chain([std::ptr::null()]).collect();
        let file: &'static Settings = Box::leak(Box::new(Settings::parse("ZOO_A=4\nZOO_C=5\nZOO_E=6\nZOO_F=\n").0));
        // SAFETY: the list is as it has to be.
        let settings = Variables { own: unsafe { own_variables(list.as_ptr()) }, file: Some(file) };
        assert_eq!(settings.get("ZOO_A").as_deref(), Some("1=2"), "the first one counts");
        assert_eq!(settings.get("ZOO_B").as_deref(), Some(""), "an empty variable hides the file's line");
        assert_eq!(settings.get("ZOO_C"), None, "so does one that is not UTF-8");
        assert_eq!(settings.get_os("ZOO_C"), Some(OsString::from_vec(vec![0xff])));
        assert_eq!((settings.get("ZOO_E").as_deref(), settings.get("PATH")), (Some("6"), None));
        assert_eq!(settings.get_os("ZOO_E"), Some("6".into()));
        assert_eq!(settings.any_name("ZOO_A").as_deref(), Some("ZOO_A"));
        assert_eq!(
            (settings.any_name("ZOO_B"), settings.any_name("ZOO_F")),
            (None, None),
            "what is empty turns nothing on"
        );
        assert_eq!(settings.any_name("ZOO_E").as_deref(), Some("ZOO_E"));
        // SAFETY: an environment that was cleared.
        assert!(unsafe { own_variables(std::ptr::null()) }.is_empty());
    }
}
