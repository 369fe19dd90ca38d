//! Handshakes that are slow or time out: when they count as congestion, how the level rises and decays, and how it
//! affects the next session.
use super::super::windows::CONGESTION_FLAT;
use super::*;

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
