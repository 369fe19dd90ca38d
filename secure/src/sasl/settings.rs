//! `ZOO_SASL_*`.
use super::Failure;
use crate::{Lookup, NamedFile, Secret, SettingsError, files, text_variable, variable, word_variable};

/// The host name that ZooKeeper servers use for DIGEST-MD5, whatever their real names are.
pub const DIGEST_HOST: &str = "zk-sasl-md5";
/// The first part of the server's principal.
const SERVICE: &str = "zookeeper";

/// The variable that names a file whose first line is the password.
const PASSWORD_FILE: &str = "ZOO_SASL_PASSWORD_FILE";

/// A mechanism that the environment can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// User and password.
    DigestMd5,
    /// Kerberos.
    Gssapi,
}

impl Mechanism {
    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Mechanism::DigestMd5 => "DIGEST-MD5",
            Mechanism::Gssapi => "GSSAPI",
        }
    }
}

/// How a handle authenticates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    mechanism: Mechanism,
    user: String,
    password_file: Option<NamedFile>,
    service: String,
    host: Option<String>,
}

impl Settings {
    /// Returns `None` if `ZOO_SASL_MECHANISM` is not set. Reads the password file once as a check.
    pub fn from_environment(lookup: Lookup<'_>) -> Result<Option<Settings>, SettingsError> {
        let mechanism = match word_variable(lookup, "ZOO_SASL_MECHANISM")?.as_deref() {
            None => return Ok(None),
            Some("digest-md5") => Mechanism::DigestMd5,
            Some("gssapi") => Mechanism::Gssapi,
            Some(_) => return Err(SettingsError::invalid("ZOO_SASL_MECHANISM is neither DIGEST-MD5 nor GSSAPI")),
        };
        let user = text_variable(lookup, "ZOO_SASL_USER")?;
        let password_file =
            variable(lookup, PASSWORD_FILE).map(|file| NamedFile::new(PASSWORD_FILE, "SASL password file", file));
        if mechanism == Mechanism::DigestMd5 {
            if user.is_none() {
                return Err(SettingsError::invalid("ZOO_SASL_MECHANISM is DIGEST-MD5, but ZOO_SASL_USER is not set"));
            }
            if password_file.is_none() {
                let text = "ZOO_SASL_MECHANISM is DIGEST-MD5, but ZOO_SASL_PASSWORD_FILE is not set";
                return Err(SettingsError::invalid(text));
            }
        }
        let settings = Settings {
            mechanism,
            user: user.unwrap_or_default(),
            password_file,
            service: text_variable(lookup, "ZOO_SASL_SERVICE")?.unwrap_or_else(|| SERVICE.to_owned()),
            host: text_variable(lookup, "ZOO_SASL_HOST")?,
        };
        if let Some(file) = &settings.password_file {
            files::first_line(file)?;
        }
        Ok(Some(settings))
    }

    /// The mechanism.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The user; for GSSAPI the authorization identity, usually empty.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password, read anew because it may have changed. A file that cannot be read is a temporary failure.
    pub fn password(&self) -> Result<Secret, Failure> {
        let Some(file) = &self.password_file else { return Ok(Secret::new(Vec::new())) };
        files::first_line(file).map_err(|error| Failure::temporary(format!("{}: {error}", self.mechanism.name())))
    }

    /// Mechanism and settings for the log, without secrets.
    pub fn description(&self) -> String {
        let name = self.mechanism.name();
        match &self.password_file {
            Some(file) => {
                let server = self.host.as_ref().map_or(String::new(), |_| {
                    format!(" for the host of ZOO_SASL_HOST (a ZooKeeper server is {DIGEST_HOST}, whatever its name)")
                });
                format!("{name}{server}, the user of ZOO_SASL_USER with the password file {}", file.shown())
            }
            None => name.to_owned(),
        }
    }

    /// The service's name.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The host name in the service's identity. `server` is the server's name in the host string.
    pub fn host<'a>(&'a self, server: &'a str) -> &'a str {
        match (&self.host, self.mechanism) {
            (Some(host), _) => host,
            (None, Mechanism::DigestMd5) => DIGEST_HOST,
            (None, Mechanism::Gssapi) => server,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn settings(variables: &[(&str, &str)]) -> Result<Option<Settings>, SettingsError> {
        Settings::from_environment(&|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn digest_md5_needs_user_and_password() {
        let file = std::env::temp_dir().join(format!("zk-secure-sasl-{}", std::process::id()));
        std::fs::write(&file, "pass word\r\nsecond line\n").unwrap();
        let path = file.to_str().unwrap();
        let all = [("ZOO_SASL_MECHANISM", "DIGEST-MD5"), ("ZOO_SASL_USER", "u"), ("ZOO_SASL_PASSWORD_FILE", path)];
        let found = settings(&all).unwrap().unwrap();
        assert_eq!((found.user(), found.service(), found.host("zk1")), ("u", "zookeeper", "zk-sasl-md5"));
        assert_eq!(found.password().unwrap().expose(), b"pass word");
        std::fs::write(&file, "changed").unwrap();
        assert_eq!(found.password().unwrap().expose(), b"changed");
        std::fs::remove_file(&file).unwrap();
        assert!(!found.password().unwrap_err().is_final(true));
        for without in 1..3 {
            let some: Vec<_> = all.iter().enumerate().filter(|(at, _)| *at != without).map(|(_, pair)| *pair).collect();
            assert_eq!(settings(&some).unwrap_err().errno(), 22);
        }
        let error = settings(&all).unwrap_err();
        assert_eq!(error.errno(), 2, "{error}");
        assert!(error.to_string().contains(path), "{error}");
    }

    #[test]
    fn gssapi_takes_the_hosts_name() {
        assert_eq!(settings(&[]), Ok(None));
        let found = settings(&[("ZOO_SASL_MECHANISM", "GSSAPI")]).unwrap().unwrap();
        assert_eq!((found.mechanism().name(), found.host("zk1")), ("GSSAPI", "zk1"));
        let found = settings(&[("ZOO_SASL_MECHANISM", "GSSAPI"), ("ZOO_SASL_HOST", "h")]).unwrap().unwrap();
        assert_eq!(found.host("zk1"), "h");
        assert!(settings(&[("ZOO_SASL_MECHANISM", "PLAIN")]).is_err());
    }
}
