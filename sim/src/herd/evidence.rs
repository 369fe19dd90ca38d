//! The experiments that docs/BACKOFF.md rests on: the scenarios, the policies, and the targets.
use super::measured::{Measured, measure_all, seconds};
use super::rule::Policy;
use super::scenario::{Incident, Scenario};
use super::targets::{self, Verdict};
use std::fmt::Write as _;
use std::time::Duration;
use zk_core::backoff::Config;

/// The content of a section's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// Time until 99 % of the clients are back, and lost sessions.
    Recovery,
    /// Attempts per second of the fleet during the incident.
    Attempts,
    /// Downtime, median and 99th percentile.
    Downtime,
    /// Downtime of the worst third: the clients whose first server is the bad one.
    WorstThird,
    /// Average share of connected clients, by policy.
    Presence,
}

/// A row: a name and one scenario per column.
struct Row {
    name: String,
    cells: Vec<Scenario>,
}

/// A table: columns by policy or variant, rows by scenario.
struct Section {
    title: &'static str,
    about: &'static str,
    columns: Vec<&'static str>,
    cell: Cell,
    rows: Vec<Row>,
}

/// A measured section.
pub struct Measurements {
    sections: Vec<(Section, Vec<Vec<Measured>>)>,
}

/// The extent of the experiments.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Clients of all scenarios except those about the fleet's size.
    pub clients: u32,
    /// The fleet sizes of the section about the fleet's size.
    pub fleets: &'static [u32],
    /// Seeds per scenario.
    pub seeds: u64,
    /// Threads.
    pub jobs: usize,
}

