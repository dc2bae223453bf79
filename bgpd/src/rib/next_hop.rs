//! Next hops that there is a way to, or not (RFC 4271 §9.1.2.1): who owns the RIB knows the
//! ways and says so. For neighbours' unicast routes only: EVPN reaches its VTEPs by the
//! underlay, which finds its own ways. A path whose next hop has none is kept and not used.

use super::{
    Rib, Shared,
    attributes::AttributeId,
    destination::{Path, PathFlags, PeerSlot},
    loc_rib::Table,
};
use smallvec::SmallVec;
use std::{collections::BTreeSet, net::IpAddr, ops::RangeInclusive};

impl Table {
    /// `PathFlags::NO_WAY` if there is no way to the next hop of a neighbour's path.
    pub(super) fn no_way(&self, shared: &Shared, source: PeerSlot, attributes: AttributeId) -> u16 {
        let is_peer = !matches!(source, PeerSlot::LOCAL | PeerSlot::IMPORT);
        if !is_peer || shared.no_way.is_empty() || !self.family.is_unicast() {
            return 0;
        }
        let next_hop = shared.attributes.get(attributes).next_hop;
        let none = next_hop.is_some_and(|next_hop| shared.no_way.contains(&next_hop));
        if none { PathFlags::NO_WAY } else { 0 }
    }
}

impl Rib {
    /// There is a way to these next hops, or not. Every next hop has one until told otherwise.
    /// A change walks the neighbours' unicast routes, once for all that change together, and
    /// forgets next hops without a way that no route has any more.
    pub fn set_next_hops(&mut self, ways: impl IntoIterator<Item = (IpAddr, bool)>) {
        let no_way = &mut self.shared.no_way;
        let changes = |&(next_hop, reachable): &(IpAddr, bool)| match reachable {
            true => no_way.remove(&next_hop),
            false => no_way.insert(next_hop),
        };
        let changed: BTreeSet<IpAddr> =
            ways.into_iter().filter(changes).map(|(next_hop, _)| next_hop).collect();
        if changed.is_empty() {
            return;
        }
        let mut seen = BTreeSet::new();
        for table in self.tables.iter_mut().filter(|table| table.family.is_unicast()) {
            let slots = self.shared.peers.iter().filter(|(_, peer)| peer.id.is_some());
            let ids: Vec<(PeerSlot, u32)> = slots
                .filter_map(|(slot, peer)| Some((slot, peer.tables.get(table.place)?)))
                .flat_map(|(slot, own)| own.routes.iter().map(move |id| (slot, id)))
                .collect();
            for (slot, id) in ids {
                let mut hang: SmallVec<[Path; 2]> = SmallVec::new();
                for path in table.routes.paths(id).filter(|path| path.source == slot) {
                    let Some(next_hop) = self.shared.attributes.get(path.attributes).next_hop else {
                        continue;
                    };
                    if changed.contains(&next_hop) {
                        hang.push(*path);
                    }
                    if self.shared.no_way.contains(&next_hop) {
                        seen.insert(next_hop);
                    }
                }
                for path in hang {
                    let other = path.flags.0 & PathFlags::REFUSED & !PathFlags::NO_WAY;
                    table.judge(&mut self.shared, id, slot, path.path_id, other, 0);
                }
            }
        }
        self.shared.no_way = seen;
    }

    /// The next hops from one address to another that there is no way to.
    pub fn unreachable_next_hops(&self, range: RangeInclusive<IpAddr>) -> impl Iterator<Item = IpAddr> {
        self.shared.no_way.range(range).copied()
    }
}
