//! Routed tenants on Weft's own devices, in the form of VRF that this kernel has.

use weft_tests::Result;
use weft_tests::fabric::Leaving;
use weft_tests::routed::{BLUE, Fabric, Form, LeafPlan, Plan, RED, Underlay};
use weft_tests::scenario::routing;
use weft_tests::verdict::most_within;

/// What stands in the place of Weft's own form: `WEFT_LAB_KIND=frr` shows that a lab is right.
pub fn form() -> Form {
    match crate::subject() {
        weft_tests::speaker::Kind::Weft => Form::Made,
        weft_tests::speaker::Kind::Frr => Form::FrrNetns,
    }
}

/// Two leaves with a subnet each.
pub fn plan() -> Plan {
    Plan::new(form(), &[&[10], &[20]])
}

#[test]
fn two_tenants_with_the_same_addresses_are_routed_over_ipv4_and_ipv6() -> Result<()> {
    let fabric = Fabric::up(&plan().tenants(&[RED, BLUE]))?;
    routing::prefixes_and_hosts_are_routed(&fabric)
}

#[test]
fn an_l3vni_that_an_operator_made_is_served_beside_one_that_weft_made() -> Result<()> {
    let leaves = vec![LeafPlan::new(Form::Made, &[10]), LeafPlan::new(Form::OperatorL3vni, &[20])];
    let fabric = Fabric::up(&Plan { leaves, ..Plan::new(Form::Made, &[]) }.tenants(&[RED, BLUE]))?;
    routing::prefixes_and_hosts_are_routed(&fabric)?;
    routing::tenants_do_not_leak(&fabric)
}

#[test]
fn a_subnet_on_both_leaves_is_bridged_and_another_is_routed() -> Result<()> {
    let fabric = Fabric::up(&Plan::new(form(), &[&[10], &[10, 20]]))?;
    routing::prefixes_and_hosts_are_routed(&fabric)
}

#[test]
fn tenants_do_not_leak_into_each_other() -> Result<()> {
    routing::tenants_do_not_leak(&Fabric::up(&plan().tenants(&[RED, BLUE]))?)
}

#[test]
fn a_tenant_reaches_neither_the_underlay_nor_the_default_table() -> Result<()> {
    routing::a_tenant_reaches_only_itself(&Fabric::up(&plan())?)
}

#[test]
fn gateways_answer_their_own_tenant_only() -> Result<()> {
    routing::gateways_answer_their_own_tenant_only(Form::Made)
}

#[test]
fn a_silent_host_is_found() -> Result<()> {
    routing::silent_host_is_found(form()).map(drop)
}

#[test]
fn the_first_routed_ping_comes_within_a_second_and_a_half_of_the_start() -> Result<()> {
    let took = routing::start_to_first_ping(form())?;
    assert!(took.as_millis() <= 1500, "{took:?}");
    Ok(())
}

#[test]
fn a_network_behind_a_ce_is_reached_and_reaches_back() -> Result<()> {
    routing::customer_edge(form().kind(), [form(), form()])
}

#[test]
fn one_of_two_border_leaves_leaves_and_the_other_carries_on() -> Result<()> {
    let losses = routing::ecmp_border_leaves(form())?;
    for loss in losses {
        assert!(loss.lost <= 10, "{loss}");
    }
    Ok(())
}

#[test]
fn a_router_mac_that_changes_is_announced_and_followed() -> Result<()> {
    let form = if form() == Form::Made { Form::OperatorL3vni } else { form() };
    let took = routing::router_mac_changes(&Fabric::up(&Plan::new(form, &[&[10], &[20]]))?)?;
    assert!(took.as_millis() <= 500, "{took:?}");
    Ok(())
}

fn moves_lose_at_most_three_packets(from: (usize, u8), leaving: Leaving) -> Result<()> {
    let plan = Plan::new(form(), &[&[10], &[10, 20], &[30]]).machine(10, &[0, 1]);
    let mut fabric = Fabric::up(&plan)?;
    most_within(3, 5, || Ok(routing::machine_moves(&mut fabric, from, leaving)?.into()))
}

#[test]
fn a_routed_move_seen_from_a_third_leaf_loses_at_most_three_packets() -> Result<()> {
    moves_lose_at_most_three_packets((2, 30), Leaving::PortDown)
}

#[test]
fn a_routed_move_seen_from_the_new_leaf_loses_at_most_three_packets() -> Result<()> {
    moves_lose_at_most_three_packets((1, 20), Leaving::PortDown)
}

#[test]
fn a_routed_move_that_the_old_leaf_does_not_see_loses_at_most_three_packets() -> Result<()> {
    moves_lose_at_most_three_packets((2, 30), Leaving::Silent)
}

#[test]
fn tenants_of_both_families_are_bridged_and_routed_over_ipv6_vteps() -> Result<()> {
    let plan = Plan::new(form(), &[&[10, 30], &[20, 30]]).tenants(&[RED, BLUE]).over(Underlay::Ipv6);
    let fabric = Fabric::up(&plan)?;
    routing::vteps_are_ipv6(&fabric)?;
    routing::tenants_do_not_leak(&fabric)
}

#[test]
fn a_machine_that_moves_so_often_that_it_is_a_duplicate_is_followed_each_time() -> Result<()> {
    let plan = Plan::new(form(), &[&[10], &[10, 20], &[30]]).machine(10, &[0, 1]);
    let mut fabric = Fabric::up(&plan)?;
    // Eight moves: five make it a duplicate.
    most_within(30, 15, || Ok(routing::machine_moves(&mut fabric, (2, 30), Leaving::Silent)?.into()))
}
