//! Where packets go: EVPN and CE routes, several equal ones, what wins over what.

use super::lab::*;
use crate::vrf::{AggregateSettings, VrfOutput};
use crate::wire::AttributeSet;
use std::time::Duration;
use weft_evpn::{
    MacAddr,
    forwarding::{ForwardingChange, VrfForward, VrfNextHop},
};

#[test]
fn a_set_of_equal_paths_changes_with_one_change_a_prefix() {
    let mut lab = Lab::new(settings(1));
    for n in [3, 2, 4] {
        assert_eq!(lab.remote("203.0.113.0/24", &remote(n, SITE)).len(), 1);
    }
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[vtep(2), vtep(3), vtep(4)]));
    // One goes, also one that is not the best; several things at once are one change.
    assert_eq!(lab.gone("203.0.113.0/24", &remote(4, SITE)).len(), 1);
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[vtep(2), vtep(3)]));
    lab.table.path(net("203.0.113.0/24"), remote(2, SITE).source(), None, lab.now);
    let back = remote(4, SITE).path(net("203.0.113.0/24"));
    lab.table.path(net("203.0.113.0/24"), remote(4, SITE).source(), Some(back), lab.now);
    assert_eq!(lab.settle().len(), 1);
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[vtep(3), vtep(4)]));
    // A better one is alone; what is not equal is not used.
    lab.remote("203.0.113.0/24", &remote(5, SITE).with(|set| set.local_pref = Some(200)));
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[vtep(5)]));
    lab.gone("203.0.113.0/24", &remote(5, SITE));
    lab.configure(|settings| settings.ipv4.maximum_paths_ibgp = 1);
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[vtep(3)]));
}

#[test]
fn paths_by_ebgp_and_others_are_limited_apart() {
    let mut lab = Lab::new(settings(1));
    lab.configure(|settings| settings.rib.bestpath.multipath_relax = true);
    lab.local("192.0.2.0/24", Some(connected()));
    for n in [1, 2, 3] {
        lab.ce_up(n, &format!("192.0.2.{n}"));
        lab.ce(n, Some(from_ce(n, &format!("192.0.2.{n}"))), &["203.0.113.0/24"]);
        lab.remote("198.51.100.0/24", &remote(n as u8 + 1, SITE));
    }
    lab.configure(|settings| (settings.ipv4.maximum_paths, settings.ipv4.maximum_paths_ibgp) = (1, 2));
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[gateway("192.0.2.1")]));
    assert_eq!(lab.ways("198.51.100.0/24"), via(&[vtep(2), vtep(3)]));
    lab.configure(|settings| (settings.ipv4.maximum_paths, settings.ipv4.maximum_paths_ibgp) = (2, 1));
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[gateway("192.0.2.1"), gateway("192.0.2.2")]));
    assert_eq!(lab.ways("198.51.100.0/24"), via(&[vtep(2)]));
}

#[test]
fn a_router_mac_is_followed_though_bgp_sees_no_difference() {
    let mut lab = Lab::new(settings(1));
    let from = remote(2, SITE);
    lab.remote("203.0.113.0/24", &from);
    let router_mac = MacAddr([2, 0, 0, 0, 9, 9]);
    let mut path = from.path(net("203.0.113.0/24"));
    let VrfNextHop::Vtep { vtep, .. } = path.path.next_hop else { panic!("a VTEP") };
    path.path.next_hop = VrfNextHop::Vtep { vtep, router_mac };
    lab.table.path(net("203.0.113.0/24"), from.source(), Some(path), lab.now);
    assert_eq!(lab.settle().len(), 1);
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[VrfNextHop::Vtep { vtep, router_mac }]));
}

#[test]
fn a_ce_route_wins_over_evpn_and_back_with_the_route_before_the_withdrawal() {
    let mut lab = Lab::new(settings(1));
    lab.local("192.0.2.0/24", Some(connected()));
    lab.ce_up(1, "192.0.2.1");
    lab.ce_up(2, "192.0.2.2");
    let other = remote(2, SITE).with(|set| set.as_path.prepend(65_101, 1));
    lab.remote("203.0.113.0/24", &other);
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[vtep(2)]));
    assert!(lab.sent.is_empty(), "not back into its domain");
    let told = lab.ce_holds(1, "203.0.113.0/24").unwrap();
    assert_eq!(told.as_path.length(), 2);
    assert_eq!(told.next_hop, Some(ip("192.0.2.254")), "the VTEP is none of its business");
    assert_eq!(told.ext_communities, []);

    let communities = AttributeSet { communities: vec![9], ..from_ce(1, "192.0.2.1") };
    lab.ce(1, Some(communities), &["203.0.113.0/24"]);
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[gateway("192.0.2.1")]));
    let (_, set) = lab.sent(SITE, "203.0.113.0/24").unwrap();
    assert_eq!((set.as_path.neighbour(), &set.communities), (Some(65_101), &vec![9]));
    assert!(lab.ce_holds(1, "203.0.113.0/24").is_none(), "its own route");
    assert_eq!(lab.ce_holds(2, "203.0.113.0/24").unwrap().as_path.length(), 2);

    let out = lab.ce(1, None, &["203.0.113.0/24"]);
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[vtep(2)]));
    assert!(
        matches!(
            &out[..],
            [VrfOutput::Forward(ForwardingChange::Route { wanted: Some(_), .. }), VrfOutput::Withdraw { .. }]
        ),
        "{out:?}"
    );
    lab.gone("203.0.113.0/24", &other);
    assert!(lab.forward.is_empty() && lab.sent.is_empty());
}

