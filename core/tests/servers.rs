//! Which server a session is connected to, and which list is in force: state that an earlier version held twice.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use zk_core::frames::Frame;
use zk_core::proto::ConnectResponse;
use zk_core::servers::{HostPort, Hosts, Lookup};
use zk_core::session::{Config, Input, Output, Session, State};

fn addr(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn hosts(host: &str) -> Hosts {
    Hosts::new(host, vec![HostPort { host: host.to_owned(), port: 1 }])
}

struct Client {
    session: Session<u32, &'static str>,
    now: Instant,
}

impl Client {
    fn connected(addresses: &[SocketAddr], host: &str) -> Client {
        let now = Instant::now();
        let config = Config {
            timeout: 9000,
            hosts: hosts(host),
            resolution_interval: Some(Duration::from_secs(1)),
            seed: 1,
            ..Config::default()
        };
        let mut client = Client { session: Session::new(config, addresses, "default", now), now };
        client.wait_for(State::Connecting);
        client.handle(Input::Connected);
        let mut body = Vec::new();
        ConnectResponse { timeout: 9000, session_id: 7, password: [1; 16], read_only: false }.write(&mut body);
        client.handle(Input::Received(&mut vec![Frame::from(body)]));
        assert_eq!(client.session.state(), State::Connected);
        client
    }

    fn handle(&mut self, input: Input<'_>) {
        self.session.handle(self.now, input);
    }

    fn pass_time(&mut self) {
        self.now = self.now.max(self.session.deadline().unwrap());
        self.handle(Input::Timeout);
    }

    fn wait_for(&mut self, state: State) {
        while self.session.state() != state {
            self.pass_time();
        }
    }

    fn wait_for_lookup(&mut self) -> Lookup {
        loop {
            while let Some(output) = self.session.poll() {
                if let Output::Resolve(lookup) = output {
                    return lookup;
                }
            }
            self.pass_time();
        }
    }

    fn set_servers(&mut self, host: &str, addresses: Vec<SocketAddr>) {
        self.handle(Input::SetServers { hosts: hosts(host), addresses });
    }
}

#[test]
fn a_lookup_of_the_old_names_does_not_replace_a_newer_list() {
    let mut client = Client::connected(&[addr(1)], "old");
    let old = client.wait_for_lookup();
    client.set_servers("127.0.0.1", vec![addr(2)]);
    client.handle(Input::Resolved { generation: old.generation, addresses: vec![addr(1)] });
    client.wait_for(State::Connecting);
    assert_eq!(client.session.server(), Some(addr(2)));
}

#[test]
fn the_names_of_a_new_list_are_asked_for_while_the_old_lookup_is_under_way() {
    let mut client = Client::connected(&[addr(1)], "old");
    let old = client.wait_for_lookup();
    client.set_servers("new", vec![addr(1), addr(2)]);
    client.handle(Input::ResolutionFailed { generation: old.generation, error: "gone".to_owned() });
    let new = client.wait_for_lookup();
    assert_eq!(new.names[0].host, "new");
    assert_ne!(new.generation, old.generation);
    client.handle(Input::Resolved { generation: new.generation, addresses: vec![addr(3)] });
    client.wait_for(State::Connecting);
    assert_eq!(client.session.server(), Some(addr(3)));
}

#[test]
fn cycling_does_not_change_which_server_the_session_is_connected_to() {
    let mut client = Client::connected(&[addr(1), addr(2)], "127.0.0.1");
    client.session.cycle_server(client.now);
    assert_eq!((client.session.server(), client.session.current_server()), (Some(addr(1)), Some(addr(2))));
    client.set_servers("127.0.0.2", vec![addr(2)]);
    assert_ne!(client.session.state(), State::Connected, "connected to a server that is not in the list");
}

#[test]
fn cycling_does_not_make_a_listed_server_a_missing_one() {
    let mut client = Client::connected(&[addr(1), addr(2)], "127.0.0.1");
    client.session.cycle_server(client.now);
    client.set_servers("127.0.0.2", vec![addr(1)]);
    assert_eq!((client.session.state(), client.session.server()), (State::Connected, Some(addr(1))));
}

#[test]
fn without_a_connection_there_is_no_address() {
    let mut client = Client::connected(&[addr(1)], "127.0.0.1");
    client.handle(Input::Disconnected(std::io::ErrorKind::ConnectionReset.into()));
    assert_eq!((client.session.server(), client.session.current_server()), (None, Some(addr(1))));
}

#[test]
fn the_memory_is_left_under_the_names_in_force() {
    let mut client = Client::connected(&[addr(1)], "old");
    client.set_servers("new", vec![addr(1)]);
    while client.session.poll().is_some() {}
    client.handle(Input::Close);
    let remembered = std::iter::from_fn(|| client.session.poll()).find_map(|output| match output {
        Output::Remember(names, _) => Some(names[0].host.clone()),
        _ => None,
    });
    assert_eq!(remembered.as_deref(), Some("new"));
}
