//! The tree of nodes: its rules, its metadata, and undoing of changes. Knows no session, connection or watch.
use crate::acl::{self, Acl, perms};
use crate::hash_order::{HashOrder, Mark};
pub use crate::node::{Author, Change, Create, Done, Happened, Node};
use crate::rules::{CONTAINER, Mode, TTL_MAX, is_mortal, next_version, split, valid};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use zk_core::code::Code;
use zk_core::proto::{Stat, event};

/// Nodes that cannot be deleted.
const SPECIAL: [&str; 4] = ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"];

/// Undoes one change.
enum Undo {
    Create { path: String, mark: Mark, cversion: i32, pzxid: i64 },
    Delete { path: String, node: Box<Node>, mark: Mark, pzxid: i64 },
    SetData { path: String, data: Option<Arc<[u8]>>, stored: Stat },
    SetAcl { path: String, acl: Acl, aversion: i32 },
}

/// The tree.
#[derive(Clone, Debug)]
pub struct Tree {
    nodes: HashMap<Arc<str>, Node>,
    ephemerals: BTreeMap<i64, HashOrder>,
    /// Containers and nodes with a time to live, in order of path.
    mortal: BTreeMap<Arc<str>, i64>,
}

impl Tree {
    /// A new server's tree: `/` and the nodes below `/zookeeper`, with `config` in the configuration node.
    pub fn new(config: &str, config_version: i32) -> Tree {
        let mut tree = Tree { nodes: HashMap::new(), ephemerals: BTreeMap::new(), mortal: BTreeMap::new() };
        for path in ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"] {
            tree.nodes.insert(path.into(), Node::new(Some(Arc::new([])), acl::open(), 0, 0, 0));
        }
        for (parent, name) in [("/", "zookeeper"), ("/zookeeper", "quota"), ("/zookeeper", "config")] {
            if let Some(node) = tree.nodes.get_mut(parent) {
                node.children.insert(name);
            }
        }
        if let Some(node) = tree.nodes.get_mut("/zookeeper/config") {
            node.data = Some(config.as_bytes().into());
            node.acl = acl::read_only();
            node.stored.aversion = -1;
            node.stored.version = config_version;
        }
        tree
    }

    /// The node at `path`; the empty path is the root, as on the real server.
    pub fn node(&self, path: &str) -> Option<&Node> {
        self.nodes.get(if path.is_empty() { "/" } else { path })
    }

    fn node_mut(&mut self, path: &str) -> Option<&mut Node> {
        self.nodes.get_mut(if path.is_empty() { "/" } else { path })
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Always false: the root always exists.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Paths of the ephemeral nodes of a session, in the order in which the server deletes them.
    pub fn ephemerals(&self, session: i64) -> Vec<Arc<str>> {
        self.ephemerals.get(&session).map(HashOrder::in_clone_order).unwrap_or_default()
    }

    /// Sessions that own ephemeral nodes.
    pub fn owners(&self) -> impl Iterator<Item = i64> {
        self.ephemerals.keys().copied()
    }

    /// Whether there are containers or nodes with a time to live.
    pub fn has_mortals(&self) -> bool {
        !self.mortal.is_empty()
    }

    /// Paths of containers and of nodes with a time to live that are due at `time`.
    pub fn due(&self, time: i64) -> Vec<Arc<str>> {
        self.mortal
            .iter()
            .filter(|(path, owner)| {
                self.node(path).is_some_and(|node| {
                    let age = time.saturating_sub(node.stored.mtime);
                    node.children.is_empty()
                        && if **owner == CONTAINER { node.stored.cversion > 0 } else { age > **owner & TTL_MAX }
                })
            })
            .map(|(path, _)| Arc::clone(path))
            .collect()
    }

    /// Makes all changes, or none; the error holds the index of the change that failed, and its code.
    pub fn apply(
        &mut self,
        changes: Vec<Change>,
        author: Author<'_>,
        happened: &mut Vec<Happened>,
    ) -> Result<Vec<Done>, (usize, Code)> {
        let mut done = Vec::with_capacity(changes.len());
        let mut undo = Vec::with_capacity(changes.len());
        let before = happened.len();
        for change in changes {
            match self.change(change, author, &mut undo, happened) {
                Ok(one) => done.push(one),
                Err(code) => {
                    for step in undo.into_iter().rev() {
                        self.take_back(step);
                    }
                    happened.truncate(before);
                    return Err((done.len(), code));
                }
            }
        }
        Ok(done)
    }

    fn change(
        &mut self,
        change: Change,
        author: Author<'_>,
        undo: &mut Vec<Undo>,
        happened: &mut Vec<Happened>,
    ) -> Result<Done, Code> {
        match change {
            Change::Create(create) => self.create(create, author, undo, happened),
            Change::Delete(path, version) => self.delete(path, version, author, undo, happened),
            Change::SetData(path, data, version) => {
                valid(&path)?;
                let node = self.nodes.get_mut(path.as_str()).ok_or(Code::NoNode)?;
                author.check(&node.acl, perms::WRITE)?;
                let (old, stored) = (node.data.take(), node.stored);
                node.data = data.map(Into::into);
                match next_version(stored.version, version) {
                    Ok(next) => node.stored.version = next,
                    Err(code) => {
                        node.data = old;
                        return Err(code);
                    }
                }
                node.stored.mzxid = author.zxid;
                node.stored.mtime = author.time;
                let stat = node.stat();
                let acl = Arc::clone(&node.acl);
                undo.push(Undo::SetData { path: path.clone(), data: old, stored });
                happened.push(Happened { kind: event::CHANGED, path, parent: Arc::clone(&acl), acl });
                Ok(Done::Changed(stat))
            }
            Change::SetAcl(path, wanted, version) => {
                valid(&path)?;
                let acl = acl::fix(wanted, author.identities)?;
                let node = self.nodes.get_mut(path.as_str()).ok_or(Code::NoNode)?;
                author.check(&node.acl, perms::ADMIN)?;
                let aversion = node.stored.aversion;
                node.stored.aversion = next_version(aversion, version)?;
                let old = std::mem::replace(&mut node.acl, acl);
                let stat = node.stat();
                undo.push(Undo::SetAcl { path, acl: old, aversion });
                Ok(Done::Changed(stat))
            }
            Change::Check(path, version) => {
                valid(&path)?;
                let node = self.node(&path).ok_or(Code::NoNode)?;
                author.check(&node.acl, perms::READ)?;
                next_version(node.stored.version, version)?;
                Ok(Done::Nothing)
            }
        }
    }

    fn create(
        &mut self,
        create: Create,
        author: Author<'_>,
        undo: &mut Vec<Undo>,
        happened: &mut Vec<Happened>,
    ) -> Result<Done, Code> {
        let mode = Mode::new(create.flags, create.ttl, author.session, author.extended_types)?;
        let mut path = create.path;
        let slash = path.rfind('/').filter(|_| !path.contains('\0')).ok_or(Code::BadArguments)?;
        let acl = acl::fix(create.acl, author.identities)?;
        let parent_path = path.get(..slash).unwrap_or_default().to_owned();
        let parent = self.node(&parent_path).ok_or(Code::NoNode)?;
        author.check(&parent.acl, perms::CREATE)?;
        if mode.sequential {
            path = format!("{path}{:010}", parent.stored.cversion);
        }
        valid(&path)?;
        if self.nodes.contains_key(path.as_str()) {
            return Err(Code::NodeExists);
        }
        let owner = parent.stored.ephemeral_owner;
        if owner != 0 && !is_mortal(owner) {
            return Err(Code::NoChildrenForEphemerals);
        }
        let node = Node::new(create.data.map(Into::into), Arc::clone(&acl), author.zxid, author.time, mode.owner);
        let stat = node.stat();
        let name = path.get(slash + 1..).unwrap_or_default().to_owned();
        let parent = self.node_mut(&parent_path).ok_or(Code::NoNode)?;
        let mark = parent.children.insert(&name).ok_or(Code::NodeExists)?;
        let (cversion, pzxid) = (parent.stored.cversion, parent.stored.pzxid);
        parent.stored.cversion = cversion.wrapping_add(1);
        parent.stored.pzxid = author.zxid;
        happened.push(Happened { kind: event::CREATED, path: path.clone(), acl, parent: Arc::clone(&parent.acl) });
        self.insert(&path, node);
        undo.push(Undo::Create { path: path.clone(), mark, cversion, pzxid });
        Ok(Done::Created(path, stat))
    }

    fn delete(
        &mut self,
        path: String,
        version: i32,
        author: Author<'_>,
        undo: &mut Vec<Undo>,
        happened: &mut Vec<Happened>,
    ) -> Result<Done, Code> {
        let special = SPECIAL.contains(&path.as_str()) || path.contains('\0');
        let slash = path.rfind('/').filter(|_| !special).ok_or(Code::BadArguments)?;
        let parent_path = path.get(..slash).unwrap_or_default();
        author.check(&self.node(parent_path).ok_or(Code::NoNode)?.acl, perms::DELETE)?;
        let node = self.nodes.get(path.as_str()).ok_or(Code::NoNode)?;
        next_version(node.stored.version, version)?;
        if !node.children.is_empty() {
            return Err(Code::NotEmpty);
        }
        let node = self.detach(&path).ok_or(Code::NoNode)?;
        let name = path.get(slash + 1..).unwrap_or_default();
        let parent = self.node_mut(parent_path).ok_or(Code::NoNode)?;
        let mark = parent.children.remove(name).ok_or(Code::NoNode)?;
        let pzxid = parent.stored.pzxid;
        parent.stored.pzxid = author.zxid;
        let (acl, parent) = (Arc::clone(&node.acl), Arc::clone(&parent.acl));
        undo.push(Undo::Delete { path: path.clone(), node: Box::new(node), mark, pzxid });
        happened.push(Happened { kind: event::DELETED, path, acl, parent });
        Ok(Done::Nothing)
    }

    /// Deletes a node without checking version and ACL, on behalf of the server itself. Nodes with children stay.
    pub fn remove(&mut self, path: &str, zxid: i64, happened: &mut Vec<Happened>) {
        let (parent, name) = split(path);
        if !self.node(path).is_some_and(|node| node.children.is_empty()) || SPECIAL.contains(&path) {
            return;
        }
        let acl = self.detach(path).map(|node| node.acl);
        let parent = self.node_mut(parent).map(|parent| {
            parent.children.remove(name);
            parent.stored.pzxid = zxid;
            Arc::clone(&parent.acl)
        });
        if let (Some(acl), Some(parent)) = (acl, parent) {
            happened.push(Happened { kind: event::DELETED, path: path.to_owned(), acl, parent });
        }
    }

    /// Writes the configuration node, ignoring its ACL.
    pub fn set_config(&mut self, text: &str, zxid: i64, time: i64, happened: &mut Vec<Happened>) {
        if let Some(node) = self.nodes.get_mut("/zookeeper/config") {
            node.data = Some(text.as_bytes().into());
            node.stored.mzxid = zxid;
            node.stored.mtime = time;
            let acl = Arc::clone(&node.acl);
            let path = "/zookeeper/config".to_owned();
            happened.push(Happened { kind: event::CHANGED, path, parent: Arc::clone(&acl), acl });
        }
    }

    fn insert(&mut self, path: &str, node: Node) {
        let owner = node.stored.ephemeral_owner;
        let path: Arc<str> = path.into();
        if is_mortal(owner) {
            self.mortal.insert(Arc::clone(&path), owner);
        } else if owner != 0 {
            self.ephemerals.entry(owner).or_default().insert(&path);
        }
        self.nodes.insert(path, node);
    }

    fn detach(&mut self, path: &str) -> Option<Node> {
        let node = self.nodes.remove(path)?;
        self.mortal.remove(path);
        let owner = node.stored.ephemeral_owner;
        if let Some(paths) = self.ephemerals.get_mut(&owner) {
            paths.remove(path);
            if paths.is_empty() {
                self.ephemerals.remove(&owner);
            }
        }
        Some(node)
    }

    fn take_back(&mut self, step: Undo) {
        match step {
            Undo::Create { path, mark, cversion, pzxid } => {
                self.detach(&path);
                let (parent, name) = split(&path);
                if let Some(parent) = self.node_mut(parent) {
                    parent.children.take_back(name, mark);
                    parent.stored.cversion = cversion;
                    parent.stored.pzxid = pzxid;
                }
            }
            Undo::Delete { path, node, mark, pzxid } => {
                self.insert(&path, *node);
                let (parent, name) = split(&path);
                if let Some(parent) = self.node_mut(parent) {
                    parent.children.restore(name, mark);
                    parent.stored.pzxid = pzxid;
                }
            }
            Undo::SetData { path, data, stored } => {
                if let Some(node) = self.nodes.get_mut(path.as_str()) {
                    node.data = data;
                    node.stored = stored;
                }
            }
            Undo::SetAcl { path, acl, aversion } => {
                if let Some(node) = self.nodes.get_mut(path.as_str()) {
                    node.acl = acl;
                    node.stored.aversion = aversion;
                }
            }
        }
    }
}
