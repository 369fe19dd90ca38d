#![allow(clippy::unchecked_time_subtraction)] // the clock of a test starts late enough
use super::windows::{CONGESTION_FLAT, CONNECT_FLOOR, REFUSED_FLOOR};
use super::*;
use rand::{SeedableRng, rngs::SmallRng};

mod few;

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
fn the_first_reconnect_waits_at_most_a_hundredth_of_the_timeout() {
    let mut pauses = Vec::new();
    for seed in seeds() {
        pauses.push(Story::connected(3, seed).lose(false, T));
    }
    assert!(pauses.iter().all(|pause| *pause <= T / 100));
    assert!(pauses.iter().any(|pause| *pause < T / 400) && pauses.iter().any(|pause| *pause > T / 133));
}

#[test]
fn one_dead_server_of_three_costs_two_short_pauses() {
    for seed in seeds() {
        let mut story = Story::connected(3, seed);
        let total = story.lose(false, T) + story.fail(Failure::Refused);
        assert!(total <= T / 50);
        assert_eq!(story.backoff.level(), Level::default());
    }
}

#[test]
fn pauses_grow_while_all_servers_are_dead_and_stay_below_the_session_timeout() {
    for (servers, failure) in (1..=6).flat_map(|servers| [(servers, Failure::Refused), (servers, Failure::Closed)]) {
        for seed in seeds().take(20) {
            let mut story = Story::connected(servers, seed);
            story.lose(false, T);
            let mut attempts = 0;
            let start = story.now;
            while story.now - start < T * 12 {
                let before = story.backoff.level().availability;
                let pause = story.fail(failure);
                attempts += 1;
                let age = story.now - pause - start;
                let level = story.backoff.level().availability;
                if level == before {
                    assert!(pause <= T / 50 || level == AVAILABILITY_MAX, "within a pass");
                } else {
                    let window = (T / 10).mul_f64(1.6_f64.powi(i32::try_from(level).unwrap() - 1)).min(T * 2 / 5);
                    // A refusal costs little: it may be risked again after a quarter of the outage's age.
                    let window = if failure == Failure::Refused {
                        window.min((age / 4).max(REFUSED_FLOOR).max(T / 5))
                    } else {
                        window
                    };
                    assert!(
                        pause <= window + T / 400 + MS,
                        "{servers} {failure:?}: {pause:?} of {window:?} at {age:?}, {level}"
                    );
                    assert!(level < 3 || failure == Failure::Refused || pause + MS >= window / 2);
                }
                assert!(pause < T);
            }
            assert_eq!(story.congestion(), 0, "refusals are no sign of congestion");
            // At the cap there is a pass over a majority every 3 s on average; stock makes 720 attempts for each
            // server.
            let most = if failure == Failure::Refused { (servers / 2 + 1) * 56 + 24 } else { servers / 2 + 56 };
            assert!(attempts < most, "{servers} servers: {attempts} attempts in two minutes");
        }
    }
}

#[test]
fn a_single_dead_server_is_not_hammered() {
    for failure in [Failure::Refused, Failure::Closed] {
        let mut story = Story::connected(1, 5);
        story.lose(false, T);
        let start = story.now;
        let attempts = (0..1000).take_while(|_| {
            story.fail(failure);
            story.now - start < Duration::from_secs(60)
        });
        assert!(attempts.count() < if failure == Failure::Refused { 42 } else { 28 });
    }
}

#[test]
fn servers_without_quorum_are_asked_once_a_step_after_the_first_pass() {
    for seed in seeds() {
        let mut story = Story::connected(3, seed);
        story.lose(false, T);
        assert!(story.fail(Failure::Closed) <= T / 50);
        assert_eq!(story.backoff.level().availability, 0);
        for level in 1..10 {
            story.fail(Failure::Closed);
            assert_eq!(story.backoff.level().availability, level);
        }
    }
}

