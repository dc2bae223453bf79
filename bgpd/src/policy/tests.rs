//! Policies as an operator writes them, against routes: FRR's documentation and, where it is silent, what FRR
//! 8.4 does.

use super::*;
use crate::{
    config::parse,
    rib::Verdict,
    wire::{
        attribute::{AsPath, AsSegment, AsSegmentKind, Origin},
        unicast,
    },
};
use ipnet::IpNet;
use proptest::prelude::*;
use weft_evpn::{
    Esi, EthernetTag, ExtendedCommunity, MacAddr,
    nlri::{EvpnRoute, InclusiveMulticast, IpPrefix, MacIp},
};

fn policies(text: &str) -> Policies {
    compile(&parse("policy.conf", text).unwrap_or_else(|errors| panic!("{}", errors[0])))
}

/// The attributes with which a unicast prefix passes route-map M.
fn pass_with(text: &str, prefix: &str, set: &AttributeSet) -> Option<AttributeSet> {
    let prefix = prefix.parse().unwrap();
    let verdict = policies(text).route_map("M").judge(unicast::family(&prefix), &unicast::nlri(&prefix), set);
    match verdict {
        Verdict::Deny => None,
        Verdict::Permit => Some(set.clone()),
        Verdict::Change(changed) => Some(*changed),
    }
}

fn passes(text: &str, prefix: &str) -> bool {
    pass_with(text, prefix, &AttributeSet::default()).is_some()
}

fn evpn_passes(text: &str, route: &EvpnRoute, set: &AttributeSet) -> bool {
    policies(text).route_map("M").judge(Family::L2vpnEvpn, &route.to_wire(), set) != Verdict::Deny
}

fn mac_ip(ip: Option<&str>) -> EvpnRoute {
    EvpnRoute::MacIp(MacIp {
        rd: "10.0.0.1:2".parse().unwrap(),
        esi: Esi::ZERO,
        ethernet_tag: EthernetTag(0),
        mac: MacAddr([2, 0, 0, 0, 0, 1]),
        ip: ip.map(|ip| ip.parse().unwrap()),
        label1: [0, 0, 10],
        label2: ip.map(|_| [0, 0x13, 0x88]),
    })
}

fn type5(prefix: &str) -> EvpnRoute {
    let prefix: IpNet = prefix.parse().unwrap();
    let gateway = if prefix.addr().is_ipv4() { "0.0.0.0" } else { "::" };
    EvpnRoute::IpPrefix(IpPrefix {
        rd: "10.0.0.1:3".parse().unwrap(),
        esi: Esi::ZERO,
        ethernet_tag: EthernetTag(0),
        prefix,
        gateway: gateway.parse().unwrap(),
        label: [0, 0x13, 0x88],
    })
}

fn imet() -> EvpnRoute {
    EvpnRoute::InclusiveMulticast(InclusiveMulticast {
        rd: "10.0.0.1:2".parse().unwrap(),
        ethernet_tag: EthernetTag(0),
        originator: "10.0.0.1".parse().unwrap(),
    })
}

fn path(asns: &[u32]) -> AsPath {
    AsPath(vec![AsSegment { kind: AsSegmentKind::Sequence, asns: asns.to_vec() }])
}

#[test]
fn what_is_not_defined_denies_and_what_has_no_match_matches() {
    assert!(!passes("", "10.0.0.0/8"), "no such route-map");
    assert!(passes("route-map M permit 10\n", "10.0.0.0/8"));
    assert!(!passes("route-map M deny 10\n", "10.0.0.0/8"));
    for condition in [
        "ip address prefix-list NONE",
        "ip address NONE",
        "ip next-hop prefix-list NONE",
        "community NONE",
        "large-community NONE",
        "extcommunity NONE",
        "as-path NONE",
        "mac address NONE",
    ] {
        let text = format!("route-map M permit 10\n match {condition}\n");
        assert!(!passes(&text, "10.0.0.0/8"), "{condition}");
        assert!(passes(&format!("{text}route-map M permit 20\n"), "10.0.0.0/8"), "{condition}");
    }
    let called = "route-map M permit 10\n call NONE\n";
    assert!(passes(called, "10.0.0.0/8"), "a call of nothing is no call");
}

