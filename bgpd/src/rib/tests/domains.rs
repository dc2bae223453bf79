//! Domains: a route goes to the neighbours of the domain that it is from, and nowhere else.

use super::lab::{EVPN, Lab, announce, attributes, client, id, mac_ip};
use crate::rib::RibPeer;
use weft_evpn::DomainId;

fn site() -> DomainId {
    DomainId::of_name("site")
}

fn core() -> DomainId {
    DomainId::of_name("core")
}

fn within(n: u8, domain: DomainId) -> RibPeer {
    let mut peer = client(n);
    peer.families[0].domain = domain;
    peer
}

/// Two neighbours in each domain.
fn gateway() -> Lab {
    Lab::with([
        (1, within(1, site())),
        (2, within(2, site())),
        (3, within(3, core())),
        (4, within(4, core())),
    ])
}

fn holders(lab: &Lab, route: &[u8]) -> Vec<u8> {
    (1..=4).filter(|&n| lab.holds(n, route).is_some()).collect()
}

#[test]
fn a_route_stays_in_its_domain() {
    let mut lab = gateway();
    lab.update(1, &announce(attributes(1), &[mac_ip(1, 10)]));
    lab.update(3, &announce(attributes(3), &[mac_ip(3, 10)]));
    lab.drain();
    assert_eq!((holders(&lab, &mac_ip(1, 10)), holders(&lab, &mac_ip(3, 10))), (vec![2], vec![4]));
    let mut domains: Vec<_> =
        lab.rib.take_changes(9).into_iter().map(|change| change.path.expect("a path").domain).collect();
    domains.sort();
    let mut both = [Some(site()), Some(core())];
    both.sort();
    assert_eq!(domains, both);
}

#[test]
fn what_we_originate_goes_where_it_is_meant_for() {
    let mut lab = gateway();
    let route = mac_ip(1, 10);
    for (domain, expected) in [
        (None, vec![1, 2, 3, 4]),
        (Some(site()), vec![1, 2]),
        (Some(core()), vec![3, 4]),
        (Some(DomainId::of_name("elsewhere")), vec![]),
        (None, vec![1, 2, 3, 4]),
    ] {
        lab.rib.originate(EVPN, &route, attributes(9), domain, lab.now).expect("a route");
        lab.drain();
        assert_eq!(holders(&lab, &route), expected, "{domain:?}");
        let held = expected.first().and_then(|&n| lab.holds(n, &route));
        assert!(held.is_none_or(|(rest, _)| rest[..] == (EVPN.row().split)(&route).unwrap().1[..]));
        let change = lab.rib.take_changes(9).pop().expect("a change");
        assert_eq!(change.nlri(), route, "the octets that say so are not the route's");
        assert_eq!(change.path.expect("a path").domain, domain);
    }
    lab.rib.withdraw_local(EVPN, &route).expect("a route");
    lab.drain();
    assert!(holders(&lab, &route).is_empty());
    assert_eq!(lab.rib.take_changes(9).pop().expect("a change").nlri(), route);
}

#[test]
fn a_neighbour_that_moves_to_another_domain_takes_its_routes_along() {
    let mut lab = gateway();
    let (ours, its) = (mac_ip(9, 10), mac_ip(1, 10));
    lab.update(1, &announce(attributes(1), std::slice::from_ref(&its)));
    lab.update(2, &announce(attributes(2), &[mac_ip(2, 10)]));
    lab.update(3, &announce(attributes(3), &[mac_ip(3, 10)]));
    lab.rib.originate(EVPN, &ours, attributes(9), Some(site()), lab.now).expect("a route");
    lab.drain();
    lab.rib.take_changes(99);
    assert_eq!(lab.rib.set_peer(id(1), within(1, core())), Ok(vec![]), "nothing need be sent again");
    lab.drain();
    assert_eq!(holders(&lab, &its), [3, 4]);
    assert_eq!(holders(&lab, &ours), [2]);
    assert!(holders(&lab, &mac_ip(2, 10)).is_empty());
    assert_eq!(holders(&lab, &mac_ip(3, 10)), [1, 4]);
    let changes = lab.rib.take_changes(99);
    assert_eq!(changes.len(), 1, "who imports hears of the other domain");
    assert_eq!(changes[0].path.as_ref().expect("a path").domain, Some(core()));
    lab.rib.set_peer(id(1), within(1, site())).expect("up");
    lab.drain();
    assert_eq!((holders(&lab, &its), holders(&lab, &ours)), (vec![2], vec![1, 2]));
    assert_eq!(holders(&lab, &mac_ip(3, 10)), [4]);
}

#[test]
fn a_session_that_comes_back_in_another_domain() {
    let mut lab = gateway();
    lab.update(1, &announce(attributes(1), &[mac_ip(1, 10)]));
    lab.drain();
    lab.down(id(1), Some(std::time::Duration::from_secs(60)));
    lab.drain();
    assert_eq!(holders_without(&lab, 1, &mac_ip(1, 10)), [2], "retained");
    lab.up(id(1), within(1, core()));
    lab.drain();
    assert_eq!(holders(&lab, &mac_ip(1, 10)), [3, 4]);
}

fn holders_without(lab: &Lab, gone: u8, route: &[u8]) -> Vec<u8> {
    (1..=4).filter(|&n| n != gone && lab.holds(n, route).is_some()).collect()
}

#[test]
fn the_best_path_decides_in_which_domain_a_route_is() {
    // The same route from both sides: a fault elsewhere, but it must not be told to both.
    let mut lab = gateway();
    let route = mac_ip(1, 10);
    lab.update(1, &announce(attributes(1), std::slice::from_ref(&route)));
    let mut better = attributes(3);
    better.local_pref = Some(200);
    lab.update(3, &announce(better, std::slice::from_ref(&route)));
    lab.drain();
    assert_eq!(holders(&lab, &route), [4]);
    lab.update(3, &super::lab::withdraw(std::slice::from_ref(&route)));
    lab.drain();
    assert_eq!(holders(&lab, &route), [2]);
}
