//! RFC 4684: memberships go their ways, and a peer that says what it asks for is sent no more.

use super::lab::{
    ASN, EVPN, Lab, announce, ask, asking, attributes, client, empty, end_of_rib, forgo, id, key, mac_ip,
    membership, peer, settings, withdraw,
};
use crate::peer::{MaximumPrefix, PeerKind, RefreshKind};
use crate::rib::{RibPeer, RibSettings};
use crate::wire::{AttributeSet, Family, Membership};
use std::{net::Ipv4Addr, time::Duration};
use weft_evpn::{ExtendedCommunity, RouteTarget};

const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 100);

/// Attributes with these route targets, `asn:10` each.
fn with_targets(n: u8, asns: &[u16]) -> AttributeSet {
    let targets = asns.iter().map(|asn| RouteTarget::two_octet_as(*asn, 10).community());
    AttributeSet { ext_communities: targets.collect(), ..attributes(n) }
}

fn asking_client(n: u8) -> RibPeer {
    asking(client(n))
}

fn mesh(n: u8) -> RibPeer {
    asking(peer(n, PeerKind::Internal, false))
}

impl Lab {
    /// The neighbours, each having asked for `asn:10` of its number.
    fn each_asks_for_its_own(peers: impl IntoIterator<Item = (u8, RibPeer)>) -> Self {
        // A pure reflector.
        let mut lab = Lab::new(RibSettings { import: false, ..settings() });
        let mut numbers = Vec::new();
        for (n, peer) in peers {
            lab.up(id(n), peer);
            numbers.push(n);
        }
        for n in numbers {
            lab.update(n, &ask(&[membership(u16::from(n))]));
            lab.update(n, &end_of_rib(Family::RtFilter));
        }
        lab.drain();
        lab
    }

    fn asked_of(&self, n: u8) -> Vec<Membership> {
        self.peers[&id(n)].asked.keys().copied().collect()
    }

    fn routes_of(&self, n: u8) -> usize {
        self.peers[&id(n)].view.len()
    }
}

#[test]
fn a_client_gets_what_it_asked_for_and_nothing_else() {
    let mut lab = Lab::each_asks_for_its_own([1, 2, 3].map(|n| (n, asking_client(n))));
    lab.update(3, &announce(with_targets(3, &[1]), &[mac_ip(1, 1)]));
    lab.update(3, &announce(with_targets(3, &[2]), &[mac_ip(2, 2)]));
    lab.update(3, &announce(with_targets(3, &[1, 2]), &[mac_ip(3, 3)]));
    lab.update(3, &announce(with_targets(3, &[9]), &[mac_ip(4, 4)]));
    lab.drain();
    assert!(lab.holds(1, &mac_ip(1, 1)).is_some() && lab.holds(1, &mac_ip(3, 3)).is_some());
    assert!(lab.holds(2, &mac_ip(2, 2)).is_some() && lab.holds(2, &mac_ip(3, 3)).is_some());
    assert_eq!((lab.routes_of(1), lab.routes_of(2), lab.routes_of(3)), (2, 2, 0));
}

#[test]
fn what_is_asked_for_later_comes_alone_and_goes_alone() {
    let mut lab = Lab::each_asks_for_its_own([1, 2].map(|n| (n, asking_client(n))));
    let routes: Vec<Vec<u8>> = (0..100).map(|n| mac_ip(n, 7)).collect();
    lab.update(2, &announce(with_targets(2, &[7]), &routes));
    lab.update(2, &announce(with_targets(2, &[1]), &[mac_ip(500, 1)]));
    lab.drain();
    assert_eq!((lab.routes_of(1), lab.peers[&id(1)].announced), (1, 1));
    lab.update(1, &ask(&[membership(7)]));
    lab.drain();
    assert_eq!((lab.routes_of(1), lab.peers[&id(1)].announced), (101, 101), "nothing twice");
    lab.update(1, &forgo(&[membership(7)]));
    lab.drain();
    assert_eq!((lab.routes_of(1), lab.peers[&id(1)].withdrawn), (1, 100));
    let sent = lab.transmissions;
    lab.update(1, &ask(&[Membership::exact(7, RouteTarget::two_octet_as(1, 10))]));
    lab.drain();
    assert!(lab.transmissions > sent, "the others hear of another AS that asks");
    assert_eq!(lab.peers[&id(1)].announced, 101, "but the route target is asked for already");
}

