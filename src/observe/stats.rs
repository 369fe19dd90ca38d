//! The counters of all handles of the process as a file in the Prometheus text format, for operators who want more than
//! log lines. Owns the file and its schedule; what is counted is `zk_core::session::Stats`.
//!
//! Off unless `ZOO_STATS_FILE` names a file (`%p` in it stands for the process id). Written every
//! `ZOO_STATS_INTERVAL_MS` (default 10,000, at least 100) and when the last handle is closed, to a neighbouring file that
//! then takes its name, so that nobody reads half of one.
use crate::sys::sync::Mutex;
use crate::sys::{env, file};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;
use std::{io, process, thread};
use zk_core::session::Stats;

/// What one handle has to tell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) hosts: String,
    pub(crate) connected: bool,
    pub(crate) stats: Stats,
    pub(crate) pending: usize,
    pub(crate) callbacks: usize,
    pub(crate) watches: usize,
    pub(crate) availability: u32,
    pub(crate) congestion: u32,
}

/// Someone who can be asked for a sample.
pub(crate) trait Source: Send + Sync {
    fn sample(&self) -> Sample;
}

/// Sums for one server list.
#[derive(Clone, Debug, Default)]
struct Sum {
    handles: u64,
    connected: u64,
    pending: u64,
    callbacks: u64,
    watches: u64,
    availability: u32,
    congestion: u32,
    stats: Stats,
}

#[derive(Default)]
struct Registry {
    live: Vec<Weak<dyn Source>>,
    /// What closed handles counted, so that no total ever falls.
    closed: BTreeMap<String, Stats>,
    /// The process whose thread writes; a forked child starts its own.
    writer: Option<u32>,
}

static REGISTRY: Mutex<Option<Registry>> = Mutex::new(None);
/// Server lists told apart; what comes after them is summed up as one.
const LISTS: usize = 64;

fn file() -> Option<PathBuf> {
    let path = env::var("ZOO_STATS_FILE").filter(|path| !path.is_empty())?;
    Some(path.replace("%p", &process::id().to_string()).into())
}

fn interval() -> Duration {
    const DEFAULT: u64 = 10_000;
    let given = env::var("ZOO_STATS_INTERVAL_MS");
    let millis = given.map_or(DEFAULT, |text| {
        text.parse().unwrap_or_else(|_| {
            log::warn!("ZOO_STATS_INTERVAL_MS={text} is not a number of milliseconds; {DEFAULT} is used");
            DEFAULT
        })
    });
    Duration::from_millis(millis.max(100))
}

