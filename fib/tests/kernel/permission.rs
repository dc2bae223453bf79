//! Starting without the permission to configure the network.

use crate::lab::in_namespace;
use std::process::Command;
use weft_fib::{FibOptions, start};

/// Set for the copy of this test that runs without the permission.
const BEREFT: &str = "WEFT_TEST_WITHOUT_PERMISSION";

#[test]
fn without_permission_the_start_says_what_to_do() {
    if std::env::var_os(BEREFT).is_some() {
        let refusal = start(FibOptions::default()).unwrap_err().to_string();
        assert!(refusal.contains("CAP_NET_ADMIN"), "{refusal}");
        return;
    }
    in_namespace(|| {
        let output = Command::new("setpriv")
            .args(["--bounding-set=-net_admin", "--inh-caps=-net_admin"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "permission::without_permission_the_start_says_what_to_do"])
            .env(BEREFT, "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    });
}
