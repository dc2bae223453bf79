//! Every attribute byte for byte, in both directions.

use super::{
    AS_PATH, IMET_ROUTE, MAC_ROUTE, ORIGIN, attribute, body, external, frame, frames, internal, mp_reach,
    update,
};
use crate::wire::attribute::{Aggregator, AsPath, AsSegment, AsSegmentKind, Origin, RawAttribute, code};
use crate::wire::update::{EncodeContext, IssueAction, IssueReason};
use crate::wire::{AttributeSet, DecodeContext, Decoder, Family, Message};
use bytes::BytesMut;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use weft_evpn::ExtendedCommunity;
use weft_evpn::pmsi::PmsiTunnel;

fn sequence(asns: &[u32]) -> AsPath {
    AsPath(vec![AsSegment { kind: AsSegmentKind::Sequence, asns: asns.to_vec() }])
}

/// What ORIGIN, AS_PATH and the next hop of the fixtures give.
fn base() -> AttributeSet {
    AttributeSet {
        as_path: sequence(&[65000]),
        next_hop: Some(Ipv4Addr::new(10, 0, 0, 1).into()),
        ..AttributeSet::default()
    }
}

/// Octets after MP_REACH_NLRI, and the set that they are, on an internal session.
fn fixtures() -> Vec<(Vec<u8>, AttributeSet)> {
    let with = |attributes: &[u8]| [ORIGIN, AS_PATH, attributes].concat();
    vec![
        (with(&[]), base()),
        ([&[0x40, 1, 1, 1], AS_PATH].concat(), AttributeSet { origin: Origin::Egp, ..base() }),
        ([&[0x40, 1, 1, 2], AS_PATH].concat(), AttributeSet { origin: Origin::Incomplete, ..base() }),
        ([ORIGIN, &[0x40, 2, 0]].concat(), AttributeSet { as_path: AsPath::default(), ..base() }),
        (
            [ORIGIN, &[0x40, 2, 16, 2, 2, 0, 1, 0x11, 0x70, 0, 0, 0, 1, 1, 1, 0, 0, 0, 9]].concat(),
            AttributeSet {
                as_path: AsPath(vec![
                    AsSegment { kind: AsSegmentKind::Sequence, asns: vec![70000, 1] },
                    AsSegment { kind: AsSegmentKind::Set, asns: vec![9] },
                ]),
                ..base()
            },
        ),
        (
            [ORIGIN, &[0x40, 2, 12, 3, 1, 0, 0, 0, 7, 4, 1, 0, 0, 0, 8]].concat(),
            AttributeSet {
                as_path: AsPath(vec![
                    AsSegment { kind: AsSegmentKind::ConfedSequence, asns: vec![7] },
                    AsSegment { kind: AsSegmentKind::ConfedSet, asns: vec![8] },
                ]),
                ..base()
            },
        ),
        (with(&[0x80, 4, 4, 0, 0, 1, 0]), AttributeSet { med: Some(256), ..base() }),
        (with(&[0x40, 5, 4, 0, 0, 0, 100]), AttributeSet { local_pref: Some(100), ..base() }),
        (with(&[0x40, 6, 0]), AttributeSet { atomic_aggregate: true, ..base() }),
        (
            with(&[0xc0, 7, 8, 0, 1, 0x11, 0x70, 192, 0, 2, 1]),
            AttributeSet {
                aggregator: Some(Aggregator { asn: 70000, router_id: Ipv4Addr::new(192, 0, 2, 1) }),
                ..base()
            },
        ),
        (
            with(&[0xc0, 8, 8, 0xff, 0xff, 0xff, 0x01, 0xfd, 0xe8, 0, 5]),
            AttributeSet { communities: vec![0xffff_ff01, 0xfde8_0005], ..base() },
        ),
        (
            with(&[0x80, 9, 4, 10, 0, 0, 9, 0x80, 10, 8, 1, 1, 1, 1, 2, 2, 2, 2]),
            AttributeSet {
                originator_id: Some(Ipv4Addr::new(10, 0, 0, 9)),
                cluster_list: vec![Ipv4Addr::new(1, 1, 1, 1), Ipv4Addr::new(2, 2, 2, 2)],
                ..base()
            },
        ),
        (
            with(&[0xc0, 16, 16, 0, 2, 0xfd, 0xe8, 0, 0, 0, 10, 3, 12, 0, 0, 0, 0, 0, 8]),
            AttributeSet {
                ext_communities: vec![
                    ExtendedCommunity([0, 2, 0xfd, 0xe8, 0, 0, 0, 10]),
                    ExtendedCommunity::ENCAPSULATION_VXLAN,
                ],
                ..base()
            },
        ),
        (
            with(&[0xc0, 22, 9, 0, 6, 0, 0, 10, 10, 0, 0, 1]),
            AttributeSet {
                pmsi: Some(PmsiTunnel {
                    flags: 0,
                    tunnel_type: 6,
                    label: [0, 0, 10],
                    identifier: vec![10, 0, 0, 1],
                }),
                ..base()
            },
        ),
        (
            with(&[0xc0, 22, 21, 1, 6, 0, 0, 10, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            AttributeSet {
                pmsi: Some(PmsiTunnel {
                    flags: 1,
                    tunnel_type: 6,
                    label: [0, 0, 10],
                    identifier: "2001:db8::1".parse::<Ipv6Addr>().unwrap().octets().to_vec(),
                }),
                ..base()
            },
        ),
        (
            with(&[0xc0, 22, 7, 0, 0x7e, 0, 0, 0, 1, 2]),
            AttributeSet {
                pmsi: Some(PmsiTunnel { flags: 0, tunnel_type: 0x7e, label: [0; 3], identifier: vec![1, 2] }),
                ..base()
            },
        ),
        (
            with(&[0xc0, 23, 10, 0, 8, 0, 6, 4, 1, 7, 128, 0, 0]),
            AttributeSet {
                unknown: vec![RawAttribute {
                    flags: 0xc0,
                    code: 23,
                    value: vec![0, 8, 0, 6, 4, 1, 7, 128, 0, 0],
                }],
                ..base()
            },
        ),
        (
            with(&[&[0xc0, 25, 20, 0, 2][..], &[7; 18]].concat()),
            AttributeSet {
                ipv6_ext_communities: vec![[0, 2, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]],
                ..base()
            },
        ),
        (
            with(&[0xc0, 32, 12, 0, 0, 0xfd, 0xe8, 0, 0, 0, 1, 0, 0, 0, 2]),
            AttributeSet { large_communities: vec![[65000, 1, 2]], ..base() },
        ),
        (
            with(&[0xe0, 99, 2, 1, 2]),
            AttributeSet {
                unknown: vec![RawAttribute { flags: 0xe0, code: 99, value: vec![1, 2] }],
                ..base()
            },
        ),
        (
            // The partial bit of a known attribute stays.
            with(&[0xe0, 8, 4, 0, 1, 0, 2]),
            AttributeSet { communities: vec![0x0001_0002], partial: 1 << 8, ..base() },
        ),
    ]
}

#[test]
fn every_attribute_is_read_and_written() {
    for (octets, set) in fixtures() {
        let attributes = [mp_reach(MAC_ROUTE), octets].concat();
        let decoded = update(internal(), &[&attributes]).unwrap();
        assert_eq!(decoded.issues, []);
        assert_eq!(decoded.update.attributes.as_deref(), Some(&set));
        let mut out = BytesMut::new();
        Message::Update(decoded.update).encode(&EncodeContext::default(), &mut out).unwrap();
        assert_eq!(out[19..], body(&[], &attributes, &[]));
    }
}

#[test]
fn the_table_of_attributes_is_sound() {
    for &code in code::KNOWN {
        assert!(code < 64, "the partial bits have 64 places");
        assert!(code::name(code).is_some());
        let flags = code::flags(code).unwrap();
        assert!(flags & code::PARTIAL == 0 && flags & (code::OPTIONAL | code::TRANSITIVE) != 0);
    }
    assert_eq!((code::name(99), code::flags(99)), (None, None));
}

#[test]
fn an_attribute_above_255_octets_has_the_extended_length() {
    let communities: Vec<u32> = (1..=64).collect();
    let set = AttributeSet { communities, ..base() };
    let octets = crate::wire::EncodedAttributes::new(&set, &EncodeContext::default());
    let tail = &octets.octets()[ORIGIN.len() + AS_PATH.len()..];
    assert_eq!(tail[..8], [0xd0, 8, 1, 0, 0, 0, 0, 1]);
    let decoded = update(internal(), &[&mp_reach(MAC_ROUTE), octets.octets()]).unwrap();
    assert_eq!(decoded.update.attributes.as_deref(), Some(&set));
}

#[test]
fn a_needless_extended_length_is_read() {
    let decoded = update(internal(), &[&mp_reach(MAC_ROUTE), &[0x50, 1, 0, 1, 2], AS_PATH]).unwrap();
    assert_eq!(decoded.update.attributes.unwrap().origin, Origin::Incomplete);
}

#[test]
fn any_order_is_read() {
    let med = [0x80, 4, 4, 0, 0, 0, 9];
    let decoded = update(internal(), &[&med, AS_PATH, &mp_reach(MAC_ROUTE), ORIGIN]).unwrap();
    assert_eq!(decoded.update.attributes.as_deref(), Some(&AttributeSet { med: Some(9), ..base() }));
}

#[test]
fn unknown_attributes_are_written_in_the_order_of_their_codes() {
    let raw = |code| RawAttribute { flags: 0xe0, code, value: vec![code] };
    let set = AttributeSet {
        unknown: vec![raw(11), raw(26), raw(200)],
        large_communities: vec![[1, 2, 3]],
        med: Some(1),
        ..base()
    };
    let encoded = crate::wire::EncodedAttributes::new(&set, &EncodeContext::default());
    let mut codes = Vec::new();
    let mut rest = encoded.octets();
    while let [_, code, length, tail @ ..] = rest {
        codes.push(*code);
        rest = &tail[usize::from(*length)..];
    }
    assert_eq!(codes, [1, 2, 4, 11, 26, 32, 200]);
}

#[test]
fn unknown_optional_attributes_follow_their_flags() {
    let transitive = [0xc0, 99, 1, 7];
    let non_transitive = [0x80, 98, 1, 7];
    let decoded =
        update(internal(), &[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH, &transitive, &non_transitive]).unwrap();
    assert_eq!(decoded.issues, []);
    let unknown = &decoded.update.attributes.as_ref().unwrap().unknown;
    assert_eq!(unknown[..], [RawAttribute { flags: 0xe0, code: 99, value: vec![7] }]);
}

#[test]
fn an_ipv6_next_hop_is_read_and_written() {
    let value = [&[0, 25, 70, 16, 0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1, 0], IMET_ROUTE].concat();
    let attributes = [&attribute(0x80, 14, &value)[..], ORIGIN, AS_PATH].concat();
    let decoded = update(external(), &[&attributes]).unwrap();
    let next_hop = decoded.update.attributes.as_ref().unwrap().next_hop;
    assert_eq!(next_hop, Some("2001:db8::1".parse::<IpAddr>().unwrap()));
    let mut out = BytesMut::new();
    Message::Update(decoded.update).encode(&EncodeContext::default(), &mut out).unwrap();
    assert_eq!(out[19..], body(&[], &attributes, &[]));
}

#[test]
fn large_communities_lose_their_duplicates() {
    let value = [1u32, 2, 3, 4, 5, 6, 1, 2, 3].map(u32::to_be_bytes).concat();
    let decoded =
        update(internal(), &[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH, &attribute(0xc0, 32, &value)]).unwrap();
    assert_eq!(decoded.update.attributes.unwrap().large_communities, [[1, 2, 3], [4, 5, 6]]);
}

#[test]
fn a_peer_with_2_octet_as_numbers_gets_as_trans_and_the_as4_attributes() {
    let set = AttributeSet {
        as_path: sequence(&[70000, 65000]),
        aggregator: Some(Aggregator { asn: 70000, router_id: Ipv4Addr::new(192, 0, 2, 1) }),
        ..base()
    };
    let narrow = EncodeContext { four_octet_as: false, ..EncodeContext::default() };
    let encoded = crate::wire::EncodedAttributes::new(&set, &narrow);
    let expected = [
        ORIGIN,
        &[0x40, 2, 6, 2, 2, 0x5b, 0xa0, 0xfd, 0xe8],
        &[0xc0, 7, 6, 0x5b, 0xa0, 192, 0, 2, 1],
        &[0xc0, 17, 10, 2, 2, 0, 1, 0x11, 0x70, 0, 0, 0xfd, 0xe8],
        &[0xc0, 18, 8, 0, 1, 0x11, 0x70, 192, 0, 2, 1],
    ]
    .concat();
    assert_eq!(encoded.octets(), expected);
    let context = DecodeContext { four_octet_as: false, ..internal() };
    let decoded = update(context, &[&mp_reach(MAC_ROUTE), &expected]).unwrap();
    assert_eq!(decoded.update.attributes.as_deref(), Some(&set));

    let small = AttributeSet { as_path: sequence(&[65000]), ..base() };
    let encoded = crate::wire::EncodedAttributes::new(&small, &narrow);
    assert_eq!(encoded.octets(), [ORIGIN, &[0x40, 2, 4, 2, 1, 0xfd, 0xe8]].concat());
}

#[test]
fn as4_attributes_are_ignored_beside_an_aggregator_that_did_not_know_them() {
    let attributes = [
        ORIGIN,
        &[0x40, 2, 6, 2, 2, 0x5b, 0xa0, 0xfd, 0xe8],
        &[0xc0, 7, 6, 0xfd, 0xe8, 192, 0, 2, 1],
        &[0xc0, 17, 10, 2, 2, 0, 1, 0x11, 0x70, 0, 0, 0xfd, 0xe8],
        &[0xc0, 18, 8, 0, 1, 0x11, 0x70, 192, 0, 2, 1],
    ]
    .concat();
    let context = DecodeContext { four_octet_as: false, ..internal() };
    let set = update(context, &[&mp_reach(MAC_ROUTE), &attributes]).unwrap().update.attributes.unwrap();
    assert_eq!(set.as_path, sequence(&[23456, 65000]));
    assert_eq!(set.aggregator.unwrap().asn, 65000);
}

#[test]
fn as4_attributes_from_a_4_octet_peer_are_discarded() {
    let as4 = [0xc0, 17, 6, 2, 1, 0, 1, 0x11, 0x70];
    let decoded = update(internal(), &[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH, &as4]).unwrap();
    assert_eq!(decoded.update.attributes.as_deref(), Some(&base()));
    assert_eq!(decoded.issues[0].reason, IssueReason::NotForThisPeer);
    assert_eq!(decoded.issues[0].action, IssueAction::AttributeDiscard);
}

#[test]
fn repeated_attributes_share_one_set() {
    let mut decoder = Decoder::new(internal());
    let mut decode = |attributes: &[&[u8]]| {
        let decoded = decoder.decode_update(&frame(2, &body(&[], &attributes.concat(), &[]))).unwrap();
        decoded.update.attributes.unwrap()
    };
    let first = decode(&[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH]);
    let second = decode(&[&mp_reach(IMET_ROUTE), ORIGIN, AS_PATH]);
    assert!(std::sync::Arc::ptr_eq(&first, &second));
    // Neither another next hop nor another attribute may be mistaken for it.
    let far = attribute(0x80, 14, &[&[0, 25, 70, 4, 10, 0, 0, 2, 0], IMET_ROUTE].concat());
    let third = decode(&[&far, ORIGIN, AS_PATH]);
    assert_eq!(third.next_hop, Some(Ipv4Addr::new(10, 0, 0, 2).into()));
    assert_eq!(decode(&[&mp_reach(IMET_ROUTE), &[0x40, 1, 1, 1], AS_PATH]).origin, Origin::Egp);
    // Still remembered after many others; in the end forgotten, without harm.
    for med in 0..40u8 {
        assert_eq!(
            decode(&[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH, &[0x80, 4, 4, 0, 0, 0, med]]).med,
            Some(med.into())
        );
    }
    assert_eq!(decode(&[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH]), first);
}

#[test]
fn nlri_are_slices_of_the_message() {
    let frame = frame(
        2,
        &body(&[], &[&mp_reach(&[MAC_ROUTE, IMET_ROUTE].concat())[..], ORIGIN, AS_PATH].concat(), &[]),
    );
    let decoded = Decoder::new(internal()).decode_update(&frame).unwrap();
    let block = &decoded.update.reach[0];
    assert!(frame.bytes.as_ptr_range().contains(&block.wire.as_ptr()));
    assert_eq!(block.iter().collect::<Vec<_>>(), [(0, MAC_ROUTE), (0, IMET_ROUTE)]);
}

#[test]
fn path_identifiers_are_read_and_written() {
    let nlri = [&[0, 0, 0, 7][..], MAC_ROUTE, &[0, 0, 0, 8], MAC_ROUTE].concat();
    let attributes = [&mp_reach(&nlri)[..], ORIGIN, AS_PATH].concat();
    let context = DecodeContext { add_path: vec![Family::L2vpnEvpn], ..internal() };
    let decoded = update(context, &[&attributes]).unwrap();
    let routes: Vec<_> = decoded.update.reach[0].iter().collect();
    assert_eq!(routes, [(7, MAC_ROUTE), (8, MAC_ROUTE)]);
    let with = EncodeContext { add_path: vec![Family::L2vpnEvpn], ..EncodeContext::default() };
    let mut out = BytesMut::new();
    Message::Update(decoded.update.clone()).encode(&with, &mut out).unwrap();
    assert_eq!(out[19..], body(&[], &attributes, &[]));
    // To a peer without add-path they go without identifiers.
    let mut out = BytesMut::new();
    Message::Update(decoded.update).encode(&EncodeContext::default(), &mut out).unwrap();
    let plain = Decoder::new(internal()).decode_update(&frames(&mut out)[0]).unwrap();
    assert_eq!(plain.update.reach[0].wire, [MAC_ROUTE, MAC_ROUTE].concat());
}
