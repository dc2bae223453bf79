//! What is wanted of and known about one VNI: its MACs, neighbours and flood list, keyed and compact.

use super::entries::Entries;
use super::flood::{ActualFlood, FloodEntry};
use super::key::{Key, TableId, VtepId};
use super::mac::{BridgeFdb, MacContext, MacEntry, Ops, VxlanFdb, WantedMac};
use super::neighbour::{ActualNeighbour, NeighbourEntry};
use super::proxy::{ActualProxy, ProxyEntry};
use super::vtep::Vteps;
use crate::netlink::encode::Op;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use weft_evpn::MacAddr;
use weft_evpn::forwarding::RemoteNeighbour;

/// The index of no device: a VLAN without an SVI has no neighbours.
pub const NO_DEVICE: u32 = 0;

/// Interface indexes of a VNI's devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Devices {
    pub vxlan: u32,
    /// The device with the neighbours: the bridge, or that which routes for an L3VNI.
    pub bridge: u32,
    /// The bridge whose FDB it is, and which VLAN's if it keeps them apart.
    pub fdb: (u32, Option<u16>),
    /// The vxlan device is a port of a bridge, whose FDB must have the MACs, too.
    pub bridged: bool,
}

/// What a wish brings about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// The key belongs into the work queue.
    New,
    /// It is there already.
    Waits,
    /// The kernel is as wanted, or nothing can be done.
    None,
}

impl Work {
    fn of(differs: bool, dirty: &mut bool) -> Self {
        match (differs, *dirty) {
            (false, _) => Work::None,
            (true, true) => Work::Waits,
            (true, false) => {
                *dirty = true;
                Work::New
            }
        }
    }
}

/// Neighbours, by family: an IPv4 key is a quarter of an `IpAddr`.
#[derive(Debug, Default)]
pub struct Neighbours {
    v4: Entries<Ipv4Addr, NeighbourEntry>,
    v6: Entries<Ipv6Addr, NeighbourEntry>,
}

impl Neighbours {
    pub fn get(&self, ip: IpAddr) -> Option<&NeighbourEntry> {
        match ip {
            IpAddr::V4(ip) => self.v4.get(ip),
            IpAddr::V6(ip) => self.v6.get(ip),
        }
    }

    pub fn get_mut(&mut self, ip: IpAddr) -> Option<&mut NeighbourEntry> {
        match ip {
            IpAddr::V4(ip) => self.v4.get_mut(ip),
            IpAddr::V6(ip) => self.v6.get_mut(ip),
        }
    }

    /// See [`Entries::entry`].
    pub fn entry(&mut self, ip: IpAddr) -> Option<&mut NeighbourEntry> {
        match ip {
            IpAddr::V4(ip) => self.v4.entry(ip),
            IpAddr::V6(ip) => self.v6.entry(ip),
        }
    }

    fn remove(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => self.v4.remove(ip),
            IpAddr::V6(ip) => self.v6.remove(ip),
        };
    }

    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Octets allocated.
    pub fn bytes(&self) -> usize {
        self.v4.bytes() + self.v6.bytes()
    }

    pub fn iter(&self) -> impl Iterator<Item = (IpAddr, &NeighbourEntry)> {
        let v4 = self.v4.iter().map(|(ip, entry)| (IpAddr::V4(ip), entry));
        v4.chain(self.v6.iter().map(|(ip, entry)| (IpAddr::V6(ip), entry)))
    }

    fn values_mut(&mut self) -> impl Iterator<Item = &mut NeighbourEntry> {
        self.v4.values_mut().chain(self.v6.values_mut())
    }

    fn retain(&mut self, mut keep: impl FnMut(&NeighbourEntry) -> bool) {
        self.v4.retain(|entry| keep(entry));
        self.v6.retain(|entry| keep(entry));
    }
}

/// One VNI.
#[derive(Debug, Default)]
pub struct VniTable {
    /// `None`: nothing is known of the kernel and nothing is written.
    pub devices: Option<Devices>,
    /// Not served any more: nothing is wanted, although it is remembered.
    pub retiring: bool,
    /// Adopted entries that nobody wants may go.
    pub pruned: bool,
    pub macs: Entries<MacAddr, MacEntry>,
    pub neighbours: Neighbours,
    pub floods: BTreeMap<IpAddr, FloodEntry>,
    pub proxies: Entries<IpAddr, ProxyEntry>,
}

impl VniTable {
    /// Nothing is wanted and nothing is there.
    pub fn is_void(&self) -> bool {
        self.macs.is_empty()
            && self.neighbours.iter().next().is_none()
            && self.floods.is_empty()
            && self.proxies.is_empty()
    }

    /// Every key that has an entry.
    pub fn keys(&self, id: TableId) -> Vec<Key> {
        let mut keys: Vec<Key> = self.floods.keys().map(|vtep| Key::Flood(id, *vtep)).collect();
        keys.extend(self.macs.iter().map(|(mac, _)| Key::Mac(id, mac)));
        keys.extend(self.neighbours.iter().map(|(ip, _)| Key::Neighbour(id, ip)));
        keys.extend(self.proxies.iter().map(|(ip, _)| Key::Proxy(id, ip)));
        keys
    }

