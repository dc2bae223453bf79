//! MACs: learning, mobility, sticky ones (RFC 7432 §15).

use super::*;

#[test]
fn a_local_mac_is_advertised_without_mobility_and_withdrawn_when_it_ages_out() {
    let mut leaf = Leaf::new(1);
    leaf.mac(mac(1));
    assert_eq!(leaf.sequence(mac(1), None), Some(0));
    let route = leaf.routes.values().find(|route| route.pmsi.is_none()).unwrap();
    assert!(route.ext_communities.iter().all(|community| community.as_mac_mobility().is_none()));
    assert_eq!(leaf.mac(mac(1)), vec![], "said twice");
    leaf.mac_gone(mac(1));
    assert_eq!(leaf.sequence(mac(1), None), None);
    assert_eq!(leaf.mac_gone(mac(1)), vec![]);
}

#[test]
fn a_remote_mac_is_programmed_from_a_mac_only_or_a_mac_ip_route() {
    let mut leaf = Leaf::new(1);
    let with_ip = peer(2).mac_ip(mac(1), Some(ip("10.0.0.1")));
    let mac_only = peer(2).mac_ip(mac(1), None);
    leaf.update(&with_ip);
    assert_eq!(leaf.remote(mac(1)), Some(vtep(2)));
    assert_eq!(leaf.update(&mac_only), vec![]);
    leaf.withdraw(&with_ip);
    assert_eq!(leaf.remote(mac(1)), Some(vtep(2)), "withdrawing one route must not remove the MAC");
    assert_eq!(leaf.remote_neighbour("10.0.0.1"), None);
    leaf.withdraw(&mac_only);
    assert_eq!(leaf.desired, Desired::default());
    assert_eq!(leaf.evpn.macs(vni(VNI)).count(), 0);
}

#[test]
fn a_mac_learned_here_goes_on_from_the_remote_number() {
    let mut leaf = Leaf::new(1);
    leaf.update(&peer(2).sequence(7).mac_ip(mac(1), None));
    leaf.mac(mac(1));
    assert_eq!(leaf.sequence(mac(1), None), Some(8));
    assert_eq!(leaf.remote(mac(1)), None, "a move that comes home leaves no remote entry");
}

#[test]
fn a_first_route_counts_as_number_zero() {
    let mut leaf = Leaf::new(1);
    leaf.update(&peer(2).mac_ip(mac(1), None));
    leaf.mac(mac(1));
    assert_eq!(leaf.sequence(mac(1), None), Some(1));
}

#[test]
fn a_newer_remote_route_takes_the_mac_and_its_addresses_away() {
    let mut leaf = Leaf::new(1);
    leaf.mac(mac(1));
    leaf.neighbour("10.0.0.1", mac(1));
    leaf.neighbour("fd00::1", mac(1));
    leaf.update(&peer(2).sequence(1).mac_ip(mac(1), None));
    assert_eq!(leaf.routes.len(), 1, "only the IMET route is left: {:?}", leaf.routes.keys());
    assert_eq!(leaf.remote(mac(1)), Some(vtep(2)));
    leaf.mac(mac(1));
    assert_eq!(leaf.sequence(mac(1), None), Some(2));
}

#[test]
fn an_older_remote_route_is_kept_as_candidate() {
    let mut leaf = Leaf::new(1);
    leaf.update(&peer(2).sequence(4).mac_ip(mac(1), None));
    leaf.mac(mac(1));
    assert_eq!(leaf.update(&peer(3).sequence(3).mac_ip(mac(1), None)), vec![]);
    leaf.withdraw(&peer(2).mac_ip(mac(1), None));
    assert_eq!(leaf.remote(mac(1)), None);
    leaf.mac_gone(mac(1));
    assert_eq!(leaf.remote(mac(1)), Some(vtep(3)));
}

#[test]
fn a_tie_goes_to_the_lowest_vtep() {
    let mut low = Leaf::new(1);
    low.mac(mac(1));
    assert_eq!(low.update(&peer(2).mac_ip(mac(1), None)), vec![]);
    let mut high = Leaf::new(2);
    high.mac(mac(1));
    high.update(&peer(1).mac_ip(mac(1), None));
    assert_eq!(high.sequence(mac(1), None), None, "the loser withdraws");
    assert_eq!(high.remote(mac(1)), Some(vtep(1)));
}

