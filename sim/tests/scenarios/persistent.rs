//! Persistent watches against the simulated ensemble: they stay, they are re-armed on each connection, and each change
//! is reported once.
use crate::stage::*;
use zk_core::proto::event;
use zk_core::request::Request;
use zk_core::watches::{Removal, WatchKind};
use zk_sim::world::{ClientNo, World};

fn add(path: &str, kind: WatchKind, watcher: u32) -> Request<'_, u32> {
    Request::AddWatch { path: path.as_bytes(), kind, watcher }
}

/// The events of nodes after the first `skip` events, with the watchers that they called.
fn events(world: &World, client: ClientNo, skip: usize) -> Vec<(i32, String, Vec<u32>)> {
    let events = world.client(client).events();
    let of_nodes = events.iter().filter(|event| !event.path.is_empty());
    of_nodes
        .skip(skip)
        .map(|event| (event.kind, String::from_utf8(event.path.clone()).unwrap(), event.watchers.clone()))
        .collect()
}

#[test]
fn a_recursive_watch_hears_of_every_node_below() {
    let (mut world, client) = connected(3);
    let writer = world.connect(config(2), &addresses(3));
    ask(&mut world, client, 1, &add("/a", WatchKind::Recursive, 5)).unwrap();
    ask(&mut world, client, 2, &add("/a/b", WatchKind::Persistent, 5)).unwrap();
    for (tag, path) in ["/a", "/a/b", "/ab"].iter().enumerate() {
        ask(&mut world, writer, tag as u64, &create(path, 0)).unwrap();
    }
    ask(&mut world, writer, 10, &create("/a/b/c", 0)).unwrap();
    ask(&mut world, writer, 11, &set("/a/b/c")).unwrap();
    ask(&mut world, writer, 12, &delete("/a/b/c")).unwrap();
    world.run_for(secs(1));
    let wanted = [
        (event::CREATED, "/a"),
        (event::CREATED, "/a/b"),
        (event::CREATED, "/a/b/c"),
        (event::CHILD, "/a/b"),
        (event::CHANGED, "/a/b/c"),
        (event::DELETED, "/a/b/c"),
        (event::CHILD, "/a/b"),
    ];
    let wanted: Vec<_> = wanted.iter().map(|(kind, path)| (*kind, (*path).to_owned(), vec![5])).collect();
    assert_eq!(events(&world, client, 0), wanted);
}

#[test]
fn a_thousand_random_reconnects_lose_no_persistent_watch_and_double_none() {
    let (mut world, client) = connected(3);
    let writer = world.connect(config(2), &addresses(3));
    ask(&mut world, writer, 0, &create("/p", 0)).unwrap();
    ask(&mut world, writer, 1, &create("/r", 0)).unwrap();
    ask(&mut world, client, 0, &add("/p", WatchKind::Persistent, 1)).unwrap();
    ask(&mut world, client, 1, &add("/r", WatchKind::Recursive, 2)).unwrap();
    let mut heard = 0;
    for round in 0..1000_u64 {
        world.cut(client);
        world.run_for(std::time::Duration::from_millis(1 + round * 7919 % 50));
        assert!(wait_connected(&mut world, client, secs(60)), "round {round}");
        // The answer to a read comes after that to SetWatches2.
        let _ = ask(&mut world, client, 10 + round, &exists("/p", None));
        ask(&mut world, writer, 10 + 2 * round, &set("/p")).unwrap();
        ask(&mut world, writer, 11 + 2 * round, &set("/r")).unwrap();
        world.run_for(secs(1));
        let wanted = [(event::CHANGED, "/p".to_owned(), vec![1]), (event::CHANGED, "/r".to_owned(), vec![2])].to_vec();
        assert_eq!(events(&world, client, heard), wanted, "round {round}");
        heard += 2;
    }
}

#[test]
fn removed_kinds_are_silent_and_the_others_are_not() {
    let (mut world, client) = connected(1);
    ask(&mut world, client, 1, &create("/a", 0)).unwrap();
    ask(&mut world, client, 2, &add("/a", WatchKind::Persistent, 1)).unwrap();
    ask(&mut world, client, 3, &add("/a", WatchKind::Recursive, 2)).unwrap();
    let remove = |kind| Request::RemoveWatches { path: b"/a", kind, watcher: None, local: false };
    ask(&mut world, client, 4, &remove(Removal::Persistent)).unwrap();
    ask(&mut world, client, 5, &set("/a")).unwrap();
    world.run_for(secs(1));
    assert_eq!(events(&world, client, 0), [(event::CHANGED, "/a".to_owned(), vec![2])]);
    ask(&mut world, client, 6, &remove(Removal::Any)).unwrap();
    ask(&mut world, client, 7, &set("/a")).unwrap();
    world.run_for(secs(1));
    assert_eq!(events(&world, client, 1), []);
    assert_eq!(world.client(client).session.watch_count(), 0);
}