#[test]
fn a_route_that_changes_its_targets_is_told_and_withdrawn() {
    let mut lab = Lab::each_asks_for_its_own([1, 2, 3].map(|n| (n, asking_client(n))));
    let route = mac_ip(1, 1);
    let targets = |lab: &mut Lab, asns: &[u16]| {
        lab.update(3, &announce(with_targets(3, asns), std::slice::from_ref(&route)));
        lab.drain();
        (lab.holds(1, &route).is_some(), lab.holds(2, &route).is_some())
    };
    assert_eq!(targets(&mut lab, &[1]), (true, false));
    assert_eq!(targets(&mut lab, &[2]), (false, true));
    assert_eq!(targets(&mut lab, &[1, 2]), (true, true));
    assert_eq!(targets(&mut lab, &[]), (false, false));
    assert_eq!(targets(&mut lab, &[2]), (false, true));
    lab.update(3, &withdraw(std::slice::from_ref(&route)));
    lab.drain();
    assert_eq!((lab.routes_of(1), lab.routes_of(2)), (0, 0));
    assert_eq!(lab.rib.table_use(EVPN).map(|table| table.destinations), Some(0), "nobody waits for it");
}

#[test]
fn the_new_source_of_a_route_holds_no_old_one_although_nobody_was_told_in_between() {
    // 1 and 2 ask for the same, so they share a subgroup. The route moves from 3 to 2 while it
    // carries a target that neither asks for.
    let mut lab = Lab::each_asks_for_its_own([1, 2, 3].map(|n| (n, asking_client(n))));
    for n in [1, 2] {
        lab.update(n, &ask(&[membership(5)]));
    }
    lab.update(2, &forgo(&[membership(2)]));
    lab.update(1, &forgo(&[membership(1)]));
    lab.drain();
    assert_eq!(lab.rib.groups(EVPN)[0].subgroups.len(), 2, "1 and 2 together, and 3");
    let route = mac_ip(1, 1);
    lab.update(3, &announce(with_targets(3, &[5]), std::slice::from_ref(&route)));
    lab.drain();
    assert!(lab.holds(1, &route).is_some() && lab.holds(2, &route).is_some());
    lab.update(3, &announce(with_targets(3, &[8]), std::slice::from_ref(&route)));
    let better = AttributeSet { local_pref: Some(200), ..with_targets(2, &[8]) };
    lab.update(2, &announce(better, std::slice::from_ref(&route)));
    let better = AttributeSet { local_pref: Some(200), ..with_targets(2, &[5]) };
    lab.update(2, &announce(better, std::slice::from_ref(&route)));
    lab.drain();
    assert!(lab.holds(1, &route).is_some_and(|held| held.1.originator_id == Some([10, 0, 0, 2].into())));
    assert!(lab.holds(2, &route).is_none(), "its own");
}

#[test]
fn nothing_is_sent_before_the_memberships_are_known() {
    let mut lab = Lab::new(settings());
    lab.rib.originate(EVPN, &mac_ip(1, 1), with_targets(9, &[1]), None, lab.now).expect("a route");
    lab.up(id(1), asking_client(1));
    lab.drain();
    lab.update(1, &ask(&[membership(1)]));
    lab.drain();
    assert_eq!((lab.routes_of(1), lab.peers[&id(1)].ends_of_rib), (0, 0));
    assert_eq!(lab.peers[&id(1)].ends_of_asking, 1, "ours is not held");
    assert!(lab.rib.constraint(id(1)).is_some_and(|view| view.held_until.is_some()));
    lab.update(1, &end_of_rib(Family::RtFilter));
    lab.drain();
    assert_eq!((lab.routes_of(1), lab.peers[&id(1)].ends_of_rib), (1, 1));
    assert!(lab.rib.constraint(id(1)).is_some_and(|view| view.held_until.is_none() && view.targets == 1));
}

