//! `zookeeper_init_sasl`, and ready-made callbacks for programs that have none: they give Cyrus SASL the user, realm
//! and password. They use only the types of Cyrus SASL, so the program need not be linked with it.
#![allow(non_snake_case, non_camel_case_types, reason = "the names are the C interface's")]
use super::convert::text;
use super::entry::enter_call;
use super::lifecycle::{InitArgs, init, is_reentered};
use super::types::{clientid_t, log_callback_fn, watcher_fn, zhandle_t};
use crate::sys::cyrus::{self, Callback, Params};
use crate::sys::inside::InsideGuard;
use libc::{c_char, c_int, c_uint, c_ulong, c_void, size_t};
use std::cell::RefCell;
use std::ffi::{CString, OsStr};
use std::io::Read;
use std::mem::transmute;
use std::os::unix::ffi::OsStrExt;
use std::ptr::null_mut;
use std::sync::OnceLock;
use zeroize::Zeroizing;
use zk_secure::NamedFile;

/// The parameters of a SASL exchange. A null `host` means the server's name in the host list, a null `service`
/// "zookeeper".
#[repr(C)]
pub struct zoo_sasl_params {
    /// The first part of the server's principal.
    pub service: *const c_char,
    /// Its second part.
    pub host: *const c_char,
    /// Mechanisms, divided by commas.
    pub mechlist: *const c_char,
    /// The answers to the mechanism's questions, with an entry of id 0 at the end.
    pub callbacks: *const Callback,
}

/// Turns the content of a password file into the password: at most `buf_len` bytes at `buf`, their number in
/// `passwd_len`. Returns `SASL_OK` or another code of Cyrus SASL.
pub type zoo_sasl_password_callback_t =
    Option<unsafe extern "C" fn(*const c_char, size_t, *mut c_void, *mut c_char, size_t, *mut size_t) -> c_int>;

/// The source of a password.
#[repr(C)]
pub struct zoo_sasl_password {
    /// The password file, a regular file. Its first line is the password; with a `callback`, the callback gets the whole
    /// content. Null: the user is asked at the terminal.
    pub password_file: *const c_char,
    /// For `callback`.
    pub context: *mut c_void,
    /// May be null.
    pub callback: zoo_sasl_password_callback_t,
}

const GET_REALM: c_int = 0x4008;
const USER: c_int = 0x4001;
const AUTH_NAME: c_int = 0x4002;
const PASS: c_int = 0x4004;
const LIST_END: c_int = 0;

const OK: c_int = 0;
const FAIL: c_int = -1;
const OUT_OF_MEMORY: c_int = -2;
const BUFFER_OVERFLOW: c_int = -3;
const BAD_PARAMETER: c_int = -7;

/// The longest password.
const PASSWORD_MAX: usize = 1023;

/// `zookeeper_init2` with SASL: the mechanisms come from Cyrus SASL, which the program has initialised or the library
/// loads. They call the program's callbacks on a thread of the library. With null `sasl_params` it is
/// `zookeeper_init2`.
// divergence: zookeeper_init_sasl, which Debian's build lacks, takes what the host list calls the server for a null host, where stock takes the address; its callbacks are called on a thread of their own; what Kerberos says is never final, nor is a password file that cannot be read once the handle has authenticated; relative names of such files are those of the working directory at the time of the call.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zookeeper_init_sasl(
    host: *const c_char,
    r#fn: watcher_fn,
    recv_timeout: c_int,
    clientid: *const clientid_t,
    context: *mut c_void,
    flags: c_int,
    log_callback: log_callback_fn,
    sasl_params: *mut zoo_sasl_params,
) -> *mut zhandle_t {
    if is_reentered() {
        return null_mut();
    }
    let sasl = enter_call(|| {
        let _inside = InsideGuard::new();
        // SAFETY: null or a struct whose texts are C strings, by the contract of `super`.
        unsafe { sasl_params.as_ref().map(|given| take(given)) }
    });
    let watcher = r#fn;
    // SAFETY: the contract of `super`.
    unsafe { init(InitArgs { host, watcher, recv_timeout, clientid, context, flags, log_callback, cert: None, sasl }) }
}

