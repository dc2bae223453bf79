//! Addresses: binding, remote neighbours, moves with a MAC and between MACs.

use super::*;

#[test]
fn all_addresses_of_a_mac_are_advertised_in_whatever_order_they_come() {
    let mut leaf = Leaf::new(1);
    leaf.neighbour("10.0.0.1", mac(1));
    assert_eq!(leaf.sequence(mac(1), Some("10.0.0.1")), None, "held until the MAC is known");
    let held = leaf.evpn.neighbour(vni(VNI), ip("10.0.0.1")).unwrap();
    assert_eq!(held.place, NeighbourPlace::Held);
    leaf.mac(mac(1));
    leaf.kernel_neighbour("10.0.0.2", mac(1));
    leaf.neighbour("fd00::1", mac(1));
    leaf.neighbour("fe80::1", mac(1));
    for address in ["10.0.0.1", "10.0.0.2", "fd00::1", "fe80::1"] {
        assert_eq!(leaf.sequence(mac(1), Some(address)), Some(0), "{address}");
    }
    leaf.neighbour_gone("10.0.0.2");
    assert_eq!(leaf.sequence(mac(1), Some("10.0.0.2")), None);
    assert_eq!(leaf.sequence(mac(1), None), Some(0));
    let names: Vec<IpAddr> = leaf.evpn.neighbours_of(vni(VNI), mac(1)).iter().map(|view| view.ip).collect();
    assert_eq!(names, [ip("10.0.0.1"), ip("fd00::1"), ip("fe80::1")]);
}

#[test]
fn a_mac_that_ages_out_takes_its_addresses_and_brings_them_back() {
    let mut leaf = Leaf::new(1);
    leaf.mac(mac(1));
    leaf.kernel_neighbour("10.0.0.1", mac(1));
    leaf.neighbour("10.0.0.2", mac(1));
    leaf.mac_gone(mac(1));
    assert_eq!(leaf.routes.len(), 1);
    leaf.mac(mac(1));
    assert_eq!(leaf.sequence(mac(1), Some("10.0.0.1")), Some(0), "the kernel still has it");
    assert_eq!(leaf.sequence(mac(1), Some("10.0.0.2")), None, "only snooped: asked for");
    assert_eq!(leaf.probes, [(ip("10.0.0.2"), Some(mac(1)))]);
}

#[test]
fn a_remote_neighbour_carries_the_router_flag() {
    let mut leaf = Leaf::new(1);
    let flags = |octet| ExtendedCommunity([6, 8, octet, 0, 0, 0, 0, 0]);
    leaf.update(&peer(2).with(flags(1)).mac_ip(mac(1), Some(ip("fd00::1"))));
    leaf.update(&peer(2).with(flags(4)).mac_ip(mac(1), Some(ip("fd00::2"))));
    assert_eq!(leaf.desired.neighbours[&(vni(VNI), ip("fd00::1"))], (mac(1), true));
    assert_eq!(leaf.desired.neighbours[&(vni(VNI), ip("fd00::2"))], (mac(1), false));
}

#[test]
fn an_address_goes_with_its_mac_and_the_new_leaf_asks_at_once() {
    let mut new = Leaf::new(2);
    let route = peer(1).mac_ip(mac(1), Some(ip("10.0.0.1")));
    new.update(&peer(1).mac_ip(mac(1), None));
    new.update(&route);
    new.mac(mac(1));
    assert_eq!(new.probes, [(ip("10.0.0.1"), Some(mac(1)))]);
    assert_eq!(new.remote_neighbour("10.0.0.1"), Some(mac(1)), "stands until the host answers");
    new.neighbour("10.0.0.1", mac(1));
    assert_eq!(new.sequence(mac(1), Some("10.0.0.1")), Some(1));
    assert_eq!(new.remote_neighbour("10.0.0.1"), None);
    assert_eq!(new.withdraw(&route), vec![]);
}

#[test]
fn a_route_that_comes_after_the_mac_was_learned_is_asked_for_too() {
    let mut new = Leaf::new(2);
    new.update(&peer(1).mac_ip(mac(1), None));
    new.mac(mac(1));
    assert_eq!(new.probes, []);
    new.update(&peer(1).mac_ip(mac(1), Some(ip("10.0.0.1"))));
    assert_eq!(new.probes, [(ip("10.0.0.1"), Some(mac(1)))]);
}

#[test]
fn a_third_leaf_resolves_the_address_all_the_while_its_mac_moves() {
    let mut third = Leaf::new(3);
    let old = [peer(1).mac_ip(mac(1), None), peer(1).mac_ip(mac(1), Some(ip("10.0.0.1")))];
    old.iter().for_each(|route| drop(third.update(route)));
    third.update(&peer(2).sequence(1).mac_ip(mac(1), None));
    old.iter().for_each(|route| drop(third.withdraw(route)));
    assert_eq!(third.remote(mac(1)), Some(vtep(2)));
    assert_eq!(third.remote_neighbour("10.0.0.1"), Some(mac(1)));
    let out = third.update(&peer(2).sequence(1).mac_ip(mac(1), Some(ip("10.0.0.1"))));
    assert_eq!(out, vec![], "nothing flaps");
    assert_eq!(third.evpn.next_deadline(), None);
}

