//! The benchmarks work: every row, with a hundredth of its load, gives every figure that it promises. What
//! the figures are is no matter here.

use std::time::Duration;
use weft_tests::bench::rows::ROWS;
use weft_tests::bench::{Run, Unit, growth};
use weft_tests::speaker::Kind;
use weft_tests::{Result, ensure};

/// Lines that an attack by one peer may bring within a minute.
const LOG_LINES: f64 = 40.0;

fn quick(kind: Kind) -> Run {
    Run { kind, quick: true, seed: 1, limit: Duration::from_secs(60) }
}

fn row(name: &str, kind: Kind) -> Result<()> {
    let row = ROWS.iter().find(|row| row.name == name);
    let row = row.ok_or_else(|| weft_tests::LabError::Unexpected(format!("no row is called {name}")))?;
    let figures = (row.run)(&quick(kind))?;
    for measure in row.measures {
        let figure = figures.iter().find(|(name, _)| *name == measure.name).and_then(|(_, value)| *value);
        ensure(figure.is_some_and(|value| value >= 0.0), || format!("{}: {figures:?}", measure.name))?;
        // Whatever is done to the daemon, its log can be read.
        let lines = figure.filter(|_| measure.unit == Unit::Lines);
        ensure(lines.is_none_or(|lines| lines <= LOG_LINES), || format!("{}: {figures:?}", measure.name))?;
    }
    Ok(())
}

macro_rules! rows {
    ($($test:ident: $name:literal;)*) => {
        $(#[test]
        fn $test() -> Result<()> {
            row($name, Kind::Weft)
        })*

        #[test]
        fn every_row_is_tested() {
            let tested = [$($name),*];
            assert_eq!(ROWS.iter().map(|row| row.name).collect::<Vec<_>>(), tested);
        }
    };
}

rows! {
    reflect: "reflect";
    random_shapes: "random shapes";
    receivers: "receivers";
    senders: "senders";
    vtep_100k: "vtep 100k";
    vtep_500k: "vtep 500k";
    vtep_loss: "vtep loss";
    vni: "VNI";
    type_5: "type-5";
    bridge_flap: "bridge flap";
    adoption: "adoption";
    cold_start: "cold start";
    unique_attributes: "unique attributes";
    one_route_an_update: "one route an UPDATE";
    flaps: "flaps";
    slow_reader: "slow reader";
    maximum_prefix: "maximum prefix";
    session_flaps: "session flaps";
}

#[test]
fn frr_can_stand_in_wefts_place() -> Result<()> {
    row("receivers", Kind::Frr)
}

#[test]
fn growth_has_a_point_for_each_size() -> Result<()> {
    let points = growth::measure(&quick(Kind::Weft))?;
    ensure(points.len() == growth::SIZES.len(), || format!("{points:?}"))?;
    ensure(points.iter().all(|point| point.announce_us.is_some() && point.octets.is_some()), || {
        format!("{points:?}")
    })
}
