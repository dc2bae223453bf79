//! Type 4, Ethernet segment (RFC 7432 §7.4).

use crate::{Esi, RouteDistinguisher};
use std::net::IpAddr;

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
