//! What MAC/IP routes of our own carry for symmetric IRB (RFC 9135 §5.1).

use super::*;

fn route(leaf: &Leaf, address: Option<&str>) -> (MacIp, Vec<String>) {
    let wanted = address.map(ip);
    let (_, origination) = leaf.routes.iter().find(|(key, _)| key.0 == 2 && key.4 == wanted).unwrap();
    let EvpnRoute::MacIp(route) = origination.route else { panic!() };
    (route, origination.ext_communities.iter().map(ToString::to_string).collect())
}

fn loaded(mut leaf: Leaf) -> Leaf {
    leaf.mac(mac(1));
    for address in ["10.0.0.1", "fd00::1", "fe80::1"] {
        leaf.neighbour(address, mac(1));
    }
    leaf
}

const PLAIN: [&str; 2] = ["RT:65000:10", "ET:8"];
const SYMMETRIC: [&str; 4] = ["RT:65000:10", "RT:65000:5000", "ET:8", "Rmac:02:ff:00:00:00:01"];

#[test]
fn hosts_carry_both_labels_both_targets_and_the_router_mac() {
    let leaf = loaded(Leaf::routed(1));
    for address in ["10.0.0.1", "fd00::1"] {
        let (route, communities) = route(&leaf, Some(address));
        assert_eq!((route.label1, route.label2), (vni(VNI).to_label(), Some(vni(L3VNI).to_label())));
        assert_eq!(communities, SYMMETRIC);
    }
    for address in [None, Some("fe80::1")] {
        let (route, communities) = route(&leaf, address);
        assert_eq!(route.label2, None, "{address:?}");
        assert_eq!(communities, PLAIN);
    }
}

#[test]
fn a_moved_host_carries_its_number_too() {
    let mut leaf = Leaf::routed(1);
    leaf.update(&host(2, mac(1), "10.0.0.1"));
    leaf.mac(mac(1));
    leaf.neighbour("10.0.0.1", mac(1));
    let (_, communities) = route(&leaf, Some("10.0.0.1"));
    assert_eq!(communities[..4], SYMMETRIC);
    assert_eq!(communities[4], "MM:1");
}

#[test]
fn prefix_routes_only_keeps_hosts_to_the_mac_vrf() {
    let mut leaf = loaded(Leaf::routed(1));
    let only = IpVrfConfig { vni: Some(vni(L3VNI)), prefix_routes_only: true, ..IpVrfConfig::default() };
    leaf.configure(with_vrf(1, only));
    assert_eq!(route(&leaf, Some("10.0.0.1")).1, PLAIN);
    leaf.configure(routed_config(1));
    assert_eq!(route(&leaf, Some("10.0.0.1")).1, SYMMETRIC);
}

#[test]
fn a_bridge_that_enters_or_leaves_the_vrf_changes_its_hosts_and_nothing_else() {
    let mut leaf = loaded(Leaf::routed(1));
    let out = leaf
        .local(LocalEvent::VniUp { vni: vni(VNI), devices: VniDevices { vrf: None, ..routed_devices(1) } });
    let originated = out.iter().filter(|output| matches!(output, Output::Originate(_))).count();
    assert_eq!((originated, out.len()), (3, 3), "{out:?}");
    assert_eq!(route(&leaf, Some("fd00::1")).1, PLAIN);
    leaf.local(vni_up(1));
    assert_eq!(route(&leaf, Some("fd00::1")).1, SYMMETRIC);
}

#[test]
fn another_router_mac_is_advertised_at_once() {
    let mut leaf = loaded(Leaf::routed(1));
    let mut devices = vrf_devices(1);
    devices.l3vni.as_mut().unwrap().router_mac = router_mac(99);
    leaf.local(LocalEvent::VrfUp { vrf: red(), devices });
    assert_eq!(leaf.active[&red()].router_mac, router_mac(99));
    assert_eq!(route(&leaf, Some("10.0.0.1")).1[3], "Rmac:02:ff:00:00:00:63");
}

#[test]
fn one_target_for_both_is_sent_once() {
    let target: RouteTarget = "65000:1".parse().unwrap();
    let mut wanted =
        with_vrf(1, IpVrfConfig { vni: Some(vni(L3VNI)), export: vec![target], ..IpVrfConfig::default() });
    wanted.vnis.insert(vni(VNI), VniConfig { export: vec![target], ..VniConfig::default() });
    let mut leaf = loaded(Leaf::routed(1));
    leaf.configure(wanted);
    assert_eq!(route(&leaf, Some("10.0.0.1")).1, ["RT:65000:1", "ET:8", "Rmac:02:ff:00:00:00:01"]);
}

#[test]
fn the_address_of_one_leaf_is_routed_to_that_of_a_gateway_is_not() {
    let mut leaf = Leaf::routed(1);
    leaf.configure(EvpnConfig { advertise_svi_ip: true, ..routed_config(1) });
    let (svi, communities) = route(&leaf, Some("10.0.0.254"));
    assert_eq!((svi.mac, svi.label2), (GATEWAY_MAC, Some(vni(L3VNI).to_label())));
    assert_eq!(communities, SYMMETRIC);
    leaf.configure(EvpnConfig { advertise_default_gw: true, ..routed_config(1) });
    let (svi, communities) = route(&leaf, Some("10.0.0.254"));
    assert_eq!(svi.label2, None);
    assert_eq!(communities, ["RT:65000:10", "ET:8", "Default Gateway"]);
}
