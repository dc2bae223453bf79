//! IP-VRFs that come and go, what the core wants of their routes, and the messages that follow.
//!
//! The router MACs of an L3VNI (RFC 9135 §8.1) are MACs and neighbours in a table like that of an L2VNI, so that they are
//! adopted, repaired and reported as those are; here is only which ones are wanted.

use super::Forwarding;
use super::binding::Changed;
use super::foreign::ForeignRoutes;
use super::key::{Key, TableId, VrfId};
use super::neighbour::{ActualNeighbour, NeighbourEntry};
use super::route::{ActualRoute, RouteEntry, WayId};
use super::table::Devices;
use super::vrf::VrfTable;
use crate::event::FibNotice;
use ipnet::IpNet;
use std::net::IpAddr;
use weft_evpn::forwarding::{RemoteNeighbour, VrfForward};
use weft_evpn::vrf::{L3VniDevices, VrfDevices};
use weft_evpn::{MacAddr, VrfName};

/// The interface indexes of an L3VNI.
fn indexes(l3vni: &L3VniDevices) -> Devices {
    let (vxlan, svi) = (l3vni.vxlan.0, l3vni.svi.0);
    Devices { vxlan, bridge: svi, fdb: (svi, None), bridged: vxlan != svi }
}

impl Forwarding {
    /// The table and devices of an IP-VRF are there: what is wanted of it goes to them from now on. True when the table
    /// or the L3VNI is new: then what they hold already must be shown by a dump between [`Forwarding::begin_sync_vrf`]
    /// and [`Forwarding::end_sync_vrf`]. Another interface holds nothing of ours, and a table may be large.
    pub fn attach_vrf(&mut self, name: VrfName, devices: VrfDevices) -> bool {
        let id = self.vrfs.intern(&name);
        let old = self.vrfs.get(id).and_then(|vrf| vrf.devices.clone());
        let retiring = self.vrfs.get(id).is_some_and(|vrf| vrf.retiring);
        if old.as_ref() == Some(&devices) && !retiring {
            return false;
        }
        if old.as_ref().is_some_and(|old| old.table != devices.table) {
            let id = self.move_vrf(id, &name);
            return self.settle_vrf(id, None, devices);
        }
        // One that was about to go has left its L3VNI.
        self.settle_vrf(id, old.filter(|_| !retiring), devices)
    }

    fn settle_vrf(&mut self, id: VrfId, old: Option<VrfDevices>, devices: VrfDevices) -> bool {
        let l3 = |devices: &VrfDevices| {
            devices.l3vni.as_ref().map(|l3vni| (TableId::l3(l3vni.vni), indexes(l3vni)))
        };
        let same_form = old.as_ref().is_none_or(|old| old.form == devices.form);
        let (was, is) = (old.as_ref().and_then(l3), l3(&devices));
        if let Some((table, _)) = was
            && (!same_form || is.is_none_or(|(other, _)| other != table))
        {
            self.leave_l3(id, table);
        }
        self.vrfs.set_table(devices.table, id);
        self.pace.forgive_vrf(id);
        self.count_users(id, false);
        if let Some(vrf) = self.vrfs.get_mut(id) {
            vrf.set_devices(devices);
            vrf.pruned &= !std::mem::take(&mut vrf.retiring);
        }
        if let Some((table, devices)) = is {
            if was != is || !same_form {
                self.attach_table(table, devices);
            }
            self.wish_bindings(id);
        }
        self.resolve_ways(id);
        self.count_users(id, true);
        self.enqueue_hops();
        self.review_vrf(id);
        old.is_none() || !same_form || was != is
    }

    /// The IP-VRF is not served any more: its routes, router MACs and next hops are removed, as far as they are there
    /// still. What is wanted is remembered.
    pub fn detach_vrf(&mut self, name: &VrfName) {
        let Some(id) = self.vrfs.named(name) else { return };
        let Some(vrf) = self.vrfs.get(id).filter(|vrf| vrf.devices.is_some()) else { return };
        if let Some(table) = vrf.l3() {
            self.leave_l3(id, table);
        }
        self.count_users(id, false);
        if let Some(vrf) = self.vrfs.get_mut(id) {
            vrf.retiring = true;
        }
        self.count_users(id, true);
        self.retiring_vrfs.insert(id);
        self.look_at_retiring = true;
        self.review_vrf(id);
    }

