//! What a handle leaves to the next one: pauses, levels, and what is not handed on.
use super::*;

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
