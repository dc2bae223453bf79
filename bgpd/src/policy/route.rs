//! A route as policies see it: what its NLRI says, read once, without allocating.

use crate::wire::{Family, unicast};
use ipnet::IpNet;
use weft_evpn::{MacAddr, RouteDistinguisher, nlri::EvpnRoute};

/// The route types that Weft reads (RFC 7432 §7, RFC 9136 §3); others are opaque.
const KNOWN_TYPES: std::ops::RangeInclusive<u8> = 1..=5;

/// What the NLRI of a route says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Route {
    /// A unicast prefix, the prefix of a type-5 route, or the host of a type-2 route that has an IP.
    pub prefix: Option<IpNet>,
    /// Of EVPN only.
    pub evpn: Option<EvpnFacts>,
}

/// What an EVPN NLRI says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EvpnFacts {
    /// The route type octet.
    pub route_type: u8,
    /// The route distinguisher; `None` for a type that is not known.
    pub rd: Option<RouteDistinguisher>,
    /// Of type 2.
    pub mac: Option<MacAddr>,
    /// The labels, as VNIs in all 24 bits; `None` for a type whose NLRI carries none (RFC 8365 §5.1.3).
    pub vnis: Option<[Option<u32>; 2]>,
}

impl Route {
    /// Reads one NLRI in wire form. What cannot be read has no facts: nothing matches it.
    pub fn read(family: Family, nlri: &[u8]) -> Self {
        match family {
            Family::L2vpnEvpn => Self::read_evpn(nlri),
            Family::RtFilter => Self::default(),
            Family::Ipv4Unicast | Family::Ipv6Unicast => {
                Self { prefix: unicast::parse(family, nlri).ok(), evpn: None }
            }
        }
    }

    fn read_evpn(nlri: &[u8]) -> Self {
        let Some(&route_type) = nlri.first() else { return Self::default() };
        let opaque = EvpnFacts { route_type, rd: None, mac: None, vnis: None };
        let known = KNOWN_TYPES.contains(&route_type).then(|| EvpnRoute::parse(nlri).ok()).flatten();
        let Some((route, _)) = known else { return Self { prefix: None, evpn: Some(opaque) } };
        let facts = EvpnFacts { rd: route.rd(), ..opaque };
        match route {
            EvpnRoute::MacIp(route) => Self {
                prefix: route.ip.map(IpNet::from),
                evpn: Some(EvpnFacts {
                    mac: Some(route.mac),
                    vnis: Some([Some(vni(route.label1)), route.label2.map(vni)]),
                    ..facts
                }),
            },
            EvpnRoute::IpPrefix(route) => Self {
                prefix: Some(route.prefix),
                evpn: Some(EvpnFacts { vnis: Some([Some(vni(route.label)), None]), ..facts }),
            },
            EvpnRoute::EthernetAd(route) => Self {
                prefix: None,
                evpn: Some(EvpnFacts { vnis: Some([Some(vni(route.label)), None]), ..facts }),
            },
            _ => Self { prefix: None, evpn: Some(facts) },
        }
    }
}

fn vni([a, b, c]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, a, b, c])
}
