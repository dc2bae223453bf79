//! What the kernel says of the routes in the tables of IP-VRFs: whether ours are as they should be, and which others
//! there are, for redistribution.

use super::Forwarding;
use super::foreign::Foreign;
use super::hops::HopChange;
use super::key::{Key, VrfId};
use super::route::ActualRoute;
use crate::event::FibNotice;
use crate::model::Links;
use crate::netlink::encode::metric_of;
use crate::netlink::route::RouteMessage;
use ipnet::IpNet;
use std::time::Instant;
use weft_evpn::VrfName;
use weft_evpn::local::LocalEvent;

/// How a route message is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteNews {
    /// It is there.
    Is,
    /// It is there, in the place of another of its metric (`NLM_F_REPLACE`).
    Replaces,
    /// It is gone.
    Gone,
}

impl Forwarding {
    /// Whether a table is that of an IP-VRF.
    pub fn has_table(&self, table: u32) -> bool {
        self.vrfs.of_table(table).is_some()
    }

    /// The IP-VRF that a table is of.
    pub fn vrf_of_table(&self, table: u32) -> Option<VrfName> {
        self.vrfs.get(self.vrfs.of_table(table)?).map(|vrf| vrf.name.clone())
    }

    /// A route message. Those of other tables are not looked at.
    pub fn observe_route(&mut self, links: &Links, message: &RouteMessage, news: RouteNews, now: Instant) {
        let Some(id) = self.vrfs.of_table(message.table) else { return };
        let prefix = message.prefix;
        let our_metric = message.metric == metric_of(prefix) && !message.special;
        if message.is_ours() {
            if our_metric {
                let actual = match news {
                    RouteNews::Gone => ActualRoute::Absent,
                    RouteNews::Is | RouteNews::Replaces => ActualRoute::read(message),
                };
                self.observe_own_route(id, prefix, actual, now);
            }
            return;
        }
        let held = our_metric && self.vrfs.route(id, prefix).is_some_and(|entry| entry.held);
        if held && news != RouteNews::Gone {
            // Somebody wrote over our route.
            self.observe_own_route(id, prefix, ActualRoute::Altered, now);
            return;
        }
        if held && self.vrfs.route(id, prefix).is_some_and(|entry| entry.actual() == ActualRoute::Altered) {
            self.observe_own_route(id, prefix, ActualRoute::Absent, now);
            return;
        }
        if our_metric && news == RouteNews::Replaces {
            self.observe_own_route(id, prefix, ActualRoute::Absent, now);
        }
        let Some(route) = Foreign::read(message) else { return };
        self.change_foreign(links, id, prefix, |foreign| match news {
            RouteNews::Gone => foreign.remove(prefix, &route),
            RouteNews::Is => foreign.add(prefix, route, false),
            RouteNews::Replaces => foreign.add(prefix, route, true),
        });
        self.settle(Key::Route(id, prefix), now);
    }

    fn observe_own_route(&mut self, id: VrfId, prefix: IpNet, new: ActualRoute, now: Instant) {
        match self.vrfs.route_mut(id, prefix) {
            Some(entry) => {
                entry.stale = false;
                if entry.actual() == new {
                    return;
                }
            }
            None if new == ActualRoute::Absent => return,
            None => {}
        }
        self.record_route(id, prefix, new);
        self.settle(Key::Route(id, prefix), now);
    }

    /// Records what the table has with our mark.
    pub(super) fn record_route(&mut self, id: VrfId, prefix: IpNet, new: ActualRoute) {
        self.set_route(id, prefix, |entry| {
            entry.set_actual(new);
            if entry.wanted.is_none() {
                entry.adopted |= new != ActualRoute::Absent;
            }
        });
        let right = new != ActualRoute::Absent && !self.route_differs(id, prefix);
        if let Some(entry) = self.vrfs.route_mut(id, prefix) {
            entry.held |= right && entry.wanted.is_some();
        }
    }

    /// Changes what is known of others' routes for a prefix, and tells the core if the best is another one now.
    fn change_foreign(
        &mut self,
        links: &Links,
        id: VrfId,
        prefix: IpNet,
        change: impl FnOnce(&mut super::foreign::ForeignRoutes),
    ) {
        let Some(vrf) = self.vrfs.get_mut(id) else { return };
        let before = vrf.foreign.best(prefix).map(|route| route.told(links));
        change(&mut vrf.foreign);
        let after = vrf.foreign.best(prefix).map(|route| route.told(links));
        if before != after && !vrf.retiring {
            let vrf = vrf.name.clone();
            self.out.locals.push(LocalEvent::Route { vrf, prefix, route: after });
        }
        self.tell_foreign(id, prefix);
    }

