//! The compatibility rules: chains that OpenSSL accepts and webpki refuses, because a certificate has X.509 version 1
//! or because the server's own certificate is marked as a CA. This code makes all other checks of webpki too. Called
//! only after webpki has refused a chain for one of these two reasons.
use super::certificate::{Extensions, Parsed};
use super::constraints;
use super::failure::{Failure, FailureKind};
use der::asn1::ObjectIdentifier;
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::RawPublicKeyEntity;

/// Limit of certificates between the server's and the root; the same as webpki's.
const INTERMEDIATES_MAX: usize = 6;
/// Limit of signatures that are verified for one chain.
const SIGNATURES_MAX: usize = 50;
/// Limit of certificates that the server may send besides its own.
const CANDIDATES_MAX: usize = 32;

const SERVER_AUTH: ObjectIdentifier = const_oid::db::rfc5280::ID_KP_SERVER_AUTH;
const ANY_USAGE: ObjectIdentifier = const_oid::db::rfc5280::ANY_EXTENDED_KEY_USAGE;

/// Searches a chain from `leaf` to one of `roots`.
pub(super) fn verify(
    leaf: &Parsed,
    intermediates: &[CertificateDer<'_>],
    roots: &[Parsed],
    algorithms: &[&dyn SignatureVerificationAlgorithm],
    now: UnixTime,
) -> Result<(), Failure> {
    check_time(leaf, now)?;
    let extensions = leaf.extensions()?;
    check_server_usage(leaf, &extensions)?;
    // The operator has put exactly this certificate into the CA file.
    if roots.iter().any(|root| root.der == leaf.der) {
        return Ok(());
    }
    // Bytes that are not a certificate cannot be part of the chain.
    let candidates: Vec<Parsed> =
        intermediates.iter().take(CANDIDATES_MAX).filter_map(|bytes| Parsed::new(bytes).ok()).collect();
    let mut search = Search {
        candidates: &candidates,
        roots,
        algorithms,
        now,
        signatures: SIGNATURES_MAX,
        comparisons: constraints::COMPARISONS_MAX,
        refusal: None,
    };
    if search.reaches_root(&mut vec![(leaf, extensions)]) {
        return Ok(());
    }
    Err(search.refusal.unwrap_or_else(|| {
        Failure::new(
            FailureKind::UnknownIssuer,
            format!("{} was issued by {}, which is not in the CA file", leaf.described(), leaf.issuer_text()),
        )
    }))
}

struct Search<'a> {
    candidates: &'a [Parsed],
    roots: &'a [Parsed],
    algorithms: &'a [&'a dyn SignatureVerificationAlgorithm],
    now: UnixTime,
    signatures: usize,
    comparisons: usize,
    /// Why the last candidate for an issuer was refused.
    refusal: Option<Failure>,
}

