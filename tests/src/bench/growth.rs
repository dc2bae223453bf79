//! Growth: the work of the rows at three sizes, as time and memory for each route, so that anything worse than
//! linear is seen. A table with a verdict, a plot and its data.
//!
//! Not among the cases are rows in which no table grows: cold start, flaps, the slow reader.

use super::daemon::Subject;
use super::quiet::CpuTime;
use super::reflect::named;
use super::svg::{Line, Panel, plot};
use super::vtep::{self, Cost};
use super::{Run, table};
use crate::error::Result;
use crate::load::phase::Phase;
use crate::load::shape::Shape;
use crate::speaker::Kind;
use serde::Serialize;
use std::fmt::Write as _;
use std::time::Duration;

/// How many routes, in turn.
const SIZES: [u32; 3] = [10_000, 100_000, 1_000_000];
/// The kernel's entries are three for each route.
const KERNEL_SIZES: [u32; 3] = [10_000, 100_000, 500_000];
/// 80 hosts for each of up to 2,500 bridges.
const FLAP_SIZES: [u32; 3] = [10_000, 100_000, 200_000];
/// Lets a daemon come to rest before its memory is read.
const REST: Duration = Duration::from_millis(500);
/// The most that the largest size may take for each route, as a multiple of the middle one.
const LINEAR: f64 = 1.5;
/// The rule of the verdict.
pub const RULE: &str = "linear: at the largest size a route takes at most 1.5 times what it takes at the middle one. \
                        The smallest size is shown only: what does not depend on routes weighs there.";

/// A row whose table grows.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// The workload.
    pub workload: &'static str,
    /// Routes in the table.
    pub sizes: [u32; 3],
    /// What is timed.
    pub parts: &'static [&'static str],
    /// False where FRR has nothing to compare.
    pub with_frr: bool,
    run: fn(&Run, u32) -> Result<Grown>,
}

/// One size.
#[derive(Debug, Clone, Default)]
struct Grown {
    /// Seconds of each part; `None`: not within the limit. Parts behind such a one are missing.
    seconds: Vec<Option<f64>>,
    /// MB of resident memory, more than without routes.
    megabytes: Option<f64>,
    /// The routes that the time is of.
    routes: u32,
}

/// All cases.
pub const CASES: &[Case] = &[
    Case {
        name: "reflect",
        workload: "type-2 MAC/IP routes of 64 VTEPs x 100 VNIs through a route reflector to one client; then withdrawn",
        sizes: SIZES,
        parts: &["announce", "withdraw"],
        with_frr: true,
        run: |run, routes| reflected(run, shape(run, routes), (1, 1), true),
    },
    Case {
        name: "random shape",
        workload: "a table whose VTEPs, VNIs, kinds, tenants, packing and order are drawn by --seed",
        sizes: SIZES,
        parts: &["announce", "withdraw"],
        with_frr: false,
        run: |run, routes| reflected(run, Shape::random(run.seed, routes), (1, 1), true),
    },
    Case {
        name: "receivers",
        workload: "type-2 MAC/IP routes of 64 VTEPs x 100 VNIs to 10 clients",
        sizes: SIZES,
        parts: &["announce"],
        with_frr: true,
        run: |run, routes| reflected(run, shape(run, routes), (1, 10), false),
    },
    Case {
        name: "senders",
        workload: "type-2 MAC/IP routes of 100 VTEPs x 100 VNIs, each VTEP a sender, to one client",
        sizes: SIZES,
        parts: &["announce"],
        with_frr: true,
        run: |run, routes| {
            let senders = run.size(100, 5);
            reflected(run, Shape { vteps: senders, ..shape(run, routes) }, (senders, 1), false)
        },
    },
    Case {
        name: "unique attributes",
        workload: "the routes of 'reflect', each with attributes of its own (a large community); then withdrawn",
        sizes: SIZES,
        parts: &["announce", "withdraw"],
        with_frr: true,
        run: |run, routes| {
            reflected(run, Shape { unique_attributes: true, ..shape(run, routes) }, (1, 1), true)
        },
    },
    Case {
        name: "one route an UPDATE",
        workload: "the routes of 'reflect', each in an UPDATE of its own",
        sizes: SIZES,
        parts: &["announce"],
        with_frr: true,
        run: |run, routes| reflected(run, Shape { per_update: 1, ..shape(run, routes) }, (1, 1), false),
    },
    Case {
        name: "vtep",
        workload: "type-2 MAC/IP routes of 64 VTEPs into 100 VNIs of this VTEP: FDB of bridge and vxlan device, neighbours; \
                   then withdrawn",
        sizes: KERNEL_SIZES,
        parts: &["written", "withdrawn"],
        with_frr: true,
        run: |run, routes| programmed(run, 64, routes),
    },
    Case {
        name: "vtep loss",
        workload: "the same with all routes of one VTEP",
        sizes: KERNEL_SIZES,
        parts: &["written", "withdrawn"],
        with_frr: true,
        run: |run, routes| programmed(run, 1, routes),
    },
    Case {
        name: "VNI",
        workload: "a leaf without VNIs holds the routes of VNIs of 1,000 hosts each; the vxlan device of one of them joins its \
                   bridge, and leaves it; time for each of that VNI's routes, beside the size of the whole table",
        sizes: SIZES,
        parts: &["added", "removed"],
        with_frr: true,
        run: |run, routes| {
            let hosts = run.size(1_000, 100);
            let seconds = vtep::joined(run, (routes / hosts).max(1), hosts)?.to_vec();
            Ok(Grown { seconds, megabytes: None, routes: hosts })
        },
    },
    Case {
        name: "type-5",
        workload: "type-5 IPv4 prefixes of 64 VTEPs into one tenant's table of the kernel",
        sizes: KERNEL_SIZES,
        parts: &["written"],
        with_frr: true,
        run: |run, routes| {
            let cost = vtep::installed(run, routes)?;
            Ok(Grown { seconds: vec![cost.written], megabytes: more(&cost), routes })
        },
    },
    Case {
        name: "bridge flap",
        workload: "type-2 MAC/IP routes in VNIs of 80 hosts each; all bridges go down, and up in one command: from its end",
        sizes: FLAP_SIZES,
        parts: &["right again"],
        with_frr: true,
        run: |run, routes| {
            let shape = Shape { vnis: (routes / 80).max(1), ..shape(run, routes) };
            Ok(Grown { seconds: vec![vtep::flapped(run, shape)?], megabytes: None, routes })
        },
    },
    Case {
        name: "adoption",
        workload: "type-2 MAC/IP routes in 100 VNIs are in the kernel; the daemon is killed and starts again: until all is compared",
        sizes: KERNEL_SIZES,
        parts: &["adopted"],
        with_frr: true,
        run: |run, routes| {
            let shape = Shape { vnis: run.size(100, 4), ..shape(run, routes) };
            Ok(Grown { seconds: vec![vtep::adopted(run, shape)?], megabytes: None, routes })
        },
    },
];

