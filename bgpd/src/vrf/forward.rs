//! What the kernel shall do with packets to a prefix: nothing of ours where it has a route of
//! its own, else the ways of the best path and of those as good (RFC 4271 §5.1.3, §9.1.2.1).

use super::{
    import::{AGGREGATE, Imports},
    prefixes::supernets,
};
use crate::rib::{BestPath, PathSource, Rib};
use crate::wire::unicast;
use ipnet::IpNet;
use smallvec::SmallVec;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};
use weft_evpn::{
    forwarding::{VrfForward, VrfNextHop},
    vrf::LocalRoute,
};

/// Ways to one next hop.
pub(super) type Ways = SmallVec<[VrfNextHop; 2]>;

/// What ways are looked up in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tables<'a> {
    pub rib: &'a Rib,
    pub imports: &'a Imports,
    pub locals: &'a BTreeMap<IpNet, LocalRoute>,
    /// The subnets of gateways: connected, whether or not the kernel has said so.
    pub subnets: &'a BTreeSet<IpNet>,
}

impl Tables<'_> {
    /// The ways to a router in the tenant's network; none: it is not reachable. A host route
    /// from EVPN goes before the subnet that the router is of: it has moved to another leaf.
    /// CE neighbours' routes have no say: one that is used because of them could be what makes
    /// them unusable, and so for ever.
    pub fn resolve(self, next_hop: IpAddr) -> Ways {
        let host = IpNet::from(next_hop);
        let local = self.local(next_hop);
        if local.is_none_or(|(prefix, _)| prefix != host) {
            let paths = self.rib.multipath_of_imports(unicast::family(&host), &unicast::key(&host));
            let mut ways: Ways = paths.iter().filter_map(|path| self.import(&host, path)).collect();
            if !ways.is_empty() {
                tidy(&mut ways);
                return ways;
            }
        }
        let Some((_, gateway)) = local else { return Ways::new() };
        std::iter::once(VrfNextHop::Gateway(gateway.unwrap_or(next_hop))).collect()
    }

    /// The longest prefix of the kernel's own that holds an address, and the gateway there.
    fn local(self, address: IpAddr) -> Option<(IpNet, Option<IpAddr>)> {
        let host = IpNet::from(address);
        std::iter::once(host).chain(supernets(host)).find_map(|prefix| {
            let route = self.locals.get(&prefix).map(|route| route.gateway);
            Some((prefix, route.or(self.subnets.contains(&prefix).then_some(None))?))
        })
    }

    fn import(self, prefix: &IpNet, path: &BestPath) -> Option<VrfNextHop> {
        match path.source {
            PathSource::Import(id) if id != AGGREGATE => self.imports.next_hop(prefix, id),
            _ => None,
        }
    }

    /// What the kernel shall do.
    pub fn forward(self, prefix: &IpNet, paths: &[BestPath]) -> Option<VrfForward> {
        if self.locals.contains_key(prefix) || self.subnets.contains(prefix) {
            return None;
        }
        match paths.first()?.source {
            PathSource::Local => return None,
            PathSource::Import(AGGREGATE) => return Some(VrfForward::Discard),
            PathSource::Import(_) | PathSource::Peer(_) => {}
        }
        let mut ways = Ways::new();
        for path in paths {
            match path.source {
                PathSource::Import(_) => ways.extend(self.import(prefix, path)),
                PathSource::Peer(_) => {
                    if let Some(next_hop) = path.attributes.next_hop {
                        ways.extend(self.resolve(next_hop));
                    }
                }
                PathSource::Local => {}
            }
        }
        tidy(&mut ways);
        (!ways.is_empty()).then(|| VrfForward::Via(ways.into_vec()))
    }
}

fn tidy(ways: &mut Ways) {
    ways.sort_unstable();
    ways.dedup();
}