    /// Tells the log, once, of a route of somebody else that goes before ours.
    pub(super) fn tell_foreign(&mut self, id: VrfId, prefix: IpNet) {
        let key = Key::Route(id, prefix);
        let Some(vrf) = self.vrfs.get(id) else { return };
        let ours = metric_of(prefix);
        let wanted = vrf.routes.get(prefix).is_some_and(|entry| entry.wanted.is_some());
        let theirs = vrf.foreign.least_metric(prefix).filter(|theirs| wanted && *theirs <= ours);
        match theirs {
            Some(theirs) => {
                if self.conflicts.insert(key) {
                    let notice =
                        FibNotice::ForeignRoute { vrf: vrf.name.clone(), prefix, metric: (theirs, ours) };
                    self.out.notices.push(notice);
                }
            }
            None if self.conflicts.is_empty() => {}
            None => _ = self.conflicts.remove(&key),
        }
    }

    /// A nexthop object of routes changed, by somebody's doing or ours.
    pub(super) fn hop_changed(&mut self, change: HopChange, now: Instant) {
        if let Some((object, drift)) = change.dirty {
            if drift {
                self.repair(Key::Hop(object), now);
            } else {
                self.enqueue(Key::Hop(object));
            }
        }
        if let Some(object) = change.lost {
            self.lose_routes_of(object, now);
        }
        self.enqueue_hops();
    }

    /// The kernel drops the IPv4 routes of an object with it and says nothing (seen on 6.18). The only walk over all
    /// routes, for what only somebody else's doing brings about.
    fn lose_routes_of(&mut self, object: u32, now: Instant) {
        for id in self.vrfs.ids() {
            let lost: Vec<IpNet> = match self.vrfs.get(id) {
                Some(vrf) => {
                    let of = vrf.routes.iter().filter(|(_, entry)| entry.object() == Some(object));
                    of.map(|(prefix, _)| prefix).collect()
                }
                None => Vec::new(),
            };
            for prefix in lost {
                self.record_route(id, prefix, ActualRoute::Absent);
                self.settle(Key::Route(id, prefix), now);
            }
        }
    }

    /// Before a dump of an IP-VRF's table, and of the FDB and neighbours of its L3VNI.
    pub fn begin_sync_vrf(&mut self, name: &VrfName) {
        if let Some(table) = self.l3_of(name) {
            self.begin_sync_table(table);
        }
        let Some(vrf) = self.vrfs.named(name).and_then(|id| self.vrfs.get_mut(id)) else { return };
        for entry in vrf.routes.values_mut() {
            entry.stale = entry.actual() != ActualRoute::Absent;
        }
        vrf.foreign.begin_sync();
    }

    /// After it: what was not shown again is gone.
    pub fn end_sync_vrf(&mut self, links: &Links, name: &VrfName, now: Instant) {
        if let Some(table) = self.l3_of(name) {
            self.end_sync_table(links, table, now);
        }
        let Some(id) = self.vrfs.named(name) else { return };
        let Some(vrf) = self.vrfs.get_mut(id) else { return };
        let lost: Vec<IpNet> =
            vrf.routes.iter().filter(|(_, entry)| entry.stale).map(|(prefix, _)| prefix).collect();
        for (prefix, before) in vrf.foreign.end_sync() {
            let after = vrf.foreign.best(prefix).map(|route| route.told(links));
            if before.map(|route| route.told(links)) != after {
                let vrf = vrf.name.clone();
                self.out.locals.push(LocalEvent::Route { vrf, prefix, route: after });
            }
        }
        for prefix in lost {
            if let Some(entry) = self.vrfs.route_mut(id, prefix) {
                entry.stale = false;
            }
            self.record_route(id, prefix, ActualRoute::Absent);
            self.settle(Key::Route(id, prefix), now);
        }
    }

    /// Whether next hops or others' routes lead out of this device: when it goes down, the kernel drops nexthop objects
    /// and IPv4 routes without a word.
    pub fn routes_use(&self, device: u32) -> bool {
        let in_foreign = |id: &VrfId| self.vrfs.get(*id).is_some_and(|vrf| vrf.foreign.uses(device));
        !self.hops.on_device(device).is_empty() || self.vrfs.ids().iter().any(in_foreign)
    }

    /// A device works again: what failed there is tried at once.
    pub fn device_is_back(&mut self, device: u32) {
        let objects = self.hops.on_device(device);
        // Most devices that come up are hosts'; a look at every route costs too much for those.
        if objects.is_empty() {
            return;
        }
        for object in objects {
            self.pace.forgive(Key::Hop(object));
            if self.differs(Key::Hop(object)) {
                self.enqueue(Key::Hop(object));
            }
        }
        for id in self.vrfs.ids() {
            self.pace.forgive_vrf(id);
            self.review_vrf(id);
        }
    }
}
