//! One IP-VRF in one routing table: its devices, its routes, the ways that its routes want, and which next hops those
//! are on these devices. Pure.

use super::binding::Bindings;
use super::foreign::ForeignRoutes;
use super::hops::{Hop, SetId};
use super::key::{TableId, VrfId};
use super::route::{ActualRoute, RouteEntry, Routes, WayId};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv6Addr};
use weft_evpn::forwarding::VrfNextHop;
use weft_evpn::vrf::{VrfDevices, VrfForm};
use weft_evpn::{MacAddr, VrfName};

/// A list of next hops that routes of one family want.
#[derive(Debug)]
pub struct Way {
    /// Of IPv6 prefixes.
    pub ipv6: bool,
    pub hops: Box<[VrfNextHop]>,
    /// What they are on the devices that are there; `None`: nothing that packets could be sent to.
    pub set: Option<SetId>,
    /// Routes that want it.
    pub routes: u32,
}

/// One IP-VRF in one table.
#[derive(Debug)]
pub struct VrfTable {
    pub name: VrfName,
    /// `None`: nothing is known of the kernel and nothing is written.
    pub devices: Option<VrfDevices>,
    /// Not served any more: nothing is wanted, although it is remembered.
    pub retiring: bool,
    /// Adopted routes that nobody wants may go.
    pub pruned: bool,
    pub routes: Routes,
    ways: Vec<Option<Way>>,
    free: Vec<usize>,
    by_hops: HashMap<(bool, Box<[VrfNextHop]>), WayId, RandomState>,
    naming: Naming,
    pub bindings: Bindings,
    pub foreign: ForeignRoutes,
}

/// How next hops through the L3VNI name a VTEP. None of these addresses is ever sent to: each only leads to the
/// neighbour entry with the router MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Naming {
    /// By its address; for IPv6 prefixes an IPv4 one in IPv6 form (RFC 4291 §2.5.5.2).
    #[default]
    Plain,
    /// An IPv6 VTEP by a stand-in. Where the routed device is in no VRF device, the kernel refuses an IPv6 gateway on it
    /// that the main table has a route to by another device, `onlink` or not; and there the underlay is.
    StandIn,
}

impl Naming {
    fn of(devices: &VrfDevices) -> Self {
        match devices.form {
            VrfForm::Device => Naming::Plain,
            VrfForm::Rule => Naming::StandIn,
        }
    }

    fn gateway(self, vtep: IpAddr, ipv6: bool) -> IpAddr {
        match vtep {
            IpAddr::V4(vtep) if ipv6 => IpAddr::V6(vtep.to_ipv6_mapped()),
            // 2001:db8::1 becomes 4001:db8::1, fd00::1 becomes 9d00::1: one to one, and in space that IANA keeps back
            // (RFC 4291 §2.4), so that no routing table has it.
            IpAddr::V6(vtep) if self == Naming::StandIn => {
                IpAddr::V6(Ipv6Addr::from(u128::from(vtep) ^ (0x60 << 120)))
            }
            _ => vtep,
        }
    }
}

impl Way {
    /// Gateway, VTEP and router MAC of each next hop through the L3VNI.
    pub fn bindings(&self, naming: Naming) -> impl Iterator<Item = (IpAddr, IpAddr, MacAddr)> {
        self.hops.iter().filter_map(move |hop| match *hop {
            VrfNextHop::Vtep { vtep, router_mac } => {
                Some((naming.gateway(vtep, self.ipv6), vtep, router_mac))
            }
            VrfNextHop::Gateway(_) => None,
        })
    }

    /// What its next hops are on these devices. Those that are nothing there are left out.
    pub fn resolve(&self, devices: &VrfDevices) -> Vec<Hop> {
        let resolved = self.hops.iter().filter_map(|hop| match *hop {
            VrfNextHop::Vtep { vtep, .. } => {
                let l3vni = devices.l3vni.as_ref()?;
                Some(Hop {
                    device: l3vni.svi.0,
                    gateway: Naming::of(devices).gateway(vtep, self.ipv6),
                    onlink: true,
                })
            }
            VrfNextHop::Gateway(gateway) => {
                // The kernel has no IPv6 route through an IPv4 gateway.
                if self.ipv6 && gateway.is_ipv4() {
                    return None;
                }
                let device = device_of(devices, gateway)?;
                Some(Hop { device, gateway, onlink: false })
            }
        });
        resolved.collect()
    }
}

