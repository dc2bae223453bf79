//! Route target membership (RFC 4684) in whole UPDATEs: netgauze as a witness both ways, and the lines
//! of RFC 7606's matrix that are the family's.
//!
//! netgauze takes the octets of a part of a route target to be `(length - 32) / 8`, rounded down, so it
//! cannot be asked about lengths that are no whole octets (`a_length_that_is_no_whole_octets…`), and has no
//! lengths of 1 to 31.

use super::{AS_PATH, ORIGIN, attribute, body, frame, frames, strategies};
use crate::wire::attribute::code;
use crate::wire::update::{DecodeContext, Decoded, EncodeContext};
use crate::wire::{
    AttributeSet, Decoder, Family, Membership, NlriBlock, Notification, Update, UpdateEncoder,
};
use bytes::BytesMut;
use netgauze_bgp_pkt::BgpMessage;
use netgauze_bgp_pkt::nlri::{RouteTargetMembership, RouteTargetMembershipAddress};
use netgauze_bgp_pkt::path_attribute::{
    As4PathSegment, AsPath, AsPathSegmentType, MpReach, MpUnreach, Origin, PathAttribute, PathAttributeValue,
};
use netgauze_bgp_pkt::update::BgpUpdateMessage;
use netgauze_bgp_pkt::wire::deserializer::BgpParsingContext;
use netgauze_parse_utils::WritablePdu;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

const FAMILY: Family = Family::RtFilter;

fn context() -> DecodeContext {
    DecodeContext { families: vec![Family::L2vpnEvpn, FAMILY], ..super::internal() }
}

/// What is asked for, in whole octets: AS and the octets of the route target; `None` for everything.
type Asked = Option<(u32, Vec<u8>)>;

fn asked() -> impl Strategy<Value = Asked> {
    let target = prop_oneof![
        3 => proptest::collection::vec(any::<u8>(), 8),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::option::weighted(0.9, (any::<u32>(), target))
}

/// As Weft writes it: by a type of its own where there is one, else by octets.
fn ours(asked: &Asked) -> Vec<u8> {
    let wire = match asked {
        None => return Membership::DEFAULT.to_wire(),
        Some((origin, target)) => {
            let bits = u8::try_from(32 + 8 * target.len()).unwrap();
            [&[bits][..], &origin.to_be_bytes(), target].concat()
        }
    };
    let (key, _) = (FAMILY.row().split)(&wire).unwrap();
    Membership::from_key(&key).unwrap().to_wire()
}

fn theirs(asked: &Asked) -> RouteTargetMembershipAddress {
    let membership =
        asked.as_ref().map(|(origin, target)| RouteTargetMembership::new(*origin, target.clone()));
    RouteTargetMembershipAddress::new(None, membership)
}

fn read(blocks: &[NlriBlock]) -> Vec<Vec<u8>> {
    let block = |block: &NlriBlock| -> Vec<Vec<u8>> {
        assert_eq!(block.family, FAMILY);
        block.iter().map(|(_, nlri)| nlri.to_vec()).collect()
    };
    blocks.iter().flat_map(block).collect()
}

fn next_hop() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from(bits))),
    ]
}

fn attributes() -> impl Strategy<Value = AttributeSet> {
    (strategies::attribute_set(), next_hop()).prop_map(|(mut set, next_hop)| {
        set.d_path = None;
        set.pmsi = None;
        set.ext_communities.clear();
        set.ipv6_ext_communities.clear();
        set.as_path.0.retain(|segment| !segment.kind.is_confederation());
        (set.next_hop, set.link_local_next_hop) = (Some(next_hop), None);
        set
    })
}

fn witness(octets: &[u8]) -> BgpMessage {
    let mut context = BgpParsingContext::asn2_default();
    context.set_asn4(true);
    BgpMessage::parse(&mut SliceReader::new(octets), &mut context)
        .unwrap_or_else(|error| panic!("{error:?} in {octets:02x?}"))
}

fn decode(octets: &[u8]) -> Result<Decoded, Notification> {
    Decoder::new(context()).decode_update(&frames(&mut BytesMut::from(octets))[0])
}

fn reach(nlri: &[u8]) -> Vec<u8> {
    attribute(0x80, code::MP_REACH_NLRI, &[&[0, 1, 132, 4, 10, 0, 0, 1, 0], nlri].concat())
}

fn unreach(nlri: &[u8]) -> Vec<u8> {
    attribute(0x80, code::MP_UNREACH_NLRI, &[&[0, 1, 132], nlri].concat())
}

