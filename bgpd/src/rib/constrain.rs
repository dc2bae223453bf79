//! A peer that negotiated `RtFilter` is sent the EVPN routes that it asked for and no others
//! (RFC 4684 §6): those with a route target that one of its memberships covers.
//!
//! What a peer asks for is all usable paths of its Adj-RIB-In of the family, best or not, stale
//! or not, by iBGP and eBGP alike. (§3.2 demands it of iBGP and leaves eBGP the choice; in a fabric
//! of eBGP two spines are two ways, not a better and a worse one.) Peers that ask for the same
//! may share an update subgroup.
//!
//! Two indexes keep the cost at what is touched: `rt_index` finds the routes of a target that is
//! asked for or no longer; `Constrain` finds the subgroups of a route that changed. Not indexed:
//! those with an export policy, since it may change route targets; and those that ask for all or
//! for a range of targets: they look at every change, and the filter decides.
//!
//! Until the peer's End-of-RIB for the family its EVPN routes are held, `HOLD` at most.

use super::{
    Rib, Shared,
    destination::{Best, PeerSlot},
    id_set::IdSet,
    loc_rib::{Before, Table},
    peers::{RibPeer, RibPeerFamily},
    place,
    rt_index::target_of,
    update_group::Subgroup,
};
use crate::peer::{PeerId, PeerKind};
use crate::wire::{Family, Membership};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};
use weft_evpn::ExtendedCommunity;

/// How long EVPN routes wait for the peer's memberships (RFC 4684 §6).
const HOLD: Duration = Duration::from_secs(60);

/// What a peer asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Wanted {
    /// Everything, also what has no route target.
    all: bool,
    /// Whole route targets, in order.
    exact: Vec<ExtendedCommunity>,
    /// The first bits of others, in order.
    ranges: Vec<([u8; 8], u8)>,
}

impl Wanted {
    fn new(memberships: impl Iterator<Item = Membership>) -> Self {
        let mut wanted = Self::default();
        for membership in memberships {
            match membership.target() {
                (_, 0) => return Self { all: true, ..Self::default() },
                (target, 64) => wanted.exact.push(ExtendedCommunity(target)),
                range => wanted.ranges.push(range),
            }
        }
        // The same target is asked for on behalf of several ASes.
        wanted.exact.sort_unstable();
        wanted.exact.dedup();
        wanted.ranges.sort_unstable();
        wanted.ranges.dedup();
        wanted.exact.shrink_to_fit();
        wanted.ranges.shrink_to_fit();
        wanted
    }

    /// Octets, with the counts of an `Arc`.
    fn bytes(&self) -> usize {
        size_of::<Self>()
            + 2 * size_of::<usize>()
            + self.exact.capacity() * size_of::<ExtendedCommunity>()
            + self.ranges.capacity() * size_of::<([u8; 8], u8)>()
    }

    /// True if a route with these communities is among it.
    pub(super) fn admits(&self, communities: &[ExtendedCommunity]) -> bool {
        self.all
            || communities.iter().filter_map(|&community| target_of(community)).any(|target| {
                self.exact.binary_search(&target).is_ok()
                    || self.ranges.iter().any(|range| covers(range, target))
            })
    }

    /// It does not say by whole targets all that it asks for.
    fn is_wide(&self) -> bool {
        self.all || !self.ranges.is_empty()
    }
}

fn covers(&(front, bits): &([u8; 8], u8), target: ExtendedCommunity) -> bool {
    let differing = u64::from_be_bytes(front) ^ u64::from_be_bytes(target.0);
    differing.leading_zeros() >= u32::from(bits)
}

/// Those of `a` that are not in `b`; both in order.
fn difference<'a, T: Ord>(a: &'a [T], b: &'a [T]) -> impl Iterator<Item = &'a T> {
    a.iter().filter(|item| b.binary_search(item).is_err())
}

/// What a subgroup is sent no more than.
#[derive(Debug, Clone)]
pub(super) struct Constraint {
    /// Its members' memberships are not known yet: nothing is sent.
    pub(super) held_until: Option<Instant>,
    pub(super) wanted: Arc<Wanted>,
}

impl Constraint {
    pub(super) fn held(now: Instant) -> Self {
        Self { held_until: Some(now + HOLD), wanted: Arc::default() }
    }
}

/// Two subgroups are sent the same as far as this goes.
pub(super) fn same(a: Option<&Constraint>, b: Option<&Constraint>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => {
            a.held_until == b.held_until && (Arc::ptr_eq(&a.wanted, &b.wanted) || a.wanted == b.wanted)
        }
        _ => false,
    }
}

