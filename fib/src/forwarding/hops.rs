//! Next hops of routes as nexthop objects: one for each gateway on a device, and groups of them that routes point at.
//! Pure.
//!
//! A *set* is what routes want: next hops, in the order of their ids. A *group* is an object in the kernel that holds a
//! set. Routes with the same set share a group; even a set of one next hop has a group, so that a set which grows or
//! shrinks costs one write: when all routes of a group come to want another set, the group is given that set
//! (`rebind`) and no route is touched.
//!
//! Ids come from ranges of our own, behind those of the FDB nexthops (`vtep`). After a restart objects are known again by
//! what they hold, so an id need not be the same one.

mod seen;

use super::FixedState;
use super::key::numbered;
use super::vtep::{FIRST_ID, SLOTS};
use crate::netlink::encode::{Mode, Op};
use hashbrown::{HashMap, HashSet};
use smallvec::SmallVec;
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

/// Ids of next hops.
const FIRST_HOP: u32 = FIRST_ID + 2 * SLOTS;
/// Ids of groups.
const FIRST_GROUP: u32 = FIRST_HOP + SLOTS;
/// A group with fewer routes is not kept beside another one of the same set: its routes are moved instead. So groups do
/// not pile up while sets come and go.
const WORTH_A_GROUP: u32 = 16;

/// A way out of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    pub device: u32,
    pub gateway: IpAddr,
    /// The gateway is in no subnet of the device.
    pub onlink: bool,
}

/// A set of next hops, as a small number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SetId(NonZeroU32);

impl SetId {
    fn index(self) -> usize {
        usize::try_from(self.0.get() - 1).unwrap_or(usize::MAX)
    }
}

/// What the kernel has at an id.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Object {
    Hop(Hop),
    Group(Arc<[u32]>),
    Other,
}

#[derive(Debug)]
struct Seen {
    object: Object,
    marked: bool,
    /// Somebody wanted it, or what it held, since we are here: it need not wait to be pruned.
    asked: bool,
    stale: bool,
}

#[derive(Debug)]
struct Single {
    hop: Hop,
    /// Sets that have it.
    sets: u32,
    /// Our object has been there: what else is there now is drift.
    held: bool,
}

#[derive(Debug)]
struct Set {
    members: Arc<[u32]>,
    wanted: u32,
    /// Groups that hold it or are to.
    groups: SmallVec<[u32; 1]>,
}

#[derive(Debug)]
struct Group {
    set: SetId,
    held: bool,
}

/// Kernel routes that point at an object.
#[derive(Debug, Default)]
struct Users {
    count: u32,
    /// What they want, where they want next hops.
    sets: SmallVec<[(SetId, u32); 1]>,
}

/// What an observed nexthop changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct HopChange {
    /// The object needs work, and whether somebody else caused that.
    pub dirty: Option<(u32, bool)>,
    /// The object is gone, and with it, silently, the routes that pointed at it.
    pub lost: Option<u32>,
}

/// All next hops, sets and groups.
#[derive(Debug, Default)]
pub struct Hops {
    singles: HashMap<u32, Single, FixedState>,
    ids: HashMap<Hop, u32, FixedState>,
    sets: Vec<Option<Set>>,
    free: Vec<usize>,
    by_members: HashMap<Arc<[u32]>, SetId, FixedState>,
    groups: HashMap<u32, Group, FixedState>,
    users: HashMap<u32, Users, FixedState>,
    seen: HashMap<u32, Seen, FixedState>,
    queued: HashSet<u32, FixedState>,
    /// Objects that may need work since `take_work` was called.
    work: Vec<u32>,
    pruned: bool,
}

/// Whether an id is in our ranges.
pub fn is_hop_id(id: u32) -> bool {
    (FIRST_HOP..FIRST_GROUP + SLOTS).contains(&id)
}

impl Hops {
    /// Next hops and groups.
    pub fn count(&self) -> usize {
        self.singles.len() + self.groups.len()
    }

    /// Octets allocated.
    pub fn bytes(&self) -> usize {
        let members = self.sets.iter().flatten().map(|set| size_of_val(&*set.members) + 16);
        self.singles.allocation_size()
            + self.ids.allocation_size()
            + self.sets.capacity() * size_of::<Option<Set>>()
            + members.sum::<usize>()
            + self.free.capacity() * size_of::<usize>()
            + self.by_members.allocation_size()
            + self.groups.allocation_size()
            + self.users.allocation_size()
            + self.seen.allocation_size()
            + self.queued.allocation_size()
            + self.work.capacity() * size_of::<u32>()
    }

    fn set(&self, id: SetId) -> Option<&Set> {
        self.sets.get(id.index())?.as_ref()
    }

