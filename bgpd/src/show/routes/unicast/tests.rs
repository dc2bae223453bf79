//! Tables of an IP-VRF against what FRR 8.4 printed of the same routes.

use super::*;
use crate::{
    rib::Scope,
    show::{
        bench::EPOCH,
        page::Pages,
        routes::{frame::Form, list::ListPages},
        tenant::{CE1, Tenant, net},
        text::Clock,
    },
};
use serde_json::{Value, json};

const IPV4: Family = Family::Ipv4Unicast;

fn list(tenant: &Tenant, scope: Scope, form: Form, json: bool) -> String {
    let (filter, json) = (Filter::default(), json.then(JsonStream::object));
    let list = List { family: IPV4, scope: Some(scope), filter, form, json };
    let mut pages = ListPages::begin(tenant.table.rib(), ("red".to_owned(), Some(3)), list);
    let mut text = String::new();
    loop {
        let mut page = String::new();
        let more = pages.page(&tenant.tables(), &mut page);
        pages.render(&mut page);
        text += &page;
        if !more {
            break;
        }
    }
    let (foot, json) = pages.end();
    text + &json.map_or(foot, JsonStream::finish)
}

fn clock(tenant: &Tenant) -> Clock {
    tenant.bench.tables().clock
}

fn detail_of(tenant: &Tenant, query: PrefixQuery, family: Family) -> String {
    let entry = entry(&tenant.tables(), family, query).unwrap();
    let mut text = String::new();
    detail::entry(&entry, Some("red"), &clock(tenant), &mut text);
    text
}

fn exact(tenant: &Tenant, prefix: &str) -> String {
    detail_of(tenant, PrefixQuery::Exact(net(prefix)), unicast::family(&net(prefix)))
}

const HEAD: &str = "Default local pref 100, local AS 65000\n\
    Status codes:  s suppressed, d damped, h history, * valid, > best, = multipath,\n               \
    i internal, r RIB-failure, S Stale, R Removed\n\
    Nexthop codes: @NNN nexthop's vrf id, < announce-nh-self\n\
    Origin codes:  i - IGP, e - EGP, ? - incomplete\n\n   \
    Network          Next Hop            Metric LocPrf Weight Path\n";

#[test]
fn the_table_has_frrs_columns_and_marks() {
    let text = list(&Tenant::new(), Scope::All, Form::Overview, false);
    let (first, rest) = text.split_once('\n').unwrap();
    assert!(first.starts_with("BGP table version is "), "{first}");
    assert!(first.ends_with(", local router ID is 10.255.0.1, vrf id 3"), "{first}");
    assert_eq!(
        rest,
        format!(
            "{HEAD}*> 100.64.1.0/24    172.16.1.1               0             0 65101 i\n\
             *> 100.65.0.0/16    172.16.1.1               0             0 65101 i\n\
             *=                  172.16.2.1               0             0 65102 i\n\
             *> 172.16.1.0/31    0.0.0.0                  0         32768 ?\n\
             *> 172.16.2.0/31    0.0.0.0                  0         32768 ?\n\
             *> 192.168.10.0/24  0.0.0.0                  0         32768 ?\n\
             *>i192.168.20.0/24  10.255.0.2<              0    100      0 i\n\
             *> 198.51.0.0/16    0.0.0.0                         0      0 i\n\
             *> 198.51.100.0/24  172.16.1.1               0             0 65101 i\n\n\
             Displayed  8 routes and 9 total paths\n"
        )
    );
}

#[test]
fn an_import_says_where_it_came_from() {
    let text = exact(&Tenant::new(), "192.168.20.0/24");
    assert_eq!(
        text,
        "BGP routing table entry for 192.168.20.0/24\nPaths: (1 available, best #1, vrf red)\n  \
         Advertised to non peer-group peers:\n  172.16.1.1 172.16.2.1\n  \
         Imported from 10.255.0.2:4:[5]:[0]:[24]:[192.168.20.0], VNI 5000\n  Local\n    \
         10.255.0.2 from 10.255.0.100 (10.255.0.2) announce-nh-self\n      \
         Origin IGP, metric 0, localpref 100, valid, internal, best (First path received)\n      \
         Extended Community: RT:65000:5000 ET:8 Rmac:02:00:00:00:ff:02\n      \
         Originator: 10.255.0.2, Cluster list: 10.255.0.100 \n      \
         Last update: Sun Nov 22 06:52:29 2026 UTC\n"
    );
    let ipv6 = exact(&Tenant::new(), "2001:db8:20::/64");
    assert!(ipv6.contains("  Imported from 10.255.0.2:4:[5]:[0]:[64]:[2001:db8:20::], VNI 5000\n"), "{ipv6}");
}