/// The interface with the longest subnet that holds this address, unless the address is our own.
fn device_of(devices: &VrfDevices, gateway: IpAddr) -> Option<u32> {
    let addresses = devices
        .interfaces
        .iter()
        .flat_map(|interface| interface.addresses.iter().map(move |address| (interface.device.0, address)));
    let mut best: Option<(u8, u32)> = None;
    for (device, address) in addresses {
        if address.addr() == gateway {
            return None;
        }
        if address.contains(&gateway) && best.is_none_or(|(length, _)| address.prefix_len() > length) {
            best = Some((address.prefix_len(), device));
        }
    }
    best.map(|(_, device)| device)
}

impl VrfTable {
    /// Octets of the ways that routes want.
    pub fn way_bytes(&self) -> usize {
        let hops = self.ways.iter().flatten().map(|way| size_of_val(&*way.hops));
        // A way's next hops stand in the index, too.
        self.ways.capacity() * size_of::<Option<Way>>()
            + 2 * hops.sum::<usize>()
            + self.free.capacity() * size_of::<usize>()
            + self.by_hops.allocation_size()
    }

    pub fn new(name: VrfName) -> Self {
        VrfTable {
            name,
            devices: None,
            retiring: false,
            pruned: false,
            routes: Routes::default(),
            ways: Vec::new(),
            free: Vec::new(),
            by_hops: HashMap::default(),
            naming: Naming::default(),
            bindings: Bindings::default(),
            foreign: ForeignRoutes::default(),
        }
    }

    /// Nothing is wanted and nothing is there.
    pub fn is_void(&self) -> bool {
        self.routes.is_empty()
    }

    /// The table of its L3VNI's router MACs, while it has one.
    pub fn l3(&self) -> Option<TableId> {
        if self.retiring {
            return None;
        }
        self.devices.as_ref()?.l3vni.as_ref().map(|l3vni| TableId::l3(l3vni.vni))
    }

    /// How its next hops name VTEPs.
    pub fn naming(&self) -> Naming {
        self.naming
    }

    /// Its devices are these now. Where they name VTEPs otherwise, all bindings are made anew; none may be wished of the
    /// kernel then.
    pub fn set_devices(&mut self, devices: VrfDevices) {
        let naming = Naming::of(&devices);
        if std::mem::replace(&mut self.naming, naming) != naming {
            self.bindings = Bindings::default();
            for way in self.ways.iter().flatten() {
                for (gateway, vtep, mac) in way.bindings(naming) {
                    self.bindings.name(gateway, vtep, mac);
                }
            }
        }
        self.devices = Some(devices);
    }

    pub fn way(&self, id: WayId) -> Option<&Way> {
        self.ways.get(id.index()?)?.as_ref()
    }

    fn way_mut(&mut self, id: WayId) -> Option<&mut Way> {
        self.ways.get_mut(id.index()?)?.as_mut()
    }

    /// Every way.
    pub fn way_ids(&self) -> Vec<WayId> {
        let there = self.ways.iter().enumerate().filter(|(_, way)| way.is_some());
        there.map(|(index, _)| WayId::from_index(index)).collect()
    }

    /// The way with these next hops, if it is wanted already.
    pub fn find_way(&self, ipv6: bool, hops: &[VrfNextHop]) -> Option<WayId> {
        // hashbrown's `Equivalent` for a borrowed pair would cost a type of its own; ways are few.
        self.by_hops.get(&(ipv6, hops.into())).copied()
    }

    /// A new way, wanted by no route yet.
    pub fn insert_way(&mut self, ipv6: bool, hops: Box<[VrfNextHop]>) -> WayId {
        let index = self.free.pop().unwrap_or(self.ways.len());
        let id = WayId::from_index(index);
        self.by_hops.insert((ipv6, hops.clone()), id);
        let way = Some(Way { ipv6, hops, set: None, routes: 0 });
        match self.ways.get_mut(index) {
            Some(place) => *place = way,
            None => self.ways.push(way),
        }
        id
    }

