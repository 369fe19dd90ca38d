//! The exceptions for few clients: ranks, known fleets, refusals, parked requests, sessions that are cut young. And the
//! bounds that hold for every sequence of events.
use super::super::windows::{CONGESTION_CAP, INFORMED_FLOOR, PARKED_TIMEOUTS, REFUSED_FLOOR};
use super::*;

/// Failed attempts until `time` has passed since the loss, and the longest pause.
fn attempts_in(story: &mut Story, time: Duration, failure: Failure) -> (u32, Duration) {
    let (start, mut attempts, mut longest) = (story.now, 0, Duration::ZERO);
    while story.now - start < time {
        longest = longest.max(story.fail(failure));
        attempts += 1;
    }
    (attempts, longest)
}

#[test]
fn a_low_rank_notices_the_end_of_a_short_outage_within_a_fraction_of_a_second() {
    for failure in [Failure::Refused, Failure::Closed] {
        for seed in seeds().take(50) {
            let mut story = Story::of_rank(0, 3, seed);
            story.lose(false, T);
            let (_, longest) = attempts_in(&mut story, T * 4 / 5, failure);
            assert!(longest <= (T * 8 / 10 / 18).max(INFORMED_FLOOR), "{failure:?}: {longest:?}");
        }
    }
}

#[test]
fn a_high_rank_keeps_the_pace_of_the_many_where_an_attempt_costs_the_servers_something() {
    for seed in seeds().take(50) {
        let pauses = |mut story: Story| {
            story.lose(false, T);
            (0..12).map(|_| story.fail(Failure::Closed)).collect::<Vec<_>>()
        };
        assert_eq!(pauses(Story::of_rank(400, 3, seed)), pauses(Story::connected(3, seed)));
    }
}

#[test]
fn whoever_is_refused_may_ask_again_after_a_quarter_of_the_outages_age() {
    for seed in seeds().take(50) {
        let mut story = Story::connected(3, seed);
        story.lose(false, T);
        let lost = story.now;
        story.fail(Failure::Refused);
        for _ in 0..12 {
            let age = story.now - lost;
            let pause = story.fail(Failure::Refused);
            assert!(pause <= (age / 4).max(REFUSED_FLOOR) + T / 100 + MS, "{pause:?} at the age of {age:?}");
        }
    }
}

#[test]
fn an_outage_of_a_minute_costs_a_fifth_of_stocks_attempts_at_any_timeout_and_length_of_the_list() {
    for timeout in [4, 10, 20, 30].map(Duration::from_secs) {
        for servers in 1..=6_u32 {
            for failure in [Failure::Refused, Failure::Closed] {
                let mut story = Story::with(&Config::default(), timeout, servers as usize, 1);
                story.on(Event::Init);
                story.backoff.session_created(session_of(0));
                story.on(Event::Established);
                story.lose(false, timeout);
                let (attempts, _) = attempts_in(&mut story, Duration::from_secs(60), failure);
                // Stock pauses T/60 after each pass of an odd list; on an even list not at all.
                let stock = 3600.0 / timeout.as_secs_f64() * f64::from(servers);
                assert!(
                    f64::from(attempts) <= 0.22 * stock,
                    "T = {timeout:?}, {servers} servers: {attempts} of {stock}"
                );
            }
        }
    }
}

#[test]
fn the_privilege_fades_with_the_lives_that_a_session_has_outlived() {
    let window = |standing| {
        let mut story = Story::connected(3, 1);
        story.backoff.set_standing(Some(standing));
        story.lose(false, T);
        for _ in 0..8 {
            story.fail(Failure::Closed);
        }
        story.backoff.decision().window
    };
    let fresh = Standing { rank: 10, epochs: 0, resumed: 0 };
    assert!(window(fresh) < T / 10);
    assert!(window(Standing { epochs: 3, ..fresh }) > window(fresh));
    assert_eq!(window(Standing { resumed: 1, ..fresh }), T * 2 / 5);
}

#[test]
fn a_session_knows_its_rank_only_if_the_handle_created_it_and_ranks_are_on() {
    assert_eq!(Story::of_rank(7, 3, 1).backoff.standing().map(|it| it.rank), Some(7));
    assert_eq!(Story::connected(3, 1).backoff.standing(), None);
    for config in [Config { rank: false, ..Config::default() }, stock()] {
        let mut story = Story::with(&config, T, 3, 1);
        story.on(Event::Init);
        story.backoff.session_created(session_of(0));
        story.on(Event::Established);
        assert_eq!((story.backoff.standing(), story.backoff.legacy(story.now).standing), (None, None));
    }
}

#[test]
fn a_fleet_whose_size_is_known_asks_at_a_thousandth_of_a_second_per_client() {
    let pauses = |fleet, failure| {
        let mut story = Story::with(&Config { fleet: Some(fleet), ..Config::default() }, T, 3, 1);
        story.on(Event::Init);
        story.on(Event::Established);
        story.lose(false, T);
        attempts_in(&mut story, T, failure).1
    };
    assert!(pauses(20, Failure::Closed) <= T / 15);
    assert!(pauses(2000, Failure::Closed) <= Duration::from_secs(2));
    assert!(pauses(500_000, Failure::Closed) > T / 4, "no faster than without the knob");
}

