//! The TLS settings of the application and the operator: the certificate string of `zookeeper_init_ssl` and `ZOO_TLS*`.
use super::names;
use crate::{Lookup, NamedFile, Secret, SettingsError, text_variable, variable, word_variable};
use rustls::pki_types::ServerName;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// How much of the server's certificate is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// The chain, and that the certificate is for the server's name.
    Full,
    /// The chain.
    Ca,
    /// Nothing: the connection is encrypted, but the peer is not verified.
    None,
}

/// Where the trust anchors are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// A PEM file, or a directory of such files.
    Path(NamedFile),
    /// The system's store, or the files that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
    System(Vec<NamedFile>),
}

/// The oldest TLS version that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MinVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// The source of the key's password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Password {
    Text(Secret),
    /// The first line of a file, read anew with the key.
    File(NamedFile),
}

/// The client's certificate with its key: both from the certificate string, or both from the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) certificate: NamedFile,
    pub(super) key: NamedFile,
    pub(super) password: Option<Password>,
}

/// All settings of a handle. `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub(super) roots: Option<Roots>,
    pub(super) client: Option<Client>,
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

/// The purposes of files, in the words of messages.
const CA_FILE: &str = "CA file";
const CLIENT_CERTIFICATE: &str = "client certificate";
const CLIENT_KEY: &str = "client key";
const SYSTEM_FILE: &str = "system CA file";
/// The fields of the certificate string that name files.
const FIELDS: [&str; 3] = [
    "zookeeper_init_ssl, field 1 of the certificate string",
    "zookeeper_init_ssl, field 2 of the certificate string",
    "zookeeper_init_ssl, field 3 of the certificate string",
];

impl Settings {
    /// Settings of `zookeeper_init_ssl`. The string names the CA file, the certificate chain, the key and its password,
    /// separated by commas; as with strtok, empty fields do not count. With two fields the second file holds chain and
    /// key. Settings that the string omits may come from the environment. If the string names a certificate, that is
    /// only the key's password, and only if the environment names no other key to which the password could belong. The
    /// default is to verify only the chain.
    pub fn from_cert_string(string: Option<&[u8]>, lookup: Lookup<'_>) -> Result<Settings, SettingsError> {
        let string =
            string.ok_or_else(|| SettingsError::invalid("zookeeper_init_ssl: the certificate string is NULL"))?;
        let fields: Vec<&[u8]> = string.split(|byte| *byte == b',').filter(|field| !field.is_empty()).collect();
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
        let named = |number: usize, what, field: &[u8]| {
            let setting = FIELDS.get(number).copied().unwrap_or_default();
            NamedFile::new(setting, what, Path::new(OsStr::from_bytes(field)))
        };
        let client = match *rest {
            [] => Settings::client(lookup)?,
            [certificate, ref more @ ..] => {
                let certificate = named(1, CLIENT_CERTIFICATE, certificate);
                let key = more.first().map_or_else(|| certificate.used_as(CLIENT_KEY), |key| named(2, CLIENT_KEY, key));
                let has_own_key = ["ZOO_TLS_CERT", "ZOO_TLS_KEY"].iter().any(|name| variable(lookup, name).is_some());
                let password = match more.get(1) {
                    Some(text) => Some(Password::Text(Secret::new(text.to_vec()))),
                    None if has_own_key => None,
                    None => Settings::password(lookup),
                };
                Some(Client { certificate, key, password })
            }
        };
        Settings::common(Verify::Ca, Some(Roots::Path(named(0, CA_FILE, ca))), client, lookup)
    }

    /// Settings from the environment: `None` if `ZOO_TLS` and `ZOO_TLS_CA` do not ask for TLS, or `ZOO_TLS` is `off`.
    /// The default is to verify everything.
    pub fn from_environment(lookup: Lookup<'_>) -> Result<Option<Settings>, SettingsError> {
        let wanted = match word_variable(lookup, "ZOO_TLS")?.as_deref() {
            Some("on") => true,
            Some("off") => return Ok(None),
            None => variable(lookup, "ZOO_TLS_CA").is_some(),
            Some(_) => return Err(SettingsError::invalid("ZOO_TLS is neither on nor off")),
        };
        if !wanted {
            return Ok(None);
        }
        let roots = match variable(lookup, "ZOO_TLS_CA") {
            None => None,
            Some(value) if value == "system" => Some(Roots::System(system_roots(lookup))),
            Some(value) => Some(Roots::Path(NamedFile::new("ZOO_TLS_CA", CA_FILE, value))),
        };
        let settings = Settings::common(Verify::Full, roots, Settings::client(lookup)?, lookup)?;
        if settings.roots.is_none() && settings.verify != Verify::None {
            let text = "ZOO_TLS is on, but ZOO_TLS_CA names no file, directory or `system` to trust";
            return Err(SettingsError::invalid(text));
        }
        Ok(Some(settings))
    }

