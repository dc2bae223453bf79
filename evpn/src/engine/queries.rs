//! Reading the engine, for the shows. Iterators make one view at a time.

use super::instance::MacVrf;
use super::mac::{MacEntry, Place};
use super::neighbour::IpEntry;
use super::{
    Address, DuplicateAddress, DuplicateView, Evpn, Flooding, InstanceView, MacPlace, MacView,
    NeighbourPlace, NeighbourView,
};
use crate::{MacAddr, RouteTargetMatch, Vni};
use smallvec::SmallVec;
use std::{collections::BTreeSet, net::IpAddr};

impl Evpn {
    /// The configuration in effect.
    pub fn config(&self) -> &super::EvpnConfig {
        &self.config
    }

    /// What the MAC-VRFs and IP-VRFs that are active import, each once.
    pub fn imports(&self) -> BTreeSet<RouteTargetMatch> {
        self.importers.imports().chain(self.vrfs.imports()).collect()
    }

    /// Another number whenever `imports` may give something else.
    pub fn imports_version(&self) -> u64 {
        self.importers.version() + self.vrfs.imports_version()
    }

    /// All L2VNIs that the kernel has, in order.
    pub fn instances(&self) -> impl Iterator<Item = InstanceView<'_>> {
        self.instances.values().map(|instance| self.view(instance))
    }

    /// One L2VNI.
    pub fn instance(&self, vni: Vni) -> Option<InstanceView<'_>> {
        self.instances.get(&vni).map(|instance| self.view(instance))
    }

    fn view<'a>(&'a self, instance: &'a MacVrf) -> InstanceView<'a> {
        let (active, devices) = (instance.active.as_ref(), instance.devices.as_ref());
        let vni = instance.vni;
        InstanceView {
            vni,
            active: active.is_some(),
            vxlan: devices.map(|devices| &devices.vxlan),
            bridge: devices.map(|devices| &devices.bridge),
            vtep: devices.map(|devices| devices.vtep),
            svi_addresses: devices.map(|devices| devices.svi_addresses.as_slice()).unwrap_or_default(),
            rd: active.map(|settings| settings.rd),
            import: active.map(|settings| settings.import.as_slice()).unwrap_or_default(),
            export: active.map(|settings| settings.export.as_slice()).unwrap_or_default(),
            flooding: active.map_or(Flooding::Disabled, |settings| settings.flooding),
            advertise_svi_ip: self.config.advertise_svi_ip(vni),
            advertise_default_gw: self.config.advertise_default_gw(vni),
            local_macs: instance.counters.local_macs,
            remote_macs: instance.counters.remote_macs,
            local_neighbours: instance.counters.local_neighbours,
            remote_neighbours: instance.counters.remote_neighbours,
            label_mismatches: instance.counters.label_mismatches,
        }
    }

    /// The VTEPs that get copies of a VNI's flooded frames, in order.
    pub fn remote_vteps(&self, vni: Vni) -> impl Iterator<Item = IpAddr> {
        self.instances.get(&vni).into_iter().flat_map(|instance| instance.flood.vteps())
    }

    /// The MACs of a VNI, in no order.
    pub fn macs(&self, vni: Vni) -> impl Iterator<Item = MacView<'_>> {
        let entries = self.instances.get(&vni).into_iter().flat_map(|instance| instance.macs.iter());
        entries.map(|entry| self.mac_view(entry))
    }

    /// The MACs of a VNI alone, in no order: 6 octets each, for a list that is looked at later.
    pub fn mac_addresses(&self, vni: Vni) -> Vec<MacAddr> {
        self.instances.get(&vni).map(|instance| instance.macs.keys()).unwrap_or_default()
    }

    /// One MAC.
    pub fn mac(&self, vni: Vni, mac: MacAddr) -> Option<MacView<'_>> {
        self.instances.get(&vni)?.macs.get(mac).map(|entry| self.mac_view(entry))
    }

    /// The addresses at a MAC, local and remote, in order.
    pub fn neighbours_of(&self, vni: Vni, mac: MacAddr) -> Vec<NeighbourView> {
        let Some(instance) = self.instances.get(&vni) else { return Vec::new() };
        let Some(entry) = instance.macs.get(mac) else { return Vec::new() };
        let routes = entry.routes.iter().filter_map(|route| route.ip);
        let mut ips: SmallVec<[IpAddr; 4]> = entry.bindings().iter().copied().chain(routes).collect();
        ips.sort_unstable();
        ips.dedup();
        let views = ips.iter().filter_map(|ip| self.neighbour(vni, *ip));
        views.filter(|view| view.mac == mac).collect()
    }

    /// The addresses of a VNI, in no order. Those that only lose against others are left out.
    pub fn neighbours(&self, vni: Vni) -> impl Iterator<Item = NeighbourView> {
        let instance = self.instances.get(&vni).into_iter();
        instance.flat_map(move |instance| {
            instance.ips.iter().filter_map(move |entry| self.neighbour_view(instance, entry))
        })
    }

    /// The addresses of a VNI alone, in no order, those that only lose against others among them.
    pub fn neighbour_addresses(&self, vni: Vni) -> Vec<IpAddr> {
        self.instances.get(&vni).map(|instance| instance.ips.keys()).unwrap_or_default()
    }

    /// One address.
    pub fn neighbour(&self, vni: Vni, ip: IpAddr) -> Option<NeighbourView> {
        let instance = self.instances.get(&vni)?;
        self.neighbour_view(instance, instance.ips.get(ip)?)
    }

    /// All duplicates, in order of VNI.
    pub fn duplicates(&self) -> impl Iterator<Item = DuplicateAddress> {
        self.shared.duplicates.iter().filter_map(|&(vni, address)| {
            let instance = self.instances.get(&vni)?;
            let moves = match address {
                Address::Mac(mac) => instance.macs.get(mac)?.moves(),
                Address::Ip(ip) => instance.ips.get(ip)?.moves(),
            };
            Some(DuplicateAddress { vni, address, duplicate: moves.view() })
        })
    }

    /// What duplicate detection counts for an address; all zero if nothing.
    pub fn duplicate(&self, vni: Vni, address: Address) -> DuplicateView {
        let Some(instance) = self.instances.get(&vni) else { return DuplicateView::default() };
        let moves = match address {
            Address::Mac(mac) => instance.macs.get(mac).map(MacEntry::moves),
            Address::Ip(ip) => instance.ips.get(ip).map(IpEntry::moves),
        };
        moves.map(|moves| moves.view()).unwrap_or_default()
    }

    fn mac_view<'a>(&self, entry: &'a MacEntry) -> MacView<'a> {
        let sources = &self.shared.sources;
        let best = entry.best(sources);
        let local = entry.local().filter(|_| entry.is_local());
        let (place, fixed) = match (entry.place, local) {
            (Place::Local, Some(local)) => (MacPlace::Local { port: &local.port }, local.sticky),
            (Place::Remote { source, gateway, fixed }, _) => match sources.remote_vtep(source) {
                Some(vtep) => (MacPlace::Remote { vtep, gateway }, fixed && !gateway),
                None => (MacPlace::Unknown, false),
            },
            _ => (MacPlace::Unknown, false),
        };
        MacView {
            mac: crate::table::Keyed::key(entry),
            place,
            sticky: fixed,
            local_sequence: local.map_or(0, |local| local.sequence),
            remote_sequence: best.map_or(0, |(claim, _)| claim.sequence),
            candidates: entry.routes.len(),
            duplicate: entry.moves().view(),
        }
    }

    fn neighbour_view(&self, instance: &MacVrf, entry: &IpEntry) -> Option<NeighbourView> {
        let sources = &self.shared.sources;
        let ip = crate::table::Keyed::key(entry);
        let remote_sequence =
            || instance.best_claim(ip, None, sources).map_or(0, |(claim, _)| claim.sequence);
        let view = |mac, place, router, local_sequence| NeighbourView {
            ip,
            mac,
            place,
            router,
            local_sequence,
            remote_sequence: remote_sequence(),
            duplicate: entry.moves().view(),
        };
        if let Some(binding) = entry.binding() {
            let local = instance.macs.get(binding.mac).and_then(|entry| entry.local());
            let sequence = local.map_or(0, |local| local.sequence);
            return Some(view(binding.mac, NeighbourPlace::Local, false, sequence));
        }
        if let Some((mac, router)) = entry.wanted() {
            let vtep = match instance.macs.get(mac).map(|entry| entry.place) {
                Some(Place::Remote { source, .. }) => sources.remote_vtep(source),
                _ => None,
            };
            return Some(view(mac, NeighbourPlace::Remote { vtep }, router, 0));
        }
        entry.held().map(|held| view(held.mac, NeighbourPlace::Held, false, 0))
    }
}
