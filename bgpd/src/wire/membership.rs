//! NLRI of route target membership (RFC 4684 §4): a prefix of 0 to 96 bits over the origin AS
//! and the route target that is asked for. None of the bits means every route; else the whole
//! AS is there, so 1 to 31 bits mean nothing (`is_meaningless`). More than 96 cannot be read, and
//! the session is reset (RFC 7606 §5.3).
//!
//! The tables' key is AS, route target and length, as `unicast` has it for prefixes. Whose
//! routes a membership lets through is `rib::constrain`'s matter.

use super::family::{NlriError, NlriParts};
use super::unicast::PrefixError;
use std::fmt;
use weft_evpn::{
    ExtendedCommunity, RouteTarget,
    nlri::{NlriKey, NlriRest},
};

/// Bits of the origin AS.
const ORIGIN_BITS: u8 = 32;
/// Bits of the origin AS and the route target.
const WHOLE_BITS: u8 = 96;
const WHOLE_OCTETS: usize = 12;

/// What somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Membership {
    origin: u32,
    /// Bits beyond the length are 0.
    target: [u8; 8],
    length: u8,
}

impl Membership {
    /// Every route there is: the default membership.
    pub const DEFAULT: Membership = Membership { origin: 0, target: [0; 8], length: 0 };

    /// The routes with this route target, for an AS.
    pub fn exact(origin: u32, target: RouteTarget) -> Self {
        Self { origin, target: target.community().0, length: WHOLE_BITS }
    }

    /// The AS that asks; `None` in the default membership.
    pub fn origin(&self) -> Option<u32> {
        (self.length > 0).then_some(self.origin)
    }

    /// The first octets of the route targets asked for, and how many bits of them count.
    pub fn target(&self) -> ([u8; 8], u8) {
        (self.target, self.length.saturating_sub(ORIGIN_BITS))
    }

    /// From the tables' key; `None` for what is none.
    pub fn from_key(key: &[u8]) -> Option<Self> {
        let (&length, octets) = key.split_last()?;
        let (origin, target) = octets.split_first_chunk::<4>()?;
        let target = <[u8; 8]>::try_from(target).ok()?;
        (length <= WHOLE_BITS).then_some(Self { origin: u32::from_be_bytes(*origin), target, length })
    }

    /// The tables' key.
    pub fn key(&self) -> NlriKey {
        let mut key = NlriKey::from_slice(&self.origin.to_be_bytes());
        key.extend_from_slice(&self.target);
        key.push(self.length);
        key
    }

    /// The NLRI.
    pub fn to_wire(&self) -> Vec<u8> {
        let mut wire = Vec::new();
        join(&self.key(), &[], &mut wire);
        wire
    }
}

impl fmt::Display for Membership {
    /// `default`, `AS:RT`, or `AS:OCTETS/BITS` for a part of a route target.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.length {
            0 => f.write_str("default"),
            WHOLE_BITS => write!(f, "{}:{}", self.origin, TargetText(self.target)),
            length => {
                write!(f, "{}:", self.origin)?;
                for octet in
                    self.target.iter().take(usize::from(length.saturating_sub(ORIGIN_BITS)).div_ceil(8))
                {
                    write!(f, "{octet:02x}")?;
                }
                write!(f, "/{length}")
            }
        }
    }
}

/// A route target in words: `65000:10`, or for the ES-Import route target `es:MAC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetText(pub [u8; 8]);

impl fmt::Display for TargetText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (RouteTarget::from_community(ExtendedCommunity(self.0)), self.0) {
            (Some(target), _) => target.fmt(f),
            (None, [0x06, 0x02, a, b, c, d, e, g]) => {
                write!(f, "es:{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
            }
            (None, octets) => {
                f.write_str("0x")?;
                octets.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
            }
        }
    }
}

/// True for a key with a part of an origin AS, which says nothing (RFC 4684 §4).
pub fn is_meaningless(key: &[u8]) -> bool {
    key.last().is_some_and(|length| (1..ORIGIN_BITS).contains(length))
}

/// How many octets the NLRI at the front takes.
pub(super) fn measure(wire: &[u8]) -> Result<usize, NlriError> {
    let &length = wire.first().ok_or(PrefixError::Truncated)?;
    if length > WHOLE_BITS {
        return Err(PrefixError::Length { length, most: WHOLE_BITS }.into());
    }
    let whole = 1 + usize::from(length).div_ceil(8);
    if wire.len() < whole { Err(PrefixError::Truncated.into()) } else { Ok(whole) }
}

