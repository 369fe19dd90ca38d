//! Helpers for the scenarios.
use std::net::SocketAddr;
use std::time::Duration;
use zk_core::code::Code;
use zk_core::proto::Acl;
use zk_core::request::{Create, Request};
use zk_core::servers::{HostPort, Hosts};
use zk_core::session::{Config, State};
use zk_sim::server::{Mode, Options};
use zk_sim::world::{ClientNo, World};

pub const T: u64 = 10_000;

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A list of one host: `host` may be a name or a numeric address.
pub fn hosts(host: &str) -> Hosts {
    Hosts::new(host, vec![HostPort { host: host.into(), port: 2181 }])
}

pub fn config(seed: u64) -> Config {
    Config { timeout: i32::try_from(T).unwrap(), hosts: hosts("10.0.0.1"), seed, ..Config::default() }
}

pub fn world(members: usize) -> World {
    World::new(7, Options { members, read_only: true, ..Options::default() })
}

pub fn addresses(members: usize) -> Vec<SocketAddr> {
    (0..members).map(World::address).collect()
}

/// A world with one client that has a session.
pub fn connected(members: usize) -> (World, ClientNo) {
    let mut world = world(members);
    let client = world.connect(config(1), &addresses(members));
    assert!(wait_connected(&mut world, client, secs(5)));
    (world, client)
}

pub fn is_connected(world: &World, client: ClientNo) -> bool {
    world.client(client).state() == State::Connected
}

pub fn wait_connected(world: &mut World, client: ClientNo, limit: Duration) -> bool {
    world.run_until(limit, |world| is_connected(world, client))
}

pub fn set_all(world: &mut World, mode: Mode, members: std::ops::Range<usize>) {
    world.servers(|servers, now| members.for_each(|member| servers.set_mode(member, mode, now)));
}

pub const OPEN: &[Acl<'static>] = &[Acl { perms: 31, scheme: Some(b"world"), id: Some(b"anyone") }];

pub fn create(path: &str, mode: i32) -> Request<'_, u32> {
    Request::Create(Create { path: path.as_bytes(), data: Some(b"data"), acl: OPEN, mode, ttl: -1, stat: false })
}

pub fn get(path: &str, watcher: Option<u32>) -> Request<'_, u32> {
    Request::GetData { path: path.as_bytes(), watcher }
}

pub fn exists(path: &str, watcher: Option<u32>) -> Request<'_, u32> {
    Request::Exists { path: path.as_bytes(), watcher }
}

pub fn set(path: &str) -> Request<'_, u32> {
    Request::SetData { path: path.as_bytes(), data: Some(b"new"), version: -1 }
}

pub fn delete(path: &str) -> Request<'_, u32> {
    Request::Delete { path: path.as_bytes(), version: -1 }
}

/// Submits a request and waits for the answer.
pub fn ask(world: &mut World, client: ClientNo, tag: u64, request: &Request<'_, u32>) -> Result<(), Code> {
    world.submit(client, tag, request)?;
    assert!(world.run_until(secs(60), |world| world.client(client).result(tag).is_some()), "no answer to {tag}");
    world.client(client).result(tag).unwrap().as_ref().map(|_| ()).map_err(|code| *code)
}

/// The member that the client is connected to.
pub fn member_of(world: &World, client: ClientNo) -> usize {
    let server = world.client(client).session.server().unwrap();
    (0..9).find(|member| World::address(*member) == server).unwrap()
}

/// When requests were answered, and with which results.
pub fn deliveries(world: &World, client: ClientNo) -> Vec<(Duration, u64, Result<(), Code>)> {
    let record = &world.client(client).record;
    record
        .iter()
        .filter_map(|record| match &record.what {
            zk_sim::world::Heard::Delivered(tag, result) => {
                Some((record.at, *tag, result.as_ref().map(|_| ()).map_err(|code| *code)))
            }
            _ => None,
        })
        .collect()
}
