//! The types of a command's variable words, and the cutting of a line into words.
//!
//! Names are FRR's: `A.B.C.D`, `X:X::X:X`, `(1-10)`, `WORD`, `LINE`… A type knows which words it takes,
//! how it is shown in help, and an example of itself.

use crate::config::{
    Adjustment,
    community::{Community, LargeCommunity},
};
use ipnet::{Ipv4Net, Ipv6Net};
use std::net::{Ipv4Addr, Ipv6Addr};
use weft_evpn::{DomainId, MacAddr, RouteDistinguisher, RouteTarget, RouteTargetMatch, Vni};

/// Octets that a Linux interface name may have (`IFNAMSIZ` less the final zero).
pub const MAX_INTERFACE_NAME: usize = 15;

/// A word of a line, and the octet at which it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'a> {
    /// The word.
    pub text: &'a str,
    /// Octets before it in the line.
    pub start: usize,
}

/// Cuts a line at white space.
pub fn words(line: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in line.char_indices() {
        match (c.is_whitespace(), start) {
            (true, Some(from)) => {
                words.extend(line.get(from..at).map(|text| Word { text, start: from }));
                start = None;
            }
            (false, None) => start = Some(at),
            _ => {}
        }
    }
    if let Some(from) = start {
        words.extend(line.get(from..).map(|text| Word { text, start: from }));
    }
    words
}

/// What a variable word may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `A.B.C.D`
    Ipv4,
    /// `X:X::X:X`
    Ipv6,
    /// `A.B.C.D/M`, host bits allowed.
    Ipv4Prefix,
    /// `X:X::X:X/M`, host bits allowed.
    Ipv6Prefix,
    /// `M:M:M`
    Mac,
    /// `ASN`, plain or `high.low`.
    Asn,
    /// `RD`
    Rd,
    /// `RT`
    Rt,
    /// `RTMATCH`: a route target or `*:N`.
    RtMatch,
    /// `VNI`
    Vni,
    /// `DOMAINID`: `N:M`, as in D-PATH.
    DomainId,
    /// `AA:NN`: a community by number or name.
    Community,
    /// `AA:BB:CC`
    LargeCommunity,
    /// `ADJUST`: `N`, `+N`, `-N`.
    Adjustment,
    /// `IFNAME`
    Interface,
    /// `WORD`
    Word,
    /// `LINE`: the rest of the line.
    Line,
    /// `(N-M)`
    Range(u32, u32),
}

impl Kind {
    /// The type that a declaration names, if it is one.
    pub fn from_spec(text: &str) -> Option<Self> {
        Some(match text {
            "A.B.C.D" => Self::Ipv4,
            "X:X::X:X" => Self::Ipv6,
            "A.B.C.D/M" => Self::Ipv4Prefix,
            "X:X::X:X/M" => Self::Ipv6Prefix,
            "M:M:M" => Self::Mac,
            "ASN" => Self::Asn,
            "RD" => Self::Rd,
            "RT" => Self::Rt,
            "RTMATCH" => Self::RtMatch,
            "VNI" => Self::Vni,
            "DOMAINID" => Self::DomainId,
            "AA:NN" => Self::Community,
            "AA:BB:CC" => Self::LargeCommunity,
            "ADJUST" => Self::Adjustment,
            "IFNAME" => Self::Interface,
            "WORD" => Self::Word,
            "LINE" => Self::Line,
            range => {
                let (low, high) = range.strip_prefix('(')?.strip_suffix(')')?.split_once('-')?;
                Self::Range(low.parse().ok()?, high.parse().ok()?)
            }
        })
    }

    /// How help and errors show it.
    pub fn display(self) -> String {
        match self {
            Self::Ipv4 => "A.B.C.D".into(),
            Self::Ipv6 => "X:X::X:X".into(),
            Self::Ipv4Prefix => "A.B.C.D/M".into(),
            Self::Ipv6Prefix => "X:X::X:X/M".into(),
            Self::Mac => "X:X:X:X:X:X".into(),
            Self::Asn => "ASNUM".into(),
            Self::Rd => "ASN:NN_OR_IP-ADDRESS:NN".into(),
            Self::Rt => "ASN:NN_OR_IP-ADDRESS:NN".into(),
            Self::RtMatch => "ASN:NN_OR_IP-ADDRESS:NN_OR_*:NN".into(),
            Self::Vni => format!("(1-{})", Vni::MAX),
            Self::DomainId => "N:M".into(),
            Self::Community => "AA:NN".into(),
            Self::LargeCommunity => "AA:BB:CC".into(),
            Self::Adjustment => "[+|-](0-4294967295)".into(),
            Self::Interface => "IFNAME".into(),
            Self::Word => "WORD".into(),
            Self::Line => "LINE".into(),
            Self::Range(low, high) => format!("({low}-{high})"),
        }
    }

