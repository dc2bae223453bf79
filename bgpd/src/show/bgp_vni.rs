//! `show bgp l2vpn evpn vni [N] [json]`: MAC-VRFs and IP-VRFs by their VNIs, with their RDs and
//! route targets. Left out: multicast groups, which Weft does not have.

use super::{
    json::{JsonStream, document},
    page::no_instance,
    vrfs::{self, VrfFacts},
};
use crate::{
    command::{ExecError, Sink},
    core::CoreHandle,
};
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use weft_evpn::{
    MacAddr, RouteDistinguisher, Vni, VrfName,
    engine::{EvpnConfig, Flooding, InstanceView},
};

/// A MAC-VRF or IP-VRF, copied out of the core.
#[derive(Debug, Clone)]
struct Vrf {
    vni: Vni,
    kind: Kind,
    in_kernel: bool,
    rd: Option<RouteDistinguisher>,
    originator: Option<IpAddr>,
    tenant: String,
    import: Vec<String>,
    export: Vec<String>,
}

#[derive(Debug, Clone)]
enum Kind {
    /// A MAC-VRF; which of its bridge's addresses it advertises.
    L2 { gateway: bool, svi: bool, svi_interface: Option<String> },
    /// An IP-VRF.
    L3 { router_mac: Option<MacAddr> },
}

impl Vrf {
    fn mac_vrf(view: InstanceView<'_>, tenant: Option<VrfName>) -> Self {
        Self {
            vni: view.vni,
            kind: Kind::L2 {
                gateway: view.advertise_default_gw,
                svi: view.advertise_svi_ip,
                svi_interface: view.bridge.map(|(_, name)| name.clone()),
            },
            in_kernel: view.vxlan.is_some(),
            rd: view.rd,
            originator: view.vtep,
            tenant: tenant.map_or_else(|| "default".to_owned(), |name| name.to_string()),
            import: view.import.iter().map(ToString::to_string).collect(),
            export: view.export.iter().map(ToString::to_string).collect(),
        }
    }

    fn ip_vrf(vni: Vni, vrf: &VrfFacts) -> Self {
        let (devices, active) = (vrf.l3vni(), vrf.active.as_ref());
        let export = active.map(|active| active.export.iter().map(ToString::to_string).collect());
        Self {
            vni,
            kind: Kind::L3 { router_mac: devices.map(|devices| devices.router_mac) },
            in_kernel: devices.is_some(),
            rd: active.map(|active| active.rd),
            originator: devices.map(|devices| devices.vtep),
            tenant: vrf.name.to_string(),
            import: vrf.import.iter().map(ToString::to_string).collect(),
            export: export.unwrap_or_default(),
        }
    }

    fn is_l3(&self) -> bool {
        matches!(self.kind, Kind::L3 { .. })
    }

    /// FRR's word.
    fn layer(&self) -> &'static str {
        if self.is_l3() { "L3" } else { "L2" }
    }

    /// Whether it advertises gateway and SVI addresses, in FRR's words.
    fn advertises(&self) -> (&'static str, &'static str) {
        match &self.kind {
            Kind::L2 { gateway, svi, .. } => (active(*gateway), active(*svi)),
            Kind::L3 { .. } => ("n/a", "n/a"),
        }
    }
}

/// Carries out the command.
pub(super) fn show(
    core: &CoreHandle,
    vni: Option<Vni>,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let (config, vrfs) = core.ask(move |core, _| {
        no_instance(core)?;
        let meant = |other: Vni| vni.is_none_or(|vni| vni == other);
        let mac_vrfs = core.evpn().instances().filter(|view| meant(view.vni));
        let mac_vrfs = mac_vrfs.map(|view| {
            let tenant = vrfs::of_l2vni(core.evpn(), view.vni);
            Vrf::mac_vrf(view, tenant)
        });
        let ip_vrfs = vrfs::with_l3vni(core).into_iter().filter(|(vni, _)| meant(*vni));
        let vrfs: Vec<Vrf> = mac_vrfs.chain(ip_vrfs.map(|(vni, vrf)| Vrf::ip_vrf(vni, &vrf))).collect();
        Ok::<_, ExecError>((core.evpn().config().clone(), vrfs))
    })??;
    let text = match (vni, vrfs.first(), json) {
        (Some(_), None, true) => "{}\n".to_owned(),
        (Some(_), None, false) => return Err(ExecError("VNI not found".to_owned())),
        (Some(_), Some(vrf), true) => document(&one_json(vrf)),
        (Some(_), Some(vrf), false) => one_text(vrf),
        (None, _, true) => list_json(&config, &vrfs),
        (None, _, false) => list_text(&config, &vrfs),
    };
    Ok(out.text(&text)?)
}

fn enabled(value: bool) -> &'static str {
    if value { "Enabled" } else { "Disabled" }
}

fn active(value: bool) -> &'static str {
    if value { "Active" } else { "Disabled" }
}

