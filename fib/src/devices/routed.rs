//! The part of the device plan that routes: VRF devices, L3VNI devices, bridges with gateways.

use super::plan::{DeviceOp, Plan, overlay_mtu};
use super::{is_newborn, is_ours, vrf_alias, vrf_of};
use crate::config::{BridgeDomain, FibConfig};
use crate::model::{Link, Links};
use crate::names::{derived_mac, device_name, vxlan_name};
use crate::vrf::tenant::{Tenant, Tenants};
use weft_evpn::vrf::VrfForm;
use weft_evpn::{MacAddr, VrfName};

/// The Ethernet address of gateways unless the configuration says otherwise (RFC 9135 §4.1).
const GATEWAY_MAC: MacAddr = MacAddr([0x00, 0x00, 0x5e, 0x00, 0x01, 0x01]);

/// The Ethernet address of a domain's bridge.
pub(super) fn mac_of_bridge(config: &FibConfig, domain: &BridgeDomain) -> MacAddr {
    let of_gateways = || (!domain.gateways.is_empty()).then(|| config.gateway_mac.unwrap_or(GATEWAY_MAC));
    domain.gateway_mac.or_else(of_gateways).unwrap_or_else(|| derived_mac(domain.vni, config.vtep_source))
}

/// Whether nothing asks for a VRF or L3VNI device of ours any more.
pub(super) fn is_unwanted(config: &FibConfig, tenants: &Tenants, link: &Link) -> bool {
    let Some(vrf) = vrf_of(link) else { return false };
    let Some(tenant) = tenants.by_name.get(&VrfName::from(vrf)).filter(|tenant| tenant.ours) else {
        // The L3VNI's device in a VRF of the operator's may be ours.
        let in_foreign = tenants.by_name.get(&VrfName::from(vrf));
        return !in_foreign.is_some_and(|tenant| is_l3vni_of(config, tenant, link));
    };
    match link.vrf_table() {
        // Its table cannot be changed: it is made anew.
        Some(table) => {
            tenant.form != VrfForm::Device || tenant.table != table || link.name != device_name(vrf)
        }
        None => !is_l3vni_of(config, tenant, link),
    }
}

fn is_l3vni_of(config: &FibConfig, tenant: &Tenant, link: &Link) -> bool {
    let Some(vxlan) = link.vxlan() else { return false };
    let other_family = config.vtep_source.zip(vxlan.local).is_some_and(|(a, b)| a.is_ipv4() != b.is_ipv4());
    tenant.makes_l3vni
        && vxlan.vni == tenant.vni
        && tenant.vni.is_some_and(|vni| link.name == vxlan_name(vni))
        && !other_family
}

impl Plan {
    /// VRF devices, and the devices of L3VNIs.
    pub(super) fn tenants(&mut self, config: &FibConfig, tenants: &Tenants, links: &Links) {
        for (name, tenant) in &tenants.by_name {
            if tenant.form == VrfForm::Device && tenant.ours {
                self.vrf_device(name, tenant, links);
            }
            if tenant.makes_l3vni {
                self.l3vni(config, name, tenant, links);
            }
        }
    }

    fn vrf_device(&mut self, name: &VrfName, tenant: &Tenant, links: &Links) {
        let device = device_name(name.as_str());
        let Some(link) = links.named(&device) else {
            self.ops.push(DeviceOp::AddVrf { name: device, alias: vrf_alias(name), table: tenant.table });
            return;
        };
        if self.removes(link.index) {
            return;
        }
        let alias = vrf_alias(name);
        if link.alias.as_deref() != Some(alias.as_str()) {
            self.ops.push(DeviceOp::Alias { index: link.index, name: device.clone(), alias });
        }
        if !link.up {
            self.ops.push(DeviceOp::Up { index: link.index, name: device });
        }
    }

    fn l3vni(&mut self, config: &FibConfig, name: &VrfName, tenant: &Tenant, links: &Links) {
        let (Some(vni), Some(local)) = (tenant.vni, config.vtep_source) else { return };
        // A device form without its device: that comes first.
        if tenant.form == VrfForm::Device && tenant.device.is_none() {
            return;
        }
        let device = vxlan_name(vni);
        let mtu = overlay_mtu(links, local);
        let mac = derived_mac(vni, Some(local));
        let Some(link) = links.named(&device) else {
            let master = tenant.device;
            let (alias, mac) = (vrf_alias(name), Some(mac));
            self.ops.push(DeviceOp::AddVxlan { name: device, alias, vni, local, mtu, master, mac });
            return;
        };
        if self.removes(link.index) {
            return;
        }
        let same_vni = link.vxlan().is_some_and(|vxlan| vxlan.vni == Some(vni));
        if !same_vni || !(is_ours(link) || is_newborn(link)) {
            let words = format!("it exists and was not made by Weft for the VRF {name}; rename or remove it");
            self.obstacles.insert(device, words);
            return;
        }
        let index = link.index;
        let alias = vrf_alias(name);
        if link.alias.as_deref() != Some(alias.as_str()) {
            self.ops.push(DeviceOp::Alias { index, name: device.clone(), alias });
        }
        if link.master != tenant.device {
            self.ops.push(DeviceOp::Master { index, name: device.clone(), master: tenant.device });
        }
        if link.vxlan().is_some_and(|vxlan| vxlan.local != Some(local) || vxlan.learning) {
            self.ops.push(DeviceOp::VxlanLocal { index, name: device.clone(), vni, local });
        }
        if link.mac != Some(mac) {
            self.ops.push(DeviceOp::Mac { index, name: device.clone(), mac });
        }
        if link.mtu != mtu {
            self.ops.push(DeviceOp::Mtu { index, name: device.clone(), mtu });
        }
        if !link.up {
            self.ops.push(DeviceOp::NoAutoAddress { index, name: device.clone() });
            self.ops.push(DeviceOp::Up { index, name: device });
        }
    }

    /// Address and IP-VRF of a domain's bridge. False: it must not be switched on yet.
    pub(super) fn gateway(
        &mut self,
        config: &FibConfig,
        domain: &BridgeDomain,
        tenants: &Tenants,
        bridge: &Link,
        links: &Links,
    ) -> bool {
        let (index, name) = bridge.id();
        let mac = mac_of_bridge(config, domain);
        if bridge.mac != Some(mac) {
            self.ops.push(DeviceOp::Mac { index, name: name.clone(), mac });
        }
        let tenant = tenants.of_domain(domain).map(|(_, tenant)| tenant);
        let wanted = match tenant {
            Some(tenant) if tenant.form == VrfForm::Device => match tenant.device {
                Some(device) => Some(device),
                None => return false,
            },
            _ => None,
        };
        let in_vrf = |master: u32| links.get(master).is_some_and(|link| link.vrf_table().is_some());
        match (bridge.master, wanted) {
            (is, wanted) if is == wanted => {}
            // An operator may have put it somewhere where no line of ours says otherwise.
            (Some(is), None) if tenant.is_none() && !(in_vrf(is) && links.get(is).is_some_and(is_ours)) => {}
            (_, wanted) => self.ops.push(DeviceOp::Master { index, name, master: wanted }),
        }
        true
    }

    /// Whether this plan removes a device.
    pub(super) fn removes(&self, device: u32) -> bool {
        self.ops.iter().any(|op| matches!(op, DeviceOp::Delete { index, .. } if *index == device))
    }
}
