//! A parsed certificate, for the compatibility rules and for messages. Does not judge trust.
use super::failure::{Failure, FailureKind};
use const_oid::db::rfc5280 as oid;
use der::asn1::{BitStringRef, ObjectIdentifier};
use der::{Decode, Encode, Reader, SliceReader};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints, SubjectAltName};

/// Names in messages are cut to this many characters.
const NAME_LEN_MAX: usize = 120;

/// A parsed certificate, with the raw bytes that signatures and comparisons need.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) der: Vec<u8>,
    pub(super) certificate: Certificate,
    /// The bytes that the issuer has signed.
    pub(super) signed: Vec<u8>,
    /// The content of the signature's `AlgorithmIdentifier`, in the form in which webpki's algorithms identify
    /// themselves.
    pub(super) algorithm: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) subject: Vec<u8>,
    pub(super) issuer: Vec<u8>,
    pub(super) key: SubjectPublicKeyInfoDer<'static>,
}

/// The extensions that are understood; a version 1 certificate has none.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    pub(super) basic: Option<BasicConstraints>,
    pub(super) usage: Option<KeyUsage>,
    pub(super) extended: Option<Vec<ObjectIdentifier>>,
    pub(super) alternatives: Vec<GeneralName>,
    pub(super) constraints: Option<NameConstraints>,
}

impl Parsed {
    /// Parses a DER certificate.
    pub(super) fn new(bytes: &[u8]) -> Result<Parsed, Failure> {
        Parsed::parse(bytes)
            .map_err(|error| Failure::new(FailureKind::Certificate, format!("a certificate cannot be read: {error}")))
    }

    fn parse(bytes: &[u8]) -> der::Result<Parsed> {
        let certificate = Certificate::from_der(bytes)?;
        let mut reader = SliceReader::new(bytes)?;
        // The original bytes: encoding again would hide that a certificate is not DER.
        let (signed, algorithm, signature) = reader.sequence(|inner| -> der::Result<_> {
            let signed = inner.tlv_bytes()?.to_vec();
            let algorithm = der::asn1::AnyRef::decode(inner)?.value().to_vec();
            let signature = BitStringRef::decode(inner)?;
            let signature = signature.as_bytes().map(<[u8]>::to_vec);
            Ok((signed, algorithm, signature))
        })?;
        let body = certificate.tbs_certificate();
        let subject = body.subject().to_der()?;
        let issuer = body.issuer().to_der()?;
        let key = SubjectPublicKeyInfoDer::from(body.subject_public_key_info().to_der()?);
        let inner_algorithm = body.signature().to_der()?;
        if der::asn1::AnyRef::from_der(&inner_algorithm)?.value() != algorithm {
            return Err(der::ErrorKind::Failed.into());
        }
        let signature = signature.ok_or(der::ErrorKind::Failed)?;
        Ok(Parsed { der: bytes.to_vec(), signed, algorithm, signature, subject, issuer, key, certificate })
    }

    pub(super) fn is_version_1(&self) -> bool {
        self.certificate.tbs_certificate().version() == Version::V1
    }

    /// All extensions; an unknown critical extension, or one that occurs twice, is a fault.
    pub(super) fn extensions(&self) -> Result<Extensions, Failure> {
        let fault = |reason: &str| Failure::new(FailureKind::Certificate, format!("{}: {reason}", self.described()));
        let mut found = Extensions::default();
        let Some(all) = self.certificate.tbs_certificate().extensions() else { return Ok(found) };
        if self.certificate.tbs_certificate().version() != Version::V3 {
            return Err(fault("has extensions, but is not of version 3"));
        }
        let mut seen: Vec<ObjectIdentifier> = Vec::new();
        for extension in all {
            if seen.contains(&extension.extn_id) {
                return Err(fault("has an extension twice"));
            }
            seen.push(extension.extn_id);
            let value = extension.extn_value.as_bytes();
            let malformed = |_| fault("has a malformed extension");
            match extension.extn_id {
                oid::ID_CE_BASIC_CONSTRAINTS => {
                    found.basic = Some(BasicConstraints::from_der(value).map_err(malformed)?);
                }
                oid::ID_CE_KEY_USAGE => found.usage = Some(KeyUsage::from_der(value).map_err(malformed)?),
                oid::ID_CE_EXT_KEY_USAGE => {
                    found.extended = Some(ExtendedKeyUsage::from_der(value).map_err(malformed)?.0);
                }
                oid::ID_CE_SUBJECT_ALT_NAME => {
                    found.alternatives = SubjectAltName::from_der(value).map_err(malformed)?.0;
                }
                oid::ID_CE_NAME_CONSTRAINTS => {
                    found.constraints = Some(NameConstraints::from_der(value).map_err(malformed)?);
                }
                other if extension.critical => {
                    return Err(fault(&format!("has the critical extension {other}, which is not supported")));
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// The subject's common names that are text.
    pub(super) fn common_names(&self) -> Vec<String> {
        let names = self.certificate.tbs_certificate().subject().iter();
        names
            .filter(|attribute| attribute.oid == const_oid::db::rfc4519::CN)
            .filter_map(|attribute| std::str::from_utf8(attribute.value.value()).ok().map(str::to_owned))
            .collect()
    }

    /// "certificate of SUBJECT", for messages.
    pub(super) fn described(&self) -> String {
        let subject = self.certificate.tbs_certificate().subject();
        if subject.is_empty() {
            return "certificate with an empty subject".to_owned();
        }
        format!("certificate of {}", printable(&subject.to_string()))
    }

    /// The issuer's name, for messages.
    pub(super) fn issuer_text(&self) -> String {
        printable(&self.certificate.tbs_certificate().issuer().to_string())
    }
}

/// Text from the network in a form that may appear in a log line.
pub(super) fn printable(text: &str) -> String {
    let mut shown: String =
        text.chars().take(NAME_LEN_MAX).map(|c| if c.is_control() || c == '\u{fffd}' { '?' } else { c }).collect();
    if text.chars().nth(NAME_LEN_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}
