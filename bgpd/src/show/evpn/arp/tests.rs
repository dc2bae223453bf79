//! Addresses against what FRR 8.4 printed.

use super::{list::ListPages, *};
use crate::show::bench::{Bench, host, imet, mac_ip, reflected, vni, vtep};
use serde_json::json;

fn bench() -> Bench {
    let mut bench = Bench::new();
    let reflector = bench.up(100, 65_000, |_| {});
    bench.local_host(host(1), Some("192.168.10.1"));
    bench.local_host(host(1), Some("fe80::200:5eff:fe00:101"));
    let routes = [Some("192.168.10.2"), None].map(|ip| mac_ip(2, host(2), ip));
    bench.receive(reflector, reflected(2), &routes);
    bench.receive(reflector, reflected(2), &[imet(2)]);
    bench
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn pages(bench: &Bench, addresses: &[&str], detail: bool, width: usize) -> String {
    let kind = Neighbours { filter: NeighFilter::All, detail };
    let pages = ListPages { kind, vni: vni(10), keys: ips(addresses).into_iter(), width, json: None };
    let mut out = String::new();
    bench.stream(pages, &mut out).0.unwrap();
    out
}

#[test]
fn the_list_has_frrs_columns_as_wide_as_the_longest_address() {
    let addresses = ["192.168.10.1", "192.168.10.2", "fe80::200:5eff:fe00:101"];
    let text = heading(vni(10), 3, false, false, 23) + &pages(&bench(), &addresses, false, 23);
    assert_eq!(
        text,
        "Number of ARPs (local and remote) known for this VNI: 3\n\
         Neighbor                Type   Flags State    MAC               Remote ES/VTEP                 Seq #'s\n\
         192.168.10.1            local        active   02:00:00:00:01:01                                0/0\n\
         192.168.10.2            remote       active   02:00:00:00:01:02 10.255.0.2                     0/0\n\
         fe80::200:5eff:fe00:101 local        active   02:00:00:00:01:01                                0/0\n"
    );
    let all = heading(vni(10), 6, true, true, 15);
    assert_eq!(all, "\nVNI 10 #ARP (IPv4 and IPv6, local and remote) 6\n\n");
}

#[test]
fn one_address_at_length() {
    assert_eq!(
        pages(&bench(), &["192.168.10.1", "192.168.10.2"], true, 15),
        "IP: 192.168.10.1\n Type: local\n State: active\n MAC: 02:00:00:00:01:01\n \
         Local Seq: 0 Remote Seq: 0\n\
         IP: 192.168.10.2\n Type: remote\n State: active\n MAC: 02:00:00:00:01:02\n \
         Remote VTEP: 10.255.0.2\n Local Seq: 0 Remote Seq: 0\n"
    );
}

#[test]
fn the_json_has_frrs_keys() {
    let bench = bench();
    let view = bench.evpn.neighbour(vni(10), "192.168.10.2".parse().unwrap()).unwrap();
    assert_eq!(
        neighbour_json(&view, true),
        json!({
            "ip": "192.168.10.2", "type": "remote", "state": "active", "mac": "02:00:00:00:01:02",
            "remoteVtep": "10.255.0.2", "localSequence": 0, "remoteSequence": 0,
            "detectionCount": 0, "isDuplicate": false
        })
    );
    assert!(neighbour_json(&view, false).get("ip").is_none());
    let held = NeighbourView { place: NeighbourPlace::Held, ..view };
    assert_eq!((kind(&held), state(&held)), ("local", "inactive"));
}

#[test]
fn conditions_choose() {
    let bench = bench();
    let chosen = |filter: NeighFilter| -> Vec<IpAddr> {
        let mut found = bench.evpn.neighbour_addresses(vni(10));
        found.retain(|ip| is_wanted(filter, &bench.evpn.neighbour(vni(10), *ip).unwrap()));
        found.sort_unstable();
        found
    };
    assert_eq!(chosen(NeighFilter::All), ips(&["192.168.10.1", "192.168.10.2", "fe80::200:5eff:fe00:101"]));
    assert_eq!(chosen(NeighFilter::Vtep(vtep(2))), ips(&["192.168.10.2"]));
    assert!(chosen(NeighFilter::Duplicate).is_empty());
}
