//! What of a table may go into a domain, and as what: the best route of a prefix, the subnet of
//! a gateway, an aggregate, a default route; and what an aggregate holds back. Questions only,
//! nothing changes here.

use super::{
    aggregate::Summary,
    export::{Candidate, ExportKind, PrefixRoute, leave, prefix_route},
    forward::Tables,
    import::AGGREGATE,
    local::judge,
    prefixes::supernets,
    settings::AggregateSettings,
    table::VrfTable,
};
use crate::peer::PeerKind;
use crate::rib::{BestPath, PathSource};
use crate::wire::{AttributeSet, unicast};
use ipnet::IpNet;
use weft_evpn::{DomainId, RouteDistinguisher, engine::VrfActive};

/// NO_ADVERTISE (RFC 1997).
const NO_ADVERTISE: u32 = 0xffff_ff02;

impl VrfTable {
    /// By longest match the aggregate would not draw the traffic to a prefix in this domain,
    /// which has something between the two, or the prefix itself.
    pub(super) fn is_exempt(&self, prefix: IpNet, aggregate: IpNet, domain: DomainId) -> bool {
        std::iter::once(prefix)
            .chain(supernets(prefix))
            .take_while(|between| between.prefix_len() > aggregate.prefix_len())
            .any(|between| self.imports.is_known(domain, &between))
    }

    /// What is configured of an aggregate.
    pub(super) fn aggregate_settings(&self, prefix: &IpNet) -> Option<&AggregateSettings> {
        self.settings.family(prefix).aggregates.get(prefix)
    }

    /// How an aggregate goes into a domain, if it does.
    pub(super) fn aggregate(&self, prefix: &IpNet, domain: DomainId) -> Option<Candidate> {
        if !self.aggregates.is_announced(*prefix, domain) {
            return None;
        }
        let summary = Summary::of(self.aggregates.summaries(*prefix, domain));
        let candidate = Candidate::aggregate(&summary);
        let policy = self.aggregate_settings(prefix)?.policy.as_ref();
        let attributes = judge(policy, prefix, candidate.attributes)?;
        Some(Candidate { attributes, ..candidate })
    }

    /// The aggregate that holds a prefix, which could go into a domain, back from it.
    pub(super) fn held_back_by(&self, prefix: &IpNet, domain: DomainId) -> Option<IpNet> {
        let longest = self.aggregates.covering(*prefix).next()?;
        if self.is_exempt(*prefix, longest, domain) {
            return None;
        }
        // One that its policy denies holds nothing back.
        self.aggregates.covering(*prefix).find(|aggregate| {
            self.aggregate_settings(aggregate).is_some_and(|settings| settings.summary_only)
                && self.aggregate(aggregate, domain).is_some()
        })
    }

    pub(super) fn tables(&self) -> Tables<'_> {
        let subnets = &self.settings.gateway_subnets;
        Tables { rib: &self.rib, imports: &self.imports, locals: &self.locals, subnets }
    }

    /// The best path of a prefix and those as good, as many as may be used together.
    pub fn paths(&self, prefix: &IpNet) -> Vec<BestPath> {
        let family = self.settings.family(prefix);
        let (external, internal) = (family.maximum_paths, family.maximum_paths_ibgp);
        let most = usize::from(external.max(internal));
        let mut paths = self.rib.multipath(unicast::family(prefix), &unicast::key(prefix), most);
        if external != internal {
            // Paths are as good only if all came by eBGP, or none did.
            let is_external = paths.first().is_some_and(|best| self.is_external(prefix, best));
            paths.truncate(usize::from(if is_external { external } else { internal }));
        }
        paths
    }

    fn is_external(&self, prefix: &IpNet, path: &BestPath) -> bool {
        match path.source {
            PathSource::Local => false,
            PathSource::Peer(id) => self.rib.peer(id).is_some_and(|peer| peer.kind == PeerKind::External),
            PathSource::Import(id) => self.imports.get(prefix, id).is_some_and(|path| path.external),
        }
    }

    /// The best route of a prefix, if it may go into a domain.
    fn candidate(&self, prefix: &IpNet, domain: DomainId, paths: &[BestPath]) -> Option<Candidate> {
        let best = paths.first()?;
        let advertise = self.settings.family(prefix).advertise.as_ref();
        let mut gateway = None;
        let kind = match best.source {
            PathSource::Import(AGGREGATE) => return None,
            PathSource::Import(_) => {
                let from = best.domain?;
                let passed = best.attributes.d_path.as_ref().is_some_and(|path| path.contains(domain));
                if from == domain || passed {
                    return None;
                }
                ExportKind::Domain(from)
            }
            PathSource::Local => {
                gateway = best.attributes.next_hop.filter(|_| advertise.is_some_and(|line| line.gateway_ip));
                advertise.map(|_| ExportKind::Route)?
            }
            PathSource::Peer(_) => {
                let next_hop = best.attributes.next_hop?;
                if self.tables().resolve(next_hop).is_empty() {
                    return None;
                }
                gateway = Some(next_hop).filter(|_| advertise.is_some_and(|line| line.gateway_ip));
                advertise.map(|_| ExportKind::Route)?
            }
        };
        if best.attributes.communities.contains(&NO_ADVERTISE) {
            return None;
        }
        let policy = advertise.and_then(|line| line.policy.as_ref());
        let mut attributes = judge(policy, prefix, AttributeSet::clone(&best.attributes))?;
        if matches!(kind, ExportKind::Route)
            && let Some(policy) = policy
        {
            // `set evpn gateway-ip` goes before what `gateway-ip` takes from the route.
            let (family, nlri) = (unicast::family(prefix), unicast::nlri(prefix));
            gateway = policy.gateway(family, &nlri, &best.attributes).or(gateway);
        }
        match kind {
            ExportKind::Domain(from) => leave(&mut attributes, from),
            _ => attributes.d_path = None,
        }
        Some(Candidate { attributes, gateway, kind })
    }

    /// The same, and the subnets of gateways.
    pub(super) fn exportable(
        &self,
        prefix: &IpNet,
        domain: DomainId,
        paths: &[BestPath],
    ) -> Option<Candidate> {
        self.candidate(prefix, domain, paths).or_else(|| {
            let subnet = domain == self.settings.domain && self.settings.gateway_subnets.contains(prefix);
            subnet.then(|| Candidate::plain(ExportKind::Subnet))
        })
    }

    /// What goes into a domain of a prefix.
    pub(super) fn wanted(
        &self,
        active: &VrfActive,
        rd: RouteDistinguisher,
        prefix: &IpNet,
        domain: DomainId,
        paths: &[BestPath],
    ) -> Option<PrefixRoute> {
        let is_subnet = domain == self.settings.domain && self.settings.gateway_subnets.contains(prefix);
        let candidate = self
            .aggregate(prefix, domain)
            .or_else(|| {
                let candidate = self.exportable(prefix, domain, paths)?;
                (is_subnet || self.held_back_by(prefix, domain).is_none()).then_some(candidate)
            })
            .or_else(|| {
                let originated = prefix.prefix_len() == 0 && self.settings.family(prefix).default_originate;
                originated.then(|| Candidate::plain(ExportKind::Default))
            })?;
        Some(prefix_route(active, rd, *prefix, candidate))
    }

    /// Our RD in a domain.
    pub(super) fn rd(&self, active: &VrfActive, domain: DomainId) -> Option<RouteDistinguisher> {
        if domain == self.settings.domain {
            return Some(active.rd);
        }
        active.domain_rds.iter().find(|(of, _)| *of == domain).map(|(_, rd)| *rd)
    }
}
