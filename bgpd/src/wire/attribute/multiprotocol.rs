//! MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760 §3, §4): family and next hop; the NLRI are
//! the family's. An error here resets the session, because what follows cannot be found
//! (RFC 7606 §7.11).

use crate::wire::family::{Family, FamilyRow};
use crate::wire::reader::Reader;
use std::net::{IpAddr, Ipv6Addr};

/// The next hop of a MP_REACH_NLRI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wire) struct NextHop {
    pub address: IpAddr,
    /// Only in families that allow 32 octets (RFC 2545 §3).
    pub link_local: Option<Ipv6Addr>,
}

/// The front of either attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wire) struct Numbers {
    pub afi: u16,
    pub safi: u8,
}

/// Reads AFI and SAFI; gives the octets that follow. `None` when there are fewer than 3.
pub(in crate::wire) fn parse_numbers(value: &[u8]) -> Option<(Numbers, &[u8])> {
    let mut reader = Reader(value);
    let (afi, safi) = (reader.u16()?, reader.u8()?);
    Some((Numbers { afi, safi }, reader.0))
}

/// Reads the next hop and the reserved octet of a MP_REACH_NLRI of a known family; gives
/// the NLRI. `None` when the next hop has a length that the family does not have (`extended`:
/// RFC 8950 was agreed on), or is cut.
pub(in crate::wire) fn parse_next_hop<'a>(
    row: &FamilyRow,
    extended: bool,
    rest: &'a [u8],
) -> Option<(NextHop, &'a [u8])> {
    let mut reader = Reader(rest);
    let length = reader.u8()?;
    let by_agreement = row.family == Family::Ipv4Unicast && length > 4;
    if !row.next_hop_lengths.contains(&length) || (by_agreement && !extended) {
        return None;
    }
    let octets = reader.take(usize::from(length))?;
    let next_hop = match *octets {
        [a, b, c, d] => NextHop { address: IpAddr::from([a, b, c, d]), link_local: None },
        _ => {
            let (global, link_local) = octets.split_first_chunk::<16>()?;
            NextHop {
                address: IpAddr::V6(Ipv6Addr::from(*global)),
                link_local: link_local.first_chunk::<16>().map(|octets| Ipv6Addr::from(*octets)),
            }
        }
    };
    let _reserved = reader.u8()?;
    Some((next_hop, reader.0))
}

/// Appends a MP_REACH_NLRI up to where the NLRI begin.
pub(in crate::wire) fn emit_reach_front(row: &FamilyRow, next_hop: NextHop, out: &mut Vec<u8>) {
    out.extend_from_slice(&row.afi.to_be_bytes());
    out.push(row.safi);
    match next_hop.address {
        IpAddr::V4(address) => {
            out.push(4);
            out.extend_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            let link_local = next_hop.link_local.filter(|_| row.next_hop_lengths.contains(&32));
            out.push(if link_local.is_some() { 32 } else { 16 });
            out.extend_from_slice(&address.octets());
            out.extend(link_local.iter().flat_map(|address| address.octets()));
        }
    }
    out.push(0);
}

/// Appends a MP_UNREACH_NLRI up to where the NLRI begin.
pub(in crate::wire) fn emit_unreach_front(row: &FamilyRow, out: &mut Vec<u8>) {
    out.extend_from_slice(&row.afi.to_be_bytes());
    out.push(row.safi);
}
