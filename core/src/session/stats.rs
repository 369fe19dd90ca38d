//! The counters of a session. Each is declared once, in the table below: the structure, the sum over several sessions
//! and the list of names for exporters come from this table.
use std::time::{Duration, Instant};

/// A counter in the form for an exporter.
#[derive(Clone, Copy, Debug)]
pub struct Counter {
    /// Name in the Prometheus form, without the prefix. Counters of one name are adjacent.
    pub name: &'static str,
    /// The label that distinguishes counters of one name; empty if there is only one.
    pub kind: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// Its value; times are in seconds.
    pub value: fn(&Stats) -> f64,
}

/// A type in which something is counted.
trait Amount {
    fn to_f64(&self) -> f64;
}

impl Amount for u64 {
    #[allow(clippy::cast_precision_loss, reason = "what exporters show is floating point")]
    fn to_f64(&self) -> f64 {
        *self as f64
    }
}

impl Amount for Duration {
    fn to_f64(&self) -> f64 {
        self.as_secs_f64()
    }
}

macro_rules! counters {
    ($($field:ident: $type:ty = $name:literal $kind:literal $help:literal,)*) => {
        /// Counters since the start of the session; those in the table only grow.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Stats {
            $(#[doc = $help] pub $field: $type,)*
            /// The latest pause.
            pub last_pause: Duration,
            /// When an established connection was last lost.
            pub last_loss: Option<Instant>,
        }

        impl Stats {
            /// All counters, in the order in which they are shown.
            pub const COUNTERS: &'static [Counter] = &[
                $(Counter { name: $name, kind: $kind, help: $help, value: |stats| stats.$field.to_f64() },)*
            ];

            /// Adds the counters of another session.
            pub fn add(&mut self, other: &Stats) {
                $(self.$field += other.$field;)*
            }
        }
    };
}

counters! {
    attempts: u64 = "connection_attempts_total" "" "Connection attempts started.",
    refused: u64 = "failed_attempts_total" "refused" "Attempts without a session.",
    local_failures: u64 = "failed_attempts_total" "local" "Attempts that failed on this host: no descriptor, port, memory or route.",
    connect_timeouts: u64 = "failed_attempts_total" "connect_timeout" "Attempts without a TCP connection in time.",
    closed_early: u64 = "failed_attempts_total" "closed_early" "Attempts accepted and then closed without a session.",
    handshake_timeouts: u64 = "failed_attempts_total" "handshake_timeout" "Attempts without a handshake in time.",
    tls_failures: u64 = "failed_attempts_total" "tls" "Attempts without TLS, for a reason that only an operator can mend.",
    established: u64 = "sessions_established_total" "" "Sessions established or resumed.",
    lost: u64 = "connections_lost_total" "" "Established connections lost.",
    expired: u64 = "sessions_expired_total" "" "Sessions that servers declared expired.",
    paused: Duration = "reconnect_pause_seconds_total" "" "Pauses chosen by the policy.",
    latency: Duration = "request_duration_seconds_sum" "" "Time from request to reply.",
    replies: u64 = "request_duration_seconds_count" "" "Requests with a reply.",
    failed: u64 = "requests_failed_total" "" "Requests failed by the connection.",
    events: u64 = "events_total" "" "Session and watch events.",
    received_bytes: u64 = "received_bytes_total" "" "Bytes received in frames.",
    resolutions: u64 = "resolutions_total" "" "Name resolutions after the first.",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_values_follow_the_table() {
        let one = Stats { refused: 2, latency: Duration::from_micros(1500), ..Stats::default() };
        let mut sum = one;
        sum.add(&one);
        let value = |name: &str, kind: &str| {
            let counter = Stats::COUNTERS.iter().find(|counter| counter.name == name && counter.kind == kind);
            (counter.unwrap().value)(&sum)
        };
        assert!((value("failed_attempts_total", "refused") - 4.0).abs() < 1e-9);
        assert!((value("request_duration_seconds_sum", "") - 0.003).abs() < 1e-9);
    }

    #[test]
    fn counters_of_one_name_stand_together_and_differ_in_kind() {
        let names: Vec<_> = Stats::COUNTERS.iter().map(|counter| (counter.name, counter.kind)).collect();
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name), "{name:?} twice");
            let same_name = names[..at].iter().any(|earlier| earlier.0 == name.0);
            assert!(!same_name || names[at - 1].0 == name.0, "{name:?} stands apart");
        }
    }
}