#[test]
fn who_never_says_that_it_has_asked_is_waited_for_a_minute() {
    let mut lab = Lab::new(settings());
    lab.rib.originate(EVPN, &mac_ip(1, 1), with_targets(9, &[1]), None, lab.now).expect("a route");
    lab.up(id(1), asking_client(1));
    lab.update(1, &ask(&[membership(1)]));
    lab.drain();
    assert_eq!(lab.rib.next_deadline(), Some(lab.now + Duration::from_secs(60)));
    lab.pass(Duration::from_secs(59));
    lab.drain();
    assert_eq!(lab.routes_of(1), 0);
    lab.pass(Duration::from_secs(1));
    lab.drain();
    assert_eq!((lab.routes_of(1), lab.peers[&id(1)].ends_of_rib), (1, 1));
    assert_eq!(lab.rib.next_deadline(), None);
}

#[test]
fn the_default_membership_and_ranges_ask_for_many() {
    let mut lab = Lab::each_asks_for_its_own([1, 2].map(|n| (n, asking_client(n))));
    lab.update(2, &announce(with_targets(2, &[4]), &[mac_ip(4, 4)]));
    lab.update(2, &announce(with_targets(2, &[5]), &[mac_ip(5, 5)]));
    lab.update(2, &announce(with_targets(2, &[6]), &[mac_ip(6, 6)]));
    lab.update(2, &announce(with_targets(2, &[]), &[mac_ip(7, 7)]));
    lab.drain();
    assert_eq!(lab.routes_of(1), 0);
    // 63 bits: AS 4 and 5.
    let (range, _) = (Family::RtFilter.row().split)(&[63, 0, 0, 0, 1, 0, 2, 0, 4]).expect("a range");
    let range = Membership::from_key(&range).expect("a range");
    lab.update(1, &ask(&[range]));
    lab.drain();
    assert_eq!(lab.routes_of(1), 2);
    lab.update(1, &ask(&[Membership::DEFAULT]));
    lab.drain();
    assert_eq!(lab.routes_of(1), 4, "also the one without a route target");
    lab.update(1, &forgo(&[Membership::DEFAULT]));
    lab.drain();
    assert_eq!(lab.routes_of(1), 2);
    lab.update(2, &announce(with_targets(2, &[5]), &[mac_ip(8, 8)]));
    lab.update(1, &forgo(&[range]));
    lab.drain();
    assert_eq!(lab.routes_of(1), 0);
}

#[test]
fn a_membership_of_a_part_of_an_as_is_ignored() {
    let mut lab = Lab::each_asks_for_its_own([(1, asking_client(1))]);
    let mut update = ask(&[]);
    update.reach[0].wire = vec![16, 0, 0].into();
    lab.update(1, &update);
    assert_eq!(lab.rib.counters(id(1), Family::RtFilter).received, 1);
}

#[test]
fn clients_hear_of_their_own_memberships_and_may_not_take_them_for_loops() {
    let lab = Lab::each_asks_for_its_own([(1, asking_client(1)), (2, asking_client(2)), (3, mesh(3))]);
    let all = [1, 2, 3].map(membership);
    assert_eq!((lab.asked_of(1), lab.asked_of(2)), (all.to_vec(), all.to_vec()));
    assert_eq!(lab.asked_of(3), [membership(1), membership(2)], "not its own");
    let told = |n: u8, asn: u16| &lab.peers[&id(n)].asked[&membership(asn)];
    assert_eq!(told(1, 1).originator_id, Some(OWN), "RFC 4684 §3.2 i");
    assert_eq!((told(1, 1).next_hop, told(1, 1).cluster_list.len()), (Some(OWN.into()), 1));
    assert_eq!(told(3, 1).originator_id, Some([10, 0, 0, 1].into()));
    assert_eq!(lab.rib.counters(id(1), Family::RtFilter).sent, 3);
    assert_eq!(lab.rib.counters(id(3), Family::RtFilter).sent, 2);
}