#[test]
fn paths_that_are_used_together_say_so() {
    let text = exact(&Tenant::new(), "100.65.0.0/16");
    assert!(text.contains("Paths: (2 available, best #1, vrf red)\n"), "{text}");
    assert!(
        text.contains(
            "  65101\n    172.16.1.1 from 172.16.1.1 (172.16.1.1)\n      \
             Origin IGP, metric 0, valid, external, multipath, best ("
        ),
        "{text}"
    );
    assert!(
        text.contains(
            "  65102\n    172.16.2.1 from 172.16.2.1 (172.16.2.1)\n      \
             Origin IGP, metric 0, valid, external, multipath\n"
        ),
        "{text}"
    );
}

#[test]
fn what_is_ours_is_sourced_or_aggregated() {
    let tenant = Tenant::new();
    let subnet = exact(&tenant, "192.168.10.0/24");
    assert!(
        subnet.contains(
            "  Local\n    0.0.0.0 from 0.0.0.0 (10.255.0.1)\n      \
             Origin incomplete, metric 0, weight 32768, valid, sourced, local, best (First path received)\n"
        ),
        "{subnet}"
    );
    let ipv6 = exact(&tenant, "2001:db8:10::/64");
    assert!(ipv6.contains("    :: from :: (10.255.0.1)\n"), "{ipv6}");
    let aggregate = exact(&tenant, "198.51.0.0/16");
    assert!(aggregate.contains("    0.0.0.0 from 0.0.0.0 (10.255.0.1)\n"), "{aggregate}");
    assert!(aggregate.contains(", aggregated, local, "), "{aggregate}");
}

#[test]
fn an_address_finds_its_longest_prefix() {
    let tenant = Tenant::new();
    let found = |address: &str| {
        let query = PrefixQuery::Longest(address.parse().unwrap());
        entry(&tenant.tables(), IPV4, query).map(|entry| entry.prefix())
    };
    assert_eq!(found("198.51.100.7").as_deref(), Some("198.51.100.0/24"));
    assert_eq!(found("198.51.7.7").as_deref(), Some("198.51.0.0/16"));
    assert_eq!(found("9.9.9.9"), None);
}

#[test]
fn the_table_has_frrs_keys() {
    let text = list(&Tenant::new(), Scope::All, Form::Overview, true);
    let json: Value = serde_json::from_str(&text).unwrap();
    for (key, value) in [
        ("vrfId", json!(3)),
        ("vrfName", json!("red")),
        ("routerId", json!("10.255.0.1")),
        ("defaultLocPrf", json!(100)),
        ("localAS", json!(65_000)),
    ] {
        assert_eq!(json[key], value, "{key}");
    }
    assert_eq!(
        json["routes"]["192.168.20.0/24"],
        json!([{
            "valid": true, "bestpath": true, "selectionReason": "First path received",
            "pathFrom": "internal", "prefix": "192.168.20.0", "prefixLen": 24, "network": "192.168.20.0/24",
            "metric": 0, "locPrf": 100, "weight": 0, "peerId": "10.255.0.100", "path": "", "origin": "IGP",
            "announceNexthopSelf": true, "nexthops": [{"ip": "10.255.0.2", "afi": "ipv4", "used": true}]
        }])
    );
    let both = &json["routes"]["100.65.0.0/16"];
    assert_eq!((&both[0]["multipath"], &both[1]["multipath"]), (&json!(true), &json!(true)));
    assert_eq!((&both[0]["bestpath"], both[1].get("bestpath")), (&json!(true), None));
    let own = &json["routes"]["192.168.10.0/24"][0];
    assert_eq!((&own["peerId"], &own["weight"]), (&json!("(unspec)"), &json!(32_768)));
    assert_eq!(own["nexthops"][0]["ip"], "0.0.0.0");
}

#[test]
fn one_prefix_has_frrs_keys() {
    let tenant = Tenant::new();
    let entry = entry(&tenant.tables(), IPV4, PrefixQuery::Exact(net("192.168.20.0/24"))).unwrap();
    assert_eq!(
        json::detail(&entry, &clock(&tenant)),
        json!({
            "prefix": "192.168.20.0/24",
            "advertisedTo": {"172.16.1.1": {}, "172.16.2.1": {}},
            "paths": [{
                "VNI": "5000", "vni": "5000", "importedFrom": "10.255.0.2:4",
                "importedRoute": "[5]:[0]:[24]:[192.168.20.0]", "announceNexthopSelf": true,
                "aspath": {"string": "Local", "segments": [], "length": 0}, "origin": "IGP", "metric": 0,
                "locPrf": 100, "valid": true,
                "bestpath": {"overall": true, "selectionReason": "First path received"},
                "extendedCommunity": {"string": "RT:65000:5000 ET:8 Rmac:02:00:00:00:ff:02"},
                "originatorId": "10.255.0.2", "clusterList": {"list": ["10.255.0.100"]},
                "lastUpdate": {"epoch": EPOCH, "string": "Sun Nov 22 06:52:29 2026 UTC"},
                "nexthops": [{"ip": "10.255.0.2", "afi": "ipv4", "accessible": true, "used": true}],
                "peer": {"peerId": "10.255.0.100", "routerId": "10.255.0.100", "type": "internal"}
            }]
        })
    );
}

