//! Routes against what FRR 8.4 printed of the same ones.

use super::{
    detail,
    entry::Entry,
    filter::Filter,
    frame::Form,
    json,
    list::{List, ListPages},
    table, vrf,
};
use crate::{
    command::{Sink, SinkClosed, exec::RouteQuery},
    peer::PeerId,
    rib::Scope,
    show::{
        bench::{Bench, EPOCH, attributes, host, imet, mac_ip, pmsi, rd, reflected, vni, vtep},
        json::JsonStream,
    },
    wire::{
        AttributeSet, Family,
        attribute::{AsPath, AsSegment, AsSegmentKind},
    },
};
use serde_json::{Value, json};
use std::time::Duration;
use weft_evpn::nlri::EvpnRoute;

const EVPN: Family = Family::L2vpnEvpn;

fn sequence(asns: &[u32]) -> AsPath {
    AsPath(vec![AsSegment { kind: AsSegmentKind::Sequence, asns: asns.to_vec() }])
}

fn entry_of(bench: &Bench, route: &EvpnRoute) -> Entry {
    let view = bench.rib.route(EVPN, &route.to_wire()).unwrap().unwrap();
    let told = bench.rib.advertised_to(EVPN, view.id);
    let tables = bench.tables();
    Entry::new(&tables, view, |_| true).unwrap().with_told(&tables, &told)
}

fn table_of(bench: &Bench, route: &EvpnRoute) -> String {
    let mut text = String::new();
    table::entry(&entry_of(bench, route), &mut text);
    text
}

fn detail_of(bench: &Bench, route: &EvpnRoute) -> String {
    let mut text = String::new();
    detail::entry(&entry_of(bench, route), None, &bench.tables().clock, &mut text);
    text
}

fn list_of(bench: &Bench, scope: Scope, filter: Filter, form: Form, json: bool) -> String {
    let pages = begin(bench, scope, filter, form, json);
    let mut out = String::new();
    let (pages, _) = bench.stream(pages, &mut out);
    out + &end(pages.unwrap())
}

fn begin(bench: &Bench, scope: Scope, filter: Filter, form: Form, json: bool) -> ListPages {
    let json = json.then(JsonStream::object);
    let list = List { family: EVPN, scope: Some(scope), filter, form, json };
    ListPages::begin(&bench.rib, ("default".to_owned(), Some(0)), list)
}

fn end(pages: ListPages) -> String {
    let (foot, json) = pages.end();
    json.map_or(foot, JsonStream::finish)
}

fn json_of(bench: &Bench, scope: Scope, form: Form) -> Value {
    serde_json::from_str(&list_of(bench, scope, Filter::default(), form, true)).unwrap()
}

/// A leaf with a host of its own, and one at 10.255.0.2 by way of a reflector.
fn leaf() -> (Bench, PeerId) {
    let mut bench = Bench::new();
    let reflector = bench.up(100, 65_000, |_| {});
    bench.originate(&mac_ip(1, host(1), Some("192.168.10.1")), attributes(1));
    bench.receive(reflector, reflected(2), &[mac_ip(2, host(2), Some("fd00:10::2"))]);
    bench.receive(reflector, AttributeSet { pmsi: pmsi(), ..reflected(2) }, &[imet(2)]);
    bench.transmit();
    (bench, reflector)
}

#[test]
fn a_table_has_frrs_columns() {
    let (bench, _) = leaf();
    assert_eq!(
        table_of(&bench, &mac_ip(1, host(1), Some("192.168.10.1"))),
        "*> [2]:[0]:[48]:[02:00:00:00:01:01]:[32]:[192.168.10.1]\n                    \
         10.255.0.1                         32768 i\n                    RT:65000:10 ET:8\n"
    );
    assert_eq!(
        table_of(&bench, &mac_ip(2, host(2), Some("fd00:10::2"))),
        "*>i[2]:[0]:[48]:[02:00:00:00:01:02]:[128]:[fd00:10::2]\n                    \
         10.255.0.2               0    100      0 i\n                    RT:65000:10 ET:8\n"
    );
}

