//! Type 2, MAC/IP advertisement (RFC 7432 §7.2, RFC 9135 §5.1): RD 8, ESI 10, Ethernet
//! tag 4, MAC length 1, MAC 6, IP length 1, IP 0, 4 or 16, label 3, and a label 3 or none.
//! So 33, 37 or 49 octets, and 36, 40 or 52 with the second label.

use super::reader::{Reader, bits, put_ip, put_nlri};
use super::{NlriError, NlriKey, NlriRest};
use crate::{Esi, EthernetTag, MacAddr, RouteDistinguisher};
use std::{fmt, net::IpAddr};

/// The route type octet.
pub(super) const ROUTE_TYPE: u8 = 2;

/// The only MAC length allowed, in bits.
const MAC_BITS: u8 = 48;

/// A MAC/IP advertisement route. Key: RD, Ethernet tag, MAC, IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MacIp {
    /// The advertising MAC-VRF.
    pub rd: RouteDistinguisher,
    /// Zero for single-homed hosts.
    pub esi: Esi,
    /// 0 for VLAN-based service.
    pub ethernet_tag: EthernetTag,
    /// The host's MAC.
    pub mac: MacAddr,
    /// The host's address; `None` for a MAC-only route.
    pub ip: Option<IpAddr>,
    /// Label 1: the L2VNI, in all 24 bits.
    pub label1: [u8; 3],
    /// Label 2: the L3VNI, where the route serves symmetric IRB.
    pub label2: Option<[u8; 3]>,
}

/// The checked value.
pub(super) struct View<'a> {
    rd: &'a [u8; 8],
    esi: &'a [u8; 10],
    /// From the Ethernet tag to the IP: with the RD, the key.
    key: &'a [u8],
    tag: &'a [u8; 4],
    mac: &'a [u8; 6],
    ip: Option<IpAddr>,
    /// One label or two.
    labels: &'a [u8],
    label1: &'a [u8; 3],
    label2: Option<&'a [u8; 3]>,
}

impl<'a> View<'a> {
    #[inline]
    pub(super) fn new(mut value: Reader<'a>) -> Result<Self, NlriError> {
        let (rd, esi) = (value.chunk()?, value.chunk()?);
        let mark = value.rest();
        let tag = value.chunk()?;
        let mac_bits = value.octet()?;
        match mac_bits {
            MAC_BITS => {}
            0 => return Err(value.no_mac()),
            _ => return Err(value.wrong_octet("MAC length", mac_bits)),
        }
        let mac = value.chunk()?;
        let ip = value.optional_address()?;
        let key = value.since(mark);
        let labels = value.rest();
        let label1 = value.chunk()?;
        let label2 = if value.rest().is_empty() { None } else { Some(value.chunk()?) };
        value.end()?;
        Ok(Self { rd, esi, key, tag, mac, ip, labels, label1, label2 })
    }

    #[inline]
    pub(super) fn split(&self) -> (NlriKey, NlriRest) {
        let mut key = NlriKey::new();
        key.push(ROUTE_TYPE);
        key.extend_from_slice(self.rd);
        key.extend_from_slice(self.key);
        let mut rest = NlriRest::new();
        if *self.esi != Esi::ZERO.0 {
            rest.extend_from_slice(self.esi);
        }
        rest.extend_from_slice(self.labels);
        (key, rest)
    }

    pub(super) fn route(&self) -> MacIp {
        MacIp {
            rd: RouteDistinguisher(*self.rd),
            esi: Esi(*self.esi),
            ethernet_tag: EthernetTag(u32::from_be_bytes(*self.tag)),
            mac: MacAddr(*self.mac),
            ip: self.ip,
            label1: *self.label1,
            label2: self.label2.copied(),
        }
    }
}

/// The inverse of `View::split`; no rest (a withdraw) stands for ESI 0 and label 0.
pub(super) fn join(key: &[u8], rest: &[u8], out: &mut Vec<u8>) {
    let (rd, tail) = key.split_at_checked(8).unwrap_or((key, &[]));
    // 3 or 6 octets are labels alone, 13 or 16 have the ESI before them.
    let (esi, labels) = match rest.len() {
        3 | 6 => (&Esi::ZERO.0, rest),
        _ => rest.split_first_chunk().unwrap_or((&Esi::ZERO.0, &[0; 3])),
    };
    put_nlri(out, ROUTE_TYPE, |out| {
        out.extend_from_slice(rd);
        out.extend_from_slice(esi);
        out.extend_from_slice(tail);
        out.extend_from_slice(labels);
    });
}

impl MacIp {
    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        put_nlri(out, ROUTE_TYPE, |out| {
            out.extend_from_slice(&self.rd.0);
            out.extend_from_slice(&self.esi.0);
            out.extend_from_slice(&self.ethernet_tag.0.to_be_bytes());
            out.push(MAC_BITS);
            out.extend_from_slice(&self.mac.0);
            out.push(self.ip.map_or(0, bits));
            if let Some(ip) = self.ip {
                put_ip(out, ip);
            }
            out.extend_from_slice(&self.label1);
            if let Some(label2) = self.label2 {
                out.extend_from_slice(&label2);
            }
        });
    }
}

/// As FRR prints it: `[2]:[0]:[48]:[02:00:00:00:00:01]:[32]:[192.168.10.1]`, without the
/// last two for a MAC-only route.
impl fmt::Display for MacIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{ROUTE_TYPE}]:[{}]:[{MAC_BITS}]:[{}]", self.ethernet_tag, self.mac)?;
        match self.ip {
            Some(ip) => write!(f, ":[{}]:[{ip}]", bits(ip)),
            None => Ok(()),
        }
    }
}
