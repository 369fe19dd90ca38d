//! A client's place in the fleet, which it can read off its session id: the rank. Pure arithmetic on ids, epochs and
//! durations.
//!
//! A ZooKeeper server counts its session ids up by one. The count starts with sixteen zero bits each time that the server
//! joins an ensemble after an election; the time and the server's number stand above them. So the low sixteen bits say how
//! many sessions the server had created before this one, and at most `k` sessions of one server life have a rank below `k`.
//! If each client asks at a rate proportional to 1 / rank, a fleet of any size asks at a rate that grows with the logarithm
//! of its size only.
use std::time::Duration;

/// The rate of a client is this divided by its rank, for one server life: rank 1 makes at most 100 attempts a second,
/// rank 100 at most one.
const ATTEMPTS_PER_SECOND: f64 = 100.0;
/// From about this effective rank on, the window grows with the square of the rank, so that the sum over a large fleet stays small.
const QUADRATIC_FROM: f64 = 50.0;
/// The rank of a session that was resumed in an unchanged epoch counts as this many times as high.
const RESUMED_FACTOR: u32 = 64;
/// Effective ranks up to this one may also keep asking a server that does not answer.
const FOREMOST_MAX: u32 = 16;
/// Connect requests per second and server life that the foremost ranks may make to a server that does not answer.
const HANDSHAKES_PER_SECOND: u32 = 5;
/// A fleet of known size makes one attempt per client, spread so that this many come in a second.
const FLEET_PER_SECOND: u32 = 1000;
/// The number of servers over which the clients of a fleet of known size are assumed to be spread.
const FLEET_SERVERS: u32 = 3;
/// ZooKeeper's ids hold milliseconds of the server's clock above the rank. A value below this is not a clock but a
/// counter, as with servers that number their sessions from 1.
const CLOCK_MS_MIN: i64 = 1000;

/// The rank of a session, and its history since it was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How many sessions the server had created before this one in the same server life.
    pub rank: u16,
    /// Epochs that have begun since the session was created.
    pub epochs: u32,
    /// How often the session was resumed after a loss although the epoch had not changed.
    pub resumed: u32,
}

impl Standing {
    /// The standing of a session that was created just now. `None` for an id without ZooKeeper's layout.
    pub fn of_session(id: i64) -> Option<Standing> {
        let clock = (id >> 16) & 0xff_ffff_ffff;
        let [.., high, low] = id.to_be_bytes();
        let rank = u16::from_be_bytes([high, low]);
        (clock >= CLOCK_MS_MIN).then_some(Standing { rank, epochs: 0, resumed: 0 })
    }

    /// The rank counted from 1, increased for each server life that the session has outlived: the new life hands out
    /// the same ranks again.
    pub fn effective(&self) -> u32 {
        let lives = f64::from(self.epochs.saturating_add(1)).powf(1.5).floor();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a cast of a float saturates
        let lives = lives as u32;
        let resumed = RESUMED_FACTOR.saturating_pow(self.resumed);
        (u32::from(self.rank) + 1).saturating_mul(lives).saturating_mul(resumed)
    }
}

/// What a client knows about the size of the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Knowledge {
    /// Nothing: no session yet, a session taken over by its id, an id of another layout, or ranks turned off.
    Unknown,
    /// The rank of this client's session.
    Rank(Standing),
    /// The number of clients, given by the operator.
    Fleet(u32),
}

impl Knowledge {
    /// The window over which this client spreads one attempt while servers refuse or close; `None` if nothing is known.
    pub(super) fn window(self) -> Option<Duration> {
        match self {
            Knowledge::Unknown => None,
            Knowledge::Rank(standing) => {
                let effective = f64::from(standing.effective());
                Some(Duration::from_secs_f64(effective / ATTEMPTS_PER_SECOND * (1.0 + effective / QUADRATIC_FROM)))
            }
            Knowledge::Fleet(clients) => Some(Duration::from_secs(clients.into()) / FLEET_PER_SECOND),
        }
    }

