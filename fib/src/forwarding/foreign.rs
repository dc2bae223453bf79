//! Routes in the table of an IP-VRF that are not ours: what redistribution tells of them, the best of each prefix.
//! What is no way out (unreachable, prohibit, link-local) is told to nobody, but stands in the way of ours if it has our
//! metric. Pure. Does not do: routes for some sources or types of service only.

use crate::model::Links;
use crate::netlink::constants::*;
use crate::netlink::encode::metric_of;
use crate::netlink::route::RouteMessage;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use ipnet::IpNet;
use smallvec::SmallVec;
use std::net::IpAddr;
use weft_evpn::vrf::{LocalRoute, LocalRouteKind};

/// One route of somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foreign {
    pub metric: u32,
    protocol: u8,
    discard: bool,
    gateway: Option<IpAddr>,
    device: Option<u32>,
    /// It leads somewhere, and others may be told of it.
    leads: bool,
    /// Not yet seen again in the dump that is being read.
    pub stale: bool,
}

impl Foreign {
    /// Reads a message; `None` for a route that can neither be told nor stand in the way.
    pub fn read(message: &RouteMessage) -> Option<Self> {
        let leads = matches!(message.kind, RTN_UNICAST | RTN_BLACKHOLE) && is_routable(message.prefix);
        if message.special || !(leads || message.metric == metric_of(message.prefix)) {
            return None;
        }
        let discard = message.kind == RTN_BLACKHOLE;
        Some(Foreign {
            metric: message.metric,
            protocol: message.protocol,
            discard,
            gateway: message.gateway,
            // IPv6 names the loopback device for a discard route.
            device: message.device.filter(|_| !discard),
            leads,
            stale: false,
        })
    }

    fn kind(&self) -> LocalRouteKind {
        match self.protocol {
            RTPROT_KERNEL if self.gateway.is_none() && !self.discard => LocalRouteKind::Connected,
            RTPROT_STATIC | RTPROT_BOOT => LocalRouteKind::Static,
            _ => LocalRouteKind::Kernel,
        }
    }

    /// In the words of redistribution.
    pub fn told(&self, links: &Links) -> LocalRoute {
        LocalRoute {
            kind: self.kind(),
            gateway: self.gateway,
            interface: self.device.map(|device| (device, links.name(device))),
            metric: self.metric,
        }
    }

    fn is_same(&self, other: &Foreign) -> bool {
        Foreign { stale: false, ..*self } == Foreign { stale: false, ..*other }
    }
}

/// Whether a prefix may be told to others: neither link-local nor multicast.
fn is_routable(prefix: IpNet) -> bool {
    match prefix {
        IpNet::V4(prefix) => {
            let address = prefix.addr();
            !(address.is_multicast() || address.is_link_local() || address.is_loopback())
        }
        IpNet::V6(prefix) => {
            let address = prefix.addr();
            !(address.is_multicast() || address.is_unicast_link_local() || address.is_loopback())
        }
    }
}

/// Those of one table.
#[derive(Debug, Default)]
pub struct ForeignRoutes(HashMap<IpNet, SmallVec<[Foreign; 1]>, RandomState>);

impl ForeignRoutes {
    /// The one that the kernel prefers of those that may be told.
    pub fn best(&self, prefix: IpNet) -> Option<Foreign> {
        let leading = self.0.get(&prefix)?.iter().filter(|route| route.leads);
        leading.min_by_key(|route| route.metric).copied()
    }

    /// The smallest metric of all of them.
    pub fn least_metric(&self, prefix: IpNet) -> Option<u32> {
        self.0.get(&prefix)?.iter().map(|route| route.metric).min()
    }

    /// Whether one of them has this metric.
    pub fn has_metric(&self, prefix: IpNet, metric: u32) -> bool {
        self.0.get(&prefix).is_some_and(|routes| routes.iter().any(|route| route.metric == metric))
    }

    /// A route is there. `replaced`: in the place of those of its metric.
    pub fn add(&mut self, prefix: IpNet, route: Foreign, replaced: bool) {
        let routes = self.0.entry(prefix).or_default();
        routes.retain(|other| !(other.is_same(&route) || replaced && other.metric == route.metric));
        routes.push(route);
    }

    /// A route is gone.
    pub fn remove(&mut self, prefix: IpNet, route: &Foreign) {
        self.retain(prefix, |other| !other.is_same(route));
    }

    fn retain(&mut self, prefix: IpNet, mut keep: impl FnMut(&Foreign) -> bool) {
        if let Some(routes) = self.0.get_mut(&prefix) {
            routes.retain(|route| keep(route));
            if routes.is_empty() {
                self.0.remove(&prefix);
            }
        }
    }

    /// Before a dump.
    pub fn begin_sync(&mut self) {
        self.0.values_mut().flatten().for_each(|route| route.stale = true);
    }

    /// After it: what was not shown again is forgotten. Gives the prefixes of those, with what was the best before.
    pub fn end_sync(&mut self) -> Vec<(IpNet, Option<Foreign>)> {
        let stale = |routes: &SmallVec<[Foreign; 1]>| routes.iter().any(|route| route.stale);
        let prefixes: Vec<(IpNet, Option<Foreign>)> = self
            .0
            .iter()
            .filter(|(_, routes)| stale(routes))
            .map(|(prefix, _)| (*prefix, self.best(*prefix)))
            .collect();
        for (prefix, _) in &prefixes {
            self.retain(*prefix, |route| !route.stale);
        }
        prefixes
    }

    /// Whether a route of somebody else leads out of this device.
    pub fn uses(&self, device: u32) -> bool {
        self.0.values().flatten().any(|route| route.device == Some(device))
    }
}
