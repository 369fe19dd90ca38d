//! Requests: their order, their errors, and servers that answer wrongly or late.
use crate::stage::*;
use std::time::Duration;
use zk_core::code::Code;
use zk_core::multi::MultiOp;
use zk_core::request::{Create, Request};
use zk_core::session::{Config, State};
use zk_sim::fault::Fault;
use zk_sim::server::{ConnId, Mode};
use zk_sim::world::{ClientNo, Route, World};

fn server_end(world: &World, client: ClientNo) -> ConnId {
    world.server_end(client).unwrap()
}

fn inject(world: &mut World, client: ClientNo, fault: Fault) {
    let end = server_end(world, client);
    world.servers(|servers, _| servers.inject(end, fault));
}

#[test]
fn answers_come_in_the_order_of_the_requests() {
    let (mut world, client) = connected(3);
    for tag in 0..1000 {
        world.submit(client, tag, &get(if tag % 3 == 0 { "/nope" } else { "/" }, None)).unwrap();
    }
    world.run_for(secs(1));
    let tags: Vec<u64> = deliveries(&world, client).iter().map(|(_, tag, _)| *tag).collect();
    assert_eq!(tags, (0..1000).collect::<Vec<_>>());
}

#[test]
fn what_is_pending_at_the_loss_fails_after_the_event_and_in_order() {
    let (mut world, client) = connected(3);
    inject(&mut world, client, Fault::Delay(60_000));
    (0..10).for_each(|tag| world.submit(client, tag, &get("/", None)).unwrap());
    world.run_for(ms(100));
    world.cut(client);
    world.run_for(secs(1));
    let failed: Vec<(u64, Result<(), Code>)> =
        deliveries(&world, client).into_iter().map(|(_, tag, result)| (tag, result)).collect();
    assert_eq!(failed, (0..10).map(|tag| (tag, Err(Code::ConnectionLoss))).collect::<Vec<_>>());
    let what: Vec<bool> = world
        .client(client)
        .record
        .iter()
        .filter_map(|record| match &record.what {
            zk_sim::world::Heard::Notified(event) => Some(event.state == State::Connecting.to_i32()),
            zk_sim::world::Heard::Delivered(..) => Some(false),
            _ => None,
        })
        .collect();
    assert_eq!(what.iter().position(|connecting| *connecting), Some(1), "CONNECTED, CONNECTING, then the failures");
}

#[test]
fn silence_fails_pending_requests_with_operation_timeout() {
    let (mut world, client) = connected(1);
    world.set_route(World::address(0), Route::Blackhole);
    assert_eq!(ask(&mut world, client, 1, &get("/", None)), Err(Code::OperationTimeout));
}

#[test]
fn requests_submitted_after_the_loss_are_sent_after_the_next_handshake() {
    let (mut world, client) = connected(3);
    world.cut(client);
    assert!(world.run_until(secs(1), |world| !is_connected(world, client)));
    for tag in 0..5 {
        world.submit(client, tag, &create(&format!("/q{tag}"), 0)).unwrap();
    }
    world.run_for(secs(1));
    let results: Vec<Result<(), Code>> = deliveries(&world, client).into_iter().map(|(_, _, result)| result).collect();
    assert_eq!(results, [Ok(()); 5]);
}

/// One slow reply must not cost the connection: pings continue, and their answers come after the slow reply. As long as
/// anything arrives, the connection is alive.
#[test]
fn a_slow_reply_outstanding_does_not_stop_the_pings() {
    let (mut world, client) = connected(1);
    inject(&mut world, client, Fault::Swallow);
    world.submit(client, 1, &get("/", None)).unwrap();
    world.run_for(secs(60));
    assert_eq!(world.client(client).session_events(), [3], "the connection stands");
    assert_eq!(world.client(client).result(1), None);
}

