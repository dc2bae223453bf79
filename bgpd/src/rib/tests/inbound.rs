//! What comes in: loops, RFC 8212, soft reconfiguration, maximum-prefix, counters.

use super::lab::{ASN, EVPN, Lab, announce, attributes, client, empty, id, mac_ip, peer, settings, withdraw};
use crate::peer::{AllowAsIn, MaximumPrefix, PeerKind};
use crate::rib::{ClearIn, RibError, RibPeer, RibSettings};
use crate::wire::AttributeSet;
use crate::wire::attribute::{AsPath, AsSegment, AsSegmentKind};
use std::{net::Ipv4Addr, sync::Arc};

fn looped(times: usize) -> AttributeSet {
    let path = AsPath(vec![AsSegment {
        kind: AsSegmentKind::Sequence,
        asns: [vec![65_101], vec![ASN; times]].concat(),
    }]);
    AttributeSet { as_path: path, local_pref: None, ..attributes(1) }
}

fn soft(mut peer: RibPeer) -> RibPeer {
    peer.families[0].settings.soft_reconfiguration_inbound = true;
    peer
}

#[test]
fn our_as_in_the_path_is_a_loop_unless_allowed_so_often() {
    let mut allowing = peer(2, PeerKind::External, false);
    allowing.families[0].settings.allowas_in = AllowAsIn::Times(1);
    let mut lab = Lab::with([(1, peer(1, PeerKind::External, false)), (2, allowing), (3, client(3))]);
    for n in [1, 2] {
        lab.update(n, &announce(looped(1), &[mac_ip(u32::from(n), 10)]));
        lab.update(n, &announce(looped(2), &[mac_ip(10 + u32::from(n), 10)]));
    }
    lab.drain();
    let held: Vec<bool> = [1, 2, 11, 12].map(|n| lab.holds(3, &mac_ip(n, 10)).is_some()).to_vec();
    assert_eq!(held, [false, true, false, false]);
}

#[test]
fn allowas_in_origin_allows_our_as_as_the_paths_origin_only() {
    let mut allowing = peer(1, PeerKind::External, false);
    allowing.families[0].settings.allowas_in = AllowAsIn::Origin;
    let mut lab = Lab::with([(1, allowing), (3, client(3))]);
    let path = |segments: &[(AsSegmentKind, &[u32])]| AttributeSet {
        as_path: AsPath(
            segments.iter().map(|&(kind, asns)| AsSegment { kind, asns: asns.to_vec() }).collect(),
        ),
        ..attributes(1)
    };
    use AsSegmentKind::{Sequence, Set};
    for (n, (segments, taken)) in [
        (&[(Sequence, &[65_101, ASN][..])][..], true),
        (&[(Sequence, &[65_101, ASN, ASN, ASN])], true),
        (&[(Sequence, &[65_101, ASN]), (Sequence, &[ASN])], true),
        (&[(Sequence, &[65_101])], true),
        (&[(Sequence, &[65_101, ASN, 65_102])], false),
        (&[(Sequence, &[65_101, ASN, 65_102, ASN])], false),
        (&[(Sequence, &[65_101, ASN]), (Set, &[7, 8])], false),
        (&[(Sequence, &[65_101]), (Set, &[7, ASN])], false),
    ]
    .into_iter()
    .enumerate()
    {
        let route = mac_ip(n as u32, 10);
        lab.update(1, &announce(path(segments), std::slice::from_ref(&route)));
        lab.drain();
        assert_eq!(lab.holds(3, &route).is_some(), taken, "{segments:?}");
    }
}

#[test]
fn a_refused_route_withdraws_what_had_its_key() {
    let mut lab = Lab::with([(1, client(1)), (3, client(3))]);
    let route = [mac_ip(1, 10)];
    lab.update(1, &announce(attributes(1), &route));
    lab.drain();
    for refused in [
        AttributeSet { originator_id: Some(Ipv4Addr::new(10, 0, 0, 100)), ..attributes(1) },
        AttributeSet { cluster_list: vec![Ipv4Addr::new(10, 0, 0, 100)], ..attributes(1) },
    ] {
        lab.update(1, &announce(refused, &route));
        lab.drain();
        assert!(lab.holds(3, &route[0]).is_none());
        assert_eq!(lab.rib.counters(id(1), EVPN).received, 0, "nor is it kept");
        lab.update(1, &announce(attributes(1), &route));
        lab.drain();
        assert!(lab.holds(3, &route[0]).is_some());
    }
}