fn s(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn ours() -> Policy {
    Policy::Ours(Config::default())
}

fn rivals() -> [Policy; 3] {
    [Policy::C33, Policy::C35, Policy::Java]
}

/// A scenario in which RST saves nothing: servers read every connect request at once and queue it.
fn eager(scenario: &Scenario) -> Scenario {
    Scenario { read_ahead: usize::MAX, ..scenario.clone() }
}

fn without_memory() -> Policy {
    Policy::Ours(Config { memory: false, ..Config::default() })
}

/// The loads L, in seconds, at which the recovery is measured.
const LOADS: [f64; 5] = [1.0, 5.0, 10.0, 16.7, 25.0];

fn recovery(clients: u32) -> Section {
    let mut incidents = vec![];
    for load in LOADS {
        incidents.push((format!("election 10 s, L = {load} s"), Scenario::new(Incident::Election(s(10.0)), s(load))));
    }
    for load in [1.0, 5.0] {
        incidents.push((format!("freeze 5 s, L = {load} s"), Scenario::new(Incident::Freeze(s(5.0)), s(load))));
    }
    for load in LOADS {
        incidents.push((format!("freeze 20 s, L = {load} s"), Scenario::new(Incident::Freeze(s(20.0)), s(load))));
    }
    for (time, load) in [(2.0, 5.0), (120.0, 5.0), (120.0, 16.7)] {
        let name = format!("all down {time} s, L = {load} s");
        incidents.push((name, Scenario::new(Incident::Outage(s(time)), s(load))));
    }
    let row = |(name, scenario): (String, Scenario)| {
        let scenario = Scenario { clients, ..scenario };
        let mut cells: Vec<_> = rivals().map(|policy| scenario.with(policy)).into();
        cells.extend([scenario.clone(), eager(&scenario), scenario.with(without_memory())]);
        Row { name, cells }
    };
    Section {
        title: "Recovery",
        about: "Seconds from the incident's end to 99 % connected to stay (sessions lost per client). \"Never\": not \
                within 600 s; then the share that was connected on average. Sessions that an incident outlasts are lost \
                under any policy (freeze 20 s: 100 %), and so are at least 1 - T/L of them where L > T.",
        columns: vec!["C 3.3", "C 3.5+", "Java", "ours", "ours, RST spares nothing", "ours without memory"],
        cell: Cell::Recovery,
        rows: incidents.into_iter().map(row).collect(),
    }
}

fn attempts(clients: u32) -> Section {
    let incidents = [
        ("election 10 s (accept, then close)", Incident::Election(s(10.0)), 3),
        ("freeze 20 s (no answer)", Incident::Freeze(s(20.0)), 3),
        ("all down 120 s (refused)", Incident::Outage(s(120.0)), 3),
        ("all down 2 s, 2 servers", Incident::Outage(s(2.0)), 2),
        ("all down 120 s, 1 server", Incident::Outage(s(120.0)), 1),
    ];
    let row = |(name, incident, servers): (&str, Incident, u8)| {
        let scenario = Scenario { clients, servers, ..Scenario::new(incident, s(5.0)) };
        let mut cells: Vec<_> = rivals().map(|policy| scenario.with(policy)).into();
        cells.push(scenario);
        Row { name: name.to_owned(), cells }
    };
    Section {
        title: "Attempts during an incident",
        about: "Connection attempts per second of the whole fleet, L = 5 s.",
        columns: vec!["C 3.3", "C 3.5+", "Java", "ours"],
        cell: Cell::Attempts,
        rows: incidents.into_iter().map(row).collect(),
    }
}

/// A scenario with unlimited capacity and backlog, so that clients do not affect each other.
fn alone(incident: Incident, clients: u32) -> Scenario {
    Scenario { clients, backlog: usize::MAX, descriptors: 1e9, ..Scenario::new(incident, s(0.001)) }
}

fn failover(clients: u32) -> Section {
    let slow_accept = Scenario { accept_time: Some(Duration::from_millis(1)), ..Scenario::new(Incident::Kill, s(5.0)) };
    let scenarios = [
        ("a client alone, its server is killed", alone(Incident::Kill, clients)),
        ("a client alone, all servers down for 2 s", alone(Incident::Outage(s(2.0)), clients)),
        ("fleet, one of three servers killed, L = 1 s", Scenario::new(Incident::Kill, s(1.0))),
        ("fleet, one of three servers killed, L = 5 s", Scenario::new(Incident::Kill, s(5.0))),
        ("the same, 1 ms for an accept", slow_accept.clone()),
        ("the same, 1 ms for an accept, accept queue of 1024", Scenario { backlog: 1024, ..slow_accept }),
        ("fleet, one of three hosts vanishes, L = 5 s", Scenario::new(Incident::Vanish, s(5.0))),
    ];
    let row = |(name, scenario): (&str, Scenario)| {
        let scenario = Scenario { clients, ..scenario };
        let mut cells: Vec<_> = rivals().map(|policy| scenario.with(policy)).into();
        cells.push(scenario);
        Row { name: name.to_owned(), cells }
    };
    Section {
        title: "Failover",
        about: "Seconds from the loss of the connection to the next session, median / 99th percentile of the clients \
                concerned.",
        columns: vec!["C 3.3", "C 3.5+", "Java", "ours"],
        cell: Cell::Downtime,
        rows: scenarios.into_iter().map(row).collect(),
    }
}

fn black_hole(clients: u32) -> Section {
    let scenario = alone(Incident::Start, clients);
    let mut cells: Vec<_> = rivals().map(|policy| scenario.with(policy)).into();
    cells.push(scenario);
    Section {
        title: "Start with the first host of the list black-holed",
        about: "Seconds from `zookeeper_init` to the session, median of the clients whose first server it is.",
        columns: vec!["C 3.3", "C 3.5+", "Java", "ours"],
        cell: Cell::WorstThird,
        rows: vec![Row { name: "three servers, one host vanished".to_owned(), cells }],
    }
}

fn variations(clients: u32) -> Section {
    let base = Scenario { clients, ..Scenario::new(Incident::Election(s(10.0)), s(16.7)) };
    let timed = |timeout: f64| Scenario { timeout: s(timeout), load: s(1.67 * timeout), ..base.clone() };
    let variants = [
        ("as above", base.clone()),
        ("T = 4 s, L = 6.7 s, incidents 0.4 times as long", timed(4.0)),
        ("T = 30 s, L = 50 s, incidents 3 times as long", timed(30.0)),
        ("1 server", Scenario { servers: 1, ..base.clone() }),
        ("2 servers", Scenario { servers: 2, ..base.clone() }),
        ("5 servers", Scenario { servers: 5, ..base.clone() }),
        ("3 servers with 2 addresses each", Scenario { addresses_each: 2, ..base.clone() }),
        ("one pipeline, the leader's", Scenario { leader_bound: true, ..base.clone() }),
        ("pings overtake connect requests", Scenario { pings_first: true, ..base.clone() }),
        ("silent applications: no request after a reconnect", Scenario { greeting: false, ..base.clone() }),
        (
            "new session costs 1.5, an expiry 0.5 of a renewal",
            Scenario { creation_cost: 1.5, expiry_cost: 0.5, ..base.clone() },
        ),
        (
            "servers throttle connects to 80 % of their capacity",
            Scenario { throttle: Some(0.8 * f64::from(clients) / 16.7 / 3.0), ..base.clone() },
        ),
        ("ample descriptors", Scenario { descriptors: 1e9, ..base.clone() }),
    ];
    let row = |(name, election): (&str, Scenario)| {
        let scale = election.timeout.as_secs_f64() / 10.0;
        let election = Scenario { incident: Incident::Election(s(10.0 * scale)), ..election };
        let freeze = Scenario { incident: Incident::Freeze(s(20.0 * scale)), ..election.clone() };
        let cells = [election, freeze]
            .iter()
            .flat_map(|scenario| [scenario.with(Policy::C35), scenario.clone(), eager(scenario)])
            .collect();
        Row { name: name.to_owned(), cells }
    };
    Section {
        title: "Variations",
        about: "Recovery as above, election of 10 s and freeze of 20 s, L = 16.7 s, one thing changed at a time.",
        columns: vec![
            "election: C 3.5+",
            "ours",
            "ours, RST spares nothing",
            "freeze: C 3.5+",
            "ours",
            "ours, RST spares nothing",
        ],
        cell: Cell::Recovery,
        rows: variants.into_iter().map(row).collect(),
    }
}

fn roll_out(clients: u32) -> Section {
    let mut rows = vec![];
    for (incident, name) in [(Incident::Election(s(10.0)), "election 10 s"), (Incident::Freeze(s(20.0)), "freeze 20 s")]
    {
        for load in [5.0, 10.0, 16.7, 25.0] {
            let scenario = Scenario { clients, ..Scenario::new(incident, s(load)) };
            let mix = |policies: Vec<Policy>| Scenario { policies, ..scenario.clone() };
            let of_eight = |count: usize| mix((0..8).map(|n| if n < count { ours() } else { Policy::C35 }).collect());
            let cells = [0, 2, 4, 6, 8].map(of_eight).into();
            rows.push(Row { name: format!("{name}, L = {load} s"), cells });
        }
    }
    Section {
        title: "Roll-out: a part of the fleet on C 3.5+",
        about: "Share of the clients connected, averaged over the 600 s after the incident: ours / C 3.5+. A share x \
                of the fleet on C 3.5+ can occupy x L / (2T/3) of the servers with requests that it has given up: near 1 \
                and above, nobody's policy brings the fleet back.",
        columns: vec!["none ours", "a quarter", "half", "three quarters", "all ours"],
        cell: Cell::Presence,
        rows,
    }
}

/// The fleets of the section on size that any machine can simulate.
const SMALL_FLEETS: [u32; 4] = [1, 20, 200, 2000];

fn sizes(fleets: &[u32]) -> Section {
    let incidents = [Incident::Outage(s(8.0)), Incident::Election(s(8.0)), Incident::Freeze(s(30.0))];
    let row = |clients: &u32| {
        // Servers that can serve 1,000 clients a second, and more for larger fleets.
        let load = s((f64::from(*clients) / 1000.0).min(5.0));
        let of = |incident| Scenario { clients: *clients, horizon: s(300.0), ..Scenario::new(incident, load) };
        let cells = incidents.iter().flat_map(|incident| [of(*incident).with(Policy::C35), of(*incident)]).collect();
        Row { name: format!("{clients} clients"), cells }
    };
    Section {
        title: "Fleets of all sizes",
        about: "Recovery as above, on servers that take 1,000 clients a second back, or the whole fleet in 5 s if it is \
                larger; \"never\" is not within 300 s here.",
        columns: vec!["all down 8 s: C 3.5+", "ours", "election 8 s: C 3.5+", "ours", "freeze 30 s: C 3.5+", "ours"],
        cell: Cell::Recovery,
        rows: SMALL_FLEETS.iter().chain(fleets).map(row).collect(),
    }
}

fn scale(fleets: &[u32]) -> Section {
    let mut rows = vec![];
    for (incident, name) in [(Incident::Election(s(10.0)), "election 10 s"), (Incident::Freeze(s(20.0)), "freeze 20 s")]
    {
        for clients in fleets {
            let scenario = Scenario { clients: *clients, horizon: s(300.0), ..Scenario::new(incident, s(16.7)) };
            let name = format!("{name}, {clients} clients");
            rows.push(Row { name, cells: vec![scenario.with(Policy::C35), scenario.clone(), eager(&scenario)] });
        }
    }
    Section {
        title: "Scale",
        about: "Recovery as above, L = 16.7 s; \"never\" is not within 300 s here.",
        columns: vec!["C 3.5+", "ours", "ours, RST spares nothing"],
        cell: Cell::Recovery,
        rows,
    }
}

/// Runs everything.
pub fn gather(extent: Extent, progress: &(impl Fn(usize, usize) + Sync)) -> Measurements {
    let clients = extent.clients;
    let sections = [
        recovery(clients),
        attempts(clients),
        failover(clients),
        black_hole(clients),
        variations(clients),
        roll_out(clients),
        sizes(extent.fleets),
        scale(extent.fleets),
    ];
    let scenarios: Vec<Scenario> =
        sections.iter().flat_map(|section| section.rows.iter().flat_map(|row| row.cells.iter().cloned())).collect();
    let mut measured = measure_all(&scenarios, extent.seeds, extent.jobs, progress).into_iter();
    let sections = sections
        .into_iter()
        .map(|section| {
            let rows = section.rows.iter().map(|row| measured.by_ref().take(row.cells.len()).collect()).collect();
            (section, rows)
        })
        .collect();
    Measurements { sections }
}

impl Measurements {
    /// The cell of this section, row (given by the start of its name) and column.
    pub(super) fn cell(&self, title: &str, row: &str, column: usize) -> Option<&Measured> {
        let (section, rows) = self.sections.iter().find(|(section, _)| section.title.starts_with(title))?;
        let row = section.rows.iter().position(|other| other.name.starts_with(row))?;
        rows.get(row)?.get(column)
    }

    /// All cells of a section's column.
    pub(super) fn column(&self, title: &str, column: usize) -> Vec<(&str, &Measured)> {
        let Some((section, rows)) = self.sections.iter().find(|(section, _)| section.title.starts_with(title)) else {
            return Vec::new();
        };
        let names = section.rows.iter().map(|row| row.name.as_str());
        names.zip(rows).filter_map(|(name, cells)| Some((name, cells.get(column)?))).collect()
    }

    /// The targets that these measurements can judge.
    pub fn verdicts(&self) -> Vec<Verdict> {
        targets::judge(self)
    }

    /// The tables in Markdown, targets last.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for (section, rows) in &self.sections {
            let _ = writeln!(text, "#### {}\n\n{}\n", section.title, section.about);
            let _ =
                writeln!(text, "| | {} |\n|---{}|", section.columns.join(" | "), "|---".repeat(section.columns.len()));
            for (row, cells) in section.rows.iter().zip(rows) {
                let cells: Vec<_> = cells.iter().map(|cell| show(section.cell, cell)).collect();
                let _ = writeln!(text, "| {} | {} |", row.name, cells.join(" | "));
            }
            text.push('\n');
        }
        let _ = writeln!(text, "#### Targets\n\n| target | measured | holds |\n|---|---|---|");
        for verdict in self.verdicts() {
            let holds = if verdict.holds { "yes" } else { "**no**" };
            let _ = writeln!(text, "| {} | {} | {holds} |", verdict.target, verdict.measured);
        }
        text
    }
}

fn show(cell: Cell, measured: &Measured) -> String {
    match cell {
        Cell::Recovery => measured.recovery(),
        Cell::Attempts => format!("{:.0}", measured.attempts_per_second()),
        Cell::Downtime => format!("{} / {}", seconds(measured.downtime(0.5)), seconds(measured.downtime(0.99))),
        Cell::WorstThird => seconds(measured.downtime(5.0 / 6.0)),
        Cell::Presence => presence(measured),
    }
}

/// The groups are in order, ours first; if there is only one policy, there is one figure.
fn presence(measured: &Measured) -> String {
    let groups = measured.outcomes.first().map_or(0, |outcome| outcome.groups.len());
    let percent = |group: usize| format!("{:.0} %", measured.connected(group) * 100.0);
    if groups <= 1 { percent(0) } else { format!("{} / {}", percent(0), percent(groups - 1)) }
}
