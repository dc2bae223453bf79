//! What the kernel side's own structures cost, by the capacity of the containers themselves. What
//! the kernel holds is the kernel's memory, and not counted.

/// What the model of the kernel holds and costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FibMemory {
    /// MACs, wanted or there.
    pub macs: usize,
    /// Octets of them.
    pub mac_bytes: usize,
    /// Neighbours, wanted or there.
    pub neighbours: usize,
    /// Octets of them.
    pub neighbour_bytes: usize,
    /// Flood and proxy entries.
    pub floods: usize,
    /// Octets of them.
    pub flood_bytes: usize,
    /// Routes of IP-VRFs, wanted or there.
    pub routes: usize,
    /// Octets of them.
    pub route_bytes: usize,
    /// VTEPs, next hops and groups of them.
    pub nexthops: usize,
    /// Octets of them.
    pub nexthop_bytes: usize,
    /// Keys that wait to be written.
    pub queued: usize,
    /// Octets of that queue, and of the requests and events that wait.
    pub queue_bytes: usize,
}

impl FibMemory {
    /// All octets.
    pub fn bytes(&self) -> usize {
        self.mac_bytes
            + self.neighbour_bytes
            + self.flood_bytes
            + self.route_bytes
            + self.nexthop_bytes
            + self.queue_bytes
    }
}

/// Octets of a B-tree with so many entries. The standard library does not say how full its nodes
/// are; they have room for 11, and in the long run 8 are used.
pub(crate) fn btree_bytes<K, V>(entries: usize) -> usize {
    entries.div_ceil(8) * (11 * (size_of::<K>() + size_of::<V>()) + 16)
}
