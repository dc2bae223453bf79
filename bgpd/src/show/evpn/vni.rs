//! `show evpn vni [N|detail] [json]`.

use super::no_such_vni;
use crate::{
    command::{ExecError, Sink},
    core::CoreHandle,
    show::{
        json::{JsonStream, document},
        page::{Pages, SMALL_PAGE, stream},
        tables::Tables,
    },
};
use serde_json::{Map, Value, json};
use std::{collections::VecDeque, fmt::Write, net::IpAddr};
use weft_evpn::{
    Vni,
    engine::{Flooding, InstanceView},
};

const HEADING: &str = "VNI        Type VxLAN IF              # MACs   # ARPs   # Remote VTEPs  \
                       Tenant VRF                           \n";

/// Carries out the command.
pub(in crate::show) fn show(
    core: &CoreHandle,
    vni: Option<Vni>,
    detail: bool,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let Some(found) = vnis(core, vni)? else {
        let Some(vni) = vni.filter(|_| !json) else { return Ok(out.text("{}\n")?) };
        return Err(no_such_vni(vni));
    };
    let form = match (vni.is_some(), detail) {
        (true, _) => Form::One,
        (false, true) => Form::Detail,
        (false, false) => Form::List,
    };
    let json = json.then(|| match form {
        Form::List => JsonStream::object(),
        _ => JsonStream::array(),
    });
    if form == Form::List && json.is_none() {
        out.text(HEADING)?;
    }
    let pages = stream(core, VniPages { vnis: found.into(), form, json }, out)?;
    match (pages.json, form) {
        // Of one VNI the element was the document.
        (None, _) | (_, Form::One) => Ok(()),
        (Some(json), _) => Ok(out.text(&json.finish())?),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A line, or a member, a VNI.
    List,
    /// All at length.
    Detail,
    /// One at length.
    One,
}

#[derive(Debug)]
struct VniPages {
    vnis: VecDeque<Vni>,
    form: Form,
    json: Option<JsonStream>,
}

impl Pages for VniPages {
    fn page(&mut self, tables: &Tables<'_>, out: &mut String) -> bool {
        for _ in 0..SMALL_PAGE {
            let Some(vni) = self.vnis.pop_front() else { break };
            let Some(view) = tables.evpn.instance(vni) else { continue };
            let vteps: Vec<IpAddr> = tables.evpn.remote_vteps(vni).collect();
            match (&mut self.json, self.form) {
                (None, Form::List) => line(&view, vteps.len(), out),
                (None, Form::Detail) => {
                    detail(&view, &vteps, out);
                    out.push('\n');
                }
                (None, Form::One) => detail(&view, &vteps, out),
                (Some(json), Form::List) => json.member(&vni.to_string(), line_json(&view, &vteps)),
                (Some(json), Form::Detail) => json.element(detail_json(&view, &vteps)),
                (Some(_), Form::One) => out.push_str(&document(&detail_json(&view, &vteps))),
            }
        }
        if let (Some(json), Form::List | Form::Detail) = (&mut self.json, self.form) {
            *out = json.take();
        }
        !self.vnis.is_empty()
    }
}

fn macs(view: &InstanceView<'_>) -> usize {
    view.local_macs + view.remote_macs
}

fn neighbours(view: &InstanceView<'_>) -> usize {
    view.local_neighbours + view.remote_neighbours
}

fn line(view: &InstanceView<'_>, vteps: usize, out: &mut String) {
    let device = view.vxlan.map_or("unknown", |(_, name)| name);
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "{:<10} L2   {device:<21} {:<8} {:<8} {vteps:<15} {:<37}",
        view.vni.get(),
        macs(view),
        neighbours(view),
        "default"
    );
}

fn line_json(view: &InstanceView<'_>, vteps: &[IpAddr]) -> Value {
    let mut json = json!({
        "vni": view.vni.get(),
        "type": "L2",
        "vxlanIf": view.vxlan.map_or("unknown", |(_, name)| name),
        "numMacs": macs(view),
        "numArpNd": neighbours(view),
        "numRemoteVteps": vteps.len(),
        "tenantVrf": "default",
    });
    if let (Value::Object(members), false) = (&mut json, vteps.is_empty()) {
        members.insert("remoteVteps".to_owned(), json!(vteps));
    }
    json
}

fn yes(value: bool) -> &'static str {
    if value { "Yes" } else { "No" }
}

fn detail(view: &InstanceView<'_>, vteps: &[IpAddr], out: &mut String) {
    let mut text = format!("VNI: {}\n Type: L2\n Tenant VRF: default\n", view.vni);
    if let Some((index, name)) = view.vxlan {
        text += &format!(" VxLAN interface: {name}\n VxLAN ifIndex: {index}\n");
    }
    if let Some((index, name)) = view.bridge {
        text += &format!(" SVI interface: {name}\n SVI ifIndex: {index}\n");
    }
    if let Some(vtep) = view.vtep {
        text += &format!(" Local VTEP IP: {vtep}\n");
    }
    if vteps.is_empty() {
        text.push_str(" No remote VTEPs known for this VNI\n");
    } else {
        text.push_str(" Remote VTEPs for this VNI:\n");
        let flood = if view.flooding == Flooding::Disabled { "-" } else { "HER" };
        for vtep in vteps {
            text += &format!("  {vtep} flood: {flood}\n");
        }
    }
    text += &format!(
        " Number of MACs (local and remote) known for this VNI: {}\n \
         Number of ARPs (IPv4 and IPv6, local and remote) known for this VNI: {}\n \
         Advertise-gw-macip: {}\n Advertise-svi-macip: {}\n",
        macs(view),
        neighbours(view),
        yes(view.advertise_default_gw),
        yes(view.advertise_svi_ip),
    );
    if !view.active {
        text.push_str(" Not served by BGP: no advertise-all-vni, and no vni block\n");
    }
    if view.label_mismatches > 0 {
        text += &format!(" Routes refused, whose label is another VNI: {}\n", view.label_mismatches);
    }
    out.push_str(&text);
}

fn detail_json(view: &InstanceView<'_>, vteps: &[IpAddr]) -> Value {
    let mut json = Map::new();
    let mut put = |key: &str, value: Value| drop(json.insert(key.to_owned(), value));
    put("vni", view.vni.get().into());
    put("type", "L2".into());
    put("vrf", "default".into());
    if let Some((index, name)) = view.vxlan {
        put("vxlanInterface", name.as_str().into());
        put("ifindex", (*index).into());
    }
    if let Some((index, name)) = view.bridge {
        put("sviInterface", name.as_str().into());
        put("sviIfindex", (*index).into());
    }
    if let Some(vtep) = view.vtep {
        put("vtepIp", vtep.to_string().into());
    }
    put("advertiseGatewayMacip", yes(view.advertise_default_gw).into());
    put("advertiseSviMacip", yes(view.advertise_svi_ip).into());
    put("numMacs", macs(view).into());
    put("numArpNd", neighbours(view).into());
    // FRR's key, although it is a list.
    if !vteps.is_empty() {
        put("numRemoteVteps", json!(vteps));
    }
    put("active", view.active.into());
    if view.label_mismatches > 0 {
        put("labelMismatches", view.label_mismatches.into());
    }
    Value::Object(json)
}

#[cfg(test)]
mod tests;
