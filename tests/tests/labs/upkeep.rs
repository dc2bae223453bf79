//! Routed tenants over time: restarts, changes, foreign hands.

use crate::routing::{form, plan};
use std::time::Duration;
use weft_tests::Result;
use weft_tests::routed::Fabric;
use weft_tests::scenario::{upkeep, vni_role};

#[test]
fn a_killed_leaf_that_restarts_at_once_loses_no_routed_packet() -> Result<()> {
    let loss = upkeep::kill_leaf(&mut Fabric::up(&plan())?, Duration::ZERO)?;
    assert_eq!(loss.lost, 0, "{loss}");
    Ok(())
}

#[test]
fn a_killed_leaf_that_restarts_after_a_second_loses_no_routed_packet() -> Result<()> {
    let loss = upkeep::kill_leaf(&mut Fabric::up(&plan())?, Duration::from_secs(1))?;
    assert_eq!(loss.lost, 0, "{loss}");
    Ok(())
}

#[test]
fn an_l3vni_that_changes_ten_times_ends_in_the_same_state_each_time() -> Result<()> {
    upkeep::l3vni_changes(&Fabric::up(&plan())?, 10)
}

#[test]
fn a_vrf_that_is_removed_leaves_nothing_in_the_kernel() -> Result<()> {
    upkeep::vrf_removed_leaves_nothing(&mut Fabric::build(&plan())?)
}

#[test]
fn what_leads_to_another_leaf_is_put_right_within_50_ms() -> Result<()> {
    let limit = Duration::from_millis(50);
    let repairs = upkeep::foreign_changes(&Fabric::up(&plan())?, Duration::from_secs(1))?;
    let late: Vec<_> = repairs.iter().filter(|repair| repair.took.is_none_or(|took| took > limit)).collect();
    assert!(late.is_empty(), "{late:?} with {:?}", form());
    Ok(())
}

#[test]
fn a_vni_that_changes_between_l2_and_l3_works_in_each_role_and_leaves_nothing() -> Result<()> {
    vni_role::changes(2)
}
