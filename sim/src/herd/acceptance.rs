//! The scenarios that a change of the policy must pass: small fleets must come back about as quickly as with stock;
//! large fleets must come back no later, and lose no more sessions, than under the policy of 0.1.0, whose figures are
//! in `before.tsv`.
use super::measured::{Measured, measure_all, seconds};
use super::rule::Policy;
use super::scenario::{Ids, Incident, Scenario};
use std::fmt::Write as _;
use std::time::Duration;

/// The measurements of 0.1.0 (commit 712acb4) in the same scenarios with the same seeds: name, seconds to 99 %,
/// sessions lost per client, attempts per second during the incident, downtime p50 and p99.
const BEFORE: &str = include_str!("before.tsv");

/// A share of lost sessions per client that counts as none: one in 2,000, where 0.1.0 loses four.
const FEW_LOST: f64 = 0.0005;

/// One scenario with its limits.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The item of the acceptance list to which it belongs.
    pub item: u32,
    /// What happens.
    pub name: String,
    scenario: Scenario,
    seeds: u64,
    limits: Vec<Limit>,
}

#[derive(Clone, Copy, Debug)]
enum Limit {
    /// Seconds until 99 % of the clients have a session again (median).
    T99(f64),
    /// Sessions lost per client; infinite for any number.
    Lost(f64),
    /// Attempts during the incident, relative to those of the C client since 3.5.
    OfStocksAttempts(f64),
    /// Attempts per second during the incident.
    Attempts(f64),
    /// Downtime, median and 99th percentile; an infinite median for any.
    Downtime(f64, f64),
    /// The fleet recovers in every run.
    Recovers,
}

/// A trial that was run.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The item of the acceptance list.
    pub item: u32,
    /// What happened.
    pub name: String,
    /// The measurements and the limits.
    pub measured: String,
    /// Whether all limits hold.
    pub holds: bool,
}

