//! Nodes, the changes that can be asked for, and what comes of them. Knows no tree.
use crate::acl::{Acl, Entry, Identities};
use crate::hash_order::HashOrder;
use crate::rules::is_mortal;
use std::sync::Arc;
use zk_core::code::Code;
use zk_core::proto::Stat;

/// One node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its data; none and empty are different things.
    pub data: Option<Arc<[u8]>>,
    /// Who may do what.
    pub acl: Acl,
    /// Names of its children.
    pub children: HashOrder,
    /// Metadata as stored: `cversion` counts only creations here, lengths and counts are not kept.
    pub(crate) stored: Stat,
}

impl Node {
    pub(crate) fn new(data: Option<Arc<[u8]>>, acl: Acl, zxid: i64, time: i64, owner: i64) -> Node {
        let stored = Stat {
            czxid: zxid,
            mzxid: zxid,
            pzxid: zxid,
            ctime: time,
            mtime: time,
            ephemeral_owner: owner,
            ..Stat::default()
        };
        Node { data, acl, children: HashOrder::default(), stored }
    }

    /// Metadata as clients see it.
    pub fn stat(&self) -> Stat {
        let children = i32::try_from(self.children.len()).unwrap_or(i32::MAX);
        Stat {
            data_length: self.data.as_ref().map_or(0, |data| i32::try_from(data.len()).unwrap_or(i32::MAX)),
            num_children: children,
            ephemeral_owner: if is_mortal(self.stored.ephemeral_owner) { 0 } else { self.stored.ephemeral_owner },
            // Creations and deletions together, from creations and what is left.
            cversion: self.stored.cversion.wrapping_mul(2).wrapping_sub(children),
            ..self.stored
        }
    }
}

/// What a create request asks for.
#[derive(Clone, Debug)]
pub struct Create {
    /// Path, to which sequential modes append.
    pub path: String,
    /// Data.
    pub data: Option<Vec<u8>>,
    /// ACL.
    pub acl: Vec<Entry>,
    /// Create mode, as on the wire.
    pub flags: i32,
    /// Time to live in milliseconds, -1 for none.
    pub ttl: i64,
}

/// A change.
#[derive(Clone, Debug)]
pub enum Change {
    /// A new node.
    Create(Create),
    /// Path and expected version.
    Delete(String, i32),
    /// Path, data, expected version.
    SetData(String, Option<Vec<u8>>, i32),
    /// Path, list, expected version of the list.
    SetAcl(String, Vec<Entry>, i32),
    /// Path and expected version; changes nothing.
    Check(String, i32),
}

/// What a change did.
#[derive(Clone, Debug)]
pub enum Done {
    /// A node was created at this path.
    Created(String, Stat),
    /// The node's metadata after the change.
    Changed(Stat),
    /// Nothing to tell.
    Nothing,
}

/// Who changes, and under which transaction.
#[derive(Clone, Copy, Debug)]
pub struct Author<'a> {
    /// What the connection has proved.
    pub identities: &'a Identities,
    /// Owner of the ephemeral nodes it creates.
    pub session: i64,
    /// The transaction.
    pub zxid: i64,
    /// Wall clock, milliseconds.
    pub time: i64,
    /// Whether time to live is switched on (`zookeeper.extendedTypesEnabled`).
    pub extended_types: bool,
    /// Whether ACLs are ignored.
    pub skip_acl: bool,
}

impl Author<'_> {
    pub(crate) fn check(&self, acl: &Acl, wanted: i32) -> Result<(), Code> {
        if self.skip_acl { Ok(()) } else { self.identities.check(acl, wanted) }
    }
}

/// What a change means to watchers.
#[derive(Clone, Debug)]
pub struct Happened {
    /// One of [`event`].
    pub kind: i32,
    /// The node.
    pub path: String,
    /// Its ACL: who may not read the node is not told.
    pub acl: Acl,
    /// Its parent's ACL.
    pub parent: Acl,
}
