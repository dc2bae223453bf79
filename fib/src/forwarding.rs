//! Desired and actual forwarding state of all VNIs, and the work between them. Pure: observations and wishes
//! in; messages to write, local events and notices out. The order of what comes in does not matter.
//!
//! `wish` takes what the core wants, `observe` what the kernel says; both put the keys that differ into one work
//! queue. `plan` turns keys into messages, `written` and `refused` take what became of them.

mod flood;
pub mod key;
mod mac;
mod neighbour;
mod observe;
mod outcome;
mod pace;
mod report;
mod table;
#[cfg(test)]
mod tests;
mod vtep;

pub use key::{Key, VtepId};
pub use outcome::FollowUp;
pub use vtep::TargetForm;

use crate::event::FibNotice;
use crate::netlink::encode::Op;
use hashbrown::HashMap;
use pace::{Pace, Repair};
use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;
use table::{Devices, VniTable};
use vtep::Vteps;
use weft_evpn::forwarding::ForwardingChange;
use weft_evpn::local::LocalEvent;
use weft_evpn::{MacAddr, Vni};

type FixedState = foldhash::fast::FixedState;

/// What came out since it was last taken.
#[derive(Debug, Default)]
pub struct Output {
    /// For the core, in order.
    pub locals: Vec<LocalEvent>,
    /// For the log.
    pub notices: Vec<FibNotice>,
    /// Entries of ours that somebody else had changed.
    pub repairs: u64,
}

/// Desired and actual state of all VNIs.
#[derive(Debug)]
pub struct Forwarding {
    tables: HashMap<Vni, VniTable, FixedState>,
    by_vxlan: HashMap<u32, Vni, FixedState>,
    by_bridge: HashMap<u32, Vni, FixedState>,
    vteps: Vteps,
    queue: VecDeque<Key>,
    pace: Pace,
    /// VNIs that are not served any more and whose entries are being removed.
    retiring: BTreeSet<Vni>,
    /// Keys where an entry of the operator stands; the log was told.
    conflicts: BTreeSet<Key>,
    out: Output,
}

impl Forwarding {
    /// Nothing wanted, nothing known.
    pub fn new(form: TargetForm) -> Self {
        Forwarding {
            tables: HashMap::default(),
            by_vxlan: HashMap::default(),
            by_bridge: HashMap::default(),
            vteps: Vteps::new(form),
            queue: VecDeque::new(),
            pace: Pace::default(),
            retiring: BTreeSet::new(),
            conflicts: BTreeSet::new(),
            out: Output::default(),
        }
    }

    /// Events, notices and counts since the last call.
    pub fn take_output(&mut self) -> Output {
        std::mem::take(&mut self.out)
    }

    /// Work waits that could be done now.
    pub fn has_work(&self) -> bool {
        !self.queue.is_empty()
    }

