//! `aggregate-address`: what it holds back, from which domain, for how long.

use super::lab::*;
use crate::rib::Verdict;
use crate::vrf::{AggregateSettings, ExportKind, VrfOutput};
use crate::wire::{AttributeSet, attribute::Origin};
use std::time::Duration;
use weft_evpn::{
    ExtendedCommunity, MacAddr, RouteTarget,
    community::MacMobility,
    forwarding::{ForwardingChange, VrfForward},
};

const HALF: Duration = Duration::from_millis(500);

fn gateway_with(prefix: &str, summary_only: bool) -> Lab {
    let mut settings = gateway_settings(1);
    let line = AggregateSettings { summary_only, policy: None };
    settings.family_mut(&net(prefix)).aggregates.insert(net(prefix), line);
    Lab::new(settings)
}

fn host(lab: &mut Lab, prefix: &str) -> Vec<VrfOutput> {
    lab.remote(prefix, &remote(2, SITE).host(1))
}

#[test]
fn a_summary_holds_its_contributors_back_and_not_what_it_does_not_cover() {
    for (aggregate, inside, outside) in [
        ("10.1.0.0/16", ["10.1.10.1/32", "10.1.10.0/24"], "10.2.0.1/32"),
        ("2001:db8:1::/48", ["2001:db8:1::1/128", "2001:db8:1::/64"], "2001:db8:2::1/128"),
    ] {
        let mut lab = gateway_with(aggregate, true);
        let out = host(&mut lab, inside[0]);
        assert!(
            matches!(
                &out[..],
                [VrfOutput::Forward(_), VrfOutput::Forward(_), VrfOutput::Originate { domain: CORE, .. }]
            ),
            "{out:?}"
        );
        lab.remote(inside[1], &remote(3, SITE));
        lab.remote(outside, &remote(2, SITE));
        assert_eq!(lab.advertised(CORE), [aggregate, outside]);
        assert!(lab.advertised(SITE).is_empty());
        assert_eq!(lab.ways(aggregate), Some(VrfForward::Discard));
        let all = lab.table.crossings(CORE, None, usize::MAX);
        let held: Vec<_> = all.iter().filter(|of| of.held_back.is_some()).map(|held| held.prefix).collect();
        assert_eq!(held, [net(inside[1]), net(inside[0])]);
        // The next contributor is silent: nobody hears of it.
        let out = lab.remote(inside[1], &remote(4, SITE));
        assert!(matches!(&out[..], [VrfOutput::Forward(_)]), "{out:?}");
    }
}

#[test]
fn an_aggregate_without_summary_only_goes_beside_its_contributors() {
    let mut lab = gateway_with("10.1.0.0/16", false);
    host(&mut lab, "10.1.10.1/32");
    assert_eq!(lab.advertised(CORE), ["10.1.0.0/16", "10.1.10.1/32"]);
    // Switched on: the aggregate is there already, the contributor goes.
    let out = lab.configure(|settings| {
        settings.ipv4.aggregates.get_mut(&net("10.1.0.0/16")).unwrap().summary_only = true;
    });
    assert!(matches!(&out[..], [VrfOutput::Withdraw { domain: CORE, .. }]), "{out:?}");
    // Taken away: the contributors come before the aggregate goes, and the discard route last.
    let out = lab.configure(|settings| settings.ipv4.aggregates.clear());
    assert!(
        matches!(
            &out[..],
            [
                VrfOutput::Originate { .. },
                VrfOutput::Withdraw { .. },
                VrfOutput::Forward(ForwardingChange::Route { wanted: None, .. })
            ]
        ),
        "{out:?}"
    );
    assert_eq!(lab.advertised(CORE), ["10.1.10.1/32"]);
}