    /// Sets what is wanted of a MAC; gives what was, and whether there is work now.
    pub fn wish_mac(
        &mut self,
        mac: MacAddr,
        wanted: Option<WantedMac>,
        vteps: &Vteps,
    ) -> (Option<WantedMac>, Work) {
        let context = self.mac_context(wanted, vteps);
        let Some(entry) = self.macs.entry(mac) else { return (None, Work::None) };
        entry.adopted = false;
        entry.apart = false;
        entry.moved_here = false;
        entry.vxlan_held &= wanted.is_some();
        entry.bridge_held &= wanted.is_some();
        let old = std::mem::replace(&mut entry.wanted, wanted);
        let differs = context.is_some_and(|context| entry.differs(&context));
        (old, Work::of(differs, &mut entry.dirty))
    }

    /// The same of a neighbour.
    pub fn wish_neighbour(&mut self, ip: IpAddr, wanted: Option<RemoteNeighbour>) -> Work {
        let (bridge, retiring, pruned) = (self.neighbour_device(), self.retiring, self.pruned);
        let Some(entry) = self.neighbours.entry(ip) else { return Work::None };
        entry.adopted = false;
        entry.held &= wanted.is_some();
        entry.wanted = wanted;
        let differs = bridge.is_some_and(|bridge| entry.op(bridge, ip, retiring, pruned).is_some());
        Work::of(differs, &mut entry.dirty)
    }

    pub fn wish_flood(&mut self, vtep: IpAddr, wanted: bool) {
        let entry = self.floods.entry(vtep).or_default();
        entry.adopted = false;
        entry.wanted = wanted;
    }

    pub fn wish_proxy(&mut self, ip: IpAddr, wanted: bool) {
        let Some(entry) = self.proxies.entry(ip) else { return };
        entry.adopted = false;
        entry.wanted = wanted;
    }

    pub fn proxy_op(&self, ip: IpAddr) -> Option<Op> {
        self.proxies.get(ip)?.op(self.neighbour_device()?, ip, self.retiring, self.pruned)
    }

    /// What the difference of a MAC depends on.
    pub fn mac_context(&self, wanted: Option<WantedMac>, vteps: &Vteps) -> Option<MacContext> {
        let Devices { vxlan, fdb: (bridge, _), bridged, .. } = self.devices?;
        let target = wanted.and_then(|wanted| vteps.target(wanted.vtep));
        Some(MacContext { vxlan, bridge, bridged, target, retiring: self.retiring, pruned: self.pruned })
    }

    pub fn mac_ops(&self, mac: MacAddr, vteps: &Vteps) -> Ops {
        let ops = |entry: &MacEntry| {
            self.mac_context(entry.wanted, vteps).map(|context| entry.ops(mac, &context)).unwrap_or_default()
        };
        self.macs.get(mac).map(ops).unwrap_or_default()
    }

    /// Whether there are such messages.
    pub fn mac_differs(&self, mac: MacAddr, vteps: &Vteps) -> bool {
        let differs = |entry: &MacEntry| {
            self.mac_context(entry.wanted, vteps).is_some_and(|context| entry.differs(&context))
        };
        self.macs.get(mac).is_some_and(differs)
    }

    /// Where neighbours are, if anywhere.
    fn neighbour_device(&self) -> Option<u32> {
        self.devices.map(|devices| devices.bridge).filter(|device| *device != NO_DEVICE)
    }

    /// The two FDB entries of a MAC are to be written one by one.
    pub fn take_apart(&mut self, mac: MacAddr) {
        if let Some(entry) = self.macs.get_mut(mac) {
            entry.apart = true;
        }
    }

    /// Takes a MAC out of the work queue: what is known of it.
    pub fn take_mac(&mut self, mac: MacAddr) -> Option<MacEntry> {
        let entry = self.macs.get_mut(mac)?;
        entry.dirty = false;
        Some(*entry)
    }

    pub fn neighbour_op(&self, ip: IpAddr) -> Option<Op> {
        self.neighbours.get(ip)?.op(self.neighbour_device()?, ip, self.retiring, self.pruned)
    }

    /// Takes a neighbour out of the work queue: the message that it needs.
    pub fn take_neighbour(&mut self, ip: IpAddr) -> Option<Op> {
        let (bridge, retiring, pruned) = (self.neighbour_device(), self.retiring, self.pruned);
        let entry = self.neighbours.get_mut(ip)?;
        entry.dirty = false;
        entry.op(bridge?, ip, retiring, pruned)
    }

    pub fn flood_op(&self, vtep: IpAddr) -> Option<Op> {
        let vxlan = self.devices?.vxlan;
        self.floods.get(&vtep)?.op(vxlan, vtep, self.retiring, self.pruned)
    }

