//! The watch registry: the watchers at each server path, the events that fire them, and the requests that re-arm them
//! after a reconnect. Knows no connection; the shell defines the watchers, which are equal if function and context are.
mod kind;
mod set_watches;

pub use kind::{Removal, WatchKind};

use crate::proto::event;
use foldhash::fast::FixedState;
use set_watches::LISTS;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// Keyed by the session's seed only, so that the order of iteration depends on seed and history alone.
type Table<W> = HashMap<Box<[u8]>, Vec<W>, FixedState>;

/// All watches of a session. Watches of the first three tables are removed when they fire; the persistent ones stay.
///
/// Servers before 3.9 keep one kind of persistent watch per path. So if both kinds are at one path, the server holds a
/// recursive watch for both (the path is shared), and the persistent watchers learn of changes to the list of children
/// from the events of the children. Such a path is in both tables; its recursive watchers may be gone while the
/// server's watch is still needed.
#[derive(Debug)]
pub struct Watches<W> {
    data: Table<W>,
    exist: Table<W>,
    child: Table<W>,
    persistent: Table<W>,
    recursive: Table<W>,
}

impl<W: Clone + Eq + Hash> Watches<W> {
    /// An empty registry. `seed` keys the hash of the paths: an attacker who chooses paths must not know it.
    pub fn new(seed: u64) -> Watches<W> {
        let table = || HashMap::with_hasher(FixedState::with_seed(seed));
        Watches { data: table(), exist: table(), child: table(), persistent: table(), recursive: table() }
    }

    fn table(&mut self, kind: WatchKind) -> &mut Table<W> {
        match kind {
            WatchKind::Data => &mut self.data,
            WatchKind::Exist => &mut self.exist,
            WatchKind::Child => &mut self.child,
            WatchKind::Persistent => &mut self.persistent,
            WatchKind::Recursive => &mut self.recursive,
        }
    }

    /// All tables, in the order in which `SetWatches2` lists them.
    fn tables(&self) -> [&Table<W>; LISTS] {
        [&self.data, &self.exist, &self.child, &self.persistent, &self.recursive]
    }

    /// Arms `watcher` at a server path. Arming it a second time changes nothing.
    pub fn arm(&mut self, kind: WatchKind, path: Box<[u8]>, watcher: W) {
        let watchers = self.table(kind).entry(path).or_default();
        if !watchers.contains(&watcher) {
            watchers.push(watcher);
        }
    }

    /// The watchers that an event at `path` fires, in the order in which they are called, each once. First the one-shot
    /// watchers, which are removed: those of one table in the order of arming, and those of a later searched table
    /// first. Then the persistent watchers of the path, then the recursive watchers of the path and of each node above
    /// it.
    pub fn fire(&mut self, kind: i32, path: &[u8]) -> Vec<W> {
        let tables: &[WatchKind] = match kind {
            event::CREATED | event::CHANGED => &[WatchKind::Data, WatchKind::Exist],
            event::DELETED => &[WatchKind::Data, WatchKind::Exist, WatchKind::Child],
            event::CHILD => &[WatchKind::Child],
            _ => &[],
        };
        let mut fired: Vec<W> = Vec::new();
        for table in tables {
            let Some(mut watchers) = self.table(*table).remove(path) else { continue };
            watchers.retain(|watcher| !fired.contains(watcher));
            watchers.append(&mut fired);
            fired = watchers;
        }
        if !tables.is_empty() && self.has_persistent() {
            self.fire_persistent(kind, path, &mut fired);
        }
        fired
    }

    /// Whether a persistent watch of this kind is known to exist at a server path.
    pub fn stands(&self, kind: WatchKind, path: &[u8]) -> bool {
        match kind {
            WatchKind::Data | WatchKind::Exist | WatchKind::Child => false,
            WatchKind::Persistent => self.persistent.contains_key(path),
            WatchKind::Recursive => self.recursive.contains_key(path),
        }
    }

    /// Notes that the server holds a recursive watch at a path, which also serves the path's persistent watchers, if
    /// there are any.
    pub fn share(&mut self, path: &[u8]) {
        if self.persistent.contains_key(path) && !self.recursive.contains_key(path) {
            self.recursive.insert(path.into(), Vec::new());
        }
    }

    /// Called for a new connection, on which the server is told the watches of each path anew.
    pub fn end_sharing(&mut self) {
        self.recursive.retain(|_, watchers| !watchers.is_empty());
    }