    /// The client certificate that the environment names.
    fn client(lookup: Lookup<'_>) -> Result<Option<Client>, SettingsError> {
        let certificate = variable(lookup, "ZOO_TLS_CERT");
        let key = variable(lookup, "ZOO_TLS_KEY");
        let Some(certificate) = certificate.map(|file| NamedFile::new("ZOO_TLS_CERT", CLIENT_CERTIFICATE, file)) else {
            return match key {
                Some(_) => Err(SettingsError::invalid("ZOO_TLS_KEY is set, but ZOO_TLS_CERT is not")),
                None => Ok(None),
            };
        };
        let key =
            key.map_or_else(|| certificate.used_as(CLIENT_KEY), |file| NamedFile::new("ZOO_TLS_KEY", CLIENT_KEY, file));
        Ok(Some(Client { certificate, key, password: Settings::password(lookup) }))
    }

    /// The password of a key, from the environment.
    fn password(lookup: Lookup<'_>) -> Option<Password> {
        const FILE: &str = "ZOO_TLS_KEY_PASSWORD_FILE";
        match variable(lookup, FILE) {
            Some(file) => Some(Password::File(NamedFile::new(FILE, "key password file", file))),
            None => variable(lookup, "ZOO_TLS_KEY_PASSWORD")
                .map(|text| Password::Text(Secret::new(text.into_encoded_bytes()))),
        }
    }

    /// Settings with the variables that apply to certificate strings too.
    fn common(
        default: Verify,
        roots: Option<Roots>,
        client: Option<Client>,
        lookup: Lookup<'_>,
    ) -> Result<Settings, SettingsError> {
        let verify = match word_variable(lookup, "ZOO_TLS_VERIFY")?.as_deref() {
            None => default,
            Some("full") => Verify::Full,
            Some("ca") => Verify::Ca,
            Some("none") => Verify::None,
            Some(_) => return Err(SettingsError::invalid("ZOO_TLS_VERIFY is none of full, ca and none")),
        };
        let min = match word_variable(lookup, "ZOO_TLS_MIN")?.as_deref() {
            None | Some("1.2") => MinVersion::Tls12,
            Some("1.3") => MinVersion::Tls13,
            Some(_) => return Err(SettingsError::invalid("ZOO_TLS_MIN is neither 1.2 nor 1.3")),
        };
        let compat = match word_variable(lookup, "ZOO_TLS_COMPAT")?.as_deref() {
            None => verify == Verify::Ca,
            Some("1") => true,
            Some("0") => false,
            Some(_) => return Err(SettingsError::invalid("ZOO_TLS_COMPAT is neither 1 nor 0")),
        };
        let server_name =
            match text_variable(lookup, "ZOO_TLS_SERVER_NAME")? {
                None => None,
                Some(name) => Some(names::parse(&name).ok_or_else(|| {
                    SettingsError::invalid("ZOO_TLS_SERVER_NAME is neither a host name nor an address")
                })?),
            };
        Ok(Settings { roots, client, verify, server_name, min, compat })
    }

    /// How much of the server's certificate is verified.
    pub fn verify(&self) -> Verify {
        self.verify
    }
}

/// The system's store: the files that OpenSSL's variables name, else the first bundle that exists.
fn system_roots(lookup: Lookup<'_>) -> Vec<NamedFile> {
    let named: Vec<NamedFile> = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .filter_map(|name| variable(lookup, name).map(|value| (name, value)))
        .flat_map(|(name, value)| {
            std::env::split_paths(&value).map(|path| NamedFile::new(name, SYSTEM_FILE, path)).collect::<Vec<_>>()
        })
        .collect();
    if !named.is_empty() {
        return named;
    }
    let present = SYSTEM_BUNDLES.iter().copied().find(|bundle| Path::new(bundle).is_file());
    vec![NamedFile::new("ZOO_TLS_CA", SYSTEM_FILE, present.unwrap_or("/etc/ssl/certs"))]
}
