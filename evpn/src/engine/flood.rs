//! Flooding by ingress replication (RFC 7432 §11, RFC 8365 §9): our IMET route asks other
//! VTEPs for copies, theirs name where our copies go. The PMSI tunnel's endpoint is the
//! address that counts; a route without an ingress-replication endpoint, or with another
//! label than the VNI, gives nothing. With flooding disabled nothing is advertised and
//! nothing is programmed, but routes are kept, so enabling it needs no import.

use super::instance::{MacVrf, Turn};
use super::memory::btree_bytes;
use super::source::{Source, SourceId};
use super::{Flooding, Output};
use crate::forwarding::ForwardingChange;
use crate::nlri::{EvpnRoute, InclusiveMulticast};
use crate::{EthernetTag, RouteDistinguisher, RouteTarget};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

type ImetKey = (RouteDistinguisher, EthernetTag, IpAddr);

#[derive(Debug, Clone, Copy)]
struct ImetRoute {
    source: SourceId,
    endpoint: IpAddr,
}

/// The IMET routes of a VNI, and the flood entries made of them.
#[derive(Debug, Default)]
pub(super) struct FloodTable {
    routes: BTreeMap<ImetKey, ImetRoute>,
    /// How many routes name an endpoint.
    endpoints: BTreeMap<IpAddr, BTreeSet<ImetKey>>,
    programmed: BTreeSet<IpAddr>,
}

impl FloodTable {
    /// Octets allocated.
    pub(super) fn bytes(&self) -> usize {
        let keys = self.endpoints.values().map(|keys| btree_bytes::<ImetKey, ()>(keys.len()));
        btree_bytes::<ImetKey, ImetRoute>(self.routes.len())
            + btree_bytes::<IpAddr, BTreeSet<ImetKey>>(self.endpoints.len())
            + keys.sum::<usize>()
            + btree_bytes::<IpAddr, ()>(self.programmed.len())
    }

    /// How many IMET routes there are.
    pub(super) fn len(&self) -> usize {
        self.routes.len()
    }

    /// The VTEPs that get copies.
    pub(super) fn vteps(&self) -> impl Iterator<Item = IpAddr> {
        self.programmed.iter().copied()
    }
}

impl MacVrf {
    /// A type-3 route is there, or changed.
    pub(super) fn upsert_imet(
        &mut self,
        route: &InclusiveMulticast,
        source: Source,
        endpoint: IpAddr,
        turn: &mut Turn<'_>,
    ) {
        let key = (route.rd, route.ethernet_tag, route.originator);
        let Some(source) = turn.shared.sources.hold(source) else { return };
        let before = self.flood.routes.insert(key, ImetRoute { source, endpoint });
        match before {
            Some(before) => {
                turn.shared.sources.release(before.source);
                if before.endpoint != endpoint {
                    self.unname_endpoint(before.endpoint, key, turn);
                }
            }
            None => turn.shared.holders.add(route.rd, self.vni),
        }
        self.flood.endpoints.entry(endpoint).or_default().insert(key);
        self.settle_flood(endpoint, turn);
    }

    /// A type-3 route is gone.
    pub(super) fn remove_imet(&mut self, key: ImetKey, turn: &mut Turn<'_>) {
        let Some(route) = self.flood.routes.remove(&key) else { return };
        turn.shared.sources.release(route.source);
        turn.shared.holders.remove(key.0, self.vni);
        self.unname_endpoint(route.endpoint, key, turn);
    }

    fn unname_endpoint(&mut self, endpoint: IpAddr, key: ImetKey, turn: &mut Turn<'_>) {
        if let Some(keys) = self.flood.endpoints.get_mut(&endpoint) {
            keys.remove(&key);
            if keys.is_empty() {
                self.flood.endpoints.remove(&endpoint);
            }
        }
        self.settle_flood(endpoint, turn);
    }

    pub(super) fn drop_flood_routes(&mut self, turn: &mut Turn<'_>) {
        self.drop_flood_routes_unless(&|_| false, turn);
    }

    /// Lets go of the type-3 routes whose route targets are not kept.
    pub(super) fn drop_flood_routes_unless(
        &mut self,
        keep: &dyn Fn(&[RouteTarget]) -> bool,
        turn: &mut Turn<'_>,
    ) {
        let sources = &turn.shared.sources;
        let lost = self
            .flood
            .routes
            .iter()
            .filter(|(_, route)| sources.get(route.source).is_none_or(|source| !keep(&source.targets)));
        let lost: Vec<ImetKey> = lost.map(|(key, _)| *key).collect();
        for key in lost {
            self.remove_imet(key, turn);
        }
    }

    /// Decides every flood entry anew.
    pub(super) fn refresh_flood(&mut self, turn: &mut Turn<'_>) {
        let endpoints: BTreeSet<IpAddr> =
            self.flood.endpoints.keys().chain(&self.flood.programmed).copied().collect();
        for endpoint in endpoints {
            self.settle_flood(endpoint, turn);
        }
    }

    fn settle_flood(&mut self, endpoint: IpAddr, turn: &mut Turn<'_>) {
        let enabled =
            self.active.as_ref().is_some_and(|settings| settings.flooding == Flooding::HeadEndReplication);
        let sources = &turn.shared.sources;
        let named = self.flood.endpoints.get(&endpoint).is_some_and(|keys| {
            let mut routes = keys.iter().filter_map(|key| self.flood.routes.get(key));
            routes.any(|route| sources.remote_vtep(route.source).is_some())
        });
        let wanted = enabled && named && !sources.is_own(endpoint);
        let changed = if wanted {
            self.flood.programmed.insert(endpoint)
        } else {
            self.flood.programmed.remove(&endpoint)
        };
        if changed {
            turn.forward(ForwardingChange::Flood { vni: self.vni, vtep: endpoint, wanted });
        }
    }

    /// Originates our IMET route if it is wanted and not there (or `again` is set), and
    /// withdraws the one that is there if it is not wanted or has another key.
    pub(super) fn refresh_imet(&mut self, again: bool, turn: &mut Turn<'_>) {
        let wanted =
            self.active.as_ref().filter(|settings| settings.flooding == Flooding::HeadEndReplication);
        let wanted = wanted.map(|settings| (settings.rd, settings.vtep));
        let before = std::mem::replace(&mut self.imet, wanted);
        if wanted.is_some() && (again || before != wanted) {
            self.originate_imet(turn);
        }
        if let Some((rd, originator)) = before.filter(|_| before != wanted) {
            let route = InclusiveMulticast { rd, ethernet_tag: EthernetTag::ZERO, originator };
            turn.out.push(Output::Withdraw(EvpnRoute::InclusiveMulticast(route)));
        }
    }
}