    /// Gives what is wanted to a new IP-VRF of the same name, and lets the old one, with its table, go.
    fn move_vrf(&mut self, old: VrfId, name: &VrfName) -> VrfId {
        let wishes: Vec<(IpNet, VrfForward)> = match self.vrfs.get(old) {
            Some(vrf) => vrf
                .routes
                .iter()
                .filter_map(|(prefix, entry)| Some((prefix, forward_of(vrf, entry.wanted?)?)))
                .collect(),
            None => Vec::new(),
        };
        self.detach_vrf(name);
        self.vrfs.disown(old);
        for (prefix, _) in &wishes {
            self.wish_route_of(old, *prefix, None);
        }
        let new = self.vrfs.intern(name);
        for (prefix, forward) in wishes {
            self.wish_route_of(new, prefix, Some(forward));
        }
        new
    }

    /// The L3VNI is another one or none: its router MACs are wanted no more.
    fn leave_l3(&mut self, id: VrfId, table: TableId) {
        let Some((gateways, macs)) = self.vrfs.get(id).map(|vrf| vrf.bindings.all()) else { return };
        for gateway in gateways {
            self.want_neighbour(table, gateway, None);
        }
        for mac in macs {
            self.want_mac(table, mac, None);
        }
        self.retire_table(table);
    }

    /// The L3VNI is the same, but another device routes for it: what is ours on the old one is removed.
    pub(super) fn leave_svi(&mut self, table: TableId, is: Devices) {
        let Some(table) = self.tables.get(&table) else { return };
        let Some(Devices { bridge: device, .. }) = table.devices.filter(|was| was.bridge != is.bridge) else {
            return;
        };
        let ours = |entry: &NeighbourEntry| matches!(entry.actual, ActualNeighbour::Ours(_));
        let left: Vec<IpAddr> =
            table.neighbours.iter().filter(|(_, entry)| ours(entry)).map(|(ip, _)| ip).collect();
        for ip in left {
            self.leftovers.insert((device, ip));
            self.enqueue(Key::Leftover(device, ip));
        }
    }

    /// Adopted routes and router MACs of this IP-VRF that nobody wants may go from now on.
    pub fn prune_vrf(&mut self, name: &VrfName) {
        let Some(id) = self.vrfs.named(name) else { return };
        let Some(vrf) = self.vrfs.get_mut(id) else { return };
        vrf.pruned = true;
        let l3 = vrf.l3();
        if let Some(table) = l3 {
            self.prune_table(table);
        }
        self.review_vrf(id);
    }

    /// Every IP-VRF that has a table and is served.
    pub fn attached_vrfs(&self) -> Vec<VrfName> {
        let served = |id: &VrfId| {
            let vrf = self.vrfs.get(*id)?;
            (vrf.devices.is_some() && !vrf.retiring).then(|| vrf.name.clone())
        };
        self.vrfs.ids().iter().filter_map(served).collect()
    }

    /// The devices of an attached IP-VRF.
    pub fn vrf_devices(&self, name: &VrfName) -> Option<&VrfDevices> {
        self.vrfs.get(self.vrfs.named(name)?)?.devices.as_ref()
    }

    /// The table of the router MACs of an attached IP-VRF.
    pub fn l3_of(&self, name: &VrfName) -> Option<TableId> {
        self.vrfs.get(self.vrfs.named(name)?)?.l3()
    }

    pub(super) fn wish_route(&mut self, name: &VrfName, prefix: IpNet, wanted: Option<VrfForward>) {
        if wanted.is_none() && self.vrfs.named(name).is_none() {
            return;
        }
        let id = self.vrfs.intern(name);
        self.wish_route_of(id, prefix.trunc(), wanted);
    }

    fn wish_route_of(&mut self, id: VrfId, prefix: IpNet, wanted: Option<VrfForward>) {
        let way = wanted.map(|wanted| match wanted {
            VrfForward::Discard => WayId::DISCARD,
            VrfForward::Via(hops) => self.way(id, !prefix.addr().is_ipv4(), hops),
        });
        let Some(vrf) = self.vrfs.get_mut(id) else { return };
        if way.is_none() && vrf.routes.get(prefix).is_none() {
            return;
        }
        if let Some(way) = way {
            vrf.want_way(way);
        }
        self.set_route(id, prefix, |entry| {
            entry.adopted = false;
            entry.held &= way.is_some();
            std::mem::replace(&mut entry.wanted, way)
        })
        .map(|old| {
            let key = Key::Route(id, prefix);
            self.pace.forgive(key);
            if self.differs(key) {
                self.enqueue(key);
            } else {
                self.sweep(key);
            }
            self.tell_foreign(id, prefix);
            // After the route in the queue: a router MAC goes when no route needs it.
            self.leave_way(id, old);
        })
        .unwrap_or_default();
    }

