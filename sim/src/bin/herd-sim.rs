//! The herd in virtual time: one run with its figures, or the whole evidence of docs/BACKOFF.md.
use std::collections::HashMap;
use std::io::{IsTerminal, Write as _};
use std::process::ExitCode;
use std::time::Duration;
use zk_core::backoff::Config;
use zk_sim::herd::{
    Extent, Ids, Incident, Measured, Policy, Scenario, acceptance_markdown, gather, measure_all, run_trials, seconds,
    trials,
};

const USAGE: &str = "\
usage: herd-sim table [OPTION=VALUE]...    all scenarios, as Markdown; exits 1 if a target is missed
         clients=5000    clients per scenario         fleets=all|5000    sizes in the section on scale
         seeds=3         runs per scenario            jobs=N             threads (default: half of the cores)
         write=FILE      put the tables between the herd-sim markers of FILE instead of printing them
       herd-sim acceptance [OPTION=VALUE]...   the scenarios that a change of the policy must pass, with verdicts; exits 1
                                           if one is missed
         only=1,2,8      these items                  write=FILE         put the table between the acceptance markers
         jobs=N          threads
       herd-sim run [OPTION=VALUE]...      one scenario, one line a policy
         incident=election:10 | freeze:20 | outage:120 | halfdead:8 | freezeone:20 | freezepart:20 | kill | vanish | start
         policies=ours,c35,c33,java  mix=0 (1: one fleet of all of them)  clients=5000  servers=3
         addresses=1 (each)  timeout=10  load=16.7  seeds=3  horizon=600  backlog=50  descriptors=4
         rst=1 (0: RST spares nothing)  leader=0  pings_first=0  greeting=1  throttle=N (per second and server)
         creation_cost=1  expiry_cost=0  ping_cost=0.01  accept_ms=N (for one connection)
         stalls=60:8 (each server stops every 60 s on average, for 8 s)
         ids=zookeeper|equal|random|counter (what session ids say)  lives=1 (of each server, before the run)
         epochs=1 (share of these lives that ended with a new epoch)  handles=1 (per process)
         tls_ms=0 (of the accept thread, for one connection)
         timeline=FILE (CSV of the first policy's first run)
       The ZOO_RECONNECT_* variables set our policy's knobs in `run`.
";

const TABLES: [&str; 2] = ["<!-- herd-sim:begin -->", "<!-- herd-sim:end -->"];
const ACCEPTANCE: [&str; 2] = ["<!-- acceptance:begin -->", "<!-- acceptance:end -->"];

type Failure = Box<dyn std::error::Error>;

/// `name=value` arguments; an argument that is not taken is an error.
struct Options(HashMap<String, String>);

impl Options {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Options, Failure> {
        let pair = |argument: String| match argument.split_once('=') {
            Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
            None => Err(format!("{argument}: expected OPTION=VALUE").into()),
        };
        arguments.map(pair).collect::<Result<_, Failure>>().map(Options)
    }

    fn take<T: std::str::FromStr>(&mut self, name: &str, default: T) -> Result<T, Failure> {
        match self.0.remove(name) {
            None => Ok(default),
            Some(value) => value.parse().map_err(|_| format!("{name}={value}: not a valid value").into()),
        }
    }

    fn flag(&mut self, name: &str, default: bool) -> Result<bool, Failure> {
        Ok(self.take(name, u8::from(default))? != 0)
    }

    fn finish(self) -> Result<(), Failure> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(format!("{name}: no such option").into()),
        }
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let result = match (arguments.next().as_deref(), Options::parse(arguments)) {
        (Some("table"), Ok(options)) => table(options),
        (Some("acceptance"), Ok(options)) => acceptance(options),
        (Some("run"), Ok(options)) => single(options).map(|()| true),
        (_, Err(error)) => Err(error),
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn progress(done: usize, total: usize) {
    if std::io::stderr().is_terminal() || done == total {
        eprint!("\r{done} of {total} runs{}", if done == total { "\n" } else { "" });
    }
}

fn jobs() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() / 2).max(1)
}

