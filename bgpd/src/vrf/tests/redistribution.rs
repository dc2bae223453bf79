//! Routes of the kernel's table: `redistribute`, `network`, gateways' subnets, default route.

use super::lab::*;
use crate::rib::Verdict;
use crate::vrf::{Advertise, ExportKind};
use crate::wire::{AttributeSet, attribute::Origin};
use weft_evpn::vrf::{LocalRoute, LocalRouteKind};
use weft_evpn::{ExtendedCommunity, MacAddr, RouteTarget};

#[test]
fn routes_are_redistributed_by_their_kind_and_policy() {
    let mut lab = Lab::new(settings(1));
    lab.ce_up(1, "192.0.2.1");
    lab.local("192.0.2.0/24", Some(connected()));
    lab.local("198.51.100.0/24", Some(by("192.0.2.7")));
    lab.local("2001:db8:1::/64", Some(connected()));
    assert!(lab.sent.is_empty() && lab.ce_holds(1, "192.0.2.0/24").is_none());
    lab.configure(|settings| {
        settings.ipv4.redistribute.insert(LocalRouteKind::Connected, None);
        settings.ipv6.redistribute.insert(LocalRouteKind::Connected, None);
        settings.ipv4.redistribute.insert(
            LocalRouteKind::Static,
            Some(policy(|prefix, set| match prefix.to_string().as_str() {
                "203.0.113.0/24" => Verdict::Deny,
                _ => Verdict::Change(Box::new(AttributeSet { communities: vec![7], ..set.clone() })),
            })),
        );
    });
    assert_eq!(lab.advertised(SITE), ["192.0.2.0/24", "198.51.100.0/24", "2001:db8:1::/64"]);
    lab.local("203.0.113.0/24", Some(by("192.0.2.7")));
    assert_eq!(lab.advertised(SITE).len(), 3);
    let (route, set) = lab.sent(SITE, "198.51.100.0/24").unwrap();
    assert_eq!((set.origin, &set.communities, set.med), (Origin::Incomplete, &vec![7], Some(20)));
    assert_eq!((set.next_hop, route.label), (Some(ip("10.255.0.1")), [0, 0x13, 0x88]));
    assert_eq!(route.gateway, ip("0.0.0.0"), "interface-less");
    assert_eq!(
        set.ext_communities,
        [
            RouteTarget::two_octet_as(65_000, VNI).community(),
            ExtendedCommunity::ENCAPSULATION_VXLAN,
            ExtendedCommunity::router_mac(MacAddr([2, 0, 0, 0, 0, 1])),
        ]
    );
    assert_eq!(lab.ce_holds(1, "192.0.2.0/24").unwrap().next_hop, Some(ip("192.0.2.254")));
    assert_eq!(lab.ce_holds(1, "2001:db8:1::/64").unwrap().as_path.neighbour(), Some(ASN));
    assert!(lab.forward.is_empty(), "the kernel has them");

    let out = lab.local("192.0.2.0/24", None);
    // The subnet, and nothing else: a static route's gateway is the kernel's matter.
    assert_eq!(out.len(), 1);
    assert_eq!(lab.advertised(SITE), ["198.51.100.0/24", "2001:db8:1::/64"]);
    lab.configure(|settings| settings.ipv4.redistribute.clear());
    assert_eq!(lab.advertised(SITE), ["2001:db8:1::/64"]);
    assert!(lab.ce_holds(1, "198.51.100.0/24").is_none());
}

#[test]
fn each_kind_is_redistributed_alone_in_each_family() {
    use LocalRouteKind::{Connected, Kernel, Static};
    let routes = [
        (Connected, "192.0.2.0/24", "2001:db8:1::/64"),
        (Static, "198.51.100.0/24", "2001:db8:2::/64"),
        (Kernel, "203.0.113.0/24", "2001:db8:3::/64"),
    ];
    for (wanted, v4, v6) in routes {
        let mut lab = Lab::new(settings(1));
        for (kind, v4, v6) in routes {
            lab.local(v4, Some(LocalRoute { kind, ..connected() }));
            lab.local(v6, Some(LocalRoute { kind, ..connected() }));
        }
        assert!(lab.sent.is_empty());
        lab.configure(|settings| _ = settings.ipv4.redistribute.insert(wanted, None));
        assert_eq!(lab.advertised(SITE), [v4], "{wanted:?}");
        lab.configure(|settings| {
            settings.ipv4.redistribute.clear();
            settings.ipv6.redistribute.insert(wanted, None);
        });
        assert_eq!(lab.advertised(SITE), [v6], "{wanted:?}");
    }
}

