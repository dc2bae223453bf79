//! Generators of messages that a good speaker could send.

use crate::wire::attribute::{
    Aggregator, AsPath, AsSegment, AsSegmentKind, DPath, IsfSafi, Origin, PathDomain, RawAttribute, code,
};
use crate::wire::capability::{
    AddPath, AddPathMode, ExtendedNextHop, GracefulRestart, GracefulRestartFamily,
};
use crate::wire::notification::ErrorCode;
use crate::wire::refresh::RefreshKind;
use crate::wire::{AttributeSet, Capability, Family, NlriBlock, Notification, Open, RouteRefresh, Update};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use weft_evpn::pmsi::PmsiTunnel;
use weft_evpn::{DomainId, ExtendedCommunity};

fn octets(length: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), length)
}

fn nlri(route_type: u8, value: Vec<u8>) -> Vec<u8> {
    [&[route_type, u8::try_from(value.len()).unwrap()][..], &value].concat()
}

/// An IP length in bits and the address.
fn ip(allow_none: bool) -> impl Strategy<Value = Vec<u8>> {
    let none = if allow_none { 1 } else { 0 };
    prop_oneof![
        none => Just(vec![0]),
        2 => octets(4).prop_map(|ip| [vec![32], ip].concat()),
        2 => octets(16).prop_map(|ip| [vec![128], ip].concat()),
    ]
}

/// A route of one of the types 1 to 5.
pub fn known_route() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        octets(25).prop_map(|value| nlri(1, value)),
        (octets(22), octets(6), ip(true), octets(3), option::of(octets(3))).prop_map(
            |(front, mac, ip, one, two)| {
                nlri(2, [front, vec![48], mac, ip, one, two.unwrap_or_default()].concat())
            }
        ),
        (octets(12), ip(false)).prop_map(|(front, ip)| nlri(3, [front, ip].concat())),
        (octets(18), ip(false)).prop_map(|(front, ip)| nlri(4, [front, ip].concat())),
        (octets(22), 0..=32u8, octets(8), octets(3))
            .prop_map(|(front, length, ips, label)| nlri(5, [front, vec![length], ips, label].concat())),
        (octets(22), 0..=128u8, octets(32), octets(3))
            .prop_map(|(front, length, ips, label)| nlri(5, [front, vec![length], ips, label].concat())),
    ]
}

/// Any route.
pub fn route() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => known_route(),
        1 => (12..=255u8, vec(any::<u8>(), 0..60)).prop_map(|(route_type, value)| nlri(route_type, value)),
    ]
}

fn as_path() -> impl Strategy<Value = AsPath> {
    use AsSegmentKind::{ConfedSequence, ConfedSet, Sequence, Set};
    let kind =
        prop_oneof![8 => Just(Sequence), 1 => Just(Set), 1 => Just(ConfedSequence), 1 => Just(ConfedSet)];
    let asn = prop_oneof![1..=65535u32, 65536..=u32::MAX];
    vec((kind, vec(asn, 1..20)).prop_map(|(kind, asns)| AsSegment { kind, asns }), 0..4).prop_map(AsPath)
}

fn ipv4() -> impl Strategy<Value = Ipv4Addr> {
    any::<Ipv4Addr>()
}

fn next_hop() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<Ipv4Addr>().prop_map(IpAddr::V4), any::<Ipv6Addr>().prop_map(IpAddr::V6)]
}

fn pmsi() -> impl Strategy<Value = PmsiTunnel> {
    let tunnel = prop_oneof![
        Just((0, vec![])),
        octets(4).prop_map(|endpoint| (6, endpoint)),
        octets(16).prop_map(|endpoint| (6, endpoint)),
        (100..=255u8, vec(any::<u8>(), 0..40)),
    ];
    (any::<u8>(), any::<[u8; 3]>(), tunnel).prop_map(|(flags, label, (tunnel_type, identifier))| PmsiTunnel {
        flags,
        tunnel_type,
        label,
        identifier,
    })
}

fn d_path() -> impl Strategy<Value = DPath> {
    let isf_safi = any::<u8>().prop_map(IsfSafi::from_number);
    let domain = (any::<[u8; 6]>(), isf_safi)
        .prop_map(|(domain, isf_safi)| PathDomain { domain: DomainId(domain), isf_safi });
    vec(domain, 1..300).prop_map(|domains| DPath::from_domains(domains).unwrap())
}

fn unknown() -> impl Strategy<Value = Vec<RawAttribute>> {
    let opaque = (50..=255u8, vec(any::<u8>(), 0..300)).prop_map(|(code, value)| RawAttribute {
        flags: 0xe0,
        code,
        value,
    });
    let tunnel =
        vec((any::<u16>(), vec((0..=255u8, vec(any::<u8>(), 0..20)), 0..4)), 1..3).prop_map(|tlvs| {
            let mut value = Vec::new();
            for (tunnel_type, subs) in tlvs {
                let mut inner = Vec::new();
                for (kind, content) in subs {
                    inner.push(kind);
                    if kind >= 128 {
                        inner.push(0);
                    }
                    inner.push(u8::try_from(content.len()).unwrap());
                    inner.extend(content);
                }
                value.extend(tunnel_type.to_be_bytes());
                value.extend(u16::try_from(inner.len()).unwrap().to_be_bytes());
                value.extend(inner);
            }
            RawAttribute { flags: 0xc0, code: code::TUNNEL_ENCAPSULATION, value }
        });
    (option::of(tunnel), vec(opaque, 0..3)).prop_map(|(tunnel, mut opaque)| {
        opaque.sort_by_key(|attribute| attribute.code);
        opaque.dedup_by_key(|attribute| attribute.code);
        tunnel.into_iter().chain(opaque).collect()
    })
}

