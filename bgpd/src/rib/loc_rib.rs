//! The Loc-RIB of a family: paths come and go, the best one is selected, and whoever must
//! hear of a change is marked: update subgroups, EVPN, the route target index.
//!
//! A restarting speaker selects at once, too; why is said in `restart`.

use super::{
    PathSource, Shared,
    advertise::DefaultRoute,
    attributes::AttributeId,
    changed::Changed,
    changes::{indexed, noted},
    constrain::Constrain,
    decision::{Candidate, select},
    destination::{Best, DestinationTable, Path, PathFlags, PeerSlot},
    export::{Origin, Origination},
    import::ImportId,
    octets::NO_OCTETS,
    place,
    rt_index::RtIndex,
    settings::RibSettings,
    update_group::Subgroup,
};
use crate::peer::PeerKind;
use crate::wire::Family;
use smallvec::SmallVec;
use std::{collections::BTreeSet, net::IpAddr};

/// The route type of MAC/IP routes, whose selection has rules of its own.
const MAC_IP: u8 = 2;

/// How a destination looked before something was done to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    pub(super) best: Option<Best>,
    pub(super) source: PeerSlot,
}

impl Before {
    fn of(first: &Path) -> Self {
        Self { best: first.best(), source: first.last_source() }
    }
}

/// A path as it comes in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival<'a> {
    pub(super) source: PeerSlot,
    pub(super) path_id: u32,
    pub(super) key: &'a [u8],
    pub(super) rest: &'a [u8],
    pub(super) attributes: AttributeId,
    /// The attributes as received, if they are others and are to be kept.
    pub(super) original: Option<AttributeId>,
    /// Flags of `PathFlags::REFUSED`.
    pub(super) refused: u16,
    /// Seconds since the RIB began.
    pub(super) now: u32,
}

/// A family's destinations and those who watch them.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) family: Family,
    pub(super) place: usize,
    pub(super) routes: DestinationTable,
    pub(super) subgroups: Vec<Option<Subgroup>>,
    /// Kept while a group originates it.
    pub(super) default_route: Option<DefaultRoute>,
    /// What EVPN has not heard of yet.
    pub(super) changes: Option<Changed>,
    pub(super) rt_index: Option<RtIndex>,
    /// While a neighbour says which of the routes it asks for.
    pub(super) constrain: Option<Box<Constrain>>,
    /// Of `RtFilter` alone: neighbours whose paths have changed.
    pub(super) touched: Option<BTreeSet<PeerSlot>>,
    /// Grows with each change of a best path: FRR's table version.
    pub(super) version: u64,
    /// Destinations with a best path.
    pub(super) best_count: u32,
}

impl Table {
    pub(super) fn new(family: Family, settings: &RibSettings) -> Self {
        Self {
            family,
            place: place(family),
            routes: DestinationTable::new(family),
            subgroups: Vec::new(),
            default_route: None,
            changes: noted(family, settings.import).then(Changed::default),
            rt_index: indexed(family, settings.import).then(RtIndex::default),
            constrain: None,
            touched: (family == Family::RtFilter).then(BTreeSet::new),
            version: 0,
            best_count: 0,
        }
    }

    pub(super) fn before(&self, id: u32) -> Before {
        Before::of(self.routes.first(id))
    }

