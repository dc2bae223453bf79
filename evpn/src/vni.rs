//! The VXLAN network identifier: 24 bits, carried in all 24 bits of an EVPN label (RFC 8365 §5.1.3).

use std::{fmt, str::FromStr};

/// A VNI, 1 to 16,777,215.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Vni(u32);

/// The number is 0 or needs more than 24 bits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a VNI (expected 1 to 16777215)")]
pub struct InvalidVni;

impl Vni {
    /// The largest VNI.
    pub const MAX: u32 = 0x00ff_ffff;

    /// The smallest VNI.
    pub const LOWEST: Vni = Vni(1);

    /// `None` for 0 and for what does not fit 24 bits.
    pub fn new(value: u32) -> Option<Self> {
        (1..=Self::MAX).contains(&value).then_some(Vni(value))
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }

    /// The VNI in a label field: all 24 bits, no shift, no bottom-of-stack bit (RFC 8365 §5.1.3).
    pub fn from_label(label: [u8; 3]) -> Option<Self> {
        let [a, b, c] = label;
        Self::new(u32::from_be_bytes([0, a, b, c]))
    }

    /// The label field that carries this VNI.
    pub fn to_label(self) -> [u8; 3] {
        let [_, a, b, c] = self.0.to_be_bytes();
        [a, b, c]
    }
}

impl TryFrom<u32> for Vni {
    type Error = InvalidVni;
    fn try_from(value: u32) -> Result<Self, InvalidVni> {
        Self::new(value).ok_or(InvalidVni)
    }
}

impl From<Vni> for u32 {
    fn from(vni: Vni) -> u32 {
        vni.0
    }
}

impl FromStr for Vni {
    type Err = InvalidVni;
    fn from_str(text: &str) -> Result<Self, InvalidVni> {
        crate::text::number(text).and_then(Self::new).ok_or(InvalidVni)
    }
}

impl fmt::Display for Vni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Vni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vni {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_holds_the_vni_in_all_24_bits() {
        assert_eq!(Vni::new(101).unwrap().to_label(), [0, 0, 0x65]);
        assert_eq!(Vni::from_label([0x01, 0x11, 0x70]), Vni::new(70_000));
        assert_eq!(Vni::from_label([0xff; 3]), Vni::new(Vni::MAX));
        assert_eq!(Vni::from_label([0; 3]), None);
    }

    #[test]
    fn text_is_checked() {
        assert_eq!("16777215".parse::<Vni>().map(Vni::get), Ok(Vni::MAX));
        for wrong in ["", "0", "16777216", "+1", "-1", " 1", "1a"] {
            assert_eq!(wrong.parse::<Vni>(), Err(InvalidVni), "{wrong:?}");
        }
    }
}