    /// The way of these next hops, made if nobody wanted it until now. Its word on router MACs is the last.
    fn way(&mut self, id: VrfId, ipv6: bool, hops: Vec<weft_evpn::forwarding::VrfNextHop>) -> WayId {
        let Some(vrf) = self.vrfs.get_mut(id) else { return WayId::DISCARD };
        let found = vrf.find_way(ipv6, &hops);
        let way = found.unwrap_or_else(|| vrf.insert_way(ipv6, hops.into_boxed_slice()));
        let naming = vrf.naming();
        let bindings: Vec<_> = vrf.way(way).into_iter().flat_map(|way| way.bindings(naming)).collect();
        for (gateway, vtep, mac) in bindings {
            let Some(vrf) = self.vrfs.get_mut(id) else { break };
            let changed = match found {
                Some(_) => vrf.bindings.prefer(gateway, vtep, mac),
                None => vrf.bindings.name(gateway, vtep, mac),
            };
            if vrf.bindings.disputed(gateway) > 1 {
                self.disputes.insert((id, gateway));
            }
            self.wish_binding(id, gateway, mac, changed);
        }
        if found.is_none() {
            self.resolve_way(id, way);
        }
        way
    }

    fn leave_way(&mut self, id: VrfId, way: Option<WayId>) {
        let Some(naming) = self.vrfs.get(id).map(VrfTable::naming) else { return };
        let Some(way) = way.and_then(|way| self.vrfs.get_mut(id)?.unwant_way(way)) else { return };
        for (gateway, vtep, mac) in way.bindings(naming) {
            let Some(vrf) = self.vrfs.get_mut(id) else { break };
            let changed = vrf.bindings.unname(gateway, vtep, mac);
            self.wish_binding(id, gateway, mac, changed);
        }
        if let Some(set) = way.set {
            self.hops.unwant(set);
        }
        self.enqueue_hops();
    }

    /// Wishes a router MAC's entries anew where they changed.
    fn wish_binding(&mut self, id: VrfId, gateway: IpAddr, mac: MacAddr, changed: Changed) {
        let Some(vrf) = self.vrfs.get(id) else { return };
        let Some(table) = vrf.l3() else { return };
        let (chosen, vtep) = (vrf.bindings.mac(gateway), vrf.bindings.vtep(mac));
        // The FDB entry first: the neighbour sends packets to it.
        if changed.mac {
            self.want_mac(table, mac, vtep.map(|vtep| (vtep, false)));
        }
        if changed.neighbour {
            let neighbour = chosen.map(|mac| RemoteNeighbour { mac, router: false });
            self.want_neighbour(table, gateway, neighbour);
        }
    }

    /// Wishes all router MACs: the L3VNI's devices are new.
    fn wish_bindings(&mut self, id: VrfId) {
        let Some((gateways, macs)) = self.vrfs.get(id).map(|vrf| vrf.bindings.all()) else { return };
        let Some(table) = self.vrfs.get(id).and_then(VrfTable::l3) else { return };
        for mac in macs {
            let vtep = self.vrfs.get(id).and_then(|vrf| vrf.bindings.vtep(mac));
            self.want_mac(table, mac, vtep.map(|vtep| (vtep, false)));
        }
        for gateway in gateways {
            let mac = self.vrfs.get(id).and_then(|vrf| vrf.bindings.mac(gateway));
            self.want_neighbour(table, gateway, mac.map(|mac| RemoteNeighbour { mac, router: false }));
        }
    }

    /// Finds out what the next hops of a way are on the devices that are there.
    fn resolve_way(&mut self, id: VrfId, way: WayId) {
        let Some(vrf) = self.vrfs.get_mut(id) else { return };
        let hops = match (vrf.way(way), &vrf.devices) {
            (Some(way), Some(devices)) => way.resolve(devices),
            _ => Vec::new(),
        };
        // The new set is wanted before the old one is not, so that what both have stays.
        let set = (!hops.is_empty()).then(|| self.hops.want(&hops));
        if let Some(old) = vrf.set_way(way, set) {
            self.hops.unwant(old);
        }
        self.enqueue_hops();
    }

    /// The same for all ways: the devices changed. To be done while no route is counted as a user.
    fn resolve_ways(&mut self, id: VrfId) {
        let ways = self.vrfs.get(id).map(VrfTable::way_ids).unwrap_or_default();
        for way in ways {
            self.resolve_way(id, way);
        }
    }

