//! Duplicate detection (RFC 7432 §15.1).

use super::*;

fn with(freeze: Freeze) -> Leaf {
    let mut leaf = Leaf::new(1);
    let duplicate_detection = DuplicateDetection { freeze, ..DuplicateDetection::default() };
    leaf.configure(EvpnConfig { duplicate_detection, ..config(1) });
    leaf
}

/// The MAC goes away and comes back: two moves.
fn flap(leaf: &mut Leaf, sequence: u32) {
    leaf.update(&peer(2).sequence(sequence).mac_ip(mac(1), None));
    leaf.mac(mac(1));
}

fn found(leaf: &Leaf) -> usize {
    leaf.notices.iter().filter(|notice| matches!(notice, Notice::DuplicateFound { .. })).count()
}

fn is_cleared(leaf: &Leaf) -> bool {
    leaf.notices.iter().any(|notice| matches!(notice, Notice::DuplicateCleared { .. }))
}

#[test]
fn five_moves_in_the_window_make_a_duplicate_that_is_still_followed() {
    let mut leaf = with(Freeze::None);
    leaf.mac(mac(1));
    flap(&mut leaf, 1);
    flap(&mut leaf, 3);
    assert_eq!(found(&leaf), 0);
    flap(&mut leaf, 5);
    let address = Address::Mac(mac(1));
    let notice = Notice::DuplicateFound { vni: vni(VNI), address, moves: 5, frozen: false };
    assert_eq!(leaf.notices, [notice]);
    assert_eq!(leaf.sequence(mac(1), None), Some(6), "a warning only");
    assert_eq!(leaf.evpn.duplicates().count(), 1);
    leaf.wait(Duration::from_secs(100));
    flap(&mut leaf, 7);
    leaf.wait(Duration::from_secs(170));
    assert!(!is_cleared(&leaf), "it moved 170 s ago");
    leaf.wait(Duration::from_secs(10));
    assert!(is_cleared(&leaf));
    assert_eq!((leaf.evpn.duplicates().count(), leaf.evpn.next_deadline()), (0, None));
}

#[test]
fn moves_spread_over_more_than_the_window_are_none() {
    let mut leaf = with(Freeze::Permanent);
    leaf.mac(mac(1));
    for round in 0..20 {
        flap(&mut leaf, 2 * round + 1);
        leaf.wait(Duration::from_secs(91));
    }
    assert_eq!(found(&leaf), 0);
    assert_eq!(leaf.sequence(mac(1), None), Some(40));
}

#[test]
fn detection_that_is_off_finds_nothing() {
    let mut leaf = Leaf::new(1);
    let duplicate_detection = DuplicateDetection { enabled: false, ..DuplicateDetection::default() };
    leaf.configure(EvpnConfig { duplicate_detection, ..config(1) });
    leaf.mac(mac(1));
    (0..10).for_each(|round| flap(&mut leaf, 2 * round + 1));
    assert_eq!(found(&leaf), 0);
}

#[test]
fn a_mac_frozen_at_a_peer_stays_there_until_it_is_cleared() {
    let mut leaf = with(Freeze::Permanent);
    leaf.update(&peer(2).mac_ip(mac(1), None));
    leaf.mac(mac(1));
    flap(&mut leaf, 2);
    flap(&mut leaf, 4);
    assert_eq!(leaf.notices.len(), 1, "the fifth move is to here");
    assert_eq!((leaf.sequence(mac(1), None), leaf.remote(mac(1))), (None, Some(vtep(2))));
    leaf.update(&peer(3).sequence(9).mac_ip(mac(1), None));
    assert_eq!(leaf.remote(mac(1)), Some(vtep(2)), "changes are not followed");
    leaf.wait(Duration::from_secs(100_000));
    assert_eq!(leaf.remote(mac(1)), Some(vtep(2)));
    let mut out = vec![];
    leaf.evpn.clear_duplicates(Some(vni(VNI)), DuplicateFilter::Mac(mac(2)), leaf.now, &mut out);
    leaf.evpn.clear_duplicates(Some(vni(20)), DuplicateFilter::All, leaf.now, &mut out);
    assert_eq!(out, vec![]);
    leaf.evpn.clear_duplicates(Some(vni(VNI)), DuplicateFilter::Mac(mac(1)), leaf.now, &mut out);
    leaf.note(&out);
    assert!(is_cleared(&leaf));
    assert_eq!(leaf.sequence(mac(1), None), Some(10), "it is here, so it goes on from the newest number");
    assert_eq!(leaf.remote(mac(1)), None);
}

#[test]
fn a_mac_frozen_here_stays_here_for_its_time() {
    let mut leaf = with(Freeze::For(Duration::from_secs(60)));
    leaf.mac(mac(1));
    leaf.kernel_neighbour("10.0.0.1", mac(1));
    flap(&mut leaf, 1);
    flap(&mut leaf, 3);
    leaf.neighbour("10.0.0.1", mac(1));
    leaf.update(&peer(2).sequence(5).mac_ip(mac(1), None));
    assert_eq!(found(&leaf), 1, "the fifth move is to the peer");
    assert_eq!((leaf.sequence(mac(1), None), leaf.remote(mac(1))), (Some(4), None));
    leaf.neighbour("10.0.0.2", mac(1));
    assert_eq!(leaf.sequence(mac(1), Some("10.0.0.2")), None, "nothing new is advertised");
    leaf.wait(Duration::from_secs(59));
    assert_eq!(leaf.remote(mac(1)), None);
    leaf.wait(Duration::from_secs(1));
    assert_eq!((leaf.sequence(mac(1), None), leaf.remote(mac(1))), (None, Some(vtep(2))));
    assert_eq!(leaf.evpn.duplicates().count(), 0);
}

