//! `show memory [json]`: what is held and what it costs, structure by structure, by the capacity of
//! the containers themselves; and what the allocator and the kernel say of the process. What the
//! heap has in use beyond the structures is named as such: the allocator's own fields (8 to 16 octets
//! an allocation), configuration, tasks. FRR's list of its allocator's types has no counterpart.

use crate::{
    command::{ExecError, Sink},
    core::{Core, CoreHandle},
    heap::{self, Heap, Resident},
    rib::{MemoryUse, TableUse},
    show::{json::document, summary::name, vrfs},
};
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};
use weft_evpn::{VrfName, engine::EvpnMemory};
use weft_fib::{Fib, FibMemory, FibRequest};

/// How long the kernel side's answer may take; it answers between two batches of writes.
const FIB_WAIT: Duration = Duration::from_secs(5);

/// Carries out the command.
pub(super) fn show(core: &CoreHandle, json: bool, out: &mut dyn Sink) -> Result<(), ExecError> {
    let (mut parts, fib) = core.ask(|core, _| (Parts::of(core), core.fib().cloned()))?;
    parts.fib = fib.and_then(|fib| ask_fib(&fib));
    let process = Process { heap: heap::heap(), resident: heap::resident() };
    let answer = if json { document(&as_json(&parts, &process)) } else { as_text(&parts, &process) };
    Ok(out.text(&answer)?)
}

fn ask_fib(fib: &Fib) -> Option<FibMemory> {
    let (reply, mut answer) = tokio::sync::oneshot::channel();
    fib.send(FibRequest::Memory(reply));
    let until = Instant::now() + FIB_WAIT;
    loop {
        match answer.try_recv() {
            Ok(memory) => return Some(memory),
            Err(tokio::sync::oneshot::error::TryRecvError::Empty) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(_) => return None,
        }
    }
}

/// What the structures cost.
#[derive(Debug, Clone)]
struct Parts {
    /// The tables outside of IP-VRFs.
    default: MemoryUse,
    /// Those of each IP-VRF.
    vrfs: Vec<(String, MemoryUse)>,
    evpn: EvpnMemory,
    /// `None` without a kernel.
    fib: Option<FibMemory>,
    /// Neighbours, octets of their sessions' buffers, octets of what waits between them and the tables.
    sessions: usize,
    session_bytes: usize,
    inbound_bytes: usize,
}

/// What others say.
#[derive(Debug, Clone, Copy)]
struct Process {
    heap: Option<Heap>,
    resident: Option<Resident>,
}

impl Parts {
    fn of(core: &Core) -> Self {
        let of_vrf = |name: &VrfName| Some((name.to_string(), vrfs::rib(core, name)?.memory()));
        let buffered =
            |id| core.sessions().status(id).map_or(0, |status| usize::try_from(status.buffered).unwrap_or(0));
        Parts {
            default: core.rib().memory(),
            vrfs: vrfs::names(core).iter().filter_map(of_vrf).collect(),
            evpn: core.evpn().memory(),
            fib: None,
            sessions: core.peers().iter().count(),
            session_bytes: core.peers().iter().map(|peer| buffered(peer.id)).sum(),
            inbound_bytes: core.sessions().waiting(),
        }
    }

    fn tables(&self) -> usize {
        self.default.total() + self.vrfs.iter().map(|(_, memory)| memory.total()).sum::<usize>()
    }

    fn total(&self) -> usize {
        let fib = self.fib.as_ref().map_or(0, FibMemory::bytes);
        self.tables() + self.evpn.bytes() + fib + self.session_bytes + self.inbound_bytes
    }
}

