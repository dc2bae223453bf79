//! EVPN domains: a site, a pod, a core. MAC/IP detail stays inside one; a gateway originates
//! prefixes anew from one into another. draft-ietf-bess-evpn-ipvpn-interworking §4 (D-PATH).

use crate::text::number;
use std::{fmt, str::FromStr};

/// What a domain is called in D-PATH: a 4-octet and a 2-octet number, written `N:M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainId(pub [u8; 6]);

impl DomainId {
    /// The identifier of a domain that has a name only: the first octets of a hash of the
    /// name, the same at every router.
    pub fn of_name(name: &str) -> Self {
        // FNV-1a, 64 bits: stable for ever and everywhere, which the hashers of libraries are not.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let [a, b, c, d, e, f, ..] = hash.to_be_bytes();
        Self([a, b, c, d, e, f])
    }

    /// From its two numbers.
    pub fn new(global: u32, local: u16) -> Self {
        let ([a, b, c, d], [e, f]) = (global.to_be_bytes(), local.to_be_bytes());
        Self([a, b, c, d, e, f])
    }
}

impl Default for DomainId {
    /// The domain `local`, which neighbours are in unless the configuration says otherwise.
    fn default() -> Self {
        Self::of_name("local")
    }
}

impl fmt::Display for DomainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{}:{}", u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([e, g]))
    }
}

/// The text was not `N:M`, a 4-octet and a 2-octet number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a domain identifier (expected N:M, up to 4294967295:65535)")]
pub struct ParseDomainError;

impl FromStr for DomainId {
    type Err = ParseDomainError;

    fn from_str(text: &str) -> Result<Self, ParseDomainError> {
        let (global, local) = text.split_once(':').ok_or(ParseDomainError)?;
        Ok(Self::new(number(global).ok_or(ParseDomainError)?, number(local).ok_or(ParseDomainError)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_both_ways() {
        let id: DomainId = "65000:7".parse().unwrap();
        assert_eq!((id, id.to_string().as_str()), (DomainId::new(65000, 7), "65000:7"));
        for bad in ["", "1", "1:", ":1", "4294967296:1", "1:65536", "1:2:3", "+1:2"] {
            assert!(bad.parse::<DomainId>().is_err(), "{bad}");
        }
    }
}
