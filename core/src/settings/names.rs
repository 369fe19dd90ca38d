//! The names of all settings, and what is said of a name that is none of them. A misspelt name has no effect, and only a line
//! in the log shows that.

/// Every setting, wherever it is read. docs/OPERATORS.md describes them.
const NAMES: [&str; 35] = [
    "ZOO_CONFIG_FILE",
    "ZOO_JUTE_MAXBUFFER",
    "ZOO_LOCAL_EXPIRY",
    "ZOO_RECONNECT_BASE_MS",
    "ZOO_RECONNECT_CAP_MS",
    "ZOO_RECONNECT_CONGESTION_CAP_MS",
    "ZOO_RECONNECT_FIRST_JITTER_MS",
    "ZOO_RECONNECT_FLEET",
    "ZOO_RECONNECT_FORGET_ZXID",
    "ZOO_RECONNECT_MEMORY",
    "ZOO_RECONNECT_POLICY",
    "ZOO_RECONNECT_RANK",
    "ZOO_RECONNECT_RST",
    "ZOO_RECONNECT_SEED",
    "ZOO_RECONNECT_TCP_TIMEOUT_MS",
    "ZOO_REQUEST_TIMEOUT_MS",
    "ZOO_SASL_HOST",
    "ZOO_SASL_MECHANISM",
    "ZOO_SASL_PASSWORD_FILE",
    "ZOO_SASL_SERVICE",
    "ZOO_SASL_USER",
    "ZOO_STATS_DIR",
    "ZOO_STATS_FILE",
    "ZOO_STATS_INTERVAL_MS",
    "ZOO_STATS_KEEP",
    "ZOO_TLS",
    "ZOO_TLS_CA",
    "ZOO_TLS_CERT",
    "ZOO_TLS_COMPAT",
    "ZOO_TLS_KEY",
    "ZOO_TLS_KEY_PASSWORD",
    "ZOO_TLS_KEY_PASSWORD_FILE",
    "ZOO_TLS_MIN",
    "ZOO_TLS_SERVER_NAME",
    "ZOO_TLS_VERIFY",
];

/// An environment variable that begins so is meant for this library. Programs have other `ZOO_` variables of their own.
const PREFIXES: [&str; 6] =
    ["ZOO_JUTE_", "ZOO_RECONNECT_", "ZOO_REQUEST_TIMEOUT_", "ZOO_SASL_", "ZOO_STATS_", "ZOO_TLS_"];

/// Shorter names are like others by chance: two errors in them are not called a misspelling.
const LONG_NAME_LEN: usize = 12;

/// What is wrong with the name of an environment variable that begins with `ZOO_`; `None` for a setting, and for a name that
/// is likely to be the program's own.
pub fn unknown_variable(name: &str) -> Option<String> {
    let fault = unknown(name).filter(|_| is_name(name))?;
    (PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || nearest(name).is_some()).then_some(fault)
}

/// What is wrong with a name that is meant for this library; `None` for a setting.
pub(super) fn unknown(name: &str) -> Option<String> {
    if NAMES.contains(&name) {
        return None;
    }
    let advice = nearest(name).map_or_else(String::new, |near| format!("; is {near} meant?"));
    Some(format!("{name} is not a setting of this library and has no effect{advice}"))
}

/// Whether the letters are those of names: only such names are logged.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with("ZOO_") && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// The setting that the name may be a misspelling of.
fn nearest(name: &str) -> Option<&'static str> {
    let errors_max = if name.len() < LONG_NAME_LEN { 1 } else { 2 };
    let near = NAMES.into_iter().map(|known| (distance(name.as_bytes(), known.as_bytes()), known)).min()?;
    (near.0 <= errors_max).then_some(near.1)
}

