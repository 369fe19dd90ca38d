//! Sessions that expire, move, are resumed, and read-only service.
use crate::stage::*;
use zk_core::code::Code;
use zk_core::request::mode;
use zk_core::session::{Config, State};
use zk_sim::server::{Mode, Options};
use zk_sim::world::{Heard, Route, World};

#[test]
fn an_expired_session_is_told_at_the_next_handshake_and_is_final() {
    let (mut world, client) = connected(3);
    let id = world.client(client).session.client_id().id;
    world.submit(client, 1, &get("/", None)).unwrap();
    world.servers(|servers, _| servers.expire(id));
    assert!(world.run_until(secs(5), |world| world.client(client).state() == State::Expired));
    assert_eq!(world.client(client).session_events(), [3, 1, -112]);
    assert_eq!(world.client(client).result(1), Some(&Err(Code::ConnectionLoss)), "pending at the loss");
    assert_eq!(world.submit(client, 2, &get("/", None)), Err(Code::InvalidState));
    let attempts = world.client(client).attempts().len();
    world.run_for(secs(100));
    assert_eq!(world.client(client).attempts().len(), attempts, "nothing more is tried");
}

#[test]
fn what_was_queued_while_the_session_expired_fails_with_that() {
    let (mut world, client) = connected(1);
    world.set_route(World::address(0), Route::Refused);
    world.cut(client);
    assert!(world.run_until(secs(1), |world| !is_connected(world, client)));
    let id = world.client(client).session.client_id().id;
    world.servers(|servers, _| servers.expire(id));
    world.set_route(World::address(0), Route::Open);
    // Submitted so late that the next attempt can answer it before the failure tick.
    let due = world.client(client).session.not_before();
    let until = world.time_of(due).saturating_sub(world.now() + ms(5));
    world.run_for(until);
    world.submit(client, 5, &get("/", None)).unwrap();
    world.run_for(secs(3));
    assert_eq!(world.client(client).result(5), Some(&Err(Code::SessionExpired)));
}

#[test]
fn ephemeral_nodes_go_with_the_session_and_stay_while_it_moves() {
    let (mut world, client) = connected(3);
    let other = world.connect(config(2), &addresses(3));
    assert!(wait_connected(&mut world, other, secs(1)));
    assert_eq!(ask(&mut world, client, 1, &create("/e", mode::EPHEMERAL)), Ok(()));
    for _ in 0..5 {
        world.cut(client);
        world.run_for(secs(1));
        assert!(is_connected(&world, client));
    }
    assert_eq!(ask(&mut world, other, 1, &exists("/e", Some(9))), Ok(()));
    world.feed(client, zk_core::session::Input::Close);
    world.run_for(secs(1));
    assert_eq!(ask(&mut world, other, 2, &exists("/e", None)), Err(Code::NoNode));
    assert!(world.client(other).events().iter().any(|event| event.kind == 2 && event.path == b"/e"));
}

#[test]
fn a_session_taken_over_by_another_handle_moves() {
    let (mut world, first) = connected(1);
    let id = world.client(first).session.client_id();
    let second = world.connect(Config { client_id: id, ..config(2) }, &addresses(1));
    assert!(wait_connected(&mut world, second, secs(1)));
    assert_eq!(world.client(second).session.client_id(), id);
    // The first client lost its connection and takes the session back, and so on: neither ends up expired.
    world.run_for(secs(2));
    assert!(world.client(first).session.stats().established + world.client(second).session.stats().established >= 3);
    assert!(!world.client(first).session_events().contains(&State::Expired.to_i32()));
}

#[test]
fn a_wrong_password_means_expired() {
    let (world_, client) = connected(1);
    let mut world = world_;
    let mut id = world.client(client).session.client_id();
    id.password[0] ^= 1;
    let thief = world.connect(Config { client_id: id, ..config(2) }, &addresses(1));
    assert!(world.run_until(secs(2), |world| world.client(thief).state() == State::Expired));
}

