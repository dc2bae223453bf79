//! The containerlab file serves, as the demo deploys it.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use weft_tests::netns::Namespace;
use weft_tests::ping::{Pinger, first_reply};
use weft_tests::speaker::check_config;
use weft_tests::{LabError, Result, clab};

const LIMIT: Duration = Duration::from_secs(60);

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

#[test]
fn the_configurations_of_the_topologies_are_valid() -> Result<()> {
    let mut seen = 0;
    for folder in ["clab/l2", "clab/sites"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in std::fs::read_dir(&folder).map_err(LabError::io("read a topology's folder"))? {
            let path = entry.map_err(LabError::io("read a topology's folder"))?.path();
            if path.extension().is_some_and(|extension| extension == "conf") {
                let text = std::fs::read_to_string(&path).map_err(LabError::io("read a configuration"))?;
                let (good, said) = check_config(&text)?;
                assert!(good, "{}: {said}", path.display());
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 10);
    Ok(())
}

#[test]
fn the_sites_ping_and_a_machine_moves_between_them() -> Result<()> {
    let lab = clab::deploy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("clab/sites/sites.clab.yml"))?;
    let address = |text: &str| text.parse().map_err(|reason| LabError::parse("address", text, reason));
    for (from, targets) in [
        ("vm", ["172.16.50.254", "2001:db8:1:50::fe"]),
        ("r11", ["172.17.22.22", "2001:db8:2:22::22"]),
        ("b11", ["172.17.22.22", "2001:db8:2:22::22"]),
        ("r22", ["172.16.50.50", "2001:db8:1:50::50"]),
    ] {
        for target in targets {
            first_reply(&lab.node(from)?.ns, address(target)?, LIMIT)?;
        }
    }
    let target = address("172.16.50.50")?;
    for leaf in ["leaf21", "leaf11"] {
        let pinger = Pinger::start(&lab.node("r12")?.ns, target)?;
        pinger.wait_answered(20, LIMIT)?;
        lab.node("vm")?.exec(&format!("sh /move.sh {leaf}"))?;
        pinger.wait_answered(20, LIMIT)?;
        // The moves themselves are measured in `sites`; here the machine's shell takes its time.
        let loss = pinger.stop()?;
        assert!(loss.lost * 2 < loss.sent, "{loss}");
        first_reply(&lab.node("r22")?.ns, address("2001:db8:1:50::50")?, LIMIT)?;
    }
    Ok(())
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