impl<'a> Search<'a> {
    /// Searches depth first over all issuers. `path` begins with the server's certificate.
    fn reaches_root(&mut self, path: &mut Vec<(&'a Parsed, Extensions)>) -> bool {
        let Some((last, _)) = path.last() else { return false };
        let last = *last;
        let issuers = |all: &'a [Parsed]| all.iter().filter(|one| one.subject == last.issuer);
        for root in issuers(self.roots) {
            match self.accept(root, path, true) {
                Ok(_) => return true,
                Err(failure) => self.refusal = Some(failure),
            }
        }
        if path.len() > INTERMEDIATES_MAX {
            return false;
        }
        for candidate in issuers(self.candidates) {
            if path.iter().any(|(one, _)| one.der == candidate.der) {
                continue;
            }
            match self.accept(candidate, path, false) {
                Ok(extensions) => {
                    path.push((candidate, extensions));
                    if self.reaches_root(path) {
                        return true;
                    }
                    path.pop();
                }
                Err(failure) => self.refusal = Some(failure),
            }
        }
        false
    }

    /// Whether `authority` is allowed to issue the last certificate of `path`, and has signed it.
    fn accept(
        &mut self,
        authority: &Parsed,
        path: &[(&Parsed, Extensions)],
        is_root: bool,
    ) -> Result<Extensions, Failure> {
        let fault =
            |reason: &str| Failure::new(FailureKind::Certificate, format!("{}: {reason}", authority.described()));
        check_time(authority, self.now)?;
        let extensions = authority.extensions()?;
        if authority.is_version_1() {
            // A version 1 certificate cannot say that it is a CA: only the operator's CA file can.
            if !is_root {
                return Err(fault("is of X.509 version 1, and only a root in the CA file may be"));
            }
        } else {
            check_authority(&extensions, path).map_err(fault)?;
        }
        for (below, names) in path {
            constraints::check(&extensions, below, names, &mut self.comparisons).map_err(fault)?;
        }
        let (last, _) = path.last().ok_or_else(|| fault("has issued nothing"))?;
        self.signatures = self.signatures.checked_sub(1).ok_or_else(|| fault("is one of too many issuers"))?;
        verify_signature(last, authority, self.algorithms)?;
        Ok(extensions)
    }
}

/// The checks on a CA of version 3.
fn check_authority(extensions: &Extensions, path: &[(&Parsed, Extensions)]) -> Result<(), &'static str> {
    let basic = extensions.basic.as_ref().ok_or("is no CA: it has no basic constraints")?;
    if !basic.ca {
        return Err("is no CA");
    }
    if extensions.usage.as_ref().is_some_and(|usage| !usage.key_cert_sign()) {
        return Err("may not sign certificates (key usage)");
    }
    if extensions.extended.as_ref().is_some_and(|usages| !serves(usages)) {
        return Err("may not issue certificates for servers (extended key usage)");
    }
    // Self-issued certificates do not count (RFC 5280, 4.2.1.9); the first certificate of the path is the server's.
    let between = path.iter().skip(1).filter(|(one, _)| one.subject != one.issuer).count();
    if basic.path_len_constraint.is_some_and(|limit| between > usize::from(limit)) {
        return Err("does not allow so many CAs below it (path length)");
    }
    Ok(())
}

/// Checks that the server's certificate may be used for a server.
fn check_server_usage(leaf: &Parsed, extensions: &Extensions) -> Result<(), Failure> {
    let fault = |reason: &str| Failure::new(FailureKind::Certificate, format!("{}: {reason}", leaf.described()));
    if extensions.extended.as_ref().is_some_and(|usages| !serves(usages)) {
        return Err(fault("is not for servers (extended key usage)"));
    }
    let usable = |usage: &x509_cert::ext::pkix::KeyUsage| {
        usage.digital_signature() || usage.key_encipherment() || usage.key_agreement()
    };
    if extensions.usage.as_ref().is_some_and(|usage| !usable(usage)) {
        return Err(fault("is not for connections (key usage)"));
    }
    if extensions.constraints.is_some() && !extensions.basic.as_ref().is_some_and(|basic| basic.ca) {
        return Err(fault("has name constraints without being a CA"));
    }
    Ok(())
}

fn serves(usages: &[ObjectIdentifier]) -> bool {
    usages.iter().any(|usage| *usage == SERVER_AUTH || *usage == ANY_USAGE)
}

fn check_time(certificate: &Parsed, now: UnixTime) -> Result<(), Failure> {
    let validity = certificate.certificate.tbs_certificate().validity();
    if now.as_secs() < validity.not_before.to_unix_duration().as_secs() {
        let text = format!("{} is not valid before {}", certificate.described(), validity.not_before.to_date_time());
        return Err(Failure::new(FailureKind::NotYetValid, text));
    }
    if now.as_secs() > validity.not_after.to_unix_duration().as_secs() {
        let text = format!("{} has expired at {}", certificate.described(), validity.not_after.to_date_time());
        return Err(Failure::new(FailureKind::Expired, text));
    }
    Ok(())
}

/// Whether the authority's key made the certificate's signature, with an algorithm that rustls accepts too.
fn verify_signature(
    certificate: &Parsed,
    authority: &Parsed,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> Result<(), Failure> {
    let fault = |reason: &str| Failure::new(FailureKind::Certificate, format!("{}: {reason}", certificate.described()));
    let key = RawPublicKeyEntity::try_from(&authority.key).map_err(|_| fault("the issuer's key cannot be read"))?;
    let mut known = false;
    for algorithm in algorithms {
        if algorithm.signature_alg_id().as_ref() != certificate.algorithm.as_slice() {
            continue;
        }
        known = true;
        if key.verify_signature(*algorithm, &certificate.signed, &certificate.signature).is_ok() {
            return Ok(());
        }
    }
    Err(fault(if known {
        "its signature is wrong, or the issuer's key is too weak (RSA needs 2048 bits)"
    } else {
        "its signature algorithm is not supported or too weak (SHA-1, for example)"
    }))
}
