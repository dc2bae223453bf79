//! Extended communities (RFC 4360) that EVPN gives a meaning to. Those without a meaning
//! here are kept as eight octets and passed on.

use crate::MacAddr;

/// An extended community as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtendedCommunity(pub [u8; 8]);

/// MAC Mobility (RFC 7432 §7.7): absent means not sticky and sequence 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MacMobility {
    /// The MAC is static and must not move (RFC 7432 §15.2).
    pub sticky: bool,
    /// How often the MAC has moved.
    pub sequence: u32,
}

impl ExtendedCommunity {
    /// The Encapsulation community for VXLAN (RFC 9012 §4.1, type 8).
    pub const ENCAPSULATION_VXLAN: Self = Self([0x03, 0x0c, 0, 0, 0, 0, 0, 8]);
    /// The Default Gateway community (RFC 7432 §7.8).
    pub const DEFAULT_GATEWAY: Self = Self([0x03, 0x0d, 0, 0, 0, 0, 0, 0]);

    /// The MAC Mobility community.
    pub fn mac_mobility(mobility: MacMobility) -> Self {
        let [a, b, c, d] = mobility.sequence.to_be_bytes();
        Self([0x06, 0x00, u8::from(mobility.sticky), 0, a, b, c, d])
    }

    /// The Router's MAC community (RFC 9135 §8.1).
    pub fn router_mac(mac: MacAddr) -> Self {
        let [a, b, c, d, e, f] = mac.0;
        Self([0x06, 0x03, a, b, c, d, e, f])
    }

    /// False when the non-transitive bit is set (RFC 4360 §2): such a community stays in its AS.
    pub fn is_transitive(self) -> bool {
        self.0[0] & 0x40 == 0
    }

    /// The tunnel type, if this is an Encapsulation community.
    pub fn as_encapsulation(self) -> Option<u16> {
        match self.0 {
            [0x03, 0x0c, _, _, _, _, a, b] => Some(u16::from_be_bytes([a, b])),
            _ => None,
        }
    }

    /// The mobility, if this is a MAC Mobility community.
    pub fn as_mac_mobility(self) -> Option<MacMobility> {
        match self.0 {
            [0x06, 0x00, flags, _, a, b, c, d] => Some(MacMobility {
                sticky: flags & 1 == 1,
                sequence: u32::from_be_bytes([a, b, c, d]),
            }),
            _ => None,
        }
    }

    /// The MAC, if this is a Router's MAC community.
    pub fn as_router_mac(self) -> Option<MacAddr> {
        match self.0 {
            [0x06, 0x03, a, b, c, d, e, f] => Some(MacAddr([a, b, c, d, e, f])),
            _ => None,
        }
    }

    /// True for the Default Gateway community.
    pub fn is_default_gateway(self) -> bool {
        matches!(self.0, [0x03, 0x0d, ..])
    }
}
