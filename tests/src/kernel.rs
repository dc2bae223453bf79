//! What the kernel of a node holds: FDB, neighbours, nexthops, routes, rules, devices, read through iproute2's JSON.
//! An independent reader on purpose: the daemon's own view is not asked.

// Indexing a JSON value gives null for what is not there; it cannot fail.
#![allow(clippy::indexing_slicing)]

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

/// A way that a route leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hop {
    /// The gateway; an IPv4 one of an IPv6 route in its own family.
    pub gateway: Option<IpAddr>,
    /// The device.
    pub device: String,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// The table, by number or by the name that iproute2 knows.
    pub table: String,
    /// The prefix, always with its length.
    pub prefix: String,
    /// `unicast`, `blackhole`, …
    pub kind: String,
    /// Who made it: `bgp`, `kernel`, …
    pub protocol: String,
    /// The metric.
    pub metric: u64,
    /// Where it leads, sorted.
    pub hops: Vec<Hop>,
}

impl Route {
    /// The gateways, sorted.
    pub fn gateways(&self) -> Vec<IpAddr> {
        self.hops.iter().filter_map(|hop| hop.gateway).collect()
    }

    /// True for a route to one host.
    pub fn is_host(&self) -> bool {
        self.prefix.ends_with("/32") || self.prefix.ends_with("/128")
    }
}

/// A prefix with its length, as `Route::prefix` has it.
pub fn canonical_prefix(text: &str) -> String {
    if text.contains('/') {
        return text.to_owned();
    }
    format!("{text}/{}", if text.contains(':') { 128 } else { 32 })
}

/// All routes of all tables and both families but those of the local table, sorted.
pub fn routes(namespace: &Namespace) -> Result<Vec<Route>> {
    let mut all = Vec::new();
    for family in ["-4", "-6"] {
        let everywhere = if family == "-4" { "0.0.0.0/0" } else { "::/0" };
        for row in rows(&namespace.ip(&format!("-j -d {family} route show table all"))?, "routes")? {
            let prefix = match row["dst"].as_str().unwrap_or_default() {
                "default" => everywhere.to_owned(),
                other => canonical_prefix(other),
            };
            let table = row["table"].as_str().unwrap_or("main").to_owned();
            if table == "local" || prefix.starts_with("fe80::/") || prefix.starts_with("ff00::/") {
                continue;
            }
            all.push(Route {
                table,
                prefix,
                kind: row["type"].as_str().unwrap_or("unicast").to_owned(),
                protocol: row["protocol"].as_str().unwrap_or_default().to_owned(),
                metric: row["metric"].as_u64().unwrap_or_default(),
                hops: hops(&row),
            });
        }
    }
    all.sort();
    Ok(all)
}

fn hops(row: &Value) -> Vec<Hop> {
    let legs = row["nexthops"].as_array().cloned().unwrap_or_else(|| vec![row.clone()]);
    let mut hops: Vec<Hop> = legs
        .iter()
        .filter_map(|leg| {
            let gateway = leg["gateway"].as_str().or_else(|| leg["via"]["host"].as_str());
            Some(Hop {
                gateway: gateway
                    .and_then(|text| text.parse::<IpAddr>().ok())
                    .map(|address| address.to_canonical()),
                device: leg["dev"].as_str()?.to_owned(),
            })
        })
        .collect();
    hops.sort();
    hops
}

/// The table that packets which come in by a device are looked up in first, in rule form or
/// through a VRF device.
pub fn table_of(namespace: &Namespace, device: &str) -> Result<Option<String>> {
    let rules = rows(&namespace.ip("-j rule show")?, "rules")?;
    if let Some(rule) = rules.iter().find(|rule| rule["iif"] == device && rule["table"].is_string()) {
        return Ok(rule["table"].as_str().map(str::to_owned));
    }
    let Some(vrf) = master_of_kind(namespace, device, "vrf")? else { return Ok(None) };
    let shown = link(namespace, &vrf)?;
    Ok(shown["linkinfo"]["info_data"]["table"].as_u64().map(|table| table.to_string()))
}

