//! When an IP-VRF is active, and with what; what a change of that leaves behind.

use super::*;

#[test]
fn it_is_active_once_configuration_and_devices_are_there_in_any_order() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut leaf = Leaf::bare(1);
        for step in order {
            assert!(leaf.active.is_empty() || step == 2, "{order:?}");
            match step {
                0 => leaf.configure(routed_config(1)),
                1 => leaf.local(vrf_up(1)),
                _ => leaf.local(vni_up(1)),
            };
        }
        let active = &leaf.active[&red()];
        assert_eq!(active.rd.to_string(), "10.255.0.1:5000");
        assert_eq!(active.export, [RouteTarget::auto(65000, vni(L3VNI))]);
        assert_eq!((active.vni, active.vtep, active.router_mac), (vni(L3VNI), vtep(1), router_mac(1)));
        assert!(active.domain_rds.is_empty());
        assert!(leaf.imports.contains(&RouteTargetMatch::AnyAs(L3VNI)), "{order:?}");
    }
}

#[test]
fn what_is_said_twice_changes_nothing() {
    let mut leaf = Leaf::routed(1);
    leaf.update(&prefix(2, "10.9.0.0/16"));
    for event in [vrf_up(1), vni_up(1)] {
        assert_eq!(leaf.local(event), vec![]);
    }
    assert_eq!(leaf.configure(routed_config(1)), vec![]);
}

#[test]
fn without_vtep_router_mac_or_its_own_vni_it_is_not() {
    let mut leaf = Leaf::bare(1);
    leaf.configure(routed_config(1));
    let wrong = |change: fn(&mut L3VniDevices)| {
        let mut devices = vrf_devices(1);
        change(devices.l3vni.as_mut().unwrap());
        LocalEvent::VrfUp { vrf: red(), devices }
    };
    leaf.local(wrong(|devices| devices.vtep = ip("0.0.0.0")));
    leaf.local(wrong(|devices| devices.router_mac = MacAddr([1, 0, 0, 0, 0, 1])));
    leaf.local(wrong(|devices| devices.router_mac = MacAddr::ZERO));
    leaf.local(wrong(|devices| devices.vni = vni(5001)));
    leaf.local(LocalEvent::VrfUp { vrf: red(), devices: VrfDevices { l3vni: None, ..vrf_devices(1) } });
    assert!(leaf.active.is_empty());
    leaf.local(vrf_up(1));
    assert_eq!(leaf.active.len(), 1);
    leaf.configure(with_vrf(1, IpVrfConfig::default()));
    assert!(leaf.active.is_empty(), "without a VNI it takes no part");
}

#[test]
fn manual_rd_and_targets_replace_the_auto_ones() {
    let mut leaf = Leaf::routed(1);
    leaf.configure(with_vrf(
        1,
        IpVrfConfig {
            vni: Some(vni(L3VNI)),
            rd: Some("65000:7".parse().unwrap()),
            import: vec!["65000:1".parse().unwrap()],
            export: vec!["65000:2".parse().unwrap(), "65000:1".parse().unwrap()],
            ..IpVrfConfig::default()
        },
    ));
    let active = &leaf.active[&red()];
    assert_eq!(active.rd.to_string(), "65000:7");
    assert_eq!(
        active.export.iter().map(|target| target.to_string()).collect::<Vec<_>>(),
        ["65000:1", "65000:2"]
    );
    assert_eq!(leaf.imports.last().unwrap().to_string(), "65000:1");
}

#[test]
fn each_other_domain_has_an_rd_of_its_own() {
    let mut leaf = Leaf::bare(1);
    let (core, west) = (DomainId::of_name("core"), DomainId::of_name("west"));
    leaf.configure(EvpnConfig { other_domains: vec![core, west], ..routed_config(1) });
    leaf.local(vrf_up(1));
    let active = leaf.active[&red()].clone();
    let rds: BTreeSet<RouteDistinguisher> =
        active.domain_rds.iter().map(|(_, rd)| *rd).chain([active.rd]).collect();
    assert_eq!(rds.len(), 3);
    assert_eq!(active.domain_rds.iter().map(|(domain, _)| *domain).collect::<Vec<_>>(), [core, west]);
    leaf.configure(routed_config(1));
    leaf.configure(EvpnConfig { other_domains: vec![core, west], ..routed_config(1) });
    assert_eq!(leaf.active[&red()], active, "they keep their numbers");
}

#[test]
fn an_l3vni_of_two_vrfs_serves_neither_until_one_lets_go() {
    let blue = VrfName::from("blue");
    let of = |red_vni, blue_vni| {
        let vrf = |number| IpVrfConfig { vni: Vni::new(number), ..IpVrfConfig::default() };
        EvpnConfig {
            vrfs: BTreeMap::from([(red(), vrf(red_vni)), (blue.clone(), vrf(blue_vni))]),
            ..config(1)
        }
    };
    let mut leaf = Leaf::routed(1);
    leaf.update(&prefix(2, "10.9.0.0/16"));
    leaf.configure(of(L3VNI, L3VNI));
    leaf.configure(of(L3VNI, L3VNI));
    assert!(leaf.active.is_empty() && leaf.has_no_paths());
    let notices: Vec<String> = leaf.notices.iter().map(Notice::to_string).collect();
    assert_eq!(notices.len(), 2, "one for each: {notices:?}");
    leaf.configure(of(L3VNI, 5001));
    assert_eq!(leaf.active.keys().collect::<Vec<_>>(), [&red()]);
    leaf.configure(of(L3VNI, L3VNI));
    assert_eq!(leaf.notices.len(), 4, "it is noted again once it was resolved");
}