    /// True if the word is of this type.
    pub fn takes(self, word: &str) -> bool {
        match self {
            Self::Ipv4 => word.parse::<Ipv4Addr>().is_ok(),
            Self::Ipv6 => word.parse::<Ipv6Addr>().is_ok(),
            Self::Ipv4Prefix => word.parse::<Ipv4Net>().is_ok(),
            Self::Ipv6Prefix => word.parse::<Ipv6Net>().is_ok(),
            Self::Mac => word.parse::<MacAddr>().is_ok(),
            Self::Asn => parse_asn(word).is_some(),
            Self::Rd => word.parse::<RouteDistinguisher>().is_ok(),
            Self::Rt => word.parse::<RouteTarget>().is_ok(),
            Self::RtMatch => word.parse::<RouteTargetMatch>().is_ok(),
            Self::Vni => word.parse::<Vni>().is_ok(),
            Self::DomainId => word.parse::<DomainId>().is_ok(),
            Self::Community => word.parse::<Community>().is_ok(),
            Self::LargeCommunity => word.parse::<LargeCommunity>().is_ok(),
            Self::Adjustment => word.parse::<Adjustment>().is_ok(),
            Self::Interface => is_interface_name(word),
            Self::Word | Self::Line => !word.is_empty(),
            Self::Range(low, high) => {
                word.bytes().all(|b| b.is_ascii_digit())
                    && word.parse::<u32>().is_ok_and(|number| (low..=high).contains(&number))
            }
        }
    }

    /// True for the types that take nearly any word; others win over them.
    pub fn is_free(self) -> bool {
        matches!(self, Self::Word | Self::Line | Self::Interface)
    }

    /// A word of this type, for tests and documentation.
    pub fn example(self) -> String {
        match self {
            Self::Ipv4 => "192.0.2.1".into(),
            Self::Ipv6 => "2001:db8::1".into(),
            Self::Ipv4Prefix => "192.0.2.0/24".into(),
            Self::Ipv6Prefix => "2001:db8::/32".into(),
            Self::Mac => "02:00:00:00:00:01".into(),
            Self::Asn => "65000".into(),
            Self::Rd | Self::Rt | Self::DomainId => "65000:10".into(),
            Self::RtMatch => "*:10".into(),
            Self::Vni => "10".into(),
            Self::Community => "65000:10".into(),
            Self::LargeCommunity => "65000:1:2".into(),
            Self::Adjustment => "+10".into(),
            Self::Interface => "eth1".into(),
            Self::Word => "example".into(),
            Self::Line => "a line of text".into(),
            Self::Range(low, _) => low.to_string(),
        }
    }
}

/// An AS number, plain (`4200000000`) or in two halves (`64086.59904`, RFC 5396); never 0.
pub fn parse_asn(word: &str) -> Option<u32> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let asn = match word.split_once('.') {
        Some((high, low)) if digits(high) && digits(low) => {
            (u32::from(high.parse::<u16>().ok()?) << 16) | u32::from(low.parse::<u16>().ok()?)
        }
        None if digits(word) => word.parse().ok()?,
        _ => return None,
    };
    (asn != 0).then_some(asn)
}

/// What the kernel takes as an interface name: 1 to 15 octets, no slash, no colon, no white space, not `.` or `..`.
pub fn is_interface_name(word: &str) -> bool {
    (1..=MAX_INTERFACE_NAME).contains(&word.len())
        && word != "."
        && word != ".."
        && !word.chars().any(|c| c.is_whitespace() || c.is_control() || c == '/' || c == ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_know_where_they_start() {
        let cut: Vec<_> = words("  neighbor\t10.0.0.1  x").iter().map(|w| (w.text, w.start)).collect();
        assert_eq!(cut, [("neighbor", 2), ("10.0.0.1", 11), ("x", 21)]);
        assert!(words("   ").is_empty());
    }

    #[test]
    fn an_asn_is_plain_or_dotted_and_never_zero() {
        assert_eq!(parse_asn("65000"), Some(65000));
        assert_eq!(parse_asn("1.10"), Some(65546));
        assert_eq!(parse_asn("4294967295"), Some(u32::MAX));
        for bad in ["0", "0.0", "4294967296", "1.70000", "-1", "+1", "1.2.3", "", "1."] {
            assert_eq!(parse_asn(bad), None, "{bad}");
        }
    }

    #[test]
    fn ranges_take_digits_only() {
        let kind = Kind::from_spec("(0-65535)").unwrap();
        assert!(kind.takes("0") && kind.takes("65535"));
        assert!(!kind.takes("65536") && !kind.takes("+1") && !kind.takes("1a") && !kind.takes(""));
    }

    #[test]
    fn every_type_takes_its_own_example() {
        for spec in [
            "A.B.C.D",
            "X:X::X:X",
            "A.B.C.D/M",
            "X:X::X:X/M",
            "M:M:M",
            "ASN",
            "RD",
            "RT",
            "RTMATCH",
            "VNI",
            "DOMAINID",
            "AA:NN",
            "AA:BB:CC",
            "ADJUST",
            "IFNAME",
            "WORD",
        ] {
            let kind = Kind::from_spec(spec).unwrap();
            assert!(kind.takes(&kind.example()), "{spec}");
        }
        assert!(Kind::from_spec("router").is_none());
        assert!(!Kind::Interface.takes("sixteen-octets--") && Kind::Interface.takes("fifteen-octets-"));
    }
}
