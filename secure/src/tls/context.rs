//! The TLS data of a handle for all of its connections: settings, certificates, and one configuration with its tickets
//! for each server. Reads files, so it can block on a slow file system.
use super::client_auth::ClientCertificate;
use super::connection::Connection;
use super::credentials::{self, Credentials};
use super::failure::{Failure, FailureKind};
use super::names;
use super::settings::{MinVersion, Settings, Verify};
use super::verifier::Verifier;
use crate::SettingsError;
use crate::files::Stamp;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Limit of servers whose tickets are kept; an ensemble has a few.
const SERVERS_MAX: usize = 64;
/// How many sessions are kept for each server.
const SESSIONS_MAX: usize = 4;
/// Limit of lines that wait to be logged.
const NOTICES_MAX: usize = 32;

/// The severity of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something works, but perhaps not as the operator expects.
    Warn,
    /// Something changed.
    Info,
}

/// Lines for the log, collected where they arise and fetched by the shell, which knows the handle's sink.
#[derive(Debug, Default)]
pub(super) struct Notices {
    lines: Mutex<Vec<(Severity, String)>>,
    has_warned_of_name: AtomicBool,
}

impl Notices {
    fn push(&self, severity: Severity, text: String) {
        let mut lines = lock(&self.lines);
        if lines.len() < NOTICES_MAX {
            lines.push((severity, text));
        }
    }

    /// Warns of a name mismatch, once per handle.
    pub(super) fn name_mismatch(&self, text: &str) {
        if !self.has_warned_of_name.swap(true, Ordering::Relaxed) {
            self.push(Severity::Warn, text.to_owned());
        }
    }
}

/// One server's configuration.
#[derive(Debug, Clone)]
struct Server {
    config: Arc<ClientConfig>,
    verifier: Arc<Verifier>,
}

type ServerKey = (SocketAddr, Vec<ServerName<'static>>);

#[derive(Debug)]
struct Loaded {
    credentials: Credentials,
    resolver: Arc<ClientCertificate>,
    /// The stamps of the files at the last attempt to read them.
    stamps: Vec<(PathBuf, Stamp)>,
    servers: HashMap<ServerKey, Server>,
}

/// The TLS context of a handle. All methods may be called from any thread.
#[derive(Debug)]
pub struct Context {
    settings: Settings,
    provider: Arc<CryptoProvider>,
    notices: Arc<Notices>,
    loaded: Mutex<Loaded>,
}

impl Context {
    /// Reads all files. `zookeeper_init*` fails with the error.
    pub fn new(settings: Settings) -> Result<Context, SettingsError> {
        let provider = Arc::new(provider());
        let stamps = credentials::stamps(&settings);
        let mut credentials = credentials::load(&settings, &provider)?;
        let notices = Arc::new(Notices::default());
        for warning in credentials.warnings.drain(..) {
            notices.push(Severity::Warn, warning);
        }
        if settings.verify == Verify::None {
            let text = "TLS without verification (ZOO_TLS_VERIFY=none): encrypted, but the server may be anybody";
            notices.push(Severity::Warn, text.to_owned());
        }
        let resolver = Arc::new(ClientCertificate(credentials.client.clone()));
        let loaded = Mutex::new(Loaded { credentials, resolver, stamps, servers: HashMap::new() });
        Ok(Context { settings, provider, notices, loaded })
    }

    /// Reads the files again if one has changed since the last time. If they cannot be used, the last good set stays in
    /// use, and a notice gives the reason. Must be called before each attempt.
    pub fn refresh(&self) {
        let stamps = credentials::stamps(&self.settings);
        if lock(&self.loaded).stamps == stamps {
            return;
        }
        let read = credentials::load(&self.settings, &self.provider);
        let mut loaded = lock(&self.loaded);
        loaded.stamps = stamps;
        match read {
            Ok(mut credentials) => {
                self.notices.push(Severity::Info, "TLS certificates have changed and were read again".to_owned());
                for warning in credentials.warnings.drain(..) {
                    self.notices.push(Severity::Warn, warning);
                }
                loaded.resolver = Arc::new(ClientCertificate(credentials.client.clone()));
                loaded.credentials = credentials;
                // The old tickets belong to the old certificate.
                loaded.servers.clear();
            }
            Err(error) => {
                let text = format!("TLS certificates have changed, but the old ones stay in use: {error}");
                self.notices.push(Severity::Warn, text);
            }
        }
    }

    /// A connection to `peer`, whose names in the host string are `hosts`: the certificate must be for one of them.
    pub fn connect(&self, peer: SocketAddr, hosts: &[String]) -> Result<Connection, Failure> {
        let names = self.names(peer, hosts);
        // Server Name Indication takes no address; rustls leaves it out for one.
        let indicated = names.iter().find(|name| matches!(name, ServerName::DnsName(_))).or(names.first());
        let indicated = indicated.cloned().unwrap_or_else(|| ServerName::from(peer.ip()));
        let (server, certificate) = {
            let mut loaded = lock(&self.loaded);
            let certificate = loaded.credentials.client_file.clone();
            (self.server(&mut loaded, (peer, names))?, certificate)
        };
        Connection::new(server.config, indicated, server.verifier, certificate)
    }

    /// The lines that have come up since the last call.
    pub fn take_notices(&self) -> Vec<(Severity, String)> {
        std::mem::take(&mut *lock(&self.notices.lines))
    }

    fn names(&self, peer: SocketAddr, hosts: &[String]) -> Vec<ServerName<'static>> {
        if let Some(name) = &self.settings.server_name {
            return vec![name.clone()];
        }
        let mut names: Vec<ServerName<'static>> = Vec::new();
        for name in hosts.iter().filter_map(|host| names::parse(host)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            names.push(ServerName::from(peer.ip()));
        }
        names
    }

    fn server(&self, loaded: &mut Loaded, key: ServerKey) -> Result<Server, Failure> {
        if let Some(server) = loaded.servers.get(&key) {
            return Ok(server.clone());
        }
        let verifier = Arc::new(Verifier {
            trust: Arc::clone(&loaded.credentials.trust),
            level: self.settings.verify,
            compat: self.settings.compat,
            names: key.1.clone(),
            algorithms: self.provider.signature_verification_algorithms,
            notices: Arc::clone(&self.notices),
            refusal: Mutex::new(None),
        });
        let versions: &[&rustls::SupportedProtocolVersion] = match self.settings.min {
            MinVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
            MinVersion::Tls13 => &[&rustls::version::TLS13],
        };
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(versions)
            .map_err(|error| Failure::new(FailureKind::Incompatible, format!("TLS cannot be set up: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as _)
            .with_client_cert_resolver(Arc::clone(&loaded.resolver) as _);
        config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
        let server = Server { config: Arc::new(config), verifier };
        if loaded.servers.len() >= SERVERS_MAX {
            loaded.servers.clear();
        }
        loaded.servers.insert(key, server.clone());
        Ok(server)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(not(any(feature = "ring", feature = "aws-lc", feature = "fips")))]
compile_error!("TLS needs one of the features ring, aws-lc and fips");

/// The cryptography this package was built with.
fn provider() -> CryptoProvider {
    #[cfg(any(feature = "aws-lc", feature = "fips"))]
    return rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(any(feature = "aws-lc", feature = "fips")))]
    return rustls::crypto::ring::default_provider();
}
