//! Requests in flight, in wire order. Owns the relation of requests and completions; knows the number of their bytes
//! only.
use crate::limits;
use crate::request::WatchChange;
use crate::watches::WatchKind;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

/// One request that has no answer yet.
#[derive(Debug)]
pub(crate) struct Entry<C, W> {
    /// Its transaction id.
    pub(crate) xid: i32,
    /// Bytes of its frame, prefix included.
    pub(crate) len: usize,
    /// When it was submitted.
    pub(crate) submitted: Instant,
    /// The completion; `None` once it has been told that the time limit has passed.
    pub(crate) completion: Option<C>,
    /// What a successful answer changes in the watch registry.
    pub(crate) change: Option<Box<WatchChange<W>>>,
    /// Whether this is an exists call, which arms a watch even if the node is missing.
    pub(crate) exists: bool,
}

/// The queue. Answers come in the order of the requests, so only its front can match.
#[derive(Debug)]
pub(crate) struct Pending<C, W> {
    entries: VecDeque<Entry<C, W>>,
    /// Number of entries at the front without a completion. Requests time out in their order.
    abandoned: usize,
    /// The persistent and recursive watches that the entries leave, by server path. A path without any is not in it.
    leaving: BTreeMap<Box<[u8]>, Leaving>,
}

/// How many requests in flight leave a persistent watch, and a recursive one, at one path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Leaving {
    persistent: usize,
    recursive: usize,
}

impl<C, W> Default for Pending<C, W> {
    fn default() -> Self {
        Pending { entries: VecDeque::new(), abandoned: 0, leaving: BTreeMap::new() }
    }
}

impl<C, W> Pending<C, W> {
    /// Adds a request at the end.
    pub(crate) fn push(&mut self, entry: Entry<C, W>) {
        if let Some((path, one)) = leaving(&entry) {
            let sum = self.leaving.entry(path.into()).or_default();
            sum.persistent += one.persistent;
            sum.recursive += one.recursive;
        }
        self.entries.push_back(entry);
    }

    /// The request whose answer is due next.
    pub(crate) fn front(&self) -> Option<&Entry<C, W>> {
        self.entries.front()
    }

    /// Takes that request.
    pub(crate) fn pop(&mut self) -> Option<Entry<C, W>> {
        let entry = self.entries.pop_front()?;
        self.abandoned = self.abandoned.saturating_sub(1);
        if let Some((path, one)) = leaving(&entry)
            && let Some(sum) = self.leaving.get_mut(path)
        {
            sum.persistent = sum.persistent.saturating_sub(one.persistent);
            sum.recursive = sum.recursive.saturating_sub(one.recursive);
            if *sum == Leaving::default() {
                self.leaving.remove(path);
            }
        }
        if self.entries.is_empty() && self.entries.capacity() > limits::KEPT_ENTRIES {
            self.entries = VecDeque::new();
        }
        Some(entry)
    }

    /// Takes the first entry if it was submitted at or before `limit`.
    pub(crate) fn pop_submitted_by(&mut self, limit: Instant) -> Option<Entry<C, W>> {
        if self.entries.front()?.submitted <= limit { self.pop() } else { None }
    }

    /// Frees unused memory, down to `limit` bytes.
    pub(crate) fn shrink_to(&mut self, limit: usize) {
        self.entries.shrink_to(limit / size_of::<Entry<C, W>>());
    }

    /// When the oldest request that still has a completion was submitted.
    pub(crate) fn oldest_waiting(&self) -> Option<Instant> {
        self.entries.get(self.abandoned).map(|entry| entry.submitted)
    }

    /// Takes the completion of the oldest request that still has one, if it was submitted at or before `limit`. The
    /// request keeps its place, because its answer is still due.
    pub(crate) fn abandon_submitted_by(&mut self, limit: Instant) -> Option<C> {
        let entry = self.entries.get_mut(self.abandoned).filter(|entry| entry.submitted <= limit)?;
        self.abandoned += 1;
        entry.completion.take()
    }