fn table(mut options: Options) -> Result<bool, Failure> {
    let fleets: &[u32] = match options.take("fleets", "all".to_owned())?.as_str() {
        "all" => &[5000, 50_000, 500_000],
        _ => &[5000],
    };
    let extent = Extent {
        clients: options.take("clients", 5000)?,
        fleets,
        seeds: options.take("seeds", 3)?,
        jobs: options.take("jobs", jobs())?,
    };
    let file: String = options.take("write", String::new())?;
    options.finish()?;
    let measurements = gather(extent, &progress);
    let text = format!(
        "{} clients, T = 10 s, 3 servers unless said otherwise; medians of {} runs.\n\n{}",
        extent.clients,
        extent.seeds,
        measurements.markdown()
    );
    if file.is_empty() {
        print!("{text}");
    } else {
        splice(&file, TABLES, &text)?;
    }
    let mut all = true;
    for verdict in measurements.verdicts() {
        all &= verdict.holds;
        eprintln!("{:4} {}: {}", if verdict.holds { "ok" } else { "MISS" }, verdict.target, verdict.measured);
    }
    Ok(all)
}

/// Replaces the text between two markers of a file.
fn splice(file: &str, [begin, end]: [&str; 2], text: &str) -> Result<(), Failure> {
    let old = std::fs::read_to_string(file)?;
    let (before, rest) = old.split_once(begin).ok_or_else(|| format!("{file}: no {begin}"))?;
    let (_, after) = rest.split_once(end).ok_or_else(|| format!("{file}: no {end}"))?;
    Ok(std::fs::write(file, format!("{before}{begin}\n{text}{end}{after}"))?)
}

fn acceptance(mut options: Options) -> Result<bool, Failure> {
    let only: String = options.take("only", String::new())?;
    let jobs = options.take("jobs", jobs())?;
    let file: String = options.take("write", String::new())?;
    options.finish()?;
    let items = only.split(',').filter(|item| !item.is_empty()).map(str::parse).collect::<Result<Vec<u32>, _>>()?;
    let wanted: Vec<_> = trials().into_iter().filter(|it| items.is_empty() || items.contains(&it.item)).collect();
    let tried = run_trials(&wanted, jobs, |it| {
        println!("{:6} {:2} {}: {}", if it.holds { "ok" } else { "MISSED" }, it.item, it.name, it.measured);
    });
    if !file.is_empty() {
        splice(&file, ACCEPTANCE, &acceptance_markdown(&tried))?;
    }
    Ok(tried.iter().all(|it| it.holds))
}

fn incident(text: &str) -> Result<Incident, Failure> {
    let (name, time) = text.split_once(':').unwrap_or((text, "10"));
    let time = Duration::try_from_secs_f64(time.parse()?)?;
    match name {
        "election" => Ok(Incident::Election(time)),
        "freeze" => Ok(Incident::Freeze(time)),
        "outage" => Ok(Incident::Outage(time)),
        "halfdead" => Ok(Incident::HalfDead(time)),
        "freezeone" => Ok(Incident::FreezeOne(time)),
        "freezepart" => Ok(Incident::FreezePart(time)),
        "kill" => Ok(Incident::Kill),
        "vanish" => Ok(Incident::Vanish),
        "start" => Ok(Incident::Start),
        _ => Err(format!("incident={text}: not a valid value").into()),
    }
}

fn policy(name: &str) -> Result<Policy, Failure> {
    match name {
        "ours" => {
            let (config, warnings) = Config::from_lookup(|name| std::env::var(name).ok());
            match warnings.into_iter().next() {
                None => Ok(Policy::Ours(config)),
                Some(warning) => Err(warning.into()),
            }
        }
        "c35" => Ok(Policy::C35),
        "c33" => Ok(Policy::C33),
        "java" => Ok(Policy::Java),
        _ => Err(format!("policies={name}: not a valid value").into()),
    }
}

fn ids(text: &str) -> Result<Ids, Failure> {
    match text {
        "zookeeper" => Ok(Ids::ZooKeeper),
        "equal" => Ok(Ids::Equal),
        "random" => Ok(Ids::Random),
        "counter" => Ok(Ids::Counter),
        _ => Err(format!("ids={text}: not a valid value").into()),
    }
}

/// `60:8`: a stop every 60 s on average, for 8 s. An empty text: never.
fn stalls(text: &str) -> Result<Option<(Duration, Duration)>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    let (every, long) = text.split_once(':').ok_or_else(|| format!("stalls={text}: not a valid value"))?;
    Ok(Some((Duration::try_from_secs_f64(every.parse()?)?, Duration::try_from_secs_f64(long.parse()?)?)))
}

