//! Update groups: peers that are sent the same share the work of encoding it.
//!
//! A group is all peers with one `GroupKey`; a subgroup, those of them that have been sent
//! the same so far. What a subgroup was sent is one bit a destination, what waits to be sent
//! another set: both bounded by the number of destinations. A peer that comes up, or asks
//! for a refresh, gets a subgroup of its own with everything pending, and joins the others
//! when that has gone out. A member whose session takes no more is waited for as long as
//! `SLOW_PEER_GRACE`, then it is split off with its subgroup's state, goes on at its own pace,
//! and joins again after `SLOW_PEER_PENALTY`.
//!
//! A peer is never sent its own route (RFC 4456 §8; the same for eBGP). So of a destination
//! whose `sent` bit is set, each member has been told but the source of the route. While the
//! source stays the same, nothing is owed to it; when it changed since the last time (`moved`),
//! the new source is withdrawn what it may hold, and the rest is told the new route.

use super::{
    Rib, Shared,
    constrain::{Constraint, same},
    destination::PeerSlot,
    export::GroupKey,
    id_set::IdSet,
    loc_rib::Table,
    place,
};
use crate::peer::PeerId;
use crate::wire::{Family, UpdateEncoder};
use smallvec::SmallVec;
use std::time::{Duration, Instant};

/// How long a subgroup waits for a member that takes no more.
pub(super) const SLOW_PEER_GRACE: Duration = Duration::from_millis(50);
/// How long a member that was too slow stays alone.
pub(super) const SLOW_PEER_PENALTY: Duration = Duration::from_secs(30);

/// What is sent when everything has been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    /// RFC 4724 §2.
    EndOfRib,
    /// EoRR (RFC 7313 §4).
    EndOfRefresh,
}

/// Everything is being sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Dump {
    /// Something of it has gone out: nobody can join any more.
    pub(super) started: bool,
    /// BoRR goes before it.
    pub(super) begin_refresh: bool,
    /// Each destination has been visited.
    pub(super) passed: bool,
    pub(super) ends: SmallVec<[Marker; 2]>,
}

/// Members that have been sent the same.
#[derive(Debug)]
pub(super) struct Subgroup {
    pub(super) key: GroupKey,
    /// The group's number, for shows.
    pub(super) group: u64,
    pub(super) members: Vec<PeerSlot>,
    /// Destinations that the members (but the source) hold from us.
    pub(super) sent: IdSet,
    /// Destinations that must be looked at.
    pub(super) pending: IdSet,
    /// Of those sent: the source is another than the last time.
    pub(super) moved: IdSet,
    pub(super) cursor: u32,
    pub(super) dump: Option<Dump>,
    /// Members whose sessions take no more.
    pub(super) blocked: usize,
    /// What the members have asked for, if they say it.
    pub(super) constraint: Option<Constraint>,
    pub(super) encoder: UpdateEncoder,
}

impl Subgroup {
    fn new(key: GroupKey, group: u64) -> Self {
        Self {
            encoder: UpdateEncoder::new(key.encode_context()),
            key,
            group,
            members: Vec::new(),
            sent: IdSet::default(),
            pending: IdSet::default(),
            moved: IdSet::default(),
            cursor: 0,
            dump: None,
            blocked: 0,
            constraint: None,
        }
    }

    /// There is something to encode.
    pub(super) fn has_work(&self, shared: &Shared) -> bool {
        let held = self.constraint.as_ref().is_some_and(|constraint| constraint.held_until.is_some());
        !held && (!self.pending.is_empty() || self.has_dump(shared))
    }

    /// Something of a dump is to come.
    fn has_dump(&self, shared: &Shared) -> bool {
        self.dump.as_ref().is_some_and(|dump| !dump.passed || !shared.defers(self.key.family))
    }

    /// The best path of a destination is another; from another source than before, or not.
    pub(super) fn look_again(&mut self, id: u32, other_source: bool) {
        self.pending.insert(id);
        if other_source && self.sent.contains(id) {
            self.moved.insert(id);
        }
    }

