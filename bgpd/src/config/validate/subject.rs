//! What a problem is about. A file's reader knows on which line each was named.

use ipnet::IpNet;
use std::{fmt, net::IpAddr};

/// A part of the configuration, by the line that names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// `neighbor ADDRESS`, in the speaker's own instance or in that of an IP-VRF.
    Neighbor(Option<String>, IpAddr),
    /// `neighbor ADDRESS|NAME domain …`
    NeighborDomain(String),
    /// `neighbor NAME peer-group`, likewise.
    PeerGroup(Option<String>, String),
    /// `bridge-domain NAME`
    BridgeDomain(String),
    /// Its line `vrf NAME`.
    BridgeDomainVrf(String),
    /// One of its `gateway` lines.
    Gateway(String, IpNet),
    /// `vrf NAME`
    Vrf(String),
    /// Its line `vni N`.
    VrfVni(String),
    /// Its line `table N`.
    VrfTable(String),
    /// `router bgp N vrf NAME`
    BgpVrf(String),
    /// `aggregate-address P` of an IP-VRF.
    Aggregate(String, IpNet),
    /// `route-map NAME permit|deny N`
    RouteMap(String, u16),
    /// Its line `call NAME`.
    RouteMapCall(String, u16),
}

impl Subject {
    /// The block that it is in: what to point at when its own line is not known.
    pub fn within(&self) -> Option<Subject> {
        Some(match self {
            Self::BridgeDomainVrf(name) | Self::Gateway(name, _) => Self::BridgeDomain(name.clone()),
            Self::RouteMapCall(name, order) => Self::RouteMap(name.clone(), *order),
            Self::VrfVni(name) | Self::VrfTable(name) => Self::Vrf(name.clone()),
            Self::NeighborDomain(peer) => match peer.parse() {
                Ok(address) => Self::Neighbor(None, address),
                Err(_) => Self::PeerGroup(None, peer.clone()),
            },
            _ => return None,
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_vrf = |f: &mut fmt::Formatter<'_>, vrf: &Option<String>| match vrf {
            Some(vrf) => write!(f, "vrf {vrf}: "),
            None => Ok(()),
        };
        match self {
            Self::Neighbor(vrf, address) => {
                in_vrf(f, vrf)?;
                write!(f, "neighbor {address}")
            }
            Self::NeighborDomain(peer) => write!(f, "neighbor {peer}"),
            Self::PeerGroup(vrf, name) => {
                in_vrf(f, vrf)?;
                write!(f, "peer-group {name}")
            }
            Self::BridgeDomain(name) | Self::BridgeDomainVrf(name) => write!(f, "bridge-domain {name}"),
            Self::Gateway(name, gateway) => write!(f, "bridge-domain {name}: gateway {gateway}"),
            Self::Vrf(name) | Self::VrfVni(name) | Self::VrfTable(name) => write!(f, "vrf {name}"),
            Self::BgpVrf(vrf) => write!(f, "router bgp vrf {vrf}"),
            Self::RouteMap(name, order) | Self::RouteMapCall(name, order) => {
                write!(f, "route-map {name} entry {order}")
            }
            Self::Aggregate(vrf, prefix) => write!(f, "vrf {vrf}: aggregate-address {prefix}"),
        }
    }
}
