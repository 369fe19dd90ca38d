//! The addresses of a handle, the order in which they are tried, and the effect of a change of the list on a connected
//! client. Knows addresses only.
mod rebalance;

pub use rebalance::{Change, InUse};

use std::net::SocketAddr;
use std::time::Instant;

/// The address list with its cursor. A *sweep* tries every address once; each failure is one step.
#[derive(Clone, Debug, Default)]
pub struct ServerList {
    entries: Vec<Entry>,
    /// Index of the address in use; `None` before the first step.
    cursor: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    address: SocketAddr,
    /// Whether this sweep has tried the address.
    tried: bool,
    /// Until then, the address is tried after all that have not just timed out.
    avoid_until: Option<Instant>,
}

impl Entry {
    fn new(address: SocketAddr) -> Entry {
        Entry { address, tried: false, avoid_until: None }
    }
}

impl ServerList {
    /// An empty list.
    pub fn new() -> ServerList {
        ServerList::default()
    }

    /// The address at the list's cursor: the one tried last or cycled to, `None` before the first
    /// [`advance`](Self::advance). The handle may be connected to another one.
    pub fn current(&self) -> Option<SocketAddr> {
        self.cursor.and_then(|index| self.entries.get(index)).map(|entry| entry.address)
    }

    /// Steps to the address to try next: the next in order that this sweep has not tried, with recently timed-out ones
    /// last. After the last address a new sweep begins. `None` only if the list is empty.
    pub fn advance(&mut self, now: Instant) -> Option<SocketAddr> {
        if self.is_sweep_end() {
            self.begin_sweep();
        }
        let start = self.cursor.map_or(0, |index| index + 1);
        let order = || (start..self.entries.len()).chain(0..start.min(self.entries.len()));
        let untried = |index: &usize| self.entries.get(*index).is_some_and(|entry| !entry.tried);
        let avoided = |index: &usize| {
            self.entries.get(*index).and_then(|entry| entry.avoid_until).is_some_and(|until| until > now)
        };
        let index = order().filter(untried).find(|index| !avoided(index)).or_else(|| order().find(untried))?;
        self.cursor = Some(index);
        let entry = self.entries.get_mut(index)?;
        entry.tried = true;
        Some(entry.address)
    }

    /// Marks an address as one that timed out: until `until` it is tried after the others of a sweep.
    pub fn avoid(&mut self, address: SocketAddr, until: Instant) {
        if let Some(entry) = self.entry(address) {
            entry.avoid_until = Some(until);
        }
    }

    /// Called when a session was confirmed at this address: when it is lost, a new sweep begins with the other
    /// addresses.
    pub fn confirm(&mut self, address: SocketAddr) {
        self.begin_sweep();
        if let Some(entry) = self.entry(address) {
            entry.tried = true;
            entry.avoid_until = None;
        }
    }

    fn entry(&mut self, address: SocketAddr) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.address == address)
    }

    /// Makes `address` the next one to be tried; `false` if the list does not hold it.
    pub fn prefer(&mut self, address: SocketAddr) -> bool {
        let Some(index) = self.entries.iter().position(|entry| entry.address == address) else { return false };
        self.begin_sweep();
        if let Some(entry) = self.entries.get_mut(index) {
            entry.avoid_until = None;
        }
        self.cursor = Some(index.checked_sub(1).unwrap_or(self.entries.len() - 1));
        true
    }

    /// Whether every address has been tried since the sweep began (also true of an empty list).
    pub fn is_sweep_end(&self) -> bool {
        self.entries.iter().all(|entry| entry.tried)
    }

    /// Number of addresses.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no address.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The addresses in the order of the sweep.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.entries.iter().map(|entry| entry.address).collect()
    }

    fn begin_sweep(&mut self) {
        for entry in &mut self.entries {
            entry.tried = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::SmallRng};
    use std::time::Duration;

    pub(super) fn addresses(ids: &[u8]) -> Vec<SocketAddr> {
        ids.iter().map(|id| SocketAddr::from(([10, 0, 0, *id], 2181))).collect()
    }

    pub(super) fn list(ids: &[u8]) -> ServerList {
        let mut list = ServerList::new();
        let change = list.replace(&addresses(ids), InUse::Nothing, &mut SmallRng::seed_from_u64(1), false);
        assert_eq!(change, Change { changed: true, overlap: false, reconnect: false });
        list
    }

    pub(super) fn steps(list: &mut ServerList, now: Instant, count: usize) -> Vec<u8> {
        let id = |address: SocketAddr| match address.ip() {
            std::net::IpAddr::V4(ip) => ip.octets()[3],
            std::net::IpAddr::V6(_) => panic!("an IPv4 list"),
        };
        (0..count).map(|_| id(list.advance(now).unwrap())).collect()
    }

    #[test]
    fn every_address_once_a_sweep_at_any_length() {
        for n in 1..=6 {
            let ids: Vec<u8> = (1..=n).collect();
            let mut list = list(&ids);
            assert_eq!(list.current(), None);
            for _ in 0..3 {
                assert_eq!(steps(&mut list, Instant::now(), n.into()), ids);
                assert!(list.is_sweep_end());
            }
        }
    }

    #[test]
    fn an_empty_list_has_no_next_address() {
        let mut list = ServerList::new();
        assert_eq!((list.advance(Instant::now()), list.current(), list.len()), (None, None, 0));
        assert!(list.is_sweep_end() && list.is_empty());
    }

    #[test]
    fn a_server_that_returns_is_found_within_one_sweep() {
        let (mut list, now) = (list(&[1, 2]), Instant::now());
        assert_eq!(steps(&mut list, now, 2), [1, 2]);
        list.confirm(list.current().unwrap()); // 1 died, the session went to 2; now 2 dies and 1 is back
        assert_eq!(steps(&mut list, now, 3), [1, 2, 1]);
    }

    #[test]
    fn a_lost_server_is_tried_after_all_others() {
        let (mut list, now) = (list(&[1, 2, 3]), Instant::now());
        steps(&mut list, now, 2);
        list.confirm(list.current().unwrap());
        assert_eq!(steps(&mut list, now, 2), [3, 1]);
        assert!(list.is_sweep_end());
        assert_eq!(steps(&mut list, now, 3), [2, 3, 1]);
    }

    #[test]
    fn an_address_that_timed_out_is_tried_last_but_never_left_out() {
        let (mut list, now) = (list(&[1, 2, 3]), Instant::now());
        let second = Duration::from_secs(1);
        steps(&mut list, now, 1);
        list.avoid(list.current().unwrap(), now + second);
        assert_eq!(steps(&mut list, now, 5), [2, 3, 2, 3, 1]);
        assert_eq!(steps(&mut list, now + second, 3), [2, 3, 1]);
        list.avoid(list.current().unwrap(), now + second * 3);
        list.confirm(list.current().unwrap());
        assert_eq!(steps(&mut list, now + second, 5), [2, 3, 1, 2, 3]);
    }
}
