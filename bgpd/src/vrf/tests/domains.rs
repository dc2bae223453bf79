//! What crosses from one domain into another, and with which attributes.

use super::lab::*;
use crate::rib::Verdict;
use crate::vrf::{Advertise, ExportKind};
use crate::wire::{AttributeSet, attribute::IsfSafi};
use weft_evpn::{ExtendedCommunity, MacAddr, RouteTarget};

#[test]
fn a_route_of_one_domain_is_originated_anew_in_the_other_and_not_in_its_own() {
    let mut lab = Lab::new(gateway_settings(1));
    // Also without `advertise`: that is for the IP-VRF's own routes.
    lab.configure(|settings| settings.ipv4.advertise = None);
    let color = ExtendedCommunity([0x03, 0x0b, 0, 0, 0, 0, 0, 1]);
    let from = remote(2, SITE).with(|set| {
        set.as_path.prepend(65_101, 1);
        set.communities = vec![7];
        set.large_communities = vec![[1, 2, 3]];
        set.ext_communities.push(color);
        set.originator_id = Some([10, 255, 0, 2].into());
        set.cluster_list = vec![[10, 255, 0, 3].into()];
    });
    lab.remote("203.0.113.0/24", &from);
    assert!(lab.advertised(SITE).is_empty());
    let (route, set) = lab.sent(CORE, "203.0.113.0/24").unwrap();
    assert_eq!((route.rd, route.label), (rd(1, 2), [0, 0x13, 0x88]));
    assert_eq!(set.next_hop, Some(ip("10.255.0.1")));
    assert_eq!((set.as_path.neighbour(), &set.communities), (Some(65_101), &vec![7]));
    assert_eq!(set.large_communities, [[1, 2, 3]]);
    assert_eq!((set.originator_id, set.cluster_list.len()), (None, 0), "it begins here");
    assert_eq!(
        set.ext_communities,
        [
            RouteTarget::two_octet_as(65_000, VNI).community(),
            ExtendedCommunity::ENCAPSULATION_VXLAN,
            ExtendedCommunity::router_mac(MacAddr([2, 0, 0, 0, 0, 1])),
            color,
        ]
    );
    let passed: Vec<_> =
        set.d_path.iter().flat_map(|path| path.domains()).map(|of| (of.domain, of.isf_safi)).collect();
    assert_eq!(passed, [(SITE, IsfSafi::Evpn)]);
    let kinds: Vec<_> = lab.table.sent(CORE).map(|route| route.kind).collect();
    assert_eq!(kinds, [ExportKind::Domain(SITE)]);

    // The other way, with a path that is longer already.
    lab.remote("198.51.100.0/24", &remote(8, CORE).through(&[Lab::OTHER]));
    let set = &lab.sent(SITE, "198.51.100.0/24").unwrap().1;
    let passed: Vec<_> = set.d_path.iter().flat_map(|path| path.domains()).map(|of| of.domain).collect();
    assert_eq!(passed, [CORE, Lab::OTHER]);
    let all = lab.table.crossings(CORE, None, usize::MAX);
    assert_eq!(all.iter().filter(|of| of.came_in).count(), 1);
}

#[test]
fn a_route_does_not_go_where_it_has_been() {
    let mut lab = Lab::new(gateway_settings(1));
    lab.configure(|settings| settings.other_domains.push(Lab::OTHER));
    let mut active = active(1);
    active.domain_rds.push((Lab::OTHER, rd(1, 3)));
    lab.table.activate(Some(active));
    lab.settle();
    lab.remote("203.0.113.0/24", &remote(2, SITE).through(&[Lab::OTHER]));
    assert_eq!(lab.advertised(CORE), ["203.0.113.0/24"]);
    assert_eq!(lab.sent.len(), 1);
    // The path without a loop is the shorter one, and goes everywhere but home.
    lab.remote("203.0.113.0/24", &remote(3, SITE));
    assert_eq!(lab.sent.len(), 2);
}

