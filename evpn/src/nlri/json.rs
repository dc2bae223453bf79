//! Routes as JSON objects with FRR's keys (`bgp_evpn_route2json`), for `show … json`.
//! Only the prefix is in them: FRR gives RD, labels and attributes beside it.

use super::reader::bits;
use super::{EvpnRoute, UnknownRoute};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt::Write;
use std::net::IpAddr;

impl Serialize for EvpnRoute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("routeType", &self.route_type())?;
        match self {
            Self::EthernetAd(route) => {
                map.serialize_entry("ethTag", &route.ethernet_tag)?;
                map.serialize_entry("esi", &route.esi)?;
            }
            Self::MacIp(route) => {
                map.serialize_entry("ethTag", &route.ethernet_tag)?;
                map.serialize_entry("macLen", &48)?;
                map.serialize_entry("mac", &route.mac)?;
                if let Some(ip) = route.ip {
                    entry_ip::<S>(&mut map, bits(ip), ip)?;
                }
            }
            Self::InclusiveMulticast(route) => {
                map.serialize_entry("ethTag", &route.ethernet_tag)?;
                entry_ip::<S>(&mut map, bits(route.originator), route.originator)?;
            }
            Self::EthernetSegment(route) => {
                map.serialize_entry("esi", &route.esi)?;
                entry_ip::<S>(&mut map, bits(route.originator), route.originator)?;
            }
            Self::IpPrefix(route) => {
                map.serialize_entry("ethTag", &route.ethernet_tag)?;
                entry_ip::<S>(&mut map, route.prefix.prefix_len(), route.prefix.network())?;
            }
            Self::Unknown(route) => map.serialize_entry("value", &hex(route))?,
        }
        map.end()
    }
}

fn entry_ip<S: Serializer>(map: &mut S::SerializeMap, length: u8, ip: IpAddr) -> Result<(), S::Error> {
    map.serialize_entry("ipLen", &length)?;
    map.serialize_entry("ip", &ip)
}

/// The value of a route of an unknown type, two digits an octet.
pub(super) fn hex(route: &UnknownRoute) -> String {
    route.value.iter().fold(String::with_capacity(2 * route.value.len()), |mut text, octet| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}