fn with_registry<R>(body: impl FnOnce(&mut Registry) -> R) -> R {
    body(REGISTRY.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

/// Counts a new handle in, if a file is wanted.
pub(crate) fn register(source: &Arc<impl Source + 'static>) {
    let Some(path) = file() else { return };
    let weak: Weak<dyn Source> = Arc::downgrade(source) as Weak<dyn Source>;
    let start = with_registry(|registry| {
        registry.live.retain(|source| source.strong_count() > 0);
        registry.live.push(weak);
        registry.writer.replace(process::id()) != Some(process::id())
    });
    if start {
        let interval = interval();
        let body = move || {
            loop {
                report(write(&path), &path);
                thread::sleep(interval);
            }
        };
        if let Err(error) = thread::Builder::new().name("zk-stats".to_owned()).spawn(body) {
            log::warn!("no thread for ZOO_STATS_FILE: {error}");
        }
    }
}

/// Counts a handle out; `last` is what it had to tell at the end.
pub(crate) fn retire(source: &Arc<impl Source + 'static>, last: &Sample) {
    let Some(path) = file() else { return };
    let address = Arc::as_ptr(source).cast::<()>();
    let none_left = with_registry(|registry| {
        let known = registry.live.len();
        registry.live.retain(|source| source.strong_count() > 0 && source.as_ptr().cast::<()>() != address);
        if registry.live.len() < known {
            let key = bounded(&registry.closed, &last.hosts);
            registry.closed.entry(key).or_default().add(&last.stats);
        }
        registry.live.is_empty()
    });
    if none_left {
        report(write(&path), &path);
    }
}

fn report(result: io::Result<()>, path: &Path) {
    if let Err(error) = result {
        log::warn!("cannot write ZOO_STATS_FILE {}: {error}", path.display());
    }
}

fn bounded<V>(map: &BTreeMap<String, V>, hosts: &str) -> String {
    if map.contains_key(hosts) || map.len() < LISTS { hosts.to_owned() } else { "others".to_owned() }
}

fn write(path: &Path) -> io::Result<()> {
    let (live, closed) = with_registry(|registry| (registry.live.clone(), registry.closed.clone()));
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    for (hosts, stats) in closed {
        sums.entry(hosts).or_default().stats.add(&stats);
    }
    for source in live.iter().filter_map(Weak::upgrade) {
        let sample = source.sample();
        let key = bounded(&sums, &sample.hosts);
        sums.entry(key).or_default().count(&sample);
    }
    file::replace(path, render(&sums).as_bytes())
}

impl Sum {
    fn count(&mut self, sample: &Sample) {
        self.handles += 1;
        self.connected += u64::from(sample.connected);
        self.pending += sample.pending as u64;
        self.callbacks += sample.callbacks as u64;
        self.watches += sample.watches as u64;
        self.availability = self.availability.max(sample.availability);
        self.congestion = self.congestion.max(sample.congestion);
        self.stats.add(&sample.stats);
    }
}

/// A value that can fall: name, help, and how to get it. Those that only grow are in [`Stats::COUNTERS`].
type Gauge = (&'static str, &'static str, fn(&Sum) -> f64);

#[allow(clippy::cast_precision_loss, reason = "the format's numbers are floating point")]
const GAUGES: &[Gauge] = &[
    ("handles", "Open handles.", |sum| sum.handles as f64),
    ("handles_connected", "Handles with a session.", |sum| sum.connected as f64),
    ("availability_level", "Highest availability level of the handles.", |sum| f64::from(sum.availability)),
    ("congestion_level", "Highest congestion level of the handles.", |sum| f64::from(sum.congestion)),
    ("requests_pending", "Requests without an answer.", |sum| sum.pending as f64),
    ("callbacks_queued", "Callbacks that wait for the completion thread.", |sum| sum.callbacks as f64),
    ("watches", "Watches armed.", |sum| sum.watches as f64),
];

fn render(sums: &BTreeMap<String, Sum>) -> String {
    let mut text = String::new();
    for (name, help, value) in GAUGES {
        head(&mut text, name, "gauge", help);
        samples(&mut text, sums, name, "", value);
    }
    let mut before = "";
    for counter in Stats::COUNTERS {
        if counter.name != before {
            head(&mut text, counter.name, "counter", counter.help);
            before = counter.name;
        }
        samples(&mut text, sums, counter.name, counter.kind, |sum| (counter.value)(&sum.stats));
    }
    text
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP zookeeper_client_{name} {help}\n# TYPE zookeeper_client_{name} {kind}");
}

fn samples(text: &mut String, sums: &BTreeMap<String, Sum>, name: &str, kind: &str, value: impl Fn(&Sum) -> f64) {
    for (hosts, sum) in sums {
        let hosts = hosts.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let label = if kind.is_empty() { String::new() } else { format!(",kind=\"{kind}\"") };
        let _ = writeln!(text, "zookeeper_client_{name}{{servers=\"{hosts}\"{label}}} {}", value(sum));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_a_head_and_a_line_for_each_list() {
        let mut sums = BTreeMap::new();
        for hosts in ["a:1", "b\"c:2"] {
            let mut sum = Sum::default();
            let stats = Stats { attempts: 3, latency: Duration::from_micros(1500), ..Stats::default() };
            sum.count(&Sample { hosts: hosts.to_owned(), connected: true, stats, ..Sample::default() });
            sums.insert(hosts.to_owned(), sum);
        }
        let text = render(&sums);
        assert!(text.contains("# TYPE zookeeper_client_connection_attempts_total counter\n"));
        assert!(text.contains("zookeeper_client_connection_attempts_total{servers=\"b\\\"c:2\"} 3\n"));
        assert!(text.contains("zookeeper_client_failed_attempts_total{servers=\"a:1\",kind=\"refused\"} 0\n"));
        assert!(text.contains("zookeeper_client_request_duration_seconds_sum{servers=\"a:1\"} 0.0015\n"));
        assert_eq!(text.matches("# HELP").count(), text.matches("# TYPE").count());
    }

    #[test]
    fn many_server_lists_are_summed_up() {
        let full: BTreeMap<String, u8> = (0..LISTS).map(|i| (i.to_string(), 0)).collect();
        assert_eq!(bounded(&full, "7"), "7");
        assert_eq!(bounded(&full, "new"), "others");
    }
}