    fn is_shared(&self, path: &[u8]) -> bool {
        self.persistent.contains_key(path) && self.recursive.contains_key(path)
    }

    /// The node whose list of children the event has changed, if its path is shared: then
    /// [`fire_list`](Self::fire_list) follows.
    pub fn shared_parent<'a>(&self, kind: i32, path: &'a [u8]) -> Option<&'a [u8]> {
        if !matches!(kind, event::CREATED | event::DELETED) || self.persistent.is_empty() || self.recursive.is_empty() {
            return None;
        }
        ancestors(path).nth(1).filter(|parent| self.is_shared(parent))
    }

    /// The watchers of the list of children at a shared path. The server's own event about the list, if there is one,
    /// then finds none of them.
    pub fn fire_list(&mut self, path: &[u8]) -> Vec<W> {
        let mut fired = self.fire(event::CHILD, path);
        for watcher in self.persistent.get(path).into_iter().flatten() {
            if !fired.contains(watcher) {
                fired.push(watcher.clone());
            }
        }
        fired
    }

    fn fire_persistent(&self, kind: i32, path: &[u8], fired: &mut Vec<W>) {
        let has_fired = !fired.is_empty();
        let mut add = |watchers: Option<&Vec<W>>| {
            for watcher in watchers.into_iter().flatten() {
                if !fired.contains(watcher) {
                    fired.push(watcher.clone());
                }
            }
        };
        // A list event at a shared path that fires a one-shot watch does not repeat a child's event, which would have
        // fired that watch already: it reports a change from before the watch was armed again.
        if kind != event::CHILD || has_fired || !self.is_shared(path) {
            add(self.persistent.get(path));
        }
        // A recursive watch gets the event of each child, and servers send it no event about the list.
        if kind == event::CHILD || self.recursive.is_empty() {
            return;
        }
        for at in ancestors(path) {
            add(self.recursive.get(at));
        }
    }

    /// Whether a persistent watch is armed.
    pub fn has_persistent(&self) -> bool {
        !self.persistent.is_empty() || !self.recursive.is_empty()
    }

    /// Every watcher once, for a session event.
    pub fn all(&self) -> Vec<W> {
        let watchers = self.tables().into_iter().flat_map(HashMap::values).flatten();
        let mut seen = HashSet::with_capacity_and_hasher(watchers.clone().count(), self.data.hasher().clone());
        watchers.filter(|watcher| seen.insert(*watcher)).cloned().collect()
    }

    /// Number of (path, watcher) pairs.
    pub fn len(&self) -> usize {
        self.tables().into_iter().flat_map(HashMap::values).map(Vec::len).sum()
    }

    /// Whether nothing is armed.
    pub fn is_empty(&self) -> bool {
        self.tables().into_iter().all(HashMap::is_empty)
    }

    fn tables_of(kind: Removal) -> &'static [WatchKind] {
        match kind {
            Removal::Children => &[WatchKind::Child],
            Removal::Data => &[WatchKind::Data, WatchKind::Exist],
            Removal::Any => {
                &[WatchKind::Data, WatchKind::Exist, WatchKind::Child, WatchKind::Persistent, WatchKind::Recursive]
            }
            Removal::Persistent => &[WatchKind::Persistent],
            Removal::Recursive => &[WatchKind::Recursive],
        }
    }

    /// Whether a removal would find anything; without a watcher, any watcher at the path counts.
    pub fn has(&mut self, kind: Removal, path: &[u8], watcher: Option<&W>) -> bool {
        Self::tables_of(kind).iter().any(|table| {
            let watchers = self.table(*table).get(path);
            watchers.is_some_and(|found| watcher.map_or(!found.is_empty(), |wanted| found.contains(wanted)))
        })
    }

    /// Removes one watcher, or all watchers, from a path.
    pub fn disarm(&mut self, kind: Removal, path: &[u8], watcher: Option<&W>) {
        for kind in Self::tables_of(kind) {
            let is_needed = *kind == WatchKind::Recursive && self.persistent.contains_key(path);
            let table = self.table(*kind);
            let Some(found) = table.get_mut(path) else { continue };
            match watcher {
                Some(unwanted) => found.retain(|armed| armed != unwanted),
                None => found.clear(),
            }
            if found.is_empty() && !is_needed {
                table.remove(path);
            }
        }
        if !self.persistent.contains_key(path) && self.recursive.get(path).is_some_and(Vec::is_empty) {
            self.recursive.remove(path);
        }
    }
}

