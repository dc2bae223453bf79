//! Gateway overlay indexes (RFC 9136 §3.2, §4.1): where each leads, and which prefixes hang on it.
//! A gateway leads to the neighbour in a subnet of ours, if a MAC-VRF has it there (the kernel
//! sends to it by the L2VNI), or else to where the gateway's own host route leads. Host routes
//! are those of MAC/IP routes only, so nothing resolves through itself.

use super::paths::Flag;
use super::settle::host_of;
use super::{Gateway, IpVrf, VrfTurn};
use crate::forwarding::VrfNextHop;
use ipnet::IpNet;
use std::net::IpAddr;

impl IpVrf {
    pub(super) fn use_gateway(&mut self, gateway: Option<IpAddr>, prefix: IpNet, turn: &VrfTurn<'_>) {
        let Some(ip) = gateway else { return };
        if !self.gateways.contains_key(&ip) {
            let resolved = self.resolution(ip, turn);
            self.gateways.insert(ip, Gateway { resolved, ..Gateway::default() });
        }
        if let Some(gateway) = self.gateways.get_mut(&ip) {
            *gateway.prefixes.entry(prefix).or_default() += 1;
        }
    }

    pub(super) fn leave_gateway(&mut self, gateway: Option<IpAddr>, prefix: IpNet) {
        let Some(ip) = gateway else { return };
        let Some(gateway) = self.gateways.get_mut(&ip) else { return };
        if let Some(paths) = gateway.prefixes.get_mut(&prefix) {
            *paths -= 1;
            if *paths == 0 {
                gateway.prefixes.remove(&prefix);
            }
        }
        if gateway.prefixes.is_empty() {
            self.gateways.remove(&ip);
        }
    }

    /// Where a gateway leads now.
    fn resolution(&self, ip: IpAddr, turn: &VrfTurn<'_>) -> Option<VrfNextHop> {
        if self.own.contains_key(&ip) {
            return None;
        }
        let mut there = self.vnis_around(ip).filter_map(|vni| turn.mac_vrfs.get(&vni));
        if there.any(|mac_vrf| mac_vrf.has_neighbour(ip)) {
            return Some(VrfNextHop::Gateway(ip));
        }
        let paths = self.paths.of(IpNet::from(ip));
        let hosts = paths.iter().filter(|path| path.is(Flag::Host) && path.is_used());
        hosts.filter_map(|path| self.next_hop(turn.sources.get(path.source)?)).min()
    }

    /// Looks anew where a gateway leads, with all prefixes behind it.
    pub(super) fn resolve_gateway(&mut self, ip: IpAddr, turn: &mut VrfTurn<'_>) {
        let Some(gateway) = self.gateways.get(&ip) else { return };
        let before = gateway.resolved;
        let resolved = self.resolution(ip, turn);
        if resolved == before {
            return;
        }
        let prefixes: Vec<IpNet> = gateway.prefixes.keys().copied().collect();
        for prefix in &prefixes {
            let mut paths = self.paths.of(*prefix);
            for path in &mut paths {
                if turn.sources.get(path.source).is_some_and(|source| source.gateway == Some(ip)) {
                    self.make_stale(path, turn);
                }
            }
            self.paths.put(*prefix, &paths);
        }
        if let Some(gateway) = self.gateways.get_mut(&ip) {
            gateway.resolved = resolved;
        }
        for prefix in prefixes {
            self.settle_prefix(prefix, turn);
        }
    }

    /// A path to this prefix went: perhaps it was that of a gateway.
    pub(super) fn resolve_gateway_at(&mut self, prefix: IpNet, turn: &mut VrfTurn<'_>) {
        if let Some(ip) = host_of(prefix) {
            self.resolve_gateway(ip, turn);
        }
    }

    /// Looks anew where every gateway leads.
    pub(super) fn resolve_gateways(&mut self, turn: &mut VrfTurn<'_>) {
        let gateways: Vec<IpAddr> = self.gateways.keys().copied().collect();
        for ip in gateways {
            self.resolve_gateway(ip, turn);
        }
    }
}
