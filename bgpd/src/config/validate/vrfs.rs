//! IP-VRFs: VNIs, tables, gateways and aggregates that get in each other's way.

use super::{Problem, Subject};
use crate::config::model::Config;
use ipnet::IpNet;
use std::collections::BTreeMap;
use weft_evpn::{RouteDistinguisher, Vni};

/// Each L3VNI belongs to one IP-VRF, and is no L2VNI.
pub(super) fn l3vnis(config: &Config, problems: &mut Vec<Problem>) {
    let mut taken: BTreeMap<Vni, &String> = BTreeMap::new();
    let bridges = |vni: Vni| config.bridge_domains.iter().find(move |(_, domain)| domain.vni == Some(vni));
    for (name, vrf) in &config.vrfs {
        let Some(vni) = vrf.vni else { continue };
        let mut problem = |message: String| {
            problems.push(Problem { subject: Subject::VrfVni(name.clone()), message });
        };
        if let Some(other) = taken.insert(vni, name) {
            problem(format!("vni {vni} is vrf {other}'s already"));
        }
        if let Some((bridge, _)) = bridges(vni) {
            problem(format!(
                "vni {vni} is the L2VNI of bridge-domain {bridge}; an L3VNI needs a number of its own"
            ));
        }
        if config.bgp.as_ref().is_some_and(|bgp| bgp.evpn.vnis.contains_key(&vni)) {
            problem(format!("vni {vni} has a `vni {vni}` block, which makes it an L2VNI"));
        }
    }
}

/// Each routing table belongs to one IP-VRF.
pub(super) fn tables(config: &Config, problems: &mut Vec<Problem>) {
    let mut taken: BTreeMap<u32, &String> = BTreeMap::new();
    for (name, vrf) in &config.vrfs {
        let Some(table) = vrf.table else { continue };
        if let Some(other) = taken.insert(table, name) {
            let message = format!("table {table} is vrf {other}'s already");
            problems.push(Problem { subject: Subject::VrfTable(name.clone()), message });
        }
    }
}

/// Each route distinguisher belongs to one IP-VRF: a prefix that two tenants have would be one route.
pub(super) fn route_distinguishers(config: &Config, problems: &mut Vec<Problem>) {
    let mut taken: BTreeMap<RouteDistinguisher, &String> = BTreeMap::new();
    for (name, bgp) in &config.bgp_vrfs {
        let Some(rd) = bgp.evpn.rd else { continue };
        if let Some(other) = taken.insert(rd, name) {
            let message =
                format!("rd {rd} is vrf {other}'s already; prefixes that both have would be one route");
            problems.push(Problem { subject: Subject::BgpVrf(name.clone()), message });
        }
    }
}

/// Gateways are in an IP-VRF that there is, and no two of an IP-VRF overlap: there a packet would have two
/// ways. Several addresses in one subnet of one bridge have the same way.
pub(super) fn gateways(config: &Config, problems: &mut Vec<Problem>) {
    let mut by_vrf: BTreeMap<Option<&String>, Vec<(IpNet, &String, IpNet)>> = BTreeMap::new();
    for (name, domain) in &config.bridge_domains {
        let vrf = domain.vrf.as_ref();
        if let Some(vrf) = vrf.filter(|vrf| !config.vrfs.contains_key(*vrf)) {
            let message = format!("there is no vrf {vrf}: say `vrf {vrf}`");
            problems.push(Problem { subject: Subject::BridgeDomainVrf(name.clone()), message });
        }
        let gateways = domain.gateways.iter().map(|gateway| (gateway.trunc(), name, *gateway));
        by_vrf.entry(vrf).or_default().extend(gateways);
    }
    for (vrf, mut gateways) in by_vrf {
        // A subnet comes behind those that hold it, so it is enough to look back at these.
        gateways.sort();
        let mut around: Vec<(IpNet, &String, IpNet)> = Vec::new();
        for (subnet, name, gateway) in gateways {
            while around.last().is_some_and(|(outer, ..)| !outer.contains(&subnet)) {
                around.pop();
            }
            if let Some((outer, other_name, other)) = around.last()
                && (*outer != subnet || *other_name != name)
            {
                let place = vrf.map_or_else(String::new, |vrf| format!(" in vrf {vrf}"));
                let message = format!("it overlaps gateway {other} of bridge-domain {other_name}{place}");
                problems.push(Problem { subject: Subject::Gateway(name.clone(), gateway), message });
            }
            around.push((subnet, name, gateway));
        }
    }
}

/// No aggregate is a subnet of a gateway: behind an aggregate packets are discarded, behind a gateway
/// silent hosts are looked for (RFC 9135 §5.3).
pub(super) fn aggregates(config: &Config, problems: &mut Vec<Problem>) {
    for (name, bgp) in &config.bgp_vrfs {
        let bridges = config.bridge_domains.iter().filter(|(_, domain)| domain.vrf.as_ref() == Some(name));
        let subnets: BTreeMap<IpNet, &String> = bridges
            .flat_map(|(bridge, domain)| domain.gateways.iter().map(move |gateway| (gateway.trunc(), bridge)))
            .collect();
        for prefix in bgp.ipv4.aggregates.keys().chain(bgp.ipv6.aggregates.keys()) {
            if let Some(bridge) = subnets.get(prefix) {
                let message = format!(
                    "it is the subnet of bridge-domain {bridge}, which is advertised anyhow; \
                     an aggregate must be shorter"
                );
                problems.push(Problem { subject: Subject::Aggregate(name.clone(), *prefix), message });
            }
        }
    }
}
