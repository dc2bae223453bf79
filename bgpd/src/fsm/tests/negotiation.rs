//! What OPENs say and what is refused (RFC 4271 §6.2).

use super::*;

fn refused(settings: PeerSettings, open: Open) -> (u8, u8) {
    let (mut bench, id) = Bench::open_sent(settings);
    let actions = bench.message(id, Received::Open(open));
    assert!(actions.contains(&Action::Close(id)), "{actions:?}");
    sent(&actions).expect("a NOTIFICATION")
}

fn negotiated(settings: PeerSettings, open: Open) -> Negotiated {
    let (mut bench, id) = Bench::open_confirm(settings, open);
    match bench.message(id, Received::Keepalive).into_iter().next() {
        Some(Action::Established(_, negotiated)) => *negotiated,
        other => panic!("{other:?}"),
    }
}

fn with_as(asn: u32) -> Open {
    let mut settings = settings();
    settings.local_as = asn;
    settings.router_id = HIGHER_ID;
    open::ours(&settings)
}

#[test]
fn a_wrong_as_is_2_2() {
    let mut number = settings();
    number.remote_as = RemoteAs::Number(65009);
    let mut external = settings();
    external.remote_as = RemoteAs::External;
    assert_eq!(refused(number, with_as(65000)), (2, 2));
    assert_eq!(refused(external, with_as(65000)), (2, 2));
    assert_eq!(refused(settings(), with_as(65001)), (2, 2));
    assert_eq!(refused(settings(), with_as(0)), (2, 2));
}

#[test]
fn a_bad_identifier_is_2_3() {
    assert_eq!(refused(settings(), theirs(Ipv4Addr::UNSPECIFIED)), (2, 3));
    assert_eq!(refused(settings(), theirs(OUR_ID)), (2, 3), "our own, in our AS");
}

#[test]
fn across_ases_equal_identifiers_are_allowed() {
    let mut external = settings();
    external.remote_as = RemoteAs::External;
    let mut open = with_as(65001);
    open.bgp_id = OUR_ID;
    assert_eq!(negotiated(external, open).kind, crate::peer::PeerKind::External);
}

#[test]
fn a_hold_time_of_one_or_two_seconds_is_2_6() {
    for hold_time in [1, 2] {
        let open = Open { hold_time, ..theirs(HIGHER_ID) };
        assert_eq!(refused(settings(), open), (2, 6));
    }
}

#[test]
fn no_common_family_is_2_7_and_says_what_is_missed() {
    let mut open = theirs(HIGHER_ID);
    open.capabilities.retain(|c| !matches!(c, Capability::Multiprotocol { .. }));
    open.capabilities.push(Capability::Multiprotocol { afi: 1, safi: 1 });
    let (mut bench, id) = Bench::open_sent(settings());
    let actions = bench.message(id, Received::Open(open));
    assert_eq!(sent(&actions), Some((2, 7)));
    assert_eq!(notification(&actions).unwrap().data, [1, 4, 0, 25, 0, 70]);
}

#[test]
fn our_open_has_all_capabilities_and_as_trans_for_a_large_as() {
    let mut settings = settings();
    settings.local_as = 4_200_000_000;
    settings.hostname = Some("leaf1".into());
    settings.graceful_restart.restarting = true;
    let open = open::ours(&settings);
    assert_eq!((open.my_as, open.hold_time, open.bgp_id), (23456, 180, OUR_ID));
    for wanted in [
        Capability::Multiprotocol { afi: 25, safi: 70 },
        Capability::RouteRefresh,
        Capability::EnhancedRouteRefresh,
        Capability::ExtendedMessage,
        Capability::FourOctetAs(4_200_000_000),
        Capability::Fqdn { hostname: "leaf1".into(), domain: String::new() },
        Capability::GracefulRestart(capability::GracefulRestart {
            restarting: true,
            notification: true,
            restart_time: 120,
            families: vec![capability::GracefulRestartFamily {
                afi: 25,
                safi: 70,
                forwarding_preserved: true,
            }],
        }),
    ] {
        assert!(open.capabilities.contains(&wanted), "{wanted:?}");
    }
}

#[test]
fn switches_take_capabilities_away() {
    let mut settings = settings();
    settings.capabilities = crate::peer::CapabilitySwitches {
        route_refresh: false,
        enhanced_refresh: false,
        extended_message: false,
        four_octet_as: false,
        fqdn: false,
        extended_next_hop: false,
    };
    settings.graceful_restart.enabled = false;
    settings.hostname = Some("leaf1".into());
    assert_eq!(open::ours(&settings).capabilities, [Capability::Multiprotocol { afi: 25, safi: 70 }]);
    let outcome = negotiated(settings, theirs(HIGHER_ID));
    assert!(!outcome.four_octet_as && !outcome.enhanced_refresh && outcome.graceful_restart.is_none());
    assert_eq!((outcome.max_message, outcome.max_receive), (4096, 4096));
}

