//! What shows read of a table. Nothing here changes it.

use super::{
    export::{ExportKind, PrefixRoute},
    import::EvpnPath,
    settings::VrfSettings,
    table::{Said, VrfTable},
};
use crate::rib::ImportId;
use crate::wire::Family;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use smallvec::SmallVec;
use std::{ops::Bound, time::Instant};
use weft_evpn::{
    DomainId,
    engine::{VrfActive, VrfPathSource},
    forwarding::VrfForward,
    vrf::LocalRoute,
};

/// A route of the IP-VRF's kernel table: its own, or ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableRoute<'a> {
    /// The prefix.
    pub prefix: IpNet,
    /// The kernel's own; it goes before ours.
    pub local: Option<&'a LocalRoute>,
    /// Ours.
    pub forward: Option<&'a VrfForward>,
}

/// An aggregate in one domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContributorsView {
    /// The domain.
    pub domain: DomainId,
    /// It is advertised there, unless its policy denies it.
    pub active: bool,
    /// It has no contributor left and ends then.
    pub lingers_until: Option<Instant>,
}

/// An aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AggregateView {
    /// The prefix.
    pub prefix: IpNet,
    /// Contributors are held back.
    pub summary_only: bool,
    /// Each domain.
    pub domains: Vec<ContributorsView>,
}

/// What crosses between a domain and the table of a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// The prefix.
    pub prefix: IpNet,
    /// It came in from there.
    pub came_in: bool,
    /// It was sent there, and why.
    pub sent: Option<ExportKind>,
    /// It was not, because of this aggregate.
    pub held_back: Option<IpNet>,
    /// The aggregates that it contributes to there.
    pub contributes_to: SmallVec<[IpNet; 1]>,
}

/// The prefixes of a family behind this one.
fn behind_in(behind: Option<IpNet>, family: Family) -> (Bound<IpNet>, Bound<IpNet>) {
    // IPv4 comes before IPv6, and of each the default route first.
    let (ipv4, ipv6) = (IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default()));
    let (first, end) = match family {
        Family::Ipv6Unicast => (ipv6, Bound::Unbounded),
        _ => (ipv4, Bound::Excluded(ipv6)),
    };
    (behind.map_or(Bound::Included(first), Bound::Excluded), end)
}

/// The first so many of two that are in order, each once.
fn next_of(a: impl Iterator<Item = IpNet>, b: impl Iterator<Item = IpNet>, most: usize) -> Vec<IpNet> {
    let mut all: Vec<IpNet> = a.take(most).chain(b.take(most)).collect();
    all.sort_unstable();
    all.dedup();
    all.truncate(most);
    all
}

impl VrfTable {
    /// What is configured.
    pub fn settings(&self) -> &VrfSettings {
        &self.settings
    }

    /// What the prefix routes carry.
    pub fn active(&self) -> Option<&VrfActive> {
        self.active.as_ref()
    }

    /// The next prefixes of a family behind one, in order, that `table_route` may know something
    /// of: so many, fewer only at the end.
    pub fn prefixes_behind(&self, behind: Option<IpNet>, family: Family, most: usize) -> Vec<IpNet> {
        let range = behind_in(behind, family);
        next_of(self.locals.range(range).map(|(prefix, _)| *prefix), self.prefixes_in(range), most)
    }

    fn prefixes_in(&self, range: (Bound<IpNet>, Bound<IpNet>)) -> impl Iterator<Item = IpNet> {
        self.routes.range(range).map(|(prefix, _)| *prefix)
    }

    /// The route of one prefix.
    pub fn table_route(&self, prefix: IpNet) -> TableRoute<'_> {
        TableRoute {
            prefix,
            local: self.locals.get(&prefix),
            forward: self.routes.get(&prefix).and_then(|said| said.forward.as_ref()),
        }
    }

    /// The path behind an import of the RIB; `None` for an aggregate.
    pub fn import(&self, prefix: &IpNet, id: ImportId) -> Option<&EvpnPath> {
        self.imports.get(prefix, id)
    }

    /// All paths from EVPN.
    pub fn imports(&self) -> impl Iterator<Item = (&IpNet, &VrfPathSource, &EvpnPath)> {
        self.imports.iter()
    }

    /// The aggregates.
    pub fn aggregates(&self) -> Vec<AggregateView> {
        let view = |prefix: IpNet, domain: DomainId| ContributorsView {
            domain,
            active: self.aggregates.is_announced(prefix, domain),
            lingers_until: self.aggregates.lingers_until(prefix, domain),
        };
        self.aggregates
            .aggregates()
            .map(|(prefix, summary_only)| AggregateView {
                prefix,
                summary_only,
                domains: self.settings.domains().map(|domain| view(prefix, domain)).collect(),
            })
            .collect()
    }

    /// The next prefixes behind one, in order, that came in from a domain or of which something
    /// is said, and what crosses of them: so many, fewer only at the end.
    pub fn crossings(&self, domain: DomainId, behind: Option<IpNet>, most: usize) -> Vec<Crossing> {
        let range = (behind.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let known = self.imports.known_in(domain, range).copied();
        let prefixes = next_of(known, self.prefixes_in(range), most);
        prefixes.into_iter().map(|prefix| self.crossing(prefix, domain)).collect()
    }

    fn crossing(&self, prefix: IpNet, domain: DomainId) -> Crossing {
        let sent = self.sent_route(&prefix, domain).map(|route| route.kind);
        let contributes = self.aggregates.contributes(prefix, domain);
        Crossing {
            prefix,
            came_in: self.imports.is_known(domain, &prefix),
            sent,
            held_back: if contributes && sent.is_none() { self.held_back_by(&prefix, domain) } else { None },
            contributes_to: self.aggregates.covering(prefix).filter(|_| contributes).collect(),
        }
    }

    /// What was sent into a domain.
    pub fn sent(&self, domain: DomainId) -> impl Iterator<Item = &PrefixRoute> {
        let of = move |said: &'_ Said| said.sent.iter().position(|(of, _)| *of == domain);
        self.routes.values().filter_map(move |said| said.sent.get(of(said)?).map(|(_, route)| route))
    }

    /// What was sent of a prefix into a domain.
    pub fn sent_route(&self, prefix: &IpNet, domain: DomainId) -> Option<&PrefixRoute> {
        let sent = &self.routes.get(prefix)?.sent;
        sent.iter().find(|(of, _)| *of == domain).map(|(_, route)| route)
    }
}