#[test]
fn a_prefix_list_takes_lengths_and_the_first_entry_decides() {
    let with = |entries: &str| format!("{entries}route-map M permit 10\n match ip address prefix-list L\n");
    let exact = with("ip prefix-list L permit 10.0.0.0/8\n");
    assert!(passes(&exact, "10.0.0.0/8") && !passes(&exact, "10.1.0.0/16") && !passes(&exact, "10.0.0.0/7"));
    let range = with("ip prefix-list L permit 10.0.0.0/8 ge 16 le 24\n");
    assert!(passes(&range, "10.1.0.0/16") && passes(&range, "10.1.2.0/24"));
    assert!(
        !passes(&range, "10.0.0.0/8") && !passes(&range, "10.1.2.128/25") && !passes(&range, "11.0.0.0/16")
    );
    let ge = with("ip prefix-list L permit 10.0.0.0/8 ge 24\n");
    assert!(passes(&ge, "10.1.2.3/32") && !passes(&ge, "10.1.0.0/16"));
    let le = with("ip prefix-list L permit 10.0.0.0/8 le 9\n");
    assert!(passes(&le, "10.0.0.0/8") && passes(&le, "10.128.0.0/9") && !passes(&le, "10.128.0.0/10"));
    let first = with("ip prefix-list L seq 7 deny 10.1.0.0/16 le 32\nip prefix-list L permit any\n");
    assert!(!passes(&first, "10.1.2.0/24") && passes(&first, "10.2.0.0/24"));
    assert!(!passes(&first, "2001:db8::/32"), "`any` is of the list's family");
    let empty = with("ip prefix-list L description nothing yet\n");
    assert!(!passes(&empty, "10.0.0.0/8"), "a list without entries denies all, as in FRR 8.4");
    let ipv6 = "ipv6 prefix-list L permit 2001:db8::/32 le 128\nroute-map M permit 10\n match ipv6 address prefix-list L\n";
    assert!(passes(ipv6, "2001:db8:1::/48") && !passes(ipv6, "2001:db9::/48") && !passes(ipv6, "10.0.0.0/8"));
}

#[test]
fn an_access_list_takes_what_lies_inside_unless_exactly_is_said() {
    let text = "access-list L deny 10.1.0.0/16 exact-match\naccess-list L permit 10.0.0.0/8\nroute-map M permit 10\n match ip address L\n";
    assert!(passes(text, "10.1.2.0/24") && !passes(text, "10.1.0.0/16") && !passes(text, "11.0.0.0/8"));
    let any = "access-list L permit any\nroute-map M permit 10\n match ip address L\n";
    assert!(passes(any, "10.0.0.0/8") && !passes(any, "2001:db8::/32"));
    let length = "route-map M permit 10\n match ip address prefix-len 24\n";
    assert!(
        passes(length, "10.0.0.0/24") && !passes(length, "10.0.0.0/25") && !passes(length, "2001:db8::/24")
    );
}

#[test]
fn entries_go_on_as_on_match_says() {
    let med = |text: &str| pass_with(text, "10.0.0.0/8", &AttributeSet::default()).map(|set| set.med);
    let sets = "route-map M permit 10\n set metric 1\n{}route-map M permit 20\n set metric +10\nroute-map M permit 30\n set metric +100\n";
    let with = |exit: &str| sets.replace("{}", exit);
    assert_eq!(med(&with("")), Some(Some(1)), "the first match ends it");
    assert_eq!(med(&with(" on-match next\n")), Some(Some(11)));
    assert_eq!(med(&with(" continue\n")), Some(Some(11)));
    assert_eq!(med(&with(" on-match goto 30\n")), Some(Some(101)));
    assert_eq!(med(&with(" continue 25\n")), Some(Some(101)), "the first that is not below");
    assert_eq!(med(&with(" on-match goto 99\n")), Some(Some(1)), "past the end is a permission");
    // Going on and then matching nothing is a denial; going on past the last entry is none.
    assert_eq!(med("route-map M permit 10\n on-match next\nroute-map M permit 20\n match metric 5\n"), None);
    assert_eq!(med("route-map M permit 10\n set metric 1\n on-match next\n"), Some(Some(1)));
    // A later match sees what an earlier set has made.
    let seen = "route-map M permit 10\n set metric 5\n on-match next\nroute-map M permit 20\n match metric 5\n set metric 6\n";
    assert_eq!(med(seen), Some(Some(6)));
}

