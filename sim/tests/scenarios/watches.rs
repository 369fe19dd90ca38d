//! Watches: which ones fire, which are re-armed, and that none is lost.
use crate::stage::*;
use zk_core::proto::event;
use zk_core::request::{Request, mode};
use zk_core::session::{Config, Event};
use zk_core::watches::Removal;
use zk_sim::server::Options;
use zk_sim::world::{ClientNo, Heard, Route, World};

fn node_events(world: &World, client: ClientNo) -> Vec<(i32, String, Vec<u32>)> {
    let named =
        |event: &&Event<u32>| (event.kind, String::from_utf8(event.path.clone()).unwrap(), event.watchers.clone());
    world.client(client).events().iter().filter(|event| !event.path.is_empty()).map(named).collect()
}

#[test]
fn the_watch_is_told_after_the_reply_that_armed_it_and_once() {
    let (mut world, client) = connected(3);
    let writer = world.connect(config(2), &addresses(3));
    ask(&mut world, writer, 1, &create("/a", 0)).unwrap();
    ask(&mut world, client, 1, &get("/a", Some(5))).unwrap();
    ask(&mut world, writer, 2, &set("/a")).unwrap();
    ask(&mut world, writer, 3, &set("/a")).unwrap();
    world.run_for(secs(1));
    assert_eq!(node_events(&world, client), [(event::CHANGED, "/a".to_owned(), vec![5])]);
}

#[test]
fn watches_are_armed_again_after_a_reconnect_and_tell_what_happened_meanwhile() {
    let (mut world, client) = connected(3);
    let writer = world.connect(config(2), &addresses(3));
    for (tag, path) in ["/changed", "/deleted", "/kept", "/parent"].iter().enumerate() {
        ask(&mut world, writer, tag as u64, &create(path, 0)).unwrap();
    }
    ask(&mut world, client, 1, &get("/changed", Some(1))).unwrap();
    ask(&mut world, client, 2, &exists("/deleted", Some(2))).unwrap();
    ask(&mut world, client, 3, &get("/kept", Some(3))).unwrap();
    let _ = ask(&mut world, client, 4, &exists("/created", Some(4)));
    ask(&mut world, client, 5, &Request::GetChildren { path: b"/parent", watcher: Some(5), stat: true }).unwrap();
    (0..3).for_each(|member| world.set_route(World::address(member), Route::Refused));
    world.cut(client);
    world.run_for(secs(1));
    (0..3).for_each(|member| world.set_route(World::address(member), Route::Open));
    let writer = world.connect(config(3), &addresses(3));
    ask(&mut world, writer, 10, &set("/changed")).unwrap();
    ask(&mut world, writer, 11, &delete("/deleted")).unwrap();
    ask(&mut world, writer, 12, &create("/created", 0)).unwrap();
    ask(&mut world, writer, 13, &create("/parent/child", 0)).unwrap();
    assert!(wait_connected(&mut world, client, secs(10)));
    world.run_for(secs(1));
    let mut events = node_events(&world, client);
    events.sort();
    let wanted = [
        (event::CREATED, "/created".to_owned(), vec![4]),
        (event::DELETED, "/deleted".to_owned(), vec![2]),
        (event::CHANGED, "/changed".to_owned(), vec![1]),
        (event::CHILD, "/parent".to_owned(), vec![5]),
    ];
    assert_eq!(events, wanted);
    ask(&mut world, writer, 14, &set("/kept")).unwrap();
    world.run_for(secs(1));
    assert_eq!(node_events(&world, client).last(), Some(&(event::CHANGED, "/kept".to_owned(), vec![3])));
}

#[test]
fn many_watches_are_armed_again_in_requests_that_a_server_accepts() {
    // 3,000 paths of 250 bytes are 750 KB; the server refuses frames above 256 KiB here.
    let mut world = World::new(3, Options { max_frame: 256 * 1024, ..Options::default() });
    let client = world.connect(config(1), &addresses(1));
    let long = "x".repeat(240);
    for number in 0..3000_u64 {
        world.submit(client, number, &create(&format!("/{number:05}{long}"), 0)).unwrap();
        world.submit(client, 10_000 + number, &get(&format!("/{number:05}{long}"), Some(1))).unwrap();
    }
    world.run_for(secs(20));
    assert_eq!(world.client(client).session.watch_count(), 3000);
    world.cut(client);
    world.run_for(secs(5));
    assert!(is_connected(&world, client));
    let writer = world.connect(config(2), &addresses(1));
    for number in 0..3000_u64 {
        world.submit(writer, number, &set(&format!("/{number:05}{long}"))).unwrap();
    }
    world.run_for(secs(20));
    assert_eq!(node_events(&world, client).len(), 3000);
    assert_eq!(world.client(client).session.watch_count(), 0);
}