#[test]
fn of_two_remote_routes_the_newer_wins_then_the_lowest_vtep() {
    let mut leaf = Leaf::new(1);
    leaf.update(&peer(3).mac_ip(mac(1), None));
    leaf.update(&peer(2).mac_ip(mac(1), None));
    assert_eq!(leaf.remote(mac(1)), Some(vtep(2)));
    leaf.update(&peer(3).sequence(1).mac_ip(mac(1), None));
    assert_eq!(leaf.remote(mac(1)), Some(vtep(3)));
    leaf.withdraw(&peer(3).mac_ip(mac(1), None));
    assert_eq!(leaf.remote(mac(1)), Some(vtep(2)));
}

#[test]
fn the_number_wraps() {
    let mut leaf = Leaf::new(1);
    leaf.update(&peer(2).sequence(u32::MAX).mac_ip(mac(1), None));
    leaf.mac(mac(1));
    assert_eq!(leaf.sequence(mac(1), None), Some(0));
    assert_eq!(leaf.remote(mac(1)), None);
    let mut other = Leaf::new(3);
    other.update(&peer(2).sequence(u32::MAX).mac_ip(mac(1), None));
    other.update(&peer(1).sequence(0).mac_ip(mac(1), None));
    assert_eq!(other.remote(mac(1)), Some(vtep(1)));
    let mut old = Leaf::new(2);
    old.update(&peer(9).sequence(u32::MAX - 1).mac_ip(mac(1), None));
    old.mac(mac(1));
    assert_eq!(old.sequence(mac(1), None), Some(u32::MAX));
    old.update(&peer(1).sequence(0).mac_ip(mac(1), None));
    assert_eq!((old.sequence(mac(1), None), old.remote(mac(1))), (None, Some(vtep(1))));
}

#[test]
fn the_same_vtep_announcing_again_or_another_port_is_no_move() {
    let mut leaf = Leaf::new(1);
    leaf.update(&peer(2).mac_ip(mac(1), None));
    assert_eq!(leaf.update(&peer(2).sequence(3).mac_ip(mac(1), None)), vec![]);
    leaf.mac(mac(1));
    let port = (4, "eth2".to_string());
    let out = leaf.local(LocalEvent::Mac { vni: vni(VNI), mac: mac(1), port: port.clone(), sticky: false });
    assert_eq!(out, vec![]);
    assert_eq!(leaf.evpn.mac(vni(VNI), mac(1)).unwrap().place, MacPlace::Local { port: &port });
}

#[test]
fn a_sticky_remote_mac_is_not_learned_here() {
    let mut leaf = Leaf::new(1);
    leaf.update(&peer(2).sticky().mac_ip(mac(1), None));
    assert_eq!(leaf.desired.macs[&(vni(VNI), mac(1))], (vtep(2), true));
    let out = leaf.mac(mac(1));
    assert!(out.iter().any(|output| matches!(output, Output::Notice(Notice::StickyMoved { .. }))));
    assert!(
        out.iter()
            .any(|output| matches!(output, Output::Forward(ForwardingChange::Mac { wanted: Some(_), .. })))
    );
    assert_eq!(leaf.sequence(mac(1), None), None);
    leaf.mac(mac(1));
    assert_eq!(leaf.notices.len(), 1, "noted once");
    // And in the other order.
    let mut leaf = Leaf::new(1);
    leaf.mac(mac(1));
    leaf.update(&peer(2).sticky().mac_ip(mac(1), None));
    assert_eq!((leaf.sequence(mac(1), None), leaf.remote(mac(1))), (None, Some(vtep(2))));
    assert_eq!(leaf.notices.len(), 1);
}

