//! Which MAC-VRFs and IP-VRFs take a route: an index from route targets to them, and one from
//! route distinguishers to those that hold routes of them, as a withdrawal carries no route
//! target. So neither a route nor a new instance walks anything.
//!
//! A route's encapsulations decide whether it is for VXLAN at all (RFC 8365 §5.1.3): none
//! means VXLAN, others without VXLAN among them mean that it is not for us.

use super::memory::spilled;
use crate::{ExtendedCommunity, RouteDistinguisher, RouteTarget, RouteTargetMatch};
use hashbrown::HashMap;
use smallvec::SmallVec;

/// RFC 9012's tunnel type VXLAN.
const ENCAPSULATION_VXLAN: u16 = 8;

/// A few instances.
pub(super) type Few<K> = SmallVec<[K; 4]>;

/// Route target → instances (of the kind `K` names) that import it.
#[derive(Debug)]
pub(super) struct ImportIndex<K> {
    exact: HashMap<RouteTarget, SmallVec<[K; 2]>>,
    any_as: HashMap<u32, SmallVec<[K; 2]>>,
    /// Grows when what is imported may be something else.
    version: u64,
}

impl<K> Default for ImportIndex<K> {
    fn default() -> Self {
        Self { exact: HashMap::new(), any_as: HashMap::new(), version: 0 }
    }
}

impl<K: Copy + Eq> ImportIndex<K> {
    pub(super) fn add(&mut self, instance: K, import: &[RouteTargetMatch]) {
        self.version += u64::from(!import.is_empty());
        for wanted in import {
            let instances = match *wanted {
                RouteTargetMatch::Exact(target) => self.exact.entry(target).or_default(),
                RouteTargetMatch::AnyAs(number) => self.any_as.entry(number).or_default(),
            };
            if !instances.contains(&instance) {
                instances.push(instance);
            }
        }
    }

    pub(super) fn remove(&mut self, instance: K, import: &[RouteTargetMatch]) {
        self.version += u64::from(!import.is_empty());
        for wanted in import {
            match *wanted {
                RouteTargetMatch::Exact(target) => forget(&mut self.exact, target, instance),
                RouteTargetMatch::AnyAs(number) => forget(&mut self.any_as, number, instance),
            }
        }
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// What is imported, by whomever.
    pub(super) fn imports(&self) -> impl Iterator<Item = RouteTargetMatch> {
        let exact = self.exact.keys().copied().map(RouteTargetMatch::Exact);
        exact.chain(self.any_as.keys().copied().map(RouteTargetMatch::AnyAs))
    }

    /// Octets allocated.
    pub(super) fn bytes(&self) -> usize {
        let instances = self.exact.values().chain(self.any_as.values());
        self.exact.allocation_size() + self.any_as.allocation_size() + instances.map(spilled).sum::<usize>()
    }

    /// The instances that import a route with these targets, each once.
    pub(super) fn importers(&self, targets: &[RouteTarget]) -> Few<K> {
        let mut all = Few::new();
        if self.exact.is_empty() && self.any_as.is_empty() {
            return all;
        }
        for target in targets {
            let exact = self.exact.get(target).into_iter().flatten();
            let any_as = self.any_as.get(&target.local_part()).into_iter().flatten();
            for instance in exact.chain(any_as) {
                if !all.contains(instance) {
                    all.push(*instance);
                }
            }
        }
        all
    }
}

fn forget<T: Eq + std::hash::Hash, K: Copy + Eq>(
    index: &mut HashMap<T, SmallVec<[K; 2]>>,
    key: T,
    instance: K,
) {
    if let Some(instances) = index.get_mut(&key) {
        instances.retain(|other| *other != instance);
        if instances.is_empty() {
            index.remove(&key);
        }
    }
}

/// Route distinguisher → instances that hold routes with it, and how many.
#[derive(Debug)]
pub(super) struct Holders<K>(HashMap<RouteDistinguisher, SmallVec<[(K, u32); 1]>>);

impl<K> Default for Holders<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Copy + Eq> Holders<K> {
    pub(super) fn add(&mut self, rd: RouteDistinguisher, instance: K) {
        let instances = self.0.entry(rd).or_default();
        match instances.iter_mut().find(|(other, _)| *other == instance) {
            Some((_, routes)) => *routes += 1,
            None => instances.push((instance, 1)),
        }
    }

    pub(super) fn remove(&mut self, rd: RouteDistinguisher, instance: K) {
        let Some(instances) = self.0.get_mut(&rd) else { return };
        if let Some((_, routes)) = instances.iter_mut().find(|(other, _)| *other == instance) {
            *routes = routes.saturating_sub(1);
        }
        instances.retain(|(_, routes)| *routes > 0);
        if instances.is_empty() {
            self.0.remove(&rd);
        }
    }

    pub(super) fn of(&self, rd: RouteDistinguisher) -> Few<K> {
        if self.0.is_empty() {
            return Few::new();
        }
        self.0.get(&rd).into_iter().flatten().map(|(instance, _)| *instance).collect()
    }

    /// Octets allocated.
    pub(super) fn bytes(&self) -> usize {
        self.0.allocation_size() + self.0.values().map(spilled).sum::<usize>()
    }

    /// How many route distinguishers are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// False if the communities say that the route is for other encapsulations only.
pub(super) fn is_for_vxlan(communities: &[ExtendedCommunity]) -> bool {
    let mut encapsulations =
        communities.iter().filter_map(|community| community.as_encapsulation()).peekable();
    encapsulations.peek().is_none() || encapsulations.any(|tunnel| tunnel == ENCAPSULATION_VXLAN)
}

/// The route targets among the communities.
pub(super) fn route_targets(communities: &[ExtendedCommunity]) -> SmallVec<[RouteTarget; 2]> {
    communities.iter().filter_map(|community| RouteTarget::from_community(*community)).collect()
}

/// Sequence number and flags that a type-2 route carries in its communities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct MacIpFlags {
    pub(super) sequence: u32,
    pub(super) sticky: bool,
    pub(super) gateway: bool,
    /// RFC 9047's router flag.
    pub(super) router: bool,
}

impl MacIpFlags {
    /// Of several MAC Mobility communities the first counts (rfc7432bis §7.14.2).
    pub(super) fn of(communities: &[ExtendedCommunity]) -> Self {
        let mobility =
            communities.iter().find_map(|community| community.as_mac_mobility()).unwrap_or_default();
        let nd = communities.iter().find_map(|community| match community.0 {
            [0x06, 0x08, flags, ..] => Some(flags),
            _ => None,
        });
        Self {
            sequence: mobility.sequence,
            sticky: mobility.sticky,
            gateway: communities.iter().any(|community| community.is_default_gateway()),
            router: nd.is_some_and(|flags| flags & 1 == 1),
        }
    }
}
