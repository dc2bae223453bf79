//! A routed fabric: leaves of any form around a route reflector, two tenants with the same
//! addresses, a host for each tenant in each subnet of each leaf.
//!
//! ```text
//!   red 192.168.10.1, blue 192.168.10.1 ── l1 ══ s (route reflector) ══ l2 ── red 192.168.20.2, blue 192.168.20.2
//! ```

use super::{Leaf, LeafPlan, Machine, RED, RoutedHost, Tenant, Underlay, host};
use crate::error::{LabError, Result};
use crate::fabric::LIMIT;
use crate::netns::Namespace;
use crate::owner;
use crate::ping::first_reply;
use crate::speaker::{Kind, Speaker};
use crate::wait::wait_for;
use std::sync::Arc;
use std::time::Duration;

/// What a routed fabric consists of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The software of the reflector.
    pub reflector: Kind,
    /// The leaves, the first one with number 1.
    pub leaves: Vec<LeafPlan>,
    /// The tenants.
    pub tenants: Vec<Tenant>,
    /// A machine of the first tenant that moves: its subnet, and the leaves that it has wires to, its
    /// first place first. The subnet must be on each of them.
    pub machine: Option<(u8, Vec<usize>)>,
    /// What lies between the leaves.
    pub underlay: Underlay,
}

impl Plan {
    /// Leaves of one form for the first tenant, each with the subnets given.
    pub fn new(form: super::Form, subnets: &[&[u8]]) -> Self {
        Self {
            reflector: form.kind(),
            leaves: subnets.iter().map(|subnets| LeafPlan::new(form, subnets)).collect(),
            tenants: vec![RED],
            machine: None,
            underlay: Underlay::Ipv4,
        }
    }

    /// Over another underlay.
    pub fn over(mut self, underlay: Underlay) -> Self {
        self.underlay = underlay;
        self.leaves = self.leaves.into_iter().map(|leaf| leaf.over(underlay)).collect();
        self
    }

    /// With these tenants.
    pub fn tenants(mut self, tenants: &[Tenant]) -> Self {
        self.tenants = tenants.to_vec();
        self
    }

    /// With a machine that moves.
    pub fn machine(mut self, subnet: u8, leaves: &[usize]) -> Self {
        self.machine = Some((subnet, leaves.to_vec()));
        self
    }
}

/// A routed fabric that exists as long as this value.
#[derive(Debug)]
pub struct Fabric {
    /// The leaves, number 1 first.
    pub leaves: Vec<Leaf>,
    /// The reflector.
    pub reflector: Speaker,
    /// The hosts: by leaf, then tenant, then subnet.
    pub hosts: Vec<RoutedHost>,
    /// The machine that moves.
    pub machine: Option<Machine>,
    /// The prefix of the lab's namespaces.
    pub prefix: String,
}

impl Fabric {
    /// Makes everything and starts no daemon.
    pub fn build(plan: &Plan) -> Result<Self> {
        let prefix = owner::lab_prefix()?;
        let spine = Arc::new(Namespace::create(format!("{prefix}-s"))?);
        plan.underlay.prepare_spine(&spine)?;
        let mut leaves = Vec::new();
        let mut hosts = Vec::new();
        for (index, leaf_plan) in plan.leaves.iter().enumerate() {
            let number = index as u8 + 1;
            let ns = Arc::new(Namespace::create(format!("{prefix}-l{number}"))?);
            plan.underlay.join(&ns, &spine, number)?;
            leaves.push(Leaf::build(ns, number, leaf_plan, &plan.tenants)?);
            join_hosts(&prefix, &leaves, index, &mut hosts)?;
        }
        let machine = match (&plan.machine, plan.tenants.first()) {
            (Some((subnet, places)), Some(tenant)) => {
                Some(join_machine(&prefix, &leaves, *tenant, *subnet, places)?)
            }
            _ => None,
        };
        let reflector =
            Speaker::prepare(plan.reflector, &spine, &plan.underlay.reflector_config(leaves.len() as u8))?;
        Ok(Self { leaves, reflector, hosts, machine, prefix })
    }

    /// Builds a fabric, starts it, and waits until every host reaches every other of its tenant.
    pub fn up(plan: &Plan) -> Result<Self> {
        let mut fabric = Self::build(plan)?;
        fabric.start()?;
        fabric.wait_ready()?;
        Ok(fabric)
    }

    /// Starts all speakers; waits for nothing.
    pub fn start(&mut self) -> Result<()> {
        self.reflector.launch()?;
        self.leaves.iter_mut().try_for_each(|leaf| leaf.speaker.launch())
    }

    /// Waits for the sessions, lets every host talk to its gateway, and waits until every host
    /// reaches every other of its tenant.
    pub fn wait_ready(&self) -> Result<()> {
        self.reflector.wait_established(self.leaves.len(), LIMIT)?;
        self.all_hosts().try_for_each(|host| self.explain(host.greet_gateway()))?;
        self.everybody_pings()
    }

