//! Why a TLS connection failed, in words that an operator can act on.
use super::certificate::printable;
use rustls::{AlertDescription, CertificateError, Error};
use std::fmt;

/// What went wrong, as far as a program can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// The peer sent something that is not TLS.
    NotTls,
    /// The connection ended during the handshake, or later without a `close_notify`.
    Closed,
    /// No known certificate authority issued the server's certificate.
    UnknownIssuer,
    /// The certificate is for another name.
    WrongName,
    /// The certificate has expired.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// X.509 version 1, or another form that only the compatibility rules accept, while they are off.
    NeedsCompat,
    /// Another fault of the certificate.
    Certificate,
    /// The server sent an alert that refuses this client.
    Refused,
    /// The server sent another alert.
    Alert,
    /// The peers have no version or cipher suite in common.
    Incompatible,
    /// The server broke the protocol.
    Protocol,
}

/// A connection's failure: its kind, and one line of text without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    kind: FailureKind,
    text: String,
}

impl Failure {
    pub(super) fn new(kind: FailureKind, text: impl Into<String>) -> Failure {
        Failure { kind, text: text.into() }
    }

    /// What went wrong.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// Whether the failure will repeat until somebody changes a setting or a certificate.
    pub fn needs_operator(&self) -> bool {
        !matches!(self.kind, FailureKind::Closed | FailureKind::Alert | FailureKind::Protocol)
    }

    /// The error for rustls, which decides the alert that the server sees.
    pub(super) fn to_rustls(&self) -> Error {
        Error::InvalidCertificate(match self.kind {
            FailureKind::UnknownIssuer => CertificateError::UnknownIssuer,
            FailureKind::Expired => CertificateError::Expired,
            FailureKind::NotYetValid => CertificateError::NotValidYet,
            FailureKind::WrongName => CertificateError::NotValidForName,
            _ => CertificateError::BadEncoding,
        })
    }

    /// The failure for an error of rustls that does not come from our verifier. `certificate` is the file of the
    /// client's certificate, if it has one.
    pub(super) fn of_rustls(error: &Error, certificate: Option<&str>) -> Failure {
        match error {
            Error::AlertReceived(alert) => alert_failure(*alert, certificate),
            Error::PeerIncompatible(reason) => Failure::new(
                FailureKind::Incompatible,
                format!(
                    "the server offers no TLS version or cipher suite that is accepted here ({})",
                    printable(&format!("{reason:?}"))
                ),
            ),
            Error::InvalidCertificate(reason) => {
                let reason = printable(&reason.to_string());
                Failure::new(FailureKind::Certificate, format!("the server's certificate is not valid: {reason}"))
            }
            other => {
                let reason = printable(&other.to_string());
                Failure::new(FailureKind::Protocol, format!("the server broke the TLS protocol: {reason}"))
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

const DEMANDS_CERTIFICATE: &str = "it demands a client certificate: set ZOO_TLS_CERT and ZOO_TLS_KEY";

/// The server's reason for an alert, and the remedy.
fn alert_failure(alert: AlertDescription, certificate: Option<&str>) -> Failure {
    use AlertDescription as A;
    let name = alert.as_str().map_or_else(|| format!("{}", u8::from(alert)), str::to_owned);
    let (kind, advice) = match alert {
        A::CertificateRequired => (FailureKind::Refused, DEMANDS_CERTIFICATE),
        // Java's alert with TLS 1.2 for a client without a certificate.
        A::BadCertificate if certificate.is_none() => (FailureKind::Refused, DEMANDS_CERTIFICATE),
        A::HandshakeFailure if certificate.is_none() => (
            FailureKind::Refused,
            "it may demand a client certificate (set ZOO_TLS_CERT and ZOO_TLS_KEY), or have no cipher suite in common",
        ),
        A::UnknownCA => (FailureKind::Refused, "its trust store does not hold the issuer of the client certificate"),
        A::CertificateExpired => (FailureKind::Refused, "the client certificate has expired"),
        A::BadCertificate | A::UnsupportedCertificate | A::CertificateRevoked | A::CertificateUnknown => {
            (FailureKind::Refused, "it does not accept the client certificate")
        }
        A::AccessDenied => (FailureKind::Refused, "it does not admit this client"),
        A::ProtocolVersion => (FailureKind::Refused, "it does not speak the TLS versions offered (ZOO_TLS_MIN)"),
        A::UnrecognisedName => (FailureKind::Refused, "it does not know the server name (ZOO_TLS_SERVER_NAME)"),
        A::HandshakeFailure | A::InsufficientSecurity => {
            (FailureKind::Refused, "it has no cipher suite or key type in common with this client")
        }
        _ => (FailureKind::Alert, "the cause is in its log"),
    };
    let about_certificate = matches!(
        alert,
        A::UnknownCA
            | A::CertificateExpired
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateUnknown
            | A::AccessDenied
    );
    let file = certificate.filter(|_| about_certificate).map_or_else(String::new, |file| format!(" ({file})"));
    Failure::new(kind, format!("the server sent the TLS alert {name}: {advice}{file}"))
}
