//! What a path costs, and that it is all given back.

use super::*;
use crate::engine::ip_vrf::PrefixEntry;
use crate::engine::tests::bounds::{alone, resident, routes_to_measure};

#[test]
fn a_prefix_with_one_path_is_small() {
    assert!(size_of::<PrefixEntry>() <= 36, "{}", size_of::<PrefixEntry>());
}

fn host_number(number: u32) -> (MacAddr, String) {
    let [a, b, c, d] = number.to_be_bytes();
    (MacAddr([2, 1, a, b, c, d]), format!("10.{}.{c}.{d}", b + 1))
}

#[test]
fn what_hosts_have_in_common_is_kept_once_and_given_back() {
    let mut leaf = Leaf::routed(1);
    let route = |number: u32| {
        let (mac, address) = host_number(number);
        let mut route = host_of_vni(2 + (number % 8) as u8, 20, mac, &address);
        // Numbers of moves do not count as a difference.
        route.ext_communities.push(peer(2).sequence(number).communities[0]);
        route
    };
    for number in 0..500 {
        leaf.update(&route(number));
        leaf.update(&behind(
            2,
            &format!("10.200.{}.0/24", number % 250),
            &format!("10.3.0.{}", number % 250),
        ));
    }
    assert_eq!(leaf.evpn.vrfs.held(), (8 + 250, 9));
    assert_eq!(leaf.evpn.vrf_next_hops(vni(L3VNI)).count(), 8);
    for number in 0..500 {
        leaf.withdraw(&route(number));
        leaf.withdraw(&behind(2, &format!("10.200.{}.0/24", number % 250), "10.3.0.1"));
    }
    assert!(leaf.has_no_paths());
    let view = leaf.evpn.ip_vrf(&red()).unwrap();
    assert_eq!((view.prefixes, view.unresolved, view.host_paths), (0, 0, 0));
}

#[test]
fn what_a_host_that_was_away_leaves_behind_is_bounded_by_the_routes_that_named_it() {
    let mut leaf = Leaf::routed(1);
    for number in 0..100 {
        let (mac, address) = (mac(number), format!("10.0.0.{number}"));
        leaf.mac(mac);
        leaf.neighbour(&address, mac);
        leaf.update(&super::prefix(9, &format!("{address}/32")));
        leaf.mac_gone(mac);
    }
    assert_eq!(leaf.evpn.neighbour_addresses(vni(VNI)).len(), 100);
    for number in 0..100 {
        leaf.withdraw(&super::prefix(9, &format!("10.0.0.{number}/32")));
    }
    assert_eq!(leaf.evpn.neighbour_addresses(vni(VNI)).len(), 0);
}

#[test]
fn fifty_thousand_host_paths_cost_little() {
    alone(module_path!(), "half_a_million_host_paths_cost_little");
}

/// `cargo test --release -p weft-evpn -- --ignored --nocapture --test-threads 1 half_a_million`
#[test]
#[ignore = "long in a debug build, and measures its process; `fifty_thousand…` runs it with fewer routes"]
fn half_a_million_host_paths_cost_little() {
    let routes = routes_to_measure();
    for bridged in [false, true] {
        let mut leaf = Leaf::routed(1);
        let (now, mut out) = (leaf.now, vec![]);
        let (before, start) = (resident(), Instant::now());
        for number in 0..routes {
            let (mac, address) = host_number(number);
            let at = 2 + (number % 64) as u8;
            let route = host_of_vni(at, if bridged { VNI } else { 20 }, mac, &address);
            let path = RoutePath {
                next_hop: route.next_hop,
                ext_communities: &route.ext_communities,
                pmsi: None,
                domain: DomainId::default(),
                d_path: &[],
            };
            out.clear();
            leaf.evpn.handle(Input::Route { route: &route.route, path: Some(path) }, now, &mut out);
        }
        let (time, bytes) = (start.elapsed(), (resident() - before) / routes as usize);
        println!("{routes} host paths, bridged too: {bridged}: {bytes} octets each, {time:?}");
        assert!(bytes <= if bridged { 230 } else { 90 });
    }
}
