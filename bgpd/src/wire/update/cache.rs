//! The attribute sets that a peer sent last, by their octets. Peers repeat them: UPDATEs that
//! differ in their NLRI alone share one `AttributeSet` without being parsed again. Small
//! and bounded: 16 sets of at most 1 KiB.

use super::AttributeSet;
use crate::wire::attribute::multiprotocol::NextHop;
use std::sync::Arc;

const ENTRIES: usize = 16;
const MAX_OCTETS: usize = 1024;

/// What an attribute set was read from: all path attributes but MP_REACH_NLRI, before and
/// after it, and its next hop.
#[derive(Debug, Clone, Copy)]
pub(super) struct CacheKey<'a> {
    pub next_hop: NextHop,
    pub before: &'a [u8],
    pub after: &'a [u8],
}

#[derive(Debug)]
struct Entry {
    next_hop: NextHop,
    octets: Vec<u8>,
    set: Arc<AttributeSet>,
}

/// Remembers attribute sets of one session.
#[derive(Debug, Default)]
pub struct AttributeCache {
    entries: Vec<Entry>,
    /// The entry used last, tried first.
    last: usize,
    /// The entry to be overwritten next.
    next: usize,
}

impl AttributeCache {
    pub(super) fn get(&mut self, key: CacheKey<'_>) -> Option<Arc<AttributeSet>> {
        if let Some(entry) = self.entries.get(self.last).filter(|entry| entry.is(key)) {
            return Some(Arc::clone(&entry.set));
        }
        let (index, entry) = self.entries.iter().enumerate().find(|(_, entry)| entry.is(key))?;
        self.last = index;
        Some(Arc::clone(&entry.set))
    }

    pub(super) fn put(&mut self, key: CacheKey<'_>, set: &Arc<AttributeSet>) {
        let length = key.before.len() + key.after.len();
        if length > MAX_OCTETS {
            return;
        }
        let mut octets = Vec::with_capacity(length);
        octets.extend_from_slice(key.before);
        octets.extend_from_slice(key.after);
        let entry = Entry { next_hop: key.next_hop, octets, set: Arc::clone(set) };
        match self.entries.get_mut(self.next) {
            Some(old) => *old = entry,
            None => self.entries.push(entry),
        }
        self.last = self.next;
        self.next = (self.next + 1) % ENTRIES;
    }
}

impl Entry {
    /// Where MP_REACH_NLRI stood between the attributes does not matter.
    fn is(&self, key: CacheKey<'_>) -> bool {
        self.next_hop == key.next_hop
            && self.octets.len() == key.before.len() + key.after.len()
            && self.octets.starts_with(key.before)
            && self.octets.ends_with(key.after)
    }
}
