//! `calmkeeper plan`: the effect of an outage on a fleet. The simulator (`zk_sim::herd`) drives the library's own
//! reconnect policy and a model of stock's; this file owns what is simulated and the form of the result.
use crate::question::{Asked, Question, is_ours, parse};
use crate::{Failure, file, measure, plot, print};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;
use zk_core::backoff::Config;
use zk_sim::herd::{Incident, Measured, Policy, Scenario, measure_all, run as simulate, seconds};

/// A setting is recommended if it reduces the recovery time or the lost sessions to this factor.
const HELPS: f64 = 0.85;

/// Runs the command with the arguments after its name.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    match parse(arguments)? {
        Asked::Help => print(crate::USAGE),
        Asked::Measure(host) => print(&measure::run(&host)?),
        Asked::Plan(question) => answer(&question),
    }
}

/// The fleets to compare: each a name, and the policies that are assigned to the clients in turn.
fn fleets(percent: u32) -> Vec<(String, Vec<Policy>)> {
    let (stock, ours) = (Policy::C35, Policy::Ours(Config::default()));
    let mut fleets = vec![("stock".to_owned(), vec![stock.clone()]), ("ours".to_owned(), vec![ours.clone()])];
    if (1..100).contains(&percent) {
        let mixed = (0..100).map(|client| if is_ours(client, percent) { ours.clone() } else { stock.clone() });
        fleets.insert(1, (format!("{percent} % ours"), mixed.collect()));
    }
    fleets
}

/// How long the runs go on after the return of the servers: long enough to see the slowest client come back, to distinguish
/// "never" from "late", and for every session timeout to end.
fn horizon(question: &Question) -> Duration {
    let load = Duration::from_secs_f64(f64::from(question.clients) / question.capacity);
    Duration::from_secs(600).max(question.timeout * 20).max(load * 10)
}

fn scenario(question: &Question, policies: Vec<Policy>) -> Scenario {
    let load = Duration::from_secs_f64(f64::from(question.clients) / question.capacity);
    Scenario {
        clients: question.clients,
        servers: question.servers,
        timeout: question.timeout,
        policies,
        horizon: horizon(question),
        ..Scenario::new(Incident::Outage(question.outage), load)
    }
}

