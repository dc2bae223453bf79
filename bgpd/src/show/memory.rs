//! `show memory [json]`: what the routing tables hold and cost, by their own count, and what
//! the kernel says of the process. FRR's list of its allocator's types has no counterpart.

use crate::{
    command::{ExecError, Sink},
    core::CoreHandle,
    rib::MemoryUse,
    show::json::document,
};
use serde_json::{Map, Value, json};

/// Carries out the command.
pub(super) fn show(core: &CoreHandle, json: bool, out: &mut dyn Sink) -> Result<(), ExecError> {
    let memory = core.ask(|core, _| core.rib().memory())?;
    let resident = std::fs::read_to_string("/proc/self/status").ok().and_then(|text| resident(&text));
    let answer =
        if json { document(&memory_json(&memory, resident)) } else { memory_text(&memory, resident) };
    Ok(out.text(&answer)?)
}

/// The resident octets in `/proc/self/status`.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

fn memory_text(memory: &MemoryUse, resident: Option<u64>) -> String {
    let mut text = String::new();
    if let Some(resident) = resident {
        text += &format!("Process, resident: {resident} bytes\n");
    }
    text += &format!("Routing tables: {} bytes\n", memory.total());
    for table in &memory.tables {
        text += &format!(
            "  {}:\n    {} destinations, {} with a best path, {} paths: {} bytes\n    \
             Route target index: {} bytes\n    Sets of routes received, sent and pending: {} bytes\n",
            table.family.row().name.to_uppercase(),
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

fn memory_json(memory: &MemoryUse, resident: Option<u64>) -> Value {
    let tables: Map<String, Value> = memory
        .tables
        .iter()
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
    let mut json = json!({
        "totalBytes": memory.total(),
        "tables": tables,
        "attributeSets": memory.attribute_sets,
        "attributeBytes": memory.attribute_bytes,
        "nlriRests": memory.rests,
        "nlriRestBytes": memory.rest_bytes,
        "waitingBytes": memory.waiting_bytes,
    });
    if let (Value::Object(members), Some(resident)) = (&mut json, resident) {
        members.insert("residentBytes".to_owned(), resident.into());
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{rib::TableUse, wire::Family};

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
        let text = memory_text(&memory, Some(4096));
        assert!(text.starts_with("Process, resident: 4096 bytes\nRouting tables: 1070 bytes\n"), "{text}");
        assert!(text.contains("  L2VPN EVPN:\n    3 destinations, 2 with a best path, 4 paths: 100 bytes\n"));
        let json = memory_json(&memory, None);
        assert_eq!((&json["totalBytes"], &json["tables"]["l2VpnEvpn"]["paths"]), (&json!(1070), &json!(4)));
        assert!(json.get("residentBytes").is_none());
    }

    #[test]
    fn resident_octets_are_read_from_the_status() {
        assert_eq!(resident("Name:\tweftd\nVmRSS:\t    2048 kB\nThreads:\t3\n"), Some(2 << 20));
        assert_eq!(resident("Name:\tweftd\n"), None);
    }
}
