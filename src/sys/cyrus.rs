//! Cyrus SASL, the library that applications of `zookeeper_init_sasl` use: found in the process, or loaded. Owns the
//! calls and one connection object. Cyrus SASL itself calls the application's callbacks, with its own types.
use libc::{c_char, c_int, c_uint, c_ulong, c_void};
use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::ptr::{null, null_mut};
use zk_secure::sasl::{DIGEST_HOST, Failure, Mechanism, Step, kerberos_advice};

/// Its names in distributions.
const LIBRARIES: [&CStr; 2] = [c"libsasl2.so.2", c"libsasl2.so.3"];

const OK: c_int = 0;
const CONTINUE: c_int = 1;
const NO_MECHANISM: c_int = -4;
const NOT_INITIALISED: c_int = -12;

/// `sasl_callback_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Callback {
    /// The number of the question that it answers.
    pub id: c_ulong,
    /// The function, whose type depends on `id`.
    pub function: Option<unsafe extern "C" fn() -> c_int>,
    /// Its context.
    pub context: *mut c_void,
}

/// The parameters that the application passed to `zookeeper_init_sasl`. The callbacks belong to the application and
/// live as long as the handle.
#[derive(Clone, Debug)]
pub(crate) struct Params {
    pub(crate) service: CString,
    /// `None`: the server's name in the host list.
    pub(crate) host: Option<CString>,
    /// Mechanisms, divided by commas or spaces.
    pub(crate) mechanisms: CString,
    pub(crate) callbacks: *const Callback,
}

// SAFETY: the pointer is only handed to the library, on one thread at a time; the application keeps what is behind it.
unsafe impl Send for Params {}
// SAFETY: as above.
unsafe impl Sync for Params {}

type ClientInit = unsafe extern "C" fn(*const Callback) -> c_int;
type ClientNew = unsafe extern "C" fn(
    *const c_char,
    *const c_char,
    *const c_char,
    *const c_char,
    *const Callback,
    c_uint,
    *mut *mut c_void,
) -> c_int;
type ClientStart = unsafe extern "C" fn(
    *mut c_void,
    *const c_char,
    *mut *mut c_void,
    *mut *const c_char,
    *mut c_uint,
    *mut *const c_char,
) -> c_int;
type ClientStep = unsafe extern "C" fn(
    *mut c_void,
    *const c_char,
    c_uint,
    *mut *mut c_void,
    *mut *const c_char,
    *mut c_uint,
) -> c_int;
type Dispose = unsafe extern "C" fn(*mut *mut c_void);
type ErrorDetail = unsafe extern "C" fn(*mut c_void) -> *const c_char;

struct Library {
    client_init: ClientInit,
    client_new: ClientNew,
    client_start: ClientStart,
    client_step: ClientStep,
    dispose: Dispose,
    error_detail: ErrorDetail,
}

impl Library {
    /// Cyrus SASL as loaded in the process, else the system's, which stays loaded.
    fn load() -> Result<Library, Failure> {
        // SAFETY: a name that ends with NUL.
        let is_there = unsafe { !libc::dlsym(libc::RTLD_DEFAULT, c"sasl_client_new".as_ptr()).is_null() };
        let library = if is_there {
            libc::RTLD_DEFAULT
        } else {
            let flags = libc::RTLD_NOW | libc::RTLD_GLOBAL | libc::RTLD_NODELETE;
            // SAFETY: names that end with NUL; the library's constructors are the system's.
            let open = |name: &&CStr| unsafe { libc::dlopen(name.as_ptr(), flags) };
            LIBRARIES.iter().map(open).find(|library| !library.is_null()).ok_or_else(|| {
                Failure::permanent("the program gave SASL callbacks, but libsasl2.so.2 cannot be loaded")
            })?
        };
        let find = |name: &CStr| {
            // SAFETY: a library that is loaded, and a name that ends with NUL.
            let found = unsafe { libc::dlsym(library, name.as_ptr()) };
            let missing = || Failure::permanent(format!("libsasl2 lacks {name:?}"));
            if found.is_null() { Err(missing()) } else { Ok(found) }
        };
        // SAFETY: the functions have these types in every version 2 of the library.
        unsafe {
            Ok(Library {
                client_init: std::mem::transmute::<*mut c_void, ClientInit>(find(c"sasl_client_init")?),
                client_new: std::mem::transmute::<*mut c_void, ClientNew>(find(c"sasl_client_new")?),
                client_start: std::mem::transmute::<*mut c_void, ClientStart>(find(c"sasl_client_start")?),
                client_step: std::mem::transmute::<*mut c_void, ClientStep>(find(c"sasl_client_step")?),
                dispose: std::mem::transmute::<*mut c_void, Dispose>(find(c"sasl_dispose")?),
                error_detail: std::mem::transmute::<*mut c_void, ErrorDetail>(find(c"sasl_errdetail")?),
            })
        }
    }
}

