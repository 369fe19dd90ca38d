//! `calmkeeper plan`: the effect of an outage on a fleet. The simulator (`zk_sim::herd`) drives the library's own
//! reconnect policy and a model of stock's; this file owns the options and the form of the result.
use crate::{Failure, measure, plot, print};
use std::fmt::Write;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zk_core::backoff::Config;
use zk_sim::herd::{Incident, Measured, Policy, Scenario, measure_all, run as simulate, seconds};

/// Largest fleet: a larger one takes minutes and much memory, with the same answer.
const CLIENTS_MAX: u32 = 500_000;
/// Most of clients x (outage + time to take them all back) / session timeout: an hour or more on one core.
const WORK_MAX: f64 = 5e6;
/// The shares of the fleet are multiples of one part in this number.
const PARTS: u32 = 20;
/// A setting is recommended if it reduces the recovery time or the lost sessions to this factor.
const HELPS: f64 = 0.85;

/// What was asked.
#[derive(Clone, Debug, PartialEq)]
struct Question {
    clients: u32,
    timeout: Duration,
    capacity: f64,
    servers: u8,
    share: f64,
    outage: Duration,
    seeds: u64,
    svg: Option<PathBuf>,
}

/// Runs the command with the arguments after its name.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    match parse(arguments)? {
        Asked::Help => print(crate::USAGE),
        Asked::Measure(host) => print(&measure::run(&host)?),
        Asked::Plan(question) => answer(&question),
    }
}

enum Asked {
    Help,
    Measure(String),
    Plan(Question),
}

