//! Devices that Weft makes by `vtep source` and `bridge-domain`, and takes away again.

use std::sync::Arc;
use std::time::Duration;
use weft_tests::netns::Namespace;
use weft_tests::speaker::{Kind, Speaker};
use weft_tests::wait::wait_until;
use weft_tests::{Result, owner};

const LIMIT: Duration = Duration::from_secs(60);

const BASE: &str = "hostname leaf\nvtep source 10.255.0.1\nrouter bgp 65000\n bgp router-id 10.255.0.1\n \
    no bgp default ipv4-unicast\n address-family l2vpn evpn\n  advertise-all-vni\n exit-address-family\n";

const BLUE: &str = "bridge-domain blue\n vni 10\n interface port0\n";

fn leaf() -> Result<Arc<Namespace>> {
    let ns = Arc::new(Namespace::create(format!("{}-leaf", owner::lab_prefix()?))?);
    ns.ip_batch(
        "addr add 10.255.0.1/32 dev lo\nlink add under type veth peer name under1\nlink set under mtu 1400 up\n\
         link set under1 up\naddr add 10.0.0.1/31 dev under\nroute add default via 10.0.0.0\n\
         link add port0 type veth peer name port1\nlink set port0 up\nlink set port1 up\n",
    )?;
    Ok(ns)
}

/// The name of the one vxlan device with VNI 10, once it is there and joined.
fn vxlan_of(ns: &Namespace) -> Result<Option<String>> {
    let text = ns.ip("-d -o link show type vxlan")?;
    let line = text.lines().find(|line| line.contains("vxlan id 10 ") && line.contains(" master "));
    Ok(line.and_then(|line| line.split_whitespace().nth(1)).map(|name| name.trim_end_matches(':').to_owned()))
}

fn wait_vxlan(ns: &Namespace) -> Result<String> {
    wait_until("a vxlan device with VNI 10", LIMIT, || Ok(vxlan_of(ns)?.is_some()))?;
    Ok(vxlan_of(ns)?.unwrap_or_default())
}

#[test]
fn a_bridge_domain_has_the_properties_that_evpn_needs() -> Result<()> {
    let ns = leaf()?;
    let _speaker = Speaker::start(Kind::Weft, &ns, &format!("{BASE}{BLUE}"))?;
    let vxlan = wait_vxlan(&ns)?;
    wait_until("the port to be enslaved", LIMIT, || {
        Ok(ns.ip("-d link show dev port0")?.contains("bridge_slave"))
    })?;
    wait_until("learning off and neighbour suppression on", LIMIT, || {
        let shown = ns.ip(&format!("-d link show dev {vxlan}"))?;
        Ok(["nolearning", "learning off", "neigh_suppress on", "local 10.255.0.1", "dstport 4789", "UP"]
            .iter()
            .all(|word| shown.contains(word)))
    })?;
    let shown = ns.ip(&format!("addr show dev {vxlan}"))?;
    assert!(!shown.contains("inet6"), "an address on the vxlan device: {shown}");
    // 1400 of the underlay less 50 for VXLAN over IPv4.
    assert!(shown.contains("mtu 1350"), "{shown}");
    Ok(())
}

#[test]
fn what_weft_made_goes_with_its_lines_and_nothing_else() -> Result<()> {
    let ns = leaf()?;
    let mut speaker = Speaker::start(Kind::Weft, &ns, &format!("{BASE}{BLUE}"))?;
    wait_vxlan(&ns)?;
    let before = ns.ip("-o link show type bridge")?;
    assert_eq!(before.lines().count(), 1, "{before}");
    speaker.configure(BASE)?;
    speaker.signal(nix::sys::signal::Signal::SIGHUP)?;
    wait_until("bridge and vxlan to go", LIMIT, || {
        Ok(vxlan_of(&ns)?.is_none() && ns.ip("-o link show type bridge")?.is_empty())
    })?;
    assert!(ns.ip("link show dev port0")?.contains("UP"), "the port is the operator's");
    assert!(speaker.is_running());
    Ok(())
}

#[test]
fn a_port_that_comes_later_is_enslaved() -> Result<()> {
    let ns = leaf()?;
    ns.ip("link del port0")?;
    let _speaker = Speaker::start(Kind::Weft, &ns, &format!("{BASE}{BLUE}"))?;
    wait_vxlan(&ns)?;
    ns.ip_batch("link add port0 type veth peer name port1\nlink set port0 up\nlink set port1 up\n")?;
    wait_until("the late port to be enslaved", LIMIT, || {
        Ok(ns.ip("-d link show dev port0")?.contains("bridge_slave"))
    })?;
    Ok(())
}

#[test]
fn a_restart_keeps_the_devices_that_it_made() -> Result<()> {
    let ns = leaf()?;
    let mut speaker = Speaker::start(Kind::Weft, &ns, &format!("{BASE}{BLUE}"))?;
    let vxlan = wait_vxlan(&ns)?;
    let index = weft_tests::packet::interface_index(&ns, &vxlan)?;
    speaker.kill();
    speaker.launch()?;
    wait_until("the daemon to answer", LIMIT, || {
        Ok(speaker.command("show evpn vni").is_ok_and(|text| text.contains("10")))
    })?;
    assert_eq!(weft_tests::packet::interface_index(&ns, &vxlan)?, index, "the device was made anew");
    Ok(())
}

/// The filter needs a right that the daemon gives up at its start.
#[test]
fn the_daemon_does_not_hear_its_own_entries() -> Result<()> {
    if !weft_fib::netlink::deaf::Deafness::prepare(1).has_program() {
        eprintln!("skipped: this kernel takes no program for it");
        return Ok(());
    }
    let fabric = crate::fabric()?;
    let log = fabric.leaf(0)?.speaker.whole_log();
    assert!(log.contains("converged") && !log.contains("no eBPF filter"), "{log}");
    Ok(())
}
