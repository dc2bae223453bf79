//! `weft -c`: what scripts and fingers type.

use crate::{CONFIG, namespace, running};
use std::process::{Output, Stdio};
use std::time::Duration;
use weft_tests::speaker::{Speaker, weft_binary};
use weft_tests::wait::wait_until;
use weft_tests::{LabError, Result};

fn weft(speaker: &Speaker, commands: &[&str]) -> Result<Output> {
    let mut command = std::process::Command::new(weft_binary("weft")?);
    command.arg("--socket").arg(speaker.socket()).stdin(Stdio::null());
    for line in commands {
        command.args(["-c", line]);
    }
    command.output().map_err(LabError::io("run weft"))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn several_commands_run_in_order() -> Result<()> {
    let speaker = running(&namespace()?, CONFIG)?;
    let output = weft(&speaker, &["show version", "show running-config"])?;
    assert!(output.status.success(), "{output:?}");
    let text = text(&output);
    let version = text.find("0.1.0").ok_or_else(|| LabError::Unexpected(text.clone()))?;
    assert!(text.find("hostname box").is_some_and(|at| at > version), "{text}");
    Ok(())
}

#[test]
fn abbreviations_mean_the_whole_command() -> Result<()> {
    let speaker = running(&namespace()?, CONFIG)?;
    // The neighbor's state may change between the two.
    wait_until("the same answer to both", Duration::from_secs(10), || {
        let short = weft(&speaker, &["sh bgp l2 evpn su"])?;
        let long = weft(&speaker, &["show bgp l2vpn evpn summary"])?;
        assert!(short.status.success() && text(&short).contains("10.0.0.2"), "{short:?}");
        Ok(text(&short) == text(&long))
    })?;
    Ok(())
}

#[test]
fn configuration_by_commands_takes_effect() -> Result<()> {
    let speaker = running(&namespace()?, CONFIG)?;
    let output = weft(
        &speaker,
        &[
            "configure terminal",
            "router bgp 65000",
            "neighbor 10.0.0.9 remote-as 65000",
            "end",
            "show running-config",
        ],
    )?;
    assert!(
        output.status.success() && text(&output).contains("neighbor 10.0.0.9 remote-as 65000"),
        "{output:?}"
    );
    Ok(())
}

#[test]
fn an_unknown_command_fails_and_says_so() -> Result<()> {
    let speaker = running(&namespace()?, CONFIG)?;
    let output = weft(&speaker, &["show nonsense"])?;
    assert!(!output.status.success());
    assert!(!crate::printed(&output).trim().is_empty());
    Ok(())
}

#[test]
fn without_a_daemon_it_says_where_it_looked() -> Result<()> {
    let output = std::process::Command::new(weft_binary("weft")?)
        .args(["--socket", "/run/weft-labs/nobody-listens-here", "-c", "show version"])
        .output()
        .map_err(LabError::io("run weft"))?;
    assert!(!output.status.success());
    assert!(crate::printed(&output).contains("/run/weft-labs/nobody-listens-here"), "{output:?}");
    Ok(())
}

#[test]
fn json_answers_are_json() -> Result<()> {
    let speaker = running(&namespace()?, CONFIG)?;
    for command in [
        "show bgp summary json",
        "show bgp l2vpn evpn summary json",
        "show bgp l2vpn evpn json",
        "show bgp l2vpn evpn route json",
        "show bgp neighbors json",
        "show evpn json",
        "show evpn vni json",
        "show evpn mac vni all json",
        "show evpn arp-cache vni all json",
    ] {
        speaker.json(command)?;
    }
    Ok(())
}
