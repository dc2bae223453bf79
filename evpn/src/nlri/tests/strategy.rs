//! Routes for property tests: any, and from so few values that equal keys are common.

use super::super::*;
use crate::{Esi, EthernetTag, MacAddr};
use ipnet::IpNet;
use proptest::prelude::*;
use std::net::IpAddr;

fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::from([0; 4]),
        IpAddr::V6(_) => IpAddr::from([0; 16]),
    }
}

fn gateway(family: IpAddr) -> BoxedStrategy<IpAddr> {
    let some = match family {
        IpAddr::V4(_) => any::<[u8; 4]>().prop_map(IpAddr::from).boxed(),
        IpAddr::V6(_) => any::<[u8; 16]>().prop_map(IpAddr::from).boxed(),
    };
    prop_oneof![Just(unspecified(family)), some].boxed()
}

/// Any prefix, host bits zero.
fn prefix() -> impl Strategy<Value = IpNet> {
    any::<(IpAddr, u8)>().prop_map(|(address, length)| {
        let length = length % if address.is_ipv4() { 33 } else { 129 };
        IpNet::new(address, length).unwrap().trunc()
    })
}

fn esi() -> impl Strategy<Value = Esi> {
    prop_oneof![Just(Esi::ZERO), any::<[u8; 10]>().prop_map(Esi)]
}

/// Any route: types 1 to 5, and the types that are not known.
pub(super) fn route() -> impl Strategy<Value = EvpnRoute> {
    prop_oneof![known(), unknown()]
}

/// Any route of types 1 to 5.
pub(super) fn known() -> impl Strategy<Value = EvpnRoute> {
    let rd = any::<[u8; 8]>().prop_map(RouteDistinguisher);
    let tag = prop_oneof![Just(EthernetTag::ZERO), any::<u32>().prop_map(EthernetTag)];
    let label = any::<[u8; 3]>();
    (
        rd,
        esi(),
        tag,
        label,
        any::<u8>(),
        any::<(IpAddr, [u8; 6], Option<IpAddr>, Option<[u8; 3]>)>(),
        prefix(),
    )
        .prop_flat_map(|(rd, esi, ethernet_tag, label, which, (originator, mac, ip, label2), prefix)| {
            gateway(prefix.addr()).prop_map(move |gateway| match which % 5 {
                0 => EvpnRoute::EthernetAd(EthernetAd { rd, esi, ethernet_tag, label }),
                1 => EvpnRoute::MacIp(MacIp {
                    rd,
                    esi,
                    ethernet_tag,
                    mac: MacAddr(mac),
                    ip,
                    label1: label,
                    label2,
                }),
                2 => EvpnRoute::InclusiveMulticast(InclusiveMulticast { rd, ethernet_tag, originator }),
                3 => EvpnRoute::EthernetSegment(EthernetSegment { rd, esi, originator }),
                _ => EvpnRoute::IpPrefix(IpPrefix { rd, esi, ethernet_tag, prefix, gateway, label }),
            })
        })
}

fn unknown() -> impl Strategy<Value = EvpnRoute> {
    let route_type = prop_oneof![Just(0_u8), 6..=255_u8];
    (route_type, prop::collection::vec(any::<u8>(), 0..=255))
        .prop_map(|(route_type, value)| EvpnRoute::Unknown(UnknownRoute { route_type, value }))
}

/// Routes of types 1 to 5 whose fields take two values each.
pub(super) fn narrow() -> impl Strategy<Value = EvpnRoute> {
    any::<(u8, [bool; 6])>().prop_map(|(which, [rd, esi, tag, address, other, label])| {
        let rd = RouteDistinguisher::two_octet_as(1, u32::from(rd));
        let esi = Esi([u8::from(esi); 10]);
        let ethernet_tag = EthernetTag(u32::from(tag));
        let label = [0, 0, u8::from(label)];
        let ip = if address { IpAddr::from([10, 0, 0, 0]) } else { IpAddr::from([0; 16]) };
        match which % 5 {
            0 => EvpnRoute::EthernetAd(EthernetAd { rd, esi, ethernet_tag, label }),
            1 => EvpnRoute::MacIp(MacIp {
                rd,
                esi,
                ethernet_tag,
                mac: MacAddr([2, 0, 0, 0, 0, 1]),
                ip: Some(ip).filter(|_| other),
                label1: label,
                label2: Some(label).filter(|_| which > 127),
            }),
            2 => EvpnRoute::InclusiveMulticast(InclusiveMulticast { rd, ethernet_tag, originator: ip }),
            3 => EvpnRoute::EthernetSegment(EthernetSegment { rd, esi, originator: ip }),
            _ => {
                let prefix = IpNet::new(ip, 8 + u8::from(other)).unwrap();
                let gateway = if which > 127 { ip } else { unspecified(ip) };
                EvpnRoute::IpPrefix(IpPrefix { rd, esi, ethernet_tag, prefix, gateway, label })
            }
        }
    })
}

/// Octets: noise, and NLRI with some octets changed, which get further into the codec.
pub(super) fn octets() -> impl Strategy<Value = Vec<u8>> {
    let changed = (route(), prop::collection::vec(any::<(prop::sample::Index, u8)>(), 0..4));
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        changed.prop_map(|(route, changes)| {
            let mut wire = route.to_wire();
            for (index, octet) in changes {
                let index = index.index(wire.len());
                wire[index] = octet;
            }
            wire
        }),
    ]
}