fn shape(run: &Run, routes: u32) -> Shape {
    Shape { routes, seed: run.seed, ..Shape::default() }
}

fn reflected(run: &Run, shape: Shape, sessions: (u32, u32), withdraw: bool) -> Result<Grown> {
    let routes = shape.routes;
    let idle = Phase::Idle { time: REST };
    let mut phases = vec![idle, Phase::Announce, idle];
    phases.extend(withdraw.then_some(Phase::Withdraw));
    let (senders, sinks) = sessions;
    let outcomes = Subject::reflector(run, senders, sinks)?.phases(run, shape, sessions, phases)?;
    let seconds =
        ["announce", "withdraw"].into_iter().filter_map(|phase| Some(named(&outcomes, phase)?.seconds));
    let resting = outcomes.iter().filter(|outcome| outcome.phase.starts_with("idle"));
    let memory: Vec<f64> = resting.filter_map(|outcome| outcome.usage.map(|usage| usage.rss_mb)).collect();
    let megabytes = match memory.as_slice() {
        [empty, full] => Some(full - empty),
        _ => None,
    };
    Ok(Grown { seconds: seconds.collect(), megabytes, routes })
}

fn programmed(run: &Run, vteps: u32, routes: u32) -> Result<Grown> {
    let cost = vtep::programmed(run, Shape { vteps, vnis: run.size(100, 4), ..shape(run, routes) })?;
    let withdrawn = cost.written.is_some().then_some(cost.removed);
    let seconds = [cost.written].into_iter().chain(withdrawn).collect();
    Ok(Grown { seconds, megabytes: more(&cost), routes })
}

fn more(cost: &Cost) -> Option<f64> {
    cost.full.map(|full| full - cost.empty)
}

/// One size of one daemon.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The case.
    pub case: &'static str,
    /// The daemon.
    pub daemon: String,
    /// Routes in the table.
    pub routes: u32,
    /// Microseconds for each route, of each part.
    pub times: Vec<Time>,
    /// Octets for each route: what resident memory is more than without routes.
    pub octets: Option<f64>,
    /// The share of the CPU time wanted meanwhile that the machine's host gave to others, from 0 to 1.
    pub stolen: Option<f64>,
}

/// The time of one part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Time {
    /// The part.
    pub part: &'static str,
    /// Microseconds for each route; `None`: not within the limit, or not reached.
    pub us: Option<f64>,
}