/// The path itself and every path above it, up to `/`.
fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(path), |at| {
        let slash = at.iter().rposition(|byte| *byte == b'/')?;
        match slash {
            0 if at.len() > 1 => Some(b"/".as_slice()),
            0 => None,
            _ => at.get(..slash),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn at(path: &str) -> Box<[u8]> {
        path.as_bytes().into()
    }

    #[test]
    fn a_watch_fires_once_in_the_order_of_arming() {
        let mut watches = Watches::new(1);
        for watcher in [3, 1, 2, 1] {
            watches.arm(WatchKind::Data, at("/a"), watcher);
        }
        assert_eq!(watches.fire(event::CHANGED, b"/a"), [3, 1, 2]);
        assert_eq!(watches.fire(event::CHANGED, b"/a"), []);
    }

    #[test]
    fn later_tables_are_called_first() {
        let mut watches = Watches::new(1);
        watches.arm(WatchKind::Data, at("/a"), 1);
        watches.arm(WatchKind::Exist, at("/a"), 2);
        watches.arm(WatchKind::Child, at("/a"), 3);
        watches.arm(WatchKind::Child, at("/a"), 1);
        assert_eq!(watches.fire(event::DELETED, b"/a"), [3, 2, 1]);
        assert!(watches.is_empty());
    }

    #[test]
    fn a_child_event_leaves_the_other_tables() {
        let mut watches = Watches::new(1);
        watches.arm(WatchKind::Data, at("/a"), 1);
        watches.arm(WatchKind::Child, at("/a"), 1);
        assert_eq!(watches.fire(event::CHILD, b"/a"), [1]);
        assert_eq!(watches.fire(event::CHANGED, b"/a"), [1]);
    }

    #[test]
    fn removal_is_by_kind_and_watcher() {
        let mut watches = Watches::new(1);
        watches.arm(WatchKind::Data, at("/a"), 1);
        watches.arm(WatchKind::Child, at("/a"), 2);
        assert!(watches.has(Removal::Any, b"/a", Some(&2)));
        assert!(!watches.has(Removal::Data, b"/a", Some(&2)));
        watches.disarm(Removal::Data, b"/a", Some(&1));
        assert!(!watches.has(Removal::Data, b"/a", None));
        watches.disarm(Removal::Any, b"/a", None);
        assert!(watches.is_empty());
    }

    #[test]
    fn the_orders_are_a_function_of_the_seed_and_the_history() {
        let run = |seed| {
            let mut watches = Watches::new(seed);
            for i in 0..1000 {
                watches.arm(WatchKind::Data, at(&format!("/{i}")), i);
                if i % 3 == 0 {
                    watches.fire(event::CHANGED, format!("/{}", i / 2).as_bytes());
                }
            }
            (watches.set_watches(1, false), watches.all())
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8), "the seed keys the hash");
    }

    #[test]
    fn persistent_watches_stay_and_hear_of_children() {
        let mut watches = Watches::new(1);
        watches.arm(WatchKind::Persistent, at("/a"), 1);
        watches.arm(WatchKind::Data, at("/a"), 2);
        assert_eq!(watches.fire(event::CHANGED, b"/a"), [2, 1]);
        assert_eq!(watches.fire(event::CHANGED, b"/a"), [1]);
        assert_eq!(watches.fire(event::CHILD, b"/a"), [1]);
        assert_eq!(watches.fire(event::DELETED, b"/a/b"), []);
        assert_eq!(watches.fire(event::NOT_WATCHING, b"/a"), []);
        assert_eq!((watches.len(), watches.all()), (1, vec![1]));
    }

    #[test]
    fn recursive_watches_hear_of_everything_below_but_not_of_lists() {
        let mut watches = Watches::new(1);
        watches.arm(WatchKind::Recursive, at("/"), 1);
        watches.arm(WatchKind::Recursive, at("/a"), 2);
        watches.arm(WatchKind::Recursive, at("/a/b"), 3);
        watches.arm(WatchKind::Persistent, at("/a/b"), 3);
        assert_eq!(watches.fire(event::CREATED, b"/a/b"), [3, 2, 1], "each once, the nearest first");
        assert_eq!(watches.fire(event::DELETED, b"/a/b/c/d"), [3, 2, 1]);
        assert_eq!(watches.fire(event::CHANGED, b"/ab"), [1]);
        assert_eq!(watches.fire(event::CHANGED, b"/"), [1]);
        assert_eq!(watches.fire(event::CHILD, b"/a"), []);
        assert_eq!(watches.fire(event::CHILD, b"/a/b"), [], "known from the children, as the path is shared");
    }

    #[test]
    fn at_a_shared_path_the_list_is_known_from_the_children() {
        let mut watches = Watches::new(1);
        watches.arm(WatchKind::Persistent, at("/a"), 1);
        assert_eq!(watches.shared_parent(event::CREATED, b"/a/b"), None);
        watches.arm(WatchKind::Recursive, at("/a"), 2);
        watches.arm(WatchKind::Child, at("/a"), 3);
        assert_eq!(watches.shared_parent(event::CREATED, b"/a/b"), Some(&b"/a"[..]));
        for (kind, path) in [(event::CHANGED, "/a/b"), (event::CREATED, "/a/b/c"), (event::DELETED, "/a")] {
            assert_eq!(watches.shared_parent(kind, path.as_bytes()), None, "{kind} {path}");
        }
        assert_eq!(watches.fire_list(b"/a"), [3, 1]);
        assert_eq!(watches.fire(event::CHILD, b"/a"), [], "what a 3.9 server says besides");
        watches.arm(WatchKind::Child, at("/a"), 3);
        assert_eq!(watches.fire(event::CHILD, b"/a"), [3, 1], "what the list was before a reconnect");
        assert_eq!(watches.fire(event::CHANGED, b"/a"), [1, 2]);
    }

    #[test]
    fn a_path_stays_shared_while_its_persistent_watchers_need_it_and_until_the_next_connection() {
        let mut watches = Watches::new(1);
        watches.arm(WatchKind::Persistent, at("/a"), 1);
        watches.arm(WatchKind::Recursive, at("/a"), 2);
        watches.disarm(Removal::Recursive, b"/a", None);
        assert!(watches.stands(WatchKind::Recursive, b"/a") && !watches.has(Removal::Recursive, b"/a", None));
        assert_eq!((watches.len(), watches.fire(event::CREATED, b"/a/b")), (1, vec![]));
        assert_eq!(watches.shared_parent(event::CREATED, b"/a/b"), Some(&b"/a"[..]));
        watches.end_sharing();
        assert!(!watches.stands(WatchKind::Recursive, b"/a"));
        assert_eq!(watches.fire(event::CHILD, b"/a"), [1]);
        watches.share(b"/a");
        watches.share(b"/b");
        assert!(watches.stands(WatchKind::Recursive, b"/a") && !watches.stands(WatchKind::Recursive, b"/b"));
        watches.disarm(Removal::Persistent, b"/a", Some(&1));
        assert!(watches.is_empty(), "nothing is left that is nobody's");
    }

    #[test]
    fn persistent_watches_are_removed_by_their_own_kinds_and_by_any() {
        let mut watches = Watches::new(1);
        watches.arm(WatchKind::Persistent, at("/a"), 1);
        watches.arm(WatchKind::Recursive, at("/a"), 1);
        assert!(!watches.has(Removal::Data, b"/a", None) && !watches.has(Removal::Children, b"/a", None));
        watches.disarm(Removal::Persistent, b"/a", Some(&1));
        assert!(!watches.has(Removal::Persistent, b"/a", None) && watches.has(Removal::Recursive, b"/a", Some(&1)));
        watches.disarm(Removal::Any, b"/a", None);
        assert!(watches.is_empty() && !watches.has_persistent());
    }

    #[test]
    fn a_recursive_watch_costs_the_same_however_many_nodes_report() {
        let mut watches = Watches::new(1);
        watches.arm(WatchKind::Recursive, at("/a"), 1);
        let room = watches.recursive.capacity();
        for i in 0..100_000 {
            assert_eq!(watches.fire(event::CREATED, format!("/a/{}/{i}", i % 100).as_bytes()), [1]);
        }
        let kept = watches.tables().into_iter().map(HashMap::capacity).sum::<usize>();
        assert_eq!((watches.len(), kept), (1, room), "no table grows by events");
    }
}
