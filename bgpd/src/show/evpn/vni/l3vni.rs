//! An L3VNI in `show evpn vni`. What FRR counts as MACs are router MACs, and as ARPs, next hops.

use crate::show::vrfs::VrfFacts;
use serde_json::{Value, json};
use std::net::IpAddr;
use weft_evpn::{MacAddr, Vni};

const UNKNOWN: &str = "unknown";

fn vxlan(vrf: &VrfFacts) -> &str {
    vrf.l3vni().map_or(UNKNOWN, |devices| &devices.vxlan.1)
}

fn svi(vrf: &VrfFacts) -> &str {
    vrf.l3vni().map_or(UNKNOWN, |devices| &devices.svi.1)
}

fn filter(vrf: &VrfFacts) -> &'static str {
    if vrf.prefix_routes_only { "prefix-routes-only" } else { "none" }
}

/// What of the devices is known: our VTEP and router MAC.
fn own(vrf: &VrfFacts) -> Option<(IpAddr, MacAddr)> {
    vrf.l3vni().map(|devices| (devices.vtep, devices.router_mac))
}

/// Its line in the list.
pub(super) fn line(vni: Vni, vrf: &VrfFacts) -> String {
    format!(
        "{:<10} L3   {:<21} {:<8} {:<8} {:<15} {:<37}\n",
        vni.get(),
        vxlan(vrf),
        vrf.router_macs(),
        vrf.vteps(),
        "n/a",
        vrf.name.as_str()
    )
}

/// Its member in the list.
pub(super) fn line_json(vni: Vni, vrf: &VrfFacts) -> Value {
    json!({
        "vni": vni.get(),
        "vxlanIf": vxlan(vrf),
        "numMacs": vrf.router_macs(),
        "numArpNd": vrf.vteps(),
        "numRemoteVteps": "n/a",
        "type": "L3",
        "tenantVrf": vrf.name.as_str(),
    })
}

/// At length.
pub(super) fn detail(vni: Vni, vrf: &VrfFacts) -> String {
    let mut text = format!("VNI: {vni}\n  Type: L3\n  Tenant VRF: {}\n", vrf.name);
    if let Some((vtep, _)) = own(vrf) {
        text += &format!("  Local Vtep Ip: {vtep}\n");
    }
    text += &format!(
        "  Vxlan-Intf: {}\n  SVI-If: {}\n  State: {}\n  VNI Filter: {}\n",
        vxlan(vrf),
        svi(vrf),
        vrf.state(),
        filter(vrf)
    );
    if let Some((_, router_mac)) = own(vrf) {
        text += &format!("  System MAC: {router_mac}\n  Router MAC: {router_mac}\n");
    }
    // FRR ends the list with a blank.
    let l2vnis: String = vrf.l2vnis.iter().map(|vni| format!("{vni} ")).collect();
    text += &format!("  L2 VNIs: {l2vnis}\n");
    if vrf.unresolved > 0 {
        text += &format!("  Prefixes with a gateway that is not resolved: {}\n", vrf.unresolved);
    }
    for (_, reason, count) in &vrf.refusals {
        text += &format!("  Routes refused, {reason}: {count}\n");
    }
    text
}

/// At length.
pub(super) fn detail_json(vni: Vni, vrf: &VrfFacts) -> Value {
    let mut json = json!({"vni": vni.get(), "type": "L3"});
    let Value::Object(members) = &mut json else { return json };
    let mut put = |key: &str, value: Value| drop(members.insert(key.to_owned(), value));
    if let Some((vtep, router_mac)) = own(vrf) {
        put("localVtepIp", json!(vtep));
        put("sysMac", json!(router_mac.to_string()));
        put("routerMac", json!(router_mac.to_string()));
    }
    put("vxlanIntf", json!(vxlan(vrf)));
    put("sviIntf", json!(svi(vrf)));
    put("state", json!(vrf.state()));
    put("vrf", json!(vrf.name.as_str()));
    put("vniFilter", json!(filter(vrf)));
    put("l2Vnis", vrf.l2vnis.iter().map(|vni| vni.get()).collect());
    if vrf.unresolved > 0 {
        put("unresolvedGateways", json!(vrf.unresolved));
    }
    if !vrf.refusals.is_empty() {
        let refused = vrf.refusals.iter().map(|(key, _, count)| ((*key).to_owned(), json!(count)));
        put("refused", Value::Object(refused.collect()));
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::bench::{red, vni};

    #[test]
    fn the_line_has_frrs_columns() {
        assert_eq!(
            line(vni(5000), &red()),
            "5000       L3   vx5000                1        1        n/a             red                                  \n"
        );
        assert_eq!(
            line_json(vni(5000), &red()),
            json!({
                "vni": 5000, "vxlanIf": "vx5000", "numMacs": 1, "numArpNd": 1, "numRemoteVteps": "n/a",
                "type": "L3", "tenantVrf": "red"
            })
        );
    }

    #[test]
    fn one_is_as_in_frr() {
        assert_eq!(
            detail(vni(5000), &red()),
            "VNI: 5000\n  Type: L3\n  Tenant VRF: red\n  Local Vtep Ip: 10.255.0.1\n  Vxlan-Intf: vx5000\n  \
             SVI-If: br5000\n  State: Up\n  VNI Filter: none\n  System MAC: 02:00:00:00:ff:01\n  \
             Router MAC: 02:00:00:00:ff:01\n  L2 VNIs: 10 20 \n"
        );
        assert_eq!(
            detail_json(vni(5000), &red()),
            json!({
                "vni": 5000, "type": "L3", "localVtepIp": "10.255.0.1", "vxlanIntf": "vx5000",
                "sviIntf": "br5000", "state": "Up", "vrf": "red", "sysMac": "02:00:00:00:ff:01",
                "routerMac": "02:00:00:00:ff:01", "vniFilter": "none", "l2Vnis": [10, 20]
            })
        );
    }

    #[test]
    fn without_devices_it_is_down_and_says_what_was_refused() {
        let refused = ("labelMismatch", "the label is another VNI".to_owned(), 3);
        let vrf = VrfFacts {
            devices: None,
            active: None,
            prefix_routes_only: true,
            refusals: vec![refused],
            ..red()
        };
        let text = detail(vni(5000), &vrf);
        assert!(text.contains("  Vxlan-Intf: unknown\n  SVI-If: unknown\n  State: Down\n"), "{text}");
        assert!(text.contains("  VNI Filter: prefix-routes-only\n  L2 VNIs: 10 20 \n"), "{text}");
        assert!(text.ends_with("  Routes refused, the label is another VNI: 3\n"), "{text}");
        let json = detail_json(vni(5000), &vrf);
        assert_eq!((&json["refused"]["labelMismatch"], json.get("routerMac")), (&json!(3), None));
    }
}
