//! A set of small integers as a chunked bitmap: which destinations a peer announced, which
//! wait to be sent, which were sent.
//!
//! A chunk of 4096 bits (520 octets with its count) exists only while it holds a member, so
//! a set costs one bit an id where it is dense and nothing where it is empty. Being a set
//! and not a queue, it is bounded by the number of ids however often something changes.
//! Members come out in the order of ids from a cursor on, so that no id starves another.

const CHUNK_BITS: u32 = 4096;
const CHUNK_WORDS: usize = 64;

#[derive(Debug, Clone)]
struct Chunk {
    words: [u64; CHUNK_WORDS],
    members: u32,
}

impl Chunk {
    fn empty() -> Box<Self> {
        Box::new(Self { words: [0; CHUNK_WORDS], members: 0 })
    }
}

/// A set of ids.
#[derive(Debug, Clone, Default)]
pub(super) struct IdSet {
    chunks: Vec<Option<Box<Chunk>>>,
    members: u32,
}

fn place(id: u32) -> (usize, usize, u64) {
    let within = id % CHUNK_BITS;
    ((id / CHUNK_BITS) as usize, (within / 64) as usize, 1 << (within % 64))
}

impl IdSet {
    pub(super) fn len(&self) -> u32 {
        self.members
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members == 0
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        let (chunk, word, bit) = place(id);
        match self.chunks.get(chunk) {
            Some(Some(chunk)) => chunk.words.get(word).is_some_and(|word| word & bit != 0),
            _ => false,
        }
    }

    /// True if the id was not a member before.
    pub(super) fn insert(&mut self, id: u32) -> bool {
        let (chunk, word, bit) = place(id);
        if self.chunks.len() <= chunk {
            self.chunks.resize_with(chunk + 1, || None);
        }
        let Some(slot) = self.chunks.get_mut(chunk) else { return false };
        let chunk = slot.get_or_insert_with(Chunk::empty);
        let Some(word) = chunk.words.get_mut(word) else { return false };
        let new = *word & bit == 0;
        *word |= bit;
        chunk.members += u32::from(new);
        self.members += u32::from(new);
        new
    }

    /// True if the id was a member.
    pub(super) fn remove(&mut self, id: u32) -> bool {
        let (chunk, word, bit) = place(id);
        let Some(slot) = self.chunks.get_mut(chunk) else { return false };
        let Some(chunk) = slot else { return false };
        let Some(word) = chunk.words.get_mut(word) else { return false };
        if *word & bit == 0 {
            return false;
        }
        *word &= !bit;
        chunk.members -= 1;
        self.members -= 1;
        if chunk.members == 0 {
            *slot = None;
        }
        true
    }

    /// The smallest member that is not below `from`.
    pub(super) fn next_from(&self, from: u32) -> Option<u32> {
        let (first_chunk, first_word, bit) = place(from);
        for (at, slot) in self.chunks.iter().enumerate().skip(first_chunk) {
            let Some(chunk) = slot else { continue };
            let skip = if at == first_chunk { first_word } else { 0 };
            for (index, &word) in chunk.words.iter().enumerate().skip(skip) {
                let masked = if at == first_chunk && index == first_word { word & !(bit - 1) } else { word };
                if masked != 0 {
                    return Some(at as u32 * CHUNK_BITS + index as u32 * 64 + masked.trailing_zeros());
                }
            }
        }
        None
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.chunks
            .iter()
            .enumerate()
            .filter_map(|(at, slot)| slot.as_ref().map(|chunk| (at, chunk)))
            .flat_map(|(at, chunk)| {
                chunk.words.iter().enumerate().flat_map(move |(index, &word)| {
                    let base = at as u32 * CHUNK_BITS + index as u32 * 64;
                    std::iter::successors((word != 0).then_some(word), |left| {
                        let left = left & (left - 1);
                        (left != 0).then_some(left)
                    })
                    .map(move |left| base + left.trailing_zeros())
                })
            })
    }

