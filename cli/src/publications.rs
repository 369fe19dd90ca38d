//! The files that the processes of this host publish. Owns the choice of the folder, the check which files to believe,
//! and the evaluation of their figures.
//!
//! The folder may be writable for every user. A file is read only if it is a plain file of moderate size (links are not
//! followed, pipes do not block), and believed only if it belongs to the user of the process that it describes, or to
//! root.
use crate::Failure;
use crate::figures::{Figure, parse, printable};
use crate::process::Process;
use crate::settings;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where `top` looks when nothing names a folder: the one that the example of the host's settings names.
const DEFAULT_FOLDER: &str = "/run/calmkeeper";
/// Largest file read, in bytes.
const FILE_LEN_MAX: u64 = 4 << 20;
/// A file with more server lists is refused: the library writes at most 64 separately.
const LISTS_MAX: usize = 100;
/// Longest name of a program and of a version that is kept, in characters.
const NAME_LEN_MAX: usize = 256;
/// The file of a process with handles is stale when it is older than this many of its intervals, or as far in the future.
const STALE_INTERVALS: f64 = 3.0;

/// Whether the figures are those of a running process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Validity {
    #[default]
    Current,
    /// The process is gone, or has handles and does not write.
    Stale,
    /// The process runs, but whether it is the file's owner cannot be seen.
    Unknown,
}

/// The figures of one process for one server list.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    pub(crate) pid: u32,
    pub(crate) program: String,
    pub(crate) version: String,
    pub(crate) servers: String,
    /// Seconds since the file was written; negative if the clock was set back since.
    pub(crate) age: f64,
    pub(crate) validity: Validity,
    pub(crate) handles: u64,
    /// Number of handles by state, without the zeros.
    pub(crate) states: BTreeMap<String, u64>,
    /// Seconds since a connection was lost.
    pub(crate) last_loss: Option<f64>,
    pub(crate) attempts: u64,
    /// Number of failed attempts by kind, without the zeros.
    pub(crate) failed_attempts: BTreeMap<String, u64>,
    pub(crate) losses: u64,
    pub(crate) expired: u64,
    /// Seconds until the next attempt.
    pub(crate) pause_left: Option<f64>,
    pub(crate) availability_level: u64,
    pub(crate) congestion_level: u64,
    pub(crate) session_timeout: f64,
    /// Requests answered since the start, and their total time in seconds.
    pub(crate) replies: u64,
    pub(crate) latency_sum: f64,
    pub(crate) pending: u64,
    pub(crate) callbacks_queued: u64,
    pub(crate) watches: u64,
}

impl Row {
    /// The mean time of a request in seconds: since the earlier reading `before`, if any request was answered since.
    pub(crate) fn latency(&self, before: Option<&Row>) -> Option<f64> {
        let (replies, sum) = before
            .filter(|before| before.replies < self.replies)
            .map_or((0, 0.0), |before| (before.replies, before.latency_sum));
        #[allow(clippy::cast_precision_loss, reason = "a count far below 2^52")]
        (self.replies > replies).then(|| ((self.latency_sum - sum) / (self.replies - replies) as f64).max(0.0))
    }
}

/// Everything that is published at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) rows: Vec<Row>,
    /// Files that are not believed, with the reason.
    pub(crate) refused: Vec<String>,
}

/// The folder to read: `given`, else the setting `ZOO_STATS_DIR`, else the default.
pub(crate) fn folder(given: Option<PathBuf>) -> PathBuf {
    given.or_else(|| settings::value("ZOO_STATS_DIR").map(PathBuf::from)).unwrap_or_else(|| DEFAULT_FOLDER.into())
}

/// Reads the files in a folder, ordered by program and process.
pub(crate) fn read(folder: &Path) -> Result<Reading, Failure> {
    let names = fs::read_dir(folder).map_err(|error| {
        Failure::failed(format!(
            "cannot read {}: {error}; programs publish where ZOO_STATS_DIR{} says, --dir names another folder",
            folder.display(),
            settings::file().map_or_else(String::new, |file| format!(" in {}", printable(&file)))
        ))
    })?;
    let mut reading = Reading::default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    for path in names.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.extension().is_none_or(|extension| extension != "prom") {
            continue;
        }
        match file(&path).and_then(|(text, owner)| rows(&parse(&text), owner, now, Process::find)) {
            Ok(rows) => reading.rows.extend(rows),
            Err(why) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                reading.refused.push(format!("{}: {why}", printable(&name)));
            }
        }
    }
    reading.rows.sort_by(|a, b| (&a.program, a.pid, &a.servers).cmp(&(&b.program, b.pid, &b.servers)));
    reading.refused.sort();
    Ok(reading)
}