    /// All hosts and the machine.
    pub fn all_hosts(&self) -> impl Iterator<Item = &RoutedHost> {
        self.hosts.iter().chain(self.machine.iter().map(|machine| &machine.host))
    }

    /// Every host reaches every other of its tenant, over IPv4 and IPv6.
    pub fn everybody_pings(&self) -> Result<()> {
        for from in self.all_hosts() {
            for to in self.all_hosts().filter(|to| to.tenant == from.tenant && to.host.mac != from.host.mac) {
                for address in to.host.addresses() {
                    self.explain(first_reply(from.ns(), address, LIMIT).map(drop)).map_err(|error| {
                        LabError::Unexpected(format!("from {} {}: {error}", from.tenant, from.host.v4))
                    })?;
                }
            }
        }
        Ok(())
    }

    /// The leaf at an index.
    pub fn leaf(&self, index: usize) -> Result<&Leaf> {
        self.leaves.get(index).ok_or_else(|| LabError::Unexpected(format!("no leaf {index}")))
    }

    /// The leaf at an index, to start and stop its speaker.
    pub fn leaf_mut(&mut self, index: usize) -> Result<&mut Leaf> {
        self.leaves.get_mut(index).ok_or_else(|| LabError::Unexpected(format!("no leaf {index}")))
    }

    /// The host of a tenant in a subnet behind the leaf at an index.
    pub fn host(&self, tenant: Tenant, leaf: usize, subnet: u8) -> Result<&RoutedHost> {
        self.hosts
            .iter()
            .find(|host| (host.tenant, host.leaf, host.subnet) == (tenant, leaf, subnet))
            .ok_or_else(|| {
                LabError::Unexpected(format!("no host of {tenant} in subnet {subnet} at leaf {leaf}"))
            })
    }

    /// Waits until a leaf has a route of a tenant to this prefix through exactly these leaves (by
    /// index), and everything that the route needs.
    pub fn wait_route(
        &self,
        leaf: usize,
        tenant: Tenant,
        prefix: &str,
        through: &[usize],
        limit: Duration,
    ) -> Result<Duration> {
        let here = self.leaf(leaf)?;
        let mut wanted =
            through.iter().map(|index| Ok(self.leaf(*index)?.vtep)).collect::<Result<Vec<_>>>()?;
        wanted.sort();
        let what = format!("{tenant}'s route to {prefix} through {wanted:?} at {}", here.vtep);
        let waited = wait_for(&what, limit, || {
            let seen = here.route(tenant, prefix)?;
            let gateways = seen.as_ref().map(crate::kernel::Route::gateways).unwrap_or_default();
            Ok(if gateways == wanted { Ok(()) } else { Err(format!("{seen:?}")) })
        });
        self.explain(waited).map(|((), took)| took)
    }

    /// Adds what the daemons said last to an error.
    pub fn explain<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| {
            let logs: String = self
                .leaves
                .iter()
                .map(|leaf| format!("log of {}:\n{}", leaf.vtep, leaf.speaker.logs()))
                .collect();
            LabError::Unexpected(format!("{error}\n{logs}"))
        })
    }
}

/// Joins a host for each tenant and subnet to the leaf at an index.
pub(super) fn join_hosts(
    prefix: &str,
    leaves: &[Leaf],
    index: usize,
    hosts: &mut Vec<RoutedHost>,
) -> Result<()> {
    let Some(leaf) = leaves.get(index) else { return Ok(()) };
    for (tenant, _) in &leaf.tenants {
        for subnet in &leaf.plan.subnets {
            hosts.push(join_host(prefix, leaf, index, *tenant, *subnet)?);
        }
    }
    Ok(())
}

fn join_host(prefix: &str, leaf: &Leaf, index: usize, tenant: Tenant, subnet: u8) -> Result<RoutedHost> {
    let initial = tenant.name.chars().next().unwrap_or('x');
    let ns = Namespace::create(format!("{prefix}-{initial}{}h{subnet}", leaf.number))?;
    leaf.attach(tenant, subnet, &tenant.port(subnet), (&ns, "eth0"))?;
    Ok(RoutedHost {
        host: host::dress(ns, "eth0", tenant, subnet, leaf.number)?,
        tenant,
        subnet,
        leaf: index,
    })
}

pub(super) fn join_machine(
    prefix: &str,
    leaves: &[Leaf],
    tenant: Tenant,
    subnet: u8,
    places: &[usize],
) -> Result<Machine> {
    let ns = Namespace::create(format!("{prefix}-vm"))?;
    let port = tenant.machine_port(subnet);
    let mut ports = Vec::new();
    for (wire, place) in places.iter().enumerate() {
        let leaf = leaves.get(*place).ok_or_else(|| LabError::Unexpected(format!("no leaf {place}")))?;
        leaf.attach(tenant, subnet, &port, (&ns, &format!("w{wire}")))?;
        ports.push((*place, Arc::clone(leaf.room(tenant)?), port.clone()));
    }
    Machine::build(ns, (tenant, subnet, 50), ports)
}
