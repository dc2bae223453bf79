//! What differs between the devices that the configuration asks for and those that are there. Pure; steps that
//! need the index of a device that does not exist yet come in the next plan, when the kernel has told of it.

use super::routed::{is_unwanted, mac_of_bridge};
use super::{alias, domain_of, is_newborn, is_ours, remembered_ports, vrf_of};
use crate::config::{BridgeDomain, FibConfig};
use crate::model::{Link, LinkKind, Links};
use crate::names::{bridge_name, device_name, vxlan_name};
use crate::vrf::Tenants;
use crate::vrf::tenant::Tenant;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use weft_evpn::{MacAddr, Vni, VrfName};

/// The port that IANA gave to VXLAN.
pub const VXLAN_PORT: u16 = 4789;
/// What VXLAN adds to an Ethernet payload, over IPv4 and IPv6.
const OVERHEAD_V4: u32 = 50;
const OVERHEAD_V6: u32 = 70;
/// No vxlan device gets less, whatever the underlay says (IPv6 needs it).
const MIN_MTU: u32 = 1280;
/// Assumed where no device tells.
const ETHERNET_MTU: u32 = 1500;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceOp {
    /// Make a bridge.
    AddBridge { name: String, alias: String, mac: MacAddr },
    /// Make a vxlan device and join it to its bridge or VRF device, switched off.
    AddVxlan {
        name: String,
        alias: String,
        vni: Vni,
        local: IpAddr,
        mtu: u32,
        master: Option<u32>,
        mac: Option<MacAddr>,
    },
    /// Make a VRF device.
    AddVrf { name: String, alias: String, table: u32 },
    /// Change the Ethernet address.
    Mac { index: u32, name: String, mac: MacAddr },
    /// No IPv6 address of its own.
    NoAutoAddress { index: u32, name: String },
    /// Mark as ours.
    Alias { index: u32, name: String, alias: String },
    /// Bridge port settings of a vxlan device, and no IPv6 address of its own.
    VxlanPort { index: u32, name: String },
    /// Address of our VTEP; learning off.
    VxlanLocal { index: u32, name: String, vni: Vni, local: IpAddr },
    /// Change the MTU.
    Mtu { index: u32, name: String, mtu: u32 },
    /// Join a port to a bridge, or take it off.
    Master { index: u32, name: String, master: Option<u32> },
    /// Switch on.
    Up { index: u32, name: String },
    /// Remove.
    Delete { index: u32, name: String },
}

impl DeviceOp {
    /// The device it is about.
    pub fn device(&self) -> &str {
        match self {
            DeviceOp::AddBridge { name, .. }
            | DeviceOp::AddVxlan { name, .. }
            | DeviceOp::AddVrf { name, .. }
            | DeviceOp::Mac { name, .. }
            | DeviceOp::NoAutoAddress { name, .. }
            | DeviceOp::Alias { name, .. }
            | DeviceOp::VxlanPort { name, .. }
            | DeviceOp::VxlanLocal { name, .. }
            | DeviceOp::Mtu { name, .. }
            | DeviceOp::Master { name, .. }
            | DeviceOp::Up { name, .. }
            | DeviceOp::Delete { name, .. } => name,
        }
    }
}

impl DeviceOp {
    /// Whether it sets an alias.
    pub fn marks(&self) -> bool {
        matches!(
            self,
            DeviceOp::AddBridge { .. }
                | DeviceOp::AddVxlan { .. }
                | DeviceOp::AddVrf { .. }
                | DeviceOp::Alias { .. }
        )
    }
}

/// The steps that may be taken now: no interface is switched on while rules of its are missing. It comes up in the plan
/// that follows when the kernel has told of them.
pub fn possible(ops: Vec<DeviceOp>, unled: &BTreeSet<String>) -> Vec<DeviceOp> {
    let waits = |op: &DeviceOp| matches!(op, DeviceOp::Up { name, .. } if unled.contains(name));
    ops.into_iter().filter(|op| !waits(op)).collect()
}

/// What to do, and what the operator has to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Steps, in order.
    pub ops: Vec<DeviceOp>,
    /// What stands in the way, by device.
    pub obstacles: BTreeMap<String, String>,
}

