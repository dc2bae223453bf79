//! MACs against what FRR 8.4 printed.

use super::{list::ListPages, *};
use crate::show::bench::{Bench, host, imet, mac_ip, reflected, vni, vtep};
use weft_evpn::{ExtendedCommunity, community::MacMobility, engine::DuplicateView};

/// A local MAC with an address, and a remote one with two.
fn bench() -> Bench {
    let mut bench = Bench::new();
    let reflector = bench.up(100, 65_000, |_| {});
    bench.local_host(host(1), Some("192.168.10.1"));
    let mut sticky = reflected(2);
    sticky.ext_communities.push(ExtendedCommunity::mac_mobility(MacMobility { sticky: true, sequence: 0 }));
    bench.receive(reflector, sticky, &[mac_ip(2, host(9), None)]);
    let routes = [Some("192.168.10.2"), Some("fd00:10::2"), None].map(|ip| mac_ip(2, host(2), ip));
    bench.receive(reflector, reflected(2), &routes);
    bench.receive(reflector, reflected(2), &[imet(2)]);
    bench
}

fn pages(bench: &Bench, macs: &[MacAddr], detail: bool) -> String {
    let kind = Macs { filter: MacFilter::All, detail };
    let pages = ListPages { kind, vni: vni(10), keys: Vec::from(macs).into_iter(), width: 0, json: None };
    let mut out = String::new();
    bench.stream(pages, &mut out).0.unwrap();
    out
}

#[test]
fn the_list_has_frrs_columns() {
    let text =
        heading(vni(10), 2, MacFilter::All, false, false) + &pages(&bench(), &[host(1), host(2)], false);
    assert_eq!(
        text,
        "Number of MACs (local and remote) known for this VNI: 2\n\
         MAC               Type   Flags Intf/Remote ES/VTEP            VLAN  Seq #'s\n\
         02:00:00:00:01:01 local        h10                                  0/0\n\
         02:00:00:00:01:02 remote       10.255.0.2                           0/0\n"
    );
    let all = heading(vni(10), 7, MacFilter::All, true, true);
    assert_eq!(all, "\nVNI 10 #MACs (local and remote) 7\n\n");
    assert!(heading(vni(10), 7, MacFilter::Vtep(vtep(2)), false, false).starts_with("\nVNI 10\n\nMAC "));
}

#[test]
fn one_mac_at_length() {
    let text = pages(&bench(), &[host(1), host(2), host(9)], true);
    assert_eq!(
        text,
        "MAC: 02:00:00:00:01:01\n Intf: h10(6)\n Local Seq: 0 Remote Seq: 0\n Neighbors:\n    \
         192.168.10.1 Active\n\n\
         MAC: 02:00:00:00:01:02\n Remote VTEP: 10.255.0.2\n Local Seq: 0 Remote Seq: 0\n Neighbors:\n    \
         192.168.10.2 Active\n    fd00:10::2 Active\n\n\
         MAC: 02:00:00:00:01:09\n Remote VTEP: 10.255.0.2 Sticky Mac\n Local Seq: 0 Remote Seq: 0\n \
         Neighbors:\n    No Neighbors\n\n"
    );
}

#[test]
fn the_json_has_frrs_keys() {
    let bench = bench();
    let local = bench.evpn.mac(vni(10), host(1)).unwrap();
    assert_eq!(
        mac_json(&local, None),
        json!({
            "type": "local", "intf": "h10", "localSequence": 0, "remoteSequence": 0,
            "detectionCount": 0, "isDuplicate": false
        })
    );
    let remote = bench.evpn.mac(vni(10), host(2)).unwrap();
    assert_eq!(
        mac_json(&remote, Some(&bench.evpn.neighbours_of(vni(10), host(2)))),
        json!({
            "type": "remote", "remoteVtep": "10.255.0.2", "localSequence": 0, "remoteSequence": 0,
            "detectionCount": 0, "isDuplicate": false,
            "neighbors": {"active": ["192.168.10.2", "fd00:10::2"], "inactive": []}
        })
    );
    assert_eq!(mac_json(&local, Some(&[]))["neighbors"], "none");
}

#[test]
fn conditions_choose() {
    let bench = bench();
    let chosen = |filter: MacFilter| -> Vec<MacAddr> {
        let mut macs = bench.evpn.mac_addresses(vni(10));
        macs.retain(|mac| is_wanted(filter, &bench.evpn.mac(vni(10), *mac).unwrap()));
        macs.sort_unstable();
        macs
    };
    assert_eq!(chosen(MacFilter::All), [host(1), host(2), host(9)]);
    assert_eq!(chosen(MacFilter::Vtep(vtep(2))), [host(2), host(9)]);
    assert_eq!(chosen(MacFilter::Mac(host(1))), [host(1)]);
    assert!(chosen(MacFilter::Duplicate).is_empty());
}

#[test]
fn duplicates_say_so() {
    let bench = bench();
    let mut view = bench.evpn.mac(vni(10), host(1)).unwrap();
    let until = Some(bench.now + std::time::Duration::from_secs(30));
    view.duplicate = DuplicateView { moves: 5, since: Some(bench.now), frozen: true, until };
    let mut text = String::new();
    mac_detail(&view, &[], &bench.tables().clock, &mut text);
    assert!(
        text.contains(" Duplicate, detected by moves, its moves are not followed, looked at again in 30s\n"),
        "{text}"
    );
    let json = mac_json(&view, None);
    assert_eq!((&json["isDuplicate"], &json["detectionCount"]), (&json!(true), &json!(5)));
}
