//! Values that many routes have in common, each kept once and counted. A route then names its
//! value by four octets.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hash};

#[derive(Debug)]
struct Slot<T> {
    value: T,
    holds: u32,
}

/// All values that are held.
#[derive(Debug)]
pub(super) struct Interner<T> {
    index: HashTable<u32>,
    slots: Vec<Option<Slot<T>>>,
    free: Vec<u32>,
    hasher: RandomState,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { index: HashTable::new(), slots: Vec::new(), free: Vec::new(), hasher: RandomState::default() }
    }
}

impl<T: Eq + Hash> Interner<T> {
    /// Finds or makes the value and holds it once more. `None` only past 2³² values.
    pub(super) fn hold(&mut self, value: T) -> Option<u32> {
        let hash = self.hasher.hash_one(&value);
        let slots = &mut self.slots;
        let found = self.index.find(hash, |&at| {
            slots.get(at as usize).and_then(Option::as_ref).is_some_and(|slot| slot.value == value)
        });
        if let Some(&at) = found {
            if let Some(Some(slot)) = slots.get_mut(at as usize) {
                slot.holds += 1;
            }
            return Some(at);
        }
        let slot = Some(Slot { value, holds: 1 });
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
            slot.map_or(0, |slot| hasher.hash_one(&slot.value))
        });
        Some(at)
    }

    /// Holds a value once more.
    pub(super) fn hold_again(&mut self, id: u32) {
        if let Some(Some(slot)) = self.slots.get_mut(id as usize) {
            slot.holds += 1;
        }
    }

    /// Lets a value go once; the last one frees it.
    pub(super) fn release(&mut self, id: u32) {
        let Some(place) = self.slots.get_mut(id as usize) else { return };
        let Some(slot) = place else { return };
        slot.holds = slot.holds.saturating_sub(1);
        if slot.holds == 0 {
            let hash = self.hasher.hash_one(&slot.value);
            *place = None;
            if let Ok(entry) = self.index.find_entry(hash, |&at| at == id) {
                entry.remove();
            }
            self.free.push(id);
        }
    }

    pub(super) fn get(&self, id: u32) -> Option<&T> {
        Some(&self.slots.get(id as usize)?.as_ref()?.value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten().map(|slot| &slot.value)
    }

    /// How many values are held.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Octets allocated, without what the values own.
    pub(super) fn bytes(&self) -> usize {
        self.index.allocation_size()
            + self.slots.capacity() * size_of::<Option<Slot<T>>>()
            + self.free.capacity() * size_of::<u32>()
    }
}