/// Which constrained subgroups must hear of a route: by its route targets, or anyhow.
#[derive(Debug, Default)]
pub(super) struct Constrain {
    by_target: HashMap<ExtendedCommunity, SmallVec<[u32; 4]>, RandomState>,
    wide: Vec<u32>,
}

impl Constrain {
    fn add(&mut self, target: ExtendedCommunity, at: u32) {
        let subgroups = self.by_target.entry(target).or_default();
        if !subgroups.contains(&at) {
            subgroups.push(at);
        }
    }

    fn remove(&mut self, target: ExtendedCommunity, at: u32) {
        let Some(subgroups) = self.by_target.get_mut(&target) else { return };
        subgroups.retain(|other| *other != at);
        if subgroups.is_empty() {
            self.by_target.remove(&target);
            if self.by_target.capacity() > 64 && self.by_target.len() < self.by_target.capacity() / 8 {
                self.by_target.shrink_to(self.by_target.len() * 2);
            }
        }
    }

    fn forget(&mut self, at: usize, subgroup: &Subgroup) {
        for &target in found_by(subgroup).0 {
            self.remove(target, at as u32);
        }
        self.wide.retain(|other| *other != at as u32);
    }

    /// Octets allocated.
    pub(super) fn bytes(&self) -> usize {
        self.by_target.allocation_size()
            + self.wide.capacity() * size_of::<u32>()
            + self.by_target.values().filter(|few| few.spilled()).map(|few| few.capacity() * 4).sum::<usize>()
    }
}

/// What a subgroup is found by: whole targets, or (true) anyhow.
fn found_by(subgroup: &Subgroup) -> (&[ExtendedCommunity], bool) {
    match &subgroup.constraint {
        None => (&[], false),
        Some(_) if subgroup.key.policy.is_some() => (&[], true),
        Some(constraint) => (&constraint.wanted.exact, constraint.wanted.is_wide()),
    }
}

impl Table {
    /// A constrained subgroup has come.
    pub(super) fn watch(&mut self, at: usize) {
        let (Some(subgroup), Some(constrain)) =
            (self.subgroups.get(at).and_then(Option::as_ref), &mut self.constrain)
        else {
            return;
        };
        let (exact, wide) = found_by(subgroup);
        for &target in exact {
            constrain.add(target, at as u32);
        }
        if wide {
            constrain.wide.push(at as u32);
        }
    }

    /// It goes.
    pub(super) fn unwatch(&mut self, at: usize, subgroup: &Subgroup) {
        if let Some(constrain) = &mut self.constrain {
            constrain.forget(at, subgroup);
        }
    }

    /// How many different sets its neighbours ask for, and octets of them.
    pub(super) fn wanted_use(&self) -> (u32, usize) {
        let constraints = self.subgroups.iter().flatten().filter_map(|subgroup| subgroup.constraint.as_ref());
        let mut sets: Vec<&Arc<Wanted>> = constraints.map(|constraint| &constraint.wanted).collect();
        sets.sort_unstable_by_key(|wanted| Arc::as_ptr(wanted));
        sets.dedup_by_key(|wanted| Arc::as_ptr(wanted));
        (sets.len() as u32, sets.iter().map(|wanted| wanted.bytes()).sum())
    }

    /// A subgroup is found no more, until `watch`.
    pub(super) fn take_out(&mut self, at: usize) {
        if let (Some(Some(subgroup)), Some(constrain)) = (self.subgroups.get(at), &mut self.constrain) {
            constrain.forget(at, subgroup);
        }
    }

    /// A best path changed: the constrained subgroups that asked for it, before or now, look at
    /// it again.
    pub(super) fn tell_constrained(&mut self, shared: &Shared, id: u32, before: Before, after: Option<Best>) {
        let Some(constrain) = &self.constrain else { return };
        let other_source = before.source != self.routes.last_source(id);
        let mut look = |at: u32| {
            if let Some(Some(subgroup)) = self.subgroups.get_mut(at as usize) {
                subgroup.look_again(id, other_source);
            }
        };
        constrain.wide.iter().copied().for_each(&mut look);
        for best in [before.best, after].into_iter().flatten() {
            let communities = &shared.attributes.get(best.attributes).ext_communities;
            for target in communities.iter().filter_map(|&community| target_of(community)) {
                constrain.by_target.get(&target).into_iter().flatten().copied().for_each(&mut look);
            }
        }
        // Who holds what another source gave must know that it did, whatever the targets are
        // by now: see `update_group`.
        if other_source && before.source != PeerSlot::NONE {
            for subgroup in self.subgroups.iter_mut().flatten() {
                if subgroup.constraint.is_some() && subgroup.sent.contains(id) {
                    subgroup.look_again(id, true);
                }
            }
        }
    }

