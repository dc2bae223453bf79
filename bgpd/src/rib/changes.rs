//! What those who import are told: EVPN of EVPN routes, an IP-VRF of prefixes. A destination
//! that changed is a bit in a set (`changed`) until it is asked for, however often it changes.

use super::{
    PathSource, Rib, Shared,
    changed::Changed,
    destination::Path,
    loc_rib::Table,
    rt_index::{RtIndex, target_of},
};
use crate::wire::{AttributeSet, Family, unicast};
use ipnet::IpNet;
use std::sync::Arc;
use weft_evpn::{
    DomainId, RouteTargetMatch,
    nlri::{NlriKey, NlriRest},
};

/// A best path, for those who import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BestPath {
    /// From whom.
    pub source: PathSource,
    /// The attributes as received (or originated), after the import policy.
    pub attributes: Arc<AttributeSet>,
    /// The domain that it is from: that of the neighbour, of the import, or the one that it is
    /// originated into; `None` for a route of ours that goes into all.
    pub domain: Option<DomainId>,
}

/// A destination whose best path is another than it was, or gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its family.
    pub family: Family,
    /// Its key.
    pub key: NlriKey,
    /// The rest of the NLRI of the best path; when it is gone, that of the last one, so that
    /// `nlri` can be made of it.
    pub rest: NlriRest,
    /// The best path now.
    pub path: Option<BestPath>,
}

impl Change {
    /// The NLRI in wire form.
    pub fn nlri(&self) -> Vec<u8> {
        // As long as a type-2 route; growing to that would cost four allocations.
        let mut wire = Vec::with_capacity(64);
        (self.family.row().join)(&self.key, &self.rest, &mut wire);
        wire
    }

    /// The prefix, in a unicast family.
    pub fn prefix(&self) -> Option<IpNet> {
        unicast::prefix_of(&self.key).filter(|_| self.family.is_unicast())
    }
}

/// Prefixes of an IP-VRF are not looked for by route targets: they have been imported.
pub(super) fn indexed(family: Family, import: bool) -> bool {
    import && family == Family::L2vpnEvpn
}

/// Nobody imports memberships.
pub(super) fn noted(family: Family, import: bool) -> bool {
    import && family != Family::RtFilter
}

impl Table {
    /// Begins or ends to note changes and to index route targets.
    pub(super) fn set_import(&mut self, shared: &mut Shared, import: bool) {
        if noted(self.family, import) == self.changes.is_some() {
            return;
        }
        if !import {
            self.rt_index.take_if(|_| self.constrain.is_none());
            // Tombstones may have waited for EVPN only.
            for id in self.changes.take().iter().flat_map(Changed::iter) {
                self.try_free(shared, id);
            }
            return;
        }
        if indexed(self.family, import) {
            self.index_targets(shared);
        }
        self.changes = Some(Changed::default());
    }

    /// Begins to index route targets, if it is not done already.
    pub(super) fn index_targets(&mut self, shared: &Shared) {
        if self.rt_index.is_none() {
            let mut index = RtIndex::default();
            for id in self.routes.occupied().iter() {
                if let Some(best) = self.routes.best(id) {
                    index.change(id, &[], &shared.attributes.get(best.attributes).ext_communities);
                }
            }
            self.rt_index = Some(index);
        }
    }

    /// A path for those who import.
    pub(super) fn best_path(&self, shared: &Shared, path: &Path) -> BestPath {
        BestPath {
            source: shared.path_source(path.source, path.path_id),
            attributes: Arc::clone(shared.attributes.get(path.attributes)),
            domain: shared.domain(self.family, path.source, path.rest),
        }
    }

    fn change(&self, shared: &Shared, id: u32) -> Change {
        let first = self.routes.first(id);
        let path = self.routes.best(id).map(|_| self.best_path(shared, first));
        Change {
            family: self.family,
            key: self.routes.key(id),
            rest: NlriRest::from_slice(shared.rest(first)),
            path,
        }
    }
}

impl Rib {
    /// Up to `max` destinations whose best path changed since they were last given here, as
    /// they are now; in unicast families those, too, of which another path changed, since it
    /// may count for `multipath`. Nothing is queued: a destination that changed often is given once.
    pub fn take_changes(&mut self, max: usize) -> Vec<Change> {
        let mut taken = Vec::new();
        let mut ids = Vec::new();
        for table in &mut self.tables {
            ids.clear();
            if let Some(changes) = &mut table.changes {
                let (routes, attributes) = (&table.routes, &self.shared.attributes);
                changes.take(max - taken.len(), &mut ids, |id| {
                    let communities = &attributes.get(routes.best(id)?.attributes).ext_communities;
                    communities.iter().find_map(|&community| target_of(community))
                });
            }
            taken.reserve(ids.len());
            for &id in &ids {
                taken.push(table.change(&self.shared, id));
                table.try_free(&mut self.shared, id);
            }
        }
        taken
    }

    /// How many destinations `take_changes` would give.
    pub fn waiting_changes(&self) -> usize {
        self.tables
            .iter()
            .filter_map(|table| table.changes.as_ref())
            .map(|changes| changes.len() as usize)
            .sum()
    }

    /// How many destinations have no best path (any more), and are only there since somebody is still to hear of that, or
    /// since none of their paths may be one.
    pub fn without_best(&self) -> usize {
        let without = |table: &Table| table.routes.occupied().len().saturating_sub(table.best_count);
        self.tables.iter().map(|table| without(table) as usize).sum()
    }

    /// The best paths that carry a matching route target, without walking the table. Needs
    /// `RibSettings::import`.
    pub fn best_routes_matching(&self, matches: &[RouteTargetMatch]) -> Vec<Change> {
        self.tables
            .iter()
            .flat_map(|table| {
                let ids = table.rt_index.as_ref().map(|index| index.matching(matches)).unwrap_or_default();
                ids.into_iter().map(|id| table.change(&self.shared, id))
            })
            .collect()
    }
}
