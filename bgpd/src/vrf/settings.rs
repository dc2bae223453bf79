//! What is configured of the table of an IP-VRF. Whole and at once: the table finds out what is
//! different from before.

use crate::rib::{PolicyRef, RibSettings};
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};
use weft_evpn::{DomainId, vrf::LocalRouteKind};

/// As many equal paths are used at once, unless `maximum-paths` says otherwise.
pub const DEFAULT_MAXIMUM_PATHS: u16 = 64;

/// `advertise ipv4|ipv6 unicast [gateway-ip] [route-map X]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Advertise {
    /// Judges what goes out, by the unicast route (its prefix and attributes).
    pub policy: Option<PolicyRef>,
    /// The next hop of a route becomes its overlay index (RFC 9136 §4.1).
    pub gateway_ip: bool,
}

/// `aggregate-address P [summary-only] [route-map X]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AggregateSettings {
    /// Covered routes are held back.
    pub summary_only: bool,
    /// Sets attributes of the aggregate, or denies it.
    pub policy: Option<PolicyRef>,
}

/// One address family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilySettings {
    /// `redistribute KIND [route-map X]`.
    pub redistribute: BTreeMap<LocalRouteKind, Option<PolicyRef>>,
    /// `network P [route-map X]`.
    pub networks: BTreeMap<IpNet, Option<PolicyRef>>,
    /// `aggregate-address`.
    pub aggregates: BTreeMap<IpNet, AggregateSettings>,
    /// Absent: no route of ours or of a CE neighbour goes into EVPN but the gateways' subnets
    /// and the default route. What other domains gave goes on all the same.
    pub advertise: Option<Advertise>,
    /// `default-originate`: a default route into every domain.
    pub default_originate: bool,
    /// `maximum-paths`: how many equal paths are used at once if they came by eBGP, at least 1.
    pub maximum_paths: u16,
    /// `maximum-paths ibgp`: the same for others, those from EVPN by iBGP among them.
    pub maximum_paths_ibgp: u16,
}

impl Default for FamilySettings {
    /// Nothing configured.
    fn default() -> Self {
        Self {
            redistribute: BTreeMap::new(),
            networks: BTreeMap::new(),
            aggregates: BTreeMap::new(),
            advertise: None,
            default_originate: false,
            maximum_paths: DEFAULT_MAXIMUM_PATHS,
            maximum_paths_ibgp: DEFAULT_MAXIMUM_PATHS,
        }
    }
}

/// The whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VrfSettings {
    /// For the CE neighbours; `import` is set by the table.
    pub rib: RibSettings,
    /// Our own domain.
    pub domain: DomainId,
    /// The other domains that we have neighbours in.
    pub other_domains: Vec<DomainId>,
    /// The subnets of the IP-VRF's gateways: always advertised into our own domain (RFC 9135
    /// §5.3), so that traffic to silent hosts finds who gleans.
    pub gateway_subnets: BTreeSet<IpNet>,
    /// IPv4.
    pub ipv4: FamilySettings,
    /// IPv6.
    pub ipv6: FamilySettings,
}

impl VrfSettings {
    /// Nothing configured, for a speaker with this AS and identifier.
    pub fn new(asn: u32, router_id: Ipv4Addr) -> Self {
        Self {
            rib: RibSettings { import: true, ..RibSettings::new(asn, router_id) },
            domain: DomainId::default(),
            other_domains: Vec::new(),
            gateway_subnets: BTreeSet::new(),
            ipv4: FamilySettings::default(),
            ipv6: FamilySettings::default(),
        }
    }

    /// The family of a prefix.
    pub fn family(&self, prefix: &IpNet) -> &FamilySettings {
        match prefix {
            IpNet::V4(_) => &self.ipv4,
            IpNet::V6(_) => &self.ipv6,
        }
    }

    /// The family of a prefix.
    pub fn family_mut(&mut self, prefix: &IpNet) -> &mut FamilySettings {
        match prefix {
            IpNet::V4(_) => &mut self.ipv4,
            IpNet::V6(_) => &mut self.ipv6,
        }
    }

    /// Every domain, our own first.
    pub fn domains(&self) -> impl Iterator<Item = DomainId> {
        std::iter::once(self.domain).chain(self.other_domains.iter().copied())
    }
}
