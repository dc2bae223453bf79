//! Which IP-VRFs this kernel is to have, in which form and table, with which L3VNI. What contradicts itself is left out,
//! with the reason.

use crate::config::{BridgeDomain, FibConfig, Vrf};
use crate::devices::{is_newborn, is_ours};
use crate::model::{Link, Links};
use crate::names::{bridge_name, derived_table, device_name, vxlan_name};
use crate::netlink::rule::TABLE_LOCAL;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use weft_evpn::vrf::VrfForm;
use weft_evpn::{Vni, VrfName};

/// The table `default` of the kernel, between which and `local` no tenant's may be.
const RT_TABLE_DEFAULT: u32 = 253;

/// One IP-VRF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its form.
    pub form: VrfForm,
    /// Its table. In rule form also the mark of its packets.
    pub table: u32,
    /// Index of its VRF device, once that is there.
    pub device: Option<u32>,
    /// The VRF device is not the operator's: we make it, or it needs none.
    pub ours: bool,
    /// The L3VNI, unless something else has that VNI.
    pub vni: Option<Vni>,
    /// Whether Weft makes the L3VNI's device: nobody else has, and there is an address for it.
    pub makes_l3vni: bool,
}

/// All of them, and what stands in the way of others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tenants {
    /// By name.
    pub by_name: BTreeMap<VrfName, Tenant>,
    /// Bridge domains with a subnet that overlaps with another's of the same IP-VRF.
    pub overlapping: BTreeSet<String>,
    /// The IP-VRF of each bridge of ours, by device name.
    bridges: BTreeMap<String, VrfName>,
    /// What the operator has to do, by device, domain or VRF.
    pub obstacles: BTreeMap<String, String>,
}

impl Tenants {
    /// The IP-VRF of a bridge domain, if it names one that there is.
    pub fn of_domain<'a>(&'a self, domain: &'a BridgeDomain) -> Option<(&'a VrfName, &'a Tenant)> {
        let name = domain.vrf.as_ref()?;
        Some((name, self.by_name.get(name)?))
    }

    /// The IP-VRF that a link is enslaved to.
    pub fn of_link(&self, link: &Link) -> Option<(&VrfName, &Tenant)> {
        let master = link.master?;
        self.by_name.iter().find(|(_, tenant)| tenant.device == Some(master))
    }

    /// The IP-VRF of a bridge that we made.
    pub fn of_bridge(&self, link: &Link) -> Option<&VrfName> {
        self.bridges.get(&link.name).filter(|_| link.is_bridge() && is_ours(link))
    }

    /// Whether a VNI is the L3VNI of some IP-VRF, and thus none of a MAC-VRF.
    pub fn is_l3vni(&self, vni: Vni) -> bool {
        self.by_name.values().any(|tenant| tenant.vni == Some(vni))
    }

    /// The gateways of a bridge domain that are set: none where its IP-VRF is missing or it overlaps with another.
    pub fn gateways<'a>(&self, name: &str, domain: &'a BridgeDomain) -> &'a [IpNet] {
        let homeless = domain.vrf.is_some() && self.of_domain(domain).is_none();
        if homeless || self.overlapping.contains(name) { &[] } else { &domain.gateways }
    }
}

/// Works out the IP-VRFs. `default` is the form of those that the operator has not made.
pub fn tenants(config: &FibConfig, links: &Links, default: VrfForm) -> Tenants {
    let mut tenants = Tenants::default();
    for (name, vrf) in &config.vrfs {
        if let Some(tenant) = tenant(name, vrf, config, links, default, &mut tenants.obstacles) {
            tenants.by_name.insert(name.clone(), tenant);
        }
    }
    tenants.refuse_shared_tables(links);
    tenants.refuse_shared_vnis(config);
    tenants.refuse_overlaps(config);
    for (name, domain) in &config.bridge_domains {
        if let Some((vrf, _)) = tenants.of_domain(domain) {
            let vrf = vrf.clone();
            tenants.bridges.insert(bridge_name(name), vrf);
        }
    }
    tenants
}

