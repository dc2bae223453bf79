//! Type 3, inclusive multicast Ethernet tag (RFC 7432 §7.3).

use crate::{EthernetTag, RouteDistinguisher};
use std::net::IpAddr;

/// An inclusive multicast Ethernet tag (IMET) route. All of it is key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InclusiveMulticast {
    /// The advertising MAC-VRF.
    pub rd: RouteDistinguisher,
    /// 0 for VLAN-based service.
    pub ethernet_tag: EthernetTag,
    /// The originating router's address, the VTEP.
    pub originator: IpAddr,
}
