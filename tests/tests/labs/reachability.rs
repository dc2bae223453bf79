//! Hosts reach each other through what EVPN has put into the kernels.

use crate::{fabric, subject};
use std::time::Duration;
use weft_tests::Result;
use weft_tests::scenario::basics;

#[test]
fn hosts_ping_each_other_over_ipv4_and_ipv6() -> Result<()> {
    basics::everybody_pings(&fabric()?)
}

#[test]
fn the_first_ping_comes_within_a_second_of_the_start() -> Result<()> {
    let took = basics::start_to_first_ping(subject())?;
    assert!(took <= Duration::from_secs(1), "{took:?}");
    Ok(())
}

#[test]
fn broadcast_and_unknown_unicast_reach_each_host_once() -> Result<()> {
    basics::flooding_reaches_each_once(&fabric()?)
}

#[test]
fn no_question_about_a_known_host_crosses_the_underlay() -> Result<()> {
    let seen = basics::suppression(&fabric()?)?;
    assert!(seen.asked >= 10, "{seen:?}");
    assert_eq!(seen.crossed, 0, "{seen:?}");
    Ok(())
}

#[test]
fn a_question_about_an_unknown_host_crosses_once() -> Result<()> {
    assert_eq!(basics::unknown_is_asked_everywhere(&fabric()?)?, 1);
    Ok(())
}
