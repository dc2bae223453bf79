//! What differs between the rules, addresses and routes that should be and those that are. Pure. Steps that need
//! another to be done first come in the next plan, when the kernel has told of it.

use super::want::Wanted;
use crate::model::{Address, Links};
use crate::netlink::constants::{RTPROT_BGP, RTPROT_KERNEL};
use crate::netlink::rule::{Rule, RuleAction, TABLE_LOCAL, TABLE_MAIN};
use crate::netlink::table::{RouteKind, TableRoute};
use std::collections::BTreeSet;

/// Rules of the kernel, and those routes in tenants' tables that could be ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routing {
    /// Every rule of IPv4 and IPv6.
    pub rules: BTreeSet<Rule>,
    /// Routes of tables other than `main` and `local`.
    pub routes: BTreeSet<TableRoute>,
}

impl Routing {
    /// A rule is there, or gone. True when that is news.
    pub fn hear_rule(&mut self, rule: Rule, gone: bool) -> bool {
        if gone { self.rules.remove(&rule) } else { self.rules.insert(rule) }
    }

    /// A route is there, or gone. True when that is news.
    pub fn hear_route(&mut self, route: TableRoute, gone: bool) -> bool {
        if matches!(route.table, TABLE_MAIN | TABLE_LOCAL) {
            return false;
        }
        if gone { self.routes.remove(&route) } else { self.routes.insert(route) }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VrfOp {
    /// Set a rule.
    AddRule(Rule),
    /// Remove a rule.
    DeleteRule(Rule),
    /// Give a bridge a gateway address.
    AddAddress { device: u32, name: String, address: Address },
    /// Take it away.
    DeleteAddress { device: u32, name: String, address: Address },
    /// Set a route.
    AddRoute(TableRoute),
    /// Remove a route.
    DeleteRoute(TableRoute),
}

impl VrfOp {
    /// What it is about, for the log and for spacing out what fails.
    pub fn subject(&self) -> String {
        match self {
            VrfOp::AddRule(rule) | VrfOp::DeleteRule(rule) => rule.to_string(),
            VrfOp::AddAddress { name, address, .. } | VrfOp::DeleteAddress { name, address, .. } => {
                format!("{name} address {}/{}", address.ip, address.length)
            }
            VrfOp::AddRoute(route) | VrfOp::DeleteRoute(route) => format!("route {route}"),
        }
    }

    /// Whether it is about IPv6.
    pub fn is_ipv6(&self) -> bool {
        match self {
            VrfOp::AddRule(rule) | VrfOp::DeleteRule(rule) => rule.ipv6,
            VrfOp::AddAddress { address, .. } | VrfOp::DeleteAddress { address, .. } => address.ip.is_ipv6(),
            VrfOp::AddRoute(route) | VrfOp::DeleteRoute(route) => route.prefix.addr().is_ipv6(),
        }
    }
}

/// The steps, those before and those after the ones of devices: a rule is there before its interface works, and as
/// long as it does, so that no packet of a tenant is ever looked up in the main table. A gateway goes before its device
/// changes, and comes after.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct VrfPlan {
    /// Before.
    pub before: Vec<VrfOp>,
    /// After.
    pub after: Vec<VrfOp>,
}

/// Compares what should be with what is.
pub fn plan(wanted: &Wanted, links: &Links, routing: &Routing) -> VrfPlan {
    let mut plan = VrfPlan::default();
    for ipv6 in [false, true] {
        plan.local_rule(wanted, routing, ipv6);
    }
    plan.before.extend(wanted.rules.difference(&routing.rules).cloned().map(VrfOp::AddRule));
    for (device, addresses) in &wanted.addresses {
        plan.addresses(*device, addresses, links);
    }
    plan.routes(wanted, links, routing);
    let unwanted = |rule: &&Rule| rule.is_ours() && !rule.is_local_for_all() && !wanted.rules.contains(*rule);
    let unwanted: Vec<VrfOp> =
        routing.rules.iter().filter(unwanted).cloned().map(VrfOp::DeleteRule).collect();
    plan.after.extend(unwanted);
    plan
}

impl VrfPlan {
    /// Moves the rule for the router's own addresses behind ours, and back. There is one at every moment.
    fn local_rule(&mut self, wanted: &Wanted, routing: &Routing, ipv6: bool) {
        let all: Vec<&Rule> =
            routing.rules.iter().filter(|rule| rule.ipv6 == ipv6 && rule.is_local_for_all()).collect();
        let (ours, others): (Vec<&Rule>, Vec<&Rule>) = all.into_iter().partition(|rule| rule.is_ours());
        let right = wanted.local_rule(ipv6);
        let behind = |rule: &&&Rule| wanted.local_preference.is_some_and(|least| rule.preference >= least);
        match right {
            Some(right) => {
                // The operator may have moved it already.
                let moved = others.iter().any(|rule| behind(&rule));
                if !moved && !ours.contains(&&right) {
                    self.before.push(VrfOp::AddRule(right.clone()));
                    return;
                }
                self.after.extend(
                    others
                        .iter()
                        .filter(|rule| rule.preference == 0)
                        .copied()
                        .cloned()
                        .map(VrfOp::DeleteRule),
                );
                let stale = ours.iter().filter(|rule| moved || ***rule != right);
                self.after.extend(stale.copied().cloned().map(VrfOp::DeleteRule));
            }
            None if ours.is_empty() => {}
            None if others.is_empty() => {
                let lookup = RuleAction::Lookup(TABLE_LOCAL);
                let kernels = Rule { protocol: RTPROT_KERNEL, ..Rule::ours(ipv6, 0, lookup) };
                self.before.push(VrfOp::AddRule(kernels));
            }
            None => self.after.extend(ours.into_iter().cloned().map(VrfOp::DeleteRule)),
        }
    }

