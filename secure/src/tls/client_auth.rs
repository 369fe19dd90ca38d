//! The client's certificate. Unlike rustls' own resolver this one does not parse the certificate, so that X.509 version
//! 1 certificates can be sent, which ZooKeeper's own example scripts make.
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use std::sync::Arc;

/// Sends one certificate, or none, to every server that asks.
#[derive(Debug)]
pub(super) struct ClientCertificate(pub(super) Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for ClientCertificate {
    fn resolve(&self, _hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.as_ref().filter(|certificate| certificate.key.choose_scheme(schemes).is_some()).cloned()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}
