//! A set of names that lists them in the order of Java's `HashSet`, because the real server's lists of children come in
//! that order. Knows no node.
use std::collections::HashMap;
use std::sync::Arc;

/// Initial buckets of a set of children, as the real server requests.
const FIRST_BUCKETS: u32 = 8;

/// A set of names in Java's hash order.
#[derive(Clone, Debug, Default)]
pub struct HashOrder {
    /// Each name with the number of its insertion: names of one bucket are listed oldest first.
    names: HashMap<Arc<str>, u64>,
    inserted: u64,
    /// 0 while nothing has been inserted; like Java's table it never shrinks.
    buckets: u32,
}

/// The data for [`HashOrder::restore`] to undo later changes of the order.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    buckets: u32,
    place: u64,
}

impl HashOrder {
    /// Number of names.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether `name` is in the set.
    pub fn contains(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// Adds `name`; returns the mark that undoes the addition, `None` if it was there already.
    pub fn insert(&mut self, name: &str) -> Option<Mark> {
        if self.contains(name) {
            return None;
        }
        let mark = Mark { buckets: self.buckets, place: self.inserted };
        self.names.insert(Arc::from(name), self.inserted);
        self.inserted += 1;
        self.buckets = self.buckets.max(FIRST_BUCKETS);
        while self.names.len() * 4 > self.buckets as usize * 3 {
            self.buckets *= 2;
        }
        Some(mark)
    }

    /// Removes `name`; returns the mark that restores it at its place.
    pub fn remove(&mut self, name: &str) -> Option<Mark> {
        let place = self.names.remove(name)?;
        Some(Mark { buckets: self.buckets, place })
    }

    /// The names in the order of a Java clone of the set: its table is as small as its content allows.
    pub fn in_clone_order(&self) -> Vec<Arc<str>> {
        let buckets = u32::try_from(self.len() * 4 / 3 + 1).unwrap_or(u32::MAX >> 1).next_power_of_two();
        let mut names = self.in_order();
        names.sort_by_key(|name| spread(java_hash(name)) & (buckets - 1));
        names
    }

    /// Undoes an insertion.
    pub fn take_back(&mut self, name: &str, mark: Mark) {
        self.names.remove(name);
        self.buckets = mark.buckets;
        self.inserted = mark.place;
    }

    /// Undoes a removal.
    pub fn restore(&mut self, name: &str, mark: Mark) {
        self.names.insert(Arc::from(name), mark.place);
    }

    /// The names, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.keys()
    }

    /// The names in Java's order.
    pub fn in_order(&self) -> Vec<Arc<str>> {
        let mut keyed: Vec<_> = self
            .names
            .iter()
            .map(|(name, place)| (spread(java_hash(name)) & self.buckets.saturating_sub(1), *place, name))
            .collect();
        keyed.sort_unstable();
        keyed.into_iter().map(|(_, _, name)| Arc::clone(name)).collect()
    }
}

/// Java's `String.hashCode`: over UTF-16 units.
pub fn java_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0, |hash: u32, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

/// Mixes in the upper half, as Java's hash tables do.
fn spread(hash: u32) -> u32 {
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_javas() {
        assert_eq!(java_hash(""), 0);
        assert_eq!(
            java_hash("zookeeper"),
            "zookeeper".bytes().fold(0u32, |h, b| h.wrapping_mul(31).wrapping_add(b.into()))
        );
        assert_eq!(java_hash("ab"), 97 * 31 + 98);
    }

    #[test]
    fn undoing_brings_the_order_back() {
        let mut set = HashOrder::default();
        for name in ["b", "a", "q", "aa", "bB", "ab"] {
            set.insert(name);
        }
        let before = set.in_order();
        let added = set.insert("zzz").unwrap();
        set.take_back("zzz", added);
        let removed = set.remove("a").unwrap();
        set.restore("a", removed);
        assert_eq!(set.in_order(), before);
    }
}
