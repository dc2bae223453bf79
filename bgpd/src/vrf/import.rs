//! Paths that an IP-VRF has from EVPN: prefix routes, and the hosts of MAC/IP routes. They go
//! into the table's RIB as imports, stripped of what is EVPN's own; the router MAC, which a
//! unicast route has no attribute for, is kept here.
//!
//! EVPN says which of them count. One that is overruled does not (the host has moved on), so it
//! is no path of the RIB; but its domain has the prefix, which `is_known` tells.

use crate::rib::{ImportId, ImportInfo, Rib};
use crate::wire::{AttributeSet, unicast};
use ipnet::IpNet;
use smallvec::SmallVec;
use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv4Addr},
    ops::Bound,
    sync::Arc,
    time::Instant,
};
use tracing::error;
use weft_evpn::{
    DomainId, ExtendedCommunity,
    engine::{VrfPath, VrfPathSource},
    forwarding::VrfNextHop,
};

/// Names the aggregates among the imports.
pub(super) const AGGREGATE: ImportId = ImportId(0);

/// A path from EVPN, with what the decision process must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvpnPath {
    /// What EVPN says of it.
    pub path: VrfPath,
    /// The attributes of the EVPN route.
    pub attributes: Arc<AttributeSet>,
    /// The BGP identifier of the neighbour that sent it.
    pub router_id: Ipv4Addr,
    /// That neighbour is an eBGP one.
    pub external: bool,
}

#[derive(Debug)]
struct Held {
    id: ImportId,
    source: VrfPathSource,
    path: EvpnPath,
    in_rib: bool,
}

/// A number for each source, so that paths of one advertiser look alike everywhere.
#[derive(Debug, Default)]
struct Numbers {
    by_source: HashMap<VrfPathSource, (ImportId, u32)>,
    free: Vec<u32>,
    last: u32,
}

impl Numbers {
    fn hold(&mut self, source: VrfPathSource) -> ImportId {
        let Self { by_source, free, last } = self;
        let entry = by_source.entry(source).or_insert_with(|| {
            let number = free.pop().unwrap_or_else(|| {
                *last += 1;
                *last
            });
            (ImportId(number), 0)
        });
        entry.1 += 1;
        entry.0
    }

    fn release(&mut self, source: &VrfPathSource) {
        let Some((id, uses)) = self.by_source.get_mut(source) else { return };
        *uses = uses.saturating_sub(1);
        if *uses == 0 {
            self.free.push(id.0);
            self.by_source.remove(source);
        }
    }
}

/// All paths from EVPN.
#[derive(Debug, Default)]
pub(super) struct Imports {
    numbers: Numbers,
    paths: BTreeMap<IpNet, SmallVec<[Held; 1]>>,
    /// The prefixes that each domain has, and by how many paths.
    known: BTreeMap<DomainId, BTreeMap<IpNet, u32>>,
}

/// What changed with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Effect {
    /// Something did.
    pub changed: bool,
    /// A domain has the prefix that had it not, or the other way round.
    pub known: bool,
}

/// True for communities that say something about an EVPN route and not about the prefix.
pub(super) fn is_of_evpn(community: &ExtendedCommunity) -> bool {
    let [kind, ..] = community.0;
    kind & 0x3f == 0x06
        || community.as_route_target().is_some()
        || community.as_encapsulation().is_some()
        || community.is_default_gateway()
}

/// Takes out of a set what is EVPN's own.
pub(super) fn strip(set: &mut AttributeSet) {
    set.ext_communities.retain(|community| !is_of_evpn(community));
    set.ipv6_ext_communities.retain(|community| !matches!(community, [0 | 0x40, 2, ..]));
    set.pmsi = None;
    set.link_local_next_hop = None;
}

fn address(next_hop: VrfNextHop) -> IpAddr {
    match next_hop {
        VrfNextHop::Vtep { vtep, .. } => vtep,
        VrfNextHop::Gateway(gateway) => gateway,
    }
}