/// How a part of a case grows with one daemon.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The case.
    pub case: &'static str,
    /// The daemon.
    pub daemon: String,
    /// The part.
    pub part: &'static str,
    /// Time for each route at the largest size, by that at the middle one.
    pub growth: f64,
    /// Whether that is linear.
    pub linear: bool,
}

impl Case {
    /// True if it has this in its name.
    pub fn is_called(&self, name: &str) -> bool {
        self.name.contains(name)
    }

    /// The sizes of a run.
    pub fn sizes_of(&self, run: &Run) -> [u32; 3] {
        self.sizes.map(|routes| run.size(routes, 200))
    }

    /// Measures a daemon at all sizes, each shown when it is there; ends with the first that takes longer than the
    /// limit.
    ///
    /// # Errors
    /// If a size fails. What was measured before has been shown.
    pub fn measure(&self, run: &Run, mut show: impl FnMut(Point)) -> Result<()> {
        for routes in self.sizes_of(run) {
            let before = CpuTime::now();
            let grown = (self.run)(run, routes)?;
            let stolen = CpuTime::now().zip(before).and_then(|(now, before)| now.stolen_since(before));
            let point = self.point(run.kind, routes, &grown, stolen);
            let complete = point.times.iter().all(|time| time.us.is_some());
            show(point);
            if !complete {
                break;
            }
        }
        Ok(())
    }

    fn point(&self, kind: Kind, routes: u32, grown: &Grown, stolen: Option<f64>) -> Point {
        let of_route = |value: f64| value * 1e6 / f64::from(grown.routes.max(1));
        let seconds = |index: usize| grown.seconds.get(index).copied().flatten();
        let times = (self.parts.iter().enumerate())
            .map(|(index, &part)| Time { part, us: seconds(index).map(of_route) })
            .collect();
        let octets = grown.megabytes.map(|more| of_route(more.max(0.0)));
        Point { case: self.name, daemon: kind.to_string(), routes, times, octets, stolen }
    }

    /// The verdicts on what was measured: one for each daemon and part that has all sizes.
    pub fn verdicts(&self, points: &[Point]) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        for daemon in DAEMONS.map(|(kind, _)| kind.to_string()) {
            for (index, part) in self.parts.iter().enumerate() {
                let mine = points.iter().filter(|point| point.case == self.name && point.daemon == daemon);
                let times: Vec<f64> = mine.filter_map(|point| point.times.get(index)?.us).collect();
                let &[_, middle, largest] = times.as_slice() else { continue };
                if middle > 0.0 {
                    let growth = largest / middle;
                    let linear = growth <= LINEAR;
                    verdicts.push(Verdict { case: self.name, daemon: daemon.clone(), part, growth, linear });
                }
            }
        }
        verdicts
    }

    /// What is done, and the head of the table.
    pub fn head(&self) -> String {
        let title = table::wrapped("  ", &format!("{}: {}", self.name, self.workload));
        let columns = self.parts.iter().copied().chain(["memory", "stolen"]).map(str::to_owned);
        format!("{title}{}", line("", "routes", columns))
    }

    /// The verdicts on one daemon as the last line of its table; nothing without any.
    pub fn conclusion(&self, daemon: &str, verdicts: &[Verdict]) -> String {
        let of = |part: &&str| {
            let found = verdicts
                .iter()
                .find(|one| one.case == self.name && one.daemon == daemon && one.part == *part);
            found.map_or("-".to_owned(), |one| {
                format!("{:.1} x {}", one.growth, if one.linear { "linear" } else { "MORE" })
            })
        };
        if verdicts.iter().any(|one| one.case == self.name && one.daemon == daemon) {
            line("", "growth", self.parts.iter().map(of))
        } else {
            String::new()
        }
    }
}

/// The daemons and their colours.
const DAEMONS: [(Kind, &str); 2] = [(Kind::Weft, "#0072b2"), (Kind::Frr, "#d55e00")];

fn line(daemon: &str, routes: &str, columns: impl Iterator<Item = String>) -> String {
    let mut out = format!("{daemon:<6}{routes:>10}");
    for column in columns {
        // Writing to a String does not fail.
        let _ = write!(out, "{column:>16}");
    }
    out.push('\n');
    out
}

/// One size as a line of the table.
pub fn text(point: &Point) -> String {
    let show =
        |value: Option<f64>, unit: &str| value.map_or("-".to_owned(), |value| format!("{value:.2} {unit}"));
    let times = point.times.iter().map(|time| show(time.us, "us"));
    let stolen = point.stolen.map_or("-".to_owned(), |stolen| format!("{:.0} %", stolen * 100.0));
    let octets = point.octets.map_or("-".to_owned(), |octets| format!("{octets:.0} octets"));
    line(&point.daemon, &point.routes.to_string(), times.chain([octets, stolen]))
}

