//! SIGHUP applies differences, SIGTERM says goodbye.

use crate::{CONFIG, LIMIT, namespace, running};
use nix::sys::signal::Signal;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use weft_tests::injector::{Identity, Injector, kind};
use weft_tests::netns::Namespace;
use weft_tests::wait::wait_until;
use weft_tests::{LabError, Result};

const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

fn peer(ns: &Namespace) -> Result<Injector> {
    let speaker = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 179);
    Injector::establish(ns, PEER.into(), speaker, &Identity::evpn(PEER), LIMIT)
}

fn ended(peer: &Injector) -> bool {
    peer.received().iter().any(|message| message.kind == kind::NOTIFICATION)
}

#[test]
fn sigterm_closes_sessions_with_cease() -> Result<()> {
    let ns = namespace()?;
    let mut speaker = running(&ns, CONFIG)?;
    let peer = peer(&ns)?;
    speaker.signal(Signal::SIGTERM)?;
    let (code, subcode, _) = peer.wait_notification(LIMIT)?;
    assert_eq!(code, 6, "not a Cease");
    // Administrative shutdown, or a hard reset around it (RFC 8538 §3.1).
    assert!([2, 9].contains(&subcode), "{subcode}");
    assert_eq!(speaker.daemon()?.wait(LIMIT)?, Some(0));
    assert!(!speaker.socket().exists(), "the management socket was left");
    Ok(())
}

#[test]
fn sighup_applies_what_changed_and_keeps_sessions() -> Result<()> {
    let ns = namespace()?;
    let speaker = running(&ns, CONFIG)?;
    let peer = peer(&ns)?;
    speaker.configure(&CONFIG.replace("hostname box", "hostname renamed").replace(
        " neighbor 10.0.0.2 passive",
        " neighbor 10.0.0.2 passive\n neighbor 10.0.0.2 description the same\n neighbor 10.0.0.3 remote-as 65000",
    ))?;
    speaker.signal(Signal::SIGHUP)?;
    wait_until("the new configuration to run", LIMIT, || {
        let text = speaker.command("show running-config")?;
        Ok(text.contains("hostname renamed") && text.contains("10.0.0.3") && text.contains("the same"))
    })?;
    assert!(!ended(&peer), "the session of an unchanged neighbour ended");
    assert_eq!(speaker.established()?, 1);
    Ok(())
}

#[test]
fn sighup_with_a_wrong_file_keeps_what_runs() -> Result<()> {
    let ns = namespace()?;
    let mut speaker = running(&ns, CONFIG)?;
    let peer = peer(&ns)?;
    let before = speaker.command("show running-config")?;
    speaker.configure(&format!("hostname other\n{CONFIG}nonsense\n"))?;
    speaker.signal(Signal::SIGHUP)?;
    wait_until("the refusal in the log", LIMIT, || Ok(speaker.logs().contains("nonsense")))?;
    assert!(speaker.is_running() && !ended(&peer));
    let after = speaker.command("show running-config")?;
    if before != after {
        return Err(LabError::Unexpected(format!("half applied:\n{after}")));
    }
    Ok(())
}

#[test]
fn the_running_configuration_starts_the_same_daemon() -> Result<()> {
    let ns = namespace()?;
    let mut speaker = running(&ns, CONFIG)?;
    let shown = speaker.command("show running-config")?;
    let text: String = shown
        .lines()
        .filter(|line| !line.starts_with("Building") && !line.starts_with("Current"))
        .map(|line| format!("{line}\n"))
        .collect();
    speaker.stop();
    speaker.configure(&text)?;
    speaker.launch()?;
    wait_until("the daemon to answer", LIMIT, || speaker.command("show running-config").map(|_| true))?;
    assert_eq!(speaker.command("show running-config")?, shown);
    Ok(())
}