#[test]
fn an_l3vni_with_devices_of_an_l2vni_serves_neither() {
    let mut leaf = Leaf::routed(1);
    leaf.local(LocalEvent::VniUp { vni: vni(L3VNI), devices: devices(1) });
    assert!(leaf.active.is_empty());
    assert!(leaf.evpn.instance(vni(L3VNI)).unwrap().rd.is_none());
    assert_eq!(leaf.notices, [Notice::L3VniIsL2Vni { vni: vni(L3VNI), vrf: red() }]);
    leaf.local(LocalEvent::VniDown { vni: vni(L3VNI) });
    assert_eq!(leaf.active.len(), 1);
}

#[test]
fn a_vni_that_changes_from_l2_to_l3_and_back_leaves_nothing_behind() {
    let l2 = |leaf: &mut Leaf| leaf.local(LocalEvent::VniUp { vni: vni(L3VNI), devices: devices(1) });
    let from = Peer { n: 2, vni: L3VNI, communities: vec![] };
    let mut leaf = Leaf::bare(1);
    leaf.configure(config(1));
    l2(&mut leaf);
    leaf.update(&from.imet());
    leaf.update(&from.mac_ip(mac(1), Some(ip("10.0.0.1"))));
    let (routes, desired) = (leaf.routes.clone(), leaf.desired.clone());
    assert!(!routes.is_empty() && !desired.macs.is_empty());
    leaf.configure(routed_config(1));
    assert!(leaf.routes.is_empty());
    assert_eq!(leaf.desired, Desired::default(), "the configuration says that it is no L2VNI");
    leaf.local(LocalEvent::VniDown { vni: vni(L3VNI) });
    leaf.local(vrf_up(1));
    assert_eq!(leaf.active.len(), 1);
    leaf.update(&prefix(2, "10.9.0.0/16"));
    leaf.configure(config(1));
    leaf.local(LocalEvent::VrfDown { vrf: red() });
    assert!(leaf.active.is_empty() && leaf.has_no_paths());
    assert_eq!(leaf.evpn.ip_vrfs().count(), 0);
    l2(&mut leaf);
    leaf.update(&from.imet());
    leaf.update(&from.mac_ip(mac(1), Some(ip("10.0.0.1"))));
    assert_eq!((&leaf.routes, &leaf.desired), (&routes, &desired));
    assert_eq!(leaf.notices, []);
}

#[test]
fn an_l3vni_that_changes_and_changes_back_ends_where_it_began() {
    let mut leaf = Leaf::routed(1);
    leaf.mac(mac(1));
    leaf.neighbour("10.0.0.1", mac(1));
    leaf.update(&host(2, mac(2), "10.0.0.2"));
    leaf.update(&prefix(2, "10.9.0.0/16"));
    let (routes, paths, active) = (leaf.routes.clone(), leaf.paths.clone(), leaf.active.clone());
    for _ in 0..10 {
        leaf.configure(with_vrf(1, IpVrfConfig { vni: Vni::new(5001), ..IpVrfConfig::default() }));
        assert!(leaf.active.is_empty() && leaf.has_no_paths());
        assert!(
            leaf.routes
                .values()
                .all(|route| !route.ext_communities.iter().any(|c| c.as_router_mac().is_some()))
        );
        let mut other = vrf_devices(1);
        other.l3vni.as_mut().unwrap().vni = vni(5001);
        leaf.local(LocalEvent::VrfUp { vrf: red(), devices: other });
        assert_eq!(leaf.active[&red()].vni, vni(5001));
        leaf.imports.clear();
        leaf.configure(routed_config(1));
        leaf.local(vrf_up(1));
        assert_eq!(leaf.imports, [RouteTargetMatch::AnyAs(L3VNI)], "it asks for its routes again");
        leaf.update(&host(2, mac(2), "10.0.0.2"));
        leaf.update(&prefix(2, "10.9.0.0/16"));
        assert_eq!((&leaf.routes, &leaf.paths, &leaf.active), (&routes, &paths, &active));
    }
}

#[test]
fn devices_that_go_take_paths_and_labels_along() {
    let mut leaf = Leaf::routed(1);
    leaf.mac(mac(1));
    leaf.neighbour("10.0.0.1", mac(1));
    leaf.update(&host(2, mac(2), "10.0.0.2"));
    leaf.update(&prefix(2, "10.9.0.0/16"));
    leaf.update(&behind(2, "10.8.0.0/16", "10.0.0.2"));
    leaf.update(&prefix(2, "10.0.0.77/32"));
    assert_eq!(leaf.desired.proxies.len(), 1);
    leaf.local(LocalEvent::VrfDown { vrf: red() });
    assert!(leaf.active.is_empty() && leaf.has_no_paths());
    assert!(leaf.desired.proxies.is_empty());
    let EvpnRoute::MacIp(route) =
        leaf.routes.iter().find(|(key, _)| key.4 == Some(ip("10.0.0.1"))).unwrap().1.route.clone()
    else {
        panic!()
    };
    assert_eq!(route.label2, None);
    let view = leaf.evpn.ip_vrf(&red()).unwrap();
    assert_eq!((view.host_paths, view.prefix_paths, view.prefixes, view.unresolved), (0, 0, 0, 0));
    assert_eq!(leaf.evpn.vrf_next_hops(vni(L3VNI)).count(), 0);
}