    /// What a subgroup's members may hold or get.
    pub(super) fn reach_of(&self, subgroup: &Subgroup) -> IdSet {
        let (exact, wide) = found_by(subgroup);
        let Some(index) = self.rt_index.as_ref().filter(|_| subgroup.constraint.is_some() && !wide) else {
            return self.routes.occupied().clone();
        };
        let mut reach = subgroup.sent.clone();
        exact.iter().flat_map(|target| index.of(*target)).for_each(|id| {
            reach.insert(id);
        });
        reach
    }

    /// The members of a subgroup ask for this now, and for what they asked for before no more.
    fn want(&mut self, shared: &mut Shared, slot: PeerSlot, wanted: Wanted, release: bool, now: Instant) {
        let Some(at) = shared.peers.table(slot, self.place).and_then(|state| state.subgroup) else { return };
        let Some(held) = self.subgroup(at).and_then(|subgroup| subgroup.constraint.as_ref()) else { return };
        let (was_held, before) = (held.held_until.is_some(), Arc::clone(&held.wanted));
        if (was_held && !release) || (!was_held && *before == wanted) {
            return;
        }
        let Some(at) = self.split(shared, at, &[slot]) else { return };
        let wanted = self.shared_wanted(at, wanted);
        let looked_at = self.between(at, &before, &wanted, was_held);
        self.take_out(at);
        let Some(subgroup) = self.subgroup_mut(at) else { return };
        subgroup.constraint = Some(Constraint { held_until: None, wanted });
        subgroup.pending.union_with(&looked_at);
        self.watch(at);
        self.try_merge(shared, at, now);
    }

    /// The same set as another subgroup has, if one has.
    fn shared_wanted(&self, at: usize, wanted: Wanted) -> Arc<Wanted> {
        let others = self.subgroups.iter().enumerate().filter(|(other, _)| *other != at);
        let mut known = others.filter_map(|(_, other)| Some(&other.as_ref()?.constraint.as_ref()?.wanted));
        known.find(|other| ***other == wanted).map_or_else(|| Arc::new(wanted), Arc::clone)
    }

    /// The routes that are told or withdrawn when a subgroup asks for one thing instead of another.
    fn between(&self, at: usize, before: &Wanted, after: &Wanted, begins: bool) -> IdSet {
        let Some((subgroup, index)) = self.subgroup(at).zip(self.rt_index.as_ref()) else {
            return self.routes.occupied().clone();
        };
        if subgroup.key.policy.is_some() || after.all {
            return self.routes.occupied().clone();
        }
        let mut ids = if before.all { subgroup.sent.clone() } else { IdSet::default() };
        let exact = difference(&before.exact, &after.exact).chain(difference(&after.exact, &before.exact));
        exact.flat_map(|target| index.of(*target)).for_each(|id| {
            ids.insert(id);
        });
        let ranges: Vec<&([u8; 8], u8)> = difference(&before.ranges, &after.ranges)
            .chain(difference(&after.ranges, &before.ranges))
            .collect();
        if !ranges.is_empty() {
            index.within(|target| ranges.iter().any(|range| covers(range, target))).for_each(|id| {
                ids.insert(id);
            });
        }
        debug_assert!(!begins || before.exact.is_empty(), "who is held has not asked");
        ids
    }
}

/// What a neighbour asks for, for shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConstraintView {
    /// Nothing is sent before the neighbour has said all, or this time.
    pub held_until: Option<Instant>,
    /// It asks for everything.
    pub all: bool,
    /// Whole route targets that it asks for.
    pub targets: usize,
    /// Ranges of route targets.
    pub ranges: usize,
    /// It has sent more memberships than are kept, so it counts as asking for everything.
    pub overfull: bool,
}