impl Imports {
    /// A path is there, is another, or (`None`) is gone.
    pub fn set(
        &mut self,
        rib: &mut Rib,
        prefix: IpNet,
        source: VrfPathSource,
        path: Option<EvpnPath>,
        now: Instant,
    ) -> Effect {
        let held = self.paths.entry(prefix).or_default();
        let at = held.iter().position(|held| held.source == source);
        let old_domain = at.and_then(|at| held.get(at)).map(|held| held.path.path.domain);
        let new_domain = path.as_ref().map(|path| path.path.domain);
        let mut changed = true;
        match (at.and_then(|at| held.get_mut(at)), path) {
            (Some(held), Some(path)) => {
                changed = held.path != path;
                if changed {
                    held.path = path;
                    // Written anew below.
                    held.in_rib = false;
                }
            }
            (None, Some(path)) => {
                let id = self.numbers.hold(source);
                held.push(Held { id, source, path, in_rib: false });
            }
            (Some(_), None) => {
                if let Some(gone) = at.map(|at| held.remove(at)) {
                    withdraw(rib, &prefix, gone.id);
                    self.numbers.release(&source);
                }
            }
            (None, None) => changed = false,
        }
        if changed {
            write(rib, &prefix, held, now);
        }
        if held.is_empty() {
            self.paths.remove(&prefix);
        }
        let mut known = false;
        if old_domain != new_domain {
            known |= old_domain.is_some_and(|domain| self.count(domain, prefix, false));
            known |= new_domain.is_some_and(|domain| self.count(domain, prefix, true));
        }
        Effect { changed, known }
    }

    /// Tells another RIB all that counts.
    pub fn write_again(&mut self, rib: &mut Rib, now: Instant) {
        for (prefix, held) in &mut self.paths {
            for held in held.iter_mut() {
                held.in_rib = false;
            }
            write(rib, prefix, held, now);
        }
    }

    /// One path more or less of a domain; true for the first and the last.
    fn count(&mut self, domain: DomainId, prefix: IpNet, more: bool) -> bool {
        let known = self.known.entry(domain).or_default();
        let paths = known.entry(prefix).or_insert(0);
        *paths = if more { *paths + 1 } else { paths.saturating_sub(1) };
        let (first, none) = (more && *paths == 1, *paths == 0);
        if none {
            known.remove(&prefix);
            if known.is_empty() {
                self.known.remove(&domain);
            }
        }
        first || none
    }

    /// Where an import leads.
    pub fn next_hop(&self, prefix: &IpNet, id: ImportId) -> Option<VrfNextHop> {
        self.get(prefix, id).map(|path| path.path.next_hop)
    }

    pub fn get(&self, prefix: &IpNet, id: ImportId) -> Option<&EvpnPath> {
        self.paths.get(prefix)?.iter().find(|held| held.id == id).map(|held| &held.path)
    }

    /// True if the domain has a path to this very prefix.
    pub fn is_known(&self, domain: DomainId, prefix: &IpNet) -> bool {
        self.known.get(&domain).is_some_and(|known| known.contains_key(prefix))
    }

    /// The prefixes that a domain has, in order.
    pub fn known_in(
        &self,
        domain: DomainId,
        range: (Bound<IpNet>, Bound<IpNet>),
    ) -> impl Iterator<Item = &IpNet> {
        let known = self.known.get(&domain);
        known.into_iter().flat_map(move |known| known.range(range)).map(|(prefix, _)| prefix)
    }

    /// All paths, in the order of their prefixes.
    pub fn iter(&self) -> impl Iterator<Item = (&IpNet, &VrfPathSource, &EvpnPath)> {
        self.paths
            .iter()
            .flat_map(|(prefix, held)| held.iter().map(move |held| (prefix, &held.source, &held.path)))
    }
}

/// Puts the paths that count into the RIB and takes the others out. One that is overruled does not
/// count, but its domain has the prefix.
fn write(rib: &mut Rib, prefix: &IpNet, held: &mut [Held], now: Instant) {
    for held in held {
        let counts = !held.path.path.overruled;
        if !counts {
            withdraw(rib, prefix, held.id);
        } else if !held.in_rib {
            let mut set = AttributeSet::clone(&held.path.attributes);
            strip(&mut set);
            set.next_hop = Some(address(held.path.path.next_hop));
            let info = ImportInfo {
                router_id: held.path.router_id,
                external: held.path.external,
                domain: held.path.path.domain,
            };
            let family = unicast::family(prefix);
            if let Err(failed) = rib.import(family, &unicast::nlri(prefix), held.id, set, info, now) {
                error!("{prefix}: not imported from EVPN: {failed}");
            }
        }
        held.in_rib = counts;
    }
}

fn withdraw(rib: &mut Rib, prefix: &IpNet, id: ImportId) {
    if let Err(failed) = rib.withdraw_import(unicast::family(prefix), &unicast::nlri(prefix), id) {
        error!("{prefix}: not taken back from EVPN: {failed}");
    }
}
