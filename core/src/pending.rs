//! Requests in flight, in wire order. Owns the relation of requests and completions; knows the number of their bytes
//! only.
use crate::limits;
use crate::request::WatchChange;
use crate::watches::WatchKind;
use std::collections::VecDeque;
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
}

impl<C, W> Default for Pending<C, W> {
    fn default() -> Self {
        Pending { entries: VecDeque::new(), abandoned: 0 }
    }
}

impl<C, W> Pending<C, W> {
    /// Adds a request at the end.
    pub(crate) fn push(&mut self, entry: Entry<C, W>) {
        self.entries.push_back(entry);
    }

    /// The request whose answer is due next.
    pub(crate) fn front(&self) -> Option<&Entry<C, W>> {
        self.entries.front()
    }

    /// Takes that request.
    pub(crate) fn pop(&mut self) -> Option<Entry<C, W>> {
        let entry = self.entries.pop_front();
        self.abandoned = self.abandoned.saturating_sub(1);
        if self.entries.is_empty() && self.entries.capacity() > limits::KEPT_ENTRIES {
            self.entries = VecDeque::new();
        }
        entry
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

    /// Whether a request in flight will set a watch of this persistent kind at a server path. Searches all requests.
    pub(crate) fn leaves_watch(&self, kind: WatchKind, path: &[u8]) -> bool {
        self.entries.iter().filter_map(|entry| entry.change.as_deref()).any(|change| match change {
            WatchChange::Arm(left, at, _) => *left == kind && **at == *path,
            WatchChange::ArmShared(at, _) => **at == *path,
            WatchChange::Disarm(..) => false,
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
