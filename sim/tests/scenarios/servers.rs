//! Server lists that change, and names that do not resolve.
use crate::stage::*;
use std::net::SocketAddr;
use std::time::Duration;
use zk_core::code::Code;
use zk_core::session::{Config, Input, State};
use zk_sim::server::Mode;
use zk_sim::world::{ClientNo, Heard, Route, World};

fn set_servers(world: &mut World, client: ClientNo, addresses: Vec<SocketAddr>) {
    world.feed(client, Input::SetServers { hosts: hosts("10.0.0.2"), addresses });
}

fn resolutions(world: &World, client: ClientNo) -> usize {
    world.client(client).record.iter().filter(|record| record.what == Heard::Resolving).count()
}

#[test]
fn a_client_whose_server_left_the_list_moves_and_tells_in_order() {
    let (mut world, client) = connected(3);
    let here = member_of(&world, client);
    let others: Vec<SocketAddr> = addresses(3).into_iter().filter(|address| *address != World::address(here)).collect();
    world.submit(client, 1, &get("/", None)).unwrap();
    set_servers(&mut world, client, others);
    assert_eq!(world.client(client).result(1), Some(&Err(Code::ConnectionLoss)));
    assert!(wait_connected(&mut world, client, secs(1)));
    assert_ne!(member_of(&world, client), here);
    assert_eq!(world.client(client).session_events(), [3, 1, 3], "events alternate");
}

#[test]
fn the_same_list_changes_nothing() {
    let (mut world, client) = connected(3);
    let mut same = addresses(3);
    same.reverse();
    set_servers(&mut world, client, same);
    world.run_for(secs(30));
    assert_eq!(world.client(client).session_events(), [3]);
}

#[test]
fn a_change_of_the_port_only_counts() {
    let (mut world, client) = connected(1);
    let moved = SocketAddr::from(([10, 0, 0, 1], 2182));
    world.add_host(moved, 0);
    set_servers(&mut world, client, vec![moved]);
    assert!(wait_connected(&mut world, client, secs(1)));
    assert_eq!(world.client(client).session.server(), Some(moved));
}

#[test]
fn a_new_list_in_an_outage_is_tried_soon() {
    let (mut world, client) = connected(2);
    set_all(&mut world, Mode::Down, 0..2);
    world.run_for(secs(60));
    for member in 0..2 {
        world.set_route(World::address(member), Route::Refused);
    }
    set_all(&mut world, Mode::Up, 0..2);
    let moved = SocketAddr::from(([10, 0, 7, 7], 2181));
    world.add_host(moved, 0);
    let start = world.now();
    set_servers(&mut world, client, vec![moved]);
    assert!(wait_connected(&mut world, client, secs(10)));
    assert!(world.now() - start <= ms(T / 50), "{:?}", world.now() - start);
}

#[test]
fn calling_set_servers_over_and_over_does_not_raise_the_rate_of_attempts() {
    let run = |calls: bool| {
        let (mut world, client) = connected(3);
        let nobody: Vec<SocketAddr> = (0..4).map(|number| SocketAddr::from(([10, 9, 9, number], 2181))).collect();
        nobody.iter().for_each(|address| world.add_host(*address, 99));
        set_all(&mut world, Mode::Down, 0..3);
        let start = world.now();
        for round in 0..1200 {
            if calls {
                set_servers(&mut world, client, nobody[..2 + round % 3].to_vec());
            }
            world.run_for(ms(50));
        }
        world.client(client).attempts().iter().filter(|(at, _)| *at > start).count()
    };
    let (quiet, busy) = (run(false), run(true));
    assert!(busy <= quiet * 3, "{quiet} attempts without calls, {busy} with them");
}

#[test]
fn names_are_resolved_at_most_once_an_interval_and_an_outage_of_the_name_service_harms_nobody() {
    let mut world = world(3);
    world.names.answer = Some(addresses(3));
    let interval = Some(Duration::from_secs(10));
    let client =
        world.connect(Config { hosts: hosts("name"), resolution_interval: interval, ..config(1) }, &addresses(3));
    assert!(wait_connected(&mut world, client, secs(1)));
    for tag in 0..6000 {
        world.submit(client, tag, &get("/", None)).unwrap();
        world.run_for(ms(10));
    }
    assert!((5..=7).contains(&resolutions(&world, client)), "{}", resolutions(&world, client));
    world.names.answer = None;
    world.run_for(secs(300));
    assert_eq!(world.client(client).session_events(), [3]);
    assert_eq!(world.client(client).state(), State::Connected);
}

