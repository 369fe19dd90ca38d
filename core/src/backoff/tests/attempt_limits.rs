//! The time limits of an attempt and of its TCP phase, and the session timeout that scales them.
use super::super::windows::CONNECT_FLOOR;
use super::*;

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
