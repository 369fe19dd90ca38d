//! The incident's part of the world: its beginning and its end, and the stalls of single servers after it.
use super::{GONE, Happening, World, nanos, seconds};
use crate::herd::scenario::Incident;
use crate::herd::server::State;
use rand::RngExt;

/// Time between two closes of a server that closes all its connections in a loop, and by a kernel that closes those of
/// a dead process.
const CLOSE_BY_SERVER: u64 = 50_000;
const CLOSE_BY_KERNEL: u64 = 10_000;

impl World<'_> {
    pub(super) fn begin_incident(&mut self) {
        let (state, hit) = match self.scenario.incident {
            Incident::Election(_) => (State::NotServing, self.servers.len()),
            Incident::Freeze(_) | Incident::FreezePart(_) => (State::Frozen, self.servers.len()),
            Incident::FreezeOne(_) => (State::Frozen, 1),
            Incident::Outage(_) | Incident::HalfDead(_) => (State::Dead, self.servers.len()),
            Incident::Kill => (State::Dead, 1),
            Incident::Vanish | Incident::Start => (State::Silent, 1),
        };
        for server in 0..hit {
            self.servers[server].state = state;
            self.servers[server].thaw = self.end;
        }
        if matches!(state, State::NotServing | State::Dead) {
            self.close_all(hit, if state == State::Dead { CLOSE_BY_KERNEL } else { CLOSE_BY_SERVER });
        }
        self.tracking = !self.is_total();
    }

    /// Whether the incident stops the whole ensemble for a limited time.
    fn is_total(&self) -> bool {
        !matches!(self.scenario.incident, Incident::FreezeOne(_) | Incident::Kill | Incident::Vanish | Incident::Start)
    }

    /// Closes the connections of the first `hit` servers, one every `each` nanoseconds.
    fn close_all(&mut self, hit: usize, each: u64) {
        for server in 0..hit {
            self.servers[server].clear();
        }
        let spread = each * (u64::from(self.scenario.clients) / u64::from(self.scenario.servers)).max(1);
        for client in 0..self.clients.len() {
            if usize::from(self.clients[client].server) < hit {
                self.clients[client].closed_at = self.now + self.rng.random_range(0..spread);
                let at = self.clients[client].closed_at;
                self.set_timer(client as u32, at);
            }
        }
    }

    pub(super) fn end_incident(&mut self) {
        self.tracking = true;
        for group in &mut self.groups {
            group.since = self.now;
        }
        if matches!(self.scenario.incident, Incident::Election(_) | Incident::Outage(_) | Incident::HalfDead(_)) {
            self.zxid_epoch += 1;
            let full = self.now + nanos(self.scenario.timeout);
            for expiry in self.sessions.iter_mut().filter(|expiry| **expiry > GONE) {
                *expiry = full;
            }
        }
        if self.is_total() {
            let one_stays = matches!(self.scenario.incident, Incident::HalfDead(_) | Incident::FreezePart(_));
            if one_stays {
                self.servers[0].state = State::Frozen;
                self.servers[0].thaw = u64::MAX / 2;
            }
            for server in usize::from(one_stays)..self.servers.len() {
                self.thaw(server as u8);
            }
            self.expire();
        }
        if matches!(self.scenario.incident, Incident::FreezeOne(_)) {
            self.thaw(0);
        }
        for server in 0..self.servers.len() {
            self.plan_stall(server as u8);
        }
        self.note_connected();
    }

    fn plan_stall(&mut self, server: u8) {
        if let Some((every, _)) = self.scenario.stalls {
            let wait = -(1.0 - self.rng.random::<f64>()).ln() * every.as_secs_f64();
            self.queue.push(self.now + seconds(wait), Happening::Stall(server));
        }
    }

    /// Stops a serving server for a limited time.
    pub(super) fn stall(&mut self, server: u8) {
        let it = &mut self.servers[usize::from(server)];
        if let (State::Up, Some((_, long))) = (it.state, self.scenario.stalls) {
            it.state = State::Frozen;
            it.thaw = self.now + nanos(long);
            self.queue.push(it.thaw, Happening::Thaw(server));
        }
        self.plan_stall(server);
    }

    pub(super) fn thaw(&mut self, server: u8) {
        let it = &mut self.servers[usize::from(server)];
        let unnoticed = std::mem::take(&mut it.unnoticed);
        it.state = State::Up;
        it.descriptors = it.descriptors.saturating_sub(unnoticed);
        self.start_accepting(server);
        self.start_work(self.pipeline_of(server));
    }
}
