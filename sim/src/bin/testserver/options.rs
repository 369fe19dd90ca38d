//! The command line.
use std::net::IpAddr;
use std::path::PathBuf;
use zk_sim::server::Options;

/// The options of the command line.
pub(crate) struct Wanted {
    pub(crate) server: Options,
    pub(crate) address: IpAddr,
    /// One port for each member; 0 means any free port.
    pub(crate) ports: Vec<u16>,
    pub(crate) control: bool,
    pub(crate) tls: Option<Tls>,
    pub(crate) tls_version: Option<TlsVersion>,
}

/// The only version of TLS that the server accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsVersion {
    Tls12,
    Tls13,
}

/// PEM files.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    /// The CA of the clients' certificates, which clients must have if this is set.
    pub(crate) clients: Option<PathBuf>,
}

pub(crate) const HELP: &str = "\
testserver: a simulated ZooKeeper ensemble in one process

It prints the members' ports as one line and serves until it is killed. All data is in memory.

  --members N            number of members, each with a port of its own (1)
  --port P[,P...]        their ports; 0, and what is missing: any free one
  --address IP           where to listen (127.0.0.1)
  --tick MS              sessions expire at multiples of this (500)
  --min-timeout MS       shortest session timeout granted (1000)
  --max-timeout MS       longest one (60000)
  --read-only            members without a quorum serve read-only clients
  --reconfig             reconfiguration is allowed
  --superuser USER:HASH  digest identity that may do everything
  --no-extended-types    no nodes with a time to live
  --old-handshake        connect responses of 36 bytes, as before 3.4
  --fast                 as little work per request as possible: no ACL checks
  --tls CERT,KEY[,CA]    speak TLS on all ports, with these PEM files; with CA, clients need a certificate of that CA
  --tls-version V        only TLS 1.2 or only TLS 1.3: `1.2`, `1.3` (both)
  --control              read commands from stdin, one a line, each answered by `ok` or `error: ...`;
                         the server ends with its stdin. `help` lists them
";

pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Wanted, String> {
    let mut wanted = Wanted {
        server: Options::default(),
        address: IpAddr::from([127, 0, 0, 1]),
        ports: Vec::new(),
        control: false,
        tls: None,
        tls_version: None,
    };
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let (name, given) = match argument.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (argument, None),
        };
        let mut value = || given.clone().or_else(|| arguments.next()).ok_or(format!("{name} needs a value"));
        match name.as_str() {
            "--members" => wanted.server.members = number(&value()?, 1, 99)?,
            "--port" => {
                let list = value()?;
                wanted.ports = list.split(',').map(|port| number(port, 0, 65535)).collect::<Result<_, _>>()?;
            }
            "--address" => {
                let text = value()?;
                wanted.address = text.parse().map_err(|_| format!("{text} is no address"))?;
            }
            "--tick" => wanted.server.tick = number(&value()?, 1, 1_000_000)?,
            "--min-timeout" => wanted.server.min_timeout = number(&value()?, 1, 1_000_000_000)?,
            "--max-timeout" => wanted.server.max_timeout = number(&value()?, 1, 1_000_000_000)?,
            "--superuser" => wanted.server.superuser = Some(value()?),
            "--read-only" => wanted.server.read_only = true,
            "--reconfig" => wanted.server.reconfig = true,
            "--no-extended-types" => wanted.server.extended_types = false,
            "--old-handshake" => wanted.server.old_handshake = true,
            "--fast" => wanted.server.skip_acl = true,
            "--tls" => {
                let list = value()?;
                let mut files = list.split(',').map(PathBuf::from);
                let (Some(chain), Some(key), clients, None) = (files.next(), files.next(), files.next(), files.next())
                else {
                    return Err(format!("{list} is not CERT,KEY[,CA]"));
                };
                wanted.tls = Some(Tls { chain, key, clients });
            }
            "--tls-version" => {
                wanted.tls_version = Some(match value()?.as_str() {
                    "1.2" => TlsVersion::Tls12,
                    "1.3" => TlsVersion::Tls13,
                    other => return Err(format!("no TLS {other} here")),
                });
            }
            "--control" => wanted.control = true,
            _ => return Err(format!("unknown argument {name}")),
        }
    }
    wanted.ports.resize(wanted.server.members, 0);
    Ok(wanted)
}

/// A number between two bounds.
pub(crate) fn number<T: TryFrom<u64>>(text: &str, low: u64, high: u64) -> Result<T, String> {
    let value: Option<u64> = text.trim().parse().ok();
    let fitting = value.filter(|value| (low..=high).contains(value)).and_then(|value| T::try_from(value).ok());
    fitting.ok_or_else(|| format!("{text:?} is no number from {low} to {high}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Wanted, String> {
        parse(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn arguments_are_understood() {
        let wanted = of("--members 3 --port=2181,0 --control --max-timeout 9000").unwrap();
        assert_eq!((wanted.ports, wanted.control, wanted.server.max_timeout), (vec![2181, 0, 0], true, 9000));
    }

    #[test]
    fn tls_takes_two_or_three_files() {
        let tls = of("--tls a,b").unwrap().tls.unwrap();
        assert_eq!((tls.chain, tls.key, tls.clients), ("a".into(), "b".into(), None));
        assert_eq!(of("--tls a,b,c").unwrap().tls.unwrap().clients, Some("c".into()));
        assert_eq!(of("--tls a,b --tls-version 1.2").unwrap().tls_version, Some(TlsVersion::Tls12));
    }

    #[test]
    fn bad_arguments_are_refused() {
        for text in [
            "--port",
            "--port x",
            "--port 70000",
            "--members 0",
            "--bogus",
            "--address nowhere",
            "--tls a",
            "--tls a,b,c,d",
            "--tls-version 1.1",
        ] {
            assert!(of(text).is_err(), "{text}");
        }
    }
}
