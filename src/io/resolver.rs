//! Host names to addresses. Owns the calls that may block for long, so nothing here runs on an I/O thread, and the threads
//! they run on; numeric addresses never reach the system's resolver.
use crate::handle::{Completion, Handle};
use crate::observe::logging::with_sink;
use crate::sys::names;
use crate::sys::own_thread::{self, OwnThread};
use crate::sys::process::PerProcess;
use crate::sys::sync::global::Mutex;
use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use zk_core::servers::{HostPort, Lookup};
use zk_core::session::{Input, Watcher};

/// How long a close waits for a lookup that is under way. Longer than one try of the C library's resolver lasts unless
/// resolv.conf says otherwise, which is 5 s.
// divergence: zookeeper_close waits at most 6 s for a name lookup that is under way, and says so in a WARN line when the
// lookup goes on; stock waits as long as the lookup takes.
const LOOKUP_WAIT_MAX: Duration = Duration::from_secs(6);

/// Why no address was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What a caller finds in errno: `ENOENT` for an unknown name, `ENOMEM`, else `EINVAL`.
    pub(crate) errno: i32,
    pub(crate) text: String,
}

/// The addresses of hosts, in the order of the list.
#[derive(Debug, Default)]
pub(crate) struct Resolved(Vec<(HostPort, Vec<SocketAddr>)>);

impl Resolved {
    /// Host by host.
    pub(crate) fn hosts(&self) -> &[(HostPort, Vec<SocketAddr>)] {
        &self.0
    }

    /// All of them.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.0.iter().flat_map(|(_, addresses)| addresses).copied().collect()
    }
}

/// What the system said to a list of names.
struct Answer {
    resolved: Resolved,
    /// The hosts that cannot be resolved.
    failures: Vec<(String, Failure)>,
}

impl Answer {
    /// Logs each failure. It fails only when no host can be resolved.
    fn report(self) -> Result<Resolved, Failure> {
        for (host, failure) in &self.failures {
            log::error!(target: "resolve_hosts", "getaddrinfo: {} (host {host})", failure.text);
        }
        if !self.resolved.0.is_empty() {
            return Ok(self.resolved);
        }
        let none = Failure { errno: libc::EINVAL, text: "no host".to_owned() };
        Err(self.failures.into_iter().next_back().map_or(none, |(_, failure)| failure))
    }
}

/// The addresses of all hosts, in order. Hosts that cannot be resolved are logged and skipped; it fails only when none
/// can be. Blocks as long as the system's resolver does.
pub(crate) fn resolve(servers: &[HostPort]) -> Result<Resolved, Failure> {
    ask(servers).report()
}

/// Asks for each name. Logs nothing.
fn ask(servers: &[HostPort]) -> Answer {
    let mut answer = Answer { resolved: Resolved::default(), failures: Vec::new() };
    for server in servers {
        match lookup(server) {
            Ok(found) if found.is_empty() => {}
            Ok(found) => answer.resolved.0.push((server.clone(), found)),
            Err(failure) => answer.failures.push((server.host.clone(), failure)),
        }
    }
    answer
}

fn lookup(server: &HostPort) -> Result<Vec<SocketAddr>, Failure> {
    if let Some(addr) = server.numeric() {
        return Ok(vec![addr]);
    }
    let query = |flags| {
        let socktype = SockType::Stream.into();
        let hints = AddrInfoHints { flags, address: libc::AF_UNSPEC, socktype, protocol: 0 };
        getaddrinfo(Some(&server.host), None, Some(hints))
    };
    let failed = |error: LookupError| Failure {
        errno: match error.kind() {
            LookupErrorKind::NoName | LookupErrorKind::NoData => libc::ENOENT,
            LookupErrorKind::Memory => libc::ENOMEM,
            _ => libc::EINVAL,
        },
        text: names::error_text(error.error_num()),
    };
    let found = query(libc::AI_ADDRCONFIG).map_err(failed)?;
    let mut addresses = Vec::new();
    for info in found {
        let info = info.map_err(|error| Failure { errno: libc::EINVAL, text: error.to_string() })?;
        let mut addr = info.sockaddr;
        addr.set_port(server.port);
        if !addresses.contains(&addr) {
            addresses.push(addr);
        }
    }
    Ok(addresses)
}

/// How far a lookup is. Decides whether its thread may still touch the handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// In the system's resolver.
    Asking,
    /// Logging and handing over the answer.
    Answering,
    /// The handle is closed: the answer is discarded.
    Abandoned,
}

