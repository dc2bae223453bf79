//! Graceful restart, both sides.

use super::lab::{EVPN, Lab, announce, attributes, client, empty, id, mac_ip, settings};
use crate::rib::{PathSource, RibPeer};
use crate::wire::{Family, update::Update};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(120);

fn end_of_rib() -> Update {
    Update { end_of_rib: Some(EVPN), ..empty() }
}

/// Client 1 has two routes, client 2 holds them.
fn lab() -> Lab {
    let mut lab = Lab::with([(1, client(1)), (2, client(2))]);
    lab.update(1, &announce(attributes(1), &[mac_ip(1, 10), mac_ip(2, 10)]));
    lab.drain();
    lab
}

fn with_restart(restart: Option<bool>) -> RibPeer {
    let mut peer = client(1);
    peer.families[0].restart = restart;
    peer
}

#[test]
fn a_restarting_neighbour_s_routes_stay_and_what_it_does_not_send_again_goes_at_its_end_of_rib() {
    let mut lab = lab();
    lab.down(id(1), Some(LONG));
    lab.drain();
    assert_eq!((lab.peers[&id(2)].view.len(), lab.rib.counters(id(1), EVPN).stale), (2, 2));
    lab.pass(LONG / 2);
    lab.up(id(1), client(1));
    lab.update(1, &announce(attributes(1), &[mac_ip(1, 10)]));
    lab.drain();
    assert_eq!((lab.peers[&id(2)].view.len(), lab.rib.counters(id(1), EVPN).stale), (2, 1));
    assert_eq!(lab.peers[&id(2)].announced, 2, "the same route is no news");
    lab.update(1, &end_of_rib());
    lab.drain();
    assert!(lab.holds(2, &mac_ip(1, 10)).is_some() && lab.holds(2, &mac_ip(2, 10)).is_none());
    assert_eq!(lab.rib.next_deadline(), None);
}

#[test]
fn who_comes_back_at_the_last_moment_has_time_to_send_all_again() {
    let mut lab = lab();
    lab.down(id(1), Some(LONG));
    lab.pass(LONG - Duration::from_secs(1));
    lab.up(id(1), client(1));
    assert_eq!(lab.rib.next_deadline(), Some(lab.now + client(1).stale_path_time));
    lab.pass(LONG / 2);
    lab.drain();
    assert_eq!(lab.peers[&id(2)].view.len(), 2);
    lab.pass(LONG / 2);
    lab.drain();
    assert!(lab.peers[&id(2)].view.is_empty());
}

#[test]
fn the_stale_timer_bounds_it_with_and_without_a_new_session() {
    for comes_back in [false, true] {
        let mut lab = lab();
        lab.down(id(1), Some(LONG));
        assert_eq!(lab.rib.next_deadline(), Some(lab.now + LONG));
        if comes_back {
            lab.up(id(1), client(1));
        }
        lab.pass(LONG - Duration::from_secs(1));
        lab.drain();
        assert_eq!(lab.peers[&id(2)].view.len(), 2);
        lab.pass(Duration::from_secs(1));
        lab.drain();
        assert!(lab.peers[&id(2)].view.is_empty());
    }
}

#[test]
fn without_the_f_bit_or_without_the_capability_stale_routes_go_at_once() {
    for restart in [Some(false), None] {
        let mut lab = lab();
        lab.down(id(1), Some(LONG));
        lab.up(id(1), with_restart(restart));
        lab.drain();
        assert!(lab.peers[&id(2)].view.is_empty(), "{restart:?}");
    }
}

#[test]
fn nothing_is_kept_of_a_neighbour_without_graceful_restart_or_after_a_hard_reset() {
    let mut lab = lab();
    lab.down(id(1), None);
    lab.drain();
    assert!(lab.peers[&id(2)].view.is_empty());
    lab.up(id(1), with_restart(None));
    lab.update(1, &announce(attributes(1), &[mac_ip(1, 10)]));
    lab.down(id(1), Some(LONG));
    lab.drain();
    assert!(lab.peers[&id(2)].view.is_empty());
}

#[test]
fn what_was_stale_already_goes_with_the_second_restart() {
    let mut lab = lab();
    lab.down(id(1), Some(LONG));
    lab.up(id(1), client(1));
    lab.update(1, &announce(attributes(1), &[mac_ip(1, 10)]));
    lab.down(id(1), Some(LONG));
    lab.drain();
    assert!(lab.holds(2, &mac_ip(1, 10)).is_some() && lab.holds(2, &mac_ip(2, 10)).is_none());
}