/// The text and the owner of a file.
fn file(path: &Path) -> Result<(String, u32), String> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| error.to_string())?;
    let facts = file.metadata().map_err(|error| error.to_string())?;
    if !facts.is_file() || facts.len() > FILE_LEN_MAX {
        return Err("not a file of moderate size".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(FILE_LEN_MAX).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), facts.uid()))
}

/// The rows of one file; none if it holds other metrics. `find` looks for its process.
fn rows(figures: &[Figure], owner: u32, now: f64, find: impl Fn(u32) -> Process) -> Result<Vec<Row>, String> {
    let Some(info) = figures.iter().find(|figure| figure.name == "info") else { return Ok(Vec::new()) };
    let pid: u32 = info.label("pid").parse().map_err(|_| "no process".to_owned())?;
    let single = |name: &str| figures.iter().find(|figure| figure.name == name).map_or(0.0, |figure| figure.value);
    let age = now - single("written_timestamp_seconds");
    // Without handles a process does not write: its file may be old.
    let has_handles = figures.iter().any(|figure| figure.name == "handles" && figure.value > 0.0);
    let is_silent = has_handles && age.abs() > STALE_INTERVALS * single("write_interval_seconds");
    let validity = match find(pid) {
        Process::Of(user) if owner != 0 && owner != user => {
            return Err(format!("it belongs to user {owner}, and process {pid} does not"));
        }
        // If the process has ended, its owner need not match.
        Process::Gone => Validity::Stale,
        Process::OfUnknown if owner != 0 => Validity::Unknown,
        Process::Of(_) | Process::OfUnknown if is_silent => Validity::Stale,
        Process::Of(_) | Process::OfUnknown => Validity::Current,
    };
    let name = |label: &str| info.label(label).chars().take(NAME_LEN_MAX).collect();
    let first = Row { pid, program: name("program"), version: name("version"), age, validity, ..Row::default() };
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    for figure in figures.iter().filter(|figure| figure.labels.contains_key("servers")) {
        let servers = figure.label("servers");
        if rows.len() >= LISTS_MAX && !rows.contains_key(servers) {
            return Err(format!("it has more than {LISTS_MAX} server lists"));
        }
        let row = rows.entry(servers).or_insert_with(|| Row { servers: servers.to_owned(), ..first.clone() });
        row.take(figure, now);
    }
    Ok(rows.into_values().collect())
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates; counts are whole and positive")]
impl Row {
    fn take(&mut self, figure: &Figure, now: f64) {
        let count = figure.value as u64;
        let moment = (figure.value > 0.0).then_some(figure.value - now);
        let kind = |map: &mut BTreeMap<String, u64>, label: &str| {
            if count > 0 {
                map.insert(figure.label(label).to_owned(), count);
            }
        };
        match figure.name.as_str() {
            "handles" => self.handles = count,
            "handles_in_state" => kind(&mut self.states, "state"),
            "last_loss_timestamp_seconds" => self.last_loss = moment.map(|at| (-at).max(0.0)),
            "next_attempt_timestamp_seconds" => self.pause_left = moment.map(|at| at.max(0.0)),
            "connection_attempts_total" => self.attempts = count,
            "failed_attempts_total" => kind(&mut self.failed_attempts, "kind"),
            "connections_lost_total" => self.losses = count,
            "sessions_expired_total" => self.expired = count,
            "availability_level" => self.availability_level = count,
            "congestion_level" => self.congestion_level = count,
            "session_timeout_seconds" => self.session_timeout = figure.value.max(0.0),
            "request_duration_seconds_count" => self.replies = count,
            "request_duration_seconds_sum" => self.latency_sum = figure.value.max(0.0),
            "requests_pending" => self.pending = count,
            "callbacks_queued" => self.callbacks_queued = count,
            "watches" => self.watches = count,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: u32 = 1000;

    /// The rows of a file that `owner` wrote, with its process as given.
    fn rows_of(text: &str, owner: u32, now: f64, process: Process) -> Result<Vec<Row>, String> {
        rows(&parse(text), owner, now, |pid| {
            assert_eq!(pid, PID);
            process
        })
    }

    const PID: u32 = 4711;

    fn text() -> String {
        let pid = PID;
        let of = format!("program=\"p\",pid=\"{pid}\"");
        let lines = [
            format!("info{{{of},version=\"1\"}} 1"),
            format!("written_timestamp_seconds{{{of}}} 1000"),
            format!("write_interval_seconds{{{of}}} 10"),
            format!("handles{{servers=\"a:1\",{of}}} 3"),
            format!("handles_in_state{{servers=\"a:1\",{of},state=\"connected\"}} 2"),
            format!("handles_in_state{{servers=\"a:1\",{of},state=\"pausing\"}} 1"),
            format!("handles_in_state{{servers=\"a:1\",{of},state=\"expired\"}} 0"),
            format!("last_loss_timestamp_seconds{{servers=\"a:1\",{of}}} 990"),
            format!("next_attempt_timestamp_seconds{{servers=\"a:1\",{of}}} 1007"),
        ];
        lines.map(|line| format!("zookeeper_client_{line}\n")).concat()
    }

    #[test]
    fn a_file_becomes_a_row_for_each_server_list() {
        let found = rows_of(&text(), USER, 1005.0, Process::Of(USER)).unwrap();
        assert_eq!(found.len(), 1);
        let row = &found[0];
        assert_eq!((row.handles, row.validity, row.states.len()), (3, Validity::Current, 2));
        assert_eq!((row.last_loss, row.pause_left), (Some(15.0), Some(2.0)));
        assert_eq!(rows_of("zookeeper_other 1\n", USER, 0.0, Process::Of(USER)).unwrap(), []);
    }

    #[test]
    fn a_silent_process_is_stale_if_it_has_handles() {
        let open = text();
        let closed =
            open.replace("} 3\n", "} 0\n").replace("} 2\n", "} 0\n").replace("\"pausing\"} 1\n", "\"pausing\"} 0\n");
        let validity = |text: &str, now, process| rows_of(text, USER, now, process).unwrap()[0].validity;
        for (now, wanted) in [(1031.0, Validity::Stale), (969.0, Validity::Stale), (1029.0, Validity::Current)] {
            assert_eq!(validity(&open, now, Process::Of(USER)), wanted, "{now}: three intervals old or ahead");
            assert_eq!(validity(&closed, now, Process::Of(USER)), Validity::Current, "nothing to write");
        }
        assert_eq!(validity(&open, 1005.0, Process::Gone), Validity::Stale);
        assert_eq!(validity(&closed, 1005.0, Process::Gone), Validity::Stale);
    }

    #[test]
    fn a_file_about_another_users_process_is_not_believed() {
        assert!(rows_of(&text(), USER + 1, 1005.0, Process::Of(USER)).is_err());
        assert!(rows_of(&text(), 0, 1005.0, Process::Of(USER)).is_ok());
        let hidden = |owner| rows_of(&text(), owner, 1005.0, Process::OfUnknown).unwrap()[0].validity;
        assert_eq!((hidden(USER), hidden(0)), (Validity::Unknown, Validity::Current));
    }

    #[test]
    fn a_file_has_few_rows_and_short_names() {
        let list = |n| format!("zookeeper_client_handles{{servers=\"{n}\"}} 1\n");
        let lists = (0..=LISTS_MAX).map(list).collect::<Vec<_>>().concat();
        let refused = rows_of(&(text() + &lists), 0, 1005.0, Process::Of(0)).unwrap_err();
        assert!(refused.contains("more than 100 server lists"));
        let long = text().replace("program=\"p\"", &format!("program=\"{}\"", "p".repeat(72_000)));
        assert_eq!(rows_of(&long, 0, 1005.0, Process::Of(0)).unwrap()[0].program.len(), NAME_LEN_MAX);
    }

    #[test]
    fn latency_is_that_since_the_reading_before() {
        let row = |replies, latency_sum| Row { replies, latency_sum, ..Row::default() };
        assert_eq!(row(0, 0.0).latency(None), None);
        assert_eq!(row(4, 2.0).latency(None), Some(0.5));
        let latest = row(4, 2.0).latency(Some(&row(2, 1.8))).unwrap();
        assert!((latest - 0.1).abs() < 1e-9, "{latest}");
        assert_eq!(row(4, 2.0).latency(Some(&row(4, 2.0))), Some(0.5), "nothing new");
        assert_eq!(row(4, 2.0).latency(Some(&row(2, 3.0))), Some(0.0), "no sum falls");
    }
}
