//! Our own routes when configuration or devices change.

use super::*;

fn loaded() -> Leaf {
    let mut leaf = Leaf::new(1);
    leaf.mac(mac(1));
    leaf.neighbour("10.0.0.1", mac(1));
    leaf.neighbour("fd00::1", mac(1));
    leaf
}

fn rds(leaf: &Leaf) -> BTreeSet<String> {
    leaf.routes.keys().map(|key| key.1.to_string()).collect()
}

#[test]
fn the_auto_rd_belongs_to_the_vni() {
    let mut leaf = Leaf::bare(1);
    leaf.configure(config(1));
    for number in [10, 65_536 + 10, 65_536] {
        leaf.local(LocalEvent::VniUp { vni: vni(number), devices: devices(1) });
    }
    let rd = |leaf: &Leaf, number| leaf.evpn.instance(vni(number)).unwrap().rd.unwrap().to_string();
    assert_eq!(rd(&leaf, 10), "10.255.0.1:10");
    assert_eq!(rd(&leaf, 65_536 + 10), "10.255.0.1:11");
    assert_eq!(rd(&leaf, 65_536), "10.255.0.1:1");
    leaf.local(LocalEvent::VniDown { vni: vni(10) });
    leaf.local(LocalEvent::VniUp { vni: vni(10), devices: devices(1) });
    assert_eq!(rd(&leaf, 10), "10.255.0.1:10", "it keeps its number");
}

#[test]
fn another_rd_replaces_every_route() {
    let mut leaf = loaded();
    assert_eq!(rds(&leaf), BTreeSet::from(["10.255.0.1:10".to_string()]));
    let block = VniConfig { rd: Some("65000:99".parse().unwrap()), ..VniConfig::default() };
    let out = leaf.configure(EvpnConfig { vnis: BTreeMap::from([(vni(VNI), block)]), ..config(1) });
    assert_eq!(rds(&leaf), BTreeSet::from(["65000:99".to_string()]));
    assert_eq!(leaf.routes.len(), 4);
    assert!(!out.iter().any(|output| matches!(output, Output::Forward(_) | Output::Import(_))));
    leaf.mac_gone(mac(1));
    assert_eq!(leaf.routes.len(), 1);
    leaf.configure(EvpnConfig { router_id: Ipv4Addr::new(10, 255, 0, 77), ..config(1) });
    assert_eq!(rds(&leaf), BTreeSet::from(["10.255.0.77:10".to_string()]));
}

#[test]
fn another_export_or_vtep_replaces_the_routes_in_place() {
    let mut leaf = loaded();
    let target: RouteTarget = "65000:500".parse().unwrap();
    let block = VniConfig { export: vec![target], ..VniConfig::default() };
    let wanted = EvpnConfig { vnis: BTreeMap::from([(vni(VNI), block)]), ..config(1) };
    let out = leaf.configure(wanted.clone());
    assert_eq!(out.len(), 4, "{out:?}");
    let expected = [target.community(), ExtendedCommunity::ENCAPSULATION_VXLAN];
    assert!(leaf.routes.values().all(|route| route.ext_communities == expected));
    assert_eq!(leaf.configure(wanted), vec![], "nothing changed");
    leaf.local(LocalEvent::VniUp { vni: vni(VNI), devices: VniDevices { vtep: vtep(11), ..devices(1) } });
    assert_eq!(leaf.routes.len(), 4);
    assert!(leaf.routes.values().all(|route| route.next_hop == vtep(11)));
    let imet = leaf.routes.values().find_map(|route| route.pmsi.as_ref()).unwrap();
    assert_eq!(imet.endpoint(), Some(vtep(11)));
}

#[test]
fn labels_tags_and_esi_of_what_we_send() {
    let leaf = loaded();
    for route in leaf.routes.values() {
        if let EvpnRoute::MacIp(route) = &route.route {
            assert_eq!((route.label1, route.label2), ([0, 0, 10], None));
            assert_eq!((route.ethernet_tag, route.esi), (EthernetTag::ZERO, Esi::ZERO));
        }
    }
}

#[test]
fn the_bridges_addresses_are_advertised_when_asked_for() {
    let mut leaf = Leaf::new(1);
    let svi = |addresses: &[&str]| VniDevices {
        svi_addresses: addresses.iter().map(|address| ip(address)).collect(),
        ..devices(1)
    };
    let bridge = devices(1).bridge_mac;
    let up = |leaf: &mut Leaf, devices| leaf.local(LocalEvent::VniUp { vni: vni(VNI), devices });
    up(&mut leaf, svi(&["10.0.0.254", "fd00::254"]));
    assert_eq!(leaf.routes.len(), 1);
    leaf.configure(EvpnConfig { advertise_svi_ip: true, ..config(1) });
    assert_eq!(leaf.sequence(bridge, Some("10.0.0.254")), Some(0));
    assert_eq!(leaf.sequence(bridge, Some("fd00::254")), Some(0));
    assert_eq!(leaf.sequence(bridge, None), None);
    let gateways = |leaf: &Leaf| {
        let is_gateway = |route: &&Origination| MacIpFlags::of(&route.ext_communities).gateway;
        leaf.routes.values().filter(is_gateway).count()
    };
    assert_eq!(gateways(&leaf), 0);
    let block = VniConfig { advertise_default_gw: Some(true), ..VniConfig::default() };
    leaf.configure(EvpnConfig { vnis: BTreeMap::from([(vni(VNI), block)]), ..config(1) });
    assert_eq!(gateways(&leaf), 2);
    let v6 = leaf.routes.values().find(|route| key(&route.route).4 == Some(ip("fd00::254"))).unwrap();
    let flags = MacIpFlags::of(&v6.ext_communities);
    assert!(flags.router && v6.ext_communities.iter().all(|community| community.as_mac_mobility().is_none()));
    up(&mut leaf, svi(&["10.0.0.253"]));
    assert_eq!(leaf.routes.len(), 2);
    let other = VniDevices { bridge_mac: mac(77), ..svi(&["10.0.0.253"]) };
    up(&mut leaf, other);
    assert_eq!(leaf.sequence(mac(77), Some("10.0.0.253")), Some(0));
    assert_eq!(leaf.routes.len(), 2);
    leaf.configure(config(1));
    assert_eq!(leaf.routes.len(), 1);
}