#[test]
fn a_called_route_map_has_its_say_after_the_sets() {
    let text = "\
route-map INNER deny 10
 match metric 7
route-map INNER permit 20
 set local-preference 200
route-map M permit 10
 set metric 5
 call INNER
 on-match next
route-map M permit 20
 set origin egp
";
    let set = pass_with(text, "10.0.0.0/8", &AttributeSet::default()).unwrap();
    assert_eq!((set.med, set.local_pref, set.origin), (Some(5), Some(200), Origin::Egp));
    let denied = text.replace("set metric 5", "set metric 7");
    assert_eq!(
        pass_with(&denied, "10.0.0.0/8", &AttributeSet::default()),
        None,
        "its denial is the last word"
    );
}

#[test]
fn calls_that_lead_round_are_refused_and_end_all_the_same() {
    let round = "route-map A permit 10\n call B\nroute-map B permit 10\n call A\n";
    let errors = parse("f", round).unwrap_err();
    assert!(
        errors[0].to_string().starts_with("f:2:7: route-map A entry 10: `call B` leads round for ever"),
        "{}",
        errors[0]
    );
    // A document that nobody validated still ends.
    let mut config = parse("f", "route-map M permit 10\n").unwrap();
    config.route_maps.get_mut("M").unwrap().get_mut(&10).unwrap().call = Some("M".into());
    let verdict = compile(&config).route_map("M").judge(Family::Ipv4Unicast, &[0], &AttributeSet::default());
    assert_eq!(verdict, Verdict::Deny);
    let chain: String = (0..12).map(|n| format!("route-map R{n} permit 10\n call R{}\n", n + 1)).collect();
    let errors = parse("f", &format!("{chain}route-map R12 permit 10\n")).unwrap_err();
    assert!(errors[0].to_string().contains("leads deeper than 10 calls"), "{}", errors[0]);
    let back = parse("f", "route-map M permit 10\n on-match goto 10\n").unwrap_err();
    assert!(back[0].to_string().starts_with("f:2:16: only an entry behind 10"), "{}", back[0]);
}

#[test]
fn communities_are_compared_as_frr_compares_them() {
    let set = AttributeSet { communities: vec![65000 << 16 | 1, 65000 << 16 | 2], ..AttributeSet::default() };
    let matches = |list: &str, how: &str| {
        let text = format!("{list}route-map M permit 10\n match community C{how}\n");
        pass_with(&text, "10.0.0.0/8", &set).is_some()
    };
    let standard = |entries: &str| {
        entries.lines().map(|entry| format!("bgp community-list standard C {entry}\n")).collect::<String>()
    };
    assert!(matches(&standard("permit 65000:1"), "") && matches(&standard("permit 65000:2 65000:1"), ""));
    assert!(!matches(&standard("permit 65000:1 65000:3"), ""), "all of an entry");
    assert!(!matches(&standard("permit 65000:1"), " exact-match"));
    assert!(matches(&standard("permit 65000:2 65000:1"), " exact-match"));
    assert!(matches(&standard("permit 65000:1 65000:3"), " any"));
    assert!(!matches(&standard("deny 65000:1\npermit 65000:2"), ""), "the first entry decides");
    assert!(matches(&standard("permit internet"), ""));
    let expanded = |regex: &str| format!("bgp community-list expanded C permit {regex}\n");
    assert!(matches(&expanded("_65000:2$"), "") && matches(&expanded("^65000:1 65000:2$"), ""));
    assert!(!matches(&expanded("^65000:2"), "") && matches(&expanded("^65000:2"), " any"));
    let none = "bgp community-list expanded C permit ^$\nroute-map M permit 10\n match community C\n";
    assert!(passes(none, "10.0.0.0/8"), "no communities are the empty text");
}

