//! What the kernel says, by notification or dump: which entry it has, what that means for the core, and whether
//! it differs from what is wanted.

use super::flood::ActualFlood;
use super::key::{Key, TableId, VtepId};
use super::mac::{BridgeFdb, VxlanFdb};
use super::neighbour::{ActualNeighbour, NeighbourEntry};
use super::proxy::ActualProxy;
use super::table::Devices;
use super::vtep::NexthopChange;
use super::{Forwarding, Repair};
use crate::consistency::EntryKind;
use crate::event::FibNotice;
use crate::model::Links;
use crate::netlink::constants::*;
use crate::netlink::encode::Query;
use crate::netlink::neighbour::NeighbourMessage;
use crate::netlink::nexthop::NexthopMessage;
use std::net::IpAddr;
use std::time::Instant;
use weft_evpn::local::{LocalEvent, NeighbourSource};
use weft_evpn::{MacAddr, Vni};

impl Forwarding {
    /// A neighbour or FDB message; `gone` for `RTM_DELNEIGH`. Messages about devices that are not served are
    /// not looked at.
    pub fn observe(&mut self, links: &Links, message: &NeighbourMessage, gone: bool, now: Instant) {
        match message.family {
            AF_BRIDGE if message.has(NTF_SELF) => self.observe_self(message, gone, now),
            AF_BRIDGE => {
                // A bridge that knows VLANs has the ports of several VNIs, each in one VLAN. What we set on such a port
                // without saying a VLAN stands in that one, and once more in none.
                let by_vlan = || {
                    let bridge = message.master?;
                    let plain = || self.by_fdb.get(&(bridge, None));
                    self.by_fdb.get(&(bridge, message.vlan)).or_else(plain).copied()
                };
                let Some(id) = self.table_of_port(message).or_else(by_vlan) else { return };
                if let Some(mac) = message.mac {
                    self.observe_bridge(links, id, mac, message, gone, now);
                }
            }
            AF_INET | AF_INET6 => {
                let Some(id) = self.by_bridge.get(&message.ifindex).copied() else { return };
                // Multicast groups stand in the table, too, as NOARP entries that the kernel makes.
                if let Some(ip) = message.address
                    && message.has(NTF_PROXY)
                {
                    self.observe_proxy(id, ip, message, gone, now);
                } else if let Some(ip) = message.address
                    && !ip.is_multicast()
                {
                    self.observe_neighbour(id, ip, message, gone, now);
                }
            }
            _ => {}
        }
    }

    fn observe_self(&mut self, message: &NeighbourMessage, gone: bool, now: Instant) {
        let Some(id) = self.table_of_port(message) else { return };
        match (message.mac, message.address) {
            (Some(MacAddr::ZERO), Some(vtep)) => self.observe_flood(id, vtep, message, gone, now),
            // Kernels before 6.15 echo a change of a device's own FDB a second time, in a general form that leaves
            // out where the entry leads and its flags. The driver's own notification says it all.
            (Some(_), None) if message.nexthop.is_none() => {}
            (Some(mac), _) if mac.is_unicast() => self.observe_vxlan(id, mac, message, gone, now),
            _ => {}
        }
    }

    fn observe_vxlan(
        &mut self,
        id: TableId,
        mac: MacAddr,
        message: &NeighbourMessage,
        gone: bool,
        now: Instant,
    ) {
        let Some(table) = self.tables.get_mut(&id) else { return };
        let new = if gone {
            VxlanFdb::Absent
        } else if !message.has(NTF_EXT_LEARNED) {
            let held = table.macs.get(mac).is_some_and(|entry| entry.vxlan_held);
            let in_our_group = message.nexthop.is_some_and(|group| self.vteps.of_group(group).is_some());
            match (held, in_our_group) {
                (true, _) => VxlanFdb::Overwritten,
                // One of ours that lost its mark just as it was to go; the kernel drops it with the group.
                (false, true) => VxlanFdb::Stray,
                (false, false) => VxlanFdb::Foreign,
            }
        } else {
            match (message.nexthop, message.address) {
                (Some(group), _) => self.vteps.of_group(group).map_or(VxlanFdb::Stray, VxlanFdb::Nexthop),
                (None, Some(ip)) if !message.special => VxlanFdb::Address(self.vteps.intern(ip)),
                _ => VxlanFdb::Stray,
            }
        };
        match self.tables.get_mut(&id).and_then(|table| table.macs.get_mut(mac)) {
            Some(entry) => {
                entry.stale_vxlan = false;
                // Mostly the echo of what we wrote.
                if entry.vxlan == new {
                    return;
                }
            }
            // And of what we deleted.
            None if gone => return,
            None => {}
        }
        self.set_vxlan(id, mac, new);
        self.settle(Key::Mac(id, mac), now);
    }

