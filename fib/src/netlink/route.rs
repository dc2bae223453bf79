//! Route messages (`RTM_*ROUTE`, rtnetlink.h), read into one flat struct without allocation.
//!
//! A route by several next hops is reduced to its first: that is what redistribution tells, and our own routes
//! point at nexthop objects. Does not do: metrics, encapsulation, multicast routes.

use super::attribute::{Attributes, ip_of, u16_of, u32_of};
use super::constants::*;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Length of `struct rtmsg`.
pub const RTMSG: usize = 12;
/// Length of `struct rtnexthop`: length, flags, hops, interface index.
const RTNEXTHOP: usize = 8;

/// What one `RTM_NEWROUTE` or `RTM_DELROUTE` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteMessage {
    /// The table.
    pub table: u32,
    /// `RTA_DST` with its length; the default route where there is none.
    pub prefix: IpNet,
    /// `rtm_protocol`
    pub protocol: u8,
    /// `rtm_type`
    pub kind: u8,
    /// `RTA_PRIORITY`
    pub metric: u32,
    /// `RTA_NH_ID`
    pub nexthop: Option<u32>,
    /// `RTA_GATEWAY` or `RTA_VIA`, of the first next hop.
    pub gateway: Option<IpAddr>,
    /// `RTA_OIF`, of the first next hop.
    pub device: Option<u32>,
    /// `RTA_PREFSRC`
    pub source: Option<IpAddr>,
    /// `rtm_tos` is not zero, or the route is for some sources only: not a plain destination route.
    pub special: bool,
}

impl RouteMessage {
    /// Protocol and kind of the route that a message is about, without reading the rest.
    pub fn origin_of(payload: &[u8]) -> Option<(u8, u8)> {
        let &[_, _, _, _, _, protocol, _, kind, ..] = payload.first_chunk::<RTMSG>()?;
        Some((protocol, kind))
    }

    /// The table that a message is about, without reading the rest.
    pub fn table_of(payload: &[u8]) -> Option<u32> {
        let &[_, _, _, _, table, ..] = payload.first_chunk::<RTMSG>()?;
        if table != RT_TABLE_COMPAT {
            return Some(u32::from(table));
        }
        let mut attributes = Attributes::new(payload.get(RTMSG..)?);
        attributes.find(|(kind, _)| *kind == RTA_TABLE).and_then(|(_, value)| u32_of(value))
    }

    /// Reads the payload of a message; `None` when it is too short, of another family, cloned, or has a prefix that
    /// is none.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let &[family, length, source, tos, table, protocol, _, kind, a, b, c, d] =
            payload.first_chunk::<RTMSG>()?;
        if u32::from_ne_bytes([a, b, c, d]) & RTM_F_CLONED != 0 {
            return None;
        }
        let mut address = match family {
            AF_INET => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            AF_INET6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            _ => return None,
        };
        let is_ipv4 = family == AF_INET;
        let mut message = RouteMessage {
            table: u32::from(table),
            prefix: IpNet::from(address),
            protocol,
            kind,
            metric: 0,
            nexthop: None,
            gateway: None,
            device: None,
            source: None,
            special: tos != 0 || source != 0,
        };
        for (kind, value) in Attributes::new(payload.get(RTMSG..)?) {
            match kind {
                RTA_DST => address = ip_of(value).filter(|ip| ip.is_ipv4() == is_ipv4)?,
                RTA_TABLE => message.table = u32_of(value)?,
                RTA_PRIORITY => message.metric = u32_of(value)?,
                RTA_NH_ID => message.nexthop = u32_of(value),
                RTA_PREFSRC => message.source = ip_of(value),
                RTA_MULTIPATH => message.first_of(value),
                _ => message.next_hop(kind, value),
            }
        }
        message.prefix = IpNet::new(address, length).ok()?.trunc();
        Some(message)
    }

    /// Attributes that describe a next hop, be it the route's only one or one of several.
    fn next_hop(&mut self, kind: u16, value: &[u8]) {
        match kind {
            RTA_OIF => self.device = u32_of(value),
            RTA_GATEWAY => self.gateway = ip_of(value),
            RTA_VIA => {
                // `struct rtvia`: family, address.
                self.gateway = value.split_first_chunk::<2>().and_then(|(_, address)| ip_of(address));
            }
            _ => {}
        }
    }

    fn first_of(&mut self, multipath: &[u8]) {
        let Some(&[a, b, _, _, e, f, g, h]) = multipath.first_chunk::<RTNEXTHOP>() else { return };
        self.device = Some(u32::from_ne_bytes([e, f, g, h]));
        let length = u16_of(&[a, b]).map_or(0, usize::from);
        for (kind, value) in Attributes::new(multipath.get(RTNEXTHOP..length).unwrap_or_default()) {
            self.next_hop(kind, value);
        }
    }

    /// Whether it is ours by its mark.
    pub fn is_ours(&self) -> bool {
        self.protocol == RTPROT_BGP
    }
}
