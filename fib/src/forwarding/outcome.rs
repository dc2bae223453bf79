//! What became of written messages. Every error of the kernel has one decided answer.

use super::Forwarding;
use super::flood::ActualFlood;
use super::key::{Key, TableId};
use super::mac::{BridgeFdb, VxlanFdb};
use super::neighbour::ActualNeighbour;
use super::proxy::ActualProxy;
use super::route::ActualRoute;
use super::vtep::TargetForm;
use crate::event::FibNotice;
use crate::model::Links;
use crate::netlink::encode::{Mode, Op, Query, RouteTarget, Target};
use crate::netlink::socket::KernelError;
use nix::errno::Errno;
use std::net::IpAddr;
use std::time::Instant;
use weft_evpn::MacAddr;
use weft_evpn::forwarding::RemoteNeighbour;

/// What the caller has to do after a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowUp {
    /// Nothing; it is tried again in time, or need not be.
    None,
    /// Something stands there that was not known: ask for it and `observe` the answer.
    Ask(Query),
    /// Nexthops are not as they were believed to be: read them all.
    ReadNexthops,
    /// A route stands in this table of an IP-VRF that was not known: read it.
    ReadTable(u32),
}

impl Forwarding {
    /// The kernel accepted a message.
    pub fn written(&mut self, links: &Links, key: Key, op: &Op) {
        self.pace.succeeded(key);
        self.apply(links, key, op);
        if op.is_deletion() {
            self.sweep(key);
            self.look_at_retiring |= !self.retiring.is_empty() || !self.retiring_vrfs.is_empty();
        }
    }

    /// Records the state after a message that the kernel accepted.
    fn apply(&mut self, links: &Links, key: Key, op: &Op) {
        match (op, key) {
            (&Op::VxlanSet { mac, target, .. }, Key::Mac(vni, _)) => {
                let state = self.vxlan_state(target);
                self.set_vxlan(vni, mac, state);
            }
            (&Op::BothSet { mac, target, .. }, Key::Mac(vni, _)) => {
                let state = self.vxlan_state(target);
                self.set_vxlan(vni, mac, state);
                let on_vxlan = BridgeFdb::Vxlan { marked: true, sticky: false, fixed: false };
                self.set_bridge(links, vni, mac, on_vxlan);
            }
            (&Op::BothDelete { mac, .. }, Key::Mac(vni, _)) => {
                self.set_bridge(links, vni, mac, BridgeFdb::Absent);
                self.set_vxlan(vni, mac, VxlanFdb::Absent);
            }
            (&Op::VxlanDelete { mac, .. }, Key::Mac(vni, _)) => self.set_vxlan(vni, mac, VxlanFdb::Absent),
            (&Op::BridgeSet { mac, .. }, Key::Mac(vni, _)) => {
                let (sticky, fixed) = match self.bridge_of(key) {
                    BridgeFdb::Vxlan { sticky, fixed, .. } => (sticky, fixed),
                    _ => (false, false),
                };
                self.set_bridge(links, vni, mac, BridgeFdb::Vxlan { marked: true, sticky, fixed });
            }
            (&Op::BridgeSticky { mac, sticky, .. }, Key::Mac(vni, _)) => {
                let marked = matches!(self.bridge_of(key), BridgeFdb::Vxlan { marked: true, .. });
                self.set_bridge(links, vni, mac, BridgeFdb::Vxlan { marked, sticky, fixed: sticky });
            }
            (&Op::BridgeDelete { mac, .. }, Key::Mac(vni, _)) => {
                self.set_bridge(links, vni, mac, BridgeFdb::Absent)
            }
            (&Op::FloodAdd { vtep, .. }, Key::Flood(vni, _)) => {
                if let Some(entry) = self.tables.get_mut(&vni).and_then(|table| table.floods.get_mut(&vtep)) {
                    entry.actual = ActualFlood::Ours;
                    entry.held = true;
                }
            }
            (&Op::FloodDelete { vtep, .. }, Key::Flood(vni, _)) => {
                if let Some(entry) = self.tables.get_mut(&vni).and_then(|table| table.floods.get_mut(&vtep)) {
                    entry.actual = ActualFlood::Absent;
                    entry.held = false;
                }
            }
            (&Op::NeighbourSet { ip, mac, router, .. }, Key::Neighbour(vni, _)) => {
                self.set_neighbour(vni, ip, ActualNeighbour::Ours(RemoteNeighbour { mac, router }));
            }
            (&Op::NeighbourDelete { ip, .. }, Key::Neighbour(vni, _)) => {
                self.set_neighbour(vni, ip, ActualNeighbour::Absent);
            }
            (&Op::ProxySet { ip, .. }, Key::Proxy(table, _)) => {
                self.set_proxy(table, ip, ActualProxy::Ours);
            }
            (&Op::ProxyDelete { ip, .. }, Key::Proxy(table, _)) => {
                self.set_proxy(table, ip, ActualProxy::Absent);
            }
            (&Op::RouteSet { target, .. }, Key::Route(vrf, prefix)) => {
                let actual = match target {
                    RouteTarget::Nexthop(object) => ActualRoute::Hops(object),
                    RouteTarget::Discard => ActualRoute::Discard,
                };
                self.record_route(vrf, prefix, actual);
            }
            (&Op::RouteDelete { .. }, Key::Route(vrf, prefix)) => {
                self.record_route(vrf, prefix, ActualRoute::Absent);
            }
            (_, Key::Leftover(device, ip)) => _ = self.leftovers.remove(&(device, ip)),
            (_, Key::Hop(_)) => {
                self.hops.written(op);
                self.enqueue_hops();
            }
            _ => self.vteps.written(op),
        }
    }

