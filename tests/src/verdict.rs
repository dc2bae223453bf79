//! How labs judge figures that a machine disturbs: several measurements, of which most must be good and none
//! beyond what a fault would show. The figures themselves are `make figures`' and `make bench`'s matter.

use crate::error::{Result, ensure};
use crate::ping::Loss;

/// Packets at 10 ms: a machine that stands still for a moment loses less, a speaker that waits for a timer of a second
/// loses more.
const FAULT: usize = 80;

/// Measures until most of `count` losses (an odd number) are within `limit` packets, or cannot be. A measurement may
/// give more than one loss.
///
/// # Errors
///
/// Those of the measurement; `Unexpected` with every loss seen when most are over the limit, or at the first one that
/// no disturbance explains.
pub fn most_within(limit: usize, count: usize, mut measure: impl FnMut() -> Result<Vec<Loss>>) -> Result<()> {
    let mut seen: Vec<Loss> = Vec::new();
    let enough = count / 2 + 1;
    loop {
        let over = |seen: &[Loss]| seen.iter().filter(|loss| loss.lost > limit).count();
        if seen.len() - over(&seen) >= enough {
            return Ok(());
        }
        ensure(over(&seen) < enough, || format!("most lost more than {limit}: {seen:?}"))?;
        let losses = measure()?;
        ensure(!losses.is_empty(), || "a measurement without a loss to judge".into())?;
        for loss in losses {
            ensure(loss.lost <= limit.max(FAULT), || format!("{loss:?} after {seen:?}"))?;
            seen.push(loss);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(losses: &[usize]) -> (Result<()>, usize) {
        let mut left = losses.iter();
        let judged = most_within(3, 5, || {
            Ok(left.next().map(|lost| Loss { lost: *lost, ..Loss::default() }).into_iter().collect())
        });
        (judged, left.len())
    }

    #[test]
    fn most_decide_and_no_more_is_measured_than_that_takes() {
        assert!(matches!(judge(&[0, 3, 1, 99]), (Ok(()), 1)));
        assert!(matches!(judge(&[4, 0, 15, 0, 3, 99]), (Ok(()), 1)));
        assert!(matches!(judge(&[4, 0, 15, 0, 80, 0]), (Err(_), 1)));
    }

    #[test]
    fn a_fault_is_not_outvoted() {
        assert!(matches!(judge(&[0, 0, 81, 0, 0]), (Err(_), 2)));
        assert!(matches!(judge(&[]), (Err(_), 0)));
    }
}