#[test]
fn an_aggregate_carries_nothing_of_its_contributors() {
    let mut lab = gateway_with("10.1.0.0/16", true);
    let mut from = remote(2, SITE).host(1).with(|set| {
        let mobility = MacMobility { sticky: true, sequence: 4 };
        set.ext_communities.push(ExtendedCommunity::mac_mobility(mobility));
        set.ext_communities.push(ExtendedCommunity([0x03, 0x0b, 0, 0, 0, 0, 0, 1]));
        set.communities = vec![1];
        set.med = Some(5);
    });
    lab.remote("10.1.10.1/32", &from);
    let own = [
        RouteTarget::two_octet_as(65_000, VNI).community(),
        ExtendedCommunity::ENCAPSULATION_VXLAN,
        ExtendedCommunity::router_mac(MacAddr([2, 0, 0, 0, 0, 1])),
    ];
    let (route, set) = lab.sent(CORE, "10.1.0.0/16").unwrap().clone();
    assert_eq!((route.rd, route.gateway, set.next_hop), (rd(1, 2), ip("0.0.0.0"), Some(ip("10.255.0.1"))));
    assert_eq!(set.ext_communities, own);
    assert!(set.communities.is_empty() && set.med.is_none() && set.local_pref.is_none());
    assert!(!set.atomic_aggregate && set.origin == Origin::Igp && set.as_path.0.is_empty());
    assert!(set.d_path.as_ref().is_some_and(|path| path.contains(SITE)), "where it has been");

    // The worst ORIGIN; ATOMIC_AGGREGATE when paths are shortened.
    from.n = 3;
    let worse = from.with(|set| {
        set.origin = Origin::Incomplete;
        set.as_path.prepend(65_009, 2);
    });
    let out = lab.remote("10.1.20.0/24", &worse);
    assert_eq!(out.iter().filter(|out| matches!(out, VrfOutput::Originate { .. })).count(), 1);
    let set = &lab.sent(CORE, "10.1.0.0/16").unwrap().1;
    assert!(set.atomic_aggregate && set.origin == Origin::Incomplete && set.as_path.0.is_empty());
    lab.gone("10.1.20.0/24", &worse);
    assert!(!lab.sent(CORE, "10.1.0.0/16").unwrap().1.atomic_aggregate);
}

#[test]
fn the_last_contributor_may_flap() {
    let mut lab = gateway_with("10.1.0.0/16", true);
    host(&mut lab, "10.1.10.1/32");
    for _ in 0..5 {
        let out = lab.gone("10.1.10.1/32", &remote(2, SITE).host(1));
        assert!(out.iter().all(|out| matches!(out, VrfOutput::Forward(_))), "{out:?}");
        assert_eq!(lab.wait(HALF), []);
        let out = host(&mut lab, "10.1.10.1/32");
        assert!(out.iter().all(|out| matches!(out, VrfOutput::Forward(_))), "{out:?}");
    }
    lab.gone("10.1.10.1/32", &remote(2, SITE).host(1));
    assert_eq!(lab.wait(HALF), []);
    assert_eq!(lab.advertised(CORE), ["10.1.0.0/16"]);
    lab.wait(HALF);
    assert!(lab.sent.is_empty() && lab.forward.is_empty(), "the discard route goes with it");
    assert_eq!(lab.table.next_deadline(), None);
    host(&mut lab, "10.1.10.1/32");
    assert_eq!(lab.advertised(CORE), ["10.1.0.0/16"]);
}

