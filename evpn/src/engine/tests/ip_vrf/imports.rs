//! Hosts and prefixes of peers become paths.

use super::*;

#[test]
fn a_symmetric_host_becomes_a_path_to_its_vtep() {
    let mut leaf = Leaf::routed(1);
    for (address, prefix) in [("10.0.0.2", "10.0.0.2/32"), ("fd00::2", "fd00::2/128")] {
        let route = host(2, mac(2), address);
        leaf.update(&route);
        let ((vrf, at, source), path) = leaf.paths.iter().next().unwrap();
        assert_eq!((vrf, *at), (&red(), net(prefix)));
        let rd = peer(2).rd();
        assert_eq!(*source, VrfPathSource { rd, ethernet_tag: EthernetTag::ZERO, mac: Some(mac(2)) });
        assert_eq!((&path.route, path.next_hop), (&route.route, to(2)), "the route as it came");
        assert_eq!(path.domain, DomainId::default());
        assert_eq!(leaf.remote(mac(2)), Some(vtep(2)), "and the MAC-VRF has it too");
        leaf.withdraw(&route);
        assert!(leaf.has_no_paths());
    }
}

#[test]
fn a_host_of_a_vni_that_is_not_here_becomes_a_path_too() {
    let mut leaf = Leaf::routed(1);
    leaf.update(&host_of_vni(2, 20, mac(2), "10.2.0.2"));
    assert_eq!(leaf.via("10.2.0.2/32"), [to(2)]);
    assert_eq!(leaf.desired, Desired::default());
}

#[test]
fn a_prefix_has_a_path_for_each_leaf_that_advertises_it() {
    let mut leaf = Leaf::routed(1);
    for text in ["192.168.20.0/24", "2001:db8::/32", "0.0.0.0/0", "::/0"] {
        let (two, three) = (prefix(2, text), prefix(3, text));
        leaf.update(&two);
        leaf.update(&three);
        assert_eq!(leaf.via(text), [to(2), to(3)]);
        let view: Vec<VrfNextHopView> = leaf.evpn.vrf_next_hops(vni(L3VNI)).collect();
        let of = |n| VrfNextHopView { vtep: vtep(n), router_mac: router_mac(n), paths: 1 };
        assert_eq!(view, [of(2), of(3)]);
        assert_eq!(leaf.evpn.vrf_prefixes_via(vni(L3VNI), vtep(3)), [net(text)]);
        leaf.withdraw(&two);
        assert_eq!(leaf.via(text), [to(3)]);
        leaf.withdraw(&three);
        assert!(leaf.has_no_paths());
    }
}

#[test]
fn a_route_that_comes_anew_is_given_anew_as_its_attributes_may_have_changed() {
    let mut leaf = Leaf::routed(1);
    let route = prefix(2, "10.9.0.0/16");
    let first = leaf.update(&route);
    assert_eq!(leaf.update(&route), first);
    assert!(matches!(first.as_slice(), [Output::VrfPath { path: Some(_), .. }]), "{first:?}");
}

#[test]
fn another_router_mac_or_vtep_is_followed() {
    let mut leaf = Leaf::routed(1);
    for mut route in [prefix(2, "10.9.0.0/16"), host(2, mac(2), "10.0.0.2")] {
        leaf.update(&route);
        *route.ext_communities.last_mut().unwrap() = ExtendedCommunity::router_mac(router_mac(77));
        let out = leaf.update(&route);
        let paths = out.iter().filter(|output| matches!(output, Output::VrfPath { .. })).count();
        assert_eq!(paths, 1, "replaced in place: {out:?}");
        route.next_hop = vtep(3);
        leaf.update(&route);
        let way = VrfNextHop::Vtep { vtep: vtep(3), router_mac: router_mac(77) };
        assert_eq!(leaf.paths.values().map(|path| path.next_hop).collect::<Vec<_>>(), [way]);
        assert_eq!(leaf.evpn.vrf_next_hops(vni(L3VNI)).count(), 1);
        leaf.withdraw(&route);
    }
}

