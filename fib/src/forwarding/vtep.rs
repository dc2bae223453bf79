//! Remote VTEPs as small numbers, and their nexthop objects: one FDB nexthop and a group with it as the only
//! member, which is what vxlan FDB entries can point at.
//!
//! Ids come from a range of our own: `FIRST_ID + slot` is the nexthop, `FIRST_ID + SLOTS + slot` its group.
//! The slot is a hash of the address, so a restarted daemon asks for the ids it had; a slot that somebody else
//! occupies is passed over.

use super::key::VtepId;
use crate::netlink::constants::*;
use crate::netlink::encode::{Mode, Op, Target};
use crate::netlink::nexthop::NexthopMessage;
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::hash::BuildHasher;
use std::net::IpAddr;

type FixedState = foldhash::fast::FixedState;

/// First id of the range. FRR, and an operator who counts from 1, stay far below.
pub const FIRST_ID: u32 = 0x5740_0000;
/// How many VTEPs have room.
pub const SLOTS: u32 = 1 << 20;

/// How vxlan FDB entries name their VTEP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetForm {
    /// By nexthop group.
    Nexthops,
    /// By address: the kernel takes no FDB nexthops, or none are wanted.
    Addresses,
}

/// A nexthop in our range, as the kernel has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    marked: bool,
    gateway: Option<IpAddr>,
    /// First member and their number.
    group: Option<(u32, usize)>,
    stale: bool,
}

impl Seen {
    fn is_nexthop_of(&self, ip: IpAddr) -> bool {
        self.marked && self.gateway == Some(ip)
    }

    fn is_group_of(&self, member: u32) -> bool {
        self.marked && self.group == Some((member, 1))
    }
}

#[derive(Debug)]
struct Vtep {
    ip: IpAddr,
    slot: u32,
    /// Entries that want it.
    wanted: u32,
    /// Kernel FDB entries that point at it.
    used: u32,
    /// Its objects were found and nobody has asked for them yet.
    adopted: bool,
    /// Our objects have been there: what else is at their ids now is drift.
    held: bool,
    /// It is wanted and its objects are as they should be: nothing to do. False when that is not known.
    complete: bool,
    dirty: bool,
}

/// All VTEPs that are wanted, used or have objects.
#[derive(Debug)]
pub struct Vteps {
    list: Vec<Option<Vtep>>,
    free: Vec<usize>,
    by_ip: HashMap<IpAddr, VtepId, FixedState>,
    by_slot: HashMap<u32, VtepId, FixedState>,
    seen: HashMap<u32, Seen, FixedState>,
    form: TargetForm,
    pruned: bool,
}

/// Ids of the nexthop and the group of a slot.
fn ids(slot: u32) -> (u32, u32) {
    (FIRST_ID + slot, FIRST_ID + SLOTS + slot)
}

/// The slot that an id belongs to; `None` outside the range.
fn slot_of(id: u32) -> Option<u32> {
    (FIRST_ID..FIRST_ID + 2 * SLOTS).contains(&id).then(|| (id - FIRST_ID) % SLOTS)
}

/// What an observed nexthop changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct NexthopChange {
    /// A VTEP whose objects need work, and whether somebody else caused that.
    pub dirty: Option<(VtepId, bool)>,
    /// The group is gone, and with it, silently, every FDB entry that pointed at it.
    pub group_lost: Option<VtepId>,
    /// An id with our mark that belongs to no VTEP.
    pub orphan: Option<u32>,
}

impl Vteps {
    /// VTEPs known.
    pub fn count(&self) -> usize {
        self.by_ip.len()
    }

    /// Octets allocated.
    pub fn bytes(&self) -> usize {
        self.list.capacity() * size_of::<Option<Vtep>>()
            + self.free.capacity() * size_of::<usize>()
            + self.by_ip.allocation_size()
            + self.by_slot.allocation_size()
            + self.seen.allocation_size()
    }

    pub fn new(form: TargetForm) -> Self {
        Vteps {
            list: Vec::new(),
            free: Vec::new(),
            by_ip: HashMap::default(),
            by_slot: HashMap::default(),
            seen: HashMap::default(),
            form,
            pruned: false,
        }
    }

    pub fn form(&self) -> TargetForm {
        self.form
    }

    /// From now on entries name their VTEP by address.
    pub fn give_up_nexthops(&mut self) {
        self.form = TargetForm::Addresses;
        self.doubt_all();
    }

    fn doubt_all(&mut self) {
        self.list.iter_mut().flatten().for_each(|vtep| vtep.complete = false);
    }

    /// What stands at an id of this slot has changed.
    fn doubt(&mut self, slot: u32) {
        if let Some(id) = self.by_slot.get(&slot).copied()
            && let Some(vtep) = self.get_mut(id)
        {
            vtep.complete = false;
        }
    }

