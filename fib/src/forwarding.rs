//! Desired and actual forwarding state of all VNIs and IP-VRFs, and the work between them. Pure: observations and wishes
//! in; messages to write, local events and notices out. The order of what comes in does not matter.
//!
//! `wish` takes what the core wants, `observe` what the kernel says; both put the keys that differ into one work
//! queue. `plan` turns keys into messages, `written` and `refused` take what became of them.

mod binding;
mod entries;
mod flood;
mod foreign;
mod hops;
pub mod key;
mod mac;
mod memory;
mod neighbour;
mod observe;
mod outcome;
mod pace;
mod proxy;
mod report;
mod route;
mod route_plan;
mod routes_seen;
mod routing;
#[cfg(test)]
mod routing_tests;
mod table;
#[cfg(test)]
mod tests;
mod tunnel;
mod vrf;
mod vtep;

pub use key::{Key, TableId, VtepId};
pub use outcome::FollowUp;
pub use routes_seen::RouteNews;
pub use vtep::TargetForm;

use crate::event::FibNotice;
use crate::netlink::encode::{Op, Query};
use hashbrown::HashMap;
use hops::Hops;
use key::VrfId;
use pace::{Pace, Repair};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Instant;
use table::{Devices, NO_DEVICE, VniTable, Work};
use vrf::Vrfs;
use vtep::Vteps;
use weft_evpn::forwarding::{ForwardingChange, RemoteNeighbour};
use weft_evpn::local::LocalEvent;
use weft_evpn::{MacAddr, Vni};

type FixedState = foldhash::fast::FixedState;

/// Room for so many keys stays with an empty work queue.
const KEPT_QUEUE: usize = 4096;

/// What came out since it was last taken.
#[derive(Debug, Default)]
pub struct Output {
    /// For the core, in order.
    pub locals: Vec<LocalEvent>,
    /// For the log.
    pub notices: Vec<FibNotice>,
    /// Entries of ours that somebody else had changed.
    pub repairs: u64,
    /// VTEPs for which routes name several router MACs.
    pub disputes: u64,
}

/// Desired and actual state of all VNIs and IP-VRFs.
#[derive(Debug)]
pub struct Forwarding {
    tables: HashMap<TableId, VniTable, FixedState>,
    by_vxlan: HashMap<u32, TableId, FixedState>,
    by_bridge: HashMap<u32, TableId, FixedState>,
    /// VNIs on vxlan devices for many: the device, and the VLAN.
    tunnels: BTreeMap<Vni, (u32, u16)>,
    /// By bridge, and VLAN if it keeps them apart.
    by_fdb: HashMap<(u32, Option<u16>), TableId, FixedState>,
    vteps: Vteps,
    vrfs: Vrfs,
    hops: Hops,
    queue: VecDeque<Key>,
    pace: Pace,
    /// VNIs that are not served any more and whose entries are being removed.
    retiring: BTreeSet<TableId>,
    /// IP-VRFs of that kind.
    retiring_vrfs: BTreeSet<VrfId>,
    /// Something went that those may have waited for.
    look_at_retiring: bool,
    /// Neighbours of ours on devices that route for their L3VNI no more.
    leftovers: BTreeSet<(u32, IpAddr)>,
    /// Gateways for which several router MACs may be named; and those of which the log was told.
    disputes: BTreeSet<(VrfId, IpAddr)>,
    told_disputes: BTreeSet<(VrfId, IpAddr)>,
    /// Whether some device is to answer for others may have changed.
    proxying_changed: bool,
    /// Keys where an entry of the operator stands; the log was told.
    conflicts: BTreeSet<Key>,
    /// See [`Forwarding::take_doubts`].
    doubts: Vec<Query>,
    out: Output,
}

impl Forwarding {
    /// Nothing wanted, nothing known.
    pub fn new(form: TargetForm) -> Self {
        Forwarding {
            tables: HashMap::default(),
            by_vxlan: HashMap::default(),
            by_bridge: HashMap::default(),
            tunnels: BTreeMap::new(),
            by_fdb: HashMap::default(),
            vteps: Vteps::new(form),
            vrfs: Vrfs::default(),
            hops: Hops::default(),
            queue: VecDeque::new(),
            pace: Pace::default(),
            retiring: BTreeSet::new(),
            retiring_vrfs: BTreeSet::new(),
            look_at_retiring: false,
            leftovers: BTreeSet::new(),
            proxying_changed: false,
            disputes: BTreeSet::new(),
            told_disputes: BTreeSet::new(),
            conflicts: BTreeSet::new(),
            doubts: Vec::new(),
            out: Output::default(),
        }
    }

