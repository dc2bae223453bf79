//! `show evpn mac vni N|all [mac M|vtep V|duplicate|detail] [json]`.
//!
//! Left out, because Weft does not know it: FRR's uptime of a MAC, its VLAN, and what belongs
//! to multihoming (flags, sync neighbours).

use super::{duplicate_text, no_such_vni, select, sequences, vnis};
use crate::{
    command::{ExecError, Sink, exec::MacFilter},
    core::CoreHandle,
    show::{
        json::{JsonStream, document},
        page::{Pages, SMALL_PAGE, stream},
        tables::Tables,
        text::Clock,
    },
};
use serde_json::{Map, Value, json};
use std::{fmt::Write, net::IpAddr, vec};
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
    let Some(found) = vnis(core, vni)? else {
        let Some(vni) = vni.filter(|_| !json) else { return Ok(out.text("{}\n")?) };
        return Err(no_such_vni(vni));
    };
    if let (Some(vni), MacFilter::Mac(mac)) = (vni, filter) {
        return one(core, vni, mac, json, out);
    }
    let all = vni.is_none();
    let detail = detail || matches!(filter, MacFilter::Mac(_));
    let mut stream_of_json = json.then(JsonStream::object);
    for vni in found {
        let wanted = move |evpn: &Evpn, mac| evpn.mac(vni, mac).is_some_and(|view| is_wanted(filter, &view));
        let macs = select(core, move |evpn| evpn.mac_addresses(vni), wanted)?;
        // A list of all with a condition leaves out the VNIs that have nothing.
        if macs.is_empty() && all && matches!(filter, MacFilter::Mac(_) | MacFilter::Vtep(_)) {
            continue;
        }
        let count = macs.len();
        if let Some(json) = &mut stream_of_json {
            if all {
                json.begin_object(&vni.to_string());
            }
            json.member("numMacs", count);
            json.begin_object("macs");
        } else {
            out.text(&heading(vni, count, filter, all, detail))?;
        }
        let pages = MacPages { vni, macs: macs.into_iter(), detail, json: stream_of_json };
        stream_of_json = stream(core, pages, out)?.json;
        if let Some(json) = &mut stream_of_json {
            json.end();
            if all {
                json.end();
            }
        }
    }
    if let Some(json) = stream_of_json {
        out.text(&json.finish())?;
    }
    Ok(())
}

fn one(core: &CoreHandle, vni: Vni, mac: MacAddr, json: bool, out: &mut dyn Sink) -> Result<(), ExecError> {
    let found = core.ask(move |core, now| {
        let view = core.evpn().mac(vni, mac)?;
        let neighbours = core.evpn().neighbours_of(vni, mac);
        Some(if json {
            document(&json!({ mac.to_string(): mac_json(&view, Some(&neighbours)) }))
        } else {
            let mut text = String::new();
            mac_detail(&view, &neighbours, &Clock::at(now), &mut text);
            text
        })
    })?;
    match found {
        Some(text) => Ok(out.text(&text)?),
        None if json => Ok(out.text("{}\n")?),
        None => Err(ExecError(format!("Requested MAC does not exist in VNI {vni}"))),
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

#[derive(Debug)]
struct MacPages {
    vni: Vni,
    macs: vec::IntoIter<MacAddr>,
    detail: bool,
    json: Option<JsonStream>,
}

impl Pages for MacPages {
    fn page(&mut self, tables: &Tables<'_>, out: &mut String) -> bool {
        for mac in self.macs.by_ref().take(SMALL_PAGE) {
            let Some(view) = tables.evpn.mac(self.vni, mac) else { continue };
            let neighbours = self.detail.then(|| tables.evpn.neighbours_of(self.vni, mac));
            match (&mut self.json, neighbours) {
                (Some(json), neighbours) => {
                    json.member(&mac.to_string(), mac_json(&view, neighbours.as_deref()));
                }
                (None, Some(neighbours)) => mac_detail(&view, &neighbours, &tables.clock, out),
                (None, None) => mac_line(&view, out),
            }
        }
        if let Some(json) = &mut self.json {
            *out = json.take();
        }
        !self.macs.as_slice().is_empty()
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
