//! The community attributes: lists of values of one size. A length that is not a multiple
//! of the size, or zero, is malformed (RFC 7606 §7.8, §7.14, §7.15, RFC 8092 §5).

use super::Malformed;
use std::collections::HashSet;
use weft_evpn::ExtendedCommunity;

/// The values of `N` octets that fill `value`.
fn chunks<const N: usize>(value: &[u8]) -> Result<&[[u8; N]], Malformed> {
    match value.as_chunks::<N>() {
        ([], _) => Err(Malformed::Length),
        (chunks, []) => Ok(chunks),
        _ => Err(Malformed::Length),
    }
}

/// COMMUNITIES (RFC 1997), also CLUSTER_LIST (RFC 4456): 4 octets each.
pub(super) fn parse_u32s(value: &[u8]) -> Result<Vec<u32>, Malformed> {
    Ok(chunks::<4>(value)?.iter().map(|octets| u32::from_be_bytes(*octets)).collect())
}

/// EXTENDED COMMUNITIES (RFC 4360): 8 octets each.
pub(super) fn parse_extended(value: &[u8]) -> Result<Vec<ExtendedCommunity>, Malformed> {
    Ok(chunks::<8>(value)?.iter().map(|octets| ExtendedCommunity(*octets)).collect())
}

/// IPv6-address-specific extended communities (RFC 5701): 20 octets each.
pub(super) fn parse_ipv6_extended(value: &[u8]) -> Result<Vec<[u8; 20]>, Malformed> {
    chunks::<20>(value).map(<[_]>::to_vec)
}

/// LARGE_COMMUNITY (RFC 8092): 12 octets each; duplicates are removed (§2).
pub(super) fn parse_large(value: &[u8]) -> Result<Vec<[u32; 3]>, Malformed> {
    let mut seen = HashSet::with_hasher(foldhash::fast::RandomState::default());
    Ok(chunks::<12>(value)?
        .iter()
        .map(|&[a, b, c, d, e, f, g, h, i, j, k, l]| {
            [[a, b, c, d], [e, f, g, h], [i, j, k, l]].map(u32::from_be_bytes)
        })
        .filter(|community| seen.insert(*community))
        .collect())
}
