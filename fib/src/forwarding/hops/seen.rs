//! What the kernel says of the nexthop objects of routes, by notification, dump or answer, and how an operator reads it.

use super::{Hop, HopChange, Hops, Object, Seen, is_hop_id};
use crate::netlink::constants::*;
use crate::netlink::encode::Op;
use crate::netlink::nexthop::NexthopMessage;
use std::sync::Arc;

impl Hops {
    /// The kernel says what it has at an id. `None` for ids outside our ranges.
    pub fn observe(&mut self, message: &NexthopMessage) -> Option<HopChange> {
        let id = message.id;
        if !is_hop_id(id) {
            return None;
        }
        let object = match (message.is_group(), message.device, message.gateway) {
            (true, ..) if message.weighted || message.fdb => Object::Other,
            (true, ..) => Object::Group(message.members.as_slice().into()),
            (false, Some(device), Some(gateway)) => {
                Object::Hop(Hop { device, gateway, onlink: message.onlink })
            }
            _ => Object::Other,
        };
        let marked = message.protocol == RTPROT_BGP && !message.fdb;
        let asked = self.seen.get(&id).is_some_and(|seen| seen.asked);
        self.see(id, Some(Seen { object, marked, asked, stale: false }));
        Some(self.changed(id))
    }

    /// The kernel has nothing at this id any more.
    pub fn observe_gone(&mut self, id: u32) -> Option<HopChange> {
        if !is_hop_id(id) {
            return None;
        }
        self.see(id, None)?;
        let mut change = self.changed(id);
        change.lost = (self.users(id) > 0).then_some(id);
        Some(change)
    }

    /// Records what is at an id. Next hops that nobody has asked for may go when a group has let go of them.
    fn see(&mut self, id: u32, seen: Option<Seen>) -> Option<Seen> {
        let old = match seen {
            Some(seen) => self.seen.insert(id, seen),
            None => self.seen.remove(&id),
        };
        if let Some(Seen { object: Object::Group(members), .. }) = &old {
            self.work.extend(members.iter().filter(|member| !self.singles.contains_key(*member)));
        }
        old
    }

    fn changed(&mut self, id: u32) -> HopChange {
        let work = !self.ops(id).is_empty();
        let held = match (self.singles.get_mut(&id), self.groups.get_mut(&id)) {
            (Some(single), _) => &mut single.held,
            (None, Some(group)) => &mut group.held,
            (None, None) => return HopChange { dirty: work.then_some((id, false)), lost: None },
        };
        *held |= !work;
        HopChange { dirty: work.then_some((id, *held)), lost: None }
    }

    /// What a message that the kernel accepted changed.
    pub fn written(&mut self, op: &Op) {
        let mut record =
            |id, object| _ = self.see(id, Some(Seen { object, marked: true, asked: true, stale: false }));
        match op {
            Op::HopSet { id, device, gateway, onlink, .. } => {
                record(*id, Object::Hop(Hop { device: *device, gateway: *gateway, onlink: *onlink }));
                if let Some(single) = self.singles.get_mut(id) {
                    single.held = true;
                }
            }
            Op::HopGroupSet { id, members, .. } => {
                record(*id, Object::Group(Arc::clone(members)));
                if let Some(group) = self.groups.get_mut(id) {
                    group.held = true;
                }
            }
            Op::NexthopDelete { id } => {
                self.see(*id, None);
                self.sweep(*id);
            }
            _ => {}
        }
    }

    /// Before a dump of all nexthops.
    pub fn begin_sync(&mut self) {
        self.seen.values_mut().for_each(|seen| seen.stale = true);
    }

    /// After it: ids that were not seen again.
    pub fn end_sync(&self) -> Vec<u32> {
        self.seen.iter().filter(|(_, seen)| seen.stale).map(|(id, _)| *id).collect()
    }

    /// How many objects with our mark are there.
    pub fn marked(&self) -> usize {
        self.seen.values().filter(|seen| seen.marked).count()
    }

    /// Words for the consistency report: what is wanted at an id and what is there.
    pub fn describe(&self, id: u32) -> (Option<String>, Option<String>) {
        let words = |object: &Object| match object {
            Object::Hop(hop) => format!("via {} on interface {}", hop.gateway, hop.device),
            Object::Group(members) => {
                let members: Vec<String> = members.iter().map(u32::to_string).collect();
                format!("group {}", members.join("/"))
            }
            Object::Other => "another kind of nexthop".to_owned(),
        };
        let wanted = match (self.singles.get(&id), self.groups.get(&id)) {
            (Some(single), _) => Some(Object::Hop(single.hop)),
            (None, Some(group)) if self.is_needed(id, group) => self.members(id).map(Object::Group),
            _ => None,
        };
        (wanted.as_ref().map(words), self.seen.get(&id).map(|seen| words(&seen.object)))
    }
}
