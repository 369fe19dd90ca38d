//! The verification of a server's certificate: webpki first, then, if the settings allow them, the compatibility rules.
use super::certificate::Parsed;
use super::compat;
use super::context::Notices;
use super::failure::{Failure, FailureKind};
use super::names;
use super::settings::Verify;
use super::trust::Trust;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use std::sync::{Arc, Mutex, PoisonError};
use webpki::{EndEntityCert, Error as E, RawPublicKeyEntity};

/// Verifies the certificates of one server, which may have several names.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) trust: Arc<Trust>,
    pub(super) level: Verify,
    pub(super) compat: bool,
    pub(super) names: Vec<ServerName<'static>>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    pub(super) notices: Arc<Notices>,
    /// The last refusal, kept for the connection that got it.
    pub(super) refusal: Mutex<Option<Failure>>,
}

impl Verifier {
    /// The reason of the last refusal.
    pub(super) fn take_refusal(&self) -> Option<Failure> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether the server may be trusted with this chain.
    pub(super) fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Failure> {
        if self.level == Verify::None {
            return Ok(());
        }
        match self.chain_by_webpki(leaf, intermediates, now) {
            Ok(()) => {}
            Err(webpki::Error::UnsupportedCertVersion | webpki::Error::CaUsedAsEndEntity) if self.compat => {
                compat::verify(&Parsed::new(leaf)?, intermediates, &self.trust.roots, self.algorithms.all, now)?;
            }
            Err(error) => return Err(self.refused_by_webpki(&error, leaf)),
        }
        self.judge_name(leaf)
    }

    fn chain_by_webpki(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), webpki::Error> {
        let usage = webpki::KeyUsage::server_auth();
        EndEntityCert::try_from(leaf)?
            .verify_for_usage(self.algorithms.all, &self.trust.anchors.roots, intermediates, now, usage, None, None)
            .map(|_| ())
    }

    fn judge_name(&self, leaf: &CertificateDer<'_>) -> Result<(), Failure> {
        if names::match_alternatives(leaf, &self.names) {
            return Ok(());
        }
        // The chain is good; a certificate that cannot be parsed here matches no name.
        let parsed = Parsed::new(leaf)?;
        let extensions = parsed.extensions()?;
        if self.compat && names::match_compat(&parsed, &extensions, &self.names) {
            return Ok(());
        }
        let (wanted, presented) = (names::listed(&self.names), names::presented(&parsed, &extensions));
        if self.level == Verify::Full {
            let by_name = !self.compat && names::match_compat(&parsed, &extensions, &self.names);
            let advice = if by_name {
                "it has no subject alternative name: make a new one, or set ZOO_TLS_COMPAT=1"
            } else {
                "use a name that it has, set ZOO_TLS_SERVER_NAME, or set ZOO_TLS_VERIFY=ca"
            };
            let text = format!("the server's certificate is for {presented}, and not for {wanted}: {advice}");
            return Err(Failure::new(FailureKind::WrongName, text));
        }
        self.notices.name_mismatch(&format!(
            "the server's certificate is for {presented}, and not for {wanted}; accepted, because only the chain is \
             verified (ZOO_TLS_VERIFY=full would refuse it)"
        ));
        Ok(())
    }

    fn refused_by_webpki(&self, error: &webpki::Error, leaf: &CertificateDer<'_>) -> Failure {
        let parsed = Parsed::new(leaf).ok();
        let what = parsed.as_ref().map_or_else(|| "certificate".to_owned(), Parsed::described);
        let validity = parsed.as_ref().map(|parsed| parsed.certificate.tbs_certificate().validity());
        match error {
            E::CertExpired { .. } => {
                let end =
                    validity.map_or_else(String::new, |v| format!(" (its own end: {})", v.not_after.to_date_time()));
                let text = format!("the server's {what}, or one that it depends on, has expired{end}");
                Failure::new(FailureKind::Expired, text)
            }
            E::CertNotValidYet { .. } => {
                let start =
                    validity.map_or_else(String::new, |v| format!(" (its own start: {})", v.not_before.to_date_time()));
                let text = format!("the server's {what} is not valid yet{start}: is this host's clock right?");
                Failure::new(FailureKind::NotYetValid, text)
            }
            E::UnknownIssuer => {
                let issuer = parsed.map_or_else(|| "an unknown CA".to_owned(), |parsed| parsed.issuer_text());
                let source = &self.trust.source;
                let text = format!("the server's {what} was issued by {issuer}, which is not in {source}");
                Failure::new(FailureKind::UnknownIssuer, text)
            }
            E::UnsupportedCertVersion => {
                let text = format!(
                    "the server's {what}, or one that it depends on, is of X.509 version 1: make a new one, or set \
                     ZOO_TLS_COMPAT=1"
                );
                Failure::new(if self.compat { FailureKind::Certificate } else { FailureKind::NeedsCompat }, text)
            }
            E::CaUsedAsEndEntity => {
                let text = format!("the server's {what} says that it is a CA: make a new one, or set ZOO_TLS_COMPAT=1");
                Failure::new(FailureKind::NeedsCompat, text)
            }
            E::RequiredEkuNotFoundContext(_) => {
                let text = format!("the server's {what} is not for servers (extended key usage)");
                Failure::new(FailureKind::Certificate, text)
            }
            E::UnsupportedSignatureAlgorithmContext(_) => {
                let text = format!(
                    "the server's {what} is signed in a way that is not supported or too weak (SHA-1, for example)"
                );
                Failure::new(FailureKind::Certificate, text)
            }
            other => {
                // The name of the error is enough; its fields are only for programmers.
                let name: String = format!("{other:?}").chars().take_while(|c| c.is_alphanumeric()).collect();
                Failure::new(FailureKind::Certificate, format!("the server's {what} is not valid: {name}"))
            }
        }
    }

    /// Verifies the handshake's signature with the key of a certificate that webpki cannot parse.
    fn signature_with_bare_key(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
        tls13: bool,
    ) -> Result<HandshakeSignatureValid, Error> {
        let bad = || Error::InvalidCertificate(rustls::CertificateError::BadSignature);
        let parsed = Parsed::new(certificate).map_err(|failure| failure.to_rustls())?;
        if tls13 {
            return rustls::crypto::verify_tls13_signature_with_raw_key(message, &parsed.key, signed, &self.algorithms);
        }
        let key = RawPublicKeyEntity::try_from(&parsed.key).map_err(|_| bad())?;
        let candidates = self.algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signed.scheme);
        let valid = candidates
            .flat_map(|(_, algorithms)| algorithms.iter())
            .any(|algorithm| key.verify_signature(*algorithm, message, signed.signature()).is_ok());
        if valid { Ok(HandshakeSignatureValid::assertion()) } else { Err(bad()) }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge(leaf, intermediates, now).map_err(|failure| {
            let error = failure.to_rustls();
            *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
            error
        })?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if is_foreign(certificate) {
            return self.signature_with_bare_key(message, certificate, signed, false);
        }
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if is_foreign(certificate) {
            return self.signature_with_bare_key(message, certificate, signed, true);
        }
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether webpki cannot parse an accepted certificate: one of version 1, or any at the level `none`.
fn is_foreign(certificate: &CertificateDer<'_>) -> bool {
    EndEntityCert::try_from(certificate).is_err()
}
