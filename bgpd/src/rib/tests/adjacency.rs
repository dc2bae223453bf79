//! Sessions begin and end, refreshes, changes of settings.

use super::lab::{EVPN, Lab, announce, attributes, client, id, mac_ip, peer, withdraw};
use crate::peer::{PeerKind, RefreshKind as Kind};
use crate::wire::refresh::RefreshKind;
use std::time::Duration;

#[test]
fn end_of_rib_comes_at_once_when_there_is_nothing_and_after_the_routes_when_there_is() {
    let mut lab = Lab::with([(1, client(1))]);
    assert_eq!((lab.peers[&id(1)].ends_of_rib, lab.peers[&id(1)].messages), (1, 1));
    let routes: Vec<Vec<u8>> = (0..10_000).map(|n| mac_ip(n, 10)).collect();
    lab.update(1, &announce(attributes(1), &routes));
    lab.drain();
    lab.up(id(2), client(2));
    while lab.step() {
        let receiver = &lab.peers[&id(2)];
        assert!(receiver.ends_of_rib == 0 || receiver.view.len() == 10_000);
    }
    assert_eq!(lab.peers[&id(2)].ends_of_rib, 1);
}

#[test]
fn a_new_neighbour_joins_its_group_after_the_dump_and_others_are_not_sent_again() {
    let mut lab = Lab::with([(1, client(1)), (2, client(2))]);
    lab.update(1, &announce(attributes(1), &[mac_ip(1, 10)]));
    lab.drain();
    lab.up(id(3), client(3));
    assert_eq!(lab.rib.groups(EVPN)[0].subgroups.len(), 2);
    lab.drain();
    let groups = lab.rib.groups(EVPN);
    assert_eq!((groups.len(), groups[0].subgroups.len(), groups[0].subgroups[0].members.len()), (1, 1, 3));
    assert_eq!((lab.peers[&id(2)].announced, lab.peers[&id(3)].announced), (1, 1));
}

#[test]
fn end_of_rib_comes_although_routes_never_cease_to_change() {
    let mut lab = Lab::with([(1, client(1))]);
    let routes: Vec<Vec<u8>> = (0..9000).map(|n| mac_ip(n, 10)).collect();
    lab.update(1, &announce(attributes(1), &routes));
    lab.up(id(2), client(2));
    for turn in 0..40u8 {
        lab.update(1, &announce(attributes(2 + turn % 2), &routes[..20]));
        lab.update(1, &announce(attributes(2 + turn % 2), &routes[8000..8020]));
        lab.step();
    }
    assert_eq!(lab.peers[&id(2)].ends_of_rib, 1);
}

#[test]
fn a_refresh_sends_all_again_to_one_neighbour_between_its_marks() {
    for enhanced in [true, false] {
        let mut asking = client(2);
        asking.enhanced_refresh = enhanced;
        let mut lab = Lab::with([(1, client(1)), (2, asking), (3, client(3))]);
        lab.update(1, &announce(attributes(1), &[mac_ip(1, 10), mac_ip(2, 10)]));
        lab.drain();
        lab.rib.route_refresh(id(2), EVPN, Kind::Normal, lab.now).expect("up");
        lab.drain();
        let receiver = &lab.peers[&id(2)];
        assert_eq!((receiver.announced, receiver.ends_of_rib, lab.peers[&id(3)].announced), (4, 1, 2));
        let marks: &[RefreshKind] = if enhanced { &[RefreshKind::Begin, RefreshKind::End] } else { &[] };
        assert_eq!(receiver.refresh, marks);
        assert_eq!(lab.rib.groups(EVPN)[0].subgroups.len(), 1, "together again");
        lab.rib.clear_out(id(3), EVPN).expect("up");
        lab.drain();
        assert_eq!((lab.peers[&id(3)].announced, lab.peers[&id(3)].refresh.len()), (4, 0));
    }
}

#[test]
fn a_refresh_by_the_neighbour_sweeps_what_it_leaves_out() {
    for in_time in [true, false] {
        let mut lab = Lab::with([(1, client(1)), (2, client(2))]);
        let mut dump = announce(attributes(1), &[mac_ip(1, 10), mac_ip(2, 10)]);
        dump.end_of_rib = Some(EVPN);
        lab.update(1, &dump);
        lab.rib.route_refresh(id(1), EVPN, Kind::Begin, lab.now).expect("up");
        lab.update(1, &announce(attributes(1), &[mac_ip(1, 10)]));
        lab.drain();
        assert_eq!(lab.peers[&id(2)].view.len(), 2);
        if in_time {
            lab.rib.route_refresh(id(1), EVPN, Kind::End, lab.now).expect("up");
        } else {
            assert!(lab.rib.next_deadline().is_some());
            lab.pass(Duration::from_secs(600));
        }
        lab.drain();
        assert!(lab.holds(2, &mac_ip(1, 10)).is_some() && lab.holds(2, &mac_ip(2, 10)).is_none());
    }
}

