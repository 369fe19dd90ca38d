//! Reads what the settings name: trust anchors, the client's chain, its key.
use super::certificate::Parsed;
use super::key::{self, KeyFault};
use super::pem;
use super::settings::{Password, Roots, Settings};
use super::trust::Trust;
use crate::files::{self, Stamp};
use crate::{Secret, SettingsError};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// PEM labels that hold a certificate.
const CERTIFICATE_LABELS: [&str; 2] = ["CERTIFICATE", "X509 CERTIFICATE"];
/// Certificates in a client's chain.
const CHAIN_LEN_MAX: usize = 32;

/// One consistent set.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    pub(super) trust: Arc<Trust>,
    pub(super) client: Option<Arc<CertifiedKey>>,
    /// What the operator should know of it.
    pub(super) warnings: Vec<String>,
}

/// Reads everything.
pub(super) fn load(settings: &Settings, provider: &CryptoProvider) -> Result<Credentials, SettingsError> {
    let mut warnings = Vec::new();
    let trust = Arc::new(load_trust(settings.roots.as_ref(), &mut warnings)?);
    let client = match (&settings.certificate, &settings.key) {
        (Some(certificate), Some(key)) => {
            Some(Arc::new(load_client(certificate, key, settings.password.as_ref(), provider)?))
        }
        _ => None,
    };
    Ok(Credentials { trust, client, warnings })
}

/// The stamps of all files that `load` reads.
pub(super) fn stamps(settings: &Settings) -> Vec<(PathBuf, Stamp)> {
    let mut paths: Vec<PathBuf> = Vec::new();
    match &settings.roots {
        None => {}
        Some(Roots::Path(path)) => push_with_content(path, &mut paths),
        Some(Roots::System(all)) => all.iter().for_each(|path| push_with_content(path, &mut paths)),
    }
    paths.extend(settings.certificate.clone());
    paths.extend(settings.key.clone());
    if let Some(Password::File(path)) = &settings.password {
        paths.push(path.clone());
    }
    paths.into_iter().map(|path| (path.clone(), Stamp::of(&path))).collect()
}

fn push_with_content(path: &Path, paths: &mut Vec<PathBuf>) {
    paths.push(path.to_owned());
    if path.is_dir() {
        paths.extend(files::directory(path).unwrap_or_default());
    }
}

fn load_trust(roots: Option<&Roots>, warnings: &mut Vec<String>) -> Result<Trust, SettingsError> {
    let certificates = match roots {
        None => Vec::new(),
        Some(Roots::Path(path)) => load_anchors(path, warnings).map_err(|error| error.for_use("CA file"))?,
        Some(Roots::System(paths)) => load_system(paths, warnings)?,
    };
    let expected = certificates.len();
    let (trust, unusable) = Trust::new(certificates);
    if unusable > 0 {
        let text = format!("{unusable} of the {expected} CA certificates cannot be used as trust anchors");
        if unusable == expected {
            return Err(SettingsError::invalid(text));
        }
        warnings.push(text);
    }
    Ok(trust)
}

/// The system's store: a part that cannot be read is left out as long as another one can.
fn load_system(paths: &[PathBuf], warnings: &mut Vec<String>) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let mut found = Vec::new();
    let mut refusal = None;
    for path in paths {
        match load_anchors(path, warnings) {
            Ok(more) => found.extend(more),
            Err(error) => refusal = Some(error.for_use("system CA file")),
        }
    }
    match refusal {
        Some(error) if found.is_empty() => Err(error),
        Some(error) => {
            warnings.push(error.to_string());
            Ok(found)
        }
        None => Ok(found),
    }
}

/// A bundle, or a directory of them.
fn load_anchors(path: &Path, warnings: &mut Vec<String>) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    if !path.is_dir() {
        return certificates(path);
    }
    let mut found = Vec::new();
    // OpenSSL's directories hold each certificate twice: by name, and by a link with its hash.
    let mut seen = HashSet::new();
    for file in files::directory(path)? {
        match certificates(&file) {
            Ok(more) => found.extend(more.into_iter().filter(|one| seen.insert(one.clone()))),
            // Directories hold other files too; only what calls itself a certificate is worth a line.
            Err(error) if file.extension().is_some_and(|end| end == "pem" || end == "crt" || end == "cer") => {
                warnings.push(format!("left out: {error}"));
            }
            Err(_) => {}
        }
    }
    if found.is_empty() {
        return Err(SettingsError::content(path, "no file in this directory holds a PEM certificate"));
    }
    Ok(found)
}

/// All certificates of a PEM file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let text = files::read(path)?;
    let blocks = pem::blocks(&text).map_err(|reason| SettingsError::content(path, reason))?;
    let found: Vec<_> = blocks
        .iter()
        .filter(|block| CERTIFICATE_LABELS.contains(&block.label))
        .map(|block| CertificateDer::from(block.content.to_vec()))
        .collect();
    if found.is_empty() {
        return Err(SettingsError::content(path, pem::missing(&text, "certificate", &blocks)));
    }
    Ok(found)
}

fn load_client(
    chain_path: &Path,
    key_path: &Path,
    password: Option<&Password>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, SettingsError> {
    let chain = certificates(chain_path).map_err(|error| error.for_use("client certificate"))?;
    if chain.len() > CHAIN_LEN_MAX {
        let reason = format!("holds {} certificates, and a chain may have {CHAIN_LEN_MAX}", chain.len());
        return Err(SettingsError::content(chain_path, reason).for_use("client certificate"));
    }
    let password: Option<Secret> = match password {
        None => None,
        Some(Password::Text(secret)) => Some(secret.clone()),
        Some(Password::File(path)) => {
            Some(files::first_line(path).map_err(|error| error.for_use("key password file"))?)
        }
    };
    let fault = |reason: &str| SettingsError::content(key_path, reason).for_use("client key");
    let text = files::read(key_path).map_err(|error| error.for_use("client key"))?;
    let key = key::decode(&text, password.as_ref(), key::COST_MAX).map_err(|reason| match reason {
        KeyFault::NeedsPassword => fault(
            "it is encrypted, and there is no password: give it as the fourth field of the certificate string or by \
             ZOO_TLS_KEY_PASSWORD_FILE",
        ),
        KeyFault::Unusable(reason) => fault(&reason),
    })?;
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|_| fault("the key is damaged, or of a kind that is not supported (RSA needs 2048 bits or more)"))?;
    let leaf = chain.first().map(|leaf| Parsed::new(leaf));
    match (leaf, key.public_key()) {
        (Some(Err(failure)), _) => {
            return Err(SettingsError::content(chain_path, failure).for_use("client certificate"));
        }
        (Some(Ok(leaf)), Some(public)) if leaf.key.as_ref() != public.as_ref() => {
            let reason = format!("the key does not belong to the certificate in {}", chain_path.display());
            return Err(fault(&reason));
        }
        _ => {}
    }
    Ok(CertifiedKey::new(chain, key))
}
