//! Which MAC-VRFs take a route: an index from route targets to VNIs, and one from route
//! distinguishers to the VNIs that hold routes of them, as a withdrawal carries no route
//! target. So neither a route nor a new VNI walks anything.
//!
//! A route's encapsulations decide whether it is for VXLAN at all (RFC 8365 §5.1.3): none
//! means VXLAN, others without VXLAN among them mean that it is not for us.

use crate::{ExtendedCommunity, RouteDistinguisher, RouteTarget, RouteTargetMatch, Vni};
use hashbrown::HashMap;
use smallvec::SmallVec;

/// RFC 9012's tunnel type VXLAN.
const ENCAPSULATION_VXLAN: u16 = 8;

/// A few VNIs.
pub(super) type Vnis = SmallVec<[Vni; 4]>;

/// Route target → VNIs that import it.
#[derive(Debug, Default)]
pub(super) struct ImportIndex {
    exact: HashMap<RouteTarget, SmallVec<[Vni; 2]>>,
    any_as: HashMap<u32, SmallVec<[Vni; 2]>>,
}

impl ImportIndex {
    pub(super) fn add(&mut self, vni: Vni, import: &[RouteTargetMatch]) {
        for wanted in import {
            let vnis = match *wanted {
                RouteTargetMatch::Exact(target) => self.exact.entry(target).or_default(),
                RouteTargetMatch::AnyAs(number) => self.any_as.entry(number).or_default(),
            };
            if !vnis.contains(&vni) {
                vnis.push(vni);
            }
        }
    }

    pub(super) fn remove(&mut self, vni: Vni, import: &[RouteTargetMatch]) {
        for wanted in import {
            match *wanted {
                RouteTargetMatch::Exact(target) => forget(&mut self.exact, target, vni),
                RouteTargetMatch::AnyAs(number) => forget(&mut self.any_as, number, vni),
            }
        }
    }

    /// The VNIs that import a route with these targets, each once.
    pub(super) fn importers(&self, targets: &[RouteTarget]) -> Vnis {
        let mut all = Vnis::new();
        for target in targets {
            let exact = self.exact.get(target).into_iter().flatten();
            let any_as = self.any_as.get(&target.local_part()).into_iter().flatten();
            for vni in exact.chain(any_as) {
                if !all.contains(vni) {
                    all.push(*vni);
                }
            }
        }
        all
    }
}

fn forget<K: Eq + std::hash::Hash>(index: &mut HashMap<K, SmallVec<[Vni; 2]>>, key: K, vni: Vni) {
    if let Some(vnis) = index.get_mut(&key) {
        vnis.retain(|other| *other != vni);
        if vnis.is_empty() {
            index.remove(&key);
        }
    }
}

/// Route distinguisher → VNIs that hold routes with it, and how many.
#[derive(Debug, Default)]
pub(super) struct Holders(HashMap<RouteDistinguisher, SmallVec<[(Vni, u32); 1]>>);

impl Holders {
    pub(super) fn add(&mut self, rd: RouteDistinguisher, vni: Vni) {
        let vnis = self.0.entry(rd).or_default();
        match vnis.iter_mut().find(|(other, _)| *other == vni) {
            Some((_, routes)) => *routes += 1,
            None => vnis.push((vni, 1)),
        }
    }

    pub(super) fn remove(&mut self, rd: RouteDistinguisher, vni: Vni) {
        let Some(vnis) = self.0.get_mut(&rd) else { return };
        if let Some((_, routes)) = vnis.iter_mut().find(|(other, _)| *other == vni) {
            *routes = routes.saturating_sub(1);
        }
        vnis.retain(|(_, routes)| *routes > 0);
        if vnis.is_empty() {
            self.0.remove(&rd);
        }
    }

    pub(super) fn of(&self, rd: RouteDistinguisher) -> Vnis {
        self.0.get(&rd).into_iter().flatten().map(|(vni, _)| *vni).collect()
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