#[test]
fn external_paths_have_their_as_path_and_long_next_hops_a_line() {
    let mut bench = Bench::new();
    let peer = bench.up(100, 65_001, |_| {});
    let set = AttributeSet { as_path: sequence(&[65_001, 65_002]), ..attributes(2) };
    bench.receive(peer, set.clone(), &[imet(2)]);
    assert_eq!(
        table_of(&bench, &imet(2)),
        "*> [3]:[0]:[32]:[10.255.0.2]\n                    10.255.0.2                             0 \
         65001 65002 i\n                    RT:65000:10 ET:8\n"
    );
    let set = AttributeSet { next_hop: Some("2001:db8::1234:5678".parse().unwrap()), ..set };
    bench.receive(peer, set, &[imet(2)]);
    assert_eq!(
        table_of(&bench, &imet(2)),
        "*> [3]:[0]:[32]:[10.255.0.2]\n                    2001:db8::1234:5678\n\
         \x20                                                          0 65001 65002 i\n\
         \x20                   RT:65000:10 ET:8\n"
    );
}

#[test]
fn further_paths_stale_and_refused_ones_are_marked() {
    let mut bench = Bench::new();
    let (a, b) = (bench.up(100, 65_000, |_| {}), bench.up(101, 65_000, |_| {}));
    bench.receive(a, reflected(2), &[imet(2)]);
    bench.receive(b, AttributeSet { local_pref: Some(50), ..reflected(2) }, &[imet(2)]);
    bench.rib.peer_down(a, Some(bench.now + Duration::from_secs(60)));
    assert_eq!(
        table_of(&bench, &imet(2)),
        "S>i[3]:[0]:[32]:[10.255.0.2]\n                    10.255.0.2               0    100      0 i\n\
         \x20                   RT:65000:10 ET:8\n\
         * i                 10.255.0.2               0     50      0 i\n\
         \x20                   RT:65000:10 ET:8\n"
    );
    assert!(detail_of(&bench, &imet(2)).contains("  Local, (stale)\n"));

    let mut bench = Bench::new();
    let peer = bench.up(100, 65_001, |family| family.policy_in = false);
    let set = AttributeSet { as_path: sequence(&[65_001, 65_000]), ..attributes(2) };
    bench.receive(peer, set, &[imet(2)]);
    let text = list_of(&bench, Scope::ReceivedFrom(peer), Filter::default(), Form::Neighbour, false);
    assert!(
        text.contains(
            "   [3]:[0]:[32]:[10.255.0.2]\n                    10.255.0.2                             0 \
             65001 65000 i\n                    RT:65000:10 ET:8\n                    \
             Not used: as-path contains our own AS\n                    \
             Not used: no policy for eBGP (RFC 8212)\n"
        ),
        "{text}"
    );
    let accepted = Filter { eligible: true, ..Filter::default() };
    let text = list_of(&bench, Scope::ReceivedFrom(peer), accepted, Form::Neighbour, false);
    assert_eq!(text, "No BGP prefixes displayed, 1 exist\n");
    let json = json_of(&bench, Scope::ReceivedFrom(peer), Form::Neighbour);
    let path = &json["10.255.0.2:3"]["[3]:[0]:[32]:[10.255.0.2]"]["paths"][0];
    assert_eq!(path["refused"][1], "no policy for eBGP (RFC 8212)");
    assert!(path.get("valid").is_none() && path["nexthops"][0]["used"] == false);
}

