//! Which routes are used: route targets, labels, encapsulations; and changes of all that.

use super::*;

fn block(vni_number: u32, block: VniConfig) -> EvpnConfig {
    EvpnConfig { vnis: BTreeMap::from([(vni(vni_number), block)]), ..config(1) }
}

fn imports(texts: &[&str]) -> VniConfig {
    VniConfig { import: texts.iter().map(|text| text.parse().unwrap()).collect(), ..VniConfig::default() }
}

fn targeted(target: &str, host: u8) -> Origination {
    let mut route = peer(2).mac_ip(mac(host), Some(ip(&format!("10.0.0.{host}"))));
    route.ext_communities[0] = target.parse::<RouteTarget>().unwrap().community();
    route
}

#[test]
fn the_auto_import_takes_any_as_and_asks_for_routes_once() {
    let mut leaf = Leaf::bare(1);
    leaf.configure(config(1));
    assert!(leaf.imports.is_empty());
    leaf.up();
    assert_eq!(leaf.imports, [RouteTargetMatch::AnyAs(10)]);
    leaf.up();
    leaf.configure(config(1));
    assert_eq!(leaf.imports.len(), 1, "what is known is not asked for again");
    leaf.update(&targeted("64512:10", 1));
    leaf.update(&targeted("10.1.1.1:10", 2));
    leaf.update(&targeted("4200000000:10", 3));
    leaf.update(&targeted("64512:11", 4));
    assert_eq!(leaf.desired.macs.len(), 3);
}

#[test]
fn what_is_imported_in_all_is_known_and_counted() {
    let mut leaf = Leaf::bare(1);
    leaf.configure(config(1));
    assert!(leaf.evpn.imports().is_empty(), "nothing is active");
    let before = leaf.evpn.imports_version();
    leaf.up();
    assert_eq!(leaf.evpn.imports().into_iter().collect::<Vec<_>>(), [RouteTargetMatch::AnyAs(10)]);
    let active = leaf.evpn.imports_version();
    assert_ne!(active, before);
    leaf.configure(block(VNI, imports(&["65000:500"])));
    let targets: Vec<String> = leaf.evpn.imports().iter().map(ToString::to_string).collect();
    assert_eq!(targets, ["65000:500"]);
    assert_ne!(leaf.evpn.imports_version(), active);
}

#[test]
fn the_rfc_8365_form_is_sent_and_imported() {
    let mut leaf = Leaf::bare(1);
    leaf.configure(EvpnConfig { auto_rt_rfc8365: true, ..config(1) });
    leaf.up();
    assert_eq!(leaf.imports, [RouteTargetMatch::AnyAs(0x1000_000a)]);
    let target = RouteTarget::auto_rfc8365(65000, vni(VNI)).community();
    assert!(leaf.routes.values().all(|route| route.ext_communities.contains(&target)));
}

#[test]
fn manual_targets_replace_the_auto_one_on_their_side() {
    let mut leaf = Leaf::bare(1);
    leaf.configure(block(VNI, imports(&["65000:500", "65000:600"])));
    leaf.up();
    leaf.update(&targeted("65000:10", 1));
    leaf.update(&targeted("65000:500", 2));
    leaf.update(&targeted("65000:600", 3));
    assert_eq!(leaf.desired.macs.keys().map(|(_, mac)| mac.0[5]).collect::<Vec<_>>(), [2, 3]);
    let auto = RouteTarget::auto(65000, vni(VNI)).community();
    assert!(leaf.routes.values().all(|route| route.ext_communities.contains(&auto)));
}

#[test]
fn a_narrower_import_drops_what_no_longer_matches_and_a_wider_one_asks() {
    let mut leaf = Leaf::bare(1);
    leaf.configure(block(VNI, imports(&["65000:500", "65000:600"])));
    leaf.up();
    leaf.update(&targeted("65000:500", 2));
    leaf.update(&targeted("65000:600", 3));
    let mut imet = peer(2).imet();
    imet.ext_communities[0] = "65000:600".parse::<RouteTarget>().unwrap().community();
    leaf.update(&imet);
    leaf.imports.clear();
    let out = leaf.configure(block(VNI, imports(&["65000:500", "*:700"])));
    assert_eq!(leaf.imports, [RouteTargetMatch::AnyAs(700)], "only what is new");
    assert_eq!(leaf.desired.macs.keys().map(|(_, mac)| mac.0[5]).collect::<Vec<_>>(), [2]);
    assert_eq!((leaf.desired.neighbours.len(), leaf.desired.floods.len()), (1, 0));
    let originated = |output: &Output| matches!(output, Output::Originate(_) | Output::Withdraw(_));
    assert!(!out.iter().any(originated), "our routes are the same");
}

#[test]
fn a_route_whose_targets_change_is_dropped() {
    let mut leaf = Leaf::new(1);
    leaf.update(&targeted("65000:10", 1));
    assert_eq!(leaf.desired.macs.len(), 1);
    leaf.update(&targeted("65000:11", 1));
    assert_eq!(leaf.desired, Desired::default());
}

#[test]
fn the_label_is_the_vni_in_all_24_bits() {
    let mut leaf = Leaf::bare(1);
    leaf.configure(config(1));
    let large = 0x00ab_cdef;
    leaf.local(LocalEvent::VniUp { vni: vni(large), devices: devices(1) });
    let from = Peer { n: 2, vni: large, communities: vec![] };
    leaf.update(&from.mac_ip(mac(1), None));
    assert_eq!(leaf.desired.macs[&(vni(large), mac(1))], (vtep(2), false));
    let imet = leaf.routes.values().next().unwrap();
    assert_eq!(imet.pmsi.as_ref().unwrap().label, [0xab, 0xcd, 0xef]);
}

