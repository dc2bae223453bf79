//! What the BGP instances have in common: a line of `router bgp` means the same in the speaker's own
//! instance and in that of an IP-VRF.

use crate::config::{BestPath, Bgp, GracefulRestart, Neighbor, NeighborSettings, Timers};
use ipnet::IpNet;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

/// The fields of `Bgp` that do not depend on what its EVPN family is.
#[derive(Debug)]
#[allow(missing_docs, reason = "each is the field of `Bgp` of the same name")]
pub struct Instance<'e> {
    pub router_id: &'e mut Option<Ipv4Addr>,
    pub cluster_id: &'e mut Option<Ipv4Addr>,
    pub default_ipv4_unicast: &'e mut bool,
    pub default_local_preference: &'e mut Option<u32>,
    pub ebgp_requires_policy: &'e mut bool,
    pub log_neighbor_changes: &'e mut bool,
    pub best_path: &'e mut BestPath,
    pub listen_ranges: &'e mut BTreeMap<IpNet, String>,
    pub listen_limit: &'e mut Option<u16>,
    pub timers: &'e mut Option<Timers>,
    pub graceful_restart: &'e mut GracefulRestart,
    pub peer_groups: &'e mut BTreeMap<String, NeighborSettings>,
    pub neighbors: &'e mut BTreeMap<IpAddr, Neighbor>,
}

impl<'e> Instance<'e> {
    /// Of this instance.
    pub fn of<F>(bgp: &'e mut Bgp<F>) -> Self {
        Instance {
            router_id: &mut bgp.router_id,
            cluster_id: &mut bgp.cluster_id,
            default_ipv4_unicast: &mut bgp.default_ipv4_unicast,
            default_local_preference: &mut bgp.default_local_preference,
            ebgp_requires_policy: &mut bgp.ebgp_requires_policy,
            log_neighbor_changes: &mut bgp.log_neighbor_changes,
            best_path: &mut bgp.best_path,
            listen_ranges: &mut bgp.listen_ranges,
            listen_limit: &mut bgp.listen_limit,
            timers: &mut bgp.timers,
            graceful_restart: &mut bgp.graceful_restart,
            peer_groups: &mut bgp.peer_groups,
            neighbors: &mut bgp.neighbors,
        }
    }
}
