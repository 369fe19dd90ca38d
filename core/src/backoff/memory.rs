//! The memory that a handle leaves to the next handle of the process with the same servers. Owns no lock: the shell
//! shares one [`History`] behind a mutex.
use super::Standing;
use crate::servers::HostPort;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Memory older than this is useless.
const STALE_AFTER: Duration = Duration::from_secs(600);
/// Limit of server sets; a new one replaces the one that was written longest ago.
const SETS_MAX: usize = 64;
/// Limit of pauses, and of ranks, for one server set: this many handles can be closed and opened again without sharing
/// one.
const CLAIMS_MAX: usize = 4096;

/// The pace that a handle passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Availability level of a pause that was still running (0 after any answer of a server).
    pub availability: u32,
    /// Congestion level, as of `congested`.
    pub congestion: u32,
    /// When the congestion level rose last; it decays from then on.
    pub congested: Instant,
    /// Factor on the attempt's time limit, 1 or more.
    pub patience: u32,
    /// The end of a pause that was running. The next handle keeps this instant: drawing a new pause at every close and
    /// init would starve an application that reopens often, and a shorter pause would bring the herd back.
    pub not_before: Option<Instant>,
    /// Since when there has been no session, if a pause was running: the next handle counts the outage from there too.
    pub down: Option<Instant>,
    /// The standing of a session that is over.
    pub standing: Option<Standing>,
    /// When this was written.
    pub written: Instant,
}

impl Memory {
    /// Whether this is too old to be used.
    pub fn is_stale(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.written) >= STALE_AFTER
    }

    /// Whether this holds nothing of use.
    pub fn is_clean(&self) -> bool {
        self.availability == 0
            && self.congestion == 0
            && self.patience == 1
            && self.not_before.is_none()
            && self.standing.is_none()
    }
}

/// The memories of a process, by server set (as the application named them, in any order). Bounded.
#[derive(Debug, Default)]
pub struct History {
    sets: HashMap<Vec<HostPort>, Record>,
}

#[derive(Debug)]
struct Record {
    latest: Memory,
    /// Ends of pauses of closed handles that no new handle has claimed yet.
    pauses: VecDeque<Instant>,
    /// Standings of sessions that are over, with the time of their end, claimed by no handle yet.
    standings: VecDeque<(Instant, Standing)>,
}

impl History {
    /// An empty history.
    pub fn new() -> History {
        History::default()
    }

    /// The memory for these servers (in any order), if it is fresh. A pause and a standing are handed out once: if two
    /// handles were closed in a pause, each of two successors gets one of the instants, and a third handle gets only
    /// the levels.
    pub fn get(&mut self, servers: &[HostPort], now: Instant) -> Option<Memory> {
        let key = key(servers);
        let record = self.sets.get_mut(&key)?;
        if record.latest.is_stale(now) {
            self.sets.remove(&key);
            return None;
        }
        record.pauses.retain(|end| *end > now);
        record.standings.retain(|(end, _)| now.saturating_duration_since(*end) < STALE_AFTER);
        let standing = record.standings.pop_front().map(|(_, standing)| standing);
        let not_before = record.pauses.pop_front();
        Some(Memory { not_before, down: not_before.and(record.latest.down), standing, ..record.latest })
    }

    /// Stores a memory for these servers. The levels replace the earlier ones; a running pause and a standing are
    /// added.
    pub fn put(&mut self, servers: &[HostPort], memory: Memory) {
        let key = key(servers);
        if memory.is_clean() {
            if let Some(record) = self.sets.get_mut(&key) {
                record.latest = memory;
                if record.pauses.is_empty() && record.standings.is_empty() {
                    self.sets.remove(&key);
                }
            }
            return;
        }
        if !self.sets.contains_key(&key) && self.sets.len() >= SETS_MAX {
            self.forget_oldest();
        }
        let record = self.sets.entry(key).or_insert_with(|| Record {
            latest: memory,
            pauses: VecDeque::new(),
            standings: VecDeque::new(),
        });
        record.latest = memory;
        if let Some(standing) = memory.standing
            && record.standings.len() < CLAIMS_MAX
        {
            record.standings.push_back((memory.written, standing));
        }
        if let Some(end) = memory.not_before {
            record.pauses.retain(|other| *other > memory.written && *other != end);
            if record.pauses.len() < CLAIMS_MAX {
                record.pauses.push_back(end);
            }
        }
    }

    /// Number of server sets remembered.
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    fn forget_oldest(&mut self) {
        let oldest = self.sets.iter().min_by_key(|(_, record)| record.latest.written).map(|(key, _)| key.clone());
        if let Some(key) = oldest {
            self.sets.remove(&key);
        }
    }
}

