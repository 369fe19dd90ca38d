//! The end of a history: all faults are removed, every client comes to rest, then all handles are closed.
use crate::model::Verdict;
use crate::run::Run;
use std::time::Duration;
use zk_core::session::State;
use zk_sim::server::{Greeting, Mode};
use zk_sim::world::{Route, Weather, World};

impl Run {
    /// Removes all faults; then every client that can must get a session, and every waiting request its answer.
    pub(crate) fn heal(&mut self) -> Verdict {
        for member in 0..self.members {
            self.world.set_route(World::address(member), Route::Open);
            self.world.servers(|servers, now| {
                servers.set_greeting(member, Greeting::Proper);
                servers.set_faults(member, Vec::new());
                servers.set_mode(member, Mode::Up, now);
                servers.catch_up(member);
            });
        }
        self.world.names.answer = Some(self.addresses());
        self.world.weather = Weather::default();
        for one in 0..self.ones.len() {
            // Corrupted connections would not recover by themselves.
            self.world.cut(self.ones[one].number);
        }
        self.check()?;
        // The longest pause of the policy is two minutes, and a frozen process continues within half a minute.
        for _ in 0..40 {
            self.wait(Duration::from_secs(10))?;
            if (0..self.ones.len()).all(|one| self.is_settled(one)) {
                return self.calm();
            }
        }
        let states: Vec<_> = self.ones.iter().map(|one| self.world.client(one.number).state()).collect();
        Err(format!("not everybody has settled 400 s after everything was well again: {states:?}"))
    }

    /// A healthy connection is kept: pings prevent either side from giving it up.
    fn calm(&mut self) -> Verdict {
        // Names are resolved again after a while, and the answer may have changed.
        self.wait(Duration::from_secs(15))?;
        let attempts = |run: &Run| -> Vec<u64> {
            run.ones.iter().map(|one| run.world.client(one.number).session.stats().attempts).collect()
        };
        let before = attempts(self);
        let longest = self.ones.iter().map(|one| self.world.client(one.number).session.timeout()).max().unwrap_or(0);
        self.wait(Duration::from_millis(u64::try_from(longest).unwrap_or(0)) * 2)?;
        let after = attempts(self);
        for (at, one) in self.ones.iter().enumerate() {
            if self.world.client(one.number).state() == State::Connected && before[at] != after[at] {
                return Err(format!("client {at}: {} attempts while all was well", after[at] - before[at]));
            }
        }
        Ok(())
    }

    pub(crate) fn finish(&mut self) -> Verdict {
        for one in 0..self.ones.len() {
            self.watches_are_kept(one).map_err(|what| format!("client {one}: {what}"))?;
            self.wire_is_clean(one).map_err(|what| format!("client {one}: {what}"))?;
        }
        for one in 0..self.ones.len() {
            self.close(one);
        }
        self.check()?;
        self.wait(Duration::from_secs(5))?;
        for (at, one) in self.ones.iter().enumerate() {
            if !one.model.closed || !one.model.waiting.is_empty() {
                return Err(format!("client {at} is not closed, or {} requests wait", one.model.waiting.len()));
            }
        }
        Ok(())
    }
}