#[test]
fn a_host_away_from_home_crosses_into_its_home_and_out_of_where_it_is() {
    // At home: the subnet is known from the site's leaves.
    let mut home = gateway_with("10.1.0.0/16", true);
    home.remote("10.1.10.0/24", &remote(2, SITE));
    home.remote("10.1.10.1/32", &remote(2, SITE).host(1));
    home.remote("10.1.10.5/32", &remote(8, CORE).through(&[Lab::OTHER]));
    assert_eq!(home.advertised(SITE), ["10.1.10.5/32"], "by longest match the home subnet would draw it");
    assert_eq!(home.advertised(CORE), ["10.1.0.0/16"]);
    assert_eq!(home.ways("10.1.10.5/32"), via(&[vtep(8)]));
    // It comes home.
    home.remote("10.1.10.5/32", &remote(8, CORE).through(&[Lab::OTHER]).overruled());
    home.remote("10.1.10.5/32", &remote(2, SITE).host(5));
    assert_eq!(home.ways("10.1.10.5/32"), via(&[vtep(2)]));
    assert!(home.advertised(SITE).is_empty());
    assert_eq!(home.advertised(CORE), ["10.1.0.0/16", "10.1.10.5/32"], "who has it yet must hear of it");
    home.gone("10.1.10.5/32", &remote(8, CORE));
    assert_eq!(home.advertised(CORE), ["10.1.0.0/16"]);

    // Where it is: no aggregate covers it.
    let mut away = gateway_with("10.2.0.0/16", true);
    away.remote("10.2.10.1/32", &remote(3, SITE).host(1));
    away.remote("10.1.10.5/32", &remote(3, SITE).host(5));
    assert_eq!(away.advertised(CORE), ["10.1.10.5/32", "10.2.0.0/16"]);
}

#[test]
fn what_covers_a_prefix_in_the_domain_comes_and_goes() {
    let mut lab = gateway_with("10.1.0.0/16", true);
    lab.remote("10.1.10.5/32", &remote(8, CORE));
    assert_eq!(lab.advertised(SITE), ["10.1.0.0/16"], "nothing longer is there: the aggregate serves");
    let out = lab.remote("10.1.10.0/24", &remote(2, SITE));
    assert!(lab.advertised(SITE).contains(&"10.1.10.5/32".to_owned()), "{out:?}");
    lab.wait(2 * HALF);
    assert_eq!(lab.advertised(SITE), ["10.1.10.5/32"]);
    lab.gone("10.1.10.0/24", &remote(2, SITE));
    assert_eq!(lab.advertised(SITE), ["10.1.0.0/16"]);
}

#[test]
fn the_hosts_of_a_subnet_that_lies_in_both_domains_cross() {
    let mut lab = gateway_with("10.1.0.0/16", true);
    lab.remote("10.1.10.1/32", &remote(2, SITE).host(1));
    lab.remote("10.1.20.1/32", &remote(2, SITE).host(2));
    assert_eq!(lab.advertised(CORE), ["10.1.0.0/16"]);
    lab.remote("10.1.10.0/24", &remote(8, CORE));
    assert_eq!(lab.advertised(CORE), ["10.1.0.0/16", "10.1.10.1/32"]);
}

#[test]
fn a_real_route_for_the_aggregates_prefix_goes_before_the_discard_route() {
    let mut lab = gateway_with("10.1.0.0/16", true);
    host(&mut lab, "10.1.10.1/32");
    assert_eq!(lab.ways("10.1.0.0/16"), Some(VrfForward::Discard));
    lab.remote("10.1.0.0/16", &remote(9, CORE));
    assert_eq!(lab.ways("10.1.0.0/16"), via(&[vtep(9)]));
    lab.gone("10.1.0.0/16", &remote(9, CORE));
    assert_eq!(lab.ways("10.1.0.0/16"), Some(VrfForward::Discard));
    lab.local("10.1.0.0/16", Some(by("192.0.2.1")));
    assert_eq!(lab.ways("10.1.0.0/16"), None);
}

#[test]
fn a_border_leaf_aggregates_ce_routes_and_tells_the_ce_too() {
    let mut lab = gateway_with("10.0.0.0/8", true);
    lab.configure(|settings| settings.other_domains.clear());
    lab.local("192.0.2.0/24", Some(connected()));
    lab.ce_up(1, "192.0.2.1");
    lab.ce_up(2, "192.0.2.2");
    lab.ce(1, Some(from_ce(1, "192.0.2.1")), &["10.1.0.0/16", "10.2.0.0/16", "172.16.0.0/12"]);
    assert_eq!(lab.advertised(SITE), ["10.0.0.0/8", "172.16.0.0/12"]);
    assert!(lab.sent(SITE, "10.0.0.0/8").unwrap().1.atomic_aggregate);
    assert!(lab.sent(SITE, "10.0.0.0/8").unwrap().1.d_path.is_none());
    assert_eq!(lab.ce_holds(2, "10.0.0.0/8").unwrap().as_path.length(), 1);
    // Stale routes of a CE that restarts hold it.
    assert_eq!(lab.ce_down(1, Some(Duration::from_secs(60))), []);
    assert_eq!(lab.advertised(SITE), ["10.0.0.0/8", "172.16.0.0/12"]);
    lab.wait(Duration::from_secs(61));
    lab.wait(2 * HALF);
    assert!(lab.sent.is_empty() && lab.ce_holds(2, "10.0.0.0/8").is_none());
}

