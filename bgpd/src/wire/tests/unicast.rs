//! IPv4 and IPv6 unicast, in the fields of RFC 4271 and in those of RFC 4760, and D-PATH: what
//! is written comes back, netgauze agrees, and the lines of RFC 7606's matrix that are theirs.

use super::{AS_PATH, MAC_ROUTE, ORIGIN, attribute, body, frame, frames, mp_reach, strategies};
use crate::wire::attribute::{DPath, IsfSafi, code};
use crate::wire::update::{DecodeContext, Decoded, EncodeContext, EncodeError, IssueAction, IssueReason};
use crate::wire::{
    AttributeSet, Decoder, EncodedAttributes, Family, NlriBlock, Notification, Update, UpdateEncoder, unicast,
};
use bytes::BytesMut;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use netgauze_bgp_pkt::BgpMessage;
use netgauze_bgp_pkt::path_attribute::{MpReach, MpUnreach, PathAttributeValue};
use netgauze_bgp_pkt::wire::deserializer::BgpParsingContext;
use netgauze_parse_utils::WritablePdu;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use weft_evpn::DomainId;

const V4: Family = Family::Ipv4Unicast;
const V6: Family = Family::Ipv6Unicast;
const NEXT_HOP: &[u8] = &[0x40, 3, 4, 192, 0, 2, 1];

fn all() -> DecodeContext {
    DecodeContext { families: vec![Family::L2vpnEvpn, V4, V6], ..super::internal() }
}

fn extended() -> DecodeContext {
    DecodeContext { extended_next_hop: true, ..all() }
}

fn decode(
    context: DecodeContext,
    withdrawn: &[u8],
    attributes: &[&[u8]],
    nlri: &[u8],
) -> Result<Decoded, Notification> {
    Decoder::new(context).decode_update(&frame(2, &body(withdrawn, &attributes.concat(), nlri)))
}

fn reach(afi: u8, next_hop: &[u8], nlri: &[u8]) -> Vec<u8> {
    let length = u8::try_from(next_hop.len()).unwrap();
    attribute(0x80, code::MP_REACH_NLRI, &[&[0, afi, 1, length], next_hop, &[0], nlri].concat())
}

fn prefixes(blocks: &[NlriBlock]) -> Vec<String> {
    let text = |block: &NlriBlock| -> Vec<String> {
        block.iter().map(|(_, nlri)| unicast::parse(block.family, nlri).unwrap().to_string()).collect()
    };
    blocks.iter().flat_map(text).collect()
}

fn next_hop(decoded: &Decoded) -> IpAddr {
    decoded.update.attributes.as_ref().unwrap().next_hop.unwrap()
}

fn numbers(result: Result<Decoded, Notification>) -> (u8, u8) {
    result.unwrap_err().error.numbers()
}

#[test]
fn the_fields_of_rfc_4271_are_read() {
    let decoded =
        decode(all(), &[24, 10, 0, 1], &[ORIGIN, AS_PATH, NEXT_HOP], &[8, 10, 25, 192, 0, 2, 255]).unwrap();
    assert_eq!(decoded.issues, []);
    assert_eq!(prefixes(&decoded.update.reach), ["10.0.0.0/8", "192.0.2.128/25"]);
    assert_eq!(prefixes(&decoded.update.unreach), ["10.0.1.0/24"]);
    assert_eq!(next_hop(&decoded), IpAddr::from([192, 0, 2, 1]));
    let decoded = decode(all(), &[], &[], &[]).unwrap();
    assert_eq!(decoded.update, Update { end_of_rib: Some(V4), ..Update::default() });
}

#[test]
fn ipv4_unicast_in_the_multiprotocol_attributes() {
    let decoded = decode(all(), &[], &[&reach(1, &[192, 0, 2, 1], &[8, 10]), ORIGIN, AS_PATH], &[]).unwrap();
    assert_eq!((prefixes(&decoded.update.reach), decoded.issues.len()), (vec!["10.0.0.0/8".into()], 0));
    let decoded = decode(all(), &[], &[&attribute(0x80, 15, &[0, 1, 1, 8, 10])], &[]).unwrap();
    assert_eq!(prefixes(&decoded.update.unreach), ["10.0.0.0/8"]);
    let decoded = decode(all(), &[], &[&attribute(0x80, 15, &[0, 1, 1])], &[]).unwrap();
    assert_eq!(decoded.update.end_of_rib, Some(V4));
}

