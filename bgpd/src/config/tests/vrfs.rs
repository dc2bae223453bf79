//! IP-VRFs, their BGP instances, and domains: what is read and what is refused.

use super::*;
use weft_evpn::DomainId;

pub(super) const L3_LEAF: &str = include_str!("../fixtures/l3leaf.conf");

#[test]
fn an_frr_leaf_with_tenants_is_read_and_written_again() {
    let config = parse("l3leaf.conf", L3_LEAF).unwrap();
    let red = &config.vrfs["red"];
    assert_eq!((red.vni, red.prefix_routes_only), (Vni::new(5000), false));
    assert_eq!(config.vrfs["blue"].vni, Vni::new(5001));
    assert!(config.vrfs["blue"].prefix_routes_only);
    let bgp = &config.bgp_vrfs["red"];
    assert_eq!(bgp.asn, 65000);
    assert_eq!(bgp.ipv4.redistribute[&RedistributeSource::Connected].route_map.as_deref(), Some("SUBNETS"));
    let aggregate = &bgp.ipv4.aggregates[&"10.1.0.0/16".parse().unwrap()];
    assert!(aggregate.summary_only);
    let neighbors = resolve(bgp);
    assert_eq!(neighbors[0].settings.ipv4_unicast.activate, Some(true), "as `bgp default ipv4-unicast` says");
    assert_eq!(neighbors[0].settings.ipv4_unicast.route_map_in.as_deref(), Some("FROM-CE"));
    assert_eq!(neighbors[1].settings.ipv4_unicast.activate, Some(false));
    assert_eq!(neighbors[1].settings.ipv6_unicast.activate, Some(true));
    assert_eq!(bgp.evpn.advertise_ipv4, Some(Advertise { gateway_ip: false, route_map: Some("OUT".into()) }));
    assert!(bgp.evpn.default_originate_ipv6 && bgp.evpn.auto_import && !bgp.evpn.auto_export);
    let text = render(&config);
    assert_eq!(parse("written", &text).unwrap(), config, "{text}");
}

#[test]
fn the_leaf_of_the_design_is_read() {
    let text = "\
vtep source 10.255.0.1
gateway mac 00:00:5e:00:01:05
vrf red
 vni 5000
 table 100
bridge-domain blue
 vni 10
 vrf red
 gateway 192.168.10.254/24
 gateway 2001:db8:10::254/64
 gateway mac 02:00:00:00:00:05
 interface eth1
";
    let config = parse("leaf.conf", text).unwrap();
    let domain = &config.bridge_domains["blue"];
    assert_eq!(domain.vrf.as_deref(), Some("red"));
    assert_eq!(domain.gateways.len(), 2);
    assert_eq!(config.vrfs["red"].table, Some(100));
    assert_eq!(config.gateway_mac, Some("00:00:5e:00:01:05".parse().unwrap()));
    assert_eq!(parse("written", &render(&config)).unwrap(), config);
}

#[test]
fn a_gateway_between_domains_is_read() {
    let text = "\
router bgp 65001
 neighbor CORE peer-group
 neighbor CORE remote-as external
 neighbor 10.0.0.9 peer-group CORE
 neighbor 10.0.0.1 remote-as internal
 address-family l2vpn evpn
  domain east
  neighbor CORE domain core id 65000:7
  neighbor CORE route-map TO-CORE out
 exit-address-family
";
    let config = parse("gateway.conf", text).unwrap();
    let bgp = config.bgp.as_ref().unwrap();
    assert_eq!(bgp.evpn.domain.as_ref().unwrap().domain_id(), DomainId::of_name("east"));
    let neighbors = resolve(bgp);
    assert_eq!(neighbors[1].settings.domain.as_ref().unwrap().domain_id(), DomainId::new(65000, 7));
    assert_eq!(neighbors[0].settings.domain, None);
    assert_eq!(parse("written", &render(&config)).unwrap(), config);
}

