//! Type 1, Ethernet auto-discovery (RFC 7432 §7.1).

use crate::{Esi, EthernetTag, RouteDistinguisher};

/// An Ethernet A-D route, per ES (tag `MAX_ET`) or per EVI. Key: RD, ESI, Ethernet tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EthernetAd {
    /// The advertising MAC-VRF or router.
    pub rd: RouteDistinguisher,
    /// The segment.
    pub esi: Esi,
    /// `EthernetTag::MAX_ET` for the route per segment.
    pub ethernet_tag: EthernetTag,
    /// 0 in the route per segment.
    pub label: [u8; 3],
}
