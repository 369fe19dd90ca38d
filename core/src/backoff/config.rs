//! The policy's knobs: their defaults, their environment names and what counts as a bad value. Reads no environment;
//! the shell passes a lookup.
use crate::settings::{MILLIS_MAX, Reader};
use std::time::Duration;

/// The largest fleet that `ZOO_RECONNECT_FLEET` may name.
const FLEET_MAX: u32 = 100_000_000;

/// Which rule decides the pauses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The session-aware two-level window of docs/BACKOFF.md.
    #[default]
    Adaptive,
    /// The rule of the C client since 3.5: T/60 after the last address of the list, and no other pause. For finding the
    /// cause of a problem.
    Stock,
}

/// The knobs, read once per handle. `None` means "scale with the session timeout", as docs/BACKOFF.md says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `ZOO_RECONNECT_POLICY`: `adaptive` (default) or `stock`.
    pub policy: Policy,
    /// `ZOO_RECONNECT_BASE_MS`: the first availability window (default T/10).
    pub base: Option<Duration>,
    /// `ZOO_RECONNECT_CAP_MS`: the largest availability window (default 0.4 T; above T it costs sessions).
    pub cap: Option<Duration>,
    /// `ZOO_RECONNECT_CONGESTION_CAP_MS`: the largest congestion window (default 8 T, at most 120 s).
    pub congestion_cap: Option<Duration>,
    /// `ZOO_RECONNECT_FIRST_JITTER_MS`: the spread of the first reconnect after a loss (default T/100; 0 allowed).
    pub first_jitter: Option<Duration>,
    /// `ZOO_RECONNECT_TCP_TIMEOUT_MS`: the limit of the TCP phase (default 0.12 T, at least 1.1 s, at most T/3).
    pub tcp_timeout: Option<Duration>,
    /// `ZOO_RECONNECT_RST`: 1 (default) closes an abandoned handshake with RST, so that the server need not read it.
    pub rst: bool,
    /// `ZOO_RECONNECT_MEMORY`: 1 (default) lets a new handle of this process inherit the pace of the previous one.
    pub memory: bool,
    /// `ZOO_RECONNECT_RANK`: 1 (default) lets the rank in the session id set the pace; 0 ignores it.
    pub rank: bool,
    /// `ZOO_RECONNECT_FLEET`: how many clients the servers have, if the operator knows; replaces the rank.
    pub fleet: Option<u32>,
    /// `ZOO_RECONNECT_SEED`: seeds the handle's generator, for tests (default: from the operating system).
    pub seed: Option<u64>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            policy: Policy::Adaptive,
            base: None,
            cap: None,
            congestion_cap: None,
            first_jitter: None,
            tcp_timeout: None,
            rst: true,
            memory: true,
            rank: true,
            fleet: None,
            seed: None,
        }
    }
}

impl Config {
    /// Reads every knob through `lookup` (name to value, `None` when unset). A bad value falls back to its default and
    /// yields one warning, ready to be logged.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> (Config, Vec<String>) {
        let mut reader = Reader::new(lookup);
        let defaults = Config::default();
        let config = Config {
            policy: reader
                .word("ZOO_RECONNECT_POLICY", &[("adaptive", Policy::Adaptive), ("stock", Policy::Stock)])
                .unwrap_or(defaults.policy),
            base: reader.millis("ZOO_RECONNECT_BASE_MS", 1..=MILLIS_MAX),
            cap: reader.millis("ZOO_RECONNECT_CAP_MS", 1..=MILLIS_MAX),
            congestion_cap: reader.millis("ZOO_RECONNECT_CONGESTION_CAP_MS", 1..=MILLIS_MAX),
            first_jitter: reader.millis("ZOO_RECONNECT_FIRST_JITTER_MS", 0..=MILLIS_MAX),
            tcp_timeout: reader.millis("ZOO_RECONNECT_TCP_TIMEOUT_MS", 1..=MILLIS_MAX),
            rst: reader.flag("ZOO_RECONNECT_RST").unwrap_or(defaults.rst),
            memory: reader.flag("ZOO_RECONNECT_MEMORY").unwrap_or(defaults.memory),
            rank: reader.flag("ZOO_RECONNECT_RANK").unwrap_or(defaults.rank),
            fleet: reader.number("ZOO_RECONNECT_FLEET", "clients", 1..=FLEET_MAX),
            seed: reader.number("ZOO_RECONNECT_SEED", "a number", 0..=u64::MAX),
        };
        (config, reader.into_warnings())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> (Config, Vec<String>) {
        Config::from_lookup(|name| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned()))
    }

    #[test]
    fn nothing_set_means_the_defaults() {
        assert_eq!(read(&[]), (Config::default(), vec![]));
        assert_eq!(read(&[("ZOO_RECONNECT_RST", " "), ("ZOO_RECONNECT_BASE_MS", "")]), (Config::default(), vec![]));
    }

    #[test]
    fn every_knob_is_read() {
        let (config, warnings) = read(&[
            ("ZOO_RECONNECT_POLICY", "stock"),
            ("ZOO_RECONNECT_BASE_MS", "1"),
            ("ZOO_RECONNECT_CAP_MS", " 2 "),
            ("ZOO_RECONNECT_CONGESTION_CAP_MS", "3"),
            ("ZOO_RECONNECT_FIRST_JITTER_MS", "0"),
            ("ZOO_RECONNECT_TCP_TIMEOUT_MS", "5"),
            ("ZOO_RECONNECT_RST", "0"),
            ("ZOO_RECONNECT_MEMORY", "0"),
            ("ZOO_RECONNECT_RANK", "0"),
            ("ZOO_RECONNECT_FLEET", "20"),
            ("ZOO_RECONNECT_SEED", "18446744073709551615"),
        ]);
        let ms = |n| Some(Duration::from_millis(n));
        assert!(warnings.is_empty());
        let expected = Config {
            policy: Policy::Stock,
            base: ms(1),
            cap: ms(2),
            congestion_cap: ms(3),
            first_jitter: ms(0),
            tcp_timeout: ms(5),
            rst: false,
            memory: false,
            rank: false,
            fleet: Some(20),
            seed: Some(u64::MAX),
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn a_bad_value_falls_back_to_the_default_with_one_warning_each() {
        let bad = [
            ("ZOO_RECONNECT_POLICY", "Stock"),
            ("ZOO_RECONNECT_BASE_MS", "0"),
            ("ZOO_RECONNECT_CAP_MS", "-1"),
            ("ZOO_RECONNECT_CONGESTION_CAP_MS", "1s"),
            ("ZOO_RECONNECT_FIRST_JITTER_MS", "86400001"),
            ("ZOO_RECONNECT_TCP_TIMEOUT_MS", "99999999999999999999999"),
            ("ZOO_RECONNECT_RST", "yes"),
            ("ZOO_RECONNECT_MEMORY", "2"),
            ("ZOO_RECONNECT_RANK", "on"),
            ("ZOO_RECONNECT_FLEET", "0"),
            ("ZOO_RECONNECT_SEED", "0x1"),
        ];
        let (config, warnings) = read(&bad);
        assert_eq!(config, Config::default());
        assert_eq!(warnings.len(), bad.len());
        for (warning, (name, value)) in warnings.iter().zip(bad) {
            assert!(warning.contains(name) && warning.contains(value), "{warning}");
        }
    }
}
