//! RFC 9136 §3.1 and §3.2, RFC 9135 §5.4 and §9.1.1: what may not be used, counted by reason.

use super::*;

fn rmac(mac: MacAddr) -> Vec<ExtendedCommunity> {
    vec![ExtendedCommunity::router_mac(mac)]
}

/// A prefix route with these fields.
fn with(esi: u8, gateway: &str, label: [u8; 3], router_mac: &[ExtendedCommunity]) -> Origination {
    let mut route = prefix(2, "10.9.0.0/16");
    if let EvpnRoute::IpPrefix(route) = &mut route.route {
        (route.esi, route.gateway, route.label) = (Esi([esi; 10]), ip(gateway), label);
    }
    route.ext_communities.retain(|community| community.as_router_mac().is_none());
    route.ext_communities.extend(router_mac);
    route
}

#[test]
fn every_combination_of_a_prefix_route_is_judged() {
    let (none, own, other) = ([0; 3], vni(L3VNI).to_label(), [0, 0, 1]);
    let (good, multicast, zero) =
        (rmac(router_mac(2)), rmac(MacAddr([1, 0, 0x5e, 0, 0, 1])), rmac(MacAddr::ZERO));
    let (nothing, gateway) = ("0.0.0.0", "10.0.0.9");
    let (broadcast, no_mac) = (rmac(MacAddr([0xff; 6])), vec![]);
    let cases = [
        (with(0, nothing, own, &good), None),
        (with(0, nothing, none, &no_mac), Some(Refusal::NothingToResolve)),
        (with(1, gateway, own, &good), Some(Refusal::TwoOverlayIndexes)),
        (with(1, gateway, none, &no_mac), Some(Refusal::TwoOverlayIndexes)),
        (with(1, nothing, own, &good), Some(Refusal::EsiOverlayIndex)),
        (with(0, nothing, own, &multicast), Some(Refusal::BadRouterMac)),
        (with(0, nothing, own, &broadcast), Some(Refusal::BadRouterMac)),
        (with(0, nothing, own, &zero), Some(Refusal::BadRouterMac)),
        (with(0, nothing, none, &multicast), Some(Refusal::BadRouterMac)),
        (with(0, nothing, none, &good), Some(Refusal::MacOverlayIndex)),
        (with(0, nothing, other, &good), Some(Refusal::LabelMismatch)),
        (with(0, nothing, other, &no_mac), Some(Refusal::LabelMismatch)),
        (with(0, nothing, own, &no_mac), Some(Refusal::NoRouterMac)),
    ];
    for (i, (route, refusal)) in cases.into_iter().enumerate() {
        let mut leaf = Leaf::routed(1);
        // What was good before is as good as withdrawn.
        leaf.update(&with(0, nothing, own, &good));
        leaf.update(&route);
        assert_eq!(leaf.paths.is_empty(), refusal.is_some(), "case {i}");
        let counted: Vec<Refusal> =
            Refusal::ALL.into_iter().filter(|reason| leaf.refused(*reason) > 0).collect();
        assert_eq!(counted, refusal.into_iter().collect::<Vec<_>>(), "case {i}");
        leaf.update(&route);
        let notices = leaf.notices.len();
        assert_eq!(notices, usize::from(refusal.is_some()), "case {i}: noted once");
        leaf.update(&with(0, nothing, own, &good));
        assert_eq!(leaf.paths.len(), 1, "case {i}");
    }
}

#[test]
fn a_gateway_makes_label_and_router_mac_count_for_nothing() {
    for label in [[0; 3], [0, 0, 1], vni(L3VNI).to_label()] {
        for router_mac in [vec![], rmac(router_mac(2)), rmac(MacAddr([1; 6]))] {
            let mut leaf = Leaf::routed(1);
            leaf.update(&host(3, mac(9), "10.0.0.9"));
            leaf.update(&with(0, "10.0.0.9", label, &router_mac));
            assert_eq!(leaf.via("10.9.0.0/16"), [VrfNextHop::Gateway(ip("10.0.0.9"))]);
        }
    }
}

#[test]
fn the_first_of_several_router_macs_counts() {
    let both = [rmac(router_mac(2)), rmac(MacAddr([1; 6]))].concat();
    let mut leaf = Leaf::routed(1);
    leaf.update(&with(0, "0.0.0.0", vni(L3VNI).to_label(), &both));
    assert_eq!(leaf.via("10.9.0.0/16"), [to(2)]);
}

#[test]
fn other_encapsulations_and_martians_are_not_used() {
    let mut leaf = Leaf::routed(1);
    let mut mpls = prefix(2, "10.9.0.0/16");
    mpls.ext_communities[1] = ExtendedCommunity([3, 0x0c, 0, 0, 0, 0, 0, 10]);
    leaf.update(&mpls);
    for text in ["224.0.0.0/4", "239.1.1.1/32", "ff02::1/128", "127.0.0.0/8", "::1/128"] {
        leaf.update(&prefix(2, text));
    }
    assert!(leaf.has_no_paths());
    assert_eq!(leaf.refused(Refusal::Martian), 5);
}

/// A symmetric host route with this second label and router MAC.
fn host_with(label2: Option<[u8; 3]>, router_mac: Option<MacAddr>) -> Origination {
    let mut route = host(2, mac(2), "10.0.0.2");
    if let EvpnRoute::MacIp(route) = &mut route.route {
        route.label2 = label2;
    }
    route.ext_communities.retain(|community| community.as_router_mac().is_none());
    route.ext_communities.extend(router_mac.map(ExtendedCommunity::router_mac));
    route
}