#[test]
fn ipv6_next_hops_may_have_a_link_local_companion() {
    let (global, link): (Ipv6Addr, Ipv6Addr) = ("2001:db8::1".parse().unwrap(), "fe80::1".parse().unwrap());
    for (octets, companion) in
        [(global.octets().to_vec(), None), ([global.octets(), link.octets()].concat(), Some(link))]
    {
        let decoded =
            decode(all(), &[], &[&reach(2, &octets, &[16, 0x20, 1]), ORIGIN, AS_PATH], &[]).unwrap();
        assert_eq!(prefixes(&decoded.update.reach), ["2001::/16"]);
        let set = decoded.update.attributes.unwrap();
        assert_eq!((set.next_hop, set.link_local_next_hop), (Some(global.into()), companion));
    }
    for length in [0, 4, 15, 17, 24, 31, 33, 48] {
        let wrong = reach(2, &vec![1; length], &[16, 0x20, 1]);
        assert_eq!(numbers(decode(all(), &[], &[&wrong, ORIGIN, AS_PATH], &[])), (3, 9), "{length}");
    }
}

#[test]
fn ipv6_next_hops_of_ipv4_need_an_agreement() {
    for length in [16, 32] {
        let odd = reach(1, &vec![0x20; length], &[8, 10]);
        assert_eq!(numbers(decode(all(), &[], &[&odd, ORIGIN, AS_PATH], &[])), (3, 9));
        let decoded = decode(extended(), &[], &[&odd, ORIGIN, AS_PATH], &[]).unwrap();
        assert!(next_hop(&decoded).is_ipv6());
        assert_eq!(decoded.update.attributes.unwrap().link_local_next_hop.is_some(), length == 32);
    }
    // EVPN has its own rules, with and without.
    for context in [all(), extended()] {
        let six = [&[0, 25, 70, 16][..], &[0x20; 16], &[0], MAC_ROUTE].concat();
        let decoded = decode(context, &[], &[&attribute(0x80, 14, &six), ORIGIN, AS_PATH], &[]).unwrap();
        assert!(next_hop(&decoded).is_ipv6());
    }
}

#[test]
fn two_reachability_fields_have_their_own_next_hops() {
    let six = reach(2, &[0x20; 16], &[16, 0x20, 1]);
    let decoded = decode(all(), &[], &[&six, ORIGIN, AS_PATH, NEXT_HOP], &[8, 10]).unwrap();
    assert_eq!(decoded.issues, []);
    assert_eq!(prefixes(&decoded.update.reach), ["2001::/16", "10.0.0.0/8"]);
    assert!(next_hop(&decoded).is_ipv6());
    let own: Vec<_> = decoded.update.reach.iter().map(|block| block.next_hop).collect();
    assert_eq!(own, [None, Some(IpAddr::from([192, 0, 2, 1]))]);
    // And back: in two messages.
    let (mut encoder, mut out) = (UpdateEncoder::default(), BytesMut::new());
    encoder.update(&decoded.update, &mut out).unwrap();
    let read: Vec<_> = frames(&mut out)
        .iter()
        .map(|frame| next_hop(&Decoder::new(all()).decode_update(frame).unwrap()))
        .collect();
    assert_eq!(read, [IpAddr::from([0x20; 16]), IpAddr::from([192, 0, 2, 1])]);
    // RFC 7606 §3 d for the NLRI field alone.
    let decoded = decode(all(), &[], &[&six, ORIGIN, AS_PATH], &[8, 10]).unwrap();
    assert!(decoded.update.reach.is_empty() && decoded.update.unreach.len() == 2);
    assert_eq!(decoded.issues[0].reason, IssueReason::Missing);
}

