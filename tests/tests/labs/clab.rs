//! The containerlab file serves, as the demo deploys it.

use std::path::Path;
use std::time::Duration;
use weft_tests::ping::{Pinger, first_reply};
use weft_tests::{LabError, Result, clab};

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn the_l2_topology_pings_and_its_host_moves() -> Result<()> {
    let lab = clab::deploy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("clab/l2/l2.clab.yml"))?;
    let address = |text: &str| text.parse().map_err(|reason| LabError::parse("address", text, reason));
    let h1 = &lab.node("h1")?.ns;
    for target in ["192.168.10.2", "192.168.10.3", "2001:db8:10::2", "2001:db8:10::3"] {
        first_reply(h1, address(target)?, LIMIT)?;
    }
    for leaf in ["leaf2", "leaf1"] {
        let pinger = Pinger::start(h1, address("192.168.10.3")?)?;
        pinger.wait_answered(20, LIMIT)?;
        lab.node("h3")?.exec(&format!("sh /move.sh {leaf}"))?;
        pinger.wait_answered(20, LIMIT)?;
        let loss = pinger.stop()?;
        assert!(loss.lost <= 3, "move to {leaf}: {loss}");
        first_reply(h1, address("2001:db8:10::3")?, LIMIT)?;
    }
    Ok(())
}
