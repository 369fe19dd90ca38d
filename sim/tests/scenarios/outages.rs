//! Servers that die, freeze, refuse or do not answer.
use crate::stage::*;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use zk_core::code::Code;
use zk_core::session::State;
use zk_sim::server::{Greeting, Mode};
use zk_sim::world::{ClientNo, Route, World};

fn attempts_since(world: &World, client: ClientNo, start: Duration) -> Vec<(Duration, SocketAddr)> {
    world.client(client).attempts().into_iter().filter(|(at, _)| *at >= start).collect()
}

#[test]
fn a_client_connects_and_gets_its_session() {
    let (world, client) = connected(3);
    let one = world.client(client);
    assert_eq!(one.session_events(), [State::Connected.to_i32()]);
    assert_eq!(one.attempts().len(), 1);
    assert_ne!(one.session.client_id().id, 0);
}

#[test]
fn a_killed_server_is_left_for_another_one_in_a_fraction_of_a_second() {
    let (mut world, client) = connected(3);
    let first = member_of(&world, client);
    let before = world.client(client).session.client_id();
    world.servers(|servers, now| servers.set_mode(first, Mode::Down, now));
    assert!(world.run_until(secs(1), |world| world.client(client).state() != State::Connected));
    assert!(wait_connected(&mut world, client, ms(T / 20)));
    assert_ne!(member_of(&world, client), first);
    assert_eq!(world.client(client).session.client_id(), before, "the session lives on");
    assert_eq!(world.client(client).session_events(), [3, 1, 3]);
}

#[test]
fn a_silent_server_is_left_after_two_thirds_of_the_timeout() {
    let (mut world, client) = connected(3);
    let first = World::address(member_of(&world, client));
    let start = world.now();
    world.set_route(first, Route::Blackhole);
    assert!(world.run_until(secs(20), |world| !is_connected(world, client)));
    let waited = world.now() - start;
    assert!(waited <= ms(T * 2 / 3 + 1) && waited >= ms(T / 3), "{waited:?}");
    assert!(wait_connected(&mut world, client, ms(T / 3 - 100)), "the session must be saved");
}

#[test]
fn sixty_seconds_without_any_server_cost_few_attempts_and_little_time() {
    let (mut world, client) = connected(3);
    set_all(&mut world, Mode::Down, 0..3);
    let start = world.now();
    world.run_for(secs(60));
    let attempts = attempts_since(&world, client, start);
    // Stock makes 18 attempts a second. A client of low rank makes at most a fifth of that, and fewer the longer the
    // outage lasts.
    assert!((10..=216).contains(&attempts.len()), "{}", attempts.len());
    set_all(&mut world, Mode::Up, 0..3);
    assert!(wait_connected(&mut world, client, ms(T)), "back within the timeout, or sessions are lost");
    assert_eq!(world.client(client).session_events(), [3, 1, 3]);
}

#[test]
fn what_the_application_calls_does_not_change_the_attempts() {
    let run = |calls: bool| {
        let (mut world, client) = connected(3);
        set_all(&mut world, Mode::Down, 0..3);
        let start = world.now();
        world.run_for(ms(50));
        for tag in 0..6000 {
            if calls {
                world.submit(client, tag, &get("/", None)).unwrap();
                world.with(client, |session, _| session.deadline());
            }
            world.run_for(ms(10));
        }
        attempts_since(&world, client, start)
    };
    assert_eq!(run(false), run(true));
}

#[test]
fn a_black_hole_at_the_front_of_the_list_delays_the_first_connection_by_the_tcp_limit_only() {
    let mut world = world(3);
    world.set_route(World::address(0), Route::Blackhole);
    let client = world.connect(config(1), &addresses(3));
    // The limit is 0.12 T, where stock waits for 0.67 T.
    assert!(wait_connected(&mut world, client, ms(T * 12 / 100 + T / 50)));
}

#[test]
fn servers_that_accept_and_close_are_not_hammered() {
    for greeting in [Greeting::Close, Greeting::Reject] {
        let mut world = world(3);
        world.servers(|servers, _| (0..3).for_each(|member| servers.set_greeting(member, greeting)));
        let client = world.connect(config(1), &addresses(3));
        world.run_for(secs(60));
        let attempts = world.client(client).attempts().len();
        assert!((8..=60).contains(&attempts), "{greeting:?}: {attempts}");
        assert!(world.client(client).session_events().is_empty(), "no session, no event");
        world.servers(|servers, _| (0..3).for_each(|member| servers.set_greeting(member, Greeting::Proper)));
        assert!(wait_connected(&mut world, client, ms(T)));
    }
}

