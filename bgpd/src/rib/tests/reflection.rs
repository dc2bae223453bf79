//! A reflector relays what it need not understand: byte for byte, but for ORIGINATOR_ID and
//! CLUSTER_LIST.

use super::lab::{EVPN, Lab, announce, attributes, client, id, mac_ip, peer, withdraw};
use crate::peer::PeerKind;
use crate::wire::attribute::RawAttribute;
use crate::wire::update::{DecodeContext, SessionKind};
use crate::wire::{AttributeSet, Decoder, FrameDecoder, Message};
use bytes::BytesMut;
use std::net::Ipv4Addr;
use weft_evpn::{Esi, EthernetTag, ExtendedCommunity, RouteDistinguisher, nlri::EthernetAd, nlri::EvpnRoute};

/// Everything that a MAC/IP route can carry, and an attribute and communities that nobody knows.
fn rich() -> AttributeSet {
    let mut set = attributes(1);
    set.med = Some(77);
    set.communities = vec![0x1234_5678];
    set.large_communities = vec![[1, 2, 3]];
    set.ext_communities.extend([
        ExtendedCommunity([0x06, 0x08, 5, 0, 0, 0, 0, 0]),
        ExtendedCommunity([0x06, 0xee, 1, 2, 3, 4, 5, 6]),
        ExtendedCommunity([0x43, 0x77, 1, 2, 3, 4, 5, 6]),
    ]);
    set.unknown = vec![RawAttribute { flags: 0xe0, code: 200, value: vec![0xde, 0xad, 0xbe, 0xef] }];
    set
}