#[test]
fn the_mesh_is_told_of_a_client_where_the_best_path_is_the_meshs() {
    let mut lab = Lab::each_asks_for_its_own([(1, mesh(1)), (2, asking_client(2)), (3, mesh(3))]);
    // Equal but for the identifier: 1 is best.
    lab.update(1, &ask(&[membership(7)]));
    lab.drain();
    assert!(!lab.asked_of(3).contains(&membership(7)), "it hears of it from 1 itself");
    lab.update(2, &ask(&[membership(7)]));
    lab.drain();
    for n in [1, 3] {
        let told = &lab.peers[&id(n)].asked[&membership(7)];
        assert_eq!(told.originator_id, Some([10, 0, 0, 2].into()), "RFC 4684 §3.2 ii");
    }
    let route = lab.rib.route(Family::RtFilter, &membership(7).to_wire()).expect("a membership");
    assert!(lab.rib.advertised_to(Family::RtFilter, route.expect("there").id).contains(&id(1)));
    lab.update(2, &forgo(&[membership(7)]));
    lab.drain();
    assert!(!lab.asked_of(1).contains(&membership(7)) && !lab.asked_of(3).contains(&membership(7)));
    assert!(lab.asked_of(2).contains(&membership(7)), "the client hears of 1's");
}

#[test]
fn every_path_counts_and_not_the_best_alone() {
    let mut lab = Lab::each_asks_for_its_own([(1, asking_client(1)), (2, asking_client(2)), (3, mesh(3))]);
    for n in [1, 2, 3] {
        lab.update(n, &ask(&[membership(9)]));
    }
    lab.rib
        .originate(Family::RtFilter, &membership(9).to_wire(), AttributeSet::default(), None, lab.now)
        .expect("ours");
    lab.rib.originate(EVPN, &mac_ip(1, 1), with_targets(9, &[9]), None, lab.now).expect("a route");
    lab.drain();
    assert_eq!([1, 2, 3].map(|n| lab.routes_of(n)), [1, 1, 1]);
}

#[test]
fn memberships_cross_the_border_with_our_as_and_come_not_back() {
    let outside = |n: u8| asking(peer(n, PeerKind::External, false));
    let lab = Lab::each_asks_for_its_own([(1, outside(1)), (2, outside(2)), (3, asking_client(3))]);
    assert_eq!(lab.asked_of(1), [membership(2), membership(3)]);
    let told = &lab.peers[&id(1)].asked[&membership(3)];
    assert_eq!((told.next_hop, told.originator_id), (Some(OWN.into()), None));
    assert_eq!(told.as_path.0[0].asns, [ASN]);
}

#[test]
fn who_does_not_say_what_it_wants_is_sent_all_and_the_others_are_asked_for_all() {
    let mut lab = Lab::each_asks_for_its_own([(1, asking_client(1)), (2, asking_client(2))]);
    assert!(!lab.asked_of(1).contains(&Membership::DEFAULT));
    lab.up(id(3), client(3));
    lab.drain();
    for n in [1, 2] {
        assert!(lab.asked_of(n).contains(&Membership::DEFAULT), "{n} must send all for 3");
    }
    lab.update(1, &announce(with_targets(1, &[77]), &[mac_ip(1, 1)]));
    lab.drain();
    assert_eq!([1, 2, 3].map(|n| lab.routes_of(n)), [0, 0, 1]);
    lab.down(id(3), None);
    lab.drain();
    assert!(lab.asked_of(1).contains(&Membership::DEFAULT), "a session that flaps takes nothing back");
    lab.rib.remove_peer(id(3));
    lab.drain();
    assert!(!lab.asked_of(1).contains(&Membership::DEFAULT));
}