impl Rib {
    /// What of the EVPN routes the neighbour asks for; `None` for one that is sent all because it
    /// does not say.
    pub fn constraint(&self, peer: PeerId) -> Option<ConstraintView> {
        let table = self.tables.get(place(Family::L2vpnEvpn))?;
        let slot = self.shared.peers.slot(peer)?;
        let state = self.shared.peers.table(slot, table.place)?;
        let overfull =
            self.shared.peers.table(slot, place(Family::RtFilter)).is_some_and(|state| state.overfull);
        let Constraint { held_until, wanted } = table.subgroup(state.subgroup?)?.constraint.as_ref()?;
        let (targets, ranges) = (wanted.exact.len(), wanted.ranges.len());
        Some(ConstraintView { held_until: *held_until, all: wanted.all, targets, ranges, overfull })
    }

    /// Carries out what memberships have changed since the last time.
    pub(super) fn settle_memberships(&mut self, now: Instant) {
        let memberships = place(Family::RtFilter);
        let Some(touched) = self.tables.get_mut(memberships).and_then(|table| table.touched.as_mut()) else {
            return;
        };
        for slot in std::mem::take(touched) {
            self.settle_memberships_of(slot, now);
        }
    }

    fn settle_memberships_of(&mut self, slot: PeerSlot, now: Instant) {
        let (evpn, memberships) = (place(Family::L2vpnEvpn), place(Family::RtFilter));
        let Some(state) = self.shared.peers.table(slot, memberships) else { return };
        let Some(table) = self.tables.get(memberships) else { return };
        let said_all = state.end_of_rib;
        let usable = |id: &u32| table.routes.paths(*id).any(|path| path.source == slot && path.eligible());
        let membership = |id| Membership::from_key(&table.routes.key(id));
        let wanted = match state.overfull {
            true => Wanted { all: true, ..Wanted::default() },
            false => Wanted::new(state.routes.iter().filter(usable).filter_map(membership)),
        };
        let Some(table) = self.tables.get_mut(evpn) else { return };
        let held = self.shared.peers.table(slot, evpn).and_then(|state| state.subgroup);
        let held = held.and_then(|at| table.subgroup(at)?.constraint.as_ref()?.held_until);
        let release = said_all || held.is_some_and(|until| until <= now);
        table.want(&mut self.shared, slot, wanted, release, now);
    }

    /// When the first of those that are held has been for long enough.
    pub(super) fn hold_deadline(&self) -> Option<Instant> {
        let table = self.tables.get(place(Family::L2vpnEvpn)).filter(|table| table.constrain.is_some())?;
        table.subgroups.iter().flatten().filter_map(|subgroup| subgroup.constraint.as_ref()?.held_until).min()
    }

    /// Those that have been held for long enough are looked at.
    pub(super) fn end_holds(&mut self, now: Instant) {
        if self.hold_deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        let due = |subgroup: &&Subgroup| {
            subgroup.constraint.as_ref().and_then(|it| it.held_until).is_some_and(|until| until <= now)
        };
        let evpn = self.tables.get(place(Family::L2vpnEvpn));
        let slots: BTreeSet<PeerSlot> = evpn
            .iter()
            .flat_map(|table| table.subgroups.iter().flatten().filter(due))
            .flat_map(|subgroup| subgroup.members.iter().copied())
            .collect();
        for slot in slots {
            self.settle_memberships_of(slot, now);
        }
    }

    /// Keeps the indexes as long as there is a neighbour that has the family, its session up or
    /// not; and asks everybody for all on behalf of those who do not say what they want.
    pub(super) fn review_memberships(&mut self) {
        let used = self
            .shared
            .peers
            .iter()
            .any(|(_, peer)| peer.id.is_some() && peer.settings.family(Family::RtFilter).is_some());
        let Some(table) = self.tables.get_mut(place(Family::L2vpnEvpn)) else { return };
        match (used, &table.constrain) {
            (true, None) => {
                table.constrain = Some(Box::default());
                table.index_targets(&self.shared);
            }
            (false, Some(_)) => {
                table.constrain = None;
                table.rt_index.take_if(|_| !self.shared.settings.import);
            }
            _ => {}
        }
        if used {
            self.ask_for_the_silent();
        }
    }

