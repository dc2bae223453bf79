//! `show evpn arp-cache vni N|all [ip I|vtep V|duplicate|detail] [json]`: which address is at
//! which MAC, IPv4 and IPv6. FRR's uptime of a neighbour is left out: Weft does not keep it.

use super::{
    duplicate_text,
    list::{self, Holders, Kind},
    sequences,
};
use crate::{
    command::{ExecError, Sink, exec::NeighFilter},
    core::CoreHandle,
    show::{json::document, tables::Tables, text::Clock},
};
use serde_json::{Map, Value};
use std::{fmt::Write, net::IpAddr};
use weft_evpn::{
    Evpn, Vni,
    engine::{NeighbourPlace, NeighbourView},
};

/// The narrowest column of addresses.
const NARROWEST: usize = 15;

/// Carries out the command.
pub(in crate::show) fn show(
    core: &CoreHandle,
    vni: Option<Vni>,
    filter: NeighFilter,
    detail: bool,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let detail = detail || matches!(filter, NeighFilter::Ip(_));
    list::show(core, Neighbours { filter, detail }, vni, json, out)
}

/// Addresses of MAC-VRFs.
#[derive(Debug, Clone, Copy)]
struct Neighbours {
    filter: NeighFilter,
    detail: bool,
}

impl Kind for Neighbours {
    type Key = IpAddr;
    type One = String;

    const OF: Holders = Holders::MacVrfs;

    fn missing(vni: Vni) -> ExecError {
        ExecError(format!("Requested neighbor does not exist in VNI {vni}"))
    }

    fn only(&self) -> Option<IpAddr> {
        match self.filter {
            NeighFilter::Ip(ip) => Some(ip),
            _ => None,
        }
    }

    fn skips_empty(&self) -> bool {
        matches!(self.filter, NeighFilter::Ip(_) | NeighFilter::Vtep(_))
    }

    fn keys(evpn: &Evpn, vni: Vni) -> Vec<IpAddr> {
        evpn.neighbour_addresses(vni)
    }

    fn is_wanted(&self, evpn: &Evpn, vni: Vni, ip: IpAddr) -> bool {
        evpn.neighbour(vni, ip).is_some_and(|view| is_wanted(self.filter, &view))
    }

    fn width(ips: &[IpAddr]) -> usize {
        ips.iter().map(|ip| ip.to_string().len()).max().unwrap_or(0).max(NARROWEST)
    }

    fn heading(&self, vni: Vni, count: usize, all: bool, width: usize) -> String {
        heading(vni, count, all, self.detail, width)
    }

    fn json_keys() -> (&'static str, Option<&'static str>) {
        ("numArpNd", None)
    }

    fn text(&self, tables: &Tables<'_>, vni: Vni, ip: IpAddr, width: usize, out: &mut String) {
        let Some(view) = tables.evpn.neighbour(vni, ip) else { return };
        if self.detail {
            neighbour_detail(&view, &tables.clock, out);
        } else {
            neighbour_line(&view, width, out);
        }
    }

    fn json(&self, tables: &Tables<'_>, vni: Vni, ip: IpAddr) -> Option<Value> {
        Some(neighbour_json(&tables.evpn.neighbour(vni, ip)?, self.detail))
    }

    fn one(tables: &Tables<'_>, vni: Vni, ip: IpAddr, json: bool) -> Option<String> {
        let view = tables.evpn.neighbour(vni, ip)?;
        if json {
            return Some(document(&neighbour_json(&view, true)));
        }
        let mut text = String::new();
        neighbour_detail(&view, &tables.clock, &mut text);
        Some(text)
    }

    fn render(one: String, _json: bool) -> String {
        one
    }
}

fn is_wanted(filter: NeighFilter, view: &NeighbourView) -> bool {
    match filter {
        NeighFilter::All => true,
        NeighFilter::Ip(ip) => view.ip == ip,
        NeighFilter::Vtep(wanted) => vtep(view) == Some(wanted),
        NeighFilter::Duplicate => view.duplicate.since.is_some(),
    }
}

fn vtep(view: &NeighbourView) -> Option<IpAddr> {
    match view.place {
        NeighbourPlace::Remote { vtep } => vtep,
        _ => None,
    }
}

fn heading(vni: Vni, count: usize, all: bool, detail: bool, width: usize) -> String {
    let mut text = if all {
        format!("\nVNI {vni} #ARP (IPv4 and IPv6, local and remote) {count}\n\n")
    } else {
        format!("Number of ARPs (local and remote) known for this VNI: {count}\n")
    };
    if !detail {
        text += &format!(
            "{:<width$} {:<6} {:<5} {:<8} {:<17} {:<30} Seq #'s\n",
            "Neighbor", "Type", "Flags", "State", "MAC", "Remote ES/VTEP"
        );
    }
    text
}

fn kind(view: &NeighbourView) -> &'static str {
    match view.place {
        NeighbourPlace::Remote { .. } => "remote",
        _ => "local",
    }
}

fn state(view: &NeighbourView) -> &'static str {
    if view.place == NeighbourPlace::Held { "inactive" } else { "active" }
}

fn neighbour_line(view: &NeighbourView, width: usize, out: &mut String) {
    let vtep = vtep(view).map(|vtep| vtep.to_string()).unwrap_or_default();
    // Writing to a String cannot fail. An address pads itself only as a string.
    let _ = writeln!(
        out,
        "{:<width$} {:<6} {:<5} {:<8} {} {vtep:<30} {}/{}",
        view.ip.to_string(),
        kind(view),
        "",
        state(view),
        view.mac,
        view.local_sequence,
        view.remote_sequence
    );
}

fn neighbour_detail(view: &NeighbourView, clock: &Clock, out: &mut String) {
    let mut text =
        format!("IP: {}\n Type: {}\n State: {}\n MAC: {}\n", view.ip, kind(view), state(view), view.mac);
    if let Some(vtep) = vtep(view) {
        text += &format!(" Remote VTEP: {vtep}\n");
    }
    if view.router {
        text.push_str(" Flags: Router\n");
    }
    text += &format!(" Local Seq: {} Remote Seq: {}\n", view.local_sequence, view.remote_sequence);
    text += &duplicate_text(&view.duplicate, clock);
    out.push_str(&text);
}

fn neighbour_json(view: &NeighbourView, detail: bool) -> Value {
    let mut json = Map::new();
    let mut put = |key: &str, value: Value| drop(json.insert(key.to_owned(), value));
    if detail {
        put("ip", view.ip.to_string().into());
    }
    put("type", kind(view).into());
    put("state", state(view).into());
    put("mac", view.mac.to_string().into());
    if let Some(vtep) = vtep(view) {
        put("remoteVtep", vtep.to_string().into());
    }
    if view.router {
        put("routerFlag", true.into());
    }
    sequences(&mut json, view.local_sequence, view.remote_sequence, &view.duplicate);
    Value::Object(json)
}

#[cfg(test)]
mod tests;
