//! Daemons, sessions, ports and devices go and come.

use crate::fabric;
use std::time::Duration;
use weft_tests::Result;
use weft_tests::fabric::{Fabric, Plan};
use weft_tests::ping::Loss;
use weft_tests::scenario::resilience;
use weft_tests::speaker::Kind;

fn nothing_lost(loss: &Loss) {
    assert_eq!(loss.lost, 0, "{loss}");
}

#[test]
fn a_killed_leaf_that_restarts_at_once_loses_nothing() -> Result<()> {
    nothing_lost(&resilience::kill_leaf(&mut fabric()?, Duration::ZERO)?);
    Ok(())
}

#[test]
fn a_killed_leaf_that_restarts_after_a_second_loses_nothing() -> Result<()> {
    nothing_lost(&resilience::kill_leaf(&mut fabric()?, Duration::from_secs(1))?);
    Ok(())
}

/// FRR promises no End-of-RIB, says that it has restarted itself, and takes a second to send its routes. (It forgets the
/// EVPN routes of a neighbour that restarts, so the others lose their way to the killed leaf, whatever that one does: no
/// pings here.)
#[test]
fn a_killed_leaf_of_an_frr_reflector_forgets_nothing() -> Result<()> {
    let mut fabric = Fabric::up(Plan { reflector: Kind::Frr, ..Plan::all(Kind::Weft) })?;
    let forgotten = resilience::forgotten_by_killed_leaf(&mut fabric)?;
    assert!(forgotten.is_empty(), "{forgotten:#?}");
    Ok(())
}

#[test]
fn all_daemons_killed_and_restarted_at_once_lose_and_forget_nothing() -> Result<()> {
    let (loss, forgotten) = resilience::kill_all(&mut fabric()?)?;
    nothing_lost(&loss);
    assert!(forgotten.is_empty(), "{forgotten:#?}");
    Ok(())
}

#[test]
fn a_killed_reflector_loses_nothing() -> Result<()> {
    nothing_lost(&resilience::kill_reflector(&mut fabric()?, Duration::ZERO)?);
    Ok(())
}

#[test]
fn a_killed_reflector_waits_for_its_last_client_and_loses_nothing() -> Result<()> {
    nothing_lost(&resilience::kill_reflector_with_a_late_client(&mut fabric()?)?);
    Ok(())
}

#[test]
fn a_killed_reflector_that_knows_its_clients_by_a_range_loses_nothing() -> Result<()> {
    let mut fabric = fabric()?;
    resilience::clients_by_range(&mut fabric)?;
    nothing_lost(&resilience::kill_reflector_with_a_late_client(&mut fabric)?);
    Ok(())
}

#[test]
fn a_killed_leaf_of_a_range_loses_nothing() -> Result<()> {
    let mut fabric = fabric()?;
    resilience::clients_by_range(&mut fabric)?;
    nothing_lost(&resilience::kill_leaf(&mut fabric, Duration::from_secs(1))?);
    Ok(())
}

#[test]
fn clearing_all_sessions_loses_nothing() -> Result<()> {
    nothing_lost(&resilience::clear_sessions(&mut fabric()?)?);
    Ok(())
}

#[test]
fn what_was_withdrawn_while_the_daemon_was_down_leaves_no_ghost() -> Result<()> {
    let left = resilience::ghosts(&mut fabric()?, Duration::from_secs(3))?;
    assert!(left.is_empty(), "{left:#?}");
    Ok(())
}

#[test]
fn a_port_that_goes_down_takes_its_host_with_it() -> Result<()> {
    let took = resilience::port_down(&fabric()?)?;
    // A carrier that goes is reported by the kernel at most once a second.
    assert!(took <= Duration::from_millis(1200), "{took:?}");
    Ok(())
}

#[test]
fn a_vxlan_device_that_is_made_again_serves_again() -> Result<()> {
    let took = resilience::vxlan_recreated(&fabric()?)?;
    assert!(took <= Duration::from_secs(1), "{took:?}");
    Ok(())
}

#[test]
fn a_netlink_overrun_is_survived_and_repaired() -> Result<()> {
    let took = resilience::netlink_overrun(&mut fabric()?, 30_000)?;
    assert!(took <= Duration::from_secs(5), "{took:?}");
    Ok(())
}

#[test]
fn an_address_that_no_longer_answers_is_withdrawn() -> Result<()> {
    resilience::silent_host_ages(&fabric()?)?;
    Ok(())
}
