//! Reading IP-VRFs, for the shows.

use super::{IpVrf, IpVrfs};
use crate::engine::{Evpn, IpVrfView, VrfNextHopView};
use crate::forwarding::VrfNextHop;
use crate::{RouteTargetMatch, Vni, VrfName};
use ipnet::IpNet;
use std::net::IpAddr;

impl IpVrfs {
    /// What any of them imports.
    pub(in crate::engine) fn imports(&self) -> impl Iterator<Item = RouteTargetMatch> {
        self.importers.imports()
    }

    pub(in crate::engine) fn imports_version(&self) -> u64 {
        self.importers.version()
    }

    fn by_l3vni(&self, vni: Vni) -> Option<&IpVrf> {
        let names = self.l3vnis.get(&vni)?;
        let vrfs = names.iter().filter_map(|name| self.by_name(name));
        vrfs.into_iter().find(|vrf| vrf.vni() == Some(vni))
    }
}

impl Evpn {
    /// All IP-VRFs that are configured, or that the kernel has, in order of name.
    pub fn ip_vrfs(&self) -> impl Iterator<Item = IpVrfView<'_>> {
        self.vrfs.ids.values().filter_map(|id| self.vrfs.all.get(id)).map(|vrf| self.ip_vrf_view(vrf))
    }

    /// One IP-VRF.
    pub fn ip_vrf(&self, name: &VrfName) -> Option<IpVrfView<'_>> {
        self.vrfs.by_name(name).map(|vrf| self.ip_vrf_view(vrf))
    }

    /// The IP-VRF that is active with this L3VNI.
    pub fn ip_vrf_of(&self, vni: Vni) -> Option<IpVrfView<'_>> {
        self.vrfs.by_l3vni(vni).map(|vrf| self.ip_vrf_view(vrf))
    }

    /// Where the paths of an L3VNI lead: VTEPs with their router MACs, in order. A VTEP has two
    /// entries while its router MAC changes.
    pub fn vrf_next_hops(&self, vni: Vni) -> impl Iterator<Item = VrfNextHopView> {
        let next_hops = self.vrfs.by_l3vni(vni).into_iter().flat_map(|vrf| &vrf.next_hops);
        next_hops.map(|(&(vtep, router_mac), &paths)| VrfNextHopView { vtep, router_mac, paths })
    }

    /// The prefixes of an L3VNI that have a path to this VTEP, in order. Looks at all.
    pub fn vrf_prefixes_via(&self, vni: Vni, to: IpAddr) -> Vec<IpNet> {
        let Some(vrf) = self.vrfs.by_l3vni(vni) else { return Vec::new() };
        let leads_there = |prefix: &IpNet| {
            vrf.paths.of(*prefix).iter().filter(|path| path.is_used()).any(|path| {
                let source = self.vrfs.sources.get(path.source);
                let next_hop = source.and_then(|source| vrf.next_hop(source));
                matches!(next_hop, Some(VrfNextHop::Vtep { vtep, .. }) if vtep == to)
            })
        };
        let mut prefixes = vrf.paths.prefixes();
        prefixes.retain(leads_there);
        prefixes.sort_unstable();
        prefixes
    }

    fn ip_vrf_view<'a>(&'a self, vrf: &'a IpVrf) -> IpVrfView<'a> {
        let config = self.config.vrfs.get(&vrf.name);
        let unresolved = vrf.gateways.values().filter(|gateway| gateway.resolved.is_none());
        IpVrfView {
            name: &vrf.name,
            vni: config.and_then(|config| config.vni),
            active: vrf.active.as_ref().map(|settings| &settings.active),
            import: vrf.active.as_ref().map(|settings| settings.import.as_slice()).unwrap_or_default(),
            prefix_routes_only: config.is_some_and(|config| config.prefix_routes_only),
            devices: vrf.devices.as_ref(),
            l2vnis: vrf.members.iter().copied().collect(),
            prefixes: vrf.paths.len(),
            host_paths: vrf.counters.host_paths,
            prefix_paths: vrf.counters.prefix_paths,
            unresolved: unresolved.map(|gateway| gateway.prefixes.len()).sum(),
            local_hosts: vrf.local.len(),
            proxies: vrf.proxies.len(),
            refusals: vrf.refusals,
        }
    }
}
