//! What of a unicast route goes out as a prefix route (type 5) of EVPN: the NLRI and the
//! attributes (RFC 9136 §3, §4.4.1; RFC 10039 §4, D-PATH). Whether it goes out is said in
//! `table`.

use super::{aggregate::Summary, import};
use crate::wire::{
    AttributeSet,
    attribute::{DPath, IsfSafi, Origin, PathDomain},
};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use weft_evpn::{
    DomainId, Esi, EthernetTag, ExtendedCommunity, RouteDistinguisher,
    engine::VrfActive,
    nlri::{EvpnRoute, IpPrefix},
};

/// A prefix route of ours, as it is advertised into one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixRoute {
    /// The NLRI.
    pub route: IpPrefix,
    /// Its attributes.
    pub attributes: AttributeSet,
    /// Why it is advertised.
    pub kind: ExportKind,
}

/// Why a prefix goes into a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportKind {
    /// It is a route of the IP-VRF: its own, or of a CE neighbour.
    Route,
    /// It came from this other domain.
    Domain(DomainId),
    /// The subnet of a gateway.
    Subnet,
    /// An aggregate.
    Aggregate,
    /// `default-originate`.
    Default,
}

/// A route that may go into a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub attributes: AttributeSet,
    pub gateway: Option<IpAddr>,
    pub kind: ExportKind,
}

impl Candidate {
    /// With nothing but an ORIGIN.
    pub fn plain(kind: ExportKind) -> Self {
        let attributes = AttributeSet { origin: Origin::Igp, ..AttributeSet::default() };
        Self { attributes, gateway: None, kind }
    }

    /// An aggregate carries nothing of its contributors but the worst ORIGIN, whether paths
    /// were shortened, and the domains.
    pub fn aggregate(summary: &Summary) -> Self {
        let passed = |&domain: &DomainId| PathDomain { domain, isf_safi: IsfSafi::Evpn };
        let d_path = DPath::from_domains(summary.domains.iter().map(passed));
        let attributes = AttributeSet {
            origin: summary.origin,
            atomic_aggregate: summary.atomic,
            d_path,
            ..AttributeSet::default()
        };
        Self { attributes, gateway: None, kind: ExportKind::Aggregate }
    }
}

/// The domains that a route from EVPN has come through when it leaves `domain`.
pub(super) fn leave(set: &mut AttributeSet, domain: DomainId) {
    match &mut set.d_path {
        Some(path) => path.prepend(domain, IsfSafi::Evpn),
        none => *none = Some(DPath::new(domain, IsfSafi::Evpn)),
    }
}

/// The prefix route of a candidate.
pub(super) fn prefix_route(
    active: &VrfActive,
    rd: RouteDistinguisher,
    prefix: IpNet,
    candidate: Candidate,
) -> PrefixRoute {
    let Candidate { attributes: mut set, gateway, kind } = candidate;
    import::strip(&mut set);
    set.next_hop = Some(active.vtep);
    // It is originated anew: who reflected it elsewhere does not matter here.
    set.originator_id = None;
    set.cluster_list.clear();
    let rest = std::mem::take(&mut set.ext_communities);
    let targets = active.export.iter().map(|target| target.community());
    let own = [ExtendedCommunity::ENCAPSULATION_VXLAN, ExtendedCommunity::router_mac(active.router_mac)];
    set.ext_communities = targets.chain(own).chain(rest).collect();
    let none: IpAddr = match prefix {
        IpNet::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpNet::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let route = IpPrefix {
        rd,
        esi: Esi::ZERO,
        ethernet_tag: EthernetTag::default(),
        prefix,
        gateway: gateway.filter(|gateway| gateway.is_ipv4() == none.is_ipv4()).unwrap_or(none),
        label: active.vni.to_label(),
    };
    PrefixRoute { route, attributes: set, kind }
}

impl PrefixRoute {
    /// The route in its general form.
    pub fn evpn(&self) -> EvpnRoute {
        EvpnRoute::IpPrefix(self.route)
    }
}
