//! Destinations that changed, each once, and the order in which they are given: that of their ids, but while many wait,
//! those with one route target after another. Neighbours send VTEP by VTEP, and what follows from a route is in tables of
//! its VNI, here and in the kernel: so these stay in the caches.

use super::id_set::IdSet;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::cmp::Reverse;
use weft_evpn::ExtendedCommunity;

/// From so many on they are put into that order. Tests need not make so many.
const MANY: u32 = if cfg!(test) { 16 } else { 16_384 };
/// At most so many at once: half a megabyte, and a millisecond or two.
const LOT: usize = if cfg!(test) { 64 } else { 131_072 };

/// A set of destinations.
#[derive(Debug, Default)]
pub(super) struct Changed {
    ids: IdSet,
    cursor: u32,
    /// The next ones, the last first. They stay in the set until they are given.
    order: Vec<u32>,
}

impl Changed {
    pub(super) fn len(&self) -> u32 {
        self.ids.len()
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        self.ids.contains(id)
    }

    pub(super) fn insert(&mut self, id: u32) {
        self.ids.insert(id);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.ids.iter()
    }

    /// Octets allocated.
    pub(super) fn bytes(&self) -> usize {
        self.ids.bytes() + self.order.capacity() * size_of::<u32>()
    }

    /// Takes destinations out, until `out` has `max`; `target` is asked for a route target of each.
    pub(super) fn take(
        &mut self,
        max: usize,
        out: &mut Vec<u32>,
        target: impl Fn(u32) -> Option<ExtendedCommunity>,
    ) {
        while out.len() < max && !self.ids.is_empty() {
            match self.order.pop() {
                Some(id) => out.extend(self.ids.remove(id).then_some(id)),
                None if self.ids.len() >= MANY => self.arrange(&target),
                None => {
                    self.ids.take(&mut self.cursor, max, out);
                }
            }
        }
        if self.ids.is_empty() {
            self.order = Vec::new();
        }
    }

    fn arrange(&mut self, target: impl Fn(u32) -> Option<ExtendedCommunity>) {
        let mut next = Vec::new();
        self.ids.take(&mut self.cursor, LOT, &mut next);
        let mut groups = HashMap::<_, Vec<u32>, RandomState>::default();
        for id in next {
            self.ids.insert(id);
            groups.entry(target(id)).or_default().push(id);
        }
        let mut groups: Vec<Vec<u32>> = groups.into_values().collect();
        groups.sort_unstable_by_key(|ids| Reverse(ids.first().copied()));
        self.order = groups.into_iter().flat_map(|ids| ids.into_iter().rev()).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use weft_evpn::RouteTarget;

    fn target(id: u32) -> Option<ExtendedCommunity> {
        (!id.is_multiple_of(4)).then(|| RouteTarget::two_octet_as(1, id % 4).community())
    }

    #[test]
    fn many_come_by_route_target_and_few_by_id() {
        let mut changed = Changed::default();
        (0..MANY).for_each(|id| changed.insert(id));
        let mut taken = Vec::new();
        changed.take(5, &mut taken, target);
        assert_eq!(taken, [0, 4, 8, 12, 1]);
        // What changes meanwhile, given already or not, is given once.
        [0, 1, 2, 100].into_iter().for_each(|id| changed.insert(id));
        changed.take(usize::MAX, &mut taken, target);
        assert_eq!(taken[5..], [5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 100, 0, 1]);
        assert!(changed.len() == 0 && changed.bytes() < 100);
        (0..MANY - 1).for_each(|id| changed.insert(id));
        taken.clear();
        changed.take(4, &mut taken, target);
        assert_eq!(taken, [0, 1, 2, 3]);
    }

    proptest! {
        #[test]
        fn gives_each_once(steps in prop::collection::vec((prop::collection::vec(0u32..300, 0..80), 0usize..60), 1..20)) {
            let (mut changed, mut model) = (Changed::default(), BTreeSet::new());
            for (ids, max) in steps {
                for id in ids {
                    changed.insert(id);
                    model.insert(id);
                }
                let mut taken = Vec::new();
                changed.take(max, &mut taken, target);
                prop_assert_eq!(taken.len(), max.min(model.len()));
                prop_assert!(taken.iter().all(|id| model.remove(id)));
                prop_assert!(changed.iter().eq(model.iter().copied()));
                prop_assert_eq!(changed.len() as usize, model.len());
            }
        }
    }
}
