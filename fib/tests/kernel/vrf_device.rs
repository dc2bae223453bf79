//! IP-VRFs as VRF devices, made by Weft and by an operator. The machine's kernel may have none; then these tests pass
//! here, saying so, and `uml` runs them in a kernel that has.

use crate::lab::*;
use crate::vrf_lab::{self, *};
use crate::vrf_remote::Underlay;
use crate::vrf_routes;
use weft_evpn::vrf::VrfForm;

/// Runs a test in a namespace, if this kernel has VRF devices.
fn with_vrf_devices(test: impl FnOnce() + Send + 'static) {
    in_namespace(|| {
        let (made, words) = try_run("ip link add probe type vrf table 9");
        if !made {
            eprintln!("skipped here, run in UML: this kernel makes no VRF device ({})", words.trim());
            return;
        }
        run("ip link del probe");
        test();
    });
}

#[test]
fn tenants_with_equal_addresses_are_kept_apart() {
    with_vrf_devices(|| tenants_are_kept_apart(VrfForm::Device));
}

#[test]
fn drift_is_repaired() {
    with_vrf_devices(|| vrf_lab::drift_is_repaired(VrfForm::Device));
}

#[test]
fn an_l3vni_that_changes_leaves_nothing() {
    with_vrf_devices(|| vrf_lab::an_l3vni_that_changes_leaves_nothing(VrfForm::Device));
}

#[test]
fn routes_lead_over_both_underlays() {
    for underlay in [Underlay::Ipv4, Underlay::Ipv6] {
        with_vrf_devices(move || vrf_routes::both_families_are_routed_over(VrfForm::Device, underlay));
    }
}

#[test]
fn a_restart_drops_no_packet_and_writes_nothing() {
    with_vrf_devices(|| vrf_routes::a_restart_drops_no_packet_and_writes_nothing(VrfForm::Device));
}