#[test]
fn a_frozen_mac_that_ages_out_is_nowhere() {
    let mut leaf = with(Freeze::Permanent);
    leaf.mac(mac(1));
    flap(&mut leaf, 1);
    flap(&mut leaf, 3);
    leaf.update(&peer(2).sequence(5).mac_ip(mac(1), None));
    leaf.mac_gone(mac(1));
    assert_eq!((leaf.sequence(mac(1), None), leaf.remote(mac(1))), (None, None));
    let mut out = vec![];
    leaf.evpn.clear_duplicates(None, DuplicateFilter::All, leaf.now, &mut out);
    leaf.note(&out);
    assert_eq!(leaf.remote(mac(1)), Some(vtep(2)));
}

#[test]
fn an_address_that_goes_to_and_fro_is_frozen_and_let_go() {
    let mut leaf = with(Freeze::For(Duration::from_secs(60)));
    let address = "10.0.0.1";
    leaf.mac(mac(1));
    leaf.neighbour(address, mac(1));
    for round in 0..2 {
        leaf.update(&peer(2).sequence(2 * round + 1).mac_ip(mac(2), Some(ip(address))));
        leaf.neighbour(address, mac(1));
    }
    assert_eq!(leaf.sequence(mac(1), Some(address)), Some(4));
    leaf.update(&peer(2).sequence(5).mac_ip(mac(2), Some(ip(address))));
    let notice =
        Notice::DuplicateFound { vni: vni(VNI), address: Address::Ip(ip(address)), moves: 5, frozen: true };
    assert_eq!(leaf.notices, [notice]);
    assert_eq!(leaf.sequence(mac(1), Some(address)), Some(4), "frozen where it was");
    leaf.wait(Duration::from_secs(60));
    assert_eq!(leaf.sequence(mac(1), Some(address)), None);
    assert_eq!(leaf.remote_neighbour(address), Some(mac(2)));
}

#[test]
fn a_vni_that_goes_down_takes_its_duplicates_along() {
    let mut leaf = with(Freeze::For(Duration::from_secs(60)));
    leaf.mac(mac(1));
    flap(&mut leaf, 1);
    flap(&mut leaf, 3);
    flap(&mut leaf, 5);
    assert!(leaf.evpn.next_deadline().is_some());
    leaf.local(LocalEvent::VniDown { vni: vni(VNI) });
    assert_eq!((leaf.evpn.duplicates().count(), leaf.evpn.next_deadline()), (0, None));
}

#[test]
fn other_settings_let_all_duplicates_go() {
    let mut leaf = with(Freeze::Permanent);
    leaf.mac(mac(1));
    flap(&mut leaf, 1);
    flap(&mut leaf, 3);
    leaf.update(&peer(2).sequence(5).mac_ip(mac(1), None));
    assert_eq!(leaf.remote(mac(1)), None);
    leaf.configure(config(1));
    assert!(is_cleared(&leaf));
    assert_eq!(leaf.remote(mac(1)), Some(vtep(2)));
}

#[test]
fn a_mac_frozen_at_a_peer_is_asserted_again_whenever_the_bridge_learns_it_here() {
    let mut leaf = with(Freeze::Permanent);
    leaf.update(&peer(2).mac_ip(mac(1), None));
    leaf.mac(mac(1));
    flap(&mut leaf, 2);
    leaf.update(&peer(2).sequence(4).mac_ip(mac(1), None));
    let asserted = Output::Forward(ForwardingChange::Mac {
        vni: vni(VNI),
        mac: mac(1),
        wanted: Some(RemoteMac { vtep: vtep(2), sticky: true }),
    });
    // The fifth move, to here: the bridge has replaced our entry by what it learned.
    assert!(leaf.mac(mac(1)).contains(&asserted));
    assert_eq!(leaf.mac(mac(1)), [asserted], "and does so again");
    assert_eq!(leaf.remote(mac(1)), Some(vtep(2)));
    leaf.mac_gone(mac(1));
    assert_eq!(leaf.remote(mac(1)), Some(vtep(2)));
    let mut out = vec![];
    leaf.evpn.clear_duplicates(None, DuplicateFilter::All, leaf.now, &mut out);
    leaf.note(&out);
    assert_eq!(leaf.desired.macs[&(vni(VNI), mac(1))], (vtep(2), false), "it may move again");
}

#[test]
fn an_address_frozen_at_a_peer_is_asserted_again_when_the_kernel_has_it_here() {
    let mut leaf = with(Freeze::Permanent);
    let address = "10.0.0.1";
    leaf.mac(mac(1));
    for round in 0..3 {
        leaf.update(&peer(2).sequence(2 * round).mac_ip(mac(2), Some(ip(address))));
        leaf.neighbour(address, mac(1));
    }
    assert_eq!(leaf.evpn.duplicates().count(), 1);
    assert_eq!(leaf.remote_neighbour(address), Some(mac(2)));
    let asserted = Output::Forward(ForwardingChange::Neighbour {
        vni: vni(VNI),
        ip: ip(address),
        wanted: Some(RemoteNeighbour { mac: mac(2), router: false }),
    });
    assert_eq!(leaf.neighbour(address, mac(1)), [], "our entry still stands");
    assert_eq!(leaf.kernel_neighbour(address, mac(1)), [asserted]);
    assert_eq!(leaf.sequence(mac(1), Some(address)), None);
}
