//! Routing policy: route-maps, the lists that they refer to, and the filters of neighbours, in FRR's words and
//! with FRR's meaning. Pure: a configuration is compiled, and what comes out judges routes.
//!
//! ```text
//!  config ──compile──▶ lists (first match decides) ──▶ programs (entries: conditions, changes, call, exit)
//!  one NLRI + attributes ──route──▶ Traveller ──program::run──▶ Verdict
//! ```
//!
//! Matching allocates nothing; a set copies the attributes once. What a name stands for is looked up when it
//! is compiled. A route-map that is not defined denies all where it is referred to, and is as nothing where it is
//! called; a list that is not defined matches nothing (and denies all as a neighbour's `prefix-list`).
//! Does not know who a route comes from or goes to: `match peer` and `set … peer-address` are refused.

mod compile;
mod lists;
mod program;
mod route;
mod set;
mod text;

pub use compile::MAX_CALL_DEPTH;

use crate::{
    config::{Config, NeighborFamily},
    rib::{PolicyRef, RoutePolicy, Verdict},
    wire::{AttributeSet, Family},
};
use compile::Compiler;
use lists::PrefixList;
use program::{Program, Traveller};
use route::Route;
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// A route-map, a neighbour's prefix-list, or one before the other.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Filter {
    prefix_list: Option<PrefixFilter>,
    /// `None`: what is not there judges nothing.
    route_map: Option<Arc<Program>>,
}

/// A neighbour's prefix-list, by the family of what it judges; one that is not defined denies all. Routes
/// without a prefix (a MAC alone, an IMET) are none of its business.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PrefixFilter {
    ipv4: Option<Arc<PrefixList>>,
    ipv6: Option<Arc<PrefixList>>,
}

impl PrefixFilter {
    fn permits(&self, route: &Route) -> bool {
        if self.ipv4.is_none() && self.ipv6.is_none() {
            return false;
        }
        route.prefix.is_none_or(|prefix| {
            let list = if prefix.addr().is_ipv4() { &self.ipv4 } else { &self.ipv6 };
            list.as_ref().is_some_and(|list| list.permits(prefix))
        })
    }
}

impl Filter {
    /// What is left of the route, if it passes.
    fn travel<'a>(&self, family: Family, nlri: &[u8], original: &'a AttributeSet) -> Option<Traveller<'a>> {
        let route = Route::read(family, nlri);
        let mut traveller = Traveller { family, route, original, changed: None, gateway: None };
        let listed = self.prefix_list.as_ref().is_none_or(|list| list.permits(&route));
        let passes = listed && self.route_map.as_ref().is_none_or(|map| map.run(&mut traveller));
        passes.then_some(traveller)
    }
}

impl RoutePolicy for Filter {
    fn judge(&self, family: Family, nlri: &[u8], attributes: &AttributeSet) -> Verdict {
        match self.travel(family, nlri, attributes) {
            None => Verdict::Deny,
            Some(traveller) => match traveller.changed {
                Some(changed) if *changed != *attributes => Verdict::Change(changed),
                _ => Verdict::Permit,
            },
        }
    }

    fn gateway(&self, family: Family, nlri: &[u8], attributes: &AttributeSet) -> Option<IpAddr> {
        self.travel(family, nlri, attributes)?.gateway
    }

    fn ignores_nlri(&self) -> bool {
        self.prefix_list.is_none() && self.route_map.as_ref().is_none_or(|map| map.ignores_nlri())
    }
}

/// A filter with the reference by which the tables know it.
#[derive(Debug, Clone)]
struct Known {
    filter: Arc<Filter>,
    reference: PolicyRef,
}

impl Known {
    fn new(filter: Filter) -> Self {
        let filter = Arc::new(filter);
        Known { reference: PolicyRef::new(filter.clone(), 0), filter }
    }
}

/// What a neighbour's filter is made of: the names of a prefix-list and of a route-map.
type FilterNames = (Option<String>, Option<String>);

/// The policies of a configuration.
#[derive(Debug, Clone)]
pub struct Policies {
    route_maps: BTreeMap<String, Known>,
    filters: BTreeMap<FilterNames, Known>,
    /// For names that are not defined.
    nothing: Known,
}

/// Compiles the policies of a configuration.
pub fn compile(config: &Config) -> Policies {
    Policies::default().recompiled(config)
}

