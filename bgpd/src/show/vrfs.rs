//! What of the IP-VRFs the shows read: the one place of `show` that knows where the core keeps it.

use crate::{
    core::Core,
    rib::{ImportId, Rib},
};
use ipnet::IpNet;
use std::{collections::BTreeSet, net::IpAddr};
use weft_evpn::{
    Evpn, MacAddr, RouteTargetMatch, Vni, VrfName,
    engine::VrfActive,
    nlri::EvpnRoute,
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
    /// Remote router MACs, and remote VTEPs.
    pub router_macs: usize,
    pub next_hops: usize,
    /// Paths of prefix routes whose gateway is not resolved.
    pub unresolved: usize,
    /// Routes that may not be used, by reason; those that were never met are left out.
    pub refusals: Vec<(&'static str, String, u64)>,
}

impl VrfFacts {
    pub fn l3vni(&self) -> Option<&L3VniDevices> {
        self.devices.as_ref()?.l3vni.as_ref()
    }

    /// FRR's `Up` and `Down` of an L3VNI.
    pub fn state(&self) -> &'static str {
        if self.active.is_some() { "Up" } else { "Down" }
    }
}

/// All IP-VRFs that are configured or found, in order.
pub(super) fn names(core: &Core) -> Vec<VrfName> {
    let config = core.config();
    let names: BTreeSet<&str> =
        config.vrfs.keys().chain(config.bgp_vrfs.keys()).map(String::as_str).collect();
    names.into_iter().map(VrfName::from).collect()
}

/// Its tables of unicast routes.
pub(super) fn rib<'a>(_core: &'a Core, _name: &VrfName) -> Option<&'a Rib> {
    None
}

/// The table of an IP-VRF.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a>(std::marker::PhantomData<&'a ()>);

impl Table<'_> {
    /// The EVPN route behind an import; `None` for an aggregate.
    pub fn import(self, _prefix: &IpNet, _id: ImportId) -> Option<EvpnRoute> {
        None
    }
}

/// Its table.
pub(super) fn table<'a>(_core: &'a Core, _name: &VrfName) -> Option<Table<'a>> {
    None
}

/// All that the shows know of one.
pub(super) fn facts(core: &Core, name: &VrfName) -> Option<VrfFacts> {
    let configured = core.config().vrfs.get(name.as_str());
    Some(VrfFacts {
        name: name.clone(),
        configured: configured.is_some(),
        vni: configured.and_then(|vrf| vrf.vni),
        prefix_routes_only: configured.is_some_and(|vrf| vrf.prefix_routes_only),
        devices: None,
        active: None,
        import: Vec::new(),
        l2vnis: Vec::new(),
        router_macs: 0,
        next_hops: 0,
        unresolved: 0,
        refusals: Vec::new(),
    })
}

/// Of all, in order of name.
pub(super) fn all(core: &Core) -> Vec<VrfFacts> {
    names(core).iter().filter_map(|name| facts(core, name)).collect()
}

/// The one with this L3VNI.
pub(super) fn of_l3vni(core: &Core, vni: Vni) -> Option<VrfFacts> {
    all(core).into_iter().find(|vrf| vrf.vni == Some(vni))
}

/// A remote VTEP of an L3VNI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NextHop {
    pub vtep: IpAddr,
    pub router_mac: MacAddr,
    /// Paths that lead there.
    pub paths: usize,
}

/// The L3VNIs that are active.
pub(super) fn l3vnis(core: &Core) -> Vec<Vni> {
    let mut vnis: Vec<Vni> = all(core).into_iter().filter_map(|vrf| Some(vrf.active?.vni)).collect();
    vnis.sort_unstable();
    vnis
}

/// The next hops of an L3VNI, in order.
pub(super) fn next_hops(_evpn: &Evpn, _vni: Vni) -> Vec<NextHop> {
    Vec::new()
}

/// The prefixes of an L3VNI that have a path to this VTEP, in order.
pub(super) fn prefixes_via(_evpn: &Evpn, _vni: Vni, _vtep: IpAddr) -> Vec<IpNet> {
    Vec::new()
}