#[test]
fn what_reflection_and_local_pref_of_another_as_say_does_not_count() {
    let mut lab = Lab::with([(1, peer(1, PeerKind::External, false)), (3, client(3))]);
    let own = Ipv4Addr::new(10, 0, 0, 100);
    let set = AttributeSet {
        originator_id: Some(own),
        cluster_list: vec![own],
        local_pref: Some(7),
        ..attributes(1)
    };
    lab.update(1, &announce(set, &[mac_ip(1, 10)]));
    lab.drain();
    let (_, held) = lab.holds(3, &mac_ip(1, 10)).expect("accepted");
    assert_eq!((held.local_pref, held.originator_id, held.cluster_list.len()), (Some(100), None, 0));
}

#[test]
fn with_soft_reconfiguration_a_refused_route_waits_for_another_knob() {
    let mut outside = soft(peer(1, PeerKind::External, false));
    let mut lab = Lab::with([(1, outside.clone()), (3, client(3))]);
    lab.update(1, &announce(looped(1), &[mac_ip(1, 10)]));
    lab.drain();
    let counters = lab.rib.counters(id(1), EVPN);
    assert_eq!((counters.received, counters.accepted, lab.peers[&id(3)].view.len()), (1, 0, 0));
    let view = lab.rib.route(EVPN, &mac_ip(1, 10)).expect("a route").expect("kept");
    assert!(!view.paths[0].eligible && view.reason.is_none());
    assert_eq!(view.paths[0].refused.as_slice(), ["as-path contains our own AS"]);
    outside.families[0].settings.allowas_in = AllowAsIn::Times(1);
    assert_eq!(lab.rib.set_peer(id(1), outside.clone()), Ok(vec![]));
    lab.drain();
    assert!(lab.holds(3, &mac_ip(1, 10)).is_some());
    outside.families[0].settings.allowas_in = AllowAsIn::Times(0);
    assert_eq!(lab.rib.set_peer(id(1), outside.clone()), Ok(vec![]));
    lab.drain();
    assert!(lab.holds(3, &mac_ip(1, 10)).is_none());
    outside.families[0].settings.soft_reconfiguration_inbound = false;
    assert_eq!(lab.rib.set_peer(id(1), outside), Ok(vec![EVPN]), "now it must be asked");
    assert_eq!(lab.rib.counters(id(1), EVPN).received, 0);
    assert_eq!(lab.rib.clear_in(id(1), EVPN), Ok(ClearIn::AskPeer));
}

#[test]
fn rfc_8212_closes_ebgp_both_ways() {
    let mut closed = soft(peer(1, PeerKind::External, false));
    (closed.families[0].policy_in, closed.families[0].policy_out) = (false, false);
    let mut lab = Lab::with([(1, closed.clone()), (3, client(3))]);
    lab.update(1, &announce(looped(0), &[mac_ip(1, 10)]));
    lab.update(3, &announce(attributes(3), &[mac_ip(3, 10)]));
    lab.drain();
    assert!(lab.peers.values().all(|receiver| receiver.view.is_empty() && receiver.ends_of_rib == 1));
    (closed.families[0].policy_in, closed.families[0].policy_out) = (true, true);
    lab.rib.set_peer(id(1), closed).expect("up");
    lab.drain();
    assert!(lab.holds(3, &mac_ip(1, 10)).is_some() && lab.holds(1, &mac_ip(3, 10)).is_some());
}

#[test]
fn another_router_id_or_cluster_is_judged_and_sent_at_once() {
    let mut lab = Lab::with([(1, soft(client(1))), (3, soft(client(3)))]);
    let foreign = Ipv4Addr::new(10, 0, 0, 200);
    let set = AttributeSet { cluster_list: vec![foreign], ..attributes(1) };
    lab.update(1, &announce(set, &[mac_ip(1, 10)]));
    lab.update(1, &announce(attributes(1), &[mac_ip(2, 10)]));
    lab.drain();
    assert_eq!(lab.peers[&id(3)].view.len(), 2);
    let ask = lab.rib.set_settings(RibSettings { cluster_id: foreign, ..settings() });
    lab.drain();
    assert_eq!((ask, lab.peers[&id(3)].view.len()), (vec![], 1));
    assert_eq!(lab.holds(3, &mac_ip(2, 10)).expect("held").1.cluster_list, [foreign]);
}

