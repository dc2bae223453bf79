//! `show evpn mac vni N|all [mac M|vtep V|duplicate|detail] [json]`.
//!
//! Left out, because Weft does not know it: FRR's uptime of a MAC, its VLAN, and what belongs
//! to multihoming (flags, sync neighbours).

use super::{
    duplicate_text,
    list::{self, Holders, Kind},
    sequences,
};
use crate::{
    command::{ExecError, Sink, exec::MacFilter},
    core::CoreHandle,
    show::{json::document, tables::Tables, text::Clock},
};
use serde_json::{Map, Value, json};
use std::{fmt::Write, net::IpAddr};
use weft_evpn::{
    Evpn, MacAddr, Vni,
    engine::{MacPlace, MacView, NeighbourPlace, NeighbourView},
};

/// Carries out the command.
pub(in crate::show) fn show(
    core: &CoreHandle,
    vni: Option<Vni>,
    filter: MacFilter,
    detail: bool,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let detail = detail || matches!(filter, MacFilter::Mac(_));
    list::show(core, Macs { filter, detail }, vni, json, out)
}

/// MACs of MAC-VRFs.
#[derive(Debug, Clone, Copy)]
struct Macs {
    filter: MacFilter,
    detail: bool,
}

impl Kind for Macs {
    type Key = MacAddr;
    type One = String;

    const OF: Holders = Holders::MacVrfs;

    fn missing(vni: Vni) -> ExecError {
        ExecError(format!("Requested MAC does not exist in VNI {vni}"))
    }

    fn only(&self) -> Option<MacAddr> {
        match self.filter {
            MacFilter::Mac(mac) => Some(mac),
            _ => None,
        }
    }

    fn skips_empty(&self) -> bool {
        matches!(self.filter, MacFilter::Mac(_) | MacFilter::Vtep(_))
    }

    fn keys(evpn: &Evpn, vni: Vni) -> Vec<MacAddr> {
        evpn.mac_addresses(vni)
    }

    fn is_wanted(&self, evpn: &Evpn, vni: Vni, mac: MacAddr) -> bool {
        evpn.mac(vni, mac).is_some_and(|view| is_wanted(self.filter, &view))
    }

    fn heading(&self, vni: Vni, count: usize, all: bool, _width: usize) -> String {
        heading(vni, count, self.filter, all, self.detail)
    }

    fn json_keys() -> (&'static str, Option<&'static str>) {
        ("numMacs", Some("macs"))
    }

    fn text(&self, tables: &Tables<'_>, vni: Vni, mac: MacAddr, _width: usize, out: &mut String) {
        let Some(view) = tables.evpn.mac(vni, mac) else { return };
        if self.detail {
            mac_detail(&view, &tables.evpn.neighbours_of(vni, mac), &tables.clock, out);
        } else {
            mac_line(&view, out);
        }
    }

    fn json(&self, tables: &Tables<'_>, vni: Vni, mac: MacAddr) -> Option<Value> {
        let view = tables.evpn.mac(vni, mac)?;
        let neighbours = self.detail.then(|| tables.evpn.neighbours_of(vni, mac));
        Some(mac_json(&view, neighbours.as_deref()))
    }

    fn one(tables: &Tables<'_>, vni: Vni, mac: MacAddr, json: bool) -> Option<String> {
        let view = tables.evpn.mac(vni, mac)?;
        let neighbours = tables.evpn.neighbours_of(vni, mac);
        if json {
            return Some(document(&json!({ mac.to_string(): mac_json(&view, Some(&neighbours)) })));
        }
        let mut text = String::new();
        mac_detail(&view, &neighbours, &tables.clock, &mut text);
        Some(text)
    }

    fn render(one: String, _json: bool) -> String {
        one
    }
}

/// MACs that only routes of addresses name are in no list.
fn is_wanted(filter: MacFilter, view: &MacView<'_>) -> bool {
    match filter {
        MacFilter::All => view.place != MacPlace::Unknown,
        MacFilter::Mac(mac) => view.mac == mac,
        MacFilter::Vtep(wanted) => vtep(view) == Some(wanted),
        MacFilter::Duplicate => view.duplicate.since.is_some(),
    }
}