/// Settings to try, in the form in which an operator writes them.
fn knobs(question: &Question) -> Vec<(String, String)> {
    let of_timeout = |factor: f64| format!("{:.0}", question.timeout.as_secs_f64() * 1e3 * factor);
    [
        ("ZOO_RECONNECT_CONGESTION_CAP_MS", of_timeout(2.0)),
        ("ZOO_RECONNECT_CONGESTION_CAP_MS", of_timeout(16.0)),
        ("ZOO_RECONNECT_CAP_MS", of_timeout(0.2)),
        ("ZOO_RECONNECT_CAP_MS", of_timeout(0.8)),
        ("ZOO_RECONNECT_FIRST_JITTER_MS", of_timeout(0.1)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

fn answer(question: &Question) -> Result<(), Failure> {
    // Before minutes of simulation.
    question.svg.as_deref().map_or(Ok(()), |path| save(path, None))?;
    let fleets = fleets(question.percent);
    let knobs = knobs(question);
    let tuned = knobs.iter().map(|(name, value)| {
        let lookup = |asked: &str| (asked == name).then(|| value.clone());
        scenario(question, vec![Policy::Ours(Config::from_lookup(lookup).0)])
    });
    let mut scenarios: Vec<Scenario> =
        fleets.iter().map(|(_, policies)| scenario(question, policies.clone())).collect();
    scenarios.extend(tuned);
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut results = measure_all(&scenarios, question.seeds, jobs, &|_, _| {});
    let tuned = results.split_off(fleets.len());
    let mut text = head(question);
    text += &table(&fleets, &results);
    text += &remarks(question, &fleets, &results);
    text.push('\n');
    let curves = curves(question, &fleets);
    text += &plot::text(&curves, question.clients);
    text.push('\n');
    text += &advice(question, results.last(), &knobs, &tuned);
    if let Some(path) = &question.svg {
        save(path, Some(&plot::svg(&curves, question.clients, question.outage.as_secs_f64())))?;
    }
    print(&text)
}

fn save(path: &Path, text: Option<&str>) -> Result<(), Failure> {
    let failed = |error| Failure::failed(format!("cannot write {}: {error}; --svg names another file", path.display()));
    file::replace(path, text).map_err(failed)
}

fn head(question: &Question) -> String {
    format!(
        "{} clients with session timeouts of {} s on {} servers, all of which are down for {} s.\n\
         The ensemble takes back {} clients a second, so {} s are the least. Medians of {} simulated runs.\n\n",
        question.clients,
        question.timeout.as_secs_f64(),
        question.servers,
        question.outage.as_secs_f64(),
        question.capacity,
        seconds(f64::from(question.clients) / question.capacity),
        question.seeds
    )
}

fn time(time: Option<f64>) -> String {
    time.map_or_else(|| "never".to_owned(), |time| format!("{} s", seconds(time)))
}

fn table(fleets: &[(String, Vec<Policy>)], results: &[Measured]) -> String {
    let mut text = format!(
        "{:12} {:>10} {:>10} {:>10} {:>14} {:>16}\n",
        "fleet", "half back", "99 % back", "all back", "sessions lost", "attempts a second"
    );
    for ((name, _), result) in fleets.iter().zip(results) {
        let _ = writeln!(
            text,
            "{name:12} {:>10} {:>10} {:>10} {:>12.1} % {:>16.0}",
            time(result.back(0)),
            time(result.back(2)),
            time(result.back(3)),
            result.gone() * 100.0,
            result.attempts_per_second()
        );
    }
    text += "Times from the return of the servers; attempts of the whole fleet while they are down.\n";
    text
}

/// Notes below the table: which sessions count as lost, and how many more may be lost.
fn remarks(question: &Question, fleets: &[(String, Vec<Policy>)], results: &[Measured]) -> String {
    let mut text = format!(
        "Lost are the sessions that expired, and those without a client for {} s or more at the end, {} s after the return.\n",
        question.timeout.as_secs_f64(),
        horizon(question).as_secs()
    );
    if results.iter().any(|result| result.gone() > 1.0) {
        text += "More than 100 %: clients lost several sessions, one after the other.\n";
    }
    for ((name, _), result) in fleets.iter().zip(results) {
        let undecided = result.most_undecided() * 100.0;
        if undecided > 0.0 {
            let _ = writeln!(
                text,
                "Not certain with {name}: up to {undecided:.1} % more, whose clients were away for less than that."
            );
        }
    }
    text
}

/// The settings that help according to the simulator.
fn advice(question: &Question, ours: Option<&Measured>, knobs: &[(String, String)], tuned: &[Measured]) -> String {
    let Some(ours) = ours else { return String::new() };
    let mut lines = Vec::new();
    let base = ours.worst_t99().unwrap_or(f64::INFINITY);
    for ((name, value), result) in knobs.iter().zip(tuned) {
        let time = result.worst_t99().unwrap_or(f64::INFINITY);
        let (lost, base_lost) = (result.most_gone(), ours.most_gone());
        let spares = base_lost > 0.01 && lost < base_lost * HELPS;
        if (time < base * HELPS && lost <= base_lost + 0.01) || (spares && time <= base / HELPS) {
            lines.push(format!(
                "{name}={value}: 99 % back after {} s instead of {}, {:.1} % of the sessions lost instead of {:.1} %\n",
                seconds(time),
                seconds(base),
                lost * 100.0,
                base_lost * 100.0
            ));
        }
    }
    let load = f64::from(question.clients) / question.capacity;
    if load > question.timeout.as_secs_f64() * 0.8 {
        lines.push(format!(
            "A session timeout above {:.0} s, or servers that take back more clients a second: {} s of work for the ensemble do \
             not fit into the timeout, which costs sessions whatever the clients do.\n",
            load * 1.5,
            seconds(load)
        ));
    }
    if lines.is_empty() {
        return "No setting that was tried is better than the defaults here.\n".to_owned();
    }
    format!("What would help:\n{}", lines.concat())
}

/// The connected clients over time, from one run per fleet.
fn curves(question: &Question, fleets: &[(String, Vec<Policy>)]) -> Vec<plot::Curve> {
    let curve = |(name, policies): &(String, Vec<Policy>)| {
        let scenario = Scenario { timeline: true, ..scenario(question, policies.clone()) };
        let moments = simulate(&scenario, 0).timeline;
        plot::Curve {
            name: name.clone(),
            points: moments.iter().map(|moment| (moment.time, moment.connected)).collect(),
        }
    };
    fleets.iter().map(curve).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::tests::asked;

    #[test]
    fn a_share_is_dealt_out_evenly() {
        let ours = |percent| fleets(percent)[1].1.iter().filter(|policy| matches!(policy, Policy::Ours(_))).count();
        assert_eq!((fleets(30).len(), ours(30), ours(1)), (3, 30, 1));
        assert_eq!((fleets(0).len(), fleets(100).len()), (2, 2));
    }

    /// Stock, and ours.
    fn both(words: &[&str]) -> Vec<Measured> {
        let Ok(Asked::Plan(question)) = asked(words) else { panic!("a good question") };
        let fleets = fleets(0).into_iter();
        fleets.map(|(_, policies)| zk_sim::herd::measure(&scenario(&question, policies), 1)).collect()
    }

    #[test]
    fn a_client_that_is_not_back_has_lost_its_session() {
        // Stock's clients never come back here.
        let measured = both(&["--clients", "2000", "--timeout", "4", "--capacity", "200", "--seeds", "1"]);
        assert_eq!(measured[0].back(0), None);
        assert!(measured[0].gone() + measured[0].most_undecided() > 0.5, "{}", measured[0].gone());
        assert!(measured[1].back(3).is_some());
        assert_eq!(measured[1].gone().to_bits(), measured[1].lost().to_bits());
    }

    #[test]
    fn ours_is_back_without_losing_sessions_where_stock_is_not() {
        let measured =
            both(&["--clients", "600", "--timeout", "4", "--capacity", "200", "--outage", "10", "--seeds", "1"]);
        assert!(measured[1].back(2).is_some());
        assert!(measured[0].attempts_per_second() > measured[1].attempts_per_second());
    }
}
