//! Watches of connections on paths, one-shot and persistent. Knows no node and sends nothing.
use crate::server::ConnId;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Watches of one kind.
#[derive(Debug, Default)]
pub(crate) struct Table {
    by_path: HashMap<Arc<str>, BTreeSet<ConnId>>,
    by_connection: HashMap<ConnId, HashSet<Arc<str>>>,
}

impl Table {
    pub(crate) fn add(&mut self, path: &str, who: ConnId) {
        let path = self.by_path.get_key_value(path).map_or_else(|| Arc::from(path), |(key, _)| Arc::clone(key));
        self.by_connection.entry(who).or_default().insert(Arc::clone(&path));
        self.by_path.entry(path).or_default().insert(who);
    }

    pub(crate) fn contains(&self, path: &str, who: ConnId) -> bool {
        self.by_path.get(path).is_some_and(|set| set.contains(&who))
    }

    /// Takes all watches of a path.
    pub(crate) fn fire(&mut self, path: &str) -> BTreeSet<ConnId> {
        let Some(who) = self.by_path.remove(path) else { return BTreeSet::new() };
        for id in &who {
            if let Some(paths) = self.by_connection.get_mut(id) {
                paths.remove(path);
            }
        }
        who
    }

    /// The connections that watch a path; the watches stay.
    pub(crate) fn at(&self, path: &str) -> impl Iterator<Item = ConnId> + '_ {
        self.by_path.get(path).into_iter().flatten().copied()
    }

    /// Drops one watch; false when there was none.
    pub(crate) fn remove(&mut self, path: &str, who: ConnId) -> bool {
        let Some(set) = self.by_path.get_mut(path) else { return false };
        let removed = set.remove(&who);
        if set.is_empty() {
            self.by_path.remove(path);
        }
        if let Some(paths) = self.by_connection.get_mut(&who) {
            paths.remove(path);
        }
        removed
    }

    /// Drops all watches of a connection.
    pub(crate) fn forget(&mut self, who: ConnId) {
        for path in self.by_connection.remove(&who).unwrap_or_default() {
            if let Some(set) = self.by_path.get_mut(&path) {
                set.remove(&who);
                if set.is_empty() {
                    self.by_path.remove(&path);
                }
            }
        }
    }

    /// Number of watches.
    pub(crate) fn len(&self) -> usize {
        self.by_connection.values().map(HashSet::len).sum()
    }
}

/// All kinds: data watches (of `get` and `exists`), child watches, and persistent ones. A connection may have several
/// kinds at one path, as with servers since 3.9; earlier servers keep one persistent kind.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    pub(crate) data: Table,
    pub(crate) child: Table,
    pub(crate) persistent: Table,
    pub(crate) recursive: Table,
}

impl Watches {
    /// Adds a persistent watch. With `keeps_one` it replaces one of the other persistent kind at the path.
    pub(crate) fn add_lasting(&mut self, path: &str, who: ConnId, is_recursive: bool, keeps_one: bool) {
        let (added, other) = if is_recursive {
            (&mut self.recursive, &mut self.persistent)
        } else {
            (&mut self.persistent, &mut self.recursive)
        };
        if keeps_one {
            other.remove(path, who);
        }
        added.add(path, who);
    }

    pub(crate) fn forget(&mut self, who: ConnId) {
        self.data.forget(who);
        self.child.forget(who);
        self.persistent.forget(who);
        self.recursive.forget(who);
    }

    /// The connections that a persistent or recursive watch notifies about `path`. `child`: the event is a change of the
    /// node's list of children, which recursive watches do not report; otherwise it is the node's own creation, change
    /// or deletion.
    pub(crate) fn staying(&self, path: &str, child: bool) -> BTreeSet<ConnId> {
        let mut found: BTreeSet<_> = self.persistent.at(path).collect();
        let mut at = if child { None } else { Some(path) };
        while let Some(node) = at {
            found.extend(self.recursive.at(node));
            at = match node.rsplit_once('/') {
                Some(("", "")) | None => None,
                Some(("", _)) => Some("/"),
                Some((parent, _)) => Some(parent),
            };
        }
        found
    }

    /// Number of watches.
    pub(crate) fn len(&self) -> usize {
        [&self.data, &self.child, &self.persistent, &self.recursive].into_iter().map(Table::len).sum()
    }
}
