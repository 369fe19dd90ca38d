//! A client and a server that exchange bytes in memory.
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock};
use zk_secure::SettingsError;
use zk_secure::tls::{Connection, Context, Failure, ReadOutcome, Settings};

/// Not removed while the tests run; the next run replaces it.
static CERTIFICATES: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("certificates");
    let _ = fs::remove_dir_all(&directory);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rig/certificates.sh");
    let output = Command::new("bash").arg(script).arg(&directory).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    directory
});

/// A file that rig/certificates.sh makes.
pub(crate) fn made(name: &str) -> PathBuf {
    CERTIFICATES.join(name)
}

/// A client's settings: the certificate string's fields (names of made files), and variables.
pub(crate) fn settings(fields: &[&str], variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let paths: Vec<String> = fields.iter().map(|name| made(name).to_str().unwrap().to_owned()).collect();
    Settings::from_cert_string(Some(paths.join(",").as_bytes()), &lookup(variables))
}

pub(crate) fn lookup(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
    let variables: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    move |name| variables.iter().find(|(key, _)| key == name).map(|(_, value)| OsString::from(value))
}

pub(crate) fn context(fields: &[&str], variables: &[(&str, &str)]) -> Context {
    Context::new(settings(fields, variables).unwrap()).unwrap()
}

pub(crate) fn peer() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 2181))
}

pub(crate) fn connect(context: &Context, hosts: &[&str]) -> Connection {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    context.connect(peer(), &hosts).unwrap()
}

/// Presents a certificate without checking it.
#[derive(Debug)]
struct Presents(Arc<CertifiedKey>);

impl ResolvesServerCert for Presents {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A server that presents a made certificate; `clients` names the CA whose clients it demands.
pub(crate) fn server_config(
    name: &str,
    versions: &[&'static SupportedProtocolVersion],
    clients: Option<&str>,
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(made(&format!("{name}.crt"))).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(made(&format!("{name}.key"))).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions).unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(made(ca)).unwrap()).unwrap();
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap(),
            )
        }
    };
    builder.with_cert_resolver(Arc::new(Presents(Arc::new(CertifiedKey::new(chain, key)))))
}

pub(crate) const ALL: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12, &rustls::version::TLS13];

pub(crate) fn server(name: &str) -> ServerConnection {
    ServerConnection::new(Arc::new(server_config(name, ALL, None))).unwrap()
}

/// The bytes that the client wants to send.
pub(crate) fn outgoing(client: &mut Connection) -> Vec<u8> {
    let mut out = Vec::new();
    client.write_to(&mut out).unwrap();
    assert!(!client.wants_write());
    out
}

/// Feeds the server bytes; returns its answer.
pub(crate) fn answered(server: &mut ServerConnection, mut bytes: &[u8]) -> Result<Vec<u8>, rustls::Error> {
    while !bytes.is_empty() {
        server.read_tls(&mut bytes).unwrap();
        server.process_new_packets()?;
    }
    let mut out = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut out).unwrap();
    }
    Ok(out)
}

/// Exchanges messages until both sides have none left.
pub(crate) fn drive(client: &mut Connection, server: &mut ServerConnection) -> Result<(), Failure> {
    let mut silent = 0;
    while silent < 2 {
        let to_server = outgoing(client);
        let to_client = answered(server, &to_server).unwrap_or_else(|_| {
            let mut alert = Vec::new();
            server.write_tls(&mut alert).unwrap();
            alert
        });
        silent = if to_server.is_empty() && to_client.is_empty() { silent + 1 } else { 0 };
        assert_eq!(client.feed(&to_client)?, to_client.len());
    }
    Ok(())
}

/// A whole handshake, checked by sending a byte each way.
pub(crate) fn handshake(client: &mut Connection, server: &mut ServerConnection) -> Result<(), Failure> {
    drive(client, server)?;
    assert!(!client.is_handshaking());
    assert_eq!(client.write(b"ping"), 4);
    drive(client, server)?;
    let mut seen = [0; 4];
    server.reader().read_exact(&mut seen).unwrap();
    assert_eq!(&seen, b"ping");
    server.writer().write_all(b"pong").unwrap();
    drive(client, server)?;
    assert_eq!(read(client), b"pong");
    Ok(())
}

/// All plaintext that the client holds.
pub(crate) fn read(client: &mut Connection) -> Vec<u8> {
    let mut all = Vec::new();
    let mut space = [0; 100];
    while let ReadOutcome::Bytes(n) = client.read(&mut space) {
        all.extend_from_slice(&space[..n]);
    }
    all
}
