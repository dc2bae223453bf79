//! NLRI of IPv4 and IPv6 unicast: a length in bits and as many octets as it needs (RFC 4271
//! §4.3, RFC 4760 §5). Bits beyond the length say nothing, so they are masked when read.
//!
//! The tables' key of a prefix is its whole address and then its length: keys sort by address,
//! the shorter prefix first, as the shows print them. There is no rest. What a prefix is good
//! for (a multicast address cannot be routed to) is the RIB's matter.

use super::family::{Family, NlriError, NlriParts};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::IpAddr;
use weft_evpn::nlri::{NlriKey, NlriRest};

/// Why octets are not a prefix; the session is reset (RFC 7606 §5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// More bits than an address of the family has.
    #[error("a prefix length of {length} where {most} is the most")]
    Length {
        /// The length.
        length: u8,
        /// Bits of an address.
        most: u8,
    },
    /// Fewer octets than the length asks for.
    #[error("a prefix that is cut off")]
    Truncated,
    /// More octets than one prefix.
    #[error("octets behind a prefix")]
    Trailing,
    /// The family has no prefixes of this kind.
    #[error("a prefix of another address family")]
    Family,
}

/// How many octets the prefix at the front takes: `N` is the length of an address.
fn measure<const N: usize>(wire: &[u8]) -> Result<usize, NlriError> {
    let &length = wire.first().ok_or(PrefixError::Truncated)?;
    if usize::from(length) > N * 8 {
        return Err(PrefixError::Length { length, most: (N * 8) as u8 }.into());
    }
    let whole = 1 + usize::from(length).div_ceil(8);
    if wire.len() < whole { Err(PrefixError::Truncated.into()) } else { Ok(whole) }
}

fn split<const N: usize>(wire: &[u8]) -> Result<NlriParts, NlriError> {
    if measure::<N>(wire)? != wire.len() {
        return Err(PrefixError::Trailing.into());
    }
    let (&length, octets) = wire.split_first().ok_or(PrefixError::Truncated)?;
    let mut address = [0; N];
    for (octet, received) in address.iter_mut().zip(octets) {
        *octet = *received;
    }
    if let Some(last) = address.get_mut(usize::from(length / 8)) {
        *last &= !(0xff >> (length % 8));
    }
    let mut key = NlriKey::from_slice(&address);
    key.push(length);
    Ok((key, NlriRest::new()))
}

/// Puts a prefix together, appending; the same for both families.
pub(super) fn join(key: &[u8], _rest: &[u8], out: &mut Vec<u8>) {
    let Some((&length, address)) = key.split_last() else { return };
    out.push(length);
    out.extend(address.iter().take(usize::from(length).div_ceil(8)));
}

pub(super) fn measure_ipv4(wire: &[u8]) -> Result<usize, NlriError> {
    measure::<4>(wire)
}

pub(super) fn measure_ipv6(wire: &[u8]) -> Result<usize, NlriError> {
    measure::<16>(wire)
}

/// The same by the length octet alone, for what has been measured before.
pub(super) fn length(wire: &[u8]) -> Option<usize> {
    wire.first().map(|&bits| 1 + usize::from(bits).div_ceil(8))
}

pub(super) fn split_ipv4(wire: &[u8]) -> Result<NlriParts, NlriError> {
    split::<4>(wire)
}

pub(super) fn split_ipv6(wire: &[u8]) -> Result<NlriParts, NlriError> {
    split::<16>(wire)
}

/// The family of a prefix.
pub fn family(prefix: &IpNet) -> Family {
    match prefix {
        IpNet::V4(_) => Family::Ipv4Unicast,
        IpNet::V6(_) => Family::Ipv6Unicast,
    }
}

/// The key of a prefix, host bits masked.
pub fn key(prefix: &IpNet) -> NlriKey {
    let mut key = match prefix.network() {
        IpAddr::V4(address) => NlriKey::from_slice(&address.octets()),
        IpAddr::V6(address) => NlriKey::from_slice(&address.octets()),
    };
    key.push(prefix.prefix_len());
    key
}

/// The prefix of a key; `None` for what is no key of a unicast family.
pub fn prefix_of(key: &[u8]) -> Option<IpNet> {
    let (&length, address) = key.split_last()?;
    match *address {
        [a, b, c, d] => Ipv4Net::new([a, b, c, d].into(), length).ok().map(IpNet::V4),
        _ => Ipv6Net::new(<[u8; 16]>::try_from(address).ok()?.into(), length).ok().map(IpNet::V6),
    }
}