    /// Whether it is wanted and its objects are as they should be. Asked for every entry, so the answer is kept.
    pub fn is_complete(&mut self, id: VtepId) -> bool {
        let Some(vtep) = self.get(id) else { return false };
        if vtep.complete {
            return true;
        }
        let complete = vtep.wanted > 0 && !self.is_squatted(id) && self.ops(id).is_empty();
        if let Some(vtep) = self.get_mut(id) {
            vtep.complete = complete;
        }
        complete
    }

    fn get(&self, id: VtepId) -> Option<&Vtep> {
        self.list.get(id.index())?.as_ref()
    }

    fn get_mut(&mut self, id: VtepId) -> Option<&mut Vtep> {
        self.list.get_mut(id.index())?.as_mut()
    }

    /// The address of a VTEP.
    pub fn ip(&self, id: VtepId) -> Option<IpAddr> {
        self.get(id).map(|vtep| vtep.ip)
    }

    /// Every VTEP.
    pub fn iter(&self) -> impl Iterator<Item = VtepId> {
        self.list
            .iter()
            .enumerate()
            .filter(|(_, vtep)| vtep.is_some())
            .map(|(index, _)| VtepId::from_index(index))
    }

    /// The number of the VTEP with this address, given now if it has none.
    pub fn intern(&mut self, ip: IpAddr) -> VtepId {
        if let Some(id) = self.by_ip.get(&ip) {
            return *id;
        }
        let slot = self.choose_slot(ip);
        self.insert(ip, slot)
    }

    fn insert(&mut self, ip: IpAddr, slot: u32) -> VtepId {
        let vtep =
            Vtep { ip, slot, wanted: 0, used: 0, adopted: false, held: false, complete: false, dirty: false };
        let index = self.free.pop().unwrap_or(self.list.len());
        if let Some(place) = self.list.get_mut(index) {
            *place = Some(vtep);
        } else {
            self.list.push(Some(vtep));
        }
        let id = VtepId::from_index(index);
        self.by_ip.insert(ip, id);
        self.by_slot.insert(slot, id);
        id
    }

    /// The first slot, from the address's own one on, that no other VTEP has and where nothing foreign stands.
    fn choose_slot(&self, ip: IpAddr) -> u32 {
        let hash = FixedState::default().hash_one(ip);
        let start = u32::try_from(hash % u64::from(SLOTS)).unwrap_or(0);
        (0..SLOTS)
            .map(|step| (start + step) % SLOTS)
            .find(|slot| {
                let (nexthop, group) = ids(*slot);
                let foreign = |id| self.seen.get(&id).is_some_and(|seen: &Seen| !seen.marked);
                !self.by_slot.contains_key(slot) && !foreign(nexthop) && !foreign(group)
            })
            .unwrap_or(start)
    }

    /// What an FDB entry for this VTEP points at.
    pub fn target(&self, id: VtepId) -> Option<Target> {
        let vtep = self.get(id)?;
        Some(match self.form {
            TargetForm::Nexthops => Target::Nexthop(ids(vtep.slot).1),
            TargetForm::Addresses => Target::Address(vtep.ip),
        })
    }

    /// The VTEP whose group this is.
    pub fn of_group(&self, group: u32) -> Option<VtepId> {
        let id = self.by_slot.get(&slot_of(group)?).copied()?;
        (ids(self.get(id)?.slot).1 == group).then_some(id)
    }

    /// One entry more wants it.
    pub fn want(&mut self, id: VtepId) {
        if let Some(vtep) = self.get_mut(id) {
            vtep.wanted += 1;
            vtep.adopted = false;
        }
    }

    /// One entry less wants it. True when nobody does and its objects may go.
    pub fn unwant(&mut self, id: VtepId) -> bool {
        let Some(vtep) = self.get_mut(id) else { return false };
        vtep.wanted = vtep.wanted.saturating_sub(1);
        vtep.complete &= vtep.wanted > 0;
        vtep.wanted == 0 && self.reconsider(id)
    }

    /// One kernel entry more points at it.
    pub fn hold(&mut self, id: VtepId) {
        if let Some(vtep) = self.get_mut(id) {
            vtep.used += 1;
        }
    }

    /// One kernel entry less points at it. True when nobody does and its objects may go.
    pub fn release(&mut self, id: VtepId) -> bool {
        let Some(vtep) = self.get_mut(id) else { return false };
        vtep.used = vtep.used.saturating_sub(1);
        vtep.used == 0 && self.reconsider(id)
    }

