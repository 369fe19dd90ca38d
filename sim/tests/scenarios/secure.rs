//! TLS and SASL, step by step.
use crate::stage::*;
use std::time::Duration;
use zk_core::code::Code;
use zk_core::proto::Acl;
use zk_core::request::{Create, Request};
use zk_core::session::{Config, State};
use zk_sim::server::{Mode, SaslAnswer};
use zk_sim::world::{ClientNo, Handshake, Heard, Step, World};

const CREATOR: &[Acl<'static>] = &[Acl { perms: 31, scheme: Some(b"auth"), id: Some(b"") }];

fn secured(world: &mut World, members: usize, tls: bool, sasl: bool) -> ClientNo {
    world.connect(Config { tls, sasl, ..config(1) }, &addresses(members))
}

/// The total time that the client was in a state.
fn time_in(world: &World, client: ClientNo, wanted: State) -> Duration {
    let (mut spent, mut since) = (Duration::ZERO, None);
    for record in &world.client(client).record {
        if let Heard::State(state) = record.what {
            spent += since.take().map_or(Duration::ZERO, |since| record.at - since);
            since = (state == wanted).then_some(record.at);
        }
    }
    spent + since.map_or(Duration::ZERO, |since| world.now() - since)
}

fn attempts(world: &World, client: ClientNo) -> usize {
    world.client(client).attempts().len()
}

#[test]
fn tls_takes_its_time_and_nothing_is_sent_meanwhile() {
    let mut world = world(1);
    world.secure.handshake_time = secs(3);
    let client = secured(&mut world, 1, true, false);
    world.run_for(ms(2900));
    assert_eq!(world.client(client).state(), State::Securing);
    assert!(world.client(client).sent.concat().is_empty());
    assert!(wait_connected(&mut world, client, secs(1)));
    assert!(time_in(&world, client, State::Securing) >= secs(3));
    assert_eq!(attempts(&world, client), 1, "a handshake that takes long is not begun anew");
}

#[test]
fn closed_handshakes_are_closed_early_and_the_next_server_is_tried() {
    let mut world = world(3);
    world.secure.handshakes = [Handshake::Closed(ms(5)), Handshake::Closed(ms(5))].into();
    let client = secured(&mut world, 3, true, false);
    assert!(wait_connected(&mut world, client, secs(5)));
    let stats = world.client(client).session.stats();
    assert_eq!((stats.closed_early, stats.tls_failures), (2, 0));
    assert_eq!(world.client(client).session_events(), [State::Connected.to_i32()]);
}

#[test]
fn a_server_that_never_answers_tls_is_left_for_another() {
    let mut world = world(3);
    world.secure.handshakes = [Handshake::Silent].into();
    let client = secured(&mut world, 3, true, false);
    assert!(wait_connected(&mut world, client, ms(T)));
    assert_eq!(world.client(client).session.stats().handshake_timeouts, 1);
}

#[test]
fn what_an_operator_has_to_mend_costs_few_attempts() {
    let mut world = world(3);
    world.secure.handshakes = vec![Handshake::Refused(ms(3)); 1000].into();
    let client = secured(&mut world, 3, true, false);
    world.submit(client, 1, &get("/", None)).unwrap();
    world.run_for(secs(60));
    assert!((10..=60).contains(&attempts(&world, client)), "{}", attempts(&world, client));
    assert_eq!(world.client(client).result(1), Some(&Err(Code::SslConnectionError)));
    world.secure.handshakes.clear();
    assert!(wait_connected(&mut world, client, ms(T)));
}

#[test]
fn a_certificate_that_is_refused_after_the_handshake_is_a_fault_of_tls_before_the_session_and_a_loss_after_it() {
    let mut early = world(1);
    early.weather.latency = (ms(20), ms(21));
    early.secure.handshakes = [Handshake::RefusedLater(ms(3), ms(1))].into();
    let client = secured(&mut early, 1, true, false);
    assert!(wait_connected(&mut early, client, secs(20)));
    assert_eq!(early.client(client).session.stats().tls_failures, 1);
    let mut late = world(1);
    late.secure.handshakes = [Handshake::RefusedLater(ms(3), secs(2))].into();
    let client = secured(&mut late, 1, true, false);
    late.run_for(secs(3));
    assert!(wait_connected(&mut late, client, secs(5)));
    assert_eq!(late.client(client).session_events(), [3, 1, 3]);
    assert_eq!(late.client(client).session.stats().tls_failures, 0);
}

#[test]
fn sasl_is_done_before_the_session_is_announced_and_gives_an_identity() {
    let mut world = world(1);
    world.ensemble.sasl = [
        SaslAnswer::Token(Some(b"challenge".to_vec())),
        SaslAnswer::Accepted("bob".to_owned(), Some(b"proof".to_vec())),
    ]
    .into();
    world.secure.steps = [Step::Send(Vec::new()), Step::Send(b"response".to_vec()), Step::Done].into();
    let client = secured(&mut world, 1, true, true);
    let create = Create { path: b"/mine", data: None, acl: CREATOR, mode: 0, ttl: -1, stat: false };
    assert_eq!(ask(&mut world, client, 1, &Request::Create(create)), Ok(()), "it waited for the identity");
    let one = world.client(client);
    assert_eq!(one.challenges, [Some(b"challenge".to_vec()), Some(b"proof".to_vec())]);
    assert_eq!(one.session_events(), [3]);
    let other = world.connect(config(2), &addresses(1));
    assert_eq!(ask(&mut world, other, 2, &get("/mine", None)), Err(Code::NoAuth));
}

#[test]
fn wrong_credentials_end_the_session_at_once() {
    for by_server in [true, false] {
        let mut world = world(3);
        if by_server {
            world.ensemble.sasl = [SaslAnswer::Refused(Code::AuthFailed)].into();
        } else {
            world.secure.steps = [Step::Send(Vec::new()), Step::Fails { is_final: true }].into();
        }
        let client = secured(&mut world, 3, false, true);
        world.submit(client, 1, &get("/", None)).unwrap();
        world.run_for(secs(30));
        assert_eq!(world.client(client).state(), State::AuthFailed);
        assert_eq!(world.client(client).result(1), Some(&Err(Code::AuthFailed)));
        assert_eq!((world.client(client).session_events(), attempts(&world, client)), (vec![-113], 1));
    }
}

#[test]
fn what_may_pass_is_tried_again_for_a_new_session() {
    let ways: [&dyn Fn(&mut World); 4] = [
        &|world| world.secure.steps = [Step::Fails { is_final: false }].into(),
        &|world| world.secure.steps = [Step::Hangs].into(),
        &|world| world.ensemble.sasl = [SaslAnswer::Silent].into(),
        &|world| world.ensemble.sasl = [SaslAnswer::Closed].into(),
    ];
    for way in ways {
        let mut world = world(1);
        way(&mut world);
        let client = secured(&mut world, 1, false, true);
        world.submit(client, 1, &get("/", None)).unwrap();
        assert!(wait_connected(&mut world, client, ms(2 * T)));
        assert_eq!(attempts(&world, client), 2);
        assert_eq!(world.client(client).session_events(), [3]);
        assert_eq!(ask(&mut world, client, 2, &get("/", None)), Ok(()));
        assert_eq!(world.ensemble.sessions().len(), 2, "one that was never authenticated is not resumed");
        world.run_for(ms(2 * T));
        assert_eq!(world.ensemble.sessions().len(), 1, "it expires");
        assert_eq!(world.client(client).session_events(), [3]);
    }
}

#[test]
fn a_reconnect_goes_through_both_phases_again() {
    let mut world = world(3);
    let client = secured(&mut world, 3, true, true);
    assert!(wait_connected(&mut world, client, secs(5)));
    let before = (world.client(client).session.client_id(), time_in(&world, client, State::Securing));
    let first = member_of(&world, client);
    world.servers(|servers, now| servers.set_mode(first, Mode::Down, now));
    assert!(world.run_until(secs(1), |world| !is_connected(world, client)));
    assert!(wait_connected(&mut world, client, secs(5)));
    assert_eq!(world.client(client).session.client_id(), before.0);
    assert!(time_in(&world, client, State::Securing) >= before.1 * 2);
    assert_eq!(world.client(client).challenges, [None, None]);
}