    /// Whether a request in flight will set a watch of this persistent kind at a server path. An abandoned request counts
    /// until its answer has come.
    pub(crate) fn leaves_watch(&self, kind: WatchKind, path: &[u8]) -> bool {
        self.leaving.get(path).is_some_and(|sum| match kind {
            WatchKind::Persistent => sum.persistent > 0,
            WatchKind::Recursive => sum.recursive > 0,
            WatchKind::Data | WatchKind::Exist | WatchKind::Child => false,
        })
    }

    /// Number of requests.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// The path where a request leaves persistent or recursive watches, and which.
fn leaving<C, W>(entry: &Entry<C, W>) -> Option<(&[u8], Leaving)> {
    match entry.change.as_deref()? {
        WatchChange::Arm(WatchKind::Persistent, path, _) => Some((path, Leaving { persistent: 1, recursive: 0 })),
        WatchChange::Arm(WatchKind::Recursive, path, _) => Some((path, Leaving { persistent: 0, recursive: 1 })),
        WatchChange::ArmShared(path, _) => Some((path, Leaving { persistent: 1, recursive: 1 })),
        WatchChange::Arm(WatchKind::Data | WatchKind::Exist | WatchKind::Child, ..) | WatchChange::Disarm(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watches::Removal;
    use std::time::Duration;

    const PATHS: [&[u8]; 2] = [b"/a", b"/b"];

    fn queue(changes: Vec<WatchChange<u8>>, start: Instant) -> Pending<usize, u8> {
        let mut pending = Pending::default();
        for (at, change) in changes.into_iter().enumerate() {
            let submitted = start + Duration::from_secs(at as u64);
            let change = Some(Box::new(change));
            pending.push(Entry { xid: 1, len: 1, submitted, completion: Some(at), change, exists: false });
        }
        pending
    }

    /// Requests at `/a` that leave each kind of watch, or none.
    fn changes() -> Vec<WatchChange<u8>> {
        let path = || Box::from(&b"/a"[..]);
        vec![
            WatchChange::Arm(WatchKind::Data, path(), 1),
            WatchChange::Arm(WatchKind::Persistent, path(), 1),
            WatchChange::Disarm(Removal::Any, path(), None),
            WatchChange::ArmShared(path(), 1),
            WatchChange::Arm(WatchKind::Persistent, path(), 2),
            WatchChange::Arm(WatchKind::Recursive, path(), 1),
        ]
    }

    /// Whether a persistent and a recursive watch are left at `/a`. Nothing is ever left at `/b`.
    fn left(pending: &Pending<usize, u8>) -> (bool, bool) {
        let [here, elsewhere] = PATHS.map(|path| {
            [WatchKind::Persistent, WatchKind::Recursive, WatchKind::Data].map(|kind| pending.leaves_watch(kind, path))
        });
        assert_eq!((here[2], elsewhere), (false, [false; 3]));
        (here[0], here[1])
    }

    #[test]
    fn requests_count_as_leaving_a_watch_while_they_are_in_flight() {
        let mut pending = queue(changes(), Instant::now());
        let mut found = vec![left(&pending)];
        while pending.pop().is_some() {
            found.push(left(&pending));
        }
        let (both, recursive, none) = ((true, true), (false, true), (false, false));
        assert_eq!(found, [both, both, both, both, both, recursive, none]);
        assert!(pending.leaving.is_empty(), "a path that is done with takes no memory");
    }

    #[test]
    fn queued_requests_that_have_timed_out_leave_no_watch() {
        let start = Instant::now();
        let mut pending = queue(changes(), start);
        while pending.pop_submitted_by(start + Duration::from_secs(4)).is_some() {}
        assert_eq!((pending.len(), left(&pending)), (1, (false, true)));
    }

    #[test]
    fn abandoned_requests_leave_a_watch_until_they_are_answered() {
        let start = Instant::now();
        let mut pending = queue(changes(), start);
        while pending.abandon_submitted_by(start + Duration::from_secs(9)).is_some() {}
        assert_eq!(left(&pending), (true, true));
        while pending.pop().is_some() {}
        assert_eq!(left(&pending), (false, false));
    }
}
