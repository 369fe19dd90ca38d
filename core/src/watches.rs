//! The watch registry: which watchers wait at which server path, what fires them, what is re-armed after a reconnect.
//! Knows no connection; a watcher is whatever the shell calls one, equal when function and context are.
use crate::jute::Put;
use crate::limits;
use crate::proto::event;
use foldhash::fast::FixedState;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// Which table a watch belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchKind {
    /// The data of an existing node.
    Data,
    /// A node that may not exist yet; becomes a data watch when it does.
    Exist,
    /// The list of children.
    Child,
}

/// Which watches a removal means; the numbers are the wire's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Child watches.
    Children,
    /// Data and exist watches.
    Data,
    /// All of them.
    Any,
}

impl Removal {
    /// The number on the wire.
    pub const fn to_i32(self) -> i32 {
        match self {
            Removal::Children => 1,
            Removal::Data => 2,
            Removal::Any => 3,
        }
    }

    /// The kind with this number.
    pub const fn from_i32(value: i32) -> Option<Removal> {
        match value {
            1 => Some(Removal::Children),
            2 => Some(Removal::Data),
            3 => Some(Removal::Any),
            _ => None,
        }
    }
}

/// Keyed by the session's seed and by nothing else, so that orders of iteration are a function of seed and history.
type Table<W> = HashMap<Box<[u8]>, Vec<W>, FixedState>;

/// All watches of a session. One-shot: what fires is gone.
#[derive(Debug)]
pub struct Watches<W> {
    data: Table<W>,
    exist: Table<W>,
    child: Table<W>,
}

impl<W: Clone + Eq + Hash> Watches<W> {
    /// No watches. `seed` keys the hash of the paths: whoever chooses paths must not know it.
    pub fn new(seed: u64) -> Watches<W> {
        let table = || HashMap::with_hasher(FixedState::with_seed(seed));
        Watches { data: table(), exist: table(), child: table() }
    }

    fn table(&mut self, kind: WatchKind) -> &mut Table<W> {
        match kind {
            WatchKind::Data => &mut self.data,
            WatchKind::Exist => &mut self.exist,
            WatchKind::Child => &mut self.child,
        }
    }

    /// Arms `watcher` at a server path; a second time is the same watch.
    pub fn arm(&mut self, kind: WatchKind, path: Box<[u8]>, watcher: W) {
        let watchers = self.table(kind).entry(path).or_default();
        if !watchers.contains(&watcher) {
            watchers.push(watcher);
        }
    }

    /// Takes the watchers that an event at `path` fires, in the order in which they are called: those of one table as
    /// they were armed, a table that is searched later before the earlier ones, each watcher once.
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
        fired
    }

    /// Every watcher once, for a session event.
    pub fn all(&self) -> Vec<W> {
        let watchers = [&self.data, &self.exist, &self.child].into_iter().flat_map(HashMap::values).flatten();
        let mut seen = HashSet::with_capacity_and_hasher(watchers.clone().count(), self.data.hasher().clone());
        watchers.filter(|watcher| seen.insert(*watcher)).cloned().collect()
    }

    /// Number of (path, watcher) pairs.
    pub fn len(&self) -> usize {
        [&self.data, &self.exist, &self.child].into_iter().flat_map(HashMap::values).map(Vec::len).sum()
    }

    /// Whether nothing is armed.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty() && self.exist.is_empty() && self.child.is_empty()
    }

    fn tables_of(kind: Removal) -> &'static [WatchKind] {
        match kind {
            Removal::Children => &[WatchKind::Child],
            Removal::Data => &[WatchKind::Data, WatchKind::Exist],
            Removal::Any => &[WatchKind::Data, WatchKind::Exist, WatchKind::Child],
        }
    }

    /// Whether a removal would find anything; without a watcher any one at the path counts.
    pub fn has(&mut self, kind: Removal, path: &[u8], watcher: Option<&W>) -> bool {
        Self::tables_of(kind).iter().any(|table| {
            let watchers = self.table(*table).get(path);
            watchers.is_some_and(|found| watcher.is_none_or(|wanted| found.contains(wanted)))
        })
    }

    /// Removes one watcher, or all, from a path.
    pub fn disarm(&mut self, kind: Removal, path: &[u8], watcher: Option<&W>) {
        for table in Self::tables_of(kind) {
            let table = self.table(*table);
            let Some(found) = table.get_mut(path) else { continue };
            match watcher {
                Some(unwanted) => found.retain(|armed| armed != unwanted),
                None => found.clear(),
            }
            if found.is_empty() {
                table.remove(path);
            }
        }
    }

    /// The bodies of the `SetWatches` requests which re-arm everything as of `zxid`, each within
    /// [`limits::SET_WATCHES`] unless a single path is longer.
    pub fn set_watches(&self, zxid: i64) -> Vec<Vec<u8>> {
        // divergence: All watches are re-armed in several SetWatches requests below 128 KiB each; stock sends one of any size, which the server refuses above jute.maxbuffer, for ever.
        let mut requests = Vec::new();
        let mut lists: [Vec<&[u8]>; 3] = Default::default();
        let mut size = 0;
        for (at, table) in [&self.data, &self.exist, &self.child].into_iter().enumerate() {
            for path in table.keys() {
                if size > 0 && size + path.len() + 4 > limits::SET_WATCHES {
                    requests.push(set_watches(zxid, &lists));
                    lists = Default::default();
                    size = 0;
                }
                size += path.len() + 4;
                if let Some(list) = lists.get_mut(at) {
                    list.push(path);
                }
            }
        }
        if size > 0 {
            requests.push(set_watches(zxid, &lists));
        }
        requests
    }
}

fn set_watches(zxid: i64, lists: &[Vec<&[u8]>; 3]) -> Vec<u8> {
    let mut out = Vec::with_capacity(20 + lists.iter().flatten().map(|path| path.len() + 4).sum::<usize>());
    out.put_i64(zxid);
    for list in lists {
        out.put_len(list.len());
        for path in list {
            out.put_buffer(Some(path));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jute::Reader;

    fn at(path: &str) -> Box<[u8]> {
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
    fn re_arming_is_split_and_complete() {
        let mut watches = Watches::new(1);
        for i in 0..5000 {
            let kind = [WatchKind::Data, WatchKind::Exist, WatchKind::Child][i % 3];
            watches.arm(kind, at(&format!("/{i:0100}")), i);
        }
        let requests = watches.set_watches(77);
        assert!(requests.len() > 3);
        let mut counts = [0, 0, 0];
        for request in &requests {
            assert!(request.len() <= limits::SET_WATCHES + 20);
            let mut reader = Reader::new(request);
            assert_eq!(reader.i64(), Ok(77));
            for count in &mut counts {
                for _ in 0..reader.count(4).unwrap() {
                    reader.string().unwrap();
                    *count += 1;
                }
            }
        }
        assert_eq!(counts, [1667, 1667, 1666]);
    }

    #[test]
    fn nothing_armed_sends_nothing() {
        assert!(Watches::<u8>::new(1).set_watches(1).is_empty());
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
            (watches.set_watches(1), watches.all())
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8), "the seed keys the hash");
    }
}