#[test]
fn what_means_nothing_beyond_its_link_is_not_redistributed() {
    let mut lab = Lab::new(settings(1));
    lab.configure(|settings| {
        settings.ipv4.redistribute.insert(LocalRouteKind::Connected, None);
        settings.ipv6.redistribute.insert(LocalRouteKind::Connected, None);
    });
    for prefix in ["fe80::/64", "ff00::/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "::1/128"] {
        assert_eq!(lab.local(prefix, Some(connected())), [], "{prefix}");
    }
}

#[test]
fn a_network_is_originated_while_the_table_has_it() {
    let mut lab = Lab::new(settings(1));
    let change = policy(|_, set| Verdict::Change(Box::new(AttributeSet { med: Some(9), ..set.clone() })));
    lab.configure(|settings| {
        settings.ipv4.networks.insert(net("198.51.100.0/24"), Some(change));
        settings.ipv4.redistribute.insert(LocalRouteKind::Static, None);
    });
    assert!(lab.sent.is_empty());
    lab.local("198.51.100.0/24", Some(by("192.0.2.7")));
    let (_, set) = lab.sent(SITE, "198.51.100.0/24").unwrap();
    assert_eq!((set.origin, set.med), (Origin::Igp, Some(9)), "before redistribute");
    lab.configure(|settings| settings.ipv4.networks.clear());
    assert_eq!(lab.sent(SITE, "198.51.100.0/24").unwrap().1.origin, Origin::Incomplete);
    lab.local("198.51.100.0/24", None);
    assert!(lab.sent.is_empty());
}

#[test]
fn nothing_goes_out_without_advertise_but_gateways_subnets_into_our_own_domain() {
    let mut lab = Lab::new(gateway_settings(1));
    lab.configure(|settings| {
        settings.ipv4.redistribute.insert(LocalRouteKind::Connected, None);
        settings.ipv4.advertise = None;
        settings.gateway_subnets.extend([net("192.168.10.0/24"), net("2001:db8:10::/64")]);
    });
    // Silent hosts are found through them: they go also before the kernel has the route.
    assert_eq!(lab.advertised(SITE), ["192.168.10.0/24", "2001:db8:10::/64"]);
    assert_eq!(lab.local("192.168.10.0/24", Some(connected())), []);
    assert_eq!(lab.local("192.168.10.0/24", None), []);
    assert_eq!(lab.local("172.16.0.0/24", Some(connected())), []);
    assert!(lab.advertised(CORE).is_empty());
    let kinds: Vec<_> = lab.table.sent(SITE).map(|route| route.kind).collect();
    assert_eq!(kinds, [ExportKind::Subnet; 2]);
    lab.configure(|settings| settings.ipv4.advertise = Some(Advertise::default()));
    assert_eq!(lab.advertised(SITE), ["172.16.0.0/24", "192.168.10.0/24", "2001:db8:10::/64"]);
    assert_eq!(lab.advertised(CORE), ["172.16.0.0/24", "192.168.10.0/24"]);
    // The same subnet of another leaf leads nowhere: ours is connected.
    lab.remote("192.168.10.0/24", &remote(2, SITE));
    assert_eq!(lab.ways("192.168.10.0/24"), None);
    lab.configure(|settings| settings.gateway_subnets.clear());
    assert!(!lab.advertised(SITE).contains(&"2001:db8:10::/64".to_owned()));
}

#[test]
fn the_advertise_policy_denies_and_changes() {
    let mut lab = Lab::new(settings(1));
    lab.configure(|settings| {
        settings.ipv4.redistribute.insert(LocalRouteKind::Static, None);
        let judge = policy(|prefix, set| {
            if prefix.prefix_len() > 24 {
                return Verdict::Deny;
            }
            Verdict::Change(Box::new(AttributeSet { large_communities: vec![[1, 2, 3]], ..set.clone() }))
        });
        settings.ipv4.advertise = Some(Advertise { policy: Some(judge), gateway_ip: false });
    });
    lab.local("198.51.100.0/24", Some(by("192.0.2.7")));
    lab.local("198.51.100.9/32", Some(by("192.0.2.7")));
    assert_eq!(lab.advertised(SITE), ["198.51.100.0/24"]);
    assert_eq!(lab.sent(SITE, "198.51.100.0/24").unwrap().1.large_communities, [[1, 2, 3]]);
}

#[test]
fn the_overlay_index_is_the_next_hop_if_asked_for() {
    let mut lab = Lab::new(settings(1));
    lab.ce_up(1, "192.0.2.1");
    lab.local("192.0.2.0/24", Some(connected()));
    lab.configure(|settings| {
        settings.ipv4.redistribute.insert(LocalRouteKind::Static, None);
        settings.ipv4.redistribute.insert(LocalRouteKind::Connected, None);
        settings.ipv4.advertise = Some(Advertise { policy: None, gateway_ip: true });
    });
    lab.local("198.51.100.0/24", Some(by("192.0.2.7")));
    lab.ce(1, Some(from_ce(1, "192.0.2.1")), &["203.0.113.0/24"]);
    let index = |lab: &Lab, prefix: &str| lab.sent(SITE, prefix).unwrap().0.gateway;
    assert_eq!(index(&lab, "198.51.100.0/24"), ip("192.0.2.7"));
    assert_eq!(index(&lab, "203.0.113.0/24"), ip("192.0.2.1"));
    assert_eq!(index(&lab, "192.0.2.0/24"), ip("0.0.0.0"));
    lab.configure(|settings| settings.ipv4.advertise = Some(Advertise::default()));
    assert_eq!(index(&lab, "203.0.113.0/24"), ip("0.0.0.0"));
}

