//! The trust anchors: the CA file's certificates, in webpki's form and in that of the compatibility rules.
use super::certificate::Parsed;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

/// The content of the CA file or directory.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) anchors: RootCertStore,
    /// The same certificates, for the compatibility rules; those that cannot be parsed are left out.
    pub(super) roots: Vec<Parsed>,
    /// Where they were read from, for messages.
    pub(super) source: String,
}

impl Trust {
    /// Makes trust anchors of certificates that were read from `source`; also returns how many are not usable.
    pub(super) fn new(certificates: Vec<CertificateDer<'static>>, source: String) -> (Trust, usize) {
        let roots = certificates.iter().filter_map(|certificate| Parsed::new(certificate).ok()).collect();
        let mut anchors = RootCertStore::empty();
        let (_, unusable) = anchors.add_parsable_certificates(certificates);
        (Trust { anchors, roots, source }, unusable)
    }
}
