//! What shows read of a table. Nothing here changes it.

use super::{
    export::PrefixRoute,
    import::EvpnPath,
    settings::VrfSettings,
    table::{Said, VrfTable},
};
use crate::rib::ImportId;
use ipnet::IpNet;
use std::time::Instant;
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
    /// How many prefixes contribute.
    pub contributors: usize,
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

/// A prefix that does not go into a domain because of an aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldBack {
    /// The prefix.
    pub prefix: IpNet,
    /// The aggregate.
    pub aggregate: IpNet,
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

    /// The routes that the kernel's table should have, its own among them, in order.
    pub fn table_routes(&self) -> Vec<TableRoute<'_>> {
        let mut prefixes: Vec<IpNet> = self.locals.keys().copied().collect();
        prefixes
            .extend(self.routes.iter().filter(|(_, said)| said.forward.is_some()).map(|(prefix, _)| prefix));
        prefixes.sort_unstable();
        prefixes.dedup();
        prefixes.into_iter().map(|prefix| self.table_route(prefix)).collect()
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

    /// The prefixes that came in from a domain.
    pub fn from_domain(&self, domain: DomainId) -> impl Iterator<Item = &IpNet> {
        self.imports.known_in(domain)
    }

    /// The aggregates.
    pub fn aggregates(&self) -> Vec<AggregateView> {
        let view = |prefix: IpNet, domain: DomainId| ContributorsView {
            domain,
            active: self.aggregates.is_announced(prefix, domain),
            lingers_until: self.aggregates.lingers_until(prefix, domain),
            contributors: self.aggregates.contributors(prefix, domain).count(),
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

    /// What aggregates hold back from a domain.
    pub fn held_back(&self, domain: DomainId) -> Vec<HeldBack> {
        let mut held: Vec<HeldBack> = self
            .aggregates
            .aggregates()
            .filter(|(_, summary_only)| *summary_only)
            .flat_map(|(aggregate, _)| self.aggregates.contributors(aggregate, domain))
            .filter(|(prefix, _)| self.sent_route(prefix, domain).is_none())
            .filter_map(|(prefix, _)| {
                Some(HeldBack { prefix, aggregate: self.held_back_by(&prefix, domain)? })
            })
            .collect();
        held.sort_unstable_by_key(|held| held.prefix);
        held.dedup();
        held
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