#[test]
fn of_a_host_that_moves_only_the_newest_claim_is_given() {
    let mut leaf = Leaf::routed(1);
    let old = host(2, mac(2), "10.0.0.2");
    leaf.update(&old);
    let mut new = host(3, mac(2), "10.0.0.2");
    new.ext_communities.push(peer(3).sequence(1).communities[0]);
    leaf.update(&new);
    assert_eq!(leaf.via("10.0.0.2/32"), [to(3)], "nothing goes to the old place any more");
    assert_eq!(leaf.withdraw(&old), vec![]);
    // A failover address: another MAC, a newer number.
    let mut other = host(2, mac(9), "10.0.0.2");
    other.ext_communities.push(peer(2).sequence(2).communities[0]);
    leaf.update(&other);
    assert_eq!(leaf.via("10.0.0.2/32"), [to(2)]);
    leaf.withdraw(&other);
    assert_eq!(leaf.via("10.0.0.2/32"), [to(3)], "the next best is given again");
    // One host behind two VTEPs.
    let mut twin = host(4, mac(2), "10.0.0.2");
    twin.ext_communities.push(peer(4).sequence(1).communities[0]);
    leaf.update(&twin);
    assert_eq!(leaf.via("10.0.0.2/32"), [to(3), to(4)]);
}

#[test]
fn what_comes_back_from_our_own_vtep_is_not_given_while_it_is_ours() {
    let mut leaf = Leaf::routed(1);
    leaf.update(&prefix(1, "10.9.0.0/16"));
    leaf.update(&host(1, mac(2), "10.0.0.2"));
    assert!(leaf.paths.is_empty());
    assert_eq!(leaf.refused(Refusal::OwnVtep), 2);
    let mut devices = vrf_devices(1);
    devices.l3vni.as_mut().unwrap().vtep = vtep(11);
    leaf.local(LocalEvent::VrfUp { vrf: red(), devices });
    leaf.local(LocalEvent::VniUp {
        vni: vni(VNI),
        devices: VniDevices { vtep: vtep(11), ..routed_devices(1) },
    });
    assert_eq!(leaf.paths.len(), 2, "another leaf has the address now");
    leaf.local(vrf_up(1));
    assert!(leaf.paths.is_empty());
}

#[test]
fn nothing_is_imported_for_hosts_with_prefix_routes_only() {
    let mut leaf = Leaf::routed(1);
    let only = IpVrfConfig { vni: Some(vni(L3VNI)), prefix_routes_only: true, ..IpVrfConfig::default() };
    leaf.update(&host(2, mac(2), "10.0.0.2"));
    leaf.update(&prefix(2, "10.9.0.0/16"));
    leaf.configure(with_vrf(1, only));
    assert_eq!(leaf.paths.len(), 1);
    leaf.update(&host(2, mac(3), "10.0.0.3"));
    assert_eq!(leaf.paths.len(), 1);
    leaf.imports.clear();
    leaf.configure(routed_config(1));
    assert_eq!(leaf.imports, [RouteTargetMatch::AnyAs(L3VNI)], "hosts are asked for again");
}

#[test]
fn a_narrower_import_drops_and_a_wider_one_asks() {
    let imports = |texts: &[&str]| {
        with_vrf(
            1,
            IpVrfConfig {
                vni: Some(vni(L3VNI)),
                import: texts.iter().map(|text| text.parse().unwrap()).collect(),
                ..IpVrfConfig::default()
            },
        )
    };
    let targeted = |text: &str, target: &str| {
        let mut route = prefix(2, text);
        route.ext_communities[0] = target.parse::<RouteTarget>().unwrap().community();
        route
    };
    let mut leaf = Leaf::routed(1);
    leaf.configure(imports(&["65000:1", "65000:2"]));
    let (one, two) = (targeted("10.1.0.0/16", "65000:1"), targeted("10.2.0.0/16", "65000:2"));
    for route in [&one, &two, &prefix(2, "10.3.0.0/16")] {
        leaf.update(route);
    }
    assert_eq!(leaf.paths.len(), 2);
    leaf.imports.clear();
    leaf.configure(imports(&["65000:1", "65000:3"]));
    assert_eq!(leaf.paths.keys().map(|key| key.1).collect::<Vec<_>>(), [net("10.1.0.0/16")]);
    assert_eq!(leaf.imports, ["65000:3".parse().unwrap()], "only what is new");
    leaf.update(&targeted("10.1.0.0/16", "65000:9"));
    assert!(leaf.has_no_paths(), "a route whose targets change is dropped");
}

