//! Reads the files that the settings name: trust anchors, the client's chain, its key.
use super::certificate::Parsed;
use super::key::{self, KeyFault};
use super::pem;
use super::settings::{Client, Password, Roots, Settings};
use super::trust::Trust;
use crate::files::{self, Stamp};
use crate::{NamedFile, Secret, SettingsError};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

/// PEM labels that hold a certificate.
const CERTIFICATE_LABELS: [&str; 2] = ["CERTIFICATE", "X509 CERTIFICATE"];
/// Limit of certificates in a client's chain.
const CHAIN_LEN_MAX: usize = 32;

/// One consistent set.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    pub(super) trust: Arc<Trust>,
    pub(super) client: Option<Arc<CertifiedKey>>,
    /// The file of the client's certificate, for messages.
    pub(super) client_file: Option<Arc<str>>,
    /// Warnings for the operator about these files.
    pub(super) warnings: Vec<String>,
}

/// Reads everything.
pub(super) fn load(settings: &Settings, provider: &CryptoProvider) -> Result<Credentials, SettingsError> {
    let mut warnings = Vec::new();
    let trust = Arc::new(load_trust(settings.roots.as_ref(), &mut warnings)?);
    let client = settings.client.as_ref().map(|client| load_client(client, provider)).transpose()?.map(Arc::new);
    let client_file = settings.client.as_ref().map(|client| client.certificate.shown().into());
    Ok(Credentials { trust, client, client_file, warnings })
}

/// The stamps of all files that `load` reads.
pub(super) fn stamps(settings: &Settings) -> Vec<(PathBuf, Stamp)> {
    let mut paths: Vec<PathBuf> = Vec::new();
    match &settings.roots {
        None => {}
        Some(Roots::Path(file)) => push_with_content(file, &mut paths),
        Some(Roots::System(all)) => all.iter().for_each(|file| push_with_content(file, &mut paths)),
    }
    if let Some(client) = &settings.client {
        paths.extend([&client.certificate, &client.key].map(|file| file.path().to_owned()));
        if let Some(Password::File(file)) = &client.password {
            paths.push(file.path().to_owned());
        }
    }
    paths.into_iter().map(|path| (path.clone(), Stamp::of(&path))).collect()
}

fn push_with_content(file: &NamedFile, paths: &mut Vec<PathBuf>) {
    paths.push(file.path().to_owned());
    if file.path().is_dir() {
        let members = files::directory(file).unwrap_or_default();
        paths.extend(members.iter().map(|member| member.path().to_owned()));
    }
}

fn load_trust(roots: Option<&Roots>, warnings: &mut Vec<String>) -> Result<Trust, SettingsError> {
    let (certificates, source) = match roots {
        None => (Vec::new(), "the CA file".to_owned()),
        Some(Roots::Path(file)) => (load_anchors(file, warnings)?, format!("the CA file {}", file.shown())),
        Some(Roots::System(files)) => (load_system(files, warnings)?, "the system's CA certificates".to_owned()),
    };
    let expected = certificates.len();
    let (trust, unusable) = Trust::new(certificates, source);
    if unusable > 0 {
        let source = &trust.source;
        let text = format!("{unusable} of {expected} certificates cannot be used as trust anchors, in {source}");
        if unusable == expected {
            return Err(SettingsError::invalid(text));
        }
        warnings.push(text);
    }
    Ok(trust)
}

/// The system's store: a part that cannot be read is left out as long as another part can be read.
fn load_system(files: &[NamedFile], warnings: &mut Vec<String>) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let mut found = Vec::new();
    let mut refusal = None;
    for file in files {
        match load_anchors(file, warnings) {
            Ok(more) => found.extend(more),
            Err(error) => refusal = Some(error),
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

/// The trust anchors of a bundle, or of a directory of bundles.
fn load_anchors(named: &NamedFile, warnings: &mut Vec<String>) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    if !named.path().is_dir() {
        return certificates(named);
    }
    let mut found = Vec::new();
    // OpenSSL's directories hold each certificate twice: by name, and by a link with its hash.
    let mut seen = HashSet::new();
    for file in files::directory(named)? {
        match certificates(&file) {
            Ok(more) => found.extend(more.into_iter().filter(|one| seen.insert(one.clone()))),
            // Directories hold other files too; a warning is given only for files with a certificate's extension.
            Err(error) if file.path().extension().is_some_and(|end| end == "pem" || end == "crt" || end == "cer") => {
                warnings.push(format!("left out: {error}"));
            }
            Err(_) => {}
        }
    }
    if found.is_empty() {
        return Err(named.unusable("no file in this directory holds a PEM certificate"));
    }
    Ok(found)
}

/// All certificates of a PEM file, at least one.
fn certificates(file: &NamedFile) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let text = files::read(file)?;
    let blocks = pem::blocks(&text).map_err(|reason| file.unusable(reason))?;
    let found: Vec<_> = blocks
        .iter()
        .filter(|block| CERTIFICATE_LABELS.contains(&block.label))
        .map(|block| CertificateDer::from(block.content.to_vec()))
        .collect();
    if found.is_empty() {
        return Err(file.unusable(pem::missing(&text, "certificate", &blocks)));
    }
    Ok(found)
}

fn load_client(client: &Client, provider: &CryptoProvider) -> Result<CertifiedKey, SettingsError> {
    let chain = certificates(&client.certificate)?;
    if chain.len() > CHAIN_LEN_MAX {
        let reason = format!("holds {} certificates, and a chain may have {CHAIN_LEN_MAX}", chain.len());
        return Err(client.certificate.unusable(reason));
    }
    let password: Option<Secret> = match &client.password {
        None => None,
        Some(Password::Text(secret)) => Some(secret.clone()),
        Some(Password::File(file)) => Some(files::first_line(file)?),
    };
    let fault = |reason: &str| client.key.unusable(reason);
    let text = files::read(&client.key)?;
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
            return Err(client.certificate.unusable(failure));
        }
        (Some(Ok(leaf)), Some(public)) if leaf.key.as_ref() != public.as_ref() => {
            let reason = format!("the key does not belong to the certificate in {}", client.certificate.shown());
            return Err(fault(&reason));
        }
        _ => {}
    }
    Ok(CertifiedKey::new(chain, key))
}