    /// The window over which this client spreads one attempt that most likely succeeds: the first one after a loss, and the
    /// next address of a pass.
    pub(super) fn hop(self) -> Option<Duration> {
        match self {
            Knowledge::Rank(standing) => {
                Some(Duration::from_secs_f64(f64::from(standing.effective()) / ATTEMPTS_PER_SECOND))
            }
            Knowledge::Unknown | Knowledge::Fleet(_) => self.window(),
        }
    }

    /// The window over which this client spreads one connect request while servers do not answer; `None` if the
    /// congestion window applies.
    pub(super) fn handshake_window(self) -> Option<Duration> {
        match self {
            Knowledge::Rank(standing) if self.is_foremost() => {
                Some(Duration::from_secs(u64::from(standing.rank) + 1) / HANDSHAKES_PER_SECOND)
            }
            Knowledge::Fleet(clients) => {
                Some(Duration::from_secs(clients.into()) / (FLEET_SERVERS * HANDSHAKES_PER_SECOND))
            }
            Knowledge::Rank(_) | Knowledge::Unknown => None,
        }
    }

    /// Whether this client is one of the few whose request may stay parked at a server that does not answer.
    pub(super) fn is_foremost(self) -> bool {
        match self {
            Knowledge::Unknown => false,
            Knowledge::Rank(standing) => standing.effective() <= FOREMOST_MAX,
            Knowledge::Fleet(clients) => clients <= FOREMOST_MAX * FLEET_SERVERS,
        }
    }
}

/// Follows a session through losses and epochs, and keeps its [`Standing`].
#[derive(Clone, Debug, Default)]
pub(super) struct Tracker {
    standing: Option<Standing>,
    /// Epoch in which the session was created, once a reply has carried it.
    born: Option<u32>,
    /// Epoch of the last reply on the current connection.
    seen: Option<u32>,
    /// Epoch of the connection that was lost last, until the next one's is known.
    lost_in: Option<u32>,
}

impl Tracker {
    /// The tracker of a handle without a session, with an inherited standing if there is one.
    pub(super) fn new(standing: Option<Standing>) -> Tracker {
        Tracker { standing, ..Tracker::default() }
    }

    pub(super) fn standing(&self) -> Option<Standing> {
        self.standing
    }

    /// Called when this handle has just created a session.
    pub(super) fn created(&mut self, standing: Option<Standing>) {
        *self = Tracker::new(standing);
    }

    /// Called when a session is established: replies now come on a new connection.
    pub(super) fn established(&mut self) {
        self.seen = None;
    }

    /// Called when the connection was lost against the client's will.
    pub(super) fn lost(&mut self) {
        self.lost_in = self.seen.or(self.lost_in);
    }

