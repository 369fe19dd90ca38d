//! GSSAPI with Kerberos 5 by the system's library. It is loaded when a mechanism needs it, so that a client without
//! Kerberos can do without. Owns the calls and their objects.
use libc::{c_int, c_void};
use std::ffi::CStr;
use std::ptr::null_mut;
use zk_secure::sasl::{Failure, Step, kerberos_advice, security_layer_reply};

/// MIT's library, by its name in Debian and other distributions.
const LIBRARY: &CStr = c"libgssapi_krb5.so.2";

type Status = u32;

#[repr(C)]
struct Buffer {
    length: usize,
    value: *mut c_void,
}

#[repr(C)]
struct Oid {
    length: u32,
    elements: *const u8,
}

// SAFETY: points to constants.
unsafe impl Sync for Oid {}

/// `GSS_C_NT_HOSTBASED_SERVICE`: 1.2.840.113554.1.2.1.4.
static HOSTBASED_SERVICE: Oid =
    Oid { length: 10, elements: c"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04".as_ptr().cast() };
/// Kerberos 5: 1.2.840.113554.1.2.2.
static KERBEROS: Oid = Oid { length: 9, elements: c"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02".as_ptr().cast() };

const CONTINUE_NEEDED: Status = 1;
/// The error bits of a status.
const ERROR: Status = 0xffff_0000;
const MUTUAL: u32 = 2;
const SEQUENCE: u32 = 8;
const INTEGRITY: u32 = 32;
const GSS_CODE: c_int = 1;
const MECH_CODE: c_int = 2;

type ImportName = unsafe extern "C" fn(*mut Status, *mut Buffer, *const Oid, *mut *mut c_void) -> Status;
type InitContext = unsafe extern "C" fn(
    *mut Status,
    *mut c_void,
    *mut *mut c_void,
    *mut c_void,
    *const Oid,
    u32,
    u32,
    *mut c_void,
    *mut Buffer,
    *mut *mut Oid,
    *mut Buffer,
    *mut u32,
    *mut u32,
) -> Status;
type Unwrap = unsafe extern "C" fn(*mut Status, *mut c_void, *mut Buffer, *mut Buffer, *mut c_int, *mut u32) -> Status;
type Wrap = unsafe extern "C" fn(*mut Status, *mut c_void, c_int, u32, *mut Buffer, *mut c_int, *mut Buffer) -> Status;
type ReleaseBuffer = unsafe extern "C" fn(*mut Status, *mut Buffer) -> Status;
type ReleaseName = unsafe extern "C" fn(*mut Status, *mut *mut c_void) -> Status;
type DeleteContext = unsafe extern "C" fn(*mut Status, *mut *mut c_void, *mut Buffer) -> Status;
type DisplayStatus = unsafe extern "C" fn(*mut Status, Status, c_int, *const Oid, *mut Status, *mut Buffer) -> Status;

struct Library {
    import_name: ImportName,
    init_context: InitContext,
    unwrap: Unwrap,
    wrap: Wrap,
    release_buffer: ReleaseBuffer,
    release_name: ReleaseName,
    delete_context: DeleteContext,
    display_status: DisplayStatus,
}

impl Library {
    /// Loads the library, or finds it loaded. It stays loaded.
    fn load() -> Result<Library, Failure> {
        // SAFETY: a name that ends with NUL; the library's constructors are the system's.
        let library =
            unsafe { libc::dlopen(LIBRARY.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL | libc::RTLD_NODELETE) };
        if library.is_null() {
            let name = LIBRARY.to_string_lossy();
            return Err(Failure::permanent(format!(
                "GSSAPI: {name} cannot be loaded: install MIT Kerberos' libraries"
            )));
        }
        let find = |name: &CStr| {
            // SAFETY: a library that is loaded, and a name that ends with NUL.
            let found = unsafe { libc::dlsym(library, name.as_ptr()) };
            let missing = || Failure::permanent(format!("GSSAPI: {} lacks {name:?}", LIBRARY.to_string_lossy()));
            if found.is_null() { Err(missing()) } else { Ok(found) }
        };
        // SAFETY: the functions have these types in every GSSAPI library (RFC 2744).
        unsafe {
            Ok(Library {
                import_name: std::mem::transmute::<*mut c_void, ImportName>(find(c"gss_import_name")?),
                init_context: std::mem::transmute::<*mut c_void, InitContext>(find(c"gss_init_sec_context")?),
                unwrap: std::mem::transmute::<*mut c_void, Unwrap>(find(c"gss_unwrap")?),
                wrap: std::mem::transmute::<*mut c_void, Wrap>(find(c"gss_wrap")?),
                release_buffer: std::mem::transmute::<*mut c_void, ReleaseBuffer>(find(c"gss_release_buffer")?),
                release_name: std::mem::transmute::<*mut c_void, ReleaseName>(find(c"gss_release_name")?),
                delete_context: std::mem::transmute::<*mut c_void, DeleteContext>(find(c"gss_delete_sec_context")?),
                display_status: std::mem::transmute::<*mut c_void, DisplayStatus>(find(c"gss_display_status")?),
            })
        }
    }

    /// Returns the content of a buffer of the library, and frees the buffer.
    fn take(&self, mut buffer: Buffer) -> Vec<u8> {
        let mut minor = 0;
        // SAFETY: the library has filled the buffer, and it is used no more.
        unsafe {
            let bytes = if buffer.value.is_null() {
                Vec::new()
            } else {
                std::slice::from_raw_parts(buffer.value.cast::<u8>(), buffer.length).to_vec()
            };
            (self.release_buffer)(&raw mut minor, &raw mut buffer);
            bytes
        }
    }