/// Each text is wrong in one place, and the message says where and why.
#[test]
fn what_cannot_be_is_refused_where_it_stands() {
    let cases = [
        ("vrf a\n vni 7\nvrf b\n vni 7\n", "4:6: vrf b: vni 7 is vrf a's already"),
        (
            "vtep source 10.0.0.1\nvrf a\n vni 7\nbridge-domain x\n vni 7\n",
            "3:6: vrf a: vni 7 is the L2VNI of bridge-domain x",
        ),
        (
            "vrf a\n vni 7\nrouter bgp 1\n address-family l2vpn evpn\n  vni 7\n",
            "2:6: vrf a: vni 7 has a `vni 7` block",
        ),
        ("vrf a\n table 100\nvrf b\n table 100\n", "4:8: vrf b: table 100 is vrf a's already"),
        (
            "router bgp 1\nrouter bgp 1 vrf a\n address-family l2vpn evpn\n  rd 1:1\n\
             router bgp 1 vrf b\n address-family l2vpn evpn\n  rd 1:1\n",
            "5:18: router bgp vrf b: rd 1:1 is vrf a's already",
        ),
        ("vrf a\n table 254\n", "2:8: 253, 254 and 255 are the kernel's tables"),
        ("vrf a\n table 0\n", "2:8: unexpected word `0`"),
        ("vrf default\n", "1:5: `default` cannot be the name"),
        ("vrf a\n ip route 0.0.0.0/0 10.0.0.1\n", "2:2: Weft sets no static routes; put it into the kernel"),
        ("gateway mac 01:00:5e:00:00:01\n", "1:13: a gateway has a unicast address"),
        ("vni 5000\n", "1:1: an L3VNI belongs into a `vrf NAME` block"),
    ];
    for (text, expected) in cases {
        let errors = errors(text);
        assert!(errors.starts_with(&format!("weft.conf:{expected}")), "{errors}");
        assert_eq!(errors.matches("weft.conf:").count(), 1, "{errors}");
    }
}

fn bridge(lines: &str) -> String {
    format!("vtep source 10.0.0.1\nvrf red\n vni 7\nbridge-domain x\n vni 1\n vrf red\n{lines}")
}

#[test]
fn gateways_are_addresses_of_hosts_and_do_not_overlap() {
    for (gateway, reason) in [
        ("10.0.0.0/24", "the address of its network"),
        ("10.0.0.255/24", "the broadcast address of its network"),
        ("255.255.255.255/24", "a broadcast address"),
        ("224.0.0.5/24", "a multicast address"),
        ("10.0.0.1/32", "no subnet"),
        ("127.0.0.1/8", "a loopback address"),
        ("0.0.0.0/8", "the unspecified address"),
        ("2001:db8::/64", "the address of its network"),
        ("ff02::1/64", "a multicast address"),
        ("fe80::1/64", "a link-local address"),
        ("2001:db8::1/128", "no subnet"),
    ] {
        let errors = errors(&bridge(&format!(" gateway {gateway}\n")));
        assert!(errors.starts_with("weft.conf:7:10: ") && errors.contains(reason), "{errors}");
    }
    for fine in ["10.0.0.0/31", "10.0.0.1/31", "2001:db8::ffff:ffff:ffff:ffff/64", "2001:db8::/127"] {
        assert!(parse("f", &bridge(&format!(" gateway {fine}\n"))).is_ok(), "{fine}");
    }
    // Two addresses of one subnet on one bridge are one way; anything else is two.
    assert!(parse("f", &bridge(" gateway 10.0.0.1/24\n gateway 10.0.0.2/24\n")).is_ok());
    let nested = errors(&bridge(" gateway 10.0.0.1/24\n gateway 10.0.1.1/16\n"));
    assert!(nested.contains("overlaps gateway 10.0.1.1/16 of bridge-domain x in vrf red"), "{nested}");
    let elsewhere = |vrf| {
        let other = format!("vrf {vrf}\nbridge-domain y\n vni 2\n vrf {vrf}\n gateway 10.0.0.2/24\n");
        bridge(&format!(" gateway 10.0.0.1/24\n{other}"))
    };
    let same = errors(&elsewhere("red"));
    assert!(same.starts_with("weft.conf:12:10: bridge-domain y: gateway 10.0.0.2/24: it overlaps"), "{same}");
    assert!(parse("f", &elsewhere("green")).is_ok(), "tenants may have the same subnet");
    let absent = errors(&bridge("").replace("vrf red\n vni 7\n", ""));
    assert!(absent.starts_with("weft.conf:4:6: bridge-domain x: there is no vrf red"), "{absent}");
}

