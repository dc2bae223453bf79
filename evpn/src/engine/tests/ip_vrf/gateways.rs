//! Gateway overlay indexes: resolved, and resolved anew (RFC 9136 §3.2, §4.1).

use super::*;

const PREFIX: &str = "10.9.0.0/16";
const GATEWAY: &str = "10.0.0.9";

fn direct() -> Vec<VrfNextHop> {
    vec![VrfNextHop::Gateway(ip(GATEWAY))]
}

fn unresolved(leaf: &Leaf) -> usize {
    leaf.evpn.ip_vrf(&red()).unwrap().unresolved
}

#[test]
fn a_prefix_comes_and_goes_with_its_gateway() {
    let mut leaf = Leaf::routed(1);
    leaf.update(&behind(2, PREFIX, GATEWAY));
    leaf.update(&behind(2, "2001:db8::/32", "fd00::9"));
    assert!(leaf.paths.is_empty());
    assert_eq!(unresolved(&leaf), 2);
    let route = host(3, mac(9), GATEWAY);
    leaf.update(&route);
    assert_eq!(leaf.via(PREFIX), direct());
    leaf.withdraw(&route);
    assert_eq!(leaf.via(PREFIX), []);
    // A host of our own.
    leaf.mac(mac(9));
    leaf.neighbour(GATEWAY, mac(9));
    leaf.neighbour("fd00::9", mac(9));
    assert_eq!(leaf.via(PREFIX), direct());
    assert_eq!(leaf.via("2001:db8::/32"), [VrfNextHop::Gateway(ip("fd00::9"))]);
    assert_eq!(unresolved(&leaf), 0);
    leaf.mac_gone(mac(9));
    assert!(leaf.has_no_paths_given());
    assert_eq!(unresolved(&leaf), 2);
}

impl Leaf {
    fn has_no_paths_given(&self) -> bool {
        self.paths.is_empty() && self.evpn.ip_vrf(&red()).unwrap().prefix_paths == 0
    }
}

#[test]
fn a_neighbour_of_a_mac_vrf_is_enough_it_needs_no_host_route() {
    let mut leaf = Leaf::routed(1);
    leaf.update(&behind(2, PREFIX, GATEWAY));
    leaf.update(&prefix(2, "10.0.0.9/32"));
    assert_eq!((leaf.via(PREFIX), leaf.desired.proxies.len()), (vec![], 1));
    let asymmetric = peer(3).mac_ip(mac(9), Some(ip(GATEWAY)));
    leaf.update(&asymmetric);
    assert_eq!((leaf.via(PREFIX), leaf.desired.proxies.len()), (direct(), 0));
    leaf.withdraw(&asymmetric);
    assert_eq!((leaf.via(PREFIX), leaf.desired.proxies.len()), (vec![], 1));
}

#[test]
fn a_gateway_that_moves_is_followed_without_a_word() {
    let mut leaf = Leaf::routed(1);
    leaf.update(&peer(3).mac_ip(mac(9), Some(ip(GATEWAY))));
    leaf.update(&behind(2, PREFIX, GATEWAY));
    let out = leaf.update(&peer(4).sequence(1).mac_ip(mac(9), Some(ip(GATEWAY))));
    assert!(!out.iter().any(|output| matches!(output, Output::VrfPath { .. })), "{out:?}");
    assert_eq!(leaf.via(PREFIX), direct());
}

#[test]
fn a_gateway_of_a_subnet_that_is_not_here_is_reached_by_its_host_route() {
    let mut leaf = Leaf::routed(1);
    let gateway = "10.2.0.9";
    leaf.update(&behind(2, PREFIX, gateway));
    let mut route = host_of_vni(3, 20, mac(9), gateway);
    leaf.update(&route);
    assert_eq!(leaf.via(PREFIX), [to(3)]);
    let next_hops: Vec<usize> = leaf.evpn.vrf_next_hops(vni(L3VNI)).map(|view| view.paths).collect();
    assert_eq!(next_hops, [2]);
    // It moves, with the same route and with another one.
    route.next_hop = vtep(4);
    *route.ext_communities.last_mut().unwrap() = ExtendedCommunity::router_mac(router_mac(4));
    leaf.update(&route);
    assert_eq!(leaf.via(PREFIX), [to(4)]);
    let mut newer = host_of_vni(5, 20, mac(9), gateway);
    newer.ext_communities.push(peer(5).sequence(1).communities[0]);
    leaf.update(&newer);
    assert_eq!(leaf.via(PREFIX), [to(5)]);
    assert_eq!(leaf.evpn.vrf_next_hops(vni(L3VNI)).count(), 1);
    leaf.withdraw(&newer);
    leaf.withdraw(&route);
    assert_eq!(leaf.via(PREFIX), []);
    assert_eq!(leaf.evpn.vrf_next_hops(vni(L3VNI)).count(), 0);
}

#[test]
fn a_subnet_that_comes_or_goes_changes_the_way() {
    let mut leaf = Leaf::routed(1);
    leaf.update(&host(3, mac(9), GATEWAY));
    leaf.update(&behind(2, PREFIX, GATEWAY));
    assert_eq!(leaf.via(PREFIX), direct());
    leaf.local(LocalEvent::VniUp { vni: vni(VNI), devices: VniDevices { vrf: None, ..routed_devices(1) } });
    assert_eq!(leaf.via(PREFIX), [to(3)], "the bridge is not in the VRF, the host route is");
    leaf.local(vni_up(1));
    assert_eq!(leaf.via(PREFIX), direct());
    leaf.local(LocalEvent::VniDown { vni: vni(VNI) });
    assert_eq!(leaf.via(PREFIX), [to(3)]);
}

#[test]
fn a_prefix_route_resolves_no_gateway_not_even_its_own() {
    let mut leaf = Leaf::routed(1);
    leaf.update(&behind(2, PREFIX, "10.2.0.9"));
    leaf.update(&behind(2, "10.2.0.9/32", "10.2.0.9"));
    leaf.update(&prefix(3, "10.2.0.9/32"));
    leaf.update(&prefix(3, "10.2.0.0/24"));
    assert_eq!(leaf.via(PREFIX), []);
    assert_eq!(leaf.via("10.2.0.9/32"), [to(3)]);
}

#[test]
fn our_own_address_is_no_gateway() {
    let mut leaf = Leaf::routed(1);
    leaf.update(&host(3, mac(9), "10.0.0.254"));
    leaf.update(&behind(2, PREFIX, "10.0.0.254"));
    assert_eq!(leaf.via(PREFIX), []);
}

#[test]
fn another_gateway_in_the_same_route_is_followed() {
    let mut leaf = Leaf::routed(1);
    leaf.update(&host(3, mac(9), GATEWAY));
    leaf.update(&host(3, mac(8), "10.0.0.8"));
    leaf.update(&behind(2, PREFIX, GATEWAY));
    leaf.update(&behind(2, PREFIX, "10.0.0.8"));
    assert_eq!(leaf.via(PREFIX), [VrfNextHop::Gateway(ip("10.0.0.8"))]);
    leaf.update(&prefix(2, PREFIX));
    assert_eq!(leaf.via(PREFIX), [to(2)]);
    leaf.withdraw(&host(3, mac(8), "10.0.0.8"));
    assert_eq!(leaf.via(PREFIX), [to(2)]);
}
