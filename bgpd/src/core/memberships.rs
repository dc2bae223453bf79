//! What we ask our neighbours for (RFC 4684 §5): the route targets that MAC-VRFs and IP-VRFs
//! import, each for our AS.
//!
//! An import of `*:N` matches any AS, and other forms of route targets, too; no prefix of a membership
//! says that, since the AS stands before the number. So that nothing is missed, everything is asked
//! for then, unless the operator says whose derived route targets are meant (`auto-import as`).
//! What reflectors and borders ask for on behalf of others is the RIB's matter.

use super::Core;
use crate::{
    config::{self, Config},
    wire::{AttributeSet, Family, Membership},
};
use std::{collections::BTreeSet, time::Instant};
use tracing::{info, warn};
use weft_evpn::{RouteTarget, RouteTargetMatch};

/// What we ask for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memberships {
    asked: BTreeSet<Membership>,
    /// The imports of `*:N` for which everything is asked for.
    any_as: BTreeSet<u32>,
    /// The state of EVPN that this follows from; `None` if the configuration has changed.
    version: Option<u64>,
}

impl Memberships {
    /// The numbers N of the imports of `*:N` for which everything is asked for; none if it is not.
    pub fn any_as(&self) -> &BTreeSet<u32> {
        &self.any_as
    }

    /// The configuration has changed.
    pub(super) fn look_again(&mut self) {
        self.version = None;
    }
}

/// True if some neighbour outside of IP-VRFs is told what we ask for.
fn exchanges(config: &Config) -> bool {
    config.bgp.as_ref().is_some_and(|bgp| {
        let groups = bgp.peer_groups.values();
        let active = |settings: &config::NeighborSettings| settings.rtfilter.activate == Some(true);
        groups.chain(bgp.neighbors.values().map(|peer| &peer.settings)).any(active)
    })
}

/// What is asked for with these imports, and the imports that ask for everything.
fn wanted(
    asn: u32,
    imports: &BTreeSet<RouteTargetMatch>,
    auto_import_as: &BTreeSet<u32>,
) -> (BTreeSet<Membership>, BTreeSet<u32>) {
    let (mut asked, mut any_as) = (BTreeSet::new(), BTreeSet::new());
    for import in imports {
        match *import {
            RouteTargetMatch::Exact(target) => {
                asked.insert(Membership::exact(asn, target));
            }
            RouteTargetMatch::AnyAs(number) if auto_import_as.is_empty() => {
                any_as.insert(number);
            }
            RouteTargetMatch::AnyAs(number) => {
                // As they are derived: the low half of the AS.
                let targets = auto_import_as.iter().map(|asn| {
                    let [_, _, a, b] = asn.to_be_bytes();
                    RouteTarget::two_octet_as(u16::from_be_bytes([a, b]), number)
                });
                asked.extend(targets.map(|target| Membership::exact(asn, target)));
            }
        }
    }
    if !any_as.is_empty() {
        asked = BTreeSet::from([Membership::DEFAULT]);
    }
    (asked, any_as)
}

impl Core {
    /// What we ask for.
    pub fn memberships(&self) -> &Memberships {
        &self.memberships
    }

    /// Asks for what is imported now.
    pub(super) fn settle_memberships(&mut self, now: Instant) {
        let version = self.evpn.imports_version();
        if self.memberships.version == Some(version) {
            return;
        }
        self.memberships.version = Some(version);
        let (asked, any_as) = match &self.config.bgp {
            Some(bgp) if exchanges(&self.config) => {
                wanted(bgp.asn, &self.evpn.imports(), &bgp.rtfilter.auto_import_as)
            }
            _ => Default::default(),
        };
        let before = std::mem::take(&mut self.memberships.asked);
        for gone in before.difference(&asked) {
            if let Err(error) = self.rib.withdraw_local(Family::RtFilter, &gone.to_wire()) {
                warn!("a membership could not be withdrawn: {error}");
            }
        }
        for new in asked.difference(&before) {
            let attributes = AttributeSet::default();
            if let Err(error) = self.rib.originate(Family::RtFilter, &new.to_wire(), attributes, None, now) {
                warn!("a membership could not be originated: {error}");
            }
        }
        match (self.memberships.any_as.is_empty(), any_as.is_empty()) {
            (true, false) => warn!(
                "neighbors are asked for all EVPN routes, since an import of *:VNI takes those of any AS: \
                 name the route targets, or say `auto-import as ASN` in `address-family rtfilter unicast`"
            ),
            (false, true) => info!("neighbors are asked only for the EVPN routes that are imported"),
            _ => {}
        }
        (self.memberships.asked, self.memberships.any_as) = (asked, any_as);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(texts: &[&str]) -> BTreeSet<RouteTargetMatch> {
        texts.iter().map(|text| text.parse().expect("an import")).collect()
    }

    fn asked(texts: &[&str], ases: &[u32]) -> Vec<String> {
        let (asked, _) = wanted(65_000, &imports(texts), &ases.iter().copied().collect());
        asked.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn named_targets_are_asked_for() {
        assert_eq!(asked(&["65000:10", "70000:7"], &[]), ["65000:65000:10", "65000:70000:7"]);
        assert_eq!(asked(&[], &[]), [""; 0]);
    }

    #[test]
    fn an_import_of_any_as_asks_for_everything_unless_it_is_said_whose_are_meant() {
        assert_eq!(asked(&["65000:10", "*:20"], &[]), ["default"]);
        assert_eq!(wanted(1, &imports(&["*:20"]), &BTreeSet::new()).1, BTreeSet::from([20]));
        assert_eq!(
            asked(&["65000:10", "*:20"], &[65_000, 4_200_065_001]),
            ["65000:59369:20", "65000:65000:10", "65000:65000:20"]
        );
    }
}
