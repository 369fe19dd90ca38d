//! The effect of a new server list: which addresses keep their state, and whether a connected client moves to keep the
//! load even.
use super::{Entry, ServerList};
use crate::limits;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// The address of the handle's connection or attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InUse {
    /// Neither a connection nor an attempt.
    Nothing,
    /// An attempt without a session yet.
    Attempt(SocketAddr),
    /// A session.
    Session(SocketAddr),
}

impl InUse {
    fn address(self) -> Option<SocketAddr> {
        match self {
            InUse::Nothing => None,
            InUse::Attempt(address) | InUse::Session(address) => Some(address),
        }
    }
}

/// The effect of a new list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Whether the set of addresses differs; if not, the list was not changed.
    pub changed: bool,
    /// Whether old and new share an address.
    pub overlap: bool,
    /// Whether the client should leave its connection for another server of the new list.
    pub reconnect: bool,
}

impl ServerList {
    /// Takes a new list, in the order given or shuffled; duplicates count once, and addresses beyond
    /// [`limits::SERVERS`] are left out.
    ///
    /// A connected client moves so that the expected load stays even over the servers when all clients get the same new
    /// list: it moves when its server is gone, and with probability `1 - old/new` when the list has grown. When its
    /// server is gone and the list has not grown, the kept servers are preferred as far as they have room. A client
    /// that is not connected gives up an attempt only if its address is gone.
    pub fn replace(&mut self, addresses: &[SocketAddr], in_use: InUse, rng: &mut impl Rng, shuffle: bool) -> Change {
        let mut fresh = unique(addresses);
        let old: BTreeSet<SocketAddr> = self.entries.iter().map(|entry| entry.address).collect();
        if fresh.len() == old.len() && fresh.iter().all(|address| old.contains(address)) {
            return Change { changed: false, overlap: !old.is_empty(), reconnect: false };
        }
        if shuffle {
            fresh.shuffle(rng);
        }
        let (kept, added): (Vec<_>, Vec<_>) = fresh.iter().copied().partition(|address| old.contains(address));
        let current = in_use.address();
        let stays = current.is_some_and(|address| fresh.contains(&address));
        let grown = fresh.len() > old.len();
        let mut reconnect = current.is_some() && !stays;
        if let InUse::Session(_) = in_use {
            let share = ratio(old.len(), fresh.len());
            reconnect = !stays || (grown && rng.random::<f64>() >= share);
            if reconnect {
                let prefer_added = if grown { 1.0 } else { 1.0 - room_on_kept(old.len(), kept.len(), added.len()) };
                fresh = interleave(&added, &kept, prefer_added, rng);
            }
        }
        self.adopt(&fresh, if reconnect { None } else { current });
        Change { changed: true, overlap: !kept.is_empty(), reconnect }
    }

    /// Applies the new order; addresses that stay keep their entries.
    fn adopt(&mut self, order: &[SocketAddr], current: Option<SocketAddr>) {
        let known: BTreeMap<SocketAddr, Entry> =
            std::mem::take(&mut self.entries).into_iter().map(|entry| (entry.address, entry)).collect();
        let entry = |address: &SocketAddr| known.get(address).copied().unwrap_or(Entry::new(*address));
        self.entries = order.iter().map(entry).collect();
        self.cursor = current.and_then(|current| order.iter().position(|address| *address == current));
        if self.cursor.is_none() {
            self.begin_sweep();
        }
    }
}

fn unique(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut seen = BTreeSet::new();
    addresses.iter().copied().filter(|address| seen.insert(*address)).take(limits::SERVERS).collect()
}

#[allow(clippy::cast_precision_loss)] // list lengths
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

/// The share of the clients of removed servers that belongs on the kept ones. Of `old` equal loads, `kept` servers hold
/// `kept` and should hold `old * kept / (kept + added)`; the difference comes from the `old - kept` loads that have to
/// move. At most 1, because the list has not grown.
fn room_on_kept(old: usize, kept: usize, added: usize) -> f64 {
    let new = kept + added;
    if new == 0 || old <= kept {
        return 0.0;
    }
    ratio(kept * old.saturating_sub(new), new * (old - kept))
}