/// The parameters; fixes the names of its password files, because those of the present working directory are meant.
///
/// # Safety
/// The contract of [`super`].
unsafe fn take(given: &zoo_sasl_params) -> Params {
    // SAFETY: the contract of `super`.
    let owned = |pointer| unsafe { text(pointer) }.map(|bytes| CString::new(bytes).unwrap_or_default());
    let params = Params {
        service: owned(given.service).unwrap_or_else(|| c"zookeeper".to_owned()),
        host: owned(given.host),
        mechanisms: owned(given.mechlist).unwrap_or_default(),
        callbacks: given.callbacks,
    };
    // SAFETY: the callbacks that the application gave, with an entry of id 0 at the end.
    unsafe { fix_password_files(params.callbacks) };
    params
}

/// Makes callbacks that answer with a user, a realm and a password: the first line of `password_file`, or, if that is
/// null, what is typed at the terminal. The caller frees the array with `free`; what it points to is never freed.
/// Returns null without memory.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_sasl_make_basic_callbacks(
    user: *const c_char,
    realm: *const c_char,
    password_file: *const c_char,
) -> *mut Callback {
    // SAFETY: the contract of `super`.
    unsafe { make_callbacks("zoo_sasl_make_basic_callbacks", user, realm, text(password_file), null_mut(), None) }
}

/// `zoo_sasl_make_basic_callbacks` with a callback that turns the content of a file into the password. If `password` is
/// null, the user is asked at the terminal.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_sasl_make_password_callbacks(
    user: *const c_char,
    realm: *const c_char,
    password: *mut zoo_sasl_password,
) -> *mut Callback {
    // SAFETY: the contract of `super`.
    unsafe {
        let given = password.as_ref();
        let file = given.and_then(|given| text(given.password_file));
        make_callbacks(
            "zoo_sasl_make_password_callbacks",
            user,
            realm,
            file,
            given.map_or(null_mut(), |given| given.context),
            given.and_then(|given| given.callback),
        )
    }
}

/// A question's number as it stands in a [`Callback`].
fn id(number: c_int) -> c_ulong {
    number.cast_unsigned().into()
}

/// The context of [`password_answer`].
struct Password {
    /// The function that made it, for messages.
    maker: &'static str,
    file: Option<Vec<u8>>,
    /// The file, by the name that it had when a handle, or an exchange without a handle, first used it.
    found: OnceLock<NamedFile>,
    context: *mut c_void,
    callback: zoo_sasl_password_callback_t,
}

impl Password {
    /// The file. A relative name refers to the working directory at the time of the first call, because a daemon
    /// changes it later.
    fn file(&self) -> Option<&NamedFile> {
        let given = self.file.as_deref()?;
        Some(self.found.get_or_init(|| NamedFile::new(self.maker, "SASL password file", OsStr::from_bytes(given))))
    }
}

/// Fixes the password files of those callbacks that [`make_callbacks`] made, see [`Password::file`].
///
/// # Safety
/// Null, or entries of which the last has the id 0.
unsafe fn fix_password_files(callbacks: *const Callback) {
    let mut next = callbacks;
    // SAFETY: the caller's promise; the context of this very function is a `Password`, which is never freed.
    unsafe {
        while let Some(entry) = next.as_ref().filter(|entry| entry.id != id(LIST_END)) {
            let is_ours =
                entry.function.is_some_and(|function| function as usize == password_answer as *const () as usize);
            if is_ours && let Some(password) = entry.context.cast::<Password>().as_ref() {
                password.file();
            }
            next = next.add(1);
        }
    }
}