fn tenant(
    name: &VrfName,
    vrf: &Vrf,
    config: &FibConfig,
    links: &Links,
    default: VrfForm,
    obstacles: &mut BTreeMap<String, String>,
) -> Option<Tenant> {
    let device_name = device_name(name.as_str());
    let device = links.named(&device_name);
    let foreign = device.filter(|link| link.vrf_table().is_some() && !is_ours(link) && !is_newborn(link));
    let (form, table, ours) = match foreign.and_then(Link::vrf_table) {
        Some(table) => {
            if vrf.table.is_some_and(|wanted| wanted != table) {
                let words =
                    format!("it has table {table}, the configuration says otherwise; the device counts");
                obstacles.insert(device_name, words);
            }
            (VrfForm::Device, table, false)
        }
        // Without an address of our own to send from the operator makes all devices, and this one may come yet.
        None if config.vtep_source.is_none() => return None,
        None => {
            if let Some(link) = device.filter(|link| link.vrf_table().is_none())
                && default == VrfForm::Device
            {
                let words = format!("it exists and is no VRF device; rename it, or the VRF {name}");
                obstacles.insert(link.name.clone(), words);
                return None;
            }
            (default, vrf.table.unwrap_or_else(|| derived_table(name.as_str())), true)
        }
    };
    if table == 0 || (RT_TABLE_DEFAULT..=TABLE_LOCAL).contains(&table) {
        obstacles.insert(format!("vrf {name}"), format!("table {table} is the kernel's own; choose another"));
        return None;
    }
    let of_others = |vni: Vni| {
        let with_vni = |link: &&Link| link.vxlan().is_some_and(|vxlan| vxlan.vni == Some(vni));
        // One of ours from a start that was cut short.
        let unfinished = |link: &Link| is_newborn(link) && link.name == vxlan_name(vni);
        links.iter().filter(with_vni).any(|link| !is_ours(link) && !unfinished(link))
    };
    let makes_l3vni = config.vtep_source.is_some() && vrf.vni.is_some_and(|vni| !of_others(vni));
    let device = device.filter(|link| link.vrf_table() == Some(table)).map(|link| link.index);
    Some(Tenant {
        form,
        table,
        device: device.filter(|_| form == VrfForm::Device),
        ours,
        vni: vrf.vni,
        makes_l3vni,
    })
}

impl Tenants {
    fn refuse_shared_tables(&mut self, links: &Links) {
        let mut users: BTreeMap<u32, String> = BTreeMap::new();
        for link in links.iter().filter(|link| !is_ours(link) && !is_newborn(link)) {
            if let Some(table) = link.vrf_table() {
                users.insert(table, format!("the VRF device {}", link.name));
            }
        }
        let obstacles = &mut self.obstacles;
        self.by_name.retain(|name, tenant| {
            if !tenant.ours {
                return true;
            }
            let user = users.entry(tenant.table).or_insert_with(|| format!("the VRF {name}"));
            let alone = *user == format!("the VRF {name}");
            if !alone {
                let words = format!("table {} is that of {user}; give it another by `table N`", tenant.table);
                obstacles.insert(format!("vrf {name}"), words);
            }
            alone
        });
    }

    fn refuse_shared_vnis(&mut self, config: &FibConfig) {
        let mut users: BTreeMap<Vni, Vec<String>> = BTreeMap::new();
        for (name, domain) in &config.bridge_domains {
            users.entry(domain.vni).or_default().push(format!("bridge-domain {name}"));
        }
        for (name, vrf) in &config.vrfs {
            if let Some(vni) = vrf.vni {
                users.entry(vni).or_default().push(format!("vrf {name}"));
            }
        }
        for (name, tenant) in &mut self.by_name {
            let Some(users) = tenant.vni.and_then(|vni| users.get(&vni)) else { continue };
            if users.len() > 1
                && let Some(vni) = tenant.vni.take()
            {
                tenant.makes_l3vni = false;
                let words =
                    format!("its VNI {vni} is used more than once ({}); it has no L3VNI", users.join(", "));
                self.obstacles.insert(format!("vrf {name}"), words);
            }
        }
    }

    /// Two bridge domains of one IP-VRF with overlapping subnets: the first by name has them.
    fn refuse_overlaps(&mut self, config: &FibConfig) {
        let mut taken: Vec<(Option<&VrfName>, IpNet, &str)> = Vec::new();
        for (name, domain) in &config.bridge_domains {
            let overlap = domain.gateways.iter().find_map(|gateway| {
                let same = |(vrf, net, _): &&(Option<&VrfName>, IpNet, &str)| {
                    *vrf == domain.vrf.as_ref() && overlap(*net, *gateway)
                };
                taken.iter().find(same).map(|(_, net, other)| (*gateway, *net, *other))
            });
            match overlap {
                Some((gateway, net, other)) => {
                    let words = format!(
                        "gateway {gateway} overlaps with {net} of bridge-domain {other} in the same VRF; \
                         no gateway of it is set"
                    );
                    self.obstacles.insert(format!("bridge-domain {name}"), words);
                    self.overlapping.insert(name.clone());
                }
                None => {
                    let vrf = domain.vrf.as_ref();
                    taken.extend(domain.gateways.iter().map(|gateway| (vrf, *gateway, name.as_str())));
                }
            }
        }
        for (name, domain) in &config.bridge_domains {
            if let Some(vrf) = &domain.vrf
                && !self.by_name.contains_key(vrf)
                && !domain.gateways.is_empty()
            {
                let words = format!("its gateways wait for the VRF {vrf}, which is not there");
                self.obstacles.entry(format!("bridge-domain {name}")).or_insert(words);
            }
        }
    }
}

/// Whether two subnets have an address in common.
pub fn overlap(a: IpNet, b: IpNet) -> bool {
    a.trunc().contains(&b.trunc().addr()) || b.trunc().contains(&a.trunc().addr())
}