#[test]
fn a_stale_path_is_as_good_as_any_other() {
    let mut lab = Lab::with([(1, client(1)), (2, client(2)), (3, client(3))]);
    let route = [mac_ip(1, 10)];
    lab.update(1, &announce(attributes(1), &route));
    lab.update(2, &announce(attributes(1), &route));
    lab.down(id(1), Some(LONG));
    let view = lab.rib.route(EVPN, &route[0]).expect("a route").expect("there");
    assert_eq!((view.paths[0].source, view.paths[0].stale), (PathSource::Peer(id(1)), true));
}

#[test]
fn a_session_that_replaces_one_that_was_never_seen_to_end() {
    let mut lab = lab();
    lab.up(id(1), client(1));
    lab.drain();
    assert!(lab.peers[&id(2)].view.is_empty());
    assert_eq!(lab.peers[&id(1)].ends_of_rib, 1);
}

#[test]
fn our_end_of_rib_waits_for_all_neighbours_but_routes_go_out_at_once() {
    let mut lab = Lab::new(settings());
    lab.rib.start_deferred([(id(1), EVPN), (id(2), EVPN)], None, lab.now + LONG);
    lab.rib.originate(EVPN, &mac_ip(9, 10), attributes(9), None, lab.now).expect("a route");
    lab.up(id(1), client(1));
    lab.up(id(2), client(2));
    lab.update(1, &announce(attributes(1), &[mac_ip(1, 10)]));
    lab.drain();
    assert!(lab.holds(1, &mac_ip(9, 10)).is_some() && lab.holds(2, &mac_ip(9, 10)).is_some());
    assert!(lab.holds(2, &mac_ip(1, 10)).is_some() && lab.peers[&id(2)].ends_of_rib == 0);
    assert_eq!(lab.rib.take_changes(10).len(), 2);
    lab.update(1, &end_of_rib());
    assert!(!lab.rib.converged());
    assert_eq!(lab.rib.awaited().collect::<Vec<_>>(), [(id(2), EVPN)]);
    lab.update(2, &end_of_rib());
    assert!(lab.rib.converged());
    let transmit = lab.rib.next_transmit(lab.now).expect("now");
    for peer in transmit.peers {
        lab.peers.get_mut(&peer).expect("up").receive(&transmit.bytes);
        let receiver = &lab.peers[&peer];
        assert!(
            receiver.ends_of_rib == 0 || receiver.view.len() >= usize::from(peer == id(2)),
            "routes first"
        );
    }
    lab.drain();
    assert!(lab.holds(2, &mac_ip(1, 10)).is_some());
    assert!(lab.peers.values().all(|receiver| receiver.ends_of_rib == 1));
}

#[test]
fn our_restart_waits_no_longer_than_the_time() {
    let mut lab = Lab::new(settings());
    let until = lab.now + LONG;
    lab.rib.start_deferred([1, 2].map(|n| (id(n), EVPN)), None, until);
    lab.up(id(1), client(1));
    assert_eq!(lab.rib.next_deadline(), Some(until));
    lab.pass(LONG);
    assert!(lab.rib.converged() && lab.rib.next_deadline().is_none());
    lab.drain();
    assert_eq!(lab.peers[&id(1)].ends_of_rib, 1);
    lab.rib.start_deferred([], None, until);
    assert!(lab.rib.converged(), "nobody to wait for");
    lab.rib.start_deferred([(id(3), EVPN)], None, until);
    lab.rib.remove_peer(id(3));
    assert!(lab.rib.converged(), "it is not configured any more");
}

