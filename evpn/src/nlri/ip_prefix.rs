//! Type 5, IP prefix (RFC 9136 §3.1).

use crate::{Esi, EthernetTag, RouteDistinguisher};
use ipnet::IpNet;
use std::net::IpAddr;

/// An IP prefix route. Key: RD, Ethernet tag, prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IpPrefix {
    /// The advertising IP-VRF.
    pub rd: RouteDistinguisher,
    /// Overlay index, or zero.
    pub esi: Esi,
    /// 0 in interface-less mode.
    pub ethernet_tag: EthernetTag,
    /// The prefix; host bits are zero.
    pub prefix: IpNet,
    /// Overlay index of the prefix's family; the unspecified address if there is none.
    pub gateway: IpAddr,
    /// The L3VNI, in all 24 bits.
    pub label: [u8; 3],
}
