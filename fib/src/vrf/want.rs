//! All that has to stand around the routes of the IP-VRFs: rules, gateway addresses, routes that follow from them,
//! interfaces with their settings and marks. Pure; devices are the business of `devices`.

use super::form::{VrfBackEnd, back_end};
use super::plan::Routing;
use super::tenant::{Tenant, Tenants};
use crate::config::FibConfig;
use crate::devices::is_ours;
use crate::model::{Address, Link, LinkKind, Links};
use crate::names::{bridge_name, vxlan_name};
use crate::netlink::nftables::Ruleset;
use crate::netlink::rule::{Rule, RuleAction, TABLE_LOCAL};
use crate::netlink::table::TableRoute;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use weft_evpn::vrf::VrfForm;
use weft_evpn::{Vni, VrfName};

/// What a routed interface is for, as far as its settings depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// The form of its IP-VRF; `None`: it routes in the main table.
    pub form: Option<VrfForm>,
    /// It leads to other VTEPs, and hosts are behind it otherwise.
    pub l3vni: bool,
}

/// What should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// All rules of ours.
    pub rules: BTreeSet<Rule>,
    /// Where the rule for the router's own addresses has to stand; `None`: where the kernel puts it.
    pub local_preference: Option<u32>,
    /// The gateways, by index of the bridge: of every bridge of ours.
    pub addresses: BTreeMap<u32, Vec<Address>>,
    /// Routes in tenants' tables.
    pub routes: BTreeSet<TableRoute>,
    /// Routed interfaces of ours, by name. They may not be there yet.
    pub interfaces: BTreeMap<String, Role>,
    /// Marks of what comes in by tenants' interfaces, and what others may not reach.
    pub filter: Ruleset,
}

/// The devices of an L3VNI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct L3Links<'a> {
    /// The vxlan device.
    pub vxlan: &'a Link,
    /// The routed device above it, or itself.
    pub svi: &'a Link,
}

/// Finds the devices of an L3VNI: the vxlan device with that id, and what is routed of it in this IP-VRF.
/// `Ok(None)`: there are none yet.
///
/// # Errors
/// What is wrong with those that are there.
pub fn l3_links<'a>(
    name: &VrfName,
    tenant: &Tenant,
    vni: Vni,
    links: &'a Links,
) -> Result<Option<L3Links<'a>>, (String, String)> {
    // Of a device for many, the VLAN that is mapped to it.
    let mapped = |link: &Link| {
        let vlans = links.vlans(link.index)?;
        vlans.tunnels.iter().find(|(_, of)| **of == vni).map(|(vlan, _)| *vlan)
    };
    let with_vni = |link: &&Link| {
        let is_it = |external, of| if external { mapped(link).is_some() } else { of == Some(vni) };
        link.vxlan().is_some_and(|vxlan| is_it(vxlan.external, vxlan.vni))
    };
    let mut found = links.iter().filter(with_vni);
    let Some(vxlan) = found.next() else { return Ok(None) };
    if let Some(other) = found.next() {
        return Err((vxlan.name.clone(), format!("{} has the same id", other.name)));
    }
    let master = |link: &Link| link.master.and_then(|master| links.get(master));
    let svi = match master(vxlan) {
        Some(bridge) if bridge.vlan_aware => {
            let untagged = || links.vlans(vxlan.index).and_then(|vlans| vlans.untagged);
            let vlan = mapped(vxlan).or_else(untagged);
            match vlan.and_then(|vlan| links.svi(bridge.index, vlan)) {
                Some(svi) => svi,
                None => return Ok(None),
            }
        }
        Some(bridge) if bridge.is_bridge() => bridge,
        _ => vxlan,
    };
    let elsewhere = |vrf: &Link| {
        Err((svi.name.clone(), format!("it is in the VRF {}, and VNI {vni} is that of {name}", vrf.name)))
    };
    match (tenant.form, master(svi)) {
        (VrfForm::Device, Some(vrf)) if Some(vrf.index) == tenant.device => Ok(Some(L3Links { vxlan, svi })),
        (_, Some(vrf)) if vrf.vrf_table().is_some() => elsewhere(vrf),
        (VrfForm::Device, _) => Ok(None),
        (VrfForm::Rule, _) => Ok(Some(L3Links { vxlan, svi })),
    }
}