#[test]
fn the_nearer_of_two_domains_is_used() {
    let mut lab = Lab::new(gateway_settings(1));
    lab.remote("203.0.113.0/24", &remote(8, CORE).through(&[Lab::OTHER]));
    assert_eq!(lab.advertised(SITE), ["203.0.113.0/24"]);
    lab.remote("203.0.113.0/24", &remote(2, SITE));
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[vtep(2)]));
    assert_eq!((lab.advertised(SITE).len(), lab.advertised(CORE).len()), (0, 1));
}

#[test]
fn the_advertise_policy_judges_what_crosses_too() {
    let mut lab = Lab::new(gateway_settings(1));
    let judge = policy(|prefix, _| if prefix.prefix_len() == 32 { Verdict::Deny } else { Verdict::Permit });
    lab.configure(|settings| {
        settings.ipv4.advertise = Some(Advertise { policy: Some(judge), gateway_ip: true });
    });
    lab.remote("203.0.113.7/32", &remote(2, SITE).host(1));
    lab.remote("203.0.113.0/24", &remote(2, SITE));
    assert_eq!(lab.advertised(CORE), ["203.0.113.0/24"]);
    assert_eq!(lab.sent(CORE, "203.0.113.0/24").unwrap().0.gateway, ip("0.0.0.0"));
}

#[test]
fn a_ce_route_goes_into_every_domain_and_no_advertise_is_honoured() {
    let mut lab = Lab::new(gateway_settings(1));
    lab.local("192.0.2.0/24", Some(connected()));
    lab.ce_up(1, "192.0.2.1");
    lab.ce(1, Some(from_ce(1, "192.0.2.1")), &["203.0.113.0/24"]);
    let quiet = AttributeSet { communities: vec![0xffff_ff02], ..from_ce(1, "192.0.2.1") };
    lab.ce(1, Some(quiet), &["198.51.100.0/24"]);
    assert_eq!(
        (lab.advertised(SITE), lab.advertised(CORE)),
        (vec!["203.0.113.0/24".into()], vec!["203.0.113.0/24".into()])
    );
    assert!(lab.sent(CORE, "203.0.113.0/24").unwrap().1.d_path.is_none());
    assert_eq!(lab.ways("198.51.100.0/24"), via(&[gateway("192.0.2.1")]));
}

#[test]
fn a_domain_that_is_left_is_told_so() {
    let mut lab = Lab::new(gateway_settings(1));
    lab.remote("203.0.113.0/24", &remote(2, SITE));
    lab.configure(|settings| settings.other_domains.clear());
    assert!(lab.sent.is_empty());
    lab.configure(|settings| settings.other_domains.push(CORE));
    assert_eq!(lab.advertised(CORE), ["203.0.113.0/24"]);
}

#[test]
fn a_domain_that_gets_another_name_keeps_its_routes() {
    let mut lab = Lab::new(settings(1));
    lab.configure(|settings| {
        settings.ipv4.redistribute.insert(weft_evpn::vrf::LocalRouteKind::Connected, None);
    });
    lab.local("192.0.2.0/24", Some(connected()));
    assert_eq!(lab.advertised(SITE), ["192.0.2.0/24"]);
    lab.configure(|settings| settings.domain = Lab::OTHER);
    assert_eq!((lab.advertised(SITE), lab.advertised(Lab::OTHER)), (vec![], vec!["192.0.2.0/24".into()]));
}

#[test]
fn a_gateway_that_changes_sides_loses_no_route() {
    let mut lab = Lab::new(gateway_settings(1));
    lab.ce_up(1, "192.0.2.1");
    lab.local("192.0.2.0/24", Some(connected()));
    lab.ce(1, Some(from_ce(1, "192.0.2.1")), &["203.0.113.0/24"]);
    lab.configure(|settings| (settings.domain, settings.other_domains) = (CORE, vec![SITE]));
    let mut active = active(1);
    active.domain_rds = vec![(SITE, rd(1, 3))];
    lab.table.activate(Some(active));
    lab.settle();
    assert_eq!((lab.advertised(SITE).len(), lab.advertised(CORE).len()), (1, 1));
}