fn key(servers: &[HostPort]) -> Vec<HostPort> {
    let mut key = servers.to_vec();
    key.sort_unstable();
    key.dedup();
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(ports: &[u16]) -> Vec<HostPort> {
        ports.iter().map(|port| HostPort { host: "zk".to_owned(), port: *port }).collect()
    }

    fn congested(now: Instant) -> Memory {
        Memory {
            availability: 0,
            congestion: 2,
            congested: now,
            patience: 2,
            not_before: None,
            down: None,
            standing: None,
            written: now,
        }
    }

    #[test]
    fn the_order_of_the_servers_does_not_matter() {
        let (mut history, now) = (History::new(), Instant::now());
        history.put(&servers(&[1, 2]), congested(now));
        assert_eq!(history.get(&servers(&[2, 1]), now), Some(congested(now)));
        assert_eq!(history.get(&servers(&[1]), now), None);
    }

    #[test]
    fn ten_idle_minutes_end_it() {
        let (mut history, now) = (History::new(), Instant::now());
        history.put(&servers(&[1]), congested(now));
        assert!(history.get(&servers(&[1]), now + STALE_AFTER / 2).is_some());
        assert!(history.get(&servers(&[1]), now + STALE_AFTER).is_none());
        assert!(history.is_empty());
    }

    #[test]
    fn a_pause_is_claimed_once_and_keeps_its_instant() {
        let (mut history, now) = (History::new(), Instant::now());
        let second = Duration::from_secs(1);
        for n in 1..=2 {
            history.put(&servers(&[1]), Memory { not_before: Some(now + second * n), ..congested(now) });
        }
        let claim = |history: &mut History, at| history.get(&servers(&[1]), at).and_then(|memory| memory.not_before);
        assert_eq!(claim(&mut history, now), Some(now + second));
        assert_eq!(claim(&mut history, now), Some(now + second * 2));
        assert_eq!(claim(&mut history, now), None);
        assert_eq!(history.get(&servers(&[1]), now).map(|memory| memory.congestion), Some(2));
    }

    fn of_rank(rank: u16) -> Standing {
        Standing { rank, epochs: 1, resumed: 0 }
    }

    #[test]
    fn a_standing_is_claimed_once_the_oldest_first() {
        let (mut history, now) = (History::new(), Instant::now());
        let key = servers(&[1]);
        for rank in [3, 5] {
            history.put(&key, Memory { standing: Some(of_rank(rank)), ..congested(now) });
        }
        history.put(&key, congested(now));
        let claim = |history: &mut History| history.get(&key, now).and_then(|memory| memory.standing);
        assert_eq!(
            [claim(&mut history), claim(&mut history), claim(&mut history)],
            [Some(of_rank(3)), Some(of_rank(5)), None]
        );
    }

    #[test]
    fn a_standing_lasts_ten_minutes_however_often_the_levels_are_written() {
        let (mut history, now) = (History::new(), Instant::now());
        let key = servers(&[1]);
        let clean = Memory { congestion: 0, patience: 1, ..congested(now) };
        history.put(&key, Memory { standing: Some(of_rank(3)), ..clean });
        let later = now + STALE_AFTER * 9 / 10;
        history.put(&key, Memory { written: later, ..congested(later) });
        history.put(&key, Memory { standing: Some(of_rank(5)), written: later, ..congested(later) });
        let got = history.get(&key, now + STALE_AFTER).and_then(|memory| memory.standing);
        assert_eq!(got, Some(of_rank(5)));
        for _ in 0..CLAIMS_MAX * 2 {
            history.put(&key, Memory { standing: Some(of_rank(1)), ..clean });
        }
        assert_eq!(history.sets[&key].standings.len(), CLAIMS_MAX);
    }

    #[test]
    fn a_pause_that_is_over_is_not_handed_out() {
        let (mut history, now) = (History::new(), Instant::now());
        history.put(&servers(&[1]), Memory { not_before: Some(now + Duration::from_secs(1)), ..congested(now) });
        let later = history.get(&servers(&[1]), now + Duration::from_secs(1)).unwrap();
        assert_eq!(later.not_before, None);
    }

    #[test]
    fn a_clean_memory_clears_the_levels_but_not_the_pauses_of_others() {
        let (mut history, now) = (History::new(), Instant::now());
        let end = Some(now + Duration::from_secs(1));
        let clean = Memory { congestion: 0, patience: 1, ..congested(now) };
        history.put(&servers(&[1]), clean);
        assert!(history.is_empty());
        history.put(&servers(&[1]), Memory { not_before: end, ..congested(now) });
        history.put(&servers(&[1]), clean);
        assert_eq!(history.get(&servers(&[1]), now), Some(Memory { not_before: end, ..clean }));
    }

    #[test]
    fn it_is_bounded_and_forgets_the_oldest_first() {
        let (mut history, now) = (History::new(), Instant::now());
        for n in 0..200_u16 {
            history.put(&servers(&[n]), congested(now + Duration::from_millis(n.into())));
        }
        assert_eq!(history.len(), SETS_MAX);
        assert!(history.get(&servers(&[199]), now).is_some());
        assert!(history.get(&servers(&[0]), now).is_none());
        for n in 0..10_000 {
            let end = Some(now + Duration::from_secs(1) + Duration::from_micros(n));
            history.put(&servers(&[199]), Memory { not_before: end, ..congested(now) });
        }
        assert_eq!(history.sets[&servers(&[199])].pauses.len(), CLAIMS_MAX);
    }
}
