//! The names that an application gave and the addresses they were resolved to, as one value. It is replaced as a whole,
//! and each value has a generation: a question to the resolver carries the generation, and the answer to an older
//! generation is dropped.
use super::list::{Change, InUse, ServerList};
use super::parse::HostPort;
use rand::Rng;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// The servers as the application named them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    text: String,
    names: Arc<[HostPort]>,
    has_names: bool,
}

impl Hosts {
    /// The host string as given, for log lines, and the names parsed from it.
    pub fn new(text: impl Into<String>, names: Vec<HostPort>) -> Hosts {
        let has_names = names.iter().any(|host| host.numeric().is_none());
        Hosts { text: text.into(), names: names.into(), has_names }
    }

    /// The host string as given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The servers in the given order.
    pub fn names(&self) -> &Arc<[HostPort]> {
        &self.names
    }

    /// Whether resolving again could change the addresses.
    pub fn has_names(&self) -> bool {
        self.has_names
    }
}

/// A question to the resolver. The answer returns its generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The generation of the list in question.
    pub generation: u64,
    /// The names to resolve.
    pub names: Arc<[HostPort]>,
}

/// The names, their addresses and the generation. Derefs to the addresses.
#[derive(Clone, Debug, Default)]
pub struct HostList {
    hosts: Hosts,
    generation: u64,
    addresses: ServerList,
}

impl HostList {
    /// The names.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// The question to the resolver about the names of this generation.
    pub fn lookup(&self) -> Lookup {
        Lookup { generation: self.generation, names: Arc::clone(&self.hosts.names) }
    }

    /// Whether an answer to this generation's question is about the present names.
    pub fn is_current(&self, generation: u64) -> bool {
        self.generation == generation
    }

    /// Takes a new list: names and addresses together. Answers about earlier names are dropped from here on.
    pub fn replace(
        &mut self,
        hosts: Hosts,
        addresses: &[SocketAddr],
        in_use: InUse,
        rng: &mut impl Rng,
        shuffle: bool,
    ) -> Change {
        self.hosts = hosts;
        self.generation += 1;
        self.addresses.replace(addresses, in_use, rng, shuffle)
    }

    /// Replaces the addresses of the present names.
    pub fn resolve(&mut self, addresses: &[SocketAddr], in_use: InUse, rng: &mut impl Rng, shuffle: bool) -> Change {
        self.addresses.replace(addresses, in_use, rng, shuffle)
    }
}

impl Deref for HostList {
    type Target = ServerList;

    fn deref(&self) -> &ServerList {
        &self.addresses
    }
}

impl DerefMut for HostList {
    fn deref_mut(&mut self) -> &mut ServerList {
        &mut self.addresses
    }
}