fn flooding(config: &EvpnConfig) -> &'static str {
    match config.flooding {
        Flooding::HeadEndReplication => "Head-end replication",
        Flooding::Disabled => "Disabled",
    }
}

fn list_text(config: &EvpnConfig, vrfs: &[Vrf]) -> String {
    let mut text = format!(
        "Advertise Gateway Macip: {}\nAdvertise SVI Macip: {}\nAdvertise All VNI flag: {}\nBUM flooding: {}\n\
         Number of L2 VNIs: {}\nNumber of L3 VNIs: {}\nFlags: * - Kernel\n",
        enabled(config.advertise_default_gw),
        enabled(config.advertise_svi_ip),
        enabled(config.advertise_all_vni),
        flooding(config),
        vrfs.iter().filter(|vrf| !vrf.is_l3()).count(),
        vrfs.iter().filter(|vrf| vrf.is_l3()).count()
    );
    let columns = |flag, vni: &str, kind, rd: &str, import: &str, export: &str, vrf| {
        format!("{flag} {vni:<10} {kind:<4} {rd:<21} {import:<25} {export:<25} {vrf:<37}\n")
    };
    text += &columns(" ", "VNI", "Type", "RD", "Import RT", "Export RT", "Tenant VRF");
    for vrf in vrfs {
        let flag = if vrf.in_kernel { "*" } else { " " };
        let rd = vrf.rd.map(|rd| rd.to_string()).unwrap_or_default();
        let target = |targets: &[String], at: usize| targets.get(at).cloned().unwrap_or_default();
        let (import, export) = (target(&vrf.import, 0), target(&vrf.export, 0));
        text += &columns(flag, &vrf.vni.to_string(), vrf.layer(), &rd, &import, &export, &vrf.tenant);
        // A VRF with more route targets has more lines.
        for at in 1..vrf.import.len().max(vrf.export.len()) {
            let line = columns(" ", "", "", "", &target(&vrf.import, at), &target(&vrf.export, at), "");
            text += line.trim_end();
            text.push('\n');
        }
    }
    text
}

fn one_text(vrf: &Vrf) -> String {
    let known = if vrf.in_kernel { "known to the kernel" } else { "not known to the kernel" };
    // FRR writes the tenant in two ways.
    let tenant = if vrf.is_l3() { "Tenant VRF" } else { "Tenant-Vrf" };
    let mut text =
        format!("VNI: {} ({known})\n  Type: {}\n  {tenant}: {}\n", vrf.vni, vrf.layer(), vrf.tenant);
    if let Some(rd) = vrf.rd {
        text += &format!("  RD: {rd}\n");
    }
    if let Some(originator) = vrf.originator {
        text += &format!("  Originator IP: {originator}\n");
    }
    let (gateway, svi) = vrf.advertises();
    text += &format!("  Advertise-gw-macip : {gateway}\n  Advertise-svi-macip : {svi}\n");
    match &vrf.kind {
        Kind::L2 { svi_interface: Some(interface), .. } => {
            text += &format!("  SVI interface : {interface}\n")
        }
        Kind::L3 { router_mac: Some(mac) } => {
            text += &format!("  System-MAC: {mac}\n  Router-MAC: {mac}\n");
        }
        _ => {}
    }
    for (heading, targets) in [("Import", &vrf.import), ("Export", &vrf.export)] {
        text += &format!("  {heading} Route Target:\n");
        for target in targets {
            text += &format!("    {target}\n");
        }
    }
    text
}

/// The members that both JSON forms have.
fn members(vrf: &Vrf) -> Map<String, Value> {
    let mut json = Map::new();
    let mut put = |key: &str, value: Value| drop(json.insert(key.to_owned(), value));
    put("vni", vrf.vni.get().into());
    put("type", vrf.layer().into());
    put("inKernel", if vrf.in_kernel { "True" } else { "False" }.into());
    if let Some(rd) = vrf.rd {
        put("rd", rd.to_string().into());
    }
    if let Some(originator) = vrf.originator {
        put("originatorIp", originator.to_string().into());
    }
    let (gateway, svi) = vrf.advertises();
    put("advertiseGatewayMacip", gateway.into());
    put("advertiseSviMacIp", svi.into());
    if let Kind::L3 { router_mac: Some(mac) } = vrf.kind {
        put("rmac", mac.to_string().into());
    }
    json
}

fn list_json(config: &EvpnConfig, vrfs: &[Vrf]) -> String {
    let mut json = JsonStream::object();
    json.member("advertiseGatewayMacip", enabled(config.advertise_default_gw));
    json.member("advertiseSviMacIp", enabled(config.advertise_svi_ip));
    json.member("advertiseAllVnis", enabled(config.advertise_all_vni));
    json.member("flooding", flooding(config));
    json.member("numVnis", vrfs.len());
    json.member("numL2Vnis", vrfs.iter().filter(|vrf| !vrf.is_l3()).count());
    json.member("numL3Vnis", vrfs.iter().filter(|vrf| vrf.is_l3()).count());
    for vrf in vrfs {
        let mut each = members(vrf);
        each.insert("importRTs".to_owned(), json!(vrf.import));
        each.insert("exportRTs".to_owned(), json!(vrf.export));
        json.member(&vrf.vni.to_string(), each);
    }
    json.finish()
}

