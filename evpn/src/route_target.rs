//! Route targets (RFC 4360 §4), and what an import statement matches.

use crate::text::{number, serde_by_text};
use crate::{ExtendedCommunity, Vni};
use std::{fmt, net::Ipv4Addr, str::FromStr};

/// A route target: an extended community of sub-type 2 in one of three forms.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteTarget(ExtendedCommunity);

impl RouteTarget {
    /// 2-octet AS form.
    pub fn two_octet_as(asn: u16, number: u32) -> Self {
        let ([a, b], [c, d, e, f]) = (asn.to_be_bytes(), number.to_be_bytes());
        Self(ExtendedCommunity([0x00, 0x02, a, b, c, d, e, f]))
    }

    /// IPv4 form.
    pub fn ipv4(address: Ipv4Addr, number: u16) -> Self {
        let ([a, b, c, d], [e, f]) = (address.octets(), number.to_be_bytes());
        Self(ExtendedCommunity([0x01, 0x02, a, b, c, d, e, f]))
    }

    /// 4-octet AS form (RFC 5668).
    pub fn four_octet_as(asn: u32, number: u16) -> Self {
        let ([a, b, c, d], [e, f]) = (asn.to_be_bytes(), number.to_be_bytes());
        Self(ExtendedCommunity([0x02, 0x02, a, b, c, d, e, f]))
    }

    /// The route target that FRR derives: the low 16 bits of the AS, then the VNI.
    pub fn auto(asn: u32, vni: Vni) -> Self {
        let [_, _, a, b] = asn.to_be_bytes();
        Self::two_octet_as(u16::from_be_bytes([a, b]), vni.get())
    }

    /// RFC 8365 §5.1.2.1: the low 16 bits of the AS, then A=0, type 1 (VXLAN), domain 0 and the VNI.
    pub fn auto_rfc8365(asn: u32, vni: Vni) -> Self {
        let [_, _, a, b] = asn.to_be_bytes();
        Self::two_octet_as(u16::from_be_bytes([a, b]), 0x1000_0000 | vni.get())
    }

    /// `None` if the community is not a route target.
    pub fn from_community(community: ExtendedCommunity) -> Option<Self> {
        matches!(community.0, [0x00..=0x02, 0x02, ..]).then_some(Self(community))
    }

    /// The community that carries it.
    pub fn community(self) -> ExtendedCommunity {
        self.0
    }

    /// The number behind the colon: what `*:N` compares.
    pub fn local_part(self) -> u32 {
        match self.0.0 {
            [0x00, _, _, _, a, b, c, d] => u32::from_be_bytes([a, b, c, d]),
            [.., a, b] => u32::from(u16::from_be_bytes([a, b])),
        }
    }
}

impl fmt::Display for RouteTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [form, _, a, b, c, d, e, g] = self.0.0;
        match form {
            0 => write!(f, "{}:{}", u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, g])),
            1 => write!(f, "{}:{}", Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([e, g])),
            _ => write!(f, "{}:{}", u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([e, g])),
        }
    }
}

impl fmt::Debug for RouteTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

serde_by_text!(RouteTarget);
serde_by_text!(RouteTargetMatch);

/// The text was none of `AS:NN`, `A.B.C.D:NN` (and, for an import, `*:NN`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a route target (expected AS:NN or A.B.C.D:NN; an import also takes *:NN)")]
pub struct ParseRtError;

impl FromStr for RouteTarget {
    type Err = ParseRtError;

    /// `AS:NN` with AS up to 65535 takes the 2-octet form, a larger AS the 4-octet form.
    fn from_str(text: &str) -> Result<Self, ParseRtError> {
        let (left, right) = text.split_once(':').ok_or(ParseRtError)?;
        if let Ok(address) = left.parse() {
            return Ok(Self::ipv4(address, number(right).ok_or(ParseRtError)?));
        }
        let asn: u32 = number(left).ok_or(ParseRtError)?;
        match u16::try_from(asn) {
            Ok(asn) => Ok(Self::two_octet_as(asn, number(right).ok_or(ParseRtError)?)),
            Err(_) => Ok(Self::four_octet_as(asn, number(right).ok_or(ParseRtError)?)),
        }
    }
}