#[test]
fn a_reply_with_the_wrong_xid_costs_the_connection_only() {
    let (mut world, client) = connected(3);
    inject(&mut world, client, Fault::WrongXid(1));
    assert_eq!(ask(&mut world, client, 1, &get("/", None)), Err(Code::RuntimeInconsistency));
    assert!(wait_connected(&mut world, client, secs(5)));
    assert_eq!(ask(&mut world, client, 2, &get("/", None)), Ok(()));
}

#[test]
fn replies_to_nothing_cost_the_connection_only() {
    for fault in [Fault::Duplicate, Fault::Unsolicited(77)] {
        let (mut world, client) = connected(3);
        inject(&mut world, client, fault);
        let first = ask(&mut world, client, 1, &get("/", None));
        assert!(matches!(first, Ok(()) | Err(Code::RuntimeInconsistency)), "{first:?}");
        world.run_for(secs(5));
        assert_eq!(world.client(client).session.stats().lost, 1, "{fault:?}");
        assert!(is_connected(&world, client));
        assert_eq!(ask(&mut world, client, 2, &get("/", None)), Ok(()));
    }
}

#[test]
fn absurd_frames_cost_the_connection_only() {
    let faults = [
        Fault::Length(-1),
        Fault::Length(i32::MIN),
        Fault::Length(i32::MAX),
        Fault::Length(0),
        Fault::Length(3),
        Fault::Truncate(0),
        Fault::Truncate(15),
        Fault::Garbage(100),
        Fault::Garbage(5000),
    ];
    for fault in faults {
        let (mut world, client) = connected(3);
        inject(&mut world, client, fault);
        world.submit(client, 1, &get("/", None)).unwrap();
        world.run_for(secs(30));
        assert!(world.client(client).result(1).is_some_and(Result::is_err), "{fault:?}");
        assert!(is_connected(&world, client), "{fault:?}");
        assert_eq!(ask(&mut world, client, 2, &get("/", None)), Ok(()), "{fault:?}");
    }
}

#[test]
fn a_handshake_spoiled_in_any_way_is_a_failed_attempt() {
    for fault in
        [Fault::Length(-1), Fault::Length(5), Fault::Garbage(41), Fault::Cut(0), Fault::Cut(20), Fault::Cut(40)]
    {
        let mut world = world(1);
        world.servers(|servers, _| servers.set_faults(0, vec![fault]));
        let client = world.connect(config(1), &addresses(1));
        world.run_for(secs(30));
        assert!(world.client(client).session_events().is_empty(), "{fault:?}");
        assert!(world.client(client).attempts().len() < 40, "{fault:?}");
        world.servers(|servers, _| servers.set_faults(0, Vec::new()));
        assert!(wait_connected(&mut world, client, ms(2 * T)), "{fault:?}");
    }
}

#[test]
fn bytes_that_trickle_in_are_an_answer_all_the_same() {
    let mut world = world(1);
    world.servers(|servers, _| servers.set_faults(0, vec![Fault::Slow(1, 20)]));
    let client = world.connect(config(1), &addresses(1));
    assert!(wait_connected(&mut world, client, secs(2)));
    assert_eq!(ask(&mut world, client, 1, &get("/", None)), Ok(()));
    world.run_for(secs(60));
    assert_eq!(world.client(client).session_events(), [3]);
}

#[test]
fn a_cut_at_any_byte_of_the_answer_gives_each_request_one_result() {
    for cut in 0..250 {
        let (mut world, client) = connected(3);
        world.cut_after(client, true, cut);
        (0..3).for_each(|tag| world.submit(client, tag, &get("/", None)).unwrap());
        world.run_for(secs(10));
        let tags: Vec<u64> = deliveries(&world, client).iter().map(|(_, tag, _)| *tag).collect();
        assert_eq!(tags, [0, 1, 2], "cut at {cut}");
        assert!(is_connected(&world, client));
    }
}

