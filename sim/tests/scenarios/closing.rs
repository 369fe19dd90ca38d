//! Closing, in each state a session can be in.
use crate::stage::*;
use zk_core::code::Code;
use zk_core::session::{Config, Input, State};
use zk_sim::fault::Fault;
use zk_sim::server::{Greeting, Mode, Options};
use zk_sim::world::{ClientNo, Heard, Route, World};

/// Closes and waits for the end; the requests in `waiting` must have failed with `Closing`, each once.
fn close(world: &mut World, client: ClientNo, waiting: &[u64], limit: u64) {
    let start = world.now();
    world.feed(client, Input::Close);
    let closed = |world: &World| world.client(client).record.iter().any(|record| record.what == Heard::Closed);
    assert!(world.run_until(ms(limit), closed), "closed within {limit} ms of {start:?}");
    for tag in waiting {
        let results: Vec<_> = deliveries(world, client).into_iter().filter(|(_, one, _)| one == tag).collect();
        assert_eq!(results.len(), 1, "request {tag}");
        assert_eq!(results[0].2, Err(Code::Closing), "request {tag}");
    }
    let told = world.client(client).record.len();
    world.run_for(secs(100));
    assert_eq!(world.client(client).record.len(), told, "nothing follows");
    assert_eq!(world.client(client).session.deadline(), None);
    assert_eq!(world.submit(client, 999, &get("/", None)), Err(Code::InvalidState));
}

#[test]
fn connected_with_a_thousand_requests_in_flight() {
    let (mut world, client) = connected(3);
    let tags: Vec<u64> = (0..1000).collect();
    tags.iter().for_each(|tag| world.submit(client, *tag, &get("/", None)).unwrap());
    close(&mut world, client, &tags, 100);
    assert!(world.ensemble.sessions().is_empty(), "the server knows that the session is over");
}

#[test]
fn what_was_asked_before_the_close_is_still_done() {
    let (mut world, client) = connected(1);
    world.submit(client, 1, &create("/last-wish", 0)).unwrap();
    close(&mut world, client, &[1], 100);
    assert!(world.ensemble.tree().node("/last-wish").is_some());
}

#[test]
fn before_the_first_attempt() {
    let mut world = world(3);
    let client = world.connect(config(1), &addresses(3));
    world.submit(client, 1, &get("/", None)).unwrap();
    close(&mut world, client, &[1], 0);
}

#[test]
fn while_tcp_connects() {
    let mut world = world(1);
    world.set_route(World::address(0), Route::Blackhole);
    let client = world.connect(config(1), &addresses(1));
    world.run_for(ms(500));
    assert_eq!(world.client(client).state(), State::Connecting);
    world.submit(client, 1, &get("/", None)).unwrap();
    close(&mut world, client, &[1], 0);
}

#[test]
fn in_the_handshake() {
    let mut world = world(1);
    world.servers(|servers, _| servers.set_greeting(0, Greeting::Silent));
    let client = world.connect(config(1), &addresses(1));
    world.run_for(ms(500));
    assert_eq!(world.client(client).state(), State::Associating);
    world.submit(client, 1, &get("/", None)).unwrap();
    close(&mut world, client, &[1], 0);
}

#[test]
fn in_a_pause() {
    let (mut world, client) = connected(3);
    set_all(&mut world, Mode::Down, 0..3);
    world.run_for(secs(20));
    while world.client(client).state() != State::Paused {
        world.run_for(ms(10));
    }
    world.submit(client, 1, &get("/", None)).unwrap();
    close(&mut world, client, &[1], 0);
    assert!(world.client(client).memory.is_some(), "the next handle inherits the pace");
}

#[test]
fn expired() {
    let (mut world, client) = connected(1);
    let id = world.client(client).session.client_id().id;
    world.servers(|servers, _| servers.expire(id));
    assert!(world.run_until(secs(5), |world| world.client(client).state() == State::Expired));
    close(&mut world, client, &[], 0);
}

#[test]
fn with_a_server_that_never_answers_it_takes_a_second_and_a_half() {
    let (mut world, client) = connected(1);
    world.servers(|servers, now| servers.set_mode(0, Mode::Frozen, now));
    let start = world.now();
    world.submit(client, 1, &get("/", None)).unwrap();
    close(&mut world, client, &[1], 1600);
    assert!(world.now() - start >= ms(1500));
}

#[test]
fn when_the_connection_ends_meanwhile() {
    let (mut world, client) = connected(1);
    let end = world.server_end(client).unwrap();
    world.servers(|servers, _| servers.inject(end, Fault::Delay(60_000)));
    world.submit(client, 1, &get("/", None)).unwrap();
    world.feed(client, Input::Close);
    world.run_for(ms(100));
    world.cut(client);
    world.run_for(ms(10));
    assert_eq!(world.client(client).state(), State::Closed);
}

#[test]
fn twice() {
    let (mut world, client) = connected(1);
    world.feed(client, Input::Close);
    world.feed(client, Input::Close);
    world.run_for(secs(5));
    let closed = world.client(client).record.iter().filter(|record| record.what == Heard::Closed).count();
    assert_eq!(closed, 1);
}

#[test]
fn read_only() {
    let mut world = World::new(2, Options { members: 3, read_only: true, ..Options::default() });
    set_all(&mut world, Mode::Down, 1..3);
    let client = world.connect(Config { read_only: true, ..config(1) }, &addresses(1));
    assert!(world.run_until(secs(5), |world| world.client(client).state() == State::ReadOnly));
    close(&mut world, client, &[], 3000);
}