fn as_text(parts: &Parts, process: &Process) -> String {
    let mut text = String::new();
    if let Some(resident) = process.resident {
        text += &format!(
            "Process, resident: {} bytes ({} anonymous, {} program and libraries)\n",
            resident.total, resident.anonymous, resident.file
        );
    }
    if let Some(heap) = process.heap {
        text += &format!(
            "Heap: {} bytes in use, {} bytes free (resident until given back)\n",
            heap.in_use, heap.free
        );
    }
    text += &format!("Accounted for below: {} bytes\n", parts.total());
    if let Some(heap) = process.heap {
        let other = heap.in_use.saturating_sub(parts.total());
        text += &format!("In use for other things, and the allocator's own: {other} bytes\n");
    }
    text += &format!("Routing tables: {} bytes\n{}", parts.tables(), use_text(&parts.default));
    for (name, memory) in &parts.vrfs {
        text += &format!("Routing tables of VRF {name}: {} bytes\n{}", memory.total(), use_text(memory));
    }
    text += &format!(
        "EVPN engine: {} bytes\n  What routes of one advertiser share: {}, {} bytes\n  Indexes: {} bytes\n",
        parts.evpn.bytes(),
        parts.evpn.sources,
        parts.evpn.source_bytes,
        parts.evpn.index_bytes
    );
    for vrf in &parts.evpn.mac_vrfs {
        text += &format!(
            "  MAC-VRF {}: {} MACs, {} bytes; {} addresses, {} bytes; {} IMET routes, {} bytes\n",
            vrf.vni,
            vrf.macs,
            vrf.mac_bytes,
            vrf.addresses,
            vrf.address_bytes,
            vrf.imet_routes,
            vrf.imet_bytes
        );
    }
    for vrf in &parts.evpn.ip_vrfs {
        text += &format!(
            "  IP-VRF {}: {} prefixes with {} paths, {} bytes; hosts and next hops {} bytes\n",
            vrf.name, vrf.prefixes, vrf.paths, vrf.path_bytes, vrf.host_bytes
        );
    }
    if let Some(fib) = &parts.fib {
        text += &format!(
            "Kernel model: {} bytes\n  {} MACs: {} bytes\n  {} neighbors: {} bytes\n  \
             {} flood and proxy entries: {} bytes\n  {} routes: {} bytes\n  {} next hops: {} bytes\n  \
             {} waiting to be written: {} bytes\n",
            fib.bytes(),
            fib.macs,
            fib.mac_bytes,
            fib.neighbours,
            fib.neighbour_bytes,
            fib.floods,
            fib.flood_bytes,
            fib.routes,
            fib.route_bytes,
            fib.nexthops,
            fib.nexthop_bytes,
            fib.queued,
            fib.queue_bytes
        );
    }
    text += &format!(
        "Buffers of {} sessions: {} bytes\nReceived, waiting for the tables: {} bytes\n",
        parts.sessions, parts.session_bytes, parts.inbound_bytes
    );
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
             Index by NLRI key: {} bytes\n    Route target index: {} bytes\n    \
             Sets of routes received, sent and pending: {} bytes\n",
            name(table.family),
            table.destinations,
            table.best,
            table.paths,
            table.bytes,
            table.key_bytes,
            table.index_bytes,
            table.set_bytes
        );
        if table.wanted_sets > 0 {
            text += &format!(
                "    What neighbors ask for: {} sets of route targets, {} bytes\n",
                table.wanted_sets, table.wanted_bytes
            );
        }
    }
    text += &format!(
        "  Attribute sets: {}, {} bytes\n  Labels and other NLRI fields: {}, {} bytes\n  \
         Update groups: {} bytes encoded and waiting, {} bytes to work with\n",
        memory.attribute_sets,
        memory.attribute_bytes,
        memory.rests,
        memory.rest_bytes,
        memory.waiting_bytes,
        memory.work_bytes
    );
    text
}

