//! Draws curves as text and as SVG. Owns how they look; `plan` provides the data.
use std::fmt::Write;

/// The number of connected clients over time, in seconds since the incident began.
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, u32)>,
}

const COLUMNS: u32 = 64;
const COLOURS: [&str; 4] = ["#c0392b", "#e67e22", "#2471a3", "#7d3c98"];
/// Size of the picture, and of its margin, in pixels.
const SIZE: (f64, f64) = (760.0, 380.0);
const MARGIN: f64 = 56.0;

/// The number of clients at a time: that of the latest point before.
fn at(curve: &Curve, time: f64) -> u32 {
    curve.points.iter().take_while(|point| point.0 <= time).last().or(curve.points.first()).map_or(0, |point| point.1)
}

/// The time after which no curve changes, plus a small margin.
fn end(curves: &[Curve]) -> f64 {
    let settled = |curve: &Curve| {
        let last = curve.points.last()?.1;
        curve.points.iter().rev().take_while(|point| point.1.abs_diff(last) * 200 <= last).last().map(|point| point.0)
    };
    (curves.iter().filter_map(settled).fold(1.0, f64::max) * 1.1).ceil()
}

fn start(curves: &[Curve]) -> f64 {
    curves.iter().filter_map(|curve| curve.points.first()).map(|point| point.0).fold(0.0, f64::min)
}

/// One line of blocks for each curve, with eight heights per block.
pub(crate) fn text(curves: &[Curve], clients: u32) -> String {
    const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let (from, to) = (start(curves), end(curves));
    let mut text = format!("Clients connected, {from:.0} to {to:.0} s after the servers went:\n");
    for curve in curves {
        let _ = write!(text, "{:12} ", curve.name);
        for column in 0..COLUMNS {
            let time = from + (to - from) * f64::from(column) / f64::from(COLUMNS - 1);
            let height = u64::from(at(curve, time)) * 8 / u64::from(clients.max(1));
            text.push(usize::try_from(height).ok().and_then(|height| BLOCKS.get(height)).copied().unwrap_or('█'));
        }
        text.push('\n');
    }
    text
}

/// A self-contained picture, without external resources.
pub(crate) fn svg(curves: &[Curve], clients: u32, outage: f64) -> String {
    let (width, height) = SIZE;
    let (from, to) = (start(curves), end(curves));
    let x = |time: f64| MARGIN + (time - from) / (to - from) * (width - 2.0 * MARGIN);
    let y = |count: u32| height - MARGIN - f64::from(count) / f64::from(clients.max(1)) * (height - 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let _ = writeln!(
        svg,
        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"#eeeeee\"/>",
        x(0.0),
        y(clients),
        x(outage.min(to)) - x(0.0),
        y(0) - y(clients)
    );
    let label = |x: f64, y: f64, anchor: &str, text: &str| {
        format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>\n")
    };
    for share in 0..=4_u32 {
        let count = clients * share / 4;
        let _ = writeln!(svg, "<path d=\"M{:.1} {:.1}H{:.1}\" stroke=\"#cccccc\"/>", MARGIN, y(count), width - MARGIN);
        svg += &label(MARGIN - 6.0, y(count) + 4.0, "end", &count.to_string());
    }
    for part in 0..=5_u32 {
        let time = from + (to - from) * f64::from(part) / 5.0;
        svg += &label(x(time), height - MARGIN + 18.0, "middle", &format!("{time:.0} s"));
    }
    svg += &label(width / 2.0, height - 12.0, "middle", "time since the servers went (grey: all are down)");
    svg += &label(MARGIN, 24.0, "start", "clients connected");
    for ((curve, colour), place) in curves.iter().zip(COLOURS.iter().cycle()).zip(0_u32..) {
        let mut path = String::new();
        let mut before = None;
        for &(time, count) in curve.points.iter().take_while(|point| point.0 <= to) {
            if before == Some(count) {
                continue;
            }
            let _ = match before {
                None => write!(path, "M{:.1} {:.1}", x(time), y(count)),
                Some(_) => write!(path, "L{:.1} {:.1}", x(time), y(count)),
            };
            before = Some(count);
        }
        let _ = write!(path, "H{:.1}", x(to));
        let _ = writeln!(svg, "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
        let left = width - MARGIN - 120.0 * f64::from(place + 1);
        let _ = writeln!(svg, "<rect x=\"{left:.1}\" y=\"14\" width=\"14\" height=\"4\" fill=\"{colour}\"/>");
        svg += &label(left + 20.0, 20.0, "start", &curve.name);
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve() -> Curve {
        Curve { name: "ours".to_owned(), points: vec![(-4.0, 10), (0.0, 0), (5.0, 0), (8.0, 10), (60.0, 10)] }
    }

    #[test]
    fn the_text_shows_the_outage_and_the_return() {
        let text = text(&[curve()], 10);
        let blocks = text.lines().nth(1).unwrap().chars().skip(13).collect::<String>();
        assert_eq!(blocks.chars().count(), 64);
        assert!(blocks.starts_with('█') && blocks.ends_with('█') && blocks.contains("   "), "{blocks}");
    }

    #[test]
    fn the_picture_has_a_path_for_each_curve() {
        let svg = svg(&[curve(), curve()], 10, 5.0);
        assert_eq!(svg.matches("fill=\"none\"").count(), 2);
        assert!(!svg.contains("NaN") && svg.ends_with("</svg>\n"));
    }
}