fn scenario(options: &mut Options) -> Result<Scenario, Failure> {
    let time = |seconds: f64| Duration::try_from_secs_f64(seconds);
    let incident = incident(&options.take("incident", "election:10".to_owned())?)?;
    let base = Scenario::new(incident, time(options.take("load", 16.7)?)?);
    let throttle: f64 = options.take("throttle", 0.0)?;
    let scenario = Scenario {
        clients: options.take("clients", base.clients)?,
        servers: options.take("servers", base.servers)?,
        addresses_each: options.take("addresses", base.addresses_each)?,
        timeout: time(options.take("timeout", 10.0)?)?,
        horizon: time(options.take("horizon", 600.0)?)?,
        backlog: options.take("backlog", base.backlog)?,
        descriptors: options.take("descriptors", base.descriptors)?,
        read_ahead: if options.flag("rst", true)? { 0 } else { usize::MAX },
        stalls: stalls(&options.take("stalls", String::new())?)?,
        accept_time: match options.take("accept_ms", 0.0)? {
            0.0 => None,
            ms => Some(time(ms / 1000.0)?),
        },
        ids: ids(&options.take("ids", "zookeeper".to_owned())?)?,
        lives: options.take("lives", base.lives)?,
        epochs: options.take("epochs", base.epochs)?,
        handles: options.take("handles", base.handles)?,
        tls_time: time(options.take("tls_ms", 0.0)? / 1000.0)?,
        leader_bound: options.flag("leader", base.leader_bound)?,
        pings_first: options.flag("pings_first", base.pings_first)?,
        greeting: options.flag("greeting", base.greeting)?,
        throttle: (throttle > 0.0).then_some(throttle),
        creation_cost: options.take("creation_cost", base.creation_cost)?,
        expiry_cost: options.take("expiry_cost", base.expiry_cost)?,
        ping_cost: options.take("ping_cost", base.ping_cost)?,
        ..base
    };
    let addresses = u32::from(scenario.servers) * u32::from(scenario.addresses_each);
    if scenario.clients == 0 || !(1..=255).contains(&addresses) || scenario.timeout < Duration::from_millis(100) {
        return Err("clients, servers, addresses and timeout must make sense".into());
    }
    Ok(scenario)
}

fn single(mut options: Options) -> Result<(), Failure> {
    let mut base = scenario(&mut options)?;
    let names: String = options.take("policies", "ours,c35,c33,java".to_owned())?;
    let policies = names.split(',').map(policy).collect::<Result<Vec<_>, _>>()?;
    let mixed = options.flag("mix", false)?;
    let (seeds, jobs) = (options.take("seeds", 3)?, options.take("jobs", jobs())?);
    let timeline: String = options.take("timeline", String::new())?;
    options.finish()?;
    base.timeline = !timeline.is_empty();
    let fleets = if mixed { vec![policies] } else { policies.into_iter().map(|policy| vec![policy]).collect() };
    let scenarios: Vec<_> = fleets.into_iter().map(|policies| Scenario { policies, ..base.clone() }).collect();
    let measured = measure_all(&scenarios, seeds, jobs, &progress);
    for (scenario, measured) in scenarios.iter().zip(&measured) {
        let names: Vec<_> = scenario.policies.iter().map(Policy::name).collect();
        println!("{}: {}", names.join(" + "), line(measured));
    }
    if let (false, Some(outcome)) = (timeline.is_empty(), measured.first().and_then(|first| first.outcomes.first())) {
        let mut file = std::io::BufWriter::new(std::fs::File::create(timeline)?);
        writeln!(file, "seconds,connected,attempts")?;
        for moment in &outcome.timeline {
            writeln!(file, "{:.1},{},{}", moment.time, moment.connected, moment.attempts)?;
        }
    }
    Ok(())
}

fn line(measured: &Measured) -> String {
    let back: Vec<_> = (0..4).map(|share| measured.back(share).map_or("never".to_owned(), seconds)).collect();
    let groups = measured.outcomes.first().map_or(0, |outcome| outcome.groups.len());
    let connected: Vec<_> = (0..groups).map(|group| format!("{:.1} %", measured.connected(group) * 100.0)).collect();
    format!(
        "50/90/99/100 % back after {} s, {:.3} sessions lost per client, {:.0} attempts/s during, \
         downtime p50 {} p99 {} s, connected {}, descriptors {:.2}",
        back.join("/"),
        measured.lost(),
        measured.attempts_per_second(),
        seconds(measured.downtime(0.5)),
        seconds(measured.downtime(0.99)),
        connected.join(" / "),
        measured.descriptors()
    )
}
