//! The policy as one client sees it, with a clock that is moved by hand. The larger subjects have files of their own.
#![allow(clippy::unchecked_time_subtraction)] // the clock of a test starts late enough
use super::transitions::SLOW;
use super::*;
use rand::{SeedableRng, rngs::SmallRng};
use std::net::SocketAddr;

mod attempt_limits;
mod availability;
mod congestion;
mod few;
mod memory;

const T: Duration = Duration::from_secs(10);
const MS: Duration = Duration::from_millis(1);
const ALL: [Failure; 5] =
    [Failure::Refused, Failure::Local, Failure::ConnectTimeout, Failure::Closed, Failure::HandshakeTimeout];

/// One client, with a clock that is moved by hand.
struct Story {
    backoff: Backoff,
    /// The address of the session's server.
    at: u8,
    servers: usize,
    now: Instant,
    rng: SmallRng,
}

impl Story {
    fn with(config: &Config, timeout: Duration, servers: usize, seed: u64) -> Story {
        let now = Instant::now();
        Story { backoff: Backoff::new(config, timeout, None), at: 0, servers, now, rng: SmallRng::seed_from_u64(seed) }
    }

    fn new(servers: usize, seed: u64) -> Story {
        Story::with(&Config::default(), T, servers, seed)
    }

    /// A client whose session was established just now.
    fn connected(servers: usize, seed: u64) -> Story {
        let mut story = Story::new(servers, seed);
        story.on(Event::Init);
        story.on(Event::Established);
        story
    }

    /// A client whose session was just established and has this rank.
    fn of_rank(rank: u16, servers: usize, seed: u64) -> Story {
        let mut story = Story::new(servers, seed);
        story.on(Event::Init);
        story.backoff.session_created(session_of(rank));
        story.on(Event::Established);
        story
    }

    /// The pause after an event; the clock does not move.
    fn on(&mut self, event: Event) -> Duration {
        let plan = self.backoff.on(event, self.servers, self.now, &mut self.rng);
        assert!(plan.not_before >= self.now);
        assert_eq!(plan, self.backoff.plan(self.now));
        plan.not_before - self.now
    }

    /// An attempt that fails: the clock moves by the duration of this kind of failure, and by the pause. Returns the
    /// pause.
    fn fail(&mut self, failure: Failure) -> Duration {
        let plan = self.backoff.plan(self.now);
        self.now += match failure {
            Failure::Refused | Failure::Local | Failure::Closed | Failure::Tls => MS,
            Failure::ConnectTimeout => plan.connect_timeout,
            Failure::HandshakeTimeout => plan.attempt_timeout,
        };
        let pause = self.on(Event::Failed(failure));
        self.now += pause;
        pause
    }

    /// A handshake so slow that the servers must be congested.
    fn establish_slowly(&mut self) {
        self.now += T / SLOW;
        self.on(Event::Established);
    }

    fn lose(&mut self, read_timeout: bool, uptime: Duration) -> Duration {
        let established = self.now;
        self.now += uptime;
        let last_received = if read_timeout { self.now - T * 2 / 3 } else { self.now };
        let pause = self.on(Event::Lost { read_timeout, established, last_received, server: Some(address(self.at)) });
        self.now += pause;
        pause
    }

    fn congestion(&self) -> u32 {
        self.backoff.level().congestion
    }
}

fn address(index: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, index], 2181))
}

/// A session id as ZooKeeper's server 1 makes it.
fn session_of(rank: u16) -> i64 {
    0x0100_1234_5678_0000 | i64::from(rank)
}

fn seeds() -> impl Iterator<Item = u64> {
    0..200
}

#[test]
fn a_new_handle_tries_at_once() {
    let mut story = Story::new(3, 1);
    assert_eq!(story.on(Event::Init), Duration::ZERO);
}

#[test]
fn a_server_that_confirms_sessions_only_to_break_them_is_not_hammered() {
    for seed in seeds() {
        let mut story = Story::new(1, seed);
        let start = story.now;
        for lost in 0..40 {
            story.on(Event::Established);
            let pause = story.lose(false, MS);
            let quick = pause <= T / 100;
            assert!(if lost < 8 { quick } else { pause >= T / 20 && pause <= T * 2 / 5 }, "{lost}: {pause:?}");
        }
        assert!(story.now - start > T * 7);
        // A session that lasts clears the count.
        story.on(Event::Established);
        assert!(story.lose(false, T) <= T / 100);
    }
}