/// Compares the configuration with the links.
pub fn plan(config: &FibConfig, tenants: &Tenants, links: &Links) -> Plan {
    let mut plan = Plan { obstacles: tenants.obstacles.clone(), ..Plan::default() };
    plan.remove_unwanted(config, tenants, links);
    plan.tenants(config, tenants, links);
    // All bridges first: what one lets go another may take.
    let bridges: Vec<_> = config
        .bridge_domains
        .iter()
        .filter_map(|(name, domain)| Some((name, domain, plan.bridge(name, domain, config, tenants, links)?)))
        .collect();
    for (name, domain, bridge) in bridges {
        plan.vxlan(name, domain, config.vtep_source, bridge, links);
        plan.ports(name, domain, bridge, links);
    }
    if let Some(vtep) = config.vtep_source
        && !config.bridge_domains.is_empty()
        && !links.iter().any(|link| links.addresses(link.index).any(|address| address == vtep))
    {
        let words = format!("no device has this address; add it, for example `ip address add {vtep} dev lo`");
        plan.obstacles.insert(format!("vtep source {vtep}"), words);
    }
    plan
}

impl Plan {
    /// Devices with our mark that no line asks for: vxlan devices first, then bridges, then VRF devices.
    fn remove_unwanted(&mut self, config: &FibConfig, tenants: &Tenants, links: &Links) {
        let unwanted = |link: &&Link| {
            if is_newborn(link) {
                return !is_asked_for(config, tenants, &link.name);
            }
            let Some(domain) = domain_of(link) else { return is_unwanted(config, tenants, link) };
            match &link.kind {
                LinkKind::Bridge => {
                    !config.bridge_domains.contains_key(domain) || link.name != bridge_name(domain)
                }
                // One that another domain asks for now changes hands as it is.
                LinkKind::Vxlan(vxlan) => {
                    let asked_for = config
                        .bridge_domains
                        .values()
                        .any(|wanted| vxlan.vni == Some(wanted.vni) && link.name == vxlan_name(wanted.vni));
                    let other_family =
                        config.vtep_source.zip(vxlan.local).is_some_and(|(a, b)| a.is_ipv4() != b.is_ipv4());
                    !asked_for || other_family
                }
                LinkKind::Vrf { .. } | LinkKind::Vlan { .. } | LinkKind::Other => true,
            }
        };
        let mut gone: Vec<&Link> = links.iter().filter(unwanted).collect();
        gone.sort_by_key(|link| (link.is_bridge(), link.vrf_table().is_some()));
        self.ops.extend(
            gone.into_iter().map(|link| DeviceOp::Delete { index: link.index, name: link.name.clone() }),
        );
    }

    fn obstacle(&mut self, link: &Link, domain: &str) {
        let words = format!(
            "it exists and was not made by Weft; remove it, or serve it as it is without `bridge-domain {domain}`"
        );
        self.obstacles.insert(link.name.clone(), words);
    }

    /// The index of the domain's bridge, once it is there and ours.
    fn bridge(
        &mut self,
        name: &str,
        domain: &BridgeDomain,
        config: &FibConfig,
        tenants: &Tenants,
        links: &Links,
    ) -> Option<u32> {
        let device = bridge_name(name);
        let Some(link) = links.named(&device) else {
            let alias = alias(name, &domain.interfaces);
            self.ops.push(DeviceOp::AddBridge { name: device, alias, mac: mac_of_bridge(config, domain) });
            return None;
        };
        if !link.is_bridge() || !(domain_of(link).is_some() || is_newborn(link)) {
            self.obstacle(link, name);
            return None;
        }
        let alias = alias(name, &domain.interfaces);
        if link.alias.as_deref() != Some(alias.as_str()) {
            self.release_ports(link, domain, links);
            self.ops.push(DeviceOp::Alias { index: link.index, name: device.clone(), alias });
        }
        // Enslaved first: a bridge that changes its VRF while it works loses its IPv6 addresses.
        let ready = self.gateway(config, domain, tenants, link, links);
        if !link.up && ready {
            self.ops.push(DeviceOp::Up { index: link.index, name: device });
        }
        Some(link.index)
    }

    /// Ports that we joined and that no line names any more. Those that the operator joined by hand stay.
    fn release_ports(&mut self, bridge: &Link, domain: &BridgeDomain, links: &Links) {
        for port in remembered_ports(bridge) {
            if !domain.interfaces.iter().any(|wanted| wanted == port)
                && let Some(link) = links.named(port)
                && link.master == Some(bridge.index)
            {
                self.ops.push(DeviceOp::Master { index: link.index, name: link.name.clone(), master: None });
            }
        }
    }

    /// Whether this plan takes the port off its bridge; it is free in the next one.
    fn lets_go(&self, port: u32, master: u32) -> bool {
        self.ops.iter().any(|op| match op {
            DeviceOp::Master { index, master: None, .. } => *index == port,
            DeviceOp::Delete { index, .. } => *index == master,
            _ => false,
        })
    }