    fn set_mut(&mut self, id: SetId) -> Option<&mut Set> {
        self.sets.get_mut(id.index())?.as_mut()
    }

    /// The id of the object that has this content, or else the first free one from the content's own place on.
    fn choose_id(&self, first: u32, content: impl Hash, fits: impl Fn(&Seen) -> bool) -> u32 {
        let taken = |id: &u32| self.singles.contains_key(id) || self.groups.contains_key(id);
        let found = self.seen.iter().find(|(id, seen)| seen.marked && !taken(id) && fits(seen));
        if let Some((id, _)) = found {
            return *id;
        }
        let hash = FixedState::default().hash_one(content);
        let start = u32::try_from(hash % u64::from(SLOTS)).unwrap_or(0);
        (0..SLOTS)
            .map(|step| first + (start + step) % SLOTS)
            .find(|id| !taken(id) && !self.seen.contains_key(id))
            .unwrap_or(first + start)
    }

    fn single(&mut self, hop: Hop) -> u32 {
        if let Some(id) = self.ids.get(&hop) {
            return *id;
        }
        let id = self.choose_id(FIRST_HOP, hop, |seen| seen.object == Object::Hop(hop));
        let held = self.ask(id);
        self.singles.insert(id, Single { hop, sets: 0, held });
        self.ids.insert(hop, id);
        id
    }

    /// The set of these next hops, wanted once more.
    pub fn want(&mut self, hops: &[Hop]) -> SetId {
        let mut members: Vec<u32> = hops.iter().map(|hop| self.single(*hop)).collect();
        members.sort_unstable();
        members.dedup();
        let members: Arc<[u32]> = members.into();
        let id = match self.by_members.get(&members) {
            Some(id) => *id,
            None => self.insert_set(members),
        };
        if let Some(set) = self.set_mut(id) {
            set.wanted += 1;
        }
        id
    }

    /// Somebody has asked for the object at an id. Whether there is one.
    fn ask(&mut self, id: u32) -> bool {
        self.seen.get_mut(&id).is_some_and(|seen| {
            seen.asked = true;
            true
        })
    }

    fn insert_set(&mut self, members: Arc<[u32]>) -> SetId {
        let index = self.free.pop().unwrap_or(self.sets.len());
        let id = SetId(numbered(index));
        for member in members.iter() {
            if let Some(single) = self.singles.get_mut(member) {
                single.sets += 1;
            }
        }
        // Groups of an earlier run that hold it.
        let adopted: SmallVec<[u32; 1]> = self
            .seen
            .iter()
            .filter(|(id, seen)| {
                seen.marked
                    && seen.object == Object::Group(Arc::clone(&members))
                    && !self.groups.contains_key(*id)
            })
            .map(|(id, _)| *id)
            .collect();
        for group in &adopted {
            self.ask(*group);
            self.groups.insert(*group, Group { set: id, held: true });
        }
        self.by_members.insert(Arc::clone(&members), id);
        let set = Some(Set { members, wanted: 0, groups: adopted });
        match self.sets.get_mut(index) {
            Some(place) => *place = set,
            None => self.sets.push(set),
        }
        id
    }

    /// The set is wanted once less.
    pub fn unwant(&mut self, id: SetId) {
        let Some(set) = self.set_mut(id) else { return };
        set.wanted = set.wanted.saturating_sub(1);
        if set.wanted == 0 {
            let groups = set.groups.clone();
            self.work.extend(groups);
            self.reconsider(id);
        }
    }

    /// Forgets a set that nobody wants and no group holds, and the next hops that only it had.
    fn reconsider(&mut self, id: SetId) {
        let Some(set) = self.set(id) else { return };
        if set.wanted > 0 || !set.groups.is_empty() {
            return;
        }
        let members = Arc::clone(&set.members);
        self.by_members.remove(&members);
        if let Some(place) = self.sets.get_mut(id.index()) {
            *place = None;
        }
        self.free.push(id.index());
        for member in members.iter() {
            let Some(single) = self.singles.get_mut(member) else { continue };
            single.sets = single.sets.saturating_sub(1);
            if single.sets == 0 {
                let hop = single.hop;
                self.ids.remove(&hop);
                self.singles.remove(member);
                self.work.push(*member);
            }
        }
    }

    /// The set that a group holds or is about to.
    pub fn set_of(&self, group: u32) -> Option<SetId> {
        self.groups.get(&group).map(|group| group.set)
    }

