//! Domains as an operator of a gateway reads them.

use super::*;
use serde_json::{Value, json};

fn prefix(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn site(lists: bool) -> Domain {
    let aggregate = prefix("192.168.0.0/16");
    let lists = lists.then(|| Lists {
        came_in: vec![prefix("10.2.0.0/16")],
        sent: vec![
            (prefix("10.3.0.0/16"), reason(ExportKind::Domain(DomainId::new(65_000, 3)), &BTreeMap::new())),
            (aggregate, reason(ExportKind::Aggregate, &BTreeMap::new())),
        ],
        held_back: vec![HeldBack { prefix: prefix("192.168.10.1/32"), aggregate }],
    });
    Domain {
        id: DomainId::new(65_000, 7),
        name: "core".to_owned(),
        own: false,
        neighbours: vec![Neighbour {
            address: "10.255.0.100".parse().unwrap(),
            state: "Established".to_owned(),
            accepted: 4,
            sent: 2,
        }],
        vrfs: vec![Share {
            vrf: "red".to_owned(),
            came_in: 1,
            sent: 2,
            held_back: 1,
            aggregates: vec![Aggregate {
                prefix: aggregate,
                summary_only: true,
                active: true,
                lingers: false,
                contributors: 1,
            }],
            lists,
        }],
    }
}

const HEAD: &str = "Domain core (id 65000:7)\n  Neighbor 10.255.0.100: Established, 4 routes in, 2 out\n  \
                    VRF red: 1 prefixes in, 2 out, 1 held back\n    \
                    Aggregate 192.168.0.0/16 summary-only: active, 1 contributors\n";

#[test]
fn a_domain_is_its_neighbours_and_what_crosses() {
    let mut out = String::new();
    as_text(&site(false), &mut out).unwrap();
    assert_eq!(out, format!("{HEAD}\n"));
    let mut own = Domain { own: true, neighbours: Vec::new(), ..site(false) };
    own.vrfs[0].aggregates[0].lingers = true;
    let mut out = String::new();
    as_text(&own, &mut out).unwrap();
    assert!(out.starts_with("Domain core (id 65000:7, our own)\n  No neighbors\n"), "{out}");
    assert!(out.contains(": active, about to end, 1 contributors\n"), "{out}");
}

#[test]
fn by_name_the_prefixes_follow() {
    let mut out = String::new();
    as_text(&site(true), &mut out).unwrap();
    let lists = "    In:\n      10.2.0.0/16\n    Out:\n      10.3.0.0/16 (domain 65000:3)\n      \
                 192.168.0.0/16 (aggregate)\n    Held back:\n      192.168.10.1/32 by 192.168.0.0/16\n\n";
    assert_eq!(out, format!("{HEAD}{lists}"));
}

#[test]
fn the_json_has_the_same() {
    let mut out = String::new();
    let mut stream = JsonStream::object();
    as_json(&site(true), &mut stream, &mut out).unwrap();
    out += &stream.finish();
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        json["core"],
        json!({
            "id": "65000:7", "own": false,
            "neighbors": {"10.255.0.100": {"state": "Established", "acceptedRoutes": 4, "sentRoutes": 2}},
            "vrfs": {"red": {
                "prefixesIn": 1, "prefixesOut": 2, "prefixesHeldBack": 1,
                "aggregates": {"192.168.0.0/16": {
                    "summaryOnly": true, "active": true, "aboutToEnd": false, "contributors": 1
                }},
                "in": ["10.2.0.0/16"],
                "out": [
                    {"prefix": "10.3.0.0/16", "reason": "domain 65000:3"},
                    {"prefix": "192.168.0.0/16", "reason": "aggregate"}
                ],
                "heldBack": [{"prefix": "192.168.10.1/32", "aggregate": "192.168.0.0/16"}]
            }}
        })
    );
}

#[test]
fn names_come_from_every_line_that_has_one() {
    let text = "router bgp 65000\n bgp router-id 1.1.1.1\n neighbor 10.0.0.1 remote-as 65000\n \
                neighbor 10.0.0.2 remote-as 65000\n address-family l2vpn evpn\n  domain site1 id 65000:1\n  \
                neighbor 10.0.0.1 activate\n  neighbor 10.0.0.2 activate\n  \
                neighbor 10.0.0.2 domain core\n exit-address-family\nexit\n";
    let names = domain_names(&config::parse("weft.conf", text).unwrap());
    let core = DomainId::of_name("core");
    assert_eq!(names.into_iter().collect::<Vec<_>>(), {
        let mut wanted = vec![(DomainId::new(65_000, 1), "site1".to_owned()), (core, "core".to_owned())];
        wanted.sort();
        wanted
    });
}
