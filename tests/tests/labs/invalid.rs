//! Routes that an IP-VRF may not use, sent by a scripted peer.

use weft_tests::Result;
use weft_tests::scenario::invalid;

#[test]
fn routes_that_an_ip_vrf_may_not_use_are_withheld_counted_and_told_of_once() -> Result<()> {
    invalid::unusable_routes_are_withheld()
}

#[test]
fn a_route_without_a_mac_is_passed_over_alone() -> Result<()> {
    invalid::a_route_without_a_mac_is_passed_over()
}

#[test]
fn a_prefix_waits_for_its_gateway() -> Result<()> {
    invalid::a_gateway_is_waited_for()
}
