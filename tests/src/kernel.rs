//! What the kernel of a node holds: FDB, neighbours, nexthops, read through iproute2's JSON.
//! An independent reader on purpose: the daemon's own view is not asked.

use crate::error::{LabError, Result};
use crate::netns::Namespace;
use serde_json::Value;
use std::net::IpAddr;

/// The MAC of flood entries.
pub const FLOOD: &str = "00:00:00:00:00:00";

/// One FDB entry of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FdbEntry {
    /// The MAC, lower case with colons.
    pub mac: String,
    /// The VTEP, where a vxlan entry names one (through its nexthop group if it has one).
    pub vtep: Option<IpAddr>,
    /// The nexthop group, where the entry points at one.
    pub nexthop: Option<u64>,
    /// In the bridge's table (`master`), not in the device's own (`self`).
    pub master: bool,
    /// Set by a control plane.
    pub external: bool,
    /// `permanent`, `static`, or nothing for an entry that may age.
    pub state: String,
}

/// One neighbour entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// The address.
    pub address: IpAddr,
    /// Its MAC, when resolved.
    pub mac: Option<String>,
    /// Set by a control plane.
    pub external: bool,
    /// The states, upper case.
    pub states: Vec<String>,
}

fn rows(text: &str, what: &str) -> Result<Vec<Value>> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(text).map_err(|reason| LabError::parse(what, text, reason))
}

fn has_flag(row: &Value, flag: &str) -> bool {
    row["flags"].as_array().is_some_and(|flags| flags.iter().any(|value| value == flag))
}

/// The FDB of one device, own and bridge's entries.
pub fn fdb(namespace: &Namespace, device: &str) -> Result<Vec<FdbEntry>> {
    Ok(read_fdb(namespace, &format!("-j fdb show dev {device}"))?
        .into_iter()
        .map(|(_, entry)| entry)
        .collect())
}

/// The FDB of all devices, each entry with the name of its device.
pub fn fdb_of_all(namespace: &Namespace) -> Result<Vec<(String, FdbEntry)>> {
    read_fdb(namespace, "-j fdb show")
}

fn read_fdb(namespace: &Namespace, command: &str) -> Result<Vec<(String, FdbEntry)>> {
    let entries = rows(&namespace.bridge(command)?, "bridge fdb")?;
    let nexthops =
        if entries.iter().any(|row| row.get("nhid").is_some()) { nexthops(namespace)? } else { Vec::new() };
    Ok(entries
        .iter()
        .map(|row| {
            let nexthop = row["nhid"].as_u64();
            let entry = FdbEntry {
                mac: row["mac"].as_str().unwrap_or_default().to_owned(),
                vtep: row["dst"]
                    .as_str()
                    .and_then(|text| text.parse().ok())
                    .or_else(|| nexthop.and_then(|id| vtep_of(&nexthops, id))),
                nexthop,
                master: row.get("master").is_some() || has_flag(row, "master"),
                external: has_flag(row, "extern_learn"),
                state: row["state"].as_str().unwrap_or_default().to_owned(),
            };
            (row["ifname"].as_str().unwrap_or_default().to_owned(), entry)
        })
        .collect())
}

/// The address behind a nexthop group of one member.
fn vtep_of(nexthops: &[Value], id: u64) -> Option<IpAddr> {
    let find = |id: u64| nexthops.iter().find(|row| row["id"].as_u64() == Some(id));
    let member = find(id)?["group"].get(0)?["id"].as_u64()?;
    find(member)?["gateway"].as_str()?.parse().ok()
}

/// All nexthop objects, as `ip -j nexthop` shows them.
pub fn nexthops(namespace: &Namespace) -> Result<Vec<Value>> {
    rows(&namespace.ip("-j nexthop show")?, "nexthops")
}

/// The VTEP at which a vxlan device has this MAC.
pub fn remote_mac(namespace: &Namespace, vxlan: &str, mac: &str) -> Result<Option<IpAddr>> {
    Ok(fdb(namespace, vxlan)?
        .into_iter()
        .find(|entry| !entry.master && entry.mac == mac)
        .and_then(|entry| entry.vtep))
}

/// True when both tables have the MAC at this VTEP: the vxlan device's and the bridge's.
pub fn has_remote_mac(namespace: &Namespace, vxlan: &str, mac: &str, vtep: IpAddr) -> Result<bool> {
    let entries = fdb(namespace, vxlan)?;
    Ok(entries.iter().any(|entry| !entry.master && entry.mac == mac && entry.vtep == Some(vtep))
        && entries.iter().any(|entry| entry.master && entry.mac == mac))
}

/// True when no table of the vxlan device has the MAC.
pub fn no_remote_mac(namespace: &Namespace, vxlan: &str, mac: &str) -> Result<bool> {
    Ok(fdb(namespace, vxlan)?.iter().all(|entry| entry.mac != mac))
}

/// The VTEPs in the flood list of a vxlan device, sorted.
pub fn flood_list(namespace: &Namespace, vxlan: &str) -> Result<Vec<IpAddr>> {
    let mut list: Vec<IpAddr> = fdb(namespace, vxlan)?
        .into_iter()
        .filter(|entry| entry.mac == FLOOD)
        .filter_map(|entry| entry.vtep)
        .collect();
    list.sort();
    Ok(list)
}

/// The neighbours on a device, both families.
pub fn neighbours(namespace: &Namespace, device: &str) -> Result<Vec<Neighbour>> {
    Ok(rows(&namespace.ip(&format!("-j neigh show dev {device}"))?, "neighbours")?
        .iter()
        .filter_map(|row| {
            Some(Neighbour {
                address: row["dst"].as_str()?.parse().ok()?,
                mac: row["lladdr"].as_str().map(str::to_owned),
                external: row.get("extern_learn").is_some(),
                states: row["state"]
                    .as_array()?
                    .iter()
                    .filter_map(|state| Some(state.as_str()?.to_owned()))
                    .collect(),
            })
        })
        .collect())
}

/// The neighbour entry of an address on a device.
pub fn neighbour(namespace: &Namespace, device: &str, address: IpAddr) -> Result<Option<Neighbour>> {
    Ok(neighbours(namespace, device)?.into_iter().find(|entry| entry.address == address))
}

/// True when a control plane has set this neighbour to this MAC.
pub fn has_remote_neighbour(namespace: &Namespace, device: &str, address: IpAddr, mac: &str) -> Result<bool> {
    Ok(neighbour(namespace, device, address)?
        .is_some_and(|entry| entry.external && entry.mac.as_deref() == Some(mac)))
}
