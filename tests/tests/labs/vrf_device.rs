//! The form of VRF devices, on Weft's own devices, on an operator's, and beside FRR. This machine's kernel may have
//! none: then they run in User-Mode Linux, by `tests/uml/run`, and say so where there is no guest.

use std::path::Path;
use std::process::Command;
use weft_tests::routed::{BLUE, Fabric, Form, LeafPlan, Plan, RED};
use weft_tests::scenario::{routing, upkeep};
use weft_tests::speaker::{Kind, weft_binary};
use weft_tests::{LabError, Result, ensure};

/// The script's exit status where no guest could be started.
const NO_GUEST: i32 = 125;

/// In the guest; elsewhere these labs do nothing.
fn in_guest() -> bool {
    std::env::var_os("WEFT_IN_UML").is_some()
}

#[test]
fn labs_of_vrf_devices_pass_in_uml() -> Result<()> {
    if in_guest() {
        return Ok(());
    }
    let binaries = weft_binary("weftd")?.parent().map(Path::to_path_buf).unwrap_or_default();
    let own = std::env::current_exe().map_err(LabError::io("find the labs' program"))?;
    let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("uml/run"))
        .args(["-t", "280"])
        .arg(own)
        .args(["vrf_device::guest", "--test-threads", "1"])
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

/// The labs; each returns at once outside the guest.
mod guest {
    use super::*;

    fn pair(reflector: Kind, forms: [Form; 2]) -> Plan {
        let [first, second] = forms;
        let leaves = vec![LeafPlan::new(first, &[10]), LeafPlan::new(second, &[20])];
        Plan { reflector, leaves, ..Plan::new(first, &[]) }
    }

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