#[test]
fn a_server_that_is_deaf_right_after_it_refused_is_asked_again_while_the_session_lives() {
    for seed in seeds() {
        let mut story = Story::connected(1, seed);
        story.lose(false, T);
        for _ in 0..3 {
            story.fail(Failure::Refused);
        }
        let started = story.now;
        let pause = story.fail(Failure::HandshakeTimeout);
        assert!(pause <= T / 4 && story.now - started < T, "{pause:?}");
        assert_eq!(story.congestion(), 0);
        // Two unanswered handshakes in a row mean congestion.
        assert!(story.fail(Failure::HandshakeTimeout) >= T / 4);
        assert_eq!(story.congestion(), 1);
    }
}

#[test]
fn a_connect_alone_resets_nothing() {
    // The policy only sees connections that are accepted and closed: the level keeps rising until a session is
    // confirmed.
    let mut story = Story::connected(3, 1);
    story.lose(false, T);
    for _ in 0..20 {
        story.fail(Failure::Closed);
    }
    assert_eq!(story.backoff.level().availability, AVAILABILITY_MAX);
    story.on(Event::Established);
    assert_eq!(story.backoff.level(), Level::default());
}

#[test]
fn a_black_holed_host_costs_the_tcp_phase_only() {
    let mut story = Story::new(3, 1);
    story.on(Event::Init);
    let start = story.now;
    story.fail(Failure::ConnectTimeout);
    assert!(story.now - start <= Duration::from_millis(1300), "{:?}", story.now - start);
}

#[test]
fn the_tcp_phase_is_given_more_time_when_nobody_answers_but_never_more_than_the_attempt() {
    for timeout in [1, 4, 10, 30, 60].map(Duration::from_secs) {
        let mut story = Story::with(&Config::default(), timeout, 3, 1);
        story.on(Event::Init);
        let first = story.backoff.plan(story.now).connect_timeout;
        assert!(first <= timeout / 3 && (first >= CONNECT_FLOOR || timeout < CONNECT_FLOOR * 3));
        let mut longest = first;
        for _ in 0..12 {
            story.fail(Failure::ConnectTimeout);
            let plan = story.backoff.plan(story.now);
            assert!(plan.connect_timeout >= longest && plan.connect_timeout <= plan.attempt_timeout);
            assert!(plan.attempt_timeout <= timeout);
            longest = plan.connect_timeout;
        }
        assert!(longest <= first * 4 && longest >= (first * 2).min(timeout * 2 / 3));
    }
}

#[test]
fn a_syn_after_an_unanswered_one_may_wait_longer_until_something_answers() {
    let mut story = Story::connected(3, 1);
    story.lose(false, T);
    let limit = |story: &Story| story.backoff.plan(story.now).connect_timeout;
    let first = limit(&story);
    story.fail(Failure::ConnectTimeout);
    assert_eq!(limit(&story), first * 4);
    story.fail(Failure::Closed);
    assert_eq!(limit(&story), first);
    story.fail(Failure::ConnectTimeout);
    story.on(Event::Established);
    assert_eq!(limit(&story), first);
}

#[test]
fn a_handshake_that_times_out_is_followed_by_another_server_while_the_session_can_be_saved() {
    let mut story = Story::connected(3, 1);
    story.lose(false, T);
    let lost = story.now;
    assert!(story.fail(Failure::HandshakeTimeout) <= T / 100, "6.7 s after the loss: worth a try");
    assert_eq!(story.congestion(), 0);
    let pause = story.fail(Failure::HandshakeTimeout);
    assert!(story.now - pause - lost > T, "the session is gone");
    assert!(pause >= T / 4 && pause <= T / 2);
    assert_eq!(story.congestion(), 1);
}

#[test]
fn congestion_doubles_the_window_up_to_eight_timeouts_and_patience_ends_at_the_session_timeout() {
    let mut story = Story::connected(1, 1);
    story.lose(false, T);
    let mut window = T / 2;
    for level in 1..=20 {
        let pause = story.fail(Failure::HandshakeTimeout);
        assert!(pause >= window / 2 && pause <= window, "level {level}: {pause:?} of {window:?}");
        assert_eq!(story.congestion(), level.min(CONGESTION_MAX));
        assert_eq!(story.backoff.plan(story.now).attempt_timeout, T);
        window = if level < CONGESTION_FLAT { window } else { (window * 2).min(T * 8) };
    }
}

