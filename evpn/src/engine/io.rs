//! What goes into the engine and what comes out of it.

use super::{EvpnConfig, Notice};
use crate::forwarding::ForwardingChange;
use crate::local::LocalEvent;
use crate::nlri::EvpnRoute;
use crate::pmsi::PmsiTunnel;
use crate::{ExtendedCommunity, RouteTargetMatch};
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
    /// For the log.
    Notice(Notice),
}
