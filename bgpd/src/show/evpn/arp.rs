//! `show evpn arp-cache vni N|all [ip I|vtep V|duplicate|detail] [json]`: which address is at
//! which MAC, IPv4 and IPv6. FRR's uptime of a neighbour is left out: Weft does not keep it.

use super::{duplicate_text, no_such_vni, select, sequences, vnis};
use crate::{
    command::{ExecError, Sink, exec::NeighFilter},
    core::CoreHandle,
    show::{
        json::{JsonStream, document},
        page::{Pages, SMALL_PAGE, stream},
        tables::Tables,
        text::Clock,
    },
};
use serde_json::{Map, Value};
use std::{fmt::Write, net::IpAddr, vec};
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
    let Some(found) = vnis(core, vni)? else {
        let Some(vni) = vni.filter(|_| !json) else { return Ok(out.text("{}\n")?) };
        return Err(no_such_vni(vni));
    };
    if let (Some(vni), NeighFilter::Ip(ip)) = (vni, filter) {
        return one(core, vni, ip, json, out);
    }
    let all = vni.is_none();
    let detail = detail || matches!(filter, NeighFilter::Ip(_));
    let mut stream_of_json = json.then(JsonStream::object);
    for vni in found {
        let wanted =
            move |evpn: &Evpn, ip| evpn.neighbour(vni, ip).is_some_and(|view| is_wanted(filter, &view));
        let ips = select(core, move |evpn| evpn.neighbour_addresses(vni), wanted)?;
        if ips.is_empty() && all && matches!(filter, NeighFilter::Ip(_) | NeighFilter::Vtep(_)) {
            continue;
        }
        let width = ips.iter().map(|ip| ip.to_string().len()).max().unwrap_or(0).max(NARROWEST);
        if let Some(json) = &mut stream_of_json {
            if all {
                json.begin_object(&vni.to_string());
            }
            json.member("numArpNd", ips.len());
        } else {
            out.text(&heading(vni, ips.len(), all, detail, width))?;
        }
        let pages = NeighbourPages { vni, ips: ips.into_iter(), detail, width, json: stream_of_json };
        stream_of_json = stream(core, pages, out)?.json;
        if let (Some(json), true) = (&mut stream_of_json, all) {
            json.end();
        }
    }
    if let Some(json) = stream_of_json {
        out.text(&json.finish())?;
    }
    Ok(())
}

fn one(core: &CoreHandle, vni: Vni, ip: IpAddr, json: bool, out: &mut dyn Sink) -> Result<(), ExecError> {
    let found = core.ask(move |core, now| {
        let view = core.evpn().neighbour(vni, ip)?;
        Some(if json {
            document(&neighbour_json(&view, true))
        } else {
            let mut text = String::new();
            neighbour_detail(&view, &Clock::at(now), &mut text);
            text
        })
    })?;
    match found {
        Some(text) => Ok(out.text(&text)?),
        None if json => Ok(out.text("{}\n")?),
        None => Err(ExecError(format!("Requested neighbor does not exist in VNI {vni}"))),
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

#[derive(Debug)]
struct NeighbourPages {
    vni: Vni,
    ips: vec::IntoIter<IpAddr>,
    detail: bool,
    width: usize,
    json: Option<JsonStream>,
}

impl Pages for NeighbourPages {
    fn page(&mut self, tables: &Tables<'_>, out: &mut String) -> bool {
        for ip in self.ips.by_ref().take(SMALL_PAGE) {
            let Some(view) = tables.evpn.neighbour(self.vni, ip) else { continue };
            match &mut self.json {
                Some(json) => json.member(&ip.to_string(), neighbour_json(&view, self.detail)),
                None if self.detail => neighbour_detail(&view, &tables.clock, out),
                None => neighbour_line(&view, self.width, out),
            }
        }
        if let Some(json) = &mut self.json {
            *out = json.take();
        }
        !self.ips.as_slice().is_empty()
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
