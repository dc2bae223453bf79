//! `show vrf [json]` and `show vrf [NAME] vni [json]`: the IP-VRFs and their L3VNIs, as FRR's zebra
//! has them. Of the form that is made with rules there is no device and so no id.

use super::{
    json::document,
    vrfs::{self, VrfFacts},
};
use crate::{
    command::{ExecError, Sink, exec::VrfSelector},
    core::CoreHandle,
};
use serde_json::{Value, json};
use weft_evpn::{VrfName, vrf::VrfForm};

/// Carries out `show vrf`.
pub(super) fn show(core: &CoreHandle, json: bool, out: &mut dyn Sink) -> Result<(), ExecError> {
    let vrfs = core.ask(|core, _| vrfs::all(core))?;
    if json {
        let list: Vec<Value> = vrfs.iter().map(vrf_json).collect();
        return Ok(out.text(&document(&json!({"vrfs": list})))?);
    }
    Ok(out.text(&vrfs.iter().map(line).collect::<String>())?)
}

fn line(vrf: &VrfFacts) -> String {
    let place = match &vrf.devices {
        None => "inactive".to_owned(),
        Some(devices) => {
            let id = devices.master.as_ref().map(|(index, _)| format!("id {index} ")).unwrap_or_default();
            format!("{id}table {}", devices.table)
        }
    };
    format!("vrf {} {place}{}\n", vrf.name, if vrf.configured { " (configured)" } else { "" })
}

/// The form as a word of JSON.
pub(super) fn form(form: VrfForm) -> &'static str {
    match form {
        VrfForm::Device => "device",
        VrfForm::Rule => "rules",
    }
}

fn vrf_json(vrf: &VrfFacts) -> Value {
    let mut json =
        json!({"vrf": vrf.name.as_str(), "active": vrf.devices.is_some(), "configured": vrf.configured});
    let Value::Object(members) = &mut json else { return json };
    let mut put = |key: &str, value: Value| drop(members.insert(key.to_owned(), value));
    if let Some(devices) = &vrf.devices {
        if let Some((index, _)) = &devices.master {
            put("vrfId", json!(index));
        }
        put("table", json!(devices.table));
        put("form", json!(form(devices.form)));
        put("interfaces", devices.interfaces.iter().map(|each| each.device.1.as_str()).collect());
    }
    if let Some(vni) = vrf.vni {
        put("vni", json!(vni.get()));
    }
    json
}

/// Carries out `show vrf vni`.
pub(super) fn vni(
    core: &CoreHandle,
    selector: VrfSelector,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let vrfs =
        core.ask(move |core, _| meant(&selector, |name| vrfs::facts(core, name), || vrfs::all(core)))??;
    // As in FRR, only those that have an L3VNI.
    let with_vni: Vec<&VrfFacts> = vrfs.iter().filter(|vrf| vrf.vni.is_some()).collect();
    if json {
        let list: Vec<Value> = with_vni.into_iter().map(vni_json).collect();
        return Ok(out.text(&document(&json!({"vrfs": list})))?);
    }
    Ok(out.text(&(vni_heading() + &with_vni.into_iter().map(vni_line).collect::<String>()))?)
}

/// The IP-VRFs that are meant.
fn meant(
    selector: &VrfSelector,
    one: impl FnOnce(&VrfName) -> Option<VrfFacts>,
    all: impl FnOnce() -> Vec<VrfFacts>,
) -> Result<Vec<VrfFacts>, ExecError> {
    match selector {
        VrfSelector::All => Ok(all()),
        VrfSelector::Named(name) => match one(&VrfName::from(name.as_str())) {
            Some(vrf) => Ok(vec![vrf]),
            None => Err(ExecError(format!("VRF {name} not found"))),
        },
    }
}

fn columns(name: &str, vni: &str, vxlan: &str, svi: &str, state: &str, router_mac: &str) -> String {
    format!("{name:<37} {vni:<10} {vxlan:<20} {svi:<20} {state:<5} {router_mac:<18}\n")
}

fn vni_heading() -> String {
    columns("VRF", "VNI", "VxLAN IF", "L3-SVI", "State", "Rmac")
}

/// FRR's word for a device that is not there.
const NONE: &str = "None";

fn vni_line(vrf: &VrfFacts) -> String {
    let l3vni = vrf.l3vni();
    columns(
        vrf.name.as_str(),
        &vrf.vni.map(|vni| vni.to_string()).unwrap_or_default(),
        l3vni.map_or(NONE, |devices| &devices.vxlan.1),
        l3vni.map_or(NONE, |devices| &devices.svi.1),
        vrf.state(),
        &l3vni.map_or_else(|| NONE.to_owned(), |devices| devices.router_mac.to_string()),
    )
}

fn vni_json(vrf: &VrfFacts) -> Value {
    let l3vni = vrf.l3vni();
    json!({
        "vrf": vrf.name.as_str(),
        "vni": vrf.vni.map(|vni| vni.get()),
        "vxlanIntf": l3vni.map_or(NONE, |devices| &devices.vxlan.1),
        "sviIntf": l3vni.map_or(NONE, |devices| &devices.svi.1),
        "state": vrf.state(),
        "routerMac": l3vni.map_or_else(|| NONE.to_owned(), |devices| devices.router_mac.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::bench::red;

    fn in_rules() -> VrfFacts {
        let mut vrf = red();
        let devices = vrf.devices.as_mut().unwrap();
        devices.form = VrfForm::Rule;
        devices.table = 10_000;
        devices.master = None;
        vrf
    }

    #[test]
    fn a_vrf_is_a_line() {
        let mut found = red();
        found.configured = false;
        let lines = [red(), in_rules(), found, VrfFacts { devices: None, active: None, ..red() }];
        assert_eq!(
            lines.iter().map(line).collect::<String>(),
            "vrf red id 3 table 1000 (configured)\nvrf red table 10000 (configured)\nvrf red id 3 table 1000\n\
             vrf red inactive (configured)\n"
        );
    }

    #[test]
    fn the_json_says_in_which_form_it_is_made() {
        assert_eq!(
            vrf_json(&red()),
            json!({
                "vrf": "red", "active": true, "configured": true, "vrfId": 3, "table": 1000, "form": "device",
                "interfaces": ["br10"], "vni": 5000
            })
        );
        let json = vrf_json(&in_rules());
        assert_eq!((&json["form"], json.get("vrfId")), (&json!("rules"), None));
    }

    #[test]
    fn l3vnis_have_frrs_columns_and_keys() {
        assert_eq!(
            vni_heading() + &vni_line(&red()),
            "VRF                                   VNI        VxLAN IF             L3-SVI               State Rmac              \n\
             red                                   5000       vx5000               br5000               Up    02:00:00:00:ff:01 \n"
        );
        assert_eq!(
            vni_json(&red()),
            json!({
                "vrf": "red", "vni": 5000, "vxlanIntf": "vx5000", "sviIntf": "br5000", "state": "Up",
                "routerMac": "02:00:00:00:ff:01"
            })
        );
        let down = VrfFacts { devices: None, active: None, ..red() };
        assert!(vni_line(&down).contains(" None                 None                 Down  None "));
    }

    #[test]
    fn one_that_is_not_there_is_an_error() {
        let selector = VrfSelector::Named("nope".to_owned());
        let error = meant(&selector, |_| None, Vec::new).unwrap_err();
        assert_eq!(error.to_string(), "VRF nope not found");
    }
}