    fn vxlan_state(&mut self, target: Target) -> VxlanFdb {
        match target {
            Target::Nexthop(group) => self.vteps.of_group(group).map_or(VxlanFdb::Stray, VxlanFdb::Nexthop),
            Target::Address(ip) => VxlanFdb::Address(self.vteps.intern(ip)),
        }
    }

    fn set_proxy(&mut self, table: TableId, ip: IpAddr, actual: ActualProxy) {
        if let Some(entry) = self.tables.get_mut(&table).and_then(|table| table.proxies.get_mut(ip)) {
            entry.actual = actual;
        }
    }

    fn bridge_of(&self, key: Key) -> BridgeFdb {
        match key {
            Key::Mac(vni, mac) => {
                self.tables.get(&vni).and_then(|table| table.macs.get(mac)).map(|entry| entry.bridge)
            }
            _ => None,
        }
        .unwrap_or_default()
    }

    /// The kernel refused a message.
    ///
    /// | error | answer |
    /// |---|---|
    /// | `EEXIST`, `EINVAL`, `EOPNOTSUPP`, `ENOENT`… to both FDB entries at once | at once one by one, and each as follows |
    /// | `ENOENT`, `ESRCH`, `ENODEV` to a deletion | it is done |
    /// | `EEXIST` | ask what stands there, then decide anew |
    /// | FDB nexthops not known (`EOPNOTSUPP`, `EINVAL`… to the first) | from now on by address |
    /// | `EEXIST` to a route | read its table again, then decide anew |
    /// | a nexthop or group of routes, or a route that needs one | read all nexthops again, then decide anew |
    /// | an entry refused although its nexthop is there | ask whether it is still there |
    /// | `ENODEV`, `EBUSY`, `ENOBUFS`, `ENOMEM`, `ENOSPC`, all others | again later, spaced out; told after a few |
    pub fn refused(
        &mut self,
        links: &Links,
        key: Key,
        op: &Op,
        error: &KernelError,
        now: Instant,
    ) -> FollowUp {
        if let (Op::BothSet { mac, .. } | Op::BothDelete { mac, .. }, Some(id)) = (op, key.table())
            && let Some(table) = self.tables.get_mut(&id)
        {
            table.take_apart(*mac);
        }
        match (op, error.errno) {
            (Op::BothSet { .. }, Errno::EEXIST | Errno::EINVAL | Errno::EOPNOTSUPP | Errno::ENOENT)
            | (Op::BothDelete { .. }, Errno::ENOENT | Errno::ESRCH) => {
                self.requeue(key);
                FollowUp::None
            }
            (op, Errno::ENOENT | Errno::ESRCH | Errno::ENODEV) if op.is_deletion() => {
                self.written(links, key, op);
                self.requeue(key);
                FollowUp::None
            }
            (Op::VxlanSet { vxlan, mac, .. }, Errno::EEXIST) => {
                self.failed(key, op, error, now);
                FollowUp::Ask(Query::VxlanEntry { vxlan: *vxlan, mac: *mac })
            }
            (Op::NexthopSet { id, .. } | Op::GroupSet { id, .. }, Errno::EEXIST) => {
                self.failed(key, op, error, now);
                FollowUp::Ask(Query::Nexthop { id: *id })
            }
            (Op::RouteSet { table, .. }, Errno::EEXIST) => {
                self.failed(key, op, error, now);
                FollowUp::ReadTable(*table)
            }
            (Op::HopSet { .. }, Errno::EEXIST)
            | (Op::HopGroupSet { .. }, Errno::EEXIST | Errno::EINVAL | Errno::ENOENT)
            | (
                Op::RouteSet { target: RouteTarget::Nexthop(_), .. },
                Errno::EINVAL | Errno::ENOENT | Errno::EHOSTUNREACH | Errno::ENETUNREACH,
            ) => {
                self.failed(key, op, error, now);
                FollowUp::ReadNexthops
            }
            (
                Op::NexthopSet { mode: Mode::Create, .. } | Op::GroupSet { mode: Mode::Create, .. },
                Errno::EOPNOTSUPP | Errno::EINVAL | Errno::ENOSYS | Errno::EPROTONOSUPPORT,
            ) => {
                self.give_up_nexthops(error);
                FollowUp::None
            }
            (
                Op::VxlanSet { target: Target::Nexthop(group), mac, .. },
                Errno::EINVAL | Errno::EOPNOTSUPP | Errno::ENOENT,
            ) => {
                self.refused_target(key, *mac, op, error, now);
                FollowUp::Ask(Query::Nexthop { id: *group })
            }
            _ => {
                self.failed(key, op, error, now);
                FollowUp::None
            }
        }
    }

