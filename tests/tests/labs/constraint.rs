//! RT constraint (RFC 4684): who is sent which EVPN routes.

use std::time::Duration;
use weft_tests::scenario::{constraint, constraint_attack};
use weft_tests::{Result, ensure};

#[test]
fn each_leaf_is_sent_the_routes_that_it_imports_as_its_vnis_come_and_go() -> Result<()> {
    let change = constraint::each_is_sent_what_it_imports()?;
    let limit = Duration::from_millis(500);
    ensure(change.came <= limit && change.went <= limit && change.loss.lost == 0, || format!("{change:?}"))
}

#[test]
fn a_leaf_that_does_not_say_what_it_wants_is_sent_all() -> Result<()> {
    constraint::who_does_not_say_is_sent_all()
}

#[test]
fn a_restarted_reflector_sends_each_what_it_asked_for() -> Result<()> {
    let loss = constraint::reflector_restarts()?;
    ensure(loss.lost == 0, || format!("{loss}"))
}

#[test]
fn malformed_memberships_harm_nobody_but_their_sender() -> Result<()> {
    constraint_attack::malformed_memberships()
}

/// Nobody waits until a hold timer (9 seconds) is near, and what an attacker takes is bounded by what is kept of it: 67
/// octets each in the tables and indexes, and what waits for sessions.
fn bounded(harm: &constraint_attack::Harm) -> Result<()> {
    println!("{harm:?}");
    let [before, peak, _] = harm.accounted;
    ensure(harm.worst <= Duration::from_secs(4) && peak <= before + 24 * (1 << 20), || format!("{harm:?}"))
}

#[test]
fn a_flood_of_memberships_is_bounded_and_others_do_not_wait_for_it() -> Result<()> {
    bounded(&constraint_attack::flood_of_memberships()?)
}

#[test]
fn a_default_membership_that_flaps_leaves_nothing_behind_and_nobody_waiting() -> Result<()> {
    bounded(&constraint_attack::default_flaps()?)
}