    fn addresses(&mut self, device: u32, wanted: &[Address], links: &Links) {
        let name = links.name(device);
        for address in links.assigned(device) {
            let right = wanted.iter().find(|right| right.same_place(address));
            let unwanted = match right {
                None => address.protocol == RTPROT_BGP,
                Some(right) => right.no_prefix_route != address.no_prefix_route,
            };
            if unwanted {
                let (name, address) = (name.clone(), *address);
                // Before its bridge may leave the VRF device.
                self.before.push(VrfOp::DeleteAddress { device, name, address });
            }
        }
        for address in wanted {
            if !links.assigned(device).any(|there| there.same_place(address)) {
                let (name, address) = (name.clone(), *address);
                self.after.push(VrfOp::AddAddress { device, name, address });
            }
        }
    }

    fn routes(&mut self, wanted: &Wanted, links: &Links, routing: &Routing) {
        // Routes between the kernel and a VRF device's slave are the kernel's own business.
        let ours = |route: &TableRoute| match route.kind {
            RouteKind::End => true,
            RouteKind::Subnet | RouteKind::Local => {
                wanted.addresses.contains_key(&route.device)
                    && links.get(route.device).is_some_and(|link| link.master.is_none())
            }
        };
        let unwanted = routing.routes.iter().filter(|route| ours(route) && !wanted.routes.contains(*route));
        self.after.extend(unwanted.copied().map(VrfOp::DeleteRoute));
        // A route needs its interface switched on, and its source address there.
        let possible = |route: &&TableRoute| match route.kind {
            RouteKind::End => true,
            RouteKind::Subnet | RouteKind::Local => {
                let has_address = |ip| links.addresses(route.device).any(|address| address == ip);
                links.get(route.device).is_some_and(|link| link.up && link.master.is_none())
                    && route.source.is_none_or(has_address)
                    && (route.kind == RouteKind::Subnet || has_address(route.prefix.addr()))
            }
        };
        let missing = wanted.routes.difference(&routing.routes).filter(possible);
        self.after.extend(missing.copied().map(VrfOp::AddRoute));
    }
}
