//! Values for completion that the configuration knows.

use super::{Candidates, configure::community_list};
use crate::config::{Bgp, ByFamily, Config};

/// What the configuration has of this kind; repeated where it is named twice.
pub fn configured(config: &Config, what: Candidates) -> Vec<String> {
    let bgp = config.bgp.iter();
    let bridges = config.bridge_domains.values();
    match what {
        Candidates::Peers => {
            let addresses = bgp.flat_map(|bgp| bgp.neighbors.keys());
            let in_vrfs = config.bgp_vrfs.values().flat_map(|bgp| bgp.neighbors.keys());
            addresses.chain(in_vrfs).map(ToString::to_string).collect()
        }
        Candidates::PeerGroups => {
            let in_vrfs = config.bgp_vrfs.values().flat_map(|bgp| bgp.peer_groups.keys());
            bgp.flat_map(|bgp| bgp.peer_groups.keys()).chain(in_vrfs).cloned().collect()
        }
        Candidates::Vnis => {
            let blocks = bgp.flat_map(|bgp| bgp.evpn.vnis.keys().copied());
            let l3vnis = config.vrfs.values().filter_map(|vrf| vrf.vni);
            let vnis = blocks.chain(bridges.filter_map(|domain| domain.vni)).chain(l3vnis);
            vnis.map(|vni| vni.to_string()).collect()
        }
        Candidates::BridgeDomains => config.bridge_domains.keys().cloned().collect(),
        Candidates::Vrfs => {
            let of_bridges = bridges.filter_map(|domain| domain.vrf.as_ref());
            config.vrfs.keys().chain(config.bgp_vrfs.keys()).chain(of_bridges).cloned().collect()
        }
        Candidates::Domains => bgp.flat_map(domains).collect(),
        Candidates::Interfaces => bridges.flat_map(|domain| domain.interfaces.iter().cloned()).collect(),
        Candidates::RouteMaps => config.route_maps.keys().cloned().collect(),
        Candidates::PrefixLists => both(&config.prefix_lists),
        Candidates::AccessLists => both(&config.access_lists),
        Candidates::MacAccessLists => config.mac_access_lists.keys().cloned().collect(),
        Candidates::CommunityLists => community_list::names(config),
        Candidates::AsPathLists => config.as_path_lists.keys().cloned().collect(),
        Candidates::Vteps => Vec::new(),
    }
}

fn both<T>(lists: &ByFamily<T>) -> Vec<String> {
    lists.ipv4.keys().chain(lists.ipv6.keys()).cloned().collect()
}

fn domains(bgp: &Bgp) -> impl Iterator<Item = String> {
    let neighbours = bgp.neighbors.values().map(|neighbour| &neighbour.settings);
    let named = bgp.peer_groups.values().chain(neighbours).filter_map(|settings| settings.domain.as_ref());
    bgp.evpn.domain.iter().chain(named).map(|domain| domain.name.clone())
}
