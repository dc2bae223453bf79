//! Routed tenants between Weft and FRR 8.4, in the forms of FRR that need no VRF device: the
//! L3VNI in its default VRF, and a network namespace as the VRF.

use weft_tests::Result;
use weft_tests::routed::{Fabric, Form, LeafPlan, Plan};
use weft_tests::scenario::routing;
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