#[test]
fn large_and_extended_communities_have_lists_too() {
    let target = "65000:10".parse::<weft_evpn::RouteTarget>().unwrap().community();
    let set = AttributeSet {
        large_communities: vec![[65000, 1, 2]],
        ext_communities: vec![target, ExtendedCommunity::ENCAPSULATION_VXLAN],
        ..AttributeSet::default()
    };
    let matches = |text: &str| pass_with(text, "10.0.0.0/8", &set).is_some();
    for (text, expected) in [
        (
            "bgp large-community-list standard C permit 65000:1:2\nroute-map M permit 10\n match large-community C exact-match\n",
            true,
        ),
        (
            "bgp large-community-list 5 permit 65000:1:3\nroute-map M permit 10\n match large-community 5\n",
            false,
        ),
        (
            "bgp large-community-list expanded C permit :2$\nroute-map M permit 10\n match large-community C\n",
            true,
        ),
        (
            "bgp extcommunity-list standard C permit rt 65000:10\nroute-map M permit 10\n match extcommunity C\n",
            true,
        ),
        (
            "bgp extcommunity-list standard C permit rt 65000:10 soo 1:1\nroute-map M permit 10\n match extcommunity C\n",
            false,
        ),
        (
            "bgp extcommunity-list expanded C permit RT:65000:.*_ET:8\nroute-map M permit 10\n match extcommunity C\n",
            true,
        ),
    ] {
        assert_eq!(matches(text), expected, "{text}");
    }
}

#[test]
fn paths_and_numbers_match() {
    let set = AttributeSet {
        as_path: path(&[65001, 65002]),
        med: Some(5),
        local_pref: Some(200),
        origin: Origin::Incomplete,
        next_hop: Some("10.255.0.1".parse().unwrap()),
        ..AttributeSet::default()
    };
    let lists = "bgp as-path access-list P deny ^65009_\nbgp as-path access-list P permit _65002$\nip prefix-list N permit 10.255.0.0/24 le 32\naccess-list N permit 10.255.0.0/24\n";
    for (condition, expected) in [
        ("as-path P", true),
        ("metric 5", true),
        ("metric 0", false),
        ("local-preference 200", true),
        ("origin incomplete", true),
        ("origin igp", false),
        ("ip next-hop prefix-list N", true),
        ("ip next-hop N", true),
        ("ip next-hop address 10.255.0.1", true),
        ("ip next-hop address 10.255.0.2", false),
        ("ipv6 next-hop 2001:db8::1", false),
    ] {
        let text = format!("{lists}route-map M permit 10\n match {condition}\n");
        assert_eq!(pass_with(&text, "10.0.0.0/8", &set).is_some(), expected, "{condition}");
    }
    let both = format!("{lists}route-map M permit 10\n match metric 5\n match origin igp\n");
    assert_eq!(pass_with(&both, "10.0.0.0/8", &set), None, "all matches must hold");
    assert!(passes("route-map M permit 10\n match local-preference 100\n", "10.0.0.0/8"), "100 unless said");
    assert!(!passes("route-map M permit 10\n match evpn vni 5\n", "10.0.0.0/8"), "no EVPN route");
    let absent = "route-map M permit 10\n match metric 0\n";
    assert!(passes(absent, "10.0.0.0/8"), "no MED is 0, as in FRR");
}

#[test]
fn evpn_routes_match_by_type_vni_rd_mac_and_host() {
    let vxlan = AttributeSet {
        ext_communities: vec![ExtendedCommunity::ENCAPSULATION_VXLAN],
        ..AttributeSet::default()
    };
    let host = mac_ip(Some("10.1.0.5"));
    let lists = "mac access-list A permit 02:00:00:00:00:01\nip prefix-list H permit 10.1.0.0/16 ge 32\nipv6 prefix-list H permit any\n";
    for (condition, route, expected) in [
        ("evpn route-type macip", &host, true),
        ("evpn route-type 2", &host, true),
        ("evpn route-type prefix", &host, false),
        ("evpn route-type multicast", &imet(), true),
        ("evpn route-type 5", &type5("10.0.0.0/8"), true),
        ("evpn vni 10", &host, true),
        ("evpn vni 5000", &host, true),
        ("evpn vni 5000", &mac_ip(None), false),
        ("evpn vni 5000", &type5("10.0.0.0/8"), true),
        ("evpn rd 10.0.0.1:2", &host, true),
        ("evpn rd 10.0.0.1:3", &host, false),
        ("evpn default-route", &type5("0.0.0.0/0"), true),
        ("evpn default-route", &type5("::/0"), true),
        ("evpn default-route", &type5("10.0.0.0/8"), false),
        ("mac address A", &host, true),
        ("mac address A", &type5("10.0.0.0/8"), false),
        ("ip address prefix-list H", &host, true),
        ("ip address prefix-list H", &mac_ip(None), false),
        ("ipv6 address prefix-list H", &type5("2001:db8::/32"), true),
    ] {
        let text = format!("{lists}route-map M permit 10\n match {condition}\n");
        assert_eq!(evpn_passes(&text, route, &vxlan), expected, "{condition}: {route}");
    }
    // A VNI cannot be matched in a route that carries none: the entry is as if it were not there.
    let silent = "route-map M deny 10\n match evpn vni 7\nroute-map M permit 20\n";
    assert!(evpn_passes(silent, &imet(), &vxlan));
    assert!(
        evpn_passes("route-map M permit 10\n match evpn vni 7\n", &imet(), &vxlan),
        "and nothing denied it"
    );
    assert!(!evpn_passes(
        "route-map M permit 10\n match evpn vni 7\n match evpn route-type macip\n",
        &imet(),
        &vxlan
    ));
    let mpls = AttributeSet {
        ext_communities: vec![ExtendedCommunity([3, 12, 0, 0, 0, 0, 0, 10])],
        ..AttributeSet::default()
    };
    assert!(
        evpn_passes("route-map M permit 10\n match evpn vni 7\n", &host, &mpls),
        "a label of MPLS is no VNI"
    );
}

