//! Nodes, changes to them, and the results of changes. Knows no tree.
use crate::acl::{Acl, Entry, Identities};
use crate::hash_order::HashOrder;
use crate::rules::is_mortal;
use std::sync::Arc;
use zk_core::code::Code;
use zk_core::proto::Stat;

/// One node.
#[derive(Clone, Debug)]
pub struct Node {
    /// The node's data; none and empty are different.
    pub data: Option<Arc<[u8]>>,
    /// The node's access control list.
    pub acl: Acl,
    /// Names of the node's children.
    pub children: HashOrder,
    /// Metadata as stored: `cversion` counts only creations here; lengths and counts are not stored.
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
            // Counts creations and deletions, computed from the creations and the remaining children.
            cversion: self.stored.cversion.wrapping_mul(2).wrapping_sub(children),
            ..self.stored
        }
    }
}

/// The arguments of a create request.
#[derive(Clone, Debug)]
pub struct Create {
    /// The path, to which a sequential mode appends a number.
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

/// The result of a change.
#[derive(Clone, Debug)]
pub enum Done {
    /// A node was created at this path.
    Created(String, Stat),
    /// The node's metadata after the change.
    Changed(Stat),
    /// Nothing to tell.
    Nothing,
}

/// The author of a change, and its transaction.
#[derive(Clone, Copy, Debug)]
pub struct Author<'a> {
    /// The identities that the connection has proved.
    pub identities: &'a Identities,
    /// The session, which owns the ephemeral nodes that the change creates.
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

/// An event for watchers.
#[derive(Clone, Debug)]
pub struct Happened {
    /// One of [`event`].
    pub kind: i32,
    /// The node.
    pub path: String,
    /// The node's ACL: a client that may not read the node does not get the event.
    pub acl: Acl,
    /// Its parent's ACL.
    pub parent: Acl,
}
