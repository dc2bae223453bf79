//! The demos run to their end: what they print is there, and nothing is left behind.

use std::process::Command;
use weft_tests::speaker::weft_binary;
use weft_tests::{LabError, Result, ensure};

/// Runs a demo; gives what it printed.
fn demo(program: &str) -> Result<String> {
    // The same daemons as the other labs'.
    let binaries = weft_binary("weftd")?;
    let binaries = binaries.parent().ok_or_else(|| LabError::Unexpected("no folder of binaries".into()))?;
    let child = Command::new(program)
        .env("WEFT_BIN_DIR", binaries)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .map_err(LabError::io("start the demo"))?;
    let prefix = format!("weft{}-", child.id());
    let output = child.wait_with_output().map_err(LabError::io("wait for the demo"))?;
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    ensure(output.status.success(), || said.clone())?;
    for folder in ["/run/netns", "/run/weft-labs"] {
        let left: Vec<String> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .filter(|name| name.starts_with(&prefix))
            .collect();
        ensure(left.is_empty(), || format!("left in {folder}: {left:?}"))?;
    }
    Ok(said)
}

/// The row of a node below the heading of entry counts: EVPN routes, MACs, routes, of them the other site's.
fn counts(said: &str, node: &str) -> Result<Vec<usize>> {
    said.lines()
        .skip_while(|line| !line.contains("of them: other site"))
        .find(|line| line.split_whitespace().next() == Some(node))
        .map(|line| line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect())
        .ok_or_else(|| LabError::Unexpected(format!("no counts of {node} in:\n{said}")))
}

#[test]
fn the_demo_of_sites_shows_tables_and_counts_and_ends_well() -> Result<()> {
    let said = demo(env!("CARGO_BIN_EXE_weft-demo-sites"))?;
    for leaf in ["leaf11", "leaf12", "leaf21", "leaf22"] {
        for shown in ["show ip route vrf red", "show evpn consistency"] {
            assert!(said.contains(shown), "{shown} of {leaf} in:\n{said}");
        }
        let [_, macs, routes, foreign] = counts(&said, leaf)?[..] else { panic!("{leaf}: {said}") };
        // Of the other site: for each of two tenants and families one aggregate; in red the stretched
        // subnet's prefixes and the machine's own routes besides.
        assert!(macs > 0 && (4..=8).contains(&foreign) && routes > foreign, "{leaf}: {said}");
    }
    let [_, macs, ..] = counts(&said, "core")?[..] else { panic!("{said}") };
    assert_eq!(macs, 0, "the core bridges nothing");
    assert!(!said.contains("Not consistent"), "{said}");
    assert!(said.matches("-> vm: ").count() >= 4, "two moves under two pings each:\n{said}");
    Ok(())
}

#[test]
fn the_demo_of_one_fabric_ends_well() -> Result<()> {
    let said = demo(env!("CARGO_BIN_EXE_weft-demo"))?;
    assert!(said.contains("show evpn mac vni") && said.contains("lost"), "{said}");
    Ok(())
}