#[test]
fn a_route_map_sets_the_overlay_index_of_what_is_sent() {
    let text = "ip prefix-list L permit 198.51.100.0/24\nroute-map M permit 10\n match ip address prefix-list L\n \
                set evpn gateway-ip ipv4 192.0.2.99\nroute-map M permit 20\n";
    let policies = crate::policy::compile(&crate::config::parse("policy.conf", text).unwrap());
    let mut lab = Lab::new(settings(1));
    lab.configure(|settings| {
        settings.ipv4.redistribute.insert(LocalRouteKind::Static, None);
        settings.ipv4.advertise = Some(Advertise { policy: Some(policies.route_map("M")), gateway_ip: true });
    });
    lab.local("198.51.100.0/24", Some(by("192.0.2.7")));
    lab.local("203.0.113.0/24", Some(by("192.0.2.7")));
    let (route, set) = lab.sent(SITE, "198.51.100.0/24").unwrap();
    assert_eq!(route.gateway, ip("192.0.2.99"), "before that of the route");
    assert_eq!(set.next_hop, Some(ip("10.255.0.1")));
    assert_eq!(lab.sent(SITE, "203.0.113.0/24").unwrap().0.gateway, ip("192.0.2.7"));
}

#[test]
fn a_default_route_is_originated_into_every_domain() {
    let mut lab = Lab::new(gateway_settings(1));
    lab.configure(|settings| settings.ipv6.default_originate = true);
    assert_eq!((lab.advertised(SITE), lab.advertised(CORE)), (vec!["::/0".into()], vec!["::/0".into()]));
    // A real one has attributes of its own.
    lab.remote("::/0", &remote(9, CORE).with(|set| set.communities = vec![5]));
    assert_eq!(lab.sent(SITE, "::/0").unwrap().1.communities, vec![5_u32]);
    assert!(lab.sent(CORE, "::/0").unwrap().1.communities.is_empty());
    assert_eq!(lab.ways("::/0"), via(&[vtep(9)]));
    lab.gone("::/0", &remote(9, CORE));
    lab.configure(|settings| settings.ipv6.default_originate = false);
    assert!(lab.sent.is_empty());
    lab.configure(|settings| settings.ipv4.default_originate = true);
    for domain in [SITE, CORE] {
        assert_eq!(lab.advertised(domain), ["0.0.0.0/0"]);
    }
}

#[test]
fn another_rd_vni_or_router_mac_originates_all_anew_and_none_takes_all_back() {
    let mut lab = Lab::new(settings(1));
    lab.configure(|settings| {
        settings.gateway_subnets.insert(net("192.168.10.0/24"));
    });
    lab.ce_up(1, "192.0.2.1");
    lab.local("192.0.2.0/24", Some(connected()));
    lab.ce(1, Some(from_ce(1, "192.0.2.1")), &["203.0.113.0/24"]);
    assert_eq!(lab.advertised(SITE), ["192.168.10.0/24", "203.0.113.0/24"]);
    let mut other = active(1);
    other.router_mac = MacAddr([2, 0, 0, 0, 0, 99]);
    lab.table.activate(Some(other.clone()));
    assert_eq!(lab.settle().len(), 2);
    assert!(
        lab.sent(SITE, "203.0.113.0/24")
            .unwrap()
            .1
            .ext_communities
            .contains(&ExtendedCommunity::router_mac(other.router_mac))
    );
    other.rd = rd(1, 77);
    lab.table.activate(Some(other.clone()));
    assert_eq!(lab.settle().len(), 4, "the old RD's are withdrawn");
    assert_eq!(lab.sent.len(), 2);
    lab.table.activate(Some(other));
    assert_eq!(lab.settle(), []);
    lab.table.activate(None);
    lab.settle();
    assert!(lab.sent.is_empty());
    assert_eq!(lab.ways("203.0.113.0/24"), via(&[gateway("192.0.2.1")]), "CE routes stay");
    lab.table.activate(Some(active(1)));
    lab.settle();
    assert_eq!(lab.sent.len(), 2);
    let mut out = Vec::new();
    lab.table.close(&mut out);
    assert_eq!(out.len(), 3, "two prefix routes, one route of the kernel");
}
