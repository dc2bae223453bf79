//! Type 2, MAC/IP advertisement (RFC 7432 §7.2, RFC 9135 §5.1).

use crate::{Esi, EthernetTag, MacAddr, RouteDistinguisher};
use std::net::IpAddr;

/// A MAC/IP advertisement route. Key: RD, Ethernet tag, MAC, IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MacIp {
    /// The advertising MAC-VRF.
    pub rd: RouteDistinguisher,
    /// Zero for single-homed hosts.
    pub esi: Esi,
    /// 0 for VLAN-based service.
    pub ethernet_tag: EthernetTag,
    /// The host's MAC.
    pub mac: MacAddr,
    /// The host's address; `None` for a MAC-only route.
    pub ip: Option<IpAddr>,
    /// Label 1: the L2VNI, in all 24 bits.
    pub label1: [u8; 3],
    /// Label 2: the L3VNI, where the route serves symmetric IRB.
    pub label2: Option<[u8; 3]>,
}