/// As a plot: for each case its parts and its memory beside each other.
pub fn svg(points: &[Point]) -> String {
    let mut rows = Vec::new();
    for case in CASES.iter().filter(|case| points.iter().any(|point| point.case == case.name)) {
        let title = |what: &str, unit: &str| format!("{}, {what}: {unit} a route", case.name);
        let mut row: Vec<Panel> = (case.parts.iter().enumerate())
            .map(|(index, part)| panel(points, case, title(part, "us"), |point| point.times.get(index)?.us))
            .collect();
        row.push(panel(points, case, title("memory", "octets"), |point| point.octets));
        row.retain(|panel| !panel.lines.is_empty());
        rows.push(row);
    }
    plot("routes", &rows)
}

fn panel(points: &[Point], case: &Case, title: String, of: impl Fn(&Point) -> Option<f64>) -> Panel {
    let line = |(kind, colour): (Kind, &'static str)| {
        let name = kind.to_string();
        let mine = points.iter().filter(|point| point.case == case.name && point.daemon == name);
        let points: Vec<(f64, f64)> =
            mine.filter_map(|point| Some((f64::from(point.routes), of(point)?))).collect();
        (!points.is_empty()).then_some(Line { name, colour, points })
    };
    Panel { title, lines: DAEMONS.into_iter().filter_map(line).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn points(daemon: &str, case: &Case, times: [Option<f64>; 3]) -> Vec<Point> {
        case.sizes
            .iter()
            .zip(times)
            .map(|(&routes, us)| Point {
                case: case.name,
                daemon: daemon.into(),
                routes,
                times: case.parts.iter().map(|&part| Time { part, us }).collect(),
                octets: Some(80.0),
                stolen: Some(0.02),
            })
            .collect()
    }

    fn words(text: &str) -> Vec<String> {
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn what_takes_more_than_half_as_much_again_at_the_largest_size_is_not_linear() {
        let case = &CASES[0];
        let mut all = points("Weft", case, [9.0, 1.0, 1.5].map(Some));
        all.extend(points("FRR", case, [1.0, 1.0, 1.6].map(Some)));
        let verdicts = case.verdicts(&all);
        let short: Vec<_> = verdicts.iter().map(|one| (one.daemon.as_str(), one.part, one.linear)).collect();
        assert_eq!(
            short,
            [
                ("Weft", "announce", true),
                ("Weft", "withdraw", true),
                ("FRR", "announce", false),
                ("FRR", "withdraw", false)
            ]
        );
        assert_eq!(words(&case.conclusion("FRR", &verdicts)), ["growth 1.6 x MORE 1.6 x MORE"]);
        assert_eq!(words(&text(&all[2])), ["Weft 1000000 1.50 us 1.50 us 80 octets 2 %"]);
        assert!(RULE.contains(&format!("{LINEAR} times")));
    }

    #[test]
    fn without_all_sizes_there_is_no_verdict() {
        let case = &CASES[0];
        let late = points("Weft", case, [Some(1.0), Some(1.0), None]);
        assert!(case.verdicts(&late).is_empty() && case.conclusion("Weft", &[]).is_empty());
        assert_eq!(words(&text(&late[2])), ["Weft 1000000 - - 80 octets 2 %"]);
    }

    #[test]
    fn costs_are_for_each_route_and_parts_that_were_not_reached_are_missing() {
        let case = &CASES[0];
        let grown = Grown { seconds: vec![Some(0.5)], megabytes: Some(51.0), routes: 1_000_000 };
        let point = case.point(Kind::Weft, 1_000_000, &grown, None);
        assert_eq!(point.times.iter().map(|time| time.us).collect::<Vec<_>>(), [Some(0.5), None]);
        assert_eq!(point.octets, Some(51.0));
    }

    #[test]
    fn the_plot_has_a_row_for_each_case_and_a_line_for_each_daemon() {
        let mut all = points("Weft", &CASES[0], [1.0; 3].map(Some));
        all.extend(points("FRR", &CASES[0], [Some(1.0), Some(2.0), None]));
        all.extend(points("Weft", &CASES[1], [1.0; 3].map(Some)));
        let drawn = svg(&all);
        assert_eq!(drawn.matches("<polyline").count(), 9, "three panels with two lines, three with one");
        assert!(drawn.contains("reflect, withdraw: us a route") && drawn.contains("random shape, memory"));
    }

    #[test]
    fn cases_have_names_of_their_own_and_their_tables_are_not_too_wide() {
        let names: HashSet<&str> = CASES.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), CASES.len());
        for case in CASES {
            let wide = points("Weft", case, [123_456.0; 3].map(Some));
            let (head, row) = (case.head(), text(&wide[2]));
            assert!(head.lines().chain(row.lines()).all(|line| line.chars().count() <= 120), "{head}{row}");
            assert!(case.sizes.is_sorted() && !case.parts.is_empty());
        }
    }
}