fn as_json(parts: &Parts, process: &Process) -> Value {
    let mut json = use_json(&parts.default);
    let vrfs = parts.vrfs.iter().map(|(name, memory)| {
        let mut json = use_json(memory);
        put(&mut json, "totalBytes", memory.total());
        (name.clone(), json)
    });
    put(&mut json, "totalBytes", parts.tables());
    put(&mut json, "vrfs", Value::Object(vrfs.collect()));
    put(&mut json, "evpn", evpn_json(&parts.evpn));
    if let Some(fib) = &parts.fib {
        put(&mut json, "kernelModel", fib_json(fib));
    }
    put(
        &mut json,
        "sessions",
        json!({
            "sessions": parts.sessions,
            "bufferBytes": parts.session_bytes,
            "inboundBytes": parts.inbound_bytes,
            "totalBytes": parts.session_bytes + parts.inbound_bytes,
        }),
    );
    put(&mut json, "accountedBytes", parts.total());
    if let Some(heap) = process.heap {
        put(&mut json, "heapInUseBytes", heap.in_use);
        put(&mut json, "heapFreeBytes", heap.free);
        put(&mut json, "otherHeapBytes", heap.in_use.saturating_sub(parts.total()));
    }
    if let Some(resident) = process.resident {
        put(&mut json, "residentBytes", resident.total);
        put(&mut json, "anonymousBytes", resident.anonymous);
        put(&mut json, "fileBytes", resident.file);
    }
    json
}

fn put(json: &mut Value, key: &str, value: impl Into<Value>) {
    if let Value::Object(members) = json {
        members.insert(key.to_owned(), value.into());
    }
}

fn evpn_json(evpn: &EvpnMemory) -> Value {
    let mac_vrfs: Map<String, Value> = evpn
        .mac_vrfs
        .iter()
        .map(|vrf| {
            let value = json!({
                "macs": vrf.macs,
                "macBytes": vrf.mac_bytes,
                "addresses": vrf.addresses,
                "addressBytes": vrf.address_bytes,
                "imetRoutes": vrf.imet_routes,
                "imetBytes": vrf.imet_bytes,
            });
            (vrf.vni.to_string(), value)
        })
        .collect();
    let ip_vrfs: Map<String, Value> = evpn
        .ip_vrfs
        .iter()
        .map(|vrf| {
            let value = json!({
                "prefixes": vrf.prefixes,
                "paths": vrf.paths,
                "pathBytes": vrf.path_bytes,
                "hostBytes": vrf.host_bytes,
            });
            (vrf.name.to_string(), value)
        })
        .collect();
    json!({
        "macVrfs": mac_vrfs,
        "ipVrfs": ip_vrfs,
        "sources": evpn.sources,
        "sourceBytes": evpn.source_bytes,
        "indexBytes": evpn.index_bytes,
        "totalBytes": evpn.bytes(),
    })
}

fn fib_json(fib: &FibMemory) -> Value {
    json!({
        "macs": fib.macs,
        "macBytes": fib.mac_bytes,
        "neighbors": fib.neighbours,
        "neighborBytes": fib.neighbour_bytes,
        "floodEntries": fib.floods,
        "floodBytes": fib.flood_bytes,
        "routes": fib.routes,
        "routeBytes": fib.route_bytes,
        "nexthops": fib.nexthops,
        "nexthopBytes": fib.nexthop_bytes,
        "queued": fib.queued,
        "queueBytes": fib.queue_bytes,
        "totalBytes": fib.bytes(),
    })
}