fn vtep(view: &MacView<'_>) -> Option<IpAddr> {
    match view.place {
        MacPlace::Remote { vtep, .. } => Some(vtep),
        _ => None,
    }
}

fn heading(vni: Vni, count: usize, filter: MacFilter, all: bool, detail: bool) -> String {
    let mut text = match (filter, all) {
        (MacFilter::Vtep(_), _) => format!("\nVNI {vni}\n\n"),
        (_, true) => format!("\nVNI {vni} #MACs (local and remote) {count}\n\n"),
        (_, false) => format!("Number of MACs (local and remote) known for this VNI: {count}\n"),
    };
    if !detail {
        let columns = format!(
            "{:<17} {:<6} {:<5} {:<30} {:<5} Seq #'s\n",
            "MAC", "Type", "Flags", "Intf/Remote ES/VTEP", "VLAN"
        );
        text += &columns;
    }
    text
}

fn mac_line(view: &MacView<'_>, out: &mut String) {
    let (kind, place) = match &view.place {
        MacPlace::Local { port } => ("local", port.1.clone()),
        MacPlace::Remote { vtep, .. } => ("remote", vtep.to_string()),
        MacPlace::Unknown => ("auto", "-".to_owned()),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "{} {kind:<6} {:<5} {place:<30} {:<5} {}/{}",
        view.mac, "", "", view.local_sequence, view.remote_sequence
    );
}

fn mac_detail(view: &MacView<'_>, neighbours: &[NeighbourView], clock: &Clock, out: &mut String) {
    let mut text = format!("MAC: {}\n", view.mac);
    let sticky = if view.sticky { " Sticky Mac" } else { "" };
    match &view.place {
        MacPlace::Local { port: (index, name) } => text += &format!(" Intf: {name}({index}){sticky}\n"),
        MacPlace::Remote { vtep, gateway } => {
            let gateway = if *gateway { " Default-gateway Mac" } else { "" };
            text += &format!(" Remote VTEP: {vtep}{sticky}{gateway}\n");
        }
        MacPlace::Unknown => text.push_str(" Auto Mac\n"),
    }
    text += &format!(" Local Seq: {} Remote Seq: {}\n", view.local_sequence, view.remote_sequence);
    text += &duplicate_text(&view.duplicate, clock);
    text.push_str(" Neighbors:\n");
    if neighbours.is_empty() {
        text.push_str("    No Neighbors\n");
    }
    for neighbour in neighbours {
        let state = if is_active(neighbour) { "Active" } else { "Inactive" };
        text += &format!("    {} {state}\n", neighbour.ip);
    }
    text.push('\n');
    out.push_str(&text);
}

fn is_active(neighbour: &NeighbourView) -> bool {
    neighbour.place != NeighbourPlace::Held
}

fn mac_json(view: &MacView<'_>, neighbours: Option<&[NeighbourView]>) -> Value {
    let mut json = Map::new();
    let mut put = |key: &str, value: Value| drop(json.insert(key.to_owned(), value));
    match &view.place {
        MacPlace::Local { port: (index, name) } => {
            put("type", "local".into());
            put("intf", name.as_str().into());
            if neighbours.is_some() {
                put("ifindex", (*index).into());
            }
        }
        MacPlace::Remote { vtep, gateway } => {
            put("type", "remote".into());
            put("remoteVtep", vtep.to_string().into());
            if *gateway {
                put("remoteGatewayMac", true.into());
            }
        }
        MacPlace::Unknown => put("type", "auto".into()),
    }
    if view.sticky {
        put("stickyMac", true.into());
    }
    sequences(&mut json, view.local_sequence, view.remote_sequence, &view.duplicate);
    if let Some(neighbours) = neighbours {
        let list = |active: bool| -> Vec<String> {
            let those = neighbours.iter().filter(|neighbour| is_active(neighbour) == active);
            those.map(|neighbour| neighbour.ip.to_string()).collect()
        };
        let value = match neighbours {
            [] => json!("none"),
            _ => json!({"active": list(true), "inactive": list(false)}),
        };
        json.insert("neighbors".to_owned(), value);
    }
    Value::Object(json)
}

#[cfg(test)]
mod tests;