#[test]
fn nested_aggregates_each_have_their_contributors() {
    let mut lab = gateway_with("10.0.0.0/8", true);
    lab.configure(|settings| {
        settings.ipv4.aggregates.insert(net("10.1.0.0/16"), AggregateSettings::default());
    });
    host(&mut lab, "10.1.10.1/32");
    assert_eq!(lab.advertised(CORE), ["10.0.0.0/8", "10.1.0.0/16"]);
    let all = lab.table.crossings(CORE, None, usize::MAX);
    let contributors: Vec<_> = all.iter().filter(|of| !of.contributes_to.is_empty()).collect();
    assert_eq!(contributors.len(), 1, "an aggregate is no contributor");
    assert_eq!(contributors[0].contributes_to.as_slice(), [net("10.1.0.0/16"), net("10.0.0.0/8")]);
    // In pages, too.
    let mut behind = None;
    for one in &all {
        assert_eq!(lab.table.crossings(CORE, behind, 1), std::slice::from_ref(one));
        behind = Some(one.prefix);
    }
    assert_eq!(lab.table.crossings(CORE, behind, 1), []);
}

#[test]
fn a_policy_sets_the_attributes_of_an_aggregate_or_denies_it() {
    let mut lab = gateway_with("10.1.0.0/16", true);
    lab.configure(|settings| {
        let judge = policy(|_, set| {
            if set.origin == Origin::Incomplete {
                return Verdict::Deny;
            }
            Verdict::Change(Box::new(AttributeSet { communities: vec![8], ..set.clone() }))
        });
        settings.ipv4.aggregates.get_mut(&net("10.1.0.0/16")).unwrap().policy = Some(judge);
    });
    host(&mut lab, "10.1.10.1/32");
    assert_eq!(lab.sent(CORE, "10.1.0.0/16").unwrap().1.communities, [8]);
    // What is not advertised holds nothing back and discards nothing.
    lab.remote("10.1.20.0/24", &remote(3, SITE).with(|set| set.origin = Origin::Incomplete));
    assert_eq!(lab.advertised(CORE), ["10.1.10.1/32", "10.1.20.0/24"]);
    assert_eq!(lab.ways("10.1.0.0/16"), None);
}

#[test]
fn a_gateway_that_loses_its_site_lets_the_aggregate_go() {
    let mut lab = gateway_with("10.1.0.0/16", true);
    for n in 1..=50 {
        host(&mut lab, &format!("10.1.10.{n}/32"));
    }
    for n in 1..=50 {
        lab.table.path(net(&format!("10.1.10.{n}/32")), remote(2, SITE).host(1).source(), None, lab.now);
    }
    lab.settle();
    let out = lab.wait(2 * HALF);
    assert_eq!(out.len(), 2, "{out:?}");
    assert!(lab.sent.is_empty());
}

#[test]
fn subnets_of_gateways_go_also_under_a_summary() {
    let mut lab = gateway_with("10.0.0.0/8", true);
    lab.configure(|settings| {
        settings.gateway_subnets.insert(net("10.1.10.0/24"));
    });
    assert_eq!(lab.advertised(SITE), ["10.0.0.0/8", "10.1.10.0/24"]);
    let kinds: Vec<_> = lab.table.sent(SITE).map(|route| route.kind).collect();
    assert_eq!(kinds, [ExportKind::Aggregate, ExportKind::Subnet]);
}
