//! The start of a handle.
#![allow(non_snake_case, reason = "the names are the C interface's")]
use super::callbacks::{CallCompletion, Watch, ignore_event};
use super::callout;
use super::convert::text;
use super::deadlines_api;
use super::deliveries::dispatch;
use super::entry::{Zk, enter_call, guard, set_errno};
use super::types::{clientid_t, log_callback_fn, watcher_fn, zhandle_t};
use crate::handle::{self, Handle, Threads};
use crate::io::driver::{Driver, WAKE};
use crate::io::resolver;
use crate::io::sasl::Sasl;
use crate::io::security::Security;
use crate::observe::logging::{Sink, with_sink};
use crate::observe::stats;
use crate::sys::cyrus::Params;
use crate::sys::env::{self, Variables};
use crate::sys::environment::log_environment;
use crate::sys::inside::{self, InsideGuard};
use crate::sys::net::{Poll, Waker, socket};
use crate::sys::sync::thread;
use crate::sys::{inherited, own_thread, process};
use libc::{c_char, c_int, c_void};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use zk_core::backoff;
use zk_core::limits;
use zk_core::servers::{Hosts, parse};
use zk_core::session::{ClientId, Config, Session};
use zk_secure::{SettingsError, sasl, tls};

/// `ZOO_READONLY`: the session may use a read-only server.
const READ_ONLY: c_int = 1;
/// `ZOO_NO_LOG_CLIENTENV`: the log lines about the environment are left out.
const NO_ENVIRONMENT: c_int = 2;
/// The environment variable that bounds a frame from the server, in bytes.
// divergence: A reply above 64 MiB costs the connection, and the log line names ZOO_JUTE_MAXBUFFER, which sets the limit; stock takes any length.
const MAX_FRAME: &str = "ZOO_JUTE_MAXBUFFER";

/// The length of a server's answer to a connect request, in bytes. A smaller `ZOO_JUTE_MAXBUFFER` is ignored, because
/// no session could be made with it.
const HANDSHAKE_LEN: usize = 37;

/// Whether handles made from now on keep the order of their server list.
static KEEP_ORDER: AtomicBool = AtomicBool::new(false);

/// Whether this is the single-threaded library.
static WITHOUT_THREADS: AtomicBool = AtomicBool::new(false);

/// Makes this copy of the code the single-threaded library, whose handles have no threads. Called when
/// `libzookeeper_st` is loaded.
#[doc(hidden)]
pub fn do_without_threads() {
    WITHOUT_THREADS.store(true, Ordering::Relaxed);
    // A forked child may continue to use such a handle.
    inherited::keep();
    callout::let_exceptions_pass();
}

/// Whether the library may make threads.
fn has_threads() -> bool {
    !WITHOUT_THREADS.load(Ordering::Relaxed)
}

/// Makes handles created from now on try their servers in the order given (`yesOrNo` not 0) or in a random one.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn zoo_deterministic_conn_order(yesOrNo: c_int) {
    KEEP_ORDER.store(yesOrNo != 0, Ordering::Relaxed);
}

/// The reason why there is no handle, as an errno value.
type Errno = c_int;

/// The arguments of `zookeeper_init` and its variants.
pub(super) struct InitArgs {
    pub(super) host: *const c_char,
    pub(super) watcher: watcher_fn,
    pub(super) recv_timeout: c_int,
    pub(super) clientid: *const clientid_t,
    pub(super) context: *mut c_void,
    pub(super) flags: c_int,
    pub(super) log_callback: log_callback_fn,
    /// The certificate string of `zookeeper_init_ssl`; `None` for the other functions, which use TLS if the environment
    /// asks for it.
    pub(super) cert: Option<*const c_char>,
    /// The parameters of `zookeeper_init_sasl`; `None` for the other functions, which use SASL if the environment asks
    /// for it.
    pub(super) sasl: Option<Params>,
}

/// Whether this is a signal handler that has interrupted the library at work; sets errno then.
pub(super) fn is_reentered() -> bool {
    // divergence: zookeeper_init in a signal handler that has interrupted the library at work returns null with errno EDEADLK; stock may hang.
    let is_busy = inside::is_busy();
    if is_busy {
        set_errno(libc::EDEADLK);
    }
    is_busy
}

