//! Route target → destinations whose best path carries it, so that adding a VNI or changing
//! an import costs what it touches and not what the table holds.
//!
//! `*:N` imports go through a second index by the local part. Costs 9 octets per route and
//! route target; kept only where something imports, or where neighbours say what they ask for
//! (`constrain`). For these the ES-Import route target is one, too (RFC 7432 §7.6).

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};
use smallvec::SmallVec;
use weft_evpn::{ExtendedCommunity, RouteTarget, RouteTargetMatch};

/// The index.
#[derive(Debug, Default)]
pub(super) struct RtIndex {
    routes: HashMap<ExtendedCommunity, HashSet<u32, RandomState>, RandomState>,
    by_local_part: HashMap<u32, SmallVec<[RouteTarget; 2]>, RandomState>,
}

type Targets = SmallVec<[ExtendedCommunity; 4]>;

/// The community if it is a route target, ES-Import among them.
pub(super) fn target_of(community: ExtendedCommunity) -> Option<ExtendedCommunity> {
    matches!(community.0, [0x00..=0x02 | 0x06, 0x02, ..]).then_some(community)
}

fn targets(communities: &[ExtendedCommunity]) -> Targets {
    let mut targets: Targets = communities.iter().filter_map(|&community| target_of(community)).collect();
    targets.sort_unstable();
    targets.dedup();
    targets
}

impl RtIndex {
    /// The destination's best path had these communities and has those now; none where there
    /// is no best path.
    pub(super) fn change(&mut self, id: u32, old: &[ExtendedCommunity], new: &[ExtendedCommunity]) {
        let (old, new) = (targets(old), targets(new));
        for target in old.iter().filter(|target| !new.contains(target)) {
            self.remove(*target, id);
        }
        for target in new.iter().filter(|target| !old.contains(target)) {
            let routes = self.routes.entry(*target).or_default();
            if routes.is_empty()
                && let Some(target) = RouteTarget::from_community(*target)
            {
                self.by_local_part.entry(target.local_part()).or_default().push(target);
            }
            routes.insert(id);
        }
    }

    fn remove(&mut self, target: ExtendedCommunity, id: u32) {
        let Some(routes) = self.routes.get_mut(&target) else { return };
        routes.remove(&id);
        if !routes.is_empty() {
            if routes.capacity() > 64 && routes.len() < routes.capacity() / 8 {
                routes.shrink_to_fit();
            }
            return;
        }
        self.routes.remove(&target);
        let Some(target) = RouteTarget::from_community(target) else { return };
        if let Some(same) = self.by_local_part.get_mut(&target.local_part()) {
            same.retain(|other| *other != target);
            if same.is_empty() {
                self.by_local_part.remove(&target.local_part());
            }
        }
    }

    /// The destinations with this route target.
    pub(super) fn of(&self, target: ExtendedCommunity) -> impl Iterator<Item = u32> + '_ {
        self.routes.get(&target).into_iter().flatten().copied()
    }

    /// The destinations with route targets of which this holds; walks the targets there are.
    pub(super) fn within(&self, is: impl Fn(ExtendedCommunity) -> bool) -> impl Iterator<Item = u32> {
        self.routes.iter().filter(move |(target, _)| is(**target)).flat_map(|(_, ids)| ids.iter().copied())
    }

    /// The destinations that any of these matches, each once, in the order of ids.
    pub(super) fn matching(&self, matches: &[RouteTargetMatch]) -> Vec<u32> {
        let mut ids = Vec::new();
        for wanted in matches {
            match wanted {
                RouteTargetMatch::Exact(target) => ids.extend(self.of(target.community())),
                RouteTargetMatch::AnyAs(number) => {
                    for target in self.by_local_part.get(number).into_iter().flatten() {
                        ids.extend(self.of(target.community()));
                    }
                }
            }
        }
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Octets allocated.
    pub(super) fn bytes(&self) -> usize {
        self.routes.allocation_size()
            + self.by_local_part.allocation_size()
            + self.routes.values().map(HashSet::allocation_size).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_and_any_as_and_removal() {
        let rt = |asn, number| RouteTarget::two_octet_as(asn, number);
        let wide = RouteTarget::four_octet_as(70_000, 10);
        let mut index = RtIndex::default();
        index.change(1, &[], &[rt(1, 10).community(), ExtendedCommunity::ENCAPSULATION_VXLAN]);
        index.change(2, &[], &[rt(2, 10).community(), rt(2, 11).community(), rt(2, 11).community()]);
        index.change(3, &[], &[wide.community()]);
        let matching = |index: &RtIndex, wanted: &[RouteTargetMatch]| index.matching(wanted);
        assert_eq!(matching(&index, &[RouteTargetMatch::Exact(rt(1, 10))]), [1]);
        assert_eq!(
            matching(&index, &[RouteTargetMatch::AnyAs(10), RouteTargetMatch::Exact(rt(2, 11))]),
            [1, 2, 3]
        );
        index.change(2, &[rt(2, 10).community(), rt(2, 11).community()], &[rt(2, 11).community()]);
        assert_eq!(matching(&index, &[RouteTargetMatch::AnyAs(10)]), [1, 3]);
        index.change(1, &[rt(1, 10).community()], &[]);
        index.change(3, &[wide.community()], &[]);
        index.change(2, &[rt(2, 11).community()], &[]);
        assert!(index.routes.is_empty() && index.by_local_part.is_empty());
    }
}
