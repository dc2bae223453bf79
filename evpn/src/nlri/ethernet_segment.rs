//! Type 4, Ethernet segment (RFC 7432 §7.4): RD 8, ESI 10, IP length 1, IP 4 or 16.
//! So 23 or 35 octets.

use super::NlriError;
use super::reader::{Reader, bits, put_ip, put_nlri};
use crate::{Esi, RouteDistinguisher};
use std::{fmt, net::IpAddr};

/// The route type octet.
pub(super) const ROUTE_TYPE: u8 = 4;

/// An Ethernet segment route. All of it is key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EthernetSegment {
    /// The advertising router.
    pub rd: RouteDistinguisher,
    /// The segment.
    pub esi: Esi,
    /// The originating router's address.
    pub originator: IpAddr,
}

/// The checked value.
pub(super) struct View<'a> {
    rd: &'a [u8; 8],
    esi: &'a [u8; 10],
    originator: IpAddr,
}

impl<'a> View<'a> {
    #[inline]
    pub(super) fn new(mut value: Reader<'a>) -> Result<Self, NlriError> {
        let (rd, esi) = (value.chunk()?, value.chunk()?);
        let originator = value.address()?;
        value.end()?;
        Ok(Self { rd, esi, originator })
    }

    pub(super) fn route(&self) -> EthernetSegment {
        EthernetSegment { rd: RouteDistinguisher(*self.rd), esi: Esi(*self.esi), originator: self.originator }
    }
}

impl EthernetSegment {
    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        put_nlri(out, ROUTE_TYPE, |out| {
            out.extend_from_slice(&self.rd.0);
            out.extend_from_slice(&self.esi.0);
            out.push(bits(self.originator));
            put_ip(out, self.originator);
        });
    }
}

/// As FRR prints it: `[4]:[03:44:38:39:ff:ff:01:00:00:01]:[32]:[10.255.0.2]`.
impl fmt::Display for EthernetSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (esi, ip) = (self.esi, self.originator);
        write!(f, "[{ROUTE_TYPE}]:[{esi}]:[{}]:[{ip}]", bits(ip))
    }
}