/// Puts together what should be.
pub fn want(config: &FibConfig, links: &Links, tenants: &Tenants) -> Wanted {
    let mut wanted = Wanted::default();
    let mut members: BTreeMap<&VrfName, Vec<String>> = BTreeMap::new();
    for (name, domain) in &config.bridge_domains {
        let device = bridge_name(name);
        let tenant = tenants.of_domain(domain);
        let gateways = tenants.gateways(name, domain);
        if let Some((vrf, _)) = tenant {
            members.entry(vrf).or_default().push(device.clone());
        }
        if tenant.is_some() || !gateways.is_empty() {
            let form = tenant.map(|(_, tenant)| tenant.form);
            wanted.interfaces.insert(device.clone(), Role { form, l3vni: false });
        }
        let Some(bridge) = links.named(&device).filter(|link| link.is_bridge() && is_ours(link)) else {
            continue;
        };
        let addresses = wanted.addresses.entry(bridge.index).or_default();
        for gateway in gateways {
            match tenant {
                None => addresses.push(Address { protocol: OWN, ..Address::from(*gateway) }),
                Some((_, tenant)) => {
                    let form = back_end(tenant.form);
                    let address = form.address(*gateway);
                    if may_stand(tenant, bridge, &address, links) {
                        addresses.push(address);
                        wanted.routes.extend(form.routes(tenant, bridge.index, *gateway));
                    }
                }
            }
        }
    }
    // Bridges of ours that no line asks for any more have no gateways.
    for link in links.iter().filter(|link| link.kind == LinkKind::Bridge && is_ours(link)) {
        wanted.addresses.entry(link.index).or_default();
    }
    for (name, tenant) in &tenants.by_name {
        let mut interfaces = members.remove(name).unwrap_or_default();
        if let Some(svi) = l3_interface(name, tenant, links) {
            if tenant.ours {
                wanted.interfaces.insert(svi.clone(), Role { form: Some(tenant.form), l3vni: true });
            }
            interfaces.push(svi);
        }
        wanted.add(tenant, &interfaces);
    }
    wanted.filter.gateways = gateways_of_marked(&wanted, links);
    wanted
}

/// Whether a tenant's gateway may be an address of its bridge. Not of one that is in no VRF device where it should be
/// in one: the subnet would stand in the main table, where the underlay is. One that is there goes along when the bridge
/// is about to be joined.
fn may_stand(tenant: &Tenant, bridge: &Link, gateway: &Address, links: &Links) -> bool {
    if tenant.form == VrfForm::Rule {
        return true;
    }
    let there = || links.assigned(bridge.index).any(|address| address.same_place(gateway));
    tenant.device.is_some() && (bridge.master == tenant.device || there())
}

/// The gateways of the tenants whose interfaces are marked, without those that an interface of nobody's has, too.
fn gateways_of_marked(wanted: &Wanted, links: &Links) -> BTreeSet<IpAddr> {
    let (marked, others): (Vec<&Link>, Vec<&Link>) =
        links.iter().partition(|link| wanted.filter.marks.contains_key(&link.name));
    let gateways = marked.iter().filter_map(|link| wanted.addresses.get(&link.index)).flatten();
    let elsewhere: BTreeSet<IpAddr> = others.iter().flat_map(|link| links.addresses(link.index)).collect();
    gateways.map(|gateway| gateway.ip).filter(|ip| !elsewhere.contains(ip)).collect()
}

/// The protocol that marks addresses as ours.
const OWN: u8 = crate::netlink::constants::RTPROT_BGP;

/// The name of the routed device of the L3VNI, even if Weft has yet to make it.
fn l3_interface(name: &VrfName, tenant: &Tenant, links: &Links) -> Option<String> {
    let vni = tenant.vni?;
    match l3_links(name, tenant, vni, links) {
        Ok(Some(found)) => Some(found.svi.name.clone()),
        _ => tenant.makes_l3vni.then(|| vxlan_name(vni)),
    }
}

impl Wanted {
    fn add(&mut self, tenant: &Tenant, interfaces: &[String]) {
        let form: &dyn VrfBackEnd = back_end(tenant.form);
        self.rules.extend(form.rules(tenant, interfaces));
        self.rules.extend(form.common_rules());
        self.routes.extend(form.base_routes(tenant));
        if form.needs_marks() {
            self.filter.marks.extend(interfaces.iter().map(|interface| (interface.clone(), tenant.table)));
        }
        // Where the operator makes the VRF devices, the operator says where the router's own addresses come.
        if tenant.ours {
            self.local_preference = self.local_preference.max(Some(form.local_preference()));
        }
    }

    /// Interfaces some of whose rules are missing: a packet of their tenants would be looked up in the main table.
    pub fn unled(&self, routing: &Routing) -> BTreeSet<String> {
        // The kernel has rules of a family from the start, unless that is switched off.
        let exists = |ipv6: bool| !ipv6 || routing.rules.last().is_some_and(|last| last.ipv6);
        // The kernel takes no second one that differs in who set it only.
        let by = |rule: &Rule, protocol| Rule { protocol, ..rule.clone() };
        let there = |rule: &Rule| routing.rules.range(by(rule, 0)..=by(rule, u8::MAX)).any(|is| !is.other);
        let missing = self.rules.difference(&routing.rules);
        let missing = missing.filter(|rule| exists(rule.ipv6) && !there(rule));
        missing.flat_map(|rule| [&rule.iif, &rule.oif]).flatten().cloned().collect()
    }

    /// The rule for the router's own addresses where it has to stand.
    pub fn local_rule(&self, ipv6: bool) -> Option<Rule> {
        let preference = self.local_preference?;
        Some(Rule::ours(ipv6, preference, RuleAction::Lookup(TABLE_LOCAL)))
    }
}