    /// A kernel route points at an object, and wants this set.
    pub fn hold(&mut self, id: u32, wants: Option<SetId>) {
        let users = self.users.entry(id).or_default();
        users.count += 1;
        if let Some(set) = wants {
            match users.sets.iter_mut().find(|(other, _)| *other == set) {
                Some((_, count)) => *count += 1,
                None => users.sets.push((set, 1)),
            }
        }
    }

    /// It does so no more, or wants another set from now on.
    pub fn release(&mut self, id: u32, wants: Option<SetId>) {
        let Some(users) = self.users.get_mut(&id) else { return };
        users.count = users.count.saturating_sub(1);
        if let Some(set) = wants {
            if let Some((_, count)) = users.sets.iter_mut().find(|(other, _)| *other == set) {
                *count = count.saturating_sub(1);
            }
            users.sets.retain(|(_, count)| *count > 0);
        }
        if users.count == 0 {
            self.users.remove(&id);
            self.work.push(id);
        }
    }

    /// How many kernel routes point at an object.
    fn users(&self, id: u32) -> u32 {
        self.users.get(&id).map_or(0, |users| users.count)
    }

    /// The group that a route for this set is to point at, which may be the one that it points at already.
    pub fn target(&mut self, set: SetId, actual: Option<u32>) -> u32 {
        if let Some(group) = actual {
            if self.set_of(group) == Some(set) {
                return group;
            }
            if self.is_free_for(group, set) {
                self.bind(group, set);
                return group;
            }
        }
        let Some(wanted) = self.set(set) else { return FIRST_GROUP };
        if let Some(group) = wanted.groups.first() {
            return *group;
        }
        let members = Arc::clone(&wanted.members);
        let content = Object::Group(Arc::clone(&members));
        let group = self.choose_id(FIRST_GROUP, &members, |seen| seen.object == content);
        self.bind(group, set);
        group
    }

    /// Whether all who use a group want this set instead of its own, and giving it to the group is less work.
    fn is_free_for(&self, group: u32, set: SetId) -> bool {
        let ours =
            self.seen.get(&group).is_some_and(|seen| seen.marked && matches!(seen.object, Object::Group(_)));
        let Some(users) = self.users.get(&group) else { return false };
        let united = matches!(*users.sets, [(only, _)] if only == set);
        // Routes that want what it holds may be on their way to it.
        let own = self.set_of(group).and_then(|own| self.set(own));
        let awaited = own.is_some_and(|own| own.wanted > 0 && own.groups.first() == Some(&group));
        let lone = self.set(set).is_some_and(|set| set.groups.is_empty());
        ours && united && !awaited && is_hop_id(group) && (lone || users.count >= WORTH_A_GROUP)
    }

    fn bind(&mut self, group: u32, set: SetId) {
        let held = self.ask(group);
        let old = self.groups.insert(group, Group { set, held }).map(|old| old.set);
        if let Some(set) = self.set_mut(set) {
            set.groups.push(group);
        }
        if let Some(old) = old {
            self.unbind(group, old);
        }
        self.work.push(group);
    }

    fn unbind(&mut self, group: u32, set: SetId) {
        if let Some(old) = self.set_mut(set) {
            old.groups.retain(|other| *other != group);
        }
        self.reconsider(set);
    }

    /// The members that a group is to have.
    pub fn members(&self, group: u32) -> Option<Arc<[u32]>> {
        let set = self.groups.get(&group)?.set;
        self.set(set).map(|set| Arc::clone(&set.members))
    }

    fn is_needed(&self, id: u32, group: &Group) -> bool {
        let wanted = |set: &Set| set.wanted > 0 && set.groups.first() == Some(&id);
        self.users(id) > 0 || self.set(group.set).is_some_and(wanted)
    }

    /// The messages that make an object as it should be.
    pub fn ops(&self, id: u32) -> SmallVec<[Op; 2]> {
        let mut ops = SmallVec::new();
        let seen = self.seen.get(&id);
        let set = |mode| match (self.singles.get(&id), self.members(id)) {
            (Some(&Single { hop: Hop { device, gateway, onlink }, .. }), _) => {
                Some(Op::HopSet { id, device, gateway, onlink, mode })
            }
            (None, Some(members)) => Some(Op::HopGroupSet { id, members, mode }),
            (None, None) => None,
        };
        let wanted = match (self.singles.get(&id), self.groups.get(&id)) {
            (Some(single), _) => Some(Object::Hop(single.hop)),
            (None, Some(group)) if self.is_needed(id, group) => self.members(id).map(Object::Group),
            (None, Some(_)) => None,
            (None, None) => {
                if self.orphan_may_go(id) {
                    ops.push(Op::NexthopDelete { id });
                }
                return ops;
            }
        };
        match (wanted, seen) {
            (Some(_), None) => ops.extend(set(Mode::Create)),
            (Some(wanted), Some(seen)) if seen.marked && seen.object == wanted => {}
            (Some(wanted), Some(seen)) => {
                let alike = matches!(
                    (&wanted, &seen.object),
                    (Object::Hop(_), Object::Hop(_)) | (Object::Group(_), Object::Group(_))
                );
                if alike {
                    ops.extend(set(Mode::Replace));
                } else {
                    ops.push(Op::NexthopDelete { id });
                    ops.extend(set(Mode::Create));
                }
            }
            (None, Some(seen)) if seen.marked => ops.push(Op::NexthopDelete { id }),
            (None, _) => {}
        }
        ops
    }

