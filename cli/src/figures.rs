//! The figures of one file: the lines `name{label="value",...} number` that the library writes. Owns the parsing; the
//! library defines the names. Any user may have written the file, so nothing in it is trusted.
use std::collections::BTreeMap;

/// The common prefix of all names.
const PREFIX: &str = "zookeeper_client_";
/// Values are clamped to the range from minus this to this, in seconds or as a count. No program reaches it, it fits
/// into a cell of a table, and a JavaScript number holds it exactly.
const VALUE_MAX: f64 = 1e15;

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    /// Without the prefix.
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    /// From -[`VALUE_MAX`] to [`VALUE_MAX`].
    pub(crate) value: f64,
}

impl Figure {
    /// A label's value, empty if it has none.
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// The figures in the lines of a text; other lines are left out.
pub(crate) fn parse(text: &str) -> Vec<Figure> {
    text.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<Figure> {
    let (name, rest) = line.strip_prefix(PREFIX)?.split_once('{')?;
    let (labels, rest) = labels(rest)?;
    let value: f64 = rest.trim().parse().ok()?;
    let bounded = value.clamp(-VALUE_MAX, VALUE_MAX);
    value.is_finite().then(|| Figure { name: name.to_owned(), labels, value: bounded })
}

/// The labels up to the closing brace, and what comes after it.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut found = BTreeMap::new();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((found, after));
        }
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = quoted(after)?;
        found.insert(name.to_owned(), value);
        rest = after.strip_prefix(',').unwrap_or(after);
    }
}

/// A value up to its closing quote. Characters that control a terminal or the direction of text become '?'.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match letters.next()?.1 {
                'n' => value.push(' '),
                other => value.push(shown(other)),
            },
            other => value.push(shown(other)),
        }
    }
    None
}

/// The text with [`shown`] applied to each character.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(shown).collect()
}

fn shown(letter: char) -> char {
    let directs =
        matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    if letter.is_control() || directs { '?' } else { letter }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_their_labels() {
        let text = "# HELP zookeeper_client_handles Open handles.\n\
                    zookeeper_client_handles{servers=\"a\\\"b:1\",program=\"x\",pid=\"7\"} 3\n\
                    other{x=\"y\"} 1\nzookeeper_client_broken{servers=\"a\nzookeeper_client_nan{a=\"b\"} NaN\n";
        let found = parse(text);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].name.as_str(), found[0].label("servers"), found[0].value.to_bits()),
            ("handles", "a\"b:1", 3.0_f64.to_bits())
        );
    }

    #[test]
    fn a_terminal_gets_no_control_characters() {
        let found = parse("zookeeper_client_x{program=\"\u{1b}[2J\\\u{7}\"} 1\n");
        assert_eq!(found[0].label("program"), "?[2J?");
    }
}
