//! RT constraint (RFC 4684): who is sent which EVPN routes.

use std::time::Duration;
use weft_tests::scenario::constraint;
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
