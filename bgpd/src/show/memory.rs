//! `show memory [json]`: what the routing tables hold and cost, by their own count, and what
//! the kernel says of the process. FRR's list of its allocator's types has no counterpart.

use crate::{
    command::{ExecError, Sink},
    core::CoreHandle,
    rib::{MemoryUse, TableUse},
    show::{json::document, summary::name, vrfs},
};
use serde_json::{Map, Value, json};
use weft_evpn::VrfName;

/// Carries out the command.
pub(super) fn show(core: &CoreHandle, json: bool, out: &mut dyn Sink) -> Result<(), ExecError> {
    let memory = core.ask(|core, _| {
        let of_vrf = |name: &VrfName| Some((name.to_string(), vrfs::rib(core, name)?.memory()));
        let vrfs = vrfs::names(core).iter().filter_map(of_vrf).collect();
        Tables { default: core.rib().memory(), vrfs }
    })?;
    let resident = std::fs::read_to_string("/proc/self/status").ok().and_then(|text| resident(&text));
    let answer =
        if json { document(&memory_json(&memory, resident)) } else { memory_text(&memory, resident) };
    Ok(out.text(&answer)?)
}

/// What the tables cost: those outside of IP-VRFs, and those of each IP-VRF.
#[derive(Debug, Clone)]
struct Tables {
    default: MemoryUse,
    vrfs: Vec<(String, MemoryUse)>,
}

impl Tables {
    fn total(&self) -> usize {
        self.default.total() + self.vrfs.iter().map(|(_, memory)| memory.total()).sum::<usize>()
    }
}

/// The resident octets in `/proc/self/status`.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

fn memory_text(tables: &Tables, resident: Option<u64>) -> String {
    let mut text = String::new();
    if let Some(resident) = resident {
        text += &format!("Process, resident: {resident} bytes\n");
    }
    text += &format!("Routing tables: {} bytes\n{}", tables.total(), use_text(&tables.default));
    for (name, memory) in &tables.vrfs {
        text += &format!("Routing tables of VRF {name}: {} bytes\n{}", memory.total(), use_text(memory));
    }
    text
}

/// Tables in which nothing is and never was are left out.
fn tables(memory: &MemoryUse) -> impl Iterator<Item = &TableUse> {
    memory.tables.iter().filter(|table| table.destinations > 0 || table.version > 0)
}

fn use_text(memory: &MemoryUse) -> String {
    let mut text = String::new();
    for table in tables(memory) {
        text += &format!(
            "  {}:\n    {} destinations, {} with a best path, {} paths: {} bytes\n    \
             Route target index: {} bytes\n    Sets of routes received, sent and pending: {} bytes\n",
            name(table.family),
            table.destinations,
            table.best,
            table.paths,
            table.bytes,
            table.index_bytes,
            table.set_bytes
        );
    }
    text += &format!(
        "  Attribute sets: {}, {} bytes\n  Labels and other NLRI fields: {}, {} bytes\n  \
         Encoded and waiting: {} bytes\n",
        memory.attribute_sets, memory.attribute_bytes, memory.rests, memory.rest_bytes, memory.waiting_bytes
    );
    text
}

fn memory_json(tables: &Tables, resident: Option<u64>) -> Value {
    let mut json = use_json(&tables.default);
    if let Value::Object(members) = &mut json {
        members.insert("totalBytes".to_owned(), tables.total().into());
        let vrfs = tables.vrfs.iter().map(|(name, memory)| {
            let mut json = use_json(memory);
            if let Value::Object(members) = &mut json {
                members.insert("totalBytes".to_owned(), memory.total().into());
            }
            (name.clone(), json)
        });
        members.insert("vrfs".to_owned(), Value::Object(vrfs.collect()));
        if let Some(resident) = resident {
            members.insert("residentBytes".to_owned(), resident.into());
        }
    }
    json
}

fn use_json(memory: &MemoryUse) -> Value {
    let tables: Map<String, Value> = tables(memory)
        .map(|table| {
            let value = json!({
                "destinations": table.destinations,
                "bestPaths": table.best,
                "paths": table.paths,
                "bytes": table.bytes,
                "indexBytes": table.index_bytes,
                "setBytes": table.set_bytes,
            });
            (table.family.row().json_key.to_owned(), value)
        })
        .collect();
    json!({
        "tables": tables,
        "attributeSets": memory.attribute_sets,
        "attributeBytes": memory.attribute_bytes,
        "nlriRests": memory.rests,
        "nlriRestBytes": memory.rest_bytes,
        "waitingBytes": memory.waiting_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Family;

    #[test]
    fn the_total_is_the_sum_of_what_is_listed() {
        let table = TableUse {
            family: Family::L2vpnEvpn,
            destinations: 3,
            best: 2,
            paths: 4,
            bytes: 100,
            index_bytes: 10,
            set_bytes: 5,
            version: 9,
        };
        let memory = MemoryUse {
            tables: vec![table],
            attribute_sets: 2,
            attribute_bytes: 900,
            rests: 1,
            rest_bytes: 48,
            waiting_bytes: 7,
        };
        let tables = Tables { default: memory.clone(), vrfs: vec![("red".to_owned(), memory)] };
        let text = memory_text(&tables, Some(4096));
        assert!(text.starts_with("Process, resident: 4096 bytes\nRouting tables: 2140 bytes\n"), "{text}");
        assert!(text.contains("\nRouting tables of VRF red: 1070 bytes\n  L2VPN EVPN:\n"), "{text}");
        assert!(text.contains("  L2VPN EVPN:\n    3 destinations, 2 with a best path, 4 paths: 100 bytes\n"));
        let json = memory_json(&tables, None);
        assert_eq!((&json["totalBytes"], &json["tables"]["l2VpnEvpn"]["paths"]), (&json!(2140), &json!(4)));
        assert_eq!(json["vrfs"]["red"]["totalBytes"], 1070);
        assert!(json.get("residentBytes").is_none());
    }

    #[test]
    fn resident_octets_are_read_from_the_status() {
        assert_eq!(resident("Name:\tweftd\nVmRSS:\t    2048 kB\nThreads:\t3\n"), Some(2 << 20));
        assert_eq!(resident("Name:\tweftd\n"), None);
    }
}