#[test]
fn an_address_that_the_new_leaf_never_confirms_is_gone_after_a_while() {
    let mut third = Leaf::new(3);
    let route = peer(1).mac_ip(mac(1), Some(ip("10.0.0.1")));
    third.update(&route);
    third.update(&peer(2).sequence(1).mac_ip(mac(1), None));
    third.withdraw(&route);
    third.wait(neighbour::LINGER);
    assert_eq!(third.remote_neighbour("10.0.0.1"), None);
    assert_eq!(third.evpn.neighbours(vni(VNI)).count(), 0);
}

#[test]
fn an_address_that_its_host_gave_up_is_gone_at_once() {
    let mut third = Leaf::new(3);
    let route = peer(1).mac_ip(mac(1), Some(ip("10.0.0.1")));
    third.update(&peer(1).mac_ip(mac(1), None));
    third.update(&route);
    third.withdraw(&route);
    assert_eq!(third.remote_neighbour("10.0.0.1"), None);
}

#[test]
fn the_old_leaf_keeps_the_address_resolvable_too() {
    let mut old = Leaf::new(1);
    old.mac(mac(1));
    old.neighbour("10.0.0.1", mac(1));
    old.update(&peer(2).sequence(1).mac_ip(mac(1), None));
    assert_eq!(old.remote_neighbour("10.0.0.1"), Some(mac(1)));
    old.update(&peer(2).sequence(1).mac_ip(mac(1), Some(ip("10.0.0.1"))));
    old.wait(neighbour::LINGER);
    assert_eq!(old.remote_neighbour("10.0.0.1"), Some(mac(1)));
    assert_eq!(old.routes.len(), 1);
}

#[test]
fn a_mac_that_comes_home_is_asked_for_the_addresses_it_had() {
    let mut leaf = Leaf::new(1);
    leaf.mac(mac(1));
    leaf.kernel_neighbour("10.0.0.1", mac(1));
    leaf.update(&peer(2).sequence(1).mac_ip(mac(1), None));
    leaf.mac(mac(1));
    assert_eq!(leaf.sequence(mac(1), Some("10.0.0.1")), None, "it may have another address now");
    assert_eq!(leaf.probes, [(ip("10.0.0.1"), Some(mac(1)))]);
    leaf.neighbour("10.0.0.1", mac(1));
    assert_eq!(leaf.sequence(mac(1), Some("10.0.0.1")), Some(2));
    assert_eq!(leaf.remote_neighbour("10.0.0.1"), None);
}

#[test]
fn a_failover_address_is_followed_by_all_leaves() {
    let address = "10.0.0.100";
    let (mut old, mut new) = (Leaf::new(1), Leaf::new(2));
    old.mac(mac(1));
    old.neighbour(address, mac(1));
    new.update(&peer(1).sequence(5).mac_ip(mac(1), Some(ip(address))));
    new.mac(mac(2));
    assert_eq!(new.sequence(mac(2), None), Some(0));
    new.neighbour(address, mac(2));
    assert_eq!(new.sequence(mac(2), Some(address)), Some(6), "above the number it had elsewhere");
    assert_eq!(new.sequence(mac(2), None), Some(6), "all routes of a MAC carry its number");
    assert_eq!(new.remote_neighbour(address), None);
    old.update(&peer(2).sequence(6).mac_ip(mac(2), Some(ip(address))));
    assert_eq!(old.sequence(mac(1), Some(address)), None);
    assert_eq!(old.sequence(mac(1), None), Some(0), "the MAC itself has not moved");
    assert_eq!(old.remote_neighbour(address), Some(mac(2)));
    assert_eq!(old.probes, [(ip(address), Some(mac(1)))], "the host that had it is asked");
    // It answers: it has the address still.
    old.neighbour(address, mac(1));
    assert_eq!(old.sequence(mac(1), Some(address)), Some(7));
    assert_eq!(old.remote_neighbour(address), None);
    // A third leaf follows the newer claim while both stand.
    let mut third = Leaf::new(3);
    third.update(&peer(1).sequence(5).mac_ip(mac(1), Some(ip(address))));
    third.update(&peer(2).sequence(6).mac_ip(mac(2), Some(ip(address))));
    assert_eq!(third.remote_neighbour(address), Some(mac(2)));
}

#[test]
fn an_address_that_moves_between_two_local_macs_is_announced_before_it_is_withdrawn() {
    let mut leaf = Leaf::new(1);
    leaf.mac(mac(1));
    leaf.mac(mac(2));
    leaf.neighbour("10.0.0.1", mac(1));
    let out = leaf.neighbour("10.0.0.1", mac(2));
    assert_eq!(leaf.sequence(mac(1), Some("10.0.0.1")), None);
    assert_eq!(leaf.sequence(mac(2), Some("10.0.0.1")), Some(1));
    let is_withdraw = |output: &Output| matches!(output, Output::Withdraw(_));
    let withdrawn = out.iter().position(is_withdraw).unwrap();
    let last = out.iter().rposition(|output| matches!(output, Output::Originate(_))).unwrap();
    assert!(last < withdrawn, "{out:?}");
    assert_eq!(leaf.probes, [(ip("10.0.0.1"), Some(mac(1)))], "the loser is asked");
}