#[test]
fn details_are_in_frrs_words() {
    let (bench, _) = leaf();
    assert_eq!(
        detail_of(&bench, &mac_ip(1, host(1), Some("192.168.10.1"))),
        "BGP routing table entry for 10.255.0.1:3:[2]:[0]:[48]:[02:00:00:00:01:01]:[32]:[192.168.10.1]\n\
         Paths: (1 available, best #1)\n  Advertised to non peer-group peers:\n  10.255.0.100\n  \
         Route [2]:[0]:[48]:[02:00:00:00:01:01]:[32]:[192.168.10.1] VNI 10\n  Local\n    \
         10.255.0.1 from 0.0.0.0 (10.255.0.1)\n      \
         Origin IGP, weight 32768, valid, sourced, local, best (First path received)\n      \
         Extended Community: RT:65000:10 ET:8\n      Last update: Sun Nov 22 06:52:29 2026 UTC\n"
    );
    assert_eq!(
        detail_of(&bench, &imet(2)),
        "BGP routing table entry for 10.255.0.2:3:[3]:[0]:[32]:[10.255.0.2]\n\
         Paths: (1 available, best #1)\n  Not advertised to any peer\n  \
         Route [3]:[0]:[32]:[10.255.0.2] VNI 10\n  Local\n    10.255.0.2 from 10.255.0.100 (10.255.0.2)\n      \
         Origin IGP, metric 0, localpref 100, valid, internal, best (First path received)\n      \
         Extended Community: RT:65000:10 ET:8\n      \
         Originator: 10.255.0.2, Cluster list: 10.255.0.100 \n      \
         Last update: Sun Nov 22 06:52:29 2026 UTC\n      \
         PMSI Tunnel Type: Ingress Replication, label: 10\n"
    );
}

#[test]
fn a_reflector_says_from_whom_a_route_came() {
    let mut bench = Bench::new();
    let client = bench.up(2, 65_000, |family| family.settings.route_reflector_client = true);
    bench.up(3, 65_000, |family| family.settings.route_reflector_client = true);
    bench.receive(client, AttributeSet { local_pref: Some(100), ..attributes(2) }, &[imet(2)]);
    bench.transmit();
    let text = detail_of(&bench, &imet(2));
    assert!(text.contains("  Advertised to non peer-group peers:\n  10.255.0.3\n"), "{text}");
    assert!(text.contains("  Local, (Received from a RR-client)\n"), "{text}");
    let path = &json::detail(&entry_of(&bench, &imet(2)), &bench.tables().clock)["paths"][0][0];
    assert_eq!(path["rxedFromRrClient"], true);
}

#[test]
fn the_overview_and_the_route_command_differ_as_in_frr() {
    let (bench, _) = leaf();
    let overview = list_of(&bench, Scope::All, Filter::default(), Form::Overview, false);
    assert!(
        overview.starts_with("BGP table version is 3, local router ID is 10.255.0.1\nStatus codes: "),
        "{overview}"
    );
    assert!(overview.contains(
        "\n\n   Network          Next Hop            Metric LocPrf Weight Path\nRoute Distinguisher: 10.255.0.1:3\n*> "
    ));
    assert!(overview.ends_with("\n\nDisplayed 3 out of 3 total prefixes\n"), "{overview}");
    let routes = list_of(&bench, Scope::All, Filter::default(), Form::Routes, false);
    assert!(routes.contains(" Weight Path\n                    Extended Community\nRoute Dist"));
    assert!(routes.ends_with("\n\nDisplayed 3 prefixes (3 paths)\n"), "{routes}");
    assert_eq!(routes.matches("Route Distinguisher: ").count(), 2);

    let typed = Filter { route_type: Some(3), ..Filter::default() };
    let text = list_of(&bench, Scope::All, typed.clone(), Form::Routes, false);
    assert!(text.ends_with("\n\nDisplayed 1 prefixes (1 paths) (of requested type)\n"), "{text}");
    let of_rd = Filter { rd: Some(rd(2)), ..Filter::default() };
    let text = list_of(&bench, Scope::All, of_rd, Form::Rd, false);
    assert!(text.starts_with("EVPN type-1 prefix: "), "{text}");
    assert!(text.ends_with("\n\nDisplayed 2 prefixes (2 paths) with this RD\n"), "{text}");
    let none = Filter { rd: Some(rd(9)), ..typed };
    let text = list_of(&bench, Scope::All, none.clone(), Form::Rd, false);
    assert_eq!(text, "No prefixes exist with this RD (of requested type)\n");
    let text = list_of(&bench, Scope::All, none, Form::Routes, false);
    assert_eq!(text, "No EVPN prefixes exist (of requested type)\n");
}

