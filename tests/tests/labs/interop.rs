//! Weft beside FRR 8.4 and GoBGP, as Debian packages them.

use weft_tests::fabric::{Fabric, Leaving, Plan};
use weft_tests::scenario::{basics, constraint, interop, movement};
use weft_tests::speaker::Kind::{self, Frr, Weft};
use weft_tests::{LabError, Result, ensure};

fn plan(reflector: Kind, leaves: [Kind; 2]) -> Plan {
    Plan { reflector, leaves: leaves.to_vec(), ..Plan::all(Weft) }
}

/// Everybody pings, and the machine moves both ways under a ping that gets through again.
fn serves(plan: Plan) -> Result<()> {
    let fabric = Fabric::up(plan)?;
    basics::everybody_pings(&fabric)?;
    for leaving in [Leaving::PortDown, Leaving::Silent] {
        for from in [0, 1] {
            let moves = movement::vm_moves(&fabric, from, leaving)?;
            // FRR's share of the loss is its own; the ping must come back in a second.
            ensure(moves.worst() <= 100, || format!("{leaving:?} from {from}: {moves:?}"))?;
        }
    }
    basics::everybody_pings(&fabric)
}

#[test]
fn an_frr_leaf_and_a_weft_leaf_ping_through_a_weft_reflector() -> Result<()> {
    serves(plan(Weft, [Weft, Frr]))
}

#[test]
fn an_frr_leaf_and_a_weft_leaf_ping_through_an_frr_reflector() -> Result<()> {
    serves(plan(Frr, [Frr, Weft]))
}

#[test]
fn two_weft_leaves_ping_through_an_frr_reflector() -> Result<()> {
    serves(plan(Frr, [Weft, Weft]))
}

#[test]
fn two_frr_leaves_ping_through_a_weft_reflector() -> Result<()> {
    serves(plan(Weft, [Frr, Frr]))
}

#[test]
fn sessions_with_frr_are_signed_by_md5() -> Result<()> {
    let signed = |reflector, leaves| Plan { password: Some("w3ft-s3cret".into()), ..plan(reflector, leaves) };
    basics::everybody_pings(&Fabric::up(signed(Weft, [Weft, Frr]))?)?;
    basics::everybody_pings(&Fabric::up(signed(Frr, [Weft, Frr]))?)
}

#[test]
fn another_password_gives_no_session() -> Result<()> {
    use std::time::Duration;
    let mut fabric = Fabric::build(Plan { password: Some("one".into()), ..plan(Frr, [Weft, Frr]) })?;
    fabric.leaf(0)?.speaker.configure(&weft_tests::fabric::leaf_config(1, Some("two")))?;
    fabric.start()?;
    // The other leaf has the right one: when its session is up, ours had its chance.
    fabric.leaf(1)?.speaker.wait_established(1, weft_tests::fabric::LIMIT)?;
    match fabric.leaf(0)?.speaker.wait_established(1, Duration::from_secs(3)) {
        Err(_) => Ok(()),
        Ok(_) => Err(LabError::Unexpected("a session with the wrong password".into())),
    }
}

#[test]
fn gobgp_routes_of_all_types_pass_through() -> Result<()> {
    interop::gobgp_routes(Weft)
}

#[test]
fn an_unknown_route_type_passes_byte_for_byte() -> Result<()> {
    interop::unknown_route_type(Weft)
}

#[test]
fn gobgp_gets_what_its_vrfs_import_from_a_weft_reflector() -> Result<()> {
    interop::gobgp_asks_a_reflector()
}

#[test]
fn weft_leaves_get_what_they_import_from_a_gobgp_reflector() -> Result<()> {
    constraint::gobgp_reflects()
}
