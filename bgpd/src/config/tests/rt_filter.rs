//! `address-family rtfilter unicast`: what is read, and what is refused, where and why.

use super::*;
use std::collections::BTreeSet;

pub(super) const LEAF: &str = "\
router bgp 65000
 neighbor RR peer-group
 neighbor RR remote-as internal
 neighbor 10.255.0.100 peer-group RR
 address-family l2vpn evpn
  neighbor RR activate
  advertise-all-vni
 exit-address-family
 address-family rtfilter unicast
  neighbor RR activate
  neighbor RR maximum-prefix 1000 90 warning-only
  neighbor RR allowas-in 2
  neighbor RR soft-reconfiguration inbound
  neighbor 10.255.0.100 default-originate
  neighbor 10.255.0.100 route-reflector-client
  neighbor RR send-community both
  auto-import as 65000
  auto-import as 1.10
 exit-address-family
";

#[test]
fn all_lines_of_the_family_are_read_and_written_again() {
    let config = parse("leaf.conf", LEAF).unwrap();
    let bgp = config.bgp.as_ref().unwrap();
    assert_eq!(bgp.rtfilter.auto_import_as, BTreeSet::from([65_000, 65_546]));
    let neighbor = &resolve(bgp)[0].settings.rtfilter;
    assert_eq!((neighbor.activate, neighbor.default_originate), (Some(true), true));
    assert!(neighbor.route_reflector_client && neighbor.soft_reconfiguration_inbound);
    assert_eq!(neighbor.allowas_in, Some(AllowAsIn::Times(2)));
    assert_eq!(neighbor.maximum_prefix.as_ref().map(|maximum| maximum.limit), Some(1000));
    let text = render(&config);
    assert_eq!(parse("written", &text).unwrap(), config, "{text}");
    let undone = "\
 address-family rtfilter
  no neighbor RR activate
  no neighbor RR maximum-prefix
  no neighbor RR allowas-in
  no neighbor RR soft-reconfiguration inbound
  no neighbor 10.255.0.100 default-originate
  no neighbor 10.255.0.100 route-reflector-client
  no auto-import as 65000
  no auto-import as 65546
";
    let config = parse("undone.conf", &format!("{LEAF}{undone}")).unwrap();
    assert!(!render(&config).contains("rtfilter"), "{}", render(&config));
}

const NEIGHBOR_LINES: &str = "expected one of activate, allowas-in, default-originate, maximum-prefix, \
    route-reflector-client, soft-reconfiguration";

/// One error, there, which begins like this.
fn refused(text: &str, expected: &str) {
    let errors = errors(text);
    assert!(errors.starts_with(&format!("weft.conf:{expected}")), "{text}\n{errors}");
    assert_eq!(errors.matches("weft.conf:").count(), 1, "{errors}");
}

/// Each line is wrong in one place of the family's block, and the message says where and why.
#[test]
fn what_cannot_be_in_the_block_is_refused_where_it_stands() {
    let cases = [
        ("auto-import as 0", "18: unexpected word `0`; expected ASNUM"),
        ("auto-import as 4294967296", "18: unexpected word `4294967296`; expected ASNUM"),
        ("auto-import as", "17: the line is incomplete; expected ASNUM"),
        ("auto-import 65000", "15: unexpected word `65000`; expected as"),
        ("auto-import as 65000 65001", "24: unexpected word `65001`; expected end of line"),
        ("no auto-import as 65001", "21: AS 65001 is not configured"),
        (
            "neighbor 10.0.0.9 activate",
            "12: there is no neighbor 10.0.0.9: first `neighbor 10.0.0.9 remote-as …`",
        ),
        ("neighbor NONE activate", "12: there is no peer-group NONE: first `neighbor NONE peer-group`"),
        ("neighbor 10.0.0.1 maximum-prefix 0", "36: unexpected word `0`; expected (1-4294967295)"),
        ("neighbor 10.0.0.1 maximum-prefix 9 101", "38: unexpected word `101`; expected one of (1-100)"),
        (
            "neighbor 10.0.0.1 allowas-in 11",
            "32: unexpected word `11`; expected one of (1-10), end of line, origin",
        ),
        (
            "neighbor 10.0.0.1 route-map IN in",
            "3: memberships are not filtered; filter the EVPN routes themselves",
        ),
        ("neighbor 10.0.0.1 prefix-list IN out", "3: memberships are not filtered; filter the EVPN routes"),
        ("neighbor 10.0.0.1 domain core", "3: it belongs into `address-family l2vpn evpn`"),
        ("advertise-all-vni", "3: it belongs into `address-family l2vpn evpn`"),
        (
            "vni 10\n   rd 1:1\n   route-target import 1:1\n  exit-vni",
            "3: it belongs into `address-family l2vpn evpn`",
        ),
    ];
    let block = |line: &str| {
        format!(
            "router bgp 65000\n neighbor 10.0.0.1 remote-as 65000\n address-family rtfilter unicast\n  {line}\n \
             exit-address-family\n"
        )
    };
    for (line, expected) in cases {
        refused(&block(line), &format!("4:{expected}"));
    }
    refused(&block("neighbor 10.0.0.1"), &format!("4:20: the line is incomplete; {NEIGHBOR_LINES}"));
    let next_hop = format!("4:21: unexpected word `next-hop-self`; {NEIGHBOR_LINES}");
    refused(&block("neighbor 10.0.0.1 next-hop-self"), &next_hop);
}

#[test]
fn the_block_and_its_lines_are_refused_where_they_do_not_belong() {
    let cases = [
        (
            " address-family rtfilter multicast\n",
            "2:26: unexpected word `multicast`; expected one of end of line, unicast",
        ),
        (" address-family rtfilter unicast vrf a\n", "2:34: unexpected word `vrf`; expected end of line"),
        (" auto-import as 1\n", "2:2: it belongs into `address-family rtfilter unicast`"),
        (" no auto-import as 1\n", "2:2: it belongs into `address-family rtfilter unicast`"),
        (
            " address-family l2vpn evpn\n  auto-import as 1\n",
            "3:3: it belongs into `address-family rtfilter unicast` of `router bgp N`",
        ),
        // With all its lines, of which each could stand in an instance of an IP-VRF, or be unknown there.
        (
            "router bgp 1 vrf a\n neighbor 10.0.0.1 remote-as 2\n address-family rtfilter unicast\n  \
             neighbor 10.0.0.1 activate\n  auto-import as 1\n exit-address-family\n",
            "4:17: memberships are for EVPN neighbors: say it outside of an IP-VRF",
        ),
    ];
    for (text, expected) in cases {
        refused(&format!("router bgp 1\n{text}"), expected);
    }
    refused("address-family rtfilter unicast\n", "1:1: unknown command `address-family`");
}

#[test]
fn every_wrong_line_of_the_block_is_told_and_the_rest_of_the_file_is_read() {
    let text = "\
router bgp 65000
 neighbor 10.0.0.1 remote-as 65000
 address-family rtfilter unicast
  neighbor 10.0.0.9 activate
  auto-import as 0
  neighbor 10.0.0.1 activat
 exit-address-family
 timers bgp 3 70000
";
    let found = parse("weft.conf", text).unwrap_err();
    let places: Vec<(usize, usize)> = found.iter().map(|error| (error.line, error.column)).collect();
    assert_eq!(places, [(4, 12), (5, 18), (6, 21), (8, 15)], "{}", errors(text));
    assert!(found[2].message.contains("did you mean `activate`"), "{}", found[2]);
}