    /// Nothing of the initial dump has gone out. (The dump of a refresh may look the same, but
    /// ends otherwise.)
    fn is_fresh(&self) -> bool {
        let initial = |dump: &Dump| !dump.started && dump.ends.contains(&Marker::EndOfRib);
        self.sent.is_empty() && self.dump.as_ref().is_some_and(initial)
    }
}

impl Table {
    pub(super) fn subgroup(&self, at: usize) -> Option<&Subgroup> {
        self.subgroups.get(at)?.as_ref()
    }

    pub(super) fn subgroup_mut(&mut self, at: usize) -> Option<&mut Subgroup> {
        self.subgroups.get_mut(at)?.as_mut()
    }

    fn add_subgroup(&mut self, subgroup: Subgroup) -> usize {
        match self.subgroups.iter().position(Option::is_none) {
            Some(at) => {
                if let Some(free) = self.subgroups.get_mut(at) {
                    *free = Some(subgroup);
                }
                at
            }
            None => {
                self.subgroups.push(Some(subgroup));
                self.subgroups.len() - 1
            }
        }
    }

    /// The number of the group with this key, or a new one.
    fn group_number(&self, key: &GroupKey, next: &mut u64) -> u64 {
        let known = self.subgroups.iter().flatten().find(|subgroup| subgroup.key == *key);
        known.map(|subgroup| subgroup.group).unwrap_or_else(|| {
            let number = *next;
            *next += 1;
            number
        })
    }

    /// Puts a peer that has just come up where it is sent everything.
    pub(super) fn join(&mut self, shared: &mut Shared, slot: PeerSlot, next_group: &mut u64, now: Instant) {
        let Some(key) = group_key(shared, slot, self.family) else { return };
        // What it asks for is not known yet.
        let alone = key.constrained || shared.peers.get(slot).is_some_and(|peer| peer.slow_until.is_some());
        let fresh = self.subgroups.iter().position(|subgroup| {
            subgroup.as_ref().is_some_and(|other| other.key == key && other.is_fresh() && other.blocked == 0)
        });
        let at = match fresh.filter(|_| !alone) {
            Some(at) => at,
            None => {
                let mut subgroup = Subgroup::new(key.clone(), self.group_number(&key, next_group));
                match key.constrained {
                    true => subgroup.constraint = Some(Constraint::held(now)),
                    false => subgroup.pending = self.routes.occupied().clone(),
                }
                subgroup.dump =
                    Some(Dump { ends: SmallVec::from_slice(&[Marker::EndOfRib]), ..Dump::default() });
                let at = self.add_subgroup(subgroup);
                self.watch(at);
                at
            }
        };
        self.enter(shared, slot, at);
        if key.default_originate {
            self.pin_default_route(shared);
            self.default_route_changes(at);
        }
    }

    fn enter(&mut self, shared: &mut Shared, slot: PeerSlot, at: usize) {
        let blocked = shared.peers.get(slot).is_some_and(|peer| peer.blocked.is_some());
        if let Some(subgroup) = self.subgroup_mut(at) {
            subgroup.members.push(slot);
            subgroup.blocked += usize::from(blocked);
        }
        if let Some(state) = shared.peers.table_mut(slot, self.place) {
            state.subgroup = Some(at);
        }
    }

    /// Takes a peer out of its subgroup, which goes with its last member.
    pub(super) fn leave(&mut self, shared: &mut Shared, slot: PeerSlot) {
        let Some(at) = shared.peers.table_mut(slot, self.place).and_then(|state| state.subgroup.take())
        else {
            return;
        };
        let blocked = shared.peers.get(slot).is_some_and(|peer| peer.blocked.is_some());
        let Some(subgroup) = self.subgroup_mut(at) else { return };
        subgroup.members.retain(|member| *member != slot);
        subgroup.blocked -= usize::from(blocked);
        if subgroup.members.is_empty()
            && let Some(gone) = self.subgroups.get_mut(at).and_then(Option::take)
        {
            self.unwatch(at, &gone);
            for id in gone.sent.iter() {
                self.try_free(shared, id);
            }
            self.pin_default_route(shared);
        }
    }

