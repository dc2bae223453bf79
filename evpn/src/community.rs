//! Extended communities (RFC 4360) that EVPN gives a meaning to. Those without a meaning
//! here are kept as eight octets and passed on.
//!
//! Of a community that may stand once, the first is used (draft-ietf-bess-rfc7432bis
//! §7.14.2); that is for the reader of the list. Printed as FRR prints them.

use crate::{MacAddr, RouteTarget};
use std::fmt;
use std::net::Ipv4Addr;

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

/// ARP/ND (RFC 9047 §2): what a proxy must answer with. Bits that RFC 9047 does not define
/// (FRR sends one) are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ArpNd {
    /// R: the host is an IPv6 router.
    pub router: bool,
    /// O: the answer may override what the asker has.
    pub overriding: bool,
    /// I: the binding of IP to MAC may not change.
    pub immutable: bool,
}

/// Tunnel types of the Encapsulation community (RFC 9012, IANA's registry).
pub mod tunnel_type {
    /// VXLAN.
    pub const VXLAN: u16 = 8;
    /// MPLS, which stands for an absent community in RFC 8365 §5.1.3.
    pub const MPLS: u16 = 10;
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

    /// The ARP/ND community (RFC 9047 §2).
    pub fn arp_nd(flags: ArpNd) -> Self {
        let router = u8::from(flags.router);
        let octet = router | u8::from(flags.overriding) << 1 | u8::from(flags.immutable) << 3;
        Self([0x06, 0x08, octet, 0, 0, 0, 0, 0])
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
            [0x06, 0x00, flags, _, a, b, c, d] => {
                Some(MacMobility { sticky: flags & 1 == 1, sequence: u32::from_be_bytes([a, b, c, d]) })
            }
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

    /// The flags, if this is an ARP/ND community.
    pub fn as_arp_nd(self) -> Option<ArpNd> {
        match self.0 {
            [0x06, 0x08, flags, ..] => {
                Some(ArpNd { router: flags & 1 != 0, overriding: flags & 2 != 0, immutable: flags & 8 != 0 })
            }
            _ => None,
        }
    }

    /// True for the Default Gateway community.
    pub fn is_default_gateway(self) -> bool {
        matches!(self.0, [0x03, 0x0d, ..])
    }

    /// The route target, if this is one.
    pub fn as_route_target(self) -> Option<RouteTarget> {
        RouteTarget::from_community(self)
    }
}

/// As FRR prints it in `Extended Community:` lines: `RT:65000:10`, `ET:8`, `MM:1`,
/// `Rmac:02:00:00:00:00:01`; what has no name here, `UNK:` type, sub-type.
impl fmt::Display for ExtendedCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(target) = self.as_route_target() {
            return write!(f, "RT:{target}");
        }
        if let Some(mobility) = self.as_mac_mobility() {
            let sticky = if mobility.sticky { ", sticky MAC" } else { "" };
            return write!(f, "MM:{}{sticky}", mobility.sequence);
        }
        match self.0 {
            [0x00, 0x03, a, b, c, d, e, g] => {
                let (asn, number) = (u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, g]));
                write!(f, "SoO:{asn}:{number}")
            }
            [0x01, 0x03, a, b, c, d, e, g] => {
                write!(f, "SoO:{}:{}", Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([e, g]))
            }
            [0x02, 0x03, a, b, c, d, e, g] => {
                let (asn, number) = (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([e, g]));
                write!(f, "SoO:{asn}:{number}")
            }
            [0x03, 0x0c, _, _, _, _, a, b] => write!(f, "ET:{}", u16::from_be_bytes([a, b])),
            [0x03, 0x0d, ..] => f.write_str("Default Gateway"),
            [0x06, 0x01, flags, _, _, a, b, c] => {
                let mode = if flags & 1 == 1 { "SA" } else { "AA" };
                write!(f, "ESI-label-Rt:{mode}")?;
                match u32::from_be_bytes([0, a, b, c]) {
                    0 => Ok(()),
                    label => write!(f, ":{label}"),
                }
            }
            [0x06, 0x02, a, b, c, d, e, g] => {
                write!(f, "ES-Import-Rt:{}", MacAddr([a, b, c, d, e, g]))
            }
            [0x06, 0x03, a, b, c, d, e, g] => write!(f, "Rmac:{}", MacAddr([a, b, c, d, e, g])),
            [0x06, 0x06, algorithm, _, _, _, a, b] => {
                write!(f, "DF: (alg: {}, pref: {})", algorithm & 0x1f, u16::from_be_bytes([a, b]))
            }
            [0x06, 0x08, ..] => {
                let flags = self.as_arp_nd().unwrap_or_default();
                let words = [
                    (flags.router, "Router Flag"),
                    (flags.overriding, "Override Flag"),
                    (flags.immutable, "Immutable Flag"),
                ];
                f.write_str("ND:")?;
                let set = words.iter().filter(|(set, _)| *set).map(|(_, word)| *word);
                for (i, word) in set.enumerate() {
                    write!(f, "{}{word}", if i == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            [kind, sub_type, ..] => write!(f, "UNK:{kind}, {sub_type}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mobility_goes_both_ways_and_other_flag_bits_are_ignored() {
        for mobility in [
            MacMobility::default(),
            MacMobility { sticky: true, sequence: 0 },
            MacMobility { sticky: false, sequence: u32::MAX },
        ] {
            assert_eq!(ExtendedCommunity::mac_mobility(mobility).as_mac_mobility(), Some(mobility));
        }
        let odd = ExtendedCommunity([6, 0, 0xfe, 9, 0, 0, 0, 3]);
        assert_eq!(odd.as_mac_mobility(), Some(MacMobility { sticky: false, sequence: 3 }));
    }

    #[test]
    fn arp_nd_flags_stand_where_rfc_9047_has_them() {
        let flags = ArpNd { router: true, overriding: true, immutable: true };
        let community = ExtendedCommunity::arp_nd(flags);
        assert_eq!(community.0, [6, 8, 0x0b, 0, 0, 0, 0, 0]);
        assert_eq!(community.as_arp_nd(), Some(flags));
        assert_eq!(ExtendedCommunity([6, 8, 4, 0, 0, 0, 0, 0]).as_arp_nd(), Some(ArpNd::default()));
    }

    #[test]
    fn each_is_known_by_its_type_only() {
        let rmac = ExtendedCommunity::router_mac(MacAddr([2, 0, 0, 0, 0, 1]));
        let all = [
            ExtendedCommunity::ENCAPSULATION_VXLAN,
            ExtendedCommunity::DEFAULT_GATEWAY,
            ExtendedCommunity::mac_mobility(MacMobility::default()),
            rmac,
            ExtendedCommunity::arp_nd(ArpNd::default()),
            RouteTarget::two_octet_as(65000, 10).community(),
        ];
        for (i, community) in all.into_iter().enumerate() {
            let known = [
                community.as_encapsulation().is_some(),
                community.is_default_gateway(),
                community.as_mac_mobility().is_some(),
                community.as_router_mac().is_some(),
                community.as_arp_nd().is_some(),
                community.as_route_target().is_some(),
            ];
            assert_eq!(known.iter().position(|known| *known), Some(i));
            assert_eq!(known.iter().filter(|known| **known).count(), 1);
            assert!(community.is_transitive());
        }
        assert!(!ExtendedCommunity([0x40, 2, 0, 0, 0, 0, 0, 0]).is_transitive());
        assert_eq!(all[0].as_encapsulation(), Some(tunnel_type::VXLAN));
        assert_eq!(rmac.as_router_mac(), Some(MacAddr([2, 0, 0, 0, 0, 1])));
    }

    #[test]
    fn each_is_printed_as_frr_prints_it() {
        for (octets, text) in [
            ([0x00, 0x02, 0xfd, 0xe8, 0, 0, 0, 10], "RT:65000:10"),
            ([0x00, 0x03, 0xfd, 0xe8, 0, 0, 0, 10], "SoO:65000:10"),
            ([0x03, 0x0c, 0, 0, 0, 0, 0, 8], "ET:8"),
            ([0x03, 0x0d, 0, 0, 0, 0, 0, 0], "Default Gateway"),
            ([0x06, 0x00, 0, 0, 0, 0, 0, 1], "MM:1"),
            ([0x06, 0x00, 1, 0, 0, 0, 0, 0], "MM:0, sticky MAC"),
            ([0x06, 0x01, 1, 0, 0, 0, 0, 0], "ESI-label-Rt:SA"),
            ([0x06, 0x02, 2, 0, 0, 0, 0, 1], "ES-Import-Rt:02:00:00:00:00:01"),
            ([0x06, 0x03, 2, 0, 0, 0, 0, 1], "Rmac:02:00:00:00:00:01"),
            ([0x06, 0x06, 2, 0, 0, 0, 0x7f, 0xff], "DF: (alg: 2, pref: 32767)"),
            ([0x06, 0x08, 1, 0, 0, 0, 0, 0], "ND:Router Flag"),
            ([0x80, 0x06, 0, 0, 0, 0, 0, 0], "UNK:128, 6"),
        ] {
            assert_eq!(ExtendedCommunity(octets).to_string(), text);
        }
    }
}
