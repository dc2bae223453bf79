//! What a VRF's table holds beside the routes of EVPN: the subnets of its interfaces and the router's own addresses
//! there. A VRF device's kernel makes them by itself; in rule form Weft makes them in the kernel's likeness
//! (protocol `kernel`), so that both forms look the same to whoever reads the table.

use super::attribute::MessageBuffer;
use super::constants::*;
use super::route::RouteMessage;
use crate::model::Address;
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

/// The last route that is asked: larger than every other metric (as the kernel's documentation on VRF has it).
pub const END_METRIC: u32 = 4_278_198_272;

/// Metric of a subnet in IPv6; in IPv4 it is 0.
const SUBNET_METRIC_IPV6: u32 = 256;

/// What kind of route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteKind {
    /// A subnet of the interface.
    Subnet,
    /// An address of the router's own.
    Local,
    /// The end of a VRF's table: nothing else is looked for. It has no interface and our mark.
    End,
}

/// A route that follows from an address of an interface, or ends the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableRoute {
    /// The table.
    pub table: u32,
    /// A subnet, or with all bits one address.
    pub prefix: IpNet,
    /// The interface.
    pub device: u32,
    /// What kind of route.
    pub kind: RouteKind,
    /// The address that the router speaks with there (IPv4; IPv6 chooses well by itself).
    pub source: Option<IpAddr>,
}

fn kind_of(protocol: u8, kind: u8) -> Option<RouteKind> {
    match (kind, protocol) {
        (RTN_UNICAST, RTPROT_KERNEL) => Some(RouteKind::Subnet),
        (RTN_LOCAL, RTPROT_KERNEL) => Some(RouteKind::Local),
        (RTN_UNREACHABLE, RTPROT_BGP) => Some(RouteKind::End),
        _ => None,
    }
}

impl TableRoute {
    /// The end of a table.
    pub fn end(table: u32, prefix: IpNet) -> Self {
        TableRoute { table, prefix, device: 0, kind: RouteKind::End, source: None }
    }

    /// Whether a message may be about such a route, without reading it whole.
    pub fn may_be(payload: &[u8]) -> bool {
        RouteMessage::origin_of(payload).and_then(|(protocol, kind)| kind_of(protocol, kind)).is_some()
    }

    /// The route that a message is about; `None` for all other kinds of routes.
    pub fn of(message: &RouteMessage) -> Option<Self> {
        let kind = kind_of(message.protocol, message.kind)?;
        if message.gateway.is_some() || message.nexthop.is_some() {
            return None;
        }
        let RouteMessage { table, prefix, source, .. } = *message;
        match (kind, message.device) {
            (RouteKind::End, _) => {
                let last = message.metric == END_METRIC && prefix.prefix_len() == 0;
                last.then(|| TableRoute::end(table, prefix))
            }
            (_, None) => None,
            (_, Some(device)) => Some(TableRoute { table, prefix, device, kind, source }),
        }
    }

    /// Writes header and attributes of `RTM_NEWROUTE` or `RTM_DELROUTE`.
    pub fn emit(&self, to: &mut MessageBuffer) {
        let family = if self.prefix.addr().is_ipv4() { AF_INET } else { AF_INET6 };
        let (kind, scope, protocol) = match self.kind {
            RouteKind::Subnet => (RTN_UNICAST, RT_SCOPE_LINK, RTPROT_KERNEL),
            RouteKind::Local => (RTN_LOCAL, RT_SCOPE_HOST, RTPROT_KERNEL),
            RouteKind::End => (RTN_UNREACHABLE, 0, RTPROT_BGP),
        };
        let scope = if family == AF_INET { scope } else { 0 };
        let table = u8::try_from(self.table).unwrap_or(0);
        to.fixed(&[family, self.prefix.prefix_len(), 0, 0, table, protocol, scope, kind, 0, 0, 0, 0]);
        to.attribute(RTA_TABLE, &self.table.to_ne_bytes());
        if self.prefix.prefix_len() > 0 {
            to.ip(RTA_DST, self.prefix.addr());
        }
        if self.kind == RouteKind::End {
            to.attribute(RTA_PRIORITY, &END_METRIC.to_ne_bytes());
        } else {
            to.attribute(RTA_OIF, &self.device.to_ne_bytes());
            if family == AF_INET6 && self.kind == RouteKind::Subnet {
                // The one that the kernel gives to subnets of addresses.
                to.attribute(RTA_PRIORITY, &SUBNET_METRIC_IPV6.to_ne_bytes());
            }
        }
        if let Some(source) = self.source {
            to.ip(RTA_PREFSRC, source);
        }
    }
}

impl fmt::Display for TableRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.kind {
            RouteKind::Subnet => "",
            RouteKind::Local => "local ",
            RouteKind::End => "unreachable ",
        };
        write!(f, "{word}{} table {}", self.prefix, self.table)
    }
}

/// Writes header and attributes of `RTM_NEWADDR` or `RTM_DELADDR`: a gateway address. It is the same at every leaf,
/// so nobody may look for duplicates (`IFA_F_NODAD`).
pub fn emit_address(device: u32, address: &Address, to: &mut MessageBuffer) {
    let family = if address.ip.is_ipv4() { AF_INET } else { AF_INET6 };
    let [a, b, c, d] = device.to_ne_bytes();
    to.fixed(&[family, address.length, 0, 0, a, b, c, d]);
    to.ip(IFA_LOCAL, address.ip);
    to.ip(IFA_ADDRESS, address.ip);
    let flags = IFA_F_NODAD | if address.no_prefix_route { IFA_F_NOPREFIXROUTE } else { 0 };
    to.attribute(IFA_FLAGS, &flags.to_ne_bytes());
    if address.protocol != 0 {
        to.attribute(IFA_PROTO, &[address.protocol]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            table in 1_u32.., v6 in any::<bool>(), octets in any::<[u8; 16]>(), length in 0_u8..=32,
            device in 1_u32.., local in any::<bool>(), with_source in any::<bool>(),
        ) {
            let [a, b, c, d, ..] = octets;
            let ip = if v6 { IpAddr::from(octets) } else { IpAddr::from([a, b, c, d]) };
            let prefix = IpNet::new(ip, length).unwrap().trunc();
            let kind = if local { RouteKind::Local } else { RouteKind::Subnet };
            let route = TableRoute { table, prefix, device, kind, source: with_source.then_some(ip) };
            let end = TableRoute::end(table, IpNet::new(ip, 0).unwrap().trunc());
            for route in [route, end] {
                let mut buffer = MessageBuffer::default();
                buffer.begin(RTM_NEWROUTE, 0, 1);
                route.emit(&mut buffer);
                buffer.end();
                let payload = &buffer.bytes()[16..];
                prop_assert!(TableRoute::may_be(payload));
                let message = RouteMessage::parse(payload).unwrap();
                prop_assert_eq!(TableRoute::of(&message), Some(route));
            }
        }
    }
}
