//! Hosts that are here, elsewhere, or between; what the SVI answers for; the anycast gateway.

use super::*;

const HOST: &str = "10.0.0.1";

fn here() -> Leaf {
    let mut leaf = Leaf::routed(1);
    leaf.mac(mac(1));
    leaf.neighbour(HOST, mac(1));
    leaf
}

fn is_advertised(leaf: &Leaf) -> bool {
    leaf.sequence(mac(1), Some(HOST)).is_some()
}

#[test]
fn no_path_leads_away_from_a_host_that_is_here() {
    let mut leaf = here();
    // An older claim than ours, so the MAC-VRF keeps its host.
    leaf.update(&host(2, mac(1), HOST));
    assert!(leaf.paths.is_empty(), "lowest VTEP wins");
    assert!(is_advertised(&leaf));
    let mut newer = host(2, mac(1), HOST);
    newer.ext_communities.push(peer(2).sequence(1).communities[0]);
    leaf.update(&newer);
    assert_eq!(leaf.via("10.0.0.1/32"), [to(2)], "its mobility decides");
    assert!(!is_advertised(&leaf));
    leaf.mac(mac(1));
    leaf.neighbour(HOST, mac(1));
    assert_eq!(leaf.via("10.0.0.1/32"), []);
}

#[test]
fn a_prefix_route_for_a_host_that_is_here_is_followed_at_once_and_the_host_is_asked() {
    let mut leaf = here();
    let away = prefix(9, "10.0.0.1/32");
    leaf.update(&away);
    assert_eq!(leaf.via("10.0.0.1/32"), [to(9)]);
    assert!(!is_advertised(&leaf));
    assert_eq!(leaf.probes, [(ip(HOST), Some(mac(1)))]);
    assert_eq!(leaf.desired.proxies, BTreeSet::from([(vni(VNI), ip(HOST))]));
    assert_eq!(leaf.announces, [(ip(HOST), None)], "the other hosts may have its MAC");
    // It does not answer, and its MAC ages out.
    leaf.neighbour_gone(HOST);
    leaf.mac_gone(mac(1));
    assert_eq!(leaf.via("10.0.0.1/32"), [to(9)]);
    leaf.withdraw(&away);
    assert!(leaf.has_no_paths() && leaf.desired.proxies.is_empty());
    assert_eq!(leaf.evpn.neighbours(vni(VNI)).count(), 0, "nothing is left of it");
}

#[test]
fn a_host_that_answers_is_here_again_and_the_route_is_overruled() {
    let mut leaf = here();
    let away = prefix(9, "10.0.0.1/32");
    leaf.update(&away);
    leaf.neighbour(HOST, mac(1));
    assert_eq!(leaf.via("10.0.0.1/32"), []);
    assert_eq!(leaf.sequence(mac(1), Some(HOST)), Some(1), "others may not have seen it go");
    assert!(leaf.desired.proxies.is_empty());
    assert_eq!(leaf.announces.last(), Some(&(ip(HOST), Some(mac(1)))));
    leaf.probes.clear();
    leaf.update(&away);
    assert_eq!(leaf.via("10.0.0.1/32"), [], "the same route again is no news");
    assert_eq!(leaf.probes, []);
    // From another gateway it is.
    let mut other = away.clone();
    other.next_hop = vtep(8);
    leaf.update(&other);
    assert_eq!(
        leaf.via("10.0.0.1/32"),
        [to(9)].map(|_| VrfNextHop::Vtep { vtep: vtep(8), router_mac: router_mac(9) })
    );
    assert_eq!(leaf.probes.len(), 1);
}

#[test]
fn a_host_given_up_for_a_route_that_goes_is_asked_for_again() {
    let mut leaf = here();
    let away = prefix(9, "10.0.0.1/32");
    leaf.update(&away);
    leaf.probes.clear();
    leaf.withdraw(&away);
    assert_eq!(leaf.probes, [(ip(HOST), None)], "its first answer may have been lost");
}

#[test]
fn a_host_given_up_is_asked_for_when_its_mac_vrf_leaves_the_ip_vrf() {
    let mut leaf = here();
    leaf.update(&prefix(9, "10.0.0.1/32"));
    leaf.probes.clear();
    let outside = VniDevices { vrf: None, ..routed_devices(1) };
    leaf.local(LocalEvent::VniUp { vni: vni(VNI), devices: outside });
    assert_eq!(leaf.probes, [(ip(HOST), None)], "no route says any more that it is elsewhere");
    leaf.neighbour_gone(HOST);
    leaf.mac_gone(mac(1));
    assert_eq!(leaf.evpn.neighbour_addresses(vni(VNI)).len(), 0, "nothing is left of it");
}

