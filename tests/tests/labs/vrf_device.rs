//! The form of VRF devices, on Weft's own devices, on an operator's, and beside FRR. This machine's kernel may have
//! none: then they run in User-Mode Linux, by `tests/uml/run`, and say so where there is no guest.

use std::path::Path;
use std::process::Command;
use weft_tests::routed::{BLUE, Fabric, Form, LeafPlan, Plan, RED, Underlay};
use weft_tests::scenario::{routing, upkeep};
use weft_tests::speaker::{Kind, weft_binary};
use weft_tests::{LabError, Result, ensure};

/// The script's exit status where no guest could be started.
const NO_GUEST: i32 = 125;

/// Seconds that a guest may take: less than the tests' runner gives, which would leave the guest behind.
const LIMIT: &str = "230";

/// In the guest; elsewhere these labs do nothing.
fn in_guest() -> bool {
    std::env::var_os("WEFT_IN_UML").is_some()
}

#[test]
fn labs_of_vrf_devices_pass_in_uml() -> Result<()> {
    pass_in_uml("vrf_device::guest::")
}

#[test]
fn labs_of_devices_that_an_operator_made_pass_in_uml() -> Result<()> {
    pass_in_uml("vrf_device::operator::")
}

/// Runs the labs whose names begin so in a guest.
fn pass_in_uml(labs: &str) -> Result<()> {
    if in_guest() {
        return Ok(());
    }
    let binaries = weft_binary("weftd")?.parent().map(Path::to_path_buf).unwrap_or_default();
    let own = std::env::current_exe().map_err(LabError::io("find the labs' program"))?;
    let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("uml/run"))
        .args(["-t", LIMIT])
        .arg(own)
        .args([labs, "--test-threads", "1"])
        .env("WEFT_BIN_DIR", binaries)
        .output()
        .map_err(LabError::io("start tests/uml/run"))?;
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(NO_GUEST) {
        eprintln!("skipped: {said}");
        return Ok(());
    }
    ensure(output.status.success(), || said)
}

/// Two leaves of these forms with a subnet each.
fn pair(reflector: Kind, forms: [Form; 2]) -> Plan {
    let [first, second] = forms;
    let leaves = vec![LeafPlan::new(first, &[10]), LeafPlan::new(second, &[20])];
    Plan { reflector, leaves, ..Plan::new(first, &[]) }
}

/// The labs; each returns at once outside the guest.
mod guest {
    use super::*;

    #[test]
    fn two_tenants_are_routed_and_do_not_leak() -> Result<()> {
        if !in_guest() {
            return Ok(());
        }
        let fabric = Fabric::up(&pair(Kind::Weft, [Form::Made, Form::OperatorVrf]).tenants(&[RED, BLUE]))?;
        routing::prefixes_and_hosts_are_routed(&fabric)?;
        routing::tenants_do_not_leak(&fabric)?;
        routing::a_tenant_reaches_only_itself(&fabric)
    }

    #[test]
    fn weft_and_frr_route_to_each_other() -> Result<()> {
        if !in_guest() {
            return Ok(());
        }
        for forms in [[Form::Made, Form::FrrVrf], [Form::FrrVrf, Form::OperatorVrf]] {
            routing::prefixes_and_hosts_are_routed(&Fabric::up(
                &pair(Kind::Weft, forms).tenants(&[RED, BLUE]),
            )?)?;
        }
        Ok(())
    }

    #[test]
    fn a_killed_leaf_loses_nothing() -> Result<()> {
        if !in_guest() {
            return Ok(());
        }
        let mut fabric = Fabric::up(&pair(Kind::Weft, [Form::Made, Form::Made]))?;
        let loss = upkeep::kill_leaf(&mut fabric, std::time::Duration::ZERO)?;
        assert_eq!(loss.lost, 0, "{loss}");
        Ok(())
    }
}

/// Labs of the forms in which operators make devices.
mod operator {
    use super::*;

    fn is_routed_and_bridged(forms: [Form; 2]) -> Result<()> {
        if !in_guest() {
            return Ok(());
        }
        let mut plan = pair(Kind::Weft, forms);
        // A subnet on both leaves is bridged.
        plan.leaves.iter_mut().for_each(|leaf| leaf.subnets.push(30));
        let fabric = Fabric::up(&plan)?;
        routing::prefixes_and_hosts_are_routed(&fabric)?;
        routing::wait_router_mac(fabric.leaf(0)?, RED, fabric.leaf(1)?, weft_tests::fabric::LIMIT).map(drop)
    }

    #[test]
    fn a_bridge_and_a_vxlan_device_for_each_vni_are_served() -> Result<()> {
        is_routed_and_bridged([Form::OperatorVrf, Form::OperatorVrf])
    }

    #[test]
    fn vlans_of_one_bridge_with_svis_are_served() -> Result<()> {
        is_routed_and_bridged([Form::OperatorVlans, Form::OperatorVrf])
    }

    #[test]
    fn a_single_vxlan_device_with_a_vni_filter_is_served() -> Result<()> {
        is_routed_and_bridged([Form::OperatorVniFilter, Form::OperatorVlans])
    }

    #[test]
    fn ipv6_vteps_are_served_with_vrf_devices() -> Result<()> {
        if !in_guest() {
            return Ok(());
        }
        let fabric = Fabric::up(&pair(Kind::Weft, [Form::OperatorVrf, Form::Made]).over(Underlay::Ipv6))?;
        routing::prefixes_and_hosts_are_routed(&fabric)
    }
}