    /// Takes up to `max` members out, from `cursor` on and around the end, into `out`. The
    /// cursor ends behind the last one taken. True if it came to the end of the numbers.
    pub(super) fn take(&mut self, cursor: &mut u32, max: usize, out: &mut Vec<u32>) -> bool {
        let mut wrapped = false;
        while out.len() < max && !self.is_empty() {
            match self.next_from(*cursor) {
                Some(id) => *cursor = self.take_word(id, max - out.len(), out),
                None => {
                    *cursor = 0;
                    wrapped = true;
                }
            }
        }
        wrapped || self.is_empty()
    }

    /// Takes up to `max` members out, from `id` on to the end of its word; gives where to go on.
    fn take_word(&mut self, id: u32, max: usize, out: &mut Vec<u32>) -> u32 {
        let (at, word, bit) = place(id);
        let next = (id - id % 64).saturating_add(64);
        let Some(slot) = self.chunks.get_mut(at) else { return next };
        let Some(chunk) = slot else { return next };
        let Some(word) = chunk.words.get_mut(word) else { return next };
        let mut left = *word & !(bit - 1);
        let mut taken = 0;
        while left != 0 && taken < max {
            out.push(id - id % 64 + left.trailing_zeros());
            taken += 1;
            let lowest = left & left.wrapping_neg();
            *word &= !lowest;
            left &= !lowest;
        }
        chunk.members -= taken as u32;
        self.members -= taken as u32;
        if chunk.members == 0 {
            *slot = None;
        }
        match left {
            0 => next,
            _ => id - id % 64 + left.trailing_zeros(),
        }
    }

    /// Adds all members of `other`.
    pub(super) fn union_with(&mut self, other: &IdSet) {
        if self.chunks.len() < other.chunks.len() {
            self.chunks.resize_with(other.chunks.len(), || None);
        }
        for (mine, theirs) in self.chunks.iter_mut().zip(&other.chunks) {
            let Some(theirs) = theirs else { continue };
            match mine {
                None => {
                    self.members += theirs.members;
                    *mine = Some(theirs.clone());
                }
                Some(mine) => {
                    let before = mine.members;
                    mine.members = 0;
                    for (word, other) in mine.words.iter_mut().zip(&theirs.words) {
                        *word |= other;
                        mine.members += word.count_ones();
                    }
                    self.members += mine.members - before;
                }
            }
        }
    }

    /// Octets allocated.
    pub(super) fn bytes(&self) -> usize {
        self.chunks.capacity() * size_of::<Option<Box<Chunk>>>()
            + self.chunks.iter().flatten().count() * size_of::<Chunk>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn behaves_as_a_set(operations in prop::collection::vec((any::<bool>(), 0u32..20_000), 0..300),
                            others in prop::collection::btree_set(0u32..30_000, 0..50), from in 0u32..25_000, max in 1usize..200) {
            let (mut set, mut model) = (IdSet::default(), BTreeSet::new());
            for (insert, id) in operations {
                if insert {
                    prop_assert_eq!(set.insert(id), model.insert(id));
                } else {
                    prop_assert_eq!(set.remove(id), model.remove(&id));
                }
                prop_assert_eq!(set.contains(id), model.contains(&id));
            }
            prop_assert_eq!(set.len() as usize, model.len());
            prop_assert_eq!(set.next_from(from), model.range(from..).next().copied());
            let mut other = IdSet::default();
            others.iter().for_each(|&id| { other.insert(id); });
            set.union_with(&other);
            model.extend(others);
            prop_assert!(set.iter().eq(model.iter().copied()));
            prop_assert_eq!(set.len() as usize, model.len());
            let (mut cursor, mut taken) = (from, Vec::new());
            while !set.is_empty() {
                let mut some = Vec::new();
                let ended = set.take(&mut cursor, max, &mut some);
                prop_assert!(some.len() == max || ended && set.is_empty() && some.len() < max);
                prop_assert!(!set.is_empty() || ended);
                taken.extend(some);
            }
            let expected: Vec<u32> = model.range(from..).chain(model.range(..from)).copied().collect();
            prop_assert_eq!(taken, expected);
            prop_assert!(set.chunks.iter().all(Option::is_none));
        }
    }
}