#[test]
fn a_host_that_goes_is_reached_by_the_route_that_was_overruled() {
    let mut leaf = here();
    leaf.update(&prefix(9, "10.0.0.1/32"));
    leaf.neighbour(HOST, mac(1));
    leaf.mac_gone(mac(1));
    assert_eq!(leaf.via("10.0.0.1/32"), [to(9)]);
    leaf.mac(mac(1));
    leaf.neighbour(HOST, mac(1));
    assert_eq!(leaf.via("10.0.0.1/32"), []);
}

#[test]
fn a_host_that_comes_home_is_here_and_what_the_kernel_alone_says_is_checked() {
    let mut leaf = Leaf::routed(1);
    leaf.update(&prefix(9, "10.0.0.1/32"));
    leaf.mac(mac(1));
    leaf.neighbour(HOST, mac(1));
    assert_eq!(leaf.via("10.0.0.1/32"), []);
    assert_eq!(leaf.probes, [], "it has just spoken");
    // After a restart the kernel's table may be older than the route.
    let mut leaf = Leaf::routed(1);
    leaf.update(&prefix(9, "10.0.0.1/32"));
    leaf.mac(mac(1));
    leaf.kernel_neighbour(HOST, mac(1));
    assert_eq!(leaf.probes, [(ip(HOST), Some(mac(1)))]);
    leaf.neighbour_gone(HOST);
    assert_eq!(leaf.via("10.0.0.1/32"), [to(9)]);
}

#[test]
fn two_hosts_with_one_address_in_two_domains_do_not_chase_each_other_for_ever() {
    let mut leaf = here();
    let mut asked = 0;
    for round in 0..20 {
        // The other side takes it back each time, by another gateway.
        let mut away = prefix(9, "10.0.0.1/32");
        away.next_hop = vtep(8 + round % 2);
        leaf.update(&away);
        if leaf.probes.is_empty() {
            break;
        }
        asked += leaf.probes.len();
        leaf.probes.clear();
        leaf.neighbour(HOST, mac(1));
    }
    assert!(asked < 5, "{asked}");
    let found = |notice: &Notice| matches!(notice, Notice::DuplicateFound { address: Address::Ip(_), .. });
    assert_eq!(leaf.notices.iter().filter(|notice| found(notice)).count(), 1);
}

#[test]
fn a_frozen_or_sticky_host_stays() {
    let mut leaf = Leaf::routed(1);
    leaf.sticky_mac(mac(1));
    leaf.neighbour(HOST, mac(1));
    leaf.update(&prefix(9, "10.0.0.1/32"));
    assert_eq!(leaf.via("10.0.0.1/32"), []);
    assert!(is_advertised(&leaf));
    let mut leaf = here();
    let duplicate_detection =
        DuplicateDetection { freeze: Freeze::Permanent, ..DuplicateDetection::default() };
    leaf.configure(EvpnConfig { duplicate_detection, ..routed_config(1) });
    for round in 0..6 {
        let mut away = prefix(9, "10.0.0.1/32");
        away.next_hop = vtep(8 + round % 2);
        leaf.update(&away);
        leaf.neighbour(HOST, mac(1));
    }
    assert!(is_advertised(&leaf));
    assert_eq!((leaf.via("10.0.0.1/32"), leaf.evpn.duplicates().count()), (vec![], 1));
}

#[test]
fn the_svi_answers_for_routed_hosts_of_its_subnets_only() {
    let mut leaf = Leaf::routed(1);
    for text in ["10.0.0.77/32", "fd00::77/128", "10.5.0.1/32", "10.0.0.64/26", "10.0.0.0/24"] {
        leaf.update(&prefix(9, text));
    }
    let both = BTreeSet::from([(vni(VNI), ip("10.0.0.77")), (vni(VNI), ip("fd00::77"))]);
    assert_eq!(leaf.desired.proxies, both);
    assert_eq!(leaf.announces.len(), 2);
    // A host that a MAC-VRF has as a neighbour answers for itself, through ARP suppression.
    let bridged = host(2, mac(7), "10.0.0.77");
    leaf.update(&bridged);
    assert_eq!(leaf.desired.proxies.len(), 1);
    assert_eq!(leaf.announces.last(), Some(&(ip("10.0.0.77"), Some(mac(7)))));
    leaf.withdraw(&bridged);
    assert_eq!(leaf.desired.proxies, both);
    // Subnets that go, and come.
    let only_v6 = VniDevices { svi_subnets: vec![net("fd00::/64")], ..routed_devices(1) };
    leaf.local(LocalEvent::VniUp { vni: vni(VNI), devices: only_v6 });
    assert_eq!(leaf.desired.proxies.len(), 1);
    leaf.local(vni_up(1));
    assert_eq!(leaf.desired.proxies, both);
    leaf.local(LocalEvent::VniDown { vni: vni(VNI) });
    assert!(leaf.desired.proxies.is_empty());
}