#[test]
fn multis_answer_as_one_and_fail_as_one() {
    let (mut world, client) = connected(1);
    let create =
        |path: &'static str| MultiOp::Create { path: path.as_bytes(), data: None, acl: OPEN.to_vec(), mode: 0 };
    let ops = [create("/m"), create("/m/a"), MultiOp::Check { path: b"/m", version: 0 }];
    assert_eq!(ask(&mut world, client, 1, &Request::Multi(&ops)), Ok(()));
    let ops = [create("/m/b"), create("/m/a")];
    assert_eq!(ask(&mut world, client, 2, &Request::Multi(&ops)), Ok(()), "the header knows of no error");
    assert_eq!(ask(&mut world, client, 3, &exists("/m/b", None)), Err(Code::NoNode));
}

#[test]
fn auth_is_sent_again_on_each_connection_and_before_anything_else() {
    let mut world = world(3);
    let client = world.connect(Config { chroot: Vec::new(), ..config(1) }, &addresses(3));
    for (tag, credentials) in [(1, &b"a:1"[..]), (2, b"b:2"), (3, b"c:3")] {
        world.with(client, |session, now| session.add_auth(now, b"digest", Some(credentials), Some(tag))).unwrap();
    }
    assert!(wait_connected(&mut world, client, secs(1)));
    world.run_for(secs(1));
    let tags: Vec<u64> = deliveries(&world, client).iter().map(|(_, tag, _)| *tag).collect();
    assert_eq!(tags, [3, 2, 1], "on the wire the latest comes first, as on stock");
    let auth = [zk_core::proto::Acl { perms: 31, scheme: Some(b"auth"), id: Some(b"") }];
    let secret = Create { path: b"/secret", data: None, acl: &auth, mode: 0, ttl: -1, stat: false };
    assert_eq!(ask(&mut world, client, 10, &Request::Create(secret)), Ok(()));
    for tag in 20..25 {
        world.cut(client);
        assert!(world.run_until(secs(1), |world| !is_connected(world, client)));
        assert_eq!(ask(&mut world, client, tag, &get("/secret", None)), Ok(()), "queued before the handshake");
    }
    let other = world.connect(config(2), &addresses(3));
    assert_eq!(ask(&mut world, other, 1, &get("/secret", None)), Err(Code::NoAuth));
}

#[test]
fn a_refused_scheme_ends_the_session() {
    let (mut world, client) = connected(1);
    world.with(client, |session, now| session.add_auth(now, b"bogus", Some(b"x"), Some(1))).unwrap();
    world.submit(client, 2, &get("/", None)).unwrap();
    world.run_for(secs(5));
    assert_eq!(world.client(client).state(), State::AuthFailed);
    assert_eq!(world.client(client).session_events(), [3, State::AuthFailed.to_i32()]);
    assert_eq!(world.client(client).result(1), Some(&Err(Code::AuthFailed)));
    assert_eq!(world.client(client).result(2), Some(&Err(Code::AuthFailed)));
    assert_eq!(world.submit(client, 3, &get("/", None)), Err(Code::InvalidState));
}

#[test]
fn a_request_too_large_for_the_server_costs_the_connection_and_is_not_repeated() {
    let (mut world, client) = connected(3);
    let data = vec![7; 2 << 20];
    let request = Request::SetData { path: b"/", data: Some(&data), version: -1 };
    assert_eq!(ask(&mut world, client, 1, &request), Err(Code::ConnectionLoss));
    assert!(wait_connected(&mut world, client, secs(5)));
    assert_eq!(ask(&mut world, client, 2, &get("/", None)), Ok(()));
    assert_eq!(world.client(client).session.stats().lost, 1);
}

#[test]
fn an_idle_session_costs_a_ping_each_third_of_its_timeout() {
    let (mut world, client) = connected(1);
    let before = world.client(client).sent[0].len();
    world.run_for(secs(600));
    let pings = (world.client(client).sent[0].len() - before) / 12;
    assert_eq!(pings, 600_000 * 3 / usize::try_from(T).unwrap());
    set_all(&mut world, Mode::Up, 0..1);
    assert!(Duration::from_secs(600) <= world.now());
}