    fn vxlan(&mut self, name: &str, domain: &BridgeDomain, vtep: Option<IpAddr>, bridge: u32, links: &Links) {
        let device = vxlan_name(domain.vni);
        let Some(local) = vtep else {
            self.obstacles.insert(device, "it is made when there is a `vtep source ADDRESS` line".to_owned());
            return;
        };
        let mtu = domain.mtu.unwrap_or_else(|| overlay_mtu(links, local));
        let Some(link) = links.named(&device) else {
            let (vni, master) = (domain.vni, Some(bridge));
            let alias = alias(name, &[]);
            self.ops.push(DeviceOp::AddVxlan { name: device, alias, vni, local, mtu, master, mac: None });
            return;
        };
        if self.removes(link.index) {
            return;
        }
        let same_vni = link.vxlan().is_some_and(|vxlan| vxlan.vni == Some(domain.vni));
        if !same_vni || vrf_of(link).is_some() || !(is_ours(link) || is_newborn(link)) {
            self.obstacle(link, name);
            return;
        }
        // A device whose family has to change is being deleted; it is made again when it is gone.
        if link.vxlan().and_then(|vxlan| vxlan.local).is_some_and(|old| old.is_ipv4() != local.is_ipv4()) {
            return;
        }
        let index = link.index;
        let alias = alias(name, &[]);
        if link.alias.as_deref() != Some(alias.as_str()) {
            self.ops.push(DeviceOp::Alias { index, name: device.clone(), alias });
        }
        if link.master != Some(bridge) {
            self.ops.push(DeviceOp::Master { index, name: device.clone(), master: Some(bridge) });
        }
        if link.vxlan().is_some_and(|vxlan| vxlan.local != Some(local) || vxlan.learning) {
            self.ops.push(DeviceOp::VxlanLocal { index, name: device.clone(), vni: domain.vni, local });
        }
        if link.mtu != mtu {
            self.ops.push(DeviceOp::Mtu { index, name: device.clone(), mtu });
        }
        let port_right = link.port.is_some_and(|port| !port.learning && port.neigh_suppress);
        if !port_right || !link.up {
            self.ops.push(DeviceOp::VxlanPort { index, name: device.clone() });
        }
        if !link.up {
            self.ops.push(DeviceOp::Up { index, name: device });
        }
    }

    fn ports(&mut self, name: &str, domain: &BridgeDomain, bridge: u32, links: &Links) {
        for interface in &domain.interfaces {
            // One that is not there yet is taken when it appears.
            let Some(link) = links.named(interface) else { continue };
            match link.master {
                Some(master) if master == bridge => {}
                Some(master) if self.lets_go(link.index, master) => continue,
                Some(master) => {
                    let words = format!(
                        "it is a port of {}; `bridge-domain {name}` takes it when it is free",
                        links.name(master)
                    );
                    self.obstacles.insert(interface.clone(), words);
                    continue;
                }
                None => self.ops.push(DeviceOp::Master {
                    index: link.index,
                    name: interface.clone(),
                    master: Some(bridge),
                }),
            }
            if !link.up {
                self.ops.push(DeviceOp::Up { index: link.index, name: interface.clone() });
            }
        }
    }
}

/// Whether a line asks for a device of this name.
fn is_asked_for(config: &FibConfig, tenants: &Tenants, name: &str) -> bool {
    let of_domain = |(domain, wanted): (&String, &BridgeDomain)| {
        name == bridge_name(domain) || name == vxlan_name(wanted.vni)
    };
    let of_tenant = |(vrf, tenant): (&VrfName, &Tenant)| {
        name == device_name(vrf.as_str()) || tenant.vni.is_some_and(|vni| name == vxlan_name(vni))
    };
    config.bridge_domains.iter().any(of_domain) || tenants.by_name.iter().any(of_tenant)
}

/// The MTU of the underlay less the overhead. The underlay is the device that has the VTEP's address; where that
/// is the loopback, every device that could carry the packets counts, and the smallest decides: those that have
/// an address, and are no overlay themselves.
pub fn overlay_mtu(links: &Links, vtep: IpAddr) -> u32 {
    let has_vtep = |link: &&Link| links.addresses(link.index).any(|address| address == vtep);
    let carrier = |link: &&Link| {
        !link.loopback
            && !link.is_bridge()
            && link.vxlan().is_none()
            && link.master.is_none()
            && link.mtu >= MIN_MTU
    };
    let own = links.iter().filter(has_vtep).find(carrier).map(|link| link.mtu);
    let smallest = || {
        let addressed = |link: &&Link| links.addresses(link.index).next().is_some();
        links.iter().filter(|link| link.up).filter(carrier).filter(addressed).map(|link| link.mtu).min()
    };
    let underlay = own.or_else(smallest).unwrap_or(ETHERNET_MTU);
    let overhead = if vtep.is_ipv4() { OVERHEAD_V4 } else { OVERHEAD_V6 };
    underlay.saturating_sub(overhead).max(MIN_MTU)
}