#[test]
fn short_paths_have_frrs_keys() {
    let (bench, _) = leaf();
    let json = json_of(&bench, Scope::All, Form::Routes);
    assert_eq!(json["numPrefix"], 3);
    assert_eq!(json["10.255.0.2:3"]["rd"], "10.255.0.2:3");
    let route = &json["10.255.0.2:3"]["[2]:[0]:[48]:[02:00:00:00:01:02]:[128]:[fd00:10::2]"];
    assert_eq!(
        route["paths"],
        json!([[{
            "valid": true, "bestpath": true, "selectionReason": "First path received",
            "pathFrom": "internal", "routeType": 2, "ethTag": 0, "macLen": 48, "mac": "02:00:00:00:01:02",
            "ipLen": 128, "ip": "fd00:10::2", "metric": 0, "locPrf": 100, "weight": 0,
            "peerId": "10.255.0.100", "path": "", "origin": "IGP",
            "extendedCommunity": {"string": "RT:65000:10 ET:8"},
            "nexthops": [{"ip": "10.255.0.2", "afi": "ipv4", "used": true}]
        }]])
    );
    let flat = json_of(&bench, Scope::All, Form::Overview);
    assert_eq!((&flat["bgpLocalRouterId"], &flat["totalPrefix"]), (&json!("10.255.0.1"), &json!(3)));
    let local = &flat["10.255.0.1:3"]["[2]:[0]:[48]:[02:00:00:00:01:01]:[32]:[192.168.10.1]"]["paths"][0];
    assert_eq!((&local["peerId"], &local["weight"]), (&json!("(unspec)"), &json!(32_768)));
    assert_eq!(local["nexthops"][0]["hostname"], "leaf1");
}

#[test]
fn details_have_frrs_keys() {
    let (bench, _) = leaf();
    let json = json_of(&bench, Scope::All, Form::Detail);
    let route = &json["10.255.0.2:3"]["[3]:[0]:[32]:[10.255.0.2]"];
    assert_eq!((&route["rd"], &route["routeType"]), (&json!("10.255.0.2:3"), &json!(3)));
    assert_eq!(
        route["paths"],
        json!([[{
            "VNI": "10", "vni": "10",
            "aspath": {"string": "Local", "segments": [], "length": 0},
            "origin": "IGP", "metric": 0, "locPrf": 100, "valid": true,
            "bestpath": {"overall": true, "selectionReason": "First path received"},
            "extendedCommunity": {"string": "RT:65000:10 ET:8"},
            "originatorId": "10.255.0.2", "clusterList": {"list": ["10.255.0.100"]},
            "lastUpdate": {"epoch": EPOCH, "string": "Sun Nov 22 06:52:29 2026 UTC"},
            "pmsi": {"tunnelType": "Ingress Replication", "label": 10},
            "nexthops": [{"ip": "10.255.0.2", "afi": "ipv4", "accessible": true, "used": true}],
            "peer": {"peerId": "10.255.0.100", "routerId": "10.255.0.100", "type": "internal"}
        }]])
    );
    let local = &json["10.255.0.1:3"]["[2]:[0]:[48]:[02:00:00:00:01:01]:[32]:[192.168.10.1]"];
    assert_eq!(local["advertisedTo"], json!({"10.255.0.100": {}}));
    assert_eq!(local["paths"][0][0]["sourced"], true);
}

#[test]
fn what_a_neighbour_was_sent_is_shown_as_sent() {
    let (bench, reflector) = leaf();
    let text = list_of(&bench, Scope::AdvertisedTo(reflector), Filter::default(), Form::Advertised, false);
    assert!(text.contains("\nDefault local pref 100, local AS 65000\nStatus codes: "), "{text}");
    assert!(
        text.ends_with(
            "Route Distinguisher: 10.255.0.1:3\n*> [2]:[0]:[48]:[02:00:00:00:01:01]:[32]:[192.168.10.1]\n\
             \x20                   10.255.0.1                    100  32768 i\n\
             \x20                   RT:65000:10 ET:8\n\nTotal number of prefixes 1\n"
        ),
        "{text}"
    );
    let json = json_of(&bench, Scope::AdvertisedTo(reflector), Form::Advertised);
    assert_eq!(json["totalPrefixCounter"], 1);
    let routes = &json["advertisedRoutes"]["10.255.0.1:3"];
    let route = &routes["[2]:[0]:[48]:[02:00:00:00:01:01]:[32]:[192.168.10.1]"];
    assert_eq!((&route["nextHop"], &route["bgpOriginCode"]), (&json!("10.255.0.1"), &json!("i")));
}

