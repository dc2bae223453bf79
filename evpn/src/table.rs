//! A hash table whose entries carry their own key and stand densely in one vector; the hash
//! index beside it costs five octets a bucket. A plain hash map would pay for its empty
//! buckets with whole entries, up to half of all memory.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::{BuildHasher, Hash};

/// From so many entries on their vector grows by a quarter instead of twofold: half of a large one would be a lot.
const LARGE: usize = 1024;

/// An entry that knows its key.
pub trait Keyed {
    /// The key.
    type Key: Copy + Eq + Hash;
    /// This entry's key. It never changes.
    fn key(&self) -> Self::Key;
}

/// Entries by key. Iteration order is arbitrary and changes with removals.
#[derive(Debug)]
pub struct Table<E: Keyed> {
    index: HashTable<u32>,
    slots: Vec<E>,
    hasher: RandomState,
}

impl<E: Keyed> Default for Table<E> {
    fn default() -> Self {
        Self { index: HashTable::new(), slots: Vec::new(), hasher: RandomState::default() }
    }
}

impl<E: Keyed> Table<E> {
    fn position(&self, key: E::Key) -> Option<usize> {
        let slots = &self.slots;
        let found = self.index.find(self.hasher.hash_one(key), |&at| is_at(slots, at, key));
        found.map(|&at| at as usize)
    }

    /// The entry of this key.
    pub fn get(&self, key: E::Key) -> Option<&E> {
        self.slots.get(self.position(key)?)
    }

    /// The entry of this key, to be changed; the key must stay as it is.
    pub fn get_mut(&mut self, key: E::Key) -> Option<&mut E> {
        let position = self.position(key)?;
        self.slots.get_mut(position)
    }

    /// The entry of this key, made if there is none. `None` only past 2³² entries.
    pub fn get_or_insert_with(&mut self, key: E::Key, make: impl FnOnce() -> E) -> Option<&mut E> {
        self.make_room();
        let (slots, hasher) = (&mut self.slots, &self.hasher);
        let rehash = |&at: &u32| slots.get(at as usize).map_or(0, |entry| hasher.hash_one(entry.key()));
        let entry = self.index.entry(hasher.hash_one(key), |&at| is_at(slots, at, key), rehash);
        let at = match entry {
            Entry::Occupied(occupied) => *occupied.get(),
            Entry::Vacant(vacant) => {
                let at = u32::try_from(slots.len()).ok()?;
                vacant.insert(at);
                if slots.len() == slots.capacity() && slots.len() >= LARGE {
                    slots.reserve_exact(slots.len() / 4);
                }
                slots.push(make());
                at
            }
        };
        slots.get_mut(at as usize)
    }

    /// Makes the index anew, twice as large, when it is full. It would grow by itself, but in its own order, which jumps
    /// among the entries.
    fn make_room(&mut self) {
        if self.index.len() < self.index.capacity() {
            return;
        }
        let mut index = HashTable::with_capacity(2 * self.slots.len().max(2));
        for (at, entry) in (0..).zip(&self.slots) {
            index.insert_unique(self.hasher.hash_one(entry.key()), at, |_| 0);
        }
        self.index = index;
    }

    /// Takes the entry of this key out.
    pub fn remove(&mut self, key: E::Key) -> Option<E> {
        let slots = &self.slots;
        let found = self.index.find_entry(self.hasher.hash_one(key), |&at| is_at(slots, at, key));
        let (at, _) = found.ok()?.remove();
        if at as usize >= self.slots.len() {
            return None;
        }
        let removed = self.slots.swap_remove(at as usize);
        if let Some(moved) = self.slots.get(at as usize) {
            let was_at = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
            let hash = self.hasher.hash_one(moved.key());
            if let Some(place) = self.index.find_mut(hash, |&other| other == was_at) {
                *place = at;
            }
        }
        self.shrink();
        Some(removed)
    }

    /// Gives memory back once three quarters are unused.
    fn shrink(&mut self) {
        if self.slots.capacity() > 64 && self.slots.len() < self.slots.capacity() / 4 {
            self.slots.shrink_to(self.slots.len() * 2);
            let (slots, hasher) = (&self.slots, &self.hasher);
            self.index.shrink_to(self.slots.len() * 2, |&at| {
                slots.get(at as usize).map_or(0, |entry| hasher.hash_one(entry.key()))
            });
        }
    }

    /// Keeps the entries that `keep` accepts; it may change them.
    pub fn retain(&mut self, mut keep: impl FnMut(&mut E) -> bool) {
        let refused = |entry: &mut E| (!keep(entry)).then(|| entry.key());
        let refused: Vec<E::Key> = self.slots.iter_mut().filter_map(refused).collect();
        for key in refused {
            self.remove(key);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Octets allocated, without what the entries own.
    pub fn bytes(&self) -> usize {
        self.index.allocation_size() + self.slots.capacity() * size_of::<E>()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.slots.iter()
    }

    /// All entries, to be changed; a key must stay as it is.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut E> {
        self.slots.iter_mut()
    }

    /// All keys, copied, so that entries may change while one goes through them.
    pub fn keys(&self) -> Vec<E::Key> {
        self.slots.iter().map(E::key).collect()
    }
}

fn is_at<E: Keyed>(slots: &[E], at: u32, key: E::Key) -> bool {
    slots.get(at as usize).is_some_and(|entry| entry.key() == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Debug)]
    struct Pair(u16, u32);
    impl Keyed for Pair {
        type Key = u16;
        fn key(&self) -> u16 {
            self.0
        }
    }

    #[test]
    fn a_large_table_has_little_room_to_spare() {
        let mut table = Table::<Pair>::default();
        for key in 0..50_000 {
            table.get_or_insert_with(key, || Pair(key, 0)).unwrap();
            assert!(table.slots.capacity() <= (2 * LARGE).max(table.len() * 5 / 4));
        }
        assert!((0..50_000).all(|key| table.get(key).is_some_and(|pair| pair.0 == key)));
        table.retain(|pair| pair.0 < 10_000);
        assert!(table.slots.capacity() <= 40_000 && table.len() == 10_000);
    }

    proptest! {
        #[test]
        fn behaves_as_a_map(steps in prop::collection::vec((any::<bool>(), 0u16..64, any::<u32>()), 0..400)) {
            let (mut table, mut model) = (Table::<Pair>::default(), BTreeMap::new());
            for (insert, key, value) in steps {
                if insert {
                    table.get_or_insert_with(key, || Pair(key, 0)).unwrap().1 = value;
                    model.insert(key, value);
                } else {
                    prop_assert_eq!(table.remove(key).map(|pair| pair.1), model.remove(&key));
                }
                prop_assert_eq!(table.len(), model.len());
            }
            for key in 0..64 {
                prop_assert_eq!(table.get(key).map(|pair| pair.1), model.get(&key).copied());
            }
            let all: BTreeMap<u16, u32> = table.iter().map(|pair| (pair.0, pair.1)).collect();
            prop_assert_eq!(all, model);
        }
    }
}
