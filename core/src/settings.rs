//! The format of the host's settings: lines `ZOO_NAME=value`, empty lines, and comments that start with `#`. Knows where they
//! are, not how a file is read. `names` has the names of all settings, `reader` the forms of their values.
mod names;
mod reader;

pub use names::unknown_variable;
pub use reader::Reader;

use std::collections::BTreeMap;

/// Names a file to read instead of the host's; empty for no file.
pub const FILE_VARIABLE: &str = "ZOO_CONFIG_FILE";
/// The host's file.
pub const HOST_FILE: &str = "/etc/calmkeeper.conf";
/// Largest value of a setting in milliseconds: a day. Keeps every sum of instants and durations far from overflow.
pub const MILLIS_MAX: u64 = 86_400_000;
/// Largest file read, in bytes.
pub const FILE_LEN_MAX: u64 = 64 * 1024;

/// The settings of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// The settings, and the faulty lines with their numbers. Of two lines with one name the last one counts. A name that is
    /// no setting is a fault, because nothing else would show that it is misspelt.
    pub fn parse(text: &str) -> (Settings, Vec<(usize, String)>) {
        let (mut settings, mut wrong) = (BTreeMap::new(), Vec::new());
        for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((name, value)) = line.split_once('=').map(|(name, value)| (name.trim(), value.trim())) else {
                // The line is not quoted: it could hold a password.
                wrong.push((number, "ignored, it is not ZOO_NAME=value".to_owned()));
                continue;
            };
            if names::is_name(name) {
                if let Some(fault) = names::unknown(name) {
                    wrong.push((number, fault));
                }
                settings.insert(name.to_owned(), value.to_owned());
            } else {
                wrong.push((number, "ignored, what is before '=' is not the name of a setting, ZOO_...".to_owned()));
            }
        }
        (Settings(settings), wrong)
    }

    /// The value, which may be empty; `None` if it is not set.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The names of all settings, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_settings_comments_or_wrong() {
        let (settings, wrong) = Settings::parse(
            "# for the host\n\n ZOO_STATS_DIR = /run/calmkeeper \nZOO_TLS=\nPATH=/x\nZOO_B\nZOO_b=1\nZOO_C=1\n",
        );
        assert_eq!(settings.value("ZOO_STATS_DIR"), Some("/run/calmkeeper"));
        assert_eq!(settings.value("ZOO_TLS"), Some(""));
        assert_eq!(settings.value("PATH"), None);
        assert_eq!(wrong.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [5, 6, 7, 8]);
        assert_eq!(wrong[3].1, "ZOO_C is not a setting of this library and has no effect");
        let (_, wrong) = Settings::parse("ZOO_TLS_KEY_PASSWORD hunter2\nhunter2=\nhunter2\n");
        assert!(wrong.len() == 3 && !wrong.iter().any(|(_, what)| what.contains("hunter2")), "{wrong:?}");
    }

    #[test]
    fn the_last_line_wins() {
        let (settings, _) =
            Settings::parse("ZOO_A=/one\n# ZOO_A=/comment\nZOO_AB=/other\n ZOO_A = /two \nZOO_B=1\nZOO_A\n");
        assert_eq!(settings.value("ZOO_A"), Some("/two"));
        assert_eq!(Settings::parse("ZOO_A=/one\nZOO_A=\n").0.value("ZOO_A"), Some(""));
    }
}
