//! Type 5, IP prefix (RFC 9136 §3.1): RD 8, ESI 10, Ethernet tag 4, prefix length 1, prefix
//! 4 or 16, gateway of the same family, label 3. So 34 octets for IPv4, 58 for IPv6.
//!
//! RFC 9136 does not say what host bits in the prefix mean. Two NLRI that differ only there
//! name the same destination, so host bits are read as zero: they are masked in the key and
//! in the typed form, and a route whose sender set them is relayed with zeros there.

use super::reader::{Reader, put_ip, put_nlri};
use super::{NlriError, NlriKey, NlriRest};
use crate::{Esi, EthernetTag, RouteDistinguisher};
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The route type octet.
pub(super) const ROUTE_TYPE: u8 = 5;

/// Octets of the key before the prefix: RD, Ethernet tag, prefix length.
const KEY_BEFORE_PREFIX: usize = 8 + 4 + 1;

/// An IP prefix route. Key: RD, Ethernet tag, prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IpPrefix {
    /// The advertising IP-VRF.
    pub rd: RouteDistinguisher,
    /// Overlay index, or zero.
    pub esi: Esi,
    /// 0 in interface-less mode.
    pub ethernet_tag: EthernetTag,
    /// The prefix; host bits are zero.
    pub prefix: IpNet,
    /// Overlay index of the prefix's family; the unspecified address if there is none.
    pub gateway: IpAddr,
    /// The L3VNI, in all 24 bits.
    pub label: [u8; 3],
}

/// The checked value; the prefix has its host bits masked.
pub(super) struct View<'a> {
    rd: &'a [u8; 8],
    esi: &'a [u8; 10],
    tag: &'a [u8; 4],
    prefix: IpNet,
    gateway: IpAddr,
    label: &'a [u8; 3],
}

impl<'a> View<'a> {
    #[inline]
    pub(super) fn new(mut value: Reader<'a>) -> Result<Self, NlriError> {
        let ipv4 = match value.rest().len() {
            34 => true,
            58 => false,
            _ => return Err(value.wrong_length()),
        };
        let (rd, esi, tag) = (value.chunk()?, value.chunk()?, value.chunk()?);
        let length = value.octet()?;
        let after_length = value;
        let (address, gateway) = if ipv4 {
            (IpAddr::from(*value.chunk::<4>()?), IpAddr::from(*value.chunk::<4>()?))
        } else {
            (IpAddr::from(*value.chunk::<16>()?), IpAddr::from(*value.chunk::<16>()?))
        };
        let prefix = IpNet::new(address, length)
            .map_err(|_| after_length.wrong_octet("prefix length", length))?
            .trunc();
        let label = value.chunk()?;
        value.end()?;
        Ok(Self { rd, esi, tag, prefix, gateway, label })
    }

    pub(super) fn split(&self) -> (NlriKey, NlriRest) {
        let mut key = NlriKey::new();
        key.push(ROUTE_TYPE);
        key.extend_from_slice(self.rd);
        key.extend_from_slice(self.tag);
        key.push(self.prefix.prefix_len());
        let mut rest = NlriRest::new();
        if *self.esi != Esi::ZERO.0 {
            rest.extend_from_slice(self.esi);
        }
        match self.prefix.addr() {
            IpAddr::V4(address) => key.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => key.extend_from_slice(&address.octets()),
        }
        match self.gateway {
            gateway if gateway.is_unspecified() => {}
            IpAddr::V4(address) => rest.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => rest.extend_from_slice(&address.octets()),
        }
        rest.extend_from_slice(self.label);
        (key, rest)
    }

    pub(super) fn route(&self) -> IpPrefix {
        IpPrefix {
            rd: RouteDistinguisher(*self.rd),
            esi: Esi(*self.esi),
            ethernet_tag: EthernetTag(u32::from_be_bytes(*self.tag)),
            prefix: self.prefix,
            gateway: self.gateway,
            label: *self.label,
        }
    }
}

/// The inverse of `View::split`; no rest (a withdraw) stands for zeros.
pub(super) fn join(key: &[u8], rest: &[u8], out: &mut Vec<u8>) {
    const NO_GATEWAY: [u8; 16] = [0; 16];
    let (rd, tail) = key.split_at_checked(8).unwrap_or((key, &[]));
    let width = key.len().saturating_sub(KEY_BEFORE_PREFIX);
    // In the rest stand, each only if it is not zero, ESI and gateway, then the label.
    let (indexes, label) = rest.split_last_chunk().unwrap_or((&[], &[0; 3]));
    let (esi, gateway) = match indexes.split_first_chunk::<10>() {
        Some((esi, gateway)) if indexes.len() != width => (esi, gateway),
        _ => (&Esi::ZERO.0, indexes),
    };
    let gateway = if gateway.is_empty() { NO_GATEWAY.get(..width).unwrap_or_default() } else { gateway };
    put_nlri(out, ROUTE_TYPE, |out| {
        out.extend_from_slice(rd);
        out.extend_from_slice(esi);
        out.extend_from_slice(tail);
        out.extend_from_slice(gateway);
        out.extend_from_slice(label);
    });
}

impl IpPrefix {
    /// A gateway that is not of the prefix's family cannot be said and goes out as none.
    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        let gateway = match (self.prefix, self.gateway) {
            (IpNet::V4(_), IpAddr::V4(_)) | (IpNet::V6(_), IpAddr::V6(_)) => self.gateway,
            (IpNet::V4(_), _) => Ipv4Addr::UNSPECIFIED.into(),
            (IpNet::V6(_), _) => Ipv6Addr::UNSPECIFIED.into(),
        };
        put_nlri(out, ROUTE_TYPE, |out| {
            out.extend_from_slice(&self.rd.0);
            out.extend_from_slice(&self.esi.0);
            out.extend_from_slice(&self.ethernet_tag.0.to_be_bytes());
            out.push(self.prefix.prefix_len());
            put_ip(out, self.prefix.network());
            put_ip(out, gateway);
            out.extend_from_slice(&self.label);
        });
    }
}

/// As FRR prints it: `[5]:[0]:[24]:[192.168.20.0]`.
impl fmt::Display for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tag, prefix) = (self.ethernet_tag, self.prefix);
        write!(f, "[{ROUTE_TYPE}]:[{tag}]:[{}]:[{}]", prefix.prefix_len(), prefix.network())
    }
}
