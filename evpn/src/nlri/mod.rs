//! The EVPN NLRI (RFC 7432 §7): type, length, value. One file per route type.
//!
//! A route is known in two forms. `EvpnRoute` is typed, for those who decide. `split` and
//! `join` cut the wire form into the route's key and the rest (ESI, labels, gateway), for
//! the RIB: two NLRI with the same key are the same route, whatever the rest says
//! (RFC 7432 §7.1 to 7.4, RFC 9136 §3.1). A route type that is not known is all key, so it
//! is relayed byte for byte.

mod ethernet_ad;
mod ethernet_segment;
mod imet;
mod ip_prefix;
mod mac_ip;

pub use ethernet_ad::EthernetAd;
pub use ethernet_segment::EthernetSegment;
pub use imet::InclusiveMulticast;
pub use ip_prefix::IpPrefix;
pub use mac_ip::MacIp;

use crate::RouteDistinguisher;
use smallvec::SmallVec;

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

/// The part of an NLRI that is not key: ESI, labels, gateway; empty where all is key.
pub type NlriRest = SmallVec<[u8; 16]>;

/// What is wrong with an NLRI, and where. Any of these is an error of syntax: the session
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
        let _ = wire;
        Err(NlriError::Truncated { offset: 0 })
    }

    /// Appends the wire form: type, length, value.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let _ = out;
    }
}

/// Cuts one whole NLRI (type, length, value) into key and rest. The bytes must be one NLRI
/// exactly. Host bits of a type-5 prefix are masked in the key.
pub fn split(wire: &[u8]) -> Result<(NlriKey, NlriRest), NlriError> {
    let _ = wire;
    Err(NlriError::Truncated { offset: 0 })
}

/// Puts key and rest together again, appending the wire form. For types 1 to 5 that `split`
/// has cut, and for unknown types, the result is what came in, byte for byte.
pub fn join(key: &[u8], rest: &[u8], out: &mut Vec<u8>) {
    let _ = (key, rest, out);
}