pub(super) fn split(wire: &[u8]) -> Result<NlriParts, NlriError> {
    if measure(wire)? != wire.len() {
        return Err(PrefixError::Trailing.into());
    }
    let (&length, received) = wire.split_first().ok_or(PrefixError::Truncated)?;
    let mut octets = [0; WHOLE_OCTETS];
    for (octet, received) in octets.iter_mut().zip(received) {
        *octet = *received;
    }
    if let Some(last) = octets.get_mut(usize::from(length / 8)) {
        *last &= !(0xff >> (length % 8));
    }
    let mut key = NlriKey::from_slice(&octets);
    key.push(length);
    Ok((key, NlriRest::new()))
}

pub(super) fn join(key: &[u8], _rest: &[u8], out: &mut Vec<u8>) {
    let Some((&length, octets)) = key.split_last() else { return };
    out.push(length);
    out.extend(octets.iter().take(usize::from(length).div_ceil(8)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(wire: &[u8]) -> Option<Membership> {
        split(wire).ok().and_then(|(key, _)| Membership::from_key(&key))
    }

    #[test]
    fn memberships_have_the_octets_of_rfc_4684() {
        let target: RouteTarget = "65000:10".parse().expect("a route target");
        let whole = Membership::exact(65_000, target);
        assert_eq!(whole.to_wire(), [96, 0, 0, 0xfd, 0xe8, 0, 2, 0xfd, 0xe8, 0, 0, 0, 10]);
        assert_eq!(Membership::DEFAULT.to_wire(), [0]);
        for (membership, text) in [(whole, "65000:65000:10"), (Membership::DEFAULT, "default")] {
            assert_eq!(parse(&membership.to_wire()), Some(membership));
            assert_eq!(membership.to_string(), text);
        }
    }

    #[test]
    fn a_part_of_a_route_target_is_masked_and_said_in_hexadecimal() {
        let some = parse(&[60, 0, 0, 0xfd, 0xe8, 0, 2, 0xfd, 0xef]).expect("a membership");
        assert_eq!(some.target(), ([0, 2, 0xfd, 0xe0, 0, 0, 0, 0], 28));
        assert_eq!(some.to_string(), "65000:0002fde0/60");
        let of_an_as = parse(&[32, 0, 0, 0xfd, 0xe8]).expect("a membership");
        assert_eq!((of_an_as.origin(), of_an_as.target().1), (Some(65_000), 0));
        assert_eq!(Membership::DEFAULT.origin(), None);
        let of_half_an_as = parse(&[16, 0xfd, 0xe8]).expect("readable");
        assert_eq!(of_half_an_as.to_string(), "4259840000:/16", "it says nothing, and has a text");
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_what_says_nothing_is_known() {
        for wire in [&[][..], &[97; 20], &[255], &[96; 12], &[32, 0, 0, 0]] {
            assert!(measure(wire).is_err(), "{wire:?}");
        }
        assert!(split(&[32, 0, 0, 0, 1, 2]).is_err(), "octets behind it");
        let key = |wire: &[u8]| split(wire).expect("readable").0;
        assert!(is_meaningless(&key(&[31, 0, 0, 0, 2])) && is_meaningless(&key(&[1, 0x80])));
        assert!(!is_meaningless(&key(&[0])) && !is_meaningless(&key(&[32, 0, 0, 0, 1])));
    }

    #[test]
    fn the_es_import_route_target_has_a_text() {
        assert_eq!(TargetText([6, 2, 0, 1, 2, 3, 4, 5]).to_string(), "es:00:01:02:03:04:05");
        assert_eq!(TargetText([3, 12, 0, 0, 0, 0, 0, 8]).to_string(), "0x030c000000000008");
    }

    proptest! {
        #[test]
        fn what_is_split_is_joined(wire in proptest::collection::vec(any::<u8>(), 0..15), length in 0..=100u8) {
            let wire = [&[length][..], &wire].concat();
            if let Ok(octets) = measure(&wire) {
                let (key, rest) = split(&wire[..octets]).expect("measured");
                let mut joined = Vec::new();
                join(&key, &rest, &mut joined);
                prop_assert_eq!(joined.len(), octets);
                prop_assert_eq!(split(&joined), Ok((key.clone(), rest)));
                let membership = Membership::from_key(&key).expect("a key");
                prop_assert_eq!(membership.key(), key);
                prop_assert_eq!(membership.to_wire(), joined);
            }
        }
    }
}
