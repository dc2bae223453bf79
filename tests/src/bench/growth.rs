//! Growth: the same work at 10,000, 100,000 and 1,000,000 routes, as time and memory for each route, so that
//! anything worse than linear is seen. A table, a plot and its data.

use super::Run;
use super::daemon::Subject;
use super::reflect::named;
use super::svg::{Line, Panel, plot};
use crate::error::Result;
use crate::load::phase::Phase;
use crate::load::shape::Shape;
use crate::speaker::Kind;
use serde::Serialize;
use std::fmt::Write as _;
use std::time::Duration;

/// How many routes, in turn.
pub const SIZES: [u32; 3] = [10_000, 100_000, 1_000_000];
/// Lets a daemon come to rest before its memory is read.
const REST: Duration = Duration::from_millis(500);

/// One size of one daemon.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The daemon.
    pub daemon: String,
    /// Routes.
    pub routes: u32,
    /// Microseconds for each route, announced.
    pub announce_us: Option<f64>,
    /// Microseconds for each route, withdrawn.
    pub withdraw_us: Option<f64>,
    /// Octets for each route: what resident memory is more than without routes.
    pub octets: Option<f64>,
}

/// Measures a daemon at all sizes; ends with the first that takes longer than the limit.
pub fn measure(run: &Run) -> Result<Vec<Point>> {
    let mut points = Vec::new();
    for routes in SIZES {
        let routes = run.size(routes, 1_000);
        let shape = Shape { routes, seed: run.seed, ..Shape::default() };
        let idle = Phase::Idle { time: REST };
        let phases = vec![idle, Phase::Announce, idle, Phase::Withdraw];
        let outcomes = Subject::reflector(run, 1, 1)?.phases(run, shape, (1, 1), phases)?;
        let micros = |phase| {
            named(&outcomes, phase).and_then(|outcome| outcome.seconds).map(|s| s * 1e6 / f64::from(routes))
        };
        let memory: Vec<f64> = outcomes
            .iter()
            .filter(|outcome| outcome.phase.starts_with("idle"))
            .filter_map(|outcome| outcome.usage.map(|usage| usage.rss_mb * 1e6))
            .collect();
        let octets = match memory.as_slice() {
            [empty, full] => Some((full - empty).max(0.0) / f64::from(routes)),
            _ => None,
        };
        let (announce_us, withdraw_us) = (micros("announce"), micros("withdraw"));
        points.push(Point { daemon: run.kind.to_string(), routes, announce_us, withdraw_us, octets });
        if announce_us.is_none() {
            break;
        }
    }
    Ok(points)
}

/// As a table.
pub fn table(points: &[Point]) -> String {
    let mut out = format!("{:<8}{:>10}{:>16}{:>16}{:>16}\n", "", "routes", "announce", "withdraw", "memory");
    let show =
        |value: Option<f64>, unit: &str| value.map_or("-".to_owned(), |value| format!("{value:.2} {unit}"));
    for point in points {
        // Writing to a String does not fail.
        let _ = writeln!(
            out,
            "{:<8}{:>10}{:>16}{:>16}{:>16}",
            point.daemon,
            point.routes,
            show(point.announce_us, "us"),
            show(point.withdraw_us, "us"),
            show(point.octets, "octets"),
        );
    }
    out
}

/// As a plot.
pub fn svg(points: &[Point]) -> String {
    let panels = [
        panel(points, "announce: us a route", |point| point.announce_us),
        panel(points, "withdraw: us a route", |point| point.withdraw_us),
        panel(points, "memory: octets a route", |point| point.octets),
    ];
    plot("routes", &panels)
}

fn panel(points: &[Point], title: &str, of: fn(&Point) -> Option<f64>) -> Panel {
    let line = |(kind, colour): (Kind, &'static str)| {
        let name = kind.to_string();
        let mine = points.iter().filter(|point| point.daemon == name);
        let points: Vec<(f64, f64)> =
            mine.filter_map(|point| Some((f64::from(point.routes), of(point)?))).collect();
        (!points.is_empty()).then_some(Line { name, colour, points })
    };
    let lines = [(Kind::Weft, "#0072b2"), (Kind::Frr, "#d55e00")].into_iter().filter_map(line).collect();
    Panel { title: title.to_owned(), lines }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plot_has_a_line_for_each_daemon_that_was_measured() {
        let point = |daemon: &str, routes| Point {
            daemon: daemon.into(),
            routes,
            announce_us: Some(1.0),
            withdraw_us: None,
            octets: Some(80.0),
        };
        let both = [point("Weft", 10_000), point("Weft", 100_000), point("FRR", 10_000)];
        assert_eq!(svg(&both).matches("<polyline").count(), 4, "two panels with two lines");
        assert_eq!(svg(&both[..2]).matches("<polyline").count(), 2);
        let words: Vec<String> =
            table(&both).lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(words.get(2).map(String::as_str), Some("Weft 100000 1.00 us - 80.00 octets"));
    }
}