#[test]
fn every_connection_says_what_it_has_seen_and_who_it_is() {
    let (mut world, client) = connected(3);
    for tag in 0..5 {
        ask(&mut world, client, tag, &create(&format!("/n{tag}"), 0)).unwrap();
    }
    let seen = world.ensemble.zxid();
    let id = world.client(client).session.client_id().id;
    // A member that has not seen the client's last transaction rejects it; the others accept it.
    let first = member_of(&world, client);
    let behind = (first + 1) % 3;
    world.servers(|servers, _| servers.set_behind(behind, Some(seen - 1)));
    world.cut(client);
    world.run_for(secs(2));
    assert!(is_connected(&world, client));
    assert_ne!(member_of(&world, client), behind);
    assert_eq!(world.client(client).session.client_id().id, id);
}

#[test]
fn a_read_only_client_reads_without_a_quorum_and_returns_to_it() {
    let mut world = world(3);
    set_all(&mut world, Mode::Down, 1..3);
    let client = world.connect(Config { read_only: true, ..config(1) }, &addresses(3));
    assert!(world.run_until(secs(5), |world| world.client(client).state() == State::ReadOnly));
    assert_eq!(ask(&mut world, client, 1, &get("/", Some(4))), Ok(()));
    assert_eq!(ask(&mut world, client, 2, &create("/x", 0)), Err(Code::NotReadOnly));
    world.run_for(secs(30));
    let probes = world.client(client).record.iter().filter(|record| matches!(record.what, Heard::Probing(_))).count();
    assert!((6..=12).contains(&probes), "200 ms doubling: {probes}");
    // Two members come back, while the first one stays alone: only these two serve writes.
    world.servers(|servers, now| {
        servers.set_mode(0, Mode::ReadOnly, now);
        servers.set_mode(1, Mode::Up, now);
        servers.set_mode(2, Mode::Up, now);
    });
    assert!(wait_connected(&mut world, client, secs(90)));
    assert_ne!(member_of(&world, client), 0);
    assert_eq!(ask(&mut world, client, 3, &create("/x", 0)), Ok(()));
}

#[test]
fn a_client_that_needs_writes_leaves_read_only_servers_alone() {
    let mut world = world(3);
    set_all(&mut world, Mode::Down, 1..3);
    let client = world.connect(config(1), &addresses(3));
    world.run_for(secs(30));
    assert!(world.client(client).session_events().is_empty());
    set_all(&mut world, Mode::Up, 1..3);
    assert!(wait_connected(&mut world, client, ms(T)));
}

#[test]
fn a_session_lives_through_an_election_shorter_than_its_timeout_many_times() {
    let (mut world, client) = connected(3);
    let id = world.client(client).session.client_id();
    for outage in [50, 500, 1000, 3000, 6000, 9000, 20_000] {
        set_all(&mut world, Mode::NotServing, 0..3);
        world.run_for(ms(outage));
        set_all(&mut world, Mode::Up, 0..3);
        assert!(wait_connected(&mut world, client, ms(T)), "after {outage}");
        assert_eq!(world.client(client).session.client_id(), id);
        world.run_for(secs(60));
    }
}

#[test]
fn an_old_servers_handshake_of_36_bytes_is_taken() {
    let mut world = World::new(1, Options { old_handshake: true, ..Options::default() });
    let client = world.connect(config(1), &addresses(1));
    assert!(wait_connected(&mut world, client, secs(1)));
    assert_eq!(ask(&mut world, client, 1, &get("/", None)), Ok(()));
}

#[test]
fn the_negotiated_timeout_counts() {
    let mut world = World::new(1, Options { max_timeout: 3000, ..Options::default() });
    let client = world.connect(config(1), &addresses(1));
    assert!(wait_connected(&mut world, client, secs(1)));
    assert_eq!(world.client(client).session.timeout(), 3000);
    world.run_for(secs(300));
    assert_eq!(world.client(client).session_events(), [3], "pings keep it alive");
    let start = world.now();
    world.set_route(World::address(0), Route::Blackhole);
    assert!(world.run_until(secs(9), |world| !is_connected(world, client)));
    assert!(world.now() - start <= ms(2000));
}
