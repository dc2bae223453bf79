//! Routed tenants between Weft and FRR 8.4, in the forms of FRR that need no VRF device: the
//! L3VNI in its default VRF, and a network namespace as the VRF.

use weft_tests::Result;
use weft_tests::routed::{BLUE, Fabric, Form, LeafPlan, Plan, RED};
use weft_tests::scenario::{routing, shows};
use weft_tests::speaker::Kind;

/// A leaf with subnet 10 and a leaf with subnet 20, around a reflector.
fn plan(reflector: Kind, forms: [Form; 2]) -> Plan {
    let [first, second] = forms;
    Plan {
        reflector,
        leaves: vec![LeafPlan::new(first, &[10]), LeafPlan::new(second, &[20])],
        ..Plan::new(first, &[])
    }
}

/// Hosts ping through the L3VNI, and each leaf has the other's subnet (type 5) and host (type 2).
fn routes_both_ways(plan: &Plan) -> Result<()> {
    let fabric = Fabric::up(plan)?;
    routing::prefixes_and_hosts_are_routed(&fabric)
}

#[test]
fn frr_routes_to_frr_in_its_default_vrf() -> Result<()> {
    routes_both_ways(&plan(Kind::Frr, [Form::FrrDefault, Form::FrrDefault]))
}

#[test]
fn frr_routes_to_frr_in_a_namespace() -> Result<()> {
    routes_both_ways(&plan(Kind::Frr, [Form::FrrNetns, Form::FrrDefault]))
}

#[test]
fn weft_routes_to_frr_in_its_default_vrf_through_a_weft_reflector() -> Result<()> {
    routes_both_ways(&plan(Kind::Weft, [Form::Made, Form::FrrDefault]))
}

#[test]
fn weft_routes_to_frr_in_its_default_vrf_through_an_frr_reflector() -> Result<()> {
    routes_both_ways(&plan(Kind::Frr, [Form::FrrDefault, Form::Made]))
}

#[test]
fn weft_routes_to_frr_in_a_namespace() -> Result<()> {
    routes_both_ways(&plan(Kind::Weft, [Form::Made, Form::FrrNetns]))
}

#[test]
fn two_tenants_are_routed_between_weft_and_frr() -> Result<()> {
    let plan = plan(Kind::Frr, [Form::Made, Form::FrrNetns]).tenants(&[RED, BLUE]);
    let fabric = Fabric::up(&plan)?;
    routing::prefixes_and_hosts_are_routed(&fabric)?;
    routing::tenants_do_not_leak(&fabric)
}

#[test]
fn weft_beside_an_operator_s_l3vni_routes_to_frr() -> Result<()> {
    routes_both_ways(&plan(Kind::Weft, [Form::OperatorL3vni, Form::FrrDefault]))
}

#[test]
fn an_external_prefix_of_a_weft_leaf_is_reached_from_an_frr_leaf() -> Result<()> {
    routing::customer_edge(Kind::Weft, [Form::FrrDefault, Form::Made])
}

#[test]
fn an_external_prefix_of_an_frr_leaf_is_reached_from_a_weft_leaf() -> Result<()> {
    routing::customer_edge(Kind::Weft, [Form::Made, Form::FrrNetns])
}

#[test]
fn what_is_shown_of_a_tenant_has_all_that_frr_shows() -> Result<()> {
    let mut plan = plan(Kind::Weft, [Form::Made, Form::FrrNetns]);
    // As FRR's leaf has it.
    let lines = "router bgp 65000 vrf red\n address-family ipv4 unicast\n  redistribute connected\n \
                 exit-address-family\n address-family ipv6 unicast\n  redistribute connected\n exit-address-family\n";
    plan.leaves.iter_mut().take(1).for_each(|leaf| leaf.extra = lines.to_owned());
    let fabric = Fabric::up(&plan)?;
    let [keys, headings] = shows::compare(&fabric)?;
    assert!(keys.is_empty() && headings.is_empty(), "{keys:#?}\n{headings:#?}");
    Ok(())
}