    /// The text for a status.
    fn words(&self, status: Status, kind: c_int) -> String {
        let (mut minor, mut more) = (0, 0);
        let mut parts = Vec::new();
        loop {
            let mut text = EMPTY;
            // SAFETY: out parameters that live through the call.
            let rc = unsafe {
                (self.display_status)(&raw mut minor, status, kind, &raw const KERBEROS, &raw mut more, &raw mut text)
            };
            if rc & ERROR != 0 {
                break;
            }
            parts.push(String::from_utf8_lossy(&self.take(text)).replace(char::is_control, " "));
            // A text with more parts is not a message.
            if more == 0 || parts.len() == 4 {
                break;
            }
        }
        parts.join(", ")
    }

    /// The failure for a status. A failure of Kerberos may be temporary: a ticket is renewed, a KDC comes back.
    fn failure(&self, what: &str, status: Status, minor: Status) -> Failure {
        let (general, special) = (self.words(status & ERROR, GSS_CODE), self.words(minor, MECH_CODE));
        let advice = kerberos_advice(&special);
        Failure::temporary(format!("GSSAPI: {what}: {general}: {special}{advice}"))
    }
}

const EMPTY: Buffer = Buffer { length: 0, value: null_mut() };

fn buffer(bytes: &[u8]) -> Buffer {
    // The library only reads its input.
    Buffer { length: bytes.len(), value: bytes.as_ptr().cast_mut().cast() }
}

/// Where an exchange is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The security context is being made.
    Context,
    /// The server is to offer its security layers.
    Layers,
    /// The client side is complete; the server sends the last message.
    Complete,
}

/// One exchange.
pub(crate) struct Gssapi {
    library: Library,
    name: *mut c_void,
    context: *mut c_void,
    identity: String,
    stage: Stage,
}

// SAFETY: a context of GSSAPI may be used by any thread, one at a time, and one that is owned is.
unsafe impl Send for Gssapi {}

impl Gssapi {
    /// An exchange with the service at `host`. `identity` is the authorization identity, empty for the one that is
    /// authenticated.
    pub(crate) fn new(service: &str, host: &str, identity: &str) -> Result<Gssapi, Failure> {
        let library = Library::load()?;
        let text = format!("{service}@{host}");
        let (mut minor, mut name, mut given) = (0, null_mut(), buffer(text.as_bytes()));
        // SAFETY: in and out parameters that live through the call.
        let status = unsafe {
            (library.import_name)(&raw mut minor, &raw mut given, &raw const HOSTBASED_SERVICE, &raw mut name)
        };
        if status & ERROR != 0 {
            return Err(library.failure(&format!("the name {text}"), status, minor));
        }
        Ok(Gssapi { library, name, context: null_mut(), identity: identity.to_owned(), stage: Stage::Context })
    }

    /// Whether the client side is complete.
    pub(crate) fn is_complete(&self) -> bool {
        self.stage == Stage::Complete
    }

    /// The next token after the server's `token`; the first call has none.
    pub(crate) fn advance(&mut self, token: Option<&[u8]>) -> Result<Step, Failure> {
        match self.stage {
            Stage::Context => self.advance_context(token),
            Stage::Layers => self.choose_layer(token.unwrap_or_default()),
            Stage::Complete => Ok(Step::Done),
        }
    }

    fn advance_context(&mut self, token: Option<&[u8]>) -> Result<Step, Failure> {
        let mut given = token.map_or(EMPTY, buffer);
        let (mut minor, mut flags, mut out) = (0, 0, EMPTY);
        // SAFETY: in and out parameters that live through the call; the context is null or of the call before.
        let status = unsafe {
            (self.library.init_context)(
                &raw mut minor,
                null_mut(),
                &raw mut self.context,
                self.name,
                &raw const KERBEROS,
                MUTUAL | SEQUENCE | INTEGRITY,
                0,
                null_mut(),
                &raw mut given,
                null_mut(),
                &raw mut out,
                &raw mut flags,
                null_mut(),
            )
        };
        let reply = self.library.take(out);
        if status & ERROR != 0 {
            return Err(self.library.failure("no security context", status, minor));
        }
        if status & CONTINUE_NEEDED == 0 {
            if flags & MUTUAL == 0 {
                return Err(Failure::permanent("GSSAPI: the server has not proved who it is"));
            }
            self.stage = Stage::Layers;
        }
        Ok(Step::Send(reply))
    }

    fn choose_layer(&mut self, token: &[u8]) -> Result<Step, Failure> {
        let (mut minor, mut out) = (0, EMPTY);
        let mut given = buffer(token);
        // SAFETY: in and out parameters that live through the call; the context is complete.
        let status = unsafe {
            (self.library.unwrap)(&raw mut minor, self.context, &raw mut given, &raw mut out, null_mut(), null_mut())
        };
        let offer = self.library.take(out);
        if status & ERROR != 0 {
            return Err(self.library.failure("the server's offer of security layers", status, minor));
        }
        let reply = security_layer_reply(&offer, &self.identity)?;
        let (mut given, mut out) = (buffer(&reply), EMPTY);
        // SAFETY: as above.
        let status = unsafe {
            (self.library.wrap)(&raw mut minor, self.context, 0, 0, &raw mut given, null_mut(), &raw mut out)
        };
        let wrapped = self.library.take(out);
        if status & ERROR != 0 {
            return Err(self.library.failure("the answer to the server's offer", status, minor));
        }
        self.stage = Stage::Complete;
        Ok(Step::Send(wrapped))
    }
}

impl Drop for Gssapi {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: both are null or the library's, and are used no more.
        unsafe {
            (self.library.delete_context)(&raw mut minor, &raw mut self.context, null_mut());
            (self.library.release_name)(&raw mut minor, &raw mut self.name);
        }
    }
}