#[test]
fn what_a_host_says_of_a_mac_that_is_not_here_does_not_take_the_address_away() {
    let mut leaf = Leaf::new(1);
    leaf.mac(mac(1));
    leaf.neighbour("10.0.0.1", mac(1));
    leaf.neighbour("10.0.0.1", mac(2));
    assert_eq!(leaf.sequence(mac(1), Some("10.0.0.1")), Some(0));
    leaf.mac(mac(2));
    assert_eq!(leaf.sequence(mac(2), Some("10.0.0.1")), Some(1));
}

#[test]
fn two_hosts_with_one_address_do_not_chase_each_other_for_ever() {
    let address = "10.0.0.1";
    let mut leaves = [Leaf::new(1), Leaf::new(2)];
    for (i, leaf) in leaves.iter_mut().enumerate() {
        leaf.mac(mac(i as u8));
        leaf.neighbour(address, mac(i as u8));
    }
    let mut rounds = 0;
    loop {
        let mut quiet = true;
        for i in [0, 1] {
            let routes: Vec<Origination> = leaves[1 - i].routes.values().cloned().collect();
            let known: Vec<Origination> = routes.into_iter().filter(|route| route.pmsi.is_none()).collect();
            if !known.iter().any(|route| key(&route.route).4 == Some(ip(address))) {
                let gone = peer(2 - i as u8).mac_ip(mac(1 - i as u8), Some(ip(address)));
                leaves[i].withdraw(&gone);
            }
            known.iter().for_each(|route| drop(leaves[i].update(route)));
            // Each host always answers.
            for (asked, of) in std::mem::take(&mut leaves[i].probes) {
                assert_eq!((asked, of), (ip(address), Some(mac(i as u8))));
                leaves[i].neighbour(address, mac(i as u8));
                quiet = false;
            }
        }
        rounds += 1;
        if quiet {
            break;
        }
    }
    assert!(rounds < 10, "{rounds}");
    let duplicate =
        Notice::DuplicateFound { vni: vni(VNI), address: Address::Ip(ip(address)), moves: 5, frozen: false };
    assert!(leaves.iter().any(|leaf| leaf.notices.contains(&duplicate)));
    let holders = leaves.iter().enumerate();
    assert_eq!(holders.filter(|(i, leaf)| leaf.sequence(mac(*i as u8), Some(address)).is_some()).count(), 1);
}

#[test]
fn the_address_of_a_remote_gateway_is_not_bound_here() {
    let mut leaf = Leaf::new(1);
    leaf.update(&peer(2).with(ExtendedCommunity::DEFAULT_GATEWAY).mac_ip(mac(9), Some(ip("10.0.0.254"))));
    leaf.mac(mac(1));
    leaf.neighbour("10.0.0.254", mac(1));
    assert_eq!(leaf.sequence(mac(1), Some("10.0.0.254")), None);
    assert_eq!(leaf.remote_neighbour("10.0.0.254"), Some(mac(9)));
    leaf.neighbour("10.0.0.254", mac(1));
    assert_eq!(leaf.notices.len(), 1, "{:?}", leaf.notices);
}

#[test]
fn the_bridges_addresses_are_neither_bound_nor_programmed() {
    let mut leaf = Leaf::new(1);
    let with_svi = VniDevices { svi_addresses: vec![ip("10.0.0.254")], ..devices(1) };
    leaf.local(LocalEvent::VniUp { vni: vni(VNI), devices: with_svi });
    leaf.mac(mac(1));
    leaf.neighbour("10.0.0.254", mac(1));
    leaf.update(&peer(2).mac_ip(mac(9), Some(ip("10.0.0.254"))));
    assert_eq!(leaf.sequence(mac(1), Some("10.0.0.254")), None);
    assert_eq!(leaf.remote_neighbour("10.0.0.254"), None);
    assert_eq!(leaf.remote(mac(9)), Some(vtep(2)));
    leaf.up();
    assert_eq!(leaf.remote_neighbour("10.0.0.254"), Some(mac(9)), "no longer the bridge's");
}

#[test]
fn addresses_that_nobody_can_have_are_ignored() {
    let mut leaf = Leaf::new(1);
    leaf.mac(mac(1));
    for address in ["0.0.0.0", "224.0.0.5", "255.255.255.255", "127.0.0.1", "::", "ff02::1"] {
        leaf.neighbour(address, mac(1));
        leaf.update(&peer(2).mac_ip(mac(2), Some(ip(address))));
    }
    assert_eq!(leaf.evpn.neighbours(vni(VNI)).count(), 0);
    assert_eq!(leaf.remote(mac(2)), None);
}
