//! `maximum-paths`: the paths that are as good as the best one up to the comparison of next
//! hops (RFC 4271 §9.1.2.2 e, which needs IGP metrics that nobody has here).

use super::{
    BestPath, Rib,
    decision::{Candidate, is_multipath},
    destination::{Path, PeerSlot},
    place,
};
use crate::wire::Family;
use smallvec::SmallVec;
use std::cmp::Ordering;

impl Rib {
    /// The best path of the destination with this key and those equal to it, the best first
    /// and then in the order of the decision process; `max` in all. Empty without a best path.
    pub fn multipath(&self, family: Family, key: &[u8], max: usize) -> Vec<BestPath> {
        let Some(table) = self.tables.get(place(family)) else { return Vec::new() };
        let Some(id) = table.routes.find(key).filter(|&id| table.routes.best(id).is_some()) else {
            return Vec::new();
        };
        let (shared, knobs) = (&self.shared, &self.shared.settings.bestpath);
        let best = table.candidate(shared, id, table.routes.first(id));
        let mut equal: SmallVec<[(&Path, _); 8]> = table
            .routes
            .paths(id)
            .skip(1)
            .filter(|path| path.eligible())
            .map(|path| (path, table.candidate(shared, id, path)))
            .filter(|(_, candidate)| is_multipath(&best, candidate, knobs))
            .collect();
        // Equal up to MED, all of one neighbouring AS or with MED set aside: the order is total.
        equal.sort_by(|(_, a), (_, b)| super::compare(b, a, knobs).0);
        std::iter::once(table.routes.first(id))
            .chain(equal.into_iter().map(|(path, _)| path))
            .take(max)
            .map(|path| table.best_path(shared, path))
            .collect()
    }

    /// What `multipath` would give if there were no paths but imports.
    pub fn multipath_of_imports(&self, family: Family, key: &[u8]) -> Vec<BestPath> {
        let Some(table) = self.tables.get(place(family)) else { return Vec::new() };
        let Some(id) = table.routes.find(key) else { return Vec::new() };
        let (shared, knobs) = (&self.shared, &self.shared.settings.bestpath);
        let imports = || {
            let paths = table.routes.paths(id);
            let imports = paths.filter(|path| path.source == PeerSlot::IMPORT && path.eligible());
            imports.map(|path| (path, table.candidate(shared, id, path)))
        };
        let better =
            |a: &Candidate<'_>, b: &Candidate<'_>| super::compare(a, b, knobs).0 == Ordering::Greater;
        let best = imports().reduce(|best, other| if better(&other.1, &best.1) { other } else { best });
        let Some((_, best)) = best else { return Vec::new() };
        let equal = imports().filter(|(_, candidate)| is_multipath(&best, candidate, knobs));
        equal.map(|(path, _)| table.best_path(shared, path)).collect()
    }
}