fn update(attributes: &[&[u8]]) -> Result<Decoded, Notification> {
    Decoder::new(context()).decode_update(&frame(2, &body(&[], &attributes.concat(), &[])))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn netgauze_reads_what_we_write(asked in proptest::collection::vec(asked(), 1..40), set in attributes(), away: bool) {
        let block = vec![NlriBlock::new(FAMILY, asked.iter().flat_map(ours).collect::<Vec<u8>>())];
        let update = match away {
            true => Update { unreach: block, ..Update::default() },
            false => Update { attributes: Some(Arc::new(set.clone())), reach: block, ..Update::default() },
        };
        let context = EncodeContext { max_length: u16::MAX, ..EncodeContext::default() };
        let mut out = BytesMut::new();
        UpdateEncoder::new(context).update(&update, &mut out).unwrap();
        let message = witness(&out);
        let mut back = Vec::new();
        message.write(&mut back).unwrap();
        prop_assert_eq!(&back[..], &out[..]);
        let BgpMessage::Update(message) = message else { panic!("not an UPDATE") };
        let seen = message.path_attributes().iter().find_map(|attribute| match attribute.value() {
            PathAttributeValue::MpReach(MpReach::RouteTargetMembership { next_hop, nlri }) => {
                Some((Some(*next_hop), nlri.to_vec()))
            }
            PathAttributeValue::MpUnreach(MpUnreach::RouteTargetMembership { nlri }) => Some((None, nlri.to_vec())),
            _ => None,
        });
        let next_hop = set.next_hop.filter(|_| !away);
        prop_assert_eq!(seen, Some((next_hop, asked.iter().map(theirs).collect())));
        let decoded = decode(&out).unwrap();
        prop_assert_eq!((decoded.update, decoded.issues.len()), (update, 0));
    }

    #[test]
    fn what_netgauze_writes_is_read(asked in proptest::collection::vec(asked(), 1..40), next_hop in next_hop(), away: bool) {
        let nlri: Box<[_]> = asked.iter().map(theirs).collect();
        let attribute = |optional, value| PathAttribute::from(optional, !optional, false, true, value).unwrap();
        let segments = vec![As4PathSegment::new(AsPathSegmentType::AsSequence, vec![65_000])];
        let attributes = match away {
            true => vec![attribute(true, PathAttributeValue::MpUnreach(MpUnreach::RouteTargetMembership { nlri }))],
            false => vec![
                attribute(true, PathAttributeValue::MpReach(MpReach::RouteTargetMembership { next_hop, nlri })),
                attribute(false, PathAttributeValue::Origin(Origin::IGP)),
                attribute(false, PathAttributeValue::AsPath(AsPath::As4PathSegments(segments.into()))),
            ],
        };
        let mut octets = Vec::new();
        BgpMessage::Update(BgpUpdateMessage::new(vec![], attributes, vec![])).write(&mut octets).unwrap();
        let decoded = decode(&octets).unwrap();
        prop_assert_eq!(decoded.issues, vec![]);
        let blocks = if away { &decoded.update.unreach } else { &decoded.update.reach };
        prop_assert_eq!(read(blocks), asked.iter().map(ours).collect::<Vec<_>>());
        let got = decoded.update.attributes.and_then(|set| set.next_hop);
        prop_assert_eq!(got, Some(next_hop).filter(|_| !away));
    }

    #[test]
    fn any_junk_is_survived(nlri in proptest::collection::vec(any::<u8>(), 0..60), away: bool) {
        let decoded = if away { update(&[&unreach(&nlri)]) } else { update(&[&reach(&nlri), ORIGIN, AS_PATH]) };
        if let Ok(decoded) = decoded {
            let blocks = if away { &decoded.update.unreach } else { &decoded.update.reach };
            prop_assert_eq!(read(blocks).concat(), nlri);
        }
    }
}

#[test]
fn netgauze_knows_the_end_of_rib() {
    let mut out = BytesMut::new();
    let end = Update { end_of_rib: Some(FAMILY), ..Update::default() };
    UpdateEncoder::default().update(&end, &mut out).unwrap();
    let BgpMessage::Update(theirs) = witness(&out) else { panic!("not an UPDATE") };
    assert_eq!(
        theirs.end_of_rib().map(|family| format!("{family:?}")).as_deref(),
        Some("RouteTargetConstrains")
    );
    assert_eq!(decode(&out).unwrap().update, end);
}

#[test]
fn a_length_that_is_no_whole_octets_is_read_although_netgauze_does_not() {
    let nlri = [60, 0, 0, 0xfd, 0xe8, 0, 2, 0xfd, 0xe0];
    let attributes = [&reach(&nlri)[..], ORIGIN, AS_PATH];
    let decoded = update(&attributes).unwrap();
    assert_eq!((read(&decoded.update.reach), decoded.issues.len()), (vec![nlri.to_vec()], 0));
    let mut message = BytesMut::from(&[0xff; 16][..]);
    let body = body(&[], &attributes.concat(), &[]);
    message.extend_from_slice(&u16::try_from(19 + body.len()).unwrap().to_be_bytes());
    message.extend_from_slice(&[2]);
    message.extend_from_slice(&body);
    let mut context = BgpParsingContext::asn2_default();
    context.set_asn4(true);
    assert!(
        BgpMessage::parse(&mut SliceReader::new(&message), &mut context).is_err(),
        "netgauze rounds up now"
    );
}

#[test]
fn what_cannot_be_read_resets_the_session() {
    // RFC 7606 §5.3 and §3 (j): where the NLRI end is not known, what follows cannot be told apart.
    for nlri in [&[97; 20][..], &[255; 40], &[96; 12], &[32, 0, 0, 0], &[96]] {
        for attributes in [[&reach(nlri)[..], ORIGIN, AS_PATH].concat(), unreach(nlri)] {
            let error = update(&[&attributes]).unwrap_err().error.numbers();
            assert_eq!(error, (3, 9), "{nlri:02x?}");
        }
    }
}

#[test]
fn what_says_nothing_can_be_read() {
    let nlri = [31, 0, 0, 0, 2, 1, 0x80, 0];
    let decoded = update(&[&reach(&nlri), ORIGIN, AS_PATH]).unwrap();
    assert_eq!(decoded.issues, []);
    assert_eq!(read(&decoded.update.reach), [&nlri[..5], &nlri[5..7], &nlri[7..]]);
}
