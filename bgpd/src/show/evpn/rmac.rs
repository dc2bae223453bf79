//! `show evpn rmac vni N|all [mac M] [json]`: the router MACs of remote VTEPs, by L3VNI.

use super::list::{self, Holders, Kind};
use crate::{
    command::{ExecError, Sink},
    core::CoreHandle,
    show::{json::document, tables::Tables, vrfs},
};
use serde_json::{Value, json};
use std::{fmt::Write, net::IpAddr};
use weft_evpn::{Evpn, MacAddr, Vni};

/// Carries out the command.
pub(in crate::show) fn show(
    core: &CoreHandle,
    vni: Option<Vni>,
    mac: Option<MacAddr>,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    list::show(core, RouterMacs(mac), vni, json, out)
}

/// Router MACs; this one only, if one is given.
#[derive(Debug, Clone, Copy)]
struct RouterMacs(Option<MacAddr>);

/// The VTEPs that have this router MAC: one, but for anycast pairs.
fn vteps(evpn: &Evpn, vni: Vni, mac: MacAddr) -> Vec<IpAddr> {
    let hops = vrfs::next_hops(evpn, vni).into_iter();
    hops.filter(|hop| hop.router_mac == mac).map(|hop| hop.vtep).collect()
}

impl Kind for RouterMacs {
    type Key = MacAddr;
    type One = (MacAddr, Vec<IpAddr>);

    const OF: Holders = Holders::IpVrfs;

    fn missing(vni: Vni) -> ExecError {
        ExecError(format!("Requested RMAC doesn't exist in L3-VNI {vni}"))
    }

    fn only(&self) -> Option<MacAddr> {
        self.0
    }

    fn skips_empty(&self) -> bool {
        true
    }

    fn keys(evpn: &Evpn, vni: Vni) -> Vec<MacAddr> {
        let mut macs: Vec<MacAddr> = vrfs::next_hops(evpn, vni).iter().map(|hop| hop.router_mac).collect();
        macs.sort_unstable();
        macs.dedup();
        macs
    }

    fn is_wanted(&self, _evpn: &Evpn, _vni: Vni, mac: MacAddr) -> bool {
        self.0.is_none_or(|wanted| wanted == mac)
    }

    fn heading(&self, vni: Vni, count: usize, all: bool, _width: usize) -> String {
        let (first, column) = if all {
            (format!("\nVNI {vni} #RMACs {count}\n\n"), "RMAC")
        } else {
            (format!("Number of Remote RMACs known for this VNI: {count}\n"), "MAC")
        };
        format!("{first}{column:<17} {:<21}\n", "Remote VTEP")
    }

    fn json_keys() -> (&'static str, Option<&'static str>) {
        ("numRmacs", None)
    }

    fn text(&self, tables: &Tables<'_>, vni: Vni, mac: MacAddr, _width: usize, out: &mut String) {
        let vtep = vteps(tables.evpn, vni, mac).first().map(IpAddr::to_string).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{mac} {vtep:<21}");
    }

    fn json(&self, tables: &Tables<'_>, vni: Vni, mac: MacAddr) -> Option<Value> {
        let vteps = vteps(tables.evpn, vni, mac);
        Some(json!({"routerMac": mac.to_string(), "vtepIp": vteps.first()?}))
    }

    fn one(tables: &Tables<'_>, vni: Vni, mac: MacAddr, _json: bool) -> Option<Self::One> {
        let vteps = vteps(tables.evpn, vni, mac);
        (!vteps.is_empty()).then_some((mac, vteps))
    }

    fn render((mac, vteps): Self::One, json: bool) -> String {
        let vtep = vteps.first().map(IpAddr::to_string).unwrap_or_default();
        if json {
            return document(&json!({"routerMac": mac.to_string(), "vtepIp": vtep, "nexthops": vteps}));
        }
        format!("MAC: {mac}\n Remote VTEP: {vtep}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::bench::vni;

    #[test]
    fn the_headings_are_frrs() {
        let kind = RouterMacs(None);
        assert_eq!(
            kind.heading(vni(5000), 1, false, 0),
            "Number of Remote RMACs known for this VNI: 1\nMAC               Remote VTEP          \n"
        );
        assert_eq!(
            kind.heading(vni(5000), 1, true, 0),
            "\nVNI 5000 #RMACs 1\n\nRMAC              Remote VTEP          \n"
        );
    }

    #[test]
    fn one_router_mac_at_length() {
        let mac: MacAddr = "02:00:00:00:ff:02".parse().unwrap();
        let one = (mac, vec!["10.255.0.2".parse().unwrap()]);
        assert_eq!(
            RouterMacs::render(one.clone(), false),
            "MAC: 02:00:00:00:ff:02\n Remote VTEP: 10.255.0.2\n"
        );
        let json: Value = serde_json::from_str(&RouterMacs::render(one, true)).unwrap();
        let frr =
            json!({"routerMac": "02:00:00:00:ff:02", "vtepIp": "10.255.0.2", "nexthops": ["10.255.0.2"]});
        assert_eq!(json, frr);
    }
}