    /// Adds or replaces a path. True if the source had no such path before.
    pub(super) fn announce(&mut self, shared: &mut Shared, arrival: &Arrival<'_>) -> bool {
        let &Arrival { source, path_id, attributes, now, .. } = arrival;
        let refused = arrival.refused | self.no_way(shared, source, attributes);
        let id = self.routes.find_or_insert(arrival.key);
        let rest = shared.rests.intern(arrival.rest);
        let first = *self.routes.first(id);
        let alone = first.makes_room_for(source, path_id);
        let old = match alone {
            true => first.exists().then_some(first),
            false => self.routes.find_path(id, source, path_id).copied(),
        };
        shared.keep_original(self.place, source, (id, path_id), arrival.original);
        if let Some(old) = old
            && (old.attributes, old.rest) == (attributes, rest)
        {
            shared.rests.release(rest);
            self.judge(shared, id, source, path_id, refused, PathFlags::STALE | PathFlags::REFRESHING);
            return false;
        }
        let before = Before::of(&first);
        self.touch(source);
        shared.attributes.retain(attributes);
        let mut path = Path::new(source, path_id, attributes, rest);
        (path.since, path.flags) = (now, PathFlags(refused));
        if alone && refused == 0 {
            path.flags.set(PathFlags::BEST);
        }
        let replaced = self.routes.put_path(id, path);
        if let Some(peer) = shared.peers.table_mut(source, self.place) {
            peer.routes.insert(id);
            peer.paths += u32::from(old.is_none());
            peer.accepted += u32::from(refused == 0);
            peer.accepted -= u32::from(old.is_some_and(|old| old.eligible()));
        }
        // Of one path there is nothing to select.
        match alone {
            true => self.selected(shared, id, before, path.best()),
            false => self.reselect(shared, id, before),
        }
        if replaced.exists() {
            shared.attributes.release(replaced.attributes);
        }
        if replaced.rest != NO_OCTETS {
            shared.rests.release(replaced.rest);
        }
        old.is_none()
    }

    /// Sets why a path may not be used, and clears other flags.
    pub(super) fn judge(
        &mut self,
        shared: &mut Shared,
        id: u32,
        source: PeerSlot,
        path_id: u32,
        refused: u16,
        clear: u16,
    ) {
        let before = self.before(id);
        let path = self.routes.find_path(id, source, path_id);
        let refused = refused | path.map_or(0, |path| self.no_way(shared, source, path.attributes));
        let (mut was, mut is) = (0, 0);
        self.routes.for_each_path_mut(id, |path| {
            if path.is(source, path_id) {
                was = path.flags.0 & PathFlags::REFUSED;
                is = refused;
                path.flags.clear(clear | PathFlags::REFUSED);
                path.flags.set(refused);
            }
        });
        if was != is {
            if let Some(peer) = shared.peers.table_mut(source, self.place) {
                peer.accepted += u32::from(was != 0 && is == 0);
                peer.accepted -= u32::from(was == 0 && is != 0);
            }
            self.touch(source);
            self.reselect(shared, id, before);
        }
    }

    /// Gives a path other attributes and says whether it may be used; its age stays.
    pub(super) fn replace_attributes(
        &mut self,
        shared: &mut Shared,
        id: u32,
        path: &Path,
        attributes: AttributeId,
        refused: u16,
    ) {
        let before = self.before(id);
        let refused = refused | self.no_way(shared, path.source, attributes);
        let mut old = None;
        self.routes.for_each_path_mut(id, |other| {
            if other.is(path.source, path.path_id) {
                old = Some(*other);
                other.attributes = attributes;
                other.flags.clear(PathFlags::REFUSED);
                other.flags.set(refused);
            }
        });
        let Some(old) = old else { return };
        self.touch(path.source);
        shared.attributes.retain(attributes);
        if let Some(peer) = shared.peers.table_mut(path.source, self.place) {
            peer.accepted += u32::from(refused == 0);
            peer.accepted -= u32::from(old.eligible());
        }
        self.reselect(shared, id, before);
        shared.attributes.release(old.attributes);
    }

    /// Takes a path out, if it is there.
    pub(super) fn withdraw(&mut self, shared: &mut Shared, source: PeerSlot, path_id: u32, key: &[u8]) {
        if let Some(id) = self.routes.find_next(key) {
            self.remove_path(shared, id, source, path_id);
        }
    }

    pub(super) fn remove_path(&mut self, shared: &mut Shared, id: u32, source: PeerSlot, path_id: u32) {
        let before = self.before(id);
        let Some(gone) = self.routes.take_path(id, source, path_id) else { return };
        self.touch(source);
        shared.keep_original(self.place, source, (id, path_id), None);
        let others = self.routes.paths(id).any(|path| path.source == source);
        if let Some(peer) = shared.peers.table_mut(source, self.place) {
            if !others {
                peer.routes.remove(id);
            }
            peer.paths -= 1;
            peer.accepted -= u32::from(gone.eligible());
        }
        self.reselect(shared, id, before);
        shared.attributes.release(gone.attributes);
        if gone.rest != NO_OCTETS {
            shared.rests.release(gone.rest);
        }
        self.try_free(shared, id);
    }