#[test]
fn a_mac_finds_all_its_routes() {
    let (mut bench, reflector) = leaf();
    bench.receive(reflector, reflected(2), &[mac_ip(2, host(2), None), mac_ip(2, host(3), None)]);
    let filter = Filter { rd: Some(rd(2)), mac: Some(host(2)), ..Filter::default() };
    let text = list_of(&bench, Scope::All, filter.clone(), Form::Entry, false);
    assert_eq!(text.matches("BGP routing table entry for ").count(), 2);
    assert!(text.ends_with("\n\nDisplayed 2 paths for requested prefix\n"), "{text}");
    let one = Filter { ip: Some("fd00:10::2".parse().unwrap()), ..filter };
    let text = list_of(&bench, Scope::All, one, Form::Entry, true);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["rd"], &json["numPaths"]), (&json!("10.255.0.2:3"), &json!(1)));
    assert_eq!(json["[2]:[0]:[48]:[02:00:00:00:01:02]:[128]:[fd00:10::2]"][0][0]["vni"], "10");
}

fn vrf_of(bench: &Bench, query: RouteQuery) -> String {
    let instance = bench.evpn.instance(vni(10)).unwrap();
    let one = vrf::Vrf::from(instance);
    let search = vrf::SearchPages::new(&bench.rib, one.clone(), &query).unwrap();
    let (search, _) = bench.stream(search, &mut String::new());
    let pages = vrf::VrfPages::new(one, search.unwrap().into_keys(), &query, None);
    let mut out = String::new();
    let (pages, _) = bench.stream(pages, &mut out);
    out + &pages.unwrap().foot()
}

#[test]
fn a_mac_vrf_has_its_own_and_imported_routes_under_one_name() {
    let mut bench = Bench::new();
    let reflector = bench.up(100, 65_000, |_| {});
    // Our own, by our auto RD; one of another VNI; the same MAC at two VTEPs.
    let own = bench.evpn.instance(vni(10)).unwrap().rd.unwrap();
    bench.local_host(host(1), None);
    let EvpnRoute::MacIp(route) = mac_ip(1, host(1), None) else { panic!("type 2") };
    bench.originate(&EvpnRoute::MacIp(weft_evpn::nlri::MacIp { rd: own, ..route }), attributes(1));
    let moved = |sequence| {
        let mobility = weft_evpn::community::MacMobility { sticky: false, sequence };
        weft_evpn::ExtendedCommunity::mac_mobility(mobility)
    };
    let mut newer = reflected(3);
    newer.ext_communities.push(moved(4));
    bench.receive(reflector, reflected(2), &[mac_ip(2, host(7), None)]);
    bench.receive(reflector, newer, &[mac_ip(3, host(7), None)]);
    let mut other = reflected(2);
    other.ext_communities = vec![weft_evpn::RouteTarget::two_octet_as(65_000, 20).community()];
    bench.receive(reflector, other, &[mac_ip(2, host(8), None)]);

    let text = vrf_of(&bench, RouteQuery::default());
    let (_, table) = text.split_once("Weight Path\n").unwrap();
    assert_eq!(
        table,
        "*> [2]:[0]:[48]:[02:00:00:00:01:01]\n                    10.255.0.1                         32768 i\n\
         \x20                   RT:65000:10 ET:8\n\
         *>i[2]:[0]:[48]:[02:00:00:00:01:07]\n                    10.255.0.3               0    100      0 i\n\
         \x20                   RT:65000:10 ET:8 MM:4\n\
         * i                 10.255.0.2               0    100      0 i\n\
         \x20                   RT:65000:10 ET:8\n\nDisplayed 2 prefixes (3 paths)\n\n"
    );
    let detail = vrf_of(&bench, RouteQuery { detail: true, ..RouteQuery::default() });
    assert!(
        detail.contains(
            "  Route [2]:[0]:[48]:[02:00:00:00:01:07] VNI 10 \
             Imported from 10.255.0.3:3:[2]:[0]:[48]:[02:00:00:00:01:07]\n  Local\n"
        ),
        "{detail}"
    );
    let host_only = RouteQuery { mac: Some(host(7)), vtep: Some(vtep(2)), ..RouteQuery::default() };
    let text = vrf_of(&bench, host_only);
    assert!(text.starts_with("BGP routing table entry for [2]:[0]:[48]:[02:00:00:00:01:07]\n"), "{text}");
    assert!(text.ends_with("\n\nDisplayed 1 paths for requested prefix\n"), "{text}");
    let typed = vrf_of(&bench, RouteQuery { route_type: Some(3), ..RouteQuery::default() });
    assert_eq!(typed, "No EVPN prefixes exist for this VNI (of requested type)\n");
}