unsafe fn make_callbacks(
    maker: &'static str,
    user: *const c_char,
    realm: *const c_char,
    file: Option<&[u8]>,
    context: *mut c_void,
    callback: zoo_sasl_password_callback_t,
) -> *mut Callback {
    type Function = unsafe extern "C" fn() -> c_int;
    // SAFETY: null or C strings by the contract of `super`. Cyrus calls each function with its own type, which the id says.
    // The array is as large as what is written to it.
    unsafe {
        let copy = |text: *const c_char| if text.is_null() { null_mut() } else { libc::strdup(text).cast::<c_void>() };
        let (realm_fn, name_fn) = (realm_answer as *const (), name_answer as *const ());
        let function = |pointer: *const ()| Some(transmute::<*const (), Function>(pointer));
        let password =
            Box::new(Password { maker, file: file.map(<[u8]>::to_vec), found: OnceLock::new(), context, callback });
        let entries = [
            Callback { id: id(GET_REALM), function: function(realm_fn), context: copy(realm) },
            Callback { id: id(USER), function: function(name_fn), context: copy(user) },
            Callback { id: id(AUTH_NAME), function: function(name_fn), context: copy(user) },
            Callback {
                id: id(PASS),
                function: function(password_answer as *const ()),
                context: Box::into_raw(password).cast(),
            },
            Callback { id: id(LIST_END), function: None, context: null_mut() },
        ];
        let array = libc::malloc(size_of_val(&entries)).cast::<Callback>();
        if !array.is_null() {
            array.copy_from_nonoverlapping(entries.as_ptr(), entries.len());
        }
        array
    }
}

/// For `SASL_CB_GETREALM`.
unsafe extern "C" fn realm_answer(
    context: *mut c_void,
    id: c_int,
    _offered: *const *const c_char,
    out: *mut *const c_char,
) -> c_int {
    if id != GET_REALM || out.is_null() {
        return BAD_PARAMETER;
    }
    // SAFETY: an out parameter of the caller's.
    unsafe { out.write(context.cast()) };
    OK
}

/// For `SASL_CB_USER` and `SASL_CB_AUTHNAME`.
unsafe extern "C" fn name_answer(context: *mut c_void, id: c_int, out: *mut *const c_char, len: *mut c_uint) -> c_int {
    if (id != USER && id != AUTH_NAME) || out.is_null() {
        return BAD_PARAMETER;
    }
    let name: *const c_char = context.cast();
    // SAFETY: out parameters of the caller's; the name is null or a C string.
    unsafe {
        out.write(name);
        if !len.is_null() {
            len.write(text(name).map_or(0, |name| c_uint::try_from(name.len()).unwrap_or(0)));
        }
    }
    OK
}

thread_local! {
    /// The passwords that [`password_answer`] has given out. Cyrus SASL does not free them, and needs them until the
    /// exchange is over; the thread of the library ends with it.
    static SECRETS: RefCell<Vec<Zeroizing<Vec<u64>>>> = const { RefCell::new(Vec::new()) };
}

/// The size of a word in which passwords are kept.
const WORD: usize = size_of::<u64>();

/// How many passwords are kept for one thread; an exchange asks once.
const SECRETS_MAX: usize = 8;

/// For `SASL_CB_PASS`.
unsafe extern "C" fn password_answer(
    _connection: *mut c_void,
    context: *mut c_void,
    id: c_int,
    out: *mut *const c_void,
) -> c_int {
    if id != PASS || out.is_null() || context.is_null() {
        return BAD_PARAMETER;
    }
    // SAFETY: the context is `make_callbacks`'s, which never frees it.
    let password = match unsafe { read_password(&*context.cast::<Password>()) } {
        Ok(password) => password,
        Err((code, reason)) => {
            cyrus::note_missing_password(reason);
            return code;
        }
    };
    // `sasl_secret_t`: the length, the bytes, and a zero byte.
    let mut secret = Zeroizing::new(vec![0u64; 1 + password.len() / WORD + 1]);
    let Some((length, words)) = secret.split_first_mut() else { return OUT_OF_MEMORY };
    *length = password.len() as u64;
    for (word, bytes) in words.iter_mut().zip(password.chunks(WORD)) {
        let mut whole = [0; WORD];
        for (place, byte) in whole.iter_mut().zip(bytes) {
            *place = *byte;
        }
        *word = u64::from_ne_bytes(whole);
    }
    SECRETS.with_borrow_mut(|secrets| {
        if secrets.len() >= SECRETS_MAX {
            secrets.remove(0);
        }
        // SAFETY: an out parameter of the caller's. The vector's memory does not move with it.
        unsafe { out.write(secret.as_ptr().cast()) };
        secrets.push(secret);
    });
    OK
}

