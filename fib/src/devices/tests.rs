use super::plan::Plan;
use super::plan::overlay_mtu;
use super::*;
use crate::config::{BridgeDomain, FibConfig, Serve};
use crate::model::{BridgePort, LinkKind, Links, Vxlan};
use crate::names::{bridge_name, vxlan_name};
use crate::vrf::tenants;
use proptest::prelude::*;
use std::net::IpAddr;
use weft_evpn::Vni;
use weft_evpn::vrf::VrfForm;

const VTEP: &str = "10.0.0.1";

/// In a kernel without VRF devices.
fn plan(config: &FibConfig, links: &Links) -> Plan {
    super::plan(config, &tenants(config, links, VrfForm::Rule), links)
}

fn vni(number: u32) -> Vni {
    Vni::new(number).unwrap()
}

pub fn other(index: u32, name: &str) -> Link {
    Link {
        index,
        name: name.to_owned(),
        kind: LinkKind::Other,
        up: true,
        loopback: false,
        master: None,
        mac: None,
        mtu: 1500,
        alias: None,
        port: None,
        vlan_aware: false,
        parent: None,
        group: 0,
    }
}

pub fn underlay() -> Links {
    let mut links = Links::default();
    links.set(Link { loopback: true, mtu: 65_536, ..other(1, "lo") });
    links.add_address(1, VTEP.parse::<IpAddr>().unwrap());
    links.set(Link { mtu: 9000, ..other(2, "uplink") });
    links.add_address(2, "172.16.0.1".parse::<IpAddr>().unwrap());
    links
}

fn config(domains: &[(&str, u32, &[&str])]) -> FibConfig {
    let bridge_domains = domains
        .iter()
        .map(|(name, number, ports)| {
            let interfaces = ports.iter().map(|port| (*port).to_owned()).collect();
            ((*name).to_owned(), BridgeDomain::new(vni(*number), interfaces))
        })
        .collect();
    FibConfig { vtep_source: VTEP.parse().ok(), bridge_domains, serve: Serve::All, ..FibConfig::default() }
}

/// What the kernel would do.
pub fn apply(links: &mut Links, op: &DeviceOp) {
    let next = links.iter().map(|link| link.index).max().unwrap_or(0) + 1;
    let change = |links: &mut Links, index: u32, change: &mut dyn FnMut(&mut Link)| {
        let mut link = links.get(index).unwrap().clone();
        change(&mut link);
        links.set(link);
    };
    match op {
        DeviceOp::AddBridge { name, alias, mac } => {
            let alias = Some(alias.clone());
            links.set(Link {
                kind: LinkKind::Bridge,
                up: false,
                mac: Some(*mac),
                alias,
                ..other(next, name)
            });
        }
        DeviceOp::AddVxlan { name, alias, vni, local, mtu, master, mac } => {
            let settings =
                Vxlan { vni: Some(*vni), local: Some(*local), port: 4789, learning: false, external: false };
            links.set(Link {
                kind: LinkKind::Vxlan(settings),
                up: false,
                alias: Some(alias.clone()),
                mtu: *mtu,
                mac: *mac,
                master: *master,
                port: master.map(|_| BridgePort { learning: true, neigh_suppress: false }),
                ..other(next, name)
            });
        }
        DeviceOp::AddVrf { name, alias, table } => {
            let alias = Some(alias.clone());
            links.set(Link { kind: LinkKind::Vrf { table: *table }, up: false, alias, ..other(next, name) });
        }
        DeviceOp::Mac { index, mac, .. } => change(links, *index, &mut |link| link.mac = Some(*mac)),
        DeviceOp::NoAutoAddress { .. } => {}
        DeviceOp::Alias { index, alias, .. } => {
            change(links, *index, &mut |link| (link.alias, link.group) = (Some(alias.clone()), 0))
        }
        DeviceOp::VxlanPort { index, .. } => change(links, *index, &mut |link| {
            link.port = link.master.map(|_| BridgePort { learning: false, neigh_suppress: true });
        }),
        DeviceOp::VxlanLocal { index, local, .. } => change(links, *index, &mut |link| {
            if let LinkKind::Vxlan(settings) = &mut link.kind {
                settings.local = Some(*local);
                settings.learning = false;
            }
        }),
        DeviceOp::Mtu { index, mtu, .. } => change(links, *index, &mut |link| link.mtu = *mtu),
        DeviceOp::Master { index, master, .. } => change(links, *index, &mut |link| {
            link.master = *master;
            link.port = master.map(|_| BridgePort { learning: true, neigh_suppress: false });
        }),
        DeviceOp::Up { index, .. } => change(links, *index, &mut |link| link.up = true),
        DeviceOp::Delete { index, .. } => {
            links.remove(*index);
            let ports: Vec<u32> = links.ports(*index).map(|link| link.index).collect();
            for port in ports {
                change(links, port, &mut |link| (link.master, link.port) = (None, None));
            }
        }
    }
}

