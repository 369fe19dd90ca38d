//! The figures in the Prometheus text format. Owns the names of gauges and labels, which dashboards and alert rules
//! use, and the sums over the handles of one server list. The counters and their names belong to
//! `zk_core::session::Stats`.
use super::{Phase, Sample};
use crate::sys::process;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zk_core::session::Stats;

/// Limit of server lists with figures of their own; all further ones are summed up as one.
const LISTS_MAX: usize = 64;

/// The process that the figures belong to, and how often they are written.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) program: String,
    pub(super) pid: u32,
    pub(super) interval: Duration,
    pub(super) now: SystemTime,
}

impl Identity {
    /// The identity of this process, now.
    pub(super) fn own(interval: Duration) -> Identity {
        Identity { program: process::program(), pid: std::process::id(), interval, now: SystemTime::now() }
    }
}

/// The sums over the handles of one server list.
#[derive(Clone, Debug, Default)]
struct Sum {
    handles: u64,
    phases: BTreeMap<Phase, u64>,
    pending: u64,
    callbacks: u64,
    watches: u64,
    availability: u32,
    congestion: u32,
    /// The shortest.
    timeout: Option<Duration>,
    /// The shortest.
    pause_left: Option<Duration>,
    /// The latest.
    lost_since: Option<Duration>,
    stats: Stats,
}

/// The shorter of two times, if there are any.
fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.into_iter().chain(other).min()
}

impl Sum {
    fn count(&mut self, sample: &Sample) {
        self.handles += 1;
        *self.phases.entry(sample.phase).or_default() += 1;
        self.pending += sample.pending as u64;
        self.callbacks += sample.callbacks as u64;
        self.watches += sample.watches as u64;
        self.availability = self.availability.max(sample.availability);
        self.congestion = self.congestion.max(sample.congestion);
        self.timeout = shorter(self.timeout, Some(sample.timeout));
        self.pause_left = shorter(self.pause_left, sample.pause_left);
        self.lost_since = shorter(self.lost_since, sample.lost_since);
        self.stats.add(&sample.stats);
    }

    fn in_phase(&self, phase: Phase) -> u64 {
        self.phases.get(&phase).copied().unwrap_or(0)
    }
}

/// The key under which `hosts` is counted, in a map that must not grow without limit.
pub(super) fn bounded<V>(map: &BTreeMap<String, V>, hosts: &str) -> String {
    if map.contains_key(hosts) || map.len() < LISTS_MAX { hosts.to_owned() } else { "others".to_owned() }
}

/// A value that can fall: name, help, and how to compute it. Values that only grow are in [`Stats::COUNTERS`].
type Gauge = (&'static str, &'static str, fn(&Sum, SystemTime) -> f64);

#[allow(clippy::cast_precision_loss, reason = "the format's numbers are floating point")]
const GAUGES: &[Gauge] = &[
    ("handles", "Open handles.", |sum, _| sum.handles as f64),
    ("handles_connected", "Handles with a session.", |sum, _| {
        (sum.in_phase(Phase::Connected) + sum.in_phase(Phase::ReadOnly)) as f64
    }),
    ("availability_level", "Highest availability level of the handles.", |sum, _| f64::from(sum.availability)),
    ("congestion_level", "Highest congestion level of the handles.", |sum, _| f64::from(sum.congestion)),
    ("requests_pending", "Requests without an answer.", |sum, _| sum.pending as f64),
    ("callbacks_queued", "Callbacks that wait for the completion thread.", |sum, _| sum.callbacks as f64),
    ("watches", "Watches armed.", |sum, _| sum.watches as f64),
    ("session_timeout_seconds", "Shortest session timeout of the handles.", |sum, _| {
        sum.timeout.unwrap_or_default().as_secs_f64()
    }),
    ("last_loss_timestamp_seconds", "When a handle last lost its connection; 0 for never.", |sum, now| {
        sum.lost_since.map_or(0.0, |ago| seconds(now.checked_sub(ago).unwrap_or(UNIX_EPOCH)))
    }),
    (
        "next_attempt_timestamp_seconds",
        "When the first of the pausing handles tries again; 0 if none pauses.",
        |sum, now| sum.pause_left.map_or(0.0, |left| seconds(now + left)),
    ),
];

/// The phases with their label values.
const PHASES: [(Phase, &str); 7] = [
    (Phase::Connected, "connected"),
    (Phase::ReadOnly, "connected_read_only"),
    (Phase::Connecting, "connecting"),
    (Phase::Pausing, "pausing"),
    (Phase::Expired, "expired"),
    (Phase::AuthFailed, "auth_failed"),
    (Phase::Closed, "closed"),
];

