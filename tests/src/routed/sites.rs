//! Sites, each of leaves and a gateway that is also the site's reflector, and a core reflector
//! between the gateways.
//!
//! ```text
//!   l11, l12 ══ g10 (domain site1) ══ s (domain core) ══ g20 (domain site2) ══ l21, l22
//! ```
//!
//! The leaves of site S (from 1) have the numbers S1, S2, …, its gateway has S0. Site 1 has the
//! subnets 10 to 15, site 2 has 20 to 29, site 3 has 32 to 39; so each is covered by one
//! prefix of 20 bits (IPv4) and one of 44 bits (IPv6), which its gateway aggregates to.

use super::fabric::{Fabric, join_hosts, join_machine};
use super::{Form, Leaf, LeafPlan, RED, Tenant, prefixes};
use crate::error::{LabError, Result};
use crate::fabric::{LIMIT, REFLECTOR, join_underlay, session, vtep};
use crate::kernel;
use crate::netns::Namespace;
use crate::owner;
use crate::speaker::{Kind, Speaker};
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

/// What a lab of sites consists of.
#[derive(Debug, Clone)]
pub struct SitesPlan {
    /// For each site its leaves.
    pub sites: Vec<Vec<LeafPlan>>,
    /// The tenants.
    pub tenants: Vec<Tenant>,
    /// What the gateways do with `aggregate-address`.
    pub aggregate: Aggregate,
    /// Subnets that have leaves in both sites: what the gateways know of them crosses, hosts and all, since
    /// by longest match their prefix draws the traffic, not the summary.
    pub stretched: Vec<u8>,
    /// Subnets whose prefixes a route map keeps from leaving their site.
    pub kept: Vec<u8>,
    /// A machine of the first tenant that moves: its subnet, and the leaves (by index over all
    /// sites) that it has wires to, its home first.
    pub machine: Option<(u8, Vec<usize>)>,
    /// The software of the core reflector.
    pub core: Kind,
}

/// What leaves a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// Every prefix and every host.
    None,
    /// The site's prefix beside them.
    Beside,
    /// The site's prefix in their place.
    SummaryOnly,
}

impl SitesPlan {
    /// Sites of leaves that Weft makes from nothing, each with the subnets given; for one tenant,
    /// summaries only.
    pub fn new(sites: &[&[&[u8]]]) -> Self {
        Self {
            sites: sites
                .iter()
                .map(|leaves| leaves.iter().map(|subnets| LeafPlan::new(Form::Made, subnets)).collect())
                .collect(),
            tenants: vec![RED],
            aggregate: Aggregate::SummaryOnly,
            stretched: Vec::new(),
            kept: Vec::new(),
            machine: None,
            core: Kind::Weft,
        }
    }

    /// Two sites of two leaves each. Subnet 15 is at home on the first leaf and known to the third, in
    /// the other site; the machine lives in it.
    pub fn two_sites() -> Self {
        let mut plan = Self::new(&[&[&[10], &[11]], &[&[20], &[21]]]);
        plan.stretched.push(15);
        plan.machine = Some((15, vec![0, 2]));
        for (site, leaf) in [(0, 0), (1, 0)] {
            if let Some(leaf) =
                plan.sites.get_mut(site).and_then(|leaves: &mut Vec<LeafPlan>| leaves.get_mut(leaf))
            {
                leaf.hostless.push(15);
            }
        }
        plan
    }
}

/// What a site's gateway aggregates to, in both families; sites count from 0.
pub fn aggregates(site: usize) -> [String; 2] {
    [format!("192.168.{}.0/20", site * 16), format!("2001:db8:{}0::/44", site + 1)]
}

/// A gateway.
#[derive(Debug)]
pub struct Gateway {
    /// Its speaker: also the reflector of its site.
    pub speaker: Speaker,
    /// Its namespace.
    pub ns: Arc<Namespace>,
    /// Its VTEP.
    pub vtep: IpAddr,
    /// How many leaves its site has.
    pub leaves: usize,
}

impl Gateway {
    /// The routes of a tenant.
    pub fn routes(&self, tenant: Tenant) -> Result<Vec<kernel::Route>> {
        crate::scenario::sites::routes_of(&self.ns, tenant)
    }
}

/// A lab of sites that exists as long as this value.
#[derive(Debug)]
pub struct Sites {
    /// The leaves of all sites, their hosts, the machine; its reflector is that of the core.
    pub fabric: Fabric,
    /// The gateway of each site.
    pub gateways: Vec<Gateway>,
    /// The site of each leaf.
    pub site_of: Vec<usize>,
    /// The subnets that have leaves in several sites.
    pub stretched: Vec<u8>,
}

