//! The text of a configuration: what is read, what is written, and that the two agree.

use super::*;
mod policy;
pub(crate) mod policy_strategies;
mod rt_filter;
mod strategies;
mod vrfs;

use ipnet::IpNet;
use proptest::{collection, prelude::*};
use std::{collections::BTreeSet, net::Ipv4Addr};
use strategies::config;
use weft_evpn::{RouteTarget, RouteTargetMatch, Vni};

const LEAF: &str = include_str!("../fixtures/leaf.conf");
const REFLECTOR: &str = include_str!("../fixtures/reflector.conf");

fn errors(text: &str) -> String {
    let errors = parse("weft.conf", text).expect_err("the text is wrong");
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_frr_leaf_is_read() {
    let config = parse("leaf.conf", LEAF).unwrap();
    assert_eq!(config.hostname.as_deref(), Some("leaf1"));
    assert_eq!(config.log.level, None);
    let bgp = config.bgp.unwrap();
    assert_eq!((bgp.asn, bgp.router_id), (65000, Some(Ipv4Addr::new(10, 255, 0, 1))));
    assert!(!bgp.default_ipv4_unicast && !bgp.ebgp_requires_policy);
    let neighbors = resolve(&bgp);
    assert_eq!(neighbors.len(), 2);
    let settings = &neighbors[0].settings;
    assert_eq!(settings.remote_as, Some(RemoteAs::Internal));
    assert_eq!(settings.update_source, Some(UpdateSource::Interface("lo".into())));
    assert_eq!(settings.timers, Some(Timers { keepalive: 1, hold: 3 }));
    assert_eq!(settings.l2vpn_evpn.activate, Some(true));
    assert_eq!(neighbors[1].settings.description.as_deref(), Some("second reflector, over IPv6"));
    assert!(bgp.evpn.advertise_all_vni && bgp.evpn.advertise_svi_ip);
    assert_eq!(bgp.evpn.duplicate_detection.freeze, Freeze::Seconds(120));
    let vni = &bgp.evpn.vnis[&Vni::new(10).unwrap()];
    assert_eq!(vni.rd, Some("10.255.0.1:10".parse().unwrap()));
    assert_eq!(vni.import, BTreeSet::from([RouteTargetMatch::AnyAs(10), "65000:10".parse().unwrap()]));
    assert_eq!(vni.export, BTreeSet::from(["65000:10".parse::<RouteTarget>().unwrap()]));
}

#[test]
fn an_frr_reflector_is_read() {
    let config = parse("reflector.conf", REFLECTOR).unwrap();
    let bgp = config.bgp.unwrap();
    assert_eq!(bgp.cluster_id, Some(Ipv4Addr::new(10, 255, 0, 100)));
    let ranges = resolve_ranges(&bgp);
    let ranges: Vec<_> = ranges.into_iter().filter(|range| range.range.addr().is_ipv4()).collect();
    assert_eq!(ranges[0].range, "10.255.0.0/24".parse::<IpNet>().unwrap());
    assert!(ranges[0].settings.l2vpn_evpn.route_reflector_client);
    assert_eq!(bgp.listen_limit, Some(500));
    let maximum = ranges[0].settings.l2vpn_evpn.maximum_prefix.clone().unwrap();
    assert_eq!((maximum.limit, maximum.threshold), (100_000, Some(80)));
    assert_eq!(maximum.action, MaximumPrefixAction::Restart(5));
}

#[test]
fn what_is_read_is_written_and_read_again() {
    for text in [LEAF, REFLECTOR] {
        let config = parse("fixture", text).unwrap();
        let written = render(&config);
        assert_eq!(parse("written", &written).unwrap(), config, "{written}");
    }
}

#[test]
fn the_text_is_frrs() {
    let config = parse("weft.conf", "vtep source 10.255.0.1\nbridge-domain blue\n interface eth1\n vni 10\nrouter bgp 65000\n neighbor 10.0.0.1 remote-as 65000\n address-family l2vpn evpn\n  vni 10\n   route-target both 65000:10\n  exit-vni\n  neighbor 10.0.0.1 activate\n").unwrap();
    let expected = "\
!
vtep source 10.255.0.1
!
bridge-domain blue
 vni 10
 interface eth1
exit
!
router bgp 65000
 neighbor 10.0.0.1 remote-as 65000
 !
 address-family l2vpn evpn
  neighbor 10.0.0.1 activate
  vni 10
   route-target import 65000:10
   route-target export 65000:10
  exit-vni
 exit-address-family
exit
!
";
    assert_eq!(render(&config), expected);
}

#[test]
fn every_error_of_a_file_has_its_place_and_what_was_expected() {
    let text = "\
hostname leaf1
router bgp 65000
 neighbor 10.0.0.1 remot-as 65000
 neighbor 10.0.0.1 remote-as 65000
\tneighbor 10.0.0.1 timers 3 70000
 neighbor 10.0.0.2 passive
 address-family l2vpn evpn
  neighbor 10.0.0.1
  vni 16777216
 exit-address-family
ruter bgp 1
";
    assert_eq!(
        errors(text),
        "\
weft.conf:3:20: unexpected word `remot-as`; did you mean `remote-as`?
     neighbor 10.0.0.1 remot-as 65000
                       ^
weft.conf:5:29: unexpected word `70000`; expected (0-65535)
    \tneighbor 10.0.0.1 timers 3 70000
    \t                           ^
weft.conf:6:11: there is no neighbor 10.0.0.2: first `neighbor 10.0.0.2 remote-as …` or `… peer-group NAME`
     neighbor 10.0.0.2 passive
              ^
weft.conf:8:20: the line is incomplete; expected one of activate, allowas-in, domain, maximum-prefix, \
prefix-list, route-map, route-reflector-client, soft-reconfiguration
      neighbor 10.0.0.1
                       ^
weft.conf:9:7: unexpected word `16777216`; expected (1-16777215)
      vni 16777216
          ^
weft.conf:11:1: unknown command `ruter`; did you mean `router`?
    ruter bgp 1
    ^"
    );
}

#[test]
fn columns_are_characters_not_octets() {
    let text = "router bgp 1\n neighbor Grüße peer-group\n neighbor Grüße pasive\n";
    let errors = parse("f", text).unwrap_err();
    assert_eq!((errors[0].line, errors[0].column), (3, 17));
}

#[test]
fn what_does_not_fit_together_is_told_where_it_was_first_named() {
    let text = "router bgp 1\n neighbor G peer-group\n neighbor 10.0.0.1 peer-group G\n";
    assert_eq!(
        errors(text),
        "weft.conf:3:11: neighbor 10.0.0.1: neither it nor its peer-group has a `remote-as`\n     neighbor 10.0.0.1 peer-group G\n              ^"
    );
    assert_eq!(
        errors("vtep source 10.0.0.1\nbridge-domain red\n vni 5\nbridge-domain blue\n vni 5\n"),
        "weft.conf:2:15: bridge-domain red: vni 5 is bridge-domain blue's already\n    bridge-domain red\n                  ^"
    );
    assert!(errors("bridge-domain red\n vni 5\n").contains("vtep source"));
    assert!(errors("vtep source 10.0.0.1\nbridge-domain red\n").contains("it has no `vni`"));
    let mixed =
        "router bgp 1\n neighbor 10.0.0.1 remote-as 1\n neighbor 10.0.0.1 update-source 2001:db8::1\n";
    assert!(errors(mixed).contains("of another address family"));
}

#[test]
fn what_weft_cannot_do_is_refused_once_with_a_reason() {
    let text = "\
frr version 8.4.4
frr defaults traditional
service integrated-vtysh-config
!
interface eth0
 ip address 10.0.0.1/24
exit
!
ip route 10.0.0.0/8 10.0.0.1
bfd
 peer 10.0.0.1
 !
exit
!
router bgp 65000
 neighbor eth1 interface remote-as external
 address-family ipv4 unicast
  network 10.0.0.0/8
  no neighbor 10.0.0.9 activate
 exit-address-family
exit
!
router ospf
 ospf router-id 1.1.1.1
exit
line vty
!
end
";
    let found = parse("weft.conf", text).unwrap_err();
    let places: Vec<usize> = found.iter().map(|error| error.line).collect();
    assert_eq!(places, [5, 9, 10, 16, 18, 23]);
    assert!(found[3].message.contains("link-local"), "{}", found[3]);
    assert!(found[4].message.contains("router bgp N vrf NAME"), "{}", found[4]);
}

#[test]
fn an_abbreviation_is_no_line_of_a_file() {
    assert!(errors("router bgp 1\n neigh 10.0.0.1 remote-as 2\n").starts_with("weft.conf:2:2: "));
}

#[test]
fn no_forms_undo() {
    let text = "\
router bgp 65000
 bgp router-id 10.0.0.1
 no bgp router-id
 bgp listen limit 5
 no bgp listen limit 5
 timers bgp 3 9
 no timers bgp
 neighbor G peer-group
 neighbor G remote-as 65001
 bgp listen range 10.0.0.0/8 peer-group G
 neighbor 10.0.0.1 peer-group G
 neighbor 10.0.0.1 password x
 no neighbor 10.0.0.1 password
 no neighbor G peer-group
 neighbor 10.0.0.2 remote-as 65001
 neighbor 10.0.0.2 shutdown message back soon
 no neighbor 10.0.0.2 shutdown
 neighbor 10.0.0.3 remote-as 65001
 no neighbor 10.0.0.3
 address-family l2vpn evpn
  advertise-all-vni
  no advertise-all-vni
  dup-addr-detection max-moves 9 time 99
  no dup-addr-detection max-moves 9 time 99
  vni 10
   route-target import 1:1 *:2
   no route-target import 1:1
   no route-target import
   rd 1:1
   no rd
  exit-vni
  vni 11
  no vni 11
 exit-address-family
";
    let mut expected = Bgp::new(65000);
    let settings = NeighborSettings { remote_as: Some(RemoteAs::As(65001)), ..Default::default() };
    expected.neighbors.insert("10.0.0.2".parse().unwrap(), Neighbor { peer_group: None, settings });
    expected.evpn.vnis.insert(Vni::new(10).unwrap(), VniConfig::default());
    assert_eq!(parse("f", text).unwrap().bgp, Some(expected));
}

#[test]
fn an_export_target_names_its_as() {
    let text = "router bgp 1\n address-family l2vpn evpn\n  vni 5\n   route-target both 1:5 *:5\n";
    assert!(errors(text).starts_with("weft.conf:4:26: *:5: only an import takes *:NN"));
}

#[test]
fn json_is_the_same_configuration() {
    let config = parse("leaf.conf", LEAF).unwrap();
    let json = serde_json::to_string(&config).unwrap();
    assert!(json.contains(r#""rd":"10.255.0.1:10""#), "{json}");
    assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), config);
    assert!(serde_json::from_str::<Config>(r#"{"hostnam":"x"}"#).is_err(), "unknown keys are refused");
    let minimal: Config = serde_json::from_str(r#"{"bgp":{"asn":1}}"#).unwrap();
    assert_eq!(minimal.bgp, Some(Bgp::new(1)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_configuration_is_read_back_from_its_text_and_from_its_json(config in config()) {
        let text = render(&config);
        match parse("text", &text) {
            Ok(read) => prop_assert_eq!(&read, &config, "{}", text),
            Err(errors) => prop_assert!(false, "{}\n{}", errors[0], text),
        }
        let json = serde_json::to_string(&config).unwrap();
        prop_assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), config);
    }

    #[test]
    fn no_text_panics(text in "(\\PC|\\n|\\t){0,200}") {
        let _ = parse("text", &text);
    }

    #[test]
    fn no_mix_of_known_words_panics(lines in collection::vec(collection::vec(words(), 0..9), 0..12)) {
        let text: Vec<String> = lines.iter().map(|words| words.join(" ")).collect();
        if let Ok(config) = parse("text", &text.join("\n")) {
            prop_assert_eq!(parse("again", &render(&config)).unwrap(), config);
        }
    }
}

fn words() -> impl Strategy<Value = String> {
    let known: Vec<&str> = [LEAF, REFLECTOR, vrfs::L3_LEAF, policy::POLICY, rt_filter::LEAF]
        .iter()
        .flat_map(|text| text.split_whitespace())
        .collect();
    prop_oneof![
        6 => proptest::sample::select(known).prop_map(str::to_owned),
        1 => Just("no".to_owned()),
        1 => "\\PC{0,6}",
    ]
}

#[test]
fn the_smoke_fuzzer_finds_nothing() {
    assert_eq!(super::fuzz::fuzz_smoke(0x5eed, 2_000), 2_000);
}
