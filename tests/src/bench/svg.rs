//! A plot as SVG: lines over a logarithmic axis. Small enough that no plotting library is worth its size.

use std::fmt::Write as _;

/// A line of a plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Its colour, as SVG has it.
    pub colour: &'static str,
    /// Points: x above 0, y at least 0.
    pub points: Vec<(f64, f64)>,
}

/// One field of axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// What y is.
    pub title: String,
    /// Its lines.
    pub lines: Vec<Line>,
}

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 240.0;
/// Room for the numbers on the left, the title above, the x axis below.
const LEFT: f64 = 60.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 40.0;
const RIGHT: f64 = 15.0;

/// Rows of panels beside each other. Both axes are logarithmic, so that a cost for each route that stays equal is a
/// level line, and one that grows with the table rises.
pub fn plot(x_title: &str, rows: &[Vec<Panel>]) -> String {
    let row_height = HEIGHT + 25.0;
    let width = WIDTH * rows.iter().map(Vec::len).max().unwrap_or(0).max(1) as f64;
    let height = row_height * rows.len().max(1) as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (number, row) in rows.iter().enumerate() {
        // Writing to a String does not fail.
        let _ = writeln!(svg, "<g transform=\"translate(0 {})\">", number as f64 * row_height);
        for (index, panel) in row.iter().enumerate() {
            draw(&mut svg, index as f64 * WIDTH, x_title, panel);
        }
        svg += "</g>\n";
    }
    svg + "</svg>\n"
}

/// The decades around all values.
fn decades(values: impl Iterator<Item = f64>) -> (i32, i32) {
    let (mut low, mut high) = (i32::MAX, i32::MIN);
    for value in values.filter(|value| *value > 0.0 && value.is_finite()) {
        low = low.min(value.log10().floor() as i32);
        high = high.max(value.log10().ceil() as i32);
    }
    if low > high { (0, 1) } else { (low, high.max(low + 1)) }
}

fn draw(svg: &mut String, offset: f64, x_title: &str, panel: &Panel) {
    let points = || panel.lines.iter().flat_map(|line| line.points.iter());
    let (x_low, x_high) = decades(points().map(|point| point.0));
    let (y_low, y_high) = decades(points().map(|point| point.1));
    let place =
        |value: f64, low: i32, high: i32| (value.max(1e-12).log10() - f64::from(low)) / f64::from(high - low);
    let x = |value: f64| offset + LEFT + place(value, x_low, x_high) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - place(value, y_low, y_high) * (HEIGHT - TOP - BOTTOM);
    // Writing to a String does not fail.
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"18\" font-weight=\"bold\">{}</text>",
        offset + LEFT,
        escaped(&panel.title)
    );
    for decade in x_low..=x_high {
        let at = x(10f64.powi(decade));
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{:.1}\" stroke=\"#ddd\"/>\n\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 14.0,
            number(decade)
        );
    }
    for decade in y_low..=y_high {
        let at = y(10f64.powi(decade));
        let _ = writeln!(
            svg,
            "<line x1=\"{:.1}\" y1=\"{at:.1}\" x2=\"{:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            offset + LEFT,
            offset + WIDTH - RIGHT,
            offset + LEFT - 4.0,
            at + 4.0,
            number(decade)
        );
    }
    let middle = offset + LEFT + (WIDTH - LEFT - RIGHT) / 2.0;
    let _ = writeln!(
        svg,
        "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
        HEIGHT - 10.0,
        escaped(x_title)
    );
    for (index, line) in panel.lines.iter().enumerate() {
        let path: Vec<String> =
            line.points.iter().map(|&(px, py)| format!("{:.1},{:.1}", x(px), y(py))).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>",
            path.join(" "),
            line.colour
        );
        for &(px, py) in &line.points {
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{}\"/>",
                x(px),
                y(py),
                line.colour
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{}\">{}</text>",
            offset + LEFT + 70.0 * index as f64,
            HEIGHT + 12.0,
            line.colour,
            escaped(&line.name)
        );
    }
}

fn number(decade: i32) -> String {
    match decade {
        6.. => format!("{}M", 10u64.pow((decade - 6).unsigned_abs())),
        3..6 => format!("{}k", 10u64.pow((decade - 3).unsigned_abs())),
        0..3 => 10u64.pow(decade.unsigned_abs()).to_string(),
        _ => format!("{}", 10f64.powi(decade)),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_line_is_level_and_a_rising_one_rises() {
        let line = |name: &str, rise: f64| Line {
            name: name.into(),
            colour: "#c00",
            points: vec![(1e4, 2.0), (1e5, 2.0 * rise), (1e6, 2.0 * rise * rise)],
        };
        let panel = |rise| Panel { title: "us a route".into(), lines: vec![line("A & B", rise)] };
        let heights = |svg: &str| -> Vec<String> {
            svg.lines()
                .filter_map(|text| text.strip_prefix("<circle ")?.split("cy=\"").nth(1)?.split('"').next())
                .map(str::to_owned)
                .collect()
        };
        let level = heights(&plot("routes", &[vec![panel(1.0)]]));
        assert_eq!((level.len(), &level[0], &level[1]), (3, &level[1], &level[2]));
        let rising: Vec<f64> = heights(&plot("routes", &[vec![panel(2.0)]]))
            .iter()
            .map(|height| height.parse().unwrap())
            .collect();
        assert!(rising[0] > rising[1] && rising[1] > rising[2], "up is less: {rising:?}");
        assert!(plot("routes", &[vec![panel(1.0)]]).contains("A &amp; B"));
    }

    #[test]
    fn axes_are_named_by_decades_and_nothing_makes_no_axis_fail() {
        assert_eq!([-2, 0, 2, 3, 5, 6, 7].map(number), ["0.01", "1", "100", "1k", "100k", "1M", "10M"]);
        assert_eq!(decades([].into_iter()), (0, 1));
        assert_eq!(decades([0.0, 30.0, f64::NAN].into_iter()), (1, 2));
        assert!(plot("x", &[]).ends_with("</svg>\n"));
        let rows = [vec![], vec![Panel { title: "b".into(), lines: vec![] }]];
        assert!(plot("x", &rows).contains("translate(0 265)"), "the second row is below the first");
    }
}
