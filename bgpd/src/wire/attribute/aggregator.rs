//! AGGREGATOR and AS4_AGGREGATOR (RFC 4271 §5.1.7, RFC 6793 §4.2.2). AS 0 is malformed
//! (RFC 7607 §2).

use super::Malformed;
use crate::wire::open::AS_TRANS;
use std::net::Ipv4Addr;

/// AGGREGATOR (RFC 4271 §5.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Aggregator {
    /// The aggregating AS.
    pub asn: u32,
    /// The aggregating speaker.
    pub router_id: Ipv4Addr,
}

impl Aggregator {
    /// Reads the value: 8 octets, or 6 with 2-octet AS numbers.
    pub(super) fn parse(value: &[u8], four_octet: bool) -> Result<Self, Malformed> {
        let (asn, router_id) = match (four_octet, value) {
            (true, &[a, b, c, d, w, x, y, z]) => (u32::from_be_bytes([a, b, c, d]), [w, x, y, z]),
            (false, &[a, b, w, x, y, z]) => (u32::from(u16::from_be_bytes([a, b])), [w, x, y, z]),
            _ => return Err(Malformed::Length),
        };
        if asn == 0 {
            return Err(Malformed::Value("contains AS 0"));
        }
        Ok(Self { asn, router_id: router_id.into() })
    }

    /// Appends the value.
    pub(super) fn emit(&self, four_octet: bool, out: &mut Vec<u8>) {
        if four_octet {
            out.extend_from_slice(&self.asn.to_be_bytes());
        } else {
            out.extend_from_slice(&u16::try_from(self.asn).unwrap_or(AS_TRANS).to_be_bytes());
        }
        out.extend_from_slice(&self.router_id.octets());
    }
}