#[test]
fn a_leaf_between_two_reflectors_asks_one_of_them_for_nothing_on_behalf_of_the_other() {
    let mut lab = Lab::each_asks_for_its_own([(1, mesh(1))]);
    lab.up(id(2), peer(2, PeerKind::Internal, false));
    lab.drain();
    assert!(!lab.asked_of(1).contains(&Membership::DEFAULT), "what 1 sends does not go to 2");
    lab.up(id(3), peer(3, PeerKind::External, false));
    lab.drain();
    assert!(lab.asked_of(1).contains(&Membership::DEFAULT), "but to 3");
}

#[test]
fn default_originate_asks_for_everything() {
    let mut reflector = asking_client(1);
    reflector.families[1].settings.default_originate = true;
    let mut lab = Lab::each_asks_for_its_own([(1, reflector.clone()), (2, asking_client(2))]);
    assert!(
        lab.asked_of(1).contains(&Membership::DEFAULT) && !lab.asked_of(2).contains(&Membership::DEFAULT)
    );
    reflector.families[1].settings.default_originate = false;
    lab.rib.set_peer(id(1), reflector).expect("up");
    lab.drain();
    assert!(!lab.asked_of(1).contains(&Membership::DEFAULT));
}

#[test]
fn stale_memberships_count_until_they_are_swept() {
    let mut lab = Lab::each_asks_for_its_own([1, 2].map(|n| (n, asking_client(n))));
    lab.update(1, &ask(&[membership(5)]));
    lab.drain();
    lab.down(id(1), Some(Duration::from_secs(120)));
    lab.drain();
    assert!(lab.asked_of(2).contains(&membership(1)), "2 goes on to send what 1 wants");
    lab.update(2, &announce(with_targets(2, &[1]), &[mac_ip(1, 1)]));
    lab.update(2, &announce(with_targets(2, &[5]), &[mac_ip(5, 5)]));
    lab.up(id(1), asking_client(1));
    lab.update(1, &ask(&[membership(5)]));
    lab.drain();
    assert_eq!(lab.routes_of(1), 0, "held until it has said all");
    lab.pass(Duration::from_secs(60));
    lab.drain();
    assert_eq!(lab.routes_of(1), 2, "what is stale counts");
    lab.update(1, &end_of_rib(Family::RtFilter));
    lab.drain();
    assert_eq!(lab.routes_of(1), 1);
    assert!(!lab.asked_of(2).contains(&membership(1)));
}

#[test]
fn a_restarted_reflector_says_its_memberships_before_its_clients_have_sent_their_routes() {
    let mut lab = Lab::new(settings());
    let awaited = [1, 2].into_iter().flat_map(|n| [(id(n), EVPN), (id(n), Family::RtFilter)]);
    lab.rib.start_deferred(awaited, None, lab.now + Duration::from_secs(360));
    for n in [1, 2] {
        lab.up(id(n), asking_client(n));
    }
    lab.update(1, &ask(&[membership(1)]));
    lab.update(1, &end_of_rib(Family::RtFilter));
    lab.drain();
    assert_eq!(lab.peers[&id(2)].ends_of_asking, 0, "1 alone has asked");
    assert_eq!(lab.asked_of(2), [membership(1)], "but it hears of it at once");
    lab.update(2, &end_of_rib(Family::RtFilter));
    lab.drain();
    assert_eq!(lab.peers[&id(2)].ends_of_asking, 1);
    assert_eq!(lab.peers[&id(2)].ends_of_rib, 0, "EVPN's is deferred");
    assert!(!lab.rib.converged());
    for n in [1, 2] {
        lab.update(n, &end_of_rib(EVPN));
    }
    lab.drain();
    assert_eq!((lab.peers[&id(2)].ends_of_rib, lab.rib.converged()), (1, true));
}

