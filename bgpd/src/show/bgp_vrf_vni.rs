//! `show bgp vrf V|all vni [json]`: with what an IP-VRF takes part in EVPN.

use super::{
    json::document,
    vrfs::{self, VrfFacts},
};
use crate::{
    command::{ExecError, Sink, exec::VrfSelector},
    core::CoreHandle,
};
use serde_json::{Value, json};
use weft_evpn::VrfName;

/// Carries out the command.
pub(super) fn show(
    core: &CoreHandle,
    selector: VrfSelector,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let wanted = selector.clone();
    let found = core.ask(move |core, _| match &wanted {
        VrfSelector::All => vrfs::all(core),
        VrfSelector::Named(name) => vrfs::facts(core, &VrfName::from(name.as_str())).into_iter().collect(),
    })?;
    let text = match (&selector, found.first(), json) {
        (VrfSelector::Named(_), Some(vrf), true) => document(&vrf_json(vrf)),
        (VrfSelector::Named(_), None, true) => document(&json!({"warning": "BGP instance not found"})),
        (VrfSelector::Named(name), None, false) => {
            return Err(ExecError(format!("BGP instance for VRF {name} not found")));
        }
        (VrfSelector::All, _, true) => {
            let members = found.iter().map(|vrf| (vrf.name.to_string(), vrf_json(vrf)));
            document(&Value::Object(members.collect()))
        }
        (_, _, false) => found.iter().map(text).collect(),
    };
    Ok(out.text(&text)?)
}

fn export(vrf: &VrfFacts) -> Vec<String> {
    let active = vrf.active.as_ref();
    active
        .map(|active| active.export.iter().map(|target| format!("RT:{target}")).collect())
        .unwrap_or_default()
}

fn import(vrf: &VrfFacts) -> Vec<String> {
    vrf.import.iter().map(|target| format!("RT:{target}")).collect()
}

fn filter(vrf: &VrfFacts) -> &'static str {
    if vrf.prefix_routes_only { "prefix-routes-only" } else { "none" }
}

fn text(vrf: &VrfFacts) -> String {
    // FRR ends each item of a list with two blanks.
    let list = |items: Vec<String>| items.iter().map(|item| format!("{item}  ")).collect::<String>();
    let mut text = format!("BGP VRF: {}\n", vrf.name);
    if let Some(devices) = vrf.l3vni() {
        text += &format!("  Local-Ip: {}\n", devices.vtep);
    }
    if let Some(vni) = vrf.vni {
        text += &format!("  L3-VNI: {vni}\n");
    }
    if let Some(devices) = vrf.l3vni() {
        text += &format!("  Rmac: {}\n", devices.router_mac);
    }
    text += &format!(
        "  VNI Filter: {}\n  L2-VNI List:\n    {}\n  Export-RTs:\n    {}\n  Import-RTs:\n    {}\n",
        filter(vrf),
        list(vrf.l2vnis.iter().map(ToString::to_string).collect()),
        list(export(vrf)),
        list(import(vrf))
    );
    if let Some(active) = &vrf.active {
        text += &format!("  RD: {}\n", active.rd);
        for (domain, rd) in &active.domain_rds {
            text += &format!("  RD into domain {domain}: {rd}\n");
        }
    }
    text
}

fn vrf_json(vrf: &VrfFacts) -> Value {
    let mut json = json!({"vrf": vrf.name.as_str()});
    let Value::Object(members) = &mut json else { return json };
    let mut put = |key: &str, value: Value| drop(members.insert(key.to_owned(), value));
    if let Some(devices) = vrf.l3vni() {
        put("local-ip", json!(devices.vtep));
        put("rmac", json!(devices.router_mac.to_string()));
    }
    if let Some(vni) = vrf.vni {
        put("l3vni", json!(vni.get()));
    }
    put("vniFilter", json!(filter(vrf)));
    put("l2vnis", vrf.l2vnis.iter().map(|vni| vni.get()).collect());
    put("export-rts", json!(export(vrf)));
    put("import-rts", json!(import(vrf)));
    if let Some(active) = &vrf.active {
        put("rd", json!(active.rd.to_string()));
        if !active.domain_rds.is_empty() {
            let rds =
                active.domain_rds.iter().map(|(domain, rd)| (domain.to_string(), json!(rd.to_string())));
            put("domainRds", Value::Object(rds.collect()));
        }
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::bench::red;
    use weft_evpn::DomainId;

    #[test]
    fn the_text_is_frrs() {
        assert_eq!(
            text(&red()),
            "BGP VRF: red\n  Local-Ip: 10.255.0.1\n  L3-VNI: 5000\n  Rmac: 02:00:00:00:ff:01\n  \
             VNI Filter: none\n  L2-VNI List:\n    10  20  \n  Export-RTs:\n    RT:65000:5000  \n  \
             Import-RTs:\n    RT:65000:5000  \n  RD: 10.255.0.1:4\n"
        );
    }

    #[test]
    fn the_json_has_frrs_keys() {
        assert_eq!(
            vrf_json(&red()),
            json!({
                "vrf": "red", "local-ip": "10.255.0.1", "l3vni": 5000, "rmac": "02:00:00:00:ff:01",
                "vniFilter": "none", "l2vnis": [10, 20], "export-rts": ["RT:65000:5000"],
                "import-rts": ["RT:65000:5000"], "rd": "10.255.0.1:4"
            })
        );
    }

    #[test]
    fn a_gateway_has_an_rd_for_each_domain() {
        let mut vrf = red();
        let rd = "10.255.0.1:9".parse().unwrap();
        vrf.active.as_mut().unwrap().domain_rds.push((DomainId::new(65_000, 7), rd));
        assert!(text(&vrf).ends_with("  RD: 10.255.0.1:4\n  RD into domain 65000:7: 10.255.0.1:9\n"));
        assert_eq!(vrf_json(&vrf)["domainRds"], json!({"65000:7": "10.255.0.1:9"}));
    }

    #[test]
    fn one_without_devices_says_what_is_configured() {
        let vrf = VrfFacts { devices: None, active: None, import: Vec::new(), ..red() };
        let text = text(&vrf);
        assert!(text.starts_with("BGP VRF: red\n  L3-VNI: 5000\n  VNI Filter: none\n"), "{text}");
        assert_eq!(vrf_json(&vrf).get("rd"), None);
    }
}