    /// Who does not exchange memberships wants everything, and so does who has sent more than are kept: those whose routes it would be sent are
    /// asked for all. Told by what is configured, not by who is up, so that a session that flaps
    /// takes nothing back.
    fn ask_for_the_silent(&mut self) {
        let mut silent: Vec<(PeerSlot, weft_evpn::DomainId, bool)> = Vec::new();
        for (slot, peer) in self.shared.peers.iter().filter(|(_, peer)| peer.id.is_some()) {
            let Some(row) = peer.settings.family(Family::L2vpnEvpn) else { continue };
            let overfull = peer.tables.get(place(Family::RtFilter)).is_some_and(|state| state.overfull);
            if (overfull || peer.settings.family(Family::RtFilter).is_none()) && row.policy_out {
                let mesh = is_in_mesh(&peer.settings, row);
                silent.push((slot, row.domain, mesh));
            }
        }
        let mut changed = Vec::new();
        let slots: Vec<PeerSlot> = self.shared.peers.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            let Some(peer) = self.shared.peers.get_mut(slot) else { continue };
            let Some(row) = peer.settings.family(Family::L2vpnEvpn) else { continue };
            // An iBGP peer that is no client is not sent what another such peer sends.
            let mesh = is_in_mesh(&peer.settings, row);
            let asks = peer.settings.family(Family::RtFilter).is_some()
                && silent.iter().any(|(other, domain, other_mesh)| {
                    *other != slot && *domain == row.domain && !(mesh && *other_mesh)
                });
            if std::mem::replace(&mut peer.asks_all, asks) != asks && peer.up {
                changed.push(slot);
            }
        }
        for slot in changed {
            if let Some(table) = self.tables.get_mut(place(Family::RtFilter)) {
                table.rekey(&mut self.shared, slot, &mut self.next_group);
            }
        }
    }
}

/// An iBGP peer that is not a client.
fn is_in_mesh(peer: &RibPeer, row: &RibPeerFamily) -> bool {
    peer.kind == PeerKind::Internal && !row.settings.route_reflector_client
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_evpn::RouteTarget;

    fn exact(text: &str) -> Membership {
        Membership::exact(1, text.parse().expect("a route target"))
    }

    fn range(octets: &[u8], bits: u8) -> Membership {
        let wire = [&[32 + bits, 0, 0, 0, 1], octets].concat();
        let (key, _) = (Family::RtFilter.row().split)(&wire).expect("a membership");
        Membership::from_key(&key).expect("a membership")
    }

    fn admits(memberships: &[Membership], target: &str) -> bool {
        let target: RouteTarget = target.parse().expect("a route target");
        let communities = [ExtendedCommunity::ENCAPSULATION_VXLAN, target.community()];
        Wanted::new(memberships.iter().copied()).admits(&communities)
    }

    #[test]
    fn a_route_is_wanted_for_any_of_its_targets() {
        let asked = [exact("1:10"), exact("1:20"), exact("1:10")];
        assert!(admits(&asked, "1:10") && admits(&asked, "1:20") && !admits(&asked, "1:30"));
        assert!(!admits(&[], "1:10"));
        assert!(!Wanted::new(asked.into_iter()).admits(&[]), "no target, nothing asked for");
        assert!(Wanted::new([Membership::DEFAULT].into_iter()).admits(&[]));
    }

    #[test]
    fn the_first_bits_of_a_target_stand_for_all_that_begin_so() {
        let of_as_1 = [range(&[0, 2, 0, 1], 32)];
        assert!(admits(&of_as_1, "1:10") && admits(&of_as_1, "1:4294967295") && !admits(&of_as_1, "2:10"));
        let odd = [range(&[0, 2, 0, 0b10], 31)];
        assert!(admits(&odd, "2:1") && admits(&odd, "3:1") && !admits(&odd, "4:1"));
        assert!(admits(&[range(&[], 0)], "4:1"), "an AS that asks for everything");
    }

    #[test]
    fn the_es_import_target_is_one() {
        let es_import = ExtendedCommunity([6, 2, 0, 1, 2, 3, 4, 5]);
        let wanted = Wanted::new([range(&es_import.0, 64)].into_iter());
        assert!(wanted.admits(&[es_import]));
        assert!(!wanted.admits(&[ExtendedCommunity([6, 3, 0, 1, 2, 3, 4, 5])]));
    }

    #[test]
    fn the_same_in_another_order_is_the_same() {
        let a = Wanted::new([exact("1:10"), exact("2:10"), range(&[0, 2], 16)].into_iter());
        let b = Wanted::new([range(&[0, 2], 16), exact("2:10"), exact("1:10"), exact("2:10")].into_iter());
        assert_eq!(a, b);
        let all = Wanted::new([exact("1:10"), Membership::DEFAULT].into_iter());
        assert_eq!(
            all,
            Wanted::new([range(&[], 0)].into_iter()),
            "what is asked for beside all does not count"
        );
    }
}
