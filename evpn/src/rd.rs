//! The route distinguisher (RFC 4364 §4.2), eight octets in three forms.

use crate::text::number;
use std::{fmt, net::Ipv4Addr, str::FromStr};

/// A route distinguisher as it stands on the wire; its first two octets are its type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RouteDistinguisher(pub [u8; 8]);

impl RouteDistinguisher {
    /// Type 0: a 2-octet AS and a 32-bit number.
    pub fn two_octet_as(asn: u16, number: u32) -> Self {
        let ([a, b], [c, d, e, f]) = (asn.to_be_bytes(), number.to_be_bytes());
        Self([0, 0, a, b, c, d, e, f])
    }

    /// Type 1: an IPv4 address and a 16-bit number. The form RFC 7432 §7.9 recommends.
    pub fn ipv4(address: Ipv4Addr, number: u16) -> Self {
        let ([a, b, c, d], [e, f]) = (address.octets(), number.to_be_bytes());
        Self([0, 1, a, b, c, d, e, f])
    }

    /// Type 2: a 4-octet AS and a 16-bit number.
    pub fn four_octet_as(asn: u32, number: u16) -> Self {
        let ([a, b, c, d], [e, f]) = (asn.to_be_bytes(), number.to_be_bytes());
        Self([0, 2, a, b, c, d, e, f])
    }
}

impl fmt::Display for RouteDistinguisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [t0, t1, a, b, c, d, e, g] = self.0;
        match u16::from_be_bytes([t0, t1]) {
            0 => write!(f, "{}:{}", u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, g])),
            1 => write!(f, "{}:{}", Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([e, g])),
            2 => write!(f, "{}:{}", u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([e, g])),
            other => write!(f, "{other}:{:02x}{:02x}{:02x}{:02x}{:02x}{:02x}", a, b, c, d, e, g),
        }
    }
}

impl fmt::Debug for RouteDistinguisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

crate::text::serde_by_text!(RouteDistinguisher);

/// The text was none of `AS:number`, `A.B.C.D:number`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a route distinguisher (expected AS:NN or A.B.C.D:NN)")]
pub struct ParseRdError;

impl FromStr for RouteDistinguisher {
    type Err = ParseRdError;

    /// `AS:NN` with AS up to 65535 is type 0, a larger AS type 2, `A.B.C.D:NN` type 1.
    fn from_str(text: &str) -> Result<Self, ParseRdError> {
        let (left, right) = text.split_once(':').ok_or(ParseRdError)?;
        if let Ok(address) = left.parse() {
            return Ok(Self::ipv4(address, number(right).ok_or(ParseRdError)?));
        }
        let asn: u32 = number(left).ok_or(ParseRdError)?;
        match u16::try_from(asn) {
            Ok(asn) => Ok(Self::two_octet_as(asn, number(right).ok_or(ParseRdError)?)),
            Err(_) => Ok(Self::four_octet_as(asn, number(right).ok_or(ParseRdError)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_both_ways() {
        for (text, octets) in [
            ("65000:70000", [0, 0, 0xfd, 0xe8, 0, 1, 0x11, 0x70]),
            ("10.0.0.1:7", [0, 1, 10, 0, 0, 1, 0, 7]),
            ("70000:7", [0, 2, 0, 1, 0x11, 0x70, 0, 7]),
        ] {
            let rd: RouteDistinguisher = text.parse().unwrap();
            assert_eq!((rd.0, rd.to_string().as_str()), (octets, text));
        }
    }

    #[test]
    fn what_is_not_a_route_distinguisher_is_refused() {
        for wrong in [
            "",
            ":",
            "1",
            "1:",
            ":1",
            "+1:1",
            "1:+1",
            "1:-1",
            "1: 1",
            "1:1:1",
            "10.0.0.1:65536",
            "70000:65536",
        ] {
            assert_eq!(wrong.parse::<RouteDistinguisher>(), Err(ParseRdError), "{wrong:?}");
        }
        for wrong in ["4294967296:1", "65000:4294967296", "10.0.0:1", "10.0.0.256:1"] {
            assert_eq!(wrong.parse::<RouteDistinguisher>(), Err(ParseRdError), "{wrong:?}");
        }
    }

    #[test]
    fn an_unknown_type_is_printed_in_hexadecimal() {
        assert_eq!(RouteDistinguisher([0, 9, 1, 2, 3, 4, 5, 6]).to_string(), "9:010203040506");
    }
}