    /// Whether an object that nobody has asked for goes: no route points at it, nor at a group that has it.
    fn orphan_may_go(&self, id: u32) -> bool {
        let marked = self.seen.get(&id).is_some_and(|seen| seen.marked);
        let in_use = || {
            self.seen.iter().any(|(group, seen)| {
                matches!(&seen.object, Object::Group(members) if members.contains(&id))
                    && (self.users(*group) > 0 || self.groups.contains_key(group))
            })
        };
        let asked = self.seen.get(&id).is_some_and(|seen| seen.asked);
        (self.pruned || asked) && marked && self.users(id) == 0 && !in_use()
    }

    /// Objects that nobody has asked for may go from now on.
    pub fn prune(&mut self) {
        self.pruned = true;
        // Groups first: a member takes its groups along.
        let mut ids: Vec<u32> = self.seen.keys().copied().filter(|id| !self.ops(*id).is_empty()).collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        self.work.extend(ids);
    }

    /// Objects that may need work since the last call.
    pub fn take_work(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.work)
    }

    /// Marks an object as waiting in the work queue; false when it is there already.
    pub fn enqueue(&mut self, id: u32) -> bool {
        self.queued.insert(id)
    }

    /// Takes that mark away.
    pub fn dequeue(&mut self, id: u32) {
        self.queued.remove(&id);
    }

    /// Whether it waits there.
    pub fn is_queued(&self, id: u32) -> bool {
        self.queued.contains(&id)
    }

    /// Forgets a group that is not needed and not there.
    pub fn sweep(&mut self, id: u32) {
        let Some(group) = self.groups.get(&id) else { return };
        if !self.seen.contains_key(&id) && !self.is_needed(id, group) {
            let set = group.set;
            self.groups.remove(&id);
            self.unbind(id, set);
        }
    }

    /// If something without our mark stands at an id where ours never was, the object gets another id. True when it is
    /// a group: routes may point at what they should not.
    pub fn move_away(&mut self, id: u32) -> bool {
        let foreign = self.seen.get(&id).is_some_and(|seen| !seen.marked);
        if !foreign {
            return false;
        }
        if let Some(group) = self.groups.get(&id)
            && !group.held
        {
            let set = group.set;
            self.groups.remove(&id);
            if let Some(set) = self.set_mut(set) {
                set.groups.retain(|other| *other != id);
            }
            self.target(set, None);
            return true;
        }
        if self.singles.get(&id).is_some_and(|single| !single.held)
            && let Some(single) = self.singles.remove(&id)
        {
            let hop = single.hop;
            let new = self.choose_id(FIRST_HOP, hop, |seen| seen.object == Object::Hop(hop));
            self.singles.insert(new, Single { hop, sets: single.sets, held: false });
            self.ids.insert(hop, new);
            self.rename(id, new);
        }
        false
    }

    /// Puts a new id in the place of an old one in every set.
    fn rename(&mut self, old: u32, new: u32) {
        for (index, set) in self.sets.iter_mut().enumerate() {
            let Some(set) = set.as_mut().filter(|set| set.members.contains(&old)) else { continue };
            let mut members: Vec<u32> =
                set.members.iter().map(|id| if *id == old { new } else { *id }).collect();
            members.sort_unstable();
            self.by_members.remove(&set.members);
            set.members = members.into();
            self.by_members.insert(Arc::clone(&set.members), SetId(numbered(index)));
            self.work.extend(set.groups.iter().copied());
        }
    }

    /// Every id that is wanted or there.
    pub fn known(&self) -> Vec<u32> {
        let mut ids: Vec<u32> =
            self.singles.keys().chain(self.groups.keys()).chain(self.seen.keys()).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// The next hops that are wanted on a device.
    pub fn on_device(&self, device: u32) -> Vec<u32> {
        let on = |single: &&u32| self.singles.get(*single).is_some_and(|single| single.hop.device == device);
        self.singles.keys().filter(on).copied().collect()
    }
}