#[test]
fn dynamic_neighbours_are_waited_for_if_they_come_in_their_time() {
    let mut lab = Lab::new(settings());
    let brief = Duration::from_secs(30);
    lab.rib.start_deferred([], Some(lab.now + brief), lab.now + LONG);
    lab.pass(Duration::from_secs(1));
    lab.up(id(1), client(1));
    lab.up(id(2), with_restart(None));
    lab.update(1, &end_of_rib());
    assert!(!lab.rib.converged(), "others may come");
    lab.pass(Duration::from_secs(5));
    lab.up(id(3), client(3));
    assert_eq!(lab.rib.awaited().collect::<Vec<_>>(), [(id(3), EVPN)], "the second has been silent");
    lab.pass(brief - Duration::from_secs(6));
    assert_eq!(lab.rib.awaited().collect::<Vec<_>>(), [(id(3), EVPN)]);
    lab.up(id(4), client(4));
    lab.drain();
    assert_eq!(lab.peers[&id(1)].ends_of_rib, 0);
    lab.update(3, &end_of_rib());
    lab.drain();
    assert!(lab.rib.converged());
    assert!(lab.peers.values().all(|receiver| receiver.ends_of_rib == 1));
}

/// Without graceful restart for the family; restarted itself, without and with it.
fn who_may_send_no_end_of_rib() -> [RibPeer; 3] {
    let restarted = |mut peer: RibPeer| {
        peer.restarting = true;
        peer
    };
    [with_restart(None), restarted(with_restart(None)), restarted(client(1))]
}

#[test]
fn who_may_send_no_end_of_rib_is_waited_for_until_it_sends_one_or_has_nothing_more_to_say() {
    let almost = Duration::from_millis(4_999);
    for (peer, sends) in
        who_may_send_no_end_of_rib().into_iter().flat_map(|peer| [(peer.clone(), true), (peer, false)])
    {
        let mut lab = Lab::new(settings());
        lab.rib.start_deferred([(id(1), EVPN), (id(1), Family::RtFilter)], None, lab.now + LONG);
        lab.pass(Duration::from_secs(30));
        assert!(!lab.rib.converged(), "it has no session yet");
        lab.up(id(1), peer);
        assert_eq!(lab.rib.awaited().collect::<Vec<_>>(), [(id(1), EVPN)]);
        for n in 1..=3 {
            lab.pass(almost);
            assert!(!lab.rib.converged());
            lab.update(1, &announce(attributes(1), &[mac_ip(n, 10)]));
        }
        if sends {
            lab.update(1, &end_of_rib());
        } else {
            lab.pass(almost);
            assert!(!lab.rib.converged());
            lab.pass(Duration::from_millis(1));
        }
        assert!(lab.rib.converged() && lab.rib.next_deadline().is_none());
        lab.drain();
        assert_eq!(lab.peers[&id(1)].ends_of_rib, 1);
    }
}

#[test]
fn the_latest_session_tells_whether_an_end_of_rib_is_promised() {
    let mut lab = Lab::new(settings());
    lab.rib.start_deferred([(id(1), EVPN)], None, lab.now + LONG);
    lab.up(id(1), with_restart(None));
    lab.up(id(1), client(1));
    lab.pass(Duration::from_secs(5));
    assert!(!lab.rib.converged());
    lab.up(id(1), with_restart(None));
    lab.pass(Duration::from_secs(5));
    assert!(lab.rib.converged());
}

#[test]
fn who_never_falls_silent_is_waited_for_a_minute() {
    for peer in who_may_send_no_end_of_rib() {
        let mut lab = Lab::new(settings());
        lab.rib.start_deferred([(id(1), EVPN)], None, lab.now + LONG);
        lab.up(id(1), peer);
        for second in 0..60 {
            assert!(!lab.rib.converged(), "{second}");
            lab.update(1, &announce(attributes(1), &[mac_ip(second, 10)]));
            lab.pass(Duration::from_secs(1));
        }
        assert!(lab.rib.converged());
    }
}

#[test]
fn a_route_with_paths_of_ours_and_others_is_selected_before_our_end_of_rib() {
    let mut lab = Lab::new(settings());
    lab.rib.start_deferred([(id(1), EVPN)], None, lab.now + LONG);
    lab.up(id(1), client(1));
    let mut moved = attributes(1);
    moved.ext_communities.push(weft_evpn::ExtendedCommunity::mac_mobility(
        weft_evpn::community::MacMobility { sticky: false, sequence: 4 },
    ));
    lab.update(1, &announce(moved, &[mac_ip(1, 10)]));
    lab.rib.originate(EVPN, &mac_ip(1, 10), attributes(9), None, lab.now).expect("a route");
    let change = lab.rib.take_changes(10).pop().expect("selected");
    assert_eq!(change.path.map(|path| path.source), Some(PathSource::Peer(id(1))), "by its sequence");
}