impl Sites {
    /// Makes everything and starts no daemon.
    pub fn build(plan: &SitesPlan) -> Result<Self> {
        let prefix = owner::lab_prefix()?;
        let spine = Arc::new(Namespace::create(format!("{prefix}-s"))?);
        spine.ip(&format!("addr add {REFLECTOR}/32 dev lo"))?;
        spine.sysctl("net/ipv4/ip_forward", "1")?;
        let (mut leaves, mut hosts, mut gateways, mut site_of) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (site, leaf_plans) in plan.sites.iter().enumerate() {
            let gateway_number = (site as u8 + 1) * 10;
            for (leaf, leaf_plan) in leaf_plans.iter().enumerate() {
                let number = gateway_number + leaf as u8 + 1;
                let ns = Arc::new(Namespace::create(format!("{prefix}-l{number}"))?);
                join_underlay(&ns, &spine, number)?;
                let leaf_plan = LeafPlan { reflector: vtep(gateway_number), ..leaf_plan.clone() };
                leaves.push(Leaf::build(ns, number, &leaf_plan, &plan.tenants)?);
                join_hosts(&prefix, &leaves, leaves.len() - 1, &mut hosts)?;
                site_of.push(site);
            }
            let ns = Arc::new(Namespace::create(format!("{prefix}-g{gateway_number}"))?);
            join_underlay(&ns, &spine, gateway_number)?;
            for path in ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"] {
                ns.sysctl(path, "1")?;
            }
            let config = gateway_config(plan, site, leaf_plans.len() as u8);
            let speaker = Speaker::prepare(Kind::Weft, &ns, &config)?;
            gateways.push(Gateway { speaker, ns, vtep: vtep(gateway_number), leaves: leaf_plans.len() });
        }
        let machine = match (&plan.machine, plan.tenants.first()) {
            (Some((subnet, places)), Some(tenant)) => {
                Some(join_machine(&prefix, &leaves, *tenant, *subnet, places)?)
            }
            _ => None,
        };
        let core = Speaker::prepare(plan.core, &spine, &core_config(plan.sites.len() as u8))?;
        Ok(Self {
            fabric: Fabric { leaves, reflector: core, hosts, machine, prefix },
            gateways,
            site_of,
            stretched: plan.stretched.clone(),
        })
    }

    /// Builds a lab, starts it, and waits until every host reaches every other of its tenant.
    pub fn up(plan: &SitesPlan) -> Result<Self> {
        let mut sites = Self::build(plan)?;
        sites.start()?;
        sites.wait_ready()?;
        Ok(sites)
    }

    /// Starts all speakers; waits for nothing.
    pub fn start(&mut self) -> Result<()> {
        self.gateways.iter_mut().try_for_each(|gateway| gateway.speaker.launch())?;
        self.fabric.start()
    }

    /// Waits for the sessions, lets every host talk to its gateway, and waits until every host
    /// reaches every other of its tenant.
    pub fn wait_ready(&self) -> Result<()> {
        self.wait_sessions()?;
        self.fabric.all_hosts().try_for_each(|host| self.explain(host.greet_gateway()))?;
        self.explain(self.fabric.everybody_pings())
    }

    /// Waits until all sessions are established.
    pub fn wait_sessions(&self) -> Result<()> {
        for gateway in &self.gateways {
            gateway.speaker.wait_established(gateway.leaves + 1, LIMIT)?;
        }
        self.fabric.reflector.wait_established(self.gateways.len(), LIMIT).map(drop)
    }

    /// The gateway of a site, from 0.
    pub fn gateway(&self, site: usize) -> Result<&Gateway> {
        self.gateways.get(site).ok_or_else(|| LabError::Unexpected(format!("no site {site}")))
    }

    /// The gateway of a site, to start and stop its speaker.
    pub fn gateway_mut(&mut self, site: usize) -> Result<&mut Gateway> {
        self.gateways.get_mut(site).ok_or_else(|| LabError::Unexpected(format!("no site {site}")))
    }

    /// Adds what the gateways said last to an error.
    pub fn explain<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| {
            let logs: String = self
                .gateways
                .iter()
                .map(|gateway| format!("log of gateway {}:\n{}", gateway.vtep, gateway.speaker.logs()))
                .collect();
            LabError::Unexpected(format!("{error}\n{logs}"))
        })
    }
}