#[test]
fn prefixes_that_cannot_be_read_reset_the_session() {
    let good = [ORIGIN, AS_PATH, NEXT_HOP];
    for bad in [&[33, 1, 2, 3, 4, 5][..], &[24, 10, 0], &[8, 10, 255], &[32]] {
        assert_eq!(numbers(decode(all(), &[], &good, bad)), (3, 10), "RFC 7606 §5.3: {bad:?}");
        assert_eq!(numbers(decode(all(), bad, &[], &[])), (3, 10), "{bad:?}");
        let multiprotocol = reach(1, &[192, 0, 2, 1], bad);
        assert_eq!(numbers(decode(all(), &[], &[&multiprotocol, ORIGIN, AS_PATH], &[])), (3, 9), "{bad:?}");
        let unreach = attribute(0x80, 15, &[&[0, 1, 1], bad].concat());
        assert_eq!(numbers(decode(all(), &[], &[&unreach], &[])), (3, 9), "{bad:?}");
    }
    let long = reach(2, &[0x20; 16], &[&[129][..], &[0; 17]].concat());
    assert_eq!(numbers(decode(all(), &[], &[&long, ORIGIN, AS_PATH], &[])), (3, 9));
}

#[test]
fn faults_of_attributes_withdraw_what_the_nlri_field_announces() {
    for (attributes, code) in [
        (vec![ORIGIN, AS_PATH], code::NEXT_HOP),
        (vec![ORIGIN, NEXT_HOP], code::AS_PATH),
        (vec![AS_PATH, NEXT_HOP], code::ORIGIN),
        (vec![ORIGIN, AS_PATH, &[0x40, 3, 3, 192, 0, 2]], code::NEXT_HOP),
        (vec![ORIGIN, AS_PATH, NEXT_HOP, &[0x80, 4, 1, 1]], code::MULTI_EXIT_DISC),
        (vec![ORIGIN, AS_PATH, NEXT_HOP, &[0xc0, 8, 3, 1, 1, 1]], code::COMMUNITIES),
    ] {
        let decoded = decode(all(), &[16, 10, 1], &attributes, &[8, 10]).unwrap();
        assert_eq!(prefixes(&decoded.update.unreach), ["10.1.0.0/16", "10.0.0.0/8"]);
        assert!(decoded.update.reach.is_empty() && decoded.update.attributes.is_none());
        let issue = decoded.issues.iter().find(|issue| issue.action == IssueAction::TreatAsWithdraw);
        assert_eq!(issue.unwrap().code, Some(code));
    }
}

#[test]
fn d_path_is_read_with_evpn_routes_and_written_back() {
    let mut path = DPath::new(DomainId::new(65_000, 1), IsfSafi::Evpn);
    path.prepend(DomainId::new(65_001, 2), IsfSafi::Local);
    let value = [2, 0, 0, 0xfd, 0xe9, 0, 2, 0, 0, 0, 0xfd, 0xe8, 0, 1, 70];
    let d_path = attribute(0xc0, code::D_PATH, &value);
    let decoded = decode(all(), &[], &[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH, &d_path], &[]).unwrap();
    assert_eq!(decoded.issues, []);
    let set = decoded.update.attributes.unwrap();
    assert_eq!(set.d_path, Some(path));
    let octets = EncodedAttributes::new(&set, &EncodeContext::default()).octets().to_vec();
    assert!(octets.ends_with(&d_path), "{octets:?}");
    // The partial bit stays.
    let partial = attribute(0xe0, code::D_PATH, &value);
    let decoded = decode(all(), &[], &[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH, &partial], &[]).unwrap();
    let set = decoded.update.attributes.unwrap();
    assert!(EncodedAttributes::new(&set, &EncodeContext::default()).octets().ends_with(&partial));
}

