//! The Ethernet segment identifier (RFC 7432 §5): ten octets, all zero for a single-homed host.

use std::{fmt, str::FromStr};

/// An ESI. The first octet is its type, 0 to 5.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Esi(pub [u8; 10]);

impl Esi {
    /// The ESI of single-homed hosts.
    pub const ZERO: Esi = Esi([0; 10]);
    /// Reserved (RFC 7432 §5).
    pub const MAX: Esi = Esi([0xff; 10]);

    /// True for the ESI of single-homed hosts.
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// The type octet; RFC 7432 §5 defines 0 to 5.
    pub fn esi_type(self) -> u8 {
        self.0[0]
    }
}

impl fmt::Display for Esi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02x}", if i == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Esi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text was not ten octets in hexadecimal with colons between.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an Ethernet segment identifier (expected ten octets, 03:44:38:39:ff:ff:01:00:00:01)")]
pub struct ParseEsiError;

impl FromStr for Esi {
    type Err = ParseEsiError;

    fn from_str(text: &str) -> Result<Self, ParseEsiError> {
        crate::text::octets(text).map(Esi).ok_or(ParseEsiError)
    }
}

crate::text::serde_by_text!(Esi);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_both_ways() {
        let text = "03:44:38:39:ff:ff:01:00:00:01";
        assert_eq!(text.parse::<Esi>().unwrap().to_string(), text);
        for wrong in ["", "03", "03:44:38:39:ff:ff:01:00:00", "03:44:38:39:ff:ff:01:00:00:01:02", "00:x"] {
            assert_eq!(wrong.parse::<Esi>(), Err(ParseEsiError), "{wrong:?}");
        }
    }
}