#[test]
fn several_ce_neighbours_share_a_prefix() {
    let mut lab = Lab::new(settings(1));
    lab.configure(|settings| settings.rib.bestpath.multipath_relax = true);
    lab.local("192.0.2.0/24", Some(connected()));
    lab.local("2001:db8::/64", Some(connected()));
    for n in [1, 2] {
        lab.ce_up(n, &format!("192.0.2.{n}"));
        lab.ce(n, Some(from_ce(n, &format!("192.0.2.{n}"))), &["203.0.113.0/24"]);
        lab.ce(n, Some(from_ce(n, &format!("2001:db8::{n}"))), &["2001:db8:9::/48"]);
    }
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[gateway("192.0.2.1"), gateway("192.0.2.2")]));
    assert_eq!(lab.ways("2001:db8:9::/48"), via(&[gateway("2001:db8::1"), gateway("2001:db8::2")]));
    // The one that is not the best goes: the RIB's best path stays, the set does not.
    assert_eq!(lab.ce(2, None, &["203.0.113.0/24"]).len(), 1);
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[gateway("192.0.2.1")]));
    // A restart of both under graceful restart changes nothing.
    assert_eq!(lab.ce_down(1, Some(Duration::from_secs(60))), []);
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[gateway("192.0.2.1")]));
    lab.wait(Duration::from_secs(61));
    assert_eq!(lab.ways("203.0.113.0/24"), None);
    assert_eq!(lab.ways("2001:db8:9::/48"), via(&[gateway("2001:db8::2")]));
}

#[test]
fn what_the_kernel_has_itself_is_not_touched() {
    let mut lab = Lab::new(settings(1));
    lab.remote("198.51.100.0/24", &remote(2, SITE));
    lab.local("198.51.100.0/24", Some(by("192.0.2.7")));
    assert_eq!(lab.ways("198.51.100.0/24"), None);
    let route = lab.table.table_route(net("198.51.100.0/24"));
    assert!(route.local.is_some() && route.forward.is_none());
    lab.local("198.51.100.0/24", None);
    assert_eq!(lab.ways("198.51.100.0/24"), via(&[vtep(2)]));
    lab.local("198.51.100.0/24", Some(by("192.0.2.7")));
    lab.table.no_local_routes(lab.now);
    lab.settle();
    assert_eq!(lab.ways("198.51.100.0/24"), via(&[vtep(2)]));
}

#[test]
fn a_ce_next_hop_is_resolved_in_the_table_and_followed() {
    let mut lab = Lab::new(settings(1));
    lab.ce_up(1, "192.0.2.1");
    lab.ce(1, Some(from_ce(1, "192.0.2.1")), &["203.0.113.0/24"]);
    assert_eq!((lab.ways("203.0.113.0/24"), lab.sent.len()), (None, 0), "no way to the next hop");
    lab.local("192.0.2.0/24", Some(connected()));
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[gateway("192.0.2.1")]));
    assert_eq!(lab.advertised(SITE), ["203.0.113.0/24"]);
    // Behind another router.
    lab.local("192.0.2.0/28", Some(by("172.16.0.1")));
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[gateway("172.16.0.1")]));
    lab.local("192.0.2.0/28", None);
    // The CE has moved to another leaf: its host route leads there.
    lab.remote("192.0.2.1/32", &remote(4, SITE).host(1));
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[vtep(4)]));
    lab.gone("192.0.2.1/32", &remote(4, SITE).host(1));
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[gateway("192.0.2.1")]));
    // Its link is down: the other way is used at once, before the session ends.
    let other = remote(2, SITE).with(|set| set.as_path.prepend(65_101, 1));
    lab.remote("203.0.113.0/24", &other);
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[gateway("192.0.2.1")]));
    lab.local("192.0.2.0/24", None);
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[vtep(2)]));
    assert!(lab.sent.is_empty());
    lab.local("192.0.2.0/24", Some(connected()));
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[gateway("192.0.2.1")]));
}

#[test]
fn a_gateway_index_may_be_a_host_of_ours() {
    let mut lab = Lab::new(settings(1));
    let from = remote(2, SITE);
    let mut path = from.path(net("203.0.113.0/24"));
    path.path.next_hop = gateway("192.168.10.7");
    lab.table.path(net("203.0.113.0/24"), from.source(), Some(path), lab.now);
    lab.settle();
    assert_eq!(lab.ways("203.0.113.0/24"), Some(VrfForward::Via(vec![gateway("192.168.10.7")])));
}

