//! Somebody else changes what the daemon has put into the kernel. Each of our entries is
//! deleted and, where that is possible, changed, and must be right again. The daemon is held
//! (SIGSTOP) while the foreign command runs; the time from its release to the right state
//! is the figure.

use crate::error::{LabError, Result};
use crate::fabric::{BRIDGE, Fabric, Host, LIMIT, Leaf, VXLAN};
use crate::kernel::{self, FLOOD};
use crate::ping::first_reply;
use crate::wait::wait_for;
use nix::sys::signal::Signal;
use std::net::IpAddr;
use std::time::Duration;

/// A VTEP that does not exist, for wrong entries.
const NOWHERE: &str = "10.255.0.66";

/// A repair that is not tried again to find a better time.
const GOOD: Duration = Duration::from_millis(50);

/// How often a slower one is tried; the best counts.
const TRIES: usize = 8;

/// What somebody did, and how long it took to be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// The change in words.
    pub change: &'static str,
    /// The time to the right state, or nothing: not within the limit given.
    pub took: Option<Duration>,
    /// What was wrong then.
    pub left: Option<String>,
}

/// What the kernel of a leaf holds for one remote host, in a form that can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    vxlan_fdb: Option<IpAddr>,
    bridge_fdb: Option<(bool, String)>,
    neighbours: Vec<(IpAddr, Option<String>, bool)>,
    flood: Vec<IpAddr>,
}

fn held(leaf: &Leaf, host: &Host) -> Result<Held> {
    let mac = host.mac_text();
    let entries = kernel::fdb(&leaf.ns, VXLAN)?;
    let mut neighbours: Vec<_> = kernel::neighbours(&leaf.ns, BRIDGE)?
        .into_iter()
        .filter(|entry| host.addresses().contains(&entry.address))
        .map(|entry| (entry.address, entry.mac, entry.external))
        .collect();
    neighbours.sort();
    let mut flood: Vec<_> =
        entries.iter().filter(|entry| entry.mac == FLOOD).filter_map(|entry| entry.vtep).collect();
    flood.sort();
    Ok(Held {
        vxlan_fdb: entries
            .iter()
            .find(|entry| !entry.master && entry.mac == mac)
            .and_then(|entry| entry.vtep),
        bridge_fdb: entries
            .iter()
            .find(|entry| entry.master && entry.mac == mac)
            .map(|entry| (entry.external, entry.state.clone())),
        neighbours,
        flood,
    })
}