fn seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// The whole file. Every line names program and process, so that the files of several processes can be concatenated.
pub(super) fn render(identity: &Identity, closed: &BTreeMap<String, Stats>, samples: &[Sample]) -> String {
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    for (hosts, stats) in closed {
        sums.entry(hosts.clone()).or_default().stats.add(stats);
    }
    for sample in samples {
        let key = bounded(&sums, &sample.hosts);
        sums.entry(key).or_default().count(sample);
    }
    let mut page = Page { text: String::new(), owner: owner(identity), sums };
    page.head("info", "gauge", "The process and the version of its library.");
    let version = env!("CARGO_PKG_VERSION");
    page.line("info", &format!("{},version=\"{version}\"", page.owner), 1.0);
    page.head("written_timestamp_seconds", "gauge", "When this file was written.");
    page.line("written_timestamp_seconds", &page.owner.clone(), seconds(identity.now));
    page.head("write_interval_seconds", "gauge", "How often this file is written.");
    page.line("write_interval_seconds", &page.owner.clone(), identity.interval.as_secs_f64());
    for (name, help, value) in GAUGES {
        page.head(name, "gauge", help);
        page.lines(name, "", |sum| value(sum, identity.now));
    }
    page.head("handles_in_state", "gauge", "Handles in each state.");
    for (phase, name) in PHASES {
        #[allow(clippy::cast_precision_loss, reason = "the format's numbers are floating point")]
        page.lines("handles_in_state", &format!("state=\"{name}\""), |sum| sum.in_phase(phase) as f64);
    }
    let mut before = "";
    for counter in Stats::COUNTERS {
        if counter.name != before {
            page.head(counter.name, "counter", counter.help);
            before = counter.name;
        }
        let kind = if counter.kind.is_empty() { String::new() } else { format!("kind=\"{}\"", counter.kind) };
        page.lines(counter.name, &kind, |sum| (counter.value)(&sum.stats));
    }
    page.text
}

fn owner(identity: &Identity) -> String {
    format!("program=\"{}\",pid=\"{}\"", escape(&identity.program), identity.pid)
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

struct Page {
    text: String,
    /// The labels that name the process.
    owner: String,
    sums: BTreeMap<String, Sum>,
}

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP zookeeper_client_{name} {help}\n# TYPE zookeeper_client_{name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &str, value: f64) {
        let _ = writeln!(self.text, "zookeeper_client_{name}{{{labels}}} {value}");
    }

    /// A line for each server list.
    fn lines(&mut self, name: &str, label: &str, value: impl Fn(&Sum) -> f64) {
        for (hosts, sum) in &self.sums {
            let (hosts, owner, comma) = (escape(hosts), &self.owner, if label.is_empty() { "" } else { "," });
            let value = value(sum);
            let _ = writeln!(self.text, "zookeeper_client_{name}{{servers=\"{hosts}\",{owner}{comma}{label}}} {value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_a_head_and_a_line_for_each_list() {
        let identity = Identity {
            program: "p".to_owned(),
            pid: 7,
            interval: Duration::from_secs(10),
            now: UNIX_EPOCH + Duration::from_secs(1000),
        };
        let sample = |hosts: &str| Sample {
            hosts: hosts.to_owned(),
            phase: Phase::Pausing,
            stats: Stats { attempts: 3, latency: Duration::from_micros(1500), ..Stats::default() },
            timeout: Duration::from_secs(6),
            pause_left: Some(Duration::from_secs(2)),
            ..Sample::default()
        };
        let samples =
            [sample("a:1"), sample("b\"c:2"), Sample { lost_since: Some(Duration::from_secs(5)), ..sample("a:1") }];
        let closed = BTreeMap::from([("a:1".to_owned(), Stats { attempts: 1, ..Stats::default() })]);
        let text = render(&identity, &closed, &samples);
        assert_eq!(text.matches("# HELP").count(), text.matches("# TYPE").count());
        for line in [
            "# TYPE zookeeper_client_connection_attempts_total counter\n",
            "zookeeper_client_connection_attempts_total{servers=\"a:1\",program=\"p\",pid=\"7\"} 7\n",
            "zookeeper_client_connection_attempts_total{servers=\"b\\\"c:2\",program=\"p\",pid=\"7\"} 3\n",
            "zookeeper_client_failed_attempts_total{servers=\"a:1\",program=\"p\",pid=\"7\",kind=\"refused\"} 0\n",
            "zookeeper_client_request_duration_seconds_sum{servers=\"a:1\",program=\"p\",pid=\"7\"} 0.003\n",
            "zookeeper_client_handles_in_state{servers=\"a:1\",program=\"p\",pid=\"7\",state=\"pausing\"} 2\n",
            "zookeeper_client_last_loss_timestamp_seconds{servers=\"a:1\",program=\"p\",pid=\"7\"} 995\n",
            "zookeeper_client_last_loss_timestamp_seconds{servers=\"b\\\"c:2\",program=\"p\",pid=\"7\"} 0\n",
            "zookeeper_client_next_attempt_timestamp_seconds{servers=\"a:1\",program=\"p\",pid=\"7\"} 1002\n",
            "zookeeper_client_session_timeout_seconds{servers=\"a:1\",program=\"p\",pid=\"7\"} 6\n",
            "zookeeper_client_written_timestamp_seconds{program=\"p\",pid=\"7\"} 1000\n",
        ] {
            assert!(text.contains(line), "{line}in\n{text}");
        }
    }

    #[test]
    fn many_server_lists_are_summed_up() {
        let full: BTreeMap<String, u8> = (0..LISTS_MAX).map(|i| (i.to_string(), 0)).collect();
        assert_eq!(bounded(&full, "7"), "7");
        assert_eq!(bounded(&full, "new"), "others");
    }
}