fn s(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn fleet(clients: u32, incident: Incident, load: f64, timeout: f64) -> Scenario {
    Scenario { clients, timeout: s(timeout), horizon: s(300.0), ..Scenario::new(incident, s(load)) }
}

/// A small fleet on servers that serve 1,000 clients a second.
fn few(clients: u32, incident: Incident, timeout: f64) -> Scenario {
    fleet(clients, incident, f64::from(clients) / 1000.0, timeout)
}

/// 5,000 clients, T = 10 s.
fn many(incident: Incident, load: f64) -> Scenario {
    fleet(5000, incident, load, 10.0)
}

fn outage(time: f64) -> Incident {
    Incident::Outage(s(time))
}

fn election(time: f64) -> Incident {
    Incident::Election(s(time))
}

fn freeze(time: f64) -> Incident {
    Incident::Freeze(s(time))
}

/// A figure of 0.1.0 by the name of the scenario and the column; NaN if it was not measured.
fn before(name: &str, column: usize) -> f64 {
    let row = BEFORE.lines().find(|line| line.split('\t').next() == Some(name));
    row.and_then(|line| line.split('\t').nth(column)).and_then(|value| value.parse().ok()).unwrap_or(f64::NAN)
}

const T99: usize = 1;
const LOST: usize = 2;
const ATTEMPTS: usize = 3;
const DOWN50: usize = 4;
const DOWN99: usize = 5;

#[derive(Default)]
struct List(Vec<Trial>);

impl List {
    fn add(&mut self, item: u32, name: impl Into<String>, seeds: u64, scenario: Scenario, limits: &[Limit]) {
        self.0.push(Trial { item, name: name.into(), scenario, seeds, limits: limits.to_vec() });
    }

    /// Adds a trial with limits relative to 0.1.0's scenario `was`: its time multiplied by `most.0`, its lost sessions
    /// plus `most.1`.
    fn add_as(&mut self, item: u32, (name, was): (&str, &str), seeds: u64, scenario: Scenario, most: (f64, f64)) {
        let (factor, points) = most;
        let limits = [Limit::T99(before(was, T99) * factor), Limit::Lost(before(was, LOST) + points), Limit::Recovers];
        self.add(item, name, seeds, scenario, &limits);
    }
}

/// All trials, in the order of the list.
pub fn trials() -> Vec<Trial> {
    let mut list = List::default();
    small_fleets(&mut list);
    large_fleets(&mut list);
    larger_fleets(&mut list);
    ranks(&mut list);
    half_dead(&mut list);
    list.0.sort_by_key(|trial| trial.item);
    list.0
}

/// Items 1 to 8.
fn small_fleets(list: &mut List) {
    let short = [(4.0, 0.4), (10.0, 0.5), (20.0, 0.8), (30.0, 1.2)];
    let long = [(4.0, 0.4), (10.0, 0.8), (20.0, 1.5), (30.0, 2.3)];
    for (timeout, most) in short {
        let name = |what: &str| format!("{what}, 20 clients, T = {timeout} s");
        list.add(1, name("outage 8 s"), 12, few(20, outage(8.0), timeout), &[Limit::T99(most)]);
        list.add(4, name("election 8 s"), 12, few(20, election(8.0), timeout), &[Limit::T99(most)]);
    }
    for (timeout, most) in long {
        let limits = [Limit::T99(most), Limit::OfStocksAttempts(0.2)];
        list.add(2, format!("outage 60 s, 20 clients, T = {timeout} s"), 12, few(20, outage(60.0), timeout), &limits);
        for servers in [3, 1] {
            let share = if servers == 1 && timeout > 20.0 { 0.22 } else { 0.2 };
            let scenario = Scenario { servers, ..fleet(1, outage(60.0), 0.02, timeout) };
            let name = format!("outage 60 s, 1 client, {servers} servers, T = {timeout} s");
            list.add(3, name, 60, scenario, &[Limit::OfStocksAttempts(share)]);
        }
    }
    for (name, incident) in [("outage 8 s", outage(8.0)), ("election 8 s", election(8.0))] {
        list.add(5, format!("{name}, 200 clients"), 4, few(200, incident, 10.0), &[Limit::T99(1.4)]);
    }
    for timeout in [10.0, 20.0, 30.0] {
        let name = format!("outage 8 s, 2,000 clients, T = {timeout} s");
        list.add(6, name, 3, few(2000, outage(8.0), timeout), &[Limit::T99(2.2)]);
    }
    for (time, most) in [(30.0, 0.8), (120.0, 2.5), (600.0, 4.5)] {
        list.add(7, format!("freeze {time} s, 1 client"), 60, few(1, freeze(time), 10.0), &[Limit::T99(0.4)]);
        list.add(8, format!("freeze {time} s, 20 clients"), 8, few(20, freeze(time), 10.0), &[Limit::T99(most)]);
    }
}

/// Items 9 to 14, 16 and 17.
fn large_fleets(list: &mut List) {
    for (load, seeds, item) in [(1.0, 3, 9), (5.0, 3, 9), (10.0, 3, 9), (16.7, 3, 10), (25.0, 8, 10)] {
        let name = format!("outage:60 5000 L={load}");
        list.add_as(item, (&name, &name), seeds, many(outage(60.0), load), (1.03, if item == 9 { 0.0 } else { 0.01 }));
    }
    list.add(11, "outage 8 s, 5,000 clients, L = 10 s", 4, many(outage(8.0), 10.0), &[Limit::Lost(FEW_LOST)]);
    list.add(11, "outage 3 s, 5,000 clients, L = 10 s", 4, many(outage(3.0), 10.0), &[Limit::Lost(0.035)]);
    for load in [5.0, 10.0, 16.7, 25.0] {
        let name = format!("election:10 5000 L={load}");
        list.add_as(12, (&name, &name), 6, many(election(10.0), load), (1.03, if load > 10.0 { 0.03 } else { 0.0 }));
        let most = Limit::Attempts(before(&name, ATTEMPTS) * 1.2);
        list.add(12, format!("{name}: attempts"), 1, many(election(10.0), load), &[most]);
    }
    for (load, seeds) in [(1.0, 3), (5.0, 3), (10.0, 3), (16.7, 3), (25.0, 41)] {
        let name = format!("freeze:20 5000 L={load}");
        list.add_as(13, (&name, &name), seeds, many(freeze(20.0), load), (1.05, 0.01));
    }
    for (name, incident) in [("outage:60", outage(60.0)), ("election:10", election(10.0)), ("freeze:20", freeze(20.0))]
    {
        let name = format!("{name} rst=0 L=16.7");
        let scenario = Scenario { read_ahead: usize::MAX, ..many(incident, 16.7) };
        list.add_as(14, (&name, &name), 3, scenario, (1.03, 0.02));
    }
    for (name, incident) in [("kill", Incident::Kill), ("vanish", Incident::Vanish)] {
        let most = Limit::Downtime(before(name, DOWN50) * 1.03, before(name, DOWN99) * 1.03);
        list.add(16, format!("{name}, 5,000 clients, L = 5 s"), 3, many(incident, 5.0), &[most]);
    }
    let stalls = Scenario { stalls: Some((s(60.0), s(8.0))), ..many(outage(60.0), 16.7) };
    list.add_as(17, ("stalls", "stalls"), 16, stalls, (1.03, 0.03));
}

/// Item 15.
fn larger_fleets(list: &mut List) {
    for (name, incident, loads) in [
        ("outage:8", outage(8.0), &[5.0, 10.0, 16.7][..]),
        ("election:10", election(10.0), &[16.7]),
        ("freeze:20", freeze(20.0), &[16.7]),
    ] {
        for load in loads {
            let name = format!("{name} 50000 L={load}");
            let scenario = Scenario { clients: 50_000, ..many(incident, *load) };
            list.add_as(15, (&name, &name), 1, scenario.clone(), (1.0, if *load > 10.0 { 0.03 } else { 0.0 }));
            let most = [Limit::Attempts(before(&name, ATTEMPTS) * 1.6)];
            list.add(15, format!("{name}: attempts"), 1, scenario, &most);
        }
    }
}

/// Items 19 to 23.
fn ranks(list: &mut List) {
    for lives in [1, 10, 100] {
        for epochs in [1.0, 0.5, 0.0] {
            let name =
                format!("election 10 s, L = 5 s, sessions of {lives} lives, {epochs} of them ended with a new epoch");
            let scenario = Scenario { lives, epochs, ..many(election(10.0), 5.0) };
            let most = Limit::Attempts(before("election:10 5000 L=5", ATTEMPTS) * 1.5);
            list.add(19, name, 1, scenario, &[most]);
        }
    }
    for load in [16.7, 25.0] {
        for epochs in [1.0, 0.0] {
            let scenario = Scenario { lives: 10, epochs, ..many(election(10.0), load) };
            let name =
                format!("election 10 s, L = {load} s, sessions of 10 lives, {epochs} of them ended with a new epoch");
            list.add_as(20, (&name, &format!("election:10 5000 L={load}")), 6, scenario, (1.03, 0.03));
        }
    }
    for (what, ids) in [("random ids", Ids::Random), ("ids without a rank", Ids::Counter)] {
        for (name, incident) in [("election:10 5000 L=16.7", election(10.0)), ("freeze:20 5000 L=16.7", freeze(20.0))] {
            let scenario = Scenario { ids, ..many(incident, 16.7) };
            list.add_as(21, (&format!("{name}, {what}"), name), 3, scenario, (1.03, 0.03));
        }
        let scenario = Scenario { ids, ..few(2000, outage(8.0), 10.0) };
        list.add(21, format!("outage 8 s, 2,000 clients, {what}"), 3, scenario, &[Limit::T99(2.2)]);
        let scenario = Scenario { ids, ..many(outage(8.0), 10.0) };
        list.add(21, format!("outage 8 s, 5,000 clients, L = 10 s, {what}"), 4, scenario, &[Limit::Lost(FEW_LOST)]);
    }
    for load in [5.0, 10.0, 16.7] {
        let name = format!("outage:60 5000 L={load}");
        let scenario = Scenario { ids: Ids::Equal, ..many(outage(60.0), load) };
        list.add_as(22, (&format!("{name}, all ids of rank 0"), &name), 21, scenario, (1.03, f64::INFINITY));
    }
    for (name, incident) in [("outage:60 5000 L=25", outage(60.0)), ("freeze:20 5000 L=25", freeze(20.0))] {
        let scenario = Scenario { ids: Ids::Equal, ..many(incident, 25.0) };
        list.add_as(23, (&format!("{name}, all ids of rank 0"), name), 21, scenario, (1.6, f64::INFINITY));
    }
}

/// Items 24 to 26.
fn half_dead(list: &mut List) {
    for (clients, seeds) in [(1, 30), (20, 8), (200, 4)] {
        let limits = [Limit::Lost(0.0), Limit::T99(9.8)];
        let scenario = few(clients, Incident::HalfDead(s(8.0)), 10.0);
        list.add(24, format!("8 s down, then one of three stopped, {clients} clients"), seeds, scenario, &limits);
    }
    for clients in [20, 200] {
        let scenario = few(clients, Incident::FreezeOne(s(20.0)), 10.0);
        list.add(
            25,
            format!("one of three stopped for 20 s, {clients} clients"),
            8,
            scenario,
            &[Limit::Downtime(0.06, 0.11)],
        );
    }
    for (clients, seeds) in [(1, 30), (20, 8)] {
        let scenario = few(clients, Incident::FreezePart(s(20.0)), 10.0);
        let name = format!("all stopped for 20 s, one for good, {clients} clients");
        list.add(26, name, seeds, scenario, &[Limit::Downtime(f64::INFINITY, 30.5)]);
    }
}

/// Runs these trials, one scenario after the other, and reports each result as soon as it is known.
pub fn run_trials(trials: &[Trial], jobs: usize, mut found: impl FnMut(&Tried)) -> Vec<Tried> {
    let judge = |trial: &Trial| {
        let needs_stock = trial.limits.iter().any(|limit| matches!(limit, Limit::OfStocksAttempts(_)));
        let mut scenarios = vec![trial.scenario.clone()];
        if needs_stock {
            scenarios.push(trial.scenario.with(Policy::C35));
        }
        let measured = measure_all(&scenarios, trial.seeds, jobs, &|_, _| {});
        let verdicts: Vec<_> = trial.limits.iter().map(|limit| limit.judge(&measured)).collect();
        let mut text = String::new();
        for (position, (measured, _)) in verdicts.iter().enumerate() {
            let _ = write!(text, "{}{measured}", if position > 0 { "; " } else { "" });
        }
        let holds = verdicts.iter().all(|(_, holds)| *holds);
        Tried { item: trial.item, name: trial.name.clone(), measured: text, holds }
    };
    let mut all = Vec::new();
    for trial in trials {
        let tried = judge(trial);
        found(&tried);
        all.push(tried);
    }
    all
}

impl Limit {
    fn judge(self, measured: &[Measured]) -> (String, bool) {
        let Some(ours) = measured.first() else { return (String::new(), false) };
        let stock = measured.get(1).map_or(f64::NAN, Measured::attempts_per_second);
        // If a figure of 0.1.0 is missing the limit is NaN, and no value is at most NaN.
        match self {
            Limit::T99(most) => {
                let time = ours.back(2).unwrap_or(f64::INFINITY);
                (format!("99 % after {} of at most {} s", seconds(time), seconds(most)), time <= most)
            }
            Limit::Lost(most) => {
                let lost = ours.lost();
                let limit = if most.is_infinite() { String::new() } else { format!(" of at most {most:.4}") };
                (format!("{lost:.4}{limit} sessions lost per client"), lost <= most)
            }
            Limit::OfStocksAttempts(most) => {
                let share = ours.attempts_per_second() / stock;
                (format!("{share:.3} of at most {most:.2} of C 3.5+'s attempts"), share <= most)
            }
            Limit::Attempts(most) => {
                let attempts = ours.attempts_per_second();
                (format!("{attempts:.0} of at most {most:.0} attempts/s"), attempts <= most)
            }
            Limit::Downtime(median, most) => {
                let (p50, p99) = (ours.downtime(0.5), ours.downtime(0.99));
                let limits = if median.is_infinite() {
                    format!("any / at most {}", seconds(most))
                } else {
                    format!("at most {} / {}", seconds(median), seconds(most))
                };
                let text = format!("downtime {} / {} of {limits} s", seconds(p50), seconds(p99));
                (text, p50 <= median && p99 <= most)
            }
            Limit::Recovers => {
                let all = ours.worst_t99().is_some();
                ((if all { "all runs come back" } else { "not all runs come back" }).to_owned(), all)
            }
        }
    }
}

/// The verdicts as a table in Markdown.
pub fn markdown(tried: &[Tried]) -> String {
    let mut text = String::from("| item | scenario | measured | |\n|---|---|---|---|\n");
    for it in tried {
        let verdict = if it.holds { "ok" } else { "**MISSED**" };
        let _ = writeln!(text, "| {} | {} | {} | {verdict} |", it.item, it.name, it.measured);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::outcome::{Group, Outcome};
    use super::*;

    #[test]
    fn what_has_no_limit_is_shown_without_one() {
        let group = Group { lost: 1, downtimes: vec![0.5, 17.0], ..Group::default() };
        let outcome = Outcome { clients: 2, groups: vec![group], ..Outcome::default() };
        let measured = [Measured { outcomes: vec![outcome], incident: 1.0 }];
        for (limit, text, holds) in [
            (Limit::Lost(0.4), "0.5000 of at most 0.4000 sessions lost per client", false),
            (Limit::Lost(f64::INFINITY), "0.5000 sessions lost per client", true),
            (Limit::Lost(f64::NAN), "0.5000 of at most NaN sessions lost per client", false),
            (Limit::Downtime(0.6, 16.0), "downtime 0.500 / 17.0 of at most 0.600 / 16.0 s", false),
            (Limit::Downtime(f64::INFINITY, 30.5), "downtime 0.500 / 17.0 of any / at most 30.5 s", true),
        ] {
            assert_eq!(limit.judge(&measured), (text.to_owned(), holds));
        }
    }
}
