//! What the operator sees.

use super::lab::{EVPN, Lab, announce, attributes, client, id, mac_ip, settings, withdraw};
use crate::rib::{LOCAL_WEIGHT, PathSource, Reason, RibSettings, RouteView, Scope};
use crate::wire::AttributeSet;
use weft_evpn::{RouteTarget, RouteTargetMatch};

fn list(lab: &Lab, scope: Scope) -> Vec<RouteView> {
    let mut listing = lab.rib.listing(EVPN, scope, |_| true).expect("known");
    std::iter::from_fn(|| lab.rib.next_route(&mut listing)).collect()
}

#[test]
fn routes_come_by_rd_then_type_then_key() {
    let mut lab = Lab::with([(1, client(1)), (2, client(2))]);
    let imet = |vni: u8| [&[3, 17, 0, 0, 0, 1, 0, 0, 0, vni][..], &[0, 0, 0, 0, 32, 10, 0, 0, 1]].concat();
    let routes = [mac_ip(3, 11), imet(10), mac_ip(300, 10), mac_ip(2, 10), imet(11), mac_ip(1, 11)];
    for route in &routes {
        lab.update(1, &announce(attributes(1), std::slice::from_ref(route)));
    }
    let listed: Vec<Vec<u8>> = list(&lab, Scope::All).iter().map(|view| view.nlri(&view.paths[0])).collect();
    assert_eq!(listed, [mac_ip(2, 10), mac_ip(300, 10), imet(10), mac_ip(1, 11), mac_ip(3, 11), imet(11)]);
    let mut only = lab.rib.listing(EVPN, Scope::All, |head| head[0] == 3).expect("known");
    assert_eq!(
        (only.remaining(), lab.rib.next_route(&mut only).expect("one").key[0], only.remaining()),
        (2, 3, 1)
    );
}

#[test]
fn a_listing_survives_what_happens_between_its_pieces() {
    let mut lab = Lab::with([(1, client(1))]);
    let routes: Vec<Vec<u8>> = (0..1000).map(|n| mac_ip(n, 10 + n % 7)).collect();
    lab.update(1, &announce(attributes(1), &routes));
    let mut listing = lab.rib.listing(EVPN, Scope::All, |_| true).expect("known");
    let mut seen: Vec<_> = (0..100).map(|_| lab.rib.next_route(&mut listing).expect("more").key).collect();
    lab.update(1, &withdraw(&routes[200..900]));
    lab.rib.take_changes(usize::MAX);
    lab.drain();
    let other: Vec<Vec<u8>> = (0..500).map(|n| mac_ip(n, 99)).collect();
    lab.update(1, &announce(attributes(1), &other));
    seen.extend(std::iter::from_fn(|| lab.rib.next_route(&mut listing)).map(|view| view.key));
    assert!(seen.is_sorted_by(|a, b| a < b), "in order, none twice");
    let (kept, gone) = (super::lab::key(&routes[950]), super::lab::key(&other[0]));
    assert!(seen.contains(&kept) && !seen.contains(&gone));
}

#[test]
fn paths_reasons_weights_and_who_was_told() {
    let mut lab = Lab::with([(1, client(1)), (2, client(2)), (3, client(3))]);
    let route = mac_ip(1, 10);
    lab.update(
        2,
        &announce(AttributeSet { local_pref: Some(50), ..attributes(2) }, std::slice::from_ref(&route)),
    );
    lab.update(1, &announce(attributes(1), std::slice::from_ref(&route)));
    lab.rib.originate(EVPN, &mac_ip(2, 10), attributes(9), None, lab.now).expect("a route");
    lab.drain();
    let view = lab.rib.route(EVPN, &route).expect("a route").expect("there");
    let sources: Vec<_> = view.paths.iter().map(|path| (path.source, path.best)).collect();
    assert_eq!(sources, [(PathSource::Peer(id(1)), true), (PathSource::Peer(id(2)), false)]);
    assert_eq!(view.reason, Some(Reason::LocalPref));
    assert_eq!(lab.rib.advertised_to(EVPN, view.id), [id(2), id(3)]);
    let own = list(&lab, Scope::Local);
    assert_eq!(
        (own.len(), own[0].paths[0].weight, own[0].reason),
        (1, LOCAL_WEIGHT, Some(Reason::FirstPath))
    );
    assert_eq!(list(&lab, Scope::ReceivedFrom(id(2))).len(), 1);
    assert_eq!(list(&lab, Scope::AdvertisedTo(id(1))).len(), 1);
    let sent = list(&lab, Scope::AdvertisedTo(id(3)));
    assert_eq!((sent.len(), sent[0].paths[0].attributes.cluster_list.len()), (2, 1));
    let counters = [1, 2, 3].map(|n| lab.rib.counters(id(n), EVPN));
    assert_eq!(counters.map(|counters| (counters.accepted, counters.sent)), [(1, 1), (1, 2), (0, 2)]);
    assert_eq!((lab.rib.version(EVPN), lab.rib.best_count(EVPN)), (3, 2));
    assert!(lab.rib.route(EVPN, &[9]).is_err(), "not an NLRI");
}

#[test]
fn imports_are_found_by_index_only_where_something_imports() {
    let mut lab = Lab::new(RibSettings { import: false, ..settings() });
    lab.up(id(1), client(1));
    lab.update(1, &announce(attributes(1), &[mac_ip(1, 10)]));
    let wanted = [RouteTargetMatch::Exact(RouteTarget::two_octet_as(1, 10)), RouteTargetMatch::AnyAs(10)];
    assert!(lab.rib.best_routes_matching(&wanted).is_empty() && lab.rib.take_changes(9).is_empty());
    lab.rib.set_settings(settings());
    assert_eq!(lab.rib.best_routes_matching(&wanted).len(), 1);
    assert!(lab.rib.take_changes(9).is_empty(), "changes count from now on");
    lab.update(1, &announce(attributes(2), &[mac_ip(1, 10)]));
    assert_eq!(lab.rib.take_changes(9).len(), 1);
    lab.update(1, &withdraw(&[mac_ip(1, 10)]));
    assert!(lab.rib.best_routes_matching(&wanted).is_empty());
    lab.drain();
    lab.rib.set_settings(RibSettings { import: false, ..settings() });
    assert_eq!(lab.rib.memory().tables[0].destinations, 0, "no tombstone is left");
}