/// A number within limits.
fn number(option: &str, text: &str, least: f64, most: f64) -> Result<f64, Failure> {
    let value = text.parse().ok().filter(|value| (least..=most).contains(value));
    value.ok_or_else(|| Failure::usage(format!("--{option} {text}: not a number from {least} to {most}")))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the limits just checked")]
fn parse(mut arguments: lexopt::Parser) -> Result<Asked, Failure> {
    let (mut clients, mut timeout, mut capacity, mut host) = (None, None, None, None);
    let (mut servers, mut share, mut outage, mut seeds, mut svg) = (3.0, 0.5, 30.0, 3.0, None);
    while let Some(argument) = arguments.next()? {
        let lexopt::Arg::Long(name) = argument else {
            if argument == lexopt::Arg::Short('h') {
                return Ok(Asked::Help);
            }
            return Err(argument.unexpected().into());
        };
        let name = name.to_owned();
        if name == "help" {
            return Ok(Asked::Help);
        }
        if !["clients", "timeout", "capacity", "servers", "share", "outage", "seeds", "svg", "measure"]
            .contains(&&*name)
        {
            return Err(Failure::usage(format!("there is no option --{name}")));
        }
        let text = arguments.value()?.to_string_lossy().into_owned();
        let value = |least, most| number(&name, &text, least, most);
        match name.as_str() {
            "clients" => clients = Some(value(1.0, f64::from(CLIENTS_MAX))? as u32),
            "timeout" => timeout = Some(value(0.1, 86_400.0)?),
            "capacity" => capacity = Some(value(0.01, 1e7)?),
            "servers" => servers = value(1.0, 255.0)?,
            "share" => share = value(0.0, 1.0)?,
            "outage" => outage = value(0.0, 86_400.0)?,
            "seeds" => seeds = value(1.0, 99.0)?,
            "svg" => svg = Some(PathBuf::from(text)),
            _ => host = Some(text),
        }
    }
    if let Some(host) = host {
        return Ok(Asked::Measure(host));
    }
    let missing = |what: &str| Failure::usage(format!("plan needs {what}"));
    let question = Question {
        clients: clients.ok_or_else(|| missing("--clients N"))?,
        timeout: Duration::from_secs_f64(timeout.ok_or_else(|| missing("--timeout SECONDS, the session timeout"))?),
        capacity: capacity
            .ok_or_else(|| missing("--capacity R, the clients that the ensemble can take back in a second"))?,
        servers: servers as u8,
        share,
        outage: Duration::from_secs_f64(outage),
        seeds: seeds as u64,
        svg,
    };
    let clients = f64::from(question.clients);
    let work = clients * (outage + clients / question.capacity) / question.timeout.as_secs_f64();
    if work > WORK_MAX {
        return Err(Failure::usage(format!(
            "too much to simulate, by a factor of {:.0}: fewer --clients, a shorter --outage, a longer --timeout or a larger --capacity",
            (work / WORK_MAX).ceil()
        )));
    }
    Ok(Asked::Plan(question))
}

/// The fleets to compare: each a name, and the policies that are assigned to the clients in turn.
fn fleets(share: f64) -> Vec<(String, Vec<Policy>)> {
    let (stock, ours) = (Policy::C35, Policy::Ours(Config::default()));
    let mut fleets = vec![("stock".to_owned(), vec![stock.clone()]), ("ours".to_owned(), vec![ours.clone()])];
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 20")]
    let parts = (share * f64::from(PARTS)).round() as u32;
    if parts > 0 && parts < PARTS {
        // The two policies are mixed evenly, whatever the order in which clients are created.
        let mixed = (0..PARTS).map(|part| (part + 1) * parts / PARTS > part * parts / PARTS);
        let mixed = mixed.map(|is_ours| if is_ours { ours.clone() } else { stock.clone() }).collect();
        fleets.insert(1, (format!("{} % ours", parts * 100 / PARTS), mixed));
    }
    fleets
}

fn scenario(question: &Question, policies: Vec<Policy>) -> Scenario {
    let load = Duration::from_secs_f64(f64::from(question.clients) / question.capacity);
    // Long enough to see the slowest client come back, and to distinguish "never" from "late".
    let horizon = Duration::from_secs(600).max(question.timeout * 20).max(load * 10);
    Scenario {
        clients: question.clients,
        servers: question.servers,
        timeout: question.timeout,
        policies,
        horizon,
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
    let fleets = fleets(question.share);
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

/// Replaces a file by `text`, or only tries whether it could. If that fails, the file is as it was.
fn save(path: &Path, text: Option<&str>) -> Result<(), Failure> {
    let failed = |error| Failure::failed(format!("cannot write {}: {error}; --svg names another file", path.display()));
    if path.exists() && !path.is_file() {
        // A pipe or a device, or a folder, which is refused here.
        let opened = OpenOptions::new().write(true).open(path);
        return opened.and_then(|mut file| file.write_all(text.unwrap_or_default().as_bytes())).map_err(failed);
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let written = fs::write(&name, text.unwrap_or_default());
    let kept = if text.is_some() { written.and_then(|()| fs::rename(&name, path)) } else { written };
    if kept.is_err() || text.is_none() {
        // It may not be there.
        let _ = fs::remove_file(&name);
    }
    kept.map_err(failed)
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
            result.lost() * 100.0,
            result.attempts_per_second()
        );
    }
    text += "Times from the return of the servers; attempts of the whole fleet while they are down.\n";
    text
}

/// The settings that help according to the simulator.
fn advice(question: &Question, ours: Option<&Measured>, knobs: &[(String, String)], tuned: &[Measured]) -> String {
    let Some(ours) = ours else { return String::new() };
    let mut lines = Vec::new();
    let base = ours.worst_t99().unwrap_or(f64::INFINITY);
    for ((name, value), result) in knobs.iter().zip(tuned) {
        let time = result.worst_t99().unwrap_or(f64::INFINITY);
        let (lost, base_lost) = (result.most_lost(), ours.most_lost());
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

    fn asked(words: &[&str]) -> Result<Asked, Failure> {
        parse(lexopt::Parser::from_args(words))
    }

    fn complaint(words: &[&str]) -> String {
        match asked(words) {
            Err(Failure::Usage(what) | Failure::Failed(what)) => what,
            Ok(_) => panic!("{words:?} is taken"),
        }
    }

    #[test]
    fn a_question_needs_fleet_timeout_and_capacity() {
        let all = ["--clients", "100", "--timeout", "4", "--capacity", "50"];
        assert!(matches!(asked(&all), Ok(Asked::Plan(question)) if question.clients == 100 && question.servers == 3));
        assert!(complaint(&all[..4]).contains("--capacity R"));
        for (wrong, what) in [
            (["--clients", "0"], "not a number from 1"),
            (["--timeout", "soon"], "--timeout soon: not a number"),
            (["--share", "1.5"], "from 0 to 1"),
            (["--fleet", "7"], "no option --fleet"),
        ] {
            assert!(complaint(&wrong).contains(what), "{wrong:?}: {}", complaint(&wrong));
        }
    }

    #[test]
    fn a_question_that_would_take_days_is_refused() {
        let words = |capacity| ["--clients", "500000", "--timeout", "30", "--capacity", capacity];
        assert!(asked(&words("5000")).is_ok());
        assert!(complaint(&words("1")).contains("too much to simulate, by a factor of"), "{}", complaint(&words("1")));
    }

    #[test]
    fn a_share_is_dealt_out_evenly() {
        let ours = |share| fleets(share)[1].1.iter().filter(|policy| matches!(policy, Policy::Ours(_))).count();
        assert_eq!((fleets(0.3).len(), ours(0.3), ours(0.05)), (3, 6, 1));
        assert_eq!((fleets(0.0).len(), fleets(1.0).len()), (2, 2));
    }

    #[test]
    fn ours_is_back_without_losing_sessions_where_stock_is_not() {
        let words = ["--clients", "600", "--timeout", "4", "--capacity", "200", "--outage", "10", "--seeds", "1"];
        let Ok(Asked::Plan(question)) = asked(&words) else { panic!("a good question") };
        let measured: Vec<Measured> = fleets(0.0)
            .into_iter()
            .map(|(_, policies)| zk_sim::herd::measure(&scenario(&question, policies), 1))
            .collect();
        assert!(measured[1].back(2).is_some());
        assert!(measured[0].attempts_per_second() > measured[1].attempts_per_second());
    }
}
