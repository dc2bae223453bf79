//! Type 1, Ethernet auto-discovery (RFC 7432 §7.1): RD 8, ESI 10, Ethernet tag 4, label 3.

use super::reader::{Reader, put_nlri};
use super::{NlriError, NlriKey, NlriRest};
use crate::{Esi, EthernetTag, RouteDistinguisher};
use std::fmt;

/// The route type octet.
pub(super) const ROUTE_TYPE: u8 = 1;

/// An Ethernet A-D route, per ES (tag `MAX_ET`) or per EVI. Key: RD, ESI, Ethernet tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EthernetAd {
    /// The advertising MAC-VRF or router.
    pub rd: RouteDistinguisher,
    /// The segment.
    pub esi: Esi,
    /// `EthernetTag::MAX_ET` for the route per segment.
    pub ethernet_tag: EthernetTag,
    /// 0 in the route per segment.
    pub label: [u8; 3],
}

/// The checked value: RD, ESI, tag and label.
pub(super) struct View<'a> {
    key: &'a [u8],
    rd: &'a [u8; 8],
    esi: &'a [u8; 10],
    tag: &'a [u8; 4],
    label: &'a [u8; 3],
}

impl<'a> View<'a> {
    #[inline]
    pub(super) fn new(mut value: Reader<'a>) -> Result<Self, NlriError> {
        let start = value.rest();
        let (rd, esi, tag) = (value.chunk()?, value.chunk()?, value.chunk()?);
        let key = value.since(start);
        let label = value.chunk()?;
        value.end()?;
        Ok(Self { key, rd, esi, tag, label })
    }

    pub(super) fn split(&self) -> (NlriKey, NlriRest) {
        let mut key = NlriKey::new();
        key.push(ROUTE_TYPE);
        key.extend_from_slice(self.key);
        (key, NlriRest::from_slice(self.label))
    }

    pub(super) fn route(&self) -> EthernetAd {
        EthernetAd {
            rd: RouteDistinguisher(*self.rd),
            esi: Esi(*self.esi),
            ethernet_tag: EthernetTag(u32::from_be_bytes(*self.tag)),
            label: *self.label,
        }
    }
}

/// The inverse of `View::split`; no rest (a withdraw) stands for label 0.
pub(super) fn join(key: &[u8], rest: &[u8], out: &mut Vec<u8>) {
    put_nlri(out, ROUTE_TYPE, |out| {
        out.extend_from_slice(key);
        out.extend_from_slice(if rest.is_empty() { &[0; 3] } else { rest });
    });
}

impl EthernetAd {
    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        put_nlri(out, ROUTE_TYPE, |out| {
            out.extend_from_slice(&self.rd.0);
            out.extend_from_slice(&self.esi.0);
            out.extend_from_slice(&self.ethernet_tag.0.to_be_bytes());
            out.extend_from_slice(&self.label);
        });
    }
}

/// As FRR prints it. FRR's prefix has the originator and a fragment number too; the wire
/// form has neither, so they are always `0.0.0.0` and 0 in the global table.
impl fmt::Display for EthernetAd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{ROUTE_TYPE}]:[{}]:[{}]:[32]:[0.0.0.0]:[0]", self.ethernet_tag, self.esi)
    }
}
