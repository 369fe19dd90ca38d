//! Host names to addresses. Owns the calls that may block for long, so nothing here runs on an I/O thread; numeric
//! addresses never reach the system's resolver.
use crate::handle::{Completion, Handle};
use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType, getaddrinfo};
use std::net::SocketAddr;
use std::sync::Arc;
use zk_core::servers::{HostPort, Lookup};
use zk_core::session::{Input, Watcher};

/// Why no address was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What a caller finds in errno: `ENOENT` for an unknown name, `ENOMEM`, else `EINVAL`.
    pub(crate) errno: i32,
    pub(crate) text: String,
}

/// The addresses of all hosts, in order. Hosts that cannot be resolved are logged and skipped; it fails only when none
/// can be.
pub(crate) fn resolve(servers: &[HostPort]) -> Result<Vec<SocketAddr>, Failure> {
    let mut addresses = Vec::new();
    let mut failure = Failure { errno: libc::EINVAL, text: "no host".to_owned() };
    for server in servers {
        match lookup(server) {
            Ok(found) => addresses.extend(found),
            Err(failed) => {
                log::error!("cannot resolve host {}: {}", server.host, failed.text);
                failure = failed;
            }
        }
    }
    if addresses.is_empty() { Err(failure) } else { Ok(addresses) }
}

fn lookup(server: &HostPort) -> Result<Vec<SocketAddr>, Failure> {
    if let Some(addr) = server.numeric() {
        return Ok(vec![addr]);
    }
    let hints = AddrInfoHints {
        flags: libc::AI_ADDRCONFIG,
        address: libc::AF_UNSPEC,
        socktype: SockType::Stream.into(),
        protocol: 0,
    };
    let failed = |error: dns_lookup::LookupError| Failure {
        errno: match error.kind() {
            LookupErrorKind::NoName | LookupErrorKind::NoData => libc::ENOENT,
            LookupErrorKind::Memory => libc::ENOMEM,
            _ => libc::EINVAL,
        },
        text: std::io::Error::from(error).to_string(),
    };
    let found = getaddrinfo(Some(&server.host), None, Some(hints)).map_err(failed)?;
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

/// Resolves a handle's names on a thread of its own, which ends with the answer. A handle that is closed meanwhile does
/// not wait for it.
pub(crate) fn resolve_again<C: Completion, W: Watcher + Send + 'static>(handle: &Arc<Handle<C, W>>, lookup: Lookup) {
    let Lookup { generation, names } = lookup;
    let weak = Arc::downgrade(handle);
    let body = move || {
        let result = resolve(&names);
        if let Some(handle) = weak.upgrade() {
            handle.feed(match result {
                Ok(addresses) => Input::Resolved { generation, addresses },
                Err(failure) => Input::ResolutionFailed { generation, error: failure.text },
            });
        }
    };
    if let Err(error) = std::thread::Builder::new().name("zk-resolver".to_owned()).spawn(body) {
        handle.feed(Input::ResolutionFailed { generation, error: format!("no thread: {error}") });
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
        let found = resolve(&[host("127.0.0.1", 1), host("::1", 2)]).unwrap();
        assert_eq!(found, ["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()]);
    }

    #[test]
    fn unknown_names_are_skipped_unless_there_is_nothing_else() {
        let unknown = host("no-such-host.invalid", 1);
        assert!(resolve(std::slice::from_ref(&unknown)).is_err());
        assert_eq!(resolve(&[unknown, host("127.0.0.1", 1)]).unwrap().len(), 1);
    }
}
