//! Route targets (RFC 4360 §4), and what an import statement matches.

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

/// The text was none of `AS:NN`, `A.B.C.D:NN` (and, for an import, `*:NN`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a route target (expected AS:NN or A.B.C.D:NN; an import also takes *:NN)")]
pub struct ParseRtError;

impl FromStr for RouteTarget {
    type Err = ParseRtError;

    /// `AS:NN` with AS up to 65535 takes the 2-octet form, a larger AS the 4-octet form.
    fn from_str(text: &str) -> Result<Self, ParseRtError> {
        let (left, right) = text.split_once(':').ok_or(ParseRtError)?;
        if let Ok(address) = left.parse::<Ipv4Addr>() {
            return Ok(Self::ipv4(address, right.parse().map_err(|_| ParseRtError)?));
        }
        let asn: u32 = left.parse().map_err(|_| ParseRtError)?;
        match u16::try_from(asn) {
            Ok(asn) => Ok(Self::two_octet_as(asn, right.parse().map_err(|_| ParseRtError)?)),
            Err(_) => Ok(Self::four_octet_as(asn, right.parse().map_err(|_| ParseRtError)?)),
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
            Some(number) => Ok(Self::AnyAs(number.parse().map_err(|_| ParseRtError)?)),
            None => text.parse().map(Self::Exact),
        }
    }
}