pub(super) unsafe fn init(args: InitArgs) -> *mut zhandle_t {
    if is_reentered() {
        return null_mut();
    }
    // SAFETY: the contract of `super`.
    match enter_call(|| unsafe { make(args) }) {
        Ok(handle) => Arc::into_raw(handle).cast_mut().cast(),
        Err(errno) => {
            set_errno(errno);
            null_mut()
        }
    }
}

/// Not inlined: the arguments would stay in the frame of [`init`] too.
///
/// # Safety
/// The contract of [`super`].
#[inline(never)]
unsafe fn make(args: InitArgs) -> Result<Arc<Zk>, Errno> {
    let _inside = InsideGuard::new();
    guard(Err(libc::EIO), || {
        let sink = Arc::new(Sink::new(args.log_callback));
        with_sink(&Arc::clone(&sink), || {
            env::load();
            // SAFETY: the contract of `super`.
            unsafe { open(args, sink) }
        })
    })
}

/// Not inlined: the frames of the entry must not add to this one, because threads with 16 KiB of stack call it.
///
/// # Safety
/// The contract of [`super`].
#[inline(never)]
unsafe fn open(args: InitArgs, sink: Arc<Sink>) -> Result<Arc<Zk>, Errno> {
    let flags = args.flags;
    // SAFETY: the caller's promise.
    let start_with = unsafe { prepare(args)? };
    let (handle, poll) = make_handle(start_with, flags, sink)?;
    start(&handle, poll)?;
    Ok(handle)
}

/// What a new handle is made from.
struct Start {
    config: Config,
    addresses: Vec<SocketAddr>,
    default: Watch,
    security: Option<Box<Security>>,
    variables: Variables,
}

/// Checks the arguments, reads the settings and resolves the names. Not inlined, because its frame is large too.
///
/// # Safety
/// The contract of [`super`].
#[inline(never)]
unsafe fn prepare(args: InitArgs) -> Result<Start, Errno> {
    // SAFETY: the contract of `super`.
    let (hosts, given) = unsafe { (text(args.host), args.clientid.as_ref()) };
    if args.flags & NO_ENVIRONMENT == 0 {
        log_environment();
    }
    let client_id = given.map(|given| ClientId { id: given.client_id, password: given.passwd.map(unsigned) });
    let shown = hosts.map_or("(null)".into(), String::from_utf8_lossy).into_owned();
    let hosts = hosts.unwrap_or_default();
    log::info!(
        target: "zookeeper_init_internal",
        "Initiating client connection, host={shown} sessionTimeout={} watcher={} sessionId={} \
         sessionPasswd={} context={} flags={}",
        args.recv_timeout,
        args.watcher.map_or("(nil)".to_owned(), |function| format!("{:#x}", function as usize)),
        alternate_hex(client_id.unwrap_or_default().id),
        if client_id.is_some_and(|given| given.password != [0; 16]) { "<hidden>" } else { "<null>" },
        if args.context.is_null() { "(nil)".to_owned() } else { format!("{:p}", args.context) },
        args.flags
    );
    // divergence: A host string of nothing but commas is refused with errno EINVAL; stock returns null and leaves errno alone. So is one without a server before its first slash; stock makes a handle of it that fills the log and the processor.
    let list = parse(hosts).map_err(|error| {
        log::error!(target: "resolve_hosts", "{error} (host string [{shown}])");
        libc::EINVAL
    })?;
    for skipped in &list.skipped {
        log::error!(target: "resolve_hosts", "invalid port in {skipped}, which is left out (host string [{shown}])");
    }
    super::servers_api::warn_of_omitted(&shown, &list);
    let variables = Variables::now();
    // SAFETY: the contract of `super`.
    let security = unsafe { security(args.cert, args.sasl, &variables)? };
    let resolve = if has_threads() { resolver::resolve } else { resolver::resolve_on_this_thread };
    let resolved = resolve(&list.hosts).map_err(|failure| {
        log::error!(target: "zookeeper_init_internal", "no host of [{shown}] can be resolved: {}", failure.text);
        failure.errno
    })?;
    let (backoff, warnings) = backoff::Config::from_lookup(|name| variables.get(name));
    env::log_warnings(warnings);
    let now = Instant::now();
    let memory = if backoff.memory { handle::recall(&list.hosts, now) } else { None };
    let config = Config {
        // divergence: Session timeouts of 0 and 1 ms and above 1.2e9 ms connect, since the server grants what it can; stock never connects with them.
        timeout: args.recv_timeout,
        client_id: client_id.unwrap_or_default(),
        read_only: args.flags & READ_ONLY != 0,
        chroot: list.chroot,
        hosts: Hosts::new(shown, list.hosts),
        tls: security.as_ref().is_some_and(|security| security.has_tls()),
        sasl: security.as_ref().is_some_and(|security| security.sasl().is_some()),
        resolution_interval: Some(super::servers_api::RESOLUTION_INTERVAL),
        shuffle: !KEEP_ORDER.load(Ordering::Relaxed),
        memory,
        first_xid: first_xid(),
        // divergence: All random choices come from a generator of the handle; stock seeds the process's random() and drand48()
        // again and again, which changes what the application gets from them.
        seed: backoff.seed.unwrap_or_else(process::fresh_seed),
        backoff,
    };
    let default = Watch::new(args.watcher.or(Some(ignore_event)), args.context).ok_or(libc::EINVAL)?;
    if let Some(security) = &security {
        security.learn(&resolved);
    }
    Ok(Start { config, addresses: resolved.addresses(), default, security, variables })
}

