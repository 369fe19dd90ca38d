//! The targets of the policy, judged by measurements. A target that fails is reported, not adjusted.
use super::evidence::Measurements;
use super::measured::{Measured, seconds};

/// A judged target.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What was asked.
    pub target: &'static str,
    /// What was found.
    pub measured: String,
    /// Whether the target is met.
    pub holds: bool,
}

/// Columns of the sections in `evidence`.
const C35: usize = 1;
const OURS: usize = 3;
const OURS_EAGER: usize = 4;

fn bound(target: &'static str, value: f64, most: f64, unit: &str) -> Verdict {
    Verdict { target, measured: format!("{} of at most {}{unit}", seconds(value), seconds(most)), holds: value <= most }
}

fn time(cell: Option<&Measured>) -> f64 {
    cell.and_then(|cell| cell.back(2)).unwrap_or(f64::INFINITY)
}

fn ratio(of: Option<f64>, to: Option<f64>) -> f64 {
    match (of, to) {
        (Some(of), Some(to)) => of / to,
        _ => f64::NAN,
    }
}

pub(super) fn judge(it: &Measurements) -> Vec<Verdict> {
    let mut verdicts = vec![always_recovers(it), ample(it, "election"), ample(it, "freeze 5 s")];
    let election = |load: &str, column| time(it.cell("Recovery", &format!("election 10 s, L = {load} s"), column));
    verdicts.push(bound("election, L = 16.7 s: 99 % within 2.5 L", election("16.7", OURS), 2.5 * 16.7, " s"));
    verdicts.push(bound(
        "the same where RST spares nothing: within 8 L",
        election("16.7", OURS_EAGER),
        8.0 * 16.7,
        " s",
    ));
    verdicts.push(bound("election, L = 25 s: within 10 L", election("25", OURS), 250.0, " s"));
    for (incident, target) in [
        ("election 10 s", "500,000 clients, election, L = 16.7 s: 99 % within 3 L"),
        ("freeze 20 s", "500,000 clients, freeze, L = 16.7 s: 99 % within 3 L"),
    ] {
        if let Some(cell) = it.cell("Scale", &format!("{incident}, 500000 "), 1) {
            verdicts.push(bound(target, time(Some(cell)), 3.0 * 16.7, " s"));
        }
    }
    verdicts.push(attempts(it));
    verdicts.extend(failover(it));
    verdicts.push(descriptors(it));
    verdicts.push(roll_out(it));
    verdicts
}

fn always_recovers(it: &Measurements) -> Verdict {
    let mut cells = it.column("Recovery", OURS);
    cells.extend(it.column("Recovery", OURS_EAGER));
    for column in [1, 2, 4, 5] {
        cells.extend(it.column("Variations", column));
    }
    let stuck: Vec<_> = cells.iter().filter(|(_, cell)| cell.worst_t99().is_none()).map(|(name, _)| *name).collect();
    let runs: usize = cells.iter().map(|(_, cell)| cell.outcomes.len()).sum();
    Verdict {
        target: "L up to 25 s, all variations: 99 % come back in every run",
        measured: if stuck.is_empty() {
            format!("{runs} of {runs} runs")
        } else {
            format!("not: {}", stuck.join("; "))
        },
        holds: stuck.is_empty() && runs > 0,
    }
}

/// The target for an ensemble that can accept the fleet in half a session timeout, with sessions that outlast the
/// incident.
fn ample(it: &Measurements, incident: &str) -> Verdict {
    let target = if incident == "election" {
        "election, L <= 5 s: 99 % within 0.8 T, no session lost"
    } else {
        "freeze shorter than T, L <= 5 s: 99 % within 0.8 T, no session lost"
    };
    let cells: Vec<_> = it
        .column("Recovery", OURS)
        .into_iter()
        .chain(it.column("Recovery", OURS_EAGER))
        .filter(|(name, _)| name.starts_with(incident) && (name.ends_with("L = 1 s") || name.ends_with("L = 5 s")))
        .collect();
    let slowest = cells.iter().map(|(_, cell)| cell.worst_t99().unwrap_or(f64::INFINITY)).fold(0.0, f64::max);
    let lost = cells.iter().map(|(_, cell)| cell.most_lost()).fold(0.0, f64::max);
    Verdict {
        target,
        measured: format!("at most {} s, {:.0} % lost", seconds(slowest), lost * 100.0),
        holds: !cells.is_empty() && slowest <= 8.0 && lost <= 0.0,
    }
}

fn attempts(it: &Measurements) -> Verdict {
    let rate = |column| it.cell("Attempts", "all down 120 s (refused)", column).map(Measured::attempts_per_second);
    bound("attempts while all three servers are down, of C 3.5+'s", ratio(rate(OURS), rate(C35)), 0.2, "")
}

fn failover(it: &Measurements) -> Vec<Verdict> {
    let alone = "a client alone, its server is killed";
    let downtime = |row: &str, column, quantile| it.cell("Failover", row, column).map(|cell| cell.downtime(quantile));
    let start = |column| it.cell("Start", "three servers", column).map(|cell| cell.downtime(5.0 / 6.0));
    let fleet = "fleet, one of three servers killed, L = 5 s";
    let lost = it.cell("Failover", fleet, OURS).map_or(f64::NAN, Measured::most_lost);
    vec![
        bound(
            "a client alone, its server killed: median above C 3.5+'s",
            {
                let difference = |ours: f64, stock: f64| ours - stock;
                downtime(alone, OURS, 0.5).zip(downtime(alone, C35, 0.5)).map_or(f64::NAN, |(a, b)| difference(a, b))
            },
            0.1,
            " s (T/100)",
        ),
        bound("first host black-holed at start, of C 3.5+'s time", ratio(start(OURS), start(C35)), 0.25, ""),
        bound(
            "fleet, one server killed: p99, of C 3.5+'s",
            ratio(downtime(fleet, OURS, 0.99), downtime(fleet, C35, 0.99)),
            1.1,
            "",
        ),
        bound("fleet, one server killed: sessions lost per client", lost, 0.0, ""),
    ]
}

fn descriptors(it: &Measurements) -> Verdict {
    let peak = it.cell("Recovery", "election 10 s, L = 16.7 s", OURS).map_or(f64::NAN, Measured::descriptors);
    bound("election, L = 16.7 s: most descriptors on a server, of its share of the clients", peak, 1.2, "")
}

fn roll_out(it: &Measurements) -> Verdict {
    let mut cells = it.column("Roll-out", 3);
    cells.retain(|(name, _)| !name.ends_with("L = 25 s")); // there a quarter on C 3.5+ can occupy 94 % of the servers
    let stuck: Vec<_> = cells.iter().filter(|(_, cell)| cell.worst_t99().is_none()).map(|(name, _)| *name).collect();
    Verdict {
        target: "a quarter of the fleet on C 3.5+, L up to 16.7 s: 99 % come back in every run",
        measured: if stuck.is_empty() { "all do".to_owned() } else { format!("not: {}", stuck.join("; ")) },
        holds: stuck.is_empty() && !cells.is_empty(),
    }
}