#[test]
fn a_new_server_list_cuts_one_pause_short_in_a_session_timeout() {
    let mut story = Story::connected(2, 1);
    story.lose(false, T);
    let in_a_long_pause = |story: &mut Story| {
        while story.on(Event::Failed(Failure::Closed)) < T / 3 {}
    };
    in_a_long_pause(&mut story);
    assert!(story.on(Event::ServersChanged { overlap: true }) <= T / 100);
    in_a_long_pause(&mut story);
    let end = story.backoff.plan(story.now).not_before;
    story.now += MS * 10;
    for _ in 0..100 {
        story.on(Event::ServersChanged { overlap: false });
        assert!(story.backoff.plan(story.now).not_before >= end, "the pause runs on");
    }
    story.now += T;
    in_a_long_pause(&mut story);
    assert!(story.on(Event::ServersChanged { overlap: true }) <= T / 100);
}

#[test]
fn congestion_stays_when_old_and_new_list_share_a_server() {
    for overlap in [true, false] {
        let mut story = Story::connected(1, 1);
        story.lose(false, T);
        story.fail(Failure::HandshakeTimeout);
        let pause = story.on(Event::Failed(Failure::HandshakeTimeout));
        let changed = story.on(Event::ServersChanged { overlap });
        assert_eq!(story.congestion(), if overlap { 2 } else { 0 });
        assert!(if overlap { changed >= pause } else { changed <= T / 100 });
    }
}

#[test]
fn a_reconnect_of_our_own_choice_is_quick_but_never_cuts_a_pause_short() {
    let mut story = Story::connected(3, 1);
    story.now += T;
    assert!(story.on(Event::Voluntary) <= T / 100);
    let mut story = Story::connected(1, 1);
    story.lose(false, T);
    let pause = (0..9).map(|_| story.on(Event::Failed(Failure::Closed))).last().unwrap();
    assert!(pause >= T / 5);
    assert!(story.on(Event::Voluntary) >= pause);
}

#[test]
fn queued_operations_fail_about_when_stocks_would() {
    let mut story = Story::connected(3, 1);
    story.lose(false, T);
    assert_eq!(story.backoff.failure_tick(), T / 60);
    for (longer, fast) in [(Duration::ZERO, MS), (T / 2, T / 60)] {
        for (failure, tick) in ALL.into_iter().zip([fast, fast, T * 2 / 3, fast, T * 2 / 3]) {
            story.now += longer;
            story.fail(failure);
            assert_eq!(story.backoff.failure_tick(), tick, "{failure:?}");
        }
    }
}

#[test]
fn the_knobs_replace_what_scales_with_the_timeout() {
    let ms = |n| Some(Duration::from_millis(n));
    let config = Config {
        base: ms(20),
        cap: ms(50),
        congestion_cap: ms(300),
        first_jitter: ms(0),
        tcp_timeout: ms(70),
        rst: false,
        ..Config::default()
    };
    let mut story = Story::with(&config, T, 1, 1);
    assert!(!story.backoff.rst());
    story.on(Event::Init);
    assert_eq!(story.backoff.plan(story.now).connect_timeout, Duration::from_millis(70));
    story.on(Event::Established);
    assert_eq!(story.lose(false, T), Duration::ZERO);
    assert!(story.fail(Failure::Refused) <= Duration::from_millis(20));
    for _ in 0..9 {
        assert!(story.fail(Failure::Refused) <= Duration::from_millis(50));
    }
    story.fail(Failure::HandshakeTimeout);
    assert!(
        story.fail(Failure::HandshakeTimeout) <= Duration::from_millis(300),
        "the second one in a row is congestion"
    );
}

fn stock() -> Config {
    Config { policy: Policy::Stock, ..Config::default() }
}

#[test]
fn stock_waits_a_sixtieth_after_each_full_pass_and_else_not_at_all() {
    for servers in 1..=6 {
        let mut story = Story::with(&stock(), T, servers, 1);
        assert!(!story.backoff.rst());
        assert_eq!(story.on(Event::Init), Duration::ZERO);
        story.on(Event::Established);
        assert_eq!(story.lose(true, T), Duration::ZERO);
        for attempt in 1..=servers * 4 {
            let pause = if attempt % servers == 0 { T / 60 } else { Duration::ZERO };
            assert_eq!(story.fail(ALL[attempt % 4]), pause);
            let plan = story.backoff.plan(story.now);
            assert_eq!((plan.connect_timeout, plan.attempt_timeout), (T * 2 / 3, T * 2 / 3));
        }
        assert_eq!(story.backoff.level(), Level::default());
        assert!(story.backoff.memory(story.now - MS).not_before.is_none());
    }
}

#[test]
fn the_same_seed_gives_the_same_pauses() {
    let run = |seed| {
        let mut story = Story::connected(3, seed);
        (0..50).map(|n| story.fail(ALL[n % 4])).collect::<Vec<_>>()
    };
    assert_eq!(run(4), run(4));
    assert_ne!(run(4), run(5));
}