    /// Records what the vxlan FDB has, and keeps count of who points at which VTEP.
    pub(super) fn set_vxlan(&mut self, id: TableId, mac: MacAddr, new: VxlanFdb) {
        let Some(table) = self.tables.get_mut(&id) else { return };
        if new == VxlanFdb::Absent && !table.macs.contains(mac) {
            return;
        }
        let Some(entry) = table.macs.entry(mac) else { return };
        let old = std::mem::replace(&mut entry.vxlan, new);
        let marked = matches!(new, VxlanFdb::Nexthop(_) | VxlanFdb::Address(_) | VxlanFdb::Stray);
        match entry.wanted {
            Some(wanted) => {
                let right = |vtep: VtepId| vtep == wanted.vtep;
                entry.vxlan_held |=
                    matches!(new, VxlanFdb::Nexthop(vtep) | VxlanFdb::Address(vtep) if right(vtep));
            }
            None => entry.adopted |= marked && old != new,
        }
        if let VxlanFdb::Nexthop(vtep) | VxlanFdb::Address(vtep) = new {
            self.vteps.hold(vtep);
        }
        if let VxlanFdb::Nexthop(vtep) | VxlanFdb::Address(vtep) = old
            && self.vteps.release(vtep)
        {
            self.enqueue(Key::Vtep(vtep));
        }
    }

    fn observe_bridge(
        &mut self,
        links: &Links,
        id: TableId,
        mac: MacAddr,
        message: &NeighbourMessage,
        gone: bool,
        now: Instant,
    ) {
        let Some(Devices { vxlan, .. }) = self.tables.get(&id).and_then(|table| table.devices) else {
            return;
        };
        let new = BridgeFdb::read(message, vxlan);
        let entry = self.tables.get_mut(&id).and_then(|table| table.macs.get_mut(mac));
        let old = entry.map(|entry| {
            entry.stale_bridge = false;
            entry.bridge
        });
        let new = if !gone {
            new
        } else if old.is_some_and(|old| old.port(vxlan) == Some(message.ifindex)) {
            BridgeFdb::Absent
        } else {
            // It went from a port where we had it no more.
            return;
        };
        if old == Some(new) {
            return;
        }
        if let (Some(BridgeFdb::Vxlan { marked: true, .. }), BridgeFdb::Port { port, .. }) = (old, new) {
            self.doubts.push(Query::BridgeEntry { port, mac, vlan: message.vlan });
        }
        self.set_bridge(links, id, mac, new);
        self.settle(Key::Mac(id, mac), now);
    }

    /// Records what the bridge FDB has, and tells the core of MACs that came to or went from a local port.
    pub(super) fn set_bridge(&mut self, links: &Links, id: TableId, mac: MacAddr, new: BridgeFdb) {
        let Some(table) = self.tables.get_mut(&id) else { return };
        if new == BridgeFdb::Absent && !table.macs.contains(mac) {
            return;
        }
        let silent = table.retiring || id.is_l3();
        let Some(entry) = table.macs.entry(mac) else { return };
        let old = std::mem::replace(&mut entry.bridge, new);
        if old == new {
            return;
        }
        let Some(vni) = id.vni() else { return };
        let on_vxlan = matches!(new, BridgeFdb::Vxlan { marked: true, .. });
        match entry.wanted {
            Some(_) => entry.bridge_held |= on_vxlan,
            None => entry.adopted |= on_vxlan,
        }
        if let BridgeFdb::Port { port, fixed } = new {
            // Of a router MAC nobody decides: it is brought back.
            entry.moved_here = entry.wanted.is_some() && !id.is_l3();
            entry.displaced = false;
            if !silent {
                let port = (port, links.name(port));
                self.out.locals.push(LocalEvent::Mac { vni, mac, port, sticky: fixed });
            }
        } else if matches!(old, BridgeFdb::Port { .. }) && !silent {
            // Our own entry took its place: the core wished that and needs no word of it.
            let replaced = on_vxlan && entry.wanted.is_some();
            entry.displaced = replaced;
            if !replaced {
                self.out.locals.push(LocalEvent::MacGone { vni, mac });
            }
        } else if new == BridgeFdb::Absent
            && entry.wanted.is_none()
            && std::mem::take(&mut entry.displaced)
            && !silent
        {
            self.out.locals.push(LocalEvent::MacGone { vni, mac });
        }
    }

