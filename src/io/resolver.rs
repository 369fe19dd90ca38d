//! Host names to addresses. Owns the calls that may block for a long time: they run on a thread of their own, or in the
//! calls of an application without threads, never on an I/O thread. Numeric addresses never reach the system's
//! resolver, and need no thread.
use crate::handle::{Completion, Handle};
use crate::io::errand::{self, Errand};
use crate::sys::names;
use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};
use std::net::SocketAddr;
use std::sync::Arc;
use zk_core::servers::{HostPort, Lookup};
use zk_core::session::{Input, Watcher};

/// Why no address was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The errno for the caller: `ENOENT` for an unknown name, `ENOMEM`, else `EINVAL`.
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

/// The system's answer for a list of names.
struct Answer {
    resolved: Resolved,
    /// The hosts that cannot be resolved.
    failures: Vec<(String, Failure)>,
}

impl Answer {
    /// Logs each failure. Fails only when no host could be resolved.
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

/// The addresses of all hosts, in order. Hosts that cannot be resolved are logged and skipped; fails only when none can
/// be resolved. Blocks as long as the system's resolver does; the caller holds no lock.
// divergence: zookeeper_init and zoo_set_servers of the multi-threaded library look names up on a thread of their own, so that a signal handler may call the library meanwhile or leave by siglongjmp; what the calling thread has changed in its `_res` has no effect. Stock looks them up on the calling thread.
pub(crate) fn resolve(servers: &[HostPort]) -> Result<Resolved, Failure> {
    if servers.iter().all(|server| server.numeric().is_some()) {
        return resolve_on_this_thread(servers);
    }
    let names = servers.to_vec();
    match errand::run_apart(Errand::Lookup, move || ask(&names)) {
        Ok(answer) => answer.report(),
        Err(_) => resolve_on_this_thread(servers),
    }
}

/// [`resolve`] for a process that has no other thread, or cannot make one. The thread is at work in the library all the
/// time, because a signal handler may interrupt the C library's `malloc` or one of its locks.
pub(crate) fn resolve_on_this_thread(servers: &[HostPort]) -> Result<Resolved, Failure> {
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

/// Resolves a handle's names on a thread of its own, which ends with the answer. [`errand::wait_for_end`] has to follow when
/// the handle is closed.
pub(crate) fn resolve_again<C: Completion, W: Watcher + Send + 'static>(handle: &Arc<Handle<C, W>>, lookup: Lookup) {
    let Lookup { generation, names } = lookup;
    let weak = Arc::downgrade(handle);
    let started = errand::start(handle, Errand::Lookup, move |permit| {
        let answer = ask(&names);
        permit.run(|| {
            let result = answer.report();
            if let Some(handle) = weak.upgrade() {
                feed_answer(&handle, generation, result);
            }
        });
    });
    if let Err(error) = started {
        handle.feed(Input::ResolutionFailed { generation, error: format!("no thread: {error}") });
    }
}

/// [`resolve_again`] on the calling thread, which waits for the system's resolver.
pub(crate) fn resolve_here<C: Completion, W: Watcher + Send + 'static>(handle: &Handle<C, W>, lookup: Lookup) {
    let Lookup { generation, names } = lookup;
    feed_answer(handle, generation, resolve_on_this_thread(&names));
}

fn feed_answer<C: Completion, W: Watcher + Send + 'static>(
    handle: &Handle<C, W>,
    generation: u64,
    result: Result<Resolved, Failure>,
) {
    handle.feed(match result {
        Ok(resolved) => {
            handle.learn(&resolved);
            Input::Resolved { generation, addresses: resolved.addresses() }
        }
        Err(failure) => Input::ResolutionFailed { generation, error: failure.text },
    });
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