    /// What a neighbour asks for may be something else now.
    fn touch(&mut self, source: PeerSlot) {
        if let Some(touched) = &mut self.touched {
            touched.insert(source);
        }
    }

    /// Takes out those of a peer's paths that have one of these flags (0: all).
    pub(super) fn sweep(&mut self, shared: &mut Shared, source: PeerSlot, flags: u16) -> u32 {
        let Some(peer) = shared.peers.table(source, self.place) else { return 0 };
        let ids: Vec<u32> = peer.routes.iter().collect();
        let mut swept = 0;
        for id in ids {
            let gone: SmallVec<[u32; 2]> = self
                .routes
                .paths(id)
                .filter(|path| path.source == source && (flags == 0 || path.flags.has(flags)))
                .map(|path| path.path_id)
                .collect();
            for path_id in gone {
                self.remove_path(shared, id, source, path_id);
                swept += 1;
            }
        }
        swept
    }

    /// Sets a flag on all paths of a peer.
    pub(super) fn mark(&mut self, shared: &Shared, source: PeerSlot, flag: u16) {
        let Some(peer) = shared.peers.table(source, self.place) else { return };
        for id in peer.routes.iter() {
            self.routes.for_each_path_mut(id, |path| {
                if path.source == source {
                    path.flags.set(flag);
                }
            });
        }
    }

    /// Runs the decision for all destinations.
    pub(super) fn reselect_all(&mut self, shared: &mut Shared) {
        let ids: Vec<u32> = self.routes.occupied().iter().collect();
        for id in ids {
            let before = self.before(id);
            self.reselect(shared, id, before);
        }
    }

    /// Everything is looked at again for every peer.
    pub(super) fn send_all_again(&mut self) {
        for subgroup in self.subgroups.iter_mut().flatten() {
            subgroup.pending.union_with(self.routes.occupied());
        }
    }

    /// Runs the decision (RFC 4271 §9.1.2) and tells those who must hear of a change.
    pub(super) fn reselect(&mut self, shared: &Shared, id: u32, before: Before) {
        if self.routes.first(id).exists() {
            let best = match self.routes.has_one_path(id) {
                true => self.routes.first(id).eligible().then_some(0),
                false => self.select(shared, id),
            };
            self.routes.set_best(id, best);
        }
        self.selected(shared, id, before, self.routes.best(id));
    }

    /// The decision has been made: those who must hear of it are told.
    fn selected(&mut self, shared: &Shared, id: u32, before: Before, after: Option<Best>) {
        // With `maximum-paths`, others than the best count, too.
        if self.family.is_unicast()
            && let Some(changes) = &mut self.changes
        {
            changes.insert(id);
        }
        if before.best != after {
            self.best_changed(shared, id, before, after);
        } else if self.family == Family::RtFilter {
            // A client's path may be told in place of the best one (`told_path`).
            for subgroup in self.subgroups.iter_mut().flatten() {
                subgroup.pending.insert(id);
            }
        }
    }