    fn observe_flood(
        &mut self,
        id: TableId,
        vtep: IpAddr,
        message: &NeighbourMessage,
        gone: bool,
        now: Instant,
    ) {
        let Some(table) = self.tables.get_mut(&id) else { return };
        if gone && !table.floods.contains_key(&vtep) {
            return;
        }
        let entry = table.floods.entry(vtep).or_default();
        entry.stale = false;
        let new = match (gone, message.has(NTF_EXT_LEARNED)) {
            (true, _) => ActualFlood::Absent,
            (false, true) => ActualFlood::Ours,
            (false, false) => ActualFlood::Unmarked,
        };
        let old = std::mem::replace(&mut entry.actual, new);
        if old == new {
            return;
        }
        if new == ActualFlood::Ours {
            entry.held = true;
            entry.adopted |= !entry.wanted;
        }
        self.settle(Key::Flood(id, vtep), now);
    }

    fn observe_neighbour(
        &mut self,
        id: TableId,
        ip: IpAddr,
        message: &NeighbourMessage,
        gone: bool,
        now: Instant,
    ) {
        let Some(table) = self.tables.get_mut(&id) else { return };
        let held = table.neighbours.get(ip).is_some_and(|entry| entry.held);
        let new = if gone { ActualNeighbour::Absent } else { ActualNeighbour::read(message, held) };
        match table.neighbours.get_mut(ip) {
            Some(entry) => {
                entry.stale = false;
                if entry.actual == new {
                    return;
                }
            }
            None if gone => return,
            None => {}
        }
        self.set_neighbour(id, ip, new);
        self.settle(Key::Neighbour(id, ip), now);
    }

    /// Records what the neighbour table has, and tells the core of neighbours that the kernel found or lost.
    pub(super) fn set_neighbour(&mut self, id: TableId, ip: IpAddr, new: ActualNeighbour) {
        let Some(table) = self.tables.get_mut(&id) else { return };
        if new == ActualNeighbour::Absent && table.neighbours.get(ip).is_none() {
            return;
        }
        let silent = table.retiring || id.is_l3();
        let Some(entry) = table.neighbours.entry(ip) else { return };
        let old = std::mem::replace(&mut entry.actual, new);
        let ours = matches!(new, ActualNeighbour::Ours(_));
        match entry.wanted {
            Some(wanted) => entry.held |= new == ActualNeighbour::Ours(wanted),
            None => entry.adopted |= (ours || new == ActualNeighbour::Overwritten) && old != new,
        }
        let Some(vni) = id.vni().filter(|_| !silent) else { return };
        match (old.local_mac(), new.local_mac()) {
            (old, Some(mac)) if old != Some(mac) => {
                self.out.locals.push(LocalEvent::Neighbour { vni, ip, mac, source: NeighbourSource::Kernel });
            }
            (Some(_), None) if !(ours && entry.wanted.is_some()) => {
                self.out.locals.push(LocalEvent::NeighbourGone { vni, ip });
            }
            _ => {}
        }
    }

    /// After an observation: work, or nothing, or an entry that can be forgotten.
    pub(super) fn settle(&mut self, key: Key, now: Instant) {
        self.tell_conflict(key);
        if !self.differs(key) {
            self.sweep(key);
            return;
        }
        if self.is_held(key) {
            self.repair(key, now);
        } else {
            self.enqueue(key);
        }
    }

    /// Whether our entry has been there, so that a difference is somebody else's doing.
    fn is_held(&self, key: Key) -> bool {
        if let Key::Route(vrf, prefix) = key {
            return self.vrfs.route(vrf, prefix).is_some_and(|entry| entry.wanted.is_some() && entry.held);
        }
        let Some(table) = key.table().and_then(|id| self.tables.get(&id)) else { return false };
        let bridged = table.devices.is_some_and(|devices| devices.bridged);
        match key {
            Key::Mac(_, mac) => table.macs.get(mac).is_some_and(|entry| {
                entry.wanted.is_some() && entry.vxlan_held && (entry.bridge_held || !bridged)
            }),
            Key::Neighbour(_, ip) => {
                table.neighbours.get(ip).is_some_and(|entry| entry.wanted.is_some() && entry.held)
            }
            Key::Flood(_, vtep) => table.floods.get(&vtep).is_some_and(|entry| entry.wanted && entry.held),
            _ => false,
        }
    }