    /// Whether there is work on its objects; a VTEP that is not needed and has none is forgotten here.
    pub fn reconsider(&mut self, id: VtepId) -> bool {
        if !self.ops(id).is_empty() {
            return true;
        }
        if let Some(vtep) = self.get(id)
            && vtep.wanted == 0
            && vtep.used == 0
            && !vtep.dirty
        {
            let (ip, slot) = (vtep.ip, vtep.slot);
            let (nexthop, group) = ids(slot);
            if !self.seen.contains_key(&nexthop) && !self.seen.contains_key(&group) {
                self.by_ip.remove(&ip);
                self.by_slot.remove(&slot);
                if let Some(place) = self.list.get_mut(id.index()) {
                    *place = None;
                }
                self.free.push(id.index());
            }
        }
        false
    }

    /// Marks it as waiting in the work queue; false when it is there already.
    pub fn enqueue(&mut self, id: VtepId) -> bool {
        self.get_mut(id).is_some_and(|vtep| !std::mem::replace(&mut vtep.dirty, true))
    }

    /// Whether it waits there.
    pub fn is_queued(&self, id: VtepId) -> bool {
        self.get(id).is_some_and(|vtep| vtep.dirty)
    }

    /// Takes that mark away.
    pub fn dequeue(&mut self, id: VtepId) {
        if let Some(vtep) = self.get_mut(id) {
            vtep.dirty = false;
        }
    }

    /// The messages that make its objects as needed.
    pub fn ops(&self, id: VtepId) -> SmallVec<[Op; 5]> {
        let mut ops = SmallVec::new();
        let Some(vtep) = self.get(id) else { return ops };
        let (nexthop, group) = ids(vtep.slot);
        let (seen_nexthop, seen_group) = (self.seen.get(&nexthop), self.seen.get(&group));
        if vtep.wanted > 0 && self.form == TargetForm::Nexthops {
            let gateway = vtep.ip;
            match seen_nexthop {
                Some(seen) if seen.is_nexthop_of(gateway) => {}
                None => ops.push(Op::NexthopSet { id: nexthop, gateway, mode: Mode::Create }),
                Some(seen) if seen.group.is_none() => {
                    ops.push(Op::NexthopSet { id: nexthop, gateway, mode: Mode::Replace });
                }
                // A group does not become a single nexthop by replacing.
                Some(_) => ops.extend([
                    Op::NexthopDelete { id: nexthop },
                    Op::NexthopSet { id: nexthop, gateway, mode: Mode::Create },
                ]),
            }
            match seen_group {
                Some(seen) if seen.is_group_of(nexthop) => {}
                None => ops.push(Op::GroupSet { id: group, member: nexthop, mode: Mode::Create }),
                Some(seen) if seen.group.is_some() => {
                    ops.push(Op::GroupSet { id: group, member: nexthop, mode: Mode::Replace });
                }
                Some(_) => ops.extend([
                    Op::NexthopDelete { id: group },
                    Op::GroupSet { id: group, member: nexthop, mode: Mode::Create },
                ]),
            }
        } else if vtep.wanted == 0 && vtep.used == 0 && (!vtep.adopted || self.pruned) {
            // The group first: the kernel would take it along with its last member, and count that as two.
            for (id, seen) in [(group, seen_group), (nexthop, seen_nexthop)] {
                if seen.is_some_and(|seen| seen.marked) {
                    ops.push(Op::NexthopDelete { id });
                }
            }
        }
        ops
    }

    /// The deletion of an id that belongs to no VTEP.
    pub fn orphan_op(&self, id: u32) -> Option<Op> {
        let claimed = slot_of(id).is_some_and(|slot| self.by_slot.contains_key(&slot));
        let marked = self.seen.get(&id).is_some_and(|seen| seen.marked);
        (self.pruned && marked && !claimed).then_some(Op::NexthopDelete { id })
    }

    /// Adopted objects that nobody wants may go from now on. Gives what has work now.
    pub fn prune(&mut self) -> (Vec<VtepId>, Vec<u32>) {
        self.pruned = true;
        let vteps = self.iter().filter(|id| !self.ops(*id).is_empty()).collect();
        let orphans = self.seen.keys().copied().filter(|id| self.orphan_op(*id).is_some()).collect();
        (vteps, orphans)
    }

    /// The kernel says what it has at an id. `None` for ids outside our range.
    pub fn observe(&mut self, message: &NexthopMessage) -> Option<NexthopChange> {
        let slot = slot_of(message.id)?;
        let marked = message.fdb && message.protocol == RTPROT_BGP;
        let seen = Seen { marked, gateway: message.gateway, group: message.group(), stale: false };
        self.seen.insert(message.id, seen);
        self.doubt(slot);
        if !self.by_slot.contains_key(&slot)
            && marked
            && ids(slot).0 == message.id
            && let Some(gateway) = message.gateway
            && !self.by_ip.contains_key(&gateway)
        {
            let id = self.insert(gateway, slot);
            if let Some(vtep) = self.get_mut(id) {
                vtep.adopted = true;
            }
        }
        Some(self.changed(slot, message.id))
    }