/// What secured connections need; `None` where neither the certificate string nor the environment asks for TLS or SASL.
///
/// # Safety
/// The contract of [`super`].
unsafe fn security(
    cert: Option<*const c_char>,
    sasl: Option<Params>,
    variables: &Variables,
) -> Result<Option<Box<Security>>, Errno> {
    let lookup = |name: &str| variables.get_os(name);
    let settings = match cert {
        // SAFETY: the contract of `super`.
        Some(cert) => tls::Settings::from_cert_string(unsafe { text(cert) }, &lookup).map(Some),
        None => tls::Settings::from_environment(&lookup),
    };
    let refused = |error: SettingsError| {
        log::error!("{error}");
        error.errno()
    };
    let settings = settings.map_err(refused)?;
    let sasl = match sasl {
        Some(params) => Some(Sasl::Application(params)),
        None => sasl::Settings::from_environment(&lookup).map_err(refused)?.map(Sasl::Environment),
    };
    if settings.is_none() && variables.get_os("ZOO_TLS").is_none() {
        warn_unused(variables, "ZOO_TLS_", "ZOO_TLS_CA", "not encrypted");
    }
    if sasl.is_none() {
        warn_unused(variables, "ZOO_SASL_", "ZOO_SASL_MECHANISM", "not authenticated");
    }
    if settings.is_none() && sasl.is_none() {
        return Ok(None);
    }
    let context = settings.map(tls::Context::new).transpose().map_err(refused)?;
    let security = Security::new(context, sasl);
    security.log_notices();
    Ok(Some(Box::new(security)))
}

/// Warns of settings for a capability that only `switch` turns on. If `switch` is forgotten or misspelt, the program
/// would otherwise connect without the capability and without a word.
fn warn_unused(variables: &Variables, prefix: &str, switch: &str, consequence: &str) {
    if let Some(name) = variables.any_name(prefix) {
        log::warn!("{name} is set, but {switch} is not: connections are {consequence}");
    }
}

/// A number as C's `%#llx` prints it.
pub(super) fn alternate_hex(value: i64) -> String {
    if value == 0 { "0".to_owned() } else { format!("{value:#x}") }
}

/// A C `char` as a byte: `char` is signed on x86 and unsigned on ARM.
fn unsigned(byte: c_char) -> u8 {
    let [byte] = byte.to_ne_bytes();
    byte
}

/// Request ids start at the time, so that traces of several runs can be told apart.
fn first_xid() -> i32 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i32::try_from(seconds % (1 << 30)).unwrap_or(0)
}

