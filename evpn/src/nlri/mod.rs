//! The EVPN NLRI (RFC 7432 §7): type, length, value. One file per route type.
//!
//! A route is known in two forms. `EvpnRoute` is typed, for those who decide. `split` and
//! `join` cut the wire form into the route's key and the rest (ESI, labels, gateway), for
//! the RIB: two NLRI with the same key are the same route, whatever the rest says
//! (RFC 7432 §7.1 to 7.4, RFC 9136 §3.1). A route type that is not known is all key, so it
//! is relayed byte for byte.
//!
//! Only syntax is checked here: lengths, and the fields that lengths hang on. What a label,
//! an ESI or a gateway means, and whether it goes with the attributes, is not.

mod ethernet_ad;
mod ethernet_segment;
mod imet;
mod ip_prefix;
mod json;
mod mac_ip;
mod reader;
#[cfg(test)]
mod tests;

pub use ethernet_ad::EthernetAd;
pub use ethernet_segment::EthernetSegment;
pub use imet::InclusiveMulticast;
pub use ip_prefix::IpPrefix;
pub use mac_ip::MacIp;

use crate::RouteDistinguisher;
use reader::{Reader, put_nlri};
use smallvec::SmallVec;
use std::fmt;

/// A route of AFI 25, SAFI 70.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EvpnRoute {
    /// Type 1.
    EthernetAd(EthernetAd),
    /// Type 2.
    MacIp(MacIp),
    /// Type 3.
    InclusiveMulticast(InclusiveMulticast),
    /// Type 4.
    EthernetSegment(EthernetSegment),
    /// Type 5.
    IpPrefix(IpPrefix),
    /// Any other type, kept as it came.
    Unknown(UnknownRoute),
}

/// A route of a type that Weft does not know (RFC 7606 §5.4): relayed, never interpreted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UnknownRoute {
    /// The route type octet.
    pub route_type: u8,
    /// The value, without type and length.
    pub value: Vec<u8>,
}

/// The part of an NLRI by which a route is told from others: the type octet, then the key
/// fields in wire order. 37 octets at most for the types known.
pub type NlriKey = SmallVec<[u8; 40]>;

/// The part of an NLRI that is not key: ESI, gateway, labels; empty where all is key. An ESI
/// and a gateway that are zero are left out, so that it stays inline for all but type-5 routes
/// with an overlay index. Equal rests mean equal octets on the wire.
pub type NlriRest = SmallVec<[u8; 16]>;

/// What is wrong with an NLRI, and where. All but one of these are errors of syntax: the session
/// is reset (RFC 7606 §5.3, draft-ietf-bess-rfc7432bis §7.14.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NlriError {
    /// Fewer octets than the type and length, or than the length says.
    #[error("EVPN NLRI truncated at octet {offset}")]
    Truncated {
        /// Octets from the start of the block.
        offset: usize,
    },
    /// A known type with a length that it cannot have.
    #[error("EVPN route type {route_type} with length {length} at octet {offset}")]
    Length {
        /// The type octet.
        route_type: u8,
        /// The length octet.
        length: u8,
        /// Octets from the start of the block.
        offset: usize,
    },
    /// A MAC, IP or prefix length field that is not allowed.
    #[error("EVPN route type {route_type}: bad {field} {value} at octet {offset}")]
    Field {
        /// The type octet.
        route_type: u8,
        /// The field's name.
        field: &'static str,
        /// What it held.
        value: u8,
        /// Octets from the start of the block.
        offset: usize,
    },
    /// A MAC/IP route whose MAC length is 0: it alone is as good as withdrawn (RFC 9135 §9.1.1).
    #[error("EVPN route type 2 with MAC length 0")]
    NoMac {
        /// Octets that the NLRI takes, so that the next one can be found.
        octets: usize,
    },
}

impl EvpnRoute {
    /// The route distinguisher; `None` for unknown types.
    pub fn rd(&self) -> Option<RouteDistinguisher> {
        match self {
            Self::EthernetAd(route) => Some(route.rd),
            Self::MacIp(route) => Some(route.rd),
            Self::InclusiveMulticast(route) => Some(route.rd),
            Self::EthernetSegment(route) => Some(route.rd),
            Self::IpPrefix(route) => Some(route.rd),
            Self::Unknown(_) => None,
        }
    }

    /// The route type octet.
    pub fn route_type(&self) -> u8 {
        match self {
            Self::EthernetAd(_) => 1,
            Self::MacIp(_) => 2,
            Self::InclusiveMulticast(_) => 3,
            Self::EthernetSegment(_) => 4,
            Self::IpPrefix(_) => 5,
            Self::Unknown(route) => route.route_type,
        }
    }

    /// Reads one NLRI from the front of `wire`; gives the route and how many octets it took.
    /// Never panics, whatever the bytes.
    pub fn parse(wire: &[u8]) -> Result<(EvpnRoute, usize), NlriError> {
        let (route_type, value, length) = Reader::open(wire)?;
        let route = match route_type {
            ethernet_ad::ROUTE_TYPE => Self::EthernetAd(ethernet_ad::View::new(value)?.route()),
            mac_ip::ROUTE_TYPE => Self::MacIp(mac_ip::View::new(value)?.route()),
            imet::ROUTE_TYPE => Self::InclusiveMulticast(imet::View::new(value)?.route()),
            ethernet_segment::ROUTE_TYPE => {
                Self::EthernetSegment(ethernet_segment::View::new(value)?.route())
            }
            ip_prefix::ROUTE_TYPE => Self::IpPrefix(ip_prefix::View::new(value)?.route()),
            _ => Self::Unknown(UnknownRoute { route_type, value: value.rest().to_vec() }),
        };
        Ok((route, length))
    }