/// Plans and applies until nothing is left to do.
fn settle(config: &FibConfig, links: &mut Links) {
    for _ in 0..10 {
        let ops = plan(config, links).ops;
        if ops.is_empty() {
            return;
        }
        for op in &ops {
            apply(links, op);
        }
    }
    panic!("no end: {:?}", plan(config, links));
}

fn ours(links: &Links) -> Vec<&str> {
    let mut names: Vec<&str> =
        links.iter().filter(|link| is_ours(link)).map(|link| link.name.as_str()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_domain_gets_its_devices() {
    let mut links = underlay();
    links.set(other(3, "eth1"));
    settle(&config(&[("blue", 10, &["eth1", "eth9"])]), &mut links);
    assert_eq!(ours(&links), ["br-blue", "vx10"]);
    let bridge = links.named("br-blue").unwrap();
    let vxlan = links.named("vx10").unwrap();
    assert_eq!((vxlan.master, vxlan.mtu, vxlan.up), (Some(bridge.index), 8950, true));
    assert_eq!(links.named("eth1").unwrap().master, Some(bridge.index));
    // A port that comes later.
    links.set(Link { up: false, ..other(77, "eth9") });
    settle(&config(&[("blue", 10, &["eth1", "eth9"])]), &mut links);
    let port = links.named("eth9").unwrap();
    assert_eq!((port.master, port.up), (Some(links.named("br-blue").unwrap().index), true));
}

#[test]
fn gateways_have_the_address_that_the_domain_or_else_the_configuration_gives_them() {
    let [everywhere, own, anycast] =
        [[2, 0, 0, 0, 0, 5], [2, 0, 0, 0, 0, 6], [0, 0, 0x5e, 0, 1, 1]].map(weft_evpn::MacAddr);
    let mac_of = |config: &FibConfig, bridge: &str| {
        let mut links = underlay();
        settle(config, &mut links);
        links.named(bridge).unwrap().mac
    };
    let mut config = config(&[("blue", 10, &[]), ("red", 20, &[])]);
    for (name, gateway) in [("blue", "192.168.10.254/24"), ("red", "192.168.20.254/24")] {
        config.bridge_domains.get_mut(name).unwrap().gateways.push(gateway.parse().unwrap());
    }
    assert_eq!(mac_of(&config, "br-blue"), Some(anycast));
    config.gateway_mac = Some(everywhere);
    config.bridge_domains.get_mut("red").unwrap().gateway_mac = Some(own);
    assert_eq!((mac_of(&config, "br-blue"), mac_of(&config, "br-red")), (Some(everywhere), Some(own)));
    // Changed in place, too.
    let mut links = underlay();
    settle(&config, &mut links);
    let before = links.named("br-blue").unwrap().index;
    config.gateway_mac = None;
    settle(&config, &mut links);
    let bridge = links.named("br-blue").unwrap();
    assert_eq!((bridge.index, bridge.mac), (before, Some(anycast)));
}

#[test]
fn ports_of_the_operator_stay_when_ours_are_released() {
    let mut links = underlay();
    links.set(other(3, "eth1"));
    settle(&config(&[("blue", 10, &["eth1"])]), &mut links);
    let bridge = links.named("br-blue").unwrap().index;
    links.set(Link { master: Some(bridge), ..other(50, "tap0") });
    settle(&config(&[("blue", 10, &[])]), &mut links);
    assert_eq!(links.named("eth1").unwrap().master, None);
    assert_eq!(links.named("tap0").unwrap().master, Some(bridge));
}

#[test]
fn a_port_of_another_bridge_is_not_stolen() {
    let mut links = underlay();
    links.set(Link { kind: LinkKind::Bridge, ..other(30, "br0") });
    links.set(Link { master: Some(30), ..other(40, "eth1") });
    let config = config(&[("blue", 10, &["eth1"])]);
    settle(&config, &mut links);
    assert_eq!(links.named("eth1").unwrap().master, Some(30));
    assert!(plan(&config, &links).obstacles["eth1"].contains("br0"));
}

#[test]
fn half_made_devices_are_finished_and_foreign_ones_left_alone() {
    let mut links = underlay();
    let wanted = config(&[("blue", 10, &[])]);
    // Made, and then the daemon was killed.
    let op = plan(&wanted, &links).ops.remove(0);
    apply(&mut links, &op);
    links.set(Link { alias: None, group: NEWBORN, ..links.named("br-blue").unwrap().clone() });
    settle(&wanted, &mut links);
    assert_eq!(ours(&links), ["br-blue", "vx10"]);
    // The operator's.
    let mut links = underlay();
    links.set(Link { kind: LinkKind::Bridge, ..other(3, "br-blue") });
    settle(&wanted, &mut links);
    assert_eq!(ours(&links), [""; 0]);
    assert!(plan(&wanted, &links).obstacles.contains_key("br-blue"));
}

#[test]
fn an_ipv6_vtep_replaces_the_vxlan_device_and_an_ipv4_one_changes_it() {
    let mut links = underlay();
    let mut wanted = config(&[("blue", 10, &[])]);
    settle(&wanted, &mut links);
    let before = links.named("vx10").unwrap().index;
    wanted.vtep_source = "10.0.0.9".parse().ok();
    settle(&wanted, &mut links);
    let vxlan = links.named("vx10").unwrap();
    assert_eq!((vxlan.index, vxlan.vxlan().unwrap().local), (before, "10.0.0.9".parse().ok()));
    wanted.vtep_source = "2001:db8::1".parse().ok();
    settle(&wanted, &mut links);
    assert_eq!(links.named("vx10").unwrap().vxlan().unwrap().local, "2001:db8::1".parse().ok());
}

#[test]
fn an_alias_never_outgrows_its_place() {
    let ports: Vec<String> = (0..40).map(|number| format!("interface-{number:04}")).collect();
    let alias = alias("blue", &ports);
    assert!(alias.len() <= 255);
    let link = Link { alias: Some(alias), ..other(1, "br-blue") };
    assert_eq!(domain_of(&link), Some("blue"));
    assert!(remembered_ports(&link).all(|port| ports.iter().any(|known| known == port)));
}

#[test]
fn the_mtu_is_that_of_the_underlay_less_the_overhead() {
    let links = underlay();
    assert_eq!(overlay_mtu(&links, VTEP.parse().unwrap()), 8950);
    let mut links = Links::default();
    assert_eq!(overlay_mtu(&links, VTEP.parse().unwrap()), 1450);
    links.set(Link { mtu: 1600, ..other(1, "eth0") });
    links.add_address(1, "2001:db8::1".parse::<IpAddr>().unwrap());
    assert_eq!(overlay_mtu(&links, "2001:db8::1".parse().unwrap()), 1530);
}

proptest! {
    /// Whatever configurations follow one another, the last one's devices are there and no others.
    #[test]
    fn the_last_configuration_counts(steps in prop::collection::vec((0..4_u32, 10..13_u32, any::<bool>()), 1..8)) {
        let mut links = underlay();
        links.set(other(3, "eth1"));
        let names = ["blue", "red", "green", "a-very-long-name"];
        let mut domains: std::collections::BTreeMap<&str, (u32, bool)> = Default::default();
        for (name, number, there) in steps {
            let name = names[name as usize];
            domains.retain(|_, (taken, _)| *taken != number);
            if there {
                domains.insert(name, (number, number == 10));
            } else {
                domains.remove(name);
            }
            let list: Vec<(&str, u32, &[&str])> = domains
                .iter()
                .map(|(name, (number, port))| (*name, *number, if *port { &["eth1"][..] } else { &[] }))
                .collect();
            let config = config(&list);
            settle(&config, &mut links);
            let mut expected: Vec<String> =
                list.iter().flat_map(|(name, number, _)| [bridge_name(name), vxlan_name(vni(*number))]).collect();
            expected.sort();
            prop_assert_eq!(ours(&links), expected.iter().map(String::as_str).collect::<Vec<_>>());
            let port_wanted = domains.values().any(|(_, port)| *port);
            prop_assert_eq!(links.named("eth1").unwrap().master.is_some(), port_wanted);
        }
    }
}
