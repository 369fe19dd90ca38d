//! The ensemble's sessions: ids, passwords, time-outs. Knows connections only by number, and no nodes.
use crate::server::ConnId;
use std::collections::BTreeMap;

/// One session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Negotiated time-out, milliseconds.
    pub timeout: u64,
    /// Virtual time at which the session expires, unless its client sends something before.
    pub expires: u64,
    /// The connection of the session.
    pub owner: Option<ConnId>,
}

/// All sessions that are alive.
#[derive(Debug)]
pub struct Sessions {
    alive: BTreeMap<i64, Session>,
    /// The next id of each member.
    next: BTreeMap<usize, i64>,
    /// Offset that is added to the clock in ids.
    skew: i64,
    secret: u64,
    /// Expiry happens at multiples of this many milliseconds.
    tick: u64,
    /// No session is due before this time. Computed again only when it has passed, because every request moves a
    /// session's expiry.
    earliest: u64,
}

impl Sessions {
    /// An empty table; ids and passwords follow from `seed`.
    pub fn new(seed: u64, tick: u64) -> Sessions {
        Sessions {
            alive: BTreeMap::new(),
            next: BTreeMap::new(),
            skew: i64::from(mix(seed).to_be_bytes().first().copied().unwrap_or(0)) << 24,
            secret: mix(seed ^ 0xb3b2_b1b0),
            tick: tick.max(1),
            earliest: u64::MAX,
        }
    }

    /// Called when a member begins to serve, after its start or an election. As with real servers, its ids then start
    /// again from 16 zero bits, below its number (from 1) and 40 bits of its clock.
    pub fn begin_life(&mut self, member: usize, clock: i64) {
        let number = i64::try_from(member).unwrap_or(0) + 1;
        let first = number << 56 | (clock.wrapping_add(self.skew) & 0xff_ffff_ffff) << 16;
        // Two lives within one millisecond still get distinct ids.
        let unused = self.next.get(&member).map_or(0, |next| ((next - 1) | 0xffff) + 1);
        self.next.insert(member, first.max(unused));
    }

    /// Starts a session at a member.
    pub fn create(&mut self, member: usize, now: u64, timeout: u64, owner: ConnId) -> i64 {
        let next = self.next.entry(member).or_insert(1 << 16);
        let id = *next;
        *next += 1;
        let expires = self.expiry(now, timeout);
        self.earliest = self.earliest.min(expires);
        self.alive.insert(id, Session { timeout, expires, owner: Some(owner) });
        id
    }

    /// The password of a session, alive or not.
    pub fn password(&self, id: i64) -> [u8; 16] {
        let mut password = [0; 16];
        let seed = id.cast_unsigned() ^ self.secret;
        for (half, value) in password.as_chunks_mut::<8>().0.iter_mut().zip([mix(seed), mix(seed ^ 1)]) {
            *half = value.to_be_bytes();
        }
        password
    }

    /// The session, if it is alive.
    pub fn get(&self, id: i64) -> Option<&Session> {
        self.alive.get(&id)
    }

    /// Moves the session to another connection, with a fresh time-out. False when it is gone.
    pub fn resume(&mut self, id: i64, now: u64, timeout: u64, owner: ConnId) -> bool {
        let expires = self.expiry(now, timeout);
        let Some(session) = self.alive.get_mut(&id) else { return false };
        self.earliest = self.earliest.min(expires);
        *session = Session { timeout, expires, owner: Some(owner) };
        true
    }

    /// Called when the client has sent something. False when the session is gone.
    pub fn touch(&mut self, id: i64, now: u64) -> bool {
        let Some(timeout) = self.alive.get(&id).map(|session| session.timeout) else { return false };
        let expires = self.expiry(now, timeout);
        if let Some(session) = self.alive.get_mut(&id) {
            session.expires = session.expires.max(expires);
        }
        true
    }

    /// Gives every session its full time again, as a new leader does.
    pub fn touch_all(&mut self, now: u64) {
        let ids: Vec<i64> = self.alive.keys().copied().collect();
        for id in ids {
            self.touch(id, now);
        }
    }

    /// Ends a session.
    pub fn remove(&mut self, id: i64) -> Option<Session> {
        self.alive.remove(&id)
    }

    /// Called when the connection is gone; the session waits for another one.
    pub fn orphan(&mut self, id: i64, owner: ConnId) {
        if let Some(session) = self.alive.get_mut(&id).filter(|session| session.owner == Some(owner)) {
            session.owner = None;
        }
    }

    /// The sessions that are due.
    pub fn due(&mut self, now: u64) -> Vec<i64> {
        if now < self.earliest {
            return Vec::new();
        }
        let due = |session: &Session| session.expires <= now;
        self.earliest = self.alive.values().filter(|one| !due(one)).map(|one| one.expires).min().unwrap_or(u64::MAX);
        self.alive.iter().filter(|(_, one)| due(one)).map(|(id, _)| *id).collect()
    }

    /// A time before which no session is due.
    pub fn deadline(&self) -> Option<u64> {
        Some(self.earliest).filter(|when| *when < u64::MAX)
    }

    /// Ids of all sessions.
    pub fn ids(&self) -> impl Iterator<Item = i64> {
        self.alive.keys().copied()
    }

    /// The number of live sessions.
    pub fn len(&self) -> usize {
        self.alive.len()
    }

    /// Whether there is no live session.
    pub fn is_empty(&self) -> bool {
        self.alive.is_empty()
    }

    fn expiry(&self, now: u64, timeout: u64) -> u64 {
        (now.saturating_add(timeout) / self.tick + 1).saturating_mul(self.tick)
    }
}

/// One step of the `SplitMix64` generator.
fn mix(seed: u64) -> u64 {
    let mut value = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_expires_at_a_tick_after_its_timeout() {
        let mut sessions = Sessions::new(1, 2000);
        let id = sessions.create(0, 500, 4000, 7);
        assert_eq!(sessions.deadline(), Some(6000));
        assert!(sessions.touch(id, 3000));
        assert!(sessions.due(6000).is_empty());
        assert_eq!(sessions.deadline(), Some(8000));
        assert_eq!((sessions.due(7999).len(), sessions.due(8000).len()), (0, 1));
    }

    #[test]
    fn ids_count_up_from_sixteen_zero_bits_in_each_life_of_a_member() {
        let mut sessions = Sessions::new(1, 2000);
        let mut ids = Vec::new();
        for (member, clock) in
            [(0, 1_700_000_000_000), (2, 1_700_000_000_000), (0, 1_700_000_009_000), (0, 1_700_000_009_000)]
        {
            sessions.begin_life(member, clock);
            ids.push([(); 3].map(|()| sessions.create(member, 0, 4000, 7)));
        }
        for life in &ids {
            assert_eq!(life.map(|id| id & 0xffff), [0, 1, 2]);
            assert_eq!((life[0] >> 16, life[1] >> 16), (life[1] >> 16, life[2] >> 16));
        }
        assert_eq!([ids[0][0] >> 56, ids[1][0] >> 56], [1, 3]);
        assert_eq!((ids[2][0] - ids[0][0]) >> 16, 9000, "milliseconds");
        assert_ne!(ids[2], ids[3]);
    }

    #[test]
    fn passwords_differ_and_repeat() {
        let sessions = Sessions::new(1, 1);
        assert_ne!(sessions.password(1), sessions.password(2));
        assert_eq!(sessions.password(1), Sessions::new(1, 1).password(1));
        assert_ne!(sessions.password(1), Sessions::new(2, 1).password(1));
    }
}