#[test]
fn an_aggregate_is_no_subnet_of_the_same_tenant() {
    let with = |vrf: &str, aggregate: &str| {
        bridge(&format!(
            " gateway 10.0.0.1/24\nrouter bgp 1\nrouter bgp 1 vrf {vrf}\n address-family ipv4 unicast\n  aggregate-address {aggregate}\n"
        ))
    };
    let equal = errors(&with("red", "10.0.0.0/24"));
    assert!(
        equal.starts_with("weft.conf:11:21: vrf red: aggregate-address 10.0.0.0/24: it is the subnet of"),
        "{equal}"
    );
    assert!(parse("f", &with("red", "10.0.0.0/16")).is_ok());
    assert!(parse("f", &with("green", "10.0.0.0/24")).is_ok());
}

#[test]
fn a_gateway_between_domains_says_what_its_own_is_called() {
    let text = "router bgp 1\n neighbor 10.0.0.1 remote-as 2\n address-family l2vpn evpn\n  neighbor 10.0.0.1 domain core\n";
    let unnamed = errors(text);
    assert!(unnamed.starts_with("weft.conf:4:12: neighbor 10.0.0.1: it is in domain core"), "{unnamed}");
    assert!(unnamed.contains("`domain NAME`"), "{unnamed}");
    assert!(parse("f", &format!("{text}  domain east\n")).is_ok());
    assert!(parse("f", &text.replace("domain core", "domain local")).is_ok(), "that is our own name anyhow");
    let twice = errors(&format!("{text}  domain core id 1:1\n"));
    assert!(twice.contains("domain core has another id elsewhere"), "{twice}");
}

#[test]
fn a_neighbour_may_be_in_two_tenants_but_only_once_in_each() {
    let two = "router bgp 1\nrouter bgp 1 vrf a\n neighbor 10.0.0.1 remote-as 2\nrouter bgp 1 vrf b\n neighbor 10.0.0.1 remote-as 3\n";
    assert!(parse("f", two).is_ok());
    let twice =
        "router bgp 1\nrouter bgp 1 vrf a\n neighbor 10.0.0.1 remote-as 2\n neighbor 10.0.0.1 remote-as 3\n";
    let errors = errors(twice);
    assert!(
        errors.starts_with("weft.conf:4:11: vrf a: neighbor 10.0.0.1 is there already, by line 3"),
        "{errors}"
    );
}

#[test]
fn a_tenant_needs_the_speaker() {
    let alone = errors("router bgp 7 vrf a\n");
    assert!(
        alone.starts_with("weft.conf:1:18: router bgp vrf a: it needs the speaker's own instance"),
        "{alone}"
    );
    assert!(parse("f", "router bgp 7 vrf a\nrouter bgp 7\n").is_ok(), "in any order");
}

#[test]
fn what_stands_in_a_tenant_stays_there() {
    let text = "router bgp 1\nrouter bgp 1 vrf a\n neighbor 10.0.0.1 remote-as 2\n";
    let config = parse("f", text).unwrap();
    assert!(config.bgp.unwrap().neighbors.is_empty());
    assert_eq!(config.bgp_vrfs["a"].neighbors.len(), 1);
    let peer =
        "router bgp 1\n neighbor 10.0.0.1 remote-as 2\nrouter bgp 1 vrf a\n neighbor 10.0.0.1 passive\n";
    assert!(errors(peer).starts_with("weft.conf:4:11: there is no neighbor 10.0.0.1"));
    let removed = errors("router bgp 1\nrouter bgp 1 vrf a\nno router bgp 1\n");
    assert!(removed.contains("first `no router bgp vrf a`"), "{removed}");
    let link_local = errors("router bgp 1\nrouter bgp 1 vrf a\n neighbor fe80::1 remote-as 2\n");
    assert!(
        link_local.contains("vrf a: neighbor fe80::1: a link-local address needs its interface"),
        "{link_local}"
    );
}
