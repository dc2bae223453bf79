//! What routes of one advertiser have in common (RD, Ethernet tag, VTEP, route targets),
//! kept once and counted. A route then costs four octets for all of it.

use crate::{EthernetTag, RouteDistinguisher, RouteTarget};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smallvec::SmallVec;
use std::{collections::BTreeMap, hash::BuildHasher, net::IpAddr};

/// The common part of routes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Source {
    pub(super) rd: RouteDistinguisher,
    pub(super) ethernet_tag: EthernetTag,
    /// The BGP next hop.
    pub(super) vtep: IpAddr,
    pub(super) targets: SmallVec<[RouteTarget; 2]>,
}

/// Names a `Source` while it is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SourceId(u32);

#[derive(Debug)]
struct Slot {
    source: Source,
    holds: u32,
}

/// All sources, and which VTEPs are our own.
#[derive(Debug, Default)]
pub(super) struct Sources {
    index: HashTable<u32>,
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    hasher: RandomState,
    /// Our VTEPs, with how many VNIs use each.
    own: BTreeMap<IpAddr, u32>,
}

impl Sources {
    fn slot(&self, id: SourceId) -> Option<&Slot> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    /// Finds or makes the source and holds it once more. `None` only past 2³² sources.
    pub(super) fn hold(&mut self, source: Source) -> Option<SourceId> {
        let hash = self.hasher.hash_one(&source);
        let slots = &mut self.slots;
        let found = self.index.find(hash, |&at| {
            slots.get(at as usize).and_then(Option::as_ref).is_some_and(|slot| slot.source == source)
        });
        if let Some(&at) = found {
            if let Some(Some(slot)) = slots.get_mut(at as usize) {
                slot.holds += 1;
            }
            return Some(SourceId(at));
        }
        let slot = Some(Slot { source, holds: 1 });
        let at = match self.free.pop() {
            Some(at) => {
                if let Some(place) = slots.get_mut(at as usize) {
                    *place = slot;
                }
                at
            }
            None => {
                slots.push(slot);
                u32::try_from(slots.len() - 1).ok()?
            }
        };
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hash, at, |&at| {
            let slot = slots.get(at as usize).and_then(Option::as_ref);
            slot.map_or(0, |slot| hasher.hash_one(&slot.source))
        });
        Some(SourceId(at))
    }

    /// Holds a source once more.
    pub(super) fn hold_again(&mut self, id: SourceId) {
        if let Some(Some(slot)) = self.slots.get_mut(id.0 as usize) {
            slot.holds += 1;
        }
    }

    /// Lets a source go once; the last one frees it.
    pub(super) fn release(&mut self, id: SourceId) {
        let Some(place) = self.slots.get_mut(id.0 as usize) else { return };
        let Some(slot) = place else { return };
        slot.holds = slot.holds.saturating_sub(1);
        if slot.holds == 0 {
            let hash = self.hasher.hash_one(&slot.source);
            *place = None;
            if let Ok(entry) = self.index.find_entry(hash, |&at| at == id.0) {
                entry.remove();
            }
            self.free.push(id.0);
        }
    }

    pub(super) fn get(&self, id: SourceId) -> Option<&Source> {
        self.slot(id).map(|slot| &slot.source)
    }

    /// The VTEP of a source, unless it is one of our own: such a route came back to us and
    /// is never programmed.
    pub(super) fn remote_vtep(&self, id: SourceId) -> Option<IpAddr> {
        self.get(id).map(|source| source.vtep).filter(|vtep| !self.is_own(*vtep))
    }

    /// True if a VNI of this kernel uses the address as VTEP.
    pub(super) fn is_own(&self, vtep: IpAddr) -> bool {
        self.own.contains_key(&vtep)
    }

    /// A VNI uses this VTEP now. True if routes that were usable are no longer.
    pub(super) fn add_own(&mut self, vtep: IpAddr) -> bool {
        let uses = self.own.entry(vtep).or_insert(0);
        *uses += 1;
        *uses == 1 && self.advertises(vtep)
    }

    /// A VNI uses this VTEP no longer. True if routes became usable by that.
    pub(super) fn remove_own(&mut self, vtep: IpAddr) -> bool {
        let Some(uses) = self.own.get_mut(&vtep) else { return false };
        *uses = uses.saturating_sub(1);
        if *uses > 0 {
            return false;
        }
        self.own.remove(&vtep);
        self.advertises(vtep)
    }

    fn advertises(&self, vtep: IpAddr) -> bool {
        self.slots.iter().flatten().any(|slot| slot.source.vtep == vtep)
    }

    /// How many sources are held.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }
}
