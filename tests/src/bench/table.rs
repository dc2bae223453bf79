//! The table that a benchmark run prints: what was done, Weft, FRR, ratio, target, met or not.

use super::{Figures, Measure, Row, Unit};
use serde::Serialize;
use std::fmt::Write as _;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// What was measured.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// Weft's figure; `None`: not within the limit, or not measured.
    pub weft: Option<f64>,
    /// FRR's.
    pub frr: Option<f64>,
    /// How many times better Weft is.
    pub ratio: Option<f64>,
    /// What Weft must reach.
    pub target: Option<f64>,
    /// Whether it does; `None` without a target.
    pub met: Option<bool>,
    /// Whether each daemon, Weft and FRR, got to it: what it has no figure for took too long then.
    pub ran: [bool; 2],
}

/// The lines of a row from the figures of both daemons, or of one.
pub fn lines(row: &Row, weft: Option<&Figures>, frr: Option<&Figures>) -> Vec<Line> {
    let of = |figures: Option<&Figures>, measure: &Measure| {
        figures?.iter().find(|(name, _)| *name == measure.name).map(|(_, value)| *value)
    };
    (row.measures.iter())
        .map(|measure| {
            let found = [of(weft, measure), of(frr, measure)];
            let [mine, other] = found.map(Option::flatten);
            let ratio =
                mine.zip(other).filter(|(mine, other)| *mine > 0.0 && *other > 0.0).map(|(mine, other)| {
                    if measure.unit.more_is_better() { mine / other } else { other / mine }
                });
            Line {
                name: measure.name,
                unit: measure.unit,
                weft: mine,
                frr: other,
                ratio,
                target: measure.target,
                // What took too long has not met its target.
                met: measure
                    .target
                    .filter(|_| weft.is_some())
                    .map(|_| mine.and_then(|mine| measure.met_by(mine)) == Some(true)),
                ran: found.map(|figure| figure.is_some()),
            }
        })
        .collect()
}

/// The head of the table.
pub fn head() -> String {
    format!("{:<30}{:>12}{:>12}{:>9}{:>14}  {}\n", "", "FRR", "Weft", "ratio", "target", "met")
}

/// One line as text; `limit` is what a figure that is missing is more than.
pub fn text(line: &Line, limit: f64) -> String {
    let [weft_ran, frr_ran] = line.ran;
    let show = |value: Option<f64>, ran: bool| match value {
        Some(value) => line.unit.show(value),
        None if ran && line.unit == Unit::Seconds => format!("> {limit:.0} s"),
        None if ran => "none".to_owned(),
        None => "-".to_owned(),
    };
    let sign = if line.unit.more_is_better() { ">=" } else { "<=" };
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = writeln!(
        out,
        "{:<30}{:>12}{:>12}{:>9}{:>14}  {}",
        line.name,
        show(line.frr, frr_ran),
        show(line.weft, weft_ran),
        line.ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.1} x")),
        line.target.map_or("-".to_owned(), |target| format!("{sign} {}", line.unit.show(target))),
        line.met.map_or("", |met| if met { "yes" } else { "NO" }),
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn less_is_better_but_for_rates() {
        let weft = vec![("time", Some(0.5)), ("moves", Some(900.0)), ("memory", Some(100.0))];
        let frr = vec![("time", Some(5.0)), ("moves", Some(9.0)), ("memory", Some(1100.0))];
        let lines = lines(&ROW, Some(&weft), Some(&frr));
        let ratios: Vec<f64> = lines.iter().map(|line| line.ratio.unwrap()).collect();
        assert_eq!(ratios, [10.0, 100.0, 11.0]);
        assert_eq!(lines.iter().map(|line| line.met).collect::<Vec<_>>(), [Some(true), Some(false), None]);
        let printed = text(&lines[1], 60.0);
        assert!(printed.contains(">= 1000/s") && printed.trim_end().ends_with("NO"), "{printed}");
    }

    #[test]
    fn what_took_too_long_has_not_met_its_target() {
        let late = lines(&ROW, Some(&vec![("time", None)]), None);
        assert_eq!((late[0].met, late[2].met), (Some(false), None));
        let printed = text(&late[0], 60.0);
        assert!(printed.contains("> 60 s") && printed.contains(" - "), "{printed}");
        assert_eq!(lines(&ROW, None, None)[0].met, None);
    }
}
