//! The containerlab file serves, as the demo deploys it.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use weft_tests::netns::Namespace;
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
    // The shell that moves h3 takes its time between two commands when the machine is busy, so the best of
    // three rounds counts; `movement` measures the moves themselves.
    let mut rounds = Vec::new();
    for _ in 0..3 {
        rounds.push(move_there_and_back(&lab, h1, address("192.168.10.3")?)?);
        first_reply(h1, address("2001:db8:10::3")?, LIMIT)?;
        if rounds.iter().any(|losses| losses.iter().all(|lost| *lost <= 3)) {
            return Ok(());
        }
    }
    Err(LabError::Unexpected(format!("packets lost in each move, by rounds: {rounds:?}")))
}

/// Moves h3 to leaf2 and home; gives what `from` lost of its pings to it each time.
fn move_there_and_back(lab: &clab::Lab, from: &Namespace, h3: IpAddr) -> Result<Vec<usize>> {
    let mut losses = Vec::new();
    for leaf in ["leaf2", "leaf1"] {
        let pinger = Pinger::start(from, h3)?;
        pinger.wait_answered(20, LIMIT)?;
        lab.node("h3")?.exec(&format!("sh /move.sh {leaf}"))?;
        pinger.wait_answered(20, LIMIT)?;
        losses.push(pinger.stop()?.lost);
    }
    Ok(losses)
}
