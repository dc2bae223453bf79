//! Update groups and slow neighbours.

use super::lab::{EVPN, Lab, announce, attributes, client, id, mac_ip, withdraw};
use crate::rib::update_group::{SLOW_PEER_GRACE, SLOW_PEER_PENALTY};
use std::time::Duration;

const MOMENT: Duration = Duration::from_millis(1);

fn lab() -> Lab {
    Lab::with((1..=4).map(|n| (n, client(n))))
}

fn subgroups(lab: &Lab) -> usize {
    lab.rib.groups(EVPN)[0].subgroups.len()
}

#[test]
fn a_slow_neighbour_is_waited_for_a_moment_then_left_behind_and_gets_a_right_table_later() {
    let mut lab = lab();
    lab.refuse(id(2));
    lab.update(1, &announce(attributes(1), &[mac_ip(1, 10)]));
    lab.drain();
    assert!(lab.holds(3, &mac_ip(1, 10)).is_some(), "what is encoded goes to all others");
    lab.update(1, &announce(attributes(1), &[mac_ip(2, 10)]));
    lab.drain();
    assert!(lab.holds(3, &mac_ip(2, 10)).is_none(), "the group waits");
    assert_eq!(lab.rib.next_deadline(), Some(lab.now + SLOW_PEER_GRACE));
    lab.pass(SLOW_PEER_GRACE);
    lab.drain();
    assert!(lab.holds(3, &mac_ip(2, 10)).is_some() && subgroups(&lab) == 2);
    lab.update(1, &withdraw(&[mac_ip(1, 10)]));
    lab.update(1, &announce(attributes(1), &[mac_ip(3, 10)]));
    lab.drain();
    lab.accept(id(2));
    lab.drain();
    assert_eq!(lab.peers[&id(2)].view, lab.peers[&id(3)].view);
    assert_eq!(lab.peers[&id(2)].announced, 3);
    assert_eq!(lab.rib.memory().waiting_bytes, 0);
}

#[test]
fn a_member_that_has_room_again_in_time_is_not_split_off() {
    let mut lab = lab();
    lab.refuse(id(2));
    for n in 1..=3 {
        lab.update(1, &announce(attributes(1), &[mac_ip(n, 10)]));
        lab.drain();
    }
    lab.pass(MOMENT);
    lab.accept(id(2));
    lab.drain();
    assert_eq!(subgroups(&lab), 1);
    assert!((2..=4).all(|n| lab.peers[&id(n)].view.len() == 3));
}

#[test]
fn who_was_slow_stays_alone_for_a_while_and_then_joins_again() {
    let mut lab = lab();
    lab.refuse(id(2));
    for n in 1..=2 {
        lab.update(1, &announce(attributes(1), &[mac_ip(n, 10)]));
        lab.drain();
    }
    lab.pass(SLOW_PEER_GRACE);
    lab.accept(id(2));
    lab.drain();
    assert_eq!(subgroups(&lab), 2);
    lab.refuse(id(2));
    for n in 3..=6 {
        lab.update(1, &announce(attributes(1), &[mac_ip(n, 10)]));
        lab.drain();
        assert!(lab.holds(3, &mac_ip(n, 10)).is_some(), "others no longer wait for it");
    }
    lab.accept(id(2));
    lab.pass(SLOW_PEER_PENALTY);
    lab.update(1, &announce(attributes(1), &[mac_ip(7, 10)]));
    lab.drain();
    assert_eq!(subgroups(&lab), 1);
    assert_eq!(lab.peers[&id(2)].view, lab.peers[&id(3)].view);
}