    pub(super) fn repair(&mut self, key: Key, now: Instant) {
        // One deed may come as several notifications.
        if self.is_queued(key) {
            return;
        }
        self.out.repairs += 1;
        match self.pace.repair(key, now) {
            Repair::Now => self.enqueue(key),
            Repair::Later { tell: false } => {}
            Repair::Later { tell: true } => {
                if let Some((kind, words)) = self.named(key) {
                    self.out.notices.push(FibNotice::Fighting { kind, vni: key.vni(), key: words });
                }
            }
        }
    }

    /// Kind and name of what a key that differs is about.
    fn named(&self, key: Key) -> Option<(EntryKind, String)> {
        if let Key::Route(vrf, prefix) = key {
            let table = self.vrfs.get(vrf)?.devices.as_ref()?.table;
            return Some((EntryKind::VrfRoute, format!("{prefix} table {table}")));
        }
        let ops = self.ops(key);
        ops.first().map(|op| (key.kind(op), op.to_string()))
    }

    /// Tells the log, once, of an entry of the operator that stands where ours belongs.
    pub(super) fn tell_conflict(&mut self, key: Key) {
        let Some((id, vni)) = key.table().and_then(|id| Some((id, id.vni()?))) else { return };
        let Some(table) = self.tables.get(&id) else { return };
        let conflict = match key {
            Key::Mac(_, mac) => table.macs.get(mac).and_then(|entry| {
                let kind = if entry.vxlan_conflict() {
                    if id.is_l3() { EntryKind::RouterMacFdb } else { EntryKind::VxlanFdb }
                } else if entry.bridge_conflict() {
                    if id.is_l3() { EntryKind::RouterMacFdb } else { EntryKind::BridgeFdb }
                } else {
                    return None;
                };
                Some((kind, mac.to_string()))
            }),
            Key::Neighbour(_, ip) => {
                table.neighbours.get(ip).is_some_and(NeighbourEntry::conflict).then(|| {
                    let kind = if id.is_l3() { EntryKind::RouterMacNeighbour } else { EntryKind::Neighbour };
                    (kind, ip.to_string())
                })
            }
            _ => None,
        };
        match conflict {
            Some((kind, words)) => {
                if self.conflicts.insert(key) {
                    self.out.notices.push(FibNotice::ForeignEntry { kind, vni, key: words });
                }
            }
            None if self.conflicts.is_empty() => {}
            None => {
                self.conflicts.remove(&key);
            }
        }
    }

    /// A nexthop message; `gone` for `RTM_DELNEXTHOP`.
    pub fn observe_nexthop(&mut self, message: &NexthopMessage, gone: bool, now: Instant) {
        let change = if gone { self.vteps.observe_gone(message.id) } else { self.vteps.observe(message) };
        if let Some(change) = change {
            self.nexthop_changed(change, now);
        }
        let change = if gone { self.hops.observe_gone(message.id) } else { self.hops.observe(message) };
        if let Some(change) = change {
            self.hop_changed(change, now);
        }
    }

    fn nexthop_changed(&mut self, change: NexthopChange, now: Instant) {
        if let Some((vtep, drift)) = change.dirty {
            if drift {
                self.repair(Key::Vtep(vtep), now);
            } else {
                self.enqueue(Key::Vtep(vtep));
            }
        }
        if let Some(id) = change.orphan
            && self.vteps.orphan_op(id).is_some()
        {
            self.enqueue(Key::Orphan(id));
        }
        if let Some(vtep) = change.group_lost {
            // The kernel drops the FDB entries of a group with it and says nothing (seen on 6.18).
            self.set_entries_of(vtep, VxlanFdb::Absent, now);
        }
    }