    /// Marks a key as being in the work queue or not; true when that is new.
    pub fn set_dirty(&mut self, key: Key, dirty: bool) -> bool {
        let mark = match key {
            Key::Mac(_, mac) => self.macs.get_mut(mac).map(|entry| &mut entry.dirty),
            Key::Neighbour(_, ip) => self.neighbours.get_mut(ip).map(|entry| &mut entry.dirty),
            Key::Flood(_, vtep) => self.floods.get_mut(&vtep).map(|entry| &mut entry.dirty),
            Key::Proxy(_, ip) => self.proxies.get_mut(ip).map(|entry| &mut entry.dirty),
            Key::Vtep(_) | Key::Orphan(_) | Key::Leftover(..) | Key::Hop(_) | Key::Route(..) => None,
        };
        mark.is_some_and(|mark| std::mem::replace(mark, dirty) != dirty)
    }

    /// Whether a key is in the work queue.
    pub fn is_dirty(&self, key: Key) -> bool {
        match key {
            Key::Mac(_, mac) => self.macs.get(mac).is_some_and(|entry| entry.dirty),
            Key::Neighbour(_, ip) => self.neighbours.get(ip).is_some_and(|entry| entry.dirty),
            Key::Flood(_, vtep) => self.floods.get(&vtep).is_some_and(|entry| entry.dirty),
            Key::Proxy(_, ip) => self.proxies.get(ip).is_some_and(|entry| entry.dirty),
            Key::Vtep(_) | Key::Orphan(_) | Key::Leftover(..) | Key::Hop(_) | Key::Route(..) => false,
        }
    }

    /// Forgets the entry if it is void.
    pub fn sweep(&mut self, key: Key) {
        match key {
            Key::Mac(_, mac) => {
                if self.macs.get(mac).is_some_and(|entry| entry.is_void() && !entry.dirty) {
                    self.macs.remove(mac);
                }
            }
            Key::Neighbour(_, ip) => {
                if self.neighbours.get(ip).is_some_and(|entry| entry.is_void() && !entry.dirty) {
                    self.neighbours.remove(ip);
                }
            }
            Key::Flood(_, vtep) => {
                if self.floods.get(&vtep).is_some_and(|entry| entry.is_void() && !entry.dirty) {
                    self.floods.remove(&vtep);
                }
            }
            Key::Proxy(_, ip) => {
                if self.proxies.get(ip).is_some_and(|entry| entry.is_void() && !entry.dirty) {
                    self.proxies.remove(ip);
                }
            }
            Key::Vtep(_) | Key::Orphan(_) | Key::Leftover(..) | Key::Hop(_) | Key::Route(..) => {}
        }
    }

    /// Forgets everything that the kernel has; `release` is told of each VTEP that an entry pointed at.
    pub fn forget_kernel(&mut self, mut release: impl FnMut(VtepId)) {
        self.retiring = false;
        self.macs.retain(|entry| {
            if let VxlanFdb::Nexthop(vtep) | VxlanFdb::Address(vtep) = entry.vxlan {
                release(vtep);
            }
            *entry = MacEntry { wanted: entry.wanted, dirty: entry.dirty, ..MacEntry::default() };
            entry.wanted.is_some()
        });
        for entry in self.neighbours.values_mut() {
            *entry = NeighbourEntry { wanted: entry.wanted, dirty: entry.dirty, ..NeighbourEntry::default() };
        }
        self.neighbours.retain(|entry| entry.wanted.is_some());
        self.floods.retain(|_, entry| {
            *entry = FloodEntry { wanted: entry.wanted, dirty: entry.dirty, ..FloodEntry::default() };
            entry.wanted
        });
        self.proxies.retain(|entry| {
            *entry = ProxyEntry { wanted: entry.wanted, dirty: entry.dirty, ..ProxyEntry::default() };
            entry.wanted
        });
    }

    /// Before a dump: whatever is there must be shown again.
    pub fn begin_sync(&mut self) {
        for entry in self.macs.values_mut() {
            entry.stale_vxlan = entry.vxlan != VxlanFdb::Absent;
            entry.stale_bridge = entry.bridge != BridgeFdb::Absent;
        }
        for entry in self.neighbours.values_mut() {
            entry.stale = entry.actual != ActualNeighbour::Absent;
        }
        for entry in self.floods.values_mut() {
            entry.stale = entry.actual != ActualFlood::Absent;
        }
        for entry in self.proxies.values_mut() {
            entry.stale = entry.actual != ActualProxy::Absent;
        }
    }

    /// How many entries with our mark nobody has asked for.
    pub fn adopted(&self) -> usize {
        let marked = |entry: &MacEntry| {
            let vxlan = matches!(entry.vxlan, VxlanFdb::Nexthop(_) | VxlanFdb::Address(_) | VxlanFdb::Stray);
            usize::from(vxlan) + usize::from(matches!(entry.bridge, BridgeFdb::Vxlan { marked: true, .. }))
        };
        self.macs.values().map(marked).sum::<usize>()
            + self
                .neighbours
                .iter()
                .filter(|(_, entry)| matches!(entry.actual, ActualNeighbour::Ours(_)))
                .count()
            + self.floods.values().filter(|entry| entry.actual == ActualFlood::Ours).count()
            + self.proxies.values().filter(|entry| entry.actual == ActualProxy::Ours).count()
    }
}