fn use_json(memory: &MemoryUse) -> Value {
    let tables: Map<String, Value> = tables(memory)
        .map(|table| {
            let value = json!({
                "destinations": table.destinations,
                "bestPaths": table.best,
                "paths": table.paths,
                "bytes": table.bytes,
                "keyIndexBytes": table.key_bytes,
                "indexBytes": table.index_bytes,
                "setBytes": table.set_bytes,
                "membershipSets": table.wanted_sets,
                "membershipSetBytes": table.wanted_bytes,
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
        "workBytes": memory.work_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Family;
    use weft_evpn::{Vni, engine::MacVrfMemory};

    fn parts() -> Parts {
        let table = TableUse {
            family: Family::L2vpnEvpn,
            destinations: 3,
            best: 2,
            paths: 4,
            bytes: 100,
            key_bytes: 20,
            index_bytes: 10,
            set_bytes: 5,
            wanted_sets: 3,
            wanted_bytes: 30,
            version: 9,
        };
        let memory = MemoryUse {
            tables: vec![table],
            attribute_sets: 2,
            attribute_bytes: 900,
            rests: 1,
            rest_bytes: 48,
            waiting_bytes: 7,
            work_bytes: 10,
        };
        let mac_vrf = MacVrfMemory {
            vni: Vni::new(10).unwrap(),
            macs: 2,
            mac_bytes: 128,
            addresses: 1,
            address_bytes: 40,
            imet_routes: 1,
            imet_bytes: 32,
        };
        Parts {
            default: memory.clone(),
            vrfs: vec![("red".to_owned(), memory)],
            evpn: EvpnMemory { mac_vrfs: vec![mac_vrf], source_bytes: 64, ..EvpnMemory::default() },
            fib: Some(FibMemory { macs: 2, mac_bytes: 80, queue_bytes: 20, ..FibMemory::default() }),
            sessions: 2,
            session_bytes: 8192,
            inbound_bytes: 300,
        }
    }

    #[test]
    fn the_total_is_the_sum_of_what_is_listed() {
        let tables = 2 * 1130;
        let total = tables + 264 + 100 + 8192 + 300;
        let heap = Some(Heap { in_use: total + 44, free: 5 });
        let process = Process { heap, resident: Some(Resident { total: 4096, anonymous: 3000, file: 1096 }) };
        let text = as_text(&parts(), &process);
        assert!(
            text.starts_with(&format!(
                "Process, resident: 4096 bytes (3000 anonymous, 1096 program and libraries)\n\
                 Heap: {} bytes in use, 5 bytes free (resident until given back)\n\
                 Accounted for below: {total} bytes\n\
                 In use for other things, and the allocator's own: 44 bytes\n\
                 Routing tables: {tables} bytes\n",
                total + 44
            )),
            "{text}"
        );
        assert!(text.contains("\nRouting tables of VRF red: 1130 bytes\n  L2VPN EVPN:\n"), "{text}");
        assert!(text.contains("  L2VPN EVPN:\n    3 destinations, 2 with a best path, 4 paths: 100 bytes\n"));
        assert!(text.contains("\n    What neighbors ask for: 3 sets of route targets, 30 bytes\n"), "{text}");
        assert!(
            text.contains(
                "  MAC-VRF 10: 2 MACs, 128 bytes; 1 addresses, 40 bytes; 1 IMET routes, 32 bytes\n"
            )
        );
        assert!(
            text.ends_with("of 2 sessions: 8192 bytes\nReceived, waiting for the tables: 300 bytes\n"),
            "{text}"
        );
        let json = as_json(&parts(), &process);
        assert_eq!((&json["totalBytes"], &json["tables"]["l2VpnEvpn"]["paths"]), (&json!(tables), &json!(4)));
        let asked = &json["tables"]["l2VpnEvpn"];
        assert_eq!((&asked["membershipSets"], &asked["membershipSetBytes"]), (&json!(3), &json!(30)));
        assert_eq!((&json["accountedBytes"], &json["otherHeapBytes"]), (&json!(total), &json!(44)));
        let sums = ["evpn", "kernelModel", "sessions"].map(|part| json[part]["totalBytes"].as_u64().unwrap());
        assert_eq!(sums.iter().sum::<u64>() as usize + tables, total);
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let parts = Parts { fib: None, ..parts() };
        let process = Process { heap: None, resident: None };
        let json = as_json(&parts, &process);
        let absent = |key: &str| json.get(key).is_none();
        assert!(absent("kernelModel") && absent("heapInUseBytes") && absent("residentBytes"));
        assert!(as_text(&parts, &process).starts_with("Accounted for below: "));
    }
}
