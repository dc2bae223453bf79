//! What goes into the engine and what comes out of it.

use super::{EvpnConfig, Notice};
use crate::forwarding::{ForwardingChange, VrfNextHop};
use crate::local::LocalEvent;
use crate::nlri::EvpnRoute;
use crate::pmsi::PmsiTunnel;
use crate::{
    DomainId, EthernetTag, ExtendedCommunity, MacAddr, RouteDistinguisher, RouteTarget, RouteTargetMatch,
    Vni, VrfName,
};
use ipnet::IpNet;
use std::net::IpAddr;

/// What the engine needs to know of a best path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoutePath<'a> {
    /// The BGP next hop: the VTEP.
    pub next_hop: IpAddr,
    /// All extended communities, in the order received.
    pub ext_communities: &'a [ExtendedCommunity],
    /// The PMSI Tunnel attribute, if there is one.
    pub pmsi: Option<&'a PmsiTunnel>,
    /// The domain of the neighbour that sent it.
    pub domain: DomainId,
    /// The domains it has come through (D-PATH), the last one first.
    pub d_path: &'a [DomainId],
}

/// One input. All are levels: what is said twice changes nothing.
#[derive(Debug)]
pub enum Input<'a> {
    /// The whole wanted configuration.
    Config(EvpnConfig),
    /// The kernel says something.
    Local(LocalEvent),
    /// The best path of this route changed; `None`: no path is left. Paths learned from peers only.
    Route {
        /// The route. For a route that is gone only its key counts.
        route: &'a EvpnRoute,
        /// Its best path.
        path: Option<RoutePath<'a>>,
    },
}

/// A route of ours, whole. It replaces what was originated with the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origination {
    /// The route.
    pub route: EvpnRoute,
    /// Route targets first, then the others.
    pub ext_communities: Vec<ExtendedCommunity>,
    /// On type 3 only.
    pub pmsi: Option<PmsiTunnel>,
    /// Our VTEP.
    pub next_hop: IpAddr,
}

/// One output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Advertise this.
    Originate(Origination),
    /// Advertise this no longer; its key counts.
    Withdraw(EvpnRoute),
    /// The kernel must hold this.
    Forward(ForwardingChange),
    /// Feed `Input::Route` for every best route of a peer that has a matching route target.
    Import(Vec<RouteTargetMatch>),
    /// A path for the table of an IP-VRF, from an EVPN route: a prefix route, or the host of a
    /// MAC/IP route.
    VrfPath {
        /// The IP-VRF.
        vrf: VrfName,
        /// The prefix; of a host all bits.
        prefix: IpNet,
        /// Which of the paths to the prefix.
        source: VrfPathSource,
        /// `None`: there is no such path any more.
        path: Option<VrfPath>,
    },
    /// With what an IP-VRF advertises has changed; `None`: it does not, any more or yet.
    VrfActive {
        /// The IP-VRF.
        vrf: VrfName,
        /// What stands in its routes.
        active: Option<VrfActive>,
    },
    /// For the log.
    Notice(Notice),
}

/// What tells the EVPN paths to one prefix of an IP-VRF apart: what the EVPN route's key has
/// beyond the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VrfPathSource {
    /// The route's RD.
    pub rd: RouteDistinguisher,
    /// The route's Ethernet tag.
    pub ethernet_tag: EthernetTag,
    /// The MAC of a MAC/IP route; `None`: a prefix route.
    pub mac: Option<MacAddr>,
}

/// A path from an EVPN route to a prefix of an IP-VRF, its overlay index resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VrfPath {
    /// The route whose attributes the path has.
    pub route: EvpnRoute,
    /// Where to send: through the L3VNI to a VTEP, or, where a gateway overlay index is a host in
    /// a subnet of ours, to that host.
    pub next_hop: VrfNextHop,
    /// The domain that it was learned in.
    pub domain: DomainId,
    /// Something newer says that the host is elsewhere: the path is not to be used, but its domain
    /// has it, and must hear where the host is even if an aggregate covers that.
    pub overruled: bool,
}

/// What an IP-VRF's prefix routes carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VrfActive {
    /// The RD of routes to our own domain.
    pub rd: RouteDistinguisher,
    /// The RDs of routes to other domains.
    pub domain_rds: Vec<(DomainId, RouteDistinguisher)>,
    /// Route targets.
    pub export: Vec<RouteTarget>,
    /// The L3VNI.
    pub vni: Vni,
    /// Our VTEP.
    pub vtep: IpAddr,
    /// Our router MAC.
    pub router_mac: MacAddr,
}
