//! `zookeeper_init` and its variants, each a signature over `lifecycle::init`; `zookeeper_init_sasl` is in `sasl_api`.
use super::lifecycle::{InitArgs, init};
use super::types::{clientid_t, log_callback_fn, watcher_fn, zhandle_t};
use libc::{c_char, c_int, c_void};

/// Makes a handle and starts to connect. `host` is `host:port[,host:port...][/chroot]`, `recv_timeout` the session
/// timeout to ask for in milliseconds. Returns null with errno `EINVAL` for a bad host string, that of the resolver
/// when no host can be resolved, `EAGAIN` or `EMFILE` when there are no threads or descriptors.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zookeeper_init(
    host: *const c_char,
    r#fn: watcher_fn,
    recv_timeout: c_int,
    clientid: *const clientid_t,
    context: *mut c_void,
    flags: c_int,
) -> *mut zhandle_t {
    // SAFETY: the contract of `super`.
    unsafe {
        init(InitArgs {
            host,
            watcher: r#fn,
            recv_timeout,
            clientid,
            context,
            flags,
            log_callback: None,
            cert: None,
            sasl: None,
        })
    }
}

/// `zookeeper_init` with a callback for the handle's log lines.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zookeeper_init2(
    host: *const c_char,
    r#fn: watcher_fn,
    recv_timeout: c_int,
    clientid: *const clientid_t,
    context: *mut c_void,
    flags: c_int,
    log_callback: log_callback_fn,
) -> *mut zhandle_t {
    // SAFETY: the contract of `super`.
    unsafe {
        init(InitArgs {
            host,
            watcher: r#fn,
            recv_timeout,
            clientid,
            context,
            flags,
            log_callback,
            cert: None,
            sasl: None,
        })
    }
}

/// `zookeeper_init2` over TLS. `cert` names files, divided by commas: the CA's certificates, the client's certificate
/// with its chain, its key, and finally the key's password. The CA alone suffices where servers ask for no certificate,
/// and one file may hold both certificate and key. The chain of a server's certificate is verified, and with
/// `ZOO_TLS_VERIFY=full` its name too. Returns null with errno `EINVAL`, or that of the file, when the files cannot be
/// used; a file that changes is read again when a connection is made.
// divergence: zookeeper_init_ssl, which Debian's build lacks, returns null for files that cannot be used, never hangs in a handshake, sends the server's name, and warns of a certificate for another; relative names of files are those of the working directory at the time of the call. Stock 3.9 makes a handle that spins, and looks in the present working directory.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zookeeper_init_ssl(
    host: *const c_char,
    cert: *const c_char,
    r#fn: watcher_fn,
    recv_timeout: c_int,
    clientid: *const clientid_t,
    context: *mut c_void,
    flags: c_int,
) -> *mut zhandle_t {
    let cert = Some(cert);
    // SAFETY: the contract of `super`.
    unsafe {
        init(InitArgs {
            host,
            watcher: r#fn,
            recv_timeout,
            clientid,
            context,
            flags,
            log_callback: None,
            cert,
            sasl: None,
        })
    }
}
