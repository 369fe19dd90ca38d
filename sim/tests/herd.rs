//! The targets of the reconnect policy at a size that fits a test run, and the behaviour of the server model.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // tests
use std::time::Duration;
use zk_core::backoff::Config;
use zk_sim::herd::{Incident, Outcome, Policy, Scenario, measure, run};

fn s(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn election(load: f64) -> Scenario {
    Scenario { clients: 600, ..Scenario::new(Incident::Election(s(10.0)), s(load)) }
}

fn freeze(time: f64, load: f64) -> Scenario {
    Scenario { clients: 600, ..Scenario::new(Incident::Freeze(s(time)), s(load)) }
}

fn eager(scenario: Scenario) -> Scenario {
    Scenario { read_ahead: usize::MAX, ..scenario }
}

/// The scenario with stock's policy and a short horizon, which suffices to see that stock does not recover.
fn stock(scenario: &Scenario) -> Scenario {
    Scenario { horizon: s(120.0), ..scenario.with(Policy::C35) }
}

#[test]
fn a_run_depends_on_its_seed_only() {
    let facts = |outcome: &Outcome| (outcome.back, outcome.attempts_after, outcome.groups[0].downtimes.clone());
    let outcome = run(&freeze(20.0, 16.7), 1);
    assert_eq!(facts(&outcome), facts(&run(&freeze(20.0, 16.7), 1)));
    assert_ne!(facts(&outcome), facts(&run(&freeze(20.0, 16.7), 2)));
}

#[test]
fn where_the_servers_take_long_for_the_fleet_stock_never_comes_back_and_ours_does() {
    for scenario in [election(16.7), freeze(20.0, 10.0), freeze(20.0, 16.7)] {
        let (theirs, ours) = (run(&stock(&scenario), 1), run(&scenario, 1));
        assert_eq!(theirs.t99(), None, "{scenario:?}");
        assert!(theirs.wasted > 0.9, "stock keeps the servers busy with requests that it has given up");
        assert!(ours.t99().unwrap() <= 3.0 * scenario.load.as_secs_f64(), "{:?}", ours.t99());
    }
}

#[test]
fn ours_comes_back_at_any_number_of_addresses_and_any_timeout_up_to_l_of_two_and_a_half_timeouts() {
    let shapes = [(1, 1), (2, 1), (3, 1), (5, 1), (3, 2)].map(|shape| (10.0, shape));
    for (timeout, (servers, addresses_each)) in shapes.into_iter().chain([(4.0, (3, 1)), (30.0, (3, 1))]) {
        for incident in [Incident::Election(s(timeout)), Incident::Freeze(s(timeout * 2.0))] {
            let base = Scenario::new(incident, s(timeout * 2.5));
            let horizon = s(timeout * 60.0);
            let scenario = Scenario { clients: 300, servers, addresses_each, timeout: s(timeout), horizon, ..base };
            for scenario in [scenario.clone(), eager(scenario)] {
                assert!(run(&scenario, 3).t99().is_some(), "{scenario:?}");
            }
        }
    }
}

#[test]
fn with_ample_servers_all_are_back_within_0_8_timeouts_and_no_session_is_lost() {
    for scenario in [election(1.0), election(5.0), freeze(5.0, 5.0), eager(election(5.0)), eager(freeze(5.0, 5.0))] {
        for seed in 0..3 {
            let outcome = run(&scenario, seed);
            assert!(outcome.t99().unwrap() <= 8.0 && outcome.lost_share() <= 0.0, "{:?}", outcome.back);
        }
    }
}

#[test]
fn a_larger_fleet_on_larger_servers_takes_no_longer() {
    let scenario = Scenario { clients: 10_000, ..election(16.7) };
    assert!(run(&scenario, 1).t99().unwrap() <= 3.0 * 16.7);
}

#[test]
fn dead_servers_see_a_fraction_of_stocks_attempts_at_any_length_of_the_list() {
    for servers in 1..=4 {
        let base = Scenario::new(Incident::Outage(s(60.0)), s(5.0));
        let ours = run(&Scenario { clients: 100, servers, ..base.clone() }, 1).attempts_during;
        // On an even list stock tries as fast as the refusals come back: simulating one client for a second is enough.
        let short = Scenario { incident: Incident::Outage(s(1.0)), clients: 1, servers, ..base };
        let theirs = run(&short.with(Policy::C35), 1).attempts_during * 60 * 100;
        assert!(ours * 5 < theirs, "{servers} servers: {ours} and {theirs}");
    }
}

#[test]
fn a_black_holed_first_host_costs_a_quarter_of_stocks_time_at_most() {
    let scenario = Scenario { clients: 300, backlog: usize::MAX, ..Scenario::new(Incident::Start, s(0.001)) };
    let worst = |scenario: &Scenario| measure(scenario, 1).downtime(5.0 / 6.0);
    assert!(worst(&scenario) <= 0.25 * worst(&scenario.with(Policy::C35)));
}

#[test]
fn where_accepts_are_slow_the_spread_of_our_first_reconnect_saves_the_fleet_from_lock_step() {
    let scenario = Scenario { clients: 3000, accept_time: Some(s(0.001)), ..Scenario::new(Incident::Kill, s(2.0)) };
    let (ours, theirs) = (measure(&scenario, 1), measure(&scenario.with(Policy::C35), 1));
    assert!(ours.downtime(0.99) < theirs.downtime(0.99) * 0.5);
    assert!(ours.most_lost() <= 0.0);
}

#[test]
fn descriptors_run_out_under_stock_and_not_under_ours() {
    let scenario = election(16.7);
    assert!(run(&stock(&scenario), 1).descriptors > 3.9);
    assert!(run(&scenario, 1).descriptors < 1.3);
}

#[test]
fn a_throttling_server_turns_away_what_exceeds_its_rate() {
    let scenario = Scenario { throttle: Some(5.0), ..election(1.0) };
    let outcome = run(&scenario, 1);
    assert!(outcome.back[0].unwrap() >= 600.0 / 15.0 / 2.0 - 2.0, "15 a second, 300 of them: {:?}", outcome.back);
}

#[test]
fn memory_between_handles_keeps_the_pace_through_expiries() {
    let without = Policy::Ours(Config { memory: false, ..Config::default() });
    let scenario = eager(freeze(20.0, 25.0));
    let attempts = |scenario: &Scenario| run(scenario, 1).attempts_after;
    assert!(attempts(&scenario) < attempts(&scenario.with(without)));
}

#[test]
fn a_mixed_fleet_is_counted_by_policy() {
    let ours = Policy::Ours(Config::default());
    let policies = vec![ours.clone(), Policy::C35, ours, Policy::C35];
    let outcome = run(&Scenario { policies, ..election(5.0) }, 1);
    assert_eq!(outcome.groups.len(), 2);
    for group in &outcome.groups {
        assert_eq!(group.downtimes.len(), 300);
        assert!(group.connected > 0.95);
    }
}
