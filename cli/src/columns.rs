//! Which columns of the live view fit into the terminal, and how wide they are. The least important columns are left out
//! first; what remains is cut only with an ellipsis.
use crate::top::COLUMNS;
use ratatui::text::Span;

/// Columns between two others.
const GAP: usize = 1;
/// By importance: a column's name, and the width in which it may be cut before a column after it is left out.
const ORDER: [(&str, usize); 11] = [
    ("PID", 8),
    ("STATE", 24),
    ("PROGRAM", 10),
    ("PAUSE", 8),
    ("SERVERS", 14),
    ("LOSS", 8),
    ("ATTEMPTS", 20),
    ("LEVELS", 12),
    ("LATENCY", 8),
    ("PENDING", 16),
    ("QUEUED", 16),
];

/// The columns that fit into `width`, in the order of [`COLUMNS`]: index and width. `natural` has the widths without a cut.
pub(crate) fn fit(natural: &[usize; 11], width: usize) -> Vec<(usize, usize)> {
    let mut chosen: Vec<(usize, usize)> = Vec::new();
    let mut left = width;
    for (name, enough) in ORDER {
        let Some(index) = COLUMNS.iter().position(|column| *column == name) else { continue };
        let wanted = natural.get(index).copied().unwrap_or(0).min(enough);
        let gap = if chosen.is_empty() { 0 } else { GAP };
        if wanted + gap <= left {
            chosen.push((index, wanted));
            left -= wanted + gap;
        } else if chosen.len() < 2 && left > gap {
            // Process and state are shown even where they must be cut.
            chosen.push((index, left - gap));
            left = 0;
        } else {
            break;
        }
    }
    // What is left goes to the cut columns, the most important first.
    for (index, width) in &mut chosen {
        let more = natural.get(*index).copied().unwrap_or(0).saturating_sub(*width).min(left);
        *width += more;
        left -= more;
    }
    chosen.sort_unstable();
    chosen
}

/// The number of cells of a terminal that a text takes.
pub(crate) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// The text, or its start and an ellipsis, in at most `most` cells.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut short = String::new();
    for letter in text.chars() {
        short.push(letter);
        if width(&short) + 1 > most {
            short.pop();
            break;
        }
    }
    if most > 0 {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_place_in_the_order() {
        for column in COLUMNS {
            assert_eq!(ORDER.iter().filter(|(name, _)| *name == column).count(), 1, "{column}");
        }
    }

    #[test]
    fn a_cut_is_marked_and_fits() {
        for (text, most, wanted) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("漢字漢", 5, "漢字…"),
            ("漢字漢", 4, "漢…"),
            ("ab", 1, "…"),
            ("ab", 0, ""),
        ] {
            assert_eq!(cut(text, most), wanted);
            assert!(width(&cut(text, most)) <= most);
        }
    }

    #[test]
    fn the_most_important_columns_stay() {
        let natural = [7, 6, 59, 22, 5, 8, 5, 6, 7, 7, 6];
        for width in 0..200 {
            let fitted = fit(&natural, width);
            let used = fitted.iter().map(|(_, width)| width).sum::<usize>() + fitted.len().saturating_sub(1) * GAP;
            assert!(used <= width, "{width}: {fitted:?}");
            assert!(fitted.is_sorted());
        }
        let names = |width| fit(&natural, width).iter().map(|(index, _)| COLUMNS[*index]).collect::<Vec<_>>();
        assert_eq!(names(20), ["PID", "STATE"]);
        assert_eq!(names(80), ["PID", "PROGRAM", "SERVERS", "STATE", "LOSS", "ATTEMPTS", "PAUSE", "LEVELS"]);
        assert_eq!(names(120).len(), COLUMNS.len());
        assert_eq!(fit(&natural, 200).iter().map(|(_, width)| *width).collect::<Vec<_>>(), natural);
    }
}
