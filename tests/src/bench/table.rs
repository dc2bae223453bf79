//! The table that a benchmark run prints: what was done, FRR, Weft, ratio, target, met or not, and how disturbed the
//! machine was.

use super::rows::ROWS;
use super::{Measure, Row, Taken, Unit};
use serde::Serialize;
use std::fmt::Write as _;

/// No line of the table is longer.
const WIDTH: usize = 120;

/// What a daemon has for a measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The row was not run with it.
    NotRun,
    /// The row failed with it: no figure of it can be trusted.
    Failed,
    /// It did not get to this: something before took longer than the limit.
    NotReached,
    /// It took longer than the limit.
    TooLong,
    /// A figure.
    Measured,
}

/// One daemon's part of a line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Part {
    /// What there is.
    pub state: State,
    /// The figure, if there is one.
    pub figure: Option<f64>,
    /// The share of the CPU time wanted while the row ran that the machine's host gave to others, from 0 to 1.
    pub stolen: Option<f64>,
}

impl Part {
    fn of(taken: Option<&Taken>, measure: &Measure) -> Self {
        let Some(taken) = taken else {
            return Self { state: State::NotRun, figure: None, stolen: None };
        };
        let (state, figure) = match &taken.figures {
            Err(_) => (State::Failed, None),
            Ok(figures) => match figures.iter().find(|(name, _)| *name == measure.name) {
                None => (State::NotReached, None),
                Some((_, None)) => (State::TooLong, None),
                Some((_, Some(figure))) => (State::Measured, Some(*figure)),
            },
        };
        Self { state, figure, stolen: taken.stolen }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// What was measured.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// Weft's part.
    pub weft: Part,
    /// FRR's.
    pub frr: Part,
    /// How many times better Weft is.
    pub ratio: Option<f64>,
    /// What Weft must reach.
    pub target: Option<f64>,
    /// Whether it does; `None` without a target, or where the row failed.
    pub met: Option<bool>,
}

/// The lines of a row from what came of it with both daemons, or with one.
pub fn lines(row: &Row, weft: Option<&Taken>, frr: Option<&Taken>) -> Vec<Line> {
    (row.measures.iter())
        .map(|measure| {
            let (weft, frr) = (Part::of(weft, measure), Part::of(frr, measure));
            let both = weft.figure.zip(frr.figure).filter(|(mine, other)| *mine > 0.0 && *other > 0.0);
            let ratio = both
                .map(|(mine, other)| if measure.unit.more_is_better() { mine / other } else { other / mine });
            // What took too long has not met its target.
            let judged = !matches!(weft.state, State::NotRun | State::Failed);
            let met = measure
                .target
                .filter(|_| judged)
                .map(|_| weft.figure.and_then(|mine| measure.met_by(mine)) == Some(true));
            Line { name: measure.name, unit: measure.unit, weft, frr, ratio, target: measure.target, met }
        })
        .collect()
}

/// Room for the longest name there is.
fn name_width() -> usize {
    ROWS.iter().flat_map(|row| row.measures).map(|measure| measure.name.len()).max().unwrap_or(0)
}

fn columns(columns: [&str; 7]) -> String {
    let [name, frr, weft, ratio, target, met, stolen] = columns;
    let line = format!(
        "{name:<width$}{frr:>12}{weft:>12}{ratio:>11}{target:>15}{met:>5}{stolen:>15}",
        width = name_width()
    );
    format!("{}\n", line.trim_end())
}

/// The head of the table.
pub fn head() -> String {
    columns(["", "FRR", "Weft", "ratio", "target", "met", "stolen"])
}

/// What the columns mean; follows the table.
pub fn legend() -> String {
    wrapped(
        "",
        "stolen: of the CPU time that the machine wanted while the row ran with FRR / with Weft, the share that its host \
         gave to others. Figures with more than 5 % stolen are not those of a quiet machine: a row that misses a target with \
         Weft then is taken again, three times in all; the last is judged.",
    )
}

/// A row's name and workload, above its lines.
pub fn title(row: &Row) -> String {
    wrapped("  ", &format!("{}: {}", row.name, row.workload))
}

/// Why there are no figures, in few words: the first line of the reason.
pub fn failure(daemon: &str, reason: &str) -> String {
    let first = reason.lines().next().unwrap_or_default();
    let mut words: String = first.chars().take(WIDTH - 30).collect();
    if words.len() < first.len() {
        words += " …";
    }
    format!("  {daemon} failed: {words}\n")
}

/// What was missed while the machine was not quiet, and is not judged.
pub fn disturbed(lines: &[Line], stolen: f64) -> String {
    let missed: Vec<String> = (lines.iter().filter(|line| line.met == Some(false)))
        .map(|line| {
            let figure =
                line.weft.figure.map_or_else(|| "too long".to_owned(), |figure| line.unit.show(figure));
            format!("{} {figure}", line.name)
        })
        .collect();
    let text = format!("  missed with {:.0} % stolen, tried again: {}", stolen * 100.0, missed.join(", "));
    format!("  {}", wrapped("    ", &text).trim_start())
}

/// Text in lines that are not too long; all but the first begin with `indent`.
pub fn wrapped(indent: &str, text: &str) -> String {
    let (mut out, mut line) = (String::new(), String::new());
    for word in text.split_whitespace() {
        if !line.trim().is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            out += &line;
            out.push('\n');
            indent.clone_into(&mut line);
        } else if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    out + &line + "\n"
}

/// One line as text; a figure that is missing is more than the limit, which is FRR's and twice as much for Weft
/// (`limits`: FRR's, Weft's).
pub fn text(line: &Line, limits: [f64; 2]) -> String {
    let [frr_limit, weft_limit] = limits;
    let show = |part: &Part, limit: f64| match (part.state, part.figure) {
        (_, Some(figure)) => line.unit.show(figure),
        (State::Failed, _) => "failed".to_owned(),
        (State::TooLong, _) if line.unit == Unit::Seconds => format!("> {limit:.0} s"),
        _ => "-".to_owned(),
    };
    let sign = if line.unit.more_is_better() { ">=" } else { "<=" };
    let percent = |part: &Part| match part.stolen {
        Some(stolen) if part.state != State::NotRun => format!("{:.0}", stolen * 100.0),
        _ => "-".to_owned(),
    };
    let mut stolen = String::new();
    if line.frr.stolen.is_some() || line.weft.stolen.is_some() {
        // Writing to a String does not fail.
        let _ = write!(stolen, "{} / {} %", percent(&line.frr), percent(&line.weft));
    }
    columns([
        line.name,
        &show(&line.frr, frr_limit),
        &show(&line.weft, weft_limit),
        &line.ratio.map_or("-".to_owned(), ratio),
        &line.target.map_or("-".to_owned(), |target| format!("{sign} {}", line.unit.show(target))),
        line.met.map_or("", |met| if met { "yes" } else { "NO" }),
        &stolen,
    ])
}

fn ratio(ratio: f64) -> String {
    if ratio >= 100.0 { format!("{ratio:.0} x") } else { format!("{ratio:.1} x") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LabError;
    use crate::bench::Figures;

    const ROW: Row = Row {
        name: "r",
        workload: "w",
        measures: &[
            Measure { name: "time", unit: Unit::Seconds, target: Some(0.6) },
            Measure { name: "moves", unit: Unit::PerSecond, target: Some(1000.0) },
            Measure { name: "memory", unit: Unit::Megabytes, target: None },
        ],
        with_frr: true,
        run: |_| Ok(Vec::new()),
    };

    fn taken(figures: Figures) -> Taken {
        Taken { figures: Ok(figures), stolen: Some(0.126) }
    }

    fn shown(line: &Line) -> String {
        text(line, [60.0, 120.0]).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn less_is_better_but_for_rates() {
        let weft = taken(vec![("time", Some(0.5)), ("moves", Some(900.0)), ("memory", Some(100.0))]);
        let frr = taken(vec![("time", Some(5.0)), ("moves", Some(9.0)), ("memory", Some(1100.0))]);
        let lines = lines(&ROW, Some(&weft), Some(&frr));
        let ratios: Vec<f64> = lines.iter().map(|line| line.ratio.unwrap()).collect();
        assert_eq!(ratios, [10.0, 100.0, 11.0]);
        assert_eq!(lines.iter().map(|line| line.met).collect::<Vec<_>>(), [Some(true), Some(false), None]);
        assert_eq!(shown(&lines[1]), "moves 9/s 900/s 100 x >= 1000/s NO 13 / 13 %");
    }

    #[test]
    fn what_took_too_long_has_not_met_its_target_and_what_failed_is_not_judged() {
        let late = lines(&ROW, Some(&taken(vec![("time", None), ("memory", None)])), None);
        assert_eq!(late.iter().map(|line| line.met).collect::<Vec<_>>(), [Some(false), Some(false), None]);
        assert_eq!(shown(&late[0]), "time - > 120 s - <= 0.60 s NO - / 13 %");
        assert_eq!(
            (shown(&late[2]), late[1].weft.state),
            ("memory - - - - - / 13 %".into(), State::NotReached)
        );
        assert_eq!(lines(&ROW, None, None)[0].met, None);
        let failed = Taken { figures: Err(LabError::Unexpected("x".into())), stolen: None };
        let failed = lines(&ROW, Some(&failed), Some(&taken(vec![("time", Some(70.0))])));
        assert_eq!(shown(&failed[0]), "time 70.0 s failed - <= 0.60 s 13 / - %");
        assert_eq!(failed[0].met, None);
    }

    #[test]
    fn what_was_missed_on_a_busy_machine_is_told() {
        let weft = taken(vec![("time", Some(0.7)), ("moves", Some(1100.0)), ("memory", Some(100.0))]);
        let text = disturbed(&lines(&ROW, Some(&weft), None), 0.126);
        assert_eq!(text, "  missed with 13 % stolen, tried again: time 0.70 s\n");
        let late = disturbed(&lines(&ROW, Some(&taken(vec![("time", None)])), None), 0.5);
        assert_eq!(late, "  missed with 50 % stolen, tried again: time too long, moves too long\n");
    }

    #[test]
    fn every_column_has_room_for_the_longest_that_comes() {
        let part = |figure: f64| Part { state: State::Measured, figure: Some(figure), stolen: Some(1.0) };
        let longest =
            ROWS.iter().flat_map(|row| row.measures).max_by_key(|measure| measure.name.len()).unwrap();
        for (unit, figure) in [
            (Unit::Seconds, 86_400.0),
            (Unit::Micros, 123_456_789.0),
            (Unit::Megabytes, 1_234_567.0),
            (Unit::PerSecond, 12_345_678.0),
        ] {
            let line = Line {
                name: longest.name,
                unit,
                weft: part(figure),
                frr: part(figure),
                ratio: Some(1_234_567.0),
                target: Some(figure),
                met: Some(true),
            };
            let (text, head) = (text(&line, [60.0, 120.0]), head());
            assert_eq!(text.trim_end().len(), head.trim_end().len(), "{head}{text}");
            let words = 1 + longest.name.split(' ').count();
            // Figures have two words each but for rates, the target three, met one, the share four.
            let of_figures = if unit == Unit::PerSecond { [1, 1, 2] } else { [2, 2, 3] };
            let all = words - 1 + of_figures.iter().sum::<usize>() + 2 + 1 + 4;
            assert_eq!(text.split_whitespace().count(), all, "nothing runs together: {text}");
            assert!(text.len() <= WIDTH);
        }
    }

    #[test]
    fn words_are_wrapped_and_reasons_are_short() {
        let title = ROWS.iter().map(title).collect::<String>();
        assert!(title.lines().all(|line| line.chars().count() <= WIDTH), "{title}");
        assert!(title.contains("\n  ") && legend().lines().all(|line| line.chars().count() <= WIDTH));
        let words = failure("FRR", "bgpd was ended by SIGSEGV: the session was closed\nlog 1\nlog 2");
        assert_eq!(words, "  FRR failed: bgpd was ended by SIGSEGV: the session was closed\n");
        assert!(failure("FRR", &"ä".repeat(500)).chars().count() < WIDTH);
    }
}