#[test]
fn an_end_without_a_beginning_and_a_beginning_before_end_of_rib_sweep_nothing() {
    let mut lab = Lab::with([(1, client(1)), (2, client(2))]);
    lab.update(1, &announce(attributes(1), &[mac_ip(1, 10)]));
    lab.rib.route_refresh(id(1), EVPN, Kind::End, lab.now).expect("up");
    lab.rib.route_refresh(id(1), EVPN, Kind::Begin, lab.now).expect("up");
    lab.rib.route_refresh(id(1), EVPN, Kind::End, lab.now).expect("up");
    lab.drain();
    assert_eq!(lab.peers[&id(2)].view.len(), 1);
}

#[test]
fn becoming_a_client_changes_what_is_sent_and_what_is_reflected() {
    let mut lab = Lab::with([
        (1, peer(1, PeerKind::Internal, false)),
        (2, peer(2, PeerKind::Internal, false)),
        (3, peer(3, PeerKind::Internal, false)),
    ]);
    lab.update(1, &announce(attributes(1), &[mac_ip(1, 10)]));
    lab.update(3, &announce(attributes(3), &[mac_ip(3, 10)]));
    lab.drain();
    assert!(lab.peers.values().all(|receiver| receiver.view.is_empty()));
    assert_eq!(lab.rib.set_peer(id(1), client(1)), Ok(vec![]));
    lab.drain();
    assert!(lab.holds(2, &mac_ip(1, 10)).is_some(), "a client's route goes to all");
    assert!(lab.holds(1, &mac_ip(3, 10)).is_some(), "and all routes to a client");
    assert!(lab.holds(2, &mac_ip(3, 10)).is_none());
    lab.rib.set_peer(id(1), peer(1, PeerKind::Internal, false)).expect("up");
    lab.drain();
    assert!(lab.peers.values().all(|receiver| receiver.view.is_empty()), "and back");
    assert_eq!(lab.rib.groups(EVPN).len(), 1);
}

#[test]
fn a_withdrawal_is_sent_on_and_the_destination_forgotten() {
    let mut lab = Lab::with([(1, client(1)), (2, client(2))]);
    lab.update(1, &announce(attributes(1), &[mac_ip(1, 10)]));
    lab.drain();
    lab.update(1, &withdraw(&[mac_ip(1, 10)]));
    lab.drain();
    assert_eq!(lab.peers[&id(2)].withdrawn, 1);
    assert_eq!(lab.rib.memory().tables[0].destinations, 1, "EVPN has not heard of it");
    let change = lab.rib.take_changes(10).pop().expect("a change");
    assert_eq!((change.path.clone(), change.nlri()), (None, mac_ip(1, 10)));
    assert_eq!(lab.rib.memory().tables[0].destinations, 0);
}

#[test]
fn a_route_that_came_and_went_unseen_is_no_news_to_neighbours() {
    let mut lab = Lab::with([(1, client(1)), (2, client(2))]);
    lab.update(1, &announce(attributes(1), &[mac_ip(1, 10)]));
    lab.update(1, &withdraw(&[mac_ip(1, 10)]));
    lab.drain();
    assert_eq!(lab.peers[&id(2)].messages, 1, "End-of-RIB only");
}

#[test]
fn a_lone_change_goes_out_in_the_same_turn_and_alone() {
    let mut lab = Lab::with([(1, client(1)), (2, client(2)), (3, client(3))]);
    let routes: Vec<Vec<u8>> = (0..2000).map(|n| mac_ip(n, 10)).collect();
    lab.update(1, &announce(attributes(1), &routes));
    lab.drain();
    lab.transmissions = 0;
    let before = lab.peers[&id(2)].messages;
    lab.update(1, &announce(attributes(7), &routes[5..6]));
    lab.drain();
    assert_eq!((lab.transmissions, lab.peers[&id(2)].messages - before), (1, 1));
}

#[test]
fn a_flood_is_packed_by_attributes() {
    let mut lab = Lab::with([(1, client(1)), (2, client(2))]);
    for n in 0..2000 {
        lab.update(1, &announce(attributes((n % 4) as u8), &[mac_ip(n, 10)]));
    }
    lab.drain();
    // 100 routes of 37 octets and their attributes fit into 4096 octets: 5 messages a set.
    assert!(lab.peers[&id(2)].messages <= 1 + 4 * 5, "{}", lab.peers[&id(2)].messages);
}

#[test]
fn who_comes_up_during_the_refresh_of_another_is_told_end_of_rib() {
    let mut lab = Lab::with([(1, client(1))]);
    lab.rib.route_refresh(id(1), EVPN, Kind::Normal, lab.now).expect("up");
    lab.up(id(2), client(2));
    lab.drain();
    assert_eq!((lab.peers[&id(2)].ends_of_rib, lab.peers[&id(2)].refresh.len()), (1, 0));
}

#[test]
fn routes_kept_over_a_restart_are_reflected_by_what_their_source_is_then() {
    let mut lab = Lab::with([(1, client(1)), (2, peer(2, PeerKind::Internal, false))]);
    lab.update(1, &announce(attributes(1), &[mac_ip(1, 10)]));
    lab.drain();
    lab.down(id(1), Some(Duration::from_secs(100)));
    lab.up(id(1), peer(1, PeerKind::Internal, false));
    lab.drain();
    assert!(lab.peers[&id(2)].view.is_empty());
}
