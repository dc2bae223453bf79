//! `show evpn vni [N|detail] [json]`: the L2VNIs, then the L3VNIs (`l3vni`).

mod l3vni;

use super::no_such_vni;
use crate::{
    command::{ExecError, Sink},
    core::CoreHandle,
    show::{
        json::{JsonStream, document},
        page::{Pages, SMALL_PAGE, stream},
        tables::Tables,
        vrfs::{self, VrfFacts},
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
    match vni {
        Some(vni) => one(core, vni, json, out),
        None => all(core, if detail { Form::Detail } else { Form::List }, json, out),
    }
}

fn one(core: &CoreHandle, vni: Vni, json: bool, out: &mut dyn Sink) -> Result<(), ExecError> {
    let found = core.ask(move |core, now| {
        let tables = Tables::of(core, now);
        if let Some(view) = tables.evpn.instance(vni) {
            return Some(Found::L2(one_text(&tables, &view, json)));
        }
        vrfs::of_l3vni(core, vni).map(|vrf| Found::L3(Box::new(vrf)))
    })?;
    match found {
        Some(Found::L2(text)) => Ok(out.text(&text)?),
        Some(Found::L3(vrf)) if json => Ok(out.text(&document(&l3vni::detail_json(vni, &vrf)))?),
        Some(Found::L3(vrf)) => Ok(out.text(&l3vni::detail(vni, &vrf))?),
        None if json => Ok(out.text("{}\n")?),
        None => Err(no_such_vni(vni)),
    }
}

enum Found {
    L2(String),
    L3(Box<VrfFacts>),
}

fn one_text(tables: &Tables<'_>, view: &InstanceView<'_>, json: bool) -> String {
    let vteps: Vec<IpAddr> = tables.evpn.remote_vteps(view.vni).collect();
    let tenant = tenant(tables, view.vni);
    if json {
        return document(&detail_json(view, &vteps, &tenant));
    }
    let mut text = String::new();
    detail(view, &vteps, &tenant, &mut text);
    text
}

fn all(core: &CoreHandle, form: Form, json: bool, out: &mut dyn Sink) -> Result<(), ExecError> {
    let (vnis, l3vnis) = core.ask(|core, _| {
        let vnis: VecDeque<Vni> = core.evpn().instances().map(|instance| instance.vni).collect();
        (vnis, vrfs::with_l3vni(core))
    })?;
    let json = json.then(|| match form {
        Form::List => JsonStream::object(),
        Form::Detail => JsonStream::array(),
    });
    if form == Form::List && json.is_none() {
        out.text(HEADING)?;
    }
    let mut json = stream(core, VniPages { vnis, form, json }, out)?.json;
    for (vni, vrf) in &l3vnis {
        match (&mut json, form) {
            (None, Form::List) => out.text(&l3vni::line(*vni, vrf))?,
            (None, Form::Detail) => out.text(&format!("{}\n", l3vni::detail(*vni, vrf)))?,
            (Some(json), Form::List) => json.member(&vni.to_string(), l3vni::line_json(*vni, vrf)),
            (Some(json), Form::Detail) => json.element(l3vni::detail_json(*vni, vrf)),
        }
    }
    match json {
        Some(json) => Ok(out.text(&json.finish())?),
        None => Ok(()),
    }
}

/// The IP-VRF that it routes in, by FRR's names.
fn tenant(tables: &Tables<'_>, vni: Vni) -> String {
    vrfs::of_l2vni(tables.evpn, vni).map_or_else(|| "default".to_owned(), |name| name.to_string())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A line, or a member, a VNI.
    List,
    /// All at length.
    Detail,
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
            let tenant = tenant(tables, vni);
            match (&mut self.json, self.form) {
                (None, Form::List) => line(&view, vteps.len(), &tenant, out),
                (None, Form::Detail) => {
                    detail(&view, &vteps, &tenant, out);
                    out.push('\n');
                }
                (Some(json), Form::List) => json.member(&vni.to_string(), line_json(&view, &vteps, &tenant)),
                (Some(json), Form::Detail) => json.element(detail_json(&view, &vteps, &tenant)),
            }
        }
        if let Some(json) = &mut self.json {
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

fn line(view: &InstanceView<'_>, vteps: usize, tenant: &str, out: &mut String) {
    let device = view.vxlan.map_or("unknown", |(_, name)| name);
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "{:<10} L2   {device:<21} {:<8} {:<8} {vteps:<15} {tenant:<37}",
        view.vni.get(),
        macs(view),
        neighbours(view),
    );
}

fn line_json(view: &InstanceView<'_>, vteps: &[IpAddr], tenant: &str) -> Value {
    let mut json = json!({
        "vni": view.vni.get(),
        "type": "L2",
        "vxlanIf": view.vxlan.map_or("unknown", |(_, name)| name),
        "numMacs": macs(view),
        "numArpNd": neighbours(view),
        "numRemoteVteps": vteps.len(),
        "tenantVrf": tenant,
    });
    if let (Value::Object(members), false) = (&mut json, vteps.is_empty()) {
        members.insert("remoteVteps".to_owned(), json!(vteps));
    }
    json
}

fn yes(value: bool) -> &'static str {
    if value { "Yes" } else { "No" }
}

fn detail(view: &InstanceView<'_>, vteps: &[IpAddr], tenant: &str, out: &mut String) {
    let mut text = format!("VNI: {}\n Type: L2\n Tenant VRF: {tenant}\n", view.vni);
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

fn detail_json(view: &InstanceView<'_>, vteps: &[IpAddr], tenant: &str) -> Value {
    let mut json = Map::new();
    let mut put = |key: &str, value: Value| drop(json.insert(key.to_owned(), value));
    put("vni", view.vni.get().into());
    put("type", "L2".into());
    put("vrf", tenant.into());
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