    /// Counts every route of an IP-VRF as a user of the object that it points at, or takes it off that count, around a
    /// change of what many routes want.
    fn count_users(&mut self, id: VrfId, count: bool) {
        let Some(vrf) = self.vrfs.get(id) else { return };
        for (_, entry) in vrf.routes.iter() {
            if let Some(object) = entry.object() {
                let set = vrf.wanted_set(entry);
                if count { self.hops.hold(object, set) } else { self.hops.release(object, set) }
            }
        }
    }

    /// Changes an entry, and keeps count of who points at which object. Makes the entry if there is none.
    pub(super) fn set_route<T>(
        &mut self,
        id: VrfId,
        prefix: IpNet,
        change: impl FnOnce(&mut RouteEntry) -> T,
    ) -> Option<T> {
        let vrf = self.vrfs.get_mut(id)?;
        let before = *vrf.routes.entry(prefix);
        let entry = vrf.routes.entry(prefix);
        let result = change(entry);
        let after = *entry;
        let (old, new) = (vrf.wanted_set(&before), vrf.wanted_set(&after));
        if (before.object(), old) != (after.object(), new) {
            // Counted up first: a count that passes zero looks like work.
            if let Some(object) = after.object() {
                self.hops.hold(object, new);
            }
            if let Some(object) = before.object() {
                self.hops.release(object, old);
            }
            self.enqueue_hops();
        }
        Some(result)
    }

    /// Puts objects that may need work into the queue.
    pub(super) fn enqueue_hops(&mut self) {
        for object in self.hops.take_work() {
            if self.hops.ops(object).is_empty() {
                self.hops.sweep(object);
            } else {
                self.enqueue(Key::Hop(object));
            }
        }
    }

    /// IP-VRFs that retire and have nothing of ours left are let go.
    pub(super) fn finish_retiring_vrfs(&mut self) {
        for id in self.retiring_vrfs.clone() {
            let Some(vrf) = self.vrfs.get(id) else {
                self.retiring_vrfs.remove(&id);
                continue;
            };
            let left = vrf.routes.iter().any(|(_, entry)| entry.actual() != ActualRoute::Absent);
            if vrf.retiring && left {
                continue;
            }
            self.retiring_vrfs.remove(&id);
            if !vrf.retiring {
                continue;
            }
            let table = vrf.devices.as_ref().map(|devices| devices.table);
            let named = self.vrfs.named(&vrf.name) == Some(id);
            if let Some(table) = table {
                self.vrfs.clear_table(table, id);
            }
            if let Some(vrf) = self.vrfs.get_mut(id) {
                vrf.devices = None;
                vrf.retiring = false;
                vrf.pruned = false;
                vrf.foreign = ForeignRoutes::default();
            }
            // No route is in the kernel, so none is counted.
            self.resolve_ways(id);
            if self.vrfs.get(id).is_some_and(VrfTable::is_void) || !named {
                self.vrfs.remove(id);
            }
            // Its number may be another's soon, and what is wrong then is told anew.
            self.conflicts.retain(|key| !matches!(key, Key::Route(of, _) if *of == id));
            self.disputes.retain(|(of, _)| *of != id);
            self.told_disputes.retain(|(of, _)| *of != id);
        }
    }

    /// Tells the log of router MACs that routes disagree about still, when the work is done: a VTEP that changes its
    /// own passes through such a state.
    pub(super) fn tell_disputes(&mut self) {
        for (id, gateway) in std::mem::take(&mut self.disputes) {
            let Some(vrf) = self.vrfs.get(id) else { continue };
            let count = vrf.bindings.disputed(gateway);
            if count < 2 {
                self.told_disputes.remove(&(id, gateway));
                continue;
            }
            if let Some(chosen) = vrf.bindings.mac(gateway)
                && self.told_disputes.insert((id, gateway))
            {
                let (vtep, vrf) = (vrf.bindings.vtep(chosen).unwrap_or(gateway), vrf.name.clone());
                self.out.disputes += 1;
                self.out.notices.push(FibNotice::RouterMacs { vrf, vtep, chosen, count });
            }
        }
    }
}

/// The wish that a way stands for.
fn forward_of(vrf: &VrfTable, way: WayId) -> Option<VrfForward> {
    if way == WayId::DISCARD {
        return Some(VrfForward::Discard);
    }
    vrf.way(way).map(|way| VrfForward::Via(way.hops.to_vec()))
}