    /// When delayed work is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.pace.next_due()
    }

    /// The devices of a VNI are there: what is wanted of it goes to them from now on. What they hold already
    /// must be shown by a dump between [`Forwarding::begin_sync`] and [`Forwarding::end_sync`].
    pub fn attach(&mut self, vni: Vni, vxlan: u32, bridge: u32) {
        let devices = Devices { vxlan, bridge };
        let table = self.tables.entry(vni).or_default();
        if table.devices == Some(devices) && !table.retiring {
            return;
        }
        // Whatever was known is told anew by the dump that follows, local MACs and neighbours included.
        self.detach(vni);
        let table = self.tables.entry(vni).or_default();
        table.devices = Some(devices);
        table.pruned = false;
        self.by_vxlan.insert(vxlan, vni);
        self.by_bridge.insert(bridge, vni);
        self.pace.forgive_vni(vni);
        self.review(vni);
    }

    /// The devices of a VNI are gone, or of no use: nothing is known of the kernel's state there, and nothing is
    /// written until they are back. What is wanted stays.
    pub fn detach(&mut self, vni: Vni) {
        self.retiring.remove(&vni);
        let Some(table) = self.tables.get_mut(&vni) else { return };
        if let Some(devices) = table.devices.take() {
            self.by_vxlan.remove(&devices.vxlan);
            self.by_bridge.remove(&devices.bridge);
        }
        let mut idle = Vec::new();
        table.forget_kernel(|vtep| {
            if self.vteps.release(vtep) {
                idle.push(vtep);
            }
        });
        if table.is_void() {
            self.tables.remove(&vni);
        }
        for vtep in idle {
            self.enqueue(Key::Vtep(vtep));
        }
    }

    /// The VNI has devices but is not served any more: remove our entries, keep what is wanted in case it is
    /// served again.
    pub fn retire(&mut self, vni: Vni) {
        let Some(table) = self.tables.get_mut(&vni) else { return };
        if table.devices.is_some() {
            table.retiring = true;
            self.retiring.insert(vni);
            self.review(vni);
        }
    }

    /// Nothing is wanted any more, and adopted entries may go: what is left to do is to delete.
    pub fn want_nothing(&mut self) {
        let vnis: Vec<Vni> = self.tables.keys().copied().collect();
        for vni in vnis {
            let keys = self.tables.get(&vni).map(|table| table.keys(vni)).unwrap_or_default();
            for key in keys {
                match key {
                    Key::Mac(vni, mac) => self.wish(ForwardingChange::Mac { vni, mac, wanted: None }),
                    Key::Neighbour(vni, ip) => {
                        self.wish(ForwardingChange::Neighbour { vni, ip, wanted: None })
                    }
                    Key::Flood(vni, vtep) => self.wish(ForwardingChange::Flood { vni, vtep, wanted: false }),
                    Key::Vtep(_) | Key::Orphan(_) => {}
                }
            }
            self.prune(vni);
        }
        self.prune_nexthops();
    }

    /// The local port where the bridge has this MAC.
    pub fn local_port(&self, vni: Vni, mac: MacAddr) -> Option<u32> {
        match self.tables.get(&vni)?.macs.get(&mac)?.bridge {
            mac::BridgeFdb::Port { port, .. } => Some(port),
            _ => None,
        }
    }

    /// Puts an event for the core in line with those that observations make.
    pub fn say(&mut self, event: LocalEvent) {
        self.out.locals.push(event);
    }

    /// Every VNI that has devices, served or retiring.
    pub fn attached(&self) -> Vec<Vni> {
        self.tables.iter().filter(|(_, table)| table.devices.is_some()).map(|(vni, _)| *vni).collect()
    }

    /// Adopted entries of this VNI that nobody wants may go from now on.
    pub fn prune(&mut self, vni: Vni) {
        if let Some(table) = self.tables.get_mut(&vni) {
            table.pruned = true;
            self.review(vni);
        }
    }

    /// Adopted nexthops that nobody wants may go from now on.
    pub fn prune_nexthops(&mut self) {
        let (vteps, orphans) = self.vteps.prune();
        for vtep in vteps {
            self.enqueue(Key::Vtep(vtep));
        }
        self.queue.extend(orphans.into_iter().map(Key::Orphan));
    }

    /// How many entries with our mark were found and nobody has asked for.
    pub fn adopted(&self) -> usize {
        self.tables.values().map(VniTable::adopted).sum::<usize>() + self.vteps.adopted()
    }

    /// Puts every key of the VNI that differs into the work queue.
    fn review(&mut self, vni: Vni) {
        let Some(table) = self.tables.get(&vni) else { return };
        let keys = table.keys(vni);
        for key in keys {
            if self.differs(key) {
                self.enqueue(key);
            }
        }
    }

    /// Puts every key of every VNI that differs into the work queue.
    fn review_all(&mut self) {
        let vnis: Vec<Vni> = self.tables.keys().copied().collect();
        for vni in vnis {
            self.review(vni);
        }
    }

    /// What the core wants. `Probe` is no state and not for here.
    pub fn wish(&mut self, change: ForwardingChange) {
        let key = match change {
            ForwardingChange::Mac { vni, mac, wanted } => {
                // The new VTEP gets its number before the old one may lose its own.
                let wanted = wanted.map(|remote| {
                    let vtep = self.vteps.intern(remote.vtep);
                    self.vteps.want(vtep);
                    mac::WantedMac { vtep, sticky: remote.sticky }
                });
                let table = self.tables.entry(vni).or_default();
                let old = table.wish_mac(mac, wanted);
                if let Some(old) = old
                    && self.vteps.unwant(old.vtep)
                {
                    self.enqueue(Key::Vtep(old.vtep));
                }
                Key::Mac(vni, mac)
            }
            ForwardingChange::Neighbour { vni, ip, wanted } => {
                self.tables.entry(vni).or_default().wish_neighbour(ip, wanted);
                Key::Neighbour(vni, ip)
            }
            ForwardingChange::Flood { vni, vtep, wanted } => {
                self.tables.entry(vni).or_default().wish_flood(vtep, wanted);
                Key::Flood(vni, vtep)
            }
            ForwardingChange::Probe { .. }
            | ForwardingChange::Announce { .. }
            | ForwardingChange::Proxy { .. }
            | ForwardingChange::Route { .. } => return,
        };
        self.pace.forgive(key);
        if self.differs(key) {
            self.enqueue(key);
        } else {
            self.tell_conflict(key);
            self.sweep(key);
        }
    }

    /// Whether the kernel differs from what is wanted.
    fn differs(&self, key: Key) -> bool {
        !self.ops(key).is_empty()
    }

    /// The messages of one key.
    fn ops(&self, key: Key) -> mac::Ops {
        match key {
            Key::Mac(vni, mac) => {
                let Some(table) = self.tables.get(&vni) else { return mac::Ops::new() };
                table.mac_ops(mac, &self.vteps)
            }
            Key::Neighbour(vni, ip) => {
                self.tables.get(&vni).and_then(|table| table.neighbour_op(ip)).into_iter().collect()
            }
            Key::Flood(vni, vtep) => {
                self.tables.get(&vni).and_then(|table| table.flood_op(vtep)).into_iter().collect()
            }
            Key::Vtep(vtep) => self.vteps.ops(vtep),
            Key::Orphan(id) => self.vteps.orphan_op(id).into_iter().collect(),
        }
    }

    fn enqueue(&mut self, key: Key) {
        let new = match key {
            Key::Vtep(vtep) => self.vteps.enqueue(vtep),
            Key::Orphan(_) => true,
            Key::Mac(vni, _) | Key::Neighbour(vni, _) | Key::Flood(vni, _) => {
                self.tables.get_mut(&vni).is_some_and(|table| table.set_dirty(key, true))
            }
        };
        if new {
            self.queue.push_back(key);
        }
    }

    fn is_queued(&self, key: Key) -> bool {
        match key {
            Key::Vtep(vtep) => self.vteps.is_queued(vtep),
            Key::Orphan(_) => false,
            Key::Mac(vni, _) | Key::Neighbour(vni, _) | Key::Flood(vni, _) => {
                self.tables.get(&vni).is_some_and(|table| table.is_dirty(key))
            }
        }
    }

    fn dequeue(&mut self, key: Key) {
        match key {
            Key::Vtep(vtep) => self.vteps.dequeue(vtep),
            Key::Orphan(_) => {}
            Key::Mac(vni, _) | Key::Neighbour(vni, _) | Key::Flood(vni, _) => {
                if let Some(table) = self.tables.get_mut(&vni) {
                    table.set_dirty(key, false);
                }
            }
        }
    }

    /// Forgets what is neither wanted nor there.
    fn sweep(&mut self, key: Key) {
        if let Some(vni) = key.vni()
            && let Some(table) = self.tables.get_mut(&vni)
        {
            table.sweep(key);
            if table.is_void() && table.devices.is_none() {
                self.tables.remove(&vni);
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
                Key::Mac(vni, mac) => {
                    let entry = self.tables.get_mut(&vni).and_then(|table| table.take_mac(mac));
                    let Some(entry) = entry.filter(|_| !self.pace.waits(key, now)) else { continue };
                    if entry.vxlan_conflict() || entry.bridge_conflict() {
                        self.tell_conflict(key);
                    }
                    // An entry that points at a group comes after the group, in the same batch.
                    if let Some(wanted) = entry.wanted {
                        self.plan_vtep(wanted.vtep, now, plan);
                    }
                    let Some(table) = self.tables.get(&vni) else { continue };
                    table.entry_ops(mac, &entry, &self.vteps)
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
        if self.queue.is_empty() && !self.retiring.is_empty() {
            self.finish_retiring();
        }
    }

    /// Appends what is to be done for a VTEP's objects, unless this batch has it already.
    fn plan_vtep(&mut self, vtep: VtepId, now: Instant, plan: &mut Vec<(Key, Op)>) {
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
        let done: Vec<Vni> = self
            .retiring
            .iter()
            .copied()
            .filter(|vni| {
                self.tables
                    .get(vni)
                    .is_none_or(|table| table.keys(*vni).into_iter().all(|key| !self.differs(key)))
            })
            .collect();
        for vni in done {
            self.detach(vni);
        }
    }
}