#[test]
fn a_malformed_d_path_or_one_of_another_family_withdraws() {
    let good = [1, 0, 0, 0xfd, 0xe8, 0, 1, 70];
    for (flags, bad) in [
        (0xc0, &[][..]),
        (0xc0, &good[..7]),
        (0xc0, &[0, 0, 0, 0xfd, 0xe8, 0, 1, 70]),
        (0xc0, &[2, 0, 0, 0xfd, 0xe8, 0, 1, 70]),
        (0xc0, &[1, 0, 0, 0xfd, 0xe8, 0, 1, 70, 0]),
        (0x80, &good),
        (0x40, &good),
    ] {
        let bad = attribute(flags, code::D_PATH, bad);
        let decoded = decode(all(), &[], &[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH, &bad], &[]).unwrap();
        assert_eq!((decoded.update.reach.len(), decoded.update.unreach.len()), (0, 1), "{bad:?}");
        assert_eq!(decoded.issues[0].code, Some(code::D_PATH));
    }
    // The cache must not lend a set of EVPN routes to others.
    let mut decoder = Decoder::new(all());
    let d_path = attribute(0xc0, code::D_PATH, &good);
    let next_hop = [0x20; 16];
    let evpn = attribute(0x80, 14, &[&[0, 25, 70, 16][..], &next_hop, &[0], MAC_ROUTE].concat());
    let six = reach(2, &next_hop, &[16, 0x20, 1]);
    for (reach, withdrawn) in [(&evpn, false), (&six, true), (&evpn, false), (&six, true)] {
        let attributes = [reach, ORIGIN, AS_PATH, &d_path].concat();
        let decoded = decoder.decode_update(&frame(2, &body(&[], &attributes, &[]))).unwrap();
        assert_eq!(decoded.update.attributes.is_none(), withdrawn);
        let reasons: Vec<_> = decoded.issues.iter().map(|issue| issue.reason).collect();
        assert_eq!(reasons, if withdrawn { vec![IssueReason::NotForThisFamily] } else { vec![] });
    }
    let decoded = decode(all(), &[], &[ORIGIN, AS_PATH, NEXT_HOP, &d_path], &[8, 10]).unwrap();
    assert_eq!(prefixes(&decoded.update.unreach), ["10.0.0.0/8"]);
}

#[test]
fn ipv4_is_written_as_rfc_4271_has_it() {
    let set = AttributeSet {
        next_hop: Some(Ipv4Addr::new(192, 0, 2, 1).into()),
        med: Some(1),
        ..AttributeSet::default()
    };
    let context = EncodeContext::default();
    let attributes = EncodedAttributes::new(&set, &context);
    let (mut encoder, mut out) = (UpdateEncoder::new(context), BytesMut::new());
    let mut packer = encoder.announce(V4, &attributes, &mut out).unwrap();
    let (key, rest) = (V4.row().split)(&[8, 10]).unwrap();
    packer.push(0, &key, &rest).unwrap();
    packer.finish();
    let med = attribute(0x80, code::MULTI_EXIT_DISC, &[0, 0, 0, 1]);
    assert_eq!(out[19..], body(&[], &[ORIGIN, &[0x40, 2, 0], NEXT_HOP, &med].concat(), &[8, 10]));
    let mut out = BytesMut::new();
    let mut packer = encoder.withdraw(V4, &mut out);
    packer.push(0, &key, &rest).unwrap();
    packer.finish();
    assert_eq!(out[19..], body(&[8, 10], &[], &[]));
    let mut out = BytesMut::new();
    encoder.end_of_rib(V4, &mut out);
    assert_eq!(out[16..], [0, 23, 2, 0, 0, 0, 0]);
    let mut out = BytesMut::new();
    encoder.end_of_rib(V6, &mut out);
    assert_eq!(out[19..], body(&[], &[0x80, 15, 3, 0, 2, 1], &[]));
}

#[test]
fn next_hops_that_the_family_cannot_carry_are_refused() {
    let six = AttributeSet { next_hop: Some(IpAddr::from([0x20; 16])), ..AttributeSet::default() };
    let four = AttributeSet { next_hop: Some(IpAddr::from([10, 0, 0, 1])), ..AttributeSet::default() };
    for (family, set, agreed, fine) in [
        (V4, &four, false, true),
        (V4, &six, false, false),
        (V4, &six, true, true),
        (V6, &six, false, true),
        (V6, &four, true, false),
        (V6, &AttributeSet::default(), true, false),
    ] {
        let context = EncodeContext { extended_next_hop: agreed, ..EncodeContext::default() };
        let attributes = EncodedAttributes::new(set, &context);
        let (mut encoder, mut out) = (UpdateEncoder::new(context), BytesMut::new());
        let refused = encoder.announce(family, &attributes, &mut out).err();
        assert_eq!(refused, (!fine).then_some(EncodeError::NextHop), "{family} {agreed}");
    }
}