    /// Records one state for every entry that points at the group of a VTEP. The only walk over all MACs, for what
    /// only somebody else's doing brings about.
    pub(super) fn set_entries_of(&mut self, vtep: VtepId, state: VxlanFdb, now: Instant) {
        let entries: Vec<(TableId, MacAddr)> = self
            .tables
            .iter()
            .flat_map(|(id, table)| table.macs.iter().map(move |(mac, entry)| (*id, mac, entry)))
            .filter(|(_, _, entry)| entry.vxlan == VxlanFdb::Nexthop(vtep))
            .map(|(id, mac, _)| (id, mac))
            .collect();
        for (id, mac) in entries {
            self.set_vxlan(id, mac, state);
            self.settle(Key::Mac(id, mac), now);
        }
    }

    fn observe_proxy(
        &mut self,
        id: TableId,
        ip: IpAddr,
        message: &NeighbourMessage,
        gone: bool,
        now: Instant,
    ) {
        let Some(table) = self.tables.get_mut(&id) else { return };
        if gone && !table.proxies.contains(ip) {
            return;
        }
        let Some(entry) = table.proxies.entry(ip) else { return };
        entry.stale = false;
        entry.actual = if gone { ActualProxy::Absent } else { ActualProxy::read(message) };
        entry.adopted |= entry.actual == ActualProxy::Ours && !entry.wanted;
        self.settle(Key::Proxy(id, ip), now);
    }

    /// Before a dump of an L2VNI's FDB and neighbours.
    pub fn begin_sync(&mut self, vni: Vni) {
        self.begin_sync_table(TableId::l2(vni));
    }

    pub(super) fn begin_sync_table(&mut self, id: TableId) {
        if let Some(table) = self.tables.get_mut(&id) {
            table.begin_sync();
        }
    }

    /// After it: what was not shown again is gone.
    pub fn end_sync(&mut self, links: &Links, vni: Vni, now: Instant) {
        self.end_sync_table(links, TableId::l2(vni), now);
    }

    pub(super) fn end_sync_table(&mut self, links: &Links, id: TableId, now: Instant) {
        let Some(table) = self.tables.get(&id) else { return };
        let macs: Vec<_> = table
            .macs
            .iter()
            .filter(|(_, entry)| entry.stale_vxlan || entry.stale_bridge)
            .map(|(mac, entry)| (mac, entry.stale_vxlan, entry.stale_bridge))
            .collect();
        let neighbours: Vec<IpAddr> =
            table.neighbours.iter().filter(|(_, entry)| entry.stale).map(|(ip, _)| ip).collect();
        let floods: Vec<IpAddr> =
            table.floods.iter().filter(|(_, entry)| entry.stale).map(|(vtep, _)| *vtep).collect();
        let proxies: Vec<IpAddr> =
            table.proxies.iter().filter(|(_, entry)| entry.stale).map(|(ip, _)| ip).collect();
        for (mac, vxlan, bridge) in macs {
            if vxlan {
                self.set_vxlan(id, mac, VxlanFdb::Absent);
            }
            if bridge {
                self.set_bridge(links, id, mac, BridgeFdb::Absent);
            }
            self.settle(Key::Mac(id, mac), now);
        }
        for ip in neighbours {
            self.set_neighbour(id, ip, ActualNeighbour::Absent);
            self.settle(Key::Neighbour(id, ip), now);
        }
        for vtep in floods {
            if let Some(entry) = self.tables.get_mut(&id).and_then(|table| table.floods.get_mut(&vtep)) {
                entry.actual = ActualFlood::Absent;
            }
            self.settle(Key::Flood(id, vtep), now);
        }
        for ip in proxies {
            if let Some(entry) = self.tables.get_mut(&id).and_then(|table| table.proxies.get_mut(ip)) {
                entry.actual = ActualProxy::Absent;
                entry.stale = false;
            }
            self.settle(Key::Proxy(id, ip), now);
        }
    }

    /// Before a dump of all nexthops.
    pub fn begin_sync_nexthops(&mut self) {
        self.vteps.begin_sync();
        self.hops.begin_sync();
    }

    /// After it: what was not shown again is gone.
    pub fn end_sync_nexthops(&mut self, now: Instant) {
        for id in self.vteps.end_sync() {
            if let Some(change) = self.vteps.observe_gone(id) {
                self.nexthop_changed(change, now);
            }
        }
        for id in self.hops.end_sync() {
            if let Some(change) = self.hops.observe_gone(id) {
                self.hop_changed(change, now);
            }
        }
    }
}
