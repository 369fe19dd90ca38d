//! The security data of a handle: the TLS context with its certificates and tickets, and the names that the application
//! uses for each address, because a certificate is for a name.
use crate::io::resolver::Resolved;
use crate::io::sasl::Sasl;
use crate::sys::lock::Mutex;
use crate::sys::sync::atomic::{AtomicBool, Ordering};
use std::net::SocketAddr;
use zk_core::servers::HostPort;
use zk_secure::tls::{Connection, Context, Failure, Severity};

/// Limit of hosts whose addresses are known; a list has no more.
const HOSTS_MAX: usize = 4096;

/// See the module. A handle without TLS and SASL has none.
#[derive(Debug)]
pub(crate) struct Security {
    tls: Option<Context>,
    sasl: Option<Sasl>,
    names: Mutex<Names>,
    /// Whether SASL has succeeded on a connection of this handle.
    authenticated: AtomicBool,
}

/// The answers of the resolver, host by host.
#[derive(Debug, Default)]
struct Names(Vec<(HostPort, Vec<SocketAddr>)>);

impl Names {
    /// Stores a new answer about `host`.
    fn set(&mut self, host: HostPort, addresses: Vec<SocketAddr>) {
        self.0.retain(|(known, _)| *known != host);
        // The oldest entry is of a list that was replaced long ago.
        if self.0.len() >= HOSTS_MAX {
            self.0.remove(0);
        }
        self.0.push((host, addresses));
    }

    /// The names of an address that occur in the present list.
    fn of(&self, addr: SocketAddr, list: &[HostPort]) -> Vec<String> {
        let of_list = self.0.iter().filter(|(host, addresses)| addresses.contains(&addr) && list.contains(host));
        of_list.map(|(host, _)| host.host.clone()).collect()
    }
}

impl Security {
    pub(crate) fn new(tls: Option<Context>, sasl: Option<Sasl>) -> Security {
        Security { tls, sasl, names: Mutex::new(Names::default()), authenticated: AtomicBool::new(false) }
    }

    /// Whether connections are secured by TLS.
    pub(crate) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// How connections are authenticated; `None` if they are not.
    pub(crate) fn sasl(&self) -> Option<&Sasl> {
        self.sasl.as_ref()
    }

    /// Notes that SASL has succeeded: the credentials are good.
    pub(crate) fn note_authenticated(&self) {
        self.authenticated.store(true, Ordering::Relaxed);
    }

    /// Whether SASL has ever succeeded for this handle.
    pub(crate) fn has_authenticated(&self) -> bool {
        self.authenticated.load(Ordering::Relaxed)
    }

    /// Stores the addresses of the hosts of a list.
    pub(crate) fn learn(&self, resolved: &Resolved) {
        let mut names = self.names.lock();
        for (host, addresses) in resolved.hosts() {
            names.set(host.clone(), addresses.clone());
        }
    }

    /// The names in `list` that stand for the address.
    pub(crate) fn names(&self, addr: SocketAddr, list: &[HostPort]) -> Vec<String> {
        self.names.lock().of(addr, list)
    }

    /// TLS for a new connection; `None` for a plain one. Reads changed certificates again.
    #[inline(never)]
    pub(crate) fn connect(&self, addr: SocketAddr, list: &[HostPort]) -> Result<Option<Box<Connection>>, Failure> {
        let Some(context) = &self.tls else { return Ok(None) };
        context.refresh();
        let connection = context.connect(addr, &self.names(addr, list));
        self.log_notices();
        connection.map(|connection| Some(Box::new(connection)))
    }

    /// Logs the notices that have come up since the last call.
    pub(crate) fn log_notices(&self) {
        for (severity, text) in self.tls.iter().flat_map(Context::take_notices) {
            match severity {
                Severity::Warn => log::warn!("{text}"),
                Severity::Info => log::info!("{text}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> HostPort {
        HostPort { host: name.to_owned(), port: 2281 }
    }

    #[test]
    fn an_address_has_all_names_that_led_to_it_and_are_still_on_the_list() {
        let (first, second) = ("10.0.0.1:2281".parse().unwrap(), "10.0.0.2:2281".parse().unwrap());
        let security = Security::new(None, None);
        security.names.lock().set(host("zk1"), vec![first]);
        security.names.lock().set(host("zk"), vec![first, second]);
        let list = [host("zk1"), host("zk")];
        assert_eq!(security.names(first, &list), ["zk1", "zk"]);
        assert_eq!(security.names(second, &list), ["zk"]);
        // A newer answer replaces the previous one.
        security.names.lock().set(host("zk1"), vec![second]);
        assert_eq!(security.names(first, &list), ["zk"]);
        assert_eq!(security.names(second, &list[..1]), ["zk1"]);
        assert!(security.names(first, &list[..1]).is_empty());
    }
}
