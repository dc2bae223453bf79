//! The tests of VRF devices, in a kernel that has them: User-Mode Linux, by `tests/uml/run`.

use std::path::Path;
use std::process::Command;

/// The script's exit status where no guest could be started.
const NO_GUEST: i32 = 125;

#[test]
fn vrf_devices_work_in_uml() {
    if std::env::var_os("WEFT_IN_UML").is_some() {
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/uml/run");
    let output = Command::new(script)
        .args(["-t", "240"])
        .arg(std::env::current_exe().unwrap())
        .args(["vrf_device::", "--test-threads", "2", "--show-output"])
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(NO_GUEST) {
        eprintln!("skipped: {said}");
        return;
    }
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("skipped"), "{said}");
}
