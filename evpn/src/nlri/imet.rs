//! Type 3, inclusive multicast Ethernet tag (RFC 7432 §7.3): RD 8, Ethernet tag 4,
//! IP length 1, IP 4 or 16. So 17 or 29 octets.

use super::NlriError;
use super::reader::{Reader, bits, put_ip, put_nlri};
use crate::{EthernetTag, RouteDistinguisher};
use std::{fmt, net::IpAddr};

/// The route type octet.
pub(super) const ROUTE_TYPE: u8 = 3;

/// An inclusive multicast Ethernet tag (IMET) route. All of it is key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InclusiveMulticast {
    /// The advertising MAC-VRF.
    pub rd: RouteDistinguisher,
    /// 0 for VLAN-based service.
    pub ethernet_tag: EthernetTag,
    /// The originating router's address, the VTEP.
    pub originator: IpAddr,
}

/// The checked value.
pub(super) struct View<'a> {
    rd: &'a [u8; 8],
    tag: &'a [u8; 4],
    originator: IpAddr,
}

impl<'a> View<'a> {
    #[inline]
    pub(super) fn new(mut value: Reader<'a>) -> Result<Self, NlriError> {
        let (rd, tag) = (value.chunk()?, value.chunk()?);
        let originator = value.address()?;
        value.end()?;
        Ok(Self { rd, tag, originator })
    }

    pub(super) fn route(&self) -> InclusiveMulticast {
        InclusiveMulticast {
            rd: RouteDistinguisher(*self.rd),
            ethernet_tag: EthernetTag(u32::from_be_bytes(*self.tag)),
            originator: self.originator,
        }
    }
}

impl InclusiveMulticast {
    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        put_nlri(out, ROUTE_TYPE, |out| {
            out.extend_from_slice(&self.rd.0);
            out.extend_from_slice(&self.ethernet_tag.0.to_be_bytes());
            out.push(bits(self.originator));
            put_ip(out, self.originator);
        });
    }
}

/// As FRR prints it: `[3]:[0]:[32]:[10.255.0.2]`.
impl fmt::Display for InclusiveMulticast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tag, ip) = (self.ethernet_tag, self.originator);
        write!(f, "[{ROUTE_TYPE}]:[{tag}]:[{}]:[{ip}]", bits(ip))
    }
}
