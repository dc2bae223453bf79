//! Our own routes: type 2 for hosts and for the bridge's addresses, type 3 for the VNI. Each
//! carries the export route targets and the Encapsulation community (RFC 8365 §5.1.3), its
//! label is the VNI, its Ethernet tag is 0, its ESI is zero, its next hop is our VTEP.
//!
//! Routes of hosts in an active IP-VRF carry its label, its route targets and our router MAC, too
//! (RFC 9135 §5.1).
//!
//! MAC Mobility is sent once a host has moved or if it is sticky (RFC 7432 §15); every
//! MAC/IP route carries the number of its MAC (RFC 9721). A default gateway's routes carry no
//! MAC Mobility (rfc7432bis §10.1.1).

use super::instance::{MacVrf, SviAdvertisement, Turn};
use super::ip_vrf::{Symmetric, is_link_local};
use super::{Origination, Output};
use crate::community::MacMobility;
use crate::nlri::{EvpnRoute, InclusiveMulticast, MacIp};
use crate::pmsi::PmsiTunnel;
use crate::{Esi, EthernetTag, ExtendedCommunity, MacAddr, RouteDistinguisher};
use smallvec::SmallVec;
use std::net::IpAddr;

/// RFC 9047's community with the router flag: the gateway is a router.
const ND_ROUTER: ExtendedCommunity = ExtendedCommunity([0x06, 0x08, 1, 0, 0, 0, 0, 0]);

impl MacVrf {
    fn mac_ip(&self, rd: RouteDistinguisher, mac: MacAddr, ip: Option<IpAddr>) -> EvpnRoute {
        EvpnRoute::MacIp(MacIp {
            rd,
            esi: Esi::ZERO,
            ethernet_tag: EthernetTag::ZERO,
            mac,
            ip,
            label1: self.vni.to_label(),
            label2: self.symmetric(ip).map(|symmetric| symmetric.label),
        })
    }

    /// What symmetric IRB adds to a MAC/IP route: to a host's, not to a MAC-only one.
    fn symmetric(&self, ip: Option<IpAddr>) -> Option<&Symmetric> {
        let is_host = ip.is_some_and(|ip| !is_link_local(ip));
        self.active.as_ref()?.symmetric.as_ref().filter(|_| is_host)
    }

    fn originate(
        &self,
        route: EvpnRoute,
        symmetric: Option<&Symmetric>,
        more: &[ExtendedCommunity],
        pmsi: Option<PmsiTunnel>,
        turn: &mut Turn<'_>,
    ) {
        let Some(settings) = &self.active else { return };
        let l3_targets = symmetric.map(|symmetric| symmetric.targets.as_slice()).unwrap_or_default();
        let mut ext_communities =
            Vec::with_capacity(settings.export.len() + l3_targets.len() + 2 + more.len());
        ext_communities.extend(settings.export.iter().map(|target| target.community()));
        let others = l3_targets.iter().filter(|target| !ext_communities.contains(target)).copied();
        let others: SmallVec<[ExtendedCommunity; 2]> = others.collect();
        ext_communities.extend(others);
        ext_communities.push(ExtendedCommunity::ENCAPSULATION_VXLAN);
        ext_communities
            .extend(symmetric.map(|symmetric| ExtendedCommunity::router_mac(symmetric.router_mac)));
        ext_communities.extend_from_slice(more);
        let next_hop = settings.vtep;
        turn.out.push(Output::Originate(Origination { route, ext_communities, pmsi, next_hop }));
    }

    /// Advertises a local MAC (`ip` absent) or one of its addresses.
    pub(super) fn originate_host(&self, mac: MacAddr, ip: Option<IpAddr>, turn: &mut Turn<'_>) {
        let Some(local) = self.macs.get(mac).and_then(|entry| entry.local()) else { return };
        let mobility = MacMobility { sticky: local.sticky, sequence: local.sequence };
        let community = ExtendedCommunity::mac_mobility(mobility);
        let more = if mobility == MacMobility::default() { &[][..] } else { &[community][..] };
        self.originate(self.mac_ip(self.rd, mac, ip), self.symmetric(ip), more, None, turn);
    }

    /// Withdraws a local MAC or one of its addresses.
    pub(super) fn withdraw_host(
        &self,
        rd: RouteDistinguisher,
        mac: MacAddr,
        ip: Option<IpAddr>,
        turn: &mut Turn<'_>,
    ) {
        turn.out.push(Output::Withdraw(self.mac_ip(rd, mac, ip)));
    }

