//! When a row is taken once more. The budget is that of a quiet machine, so a target that was missed while the machine's
//! host gave its CPUs to others is not judged before `DISTURBED` tries. What fails with Weft, or misses a target while
//! nobody disturbs, is not tried again.

use super::quiet::QUIET;
use super::{Row, Taken, table};
use crate::speaker::Kind;

/// Tries of a row with Weft, the first included.
const DISTURBED: u32 = 3;
/// Tries of a row that fails with FRR: its figures are wanted all the same.
const FAILED: u32 = 2;

/// Why a row is taken once more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Again {
    /// FRR failed.
    Failed,
    /// Weft missed a target, and this share of the CPU time that the machine wanted was not to be had.
    Disturbed(f64),
}

/// Whether a row is to be taken once more after so many tries.
pub fn again(row: &Row, kind: Kind, taken: &Taken, tries: u32) -> Option<Again> {
    match (kind, &taken.figures, taken.stolen) {
        (Kind::Frr, Err(_), _) if tries < FAILED => Some(Again::Failed),
        (Kind::Weft, Ok(_), Some(stolen)) if stolen > QUIET && tries < DISTURBED => {
            let missed = table::lines(row, Some(taken), None).iter().any(|line| line.met == Some(false));
            missed.then_some(Again::Disturbed(stolen))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LabError;
    use crate::bench::{Measure, Unit};

    const ROW: Row = Row {
        name: "r",
        workload: "w",
        measures: &[Measure { name: "time", unit: Unit::Seconds, target: Some(0.6) }],
        with_frr: true,
        run: |_| Ok(Vec::new()),
    };

    fn taken(seconds: Option<f64>, stolen: f64) -> Taken {
        let figures =
            seconds.map(|seconds| vec![("time", Some(seconds))]).ok_or(LabError::Unexpected("x".into()));
        Taken { figures, stolen: Some(stolen) }
    }

    #[test]
    fn only_a_target_missed_on_a_disturbed_machine_is_tried_again() {
        let weft = |seconds, stolen, tries| again(&ROW, Kind::Weft, &taken(seconds, stolen), tries);
        assert_eq!(weft(Some(0.7), 0.2, 1), Some(Again::Disturbed(0.2)));
        assert_eq!(weft(Some(0.7), 0.2, DISTURBED), None, "it is missed");
        assert_eq!(weft(Some(0.7), QUIET, 1), None, "nobody disturbed");
        assert_eq!(weft(Some(0.6), 0.2, 1), None, "met all the same");
        assert_eq!(weft(None, 0.2, 1), None, "a failure is none of the machine");
        let unknown = Taken { stolen: None, ..taken(Some(0.7), 0.0) };
        assert_eq!(again(&ROW, Kind::Weft, &unknown, 1), None);
    }

    #[test]
    fn a_row_that_fails_with_frr_has_a_second_try() {
        let frr = |seconds, tries| again(&ROW, Kind::Frr, &taken(seconds, 0.2), tries);
        assert_eq!((frr(None, 1), frr(None, 2)), (Some(Again::Failed), None));
        assert_eq!(frr(Some(99.0), 1), None, "FRR has no targets");
    }
}