/// The password, or a code of Cyrus SASL and the reason.
unsafe fn read_password(from: &Password) -> Result<Zeroizing<Vec<u8>>, (c_int, String)> {
    let Some(file) = from.file() else {
        if from.callback.is_some() {
            return Err((BAD_PARAMETER, format!("{}: a callback, but no password file", from.maker)));
        }
        let typed = cyrus::ask_terminal().map(Zeroizing::new);
        return typed.ok_or_else(|| (FAIL, format!("{}: no password file, and no terminal to ask", from.maker)));
    };
    let too_long = || (BUFFER_OVERFLOW, file.unusable(format_args!("has more than {PASSWORD_MAX} bytes")).to_string());
    let mut content = Zeroizing::new(Vec::with_capacity(PASSWORD_MAX + 1));
    let opened = file.open().map_err(|error| (FAIL, error.to_string()))?;
    opened
        .take(PASSWORD_MAX as u64 + 1)
        .read_to_end(&mut content)
        .map_err(|error| (FAIL, file.unreadable(&error).to_string()))?;
    if let Some(callback) = from.callback {
        if content.len() > PASSWORD_MAX {
            return Err(too_long());
        }
        let mut password = Zeroizing::new(vec![0u8; PASSWORD_MAX]);
        let mut len = 0;
        // SAFETY: the application's callback, with as many bytes of content and of room as it is told.
        let rc = unsafe {
            let (given, room) = (content.as_ptr().cast(), password.as_mut_ptr().cast());
            callback(given, content.len(), from.context, room, PASSWORD_MAX, &raw mut len)
        };
        if rc != OK {
            return Err((
                rc,
                file.unusable(format_args!("the program's callback makes no password of it (code {rc})")).to_string(),
            ));
        }
        if len > PASSWORD_MAX {
            return Err(too_long());
        }
        password.truncate(len);
        return Ok(password);
    }
    let line = file.first_line(&content).map_err(|error| (FAIL, error.to_string()))?;
    if line.len() > PASSWORD_MAX { Err(too_long()) } else { Ok(Zeroizing::new(line.to_vec())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn a_password_file_that_is_a_pipe_is_refused_and_nobody_waits_for_its_writer() {
        let pipe = std::env::temp_dir().join(format!("calmkeeper-sasl-pipe-{}", std::process::id()));
        let name = pipe.as_os_str().as_bytes().to_vec();
        let given = CString::new(name.clone()).unwrap();
        // SAFETY: the name is a C string.
        assert_eq!(unsafe { libc::mkfifo(given.as_ptr(), 0o600) }, 0);
        let (answer, answered) = mpsc::channel();
        thread::spawn(move || {
            let (found, context) = (OnceLock::new(), null_mut());
            let password = Password { maker: "test", file: Some(name), found, context, callback: None };
            // SAFETY: there is no callback.
            let _ = answer.send(unsafe { read_password(&password) });
        });
        let result = answered.recv_timeout(Duration::from_secs(20));
        std::fs::remove_file(&pipe).unwrap();
        let (code, reason) = result.expect("it does not wait").expect_err("a pipe is no file");
        assert_eq!(code, FAIL);
        assert!(reason.ends_with("is not a regular file"), "{reason}");
    }
}