#[test]
fn a_handshake_without_an_answer_times_out_and_the_next_server_is_asked() {
    let mut world = world(3);
    world.servers(|servers, _| servers.set_greeting(0, Greeting::Silent));
    let client = world.connect(config(1), &addresses(3));
    assert!(wait_connected(&mut world, client, ms(T * 2 / 3 + T / 20)));
    assert!(world.now() >= ms(T * 2 / 3));
    assert_eq!(member_of(&world, client), 1);
}

#[test]
fn frozen_servers_are_waited_for_without_a_storm() {
    let (mut world, client) = connected(3);
    set_all(&mut world, Mode::Frozen, 0..3);
    let start = world.now();
    world.run_for(secs(60));
    let attempts = attempts_since(&world, client, start).len();
    assert!(attempts <= 12, "{attempts}");
    set_all(&mut world, Mode::Up, 0..3);
    assert!(
        world.run_until(secs(40), |world| matches!(world.client(client).state(), State::Connected | State::Expired))
    );
}

/// 1, 2, 3, 4, 6 addresses, no server at any: every address is tried in every sweep.
#[test]
fn every_address_is_tried_in_each_sweep_whatever_the_number() {
    for count in [1, 2, 3, 4, 6] {
        let mut world = world(1);
        let nobody: Vec<SocketAddr> = (0..count).map(|number| SocketAddr::from(([10, 9, 9, number], 2181))).collect();
        for address in &nobody {
            world.add_host(*address, 77);
        }
        let client = world.connect(config(3), &nobody);
        world.run_for(secs(120));
        let attempts = world.client(client).attempts();
        for sweep in attempts.chunks_exact(count.into()) {
            let mut tried: BTreeMap<SocketAddr, u32> = BTreeMap::new();
            sweep.iter().for_each(|(_, address)| *tried.entry(*address).or_default() += 1);
            assert_eq!(tried.len(), usize::from(count), "{count} addresses: {sweep:?}");
        }
        assert!(attempts.len() >= usize::from(count) * 3 && attempts.len() <= 250, "{count}: {}", attempts.len());
    }
}

#[test]
fn a_server_that_comes_back_is_found_within_one_sweep() {
    let (mut world, client) = connected(2);
    // A dies, the client goes to B; A comes back, B dies.
    let (a, b) = (member_of(&world, client), 1 - member_of(&world, client));
    world.add_host(World::address(a), a);
    world.set_route(World::address(a), Route::Refused);
    world.cut(client);
    assert!(world.run_until(secs(5), |world| is_connected(world, client) && member_of(world, client) == b));
    world.set_route(World::address(a), Route::Open);
    world.set_route(World::address(b), Route::Refused);
    world.cut(client);
    assert!(world.run_until(secs(5), |world| is_connected(world, client) && member_of(world, client) == a));
}

#[test]
fn requests_queued_in_a_pause_fail_as_fast_as_on_stock() {
    let (mut world, client) = connected(3);
    set_all(&mut world, Mode::Down, 0..3);
    world.run_for(secs(30));
    for tag in 0..20 {
        let start = world.now();
        assert_eq!(ask(&mut world, client, tag, &get("/", None)), Err(Code::ConnectionLoss));
        // Stock's pause and one pass of refusals: T/60.
        assert!(world.now() - start <= ms(T / 60 + 20), "{:?}", world.now() - start);
        world.run_for(ms(777));
    }
}

#[test]
fn requests_queued_before_a_black_hole_fail_within_an_attempts_time() {
    let (mut world, client) = connected(3);
    (0..3).for_each(|member| world.set_route(World::address(member), Route::Blackhole));
    world.run_for(secs(30));
    for tag in 0..5 {
        let start = world.now();
        assert_eq!(ask(&mut world, client, tag, &get("/", None)), Err(Code::OperationTimeout));
        assert!(world.now() - start <= ms(T * 2 / 3 * 11 / 10), "{:?}", world.now() - start);
    }
}

#[test]
fn a_request_before_the_first_connection_waits_for_it_or_fails_with_the_first_attempt() {
    let mut world = world(3);
    let client = world.connect(config(1), &addresses(3));
    assert_eq!(ask(&mut world, client, 1, &get("/", None)), Ok(()));
    let mut dead = crate::stage::world(1);
    set_all(&mut dead, Mode::Down, 0..1);
    let client = dead.connect(config(1), &addresses(1));
    assert_eq!(ask(&mut dead, client, 1, &get("/", None)), Err(Code::ConnectionLoss));
    assert!(dead.now() < ms(T / 60));
}