/// A set as it comes out of an UPDATE of an internal peer.
pub fn attribute_set() -> impl Strategy<Value = AttributeSet> {
    let origin = prop_oneof![Just(Origin::Igp), Just(Origin::Egp), Just(Origin::Incomplete)];
    let aggregator = (1..=u32::MAX, ipv4()).prop_map(|(asn, router_id)| Aggregator { asn, router_id });
    let first = (
        origin,
        as_path(),
        next_hop(),
        option::of(any::<u32>()),
        option::of(any::<u32>()),
        any::<bool>(),
        option::of(aggregator),
        vec(any::<u32>(), 0..80),
        option::of(ipv4()),
        vec(ipv4(), 0..5),
    );
    let second = (
        vec(any::<[u8; 8]>().prop_map(ExtendedCommunity), 0..40),
        option::of(pmsi()),
        proptest::collection::btree_set(any::<[u32; 3]>(), 0..5),
        vec(any::<[u8; 20]>(), 0..3),
        option::weighted(0.3, d_path()),
        unknown(),
        any::<bool>(),
    );
    (first, second).prop_map(|(first, second)| {
        let (
            origin,
            as_path,
            next_hop,
            med,
            local_pref,
            atomic_aggregate,
            aggregator,
            communities,
            originator_id,
            cluster_list,
        ) = first;
        let (ext_communities, pmsi, large_communities, ipv6_ext_communities, d_path, unknown, partial) =
            second;
        AttributeSet {
            partial: if partial && !communities.is_empty() { 1 << code::COMMUNITIES } else { 0 },
            origin,
            as_path,
            next_hop: Some(next_hop),
            med,
            local_pref,
            atomic_aggregate,
            aggregator,
            communities,
            originator_id,
            cluster_list,
            ext_communities,
            pmsi,
            large_communities: large_communities.into_iter().collect(),
            ipv6_ext_communities,
            d_path,
            link_local_next_hop: None,
            unknown,
        }
    })
}

fn block(routes: Vec<Vec<u8>>) -> Vec<NlriBlock> {
    match routes.concat() {
        wire if wire.is_empty() => vec![],
        wire => vec![NlriBlock::new(Family::L2vpnEvpn, wire)],
    }
}

/// An UPDATE that announces or withdraws, and fits one message.
pub fn update(route: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Update> {
    (attribute_set(), vec(route, 1..8), any::<bool>()).prop_map(|(set, routes, withdraw)| {
        let routes = block(routes);
        if withdraw {
            Update { unreach: routes, ..Update::default() }
        } else {
            Update { attributes: Some(Arc::new(set)), reach: routes, ..Update::default() }
        }
    })
}

pub fn capability() -> impl Strategy<Value = Capability> {
    let family = || (any::<u16>(), any::<u8>());
    let graceful = (any::<bool>(), any::<bool>(), 0..4096u16, vec((family(), any::<bool>()), 0..5)).prop_map(
        |(restarting, notification, restart_time, families)| GracefulRestart {
            restarting,
            notification,
            restart_time,
            families: families
                .into_iter()
                .map(|((afi, safi), forwarding_preserved)| GracefulRestartFamily {
                    afi,
                    safi,
                    forwarding_preserved,
                })
                .collect(),
        },
    );
    let mode = prop_oneof![Just(AddPathMode::Receive), Just(AddPathMode::Send), Just(AddPathMode::Both)];
    let add_path = (family(), mode).prop_map(|((afi, safi), mode)| AddPath { afi, safi, mode });
    let extended = (any::<u16>(), any::<u16>(), any::<u16>())
        .prop_map(|(afi, safi, next_hop_afi)| ExtendedNextHop { afi, safi, next_hop_afi });
    prop_oneof![
        family().prop_map(|(afi, safi)| Capability::Multiprotocol { afi, safi }),
        Just(Capability::RouteRefresh),
        vec(extended, 0..5).prop_map(Capability::ExtendedNextHop),
        Just(Capability::ExtendedMessage),
        graceful.prop_map(Capability::GracefulRestart),
        (1..=u32::MAX).prop_map(Capability::FourOctetAs),
        vec(add_path, 0..5).prop_map(Capability::AddPath),
        Just(Capability::EnhancedRouteRefresh),
        ("[a-z0-9é-]{0,40}", "[a-z.]{0,40}")
            .prop_map(|(hostname, domain)| Capability::Fqdn { hostname, domain }),
        (100..=255u8, vec(any::<u8>(), 0..=255))
            .prop_map(|(code, value)| Capability::Unknown { code, value }),
    ]
}

pub fn open() -> impl Strategy<Value = Open> {
    let hold_time = prop_oneof![Just(0), 3..=u16::MAX];
    (1..=u32::MAX, hold_time, 1..=u32::MAX, vec(capability(), 0..12)).prop_map(
        |(asn, hold_time, id, capabilities)| Open::new(asn, hold_time, Ipv4Addr::from(id), capabilities),
    )
}

pub fn notification() -> impl Strategy<Value = Notification> {
    (any::<u8>(), any::<u8>(), vec(any::<u8>(), 0..300)).prop_map(|(code, subcode, data)| Notification {
        error: ErrorCode::from_numbers(code, subcode),
        data,
    })
}

pub fn refresh() -> impl Strategy<Value = RouteRefresh> {
    let kind = prop_oneof![
        Just(RefreshKind::Normal),
        Just(RefreshKind::Begin),
        Just(RefreshKind::End),
        (3..=255u8).prop_map(RefreshKind::Other),
    ];
    (any::<u16>(), any::<u8>(), kind).prop_map(|(afi, safi, kind)| RouteRefresh { afi, safi, kind })
}