#[test]
fn a_request_of_the_foremost_stays_parked_at_one_server_and_its_pauses_are_short() {
    let mut story = Story::of_rank(2, 3, 1);
    story.lose(true, T);
    let mut parked_after = 0;
    while !story.backoff.decision().parked {
        story.fail(Failure::HandshakeTimeout);
        parked_after += 1;
    }
    assert_eq!(parked_after, 3, "every address has been tried");
    for _ in 0..4 {
        assert_eq!(story.backoff.plan(story.now).attempt_timeout, T * PARKED_TIMEOUTS);
        assert!(story.fail(Failure::HandshakeTimeout) <= Duration::from_millis(600));
        assert_eq!(story.backoff.avoid_for(), Some(T * AVOIDED), "the next round begins elsewhere");
    }
    let mut many = Story::of_rank(16, 3, 1);
    many.lose(true, T);
    for _ in 0..6 {
        many.fail(Failure::HandshakeTimeout);
        assert!(!many.backoff.decision().parked && many.backoff.plan(many.now).attempt_timeout <= T);
    }
}

#[test]
fn a_server_that_is_deaf_after_another_refused_is_given_nine_tenths_of_the_timeout() {
    let mut story = Story::connected(3, 1);
    story.lose(false, T);
    story.fail(Failure::Refused);
    assert_eq!(story.backoff.plan(story.now).attempt_timeout, T * 9 / 10);
    story.fail(Failure::Refused);
    assert!(story.fail(Failure::HandshakeTimeout) <= T / 20);
    assert_eq!((story.congestion(), story.backoff.decision().why), (0, Why::Starting));
    // A client of low rank asks soon after the refusal, and the pause counts.
    let mut low = Story::of_rank(0, 3, 1);
    low.lose(false, T);
    let pause = (0..4).map(|_| low.fail(Failure::Refused)).last().unwrap();
    assert_eq!(low.backoff.plan(low.now).attempt_timeout, T * 9 / 10 - pause);
    let mut alone = Story::connected(1, 1);
    alone.lose(false, T);
    alone.fail(Failure::Refused);
    assert_eq!(alone.backoff.plan(alone.now).attempt_timeout, T * 2 / 3);
}

#[test]
fn one_address_that_cuts_every_session_young_is_avoided_and_no_pause_follows() {
    for seed in seeds().take(20) {
        let mut story = Story::of_rank(5, 3, seed);
        for _ in 0..40 {
            story.at = 1;
            assert!(story.lose(false, MS) <= T / 100);
            assert!(story.backoff.avoid_for().is_some());
            story.on(Event::Established);
        }
        // Now most addresses have cut a session: from here on there are pauses, which are short for few clients.
        story.at = 2;
        assert!(story.lose(false, MS) <= INFORMED_FLOOR);
        story.on(Event::Established);
        let pause = story.lose(false, MS);
        assert!(pause <= INFORMED_FLOOR && pause >= INFORMED_FLOOR / 2 - MS, "{pause:?}");
        // A session that lives as long as a pause asks the servers no more often than the pause would.
        story.on(Event::Established);
        assert!(story.lose(false, INFORMED_FLOOR) <= T / 100);
    }
}

#[test]
fn addresses_that_refuse_are_no_alternative_to_one_that_cuts_every_session_young() {
    for seed in seeds().take(20) {
        let mut story = Story::with(&Config::default(), Duration::from_secs(2), 3, seed);
        story.on(Event::Init);
        story.backoff.session_created(session_of(5));
        story.on(Event::Established);
        let mut pauses = Vec::new();
        for _ in 0..20 {
            story.at = 1;
            pauses.push(story.lose(false, MS));
            story.fail(Failure::Refused);
            story.fail(Failure::Refused);
            story.on(Event::Established);
        }
        // The first loss followed a session that came without a refusal.
        assert!(pauses[..8].iter().all(|pause| *pause <= T / 100), "{pauses:?}");
        assert!(pauses[12..].iter().all(|pause| *pause >= INFORMED_FLOOR / 2 - MS), "{pauses:?}");
    }
}

#[test]
fn the_many_pause_for_long_where_most_addresses_cut_sessions_young() {
    let mut story = Story::of_rank(900, 3, 1);
    let mut pauses = Vec::new();
    for lost in 0..30 {
        story.at = lost % 2;
        pauses.push(story.lose(false, MS));
        story.on(Event::Established);
    }
    assert!(pauses[..8].iter().all(|pause| *pause <= T / 100));
    assert!(pauses[20..].iter().all(|pause| *pause >= T / 6), "{pauses:?}");
}