#[test]
fn a_refresh_brings_what_was_asked_for_again() {
    let mut lab = Lab::each_asks_for_its_own([1, 2].map(|n| (n, asking_client(n))));
    lab.update(2, &announce(with_targets(2, &[1]), &[mac_ip(1, 1)]));
    lab.update(2, &announce(with_targets(2, &[5]), &[mac_ip(5, 5)]));
    lab.drain();
    lab.rib.route_refresh(id(1), EVPN, RefreshKind::Normal, lab.now).expect("up");
    lab.rib.route_refresh(id(1), Family::RtFilter, RefreshKind::Normal, lab.now).expect("up");
    lab.drain();
    let receiver = &lab.peers[&id(1)];
    assert_eq!((receiver.announced, receiver.view.len(), receiver.asked.len()), (2, 1, 2));
    assert_eq!(receiver.refresh.len(), 4, "begin and end of both");
}

#[test]
fn those_who_ask_for_the_same_share_an_update_group() {
    let mut lab = Lab::each_asks_for_its_own((1..=4).map(|n| (n, asking_client(n))));
    assert_eq!(lab.rib.groups(EVPN)[0].subgroups.len(), 4);
    for n in 1..=4u8 {
        let others: Vec<Membership> = (1..=4).map(membership).collect();
        lab.update(n, &ask(&others));
    }
    lab.drain();
    assert_eq!(lab.rib.groups(EVPN)[0].subgroups.len(), 1);
    let before = lab.transmissions;
    lab.rib.originate(EVPN, &mac_ip(1, 1), with_targets(9, &[4]), None, lab.now).expect("a route");
    lab.drain();
    assert_eq!(lab.transmissions, before + 1, "one message for all");
    assert_eq!([1, 2, 3, 4].map(|n| lab.routes_of(n)), [1; 4]);
}

#[test]
fn es_import_targets_obey_memberships_too() {
    let mut lab = Lab::each_asks_for_its_own([1, 2].map(|n| (n, asking_client(n))));
    let es_import = ExtendedCommunity([6, 2, 0, 1, 2, 3, 4, 5]);
    let set = AttributeSet { ext_communities: vec![es_import], ..attributes(2) };
    lab.update(2, &announce(set, &[mac_ip(1, 1)]));
    lab.drain();
    assert_eq!(lab.routes_of(1), 0);
    let wire = [&[96, 0, 0, 0xfd, 0xe8][..], &es_import.0].concat();
    let (asked, _) = (Family::RtFilter.row().split)(&wire).expect("a membership");
    lab.update(1, &ask(&[Membership::from_key(&asked).expect("a membership")]));
    lab.drain();
    assert_eq!(lab.routes_of(1), 1);
}