/// The configuration of a gateway: reflector in its site's domain, client in the core's, aggregates
/// in each tenant.
pub fn gateway_config(plan: &SitesPlan, site: usize, leaves: u8) -> String {
    let number = (site as u8 + 1) * 10;
    let own = vtep(number);
    let mut text = format!("hostname g{number}\nvtep source {own}\n");
    for tenant in &plan.tenants {
        let _ = write!(text, "vrf {tenant}\n vni {}\nexit-vrf\n", tenant.l3vni);
    }
    let _ = write!(
        text,
        "router bgp 65000\n bgp router-id {own}\n bgp cluster-id {own}\n no bgp default ipv4-unicast\n{}",
        session(&REFLECTOR.to_string(), &own.to_string(), None)
    );
    let mut family = format!("  domain site{}\n", site + 1);
    for leaf in 1..=leaves {
        let peer = vtep(number + leaf);
        text += &session(&peer.to_string(), &own.to_string(), None);
        let _ = write!(family, "  neighbor {peer} activate\n  neighbor {peer} route-reflector-client\n");
    }
    let _ = write!(
        text,
        " address-family l2vpn evpn\n{family}  neighbor {REFLECTOR} activate\n  neighbor {REFLECTOR} domain core\n"
    );
    if !plan.kept.is_empty() {
        let _ = writeln!(text, "  neighbor {REFLECTOR} route-map TO-CORE out");
    }
    text += " exit-address-family\n";
    for tenant in &plan.tenants {
        let _ = writeln!(text, "router bgp 65000 vrf {tenant}");
        for (family, aggregate) in ["ipv4", "ipv6"].iter().zip(aggregates(site)) {
            let _ = writeln!(text, " address-family {family} unicast");
            match plan.aggregate {
                Aggregate::None => {}
                Aggregate::Beside => {
                    let _ = writeln!(text, "  aggregate-address {aggregate}");
                }
                Aggregate::SummaryOnly => {
                    let _ = writeln!(text, "  aggregate-address {aggregate} summary-only");
                }
            }
            text += " exit-address-family\n";
        }
        text += " address-family l2vpn evpn\n  advertise ipv4 unicast\n  advertise ipv6 unicast\n exit-address-family\n";
    }
    if !plan.kept.is_empty() {
        text += &kept_at_home(&plan.kept);
    }
    text
}

/// A route map that keeps the prefixes of subnets, not their hosts, from leaving.
fn kept_at_home(subnets: &[u8]) -> String {
    let mut lists = String::new();
    for (index, subnet) in subnets.iter().enumerate() {
        let [v4, v6] = prefixes(*subnet);
        let number = (index + 1) * 5;
        let _ = write!(
            lists,
            "ip prefix-list KEPT seq {number} permit {v4}\nipv6 prefix-list KEPT6 seq {number} permit {v6}\n"
        );
    }
    lists
        + "route-map TO-CORE deny 10\n match ip address prefix-list KEPT\nexit\n\
           route-map TO-CORE deny 20\n match ipv6 address prefix-list KEPT6\nexit\n\
           route-map TO-CORE permit 30\nexit\n"
}

/// The configuration of the core reflector, which is in one domain and need not know it.
fn core_config(sites: u8) -> String {
    let mut sessions = String::new();
    let mut family = String::new();
    for site in 1..=sites {
        let peer = vtep(site * 10);
        sessions += &session(&peer.to_string(), &REFLECTOR.to_string(), None);
        let _ = write!(family, "  neighbor {peer} activate\n  neighbor {peer} route-reflector-client\n");
    }
    format!(
        "hostname s\nrouter bgp 65000\n bgp router-id {REFLECTOR}\n bgp cluster-id {REFLECTOR}\n \
         no bgp default ipv4-unicast\n{sessions} address-family l2vpn evpn\n{family} exit-address-family\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_s_subnets_are_under_its_aggregates() {
        use ipnet::IpNet;
        for (site, subnets) in [(0, 10..16), (1, 20..30), (2, 32..40)] {
            for subnet in subnets {
                for (aggregate, prefix) in aggregates(site).into_iter().zip(prefixes(subnet)) {
                    let (aggregate, prefix): (IpNet, IpNet) =
                        (aggregate.parse().unwrap(), prefix.parse().unwrap());
                    assert!(aggregate.contains(&prefix), "{prefix} under {aggregate}");
                }
            }
        }
    }
}
