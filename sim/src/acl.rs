//! Access control: the schemes `world`, `auth`, `digest`, `ip` and the superuser. Owns the validity and the meaning of
//! an ACL; knows no node.
use crate::digest;
use crate::hash_order::java_hash;
use crate::wire;
use std::net::IpAddr;
use std::sync::Arc;
use zk_core::code::Code;
use zk_core::jute::{Malformed, Reader};
use zk_core::proto;

/// Permission bits.
pub mod perms {
    #![allow(missing_docs)]
    pub const READ: i32 = 1;
    pub const WRITE: i32 = 2;
    pub const CREATE: i32 = 4;
    pub const DELETE: i32 = 8;
    pub const ADMIN: i32 = 16;
    pub const ALL: i32 = 31;
}

/// An identity: of an ACL entry, or one that a connection has proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id {
    /// Its scheme.
    pub scheme: Option<String>,
    /// The name within the scheme.
    pub id: Option<String>,
}

impl Id {
    /// An identity of two words.
    pub fn new(scheme: &str, id: &str) -> Id {
        Id { scheme: Some(scheme.into()), id: Some(id.into()) }
    }

    fn is(&self, scheme: &str) -> bool {
        self.scheme.as_deref() == Some(scheme)
    }

    fn is_anyone(&self) -> bool {
        self.is("world") && self.id.as_deref() == Some("anyone")
    }

    /// The bucket in the hash table in which the real server keeps a connection's identities.
    fn bucket(&self) -> u32 {
        let hash = |text: &Option<String>| java_hash(text.as_deref().unwrap_or_default());
        let sum =
            (17_u32.wrapping_mul(37).wrapping_add(hash(&self.scheme))).wrapping_mul(37).wrapping_add(hash(&self.id));
        (sum ^ (sum >> 16)) & 15
    }
}

/// One entry of an access control list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Permission bits.
    pub perms: i32,
    /// Who has them.
    pub who: Id,
}

/// An access control list.
pub type Acl = Arc<[Entry]>;

/// Everybody has all permissions.
pub fn open() -> Acl {
    Arc::new([Entry { perms: perms::ALL, who: Id::new("world", "anyone") }])
}

/// Everybody may read.
pub fn read_only() -> Acl {
    Arc::new([Entry { perms: perms::READ, who: Id::new("world", "anyone") }])
}

/// Reads a list from a request.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Vec<Entry>, Malformed> {
    let count = reader.count(proto::Acl::MIN_LEN)?;
    (0..count)
        .map(|_| {
            let perms = reader.i32()?;
            Ok(Entry { perms, who: Id { scheme: wire::string(reader)?, id: wire::string(reader)? } })
        })
        .collect()
}

/// Appends a list; `mask` hides the secret half of digest identities, as from a reader without the permission ADMIN.
pub(crate) fn write(out: &mut Vec<u8>, acl: &[Entry], mask: bool) {
    let masked: Vec<Entry> = acl
        .iter()
        .map(|entry| match &entry.who.id {
            Some(id) if mask && entry.who.is("digest") => {
                let user = id.split_once(':').map(|(user, _)| format!("{user}:x"));
                Entry {
                    perms: entry.perms,
                    who: Id { scheme: Some("digest".into()), id: user.or_else(|| Some(id.clone())) },
                }
            }
            _ => entry.clone(),
        })
        .collect();
    let records: Vec<proto::Acl<'_>> = masked
        .iter()
        .map(|entry| proto::Acl {
            perms: entry.perms,
            scheme: entry.who.scheme.as_deref().map(str::as_bytes),
            id: entry.who.id.as_deref().map(str::as_bytes),
        })
        .collect();
    proto::put_acls(out, &records);
}

/// The list as it is stored: duplicates dropped, `auth` replaced by the identities that the connection has proved.
pub(crate) fn fix(wanted: Vec<Entry>, proved: &Identities) -> Result<Acl, Code> {
    let mut unique: Vec<Entry> = Vec::new();
    for entry in wanted {
        if !unique.contains(&entry) {
            unique.push(entry);
        }
    }
    let mut fixed = Vec::new();
    for entry in unique {
        let Some(scheme) = entry.who.scheme.clone() else { return Err(Code::InvalidAcl) };
        if scheme == "world" && entry.who.id.is_none() {
            return Err(Code::MarshallingError);
        } else if entry.who.is_anyone() {
            fixed.push(entry);
        } else if scheme == "auth" {
            let before = fixed.len();
            fixed.extend(proved.authenticated().map(|who| Entry { perms: entry.perms, who: who.clone() }));
            if fixed.len() == before {
                return Err(Code::InvalidAcl);
            }
        } else if is_valid(&scheme, entry.who.id.as_deref())? {
            fixed.push(entry);
        } else {
            return Err(Code::InvalidAcl);
        }
    }
    if fixed.is_empty() { Err(Code::InvalidAcl) } else { Ok(fixed.into()) }
}

