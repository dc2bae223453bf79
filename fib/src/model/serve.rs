//! Which L2VNIs can be served: a vxlan device with that id and a local address, alone of its kind on a bridge,
//! both switched on. Everything else has a reason that an operator can act on.

use super::{Address, Link, Links};
use crate::config::Serve;
use crate::event::FibNotice;
use crate::vrf::{ServedVrf, Tenants};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;
use weft_evpn::local::VniDevices;
use weft_evpn::{MacAddr, Vni, VrfName};

/// A VNI that is served, with all that depends on its links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedVni {
    /// What the core is told.
    pub devices: VniDevices,
}

impl ServedVni {
    /// Index of the vxlan device.
    pub fn vxlan(&self) -> u32 {
        self.devices.vxlan.0
    }

    /// Index of the bridge.
    pub fn bridge(&self) -> u32 {
        self.devices.bridge.0
    }
}

/// Computes which VNIs are up, and what stands in the way of those that have a vxlan device and are not.
/// `vrfs` are the IP-VRFs that are there; a VNI that is an L3VNI is none of these.
pub fn served(
    links: &Links,
    serve: &Serve,
    tenants: &Tenants,
    vrfs: &BTreeMap<VrfName, ServedVrf>,
) -> (BTreeMap<Vni, ServedVni>, Vec<FibNotice>) {
    let mut up = BTreeMap::new();
    let mut notices = Vec::new();
    // How many vxlan devices each bridge has, counted once: a bridge may have hundreds of ports.
    let mut on_bridge: BTreeMap<u32, usize> = BTreeMap::new();
    for link in links.iter().filter(|link| link.vxlan().is_some()) {
        if let Some(master) = link.master {
            *on_bridge.entry(master).or_default() += 1;
        }
    }
    for link in links.iter() {
        let Some(vni) = link.vxlan().filter(|vxlan| !vxlan.external).and_then(|vxlan| vxlan.vni) else {
            continue;
        };
        if !serve.contains(vni) || tenants.is_l3vni(vni) {
            continue;
        }
        let verdict = devices(links, link, &on_bridge).map(|devices| in_vrf(devices, links, tenants, vrfs));
        match verdict {
            Ok(devices) if !up.contains_key(&vni) => {
                up.insert(vni, ServedVni { devices });
            }
            Ok(_) => notices.push(FibNotice::NotServed {
                vni,
                device: link.name.clone(),
                reason: "another vxlan device has the same id".to_owned(),
            }),
            Err(Some(reason)) => {
                notices.push(FibNotice::NotServed { vni, device: link.name.clone(), reason });
            }
            Err(None) => {}
        }
    }
    for served in up.values() {
        if let Some(link) = links.get(served.vxlan()) {
            settings(link, &mut notices);
        }
    }
    (up, notices)
}

/// The devices of a VNI, or why it cannot be served; `Err(None)` for what passes by itself or is the operator's
/// plain intention (switched off, not joined to a bridge yet).
fn devices(
    links: &Links,
    vxlan: &Link,
    on_bridge: &BTreeMap<u32, usize>,
) -> Result<VniDevices, Option<String>> {
    let bridge = vxlan.master.and_then(|master| links.get(master)).ok_or(None)?;
    if !bridge.is_bridge() || !vxlan.up || !bridge.up {
        return Err(None);
    }
    let vtep: IpAddr = vxlan
        .vxlan()
        .and_then(|settings| settings.local)
        .ok_or_else(|| Some("it has no local address; make it with `local ADDRESS`".to_owned()))?;
    if on_bridge.get(&bridge.index).is_some_and(|count| *count > 1) {
        return Err(Some(format!(
            "{} has several vxlan devices; each VNI needs a bridge of its own",
            bridge.name
        )));
    }
    Ok(VniDevices {
        vxlan: (vxlan.index, vxlan.name.clone()),
        bridge: (bridge.index, bridge.name.clone()),
        vtep,
        bridge_mac: bridge.mac.unwrap_or(MacAddr::ZERO),
        svi_addresses: links.addresses(bridge.index).collect(),
        svi_subnets: subnets(links, bridge.index),
        vrf: None,
    })
}

fn subnets(links: &Links, device: u32) -> Vec<IpNet> {
    let mut subnets: Vec<IpNet> =
        links.assigned(device).filter(|address| address.works).filter_map(Address::subnet).collect();
    subnets.sort();
    subnets.dedup();
    subnets
}

/// Adds the IP-VRF that the bridge routes in. One that is refused there has no subnets, either.
fn in_vrf(
    mut devices: VniDevices,
    links: &Links,
    tenants: &Tenants,
    vrfs: &BTreeMap<VrfName, ServedVrf>,
) -> VniDevices {
    let svi = devices.bridge.0;
    let has = |vrf: &ServedVrf| vrf.interfaces.iter().any(|interface| interface.device.0 == svi);
    devices.vrf = vrfs.iter().find(|(_, vrf)| has(vrf)).map(|(name, _)| name.clone());
    let bridge = links.get(svi);
    let claimed =
        bridge.is_some_and(|link| tenants.of_bridge(link).or(tenants.of_link(link).map(|of| of.0)).is_some());
    if devices.vrf.is_none() && claimed {
        devices.svi_subnets.clear();
    }
    devices
}

/// Settings of an operator's device that disturb EVPN. Those of our own devices are set right by `devices`.
fn settings(link: &Link, notices: &mut Vec<FibNotice>) {
    if crate::devices::is_ours(link) {
        return;
    }
    let mut advise = |advice: &str| {
        notices.push(FibNotice::DeviceSetting { device: link.name.clone(), advice: advice.to_owned() });
    };
    if link.vxlan().is_some_and(|vxlan| vxlan.learning) {
        advise(
            "the vxlan device learns from the data plane, beside EVPN; \
             `ip link set DEV type vxlan nolearning` stops it",
        );
    }
    if link.port.is_some_and(|port| port.learning) {
        advise(
            "the bridge learns remote MACs from the data plane, beside EVPN; \
             `bridge link set dev DEV learning off` stops it",
        );
    }
    if link.port.is_some_and(|port| !port.neigh_suppress) {
        advise(
            "ARP and ND requests for known hosts are flooded; \
             `bridge link set dev DEV neigh_suppress on` answers them here",
        );
    }
}