#[test]
fn an_overruled_path_is_not_used_but_its_domain_has_it() {
    let mut lab = Lab::new(gateway_settings(1));
    let line = AggregateSettings { summary_only: true, policy: None };
    lab.configure(|settings| {
        settings.ipv4.aggregates.insert(net("10.1.0.0/16"), line);
    });
    let (here, there) = (remote(2, SITE).host(1), remote(8, CORE).through(&[Lab::OTHER]));
    lab.remote("10.1.10.5/32", &here);
    assert_eq!(lab.advertised(CORE), ["10.1.0.0/16"]);
    // It has moved: the leaf that had it must hear of it.
    lab.remote("10.1.10.0/24", &remote(2, SITE));
    lab.remote("10.1.10.5/32", &here.clone().overruled());
    lab.remote("10.1.10.5/32", &there);
    assert_eq!(lab.ways("10.1.10.5/32"), via(&[vtep(8)]));
    assert_eq!(
        (lab.advertised(SITE), lab.advertised(CORE)),
        (vec!["10.1.10.5/32".into()], vec!["10.1.0.0/16".into()])
    );
    // It is back: who has it yet must hear of that, though the aggregate covers it.
    lab.remote("10.1.10.5/32", &here);
    lab.remote("10.1.10.5/32", &there.clone().overruled());
    assert_eq!(lab.ways("10.1.10.5/32"), via(&[vtep(2)]));
    assert!(lab.advertised(SITE).is_empty());
    assert_eq!(lab.advertised(CORE), ["10.1.0.0/16", "10.1.10.5/32"]);
    lab.gone("10.1.10.5/32", &there);
    assert_eq!(lab.advertised(CORE), ["10.1.0.0/16"]);
}

#[test]
fn a_host_route_whose_next_hop_is_the_host_comes_to_rest() {
    // By AS_PATH the CE's route wins over EVPN's, by which alone its next hop is reached.
    let mut lab = Lab::new(settings(1));
    lab.ce_up(1, "192.0.2.1");
    let far = |n| remote(n, SITE).host(n).with(|set| set.as_path = as_path(&[65_001, 65_002]));
    lab.remote("198.51.100.7/32", &far(2));
    lab.remote("198.51.100.8/32", &far(3));
    lab.ce(1, Some(from_ce(1, "198.51.100.7")), &["198.51.100.7/32"]);
    assert_eq!(lab.ways("198.51.100.7/32"), via(&[vtep(2)]));
    // Two that lead through each other.
    lab.ce(1, Some(from_ce(1, "198.51.100.8")), &["198.51.100.7/32"]);
    lab.ce(1, Some(from_ce(1, "198.51.100.7")), &["198.51.100.8/32"]);
    assert_eq!(lab.ways("198.51.100.7/32"), via(&[vtep(3)]));
    assert_eq!(lab.ways("198.51.100.8/32"), via(&[vtep(2)]));
    lab.gone("198.51.100.8/32", &far(3));
    assert_eq!(lab.ways("198.51.100.7/32"), via(&[vtep(2)]), "its next hop is not reached any more");
}

fn as_path(asns: &[u32]) -> crate::wire::attribute::AsPath {
    let mut path = crate::wire::attribute::AsPath::default();
    asns.iter().rev().for_each(|asn| path.prepend(*asn, 1));
    path
}

#[test]
fn next_hops_without_a_way_are_forgotten_with_their_routes() {
    let mut lab = Lab::new(settings(1));
    lab.ce_up(1, "192.0.2.1");
    for n in 0..200_u8 {
        lab.ce(1, Some(from_ce(1, &format!("198.51.100.{n}"))), &["203.0.113.0/24"]);
    }
    let unreachable = lab.table.rib().unreachable_next_hops(ip("0.0.0.0")..=ip("255.255.255.255"));
    assert!(unreachable.count() <= 1);
    assert_eq!(lab.ways("203.0.113.0/24"), None);
    lab.local("198.51.100.0/24", Some(connected()));
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[gateway("198.51.100.199")]));
}

#[test]
fn the_table_is_read_in_pages() {
    use crate::wire::Family;
    let mut lab = Lab::new(settings(1));
    lab.local("198.51.100.0/24", Some(by("192.0.2.7")));
    lab.local("2001:db8:1::/48", Some(by("2001:db8::7")));
    for prefix in ["0.0.0.0/0", "10.0.0.0/8", "198.51.100.0/24", "203.0.113.0/24", "::/0", "2001:db8::/32"] {
        lab.remote(prefix, &remote(2, SITE));
    }
    for most in 1..5 {
        let read = |family| {
            let (mut all, mut behind) = (Vec::new(), None);
            loop {
                let page = lab.table.prefixes_behind(behind, family, most);
                behind = page.last().copied().or(behind);
                all.extend(page.iter().map(ToString::to_string));
                if page.len() < most {
                    return all;
                }
            }
        };
        assert_eq!(
            read(Family::Ipv4Unicast),
            ["0.0.0.0/0", "10.0.0.0/8", "198.51.100.0/24", "203.0.113.0/24"]
        );
        assert_eq!(read(Family::Ipv6Unicast), ["::/0", "2001:db8::/32", "2001:db8:1::/48"]);
    }
}