/// 5,000 routes in 5 RDs.
fn large() -> Bench {
    let mut bench = Bench::new();
    let reflector = bench.up(100, 65_000, |_| {});
    for from in 2..7 {
        let mac = |n: u32| {
            let [_, _, a, b] = n.to_be_bytes();
            weft_evpn::MacAddr([2, 0, 0, from, a, b])
        };
        let routes: Vec<EvpnRoute> = (0..1000).map(|n| mac_ip(from, mac(n), None)).collect();
        bench.receive(reflector, reflected(from), &routes);
    }
    bench
}

#[test]
fn a_large_table_comes_in_pages_and_is_one_document() {
    let bench = large();
    let begin = |json| begin(&bench, Scope::All, Filter::default(), Form::Routes, json);
    let mut out = String::new();
    let (pages, asked) = bench.stream(begin(true), &mut out);
    assert_eq!(asked, 5000_usize.div_ceil(256));
    let json: Value = serde_json::from_str(&(out + &end(pages.unwrap()))).unwrap();
    assert_eq!(json["numPrefix"], 5000);
    // The routes of an RD, and `rd` itself.
    assert!((2..7).all(|n| json[&format!("10.255.0.{n}:3")].as_object().unwrap().len() == 1001));

    let mut out = String::new();
    let (pages, _) = bench.stream(begin(false), &mut out);
    assert!(end(pages.unwrap()).ends_with("\nDisplayed 5000 prefixes (5000 paths)\n"));
    assert_eq!(out.lines().filter(|line| line.starts_with("*>i[2]")).count(), 5000);
    assert_eq!(out.matches("Route Distinguisher: ").count(), 5);
}

/// A reader that goes away.
struct Closing(usize);

impl Sink for Closing {
    fn text(&mut self, _text: &str) -> Result<(), SinkClosed> {
        self.0 = self.0.checked_sub(1).ok_or(SinkClosed)?;
        Ok(())
    }
}

#[test]
fn nothing_is_asked_for_a_reader_that_is_gone() {
    let bench = large();
    for json in [false, true] {
        let pages = begin(&bench, Scope::All, Filter::default(), Form::Routes, json);
        let (result, asked) = bench.stream(pages, &mut Closing(3));
        assert_eq!(result.unwrap_err().to_string(), "the reader is gone");
        assert_eq!(asked, 4, "three pages were taken, the fourth was not");
    }
}

#[test]
fn routes_that_come_and_go_between_pages_do_no_harm() {
    let mut bench = large();
    let mut pages = begin(&bench, Scope::All, Filter::default(), Form::Routes, true);
    let mut text = String::new();
    let mut turn = 0;
    loop {
        use crate::show::page::Pages;
        let mut page = String::new();
        let more = pages.page(&bench.tables(), &mut page);
        pages.render(&mut page);
        text += &page;
        if !more {
            break;
        }
        turn += 1;
        if turn == 2 {
            bench.rib.peer_down(PeerId(100), None);
        }
    }
    let json: Value = serde_json::from_str(&(text + &end(pages))).unwrap();
    assert_eq!(json["numPrefix"], 512);
}