#[test]
fn our_own_addresses_are_reached_by_no_route() {
    let mut leaf = Leaf::routed(1);
    leaf.update(&host(2, mac(9), "10.0.0.254"));
    leaf.update(&prefix(2, "fd00::254/128"));
    let mut devices = vrf_devices(1);
    devices.interfaces =
        vec![crate::vrf::VrfInterface { device: (20, "ce0".into()), addresses: vec![net("10.7.0.1/30")] }];
    leaf.update(&prefix(2, "10.7.0.1/32"));
    assert_eq!(leaf.paths.len(), 1);
    leaf.local(LocalEvent::VrfUp { vrf: red(), devices });
    assert!(leaf.paths.is_empty());
    leaf.local(vrf_up(1));
    leaf.local(LocalEvent::VniUp {
        vni: vni(VNI),
        devices: VniDevices { vrf: Some(red()), ..devices_of(1) },
    });
    assert_eq!(leaf.paths.len(), 3, "no longer ours");
}

fn devices_of(n: u8) -> VniDevices {
    super::super::devices(n)
}

#[test]
fn mac_detail_of_another_domain_stays_there_its_prefixes_come() {
    let mut leaf = Leaf::routed(1);
    let core = DomainId::of_name("core");
    let mut update = |route: &Origination, domain, d_path: &[DomainId]| {
        let path = RoutePath {
            next_hop: route.next_hop,
            ext_communities: &route.ext_communities,
            pmsi: route.pmsi.as_ref(),
            domain,
            d_path,
        };
        leaf.handle(Input::Route { route: &route.route, path: Some(path) });
    };
    update(&peer(2).imet(), core, &[]);
    update(&host(2, mac(2), "10.0.0.2"), core, &[]);
    update(&prefix(3, "10.9.0.0/16"), core, &[DomainId::of_name("west")]);
    assert_eq!(leaf.desired, Desired::default());
    assert_eq!((leaf.via("10.0.0.2/32"), leaf.via("10.9.0.0/16")), (vec![to(2)], vec![to(3)]));
    assert!(leaf.paths.values().all(|path| path.domain == core));
    leaf.imports.clear();
    leaf.configure(EvpnConfig { domain: core, ..routed_config(1) });
    let all = [RouteTargetMatch::AnyAs(VNI), RouteTargetMatch::AnyAs(L3VNI)];
    assert_eq!(leaf.imports, all, "all is looked at again");
}

#[test]
fn paths_to_one_prefix_are_bounded() {
    let mut leaf = Leaf::routed(1);
    let of = |number: u32| {
        let mut route = prefix(2, "10.9.0.0/16");
        if let EvpnRoute::IpPrefix(route) = &mut route.route {
            route.rd = RouteDistinguisher::two_octet_as(65000, number);
        }
        route
    };
    let limit = crate::engine::ip_vrf::PATHS_PER_PREFIX as u32;
    for number in 0..limit + 3 {
        leaf.update(&of(number));
    }
    assert_eq!(leaf.paths.len(), limit as usize);
    assert_eq!(leaf.refused(Refusal::TooManyPaths), 3);
    assert_eq!(leaf.notices.len(), 1);
    for number in 0..limit + 3 {
        leaf.withdraw(&of(number));
    }
    assert!(leaf.has_no_paths());
}