#[test]
fn congestion_outlives_a_session_and_decays_one_level_in_three_timeouts_of_uptime() {
    let mut story = Story::connected(1, 1);
    story.lose(false, T);
    for _ in 0..3 {
        story.fail(Failure::HandshakeTimeout);
    }
    story.establish_slowly();
    assert_eq!(story.congestion(), 3);
    let pause = story.lose(false, T * 3 - MS);
    assert_eq!(story.congestion(), 3);
    assert!(pause <= T, "the whole window is for those who wait in vain");
    story.establish_slowly();
    story.lose(false, T * 6);
    assert_eq!(story.congestion(), 1);
    story.establish_slowly();
    assert!(story.lose(false, T * 3) <= T / 100, "all is forgotten");
    assert_eq!(story.backoff.plan(story.now).attempt_timeout, T * 2 / 3);
}

#[test]
fn a_session_that_comes_quickly_halves_the_congestion() {
    let mut story = Story::connected(1, 1);
    story.lose(false, T);
    for _ in 0..5 {
        story.fail(Failure::HandshakeTimeout);
    }
    for level in [2, 1, 0] {
        story.on(Event::Established);
        assert_eq!(story.congestion(), level);
        story.lose(false, T);
    }
    assert_eq!(story.backoff.plan(story.now).attempt_timeout, T * 2 / 3);
}

#[test]
fn a_starved_session_is_no_further_sign_of_congestion() {
    let mut story = Story::connected(3, 1);
    story.lose(false, T);
    story.establish_slowly();
    assert!(story.lose(true, T) <= T / 100);
    assert_eq!(story.congestion(), 0);
}

#[test]
fn a_session_that_was_slow_in_coming_is_not_given_up_before_it_is_lost_anyway() {
    let mut story = Story::connected(3, 1);
    assert_eq!(story.backoff.read_timeout(Duration::ZERO), T * 2 / 3);
    assert!(!story.backoff.ping_at_once());
    story.lose(false, T);
    story.establish_slowly();
    assert!(story.backoff.ping_at_once());
    assert_eq!(story.backoff.read_timeout(T * 3 - MS), T);
    assert_eq!(story.backoff.read_timeout(T * 3), T * 2 / 3, "it is no longer young");
    story.lose(false, T);
    story.fail(Failure::HandshakeTimeout);
    story.fail(Failure::HandshakeTimeout);
    story.fail(Failure::HandshakeTimeout);
    story.establish_slowly();
    assert_eq!(story.congestion(), 2);
    assert_eq!(story.backoff.read_timeout(T * 6 - MS), T, "congestion decays a level in three timeouts");
    assert_eq!(story.backoff.read_timeout(T * 6), T * 2 / 3);
}

#[test]
fn the_read_timeout_is_the_sessions_own_even_beyond_the_scale() {
    for (policy, slow) in [(Config::default(), Duration::from_secs(300)), (stock(), Duration::from_secs(200))] {
        let mut story = Story::with(&policy, Duration::from_secs(300), 3, 1);
        story.on(Event::Init);
        story.now += T;
        story.on(Event::Established);
        assert_eq!(story.backoff.read_timeout(Duration::ZERO), slow);
        assert_eq!(story.backoff.read_timeout(T * 60), Duration::from_secs(200));
    }
}

#[test]
fn a_tcp_phase_without_answer_is_a_part_of_the_pause() {
    for seed in seeds() {
        let mut story = Story::connected(3, seed);
        story.lose(false, T);
        for attempt in 0..20 {
            let start = story.now;
            story.fail(Failure::ConnectTimeout);
            // An unanswered SYN after another one may wait 4.8 s, longer than the largest window.
            assert!(story.now - start <= T * 48 / 100 + T / 100);
            assert!(attempt < 2 || story.now - start >= T * 48 / 100);
        }
    }
}

