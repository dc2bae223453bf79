//! The Ethernet tag (RFC 7432 §6): 0 for VLAN-based service, which is what Weft offers.

use std::fmt;

/// A 32-bit Ethernet tag ID.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct EthernetTag(pub u32);

impl EthernetTag {
    /// The tag of VLAN-based and VLAN-bundle service.
    pub const ZERO: EthernetTag = EthernetTag(0);
    /// The tag of an Ethernet A-D route per Ethernet segment (RFC 7432 §8.2.1).
    pub const MAX_ET: EthernetTag = EthernetTag(u32::MAX);
}

impl fmt::Display for EthernetTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