#[test]
fn a_route_with_another_label_is_counted_and_not_used() {
    let mut leaf = Leaf::new(1);
    let good = peer(2).mac_ip(mac(1), None);
    leaf.update(&good);
    for label in [[0, 0, 0], [0, 0, 11], [0, 0, 0xa0]] {
        let mut bad = good.clone();
        if let EvpnRoute::MacIp(route) = &mut bad.route {
            route.label1 = label;
        }
        leaf.update(&bad);
        assert_eq!(leaf.remote(mac(1)), None, "{label:?}");
    }
    assert_eq!(leaf.evpn.instance(vni(VNI)).unwrap().label_mismatches, 3);
    assert_eq!(leaf.notices.len(), 1);
    leaf.update(&good);
    assert_eq!(leaf.remote(mac(1)), Some(vtep(2)));
    // A withdrawal says nothing of labels and targets.
    let mut gone = good;
    if let EvpnRoute::MacIp(route) = &mut gone.route {
        (route.label1, route.esi) = ([0; 3], Esi([1; 10]));
    }
    leaf.withdraw(&gone);
    assert_eq!(leaf.remote(mac(1)), None);
}

#[test]
fn absent_encapsulation_means_vxlan_and_others_alone_do_not() {
    let encapsulation = |tunnel| ExtendedCommunity([3, 0x0c, 0, 0, 0, 0, 0, tunnel]);
    let mut leaf = Leaf::new(1);
    for (host, tunnels, used) in
        [(1, vec![], true), (2, vec![10], false), (3, vec![10, 8], true), (4, vec![8], true)]
    {
        let mut route = peer(2).mac_ip(mac(host), None);
        route.ext_communities.retain(|community| community.as_encapsulation().is_none());
        route.ext_communities.extend(tunnels.into_iter().map(encapsulation));
        leaf.update(&route);
        assert_eq!(leaf.remote(mac(host)).is_some(), used, "{host}");
    }
}

#[test]
fn one_route_may_serve_two_vnis_only_by_its_label() {
    let mut leaf = Leaf::bare(1);
    let vnis = [(vni(VNI), imports(&["*:10"])), (vni(20), imports(&["*:10", "*:20"]))];
    leaf.configure(EvpnConfig { vnis: BTreeMap::from(vnis), ..config(1) });
    leaf.up();
    leaf.local(LocalEvent::VniUp { vni: vni(20), devices: devices(1) });
    leaf.update(&peer(2).mac_ip(mac(1), None));
    assert_eq!(leaf.desired.macs.keys().copied().collect::<Vec<_>>(), [(vni(VNI), mac(1))]);
    assert_eq!(leaf.evpn.instance(vni(20)).unwrap().label_mismatches, 1);
}

#[test]
fn a_vni_is_served_by_its_block_or_by_advertise_all() {
    let mut leaf = Leaf::bare(1);
    leaf.up();
    leaf.mac(mac(1));
    leaf.kernel_neighbour("10.0.0.1", mac(1));
    let none = EvpnConfig { advertise_all_vni: false, ..config(1) };
    leaf.configure(none.clone());
    assert!(leaf.routes.is_empty() && leaf.imports.is_empty());
    leaf.configure(EvpnConfig { advertise_all_vni: false, ..block(VNI, VniConfig::default()) });
    assert_eq!(leaf.routes.len(), 3, "what the kernel said before counts");
    leaf.update(&peer(2).mac_ip(mac(2), Some(ip("10.0.0.2"))));
    leaf.update(&peer(2).imet());
    leaf.configure(none);
    assert!(leaf.routes.is_empty());
    assert_eq!(leaf.desired, Desired::default());
    leaf.imports.clear();
    leaf.configure(config(1));
    assert_eq!((leaf.routes.len(), leaf.imports.len()), (3, 1), "and it asks for routes again");
    assert_eq!(leaf.desired, Desired::default());
}

#[test]
fn a_vni_that_goes_down_withdraws_and_forgets() {
    let mut leaf = Leaf::new(1);
    leaf.mac(mac(1));
    leaf.neighbour("10.0.0.1", mac(1));
    leaf.update(&peer(2).mac_ip(mac(2), Some(ip("10.0.0.2"))));
    leaf.update(&peer(2).imet());
    leaf.local(LocalEvent::VniDown { vni: vni(VNI) });
    assert!(leaf.routes.is_empty());
    assert_eq!(leaf.desired, Desired::default());
    assert_eq!(leaf.evpn.instances().count(), 0);
    leaf.imports.clear();
    leaf.up();
    assert_eq!((leaf.routes.len(), leaf.imports.len()), (1, 1));
}

#[test]
fn a_vxlan_device_without_a_local_address_is_noted() {
    let mut leaf = Leaf::bare(1);
    leaf.configure(config(1));
    let unset = VniDevices { vtep: ip("0.0.0.0"), ..devices(1) };
    leaf.local(LocalEvent::VniUp { vni: vni(VNI), devices: unset.clone() });
    leaf.local(LocalEvent::VniUp { vni: vni(VNI), devices: unset });
    assert_eq!(leaf.notices, [Notice::NoVtep { vni: vni(VNI) }]);
    assert!(leaf.routes.is_empty());
    leaf.up();
    assert_eq!(leaf.routes.len(), 1);
}