    /// Gives members a subgroup of their own in the state of theirs; where it is.
    pub(super) fn split(&mut self, shared: &mut Shared, at: usize, leaving: &[PeerSlot]) -> Option<usize> {
        let subgroup = self.subgroup(at)?;
        if leaving.len() == subgroup.members.len() {
            return Some(at);
        }
        let copy = Subgroup {
            sent: subgroup.sent.clone(),
            pending: subgroup.pending.clone(),
            moved: subgroup.moved.clone(),
            cursor: subgroup.cursor,
            dump: subgroup.dump.clone(),
            constraint: subgroup.constraint.clone(),
            ..Subgroup::new(subgroup.key.clone(), subgroup.group)
        };
        let to = self.add_subgroup(copy);
        self.watch(to);
        for &slot in leaving {
            self.leave(shared, slot);
            self.enter(shared, slot, to);
        }
        Some(to)
    }

    /// Sends a peer everything again.
    pub(super) fn send_again(&mut self, shared: &mut Shared, slot: PeerSlot, marked: bool) {
        let Some(at) = shared.peers.table(slot, self.place).and_then(|state| state.subgroup) else { return };
        let Some(to) = self.split(shared, at, &[slot]) else { return };
        let Some(all) = self.subgroup(to).map(|subgroup| self.reach_of(subgroup)) else { return };
        let Some(subgroup) = self.subgroup_mut(to) else { return };
        subgroup.pending.union_with(&all);
        subgroup.cursor = 0;
        let mut dump = subgroup.dump.take().unwrap_or_default();
        dump.passed = false;
        // No BoRR before the first End-of-RIB (RFC 7313 §4): the initial dump begins anew.
        if marked && !dump.ends.contains(&Marker::EndOfRib) {
            dump.begin_refresh = true;
            if !dump.ends.contains(&Marker::EndOfRefresh) {
                dump.ends.push(Marker::EndOfRefresh);
            }
        }
        subgroup.dump = Some(dump);
    }

    /// After a change of a peer's settings: if it is sent something else now, it goes on in a
    /// subgroup with the new key, where everything is looked at.
    pub(super) fn rekey(&mut self, shared: &mut Shared, slot: PeerSlot, next_group: &mut u64) {
        let Some(key) = group_key(shared, slot, self.family) else { return self.leave(shared, slot) };
        let Some(at) = shared.peers.table(slot, self.place).and_then(|state| state.subgroup) else {
            let long_ago = shared.epoch;
            return self.join(shared, slot, next_group, long_ago);
        };
        if self.subgroup(at).is_none_or(|subgroup| subgroup.key == key) {
            return;
        }
        let Some(to) = self.split(shared, at, &[slot]) else { return };
        let number = self.group_number(&key, next_group);
        let all = self.routes.occupied().clone();
        // It is found by its key, too.
        self.take_out(to);
        let Some(subgroup) = self.subgroup_mut(to) else { return };
        subgroup.encoder = UpdateEncoder::new(key.encode_context());
        let another_default = subgroup.key.default_originate != key.default_originate;
        (subgroup.key, subgroup.group) = (key, number);
        subgroup.pending.union_with(&all);
        self.watch(to);
        if another_default {
            // The change is noted while the route is kept.
            self.default_route_changes(to);
            self.pin_default_route(shared);
            self.default_route_changes(to);
        }
    }

