//! Entries with stable 32-bit ids, in chunks that are given back when they are empty, so
//! that memory returns after a withdrawal and growth never copies the table.
//!
//! An id that is free reads as `T::default()`: who keeps ids keeps track of which are in use.

/// Chunks of 2^BITS entries.
#[derive(Debug)]
pub(super) struct Slab<T, const BITS: u32> {
    chunks: Vec<Chunk<T>>,
    /// Chunks with room, the one to fill next last.
    open: Vec<u32>,
    used: u32,
    nothing: T,
}

#[derive(Debug)]
struct Chunk<T> {
    /// Empty while nothing of the chunk is in use.
    entries: Box<[T]>,
    /// Entries given back; those from `fresh` on were never used.
    free: Vec<u16>,
    fresh: u16,
    used: u16,
}

impl<T: Default, const BITS: u32> Slab<T, BITS> {
    const SIZE: u16 = 1 << BITS;
    const MASK: u32 = (1 << BITS) - 1;

    pub(super) fn new() -> Self {
        Self { chunks: Vec::new(), open: Vec::new(), used: 0, nothing: T::default() }
    }

    /// Entries in use.
    pub(super) fn len(&self) -> u32 {
        self.used
    }

    /// The entry, or the empty one if the id is free.
    pub(super) fn get(&self, id: u32) -> &T {
        self.chunks
            .get((id >> BITS) as usize)
            .and_then(|chunk| chunk.entries.get((id & Self::MASK) as usize))
            .unwrap_or(&self.nothing)
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        self.chunks.get_mut((id >> BITS) as usize)?.entries.get_mut((id & Self::MASK) as usize)
    }

    pub(super) fn insert(&mut self, value: T) -> u32 {
        let at = match self.open.last() {
            Some(&at) => at,
            None => {
                let at = self.chunks.len() as u32;
                self.chunks.push(Chunk { entries: Box::default(), free: Vec::new(), fresh: 0, used: 0 });
                self.open.push(at);
                at
            }
        };
        let Some(chunk) = self.chunks.get_mut(at as usize) else { return u32::MAX };
        if chunk.entries.is_empty() {
            chunk.entries = (0..Self::SIZE).map(|_| T::default()).collect();
        }
        let within = chunk.free.pop().unwrap_or_else(|| {
            let within = chunk.fresh;
            chunk.fresh += 1;
            within
        });
        if let Some(entry) = chunk.entries.get_mut(usize::from(within)) {
            *entry = value;
        }
        chunk.used += 1;
        if chunk.used == Self::SIZE {
            self.open.pop();
        }
        self.used += 1;
        (at << BITS) | u32::from(within)
    }

    /// Frees an id that is in use.
    pub(super) fn remove(&mut self, id: u32) -> T {
        let at = id >> BITS;
        let Some(chunk) = self.chunks.get_mut(at as usize) else { return T::default() };
        let Some(entry) = chunk.entries.get_mut((id & Self::MASK) as usize) else { return T::default() };
        let value = std::mem::take(entry);
        if chunk.used == Self::SIZE {
            self.open.push(at);
        }
        chunk.used -= 1;
        self.used -= 1;
        if chunk.used == 0 {
            *chunk = Chunk { entries: Box::default(), free: Vec::new(), fresh: 0, used: 0 };
        } else {
            chunk.free.push((id & Self::MASK) as u16);
        }
        value
    }

    /// Octets allocated, without what the entries own.
    pub(super) fn bytes(&self) -> usize {
        self.chunks
            .iter()
            .map(|chunk| size_of_val(&*chunk.entries) + chunk.free.capacity() * 2)
            .sum::<usize>()
            + self.chunks.capacity() * size_of::<Chunk<T>>()
            + self.open.capacity() * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_dense_reused_and_chunks_given_back() {
        let mut slab = Slab::<u32, 4>::new();
        let ids: Vec<u32> = (0..100).map(|n| slab.insert(n)).collect();
        assert_eq!(ids, (0..100).collect::<Vec<_>>());
        let full = slab.bytes();
        for id in 0..96 {
            assert_eq!(slab.remove(id), id);
        }
        assert_eq!((slab.len(), *slab.get(98), *slab.get(3)), (4, 98, 0));
        assert!(slab.bytes() < full);
        let again = slab.insert(7);
        assert!(again < 112 && *slab.get(again) == 7);
        let mut all: Vec<u32> = (0..200).map(|_| slab.insert(9)).collect();
        all.extend([96, 97, 98, 99, again]);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 205);
    }
}
