//! Octet strings that many routes share, stored once: the rests of NLRI (ESI and labels). 50
//! to 60 octets each, counted by reference.

use super::slab::Slab;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smallvec::SmallVec;
use std::hash::BuildHasher;

/// No string.
pub(super) const NO_OCTETS: u32 = u32::MAX;

#[derive(Debug, Default)]
struct Entry {
    octets: SmallVec<[u8; 16]>,
    references: u32,
}

/// The strings in use.
#[derive(Debug)]
pub(super) struct OctetInterner {
    entries: Slab<Entry, 8>,
    index: HashTable<u32>,
    hasher: RandomState,
    /// The string asked for last: routes come in runs that share it.
    last: u32,
}

impl OctetInterner {
    pub(super) fn new() -> Self {
        Self {
            entries: Slab::new(),
            index: HashTable::new(),
            hasher: RandomState::default(),
            last: NO_OCTETS,
        }
    }

    /// The string's id, if somebody uses it.
    pub(super) fn find(&self, octets: &[u8]) -> Option<u32> {
        let last = self.entries.get(self.last);
        if last.references > 0 && last.octets.as_slice() == octets {
            return Some(self.last);
        }
        let entries = &self.entries;
        self.index
            .find(self.hasher.hash_one(octets), |&id| entries.get(id).octets.as_slice() == octets)
            .copied()
    }

    /// The string's id with one more reference.
    pub(super) fn intern(&mut self, octets: &[u8]) -> u32 {
        if let Some(id) = self.find(octets) {
            self.retain(id);
            self.last = id;
            return id;
        }
        let id = self.entries.insert(Entry { octets: SmallVec::from_slice(octets), references: 1 });
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.index.insert_unique(hasher.hash_one(octets), id, |&id| {
            hasher.hash_one(entries.get(id).octets.as_slice())
        });
        self.last = id;
        id
    }

    pub(super) fn retain(&mut self, id: u32) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.references += 1;
        }
    }

    /// Gives one reference back.
    pub(super) fn release(&mut self, id: u32) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        entry.references = entry.references.saturating_sub(1);
        if entry.references > 0 {
            return;
        }
        let hash = self.hasher.hash_one(entry.octets.as_slice());
        if let Ok(found) = self.index.find_entry(hash, |&other| other == id) {
            found.remove();
        }
        self.entries.remove(id);
        let (entries, hasher) = (&self.entries, &self.hasher);
        if self.index.capacity() > 64 && self.index.len() < self.index.capacity() / 4 {
            self.index
                .shrink_to(self.index.len() * 2, |&id| hasher.hash_one(entries.get(id).octets.as_slice()));
        }
    }

    /// The string; empty for `NO_OCTETS`.
    pub(super) fn get(&self, id: u32) -> &[u8] {
        &self.entries.get(id).octets
    }

    /// Strings in use.
    pub(super) fn len(&self) -> u32 {
        self.entries.len()
    }

    /// Octets allocated.
    pub(super) fn bytes(&self) -> usize {
        let octets = |&id: &u32| {
            let octets = &self.entries.get(id).octets;
            if octets.spilled() { octets.capacity() } else { 0 }
        };
        self.entries.bytes() + self.index.allocation_size() + self.index.iter().map(octets).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_frees() {
        let mut interner = OctetInterner::new();
        let (a, b) = (interner.intern(b"one"), interner.intern(b"two"));
        assert_eq!(interner.intern(b"one"), a);
        assert_eq!(
            (interner.get(a), interner.get(b), interner.get(NO_OCTETS)),
            (&b"one"[..], &b"two"[..], &b""[..])
        );
        interner.release(a);
        assert_eq!(interner.find(b"one"), Some(a));
        interner.release(a);
        assert_eq!((interner.find(b"one"), interner.find(b"two"), interner.len()), (None, Some(b), 1));
        let empty = interner.intern(b"");
        assert_eq!(interner.find(b""), Some(empty));
    }
}