#[test]
fn an_expired_session_hands_on_its_pace_and_the_next_handle_keeps_the_same_instant() {
    for seed in seeds() {
        let mut story = Story::connected(3, seed);
        story.lose(false, T);
        story.fail(Failure::HandshakeTimeout);
        story.fail(Failure::HandshakeTimeout);
        let pause = story.on(Event::Expired);
        assert!(pause <= T / 2);
        let end = story.now + pause;
        // The application may close and open again at any time: the instant stays the same.
        let mut memory = story.backoff.memory(story.now);
        for _ in 0..3 {
            story.backoff = Backoff::new(&Config::default(), T, Some(memory));
            story.on(Event::Init);
            assert_eq!(story.backoff.plan(story.now).not_before, end.max(story.now));
            assert_eq!(story.congestion(), 1);
            story.now += MS;
            memory = story.backoff.memory(story.now);
        }
    }
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
fn an_application_that_reopens_in_a_pause_does_not_start_over() {
    let mut story = Story::connected(1, 1);
    story.lose(false, T);
    for _ in 0..6 {
        story.fail(Failure::Closed);
    }
    let pause = story.on(Event::Failed(Failure::Closed));
    let memory = story.backoff.memory(story.now + MS);
    story.now += MS;
    story.backoff = Backoff::new(&Config::default(), T, Some(memory));
    assert_eq!(story.on(Event::Init), pause.saturating_sub(MS));
    story.now += pause;
    assert!(story.fail(Failure::Refused) >= T / 10, "the outage is as old as before");
    // Once the pause is over, the memory holds nothing about the servers.
    let memory = story.backoff.memory(story.now);
    story.backoff = Backoff::new(&Config::default(), T, Some(memory));
    assert_eq!(story.on(Event::Init), Duration::ZERO);
    assert_eq!(story.backoff.level(), Level::default());
}

#[test]
fn handles_that_live_shortly_do_not_hand_congestion_on_for_ever() {
    let mut story = Story::connected(1, 1);
    story.lose(false, T);
    for _ in 0..3 {
        story.fail(Failure::HandshakeTimeout);
    }
    let mut levels = Vec::new();
    for _ in 0..12 {
        story.establish_slowly();
        story.now += T;
        let memory = story.backoff.memory(story.now);
        story.backoff = Backoff::new(&Config::default(), T, Some(memory));
        let pause = story.on(Event::Init);
        story.now += pause;
        levels.push(story.congestion());
    }
    assert_eq!(levels[2], 3 - 1, "the last rise was a pause of T / 2 to T and three sessions of T ago");
    assert!(levels.is_sorted_by(|a, b| a >= b) && levels[11] == 0, "{levels:?}");
}

#[test]
fn an_expiry_in_quiet_times_costs_nothing_much() {
    let mut story = Story::connected(3, 1);
    story.lose(false, T);
    assert!(story.on(Event::Expired) <= T / 100);
    assert!(story.backoff.memory(story.now + T).is_clean());
}

#[test]
fn without_memory_a_new_handle_starts_clean() {
    let mut story = Story::connected(1, 1);
    story.lose(false, T);
    story.fail(Failure::HandshakeTimeout);
    story.fail(Failure::HandshakeTimeout);
    story.on(Event::Expired);
    let memory = story.backoff.memory(story.now);
    assert!(!memory.is_clean());
    for config in [Config { memory: false, ..Config::default() }, stock()] {
        story.backoff = Backoff::new(&config, T, Some(memory));
        assert_eq!(story.on(Event::Init), Duration::ZERO);
        assert_eq!(story.congestion(), 0);
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
fn the_negotiated_timeout_becomes_the_scale() {
    let mut story = Story::connected(3, 1);
    story.backoff.set_session_timeout(Duration::from_secs(4));
    let plan = story.backoff.plan(story.now);
    assert_eq!(plan.attempt_timeout, Duration::from_secs(4) * 2 / 3);
    assert_eq!(plan.connect_timeout, CONNECT_FLOOR);
    assert!(story.lose(false, T) <= Duration::from_millis(40));
}

#[test]
fn timeouts_beyond_all_measure_are_scaled_as_their_nearest_bound() {
    for (given, scaled) in [(0, 1), (500, 1), (1000, 1), (60_000, 60), (i32::MAX.unsigned_abs().into(), 60)] {
        let story = Story::with(&Config::default(), Duration::from_millis(given), 1, 1);
        assert_eq!(story.backoff.plan(story.now).attempt_timeout, Duration::from_secs(scaled) * 2 / 3);
    }
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
