//! IP-VRFs: VNIs, tables, gateways and aggregates that get in each other's way.

use super::{Problem, Subject};
use crate::config::model::Config;
use ipnet::IpNet;
use std::collections::BTreeMap;
use weft_evpn::Vni;

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

/// Gateways are in an IP-VRF that there is, and no two of an IP-VRF overlap: there a packet would have two
/// ways. Several addresses in one subnet of one bridge have the same way.
pub(super) fn gateways(config: &Config, problems: &mut Vec<Problem>) {
    let mut seen: Vec<(Option<&String>, &String, IpNet)> = Vec::new();
    for (name, domain) in &config.bridge_domains {
        let vrf = domain.vrf.as_ref();
        if let Some(vrf) = vrf.filter(|vrf| !config.vrfs.contains_key(*vrf)) {
            let message = format!("there is no vrf {vrf}: say `vrf {vrf}`");
            problems.push(Problem { subject: Subject::BridgeDomainVrf(name.clone()), message });
        }
        for gateway in &domain.gateways {
            let overlapping = seen.iter().find(|(other_vrf, other_name, other)| {
                *other_vrf == vrf
                    && (other.contains(&gateway.trunc()) || gateway.contains(&other.trunc()))
                    && (*other_name != name || other.prefix_len() != gateway.prefix_len())
            });
            if let Some((_, other_name, other)) = overlapping {
                let place = vrf.map_or_else(String::new, |vrf| format!(" in vrf {vrf}"));
                let message = format!("it overlaps gateway {other} of bridge-domain {other_name}{place}");
                problems.push(Problem { subject: Subject::Gateway(name.clone(), *gateway), message });
            }
            seen.push((vrf, name, *gateway));
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
