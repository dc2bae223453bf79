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
    /// The routed device, where neighbours are: the bridge, or of one that keeps VLANs apart the VLAN's device, if it
    /// has one.
    pub svi: Option<u32>,
    /// The VLAN, where the bridge keeps them apart.
    pub vlan: Option<u16>,
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
        // One that keeps VLANs apart may have many.
        let plain = |master: &u32| links.get(*master).is_some_and(|bridge| !bridge.vlan_aware);
        if let Some(master) = link.master.filter(plain) {
            *on_bridge.entry(master).or_default() += 1;
        }
    }
    for (link, vni, tunnel) in vnis(links) {
        if !serve.contains(vni) || tenants.is_l3vni(vni) {
            continue;
        }
        let verdict =
            devices(links, link, tunnel, &on_bridge).map(|served| in_vrf(served, links, tenants, vrfs));
        match verdict {
            Ok(devices) if !up.contains_key(&vni) => {
                up.insert(vni, devices);
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

/// Every VNI that has a vxlan device; of one for many also the VLAN that is mapped to it.
fn vnis(links: &Links) -> impl Iterator<Item = (&Link, Vni, Option<u16>)> {
    let alone = links.iter().filter_map(|link| {
        let vxlan = link.vxlan().filter(|vxlan| !vxlan.external)?;
        Some((link, vxlan.vni?, None))
    });
    let mapped = links.iter().filter(|link| link.vxlan().is_some_and(|vxlan| vxlan.external));
    let mapped = mapped.filter_map(|link| Some((link, links.vlans(link.index)?)));
    alone.chain(
        mapped
            .flat_map(|(link, vlans)| vlans.tunnels.iter().map(move |(vlan, vni)| (link, *vni, Some(*vlan)))),
    )
}

/// The VNIs of vxlan devices for many: the device, and the VLAN.
pub fn tunnels(links: &Links) -> BTreeMap<Vni, (u32, u16)> {
    vnis(links).filter_map(|(link, vni, vlan)| Some((vni, (link.index, vlan?)))).collect()
}

/// The devices of a VNI, or why it cannot be served; `Err(None)` for what passes by itself or is the operator's
/// plain intention (switched off, not joined to a bridge yet).
fn devices(
    links: &Links,
    vxlan: &Link,
    tunnel: Option<u16>,
    on_bridge: &BTreeMap<u32, usize>,
) -> Result<ServedVni, Option<String>> {
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
    let vlan = match tunnel {
        Some(vlan) => Some(vlan),
        None if bridge.vlan_aware => Some(vlan_of(links, vxlan, bridge)?),
        None => None,
    };
    let svi = match vlan {
        None => Some(bridge),
        Some(vlan) => links.svi(bridge.index, vlan).filter(|svi| svi.up),
    };
    let index = svi.map(|svi| svi.index);
    let devices = VniDevices {
        vxlan: vxlan.id(),
        bridge: bridge.id(),
        vtep,
        bridge_mac: svi.unwrap_or(bridge).mac.unwrap_or(MacAddr::ZERO),
        svi_addresses: index.map(|svi| links.addresses(svi).collect()).unwrap_or_default(),
        svi_subnets: index.map(|svi| subnets(links, svi)).unwrap_or_default(),
        vrf: None,
    };
    Ok(ServedVni { devices, svi: index, vlan })
}

/// The VLAN of a VNI on a bridge that keeps them apart: that of frames without a tag on its vxlan port, and no other
/// vxlan port's.
fn vlan_of(links: &Links, vxlan: &Link, bridge: &Link) -> Result<u16, Option<String>> {
    let untagged = |port: u32| links.vlans(port).and_then(|vlans| vlans.untagged);
    let vlan = untagged(vxlan.index).ok_or_else(|| {
        Some(format!(
            "{} keeps VLANs apart and it has none; `bridge vlan add dev {} vid N pvid untagged` gives it one",
            bridge.name, vxlan.name
        ))
    })?;
    let same = |port: &&Link| {
        port.index != vxlan.index && port.vxlan().is_some() && untagged(port.index) == Some(vlan)
    };
    match links.ports(bridge.index).find(same) {
        Some(other) => Err(Some(format!("{} has the same VLAN {vlan} on {}", other.name, bridge.name))),
        None => Ok(vlan),
    }
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
    mut served: ServedVni,
    links: &Links,
    tenants: &Tenants,
    vrfs: &BTreeMap<VrfName, ServedVrf>,
) -> ServedVni {
    let Some(svi) = served.svi else { return served };
    let devices = &mut served.devices;
    let has = |vrf: &ServedVrf| vrf.interfaces.iter().any(|interface| interface.device.0 == svi);
    devices.vrf = vrfs.iter().find(|(_, vrf)| has(vrf)).map(|(name, _)| name.clone());
    let bridge = links.get(svi);
    let claimed =
        bridge.is_some_and(|link| tenants.of_bridge(link).or(tenants.of_link(link).map(|of| of.0)).is_some());
    if devices.vrf.is_none() && claimed {
        devices.svi_subnets.clear();
    }
    served
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
