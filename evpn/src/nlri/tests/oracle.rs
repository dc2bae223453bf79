//! netgauze-bgp-pkt, written by others, reads what we write and writes what we read.

use super::super::*;
use super::strategy::known;
use crate::{Esi, EthernetTag, MacAddr};
use ipnet::IpNet;
use netgauze_bgp_pkt::nlri as peer;
use netgauze_parse_utils::WritablePdu;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFrom;
use proptest::prelude::*;
use std::net::IpAddr;

/// The types of RD that the oracle has; others it refuses, we keep them.
fn rd_of(octets: [u8; 8]) -> peer::RouteDistinguisher {
    let [_, kind, a, b, c, d, e, f] = octets;
    match kind {
        0 => peer::RouteDistinguisher::As2Administrator {
            asn2: u16::from_be_bytes([a, b]),
            number: u32::from_be_bytes([c, d, e, f]),
        },
        1 => peer::RouteDistinguisher::Ipv4Administrator {
            ip: [a, b, c, d].into(),
            number: u16::from_be_bytes([e, f]),
        },
        _ => peer::RouteDistinguisher::As4Administrator {
            asn4: u32::from_be_bytes([a, b, c, d]),
            number: u16::from_be_bytes([e, f]),
        },
    }
}

/// The route, with an RD of a type that the oracle has.
fn with_known_rd(route: EvpnRoute) -> EvpnRoute {
    let mut wire = route.to_wire();
    wire[2] = 0;
    wire[3] %= 3;
    EvpnRoute::parse(&wire).unwrap().0
}

fn esi_of(esi: Esi) -> peer::EthernetSegmentIdentifier {
    peer::EthernetSegmentIdentifier::new(esi.0)
}

fn tag_of(tag: EthernetTag) -> peer::EthernetTag {
    peer::EthernetTag::new(tag.0)
}

/// The same route in the oracle's types, field by field.
fn to_peer(route: &EvpnRoute) -> peer::L2EvpnRoute {
    let label = peer::MplsLabel::new;
    match route {
        EvpnRoute::EthernetAd(EthernetAd { rd, esi, ethernet_tag, label: l }) => {
            peer::L2EvpnRoute::EthernetAutoDiscovery(peer::EthernetAutoDiscovery::new(
                rd_of(rd.0),
                esi_of(*esi),
                tag_of(*ethernet_tag),
                label(*l),
            ))
        }
        EvpnRoute::MacIp(MacIp { rd, esi, ethernet_tag, mac: MacAddr(mac), ip, label1, label2 }) => {
            peer::L2EvpnRoute::MacIpAdvertisement(peer::MacIpAdvertisement::new(
                rd_of(rd.0),
                esi_of(*esi),
                tag_of(*ethernet_tag),
                peer::MacAddress::new(*mac),
                *ip,
                label(*label1),
                label2.map(label),
            ))
        }
        EvpnRoute::InclusiveMulticast(InclusiveMulticast { rd, ethernet_tag, originator }) => {
            peer::L2EvpnRoute::InclusiveMulticastEthernetTagRoute(
                peer::InclusiveMulticastEthernetTagRoute::new(
                    rd_of(rd.0),
                    tag_of(*ethernet_tag),
                    *originator,
                ),
            )
        }
        EvpnRoute::EthernetSegment(EthernetSegment { rd, esi, originator }) => {
            peer::L2EvpnRoute::EthernetSegmentRoute(peer::EthernetSegmentRoute::new(
                rd_of(rd.0),
                esi_of(*esi),
                *originator,
            ))
        }
        EvpnRoute::IpPrefix(IpPrefix { rd, esi, ethernet_tag, prefix, gateway, label: l }) => {
            let (rd, esi, tag, l) = (rd_of(rd.0), esi_of(*esi), tag_of(*ethernet_tag), label(*l));
            peer::L2EvpnRoute::IpPrefixRoute(match (prefix, gateway) {
                (IpNet::V4(prefix), IpAddr::V4(gateway)) => peer::L2EvpnIpPrefixRoute::V4(
                    peer::L2EvpnIpv4PrefixRoute::new(rd, esi, tag, *prefix, *gateway, l),
                ),
                (IpNet::V6(prefix), IpAddr::V6(gateway)) => peer::L2EvpnIpPrefixRoute::V6(
                    peer::L2EvpnIpv6PrefixRoute::new(rd, esi, tag, *prefix, *gateway, l),
                ),
                mixed => panic!("prefix and gateway of two families: {mixed:?}"),
            })
        }
        EvpnRoute::Unknown(route) => {
            peer::L2EvpnRoute::Unknown { code: route.route_type, value: route.value.clone().into() }
        }
    }
}

proptest! {
    #[test]
    fn what_we_write_the_oracle_reads(route in known().prop_map(with_known_rd)) {
        let wire = route.to_wire();
        let parsed = peer::L2EvpnRoute::parse(&mut SliceReader::new(&wire)).unwrap();
        prop_assert_eq!(parsed, to_peer(&route));
    }

    #[test]
    fn what_the_oracle_writes_we_read(route in known().prop_map(with_known_rd)) {
        let mut wire = Vec::new();
        to_peer(&route).write(&mut wire).unwrap();
        let length = wire.len();
        prop_assert_eq!(EvpnRoute::parse(&wire), Ok((route, length)));
    }
}