/// What an import statement matches: one route target, or any with a given local part (`*:N`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteTargetMatch {
    /// Exactly this route target.
    Exact(RouteTarget),
    /// Any route target of any form whose local part is this number.
    AnyAs(u32),
}

impl RouteTargetMatch {
    /// True if a route with this route target is imported.
    pub fn matches(self, target: RouteTarget) -> bool {
        match self {
            Self::Exact(wanted) => wanted == target,
            Self::AnyAs(number) => target.local_part() == number,
        }
    }
}

impl fmt::Display for RouteTargetMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(target) => fmt::Display::fmt(target, f),
            Self::AnyAs(number) => write!(f, "*:{number}"),
        }
    }
}

impl FromStr for RouteTargetMatch {
    type Err = ParseRtError;

    fn from_str(text: &str) -> Result<Self, ParseRtError> {
        match text.strip_prefix("*:") {
            Some(local) => Ok(Self::AnyAs(number(local).ok_or(ParseRtError)?)),
            None => text.parse().map(Self::Exact),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_both_ways() {
        for (text, octets) in [
            ("65000:70000", [0, 2, 0xfd, 0xe8, 0, 1, 0x11, 0x70]),
            ("10.0.0.1:7", [1, 2, 10, 0, 0, 1, 0, 7]),
            ("70000:7", [2, 2, 0, 1, 0x11, 0x70, 0, 7]),
        ] {
            let target: RouteTarget = text.parse().unwrap();
            assert_eq!(target.community().0, octets);
            assert_eq!(target.to_string(), text);
            assert_eq!(RouteTarget::from_community(target.community()), Some(target));
        }
        for text in ["*:10", "65000:10"] {
            assert_eq!(text.parse::<RouteTargetMatch>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_route_target_is_refused() {
        for wrong in ["", "1:", ":1", "+1:1", "1:+1", "1:1:1", "70000:65536", "10.0.0.1:65536", "*:10"] {
            assert_eq!(wrong.parse::<RouteTarget>(), Err(ParseRtError), "{wrong:?}");
        }
        for wrong in ["*", "*:", "*:+1", "*:4294967296", "**:1"] {
            assert_eq!(wrong.parse::<RouteTargetMatch>(), Err(ParseRtError), "{wrong:?}");
        }
    }

    #[test]
    fn other_communities_are_not_route_targets() {
        // Site of origin, Encapsulation, ES-Import, a non-transitive form.
        for first in [[0x00, 0x03], [0x03, 0x0c], [0x06, 0x02], [0x40, 0x02]] {
            let community = ExtendedCommunity([first[0], first[1], 0, 0, 0, 0, 0, 1]);
            assert_eq!(RouteTarget::from_community(community), None);
        }
    }

    #[test]
    fn derived_targets_carry_the_low_half_of_the_as() {
        let vni = Vni::new(10).unwrap();
        assert_eq!(RouteTarget::auto(0x0001_fde8, vni).to_string(), "65000:10");
        assert_eq!(RouteTarget::auto_rfc8365(65000, vni).local_part(), 0x1000_000a);
    }

    #[test]
    fn any_as_compares_the_local_part_of_every_form() {
        let any: RouteTargetMatch = "*:10".parse().unwrap();
        for text in ["65000:10", "10.0.0.1:10", "70000:10"] {
            assert!(any.matches(text.parse().unwrap()), "{text}");
        }
        assert!(!any.matches("10:11".parse().unwrap()));
        let exact: RouteTargetMatch = "65000:10".parse().unwrap();
        assert!(exact.matches("65000:10".parse().unwrap()));
        assert!(!exact.matches("65001:10".parse().unwrap()));
    }
}
