//! What an operator should read in the log. Each says what happened and where; none repeats
//! itself while its cause stands.

use super::Refusal;
use crate::{MacAddr, RouteDistinguisher, Vni, VrfName};
use std::{fmt, net::IpAddr};

/// The address that a duplicate is found for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// A MAC.
    Mac(MacAddr),
    /// An IP address.
    Ip(IpAddr),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mac(mac) => write!(f, "MAC {mac}"),
            Self::Ip(ip) => write!(f, "IP {ip}"),
        }
    }
}

/// One thing for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// An address moved too often (RFC 7432 §15.1).
    DuplicateFound {
        /// The L2VNI.
        vni: Vni,
        /// The address.
        address: Address,
        /// Moves counted.
        moves: u32,
        /// Its moves are no longer followed.
        frozen: bool,
    },
    /// It is no longer held for a duplicate: time passed, or the operator cleared it.
    DuplicateCleared {
        /// The L2VNI.
        vni: Vni,
        /// The address.
        address: Address,
    },
    /// A MAC that is sticky at another VTEP was learned here; it is not advertised (RFC 7432 §15.2).
    StickyMoved {
        /// The L2VNI.
        vni: Vni,
        /// The MAC.
        mac: MacAddr,
        /// Where it is sticky.
        vtep: IpAddr,
        /// The local port it was learned on.
        port: String,
    },
    /// Another VTEP advertises a MAC that is sticky here; the route is not used.
    StickyClaimed {
        /// The L2VNI.
        vni: Vni,
        /// The MAC.
        mac: MacAddr,
        /// Who advertises it.
        vtep: IpAddr,
    },
    /// A local host claims an address that belongs to a sticky or gateway MAC elsewhere.
    StickyIpClaimed {
        /// The L2VNI.
        vni: Vni,
        /// The address.
        ip: IpAddr,
        /// The local host.
        mac: MacAddr,
        /// Whose address it is.
        owner: MacAddr,
    },
    /// The vxlan device has no local address, so nothing can be advertised.
    NoVtep {
        /// The L2VNI.
        vni: Vni,
    },
    /// A route was imported whose label is another VNI (RFC 9135 §5.4): it is not used.
    /// Said once per VNI; the count stands in the queries.
    LabelMismatch {
        /// The L2VNI whose route target matched.
        vni: Vni,
        /// The route's RD.
        rd: RouteDistinguisher,
        /// The route's label, in all 24 bits.
        label: [u8; 3],
    },
    /// More addresses wait for their MAC than are kept; the oldest are forgotten.
    HeldNeighboursFull {
        /// The L2VNI.
        vni: Vni,
    },
    /// One MAC has more addresses, or routes, than are kept for one; those beyond are not used.
    TooManyAddresses {
        /// The L2VNI.
        vni: Vni,
        /// The MAC.
        mac: MacAddr,
    },
    /// Two IP-VRFs are configured with one L3VNI: neither is served.
    L3VniShared {
        /// The L3VNI.
        vni: Vni,
        /// The IP-VRF.
        vrf: VrfName,
        /// The other one.
        other: VrfName,
    },
    /// The L3VNI of an IP-VRF has the devices of an L2VNI: neither is served.
    L3VniIsL2Vni {
        /// The VNI.
        vni: Vni,
        /// The IP-VRF.
        vrf: VrfName,
    },
    /// A route was imported that an IP-VRF may not use. Said once per IP-VRF and reason; the
    /// counts stand in the queries.
    VrfRouteRefused {
        /// The IP-VRF.
        vrf: VrfName,
        /// The route's RD.
        rd: RouteDistinguisher,
        /// Why.
        refusal: Refusal,
    },
    /// All 65,535 numbers for route distinguishers are taken: this VNI needs a manual RD.
    NoRouteDistinguisher {
        /// The L2VNI.
        vni: Vni,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateFound { vni, address, moves, frozen } => {
                let then = if *frozen { "frozen" } else { "still followed" };
                write!(f, "VNI {vni}: {address} is a duplicate: {moves} moves; {then}")
            }
            Self::DuplicateCleared { vni, address } => {
                write!(f, "VNI {vni}: {address} is no longer a duplicate")
            }
            Self::StickyMoved { vni, mac, vtep, port } => {
                write!(f, "VNI {vni}: MAC {mac}, sticky at {vtep}, was learned on {port}; not advertised")
            }
            Self::StickyClaimed { vni, mac, vtep } => {
                write!(f, "VNI {vni}: {vtep} advertises MAC {mac}, which is sticky here; not used")
            }
            Self::StickyIpClaimed { vni, ip, mac, owner } => {
                write!(f, "VNI {vni}: local host {mac} claims {ip}, which belongs to {owner}; not advertised")
            }
            Self::NoVtep { vni } => {
                write!(f, "VNI {vni}: the vxlan device has no local address; set one (ip link … local ADDR)")
            }
            Self::LabelMismatch { vni, rd, label: [a, b, c] } => {
                let label = u32::from_be_bytes([0, *a, *b, *c]);
                write!(f, "VNI {vni}: a route of RD {rd} was imported with label {label}; not used")
            }
            Self::HeldNeighboursFull { vni } => {
                write!(f, "VNI {vni}: too many addresses without a known MAC; the oldest are forgotten")
            }
            Self::TooManyAddresses { vni, mac } => {
                write!(f, "VNI {vni}: MAC {mac} has too many addresses; those beyond are not used")
            }
            Self::L3VniShared { vni, vrf, other } => {
                write!(f, "VRF {vrf}: VNI {vni} is also that of VRF {other}; neither is served")
            }
            Self::L3VniIsL2Vni { vni, vrf } => {
                write!(f, "VRF {vrf}: VNI {vni} has the devices of an L2VNI; neither is served")
            }
            Self::VrfRouteRefused { vrf, rd, refusal } => {
                write!(f, "VRF {vrf}: a route of RD {rd} was imported and is not used: {refusal}")
            }
            Self::NoRouteDistinguisher { vni } => {
                write!(f, "VNI {vni}: no number left for a route distinguisher; configure `rd`")
            }
        }
    }
}
