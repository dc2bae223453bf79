//! Route-maps and lists as FRR writes them.

use super::*;

pub(super) const POLICY: &str = include_str!("../fixtures/policy.conf");

#[test]
fn an_frr_policy_is_read_and_written_again() {
    let config = parse("policy.conf", POLICY).unwrap();
    let subnets = &config.prefix_lists.ipv4["SUBNETS"];
    assert_eq!(subnets.description.as_deref(), Some("what leaves the site"));
    assert_eq!(subnets.entries.keys().copied().collect::<Vec<_>>(), [5, 12, 15, 20], "multiples of five");
    assert!(subnets.entries[&20].is_any());
    let entry = &config.route_maps["TO-CORE"][&10];
    assert_eq!((entry.action, entry.matches.len(), entry.sets.len()), (Action::Permit, 4, 4));
    assert_eq!(entry.call.as_deref(), Some("COMMON"));
    assert_eq!(entry.on_match, Some(OnMatch::Goto(30)));
    let text = render(&config);
    assert_eq!(parse("written", &text).unwrap(), config, "{text}");
    // What was written is what stands in the file, in FRR's order of lines.
    let lines = |text: &str| {
        let lines = text.lines().filter(|line| !line.trim().is_empty() && *line != "!");
        lines.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let shorthand = ["ip prefix-list SUBNETS permit any", "bgp as-path access-list OURS permit ^$"];
    let written = lines(&text);
    for line in lines(POLICY).iter().filter(|line| !shorthand.contains(&line.as_str())) {
        assert!(written.contains(line) || line.starts_with("frr "), "{line}\n{text}");
    }
}

#[test]
fn no_forms_take_away_what_is_there_and_nothing_else() {
    let text = format!(
        "{POLICY}\
no ip prefix-list SUBNETS seq 12
no ip prefix-list SUBNETS permit 10.1.0.0/16 le 24
no ipv6 prefix-list SUBNETS
no access-list HOSTS seq 5
no mac access-list MACS
no bgp community-list standard NEAR permit 65000:1 65000:2
no bgp community-list 100
no bgp community-list 5
no bgp large-community-list expanded BIG
no bgp extcommunity-list standard RTS
no bgp as-path access-list OURS
no route-map TO-CORE permit 10
route-map TO-CORE deny 30
 no match evpn route-type
no route-map COMMON
"
    );
    let config = parse("f", &text).unwrap();
    assert_eq!(config.prefix_lists.ipv4["SUBNETS"].entries.keys().copied().collect::<Vec<_>>(), [5, 20]);
    assert!(config.prefix_lists.ipv6.is_empty() && config.access_lists.ipv4.is_empty());
    assert!(config.mac_access_lists.is_empty() && config.as_path_lists.is_empty());
    assert!(config.community_lists.is_empty() && config.large_community_lists.is_empty());
    assert!(config.extcommunity_lists.is_empty());
    assert_eq!(config.route_maps.len(), 1);
    assert!(config.route_maps["TO-CORE"][&30].matches.is_empty());
    for (line, expected) in [
        ("no ip prefix-list SUBNETS seq 99", "there is no entry 99"),
        ("no ip prefix-list NONE", "there is no list NONE"),
        ("no ip prefix-list SUBNETS permit 9.0.0.0/8", "there is no such entry"),
        ("no bgp community-list standard NEAR deny 65000:1", "there is no such entry"),
        ("no route-map NONE", "there is no route-map NONE"),
        ("no route-map TO-CORE deny 10", "has no such entry 10"),
        ("route-map TO-CORE permit 10\n no match metric", "there is no `match metric` here"),
        ("route-map TO-CORE permit 10\n no set origin", "there is no `set origin` here"),
    ] {
        let errors = errors(&format!("{POLICY}{line}\n"));
        assert!(errors.contains(expected), "{line}: {errors}");
    }
}

#[test]
fn a_policy_that_cannot_be_is_refused_at_the_word() {
    for (line, expected) in [
        ("ip prefix-list L permit 10.0.0.0/16 ge 8", "1:40: 8 is less than the length of 10.0.0.0/16"),
        ("ip prefix-list L permit 10.0.0.0/8 ge 24 le 16", "1:45: 16 is less than 24"),
        ("ip prefix-list L permit 10.0.0.0/8 le 33", "1:39: unexpected word `33`"),
        ("ip prefix-list L permit 2001:db8::/32", "1:25: unexpected word"),
        ("bgp as-path access-list P permit (", "1:34: no regular expression"),
        ("bgp community-list expanded C permit [", "1:38: no regular expression"),
        ("bgp community-list standard 7 permit 1:1", "1:29: the name of a list is not a number"),
        ("bgp community-list 7 permit 65536:1", "1:29: unexpected word `65536:1`"),
        ("bgp extcommunity-list standard C permit rt nonsense", "1:44: nonsense: expected rt AS:NN"),
        (
            "bgp community-list standard C permit 1:1\nbgp community-list expanded C permit .*",
            "2:29: C is a list of the other kind",
        ),
        ("route-map M permit 10\n set weight 5", "2:2: Weft has no weight"),
        ("route-map M permit 10\n match tag 5", "2:2: BGP routes carry no tag"),
        ("route-map M permit 10\n match peer 10.0.0.1", "2:2: a route-map is told of the route only"),
        (
            "route-map M permit 10\n set ip next-hop peer-address",
            "2:2: a route-map is told of the route only",
        ),
        ("route-map M permit 10\n set ip next-hop 224.0.0.1", "2:18: expected a unicast address"),
        ("route-map M permit 10\n set local-preference ++1", "2:23: unexpected word `++1`"),
        ("route-map M permit 10\n set metric 4294967296", "2:13: unexpected word"),
    ] {
        let errors = errors(&format!("{line}\n"));
        assert!(errors.starts_with(&format!("weft.conf:{expected}")), "{line}: {errors}");
    }
}

#[test]
fn a_second_line_of_a_kind_replaces_the_first() {
    let text = "route-map M permit 10\n match metric 1\n match metric 2\n set community 1:1\n set community none\nroute-map M deny 10\n";
    let config = parse("f", text).unwrap();
    let entry = &config.route_maps["M"][&10];
    assert_eq!(entry.matches, [Match::Metric(2)]);
    assert_eq!(entry.sets, [Set::Community(SetCommunities::None)]);
    assert_eq!(entry.action, Action::Deny);
}
