//! What the engine's structures cost, by the capacity of the containers themselves. What `malloc`
//! adds to an allocation is not counted.

use super::Evpn;
use crate::{Vni, VrfName};
use smallvec::{Array, SmallVec};

/// What the engine holds and costs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EvpnMemory {
    /// Each MAC-VRF's.
    pub mac_vrfs: Vec<MacVrfMemory>,
    /// Each IP-VRF's.
    pub ip_vrfs: Vec<IpVrfMemory>,
    /// What routes of one advertiser share: how many.
    pub sources: usize,
    /// Octets of them.
    pub source_bytes: usize,
    /// Octets of the indexes by route target and route distinguisher, and of the timers.
    pub index_bytes: usize,
}

/// What a MAC-VRF holds and costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MacVrfMemory {
    /// Its VNI.
    pub vni: Vni,
    /// MACs, wherever they are.
    pub macs: usize,
    /// Octets of them with their routes.
    pub mac_bytes: usize,
    /// Addresses, wherever they are.
    pub addresses: usize,
    /// Octets of them.
    pub address_bytes: usize,
    /// IMET routes.
    pub imet_routes: usize,
    /// Octets of them.
    pub imet_bytes: usize,
}

/// What an IP-VRF holds and costs in the engine; its table is the speaker's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpVrfMemory {
    /// Its name.
    pub name: VrfName,
    /// Prefixes with paths.
    pub prefixes: usize,
    /// The paths.
    pub paths: usize,
    /// Octets of them.
    pub path_bytes: usize,
    /// Octets of the hosts that are here or away, gateways, next hops and subnets.
    pub host_bytes: usize,
}

impl MacVrfMemory {
    /// All octets.
    pub fn bytes(&self) -> usize {
        self.mac_bytes + self.address_bytes + self.imet_bytes
    }
}

impl IpVrfMemory {
    /// All octets.
    pub fn bytes(&self) -> usize {
        self.path_bytes + self.host_bytes
    }
}

impl EvpnMemory {
    /// All octets.
    pub fn bytes(&self) -> usize {
        self.mac_vrfs.iter().map(MacVrfMemory::bytes).sum::<usize>()
            + self.ip_vrfs.iter().map(IpVrfMemory::bytes).sum::<usize>()
            + self.source_bytes
            + self.index_bytes
    }
}

/// Octets of a B-tree with so many entries. The standard library does not say how full its nodes
/// are; they have room for 11, and in the long run 8 are used.
pub(super) fn btree_bytes<K, V>(entries: usize) -> usize {
    entries.div_ceil(8) * (11 * (size_of::<K>() + size_of::<V>()) + 16)
}

/// Octets that a small vector has outside of itself.
pub(super) fn spilled<A: Array>(vector: &SmallVec<A>) -> usize {
    if vector.spilled() { vector.capacity() * size_of::<A::Item>() } else { 0 }
}

impl Evpn {
    /// What the tables hold and cost. Looks at each MAC and address once.
    pub fn memory(&self) -> EvpnMemory {
        let mac_vrfs = self.instances.values().map(|instance| instance.memory()).collect();
        let (ip_vrfs, vrf_sources, vrf_source_bytes, vrf_index_bytes) = self.vrfs.memory();
        let shared = &self.shared;
        EvpnMemory {
            mac_vrfs,
            ip_vrfs,
            sources: shared.sources.len() + vrf_sources,
            source_bytes: shared.sources.bytes() + vrf_source_bytes,
            index_bytes: self.importers.bytes()
                + shared.holders.bytes()
                + shared.timers.bytes()
                + shared.touched.capacity() * size_of::<(Vni, std::net::IpAddr)>()
                + btree_bytes::<(Vni, super::Address), ()>(shared.duplicates.len())
                + vrf_index_bytes,
        }
    }
}
