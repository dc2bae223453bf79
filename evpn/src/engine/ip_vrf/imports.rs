//! EVPN routes come in: which IP-VRFs take them, and what of them is kept. An index from route
//! targets to IP-VRFs, and one from route distinguishers to those that hold routes of them, as
//! for MAC-VRFs (`import`).

use super::paths::PathSource;
use super::refusal::{self, Overlay};
use super::settle::HostPart;
use super::wiring::matches;
use super::{Refusal, is_link_local};
use crate::engine::import::{self, Few, MacIpFlags};
use crate::engine::{Evpn, Output, RoutePath};
use crate::nlri::{IpPrefix, MacIp};
use crate::{RouteTarget, Vni};
use ipnet::IpNet;
use smallvec::SmallVec;
use std::time::Instant;

impl Evpn {
    /// A prefix route came, changed or went.
    pub(in crate::engine) fn ip_prefix(
        &mut self,
        route: &IpPrefix,
        path: Option<RoutePath<'_>>,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        if self.vrfs.all.is_empty() {
            return;
        }
        let path = path.filter(|path| import::is_for_vxlan(path.ext_communities));
        let targets = path.map(|path| import::route_targets(path.ext_communities)).unwrap_or_default();
        let mut takers = Few::new();
        if let Some(path) = path {
            for id in self.vrfs.importers.importers(&targets) {
                let Some(vrf) = self.vrfs.all.get_mut(&id) else { continue };
                let Some(vni) = vrf.vni() else { continue };
                let config = &self.config;
                match refusal::judge_prefix(route, &path, vni, |domain| config.is_our_domain(domain)) {
                    Err(refusal) => vrf.refuse(refusal, route.rd, out),
                    Ok(overlay) => {
                        takers.push(id);
                        let (router_mac, gateway) = match overlay {
                            Overlay::RouterMac(mac) => (mac, None),
                            Overlay::Gateway(ip) => (crate::MacAddr::ZERO, Some(ip)),
                        };
                        let source = PathSource {
                            rd: route.rd,
                            ethernet_tag: route.ethernet_tag,
                            esi: route.esi,
                            vtep: path.next_hop,
                            router_mac,
                            label: route.label,
                            domain: path.domain,
                            gateway,
                            targets: targets.clone(),
                        };
                        self.with_vrf(id, now, out, |vrf, turn| vrf.upsert(route.prefix, None, source, turn));
                    }
                }
            }
        }
        for id in self.vrfs.holders.of(route.rd) {
            if !takers.contains(&id) {
                let (prefix, rd, tag) = (route.prefix, route.rd, route.ethernet_tag);
                self.with_vrf(id, now, out, |vrf, turn| vrf.remove(prefix, None, rd, tag, turn));
            }
        }
    }

    /// A MAC/IP route came, changed or went: its host, for the IP-VRFs. `used` says that a
    /// MAC-VRF takes it.
    pub(in crate::engine) fn vrf_host(
        &mut self,
        route: &MacIp,
        path: Option<(RoutePath<'_>, &SmallVec<[RouteTarget; 2]>)>,
        used: bool,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        if self.vrfs.all.is_empty() {
            return;
        }
        let Some(ip) = route.ip.filter(|ip| !is_link_local(*ip)) else { return };
        let prefix = IpNet::from(ip);
        let mut takers = Few::new();
        if let Some((path, targets)) = path {
            for id in self.vrfs.importers.importers(targets) {
                let Some(vrf) = self.vrfs.all.get_mut(&id) else { continue };
                let Some(settings) = vrf.active.as_ref().filter(|settings| !settings.prefix_routes_only)
                else {
                    continue;
                };
                let (vni, config) = (settings.active.vni, &self.config);
                match refusal::judge_host(route, &path, vni, |domain| config.is_our_domain(domain)) {
                    // Understood as asymmetric by a MAC-VRF (RFC 9135 §5.2, §6).
                    Err(Refusal::OneLabel) if used => {}
                    Err(refusal) => vrf.refuse(refusal, route.rd, out),
                    Ok(router_mac) => {
                        takers.push(id);
                        let flags = MacIpFlags::of(path.ext_communities);
                        let host = HostPart {
                            mac: route.mac,
                            sequence: flags.sequence,
                            sticky: flags.sticky,
                            gateway: flags.gateway,
                        };
                        let source = PathSource {
                            rd: route.rd,
                            ethernet_tag: route.ethernet_tag,
                            esi: route.esi,
                            vtep: path.next_hop,
                            router_mac,
                            label: route.label1,
                            domain: path.domain,
                            gateway: None,
                            targets: targets.clone(),
                        };
                        self.with_vrf(id, now, out, |vrf, turn| vrf.upsert(prefix, Some(host), source, turn));
                    }
                }
            }
        }
        for id in self.vrfs.holders.of(route.rd) {
            if !takers.contains(&id) {
                let (mac, rd, tag) = (Some(route.mac), route.rd, route.ethernet_tag);
                self.with_vrf(id, now, out, |vrf, turn| vrf.remove(prefix, mac, rd, tag, turn));
            }
        }
    }

    /// True if a MAC/IP route must not be used by this MAC-VRF: two labels, but no route target
    /// of the IP-VRF that it is in (RFC 9135 §9.1.1). Counted there.
    pub(in crate::engine) fn refuses_partial(
        &mut self,
        vni: Vni,
        route: &MacIp,
        targets: &[RouteTarget],
        out: &mut Vec<Output>,
    ) -> bool {
        if route.label2.is_none() {
            return false;
        }
        let Some(instance) = self.instances.get_mut(&vni) else { return false };
        let Some(settings) = &instance.active else { return false };
        let is_ours = |target: &RouteTarget| settings.import.iter().any(|wanted| wanted.matches(*target));
        if !targets.iter().all(is_ours) {
            // A target that is not the MAC-VRF's may well be that of an IP-VRF that is not here.
            return false;
        }
        instance.has_partial_routes = true;
        let Some(vrf) = instance.vrf.and_then(|id| self.vrfs.all.get_mut(&id)) else { return false };
        let Some(settings) = vrf.active.as_ref().filter(|settings| !settings.prefix_routes_only) else {
            return false;
        };
        if matches(&settings.import, targets) {
            return false;
        }
        vrf.refuse(Refusal::NoIpVrfTarget, route.rd, out);
        true
    }
}