#[test]
fn a_standing_passes_to_the_next_handle_and_returns_if_it_is_not_used() {
    let mut story = Story::of_rank(9, 3, 1);
    assert_eq!(story.backoff.memory(story.now).standing, None, "the session lives");
    story.on(Event::Expired);
    let legacy = story.backoff.legacy(story.now);
    assert_eq!(legacy.standing.map(|it| it.rank), Some(9));
    story.backoff = Backoff::new(&Config::default(), T, Some(legacy));
    story.on(Event::Init);
    assert_eq!(story.backoff.standing(), legacy.standing);
    assert_eq!(story.backoff.legacy(story.now).standing, legacy.standing, "closed before it had a session");
    story.backoff.session_created(session_of(77));
    story.on(Event::Established);
    assert_eq!(story.backoff.standing().map(|it| it.rank), Some(77));
}

/// For any events in any order, with any ids and epochs: nothing panics, no pause exceeds the caps, levels and limits
/// stay in range, and only a failure, a loss or an expiry raises a level.
#[test]
fn any_history_keeps_the_bounds() {
    for seed in 0..2000 {
        let mut dice = SmallRng::seed_from_u64(seed);
        let timeout = Duration::from_millis(dice.random_range(0..=90_000));
        let fleet = if dice.random_range(0..8) == 0 { Some(dice.random_range(1..=u32::MAX)) } else { None };
        let config = Config { fleet, rank: dice.random_range(0..8) > 0, ..Config::default() };
        let mut story = Story::with(&config, timeout, dice.random_range(0..=7), seed);
        let scale = timeout.clamp(TIMEOUT_RANGE.0, TIMEOUT_RANGE.1);
        story.on(Event::Init);
        for _ in 0..60 {
            match dice.random_range(0..12) {
                0 => story.backoff.session_created(dice.random_range(i64::MIN..=i64::MAX)),
                1 => story.backoff.session_created(dice.random_range(-2..100)),
                2 => story.backoff.saw_zxid(dice.random_range(i64::MIN..=i64::MAX)),
                3 => story.backoff.saw_zxid(dice.random_range(0..4) << 32 | 1),
                4 => story.backoff.session_created(session_of(dice.random_range(0..20))),
                _ => {}
            }
            let before = story.backoff.level();
            let event = match dice.random_range(0..10) {
                0 => Event::Established,
                1 => Event::Lost {
                    read_timeout: dice.random(),
                    // Both may be long past or in the future, as if the clock had jumped.
                    established: story.now - MS * 300_000 + MS * dice.random_range(0..600_000),
                    last_received: story.now - MS * 60_000 + MS * dice.random_range(0..120_000),
                    server: dice.random::<bool>().then(|| address(dice.random_range(0..4))),
                },
                2 => Event::ServersChanged { overlap: dice.random() },
                3 => Event::Voluntary,
                4 => Event::Expired,
                _ => Event::Failed(ALL[dice.random_range(0..5)]),
            };
            let pause = story.on(event);
            let (after, plan) = (story.backoff.level(), story.backoff.plan(story.now));
            assert!(pause <= if after.congestion + before.congestion > 0 { CONGESTION_CAP } else { scale * 2 / 5 });
            assert!(after.availability <= AVAILABILITY_MAX && after.congestion <= CONGESTION_MAX);
            let parked = story.backoff.decision().parked;
            assert!(plan.attempt_timeout <= if parked { scale * PARKED_TIMEOUTS } else { scale });
            assert!(plan.connect_timeout <= plan.attempt_timeout && plan.connect_timeout > Duration::ZERO);
            assert!(story.backoff.avoid_for().is_none_or(|time| time <= scale * AVOIDED));
            if !matches!(event, Event::Failed(_) | Event::Lost { .. }) {
                assert!(after.availability <= before.availability && after.congestion <= before.congestion);
            }
            if dice.random_range(0..4) > 0 {
                story.now = plan.not_before;
            }
            story.now += MS * dice.random_range(0..20_000);
        }
    }
}

/// Thousands of handles in a process, opened and closed at will: no two of them ever have the same standing, and none
/// gets an invented one.
#[test]
fn a_process_of_many_handles_never_has_more_standings_than_sessions() {
    let hosts = [crate::servers::HostPort { host: "zk".to_owned(), port: 2181 }];
    let mut dice = SmallRng::seed_from_u64(4);
    let (mut history, mut now, mut next) = (History::new(), Instant::now(), 0);
    let mut handles: Vec<Backoff> = Vec::new();
    for _ in 0..6000 {
        now += MS * dice.random_range(0..50);
        if handles.is_empty() || dice.random_range(0..5) < 3 {
            let mut handle = Backoff::new(&Config::default(), T, history.get(&hosts, now));
            handle.on(Event::Init, 3, now, &mut dice);
            if dice.random() {
                handle.session_created(session_of(next));
                next += 1;
                handle.on(Event::Established, 3, now, &mut dice);
                history.put(&hosts, handle.memory(now));
            }
            handles.push(handle);
        } else {
            let handle = handles.swap_remove(dice.random_range(0..handles.len()));
            history.put(&hosts, handle.legacy(now));
        }
        let mut ranks: Vec<u16> = handles.iter().filter_map(Backoff::standing).map(|it| it.rank).collect();
        ranks.sort_unstable();
        assert!(ranks.windows(2).all(|pair| pair[0] != pair[1]) && ranks.iter().all(|rank| *rank < next));
    }
    assert!(handles.len() > 500 && next > 1000);
}