impl Default for Policies {
    /// Of the empty configuration.
    fn default() -> Self {
        let deny = Filter { prefix_list: None, route_map: Some(Arc::default()) };
        Policies { route_maps: BTreeMap::new(), filters: BTreeMap::new(), nothing: Known::new(deny) }
    }
}

impl Policies {
    /// The policies of another configuration. What has the same meaning as before keeps its reference, so
    /// that no route is judged anew for it.
    #[must_use]
    pub fn recompiled(&self, config: &Config) -> Policies {
        let mut compiler = Compiler::new(config);
        let mut next =
            Policies { route_maps: BTreeMap::new(), filters: BTreeMap::new(), nothing: self.nothing.clone() };
        for name in config.route_maps.keys() {
            let filter = Filter { prefix_list: None, route_map: compiler.program(name) };
            next.route_maps.insert(name.clone(), keep(self.route_maps.get(name), filter));
        }
        for names in filter_names(config) {
            let (prefix_list, route_map) = &names;
            let [ipv4, ipv6] = &compiler.prefix_lists;
            let prefix_list = prefix_list
                .as_ref()
                .map(|name| PrefixFilter { ipv4: ipv4.get(name).cloned(), ipv6: ipv6.get(name).cloned() });
            // One that is not defined is an empty one, which denies all.
            let route_map = route_map.as_ref().map(|name| compiler.program(name).unwrap_or_default());
            let filter = Filter { prefix_list, route_map };
            let known = keep(self.filters.get(&names), filter);
            next.filters.insert(names, known);
        }
        next
    }

    /// The route-map of this name; one that denies all if it is not defined.
    pub fn route_map(&self, name: &str) -> PolicyRef {
        self.route_maps.get(name).unwrap_or(&self.nothing).reference.clone()
    }

    /// What judges the routes that come in from a neighbour.
    pub fn import(&self, family: &NeighborFamily) -> Option<PolicyRef> {
        self.direction(family.route_map_in.as_deref(), family.prefix_list_in.as_deref())
    }

    /// What judges the routes that go out to a neighbour.
    pub fn export(&self, family: &NeighborFamily) -> Option<PolicyRef> {
        self.direction(family.route_map_out.as_deref(), family.prefix_list_out.as_deref())
    }

    /// `prefix-list`, then `route-map`.
    fn direction(&self, route_map: Option<&str>, prefix_list: Option<&str>) -> Option<PolicyRef> {
        match (route_map, prefix_list) {
            (None, None) => None,
            (Some(name), None) => Some(self.route_map(name)),
            (route_map, prefix_list) => {
                let names = (prefix_list.map(str::to_owned), route_map.map(str::to_owned));
                Some(self.filters.get(&names).unwrap_or(&self.nothing).reference.clone())
            }
        }
    }
}

/// The old one, if the new one means the same.
fn keep(old: Option<&Known>, filter: Filter) -> Known {
    match old {
        Some(old) if *old.filter == filter => old.clone(),
        _ => Known::new(filter),
    }
}

/// Every pair of names that a neighbour, a group or what is left of both has for a direction, if it names a
/// prefix-list: a route-map alone has its own reference.
fn filter_names(config: &Config) -> Vec<FilterNames> {
    use crate::config::{resolve, resolve_ranges};
    let mut families: Vec<NeighborFamily> = Vec::new();
    let mut settings = Vec::new();
    if let Some(bgp) = &config.bgp {
        settings.extend(resolve(bgp).into_iter().map(|neighbour| neighbour.settings));
        settings.extend(resolve_ranges(bgp).into_iter().map(|range| range.settings));
    }
    for bgp in config.bgp_vrfs.values() {
        settings.extend(resolve(bgp).into_iter().map(|neighbour| neighbour.settings));
        settings.extend(resolve_ranges(bgp).into_iter().map(|range| range.settings));
    }
    for settings in settings {
        families.extend([settings.l2vpn_evpn, settings.ipv4_unicast, settings.ipv6_unicast]);
    }
    let mut names = Vec::new();
    for family in families {
        names.push((family.prefix_list_in, family.route_map_in));
        names.push((family.prefix_list_out, family.route_map_out));
    }
    names.retain(|(prefix_list, _)| prefix_list.is_some());
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests;