#[test]
fn a_route_of_a_type_that_is_not_known_is_judged_too() {
    let unknown = [11, 3, 1, 2, 3];
    let judge = |text: &str| {
        policies(text).route_map("M").judge(Family::L2vpnEvpn, &unknown, &AttributeSet::default())
    };
    assert_eq!(judge("route-map M permit 10\n"), Verdict::Permit);
    assert_eq!(judge("route-map M permit 10\n match evpn route-type prefix\n"), Verdict::Deny);
    assert_eq!(
        judge("ip prefix-list L permit any\nroute-map M permit 10\n match ip address prefix-list L\n"),
        Verdict::Deny
    );
}

#[test]
fn sets_change_what_they_name() {
    let set = |line: &str, before: AttributeSet| {
        let text = format!(
            "bgp community-list standard D permit 65000:1\nbgp large-community-list expanded D permit ^1:\nbgp extcommunity-list standard D permit rt 1:1\nroute-map M permit 10\n set {line}\n"
        );
        pass_with(&text, "10.0.0.0/8", &before).unwrap()
    };
    let none = AttributeSet::default();
    assert_eq!(set("local-preference 50", none.clone()).local_pref, Some(50));
    assert_eq!(
        set("local-preference +50", AttributeSet { local_pref: Some(200), ..none.clone() }).local_pref,
        Some(250)
    );
    assert_eq!(
        set("local-preference -300", AttributeSet { local_pref: Some(200), ..none.clone() }).local_pref,
        Some(0)
    );
    assert_eq!(set("metric 7", none.clone()).med, Some(7));
    assert_eq!(set("metric +7", AttributeSet { med: Some(u32::MAX), ..none.clone() }).med, Some(u32::MAX));
    assert_eq!(set("metric -7", none.clone()).med, Some(0));
    assert_eq!(set("origin incomplete", none.clone()).origin, Origin::Incomplete);
    assert!(set("atomic-aggregate", none.clone()).atomic_aggregate);
    let (one, two) = (65000 << 16 | 1, 65000 << 16 | 2);
    let carrying = AttributeSet { communities: vec![two, one], ..none.clone() };
    assert_eq!(
        set("community 65000:3 no-export", carrying.clone()).communities,
        [65000 << 16 | 3, 0xffff_ff01]
    );
    assert_eq!(set("community 65000:1 additive", carrying.clone()).communities, [one, two]);
    assert_eq!(set("community none", carrying.clone()).communities, [] as [u32; 0]);
    assert_eq!(set("comm-list D delete", carrying.clone()).communities, [two]);
    assert_eq!(set("comm-list NONE delete", carrying.clone()).communities, [two, one]);
    let large = AttributeSet { large_communities: vec![[1, 2, 3], [2, 1, 1]], ..none.clone() };
    assert_eq!(
        set("large-community 9:9:9 additive", large.clone()).large_communities,
        [[1, 2, 3], [2, 1, 1], [9, 9, 9]]
    );
    assert_eq!(set("large-comm-list D delete", large).large_communities, [[2, 1, 1]]);
    let target: weft_evpn::RouteTarget = "1:1".parse().unwrap();
    let extended = AttributeSet { ext_communities: vec![target.community()], ..none.clone() };
    let texts = |set: AttributeSet| set.ext_communities.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        texts(set("extcommunity rt 1:1 2:2", extended.clone())),
        ["RT:1:1", "RT:2:2"],
        "added, as in FRR"
    );
    assert_eq!(texts(set("extcommunity soo 3:3", extended.clone())), ["RT:1:1", "SoO:3:3"]);
    assert_eq!(texts(set("extcommunity none", extended.clone())), [] as [&str; 0]);
    assert_eq!(texts(set("extended-comm-list D delete", extended)), [] as [&str; 0]);
    let through = AttributeSet { as_path: path(&[1, 2, 3, 2]), ..none.clone() };
    assert_eq!(set("as-path prepend 7 8", through.clone()).as_path, path(&[7, 8, 1, 2, 3, 2]));
    assert_eq!(set("as-path prepend last-as 2", through.clone()).as_path, path(&[1, 1, 1, 2, 3, 2]));
    assert_eq!(set("as-path exclude 2 3", through.clone()).as_path, path(&[1]));
    assert_eq!(set("as-path exclude 1 2 3", through).as_path, AsPath::default());
    assert_eq!(set("ip next-hop 10.0.0.9", none.clone()).next_hop, Some("10.0.0.9".parse().unwrap()));
    assert_eq!(set("ipv6 next-hop global 2001:db8::9", none.clone()).next_hop, None, "of an IPv4 route");
}