#[test]
fn who_asks_for_more_than_is_kept_is_sent_all_and_keeps_its_session() {
    let limited = |n: u8| {
        let mut peer = asking_client(n);
        peer.families[1].settings.maximum_prefix = Some(MaximumPrefix {
            limit: 100,
            threshold: 75,
            warning_only: false,
            all_beyond: true,
            restart: None,
        });
        peer
    };
    let mut lab = Lab::each_asks_for_its_own([(1, limited(1)), (2, limited(2)), (3, asking_client(3))]);
    lab.update(3, &announce(with_targets(3, &[7]), &[mac_ip(7, 7)]));
    lab.update(3, &announce(with_targets(3, &[9000]), &[mac_ip(9, 9)]));
    let many: Vec<Membership> = (1000..2000).map(membership).collect();
    let verdict = lab.rib.update(id(1), &ask(&many), lab.now).expect("no reason to close the session");
    let warning = verdict.warning.expect("it is said").to_string();
    assert!(
        warning.contains("101 routes of rtfilter unicast, 100 are allowed; the others are not kept"),
        "{warning}"
    );
    let again = lab.rib.update(id(1), &ask(&many), lab.now).expect("no reason to close the session");
    assert_eq!(again.warning, None, "once");
    lab.drain();
    assert_eq!(lab.rib.counters(id(1), Family::RtFilter).received, 100);
    assert_eq!((lab.routes_of(1), lab.routes_of(2)), (2, 0), "1 is sent all");
    assert!(lab.asked_of(3).contains(&Membership::DEFAULT), "others are asked for all on its behalf");
    assert!(lab.asked_of(3).len() < 110, "and not for what is not kept");
    assert!(lab.rib.constraint(id(1)).is_some_and(|view| view.all && view.overfull));
    // Fewer than the limit again: what was not kept is not known, so nothing changes.
    lab.update(1, &forgo(&many));
    lab.drain();
    assert_eq!(lab.routes_of(1), 2);
    lab.down(id(1), None);
    lab.drain();
    assert!(lab.asked_of(3).contains(&Membership::DEFAULT), "a flap takes nothing back");
    lab.up(id(1), limited(1));
    lab.update(1, &ask(&[membership(7)]));
    lab.update(1, &end_of_rib(Family::RtFilter));
    lab.drain();
    assert!(!lab.asked_of(3).contains(&Membership::DEFAULT));
    assert_eq!(lab.routes_of(1), 1, "a new session, a new beginning");
}

#[test]
fn what_is_asked_for_is_counted_once_for_those_who_ask_for_the_same() {
    let mut lab = Lab::each_asks_for_its_own([1, 2].map(|n| (n, asking_client(n))));
    let wanted = |lab: &Lab| lab.rib.table_use(EVPN).map(|table| (table.wanted_sets, table.wanted_bytes));
    let (sets, few) = wanted(&lab).expect("the table");
    assert_eq!((sets, few > 0), (2, true));
    let index = |lab: &Lab| lab.rib.table_use(EVPN).map_or(0, |table| table.index_bytes);
    let small = index(&lab);
    let many: Vec<Membership> = (1..=1000).map(membership).collect();
    lab.update(1, &ask(&many));
    lab.drain();
    assert!(index(&lab) > small + 16_000);
    let (sets, bytes) = wanted(&lab).expect("the table");
    assert_eq!(sets, 2);
    assert!(
        (8000..8200).contains(&(bytes - few + 8)),
        "999 route targets more, 8 octets each: {few}, {bytes}"
    );
    lab.update(2, &ask(&many));
    lab.drain();
    let (sets, shared) = wanted(&lab).expect("the table");
    assert_eq!((sets, shared < bytes), (1, true), "both ask for the same");
    lab.update(1, &forgo(&many));
    lab.update(2, &forgo(&many));
    lab.drain();
    assert!(wanted(&lab).expect("the table").1 <= few);
    assert!(index(&lab) < small + 4096, "the index keeps its room: {small}, {}", index(&lab));
    [1, 2].into_iter().for_each(|n| lab.rib.remove_peer(id(n)));
    assert_eq!(wanted(&lab), Some((0, 0)));
}

#[test]
fn the_indexes_are_there_only_while_somebody_asks() {
    let mut lab = Lab::new(RibSettings { import: false, ..settings() });
    lab.up(id(1), client(1));
    lab.update(1, &announce(attributes(1), &[mac_ip(1, 1)]));
    lab.drain();
    let index = |lab: &Lab| lab.rib.table_use(EVPN).map(|table| table.index_bytes);
    assert_eq!(index(&lab), Some(0));
    lab.up(id(2), asking_client(2));
    lab.update(2, &ask(&[membership(1)]));
    lab.update(2, &end_of_rib(Family::RtFilter));
    lab.drain();
    assert!(index(&lab) > Some(0));
    assert!(lab.peers[&id(2)].view.contains_key(&key(&mac_ip(1, 1))), "a route from before the index");
    lab.rib.remove_peer(id(2));
    assert_eq!(index(&lab), Some(0));
    lab.update(1, &empty());
}
