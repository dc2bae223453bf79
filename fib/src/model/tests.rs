use super::*;
use crate::config::Serve;
use crate::event::FibNotice;
use crate::vrf::Tenants;
use proptest::prelude::*;
use std::collections::BTreeMap;
use weft_evpn::{MacAddr, Vni};

fn link(index: u32, name: &str, kind: LinkKind, master: Option<u32>) -> Link {
    Link {
        index,
        name: name.to_owned(),
        kind,
        up: true,
        loopback: false,
        master,
        mac: Some(MacAddr([2, 0, 0, 0, 0, 1])),
        mtu: 1500,
        alias: None,
        port: master.map(|_| BridgePort { learning: false, neigh_suppress: true }),
        vlan_aware: false,
        parent: None,
        group: 0,
    }
}

fn vxlan(index: u32, number: u32, master: u32) -> Link {
    let settings = Vxlan {
        vni: Vni::new(number),
        local: Some("10.0.0.1".parse().unwrap()),
        port: 4789,
        learning: false,
        external: false,
    };
    link(index, &format!("vx{number}"), LinkKind::Vxlan(settings), Some(master))
}

/// Without IP-VRFs.
fn served(links: &Links, serve: &Serve) -> (BTreeMap<Vni, ServedVni>, Vec<FibNotice>) {
    super::served(links, serve, &Tenants::default(), &BTreeMap::new())
}

fn vni(number: u32) -> Vni {
    Vni::new(number).unwrap()
}

fn good() -> Links {
    let mut links = Links::default();
    links.set(link(1, "br10", LinkKind::Bridge, None));
    links.set(vxlan(2, 10, 1));
    links.add_address(1, "192.168.10.254".parse::<std::net::IpAddr>().unwrap());
    links
}

#[test]
fn a_vni_with_all_its_devices_is_up() {
    let (up, notices) = served(&good(), &Serve::All);
    let devices = &up[&vni(10)].devices;
    assert_eq!((devices.vxlan.0, devices.bridge.0), (2, 1));
    assert_eq!(devices.svi_addresses, ["192.168.10.254".parse::<std::net::IpAddr>().unwrap()]);
    assert_eq!(notices, []);
    assert!(served(&good(), &Serve::default()).0.is_empty());
    assert_eq!(served(&good(), &Serve::Only([vni(10)].into())).0.len(), 1);
}

#[test]
fn each_missing_part_takes_it_down() {
    let changes: [fn(&mut Links); 6] = [
        |links| _ = links.remove(1),
        |links| _ = links.remove(2),
        |links| _ = links.set(Link { up: false, ..links.get(1).unwrap().clone() }),
        |links| _ = links.set(Link { up: false, ..links.get(2).unwrap().clone() }),
        |links| _ = links.set(Link { master: None, ..links.get(2).unwrap().clone() }),
        |links| {
            let LinkKind::Vxlan(settings) = links.get(2).unwrap().kind.clone() else { unreachable!() };
            let kind = LinkKind::Vxlan(Vxlan { local: None, ..settings });
            links.set(Link { kind, ..links.get(2).unwrap().clone() });
        },
    ];
    for change in changes {
        let mut links = good();
        change(&mut links);
        assert!(served(&links, &Serve::All).0.is_empty());
    }
}

#[test]
fn a_bridge_with_two_vxlan_devices_serves_neither_and_says_so() {
    let mut links = good();
    links.set(vxlan(3, 11, 1));
    let (up, notices) = served(&links, &Serve::All);
    assert!(up.is_empty());
    assert_eq!(notices.len(), 2);
}

#[test]
fn the_same_vni_twice_is_served_once() {
    let mut links = good();
    links.set(link(5, "br11", LinkKind::Bridge, None));
    links.set(vxlan(6, 10, 5));
    let (up, notices) = served(&links, &Serve::All);
    assert_eq!(up[&vni(10)].vxlan(), 2);
    assert!(matches!(notices.as_slice(), [FibNotice::NotServed { .. }]));
}

proptest! {
    /// The last word on each link counts, whatever the order of links.
    #[test]
    fn order_does_not_matter(order in Just((0..8_usize).collect::<Vec<_>>()).prop_shuffle()) {
        let mut links = Links::default();
        for step in order {
            match step {
                0..4 => _ = links.set(link(1 + 2 * step as u32, &format!("br{step}"), LinkKind::Bridge, None)),
                _ => _ = links.set(vxlan(2 * (step as u32 - 3), step as u32, 1 + 2 * (step as u32 - 4))),
            }
        }
        let (up, notices) = served(&links, &Serve::All);
        prop_assert_eq!(up.len(), 4);
        prop_assert_eq!(notices, vec![]);
    }
}
