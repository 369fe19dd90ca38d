//! The server list: changing it, asking for it.
use super::callbacks::{CallCompletion, Watch};
use super::entry::{Zk, call, set_errno, with_handle, with_unlocked};
use super::types::zhandle_t;
use crate::io::resolver;
use libc::{c_char, c_int, sockaddr, socklen_t};
use std::cell::Cell;
use std::io::Write;
use std::ptr::null_mut;
use std::time::Duration;
use zk_core::code::Code;
use zk_core::servers::{HostString, Hosts, parse_servers};
use zk_core::session::{Input, Session, State};

/// How often names are resolved on a healthy session unless the application says otherwise.
// divergence: Names are resolved again at most once a minute while connected; stock does it on every pass of its loop.
pub(super) const RESOLUTION_INTERVAL: Duration = Duration::from_secs(60);

/// Room for an IPv6 address with a zone and a port, and a NUL: 59 bytes at most.
const SERVER_MAX: usize = 64;

thread_local! {
    /// The text that `zoo_get_current_server` returned last on this thread. It has no destructor, so that it works in
    /// exit handlers too.
    static CURRENT: Cell<[u8; SERVER_MAX]> = const { Cell::new([0; SERVER_MAX]) };
}

/// Replaces the server list. The client moves to another server if its own is not in the list, or, when the list has
/// grown, with the probability that balances the load. On an error the old list stays: `ZBADARGUMENTS` with errno
/// `EINVAL` for a list that cannot be parsed, `ZSYSTEMERROR` with errno `ENOENT` when no name can be resolved.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_set_servers(zh: *mut zhandle_t, hosts: *const c_char) -> c_int {
    let mut errno = None;
    // SAFETY: the contract of `super`.
    let rc = unsafe {
        call(zh, |handle| {
            // A null pointer counts as an empty list.
            let bytes = super::convert::text(hosts).unwrap_or_default();
            let hosts = String::from_utf8_lossy(bytes).into_owned();
            // divergence: zoo_set_servers refuses an empty list, and keeps the old list whatever it refuses; on stock the handle is unusable afterwards.
            let list = parse_servers(bytes).map_err(|error| {
                log::error!(target: "resolve_hosts", "{error} (server list [{hosts}])");
                errno = Some(libc::EINVAL);
                Code::BadArguments
            })?;
            if list.hosts.is_empty() {
                log::error!(target: "zoo_set_servers", "New server list cannot be empty");
                errno = Some(libc::EINVAL);
                return Err(Code::BadArguments);
            }
            warn_of_omitted(&hosts, &list);
            let resolve = if handle.is_pumped() { resolver::resolve_on_this_thread } else { resolver::resolve };
            let resolved = resolve(&list.hosts).map_err(|failure| {
                log::error!(target: "zoo_set_servers", "no host of [{hosts}] can be resolved: {}", failure.text);
                errno = Some(failure.errno);
                Code::SystemError
            })?;
            handle.learn(&resolved);
            let addresses = resolved.addresses();
            handle.feed(Input::SetServers { hosts: Hosts::new(hosts, list.hosts), addresses });
            Ok(())
        })
    };
    if let Some(errno) = errno {
        set_errno(errno);
    }
    rc
}

/// Warns that the list is longer than this library uses.
pub(super) fn warn_of_omitted(hosts: &str, list: &HostString) {
    if list.omitted > 0 {
        log::warn!(target: "resolve_hosts", "host string [{hosts}]: the last {} servers are left out, there are too many", list.omitted);
    }
}

/// Sets how often names are resolved while connected, in milliseconds: 0 for the default of one minute, -1 for never. A
/// delay below one second counts as one second.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_set_servers_resolution_delay(zh: *mut zhandle_t, delay_ms: c_int) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |handle| {
            let interval = match u64::try_from(delay_ms) {
                Ok(0) => Some(RESOLUTION_INTERVAL),
                Ok(delay) => Some(Duration::from_millis(delay)),
                Err(_) if delay_ms == -1 => None,
                Err(_) => {
                    log::error!(target: "zoo_set_servers_resolution_delay", "Resolution delay cannot be {delay_ms}");
                    return Err(Code::BadArguments);
                }
            };
            handle.with(|session, now| session.set_resolution_interval(now, interval));
            Ok(())
        })
    }
}

/// Makes the next attempt go to the next server of the list.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_cycle_next_server(zh: *mut zhandle_t) {
    // SAFETY: the contract of `super`.
    let _ = unsafe {
        call(zh, |handle| {
            handle.with(zk_core::session::Session::cycle_server);
            Ok(())
        })
    };
}

/// The server of the current or the last attempt as `address:port`; `:0` before the first attempt. The text is valid
/// until the thread's next call of this function; null for a null handle, in a signal handler that has interrupted a call,
/// and in a forked child if a thread of the parent held the handle's lock.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_get_current_server(zh: *mut zhandle_t) -> *const c_char {
    // SAFETY: the contract of `super`.
    let server = unsafe { peek(zh, Session::current_server) };
    let Some(server) = server else { return null_mut() };
    let mut bytes = [0; SERVER_MAX];
    // The last byte is the NUL. In a forked child nothing is allocated.
    let mut room: &mut [u8] = bytes.get_mut(..SERVER_MAX - 1).unwrap_or_default();
    let _ = match server {
        Some(server) => write!(room, "{server}"),
        None => write!(room, ":0"),
    };
    CURRENT.set(bytes);
    CURRENT.with(Cell::as_ptr).cast()
}

/// Reads from the session, in a forked child too if no thread of the parent held the handle's lock. `body` allocates nothing.
///
/// # Safety
/// The contract of [`super`].
unsafe fn peek<R>(zh: *const zhandle_t, body: impl FnOnce(&Session<CallCompletion, Watch>) -> R) -> Option<R> {
    // SAFETY: the caller's promise.
    unsafe {
        if with_unlocked(zh, Zk::is_orphaned).ok()? {
            return with_unlocked(zh, |handle| handle.peek_in_child(body)).ok()?;
        }
        with_handle(zh, |handle| Ok(handle.peek(body))).ok()
    }
}

/// Writes the address of the connected server to `addr` and its length to `addr_len`, which holds the room first.
/// Returns `addr`, or null when there is no session with a read-write server.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zookeeper_get_connected_host(
    zh: *mut zhandle_t,
    addr: *mut sockaddr,
    addr_len: *mut socklen_t,
) -> *mut sockaddr {
    let connected = |session: &Session<_, _>| {
        if session.state() == State::Connected { session.server() } else { None }
    };
    // SAFETY: the contract of `super`; `addr` has `*addr_len` bytes.
    unsafe {
        let Some(Some(server)) = peek(zh, connected) else { return null_mut() };
        if addr.is_null() || addr_len.is_null() {
            return null_mut();
        }
        let found = socket2::SockAddr::from(server);
        // Like getpeername: as much is written as fits, and the length is that of the whole address.
        let len = addr_len.read().min(found.len());
        addr.cast::<u8>().copy_from_nonoverlapping(found.as_ptr().cast(), len as usize);
        addr_len.write(found.len());
    }
    addr
}
