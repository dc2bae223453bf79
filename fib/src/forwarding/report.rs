//! The consistency report: after a fresh dump, every key that differs, in an operator's words.

use super::Forwarding;
use super::flood::ActualFlood;
use super::key::{TableId, VtepId};
use super::mac::{BridgeFdb, MacEntry, VxlanFdb};
use super::neighbour::ActualNeighbour;
use super::proxy::ActualProxy;
use super::route::{ActualRoute, RouteEntry, WayId};
use super::table::VniTable;
use super::vrf::VrfTable;
use crate::consistency::{ConsistencyReport, Difference, EntryKind};
use crate::model::Links;
use crate::netlink::encode::{Op, metric_of};
use ipnet::IpNet;
use weft_evpn::forwarding::{RemoteNeighbour, VrfNextHop};
use weft_evpn::{MacAddr, Vni};

impl Forwarding {
    /// Compares what is wanted of a VNI with what the last dump showed, and adds the differences.
    pub fn report(&self, links: &Links, vni: Vni, report: &mut ConsistencyReport) {
        self.report_table(links, TableId::l2(vni), report);
    }

    fn report_table(&self, links: &Links, id: TableId, report: &mut ConsistencyReport) {
        let Some(table) = self.tables.get(&id) else { return };
        let Some(devices) = table.devices else { return };
        let (vxlan_fdb, bridge_fdb, neighbour) = if id.is_l3() {
            (EntryKind::RouterMacFdb, EntryKind::RouterMacFdb, EntryKind::RouterMacNeighbour)
        } else {
            (EntryKind::VxlanFdb, EntryKind::BridgeFdb, EntryKind::Neighbour)
        };
        let (vxlan, bridge) = (links.name(devices.vxlan), links.name(devices.bridge));
        report.vnis += 1;
        let difference = |kind, device: &str, key: String, desired, kernel| Difference {
            kind,
            vni: id.vni(),
            device: device.to_owned(),
            key,
            desired,
            kernel,
        };
        for (mac, entry) in table.macs.iter() {
            report.checked += (1 + usize::from(devices.bridged)) * usize::from(entry.wanted.is_some());
            let (in_vxlan, in_bridge) = self.mac_differences(table, mac, entry);
            if in_vxlan {
                let desired = entry.wanted.and_then(|wanted| self.vtep_words(wanted.vtep));
                let kernel = self.vxlan_words(entry.vxlan);
                report.add(difference(vxlan_fdb, &vxlan, mac.to_string(), desired, kernel));
            }
            if in_bridge {
                let sticky = |wanted: super::mac::WantedMac| if wanted.sticky { ", sticky" } else { "" };
                let desired = entry.wanted.map(|wanted| format!("on {vxlan}{}", sticky(wanted)));
                let kernel = bridge_words(links, &vxlan, entry.bridge);
                report.add(difference(bridge_fdb, &bridge, mac.to_string(), desired, kernel));
            }
        }
        for (ip, entry) in table.neighbours.iter() {
            report.checked += usize::from(entry.wanted.is_some());
            if entry.conflict() || table.neighbour_op(ip).is_some() {
                let desired = entry.wanted.map(neighbour_words);
                let kernel = actual_neighbour_words(entry.actual);
                report.add(difference(neighbour, &bridge, ip.to_string(), desired, kernel));
            }
        }
        for (ip, entry) in table.proxies.iter() {
            report.checked += usize::from(entry.wanted);
            if table.proxy_op(ip).is_some() {
                let desired = entry.wanted.then(|| "an answer to ARP and ND".to_owned());
                let kernel =
                    (entry.actual != ActualProxy::Absent).then(|| "an answer to ARP and ND".to_owned());
                report.add(difference(EntryKind::Proxy, &bridge, ip.to_string(), desired, kernel));
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

    /// The same of the IP-VRFs: routes, and the router MACs of their L3VNIs.
    pub fn report_vrfs(&self, links: &Links, report: &mut ConsistencyReport) {
        for id in self.vrfs.ids() {
            let Some(vrf) = self.vrfs.get(id).filter(|vrf| vrf.devices.is_some()) else { continue };
            if let Some(table) = vrf.l3() {
                self.report_table(links, table, report);
            }
            for (prefix, entry) in vrf.routes.iter() {
                report.checked += usize::from(entry.wanted.is_some());
                let missing = self.route_is_missing(vrf, prefix, entry);
                if !missing && !self.route_differs(id, prefix) {
                    continue;
                }
                report.add(Difference {
                    kind: EntryKind::VrfRoute,
                    vni: None,
                    device: vrf.name.to_string(),
                    key: prefix.to_string(),
                    desired: entry.wanted.map(|way| way_words(vrf, way)),
                    kernel: self.route_words(vrf, prefix, entry),
                });
            }
        }
    }

    /// Whether what is wanted cannot be written: it leads nowhere, or somebody's route has our metric.
    fn route_is_missing(&self, vrf: &VrfTable, prefix: IpNet, entry: &RouteEntry) -> bool {
        let nowhere =
            entry.wanted.is_some_and(|way| way != WayId::DISCARD) && vrf.wanted_set(entry).is_none();
        nowhere || (entry.wanted.is_some() && vrf.foreign.has_metric(prefix, metric_of(prefix)))
    }

    fn route_words(&self, vrf: &VrfTable, prefix: IpNet, entry: &RouteEntry) -> Option<String> {
        match entry.actual() {
            ActualRoute::Hops(group) => Some(match self.hops.describe(group).1 {
                Some(words) => format!("nhid {group} ({words})"),
                None => format!("nhid {group}"),
            }),
            ActualRoute::Discard => Some("discard".to_owned()),
            ActualRoute::Altered => Some("ours, written over by somebody".to_owned()),
            ActualRoute::Absent => {
                let foreign = vrf.foreign.has_metric(prefix, metric_of(prefix));
                foreign.then(|| "a route of somebody else with our metric".to_owned())
            }
        }
    }

    /// The same of the nexthops.
    pub fn report_nexthops(&self, report: &mut ConsistencyReport) {
        for id in self.hops.known() {
            let (desired, kernel) = self.hops.describe(id);
            report.checked += usize::from(desired.is_some());
            if !self.hops.ops(id).is_empty() {
                report.add(Difference {
                    kind: EntryKind::L3Nexthop,
                    vni: None,
                    device: String::new(),
                    key: id.to_string(),
                    desired,
                    kernel,
                });
            }
        }
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
        let both = ops.iter().any(|op| matches!(op, Op::BothSet { .. } | Op::BothDelete { .. }));
        let vxlan = both || ops.iter().any(|op| matches!(op, Op::VxlanSet { .. } | Op::VxlanDelete { .. }));
        let bridge = both
            || ops.iter().any(|op| {
                matches!(op, Op::BridgeSet { .. } | Op::BridgeSticky { .. } | Op::BridgeDelete { .. })
            });
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

fn way_words(vrf: &VrfTable, way: WayId) -> String {
    if way == WayId::DISCARD {
        return "discard".to_owned();
    }
    let hops = vrf.way(way).map(|way| &*way.hops).unwrap_or_default();
    let words: Vec<String> = hops
        .iter()
        .map(|hop| match hop {
            VrfNextHop::Vtep { vtep, router_mac } => format!("via VTEP {vtep} at {router_mac}"),
            VrfNextHop::Gateway(gateway) => format!("via {gateway}"),
        })
        .collect();
    words.join(", ")
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
