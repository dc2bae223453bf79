//! What the kernel is to have of a route, whether it has it, and the messages that make it so: next hops before their
//! group, the group before the route.

use super::Forwarding;
use super::hops::SetId;
use super::key::{Key, VrfId};
use super::route::{ActualRoute, RouteEntry, WayId};
use super::vrf::VrfTable;
use crate::netlink::encode::{Mode, Op, RouteTarget, metric_of};
use ipnet::IpNet;
use std::time::Instant;

/// What the kernel is to have of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Desired {
    /// Nothing of ours.
    Nothing,
    /// Whatever is there: what is wanted leads nowhere for now, or nobody has spoken yet.
    Unknown,
    Discard,
    Hops(SetId),
}

impl Forwarding {
    fn desired(&self, vrf: &VrfTable, entry: &RouteEntry) -> Desired {
        if vrf.retiring {
            return Desired::Nothing;
        }
        match entry.wanted {
            None if entry.adopted && !vrf.pruned => Desired::Unknown,
            None => Desired::Nothing,
            Some(WayId::DISCARD) => Desired::Discard,
            Some(way) => match vrf.way(way).and_then(|way| way.set) {
                Some(set) => Desired::Hops(set),
                None if vrf.pruned => Desired::Nothing,
                None => Desired::Unknown,
            },
        }
    }

    /// Whether the kernel's route differs from what is wanted, and may be changed.
    pub(super) fn route_differs(&self, id: VrfId, prefix: IpNet) -> bool {
        let Some(vrf) = self.vrfs.get(id).filter(|vrf| vrf.devices.is_some()) else { return false };
        let Some(entry) = vrf.routes.get(prefix) else { return false };
        let free = || !vrf.foreign.has_metric(prefix, metric_of(prefix));
        match (self.desired(vrf, entry), entry.actual()) {
            (Desired::Unknown, _) | (Desired::Nothing, ActualRoute::Absent) => false,
            (Desired::Discard, ActualRoute::Discard) => false,
            (Desired::Hops(set), ActualRoute::Hops(object)) if self.hops.set_of(object) == Some(set) => false,
            (Desired::Nothing, _) => true,
            (Desired::Discard | Desired::Hops(_), ActualRoute::Absent) => free(),
            (Desired::Discard | Desired::Hops(_), _) => true,
        }
    }

    /// The message for a route whose group, if it needs one, is known.
    pub(super) fn route_op(&self, id: VrfId, prefix: IpNet, group: Option<u32>) -> Option<Op> {
        if !self.route_differs(id, prefix) {
            return None;
        }
        let vrf = self.vrfs.get(id)?;
        let entry = vrf.routes.get(prefix)?;
        let table = vrf.devices.as_ref()?.table;
        let target = match self.desired(vrf, entry) {
            Desired::Unknown => return None,
            Desired::Nothing => return Some(Op::RouteDelete { table, prefix }),
            Desired::Discard => RouteTarget::Discard,
            Desired::Hops(_) => RouteTarget::Nexthop(group?),
        };
        let mode = if entry.actual() == ActualRoute::Absent { Mode::Create } else { Mode::Replace };
        Some(Op::RouteSet { table, prefix, target, mode })
    }

    /// Appends the messages of a route, with those of the objects that it needs before.
    pub(super) fn plan_route(&mut self, id: VrfId, prefix: IpNet, now: Instant, plan: &mut Vec<(Key, Op)>) {
        let wanted = self.vrfs.get(id).and_then(|vrf| {
            let entry = vrf.routes.get(prefix)?;
            Some((self.desired(vrf, entry), entry.object()))
        });
        let Some((desired, object)) = wanted else { return };
        let mut group = None;
        if let Desired::Hops(set) = desired
            && self.route_differs(id, prefix)
        {
            let mut target = self.hops.target(set, object);
            self.plan_hop(target, now, plan);
            if self.hops.set_of(target) != Some(set) {
                // Somebody's object was at its id.
                target = self.hops.target(set, None);
                self.plan_hop(target, now, plan);
            }
            self.enqueue_hops();
            group = Some(target);
        }
        match self.route_op(id, prefix, group) {
            Some(op) => plan.push((Key::Route(id, prefix), op)),
            None => self.sweep(Key::Route(id, prefix)),
        }
    }

    /// Appends what is to be done for a nexthop object, members before their group, unless this batch has it already.
    pub(super) fn plan_hop(&mut self, object: u32, now: Instant, plan: &mut Vec<(Key, Op)>) {
        if self.hops.move_away(object) {
            self.requeue_routes_of(object);
        }
        for member in self.hops.members(object).into_iter().flat_map(|members| members.to_vec()) {
            self.plan_hop(member, now, plan);
        }
        let key = Key::Hop(object);
        let ops = self.hops.ops(object);
        if !ops.is_empty() && !self.pace.waits(key, now) && !plan.iter().any(|(other, _)| *other == key) {
            plan.extend(ops.into_iter().map(|op| (key, op)));
        }
    }

    /// Routes that were written in the belief that an object was ours point at somebody else's.
    fn requeue_routes_of(&mut self, object: u32) {
        for id in self.vrfs.ids() {
            let Some(vrf) = self.vrfs.get(id) else { continue };
            let of = vrf.routes.iter().filter(|(_, entry)| entry.object() == Some(object));
            let prefixes: Vec<IpNet> = of.map(|(prefix, _)| prefix).collect();
            for prefix in prefixes {
                self.enqueue(Key::Route(id, prefix));
            }
        }
    }

    /// Puts every route of an IP-VRF that differs into the work queue.
    pub(super) fn review_vrf(&mut self, id: VrfId) {
        let prefixes: Vec<IpNet> = self
            .vrfs
            .get(id)
            .map(|vrf| vrf.routes.iter().map(|(prefix, _)| prefix).collect())
            .unwrap_or_default();
        for prefix in prefixes {
            if self.route_differs(id, prefix) {
                self.enqueue(Key::Route(id, prefix));
            }
        }
    }
}