#[test]
fn a_failover_address_is_announced_with_its_new_mac() {
    let mut leaf = Leaf::routed(1);
    let address = "10.0.0.100";
    leaf.update(&peer(2).mac_ip(mac(2), Some(ip(address))));
    assert_eq!(leaf.announces, [], "nobody had another one");
    leaf.update(&peer(3).sequence(1).mac_ip(mac(3), Some(ip(address))));
    assert_eq!(leaf.announces, [(ip(address), Some(mac(3)))]);
    // From a local host to a remote one.
    leaf.mac(mac(4));
    leaf.neighbour(address, mac(4));
    leaf.announces.clear();
    leaf.update(&peer(2).sequence(7).mac_ip(mac(2), Some(ip(address))));
    assert_eq!(leaf.announces, [(ip(address), Some(mac(2)))]);
    // The same MAC at another place is no news to hosts.
    leaf.announces.clear();
    leaf.update(&peer(3).sequence(8).mac_ip(mac(2), Some(ip(address))));
    assert_eq!(leaf.announces, []);
}

#[test]
fn the_anycast_gateway_is_nobodys_host_and_never_a_duplicate() {
    let mut leaf = Leaf::routed(1);
    leaf.configure(EvpnConfig { advertise_default_gw: true, ..routed_config(1) });
    let ours = leaf.routes.len();
    for n in 2..20 {
        // Other leaves advertise the same MAC and addresses, plain and as gateways.
        leaf.update(&peer(n).mac_ip(GATEWAY_MAC, None));
        leaf.update(&peer(n).sequence(u32::from(n)).mac_ip(GATEWAY_MAC, Some(ip("10.0.0.254"))));
        leaf.update(
            &peer(n).with(ExtendedCommunity::DEFAULT_GATEWAY).mac_ip(GATEWAY_MAC, Some(ip("fd00::254"))),
        );
        leaf.update(&host(n, GATEWAY_MAC, "10.0.0.254"));
        leaf.update(&prefix(n, "10.0.0.254/32"));
        // And the kernel reports them on a local port, or as somebody's neighbour.
        leaf.mac(GATEWAY_MAC);
        leaf.neighbour("10.0.0.254", GATEWAY_MAC);
        leaf.mac_gone(GATEWAY_MAC);
        leaf.mac(mac(1));
        leaf.neighbour("10.0.0.254", mac(1));
        leaf.kernel_neighbour("10.0.0.7", GATEWAY_MAC);
    }
    assert_eq!((leaf.notices.len(), leaf.evpn.duplicates().count()), (0, 0));
    assert_eq!(leaf.desired, Desired::default());
    assert!(leaf.paths.is_empty() && leaf.probes.is_empty() && leaf.announces.is_empty());
    assert_eq!(leaf.routes.len(), ours + 1, "but for the MAC of the host that claims the address");
}

#[test]
fn a_bridge_that_becomes_a_gateway_lets_its_mac_and_addresses_go() {
    let mut leaf = Leaf::routed(1);
    leaf.local(LocalEvent::VniUp { vni: vni(VNI), devices: VniDevices { vrf: Some(red()), ..devices(1) } });
    leaf.update(&host(2, GATEWAY_MAC, "10.0.0.254"));
    assert_eq!((leaf.desired.macs.len(), leaf.paths.len()), (1, 1));
    leaf.local(vni_up(1));
    assert_eq!(leaf.desired, Desired::default());
    assert!(leaf.paths.is_empty());
    assert_eq!(leaf.notices, []);
}

#[test]
fn between_domains_others_follow_the_newest_word_too() {
    // Of a subnet that is not here, and of one that is.
    for (number, address, way) in [(20, "10.2.0.1", "10.2.0.1/32"), (VNI, "fd00::7", "fd00::7/128")] {
        let mut leaf = Leaf::routed(1);
        let home = host_of_vni(2, number, mac(7), address);
        leaf.update(&home);
        let away = prefix(9, way);
        leaf.update(&away);
        assert_eq!(leaf.via(way), [to(9)], "before its old place lets go");
        leaf.update(&home);
        assert_eq!(leaf.via(way), [to(9)], "the same again is no news");
        // It has answered at home.
        let mut back = home.clone();
        back.ext_communities.push(peer(2).sequence(1).communities[0]);
        leaf.update(&back);
        assert_eq!(leaf.via(way), [to(2)]);
        leaf.update(&away);
        assert_eq!(leaf.via(way), [to(2)]);
        // What was overruled counts when nothing else is left.
        leaf.withdraw(&home);
        assert_eq!(leaf.via(way), [to(9)]);
        leaf.update(&prefix(8, way));
        assert_eq!(leaf.via(way), [to(8)], "a fresh one before one that was overruled");
        leaf.update(&home);
        leaf.withdraw(&home);
        assert_eq!(leaf.via(way), [to(8), to(9)]);
        leaf.withdraw(&away);
        leaf.withdraw(&prefix(8, way));
        assert!(leaf.has_no_paths());
    }
}

