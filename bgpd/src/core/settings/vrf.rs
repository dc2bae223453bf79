//! What the configuration asks of the table of an IP-VRF and of the neighbours in it.

use super::{Instance, NoRouterId, PeersByKey, SystemFacts, bestpath, router_id};
use crate::{
    config::{self, Aggregate, BgpVrf, Config, RedistributeSource, Unicast, VrfEvpn},
    peer::ListenRange,
    policy::Policies,
    rib::RibSettings,
    vrf::{Advertise, AggregateSettings, DEFAULT_MAXIMUM_PATHS, FamilySettings, VrfSettings},
};
use std::{collections::BTreeMap, net::Ipv4Addr};
use weft_evpn::{VrfName, vrf::LocalRouteKind};

fn vrf_router_id(config: &Config, bgp: &BgpVrf, facts: &SystemFacts) -> Result<Ipv4Addr, NoRouterId> {
    let global = config.bgp.as_ref().and_then(|bgp| bgp.router_id);
    bgp.router_id.or(global).or(facts.router_id).ok_or(NoRouterId)
}

fn instances<'a>(
    config: &'a Config,
    facts: &'a SystemFacts,
    policies: &'a Policies,
) -> impl Iterator<Item = Result<Instance<'a, VrfEvpn>, NoRouterId>> {
    config.bgp_vrfs.iter().map(move |(name, bgp)| {
        let router_id = vrf_router_id(config, bgp, facts)?;
        let vrf = Some(VrfName::from(name.as_str()));
        Ok(Instance { config, bgp, router_id, facts, policies, vrf })
    })
}

/// Every neighbour with a `remote-as` in an IP-VRF.
pub(super) fn peers(
    config: &Config,
    facts: &SystemFacts,
    policies: &Policies,
) -> Result<PeersByKey, NoRouterId> {
    let mut all = PeersByKey::new();
    for instance in instances(config, facts, policies) {
        all.extend(instance?.peers().map(|peer| (peer.key(), peer)));
    }
    Ok(all)
}

/// Every `bgp listen range` in an IP-VRF.
pub(super) fn listen_ranges(
    config: &Config,
    facts: &SystemFacts,
    policies: &Policies,
) -> Result<Vec<ListenRange>, NoRouterId> {
    let mut all = Vec::new();
    for instance in instances(config, facts, policies) {
        all.extend(instance?.listen_ranges());
    }
    Ok(all)
}

/// What is configured of each IP-VRF's table.
pub fn vrfs(
    config: &Config,
    facts: &SystemFacts,
    policies: &Policies,
) -> Result<BTreeMap<VrfName, VrfSettings>, NoRouterId> {
    let mut all = BTreeMap::new();
    // Without `router bgp` nobody speaks EVPN.
    let Some(global) = &config.bgp else { return Ok(all) };
    let own_domain = super::own_domain(global);
    for name in super::vrf_names(config) {
        let instance = config.bgp_vrfs.get(name);
        let (asn, router_id) = match instance {
            Some(bgp) => (bgp.asn, vrf_router_id(config, bgp, facts)?),
            None => (global.asn, router_id(global, facts)?),
        };
        let mut settings = VrfSettings::new(asn, router_id);
        settings.domain = own_domain;
        settings.other_domains = super::other_domains(global, own_domain);
        settings.gateway_subnets = gateway_subnets(config, name);
        if let Some(bgp) = instance {
            settings.rib = RibSettings {
                import: true,
                cluster_id: bgp.cluster_id.unwrap_or(router_id),
                bestpath: bestpath(&bgp.best_path),
                default_local_pref: bgp.default_local_preference.unwrap_or(100),
                ..RibSettings::new(asn, router_id)
            };
            let evpn = &bgp.evpn;
            settings.ipv4 =
                family(&bgp.ipv4, evpn.advertise_ipv4.as_ref(), evpn.default_originate_ipv4, policies);
            settings.ipv6 =
                family(&bgp.ipv6, evpn.advertise_ipv6.as_ref(), evpn.default_originate_ipv6, policies);
        }
        all.insert(VrfName::from(name), settings);
    }
    Ok(all)
}

/// The subnets of the gateways that bridge domains of this IP-VRF have.
fn gateway_subnets(config: &Config, vrf: &str) -> std::collections::BTreeSet<ipnet::IpNet> {
    let domains = config.bridge_domains.values().filter(|domain| domain.vrf.as_deref() == Some(vrf));
    domains.flat_map(|domain| domain.gateways.iter()).map(ipnet::IpNet::trunc).collect()
}

fn family(
    unicast: &Unicast,
    advertise: Option<&config::Advertise>,
    default_originate: bool,
    policies: &Policies,
) -> FamilySettings {
    let map = |name: &Option<String>| name.as_deref().map(|name| policies.route_map(name));
    let aggregate = |aggregate: &Aggregate| AggregateSettings {
        summary_only: aggregate.summary_only,
        policy: map(&aggregate.route_map),
    };
    FamilySettings {
        redistribute: unicast
            .redistribute
            .iter()
            .map(|(source, redistribute)| (kind(*source), map(&redistribute.route_map)))
            .collect(),
        networks: unicast
            .networks
            .iter()
            .map(|(prefix, network)| (*prefix, map(&network.route_map)))
            .collect(),
        aggregates: unicast.aggregates.iter().map(|(prefix, line)| (*prefix, aggregate(line))).collect(),
        advertise: advertise.map(|advertise| Advertise {
            policy: map(&advertise.route_map),
            gateway_ip: advertise.gateway_ip,
        }),
        default_originate,
        maximum_paths: unicast.maximum_paths.unwrap_or(DEFAULT_MAXIMUM_PATHS),
        maximum_paths_ibgp: unicast.maximum_paths_ibgp.unwrap_or(DEFAULT_MAXIMUM_PATHS),
    }
}

fn kind(source: RedistributeSource) -> LocalRouteKind {
    match source {
        RedistributeSource::Connected => LocalRouteKind::Connected,
        RedistributeSource::Static => LocalRouteKind::Static,
        RedistributeSource::Kernel => LocalRouteKind::Kernel,
    }
}