fn ethernet_ad(label: [u8; 3]) -> Vec<u8> {
    EvpnRoute::EthernetAd(EthernetAd {
        rd: RouteDistinguisher::ipv4(Ipv4Addr::new(10, 1, 0, 1), 1),
        esi: Esi([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ethernet_tag: EthernetTag::ZERO,
        label,
    })
    .to_wire()
}

/// MAC/IP with ESI and two labels; type 1 with a label; a type that nobody knows.
fn routes() -> Vec<Vec<u8>> {
    let mut two_labels = mac_ip(1, 10);
    two_labels[1] += 3;
    two_labels[10..20].copy_from_slice(&[3, 1, 1, 1, 1, 1, 1, 0, 0, 9]);
    two_labels.extend([0, 0x10, 0x01]);
    vec![two_labels, ethernet_ad([0x12, 0x34, 0x5f]), vec![0x2a, 5, 0, 1, 2, 3, 0xff]]
}

/// The path attributes of the first UPDATE in here, by type code.
fn raw_attributes(bytes: &[u8]) -> Vec<(u8, u8, Vec<u8>)> {
    let length = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    let mut rest = &bytes[23..length];
    let mut found = Vec::new();
    while let [flags, code, tail @ ..] = rest {
        let (value, tail) = match flags & 0x10 {
            0 => tail[1..].split_at(usize::from(tail[0])),
            _ => tail[2..].split_at(usize::from(u16::from_be_bytes([tail[0], tail[1]]))),
        };
        found.push((*code, flags & !0x10, value.to_vec()));
        rest = tail;
    }
    found.sort();
    found
}

#[test]
fn every_octet_but_the_reflector_s_own_is_relayed() {
    let mut lab = Lab::with([(1, client(1)), (2, client(2)), (3, peer(3, PeerKind::Internal, false))]);
    let sent = lab.update_wire(1, &announce(rich(), &routes()));
    let mut transmits = [(); 2].map(|()| lab.rib.next_transmit(lab.now).expect("reflected at once"));
    transmits.sort_by_key(|transmit| transmit.peers[0]);
    let [transmit, nonclient] = transmits;
    assert_eq!(transmit.peers.as_slice(), [id(2)], "the non-client is another group");
    let (before, after) = (raw_attributes(&sent), raw_attributes(&transmit.bytes));
    let own = [(9, 0x80, vec![10, 0, 0, 1]), (10, 0x80, vec![10, 0, 0, 100])];
    let mut expected = before;
    expected.extend(own);
    expected.sort();
    assert_eq!(after, expected);
    assert_eq!((nonclient.peers.as_slice(), nonclient.bytes), (&[id(3)][..], transmit.bytes));
    assert!(lab.rib.next_transmit(lab.now).is_none(), "nothing for the client it came from");
}

#[test]
fn a_withdrawal_is_relayed_and_other_octets_that_are_not_key_do_not_matter() {
    let mut lab = Lab::with([(1, client(1)), (2, client(2))]);
    lab.update(1, &announce(rich(), &routes()));
    lab.drain();
    assert_eq!(lab.peers[&id(2)].view.len(), 3);
    let mut changed = routes();
    changed[1] = ethernet_ad([0, 0, 0]);
    lab.update(1, &withdraw(&changed));
    lab.drain();
    assert!(lab.peers[&id(2)].view.is_empty());
    assert_eq!(lab.peers[&id(1)].messages, 1, "End-of-RIB only");
}

#[test]
fn another_label_is_an_implicit_withdrawal() {
    let mut lab = Lab::with([(1, client(1)), (2, client(2))]);
    lab.update(1, &announce(rich(), &[ethernet_ad([0, 0, 1])]));
    lab.drain();
    lab.update(1, &announce(rich(), &[ethernet_ad([0, 0, 2])]));
    lab.drain();
    let (rest, _) = lab.holds(2, &ethernet_ad([0, 0, 0])).expect("held");
    assert_eq!(rest[rest.len() - 3..], [0, 0, 2]);
    assert_eq!(lab.peers[&id(2)].announced, 2);
}

#[test]
fn the_same_again_is_not_sent_again() {
    let mut lab = Lab::with([(1, client(1)), (2, client(2))]);
    for _ in 0..3 {
        lab.update(1, &announce(rich(), &routes()));
        lab.drain();
    }
    assert_eq!(lab.peers[&id(2)].announced, 3);
}

#[test]
fn when_the_best_path_moves_to_another_client_that_one_is_withdrawn_what_it_held() {
    let mut lab = Lab::with([(1, client(1)), (2, client(2)), (3, client(3))]);
    let route = [mac_ip(1, 10)];
    lab.update(1, &announce(attributes(1), &route));
    lab.drain();
    assert!(lab.holds(2, &route[0]).is_some() && lab.holds(3, &route[0]).is_some());
    let mut better = attributes(2);
    better.local_pref = Some(200);
    lab.update(2, &announce(better, &route));
    lab.drain();
    assert!(lab.holds(2, &route[0]).is_none(), "its own route");
    let from_two = Some(Ipv4Addr::new(10, 0, 0, 2));
    for n in [1, 3] {
        assert_eq!(lab.holds(n, &route[0]).map(|held| held.1.originator_id), Some(from_two));
    }
    lab.update(2, &withdraw(&route));
    lab.drain();
    let from_one = Some(Ipv4Addr::new(10, 0, 0, 1));
    assert!(lab.holds(1, &route[0]).is_none());
    for n in [2, 3] {
        assert_eq!(lab.holds(n, &route[0]).map(|held| held.1.originator_id), Some(from_one));
    }
}

#[test]
fn one_buffer_serves_all_members() {
    let mut lab = Lab::with((1..=50).map(|n| (n, client(n))));
    assert_eq!(lab.rib.groups(EVPN).len(), 1);
    assert_eq!(lab.rib.groups(EVPN)[0].subgroups.len(), 1);
    lab.transmissions = 0;
    lab.update(1, &announce(rich(), &routes()));
    lab.drain();
    assert_eq!(lab.transmissions, 1);
    assert!((2..=50).all(|n| lab.peers[&id(n)].view.len() == 3));
}

#[test]
fn a_route_whose_attributes_leave_no_room_is_withdrawn_and_others_go() {
    let mut lab = Lab::with([(1, client(1)), (2, client(2))]);
    let route = [mac_ip(1, 10)];
    lab.update(1, &announce(attributes(1), &route));
    lab.drain();
    assert!(lab.holds(2, &route[0]).is_some());
    let mut huge = attributes(1);
    huge.communities = (0..1015).collect();
    lab.update(1, &announce(huge, &route));
    lab.update(1, &announce(attributes(1), &[mac_ip(2, 10)]));
    lab.drain();
    assert!(lab.holds(2, &route[0]).is_none(), "not left behind with old attributes");
    assert!(lab.holds(2, &mac_ip(2, 10)).is_some());
}

#[test]
fn a_two_octet_peer_gets_as_trans() {
    let mut outside = peer(9, PeerKind::External, false);
    outside.four_octet_as = false;
    outside.local_as = 200_000;
    let mut lab = Lab::with([(1, client(1)), (9, outside)]);
    lab.update(1, &announce(attributes(1), &[mac_ip(1, 10)]));
    let transmit = lab.rib.next_transmit(lab.now).expect("sent");
    let mut buffer = BytesMut::from(&transmit.bytes[..]);
    let frame = FrameDecoder::new().next_frame(&mut buffer).expect("framed").expect("whole");
    let context = DecodeContext {
        four_octet_as: false,
        families: vec![EVPN],
        kind: SessionKind::External,
        ..DecodeContext::default()
    };
    let (message, _) = Decoder::new(context).decode(&frame).expect("good");
    let Message::Update(update) = message else { panic!("an UPDATE") };
    assert_eq!(update.attributes.expect("attributes").as_path.neighbour(), Some(200_000));
}