/// Merges two lists: while both have entries, the next one comes from `first` with probability `p`, else from `second`.
fn interleave(first: &[SocketAddr], second: &[SocketAddr], p: f64, rng: &mut impl Rng) -> Vec<SocketAddr> {
    let (mut first, mut second) = (first.iter(), second.iter());
    let mut order = Vec::with_capacity(first.len() + second.len());
    while let Some(address) = if rng.random::<f64>() < p {
        first.next().or_else(|| second.next())
    } else {
        second.next().or_else(|| first.next())
    } {
        order.push(*address);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::super::tests::{addresses, list, steps};
    use super::*;
    use rand::{SeedableRng, rngs::SmallRng};
    use std::collections::HashMap;
    use std::time::{Duration, Instant};

    fn session(list: &ServerList) -> InUse {
        InUse::Session(list.current().unwrap())
    }

    fn attempt(list: &ServerList) -> InUse {
        InUse::Attempt(list.current().unwrap())
    }

    #[test]
    fn the_same_set_changes_nothing_whatever_the_order() {
        let (mut list, mut rng) = (list(&[1, 2]), SmallRng::seed_from_u64(1));
        steps(&mut list, Instant::now(), 1);
        let current = list.current();
        let change = list.replace(&addresses(&[2, 1, 2]), session(&list), &mut rng, true);
        assert_eq!(change, Change { changed: false, overlap: true, reconnect: false });
        assert_eq!((list.addresses(), list.current()), (addresses(&[1, 2]), current));
    }

    #[test]
    fn a_change_of_a_port_is_a_change() {
        let (mut list, mut rng) = (list(&[1]), SmallRng::seed_from_u64(1));
        steps(&mut list, Instant::now(), 1);
        let other = [SocketAddr::from(([10, 0, 0, 1], 2182))];
        let change = list.replace(&other, session(&list), &mut rng, true);
        assert_eq!(change, Change { changed: true, overlap: false, reconnect: true });
        assert_eq!(list.advance(Instant::now()), Some(other[0]));
    }

    #[test]
    fn duplicates_count_once() {
        assert_eq!(list(&[1, 1, 2, 1]).len(), 2);
    }

    #[test]
    fn a_client_without_session_only_gives_up_an_address_that_is_gone() {
        let mut rng = SmallRng::seed_from_u64(1);
        for _ in 0..100 {
            let mut list = list(&[1, 2]);
            steps(&mut list, Instant::now(), 1);
            assert!(!list.clone().replace(&addresses(&[1, 2, 3, 4]), attempt(&list), &mut rng, true).reconnect);
            assert!(list.replace(&addresses(&[2, 3]), attempt(&list), &mut rng, true).reconnect);
        }
    }

    #[test]
    fn a_list_that_changes_in_mid_sweep_keeps_what_is_known() {
        let (mut list, mut rng, now) = (list(&[1, 2, 3]), SmallRng::seed_from_u64(1), Instant::now());
        steps(&mut list, now, 2);
        list.replace(&addresses(&[1, 2, 4]), attempt(&list), &mut rng, false);
        assert_eq!(steps(&mut list, now, 1), [4]);
        assert!(list.is_sweep_end());
    }

    /// Moves 30,000 connected clients, spread evenly over `old`, to `new`, and returns how many are connected to each
    /// server.
    fn rebalance(old: &[u8], new: &[u8]) -> (HashMap<SocketAddr, usize>, usize) {
        let (mut load, mut moved) = (HashMap::new(), 0);
        let mut rng = SmallRng::seed_from_u64(7);
        for client in 0..30_000 {
            let mut list = ServerList::new();
            list.replace(&addresses(old), InUse::Nothing, &mut rng, true);
            for _ in 0..=(client % old.len()) {
                list.advance(Instant::now());
            }
            list.confirm(list.current().unwrap());
            let change = list.replace(&addresses(new), session(&list), &mut rng, true);
            let address = if change.reconnect { list.advance(Instant::now()) } else { list.current() };
            *load.entry(address.unwrap()).or_insert(0) += 1;
            moved += usize::from(change.reconnect);
        }
        (load, moved)
    }

    #[test]
    fn load_stays_even_and_few_move_when_the_list_changes() {
        let cases: [(&[u8], &[u8], usize); 6] = [
            (&[1, 2, 3], &[1, 2, 3, 4, 5], 12_000),
            (&[1, 2, 3, 4, 5], &[1, 2, 3], 12_000),
            (&[1, 2, 3], &[4, 5, 6], 30_000),
            (&[1, 2, 3], &[2, 3, 4], 10_000),
            (&[1, 2, 3, 4], &[1, 2, 5], 15_000),
            (&[1, 2, 3], &[3, 4, 5, 6], 22_500),
        ];
        for (old, new, moves) in cases {
            let (load, moved) = rebalance(old, new);
            let even = 30_000 / new.len();
            assert_eq!(load.len(), new.len(), "{old:?} -> {new:?}");
            for (address, count) in load {
                assert!(count.abs_diff(even) < even / 20, "{old:?} -> {new:?}: {count} on {address}, not {even}");
            }
            assert!(moved.abs_diff(moves) < 500, "{old:?} -> {new:?}: {moved} moved, not {moves}");
        }
    }

    #[test]
    fn shuffled_lists_differ_between_handles_and_deterministic_ones_do_not() {
        let mut rng = SmallRng::seed_from_u64(3);
        let mut first = HashMap::new();
        for _ in 0..3000 {
            let mut list = ServerList::new();
            list.replace(&addresses(&[1, 2, 3]), InUse::Nothing, &mut rng, true);
            *first.entry(list.advance(Instant::now()).unwrap()).or_insert(0_u32) += 1;
        }
        assert!(first.len() == 3 && first.values().all(|count| count.abs_diff(1000) < 100), "{first:?}");
        assert_eq!(list(&[3, 1, 2]).addresses(), addresses(&[3, 1, 2]));
    }

    #[test]
    fn a_list_beyond_the_limit_is_cut_and_the_first_are_kept() {
        let many: Vec<SocketAddr> = (0..60_000).map(|port| SocketAddr::from(([10, 0, 0, 1], port))).collect();
        let (mut list, mut rng) = (ServerList::new(), SmallRng::seed_from_u64(1));
        list.replace(&many, InUse::Nothing, &mut rng, false);
        assert_eq!(list.addresses(), many[..limits::SERVERS]);
    }

    #[test]
    fn a_change_keeps_what_is_known_of_a_long_list() {
        let ports = |range: std::ops::Range<u16>| -> Vec<SocketAddr> {
            range.map(|port| SocketAddr::from(([10, 0, 0, 1], port))).collect()
        };
        let (mut list, mut rng, now) = (ServerList::new(), SmallRng::seed_from_u64(1), Instant::now());
        list.replace(&ports(0..4000), InUse::Nothing, &mut rng, false);
        let tried = list.advance(now).unwrap();
        list.avoid(tried, now + Duration::from_secs(1));
        let change = list.replace(&ports(0..4096), attempt(&list), &mut rng, false);
        assert_eq!((change.overlap, change.reconnect, list.len()), (true, false, 4096));
        assert_eq!((list.current(), list.advance(now).map(|addr| addr.port())), (Some(tried), Some(1)));
    }
}
