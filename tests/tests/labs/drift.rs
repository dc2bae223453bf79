//! What somebody else does to our kernel entries is undone at once.

use crate::fabric;
use std::time::Duration;
use weft_tests::Result;
use weft_tests::scenario::drift;

#[test]
fn every_foreign_change_is_undone_within_50_ms() -> Result<()> {
    let limit = Duration::from_millis(50);
    let repairs = drift::foreign_changes(&fabric()?, Duration::from_secs(1))?;
    let late: Vec<_> = repairs.iter().filter(|repair| repair.took.is_none_or(|took| took > limit)).collect();
    assert!(late.is_empty(), "{late:?}");
    Ok(())
}
