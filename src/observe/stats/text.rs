//! The counters of all handles in the Prometheus text format. Owns the names, which dashboards and alert rules use, and the
//! sums that are shown.
use super::Sample;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zk_core::session::Stats;

/// Server lists told apart; what comes after them is summed up as one.
const LISTS_MAX: usize = 64;

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

fn bounded<V>(map: &BTreeMap<String, V>, hosts: &str) -> String {
    if map.contains_key(hosts) || map.len() < LISTS_MAX { hosts.to_owned() } else { "others".to_owned() }
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
        add(&mut self.stats, &sample.stats);
    }
}

fn add(to: &mut Stats, from: &Stats) {
    to.attempts += from.attempts;
    to.refused += from.refused;
    to.connect_timeouts += from.connect_timeouts;
    to.closed_early += from.closed_early;
    to.handshake_timeouts += from.handshake_timeouts;
    to.established += from.established;
    to.lost += from.lost;
    to.expired += from.expired;
    to.paused_ms += from.paused_ms;
    to.replies += from.replies;
    to.latency += from.latency;
    to.failed += from.failed;
    to.events += from.events;
    to.received_bytes += from.received_bytes;
    to.resolutions += from.resolutions;
}

/// A value to show: name, type, help, labels beyond the server list, and how to get it.
type Metric = (&'static str, &'static str, &'static str, &'static str, fn(&Sum) -> f64);

#[allow(clippy::cast_precision_loss, reason = "the format's numbers are floating point")]
const METRICS: &[Metric] = &[
    ("handles", "gauge", "Open handles.", "", |sum| sum.handles as f64),
    ("handles_connected", "gauge", "Handles with a session.", "", |sum| sum.connected as f64),
    ("connection_attempts_total", "counter", "Connection attempts started.", "", |sum| sum.stats.attempts as f64),
    ("failed_attempts_total", "counter", "Attempts without a session.", "refused", |sum| sum.stats.refused as f64),
    ("failed_attempts_total", "", "", "connect_timeout", |sum| sum.stats.connect_timeouts as f64),
    ("failed_attempts_total", "", "", "closed_early", |sum| sum.stats.closed_early as f64),
    ("failed_attempts_total", "", "", "handshake_timeout", |sum| sum.stats.handshake_timeouts as f64),
    ("sessions_established_total", "counter", "Sessions established or resumed.", "", |sum| {
        sum.stats.established as f64
    }),
    ("connections_lost_total", "counter", "Established connections lost.", "", |sum| sum.stats.lost as f64),
    ("sessions_expired_total", "counter", "Sessions that servers declared expired.", "", |sum| {
        sum.stats.expired as f64
    }),
    ("reconnect_pause_seconds_total", "counter", "Pauses chosen by the policy.", "", |sum| {
        sum.stats.paused_ms as f64 / 1e3
    }),
    ("availability_level", "gauge", "Highest availability level of the handles.", "", |sum| {
        f64::from(sum.availability)
    }),
    ("congestion_level", "gauge", "Highest congestion level of the handles.", "", |sum| f64::from(sum.congestion)),
    ("request_duration_seconds_sum", "counter", "Time from request to reply.", "", |sum| {
        sum.stats.latency.as_secs_f64()
    }),
    ("request_duration_seconds_count", "counter", "Requests with a reply.", "", |sum| sum.stats.replies as f64),
    ("requests_failed_total", "counter", "Requests failed by the connection.", "", |sum| sum.stats.failed as f64),
    ("requests_pending", "gauge", "Requests without an answer.", "", |sum| sum.pending as f64),
    ("callbacks_queued", "gauge", "Callbacks that wait for the completion thread.", "", |sum| sum.callbacks as f64),
    ("watches", "gauge", "Watches armed.", "", |sum| sum.watches as f64),
    ("events_total", "counter", "Session and watch events.", "", |sum| sum.stats.events as f64),
    ("received_bytes_total", "counter", "Bytes received in frames.", "", |sum| sum.stats.received_bytes as f64),
    ("resolutions_total", "counter", "Name resolutions after the first.", "", |sum| sum.stats.resolutions as f64),
];

fn render(sums: &BTreeMap<String, Sum>) -> String {
    let mut text = String::new();
    for (name, kind, help, label, value) in METRICS {
        if !kind.is_empty() {
            let _ = writeln!(text, "# HELP zookeeper_client_{name} {help}\n# TYPE zookeeper_client_{name} {kind}");
        }
        for (hosts, sum) in sums {
            let hosts = hosts.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let label = if label.is_empty() { String::new() } else { format!(",kind=\"{label}\"") };
            let _ = writeln!(text, "zookeeper_client_{name}{{servers=\"{hosts}\"{label}}} {}", value(sum));
        }
    }
    text
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
        let full: BTreeMap<String, u8> = (0..LISTS_MAX).map(|i| (i.to_string(), 0)).collect();
        assert_eq!(bounded(&full, "7"), "7");
        assert_eq!(bounded(&full, "new"), "others");
    }
}
