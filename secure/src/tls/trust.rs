//! The trust anchors: the CA file's certificates, as webpki wants them and as the compatibility rules do.
use super::certificate::Parsed;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

/// What the CA file or directory holds.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) anchors: RootCertStore,
    /// The same certificates, for the compatibility rules; those that cannot be taken apart are left out.
    pub(super) roots: Vec<Parsed>,
    /// Where they were read, for messages.
    pub(super) source: String,
}

impl Trust {
    /// Takes certificates over that were read from `source`; also returns how many cannot be trust anchors.
    pub(super) fn new(certificates: Vec<CertificateDer<'static>>, source: String) -> (Trust, usize) {
        let roots = certificates.iter().filter_map(|certificate| Parsed::new(certificate).ok()).collect();
        let mut anchors = RootCertStore::empty();
        let (_, unusable) = anchors.add_parsable_certificates(certificates);
        (Trust { anchors, roots, source }, unusable)
    }
}