type Change = (&'static str, fn(&Leaf, &Host) -> Result<()>);

/// Everything that somebody does to the entries for a remote host.
const CHANGES: [Change; 10] = [
    ("vxlan FDB entry deleted", |leaf, host| {
        leaf.ns.bridge(&format!("fdb del {} dev {VXLAN} self", host.mac_text())).map(drop)
    }),
    ("vxlan FDB entry changed", |leaf, host| {
        // An entry with a nexthop cannot be replaced by one without: delete and add.
        let mac = host.mac_text();
        leaf.ns.bridge_batch(&format!(
            "fdb del {mac} dev {VXLAN} self\nfdb add {mac} dev {VXLAN} dst {NOWHERE} self\n"
        ))
    }),
    ("bridge FDB entry deleted", |leaf, host| {
        leaf.ns.bridge(&format!("fdb del {} dev {VXLAN} master", host.mac_text())).map(drop)
    }),
    ("bridge FDB entry changed", |leaf, host| {
        // To another port would be no change of ours, but a host that has come.
        leaf.ns.bridge(&format!("fdb replace {} dev {VXLAN} master static", host.mac_text())).map(drop)
    }),
    ("IPv4 neighbour deleted", |leaf, host| {
        leaf.ns.ip(&format!("neigh del {} dev {BRIDGE}", host.v4)).map(drop)
    }),
    ("IPv6 neighbour deleted", |leaf, host| {
        leaf.ns.ip(&format!("neigh del {} dev {BRIDGE}", host.v6)).map(drop)
    }),
    ("neighbour changed", |leaf, host| {
        leaf.ns
            .ip(&format!("neigh replace {} lladdr 02:66:66:66:66:66 dev {BRIDGE} nud permanent", host.v4))
            .map(drop)
    }),
    ("flood entry deleted", |leaf, _| {
        let vteps = kernel::flood_list(&leaf.ns, VXLAN)?;
        let vtep = vteps.first().ok_or_else(|| LabError::Unexpected("no flood entry".into()))?;
        leaf.ns.bridge(&format!("fdb del {FLOOD} dev {VXLAN} dst {vtep} self")).map(drop)
    }),
    ("nexthop deleted", |leaf, host| {
        // Whoever deletes a nexthop takes the FDB entries that point at it along.
        let group = nexthop_of(leaf, host)?;
        leaf.ns.ip(&format!("nexthop del id {group}")).map(drop)
    }),
    ("nexthop changed", |leaf, host| {
        let member = member_of(leaf, nexthop_of(leaf, host)?)?;
        leaf.ns.ip(&format!("nexthop replace id {member} via {NOWHERE} fdb")).map(drop)
    }),
];

fn nexthop_of(leaf: &Leaf, host: &Host) -> Result<u64> {
    let mac = host.mac_text();
    kernel::fdb(&leaf.ns, VXLAN)?
        .iter()
        .find(|entry| entry.mac == mac && entry.nexthop.is_some())
        .and_then(|entry| entry.nexthop)
        .ok_or_else(|| LabError::Unexpected(format!("no nexthop group behind {mac}")))
}

fn member_of(leaf: &Leaf, group: u64) -> Result<u64> {
    kernel::nexthops(&leaf.ns)?
        .iter()
        .find(|row| row["id"].as_u64() == Some(group))
        .and_then(|row| row["group"].get(0)?["id"].as_u64())
        .ok_or_else(|| LabError::Unexpected(format!("nexthop {group} has no member")))
}

/// Makes each change at the first leaf, to the entries for the second host, and measures. A
/// change that is not undone within `limit` is undone by nobody here: the next begins
/// when the entries are right or the fabric cannot go on.
pub fn foreign_changes(fabric: &Fabric, limit: Duration) -> Result<Vec<Repair>> {
    let (leaf, host) = (fabric.leaf(0)?, fabric.host(1)?);
    fabric.wait_everywhere(host, 1, LIMIT)?;
    let mut right = held(leaf, host)?;
    let groups = kernel::fdb(&leaf.ns, VXLAN)?.iter().any(|entry| entry.nexthop.is_some());
    let mut repairs = Vec::new();
    for (change, make) in CHANGES {
        if change.starts_with("nexthop") && !groups {
            continue;
        }
        // Two cores run the lab, too: a late look says little about the daemon, three late ones do.
        let mut best: Option<Duration> = None;
        let mut left = None;
        for _ in 0..TRIES {
            match measure(leaf, host, &right, make, limit)? {
                Ok(took) => best = Some(best.map_or(took, |best| best.min(took))),
                Err(wrong) => {
                    left = Some(wrong);
                    restore(leaf, host, &right)?;
                    right = held(leaf, host)?;
                    break;
                }
            }
            if best.is_some_and(|best| best <= GOOD) {
                break;
            }
        }
        repairs.push(Repair { change, took: if left.is_none() { best } else { None }, left });
    }
    first_reply(&fabric.host(0)?.ns, host.v4, LIMIT)?;
    first_reply(&fabric.host(0)?.ns, host.v6, LIMIT)?;
    Ok(repairs)
}

/// Makes one change and waits until it is undone; what is wrong, if that is not within `limit`.
fn measure(
    leaf: &Leaf,
    host: &Host,
    right: &Held,
    make: fn(&Leaf, &Host) -> Result<()>,
    limit: Duration,
) -> Result<std::result::Result<Duration, String>> {
    // A change of two steps must be whole before it is undone.
    leaf.speaker.signal(Signal::SIGSTOP)?;
    let made = make(leaf, host);
    leaf.speaker.signal(Signal::SIGCONT)?;
    made?;
    let repaired = wait_for("the change to be undone", limit, || {
        let now = held(leaf, host)?;
        Ok(if now == *right { Ok(()) } else { Err(format!("{now:?} in place of {right:?}")) })
    });
    match repaired {
        Ok(((), took)) => Ok(Ok(took)),
        Err(LabError::Timeout { detail, .. }) => Ok(Err(detail)),
        Err(other) => Err(other),
    }
}

/// Puts back by hand what a daemon did not, so that the next change starts from a right state.
fn restore(leaf: &Leaf, host: &Host, right: &Held) -> Result<()> {
    let mac = host.mac_text();
    if let Some(vtep) = right.vxlan_fdb {
        leaf.ns.bridge(&format!("fdb replace {mac} dev {VXLAN} dst {vtep} self extern_learn"))?;
    }
    leaf.ns.bridge(&format!("fdb replace {mac} dev {VXLAN} master dynamic extern_learn"))?;
    for (address, mac, _) in &right.neighbours {
        if let Some(mac) = mac {
            leaf.ns
                .ip(&format!("neigh replace {address} lladdr {mac} dev {BRIDGE} nud noarp extern_learn"))?;
        }
    }
    for vtep in &right.flood {
        let _ = leaf.ns.bridge(&format!("fdb append {FLOOD} dev {VXLAN} dst {vtep} self"));
    }
    Ok(())
}