fn is_valid(scheme: &str, id: Option<&str>) -> Result<bool, Code> {
    match (scheme, id) {
        ("digest", Some(id)) => Ok(java_split(id) == 2),
        ("ip", Some(id)) => Ok(network(id).is_some()),
        ("digest" | "ip", None) => Err(Code::MarshallingError),
        _ => Ok(false),
    }
}

/// How many parts Java's `split(":")` makes: trailing empty parts do not count.
fn java_split(id: &str) -> usize {
    let trimmed = id.trim_end_matches(':');
    if trimmed.is_empty() { usize::from(id.is_empty()) } else { trimmed.split(':').count() }
}

/// An address with the number of its significant bits.
fn network(id: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = id.split_once('/').map_or((id, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(whole), |bits| bits.parse().ok().filter(|bits| *bits <= whole))?;
    Some((address, bits))
}

fn in_network(peer: &str, id: &str) -> bool {
    let (Some((network, bits)), Ok(peer)) = (network(id), peer.parse::<IpAddr>()) else { return false };
    let number = |address: IpAddr| match address {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)), 32),
        IpAddr::V6(v6) => (u128::from(v6), 128),
    };
    let ((network, width), (peer, other)) = (number(network), number(peer));
    let shift = u32::from(width - bits.min(width));
    width == other && network.checked_shr(shift).unwrap_or(0) == peer.checked_shr(shift).unwrap_or(0)
}

/// The identities that a connection has proved.
#[derive(Clone, Debug)]
pub struct Identities {
    all: Vec<Id>,
}

impl Identities {
    /// A connection from `peer`.
    pub fn of_peer(peer: &str) -> Identities {
        Identities { all: vec![Id::new("ip", peer)] }
    }

    /// Processes an auth packet. False if it proves nothing.
    pub(crate) fn prove(&mut self, scheme: Option<&str>, auth: Option<&[u8]>, superuser: Option<&str>) -> bool {
        match (scheme, auth) {
            (Some("ip"), _) => true,
            (Some("digest"), Some(auth)) => {
                let identity = digest::identity(&String::from_utf8_lossy(auth));
                if superuser == Some(identity.as_str()) {
                    self.add(Id::new("super", ""));
                }
                self.add(Id::new("digest", &identity));
                true
            }
            _ => false,
        }
    }

    pub(crate) fn add(&mut self, id: Id) {
        if !self.all.contains(&id) {
            self.all.push(id);
            self.all.sort_by_key(Id::bucket);
        }
    }

    /// The identities that "auth" stands for.
    fn authenticated(&self) -> impl Iterator<Item = &Id> {
        self.all.iter().filter(|id| id.is("digest") || id.is("sasl"))
    }

    /// Whether `acl` grants one of the permissions `wanted`.
    pub(crate) fn check(&self, acl: &[Entry], wanted: i32) -> Result<(), Code> {
        let allowed = acl.is_empty()
            || self.all.iter().any(|id| id.is("super"))
            || acl.iter().filter(|entry| entry.perms & wanted != 0).any(|entry| {
                entry.who.is_anyone()
                    || self.all.iter().any(|id| {
                        id.scheme == entry.who.scheme
                            && match (id.id.as_deref(), entry.who.id.as_deref()) {
                                (Some(peer), Some(net)) if id.is("ip") => in_network(peer, net),
                                (have, want) => have == want,
                            }
                    })
            });
        if allowed { Ok(()) } else { Err(Code::NoAuth) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ip_entries_match_by_network() {
        let me = Identities::of_peer("127.0.0.1");
        let entry = |net: &str| [Entry { perms: perms::READ, who: Id::new("ip", net) }];
        for (net, allowed) in
            [("127.0.0.1", true), ("127.0.0.0/8", true), ("0.0.0.0/0", true), ("10.0.0.0/8", false), ("::1", false)]
        {
            assert_eq!(me.check(&entry(net), perms::READ).is_ok(), allowed, "{net}");
            assert!(me.check(&entry(net), perms::WRITE).is_err());
        }
    }

    #[test]
    fn auth_stands_for_the_proved_digests() {
        let mut me = Identities::of_peer("127.0.0.1");
        let auth = || vec![Entry { perms: perms::ALL, who: Id::new("auth", "") }];
        assert_eq!(fix(auth(), &me), Err(Code::InvalidAcl));
        assert!(me.prove(Some("digest"), Some(b"super:superpw"), None));
        let fixed = fix(auth(), &me).unwrap();
        assert_eq!(fixed[0].who, Id::new("digest", "super:g9oN2HttPfn8MMWJZ2r45Np/LIA="));
    }

    #[test]
    fn unknown_schemes_prove_nothing() {
        let mut me = Identities::of_peer("127.0.0.1");
        assert!(!me.prove(Some("bogus"), Some(b"x"), None));
        assert!(!me.prove(None, None, None));
        assert!(!me.prove(Some("digest"), None, None));
    }
}
