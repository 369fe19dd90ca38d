//! Passes over a list whose servers refuse, close or lack a quorum: few attempts, pauses that grow, no reset by a TCP
//! connection.
use super::super::windows::REFUSED_FLOOR;
use super::*;

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
