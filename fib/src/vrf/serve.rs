//! Which IP-VRFs work, with which devices, and why others do not.

use super::plan::Routing;
use super::tenant::{Tenant, Tenants, overlap};
use super::want::{L3Links, l3_links};
use crate::devices::is_ours;
use crate::event::FibNotice;
use crate::model::address::is_link_local;
use crate::model::{Address, Link, Links};
use crate::netlink::rule::Rule;
use ipnet::IpNet;
use std::collections::BTreeMap;
use weft_evpn::VrfName;
use weft_evpn::vrf::{L3VniDevices, VrfDevices, VrfForm, VrfInterface};

/// An IP-VRF that is there.
pub type ServedVrf = VrfDevices;

/// Works out which IP-VRFs are there.
pub fn served(
    links: &Links,
    tenants: &Tenants,
    routing: &Routing,
) -> (BTreeMap<VrfName, ServedVrf>, Vec<FibNotice>) {
    let mut up = BTreeMap::new();
    let mut notices = Vec::new();
    for (name, tenant) in &tenants.by_name {
        if let Some(devices) = devices(name, tenant, links, tenants, routing, &mut notices) {
            up.insert(name.clone(), devices);
        }
    }
    (up, notices)
}

fn devices(
    name: &VrfName,
    tenant: &Tenant,
    links: &Links,
    tenants: &Tenants,
    routing: &Routing,
    notices: &mut Vec<FibNotice>,
) -> Option<VrfDevices> {
    let device = tenant.device.and_then(|index| links.get(index));
    if tenant.form == VrfForm::Device && !device.is_some_and(|device| device.up) {
        return None;
    }
    let found = tenant.vni.and_then(|vni| match l3_links(name, tenant, vni, links) {
        Ok(found) => found,
        Err((device, reason)) => {
            notices.push(FibNotice::NotServed { vni, device, reason });
            None
        }
    });
    let l3vni = found.and_then(|found| l3vni(tenant, found, routing, notices));
    let svi = found.map(|found| found.svi.index);
    let interface = |link: &&Link| {
        let in_it = match tenant.form {
            VrfForm::Device => link.master == tenant.device,
            VrfForm::Rule => tenants.of_bridge(link) == Some(name),
        };
        in_it && link.up && Some(link.index) != svi && link.vxlan().is_none()
    };
    let mut interfaces: Vec<VrfInterface> = Vec::new();
    for link in links.iter().filter(interface) {
        let device = link.id();
        let addresses: Vec<IpNet> = links
            .assigned(link.index)
            .filter(|address| address.works && !is_link_local(address.ip))
            .filter_map(Address::net)
            .collect();
        let taken = interfaces.iter().find_map(|other| {
            let clash = |a: &IpNet| other.addresses.iter().any(|b| subnets(*a, *b) && overlap(*a, *b));
            addresses.iter().find(|address| clash(address)).map(|address| (*address, other.device.1.clone()))
        });
        if let Some((address, other)) = taken {
            let reason = format!("{} has {address}, which overlaps with {other}; it is not served", device.1);
            notices.push(FibNotice::Vrf { vrf: name.clone(), reason });
            continue;
        }
        interfaces.push(VrfInterface { device, addresses });
    }
    Some(VrfDevices {
        form: tenant.form,
        table: tenant.table,
        master: device.map(Link::id),
        l3vni,
        interfaces,
    })
}

/// Whether both are subnets; single addresses may stand anywhere.
fn subnets(a: IpNet, b: IpNet) -> bool {
    a.prefix_len() < a.max_prefix_len() && b.prefix_len() < b.max_prefix_len()
}

fn l3vni(
    tenant: &Tenant,
    L3Links { vxlan, svi }: L3Links<'_>,
    routing: &Routing,
    notices: &mut Vec<FibNotice>,
) -> Option<L3VniDevices> {
    let vni = tenant.vni?;
    let settings = vxlan.vxlan()?;
    if !vxlan.up || !svi.up {
        return None;
    }
    let mut not_served = |reason: &str| {
        notices.push(FibNotice::NotServed { vni, device: vxlan.name.clone(), reason: reason.to_owned() });
        None
    };
    let Some(vtep) = settings.local else {
        return not_served("it has no local address; make it with `local ADDRESS`");
    };
    let router_mac = svi.mac.filter(|mac| !mac.is_multicast() && *mac != weft_evpn::MacAddr::ZERO);
    let Some(router_mac) = router_mac else {
        return not_served("its Ethernet address cannot be a router MAC");
    };
    // A packet that comes in before the rules lead it to the table would be looked up in the main table.
    let led = |ipv6| {
        let leads = |rule: &Rule| rule.ipv6 == ipv6 && rule.iif.as_deref() == Some(svi.name.as_str());
        routing.rules.iter().any(|rule| rule.is_ours() && leads(rule))
    };
    if tenant.form == VrfForm::Rule && !led(false) {
        return None;
    }
    if !is_ours(vxlan) && settings.learning {
        let advice = "the vxlan device learns from the data plane, beside EVPN; \
                      `ip link set DEV type vxlan nolearning` stops it";
        notices.push(FibNotice::DeviceSetting { device: vxlan.name.clone(), advice: advice.to_owned() });
    }
    Some(L3VniDevices { vni, vxlan: vxlan.id(), svi: svi.id(), vtep, router_mac })
}