    /// The addresses of a local MAC that are advertised.
    fn advertised_ips(&self, mac: MacAddr) -> Vec<IpAddr> {
        let Some(entry) = self.macs.get(mac) else { return Vec::new() };
        let bound = |ip: &&IpAddr| {
            self.ips.get(**ip).and_then(|entry| entry.binding()).is_some_and(|binding| binding.mac == mac)
        };
        entry.bindings().iter().filter(bound).copied().collect()
    }

    /// Advertises a local MAC and all its addresses again.
    pub(super) fn originate_again(&self, mac: MacAddr, turn: &mut Turn<'_>) {
        if self.macs.get(mac).is_some_and(|entry| entry.is_local()) {
            self.originate_host(mac, None, turn);
        }
        self.originate_addresses_again(mac, turn);
    }

    /// Advertises all addresses of a local MAC again.
    pub(super) fn originate_addresses_again(&self, mac: MacAddr, turn: &mut Turn<'_>) {
        if self.macs.get(mac).is_some_and(|entry| entry.is_local()) {
            for ip in self.advertised_ips(mac) {
                self.originate_host(mac, Some(ip), turn);
            }
        }
    }

    /// Withdraws a local MAC and its addresses under an RD that is no longer ours.
    pub(super) fn withdraw_all_of_mac(&self, mac: MacAddr, rd: RouteDistinguisher, turn: &mut Turn<'_>) {
        if self.macs.get(mac).is_some_and(|entry| entry.is_local()) {
            self.withdraw_host(rd, mac, None, turn);
            for ip in self.advertised_ips(mac) {
                self.withdraw_host(rd, mac, Some(ip), turn);
            }
        }
    }

    pub(super) fn originate_imet(&self, turn: &mut Turn<'_>) {
        let Some(settings) = &self.active else { return };
        let route = InclusiveMulticast {
            rd: settings.rd,
            ethernet_tag: EthernetTag::ZERO,
            originator: settings.vtep,
        };
        let pmsi = PmsiTunnel::ingress_replication(self.vni, settings.vtep);
        self.originate(EvpnRoute::InclusiveMulticast(route), None, &[], Some(pmsi), turn);
    }

    /// Brings the routes for the bridge's own addresses to what is wanted; `again` advertises
    /// also those that stand.
    pub(super) fn refresh_svi_routes(&mut self, again: bool, turn: &mut Turn<'_>) {
        let svi = self.active.as_ref().map_or(SviAdvertisement::None, |settings| settings.svi);
        let (mac, mut wanted) = match &self.devices {
            Some(devices) if svi != SviAdvertisement::None && devices.bridge_mac.is_unicast() => {
                (devices.bridge_mac, devices.svi_addresses.clone())
            }
            _ => (MacAddr::ZERO, Vec::new()),
        };
        wanted.retain(|ip| !is_no_host(*ip));
        for ip in &wanted {
            let before = self.svi_routes.insert(*ip, mac);
            if again || before != Some(mac) {
                let more: &[ExtendedCommunity] = match (svi, ip) {
                    (SviAdvertisement::Gateway, IpAddr::V4(_)) => &[ExtendedCommunity::DEFAULT_GATEWAY],
                    (SviAdvertisement::Gateway, IpAddr::V6(_)) => {
                        &[ExtendedCommunity::DEFAULT_GATEWAY, ND_ROUTER]
                    }
                    _ => &[],
                };
                // A gateway's address is on every leaf: nobody routes to it from afar.
                let symmetric = self.symmetric(Some(*ip)).filter(|_| svi == SviAdvertisement::Host);
                let mut route = self.mac_ip(self.rd, mac, Some(*ip));
                if let EvpnRoute::MacIp(route) = &mut route {
                    route.label2 = symmetric.map(|symmetric| symmetric.label);
                }
                self.originate(route, symmetric, more, None, turn);
            }
            if let Some(old) = before.filter(|old| *old != mac) {
                self.withdraw_host(self.rd, old, Some(*ip), turn);
            }
        }
        let gone: Vec<(IpAddr, MacAddr)> = self
            .svi_routes
            .iter()
            .filter(|(ip, _)| !wanted.contains(ip))
            .map(|(ip, mac)| (*ip, *mac))
            .collect();
        for (ip, mac) in gone {
            self.svi_routes.remove(&ip);
            self.withdraw_host(self.rd, mac, Some(ip), turn);
        }
    }

    /// Withdraws the bridge's addresses under an RD that is no longer ours.
    pub(super) fn forget_svi_routes(&mut self, rd: RouteDistinguisher, turn: &mut Turn<'_>) {
        for (ip, mac) in std::mem::take(&mut self.svi_routes) {
            self.withdraw_host(rd, mac, Some(ip), turn);
        }
    }
}

/// True for addresses that no host can have: unspecified, loopback, multicast, broadcast.
pub(super) fn is_no_host(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(address) if address.is_broadcast());
    ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || broadcast
}