#[test]
fn a_host_needs_the_l3vni_and_a_unicast_router_mac() {
    let own = Some(vni(L3VNI).to_label());
    for (route, refusal) in [
        (host_with(Some([0, 0, 1]), Some(router_mac(2))), Refusal::LabelMismatch),
        (host_with(Some([0; 3]), Some(router_mac(2))), Refusal::LabelMismatch),
        (host_with(own, None), Refusal::NoRouterMac),
        (host_with(own, Some(MacAddr([1, 0, 0, 0, 0, 1]))), Refusal::BadRouterMac),
    ] {
        let mut leaf = Leaf::routed(1);
        leaf.update(&host(2, mac(2), "10.0.0.2"));
        leaf.update(&route);
        assert!(leaf.has_no_paths(), "{refusal:?}");
        assert_eq!(leaf.refused(refusal), 1, "{refusal:?}");
        assert_eq!(leaf.remote(mac(2)), Some(vtep(2)), "bridged it is all the same");
    }
}

#[test]
fn an_asymmetric_host_is_the_mac_vrfs_alone() {
    let mut leaf = Leaf::routed(1);
    // With the route target of the MAC-VRF only, as asymmetric IRB has it, and with both.
    leaf.update(&peer(2).mac_ip(mac(2), Some(ip("10.0.0.2"))));
    leaf.update(&host_with(None, None));
    assert_eq!(leaf.remote_neighbour("10.0.0.2"), Some(mac(2)));
    assert!(leaf.has_no_paths());
    assert_eq!(leaf.evpn.ip_vrf(&red()).unwrap().refusals.total(), 0);
}

#[test]
fn one_label_with_the_target_of_the_ip_vrf_alone_is_refused() {
    let mut leaf = Leaf::routed(1);
    let mut route = host_with(None, None);
    route.ext_communities.remove(0);
    leaf.update(&route);
    assert_eq!(leaf.desired, Desired::default());
    assert!(leaf.has_no_paths());
    assert_eq!(leaf.refused(Refusal::OneLabel), 1);
}

#[test]
fn two_labels_without_the_target_of_the_ip_vrf_are_refused_in_any_order() {
    let mut partial = host(2, mac(2), "10.0.0.2");
    partial.ext_communities.remove(1);
    let mut leaf = Leaf::routed(1);
    leaf.update(&partial);
    assert_eq!(leaf.desired, Desired::default());
    assert_eq!(leaf.refused(Refusal::NoIpVrfTarget), 1);
    // Without an IP-VRF here the second label means nothing (RFC 9135 §5.2); when it comes, or
    // goes, the routes are asked for again.
    let mut leaf = Leaf::bare(1);
    leaf.configure(routed_config(1));
    leaf.local(vni_up(1));
    leaf.update(&partial);
    assert_eq!(leaf.remote(mac(2)), Some(vtep(2)));
    leaf.imports.clear();
    leaf.local(vrf_up(1));
    assert!(leaf.imports.contains(&RouteTargetMatch::AnyAs(VNI)));
    leaf.update(&partial);
    assert_eq!(leaf.desired, Desired::default());
    leaf.imports.clear();
    leaf.local(LocalEvent::VrfDown { vrf: red() });
    assert_eq!(leaf.imports, [RouteTargetMatch::AnyAs(VNI)]);
    leaf.update(&partial);
    assert_eq!(leaf.remote(mac(2)), Some(vtep(2)));
    // A target that is nobody's here may be that of an IP-VRF elsewhere.
    let mut leaf = Leaf::routed(1);
    partial.ext_communities.insert(1, RouteTarget::auto(65000, vni(6000)).community());
    leaf.update(&partial);
    assert_eq!(leaf.remote(mac(2)), Some(vtep(2)));
}

#[test]
fn mac_only_and_link_local_routes_are_nobodys_host() {
    let mut leaf = Leaf::routed(1);
    leaf.update(&symmetric(peer(2).mac_ip(mac(2), None), 2));
    leaf.update(&host(2, mac(2), "fe80::2"));
    leaf.update(&host(2, mac(2), "169.254.0.2"));
    assert!(leaf.has_no_paths());
    assert_eq!(leaf.evpn.ip_vrf(&red()).unwrap().refusals.total(), 0);
    assert_eq!(leaf.remote(mac(2)), Some(vtep(2)));
}

#[test]
fn a_route_that_came_through_a_domain_of_ours_is_a_loop() {
    let (own, core, west) = (DomainId::of_name("east"), DomainId::of_name("core"), DomainId::of_name("west"));
    let mut leaf = Leaf::routed(1);
    leaf.configure(EvpnConfig { domain: own, other_domains: vec![core], ..routed_config(1) });
    let update = |leaf: &mut Leaf, route: &Origination, d_path: &[DomainId]| {
        let path = RoutePath {
            next_hop: route.next_hop,
            ext_communities: &route.ext_communities,
            pmsi: None,
            domain: core,
            d_path,
        };
        leaf.handle(Input::Route { route: &route.route, path: Some(path) });
    };
    for route in [prefix(2, "10.9.0.0/16"), host(2, mac(2), "10.0.0.2")] {
        update(&mut leaf, &route, &[west]);
        assert_eq!(leaf.paths.len(), 1);
        for d_path in [&[own][..], &[core], &[west, own], &[west, core, west]] {
            update(&mut leaf, &route, d_path);
            assert!(leaf.has_no_paths(), "{d_path:?}");
        }
    }
    assert_eq!(leaf.refused(Refusal::DomainLoop), 8);
    assert_eq!(leaf.notices.len(), 1);
}