    /// A group that is not there, or a device with entries of the other form. Both mend themselves once the
    /// model has been corrected.
    fn refused_target(&mut self, key: Key, mac: MacAddr, op: &Op, error: &KernelError, now: Instant) {
        if self.vteps.form() == TargetForm::Addresses {
            // Planned before nexthops were given up; the key waits in the queue already.
            self.requeue(key);
            return;
        }
        if let Key::Mac(vni, _) = key
            && error.errno == Errno::EOPNOTSUPP
        {
            // "Cannot replace an existing non nexthop fdb with a nexthop": delete it first.
            self.set_vxlan(vni, mac, VxlanFdb::Stray);
        }
        self.failed(key, op, error, now);
    }

    /// An answer never came: whether the message was carried out is not known. Deleting twice and setting twice do
    /// no harm; setting with `Create` tells by `EEXIST` that the first one was heard. After a pause, since the kernel
    /// was short of something.
    pub fn unanswered(&mut self, key: Key, now: Instant) {
        self.pace.failed(key, now);
    }

    fn requeue(&mut self, key: Key) {
        if self.differs(key) {
            self.enqueue(key);
        }
    }

    fn failed(&mut self, key: Key, op: &Op, error: &KernelError, now: Instant) {
        if self.pace.failed(key, now) {
            self.out.notices.push(FibNotice::WriteFailed {
                kind: key.kind(op),
                vni: key.vni(),
                key: op.to_string(),
                error: error.to_string(),
            });
        }
    }

    fn give_up_nexthops(&mut self, error: &KernelError) {
        if self.vteps.form() == TargetForm::Addresses {
            return;
        }
        self.vteps.give_up_nexthops();
        self.out.notices.push(FibNotice::NoNexthops { error: error.to_string() });
        self.review_all();
    }
}