#[test]
fn a_sticky_local_mac_stays_whatever_peers_say() {
    let mut leaf = Leaf::new(2);
    leaf.update(&peer(1).sequence(9).mac_ip(mac(1), None));
    leaf.sticky_mac(mac(1));
    leaf.update(&peer(1).sequence(10).mac_ip(mac(1), None));
    assert_eq!(leaf.remote(mac(1)), None);
    let route = leaf.routes.values().find(|route| route.pmsi.is_none()).unwrap();
    let mobility = route.ext_communities.iter().find_map(|community| community.as_mac_mobility()).unwrap();
    assert!(mobility.sticky && mobility.sequence == 0);
    let claims = |notice: &&Notice| matches!(notice, Notice::StickyClaimed { .. });
    assert_eq!(leaf.notices.iter().filter(claims).count(), 1);
}

#[test]
fn a_mac_that_becomes_sticky_is_advertised_so() {
    let mut leaf = Leaf::new(1);
    leaf.update(&peer(2).sequence(1).mac_ip(mac(1), None));
    leaf.mac(mac(1));
    leaf.sticky_mac(mac(1));
    let route = leaf.routes.values().find(|route| route.pmsi.is_none()).unwrap();
    assert!(import::MacIpFlags::of(&route.ext_communities).sticky);
    leaf.mac(mac(1));
    assert_eq!(leaf.sequence(mac(1), None), Some(2), "it is here, so it goes on from the remote number");
}

#[test]
fn a_gateway_beats_any_number_and_may_not_move() {
    let mut leaf = Leaf::new(1);
    leaf.update(&peer(3).sequence(5).mac_ip(mac(1), None));
    leaf.update(&peer(2).with(ExtendedCommunity::DEFAULT_GATEWAY).mac_ip(mac(1), Some(ip("10.0.0.254"))));
    assert_eq!(leaf.desired.macs[&(vni(VNI), mac(1))], (vtep(2), true));
}

#[test]
fn the_bridges_own_mac_is_no_host() {
    let mut leaf = Leaf::new(1);
    let own = devices(1).bridge_mac;
    leaf.mac(own);
    leaf.update(&peer(2).mac_ip(own, Some(ip("10.0.0.254"))));
    assert_eq!(leaf.sequence(own, None), None);
    assert_eq!(leaf.remote(own), None);
    // A bridge that takes over a host's MAC, and gives it back.
    leaf.mac(mac(1));
    let taken = VniDevices { bridge_mac: mac(1), ..devices(1) };
    leaf.local(LocalEvent::VniUp { vni: vni(VNI), devices: taken });
    assert_eq!(leaf.sequence(mac(1), None), None);
    leaf.up();
    assert_eq!(leaf.sequence(mac(1), None), Some(0));
}

#[test]
fn a_route_by_way_of_our_own_vtep_is_never_programmed() {
    let mut leaf = Leaf::new(1);
    let own = peer(9);
    let mut route = own.mac_ip(mac(1), Some(ip("10.0.0.1")));
    route.next_hop = vtep(1);
    let mut imet = own.imet();
    imet.next_hop = vtep(1);
    leaf.update(&route);
    leaf.update(&imet);
    assert_eq!(leaf.desired, Desired::default());
    // Another VNI's VTEP becomes ours, or is ours no longer.
    let theirs = peer(2).mac_ip(mac(2), Some(ip("10.0.0.2")));
    leaf.update(&theirs);
    leaf.update(&peer(2).imet());
    let before = leaf.desired.clone();
    assert_eq!((before.macs.len(), before.neighbours.len(), before.floods.len()), (1, 1, 1));
    leaf.local(LocalEvent::VniUp { vni: vni(20), devices: devices(2) });
    assert_eq!(leaf.desired, Desired::default());
    leaf.local(LocalEvent::VniDown { vni: vni(20) });
    assert_eq!(leaf.desired, before);
}

#[test]
fn group_and_zero_macs_are_nobody() {
    let mut leaf = Leaf::new(1);
    let before = leaf.routes.len();
    leaf.mac(MacAddr([1, 0, 0x5e, 0, 0, 1]));
    leaf.mac(MacAddr::ZERO);
    leaf.update(&peer(2).mac_ip(MacAddr::ZERO, None));
    leaf.update(&peer(2).mac_ip(MacAddr([0xff; 6]), None));
    assert_eq!((leaf.routes.len(), leaf.desired.macs.len()), (before, 0));
    assert_eq!(leaf.evpn.macs(vni(VNI)).count(), 0);
}