    fn select(&self, shared: &Shared, id: u32) -> Option<usize> {
        let eligible: SmallVec<[(usize, &Path); 4]> =
            self.routes.paths(id).enumerate().filter(|(_, path)| path.eligible()).collect();
        let candidates: SmallVec<[Candidate<'_>; 4]> =
            eligible.iter().map(|(_, path)| self.candidate(shared, id, path)).collect();
        let place = select(&candidates, &shared.settings.bestpath)?;
        eligible.get(place).map(|(place, _)| *place)
    }

    /// A path as the decision sees it.
    pub(super) fn candidate<'a>(&self, shared: &'a Shared, id: u32, path: &Path) -> Candidate<'a> {
        let peer = shared.peers.get(path.source).map(|peer| &peer.settings);
        if let Some(info) = shared.import_info(path) {
            return Candidate {
                attributes: shared.attributes.get(path.attributes),
                kind: Some(if info.external { PeerKind::External } else { PeerKind::Internal }),
                router_id: info.router_id,
                address: IpAddr::V4(info.router_id),
                path_id: path.path_id,
                selected: path.flags.has(PathFlags::BEST),
                mac_ip: false,
            };
        }
        Candidate {
            attributes: shared.attributes.get(path.attributes),
            kind: if path.source == PeerSlot::LOCAL { None } else { peer.map(|peer| peer.kind) },
            router_id: peer.map_or(shared.settings.router_id, |peer| peer.router_id),
            address: peer.map_or(IpAddr::V4(shared.settings.router_id), |peer| peer.address),
            path_id: path.path_id,
            selected: path.flags.has(PathFlags::BEST),
            mac_ip: self.family == Family::L2vpnEvpn && self.routes.key_starts_with(id, MAC_IP),
        }
    }

    fn best_changed(&mut self, shared: &Shared, id: u32, before: Before, after: Option<Best>) {
        self.version += 1;
        self.best_count += u32::from(after.is_some());
        self.best_count -= u32::from(before.best.is_some());
        if let Some(index) = &mut self.rt_index {
            let communities = |best: Option<Best>| {
                best.map_or(&[][..], |best| shared.attributes.get(best.attributes).ext_communities.as_slice())
            };
            index.change(id, communities(before.best), communities(after));
        }
        if let Some(changes) = &mut self.changes {
            changes.insert(id);
        }
        // A peer does not hear of its own route. When the best path comes from another than
        // the one last sent, the new source may hold what was sent, and the old one does not.
        let other_source = before.source != self.routes.last_source(id);
        for subgroup in self.subgroups.iter_mut().flatten() {
            if subgroup.constraint.is_none() {
                subgroup.look_again(id, other_source);
            }
        }
        if self.constrain.is_some() {
            self.tell_constrained(shared, id, before, after);
        }
    }

    /// Forgets a destination that has no path and that nobody must hear of any more.
    pub(super) fn try_free(&mut self, shared: &mut Shared, id: u32) {
        if self.routes.first(id).exists()
            || !self.routes.occupied().contains(id)
            || self.default_route.is_some_and(|default_route| default_route.id == id)
            || self.changes.as_ref().is_some_and(|changes| changes.contains(id))
            || self.subgroups.iter().flatten().any(|subgroup| subgroup.sent.contains(id))
        {
            return;
        }
        for subgroup in self.subgroups.iter_mut().flatten() {
            subgroup.pending.remove(id);
            subgroup.moved.remove(id);
        }
        let rest = self.routes.free(id);
        if rest != NO_OCTETS {
            shared.rests.release(rest);
        }
    }
}

impl Shared {
    /// Keeps the attributes of a neighbour's path as received, or no longer.
    pub(super) fn keep_original(
        &mut self,
        table: usize,
        source: PeerSlot,
        path: (u32, u32),
        original: Option<AttributeId>,
    ) {
        let Some(state) = self.peers.table_mut(source, table) else { return };
        if original.is_none() && state.originals.is_empty() {
            return;
        }
        let old = match original {
            Some(original) => state.originals.insert(path, original),
            None => state.originals.remove(&path),
        };
        if let Some(original) = original {
            self.attributes.retain(original);
        }
        if let Some(old) = old {
            self.attributes.release(old);
        }
    }

    pub(super) fn path_source(&self, slot: PeerSlot, path_id: u32) -> PathSource {
        if slot == PeerSlot::IMPORT {
            return PathSource::Import(ImportId(path_id));
        }
        self.peers.get(slot).and_then(|peer| peer.id).map_or(PathSource::Local, PathSource::Peer)
    }

    /// Where a path comes from, as far as the rules of export care.
    pub(super) fn origin(&self, family: Family, source: PeerSlot, rest: u32) -> Origin {
        Origin { from: self.origination(source, family), domain: self.domain(family, source, rest) }
    }

    fn origination(&self, slot: PeerSlot, family: Family) -> Origination {
        match slot {
            PeerSlot::LOCAL => return Origination::Local,
            PeerSlot::IMPORT => return Origination::Import,
            _ => {}
        }
        let Some(peer) = self.peers.get(slot) else { return Origination::External };
        match peer.settings.kind {
            PeerKind::External => Origination::External,
            PeerKind::Internal => Origination::Internal {
                client: peer.settings.family(family).is_some_and(|row| row.settings.route_reflector_client),
                router_id: peer.settings.router_id,
            },
        }
    }
}