thread_local! {
    /// The reason why a callback of this library had no password for the exchange of this thread.
    static NO_PASSWORD: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Called when a callback of this library has no password; `reason` goes into the failure of this thread's exchange.
pub(crate) fn note_missing_password(reason: String) {
    NO_PASSWORD.set(Some(reason));
}

const DIGEST: &str = Mechanism::DigestMd5.name();
const GSSAPI: &str = Mechanism::Gssapi.name();

/// One exchange.
pub(crate) struct Cyrus {
    library: Library,
    connection: *mut c_void,
    params: Params,
    /// Whether the host is the one of the host list, because the application gave none.
    is_listed_host: bool,
    /// The mechanism, once the library has chosen one.
    mechanism: String,
    /// Whether the client side is complete.
    is_complete: bool,
}

// SAFETY: a connection of libsasl2 may be used by any thread, one at a time, and one that is owned is.
unsafe impl Send for Cyrus {}

impl Cyrus {
    /// For the server that the host list calls `server`.
    pub(crate) fn new(params: Params, server: &str) -> Result<Cyrus, Failure> {
        let library = Library::load()?;
        let is_listed_host = params.host.is_none();
        let host = params.host.clone().unwrap_or_else(|| c_text(server));
        let connection = open(&library, &params, &host)?;
        Ok(Cyrus { library, connection, params, is_listed_host, mechanism: String::new(), is_complete: false })
    }

    /// The first token to send.
    pub(crate) fn start(&mut self) -> Result<Step, Failure> {
        let list = self.params.mechanisms.clone();
        let step = self.start_with(&list);
        // Cyrus SASL alone chooses the mechanism from the list, which may have any notation. For this mechanism the
        // server has a name of its own.
        if step.is_ok() && self.is_listed_host && self.mechanism == DIGEST {
            let connection = open(&self.library, &self.params, &c_text(DIGEST_HOST))?;
            // SAFETY: the connection is the library's, and is used no more.
            unsafe { (self.library.dispose)(&raw mut self.connection) };
            self.connection = connection;
            return self.start_with(&c_text(DIGEST));
        }
        step
    }

    /// Lets Cyrus SASL choose one of the mechanisms of a list.
    fn start_with(&mut self, list: &CStr) -> Result<Step, Failure> {
        let (mut out, mut length, mut mechanism) = (null(), 0, null());
        NO_PASSWORD.set(None);
        // SAFETY: a text that ends with NUL, and out parameters.
        let rc = unsafe {
            (self.library.client_start)(
                self.connection,
                list.as_ptr(),
                null_mut(),
                &raw mut out,
                &raw mut length,
                &raw mut mechanism,
            )
        };
        if !mechanism.is_null() {
            // SAFETY: a text of the library's that ends with NUL.
            self.mechanism = unsafe { CStr::from_ptr(mechanism) }.to_string_lossy().into_owned();
        }
        if rc != OK && rc != CONTINUE {
            return Err(self.failure(rc));
        }
        self.is_complete = rc == OK;
        // In DIGEST-MD5 the server speaks first; the mechanism's first token is meant for a server that knows the
        // client already.
        let is_silent = self.mechanism == DIGEST;
        Ok(Step::Send(if is_silent { Vec::new() } else { copy(out, length) }))
    }

    /// The answer to the server's token; `None` if the server sent none.
    pub(crate) fn step(&mut self, token: Option<&[u8]>) -> Result<Step, Failure> {
        let name = &self.mechanism;
        if self.is_complete {
            // A server that continues has not authenticated this client: it speaks another mechanism.
            return match token {
                Some(token) if !token.is_empty() => {
                    let text = format!("{name}: the server asks for more than this mechanism has to say");
                    Err(Failure::permanent(text))
                }
                _ => Ok(Step::Done),
            };
        }
        let token = token.ok_or_else(|| {
            let cause = "it has no JAAS configuration for its `Server` section";
            Failure::permanent(format!("{name}: the server does not offer SASL: {cause}"))
        })?;
        let given = c_uint::try_from(token.len())
            .map_err(|_| Failure::permanent(format!("{name}: the server's token is too long")))?;
        let (mut out, mut length) = (null(), 0);
        NO_PASSWORD.set(None);
        // SAFETY: the token's bytes and their number, and out parameters.
        let rc = unsafe {
            let bytes = token.as_ptr().cast();
            (self.library.client_step)(self.connection, bytes, given, null_mut(), &raw mut out, &raw mut length)
        };
        if rc != OK && rc != CONTINUE {
            return Err(self.failure(rc));
        }
        let reply = copy(out, length);
        if rc == OK && reply.is_empty() && self.mechanism != GSSAPI {
            return Ok(Step::Done);
        }
        // The server sends the last message.
        self.is_complete = rc == OK;
        Ok(Step::Send(reply))
    }

    /// The failure that Cyrus SASL reports. With Kerberos it may be temporary: a ticket is renewed, a KDC comes back.
    fn failure(&self, rc: c_int) -> Failure {
        // SAFETY: the connection's text, which ends with NUL.
        let detail = unsafe {
            let text = (self.library.error_detail)(self.connection);
            if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
        };
        let detail = detail.replace(char::is_control, " ");
        let list = self.params.mechanisms.to_string_lossy().replace(char::is_control, " ");
        let name = if self.mechanism.is_empty() { &list } else { &self.mechanism };
        if let Some(reason) = NO_PASSWORD.take() {
            return Failure::no_credentials(format!("{name}: {reason}"));
        }
        let advice = match rc {
            NO_MECHANISM => "; is it installed, as Debian's libsasl2-modules or libsasl2-modules-gssapi-mit?",
            _ => kerberos_advice(&detail),
        };
        let passes = name == GSSAPI || (rc != NO_MECHANISM && !advice.is_empty());
        let text = format!("{name}: {detail} (code {rc}){advice}");
        if passes { Failure::temporary(text) } else { Failure::permanent(text) }
    }
}

/// The text as a C string; empty if it contains a NUL.
fn c_text(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

/// A connection object for the service at `host`.
fn open(library: &Library, params: &Params, host: &CStr) -> Result<*mut c_void, Failure> {
    let mut connection = null_mut();
    let mut open = || {
        // SAFETY: texts that end with NUL, the application's callbacks, and an out parameter.
        unsafe {
            let (service, host) = (params.service.as_ptr(), host.as_ptr());
            (library.client_new)(service, host, null(), null(), params.callbacks, 0, &raw mut connection)
        }
    };
    let mut rc = open();
    if rc == NOT_INITIALISED {
        // SAFETY: without callbacks for all connections.
        rc = unsafe { (library.client_init)(null()) };
        if rc == OK {
            rc = open();
        }
    }
    if rc == OK { Ok(connection) } else { Err(Failure::permanent(format!("libsasl2 gives no connection (code {rc})"))) }
}

impl Drop for Cyrus {
    fn drop(&mut self) {
        // SAFETY: the connection is the library's, and is used no more.
        unsafe { (self.library.dispose)(&raw mut self.connection) };
    }
}

/// Copies bytes that belong to Cyrus SASL until its next call.
fn copy(bytes: *const c_char, length: c_uint) -> Vec<u8> {
    if bytes.is_null() {
        return Vec::new();
    }
    // SAFETY: the library says how many there are.
    unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length as usize) }.to_vec()
}

/// Asks for a password at the terminal, without echo. `None` without a terminal: glibc would read standard input then,
/// which may be a pipe that is never written to.
pub(crate) fn ask_terminal() -> Option<Vec<u8>> {
    std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
    // SAFETY: a text that ends with NUL; the answer is glibc's until its next call.
    unsafe {
        let typed = getpass(c"Password: ".as_ptr());
        (!typed.is_null()).then(|| CStr::from_ptr(typed).to_bytes().to_vec())
    }
}

unsafe extern "C" {
    /// glibc's.
    fn getpass(prompt: *const c_char) -> *mut c_char;
}
