//! The consistency report: after a fresh dump, every key that differs, in an operator's words.

use super::Forwarding;
use super::flood::ActualFlood;
use super::key::VtepId;
use super::mac::{BridgeFdb, MacEntry, VxlanFdb};
use super::neighbour::ActualNeighbour;
use super::table::VniTable;
use crate::consistency::{ConsistencyReport, Difference, EntryKind};
use crate::model::Links;
use crate::netlink::encode::Op;
use weft_evpn::forwarding::RemoteNeighbour;
use weft_evpn::{MacAddr, Vni};

impl Forwarding {
    /// Compares what is wanted of a VNI with what the last dump showed, and adds the differences.
    pub fn report(&self, links: &Links, vni: Vni, report: &mut ConsistencyReport) {
        let Some(table) = self.tables.get(&vni) else { return };
        let Some(devices) = table.devices else { return };
        let (vxlan, bridge) = (links.name(devices.vxlan), links.name(devices.bridge));
        report.vnis += 1;
        let difference = |kind, device: &str, key: String, desired, kernel| Difference {
            kind,
            vni: Some(vni),
            device: device.to_owned(),
            key,
            desired,
            kernel,
        };
        for (mac, entry) in &table.macs {
            report.checked += 2 * usize::from(entry.wanted.is_some());
            let (in_vxlan, in_bridge) = self.mac_differences(table, *mac, entry);
            if in_vxlan {
                let desired = entry.wanted.and_then(|wanted| self.vtep_words(wanted.vtep));
                let kernel = self.vxlan_words(entry.vxlan);
                report.add(difference(EntryKind::VxlanFdb, &vxlan, mac.to_string(), desired, kernel));
            }
            if in_bridge {
                let sticky = |wanted: super::mac::WantedMac| if wanted.sticky { ", sticky" } else { "" };
                let desired = entry.wanted.map(|wanted| format!("on {vxlan}{}", sticky(wanted)));
                let kernel = bridge_words(links, &vxlan, entry.bridge);
                report.add(difference(EntryKind::BridgeFdb, &bridge, mac.to_string(), desired, kernel));
            }
        }
        for (ip, entry) in table.neighbours.iter() {
            report.checked += usize::from(entry.wanted.is_some());
            if entry.conflict() || table.neighbour_op(ip).is_some() {
                let desired = entry.wanted.map(neighbour_words);
                let kernel = actual_neighbour_words(entry.actual);
                report.add(difference(EntryKind::Neighbour, &bridge, ip.to_string(), desired, kernel));
            }
        }
        for (vtep, entry) in &table.floods {
            report.checked += usize::from(entry.wanted);
            if table.flood_op(*vtep).is_some() {
                let desired = entry.wanted.then(|| "a copy of BUM frames".to_owned());
                let kernel = (entry.actual != ActualFlood::Absent).then(|| "a copy of BUM frames".to_owned());
                report.add(difference(EntryKind::Flood, &vxlan, vtep.to_string(), desired, kernel));
            }
        }
    }

    /// The same of the nexthops.
    pub fn report_nexthops(&self, report: &mut ConsistencyReport) {
        for id in self.vteps.iter() {
            let Some((key, desired, kernel)) = self.vteps.describe(id) else { continue };
            report.checked += usize::from(desired.is_some());
            if !self.vteps.ops(id).is_empty() {
                report.add(Difference {
                    kind: EntryKind::Nexthop,
                    vni: None,
                    device: String::new(),
                    key,
                    desired,
                    kernel,
                });
            }
        }
    }

    fn mac_differences(&self, table: &VniTable, mac: MacAddr, entry: &MacEntry) -> (bool, bool) {
        let ops = table.mac_ops(mac, &self.vteps);
        let vxlan = ops.iter().any(|op| matches!(op, Op::VxlanSet { .. } | Op::VxlanDelete { .. }));
        let bridge = ops
            .iter()
            .any(|op| matches!(op, Op::BridgeSet { .. } | Op::BridgeSticky { .. } | Op::BridgeDelete { .. }));
        (
            vxlan || entry.vxlan_conflict(),
            bridge || entry.bridge_conflict() || (entry.moved_here && entry.wanted.is_some()),
        )
    }

    fn vtep_words(&self, vtep: VtepId) -> Option<String> {
        self.vteps.ip(vtep).map(|ip| format!("to {ip}"))
    }

    fn vxlan_words(&self, state: VxlanFdb) -> Option<String> {
        match state {
            VxlanFdb::Absent => None,
            VxlanFdb::Nexthop(vtep) | VxlanFdb::Address(vtep) => self.vtep_words(vtep),
            VxlanFdb::Stray => Some("with our mark, to somewhere else".to_owned()),
            VxlanFdb::Overwritten | VxlanFdb::Foreign => Some("an entry of somebody else".to_owned()),
        }
    }
}

fn bridge_words(links: &Links, vxlan: &str, state: BridgeFdb) -> Option<String> {
    match state {
        BridgeFdb::Absent => None,
        BridgeFdb::Vxlan { marked, sticky, fixed } => {
            let mut words = format!("on {vxlan}");
            for (word, there) in [(", sticky", sticky), (", static", fixed), (", without our mark", !marked)]
            {
                if there {
                    words.push_str(word);
                }
            }
            Some(words)
        }
        BridgeFdb::Port { port, fixed } => {
            Some(format!("on {}{}", links.name(port), if fixed { ", static" } else { "" }))
        }
        BridgeFdb::Own { port } => Some(format!("the bridge's own, on {}", links.name(port))),
    }
}

fn neighbour_words(neighbour: RemoteNeighbour) -> String {
    format!("at {}{}", neighbour.mac, if neighbour.router { ", router" } else { "" })
}

fn actual_neighbour_words(state: ActualNeighbour) -> Option<String> {
    match state {
        ActualNeighbour::Absent => None,
        ActualNeighbour::Ours(neighbour) => Some(neighbour_words(neighbour)),
        ActualNeighbour::Overwritten => Some("ours, written over by somebody".to_owned()),
        ActualNeighbour::Local(mac) => Some(format!("at {mac}, resolved by the kernel")),
        ActualNeighbour::Unresolved => Some("not resolved".to_owned()),
        ActualNeighbour::Fixed(Some(mac)) => Some(format!("at {mac}, permanent, of somebody else")),
        ActualNeighbour::Fixed(None) => Some("an entry of somebody else".to_owned()),
    }
}