    /// Appends the wire form: type, length, value.
    pub fn emit(&self, out: &mut Vec<u8>) {
        match self {
            Self::EthernetAd(route) => route.emit(out),
            Self::MacIp(route) => route.emit(out),
            Self::InclusiveMulticast(route) => route.emit(out),
            Self::EthernetSegment(route) => route.emit(out),
            Self::IpPrefix(route) => route.emit(out),
            Self::Unknown(route) => {
                put_nlri(out, route.route_type, |out| out.extend_from_slice(&route.value));
            }
        }
    }

    /// The wire form: type, length, value.
    pub fn to_wire(&self) -> Vec<u8> {
        let mut wire = Vec::with_capacity(60);
        self.emit(&mut wire);
        wire
    }
}

/// The route without its RD and non-key fields, as FRR's tables print it.
impl fmt::Display for EvpnRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EthernetAd(route) => route.fmt(f),
            Self::MacIp(route) => route.fmt(f),
            Self::InclusiveMulticast(route) => route.fmt(f),
            Self::EthernetSegment(route) => route.fmt(f),
            Self::IpPrefix(route) => route.fmt(f),
            Self::Unknown(route) => write!(f, "[{}]:[{}]", route.route_type, json::hex(route)),
        }
    }
}

impl NlriError {
    /// How many octets are to be passed over, where only this one route is as good as withdrawn.
    pub fn octets_to_skip(self) -> Option<usize> {
        match self {
            Self::NoMac { octets } => Some(octets),
            _ => None,
        }
    }

    /// The same error for an NLRI that starts `octets` into the block.
    pub fn moved_by(self, octets: usize) -> Self {
        match self {
            Self::Truncated { offset } => Self::Truncated { offset: offset + octets },
            Self::Length { route_type, length, offset } => {
                Self::Length { route_type, length, offset: offset + octets }
            }
            Self::Field { route_type, field, value, offset } => {
                Self::Field { route_type, field, value, offset: offset + octets }
            }
            Self::NoMac { .. } => self,
        }
    }
}

/// How many octets the NLRI at the front of `wire` takes, after checking its syntax as
/// `EvpnRoute::parse` does. Builds nothing.
#[inline]
pub fn measure(wire: &[u8]) -> Result<usize, NlriError> {
    let (route_type, value, length) = Reader::open(wire)?;
    match route_type {
        ethernet_ad::ROUTE_TYPE => ethernet_ad::View::new(value).map(|_| length),
        mac_ip::ROUTE_TYPE => mac_ip::View::new(value).map(|_| length),
        imet::ROUTE_TYPE => imet::View::new(value).map(|_| length),
        ethernet_segment::ROUTE_TYPE => ethernet_segment::View::new(value).map(|_| length),
        ip_prefix::ROUTE_TYPE => ip_prefix::View::new(value).map(|_| length),
        _ => Ok(length),
    }
}

/// How many octets the NLRI at the front of `wire` takes, by its length octet alone: for wire
/// forms that `measure` has checked. `None` without a whole header.
#[inline]
pub fn length(wire: &[u8]) -> Option<usize> {
    wire.get(1).map(|&length| reader::HEADER + usize::from(length))
}

/// Cuts one whole NLRI (type, length, value) into key and rest. The bytes must be one NLRI
/// exactly. Host bits of a type-5 prefix are masked in the key. Does not allocate, but for
/// unknown types of more than 39 octets and type-5 routes with a large overlay index.
#[inline]
pub fn split(wire: &[u8]) -> Result<(NlriKey, NlriRest), NlriError> {
    let (route_type, value, length) = Reader::open(wire)?;
    if length != wire.len() {
        return Err(value.wrong_length());
    }
    match route_type {
        ethernet_ad::ROUTE_TYPE => ethernet_ad::View::new(value).map(|view| view.split()),
        mac_ip::ROUTE_TYPE => mac_ip::View::new(value).map(|view| view.split()),
        ip_prefix::ROUTE_TYPE => ip_prefix::View::new(value).map(|view| view.split()),
        imet::ROUTE_TYPE => imet::View::new(value).map(|_| all_key(route_type, value)),
        ethernet_segment::ROUTE_TYPE => {
            ethernet_segment::View::new(value).map(|_| all_key(route_type, value))
        }
        _ => Ok(all_key(route_type, value)),
    }
}

fn all_key(route_type: u8, value: Reader<'_>) -> (NlriKey, NlriRest) {
    let mut key = NlriKey::new();
    key.push(route_type);
    key.extend_from_slice(value.rest());
    (key, NlriRest::new())
}

/// Puts key and rest together again, appending the wire form. What `split` has cut comes out
/// as it came in, byte for byte, but for host bits of a type-5 prefix, which are zero.
///
/// With an empty rest the octets that are not key are zero, which is enough for a withdraw:
/// a receiver tells routes apart by their keys only. A key that is not `split`'s gives
/// octets without meaning, never a panic.
pub fn join(key: &[u8], rest: &[u8], out: &mut Vec<u8>) {
    let Some((&route_type, fields)) = key.split_first() else { return };
    match route_type {
        ethernet_ad::ROUTE_TYPE => ethernet_ad::join(fields, rest, out),
        mac_ip::ROUTE_TYPE => mac_ip::join(fields, rest, out),
        ip_prefix::ROUTE_TYPE => ip_prefix::join(fields, rest, out),
        _ => put_nlri(out, route_type, |out| out.extend_from_slice(fields)),
    }
}