/// A lookup whose thread has not been joined.
struct Running {
    /// The address of the handle, only ever compared.
    owner: usize,
    stage: Arc<Mutex<Stage>>,
    thread: OwnThread,
}

impl Running {
    /// Makes the thread discard the answer; `false` if it is handing it over already.
    fn abandon(&self) -> bool {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        if *stage == Stage::Answering {
            return false;
        }
        *stage = Stage::Abandoned;
        true
    }
}

/// The lookups of this process.
static RUNNING: PerProcess<Mutex<Vec<Running>>> = PerProcess::new();

fn owner_of<C, W>(handle: &Arc<Handle<C, W>>) -> usize {
    Arc::as_ptr(handle).addr()
}

/// Takes the lookups out that `wanted` picks.
fn take_running(wanted: impl Fn(&Running) -> bool) -> Vec<Running> {
    let mut running = RUNNING.get().lock().unwrap_or_else(PoisonError::into_inner);
    running.extract_if(.., |lookup| wanted(lookup)).collect()
}

/// Resolves a handle's names on a thread of its own, which ends with the answer. [`wait_for_end`] has to follow when the
/// handle is closed.
pub(crate) fn resolve_again<C: Completion, W: Watcher + Send + 'static>(handle: &Arc<Handle<C, W>>, lookup: Lookup) {
    for ended in take_running(|lookup| lookup.thread.has_ended()) {
        ended.thread.join();
    }
    let Lookup { generation, names } = lookup;
    let (weak, sink) = (Arc::downgrade(handle), Arc::clone(&handle.sink));
    let stage = Arc::new(Mutex::new(Stage::Asking));
    let own = Arc::clone(&stage);
    let body = move || {
        let answer = ask(&names);
        {
            let mut stage = own.lock().unwrap_or_else(PoisonError::into_inner);
            if *stage == Stage::Abandoned {
                return;
            }
            *stage = Stage::Answering;
        }
        with_sink(&sink, || {
            let result = answer.report();
            if let Some(handle) = weak.upgrade() {
                handle.feed(match result {
                    Ok(resolved) => {
                        handle.learn(&resolved);
                        Input::Resolved { generation, addresses: resolved.addresses() }
                    }
                    Err(failure) => Input::ResolutionFailed { generation, error: failure.text },
                });
            }
        });
    };
    let mut running = RUNNING.get().lock().unwrap_or_else(PoisonError::into_inner);
    match OwnThread::spawn("zk-resolver", body) {
        Ok(thread) => running.push(Running { owner: owner_of(handle), stage, thread }),
        Err(error) => {
            drop(running);
            handle.feed(Input::ResolutionFailed { generation, error: format!("no thread: {error}") });
        }
    }
}

/// Waits for the lookups of a handle that is being closed, so that no thread of them is left, nor a call to the handle's
/// log callback, when it returns. A lookup that lasts longer than [`LOOKUP_WAIT_MAX`] goes on without the handle. On a
/// thread of the library, where a close returns at once, nothing is waited for.
pub(crate) fn wait_for_end<C, W>(handle: &Arc<Handle<C, W>>) {
    let owner = owner_of(handle);
    let mine = take_running(|lookup| lookup.owner == owner);
    let deadline = Instant::now() + if own_thread::is_own() { Duration::ZERO } else { LOOKUP_WAIT_MAX };
    for lookup in mine {
        if !lookup.thread.wait_until(deadline) && lookup.abandon() {
            if !own_thread::is_own() {
                log::warn!(
                    target: "zookeeper_close",
                    "a name lookup is under way for more than {} s: its thread goes on without the handle",
                    LOOKUP_WAIT_MAX.as_secs()
                );
            }
        } else if !own_thread::is_own() {
            // On a thread of the library this could be a log callback on the very thread.
            lookup.thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(host: &str, port: u16) -> HostPort {
        HostPort { host: host.to_owned(), port }
    }

    #[test]
    fn numeric_hosts_need_no_resolver() {
        let found = resolve(&[host("127.0.0.1", 1), host("::1", 2)]).unwrap().addresses();
        assert_eq!(found, ["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()]);
    }

    #[test]
    fn unknown_names_are_skipped_unless_there_is_nothing_else() {
        let unknown = host("no-such-host.invalid", 1);
        let failure = resolve(std::slice::from_ref(&unknown)).unwrap_err();
        assert!(!failure.text.contains("lookup"), "the system's words alone: {}", failure.text);
        assert_eq!(resolve(&[unknown, host("127.0.0.1", 1)]).unwrap().addresses().len(), 1);
    }
}