    /// The kernel has nothing at this id any more.
    pub fn observe_gone(&mut self, id: u32) -> Option<NexthopChange> {
        let slot = slot_of(id)?;
        self.seen.remove(&id)?;
        self.doubt(slot);
        let mut change = self.changed(slot, id);
        change.group_lost = self.of_group(id);
        Some(change)
    }

    fn changed(&mut self, slot: u32, id: u32) -> NexthopChange {
        let Some(vtep_id) = self.by_slot.get(&slot).copied() else {
            return NexthopChange { orphan: Some(id), ..NexthopChange::default() };
        };
        let work = !self.ops(vtep_id).is_empty();
        let Some(vtep) = self.get_mut(vtep_id) else { return NexthopChange::default() };
        if !work && vtep.wanted > 0 {
            vtep.held = true;
        }
        let drift = vtep.held;
        if !work {
            self.reconsider(vtep_id);
        }
        NexthopChange { dirty: work.then_some((vtep_id, drift)), ..NexthopChange::default() }
    }

    /// What a message that the kernel accepted changed.
    pub fn written(&mut self, op: &Op) {
        let seen = |gateway, group| Seen { marked: true, gateway, group, stale: false };
        let id = match *op {
            Op::NexthopSet { id, gateway, .. } => {
                self.seen.insert(id, seen(Some(gateway), None));
                id
            }
            Op::GroupSet { id, member, .. } => {
                self.seen.insert(id, seen(None, Some((member, 1))));
                id
            }
            Op::NexthopDelete { id } => {
                self.seen.remove(&id);
                id
            }
            _ => return,
        };
        if let Some(slot) = slot_of(id)
            && let Some(vtep) = self.by_slot.get(&slot).copied()
        {
            if let Some(vtep) = self.get_mut(vtep) {
                vtep.complete = false;
                vtep.held = vtep.wanted > 0;
            }
            self.reconsider(vtep);
        }
    }

    /// Something that is not ours stands at an id of this VTEP: it gets another slot.
    pub fn move_away(&mut self, id: VtepId) {
        let Some(vtep) = self.get(id) else { return };
        let (ip, old) = (vtep.ip, vtep.slot);
        self.by_slot.remove(&old);
        let slot = self.choose_slot(ip);
        if let Some(vtep) = self.get_mut(id) {
            vtep.slot = slot;
            vtep.held = false;
            vtep.complete = false;
        }
        self.by_slot.insert(slot, id);
    }

    /// Whether something without our mark stands at an id of this VTEP where ours never was.
    pub fn is_squatted(&self, id: VtepId) -> bool {
        self.get(id).is_some_and(|vtep| {
            let (nexthop, group) = ids(vtep.slot);
            let foreign = |id| self.seen.get(&id).is_some_and(|seen: &Seen| !seen.marked);
            !vtep.held && (foreign(nexthop) || foreign(group))
        })
    }

    /// Before a dump of all nexthops.
    pub fn begin_sync(&mut self) {
        self.seen.values_mut().for_each(|seen| seen.stale = true);
    }

    /// After it: ids that were not seen again.
    pub fn end_sync(&self) -> Vec<u32> {
        self.seen.iter().filter(|(_, seen)| seen.stale).map(|(id, _)| *id).collect()
    }

    /// How many objects were adopted.
    pub fn adopted(&self) -> usize {
        self.seen.values().filter(|seen| seen.marked).count()
    }

    /// Words for the consistency report: id, what is wanted there and what is there.
    pub fn describe(&self, id: VtepId) -> Option<(String, Option<String>, Option<String>)> {
        let vtep = self.get(id)?;
        let (nexthop, group) = ids(vtep.slot);
        let needed = vtep.wanted > 0 && self.form == TargetForm::Nexthops;
        let wanted = needed.then(|| format!("via {}, group {group} of it", vtep.ip));
        let words = |id: u32| {
            self.seen.get(&id).map(|seen| match (seen.gateway, seen.group) {
                (Some(gateway), _) => format!("via {gateway}"),
                (None, Some((first, count))) => format!("group {id} of {count} members, first {first}"),
                (None, None) => "another kind of nexthop".to_owned(),
            })
        };
        let actual = match (words(nexthop), words(group)) {
            (None, None) => None,
            (one, two) => Some([one, two].into_iter().flatten().collect::<Vec<_>>().join(", ")),
        };
        Some((nexthop.to_string(), wanted, actual))
    }
}