    /// Called for a reply in this epoch.
    pub(super) fn saw_epoch(&mut self, epoch: u32) {
        if self.seen.replace(epoch) == Some(epoch) {
            return;
        }
        let resumed_in = self.lost_in.take();
        let Some(standing) = &mut self.standing else { return };
        let born = *self.born.get_or_insert(epoch.saturating_sub(standing.epochs));
        // An epoch that goes back (data restored from a backup) also means a new life of the servers.
        standing.epochs = standing.epochs.max(epoch.abs_diff(born));
        if resumed_in == Some(epoch) {
            standing.resumed = standing.resumed.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::SmallRng};

    fn standing(rank: u16, epochs: u32, resumed: u32) -> Standing {
        Standing { rank, epochs, resumed }
    }

    #[test]
    fn the_rank_is_the_low_sixteen_bits_of_an_id_laid_out_as_zookeepers() {
        // Seen on ZooKeeper 3.8.0, server 1.
        for (id, rank) in [(0x1000_0f3b_7c2d_0000_i64, 0), (0x1000_0f3b_7c2d_0007, 7), (0x3000_0001_86a0_ffff, 0xffff)]
        {
            assert_eq!(Standing::of_session(id), Some(standing(rank, 0, 0)), "{id:#x}");
        }
        // A server number of 128 and more makes the id negative.
        assert_eq!(Standing::of_session(-1 << 56 | 0x00ab_cdef_0000_0005).map(|it| it.rank), Some(5));
        // No session, and counters that start at 1.
        for id in [0, 1, 2, 0xffff, 0x1_0000, 0x0100_0000_0000_0005, i64::MIN] {
            assert_eq!(Standing::of_session(id), None, "{id:#x}");
        }
    }

    #[test]
    fn a_rank_counts_less_with_each_life_that_its_session_outlives() {
        assert_eq!(standing(0, 0, 0).effective(), 1);
        assert_eq!([1, 2, 3, 8].map(|epochs| standing(0, epochs, 0).effective()), [2, 5, 8, 27]);
        assert_eq!([1, 2].map(|resumed| standing(2, 0, resumed).effective()), [3 * 64, 3 * 64 * 64]);
        assert_eq!(standing(u16::MAX, u32::MAX, u32::MAX).effective(), u32::MAX);
    }

    /// The bound that the policy rests on: however many sessions a server life has created, their combined rate is one
    /// that a server can bear.
    #[test]
    fn all_sessions_of_a_server_life_together_ask_at_a_bounded_rate() {
        let rate = |window: fn(Knowledge) -> Option<Duration>, floor: f64| -> f64 {
            let windows = (0..=u16::MAX).filter_map(|rank| window(Knowledge::Rank(standing(rank, 0, 0))));
            windows.map(|window| 1.0 / window.as_secs_f64().max(floor)).sum()
        };
        assert!(rate(Knowledge::window, 0.25) < 260.0);
        assert!(rate(Knowledge::hop, 0.0) < 1200.0);
        assert!(rate(Knowledge::handshake_window, 0.0) < 18.0);
        let foremost = (0..=u16::MAX).filter(|rank| Knowledge::Rank(standing(*rank, 0, 0)).is_foremost());
        assert_eq!(foremost.count(), 16);
    }

    #[test]
    fn a_known_fleet_asks_a_thousand_times_a_second_whatever_its_size() {
        for clients in [1, 48, 49, 5000, u32::MAX] {
            let window = Knowledge::Fleet(clients).window().unwrap().as_secs_f64();
            assert!((f64::from(clients) / window - 1000.0).abs() < 1.0, "{clients}");
            assert_eq!(Knowledge::Fleet(clients).is_foremost(), clients <= 48);
        }
    }

    #[test]
    fn epochs_count_from_the_sessions_first_reply_and_resumptions_only_in_an_unchanged_epoch() {
        let mut tracker = Tracker::new(None);
        tracker.created(Some(standing(3, 0, 0)));
        tracker.established();
        tracker.saw_epoch(7);
        assert_eq!(tracker.standing(), Some(standing(3, 0, 0)));
        // The leader's death: a new epoch.
        tracker.lost();
        tracker.established();
        tracker.saw_epoch(8);
        assert_eq!(tracker.standing(), Some(standing(3, 1, 0)));
        // A follower's death, seen by its clients only.
        tracker.lost();
        tracker.established();
        tracker.saw_epoch(8);
        tracker.saw_epoch(8);
        assert_eq!(tracker.standing(), Some(standing(3, 1, 1)));
        // A move that the client chose itself is no loss.
        tracker.established();
        tracker.saw_epoch(8);
        assert_eq!(tracker.standing(), Some(standing(3, 1, 1)));
        // A connection that is lost before any reply gives no epoch; the previous connection decides.
        tracker.lost();
        tracker.established();
        tracker.lost();
        tracker.established();
        tracker.saw_epoch(8);
        assert_eq!(tracker.standing(), Some(standing(3, 1, 2)));
    }

    #[test]
    fn a_standing_never_improves_whatever_the_epochs_do() {
        let mut dice = SmallRng::seed_from_u64(1);
        for _ in 0..500 {
            let mut tracker = Tracker::new(None);
            tracker.created(Standing::of_session(dice.random_range(i64::MIN..=i64::MAX)));
            let mut worst = 0;
            for _ in 0..40 {
                match dice.random_range(0..4) {
                    0 => tracker.lost(),
                    1 => tracker.established(),
                    2 => tracker.saw_epoch(dice.random_range(0..=u32::MAX)),
                    _ => tracker.saw_epoch(dice.random_range(0..4)),
                }
                let effective = tracker.standing().map_or(u32::MAX, |it| it.effective());
                assert!(effective >= worst);
                worst = effective;
            }
        }
    }
}
