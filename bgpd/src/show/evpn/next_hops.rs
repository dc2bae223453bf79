//! `show evpn next-hops vni N|all [ip A] [json]`: the remote VTEPs that the routes of an L3VNI
//! lead to, each with its router MAC.

use super::list::{self, Holders, Kind};
use crate::{
    command::{ExecError, Sink},
    core::CoreHandle,
    show::{json::document, tables::Tables, vrfs},
};
use ipnet::IpNet;
use serde_json::{Value, json};
use std::{fmt::Write, net::IpAddr};
use weft_evpn::{Evpn, Vni, engine::VrfNextHopView};

/// Carries out the command.
pub(in crate::show) fn show(
    core: &CoreHandle,
    vni: Option<Vni>,
    ip: Option<IpAddr>,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    list::show(core, NextHops(ip), vni, json, out)
}

/// Next hops; this one only, if one is given.
#[derive(Debug, Clone, Copy)]
struct NextHops(Option<IpAddr>);

/// The next hop at this address. While its router MAC changes there are two; the one that most
/// paths have is shown.
fn of(evpn: &Evpn, vni: Vni, vtep: IpAddr) -> Option<VrfNextHopView> {
    let hops = vrfs::next_hops(evpn, vni).into_iter();
    hops.filter(|hop| hop.vtep == vtep).max_by_key(|hop| hop.paths)
}

impl Kind for NextHops {
    type Key = IpAddr;
    type One = (VrfNextHopView, Vec<IpNet>);

    const OF: Holders = Holders::IpVrfs;

    fn missing(vni: Vni) -> ExecError {
        ExecError(format!("Requested next-hop not present for L3-VNI {vni}"))
    }

    fn only(&self) -> Option<IpAddr> {
        self.0
    }

    fn skips_empty(&self) -> bool {
        true
    }

    fn keys(evpn: &Evpn, vni: Vni) -> Vec<IpAddr> {
        let mut vteps: Vec<IpAddr> = vrfs::next_hops(evpn, vni).iter().map(|hop| hop.vtep).collect();
        vteps.sort_unstable();
        vteps.dedup();
        vteps
    }

    fn is_wanted(&self, _evpn: &Evpn, _vni: Vni, ip: IpAddr) -> bool {
        self.0.is_none_or(|wanted| wanted == ip)
    }

    fn heading(&self, vni: Vni, count: usize, all: bool, _width: usize) -> String {
        let first = if all {
            format!("\nVNI {vni} #Next-Hops {count}\n\n")
        } else {
            format!("Number of NH Neighbors known for this VNI: {count}\n")
        };
        format!("{first}{:<15} {:<17}\n", "IP", "RMAC")
    }

    fn json_keys() -> (&'static str, Option<&'static str>) {
        ("numNextHops", None)
    }

    fn text(&self, tables: &Tables<'_>, vni: Vni, ip: IpAddr, _width: usize, out: &mut String) {
        let Some(hop) = of(tables.evpn, vni, ip) else { return };
        // Writing to a String cannot fail. An address pads itself only as a string.
        let _ = writeln!(out, "{:<15} {}", ip.to_string(), hop.router_mac);
    }

    fn json(&self, tables: &Tables<'_>, vni: Vni, ip: IpAddr) -> Option<Value> {
        let hop = of(tables.evpn, vni, ip)?;
        Some(json!({"nexthopIp": ip, "routerMac": hop.router_mac.to_string()}))
    }

    fn one(tables: &Tables<'_>, vni: Vni, ip: IpAddr, _json: bool) -> Option<Self::One> {
        Some((of(tables.evpn, vni, ip)?, vrfs::prefixes_via(tables.evpn, vni, ip)))
    }

    fn render((hop, prefixes): Self::One, json: bool) -> String {
        if json {
            return document(&json!({
                "ip": hop.vtep,
                "routerMac": hop.router_mac.to_string(),
                "refCount": hop.paths,
                "prefixList": prefixes.iter().map(IpNet::to_string).collect::<Vec<_>>(),
            }));
        }
        let mut text =
            format!("Ip: {}\n  RMAC: {}\n  Refcount: {}\n  Prefixes:\n", hop.vtep, hop.router_mac, hop.paths);
        for prefix in prefixes {
            text += &format!("    {prefix}\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::bench::vni;

    #[test]
    fn the_headings_are_frrs() {
        let kind = NextHops(None);
        assert_eq!(
            kind.heading(vni(5000), 2, false, 0),
            "Number of NH Neighbors known for this VNI: 2\nIP              RMAC             \n"
        );
        assert_eq!(
            kind.heading(vni(5000), 2, true, 0),
            "\nVNI 5000 #Next-Hops 2\n\nIP              RMAC             \n"
        );
    }

    #[test]
    fn one_next_hop_has_its_prefixes() {
        let hop = VrfNextHopView {
            vtep: "10.255.0.2".parse().unwrap(),
            router_mac: "02:00:00:00:ff:02".parse().unwrap(),
            paths: 2,
        };
        let prefixes: Vec<IpNet> =
            ["192.168.20.0/24", "192.168.20.1/32"].iter().map(|prefix| prefix.parse().unwrap()).collect();
        assert_eq!(
            NextHops::render((hop, prefixes.clone()), false),
            "Ip: 10.255.0.2\n  RMAC: 02:00:00:00:ff:02\n  Refcount: 2\n  Prefixes:\n    \
             192.168.20.0/24\n    192.168.20.1/32\n"
        );
        let json: Value = serde_json::from_str(&NextHops::render((hop, prefixes), true)).unwrap();
        let frr = json!({
            "ip": "10.255.0.2", "routerMac": "02:00:00:00:ff:02", "refCount": 2,
            "prefixList": ["192.168.20.0/24", "192.168.20.1/32"]
        });
        assert_eq!(json, frr);
    }
}
