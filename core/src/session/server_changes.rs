//! Changes of the server list: by the application, by the resolver, and by the result of a probe.
use super::failure_log::FailureLogLimiter;
use super::link::Link;
use super::{Output, Session, State, Watcher};
use crate::backoff::Event;
use crate::code::Code;
use crate::servers::{Change, Hosts};
use std::net::SocketAddr;
use std::time::Instant;

impl<C, W: Watcher> Session<C, W> {
    /// Handles the application's new list, which replaces names and addresses, and voids a lookup of the earlier names.
    pub(super) fn on_set_servers(&mut self, now: Instant, hosts: Hosts, addresses: &[SocketAddr]) {
        let in_use = self.link.in_use();
        self.timers.forget_resolution();
        let change = self.servers.replace(hosts, addresses, in_use, &mut self.rng, self.config.shuffle);
        self.arm_resolve(now);
        self.on_list_change(now, change);
    }

    /// Handles the resolver's answer. If it is about names that have been replaced, it is dropped: the newest list
    /// wins.
    pub(super) fn on_resolved(&mut self, now: Instant, generation: u64, addresses: &[SocketAddr]) {
        if !self.servers.is_current(generation) {
            return;
        }
        self.timers.resolution_ended(now);
        self.lookup_log = FailureLogLimiter::default();
        let in_use = self.link.in_use();
        let change = self.servers.resolve(addresses, in_use, &mut self.rng, self.config.shuffle);
        self.arm_resolve(now);
        self.on_list_change(now, change);
    }

    pub(super) fn on_resolution_failure(&mut self, now: Instant, generation: u64, error: &str) {
        if self.servers.is_current(generation) {
            self.timers.resolution_ended(now);
            self.arm_resolve(now);
            if let Some(omitted) = self.lookup_log.admit() {
                // The resolver has written stock's line.
                let hosts = self.servers.hosts().text();
                log::warn!(target: "resolve_hosts", "the addresses known for [{hosts}] are kept: {error}{omitted}");
            }
        }
    }

    fn on_list_change(&mut self, now: Instant, change: Change) {
        // divergence: When zoo_set_servers moves a connected client, the requests in flight get ZCONNECTIONLOSS and the
        // watchers a CONNECTING event; stock gives no event and then fails the requests with ZRUNTIMEINCONSISTENCY. A
        // changed port counts as a changed server.
        if !change.changed {
            return;
        }
        log::info!("server list changed to {} addresses [{}]", self.servers.len(), self.servers.hosts().text());
        let event = Event::ServersChanged { overlap: change.overlap };
        match self.link {
            Link::Established { .. } if change.reconnect => self.leave(now, event),
            Link::Connecting { .. } | Link::Handshaking { .. } if change.reconnect => {
                let reset = self.backoff.rst() && matches!(self.link, Link::Handshaking { .. });
                self.outputs.push_back(Output::Disconnect { reset });
                self.drop_link(now, true, Code::ConnectionLoss);
                self.next_plan(now, event);
            }
            Link::Idle { .. } => self.next_plan(now, event),
            _ => {}
        }
    }

    pub(super) fn on_probed(&mut self, now: Instant, addr: SocketAddr, read_write: bool) {
        let is_read_only = self.is_established() && self.state() == State::ReadOnly;
        if is_read_only && read_write && self.servers.prefer(addr) {
            log::info!(target: "check_events", "r/w server found at {addr}");
            self.leave(now, Event::Voluntary);
        }
    }
}
