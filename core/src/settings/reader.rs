//! Reading the values of settings. All of them are trimmed, an empty one is not set, and a bad one is not used and gives one
//! warning.
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// Reads values through `lookup` (name to value, `None` when not set).
pub struct Reader<F> {
    lookup: F,
    warnings: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    /// Reads nothing yet.
    pub fn new(lookup: F) -> Reader<F> {
        Reader { lookup, warnings: Vec::new() }
    }

    /// One warning for each bad value that was read, ready to be logged.
    pub fn into_warnings(self) -> Vec<String> {
        self.warnings
    }

    /// One of some words.
    pub fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let value = self.value(name)?;
        let found = words.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let expected: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.reject(name, &value, &expected.join(" or "));
        }
        found
    }

    /// 0 or 1.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        self.word(name, &[("0", false), ("1", true)])
    }

    /// A number of `unit` within limits.
    pub fn number<T: FromStr + PartialOrd + Display>(
        &mut self,
        name: &str,
        unit: &str,
        limits: RangeInclusive<T>,
    ) -> Option<T> {
        let value = self.value(name)?;
        let number = value.parse().ok().filter(|number| limits.contains(number));
        if number.is_none() {
            self.reject(name, &value, &format!("{unit} from {} to {}", limits.start(), limits.end()));
        }
        number
    }

    /// A number of milliseconds within limits.
    pub fn millis(&mut self, name: &str, limits: RangeInclusive<u64>) -> Option<Duration> {
        self.number(name, "milliseconds", limits).map(Duration::from_millis)
    }

    fn value(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn reject(&mut self, name: &str, value: &str, expected: &str) {
        self.warnings.push(format!("{name}={value:?} is ignored: expected {expected}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_trimmed_and_bad_ones_give_a_warning() {
        let mut reader = Reader::new(|name| match name {
            "EMPTY" => Some("  ".to_owned()),
            "UNSET" => None,
            value => Some(format!(" {value}\t")),
        });
        for unset in ["EMPTY", "UNSET"] {
            assert_eq!((reader.flag(unset), reader.number::<u64>(unset, "bytes", 1..=2)), (None, None));
        }
        assert_eq!((reader.flag("1"), reader.flag("0")), (Some(true), Some(false)));
        assert_eq!(reader.millis("100", 100..=200), Some(Duration::from_millis(100)));
        assert!(reader.warnings.is_empty());
        assert_eq!(
            (reader.flag("yes"), reader.millis("99", 100..=200), reader.millis("1s", 0..=9)),
            (None, None, None)
        );
        assert_eq!(
            reader.into_warnings(),
            [
                "yes=\"yes\" is ignored: expected 0 or 1",
                "99=\"99\" is ignored: expected milliseconds from 100 to 200",
                "1s=\"1s\" is ignored: expected milliseconds from 0 to 9"
            ]
        );
    }
}