fn max_frame(variables: &Variables) -> usize {
    variables.read(|reader| reader.number(MAX_FRAME, "bytes", HANDSHAKE_LEN..=usize::MAX)).unwrap_or(limits::FRAME)
}

/// Logs that `what` could not be made, and returns the errno.
fn shortage(what: &str, error: &std::io::Error) -> Errno {
    log::error!("cannot make {what}: {error}");
    error.raw_os_error().unwrap_or(libc::EAGAIN)
}

/// Makes the handle and its poll loop. Not inlined: the session is large, so its frame should be gone before anything
/// else is called.
#[inline(never)]
fn make_handle(start_with: Start, flags: c_int, sink: Arc<Sink>) -> Result<(Arc<Zk>, Poll), Errno> {
    let poll = socket::new_poll().map_err(|error| shortage("a poll descriptor", &error))?;
    let waker = if has_threads() {
        Some(Waker::new(poll.registry(), WAKE).map_err(|error| shortage("a wake descriptor", &error))?)
    } else {
        None
    };
    let Start { config, addresses, default, security, variables } = start_with;
    let own_watch = Arc::new(default.to_own());
    let mut session = make_session(config, &addresses, Watch::standing_for(&own_watch), flags, &variables);
    if let Some(sasl) = security.as_ref().and_then(|security| security.sasl()) {
        session.describe_sasl(sasl.description());
    }
    Ok((Arc::new(Handle::new(session, own_watch, waker, max_frame(&variables), sink, security)), poll))
}

/// Not inlined, for the reason given at [`make_handle`].
#[inline(never)]
fn make_session(
    config: Config,
    addresses: &[SocketAddr],
    default: Watch,
    flags: c_int,
    variables: &Variables,
) -> Box<Session<CallCompletion, Watch>> {
    let mut session = Session::boxed(config, addresses, default, Instant::now());
    deadlines_api::set_deadlines(&mut session, flags, variables);
    session
}

/// Starts the two threads, unless the handle works without threads.
#[inline(never)]
fn start(handle: &Arc<Zk>, poll: Poll) -> Result<(), Errno> {
    if handle.is_pumped() {
        handle.set_driver(Driver::new(Arc::clone(handle), poll));
        stats::register_for_turns(handle);
        return Ok(());
    }
    let stack = process::stack_size();
    let spawn = |name: &str, body: Box<dyn FnOnce() + Send>| {
        let main = move || {
            own_thread::mark();
            body();
        };
        thread::Builder::new().name(name.to_owned()).stack_size(stack).spawn(main)
    };
    let callee = Arc::clone(handle);
    let dispatcher = spawn("zk-completion", Box::new(move || with_sink(&callee.sink, || dispatch(&callee))))
        .map_err(|error| shortage("the completion thread", &error))?;
    let driven = Arc::clone(handle);
    let driver = Driver::new(Arc::clone(handle), poll);
    let body = move || {
        with_sink(&driven.sink, || {
            callout::drive(&driven, || {
                if catch_unwind(AssertUnwindSafe(|| driver.run())).is_err() {
                    log::error!("internal error: the I/O thread panicked; the handle cannot be used any more");
                    driven.with(|session, _| session.abort());
                }
            });
        });
    };
    match spawn("zk-io", Box::new(body)) {
        Ok(driver) => handle.set_threads(Threads { driver, dispatcher }),
        Err(error) => {
            handle.with(|session, _| session.abort());
            // The completion thread has nothing left to do and ends.
            handle.queue.wait_for_end();
            let _ = dispatcher.join();
            return Err(shortage("the I/O thread", &error));
        }
    }
    stats::register(handle);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_with_which_there_is_no_session_is_not_used() {
        let limit = |text: &str| max_frame(&Variables::of(&format!("{MAX_FRAME}={text}\n")));
        for wrong in ["0", "36", "-1", "many", ""] {
            assert_eq!(limit(wrong), limits::FRAME, "{wrong}");
        }
        assert_eq!((limit("37"), limit("1048576")), (37, 1 << 20));
    }
}