fn link(namespace: &Namespace, device: &str) -> Result<Value> {
    Ok(rows(&namespace.ip(&format!("-j -d link show dev {device}"))?, "link")?
        .into_iter()
        .next()
        .unwrap_or_default())
}

/// The master of a device, if it is of this kind.
pub fn master_of_kind(namespace: &Namespace, device: &str, kind: &str) -> Result<Option<String>> {
    let shown = link(namespace, device)?;
    let Some(master) = shown["master"].as_str() else { return Ok(None) };
    Ok((link(namespace, master)?["linkinfo"]["info_kind"] == kind).then(|| master.to_owned()))
}

/// The name of the vxlan device with this VNI.
pub fn vxlan_of(namespace: &Namespace, vni: u32) -> Result<Option<String>> {
    Ok(rows(&namespace.ip("-j -d link show type vxlan")?, "vxlan devices")?
        .iter()
        .find(|row| row["linkinfo"]["info_data"]["id"].as_u64() == Some(vni.into()))
        .and_then(|row| Some(row["ifname"].as_str()?.to_owned())))
}

/// The Ethernet address of a device.
pub fn mac_of(namespace: &Namespace, device: &str) -> Result<String> {
    Ok(link(namespace, device)?["address"].as_str().unwrap_or_default().to_owned())
}

/// Everything in a namespace that a daemon may have put there, in words that do not depend on
/// numbers the kernel gives: devices, addresses, routes, rules, neighbours that a control plane set, FDB entries,
/// nexthops, packet filters. Two of these can be compared.
pub fn holdings(namespace: &Namespace) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for row in rows(&namespace.ip("-j -d addr show")?, "devices")? {
        let name = row["ifname"].as_str().unwrap_or_default();
        let kind = row["linkinfo"]["info_kind"].as_str().unwrap_or("-");
        // The kernel gives a vxlan device a MAC by chance; on a bridge nobody uses it.
        let by_chance = kind == "vxlan" && row["master"].is_string();
        all.push(format!(
            "device {name} {kind} master {} mac {}",
            row["master"].as_str().unwrap_or("-"),
            row["address"].as_str().filter(|_| !by_chance).unwrap_or_default()
        ));
        for address in row["addr_info"].as_array().into_iter().flatten() {
            all.push(format!(
                "address {}/{} on {name}",
                address["local"].as_str().unwrap_or_default(),
                address["prefixlen"]
            ));
        }
    }
    all.extend(routes(namespace)?.iter().map(|route| format!("{route:?}")));
    for family in ["-4", "-6"] {
        let rules = namespace.ip(&format!("{family} rule show"))?;
        all.extend(rules.lines().map(|rule| format!("rule {family} {rule}")));
        for row in rows(&namespace.ip(&format!("-j {family} neigh show"))?, "neighbours")? {
            if row.get("extern_learn").is_some() || row["protocol"].is_string() {
                let mac = row["lladdr"].as_str().unwrap_or_default();
                all.push(format!(
                    "neighbour {} {mac} on {}",
                    row["dst"].as_str().unwrap_or_default(),
                    row["dev"].as_str().unwrap_or_default()
                ));
            }
        }
        let proxies = namespace.ip(&format!("{family} neigh show proxy"))?;
        all.extend(proxies.lines().map(|proxy| format!("proxy {proxy}")));
    }
    for (device, entry) in fdb_of_all(namespace)? {
        if entry.external || entry.mac == FLOOD {
            all.push(format!("fdb {} {:?} on {device}, master {}", entry.mac, entry.vtep, entry.master));
        }
    }
    let known = nexthops(namespace)?;
    all.extend(known.iter().map(|row| format!("nexthop {} dev {}", row["gateway"], row["dev"])));
    if let Ok(rules) = namespace.run("nft", ["list", "ruleset"]) {
        all.extend(rules.lines().map(|line| format!("filter {}", line.trim())));
    }
    all.sort();
    Ok(all)
}