#[test]
fn classic_messages_are_filled_to_the_limit() {
    let routes: Vec<Vec<u8>> = (0..3000u32)
        .map(|n| unicast::nlri(&IpNet::V4(Ipv4Net::new((0x0a00_0000 + (n << 8)).into(), 24).unwrap())))
        .collect();
    for max_length in [4096, u16::MAX] {
        for add_path in [vec![], vec![V4]] {
            let context =
                EncodeContext { max_length, add_path: add_path.clone(), ..EncodeContext::default() };
            let set = AttributeSet {
                next_hop: Some(Ipv4Addr::new(192, 0, 2, 1).into()),
                ..AttributeSet::default()
            };
            let attributes = EncodedAttributes::new(&set, &context);
            let mut encoder = UpdateEncoder::new(context);
            for withdraw in [false, true] {
                let mut out = BytesMut::new();
                let mut packer = match withdraw {
                    true => encoder.withdraw(V4, &mut out),
                    false => encoder.announce(V4, &attributes, &mut out).unwrap(),
                };
                for (path_id, route) in (1..).zip(&routes) {
                    packer.push_wire(path_id, route).unwrap();
                }
                assert_eq!(packer.finish().routes, routes.len());
                let frames = frames(&mut out);
                let room = if add_path.is_empty() { 4 } else { 8 };
                for frame in &frames[..frames.len() - 1] {
                    assert!(frame.bytes.len() <= usize::from(max_length));
                    assert!(frame.bytes.len() + room > usize::from(max_length));
                }
                let context = DecodeContext { add_path: add_path.clone(), max_length, ..all() };
                let mut decoder = Decoder::new(context);
                let read: Vec<Vec<u8>> = frames
                    .iter()
                    .flat_map(|frame| {
                        let update = decoder.decode_update(frame).unwrap().update;
                        let blocks = if withdraw { update.unreach } else { update.reach };
                        blocks[0].iter().map(|(_, nlri)| nlri.to_vec()).collect::<Vec<_>>()
                    })
                    .collect();
                assert_eq!(read, routes);
            }
        }
    }
    // Attributes that leave no room.
    let set = AttributeSet {
        next_hop: Some(Ipv4Addr::new(192, 0, 2, 1).into()),
        communities: vec![1; 1013],
        ..AttributeSet::default()
    };
    let attributes = EncodedAttributes::new(&set, &EncodeContext::default());
    let (mut encoder, mut out) = (UpdateEncoder::default(), BytesMut::new());
    let mut packer = encoder.announce(V4, &attributes, &mut out).unwrap();
    assert_eq!(4096 - 23 - 7 - attributes.octets().len(), 3, "octets for NLRI");
    let refused = packer.push_wire(0, &[32, 10, 0, 0, 1]);
    assert_eq!(refused, Err(EncodeError::TooLong { attributes: attributes.octets().len(), limit: 4096 }));
    assert!(packer.push_wire(0, &[16, 10, 1]).is_ok() && packer.push_wire(0, &[8, 10]).is_ok());
    assert_eq!(packer.finish().messages, 2);
}

/// Prefixes of both families that netgauze takes for unicast. (It walks over all hosts of an
/// IPv4 prefix, so only long ones.)
fn prefix() -> impl Strategy<Value = IpNet> {
    let v4 = (0x0100_0000..0xdfff_ff00u32, 22..=32u8)
        .prop_map(|(bits, length)| IpNet::V4(Ipv4Net::new(bits.into(), length).unwrap().trunc()));
    let v6 = (any::<u128>(), 0..=128u8)
        .prop_map(|(bits, length)| IpNet::V6(Ipv6Net::new((bits >> 1).into(), length).unwrap().trunc()));
    prop_oneof![v4, v6]
}

fn update() -> impl Strategy<Value = Update> {
    let next_hops = (any::<u128>(), proptest::option::of(any::<u64>()));
    (strategies::attribute_set(), proptest::collection::vec(prefix(), 1..20), next_hops, 0..3u8).prop_map(
        |(mut set, prefixes, (global, link_local), how)| {
            let family = unicast::family(&prefixes[0]);
            let wire: Vec<u8> = prefixes
                .iter()
                .filter(|prefix| unicast::family(prefix) == family)
                .flat_map(unicast::nlri)
                .collect();
            set.d_path = None;
            set.pmsi = None;
            set.ext_communities.clear();
            set.ipv6_ext_communities.clear();
            set.as_path.0.retain(|segment| !segment.kind.is_confederation());
            let four = IpAddr::V4(Ipv4Addr::from(global as u32));
            set.next_hop = Some(if family == V4 && how != 1 { four } else { IpAddr::V6(global.into()) });
            set.link_local_next_hop = link_local
                .filter(|_| set.next_hop.is_some_and(|next_hop| next_hop.is_ipv6()))
                .map(|low| Ipv6Addr::from((0xfe80u128 << 112) | u128::from(low)));
            let block = vec![NlriBlock::new(family, wire)];
            match how {
                0 => Update { unreach: block, ..Update::default() },
                _ => Update { attributes: Some(Arc::new(set)), reach: block, ..Update::default() },
            }
        },
    )
}