    /// Events, notices and counts since the last call.
    pub fn take_output(&mut self) -> Output {
        std::mem::take(&mut self.out)
    }

    /// What must be asked for and observed: the bridge said of a MAC that we have put on the vxlan port that it is on a local
    /// one. Our own entries are mostly not echoed, so whether ours or the bridge's is the later one is not known.
    pub fn take_doubts(&mut self) -> Vec<Query> {
        std::mem::take(&mut self.doubts)
    }

    /// Work waits that could be done now.
    pub fn has_work(&self) -> bool {
        !self.queue.is_empty() || self.look_at_retiring
    }

    /// Keys that wait to be planned.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// When delayed work is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.pace.next_due()
    }

    /// See [`Forwarding::attach_in_vlan`]; of a bridge that knows no VLANs.
    #[cfg(test)]
    pub fn attach(&mut self, vni: Vni, vxlan: u32, bridge: u32) {
        self.attach_in_vlan(vni, vxlan, Some(bridge), (bridge, None));
    }

    /// The devices of an L2VNI are there: what is wanted of it goes to them from now on. What they hold already
    /// must be shown by a dump between [`Forwarding::begin_sync`] and [`Forwarding::end_sync`].
    ///
    /// Where the bridge keeps VLANs apart, the device with the neighbours is the SVI of the VNI's VLAN, if it has one,
    /// and the FDB is that VLAN's of the bridge.
    pub fn attach_in_vlan(&mut self, vni: Vni, vxlan: u32, svi: Option<u32>, fdb: (u32, Option<u16>)) {
        let bridge = svi.unwrap_or(NO_DEVICE);
        self.attach_table(TableId::l2(vni), Devices { vxlan, bridge, fdb, bridged: true });
    }

    fn attach_table(&mut self, id: TableId, devices: Devices) {
        let table = self.tables.entry(id).or_default();
        if table.devices == Some(devices) && !table.retiring {
            return;
        }
        if id.is_l3() {
            self.leave_svi(id, devices);
        }
        // Whatever was known is told anew by the dump that follows, local MACs and neighbours included.
        self.detach_table(id);
        let table = self.tables.entry(id).or_default();
        table.devices = Some(devices);
        table.pruned = false;
        self.proxying_changed |= !table.proxies.is_empty();
        self.by_vxlan.insert(devices.vxlan, id);
        self.by_bridge.insert(devices.bridge, id);
        self.by_fdb.insert(devices.fdb, id);
        self.pace.forgive_table(id);
        self.review(id);
    }

    /// The devices of an L2VNI are gone, or of no use: nothing is known of the kernel's state there, and nothing is
    /// written until they are back. What is wanted stays.
    pub fn detach(&mut self, vni: Vni) {
        self.detach_table(TableId::l2(vni));
    }

    fn detach_table(&mut self, id: TableId) {
        self.retiring.remove(&id);
        let Some(table) = self.tables.get_mut(&id) else { return };
        if let Some(devices) = table.devices.take() {
            // A VNI that has changed its kind has its devices in another table by now.
            if self.by_vxlan.get(&devices.vxlan) == Some(&id) {
                self.by_vxlan.remove(&devices.vxlan);
            }
            if self.by_bridge.get(&devices.bridge) == Some(&id) {
                self.by_bridge.remove(&devices.bridge);
            }
            if self.by_fdb.get(&devices.fdb) == Some(&id) {
                self.by_fdb.remove(&devices.fdb);
            }
        }
        let mut idle = Vec::new();
        table.forget_kernel(|vtep| {
            if self.vteps.release(vtep) {
                idle.push(vtep);
            }
        });
        if table.is_void() {
            self.tables.remove(&id);
        }
        for vtep in idle {
            self.enqueue(Key::Vtep(vtep));
        }
    }

    /// The L2VNI has devices but is not served any more: remove our entries, keep what is wanted in case it is
    /// served again.
    pub fn retire(&mut self, vni: Vni) {
        self.retire_table(TableId::l2(vni));
    }

    fn retire_table(&mut self, id: TableId) {
        let Some(table) = self.tables.get_mut(&id) else { return };
        if table.devices.is_some() {
            table.retiring = true;
            self.proxying_changed |= !table.proxies.is_empty();
            self.retiring.insert(id);
            self.look_at_retiring = true;
            self.review(id);
        }
    }

    /// Nothing is wanted any more, and adopted entries may go: what is left to do is to delete.
    pub fn want_nothing(&mut self) {
        for id in self.vrfs.ids() {
            let Some(vrf) = self.vrfs.get(id) else { continue };
            let name = vrf.name.clone();
            let prefixes: Vec<_> = vrf.routes.iter().map(|(prefix, _)| prefix).collect();
            for prefix in prefixes {
                self.wish_route(&name, prefix, None);
            }
            self.prune_vrf(&name);
        }
        let tables: Vec<TableId> = self.tables.keys().copied().collect();
        for id in tables {
            let keys = self.tables.get(&id).map(|table| table.keys(id)).unwrap_or_default();
            for key in keys {
                match key {
                    Key::Mac(id, mac) => self.want_mac(id, mac, None),
                    Key::Neighbour(id, ip) => self.want_neighbour(id, ip, None),
                    Key::Flood(id, vtep) => self.want_flood(id, vtep, false),
                    Key::Proxy(id, ip) => self.want_proxy(id, ip, false),
                    Key::Vtep(_) | Key::Orphan(_) | Key::Leftover(..) | Key::Hop(_) | Key::Route(..) => {}
                }
            }
            self.prune_table(id);
        }
        self.prune_nexthops();
    }

    /// The local port where the bridge has this MAC.
    pub fn local_port(&self, vni: Vni, mac: MacAddr) -> Option<u32> {
        match self.tables.get(&TableId::l2(vni))?.macs.get(mac)?.bridge {
            mac::BridgeFdb::Port { port, .. } => Some(port),
            _ => None,
        }
    }

    /// Puts an event for the core in line with those that observations make.
    pub fn say(&mut self, event: LocalEvent) {
        self.out.locals.push(event);
    }

    /// Every L2VNI that has devices, served or retiring.
    pub fn attached(&self) -> Vec<Vni> {
        let attached = self.tables.iter().filter(|(id, table)| table.devices.is_some() && !id.is_l3());
        attached.filter_map(|(id, _)| id.vni()).collect()
    }

    /// Adopted entries of this L2VNI that nobody wants may go from now on.
    pub fn prune(&mut self, vni: Vni) {
        self.prune_table(TableId::l2(vni));
    }

    fn prune_table(&mut self, id: TableId) {
        if let Some(table) = self.tables.get_mut(&id) {
            table.pruned = true;
            self.review(id);
        }
    }

    /// Adopted nexthops that nobody wants may go from now on.
    pub fn prune_nexthops(&mut self) {
        let (vteps, orphans) = self.vteps.prune();
        for vtep in vteps {
            self.enqueue(Key::Vtep(vtep));
        }
        self.queue.extend(orphans.into_iter().map(Key::Orphan));
        self.hops.prune();
        self.enqueue_hops();
    }

    /// How many entries with our mark were found and nobody has asked for.
    pub fn adopted(&self) -> usize {
        let routes = |id: &VrfId| self.vrfs.get(*id).map_or(0, vrf::VrfTable::adopted);
        self.tables.values().map(VniTable::adopted).sum::<usize>()
            + self.vrfs.ids().iter().map(routes).sum::<usize>()
            + self.vteps.adopted()
            + self.hops.marked()
    }

    /// Puts every key of the table that differs into the work queue.
    fn review(&mut self, id: TableId) {
        let Some(table) = self.tables.get(&id) else { return };
        let keys = table.keys(id);
        for key in keys {
            if self.differs(key) {
                self.enqueue(key);
            }
        }
    }

    /// Puts every key of every table that differs into the work queue.
    fn review_all(&mut self) {
        let tables: Vec<TableId> = self.tables.keys().copied().collect();
        for id in tables {
            self.review(id);
        }
    }

    /// Looks up what these changes are about, all before the first is taken in: so the caches are filled for many at a
    /// time, where each lookup on its own would wait for memory. How many of them have an entry.
    pub fn anticipate(&self, changes: &[ForwardingChange]) -> usize {
        let known = |change: &&ForwardingChange| match **change {
            ForwardingChange::Mac { vni, mac, .. } => {
                self.tables.get(&TableId::l2(vni)).is_some_and(|table| table.macs.get(mac).is_some())
            }
            ForwardingChange::Neighbour { vni, ip, .. } => {
                self.tables.get(&TableId::l2(vni)).is_some_and(|table| table.neighbours.get(ip).is_some())
            }
            _ => false,
        };
        changes.iter().filter(known).count()
    }

    /// What the core wants. `Probe` and `Announce` are no state and not for here.
    pub fn wish(&mut self, change: ForwardingChange) {
        match change {
            ForwardingChange::Mac { vni, mac, wanted } => {
                let wanted = wanted.map(|remote| (remote.vtep, remote.sticky));
                self.want_mac(TableId::l2(vni), mac, wanted);
            }
            ForwardingChange::Neighbour { vni, ip, wanted } => {
                self.want_neighbour(TableId::l2(vni), ip, wanted);
            }
            ForwardingChange::Flood { vni, vtep, wanted } => self.want_flood(TableId::l2(vni), vtep, wanted),
            ForwardingChange::Proxy { vni, ip, wanted } => self.want_proxy(TableId::l2(vni), ip, wanted),
            ForwardingChange::Route { vrf, prefix, wanted } => self.wish_route(&vrf, prefix, wanted),
            ForwardingChange::Probe { .. } | ForwardingChange::Announce { .. } => {}
        }
    }

    /// A MAC is wanted at this VTEP, sticky or not.
    fn want_mac(&mut self, id: TableId, mac: MacAddr, wanted: Option<(IpAddr, bool)>) {
        // The new VTEP gets its number before the old one may lose its own.
        let wanted = wanted.map(|(vtep, sticky)| {
            let vtep = self.vteps.intern(vtep);
            self.vteps.want(vtep);
            mac::WantedMac { vtep, sticky }
        });
        let table = self.tables.entry(id).or_default();
        let (old, work) = table.wish_mac(mac, wanted, &self.vteps);
        // What somebody wrote over ours may lead to our group still; then it goes, too.
        if let (None, Some(entry), Some(devices)) = (wanted, table.macs.get(mac), table.devices)
            && entry.vxlan == mac::VxlanFdb::Overwritten
        {
            self.doubts.push(Query::VxlanEntry { vxlan: devices.vxlan, mac });
        }
        if let Some(old) = old
            && self.vteps.unwant(old.vtep)
        {
            self.enqueue(Key::Vtep(old.vtep));
        }
        self.take_up(Key::Mac(id, mac), work);
    }

    fn want_neighbour(&mut self, id: TableId, ip: IpAddr, wanted: Option<RemoteNeighbour>) {
        let work = self.tables.entry(id).or_default().wish_neighbour(ip, wanted);
        self.take_up(Key::Neighbour(id, ip), work);
    }

    fn take_up(&mut self, key: Key, work: Work) {
        self.pace.forgive(key);
        match work {
            Work::New => self.queue.push_back(key),
            Work::Waits => {}
            Work::None => {
                self.tell_conflict(key);
                self.sweep(key);
            }
        }
    }

    fn want_flood(&mut self, id: TableId, vtep: IpAddr, wanted: bool) {
        self.tables.entry(id).or_default().wish_flood(vtep, wanted);
        self.wished(Key::Flood(id, vtep));
    }

    fn want_proxy(&mut self, id: TableId, ip: IpAddr, wanted: bool) {
        self.tables.entry(id).or_default().wish_proxy(ip, wanted);
        self.proxying_changed = true;
        self.wished(Key::Proxy(id, ip));
    }

    fn wished(&mut self, key: Key) {
        self.pace.forgive(key);
        if self.differs(key) {
            self.enqueue(key);
        } else {
            self.tell_conflict(key);
            self.sweep(key);
        }
    }

    /// Devices that are to answer for others, if that may have changed since the last call.
    pub fn take_proxying(&mut self) -> Option<BTreeSet<u32>> {
        if !std::mem::take(&mut self.proxying_changed) {
            return None;
        }
        let answers = |table: &&VniTable| !table.retiring && table.proxies.values().any(|entry| entry.wanted);
        let devices = self.tables.values().filter(answers).filter_map(|table| table.devices);
        Some(devices.map(|devices| devices.bridge).collect())
    }

    /// Whether the kernel differs from what is wanted.
    fn differs(&self, key: Key) -> bool {
        match key {
            Key::Route(vrf, prefix) => self.route_differs(vrf, prefix),
            Key::Hop(object) => !self.hops.ops(object).is_empty(),
            Key::Mac(id, mac) => {
                self.tables.get(&id).is_some_and(|table| table.mac_differs(mac, &self.vteps))
            }
            Key::Neighbour(id, ip) => {
                self.tables.get(&id).is_some_and(|table| table.neighbour_op(ip).is_some())
            }
            _ => !self.ops(key).is_empty(),
        }
    }

    /// The messages of one key.
    fn ops(&self, key: Key) -> mac::Ops {
        match key {
            Key::Mac(id, mac) => {
                let Some(table) = self.tables.get(&id) else { return mac::Ops::new() };
                table.mac_ops(mac, &self.vteps)
            }
            Key::Neighbour(id, ip) => {
                self.tables.get(&id).and_then(|table| table.neighbour_op(ip)).into_iter().collect()
            }
            Key::Flood(id, vtep) => {
                self.tables.get(&id).and_then(|table| table.flood_op(vtep)).into_iter().collect()
            }
            Key::Proxy(id, ip) => {
                self.tables.get(&id).and_then(|table| table.proxy_op(ip)).into_iter().collect()
            }
            Key::Vtep(vtep) => self.vteps.ops(vtep),
            Key::Orphan(id) => self.vteps.orphan_op(id).into_iter().collect(),
            Key::Leftover(device, ip) => {
                let there = self.leftovers.contains(&(device, ip));
                there.then_some(Op::NeighbourDelete { bridge: device, ip }).into_iter().collect()
            }
            Key::Hop(object) => self.hops.ops(object).into_iter().collect(),
            Key::Route(vrf, prefix) => {
                let object = self.vrfs.route(vrf, prefix).and_then(|entry| entry.object());
                self.route_op(vrf, prefix, object).into_iter().collect()
            }
        }
    }

    fn enqueue(&mut self, key: Key) {
        let new = match key {
            Key::Vtep(vtep) => self.vteps.enqueue(vtep),
            Key::Orphan(_) | Key::Leftover(..) => true,
            Key::Hop(object) => self.hops.enqueue(object),
            Key::Route(vrf, prefix) => self
                .vrfs
                .route_mut(vrf, prefix)
                .is_some_and(|entry| !std::mem::replace(&mut entry.dirty, true)),
            Key::Mac(id, _) | Key::Neighbour(id, _) | Key::Flood(id, _) | Key::Proxy(id, _) => {
                self.tables.get_mut(&id).is_some_and(|table| table.set_dirty(key, true))
            }
        };
        if new {
            self.queue.push_back(key);
        }
    }

    fn is_queued(&self, key: Key) -> bool {
        match key {
            Key::Vtep(vtep) => self.vteps.is_queued(vtep),
            Key::Orphan(_) | Key::Leftover(..) => false,
            Key::Hop(object) => self.hops.is_queued(object),
            Key::Route(vrf, prefix) => self.vrfs.route(vrf, prefix).is_some_and(|entry| entry.dirty),
            Key::Mac(id, _) | Key::Neighbour(id, _) | Key::Flood(id, _) | Key::Proxy(id, _) => {
                self.tables.get(&id).is_some_and(|table| table.is_dirty(key))
            }
        }
    }

    fn dequeue(&mut self, key: Key) {
        match key {
            Key::Vtep(vtep) => self.vteps.dequeue(vtep),
            Key::Orphan(_) | Key::Leftover(..) => {}
            Key::Hop(object) => self.hops.dequeue(object),
            Key::Route(vrf, prefix) => {
                if let Some(entry) = self.vrfs.route_mut(vrf, prefix) {
                    entry.dirty = false;
                }
            }
            Key::Mac(id, _) | Key::Neighbour(id, _) | Key::Flood(id, _) | Key::Proxy(id, _) => {
                if let Some(table) = self.tables.get_mut(&id) {
                    table.set_dirty(key, false);
                }
            }
        }
    }

    /// Forgets what is neither wanted nor there.
    fn sweep(&mut self, key: Key) {
        match key {
            Key::Hop(object) => self.hops.sweep(object),
            Key::Route(vrf, prefix) => {
                if let Some(vrf) = self.vrfs.get_mut(vrf) {
                    vrf.routes.sweep(prefix);
                }
            }
            _ => {}
        }
        if let Some(id) = key.table()
            && let Some(table) = self.tables.get_mut(&id)
        {
            table.sweep(key);
            if table.is_void() && table.devices.is_none() {
                self.tables.remove(&id);
            }
        }
    }

    /// Takes keys off the work queue and appends their messages, until about `budget` messages are there. A key's
    /// messages are never split between two plans.
    pub fn plan(&mut self, now: Instant, budget: usize, plan: &mut Vec<(Key, Op)>) {
        while let Some(key) = self.pace.take_due(now) {
            if self.differs(key) {
                self.enqueue(key);
            }
        }
        while plan.len() < budget {
            let Some(key) = self.queue.pop_front() else { break };
            let ops = match key {
                Key::Vtep(vtep) => {
                    self.vteps.dequeue(vtep);
                    self.plan_vtep(vtep, now, plan);
                    self.vteps.reconsider(vtep);
                    continue;
                }
                Key::Hop(object) => {
                    self.hops.dequeue(object);
                    self.plan_hop(object, now, plan);
                    self.hops.sweep(object);
                    self.enqueue_hops();
                    continue;
                }
                Key::Route(vrf, prefix) => {
                    self.dequeue(key);
                    if !self.pace.waits(key, now) {
                        self.plan_route(vrf, prefix, now, plan);
                    }
                    continue;
                }
                Key::Mac(id, mac) => {
                    self.plan_mac(id, mac, now, plan);
                    continue;
                }
                Key::Neighbour(id, ip) => {
                    let op = self.tables.get_mut(&id).and_then(|table| table.take_neighbour(ip));
                    if self.pace.waits(key, now) {
                        continue;
                    }
                    match op {
                        Some(op) => plan.push((key, op)),
                        None => self.sweep(key),
                    }
                    continue;
                }
                _ => {
                    self.dequeue(key);
                    if self.pace.waits(key, now) {
                        continue;
                    }
                    self.ops(key)
                }
            };
            if ops.is_empty() {
                self.sweep(key);
            }
            plan.extend(ops.into_iter().map(|op| (key, op)));
        }
        memory::shrink_queue(&mut self.queue);
        if self.queue.is_empty() {
            // A load may have made it long.
            self.queue.shrink_to(KEPT_QUEUE);
            self.look_at_retiring = false;
            if !self.retiring.is_empty() {
                self.finish_retiring();
            }
            if !self.retiring_vrfs.is_empty() {
                self.finish_retiring_vrfs();
            }
            if !self.disputes.is_empty() {
                self.tell_disputes();
            }
        }
    }

    fn plan_mac(&mut self, id: TableId, mac: MacAddr, now: Instant, plan: &mut Vec<(Key, Op)>) {
        let key = Key::Mac(id, mac);
        let entry = self.tables.get_mut(&id).and_then(|table| table.take_mac(mac));
        let Some(entry) = entry.filter(|_| !self.pace.waits(key, now)) else { return };
        if entry.vxlan_conflict() || entry.bridge_conflict() {
            self.tell_conflict(key);
        }
        // An entry that points at a group comes after the group, in the same batch.
        if let Some(wanted) = entry.wanted {
            self.plan_vtep(wanted.vtep, now, plan);
        }
        let Some(table) = self.tables.get(&id) else { return };
        let before = plan.len();
        if let Some(context) = table.mac_context(entry.wanted, &self.vteps) {
            entry.each_op(mac, &context, |op| plan.push((key, op)));
        }
        if plan.len() == before {
            self.sweep(key);
        }
    }

    /// Appends what is to be done for a VTEP's objects, unless this batch has it already.
    fn plan_vtep(&mut self, vtep: VtepId, now: Instant, plan: &mut Vec<(Key, Op)>) {
        if self.vteps.is_complete(vtep) {
            return;
        }
        let key = Key::Vtep(vtep);
        if self.vteps.is_squatted(vtep) {
            self.vteps.move_away(vtep);
            // Entries that were written in the belief that the group was ours point at somebody else's.
            self.set_entries_of(vtep, mac::VxlanFdb::Stray, now);
        }
        let ops = self.vteps.ops(vtep);
        if !ops.is_empty() && !self.pace.waits(key, now) && !plan.iter().any(|(other, _)| *other == key) {
            plan.extend(ops.into_iter().map(|op| (key, op)));
        }
    }

    /// VNIs that retire and have nothing of ours left are let go.
    fn finish_retiring(&mut self) {
        let is_empty = |id: &TableId| {
            let table = self.tables.get(id);
            table.is_none_or(|table| table.keys(*id).into_iter().all(|key| !self.differs(key)))
        };
        let done: Vec<TableId> = self.retiring.iter().copied().filter(is_empty).collect();
        for id in done {
            self.detach_table(id);
        }
    }
}
