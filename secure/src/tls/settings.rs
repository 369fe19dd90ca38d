//! What the application and the operator want of TLS: the certificate string of `zookeeper_init_ssl` and `ZOO_TLS*`.
use super::names;
use crate::{Lookup, Secret, SettingsError, text_variable, variable};
use rustls::pki_types::ServerName;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// How much of the server's certificate is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// The chain, and that the certificate is for the server's name.
    Full,
    /// The chain.
    Ca,
    /// Nothing: the connection is encrypted, and the peer may be anybody.
    None,
}

/// Where the trust anchors are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// A PEM file, or a directory of such files.
    Path(PathBuf),
    /// The system's store, or what `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
    System(Vec<PathBuf>),
}

/// The oldest TLS version that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MinVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// Where the key's password comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Password {
    Text(Secret),
    /// The first line of a file, read anew with the key.
    File(PathBuf),
}

/// All settings of a handle. `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub(super) roots: Option<Roots>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) password: Option<Password>,
    pub(super) verify: Verify,
    pub(super) server_name: Option<ServerName<'static>>,
    pub(super) min: MinVersion,
    pub(super) compat: bool,
}

/// Where distributions keep the bundle of the system's CAs.
const SYSTEM_BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

impl Settings {
    /// Settings of `zookeeper_init_ssl`. The string names, divided by commas, the CA file, the certificate chain, the
    /// key and its password; as with strtok, empty fields do not count. Two fields: the second file holds chain and
    /// key. What the string leaves open may come from the environment. The default is to verify the chain only.
    pub fn from_cert_string(string: Option<&[u8]>, lookup: Lookup<'_>) -> Result<Settings, SettingsError> {
        let string =
            string.ok_or_else(|| SettingsError::invalid("zookeeper_init_ssl: the certificate string is NULL"))?;
        let fields: Vec<&[u8]> = string.split(|byte| *byte == b',').filter(|field| !field.is_empty()).collect();
        let path = |field: &[u8]| PathBuf::from(OsStr::from_bytes(field));
        let mut settings = Settings::common(Verify::Ca, lookup)?;
        let (ca, rest) = match fields.as_slice() {
            [] => return Err(SettingsError::invalid("zookeeper_init_ssl: the certificate string names no CA file")),
            [ca, rest @ ..] if rest.len() <= 3 => (ca, rest),
            more => {
                let count = more.len();
                let text =
                    format!("zookeeper_init_ssl: the certificate string has {count} fields, and at most 4 are known");
                return Err(SettingsError::invalid(text));
            }
        };
        settings.roots = Some(Roots::Path(path(ca)));
        if let Some(certificate) = rest.first() {
            settings.certificate = Some(path(certificate));
            settings.key = Some(path(rest.get(1).unwrap_or(certificate)));
        }
        if let Some(password) = rest.get(2) {
            settings.password = Some(Password::Text(Secret::new(password.to_vec())));
        }
        Ok(settings)
    }

    /// Settings by environment: `None` where `ZOO_TLS` and `ZOO_TLS_CA` do not ask for TLS, or `ZOO_TLS` is `off`. The
    /// default is to verify everything.
    pub fn from_environment(lookup: Lookup<'_>) -> Result<Option<Settings>, SettingsError> {
        let wanted = match text_variable(lookup, "ZOO_TLS")?.as_deref() {
            Some("on") => true,
            Some("off") => return Ok(None),
            None => variable(lookup, "ZOO_TLS_CA").is_some(),
            Some(_) => return Err(SettingsError::invalid("ZOO_TLS is neither on nor off")),
        };
        if !wanted {
            return Ok(None);
        }
        let settings = Settings::common(Verify::Full, lookup)?;
        if settings.roots.is_none() && settings.verify != Verify::None {
            let text = "ZOO_TLS is on, but ZOO_TLS_CA names no file, directory or `system` to trust";
            return Err(SettingsError::invalid(text));
        }
        Ok(Some(settings))
    }

    /// What `ZOO_TLS_*` says.
    fn common(default: Verify, lookup: Lookup<'_>) -> Result<Settings, SettingsError> {
        let verify = match text_variable(lookup, "ZOO_TLS_VERIFY")?.as_deref() {
            None => default,
            Some("full") => Verify::Full,
            Some("ca") => Verify::Ca,
            Some("none") => Verify::None,
            Some(_) => return Err(SettingsError::invalid("ZOO_TLS_VERIFY is none of full, ca and none")),
        };
        let min = match text_variable(lookup, "ZOO_TLS_MIN")?.as_deref() {
            None | Some("1.2") => MinVersion::Tls12,
            Some("1.3") => MinVersion::Tls13,
            Some(_) => return Err(SettingsError::invalid("ZOO_TLS_MIN is neither 1.2 nor 1.3")),
        };
        let compat = match text_variable(lookup, "ZOO_TLS_COMPAT")?.as_deref() {
            None => verify == Verify::Ca,
            Some("1") => true,
            Some("0") => false,
            Some(_) => return Err(SettingsError::invalid("ZOO_TLS_COMPAT is neither 1 nor 0")),
        };
        let server_name = match text_variable(lookup, "ZOO_TLS_SERVER_NAME")? {
            None => None,
            Some(name) => Some(names::parse(&name).ok_or_else(|| {
                SettingsError::invalid(format!("ZOO_TLS_SERVER_NAME: {name} is neither a host name nor an address"))
            })?),
        };
        let roots = match variable(lookup, "ZOO_TLS_CA") {
            None => None,
            Some(value) if value == "system" => Some(Roots::System(system_roots(lookup))),
            Some(value) => Some(Roots::Path(value.into())),
        };
        let certificate = variable(lookup, "ZOO_TLS_CERT").map(PathBuf::from);
        let key = variable(lookup, "ZOO_TLS_KEY").map(PathBuf::from);
        if certificate.is_none() && key.is_some() {
            return Err(SettingsError::invalid("ZOO_TLS_KEY is set, but ZOO_TLS_CERT is not"));
        }
        let key = key.or_else(|| certificate.clone());
        let password = match variable(lookup, "ZOO_TLS_KEY_PASSWORD_FILE") {
            Some(file) => Some(Password::File(file.into())),
            None => variable(lookup, "ZOO_TLS_KEY_PASSWORD")
                .map(|text| Password::Text(Secret::new(text.into_encoded_bytes()))),
        };
        Ok(Settings { roots, certificate, key, password, verify, server_name, min, compat })
    }

    /// How much is verified.
    pub fn verify(&self) -> Verify {
        self.verify
    }
}

/// The system's store: what the variables name as for OpenSSL, else the first bundle that exists.
fn system_roots(lookup: Lookup<'_>) -> Vec<PathBuf> {
    let named: Vec<PathBuf> = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .filter_map(|name| variable(lookup, name))
        .flat_map(|value| std::env::split_paths(&value).collect::<Vec<_>>())
        .collect();
    if !named.is_empty() {
        return named;
    }
    let present = SYSTEM_BUNDLES.iter().map(PathBuf::from).find(|bundle| bundle.is_file());
    vec![present.unwrap_or_else(|| PathBuf::from("/etc/ssl/certs"))]
}