fn encode(update: &Update) -> BytesMut {
    let context = EncodeContext { max_length: u16::MAX, extended_next_hop: true, ..EncodeContext::default() };
    let mut out = BytesMut::new();
    UpdateEncoder::new(context).update(update, &mut out).unwrap();
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn unicast_updates_come_back(update in update()) {
        let frames = frames(&mut encode(&update));
        prop_assert_eq!(frames.len(), 1);
        let decoded = Decoder::new(extended()).decode_update(&frames[0]).unwrap();
        prop_assert_eq!(decoded.issues, vec![]);
        prop_assert_eq!(decoded.update, update);
    }

    #[test]
    fn netgauze_agrees(update in update()) {
        let octets = encode(&update).to_vec();
        let mut context = BgpParsingContext::asn2_default();
        context.set_asn4(true);
        let theirs = BgpMessage::parse(&mut SliceReader::new(&octets), &mut context)
            .unwrap_or_else(|error| panic!("{error:?} in {octets:02x?}"));
        let mut back = Vec::new();
        theirs.write(&mut back).unwrap();
        prop_assert_eq!(&back, &octets);
        let BgpMessage::Update(theirs) = theirs else { panic!("not an UPDATE") };
        let mut read = (
            theirs.nlri().iter().map(|route| route.network().address().to_string()).collect::<Vec<_>>(),
            theirs.withdraw_routes().iter().map(|route| route.network().address().to_string()).collect::<Vec<_>>(),
        );
        for attribute in theirs.path_attributes() {
            match attribute.value() {
                PathAttributeValue::MpReach(MpReach::Ipv4Unicast { next_hop, next_hop_local, nlri }) => {
                    let set = update.attributes.as_ref().unwrap();
                    prop_assert_eq!((Some(*next_hop), *next_hop_local), (set.next_hop, set.link_local_next_hop));
                    read.0.extend(nlri.iter().map(|route| route.network().address().to_string()));
                }
                PathAttributeValue::MpReach(MpReach::Ipv6Unicast { next_hop_global, next_hop_local, nlri }) => {
                    let set = update.attributes.as_ref().unwrap();
                    let next_hop = Some(IpAddr::V6(*next_hop_global));
                    prop_assert_eq!((next_hop, *next_hop_local), (set.next_hop, set.link_local_next_hop));
                    read.0.extend(nlri.iter().map(|route| route.network().address().to_string()));
                }
                PathAttributeValue::MpUnreach(MpUnreach::Ipv6Unicast { nlri }) => {
                    read.1.extend(nlri.iter().map(|route| route.network().address().to_string()));
                }
                PathAttributeValue::NextHop(next_hop) => {
                    let next_hop = Some(IpAddr::V4(next_hop.next_hop()));
                    prop_assert_eq!(next_hop, update.attributes.as_ref().unwrap().next_hop);
                }
                _ => {}
            }
        }
        prop_assert_eq!(read.0, prefixes(&update.reach));
        prop_assert_eq!(read.1, prefixes(&update.unreach));
    }

    #[test]
    fn any_body_is_survived(mut body in proptest::collection::vec(any::<u8>(), 0..200)) {
        body.resize(body.len().max(10), 0);
        let _ = Decoder::new(extended()).decode(&frame(2, &body));
    }

    #[test]
    fn any_mutation_is_survived(update in update(), changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut octets = encode(&update);
        for (index, octet) in changes {
            let at = 19 + index.index(octets.len() - 19);
            octets[at] = octet;
        }
        let _ = Decoder::new(extended()).decode(&frames(&mut octets)[0]);
    }
}
