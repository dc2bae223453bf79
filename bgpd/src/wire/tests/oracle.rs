//! Another implementation as a witness, both ways: what Weft writes, netgauze reads and writes
//! back octet for octet; what netgauze writes, Weft reads as the same thing.

use super::{ORIGIN, frames, internal, mp_reach, strategies};
use crate::wire::attribute::{AsSegmentKind, code};
use crate::wire::capability::{AddPath, AddPathMode, GracefulRestart, GracefulRestartFamily};
use crate::wire::refresh::RefreshKind;
use crate::wire::update::EncodeContext;
use crate::wire::{
    AttributeSet, Capability, Decoder, Family, Message, Notification, Open, RouteRefresh, Update,
};
use bytes::BytesMut;
use netgauze_bgp_pkt::BgpMessage;
use netgauze_bgp_pkt::nlri::{L2EvpnRoute, MplsLabel};
use netgauze_bgp_pkt::path_attribute::{AsPath, MpReach, MpUnreach, PathAttributeValue};
use netgauze_bgp_pkt::wire::deserializer::BgpParsingContext;
use netgauze_parse_utils::WritablePdu;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};
use weft_evpn::nlri::EvpnRoute;

fn encode(message: &Message) -> Vec<u8> {
    let mut out = BytesMut::new();
    let context = EncodeContext { max_length: u16::MAX, ..EncodeContext::default() };
    message.encode(&context, &mut out).unwrap();
    out.to_vec()
}

fn witness(octets: &[u8]) -> BgpMessage {
    let mut context = BgpParsingContext::asn2_default();
    context.set_asn4(true);
    BgpMessage::parse(&mut SliceReader::new(octets), &mut context)
        .unwrap_or_else(|error| panic!("{error:?} in {octets:02x?}"))
}

fn written(message: &BgpMessage) -> Vec<u8> {
    let mut out = Vec::new();
    message.write(&mut out).unwrap();
    out
}

/// Both ways at once.
fn agree(message: &Message) -> BgpMessage {
    let octets = encode(message);
    let theirs = witness(&octets);
    let back = written(&theirs);
    assert_eq!(back, octets, "{theirs:?}");
    let frames = frames(&mut BytesMut::from(&back[..]));
    let (ours, issues) = Decoder::new(internal()).decode(&frames[0]).unwrap();
    assert_eq!((&ours, issues.len()), (message, 0));
    theirs
}

fn values(message: &BgpMessage) -> Vec<PathAttributeValue> {
    let BgpMessage::Update(update) = message else { panic!("not an UPDATE: {message:?}") };
    update.path_attributes().iter().map(|attribute| attribute.value().clone()).collect()
}

/// Routes as both know them: netgauze has no RD types above 2, and clears a prefix's host bits.
fn route() -> impl Strategy<Value = Vec<u8>> {
    (strategies::known_route(), 0..3u8).prop_map(|(mut route, rd_type)| {
        route[2..4].copy_from_slice(&[0, rd_type]);
        let row = Family::L2vpnEvpn.row();
        let (key, rest) = (row.split)(&route).unwrap();
        let mut clean = Vec::new();
        (row.join)(&key, &rest, &mut clean);
        clean
    })
}

/// Extended communities without reserved octets, which netgauze does not keep.
fn communities() -> impl Strategy<Value = Vec<weft_evpn::ExtendedCommunity>> {
    let front = prop_oneof![
        Just([0x00, 0x02]),
        Just([0x01, 0x02]),
        Just([0x02, 0x02]),
        Just([0x00, 0x03]),
        Just([0x06, 0x02]),
        Just([0x06, 0x03]),
        Just([0x88, 0x01]),
    ];
    let plain = (front, any::<[u8; 6]>())
        .prop_map(|([a, b], [c, d, e, f, g, h])| weft_evpn::ExtendedCommunity([a, b, c, d, e, f, g, h]));
    let mobility = (any::<bool>(), any::<u32>()).prop_map(|(sticky, sequence)| {
        weft_evpn::ExtendedCommunity::mac_mobility(weft_evpn::community::MacMobility { sticky, sequence })
    });
    let fixed = Just(weft_evpn::ExtendedCommunity::ENCAPSULATION_VXLAN);
    proptest::collection::vec(prop_oneof![4 => plain, 1 => mobility, 1 => fixed], 0..6)
}

