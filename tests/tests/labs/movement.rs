//! Machines and addresses change their place under ping.

use crate::fabric;
use weft_tests::Result;
use weft_tests::fabric::Leaving;
use weft_tests::scenario::movement;
use weft_tests::verdict::most_within;

fn moves_lose_at_most_three_packets(from: usize, leaving: Leaving) -> Result<()> {
    let fabric = fabric()?;
    // There and back more than once: from the second time on every sequence number and entry has a past.
    most_within(3, 5, || {
        let moves = movement::vm_moves(&fabric, from, leaving)?;
        assert!(moves.stale.is_empty(), "{:?}", moves.stale);
        Ok(vec![moves.there, moves.back])
    })
}

#[test]
fn a_move_seen_from_the_old_leaf_loses_at_most_three_packets() -> Result<()> {
    moves_lose_at_most_three_packets(0, Leaving::PortDown)
}

#[test]
fn a_move_seen_from_the_new_leaf_loses_at_most_three_packets() -> Result<()> {
    moves_lose_at_most_three_packets(1, Leaving::PortDown)
}

#[test]
fn a_move_that_the_old_leaf_does_not_see_loses_at_most_three_packets() -> Result<()> {
    moves_lose_at_most_three_packets(0, Leaving::Silent)
}

#[test]
fn a_mac_at_two_leaves_is_called_a_duplicate_after_five_moves() -> Result<()> {
    let moves = movement::duplicate_mac(&fabric()?)?;
    assert_eq!(moves, 5);
    Ok(())
}

#[test]
fn a_failover_address_is_followed_to_another_mac_at_another_leaf() -> Result<()> {
    let slowest = movement::failover_address(&fabric()?)?;
    assert!(slowest.as_millis() <= 500, "the slowest leaf took {slowest:?}");
    Ok(())
}