    /// Lets a subgroup that has sent all it had join another with its key.
    pub(super) fn try_merge(&mut self, shared: &mut Shared, at: usize, now: Instant) {
        let Some(subgroup) = self.subgroup(at) else { return };
        if subgroup.dump.is_some() || !subgroup.pending.is_empty() || !joinable(shared, subgroup, now) {
            return;
        }
        let other = self.subgroups.iter().enumerate().find_map(|(other, candidate)| {
            let candidate = candidate.as_ref()?;
            let fits = other != at
                && candidate.key == subgroup.key
                && candidate.dump.is_none()
                && same(candidate.constraint.as_ref(), subgroup.constraint.as_ref())
                && joinable(shared, candidate, now);
            fits.then_some(other)
        });
        let Some(other) = other else { return };
        let Some(joining) = self.subgroups.get_mut(at).and_then(Option::take) else { return };
        self.unwatch(at, &joining);
        for &slot in &joining.members {
            if let Some(peer) = shared.peers.get_mut(slot) {
                peer.slow_until = None;
            }
            self.enter(shared, slot, other);
        }
        if let Some(into) = self.subgroup_mut(other) {
            // A bit too many in `sent` or `moved` costs a withdrawal that nobody needed; one
            // too few would leave a route behind.
            into.sent.union_with(&joining.sent);
            into.moved.union_with(&joining.moved);
        }
    }
}

/// No member waits for room, or is to stay alone.
fn joinable(shared: &Shared, subgroup: &Subgroup, now: Instant) -> bool {
    subgroup.blocked == 0
        && subgroup.members.iter().all(|&slot| {
            shared
                .peers
                .get(slot)
                .is_some_and(|peer| peer.held.is_empty() && peer.slow_until.is_none_or(|until| until <= now))
        })
}

fn group_key(shared: &Shared, slot: PeerSlot, family: Family) -> Option<GroupKey> {
    let peer = shared.peers.get(slot)?;
    let mut key = GroupKey::of(&peer.settings, peer.settings.family(family)?);
    key.default_originate |= family == Family::RtFilter && peer.asks_all;
    Some(key)
}

impl Rib {
    /// `clear bgp X soft out`: sends the neighbour everything again.
    pub fn clear_out(&mut self, peer: PeerId, family: Family) -> Result<(), super::RibError> {
        let slot = self.established(peer)?;
        if let Some(table) = self.tables.get_mut(place(family)) {
            table.send_again(&mut self.shared, slot, false);
        }
        Ok(())
    }

    /// Members that have been blocked for too long are split off, where others wait for them.
    pub(super) fn split_slow_peers(&mut self, now: Instant) {
        for table in &mut self.tables {
            for at in 0..table.subgroups.len() {
                let Some(slow) = table.subgroup(at).map(|subgroup| slow_members(&self.shared, subgroup, now))
                else {
                    continue;
                };
                if slow.is_empty() {
                    continue;
                }
                for &slot in &slow {
                    if let Some(peer) = self.shared.peers.get_mut(slot) {
                        peer.slow_until = Some(now + SLOW_PEER_PENALTY);
                    }
                }
                table.split(&mut self.shared, at, &slow);
            }
        }
    }

    /// When a subgroup with work has waited long enough for its slowest member.
    pub(super) fn slow_peer_deadline(&self) -> Option<Instant> {
        self.tables
            .iter()
            .flat_map(|table| table.subgroups.iter().flatten())
            .filter(|subgroup| {
                subgroup.blocked > 0
                    && subgroup.blocked < subgroup.members.len()
                    && subgroup.has_work(&self.shared)
            })
            .flat_map(|subgroup| &subgroup.members)
            .filter_map(|&slot| Some(self.shared.peers.get(slot)?.blocked? + SLOW_PEER_GRACE))
            .min()
    }
}

fn slow_members(shared: &Shared, subgroup: &Subgroup, now: Instant) -> Vec<PeerSlot> {
    if subgroup.blocked == 0 || subgroup.blocked == subgroup.members.len() {
        return Vec::new();
    }
    let is_slow = |slot: &PeerSlot| {
        shared
            .peers
            .get(*slot)
            .and_then(|peer| peer.blocked)
            .is_some_and(|since| now.saturating_duration_since(since) >= SLOW_PEER_GRACE)
    };
    subgroup.members.iter().copied().filter(is_slow).collect()
}