#[test]
fn what_is_overruled_is_given_as_such() {
    let overruled = |leaf: &Leaf| -> Vec<(bool, bool)> {
        leaf.paths.iter().map(|((.., source), path)| (source.mac.is_some(), path.overruled)).collect()
    };
    let mut leaf = Leaf::routed(1);
    let home = host_of_vni(2, 20, mac(7), "10.2.0.7");
    leaf.update(&home);
    leaf.update(&prefix(9, "10.2.0.7/32"));
    assert_eq!(overruled(&leaf), [(true, true), (false, false)]);
    let view = leaf.evpn.ip_vrf(&red()).unwrap();
    assert_eq!((view.host_paths, view.prefix_paths), (0, 1), "only what is used is counted");
    leaf.withdraw(&home);
    leaf.update(&home);
    assert_eq!(overruled(&leaf), [(true, false), (false, true)]);
    assert_eq!(leaf.evpn.vrf_next_hops(vni(L3VNI)).map(|view| view.vtep).collect::<Vec<_>>(), [vtep(2)]);
    leaf.withdraw(&prefix(9, "10.2.0.7/32"));
    assert_eq!(overruled(&leaf), [(true, false)], "a leaf forgets it at once");
    // A host that is here.
    let mut leaf = here();
    leaf.update(&prefix(9, "10.0.0.1/32"));
    leaf.neighbour(HOST, mac(1));
    assert_eq!(overruled(&leaf), [(false, true)]);
}

#[test]
fn a_gateway_knows_for_a_while_what_another_domain_had() {
    let core = DomainId::of_name("core");
    let gateway = || {
        let mut leaf = Leaf::bare(1);
        leaf.configure(EvpnConfig { other_domains: vec![core], ..routed_config(1) });
        leaf.local(vrf_up(1));
        leaf
    };
    let from_core = |leaf: &mut Leaf, n| {
        let route = prefix(n, "10.2.0.7/32");
        let path = RoutePath {
            next_hop: route.next_hop,
            ext_communities: &route.ext_communities,
            pmsi: None,
            domain: core,
            d_path: &[],
        };
        leaf.handle(Input::Route { route: &route.route, path: Some(path) });
        route
    };
    let home = host_of_vni(2, 20, mac(7), "10.2.0.7");
    let mut leaf = gateway();
    let away = from_core(&mut leaf, 9);
    leaf.update(&home);
    let both = leaf.paths.clone();
    assert_eq!((both.len(), leaf.via("10.2.0.7/32")), (2, vec![to(2)]));
    leaf.withdraw(&away);
    leaf.withdraw(&away);
    assert_eq!(leaf.paths, both, "the host must not be covered before all there have let go of it");
    leaf.wait(crate::engine::ip_vrf::HAUNT - Duration::from_millis(1));
    assert_eq!(leaf.paths, both);
    leaf.wait(Duration::from_millis(1));
    assert_eq!(leaf.paths.len(), 1);
    assert_eq!(leaf.evpn.next_deadline(), None);
    // It comes again meanwhile: that is news.
    from_core(&mut leaf, 9);
    leaf.update(&{
        let mut back = home.clone();
        back.ext_communities.push(peer(2).sequence(1).communities[0]);
        back
    });
    leaf.withdraw(&away);
    from_core(&mut leaf, 9);
    assert_eq!((leaf.via("10.2.0.7/32"), leaf.evpn.next_deadline()), (vec![to(9)], None));
    // What is in use goes at once, and a VRF that goes takes all along.
    leaf.withdraw(&away);
    assert_eq!(leaf.via("10.2.0.7/32"), [to(2)]);
    assert_eq!(leaf.paths.len(), 1);
    let mut leaf = gateway();
    let away = from_core(&mut leaf, 9);
    leaf.update(&home);
    leaf.withdraw(&away);
    leaf.local(LocalEvent::VrfDown { vrf: red() });
    assert!(leaf.has_no_paths());
    assert_eq!(leaf.evpn.next_deadline(), None);
}
