//! The servers' part of the world: accepting, working, answering.
use super::{GONE, Happening, NONE, World, nanos};
use crate::herd::client::Phase;
use crate::herd::server::{Connection, End, Item, State, Work};
use zk_core::backoff::Failure;

/// How long a server without descriptors stops accepting.
const ACCEPT_PAUSE: u64 = 10_000_000;

impl World<'_> {
    pub(super) fn server_of(&self, address: u8) -> u8 {
        address % self.scenario.servers
    }

    pub(super) fn pipeline_of(&self, server: u8) -> u8 {
        if self.scenario.leader_bound { 0 } else { server }
    }

    /// Time that a pipeline needs for one handshake.
    pub(super) fn handshake_time(&self) -> u64 {
        let pipelines = self.pipelines.len() as u64;
        (nanos(self.scenario.load) * pipelines / u64::from(self.scenario.clients)).max(1)
    }

    /// Time that the accept thread needs for one connection.
    pub(super) fn accept_time(&self) -> u64 {
        let accept = self.scenario.accept_time.map_or((self.handshake_time() / 10).min(50_000), nanos);
        accept + nanos(self.scenario.tls_time)
    }

    /// Time for reading a request and closing, or for noticing a reset.
    pub(super) fn dismissal_time(&self) -> u64 {
        (self.handshake_time() / 10).min(100_000)
    }

    pub(super) fn start_accepting(&mut self, server: u8) {
        let running = matches!(self.servers[usize::from(server)].state, State::Up | State::NotServing);
        let accept_time = self.accept_time();
        let it = &mut self.servers[usize::from(server)];
        if running && !it.accepting && !it.backlog.is_empty() {
            it.accepting = true;
            self.queue.push(self.now + accept_time, Happening::Accept(server));
        }
    }

    pub(super) fn accept(&mut self, server: u8) {
        let limit = self.scenario.descriptors * f64::from(self.scenario.clients) / f64::from(self.scenario.servers);
        let it = &mut self.servers[usize::from(server)];
        it.accepting = false;
        if !matches!(it.state, State::Up | State::NotServing) {
            return;
        }
        if it.descriptors as f64 >= limit.max(60.0) {
            it.accepting = true;
            self.queue.push(self.now + ACCEPT_PAUSE, Happening::Accept(server));
            return;
        }
        if let Some(connection) = it.backlog.pop_front() {
            it.open();
            let ticket = self.submit(server, Work::Handshake(connection));
            let client = &mut self.clients[connection.client as usize];
            if client.attempt == connection.attempt && client.phase == Phase::Handshaking {
                client.ticket = Some(ticket);
            }
        }
        self.start_accepting(server);
    }

    pub(super) fn submit(&mut self, server: u8, work: Work) -> u64 {
        let pipeline = self.pipeline_of(server);
        let item = Item { server, life: self.servers[usize::from(server)].life, work };
        let it = &mut self.pipelines[usize::from(pipeline)];
        let ticket = match work {
            Work::Ping { .. } if self.scenario.pings_first => it.push_urgent(item),
            _ => it.push(item),
        };
        self.start_work(pipeline);
        ticket
    }

    pub(super) fn start_work(&mut self, pipeline: u8) {
        loop {
            let frozen = self.servers[usize::from(pipeline)].state == State::Frozen;
            let it = &mut self.pipelines[usize::from(pipeline)];
            if frozen || it.working.is_some() {
                return;
            }
            let Some(mut item) = it.take() else { return };
            if self.servers[usize::from(item.server)].life != item.life {
                continue;
            }
            self.throttle(&mut item);
            let time = self.work_time(&item);
            self.pipelines[usize::from(pipeline)].working = Some(item);
            self.queue.push(self.now + time, Happening::Worked(pipeline));
            return;
        }
    }

    /// Refuses a connect request if its server has recently let through too many.
    fn throttle(&mut self, item: &mut Item) {
        let server = &mut self.servers[usize::from(item.server)];
        if let (State::Up, Some(bucket), Work::Handshake(connection)) =
            (server.state, &mut server.bucket, &mut item.work)
            && connection.end != End::Reset
            && !bucket.take(self.now)
        {
            connection.end = End::Throttled;
        }
    }

    pub(super) fn work_time(&self, item: &Item) -> u64 {
        let handshake = self.handshake_time();
        match item.work {
            Work::Ping { .. } => (handshake as f64 * self.scenario.ping_cost) as u64,
            Work::CloseSession => (handshake as f64 * self.scenario.expiry_cost) as u64,
            Work::Handshake(Connection { end: End::Reset | End::Throttled, .. }) => self.dismissal_time(),
            Work::Handshake(_) if self.servers[usize::from(item.server)].state != State::Up => self.dismissal_time(),
            Work::Handshake(connection) if self.sessions[connection.client as usize] == NONE => {
                (handshake as f64 * self.scenario.creation_cost) as u64
            }
            Work::Handshake(_) => handshake,
        }
    }

    pub(super) fn worked(&mut self, pipeline: u8) {
        let frozen = self.servers[usize::from(pipeline)].state == State::Frozen;
        if frozen {
            // The server was stopped in the middle of the work, which continues after the stop.
            let thaw = self.servers[usize::from(pipeline)].thaw;
            self.queue.push(thaw.max(self.now) + 1, Happening::Worked(pipeline));
            return;
        }
        if let Some(item) = self.pipelines[usize::from(pipeline)].working.take()
            && self.servers[usize::from(item.server)].life == item.life
        {
            match item.work {
                Work::Ping { client } => self.pinged(client, item.server),
                Work::Handshake(connection) => self.answered(connection, item.server),
                Work::CloseSession => {}
            }
        }
        self.start_work(pipeline);
    }

    pub(super) fn pinged(&mut self, client: u32, server: u8) {
        self.touch(client);
        let it = &mut self.clients[client as usize];
        if it.phase == Phase::Established && it.ping_pending && it.server == server {
            it.ping_pending = false;
            it.received = self.now;
            it.rule.saw_epoch(self.zxid_epoch);
            self.wait_for_ping(client);
        }
    }

    pub(super) fn touch(&mut self, client: u32) {
        let expiry = &mut self.sessions[client as usize];
        if *expiry > GONE {
            *expiry = self.now + nanos(self.scenario.timeout);
        }
    }

    /// Called when the server has processed a connect request.
    pub(super) fn answered(&mut self, connection: Connection, server: u8) {
        let it = &mut self.servers[usize::from(server)];
        let serving = it.state == State::Up;
        let client = &self.clients[connection.client as usize];
        let alive = client.attempt == connection.attempt && client.phase == Phase::Handshaking;
        if !serving || matches!(connection.end, End::Reset | End::Throttled) {
            it.close();
            if alive {
                self.fail(connection.client, Failure::Closed);
            }
            return;
        }
        self.handshakes += 1;
        self.touch(connection.client);
        if !alive {
            self.wasted += 1;
            self.servers[usize::from(server)].close();
            return;
        }
        match self.sessions[connection.client as usize] {
            GONE => {
                self.servers[usize::from(server)].close();
                self.expired(connection.client);
            }
            NONE => {
                let rank = self.servers[usize::from(server)].created;
                let id = self.next_id(server, rank);
                self.clients[connection.client as usize].rule.created(id);
                self.sessions[connection.client as usize] = self.now + nanos(self.scenario.timeout);
                self.establish(connection.client);
            }
            _ => self.establish(connection.client),
        }
    }
}
