//! Routing tables against what FRR 8.4 printed.

use super::*;
use std::time::{Duration, UNIX_EPOCH};

fn clock(start: Instant) -> Clock {
    Clock::new(start + Duration::from_secs(87), UNIX_EPOCH + Duration::from_secs(1_795_330_349))
}

fn place() -> Place {
    Place { name: "red".to_owned(), id: Some(3), table: Some(1000) }
}

fn via(gateway: &str, device: (u32, &str), on_link: bool) -> Hop {
    let device = Some((device.0, device.1.to_owned()));
    Hop::Via { gateway: gateway.parse().unwrap(), device, on_link }
}

fn route(prefix: &str, source: Source, start: Instant, hops: Vec<Hop>) -> Route {
    let since = (!source.is_local()).then_some(start);
    Route { prefix: prefix.parse().unwrap(), source, metric: 0, since, hops }
}

fn table(start: Instant) -> Vec<Route> {
    let local = Source::Local;
    let connected = Hop::Connected { device: (6, "br10".to_owned()) };
    let (external, internal) = (Source::Bgp { external: true }, Source::Bgp { external: false });
    vec![
        route("10.98.0.0/16", local(LocalRouteKind::Kernel), start, vec![Hop::Unreachable]),
        route(
            "10.99.0.0/16",
            local(LocalRouteKind::Static),
            start,
            vec![via("172.16.1.1", (14, "ce1"), false)],
        ),
        route(
            "100.65.0.0/16",
            external,
            start,
            vec![via("172.16.1.1", (14, "ce1"), false), via("172.16.2.1", (15, "ce2"), false)],
        ),
        route("192.168.10.0/24", local(LocalRouteKind::Connected), start, vec![connected]),
        route("192.168.20.0/24", internal, start, vec![via("10.255.0.2", (10, "br5000"), true)]),
        route("198.51.0.0/16", internal, start, vec![Hop::Discard]),
    ]
}

#[test]
fn the_lines_are_frrs() {
    let start = Instant::now();
    let mut text = String::new();
    table(start).iter().for_each(|route| lines(route, &clock(start), &mut text));
    assert_eq!(
        text,
        "K>* 10.98.0.0/16 [0/0] unreachable\n\
         S>* 10.99.0.0/16 [1/0] via 172.16.1.1, ce1\n\
         B>  100.65.0.0/16 [20/0] via 172.16.1.1, ce1, weight 1, 00:01:27\n\
         \x20                        via 172.16.2.1, ce2, weight 1, 00:01:27\n\
         C>* 192.168.10.0/24 is directly connected, br10\n\
         B>  192.168.20.0/24 [200/0] via 10.255.0.2, br5000 onlink, weight 1, 00:01:27\n\
         B>  198.51.0.0/16 [200/0] unreachable (blackhole), weight 1, 00:01:27\n"
    );
}

#[test]
fn one_route_is_as_in_frr() {
    let start = Instant::now();
    let routes = table(start);
    assert_eq!(
        at_length(&routes[4], &place(), &clock(start)),
        "Routing entry for 192.168.20.0/24\n  Known via \"bgp\", distance 200, metric 0, vrf red, best\n  \
         Last update 00:01:27 ago\n    10.255.0.2, via br5000 onlink, weight 1\n\n"
    );
    assert_eq!(
        at_length(&routes[3], &place(), &clock(start)),
        "Routing entry for 192.168.10.0/24\n  Known via \"connected\", distance 0, metric 0, vrf red, best\n  \
         * directly connected, br10\n\n"
    );
}

#[test]
fn the_json_has_frrs_keys() {
    let start = Instant::now();
    let routes = table(start);
    assert_eq!(
        route_json(&routes[4], &place(), &clock(start)),
        json!({
            "prefix": "192.168.20.0/24", "prefixLen": 24, "protocol": "bgp", "vrfId": 3, "vrfName": "red",
            "selected": true, "destSelected": true, "distance": 200, "metric": 0, "table": 1000,
            "uptime": "00:01:27",
            "nexthops": [{
                "ip": "10.255.0.2", "afi": "ipv4", "interfaceIndex": 10, "interfaceName": "br5000",
                "active": true, "onLink": true, "weight": 1
            }]
        })
    );
    let connected = route_json(&routes[3], &Place { id: None, ..place() }, &clock(start));
    assert_eq!(
        connected["nexthops"],
        json!([{
            "fib": true, "directlyConnected": true, "interfaceIndex": 6, "interfaceName": "br10", "active": true
        }])
    );
    assert_eq!((&connected["installed"], connected.get("vrfId")), (&json!(true), None));
    let discard = route_json(&routes[5], &place(), &clock(start));
    assert_eq!(
        discard["nexthops"],
        json!([{"unreachable": true, "blackhole": true, "active": true, "weight": 1}])
    );
}

#[test]
fn the_routes_of_a_table_are_collected() {
    use crate::show::{
        bench,
        tenant::{Tenant, net},
    };
    let tenant = Tenant::new();
    let (tables, devices) = (tenant.tables(), bench::red().devices.unwrap());
    let prefixes = tenant.table.prefixes_behind(None, Family::Ipv4Unicast, PAGE);
    let text: Vec<String> = prefixes.iter().map(ToString::to_string).collect();
    assert_eq!(
        text,
        [
            "100.64.1.0/24",
            "100.65.0.0/16",
            "172.16.1.0/31",
            "172.16.2.0/31",
            "192.168.10.0/24",
            "192.168.20.0/24",
            "198.51.0.0/16",
            "198.51.100.0/24"
        ]
    );
    let of = |prefix: &str| collect::routes(&tables, Some(&devices), net(prefix)).pop().unwrap();
    let remote = of("192.168.20.0/24");
    assert_eq!(remote.source, Source::Bgp { external: false });
    assert_eq!(remote.hops, [via("10.255.0.2", (10, "br5000"), true)]);
    let both = of("100.65.0.0/16");
    assert_eq!((both.source, both.hops.len()), (Source::Bgp { external: true }, 2));
    assert_eq!(of("198.51.0.0/16").hops, [Hop::Discard]);
    let own = of("192.168.10.0/24");
    assert_eq!(own.source, Source::Local(LocalRouteKind::Connected));
    assert_eq!((own.metric, own.since), (0, None));
    // An address finds the longest prefix, and what is not there, nothing.
    let longest = |address: &str| {
        collect::find(&tables, Some(&devices), PrefixQuery::Longest(address.parse().unwrap()))
    };
    assert_eq!(longest("192.168.20.9").pop().unwrap().prefix, net("192.168.20.0/24"));
    assert!(longest("9.9.9.9").is_empty());
}
