//! `calmkeeper top`: arguments, and the rows as a table and as JSON. `screen` has the live view.
use crate::publications::{Reading, Row, Validity, folder, read};
use crate::{Failure, print, screen};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

/// The headings.
pub(crate) const COLUMNS: [&str; 11] =
    ["PID", "PROGRAM", "SERVERS", "STATE", "LOSS", "ATTEMPTS", "PAUSE", "LEVELS", "LATENCY", "PENDING", "QUEUED"];

/// Longest cell, in characters; a longer text is cut.
const CELL_LEN_MAX: usize = 120;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Live,
    Once,
    Json,
}

/// Runs the command with the arguments after its name.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let (mut form, mut given, mut interval) = (Form::Live, None, Duration::from_secs(2));
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Long("once") => form = Form::Once,
            lexopt::Arg::Long("json") => form = Form::Json,
            lexopt::Arg::Long("dir") => given = Some(PathBuf::from(arguments.value()?)),
            lexopt::Arg::Long("interval") => {
                let text = arguments.value()?.to_string_lossy().into_owned();
                let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
                let seconds =
                    seconds.ok_or_else(|| Failure::usage(format!("--interval {text}: not 0.1 to 3600 seconds")))?;
                interval = Duration::from_secs_f64(seconds);
            }
            lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => return print(crate::USAGE),
            other => return Err(other.unexpected().into()),
        }
    }
    let folder = folder(given);
    match form {
        Form::Live => screen::run(&folder, interval),
        Form::Once => print(&table(&read(&folder)?)),
        Form::Json => print(&format!("{:#}\n", as_json(&read(&folder)?))),
    }
}

/// A time span in two to five characters.
pub(crate) fn span(seconds: f64) -> String {
    match seconds {
        s if s < 0.000_95 => format!("{:.0}us", s * 1e6),
        s if s < 0.95 => format!("{:.0}ms", s * 1e3),
        s if s < 9.95 => format!("{s:.1}s"),
        s if s < 120.0 => format!("{s:.0}s"),
        s if s < 7200.0 => format!("{:.0}m", s / 60.0),
        s if s < 172_800.0 => format!("{:.0}h", s / 3600.0),
        s if s < 999.5 * 86_400.0 => format!("{:.0}d", s / 86_400.0),
        _ => ">999d".to_owned(),
    }
}

/// The states of the handles of a row.
pub(crate) fn state(row: &Row) -> String {
    match row.validity {
        Validity::Current => {}
        Validity::Stale if row.age < 0.0 => return "stale".to_owned(),
        Validity::Stale => return format!("stale {}", span(row.age)),
        Validity::Unknown => return "unknown".to_owned(),
    }
    match row.states.iter().collect::<Vec<_>>().as_slice() {
        [] => "closed".to_owned(),
        [(state, 1)] => (*state).clone(),
        [(state, count)] => format!("{state} x{count}"),
        several => several.iter().map(|(state, count)| format!("{state} {count}")).collect::<Vec<_>>().join(", "),
    }
}

/// The saturating sum of counts: any user may have written them.
pub(crate) fn total(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

/// The text, or its start and an ellipsis.
fn cut(text: String) -> String {
    match text.char_indices().nth(CELL_LEN_MAX) {
        None => text,
        Some(_) => text.chars().take(CELL_LEN_MAX - 1).chain(['…']).collect(),
    }
}

/// The cells of a row, each of [`CELL_LEN_MAX`] characters at most; `before` is the previous reading.
pub(crate) fn cells(row: &Row, before: Option<&Row>) -> [String; 11] {
    let or_dash = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), span);
    let failed = total(row.failed_attempts.values().copied());
    [
        row.pid.to_string(),
        row.program.clone(),
        row.servers.clone(),
        state(row),
        or_dash(row.last_loss),
        if failed == 0 { row.attempts.to_string() } else { format!("{} ({failed} failed)", row.attempts) },
        or_dash(row.pause_left),
        format!("{}/{}", row.availability_level, row.congestion_level),
        or_dash(row.latency(before)),
        row.pending.to_string(),
        row.callbacks_queued.to_string(),
    ]
    .map(cut)
}

/// A table whose columns are as wide as their cells, and a line for each file that was refused.
fn table(reading: &Reading) -> String {
    let mut lines = vec![COLUMNS.map(str::to_owned)];
    lines.extend(reading.rows.iter().map(|row| cells(row, None)));
    let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..COLUMNS.len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in &lines {
        let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    for refused in &reading.refused {
        let _ = writeln!(text, "not shown: {refused}");
    }
    text
}

fn as_json(reading: &Reading) -> Value {
    let counts =
        |map: &BTreeMap<String, u64>| map.iter().map(|(name, count)| (name.clone(), *count)).collect::<Value>();
    let row = |row: &Row| {
        json!({
            "pid": row.pid, "program": row.program, "version": row.version, "servers": row.servers,
            "age_seconds": row.age, "stale": row.validity == Validity::Stale,
            "verified": row.validity != Validity::Unknown,
            "handles": row.handles, "states": counts(&row.states),
            "last_loss_seconds": row.last_loss, "losses": row.losses, "expired": row.expired,
            "attempts": row.attempts, "failed_attempts": counts(&row.failed_attempts),
            "pause_left_seconds": row.pause_left,
            "availability_level": row.availability_level, "congestion_level": row.congestion_level,
            "session_timeout_seconds": row.session_timeout,
            "latency_seconds": row.latency(None), "replies": row.replies,
            "pending": row.pending, "callbacks_queued": row.callbacks_queued, "watches": row.watches,
        })
    };
    json!({ "processes": reading.rows.iter().map(row).collect::<Vec<_>>(), "refused": reading.refused })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let shown = [0.000_2, 0.015, 1.23, 42.0, 600.0, 7300.0, 200_000.0].map(span);
        assert_eq!(shown, ["200us", "15ms", "1.2s", "42s", "10m", "2h", "2d"]);
        assert_eq!([999.0 * 86_400.0, 1e15].map(span), ["999d", ">999d"]);
    }

    #[test]
    fn a_table_is_narrow_whatever_a_file_says() {
        let long = "ä".repeat(72_000);
        let huge = Row {
            program: long.clone(),
            servers: long.clone(),
            states: (0..200).map(|n| (format!("{n}{long}"), u64::MAX)).collect(),
            failed_attempts: BTreeMap::from([("a".to_owned(), u64::MAX), ("b".to_owned(), u64::MAX)]),
            last_loss: Some(1e300),
            pause_left: Some(1e300),
            latency_sum: 1e300,
            replies: 1,
            handles: u64::MAX,
            ..Row::default()
        };
        let text = table(&Reading { rows: vec![huge, Row::default()], refused: Vec::new() });
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest < (CELL_LEN_MAX + 2) * 4, "{widest}");
        assert!(text.contains('…'));
    }

    #[test]
    fn a_row_says_what_its_handles_do() {
        let mut row = Row { states: BTreeMap::from([("connected".to_owned(), 3)]), ..Row::default() };
        assert_eq!(state(&row), "connected x3");
        row.states.insert("pausing".to_owned(), 1);
        assert_eq!(state(&row), "connected 3, pausing 1");
        row.validity = Validity::Stale;
        row.age = 65.0;
        assert_eq!(state(&row), "stale 65s");
        row.age = -3600.0;
        assert_eq!(state(&row), "stale");
        row.validity = Validity::Unknown;
        assert_eq!(state(&row), "unknown");
    }
}