/// FRR writes the keys of the route targets otherwise than in the list.
fn one_json(vrf: &Vrf) -> Value {
    let mut json = members(vrf);
    if let Kind::L2 { svi_interface: Some(interface), .. } = &vrf.kind {
        json.insert("sviInterface".to_owned(), interface.as_str().into());
    }
    json.insert("importRts".to_owned(), json!(vrf.import));
    json.insert("exportRts".to_owned(), json!(vrf.export));
    Value::Object(json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::bench::{red, vni};

    fn vrf() -> Vrf {
        Vrf {
            vni: Vni::new(20).unwrap(),
            kind: Kind::L2 { gateway: false, svi: true, svi_interface: Some("br20".to_owned()) },
            in_kernel: true,
            rd: Some("10.255.0.1:2020".parse().unwrap()),
            originator: Some("10.255.0.1".parse().unwrap()),
            tenant: "default".to_owned(),
            import: vec!["65000:20".to_owned(), "65001:20".to_owned()],
            export: vec!["65000:20".to_owned()],
        }
    }

    #[test]
    fn the_list_has_frrs_columns() {
        let config = EvpnConfig { advertise_svi_ip: true, advertise_all_vni: true, ..EvpnConfig::default() };
        let text = list_text(&config, &[Vrf { import: vec!["65001:20".to_owned()], ..vrf() }]);
        assert_eq!(
            text,
            "Advertise Gateway Macip: Disabled\nAdvertise SVI Macip: Enabled\nAdvertise All VNI flag: Enabled\n\
             BUM flooding: Head-end replication\nNumber of L2 VNIs: 1\nNumber of L3 VNIs: 0\nFlags: * - Kernel\n\
             \x20 VNI        Type RD                    Import RT                 Export RT                 \
             Tenant VRF                           \n\
             * 20         L2   10.255.0.1:2020       65001:20                  65000:20                  \
             default                              \n"
        );
        let two = list_text(&config, &[vrf()]);
        assert_eq!(two.lines().last(), Some(format!("{:40}65001:20", "").as_str()));
    }

    #[test]
    fn one_vni_is_as_frrs_without_its_multicast_group() {
        assert_eq!(
            one_text(&vrf()),
            "VNI: 20 (known to the kernel)\n  Type: L2\n  Tenant-Vrf: default\n  RD: 10.255.0.1:2020\n  \
             Originator IP: 10.255.0.1\n  Advertise-gw-macip : Disabled\n  Advertise-svi-macip : Active\n  \
             SVI interface : br20\n  Import Route Target:\n    65000:20\n    65001:20\n  \
             Export Route Target:\n    65000:20\n"
        );
    }

    #[test]
    fn the_two_json_forms_name_route_targets_as_frr_does() {
        let one = one_json(&vrf());
        assert_eq!(one["importRts"], json!(["65000:20", "65001:20"]));
        assert_eq!((&one["inKernel"], &one["rd"]), (&json!("True"), &json!("10.255.0.1:2020")));
        let list: Value = serde_json::from_str(&list_json(&EvpnConfig::default(), &[vrf()])).unwrap();
        assert_eq!(list["20"]["exportRTs"], json!(["65000:20"]));
        assert_eq!((&list["numL2Vnis"], &list["advertiseAllVnis"]), (&json!(1), &json!("Disabled")));
    }

    #[test]
    fn an_l3vni_is_as_in_frr() {
        let vrf = Vrf::ip_vrf(vni(5000), &red());
        let text = list_text(&EvpnConfig::default(), &[super::tests::vrf(), vrf.clone()]);
        assert!(text.contains("Number of L2 VNIs: 1\nNumber of L3 VNIs: 1\n"), "{text}");
        assert!(
            text.ends_with(
                "\n* 5000       L3   10.255.0.1:4          65000:5000                65000:5000                \
                 red                                  \n"
            ),
            "{text}"
        );
        assert_eq!(
            one_text(&vrf),
            "VNI: 5000 (known to the kernel)\n  Type: L3\n  Tenant VRF: red\n  RD: 10.255.0.1:4\n  \
             Originator IP: 10.255.0.1\n  Advertise-gw-macip : n/a\n  Advertise-svi-macip : n/a\n  \
             System-MAC: 02:00:00:00:ff:01\n  Router-MAC: 02:00:00:00:ff:01\n  Import Route Target:\n    \
             65000:5000\n  Export Route Target:\n    65000:5000\n"
        );
        let json = one_json(&vrf);
        assert_eq!((&json["type"], &json["rmac"]), (&json!("L3"), &json!("02:00:00:00:ff:01")));
        assert_eq!((&json["advertiseGatewayMacip"], &json["rd"]), (&json!("n/a"), &json!("10.255.0.1:4")));
    }
}
