//! The clients' part of the world: pausing, connecting, pinging, losing.
use super::{Happening, NONE, ROUND_TRIP, SECOND, World, nanos};
use crate::herd::client::Phase;
use crate::herd::server::{Connection, End, State, Work};
use std::time::Duration;
use zk_core::backoff::{Event, Failure, Plan};

impl World<'_> {
    pub(super) fn set_timer(&mut self, client: u32, at: u64) {
        let it = &mut self.clients[client as usize];
        it.timer = it.timer.wrapping_add(1);
        self.queue.push(at, Happening::Timer { client, number: it.timer });
    }

    pub(super) fn timer(&mut self, client: u32) {
        let it = &self.clients[client as usize];
        match it.phase {
            Phase::Pausing => self.attempt(client),
            Phase::Refused => self.fail(client, Failure::Refused),
            Phase::Connecting if self.now >= it.connect_by => self.fail(client, Failure::ConnectTimeout),
            Phase::Connecting => self.knock(client),
            Phase::Handshaking => {
                self.abandon(client);
                self.fail(client, Failure::HandshakeTimeout);
            }
            Phase::Established => self.check_liveness(client),
        }
    }

    pub(super) fn check_liveness(&mut self, client: u32) {
        let it = &mut self.clients[client as usize];
        if self.now >= it.closed_at {
            self.lose(client, false);
        } else if it.ping_pending && self.now >= it.received + nanos(it.read_timeout) {
            let (server, life) = (usize::from(it.server), it.life);
            if self.servers[server].life == life {
                self.servers[server].close();
            }
            self.lose(client, true);
        } else {
            it.pinged = self.now;
            it.ping_pending = true;
            let server = it.server;
            if it.received == 0 {
                it.received = self.now; // the first round of a run
            }
            if matches!(self.servers[usize::from(server)].state, State::Up | State::Frozen) {
                self.submit(server, Work::Ping { client });
            }
            self.wait_for_ping(client);
        }
    }

    /// Sets the timer for the next ping, or the time limit for the answer to the pending ping.
    pub(super) fn wait_for_ping(&mut self, client: u32) {
        let timeout = nanos(self.scenario.timeout);
        let it = &mut self.clients[client as usize];
        let uptime = Duration::from_nanos(it.received.saturating_sub(it.established));
        it.read_timeout = it.rule.read_timeout(uptime);
        let next = if it.ping_pending { it.received + nanos(it.read_timeout) } else { it.pinged + timeout / 3 };
        let at = next.max(self.now).min(it.closed_at);
        self.set_timer(client, at);
    }

    pub(super) fn lose(&mut self, client: u32, read_timeout: bool) {
        self.count_out(client);
        let (established, last_received) = {
            let it = &mut self.clients[client as usize];
            it.closed_at = u64::MAX;
            it.ping_pending = false;
            it.down_since = self.now;
            (it.established, it.received)
        };
        let event = Event::Lost {
            read_timeout,
            established: self.instant(established),
            last_received: self.instant(last_received),
            server: None,
        };
        self.decide(client, event);
    }

    pub(super) fn fail(&mut self, client: u32, failure: Failure) {
        self.decide(client, Event::Failed(failure));
    }

    /// Passes an event to the policy, and starts the pause that it asks for.
    pub(super) fn decide(&mut self, client: u32, event: Event) {
        let now = self.instant(self.now);
        let it = &mut self.clients[client as usize];
        let plan = it.rule.on(event, now, &mut self.rng);
        self.pause(client, plan);
    }

    pub(super) fn pause(&mut self, client: u32, plan: Plan) {
        let until = self.now + nanos(plan.not_before.saturating_duration_since(self.instant(self.now)));
        let it = &mut self.clients[client as usize];
        it.phase = Phase::Pausing;
        it.plan = plan;
        self.set_timer(client, until);
    }

    pub(super) fn attempt(&mut self, client: u32) {
        let now = self.instant(self.now);
        if self.now >= self.end {
            self.outcome.attempts_after += 1;
        } else {
            self.outcome.attempts_during += 1;
        }
        let address = self.clients[client as usize].rule.next(now);
        let server = self.server_of(address);
        let it = &mut self.clients[client as usize];
        it.attempt = it.attempt.wrapping_add(1);
        it.server = server;
        it.started = self.now;
        it.connect_by = self.now + nanos(it.plan.connect_timeout);
        it.answer_by = self.now + nanos(it.plan.attempt_timeout);
        it.syns = 0;
        it.ticket = None;
        it.phase = Phase::Connecting;
        self.knock(client);
    }

    /// Sends a SYN, which is answered by a refusal, accepted into the queue, or not answered.
    pub(super) fn knock(&mut self, client: u32) {
        let (server, attempt) = (self.clients[client as usize].server, self.clients[client as usize].attempt);
        let it = &mut self.servers[usize::from(server)];
        match it.state {
            State::Dead => {
                self.clients[client as usize].phase = Phase::Refused;
                self.set_timer(client, self.now + ROUND_TRIP);
            }
            State::Up | State::NotServing | State::Frozen if it.backlog.len() <= self.scenario.backlog => {
                it.backlog.push_back(Connection { client, attempt, end: End::Open });
                let life = it.life;
                let it = &mut self.clients[client as usize];
                it.phase = Phase::Handshaking;
                it.life = life;
                let until = it.answer_by;
                self.set_timer(client, until);
                self.start_accepting(server);
            }
            _ => {
                let it = &mut self.clients[client as usize];
                it.syns += 1;
                let again = it.started + ((1_u64 << it.syns.min(7)) - 1) * SECOND;
                let until = again.min(it.connect_by);
                self.set_timer(client, until);
            }
        }
    }

    /// Closes the client's end of a connection that waits for its answer.
    pub(super) fn abandon(&mut self, client: u32) {
        let it = &self.clients[client as usize];
        let (server, attempt, rst) = (usize::from(it.server), it.attempt, it.rule.rst());
        let pipeline = usize::from(self.pipeline_of(it.server));
        if let Some(ticket) = it.ticket {
            self.pipelines[pipeline].close(ticket, client, rst, self.scenario.read_ahead);
        } else if let Some(waiting) =
            self.servers[server].backlog.iter_mut().find(|other| other.client == client && other.attempt == attempt)
        {
            waiting.end = if rst { End::Reset } else { End::Closed };
        }
    }

    pub(super) fn establish(&mut self, client: u32) {
        let now = self.instant(self.now);
        let it = &mut self.clients[client as usize];
        it.rule.on(Event::Established, now, &mut self.rng);
        let process = self.process_of(client);
        let it = &mut self.clients[client as usize];
        it.rule.remember(false, &mut self.histories[process], now);
        it.phase = Phase::Established;
        it.established = self.now;
        it.received = self.now;
        it.pinged = self.now;
        it.ping_pending = false;
        if !it.counted && self.now >= self.begin {
            it.counted = true;
            let downtime = (self.now - it.down_since) as f64 / 1e9;
            self.outcome.groups[usize::from(it.policy)].downtimes.push(downtime);
        }
        self.count_in(client);
        if self.scenario.greeting || self.clients[client as usize].rule.ping_at_once() {
            self.clients[client as usize].ping_pending = true;
            let server = self.clients[client as usize].server;
            self.submit(server, Work::Ping { client });
        }
        self.wait_for_ping(client);
    }

    /// Called when the server has said that the session is expired: the application closes the handle and opens another
    /// one at once.
    pub(super) fn expired(&mut self, client: u32) {
        let now = self.instant(self.now);
        self.sessions[client as usize] = NONE;
        let policy = usize::from(self.clients[client as usize].policy);
        self.outcome.groups[policy].lost += 1;
        self.clients[client as usize].rule.on(Event::Expired, now, &mut self.rng);
        let process = self.process_of(client);
        self.clients[client as usize].rule.remember(true, &mut self.histories[process], now);
        let mut rule = self.new_rule(client, policy);
        let plan = rule.on(Event::Init, now, &mut self.rng);
        self.clients[client as usize].rule = rule;
        self.pause(client, plan);
    }
}
