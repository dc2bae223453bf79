//! The benchmarks work: every row, with a hundredth of its load, gives every figure that it promises. What
//! the figures are is no matter here.

use std::time::Duration;
use weft_tests::bench::Run;
use weft_tests::bench::growth::{self, CASES};
use weft_tests::bench::rows::ROWS;
use weft_tests::speaker::Kind;
use weft_tests::{Result, ensure};

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
}

#[test]
fn frr_can_stand_in_wefts_place() -> Result<()> {
    row("receivers", Kind::Frr)
}

fn grows(name: &str, kind: Kind) -> Result<()> {
    let case = CASES.iter().find(|case| case.name == name);
    let case = case.ok_or_else(|| weft_tests::LabError::Unexpected(format!("no case is called {name}")))?;
    let mut points = Vec::new();
    case.measure(&quick(kind), |point| points.push(point))?;
    let complete = points.iter().all(|point| point.times.iter().all(|time| time.us.is_some()));
    ensure(points.len() == 3 && complete, || format!("{points:?}"))?;
    let verdicts = case.verdicts(&points);
    ensure(verdicts.len() == case.parts.len(), || format!("{verdicts:?}"))?;
    ensure(growth::svg(&points).matches("<polyline").count() >= case.parts.len(), || "no lines".into())
}

macro_rules! cases {
    ($($test:ident: $name:literal;)*) => {
        $(#[test]
        fn $test() -> Result<()> {
            grows($name, Kind::Weft)
        })*

        #[test]
        fn every_case_of_growth_is_tested() {
            let tested = [$($name),*];
            assert_eq!(CASES.iter().map(|case| case.name).collect::<Vec<_>>(), tested);
        }
    };
}

cases! {
    growth_reflect: "reflect";
    growth_random_shape: "random shape";
    growth_receivers: "receivers";
    growth_senders: "senders";
    growth_unique_attributes: "unique attributes";
    growth_one_route_an_update: "one route an UPDATE";
    growth_vtep: "vtep";
    growth_vtep_loss: "vtep loss";
    growth_vni: "VNI";
    growth_type_5: "type-5";
    growth_bridge_flap: "bridge flap";
    growth_adoption: "adoption";
}

#[test]
fn frr_grows_in_the_same_way() -> Result<()> {
    grows("vtep", Kind::Frr)
}
