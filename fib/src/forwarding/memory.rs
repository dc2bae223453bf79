//! What the desired and the actual state cost, and giving memory back: hash tables that are mostly
//! empty shrink to twice what they hold, so that what was paid for growing pays for shrinking.

use super::flood::FloodEntry;
use super::{Forwarding, Key};
use crate::memory::{FibMemory, btree_bytes};
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;

/// Tables with fewer places are left as they are.
const SMALL: usize = 64;

/// Shrinks a map of which an eighth or less is used.
pub(super) fn shrink<K: Eq + Hash, V, S: BuildHasher>(map: &mut HashMap<K, V, S>) {
    if map.capacity() > SMALL && map.len() < map.capacity() / 8 {
        map.shrink_to(map.len() * 2);
    }
}

/// The same for the work queue, which a flood or a review of all makes long.
pub(super) fn shrink_queue(queue: &mut VecDeque<Key>) {
    if queue.capacity() > 16 * SMALL && queue.len() < queue.capacity() / 8 {
        queue.shrink_to(queue.len() * 2);
    }
}

impl Forwarding {
    /// What is held, and what it costs.
    pub fn memory(&self) -> FibMemory {
        let mut memory = FibMemory {
            nexthops: self.vteps.count() + self.hops.count(),
            nexthop_bytes: self.vteps.bytes() + self.hops.bytes(),
            queued: self.queue.len(),
            queue_bytes: self.queue.capacity() * size_of::<Key>() + self.pace.bytes(),
            ..FibMemory::default()
        };
        for table in self.tables.values() {
            memory.macs += table.macs.len();
            memory.mac_bytes += size_of_val(table) + table.macs.bytes();
            memory.neighbours += table.neighbours.len();
            memory.neighbour_bytes += table.neighbours.bytes();
            memory.floods += table.floods.len() + table.proxies.len();
            memory.flood_bytes +=
                btree_bytes::<IpAddr, FloodEntry>(table.floods.len()) + table.proxies.bytes();
        }
        for vrf in self.vrfs.ids().into_iter().filter_map(|id| self.vrfs.get(id)) {
            memory.routes += vrf.routes.len();
            memory.route_bytes += size_of_val(vrf) + vrf.routes.bytes() + vrf.way_bytes();
        }
        memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use foldhash::fast::RandomState;

    #[test]
    fn a_map_that_empties_gives_its_memory_back_in_few_steps() {
        let mut map: HashMap<u32, [u8; 32], RandomState> = (0..10_000).map(|key| (key, [0; 32])).collect();
        let full = map.allocation_size();
        let (mut steps, mut size) = (0, full);
        for key in 0..10_000 {
            map.remove(&key);
            shrink(&mut map);
            steps += usize::from(map.allocation_size() != size);
            size = map.allocation_size();
        }
        assert!(size < full / 50, "{size} of {full} octets are left");
        assert!((2..=6).contains(&steps), "{steps} steps: each halves at least twice");
    }
}