#[test]
fn in_an_outage_names_are_resolved_with_the_attempts_and_a_moved_server_is_found() {
    let mut world = world(1);
    world.names.answer = Some(addresses(1));
    let client = world.connect(Config { hosts: hosts("name"), ..config(1) }, &addresses(1));
    assert!(wait_connected(&mut world, client, secs(1)));
    set_all(&mut world, Mode::Down, 0..1);
    world.names.answer = None;
    world.run_for(secs(30));
    world.set_route(World::address(0), Route::Refused);
    set_all(&mut world, Mode::Up, 0..1);
    let tries = resolutions(&world, client);
    assert!((3..=31).contains(&tries), "{tries}");
    let moved = SocketAddr::from(([10, 5, 5, 5], 2181));
    world.add_host(moved, 0);
    world.names.answer = Some(vec![moved]);
    assert!(wait_connected(&mut world, client, ms(T * 2)));
    assert_eq!(world.client(client).session.server(), Some(moved));
}

#[test]
fn numeric_lists_are_never_resolved() {
    let (mut world, client) = connected(3);
    set_all(&mut world, Mode::Down, 0..3);
    world.run_for(secs(60));
    set_all(&mut world, Mode::Up, 0..3);
    world.run_for(secs(60));
    assert_eq!(resolutions(&world, client), 0);
}

/// Twelve clients lose their only server; after the time `after` its name resolves to the address of another one.
fn names_move(after: u64, route: Route) {
    let mut world = world(3);
    let (old, new) = (World::address(0), World::address(1));
    world.names.answer = Some(vec![old]);
    let clients: Vec<ClientNo> =
        (0..12).map(|seed| world.connect(Config { hosts: hosts("name"), ..config(seed) }, &[old])).collect();
    for client in &clients {
        assert!(wait_connected(&mut world, *client, secs(5)));
    }
    set_all(&mut world, Mode::Down, 0..1);
    world.set_route(old, route);
    for client in &clients {
        world.cut(*client);
    }
    world.run_for(ms(after));
    let asked = resolutions(&world, clients[0]);
    assert!(asked as u64 <= after / 1000 + 1, "{asked} questions in {after} ms");
    world.names.answer = Some(vec![new]);
    let start = world.now();
    for client in clients {
        let found = wait_connected(&mut world, client, secs(20));
        assert!(found, "{after} ms, {route:?}: {:?}", world.client(client).session_events());
        let back = world.now() - start;
        assert!(back <= ms(1500), "{after} ms, {route:?}: back {back:?} after the name had moved");
        assert_eq!(world.client(client).session_events(), [3, 1, 3], "the session lives");
        assert_eq!(world.client(client).session.server(), Some(new));
    }
}

#[test]
fn a_name_that_moves_is_followed_within_about_a_second() {
    for after in [1000, 3000, 5000, 7000, 8000] {
        for route in [Route::Open, Route::Refused, Route::Blackhole] {
            names_move(after, route);
        }
    }
}

#[test]
fn names_that_change_with_every_answer_do_not_set_the_pace() {
    let mut world = world(1);
    let mut nobody = (1..=200).map(|number| SocketAddr::from(([10, 9, 9, number], 2181)));
    let client = world.connect(Config { hosts: hosts("name"), ..config(1) }, &addresses(1));
    assert!(wait_connected(&mut world, client, secs(5)));
    set_all(&mut world, Mode::Down, 0..1);
    let start = world.now();
    for _ in 0..60 {
        let address = nobody.next().unwrap();
        world.add_host(address, 99);
        world.names.answer = Some(vec![address]);
        world.run_for(secs(1));
    }
    let attempts = world.client(client).attempts().iter().filter(|(at, _)| *at > start).count();
    assert!(attempts <= 72, "{attempts} attempts in a minute, of which stock makes 360");
}