/// The NLRI of a prefix, host bits masked.
pub fn nlri(prefix: &IpNet) -> Vec<u8> {
    let mut wire = Vec::new();
    join(&key(prefix), &[], &mut wire);
    wire
}

/// Reads one whole NLRI of a unicast family.
pub fn parse(family: Family, wire: &[u8]) -> Result<IpNet, NlriError> {
    let (key, _) = match family {
        Family::Ipv4Unicast => split_ipv4(wire),
        Family::Ipv6Unicast => split_ipv6(wire),
        Family::L2vpnEvpn | Family::RtFilter => Err(PrefixError::Family.into()),
    }?;
    prefix_of(&key).ok_or(PrefixError::Family.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn net(text: &str) -> IpNet {
        text.parse().expect("a prefix")
    }

    #[test]
    fn prefixes_have_the_octets_of_rfc_4271() {
        for (text, wire) in [
            ("0.0.0.0/0", &[0][..]),
            ("10.0.0.0/8", &[8, 10]),
            ("10.128.0.0/9", &[9, 10, 128]),
            ("192.0.2.1/32", &[32, 192, 0, 2, 1]),
            ("::/0", &[0]),
            ("2001:db8::/32", &[32, 0x20, 1, 0xd, 0xb8]),
            ("2001:db8:80::/41", &[41, 0x20, 1, 0xd, 0xb8, 0, 0x80]),
        ] {
            let prefix = net(text);
            assert_eq!(nlri(&prefix), wire, "{text}");
            assert_eq!(parse(family(&prefix), wire), Ok(prefix), "{text}");
        }
    }

    #[test]
    fn host_bits_are_masked_in_the_key() {
        assert_eq!(parse(Family::Ipv4Unicast, &[9, 10, 255]), Ok(net("10.128.0.0/9")));
        assert_eq!(split_ipv4(&[9, 10, 255]), split_ipv4(&[9, 10, 128]));
        assert_eq!(key(&net("10.1.2.3/8")), key(&net("10.0.0.0/8")));
        assert_eq!(parse(Family::Ipv6Unicast, &[3, 0xff]), Ok(net("e000::/3")));
        assert_eq!(parse(Family::Ipv6Unicast, &[0]), Ok(net("::/0")));
    }

    #[test]
    fn bad_lengths_are_refused() {
        for wire in [&[][..], &[33, 1, 2, 3, 4, 5], &[255], &[8], &[32, 1, 2, 3]] {
            assert!(measure_ipv4(wire).is_err(), "{wire:?}");
        }
        assert!(measure_ipv6(&[129; 20]).is_err());
        assert!(measure_ipv6(&[128; 16]).is_err());
        assert_eq!(measure_ipv6(&[128; 17]), Ok(17));
        assert!(split_ipv4(&[8, 10, 0]).is_err());
        assert!(parse(Family::L2vpnEvpn, &[8, 10]).is_err());
    }

    proptest! {
        #[test]
        fn any_prefix_comes_back(bits: u128, length in 0..=128u8) {
            let prefix = IpNet::V6(Ipv6Net::new(bits.into(), length).expect("a length").trunc());
            prop_assert_eq!(parse(Family::Ipv6Unicast, &nlri(&prefix)), Ok(prefix));
            prop_assert_eq!(prefix_of(&key(&prefix)), Some(prefix));
            let length = length % 33;
            let short = (bits >> 96) as u32;
            let prefix = IpNet::V4(Ipv4Net::new(short.into(), length).expect("a length").trunc());
            prop_assert_eq!(parse(Family::Ipv4Unicast, &nlri(&prefix)), Ok(prefix));
            prop_assert_eq!(prefix_of(&key(&prefix)), Some(prefix));
        }

        #[test]
        fn what_is_split_is_joined(wire in proptest::collection::vec(any::<u8>(), 0..20)) {
            for row in [Family::Ipv4Unicast.row(), Family::Ipv6Unicast.row()] {
                let Ok(length) = (row.measure)(&wire) else { continue };
                let (key, rest) = (row.split)(&wire[..length]).expect("measured");
                let mut joined = Vec::new();
                (row.join)(&key, &rest, &mut joined);
                prop_assert_eq!((row.split)(&joined), Ok((key, rest)));
            }
        }
    }
}