#[test]
fn the_tables_of_a_neighbour_are_as_in_frr() {
    let tenant = Tenant::new();
    let sent = list(&tenant, Scope::AdvertisedTo(CE1), Form::Advertised, false);
    assert!(sent.contains("\n*>i192.168.20.0/24  172.16.1.0 "), "{sent}");
    assert!(sent.contains("\nTotal number of prefixes "), "{sent}");
    let sent: Value =
        serde_json::from_str(&list(&tenant, Scope::AdvertisedTo(CE1), Form::Advertised, true)).unwrap();
    assert_eq!(sent["bgpStatusCodes"]["multipath"], "=");
    let route = &sent["advertisedRoutes"]["192.168.10.0/24"];
    assert_eq!((&route["addrPrefix"], &route["prefixLen"]), (&json!("192.168.10.0"), &json!(24)));
    assert_eq!((&route["nextHop"], &route["bgpOriginCode"]), (&json!("172.16.1.0"), &json!("?")));

    let routes = list(&tenant, Scope::ReceivedFrom(CE1), Form::Neighbour, false);
    assert!(routes.ends_with("\n\nDisplayed  3 routes and 9 total paths\n"), "{routes}");
    let received = list(&tenant, Scope::ReceivedFrom(CE1), Form::Received, false);
    assert!(received.ends_with("\n\nTotal number of prefixes 3\n"), "{received}");
    let received: Value =
        serde_json::from_str(&list(&tenant, Scope::ReceivedFrom(CE1), Form::Received, true)).unwrap();
    assert_eq!((&received["totalPrefixCounter"], &received["localAS"]), (&json!(3), &json!(65_000)));
    assert_eq!(received["receivedRoutes"]["100.64.1.0/24"]["path"], "65101");
}

/// The routes of L3VNI 5000 as those of the IP-VRF.
fn of_l3vni(tenant: &Tenant, query: &crate::command::exec::RouteQuery) -> String {
    use crate::show::{bench, routes::vrf};
    let one = vrf::Vrf::from((bench::vni(5000), bench::red()));
    let mut search = vrf::SearchPages::new(&tenant.bench.rib, one.clone(), query).unwrap();
    while search.page(&tenant.tables(), &mut String::new()) {}
    let mut pages = vrf::VrfPages::new(one, search.into_keys(), query, None);
    let mut text = String::new();
    pages.page(&tenant.tables(), &mut String::new());
    pages.render(&mut text);
    text + &pages.foot()
}

#[test]
fn the_routes_of_an_l3vni_are_its_own_and_those_it_imports() {
    use crate::show::bench::{attributes, host, mac_ip};
    use weft_evpn::nlri::{EvpnRoute, IpPrefix};
    let mut tenant = Tenant::new();
    let prefix = net("192.168.10.0/24");
    let own = EvpnRoute::IpPrefix(IpPrefix {
        rd: "10.255.0.1:4".parse().unwrap(),
        esi: weft_evpn::Esi::ZERO,
        ethernet_tag: weft_evpn::EthernetTag::ZERO,
        prefix,
        gateway: [0; 4].into(),
        label: crate::show::bench::vni(5000).to_label(),
    });
    tenant.bench.originate(&own, attributes(1));
    // A host of the MAC-VRF is none of the IP-VRF's routes.
    tenant.bench.originate(&mac_ip(1, host(1), Some("192.168.10.1")), attributes(1));
    let text = of_l3vni(&tenant, &Default::default());
    assert!(text.contains("\n*> [5]:[0]:[24]:[192.168.10.0]\n"), "{text}");
    assert!(text.contains("\n*>i[5]:[0]:[24]:[192.168.20.0]\n"), "{text}");
    assert!(text.contains("\n*>i[5]:[0]:[64]:[2001:db8:20::]\n"), "{text}");
    assert!(text.ends_with("\nDisplayed 3 prefixes (3 paths)\n\n"), "{text}");
}