#[test]
fn an_event_lost_with_the_connection_is_told_after_it() {
    let (mut world, client) = connected(1);
    let writer = world.connect(config(2), &addresses(1));
    ask(&mut world, writer, 1, &create("/a", 0)).unwrap();
    ask(&mut world, client, 1, &get("/a", Some(5))).unwrap();
    for cut in 0..60 {
        // The event is 4 + 16 + 4 + 4 + 4 + 2 bytes; the cut comes before, in the middle of, or after it.
        let told = node_events(&world, client).len();
        world.cut_after(client, true, cut);
        ask(&mut world, writer, 100 + cut as u64, &set("/a")).unwrap();
        world.run_for(secs(20));
        assert!(is_connected(&world, client));
        assert_eq!(node_events(&world, client).len(), told + 1, "cut at {cut}");
        ask(&mut world, client, 200 + cut as u64, &get("/a", Some(5))).unwrap();
    }
}

#[test]
fn removed_watches_are_silent() {
    let (mut world, client) = connected(1);
    ask(&mut world, client, 1, &create("/a", 0)).unwrap();
    ask(&mut world, client, 2, &get("/a", Some(1))).unwrap();
    ask(&mut world, client, 3, &get("/a", Some(2))).unwrap();
    let remove = |watcher, local| Request::RemoveWatches { path: b"/a", kind: Removal::Data, watcher, local };
    assert_eq!(ask(&mut world, client, 4, &remove(Some(1), false)), Ok(()));
    assert_eq!(ask(&mut world, client, 5, &set("/a")), Ok(()));
    assert_eq!(node_events(&world, client), [(event::CHANGED, "/a".to_owned(), vec![2])]);
    ask(&mut world, client, 6, &get("/a", Some(3))).unwrap();
    assert_eq!(ask(&mut world, client, 7, &remove(Some(3), true)), Ok(()));
    assert_eq!(ask(&mut world, client, 8, &set("/a")), Ok(()));
    assert_eq!(node_events(&world, client).len(), 1);
}

#[test]
fn a_session_event_goes_to_every_watcher_once() {
    let (mut world, client) = connected(3);
    for (tag, (path, watcher)) in [("/", 1), ("/zookeeper", 2), ("/zookeeper", 1)].into_iter().enumerate() {
        ask(&mut world, client, tag as u64, &get(path, Some(watcher))).unwrap();
    }
    world.cut(client);
    world.run_for(secs(1));
    let events = world.client(client).events();
    let mut told: Vec<Vec<u32>> = events.iter().skip(1).map(|event| event.watchers.clone()).collect();
    for watchers in &mut told {
        assert_eq!(watchers.last(), Some(&0), "the default watcher is told last");
        watchers.sort_unstable();
    }
    assert_eq!(told, [[0, 1, 2], [0, 1, 2]]);
}

#[test]
fn events_of_ephemeral_nodes_come_with_the_end_of_their_session() {
    let (mut world, client) = connected(1);
    let owner = world.connect(config(2), &addresses(1));
    ask(&mut world, owner, 1, &create("/e", mode::EPHEMERAL)).unwrap();
    ask(&mut world, client, 1, &exists("/e", Some(8))).unwrap();
    let id = world.client(owner).session.client_id().id;
    world.servers(|servers, _| servers.expire(id));
    world.run_for(secs(1));
    assert_eq!(node_events(&world, client), [(event::DELETED, "/e".to_owned(), vec![8])]);
    let record = &world.client(client).record;
    assert!(record.iter().any(|record| matches!(record.what, Heard::Notified(_))));
}

#[test]
fn one_seed_gives_one_history_the_order_of_re_arming_included() {
    let run = |seed| {
        let mut world = world(3);
        let client = world.connect(Config { shuffle: true, ..config(seed) }, &addresses(3));
        assert!(wait_connected(&mut world, client, secs(5)));
        for tag in 0..100_u32 {
            let _ = ask(&mut world, client, tag.into(), &exists(&format!("/{tag}"), Some(tag % 7 + 1)));
        }
        world.cut(client);
        world.run_for(secs(5));
        let client = world.client(client);
        (client.sent.clone(), client.record.clone())
    };
    assert!(run(3) == run(3), "the same seed, and other bytes or events");
    assert!(run(3) != run(4), "the seed decides");
}