#[test]
fn a_next_hop_is_of_the_routes_family() {
    let text =
        "route-map M permit 10\n set ipv6 next-hop global 2001:db8::9\n set ipv6 next-hop local fe80::9\n";
    let set = pass_with(text, "2001:db8::/32", &AttributeSet::default()).unwrap();
    assert_eq!(set.next_hop, Some("2001:db8::9".parse().unwrap()));
    assert_eq!(set.link_local_next_hop, Some("fe80::9".parse().unwrap()));
    let global = "route-map M permit 10\n set ipv6 next-hop prefer-global\n";
    assert_eq!(pass_with(global, "2001:db8::/32", &set).unwrap().link_local_next_hop, None);
    let ipv4 = "route-map M permit 10\n set ip next-hop 10.0.0.9\n";
    assert_eq!(pass_with(ipv4, "2001:db8::/32", &AttributeSet::default()).unwrap().next_hop, None);
    let unchanged = "route-map M permit 10\n set ip next-hop unchanged\nrouter bgp 1\nrouter bgp 1 vrf a\n neighbor 10.0.0.1 remote-as 2\n address-family ipv4 unicast\n  neighbor 10.0.0.1 route-map M out\n";
    let errors = parse("f", unchanged).unwrap_err();
    assert!(errors[0].to_string().contains("which only l2vpn evpn can do"), "{}", errors[0]);
}

#[test]
fn a_gateway_is_found_beside_the_verdict() {
    let text = "\
ip prefix-list L permit 10.0.0.0/8 le 32
route-map M permit 10
 match ip address prefix-list L
 set evpn gateway-ip ipv4 10.0.0.254
route-map M permit 20
 set evpn gateway-ip ipv6 2001:db8::fe
";
    let policy = policies(text).route_map("M");
    let gateway = |prefix: &str| {
        let prefix = prefix.parse().unwrap();
        policy.gateway(unicast::family(&prefix), &unicast::nlri(&prefix), &AttributeSet::default())
    };
    assert_eq!(gateway("10.1.0.0/16"), Some("10.0.0.254".parse().unwrap()));
    assert_eq!(gateway("2001:db8:1::/48"), Some("2001:db8::fe".parse().unwrap()));
    assert_eq!(gateway("11.0.0.0/8"), None, "an IPv4 prefix has no IPv6 gateway");
    let verdict = policy.judge(Family::Ipv4Unicast, &[8, 10], &AttributeSet::default());
    assert_eq!(verdict, Verdict::Permit, "it is no attribute");
}

const NEIGHBOURS: &str = "\
router bgp 1
 neighbor 10.0.0.1 remote-as 2
 neighbor 10.0.0.2 remote-as 2
 address-family l2vpn evpn
  neighbor 10.0.0.1 activate
  neighbor 10.0.0.1 prefix-list L in
  neighbor 10.0.0.1 route-map M in
  neighbor 10.0.0.1 route-map NONE out
  neighbor 10.0.0.2 prefix-list NONE in
  neighbor 10.0.0.2 route-map M out
 exit-address-family