/// Sets without what netgauze does not read: confederation segments, and see `communities`.
fn attribute_set() -> impl Strategy<Value = AttributeSet> {
    (strategies::attribute_set(), communities()).prop_map(|(mut set, communities)| {
        set.ext_communities = communities;
        set.ipv6_ext_communities.clear();
        set.as_path.0.retain(|segment| !segment.kind.is_confederation());
        set
    })
}

/// What netgauze says of a route, compared with what `weft_evpn` says.
fn same_route(theirs: &L2EvpnRoute, wire: &[u8]) {
    let (ours, _) = EvpnRoute::parse(wire).unwrap();
    let label = |label: &MplsLabel| *label.value();
    match (theirs, ours) {
        (L2EvpnRoute::EthernetAutoDiscovery(theirs), EvpnRoute::EthernetAd(ours)) => {
            assert_eq!(
                (*theirs.segment_id().value(), theirs.tag().value()),
                (ours.esi.0, ours.ethernet_tag.0)
            );
            assert_eq!(label(theirs.mpls_label()), ours.label);
        }
        (L2EvpnRoute::MacIpAdvertisement(theirs), EvpnRoute::MacIp(ours)) => {
            assert_eq!(
                (*theirs.segment_id().value(), theirs.tag().value()),
                (ours.esi.0, ours.ethernet_tag.0)
            );
            assert_eq!((*theirs.mac().value(), theirs.ip()), (ours.mac.0, ours.ip));
            assert_eq!(label(theirs.mpls_label1()), ours.label1);
            assert_eq!(theirs.mpls_label2().map(label), ours.label2);
        }
        (L2EvpnRoute::InclusiveMulticastEthernetTagRoute(theirs), EvpnRoute::InclusiveMulticast(ours)) => {
            assert_eq!((theirs.tag().value(), theirs.ip()), (ours.ethernet_tag.0, ours.originator));
        }
        (L2EvpnRoute::EthernetSegmentRoute(theirs), EvpnRoute::EthernetSegment(ours)) => {
            assert_eq!((*theirs.segment_id().value(), theirs.ip()), (ours.esi.0, ours.originator));
        }
        (L2EvpnRoute::IpPrefixRoute(_), EvpnRoute::IpPrefix(_)) => {}
        (theirs, ours) => panic!("{theirs:?} is not {ours:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn updates_agree(update in strategies::update(route()), set in attribute_set()) {
        let update = Update { attributes: update.attributes.map(|_| set.into()), ..update };
        let theirs = agree(&Message::Update(update.clone()));
        for value in values(&theirs) {
            let (routes, block) = match value {
                PathAttributeValue::MpReach(MpReach::L2Evpn { next_hop, nlri }) => {
                    prop_assert_eq!(Some(next_hop), update.attributes.as_ref().unwrap().next_hop);
                    (nlri, &update.reach[0])
                }
                PathAttributeValue::MpUnreach(MpUnreach::L2Evpn { nlri }) => (nlri, &update.unreach[0]),
                _ => continue,
            };
            prop_assert_eq!(routes.len(), block.iter().count());
            for (theirs, (_, ours)) in routes.iter().zip(block.iter()) {
                same_route(theirs.route(), ours);
            }
        }
    }

    #[test]
    fn as_paths_agree(set in attribute_set()) {
        let block = crate::wire::NlriBlock::new(Family::L2vpnEvpn, super::MAC_ROUTE);
        let path = set.as_path.clone();
        let update = Update { attributes: Some(set.into()), reach: vec![block], ..Update::default() };
        let theirs = values(&agree(&Message::Update(update)));
        let segments = theirs.iter().find_map(|value| match value {
            PathAttributeValue::AsPath(AsPath::As4PathSegments(segments)) => Some(segments),
            _ => None,
        });
        let theirs: Vec<_> = segments
            .unwrap()
            .iter()
            .map(|segment| (segment.segment_type() as u8, segment.as_numbers().to_vec()))
            .collect();
        let kind = |kind| if kind == AsSegmentKind::Set { 1 } else { 2 };
        let ours: Vec<_> = path.0.into_iter().map(|segment| (kind(segment.kind), segment.asns)).collect();
        prop_assert_eq!(theirs, ours);
    }

    #[test]
    fn opens_agree(asn in 1..=u32::MAX, hold_time in 3..=u16::MAX, id in 1..0xdfff_ffffu32, time in 0..4096u16, flags in any::<[bool; 3]>()) {
        let [restarting, notification, forwarding_preserved] = flags;
        // netgauze knows no extended parameters and only assigned families.
        let capabilities = vec![
            Capability::Multiprotocol { afi: 25, safi: 70 },
            Capability::Multiprotocol { afi: 1, safi: 1 },
            Capability::RouteRefresh,
            Capability::ExtendedMessage,
            Capability::GracefulRestart(GracefulRestart {
                restarting,
                notification,
                restart_time: time,
                families: vec![GracefulRestartFamily { afi: 25, safi: 70, forwarding_preserved }],
            }),
            Capability::FourOctetAs(asn),
            Capability::AddPath(vec![AddPath { afi: 25, safi: 70, mode: AddPathMode::Both }]),
            Capability::EnhancedRouteRefresh,
            Capability::Fqdn { hostname: "leaf1".into(), domain: "example".into() },
            Capability::Unknown { code: 110, value: vec![1, 2, 3] },
        ];
        let BgpMessage::Open(theirs) = agree(&Message::Open(Open::new(asn, hold_time, id.into(), capabilities))) else {
            panic!("not an OPEN");
        };
        prop_assert_eq!((theirs.my_asn4(), theirs.hold_time(), theirs.bgp_id()), (asn, hold_time, Ipv4Addr::from(id)));
    }

    #[test]
    fn notifications_agree(code in 1..=7u8, subcode: u8, data in proptest::collection::vec(any::<u8>(), 0..50)) {
        let notification =
            Notification { error: crate::wire::notification::ErrorCode::from_numbers(code, subcode), data };
        // Only what both have a name for.
        let assigned = !notification.error.to_string().contains("Unknown")
            && !matches!((code, subcode), (2, 5) | (3, 7) | (6, 0) | (7, 0));
        if assigned {
            agree(&Message::Notification(notification));
        }
    }

    #[test]
    fn mutated_updates_are_judged_alike(update in strategies::update(route()), set in attribute_set(), at: prop::sample::Index, octet: u8) {
        // Where netgauze reads every attribute without complaint, Weft must not find the NLRI
        // unreadable; the other way round netgauze is the stricter one.
        let update = Update { attributes: update.attributes.map(|_| set.into()), ..update };
        let mut octets = encode(&Message::Update(update));
        let at = 23 + at.index(octets.len() - 23);
        octets[at] = octet;
        let mut context = BgpParsingContext::asn2_default();
        context.set_asn4(true);
        let Ok(BgpMessage::Update(theirs)) = BgpMessage::parse(&mut SliceReader::new(&octets), &mut context) else {
            return Ok(());
        };
        let evpn = theirs.path_attributes().iter().find_map(|attribute| match attribute.value() {
            PathAttributeValue::MpReach(MpReach::L2Evpn { nlri, .. }) => Some(nlri.len()),
            _ => None,
        });
        let ours = Decoder::new(internal()).decode(&frames(&mut BytesMut::from(&octets[..]))[0]);
        if let (Some(count), Ok((Message::Update(ours), _))) = (evpn, ours) {
            let routes: usize = ours.reach.iter().chain(&ours.unreach).map(|block| block.iter().count()).sum();
            prop_assert_eq!(routes, count);
        }
    }
}

#[test]
fn refreshes_agree() {
    for kind in [RefreshKind::Normal, RefreshKind::Begin, RefreshKind::End] {
        agree(&Message::RouteRefresh(RouteRefresh { afi: 25, safi: 70, kind }));
    }
}

#[test]
fn keepalives_and_end_of_rib_agree() {
    agree(&Message::Keepalive);
    let theirs = agree(&Message::Update(Update { end_of_rib: Some(Family::L2vpnEvpn), ..Update::default() }));
    let BgpMessage::Update(theirs) = theirs else { panic!("not an UPDATE") };
    assert_eq!(theirs.end_of_rib().map(|family| format!("{family:?}")).as_deref(), Some("L2VpnBgpEvpn"));
}

#[test]
fn what_netgauze_builds_is_read() {
    use netgauze_bgp_pkt::nlri::{
        EthernetSegmentIdentifier, EthernetTag, L2EvpnAddress, MacAddress, MacIpAdvertisement,
        RouteDistinguisher,
    };
    use netgauze_bgp_pkt::path_attribute::{
        As4PathSegment, AsPathSegmentType, LocalPreference, Origin, PathAttribute,
    };
    use netgauze_bgp_pkt::update::BgpUpdateMessage;
    let ip: IpAddr = "2001:db8::7".parse().unwrap();
    let route = MacIpAdvertisement::new(
        RouteDistinguisher::Ipv4Administrator { ip: Ipv4Addr::new(10, 0, 0, 1), number: 1 },
        EthernetSegmentIdentifier::new([0; 10]),
        EthernetTag::new(0),
        MacAddress::new([2, 0, 0, 0, 0, 1]),
        Some(ip),
        MplsLabel::new([0, 0, 10]),
        Some(MplsLabel::new([0, 0, 99])),
    );
    let reach = MpReach::L2Evpn {
        next_hop: Ipv4Addr::new(10, 0, 0, 1).into(),
        nlri: Box::new([L2EvpnAddress::new(None, L2EvpnRoute::MacIpAdvertisement(route))]),
    };
    let segments = vec![As4PathSegment::new(AsPathSegmentType::AsSequence, vec![70000, 65000])];
    let attribute = |optional, value| PathAttribute::from(optional, !optional, false, false, value).unwrap();
    let message = BgpMessage::Update(BgpUpdateMessage::new(
        vec![],
        vec![
            attribute(true, PathAttributeValue::MpReach(reach)),
            attribute(false, PathAttributeValue::Origin(Origin::IGP)),
            attribute(false, PathAttributeValue::AsPath(AsPath::As4PathSegments(segments.into()))),
            attribute(false, PathAttributeValue::LocalPreference(LocalPreference::new(100))),
        ],
        vec![],
    ));
    let frames = frames(&mut BytesMut::from(&written(&message)[..]));
    let (Message::Update(ours), issues) = Decoder::new(internal()).decode(&frames[0]).unwrap() else {
        panic!("not an UPDATE");
    };
    assert_eq!(issues, []);
    let set = ours.attributes.unwrap();
    assert_eq!(set.as_path.0[0].asns, [70000, 65000]);
    assert_eq!((set.local_pref, set.next_hop), (Some(100), Some(Ipv4Addr::new(10, 0, 0, 1).into())));
    let (_, wire) = ours.reach[0].iter().next().unwrap();
    let (EvpnRoute::MacIp(route), _) = EvpnRoute::parse(wire).unwrap() else { panic!("not a type 2") };
    assert_eq!((route.ip, route.label1, route.label2), (Some(ip), [0, 0, 10], Some([0, 0, 99])));
}

#[test]
fn opaque_routes_and_attributes_agree() {
    let nlri = [super::MAC_ROUTE, super::UNKNOWN_ROUTE].concat();
    let attributes = [
        &mp_reach(&nlri)[..],
        ORIGIN,
        super::AS_PATH,
        &[0xc0, code::PMSI_TUNNEL, 9, 0, 6, 0, 0, 10, 10, 0, 0, 1],
        &[0xe0, 99, 2, 1, 2],
    ];
    let decoded = super::update(internal(), &attributes).unwrap();
    let theirs = values(&agree(&Message::Update(decoded.update)));
    assert!(
        matches!(theirs.last(), Some(PathAttributeValue::UnknownAttribute(raw)) if raw.value() == [1u8, 2].as_slice())
    );
}