#[test]
fn a_stuck_neighbour_costs_bounded_memory_however_much_changes() {
    let mut lab = lab();
    let routes: Vec<Vec<u8>> = (0..500).map(|n| mac_ip(n, 10)).collect();
    lab.update(1, &announce(attributes(1), &routes));
    lab.drain();
    lab.refuse(id(2));
    let mut sizes = Vec::new();
    for turn in 0..200u32 {
        lab.update(1, &announce(attributes((turn % 2) as u8), &routes));
        lab.drain();
        lab.pass(SLOW_PEER_GRACE);
        let other: Vec<Vec<u8>> = (0..100).map(|n| mac_ip(1000 + 100 * turn + n, 11)).collect();
        lab.update(1, &announce(attributes(1), &other));
        lab.drain();
        lab.update(1, &withdraw(&other));
        lab.drain();
        lab.rib.take_changes(usize::MAX);
        sizes.push(lab.rib.memory().total());
    }
    let (early, late) = (sizes[20], sizes[199]);
    assert!(late <= early + early / 10, "{early} octets, then {late}");
    assert_eq!(lab.rib.memory().tables[0].destinations, 500, "what it never had needs no tombstone");
    lab.accept(id(2));
    lab.drain();
    assert_eq!(lab.peers[&id(2)].view, lab.peers[&id(3)].view);
}

#[test]
fn a_tombstone_waits_for_the_one_who_still_holds_the_route_and_goes_with_it() {
    for goes_down in [true, false] {
        let mut lab = lab();
        lab.update(1, &announce(attributes(1), &[mac_ip(1, 10), mac_ip(2, 10)]));
        lab.drain();
        lab.refuse(id(2));
        lab.update(1, &announce(attributes(2), &[mac_ip(2, 10)]));
        lab.drain();
        lab.update(1, &withdraw(&[mac_ip(1, 10)]));
        lab.pass(SLOW_PEER_GRACE);
        lab.drain();
        lab.rib.take_changes(usize::MAX);
        assert_eq!(lab.rib.memory().tables[0].destinations, 2);
        if goes_down {
            lab.down(id(2), None);
        } else {
            lab.accept(id(2));
            lab.drain();
            assert_eq!(lab.peers[&id(2)].view, lab.peers[&id(3)].view);
        }
        assert_eq!(lab.rib.memory().tables[0].destinations, 1);
    }
}

#[test]
fn what_was_held_for_a_session_does_not_go_into_the_next() {
    let mut lab = lab();
    lab.refuse(id(2));
    lab.update(1, &announce(attributes(1), &[mac_ip(1, 10)]));
    lab.drain();
    lab.down(id(2), None);
    lab.update(1, &withdraw(&[mac_ip(1, 10)]));
    lab.up(id(2), client(2));
    lab.drain();
    assert!(lab.peers[&id(2)].view.is_empty() && lab.peers[&id(2)].announced == 0);
    assert_eq!(lab.peers[&id(2)].ends_of_rib, 1);
}

#[test]
fn held_octets_keep_their_order() {
    let mut lab = lab();
    let all: Vec<Vec<u8>> = (0..3000).map(|n| mac_ip(n, 10)).collect();
    lab.update(1, &announce(attributes(1), &all));
    lab.refuse(id(2));
    lab.step();
    lab.refuse(id(3));
    lab.drain();
    lab.accept(id(2));
    lab.refuse(id(2));
    lab.step();
    lab.update(1, &withdraw(&all[..100]));
    lab.accept(id(3));
    lab.accept(id(2));
    lab.drain();
    for n in 2..=4 {
        assert_eq!(lab.peers[&id(n)].view.len(), 2900);
    }
}

#[test]
fn a_peer_stuck_in_the_middle_of_its_dump_gets_end_of_rib_only_after_all() {
    let mut lab = Lab::with([(1, client(1))]);
    let all: Vec<Vec<u8>> = (0..9000).map(|n| mac_ip(n, 10)).collect();
    lab.update(1, &announce(attributes(1), &all));
    lab.up(id(2), client(2));
    lab.refuse(id(2));
    lab.drain();
    lab.update(1, &withdraw(&all[..10]));
    for _ in 0..4 {
        lab.accept(id(2));
        lab.step();
        lab.refuse(id(2));
        assert_eq!(lab.peers[&id(2)].ends_of_rib, 0);
    }
    lab.accept(id(2));
    lab.drain();
    assert_eq!((lab.peers[&id(2)].view.len(), lab.peers[&id(2)].ends_of_rib), (8990, 1));
}