#[test]
fn everything_that_both_offer_is_agreed_on() {
    let mut open = theirs(HIGHER_ID);
    open.hold_time = 90;
    open.capabilities.push(Capability::Fqdn { hostname: "spine1".into(), domain: String::new() });
    open.capabilities.push(Capability::RouteRefresh);
    open.capabilities.push(Capability::Unknown { code: 200, value: vec![1] });
    let outcome = negotiated(settings(), open);
    assert_eq!(outcome.families, [FAMILY]);
    assert_eq!((outcome.local_as, outcome.remote_as), (65000, 65000));
    assert_eq!((outcome.local_id, outcome.remote_id), (OUR_ID, HIGHER_ID));
    assert_eq!(outcome.hold_time, Duration::from_secs(90));
    assert_eq!(outcome.keepalive, Duration::from_secs(30));
    assert_eq!((outcome.max_message, outcome.max_receive), (65535, 65535));
    assert!(outcome.four_octet_as && outcome.route_refresh && outcome.enhanced_refresh);
    assert_eq!(outcome.hostname.as_deref(), Some("spine1"));
    let restart = outcome.graceful_restart.unwrap();
    assert!(restart.notification && !restart.remote_restarting);
    assert_eq!(restart.families, [(FAMILY, true)]);
    assert_eq!(restart.restart_time, Duration::from_secs(120));
}

#[test]
fn a_neighbour_with_nothing_but_the_family_is_taken() {
    let open =
        Open { capabilities: vec![Capability::Multiprotocol { afi: 25, safi: 70 }], ..theirs(HIGHER_ID) };
    let outcome = negotiated(settings(), open);
    assert!(!outcome.four_octet_as && !outcome.route_refresh && outcome.graceful_restart.is_none());
    assert_eq!((outcome.max_message, outcome.max_receive), (4096, 65535));
}

#[test]
fn restart_flags_are_told() {
    let mut open = theirs(HIGHER_ID);
    let restart = restart_of(&mut open);
    restart.restarting = true;
    restart.notification = false;
    restart.families[0].forwarding_preserved = false;
    restart.families.push(capability::GracefulRestartFamily { afi: 1, safi: 1, forwarding_preserved: true });
    let restart = negotiated(settings(), open).graceful_restart.unwrap();
    assert!(restart.remote_restarting && !restart.notification);
    assert_eq!(restart.families, [(FAMILY, false)], "only what is negotiated");
}

/// Settings with these families, and what the neighbour of an OPEN with these agrees to.
fn unicast(families: &[crate::wire::Family], theirs: &[Capability]) -> Negotiated {
    let mut settings = settings();
    settings.families = families.iter().map(|&family| (family, Default::default())).collect();
    settings.capabilities.extended_next_hop = true;
    let open = Open { capabilities: theirs.to_vec(), ..self::theirs(HIGHER_ID) };
    negotiated(settings, open)
}

#[test]
fn a_neighbour_without_multiprotocol_speaks_ipv4_unicast() {
    use crate::wire::Family::{Ipv4Unicast, Ipv6Unicast, L2vpnEvpn};
    let all = [L2vpnEvpn, Ipv4Unicast, Ipv6Unicast];
    let multiprotocol = |afi, safi| Capability::Multiprotocol { afi, safi };
    assert_eq!(unicast(&all, &[]).families, [Ipv4Unicast]);
    assert_eq!(unicast(&all, &[Capability::RouteRefresh]).families, [Ipv4Unicast]);
    // With one, only what it names.
    assert_eq!(unicast(&all, &[multiprotocol(2, 1)]).families, [Ipv6Unicast]);
    let named = [multiprotocol(1, 1), multiprotocol(25, 70)];
    assert_eq!(unicast(&all, &named).families, [L2vpnEvpn, Ipv4Unicast]);
    // A session for EVPN alone is none with such a neighbour.
    let open = Open { capabilities: vec![], ..theirs(HIGHER_ID) };
    assert_eq!(refused(settings(), open), (2, 7));
}

#[test]
fn ipv6_next_hops_of_ipv4_are_agreed_on() {
    use crate::wire::{Family::Ipv4Unicast, capability::ExtendedNextHop};
    let tuple = |afi, next_hop_afi| ExtendedNextHop { afi, safi: 1, next_hop_afi };
    let offer = |tuples: Vec<ExtendedNextHop>| [Capability::ExtendedNextHop(tuples)];
    assert!(unicast(&[Ipv4Unicast], &offer(vec![tuple(1, 2)])).extended_next_hop);
    assert!(!unicast(&[Ipv4Unicast], &offer(vec![tuple(2, 1)])).extended_next_hop);
    assert!(!unicast(&[Ipv4Unicast], &[]).extended_next_hop);
    // Offered where it is switched on and there is something to use it for.
    let mut settings = settings();
    let offers = |settings: &PeerSettings| {
        let is_offer = |capability: &Capability| matches!(capability, Capability::ExtendedNextHop(_));
        open::ours(settings).capabilities.iter().any(is_offer)
    };
    settings.capabilities.extended_next_hop = true;
    assert!(!offers(&settings), "no IPv4 unicast");
    settings.families.insert(Ipv4Unicast, Default::default());
    assert!(offers(&settings));
    settings.capabilities.extended_next_hop = false;
    assert!(!offers(&settings));
}