ip prefix-list L permit 10.0.0.0/8 le 32
route-map M permit 10
 set metric 5
";

#[test]
fn a_neighbours_prefix_list_goes_before_its_route_map() {
    let policies = policies(NEIGHBOURS);
    let import = policies.direction(Some("M"), Some("L")).unwrap();
    let judge = |policy: &PolicyRef, route: &EvpnRoute| {
        policy.judge(Family::L2vpnEvpn, &route.to_wire(), &AttributeSet::default())
    };
    assert!(matches!(judge(&import, &type5("10.1.0.0/16")), Verdict::Change(set) if set.med == Some(5)));
    assert_eq!(judge(&import, &type5("11.0.0.0/8")), Verdict::Deny);
    assert_eq!(judge(&import, &type5("2001:db8::/32")), Verdict::Deny, "there is no IPv6 list of that name");
    assert!(
        matches!(judge(&import, &imet()), Verdict::Change(_)),
        "what is no prefix is not filtered by prefix"
    );
    let undefined = policies.direction(Some("NONE"), None).unwrap();
    assert_eq!(judge(&undefined, &imet()), Verdict::Deny);
    let no_list = policies.direction(None, Some("NONE")).unwrap();
    assert_eq!(judge(&no_list, &imet()), Verdict::Deny);
    assert_eq!(policies.direction(None, None), None);
}

#[test]
fn what_means_the_same_keeps_its_reference() {
    let before = policies(NEIGHBOURS);
    let after = |text: &str| before.recompiled(&parse("f", text).unwrap());
    let same = after(&format!("hostname x\n{NEIGHBOURS}ip prefix-list OTHER permit any\n"));
    assert_eq!(before.route_map("M"), same.route_map("M"));
    assert_eq!(before.direction(Some("M"), Some("L")), same.direction(Some("M"), Some("L")));
    assert_eq!(before.route_map("NONE"), same.route_map("NONE"));
    let list = after(&NEIGHBOURS.replace("le 32", "le 24"));
    assert_eq!(before.route_map("M"), list.route_map("M"), "it does not refer to the list");
    assert_ne!(before.direction(Some("M"), Some("L")), list.direction(Some("M"), Some("L")));
    let map = after(&NEIGHBOURS.replace("metric 5", "metric 6"));
    assert_ne!(before.route_map("M"), map.route_map("M"));
    let defined = after(&format!("{NEIGHBOURS}route-map NONE permit 10\n"));
    assert_ne!(before.route_map("NONE"), defined.route_map("NONE"));
}

#[test]
fn a_policy_of_attributes_alone_says_so() {
    for (lines, expected) in [
        (" match community C\n set metric 1\n", true),
        (" match metric 5\n call INNER\n", true),
        (" match evpn route-type prefix\n", false),
        (" call PREFIXES\n", false),
    ] {
        let text = format!(
            "route-map INNER permit 10\n match origin igp\nroute-map PREFIXES permit 10\n match ip address L\nroute-map M permit 10\n{lines}"
        );
        assert_eq!(policies(&text).route_map("M").ignores_nlri(), expected, "{lines}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_policy_judges_any_octets_and_means_the_same_when_compiled_again(
        config in crate::config::tests::policy_strategies::policy(),
        nlri in proptest::collection::vec(any::<u8>(), 0..60),
        numbers in any::<[Option<u32>; 2]>(),
    ) {
        let (policies, [med, local_pref]) = (compile(&config), numbers);
        let set = AttributeSet { med, local_pref, as_path: path(&[65000]), ..AttributeSet::default() };
        let again = policies.recompiled(&config);
        for name in config.route_maps.keys() {
            let map = policies.route_map(name);
            prop_assert_eq!(&map, &again.route_map(name));
            for family in [Family::L2vpnEvpn, Family::Ipv4Unicast, Family::Ipv6Unicast] {
                let verdict = map.judge(family, &nlri, &set);
                if let Verdict::Change(changed) = &verdict {
                    prop_assert_ne!(&**changed, &set, "what does not change is permitted as it is");
                }
                if map.ignores_nlri() {
                    prop_assert_eq!(verdict, map.judge(family, &[], &set));
                }
            }
        }
    }
}