/// How many letters must be added, removed, replaced, or exchanged with their neighbour to make one name of the other.
fn distance(one: &[u8], other: &[u8]) -> usize {
    // The rows of the table for the prefixes of `one` that end two letters and one letter before the present one.
    let (mut before, mut last) = (Vec::new(), (0..=other.len()).collect::<Vec<_>>());
    let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX - 1);
    let mut previous = None;
    for (row, letter) in one.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, wanted) in other.iter().enumerate() {
            let replaced = at(&last, column) + usize::from(letter != wanted);
            let mut least = replaced.min(at(&last, column + 1) + 1).min(at(&next, column) + 1);
            let neighbour = column.checked_sub(1);
            if let Some(neighbour) = neighbour.filter(|at| other.get(*at) == Some(letter) && previous == Some(wanted)) {
                least = least.min(at(&before, neighbour) + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut last, next);
        previous = Some(letter);
    }
    at(&last, other.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_setting_is_known_and_every_known_one_documented() {
        let document = include_str!("../../../docs/OPERATORS.md");
        for name in NAMES {
            assert!(document.contains(&format!("`{name}`")), "{name}");
        }
        // The first column of the tables of variables.
        for row in document.lines().filter(|line| line.starts_with("| `ZOO_")) {
            let words = row.split('|').nth(1).unwrap_or_default().split('`');
            for name in words.filter(|word| is_name(word)) {
                assert!(NAMES.contains(&name), "{name}");
            }
        }
    }

    #[test]
    fn a_misspelt_name_is_found() {
        for (name, meant) in [
            ("ZOO_RECONECT_POLICY", Some("ZOO_RECONNECT_POLICY")),
            ("ZOO_RECONNECT_CAPP_MS", Some("ZOO_RECONNECT_CAP_MS")),
            ("ZOO_TSL", Some("ZOO_TLS")),
            ("ZOO_TLS_CAFILE", None),
            ("ZOO_TLS_MINIMUM", None),
            ("ZOO_TLS_FOO", None),
            ("ZOO_SASL_", None),
            ("ZOO_STATS_DIRECTORY", None),
            ("ZOO_LOCAL_EXPIRE", Some("ZOO_LOCAL_EXPIRY")),
        ] {
            let fault = unknown_variable(name).unwrap();
            assert!(fault.starts_with(&format!("{name} is not a setting")), "{fault}");
            assert_eq!(nearest(name), meant, "{name}");
            assert_eq!(fault.contains(" meant?"), meant.is_some(), "{fault}");
        }
        assert_eq!(NAMES.into_iter().filter_map(unknown_variable).collect::<Vec<_>>(), [""; 0]);
    }

    #[test]
    fn names_of_programs_are_not_mistaken() {
        // The first sixteen are those of the servers' Docker image.
        for own in [
            "ZOO_4LW_COMMANDS_WHITELIST",
            "ZOO_ADMINSERVER_ENABLED",
            "ZOO_AUTOPURGE_PURGEINTERVAL",
            "ZOO_AUTOPURGE_SNAPRETAINCOUNT",
            "ZOO_CFG_EXTRA",
            "ZOO_CONF_DIR",
            "ZOO_DATA_DIR",
            "ZOO_DATA_LOG_DIR",
            "ZOO_INIT_LIMIT",
            "ZOO_LOG_DIR",
            "ZOO_MAX_CLIENT_CNXNS",
            "ZOO_MY_ID",
            "ZOO_SERVERS",
            "ZOO_STANDALONE_ENABLED",
            "ZOO_SYNC_LIMIT",
            "ZOO_TICK_TIME",
            "ZOO_HOSTS",
            "ZOO_TIMEOUT_MS",
            "ZOO_",
            "ZOO_TLS_\n",
        ] {
            assert_eq!(unknown_variable(own), None, "{own}");
            assert!(unknown(own).is_some(), "{own}: not in the file");
        }
    }

    #[test]
    fn distances_count_single_errors() {
        for (one, other, errors) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("abc", "axc", 1),
            ("ab", "ba", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(one.as_bytes(), other.as_bytes()), errors, "{one} {other}");
        }
    }
}
