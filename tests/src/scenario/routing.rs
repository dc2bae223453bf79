//! Tenants are routed: between subnets, in both families, apart from each other, to hosts
//! that have never spoken, in and out of a tenant's own network.

use crate::error::Result;
use crate::fabric::LIMIT;
use crate::routed::{Fabric, prefixes};

/// Each leaf has, for every subnet that it does not have itself, the prefix (type 5) and each
/// host in it (type 2, symmetric IRB) through the leaf that has it.
pub fn prefixes_and_hosts_are_routed(fabric: &Fabric) -> Result<()> {
    for (index, leaf) in fabric.leaves.iter().enumerate() {
        for host in &fabric.hosts {
            if leaf.plan.subnets.contains(&host.subnet) {
                continue;
            }
            for prefix in prefixes(host.subnet) {
                let homes: Vec<usize> = (0..fabric.leaves.len())
                    .filter(|other| fabric.leaves.get(*other).is_some_and(|other| other.plan.subnets.contains(&host.subnet)))
                    .collect();
                fabric.wait_route(index, host.tenant, &prefix, &homes, LIMIT)?;
            }
            for address in host.host.addresses() {
                fabric.wait_route(index, host.tenant, &address.to_string(), &[host.leaf], LIMIT)?;
            }
        }
    }
    Ok(())
}