    /// Records what a way's next hops are now, and gives what they were.
    pub fn set_way(&mut self, id: WayId, set: Option<SetId>) -> Option<SetId> {
        self.way_mut(id).and_then(|way| std::mem::replace(&mut way.set, set))
    }

    /// One route more wants the way.
    pub fn want_way(&mut self, id: WayId) {
        if let Some(way) = self.way_mut(id) {
            way.routes += 1;
        }
    }

    /// One route less. Gives the way if that was the last.
    pub fn unwant_way(&mut self, id: WayId) -> Option<Way> {
        let index = id.index()?;
        let way = self.way_mut(id)?;
        way.routes = way.routes.saturating_sub(1);
        if way.routes > 0 {
            return None;
        }
        let way = self.ways.get_mut(index)?.take()?;
        self.free.push(index);
        self.by_hops.remove(&(way.ipv6, way.hops.clone()));
        Some(way)
    }

    /// How many routes with our mark nobody has asked for.
    pub fn adopted(&self) -> usize {
        self.routes.iter().filter(|(_, entry)| entry.actual() != ActualRoute::Absent).count()
    }

    /// The set of next hops that an entry wants, if it wants one and has one.
    pub fn wanted_set(&self, entry: &RouteEntry) -> Option<SetId> {
        if self.retiring {
            return None;
        }
        entry.wanted.and_then(|way| self.way(way)).and_then(|way| way.set)
    }
}

/// All IP-VRFs, by number, name and table.
#[derive(Debug, Default)]
pub struct Vrfs {
    list: Vec<Option<VrfTable>>,
    by_name: HashMap<VrfName, VrfId, RandomState>,
    by_table: HashMap<u32, VrfId, RandomState>,
}

impl Vrfs {
    pub fn get(&self, id: VrfId) -> Option<&VrfTable> {
        self.list.get(id.index())?.as_ref()
    }

    pub fn get_mut(&mut self, id: VrfId) -> Option<&mut VrfTable> {
        self.list.get_mut(id.index())?.as_mut()
    }

    pub fn ids(&self) -> Vec<VrfId> {
        let there = self.list.iter().enumerate().filter(|(_, vrf)| vrf.is_some());
        there.map(|(index, _)| VrfId::from_index(index)).collect()
    }

    pub fn named(&self, name: &VrfName) -> Option<VrfId> {
        self.by_name.get(name).copied()
    }

    /// The IP-VRF that a table belongs to.
    pub fn of_table(&self, table: u32) -> Option<VrfId> {
        self.by_table.get(&table).copied()
    }

    /// The IP-VRF of this name, made now if there is none.
    pub fn intern(&mut self, name: &VrfName) -> VrfId {
        if let Some(id) = self.named(name) {
            return id;
        }
        let index = self.list.iter().position(Option::is_none).unwrap_or(self.list.len());
        let vrf = Some(VrfTable::new(name.clone()));
        match self.list.get_mut(index) {
            Some(place) => *place = vrf,
            None => self.list.push(vrf),
        }
        let id = VrfId::from_index(index);
        self.by_name.insert(name.clone(), id);
        id
    }

    /// The name is free for another: what is left under this number only has to go.
    pub fn disown(&mut self, id: VrfId) {
        if let Some(name) = self.get(id).map(|vrf| vrf.name.clone())
            && self.named(&name) == Some(id)
        {
            self.by_name.remove(&name);
        }
    }

    /// Records which table is whose.
    pub fn set_table(&mut self, table: u32, id: VrfId) {
        self.by_table.insert(table, id);
    }

    /// The table is nobody's any more.
    pub fn clear_table(&mut self, table: u32, id: VrfId) {
        if self.of_table(table) == Some(id) {
            self.by_table.remove(&table);
        }
    }

    /// Forgets an IP-VRF.
    pub fn remove(&mut self, id: VrfId) {
        self.disown(id);
        if let Some(place) = self.list.get_mut(id.index()) {
            *place = None;
        }
    }

    /// The prefix's entry.
    pub fn route(&self, id: VrfId, prefix: IpNet) -> Option<&RouteEntry> {
        self.get(id)?.routes.get(prefix)
    }

    /// See [`Vrfs::route`].
    pub fn route_mut(&mut self, id: VrfId, prefix: IpNet) -> Option<&mut RouteEntry> {
        self.get_mut(id)?.routes.get_mut(prefix)
    }
}