#[test]
fn maximum_prefix_warns_once_and_then_ends_the_session() {
    let mut bounded = client(1);
    let maximum =
        MaximumPrefix { limit: 4, threshold: 75, warning_only: false, all_beyond: false, restart: None };
    bounded.families[0].settings.maximum_prefix = Some(maximum);
    let mut lab = Lab::with([(1, bounded), (3, client(3))]);
    let say = |lab: &mut Lab, n: u32| {
        lab.rib
            .update(id(1), &announce(attributes(1), &[mac_ip(n, 10)]), lab.now)
            .map(|verdict| verdict.warning)
    };
    assert_eq!([1, 2, 3].map(|n| say(&mut lab, n)), [Ok(None), Ok(None), Ok(None)]);
    let warning = say(&mut lab, 4).expect("stored").expect("a warning");
    assert_eq!((warning.count, warning.maximum), (4, maximum));
    assert_eq!(say(&mut lab, 4), Ok(None), "replacing is not growing");
    lab.update(1, &withdraw(&[mac_ip(3, 10), mac_ip(4, 10)]));
    say(&mut lab, 3).expect("stored");
    assert!(say(&mut lab, 4).expect("stored").is_some(), "it was fine in between");
    let over = say(&mut lab, 5);
    assert_eq!(over, Err(RibError::MaximumPrefixReached { peer: id(1), family: EVPN, maximum }));
    assert_eq!(lab.rib.counters(id(1), EVPN).received, 4, "memory stays bounded");
    lab.down(id(1), None);
    lab.drain();
    assert!(lab.peers[&id(3)].view.is_empty());
}

#[test]
fn warning_only_lets_all_in() {
    let mut bounded = client(1);
    let maximum =
        MaximumPrefix { limit: 2, threshold: 100, warning_only: true, all_beyond: false, restart: None };
    bounded.families[0].settings.maximum_prefix = Some(maximum);
    let mut lab = Lab::with([(1, bounded)]);
    let routes: Vec<Vec<u8>> = (0..5).map(|n| mac_ip(n, 10)).collect();
    let verdict = lab.rib.update(id(1), &announce(attributes(1), &routes), lab.now).expect("stored");
    assert_eq!(verdict.warning.map(|warning| warning.count), Some(3));
    assert_eq!(lab.rib.counters(id(1), EVPN).accepted, 5);
}

#[test]
fn several_paths_of_one_neighbour_by_identifier() {
    let mut lab = Lab::with([(1, client(1)), (3, client(3))]);
    let path = |id: u32, local_pref| {
        let set = AttributeSet { local_pref: Some(local_pref), ..attributes(1) };
        let mut update = announce(set, &[[&id.to_be_bytes()[..], &mac_ip(1, 10)].concat()]);
        update.reach[0].add_path = true;
        update
    };
    for (path_id, local_pref) in [(1, 100), (2, 200), (1, 150)] {
        lab.update(1, &path(path_id, local_pref));
    }
    lab.drain();
    assert_eq!(lab.rib.counters(id(1), EVPN).received, 2);
    assert_eq!(lab.holds(3, &mac_ip(1, 10)).expect("held").1.local_pref, Some(200));
    let mut gone = withdraw(&[[&2u32.to_be_bytes()[..], &mac_ip(1, 10)].concat()]);
    gone.unreach[0].add_path = true;
    lab.update(1, &gone);
    lab.drain();
    assert_eq!(lab.holds(3, &mac_ip(1, 10)).expect("held").1.local_pref, Some(150));
    lab.update(1, &withdraw(&[mac_ip(1, 10)]));
    assert_eq!(lab.rib.counters(id(1), EVPN).received, 1, "identifier 0 is not a wildcard");
}

#[test]
fn nothing_is_taken_from_a_neighbour_without_a_session() {
    let mut lab = Lab::with([(1, client(1))]);
    lab.down(id(1), None);
    let update = announce(attributes(1), &[mac_ip(1, 10)]);
    assert_eq!(lab.rib.update(id(1), &update, lab.now), Err(RibError::NotEstablished(id(1))));
    assert_eq!(lab.rib.update(id(7), &empty(), lab.now), Err(RibError::NotEstablished(id(7))));
    assert!(Arc::strong_count(update.attributes.as_ref().expect("attributes")) == 1);
}
