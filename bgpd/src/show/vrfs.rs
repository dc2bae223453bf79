//! What of the IP-VRFs the shows read: the one place of `show` that knows where the core keeps it.

use crate::{core::Core, rib::Rib, vrf::VrfTable};
use ipnet::IpNet;
use std::{collections::BTreeSet, net::IpAddr};
use weft_evpn::{
    Evpn, RouteTargetMatch, Vni, VrfName,
    engine::{IpVrfView, VrfActive, VrfNextHopView},
    vrf::{L3VniDevices, VrfDevices},
};

/// An IP-VRF at one moment, copied out of the core; without its routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VrfFacts {
    pub name: VrfName,
    /// Said in the configuration, not only found in the kernel.
    pub configured: bool,
    /// The L3VNI of the configuration.
    pub vni: Option<Vni>,
    pub prefix_routes_only: bool,
    /// `None`: the kernel has none.
    pub devices: Option<VrfDevices>,
    /// `None`: it takes no part in EVPN, any more or yet.
    pub active: Option<VrfActive>,
    pub import: Vec<RouteTargetMatch>,
    /// The L2VNIs that route in it.
    pub l2vnis: Vec<Vni>,
    /// Remote VTEPs with their router MACs.
    pub next_hops: Vec<VrfNextHopView>,
    /// Prefixes whose gateway is not resolved.
    pub unresolved: usize,
    /// Routes that may not be used, by reason: a word for keys, a sentence, how many. Reasons that
    /// were never met are left out.
    pub refusals: Vec<(&'static str, String, u64)>,
}

impl VrfFacts {
    fn of(core: &Core, view: IpVrfView<'_>) -> Self {
        let refusals = view.refusals.iter().filter(|(_, count)| *count > 0);
        let vni = view.active.map(|active| active.vni);
        Self {
            name: view.name.clone(),
            configured: is_configured(core, view.name),
            vni: view.vni,
            prefix_routes_only: view.prefix_routes_only,
            devices: view.devices.cloned(),
            active: view.active.cloned(),
            import: view.import.to_vec(),
            next_hops: vni.map(|vni| core.evpn().vrf_next_hops(vni).collect()).unwrap_or_default(),
            unresolved: view.unresolved,
            refusals: refusals.map(|(reason, count)| (reason.name(), reason.to_string(), count)).collect(),
            l2vnis: view.l2vnis,
        }
    }

    /// One that neither EVPN nor the kernel has heard of.
    fn silent(core: &Core, name: &VrfName) -> Self {
        let configured = core.config().vrfs.get(name.as_str());
        Self {
            name: name.clone(),
            configured: is_configured(core, name),
            vni: configured.and_then(|vrf| vrf.vni),
            prefix_routes_only: configured.is_some_and(|vrf| vrf.prefix_routes_only),
            devices: None,
            active: None,
            import: Vec::new(),
            l2vnis: Vec::new(),
            next_hops: Vec::new(),
            unresolved: 0,
            refusals: Vec::new(),
        }
    }

    /// Its L3VNI's devices.
    pub fn l3vni(&self) -> Option<&L3VniDevices> {
        self.devices.as_ref()?.l3vni.as_ref()
    }

    /// FRR's `Up` and `Down` of an L3VNI.
    pub fn state(&self) -> &'static str {
        if self.active.is_some() { "Up" } else { "Down" }
    }

    /// How many router MACs its VTEPs have.
    pub fn router_macs(&self) -> usize {
        self.next_hops.iter().map(|hop| hop.router_mac).collect::<BTreeSet<_>>().len()
    }

    /// How many remote VTEPs there are.
    pub fn vteps(&self) -> usize {
        self.next_hops.iter().map(|hop| hop.vtep).collect::<BTreeSet<_>>().len()
    }
}

fn is_configured(core: &Core, name: &VrfName) -> bool {
    let config = core.config();
    config.vrfs.contains_key(name.as_str()) || config.bgp_vrfs.contains_key(name.as_str())
}

/// All IP-VRFs that are configured or found, in order.
pub(super) fn names(core: &Core) -> Vec<VrfName> {
    let config = core.config();
    let configured =
        config.vrfs.keys().chain(config.bgp_vrfs.keys()).map(|name| VrfName::from(name.as_str()));
    let names: BTreeSet<VrfName> =
        core.evpn().ip_vrfs().map(|view| view.name.clone()).chain(configured).collect();
    names.into_iter().collect()
}

/// Its table.
pub(super) fn table<'a>(core: &'a Core, name: &VrfName) -> Option<&'a VrfTable> {
    core.vrfs().get(name).map(|vrf| &vrf.table)
}

/// Its tables of unicast routes.
pub(super) fn rib<'a>(core: &'a Core, name: &VrfName) -> Option<&'a Rib> {
    table(core, name).map(VrfTable::rib)
}

/// All that the shows know of one; `None`: there is none.
pub(super) fn facts(core: &Core, name: &VrfName) -> Option<VrfFacts> {
    match core.evpn().ip_vrf(name) {
        Some(view) => Some(VrfFacts::of(core, view)),
        None => is_configured(core, name).then(|| VrfFacts::silent(core, name)),
    }
}

/// Of all, in order of name.
pub(super) fn all(core: &Core) -> Vec<VrfFacts> {
    names(core).iter().filter_map(|name| facts(core, name)).collect()
}

/// Those that have an L3VNI, in its order.
pub(super) fn with_l3vni(core: &Core) -> Vec<(Vni, VrfFacts)> {
    let mut vrfs: Vec<(Vni, VrfFacts)> =
        all(core).into_iter().filter_map(|vrf| Some((vrf.vni?, vrf))).collect();
    vrfs.sort_by_key(|(vni, _)| *vni);
    vrfs
}

/// The one with this L3VNI.
pub(super) fn of_l3vni(core: &Core, vni: Vni) -> Option<VrfFacts> {
    let of = |(of, vrf): (Vni, VrfFacts)| (of == vni).then_some(vrf);
    with_l3vni(core).into_iter().find_map(of)
}

/// The L3VNIs that are configured, in order.
pub(super) fn l3vnis(core: &Core) -> Vec<Vni> {
    let vnis: BTreeSet<Vni> = core.evpn().ip_vrfs().filter_map(|view| view.vni).collect();
    vnis.into_iter().collect()
}

/// The IP-VRF that an L2VNI routes in.
pub(super) fn of_l2vni(evpn: &Evpn, vni: Vni) -> Option<VrfName> {
    evpn.ip_vrfs().find(|view| view.l2vnis.contains(&vni)).map(|view| view.name.clone())
}

/// The next hops of an L3VNI, in order.
pub(super) fn next_hops(evpn: &Evpn, vni: Vni) -> Vec<VrfNextHopView> {
    evpn.vrf_next_hops(vni).collect()
}

/// The prefixes of an L3VNI that have a path to this VTEP, in order.
pub(super) fn prefixes_via(evpn: &Evpn, vni: Vni, vtep: IpAddr) -> Vec<IpNet> {
    evpn.vrf_prefixes_via(vni, vtep)
}
