//! Tests of the NLRI codec: the layouts by octets, the properties, and in `oracle` another
//! implementation's opinion.

mod oracle;
mod strategy;

use super::*;
use crate::{Esi, EthernetTag, MacAddr};
use proptest::prelude::*;
use std::net::IpAddr;
use strategy::route;

const RD: [u8; 8] = [0, 1, 10, 255, 0, 1, 0, 10];
const ESI: [u8; 10] = [3, 0x44, 0x38, 0x39, 0xff, 0xff, 1, 0, 0, 1];
const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

fn nlri(route_type: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let mut wire = vec![route_type, u8::try_from(value.len()).unwrap()];
    wire.extend(value);
    wire
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Type, length, key in hexadecimal and the printed form of one NLRI of every layout.
fn samples() -> Vec<(Vec<u8>, u8, &'static str)> {
    let v6 = "2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap().octets();
    let tag = [0; 4];
    vec![
        (
            nlri(1, &[&RD, &ESI, &[0xff; 4], &[0; 3]]),
            25,
            "[1]:[4294967295]:[03:44:38:39:ff:ff:01:00:00:01]:[32]:[0.0.0.0]:[0]",
        ),
        (
            nlri(2, &[&RD, &[0; 10], &tag, &[48], &MAC, &[0], &[0, 0, 10]]),
            33,
            "[2]:[0]:[48]:[02:00:00:00:00:01]",
        ),
        (
            nlri(2, &[&RD, &ESI, &tag, &[48], &MAC, &[0], &[0, 0, 10, 0, 0, 11]]),
            36,
            "[2]:[0]:[48]:[02:00:00:00:00:01]",
        ),
        (
            nlri(2, &[&RD, &[0; 10], &tag, &[48], &MAC, &[32, 192, 168, 10, 1], &[0, 0, 10]]),
            37,
            "[2]:[0]:[48]:[02:00:00:00:00:01]:[32]:[192.168.10.1]",
        ),
        (
            nlri(2, &[&RD, &[0; 10], &tag, &[48], &MAC, &[32, 192, 168, 10, 1], &[0, 0, 10, 0, 0, 11]]),
            40,
            "[2]:[0]:[48]:[02:00:00:00:00:01]:[32]:[192.168.10.1]",
        ),
        (
            nlri(2, &[&RD, &ESI, &tag, &[48], &MAC, &[128], &v6, &[0, 0, 10]]),
            49,
            "[2]:[0]:[48]:[02:00:00:00:00:01]:[128]:[2001:db8::1]",
        ),
        (
            nlri(2, &[&RD, &ESI, &tag, &[48], &MAC, &[128], &v6, &[0, 0, 10, 0, 0, 11]]),
            52,
            "[2]:[0]:[48]:[02:00:00:00:00:01]:[128]:[2001:db8::1]",
        ),
        (nlri(3, &[&RD, &tag, &[32, 10, 255, 0, 2]]), 17, "[3]:[0]:[32]:[10.255.0.2]"),
        (nlri(3, &[&RD, &tag, &[128], &v6]), 29, "[3]:[0]:[128]:[2001:db8::1]"),
        (
            nlri(4, &[&RD, &ESI, &[32, 10, 255, 0, 2]]),
            23,
            "[4]:[03:44:38:39:ff:ff:01:00:00:01]:[32]:[10.255.0.2]",
        ),
        (nlri(4, &[&RD, &ESI, &[128], &v6]), 35, "[4]:[03:44:38:39:ff:ff:01:00:00:01]:[128]:[2001:db8::1]"),
        (
            nlri(5, &[&RD, &[0; 10], &tag, &[24, 192, 168, 20, 0], &[0; 4], &[0, 0, 20]]),
            34,
            "[5]:[0]:[24]:[192.168.20.0]",
        ),
        (nlri(5, &[&RD, &ESI, &tag, &[128], &v6, &v6, &[0, 0, 20]]), 58, "[5]:[0]:[128]:[2001:db8::1]"),
        (nlri(6, &[&[0xab, 0xcd]]), 2, "[6]:[abcd]"),
        (nlri(0, &[]), 0, "[0]:[]"),
    ]
}

#[test]
fn every_layout_is_read_written_cut_and_joined() {
    for (wire, length, text) in samples() {
        assert_eq!(wire[1], length, "{text}");
        let (route, taken) = EvpnRoute::parse(&wire).unwrap();
        assert_eq!((taken, measure(&wire)), (wire.len(), Ok(wire.len())), "{text}");
        assert_eq!(route.to_string(), text);
        assert_eq!(route.route_type(), wire[0]);
        assert_eq!(route.to_wire(), wire, "{text}");
        let (key, rest) = split(&wire).unwrap();
        let mut joined = vec![7];
        join(&key, &rest, &mut joined);
        assert_eq!(joined[1..], wire, "{text}");
    }
}

#[test]
fn the_key_holds_type_and_key_fields_in_wire_order() {
    let tag = [0, 0, 0, 5];
    let wire = nlri(2, &[&RD, &ESI, &tag, &[48], &MAC, &[32, 192, 168, 10, 1], &[0, 0, 10]]);
    let (key, rest) = split(&wire).unwrap();
    assert_eq!(key.as_slice(), [&[2], RD.as_slice(), &tag, &[48], &MAC, &[32, 192, 168, 10, 1]].concat());
    assert_eq!(rest.as_slice(), [ESI.as_slice(), &[0, 0, 10]].concat());
    let wire = nlri(5, &[&RD, &ESI, &tag, &[20, 10, 1, 0x1f, 9], &[10, 0, 0, 9], &[0, 0, 20]]);
    let (key, _) = split(&wire).unwrap();
    assert_eq!(key.as_slice(), [&[5], RD.as_slice(), &tag, &[20, 10, 1, 0x10, 0]].concat());
    let wire = nlri(1, &[&RD, &ESI, &tag, &[0, 0, 10]]);
    let (key, _) = split(&wire).unwrap();
    assert_eq!(key.as_slice(), [&[1], RD.as_slice(), &ESI, &tag].concat());
}

#[test]
fn what_the_rib_holds_by_the_million_stays_inline() {
    for (wire, _, text) in samples() {
        let (key, rest) = split(&wire).unwrap();
        assert!(!key.spilled(), "key of {text}");
        // An IPv6 prefix with two overlay indexes is the exception.
        assert_eq!(rest.spilled(), wire[1] == 58, "rest of {text}");
    }
}

#[test]
fn a_key_without_rest_makes_a_withdraw_of_the_same_route() {
    for (wire, _, text) in samples() {
        let (key, _) = split(&wire).unwrap();
        let mut withdraw = Vec::new();
        join(&key, &[], &mut withdraw);
        assert_eq!(measure(&withdraw), Ok(withdraw.len()), "{text}");
        assert_eq!(split(&withdraw).unwrap().0, key, "{text}");
    }
}

#[test]
fn every_other_length_of_a_known_type_is_refused() {
    let allowed: [&[u8]; 5] = [&[25], &[33, 36, 37, 40, 49, 52], &[17, 29], &[23, 35], &[34, 58]];
    for (route_type, allowed) in (1..=5).zip(allowed) {
        for length in (0..=255).filter(|length| !allowed.contains(length)) {
            for fill in [0, 32, 48, 128] {
                let mut wire = vec![route_type, length];
                wire.resize(2 + usize::from(length), fill);
                if let Some(octet) = wire.get_mut(24).filter(|_| route_type == 2) {
                    *octet = 48;
                }
                let error = EvpnRoute::parse(&wire).unwrap_err();
                assert!(!matches!(error, NlriError::Truncated { .. }), "{error}");
                assert_eq!(measure(&wire), Err(error));
                assert_eq!(split(&wire), Err(error));
            }
        }
    }
}

#[test]
fn lengths_that_do_not_agree_are_refused_by_name_and_place() {
    let mac_ip = |mac_bits: u8, ip: &[u8], labels: &[u8]| {
        EvpnRoute::parse(&nlri(2, &[&RD, &[0; 10], &[0; 4], &[mac_bits], &MAC, ip, labels])).unwrap_err()
    };
    let label = [0, 0, 10];
    assert_eq!(
        mac_ip(47, &[0], &label),
        NlriError::Field { route_type: 2, field: "MAC length", value: 47, offset: 24 }
    );
    assert_eq!(
        mac_ip(48, &[31, 10, 0, 0, 1], &label),
        NlriError::Field { route_type: 2, field: "IP length", value: 31, offset: 31 }
    );
    // 37 octets in all, as with IPv4, but the field says that there is no address.
    assert_eq!(
        mac_ip(48, &[0, 10, 0, 0, 1], &label),
        NlriError::Length { route_type: 2, length: 37, offset: 1 }
    );
    assert_eq!(
        mac_ip(48, &[128, 10, 0, 0, 1], &label),
        NlriError::Length { route_type: 2, length: 37, offset: 1 }
    );
    assert_eq!(
        EvpnRoute::parse(&nlri(3, &[&RD, &[0; 4], &[0, 10, 255, 0, 2]])),
        Err(NlriError::Field { route_type: 3, field: "IP length", value: 0, offset: 14 })
    );
    let prefix = nlri(5, &[&RD, &[0; 10], &[0; 4], &[33, 10, 0, 0, 0], &[0; 4], &label]);
    assert_eq!(
        EvpnRoute::parse(&prefix),
        Err(NlriError::Field { route_type: 5, field: "prefix length", value: 33, offset: 24 })
    );
    assert_eq!(
        measure(&prefix).unwrap_err().moved_by(100).to_string(),
        "EVPN route type 5: bad prefix length 33 at octet 124"
    );
}

#[test]
fn a_route_without_a_mac_can_be_passed_over() {
    let label = [0, 0, 10];
    for mac in [&MAC[..], &[]] {
        let wire = nlri(2, &[&RD, &[0; 10], &[0; 4], &[0], mac, &[32, 10, 0, 0, 1], &label]);
        let error = EvpnRoute::parse(&wire).unwrap_err();
        assert_eq!(error, NlriError::NoMac { octets: wire.len() });
        assert_eq!(error.octets_to_skip(), Some(wire.len()));
        assert_eq!((measure(&wire), split(&wire)), (Err(error), Err(error)));
    }
    let wrong = nlri(2, &[&RD, &[0; 10], &[0; 4], &[47], &MAC, &[0], &label]);
    assert_eq!(EvpnRoute::parse(&wrong).unwrap_err().octets_to_skip(), None);
}

#[test]
fn a_cut_nlri_is_truncated_and_a_longer_one_is_not_whole() {
    for (wire, _, text) in samples() {
        for end in 0..wire.len() {
            let truncated = NlriError::Truncated { offset: end };
            assert_eq!(measure(&wire[..end]), Err(truncated), "{text}");
            assert_eq!(EvpnRoute::parse(&wire[..end]), Err(truncated), "{text}");
        }
        let longer = [wire.as_slice(), &[0]].concat();
        assert_eq!(measure(&longer), Ok(wire.len()), "{text}");
        assert!(matches!(split(&longer), Err(NlriError::Length { .. })), "{text}");
    }
}

#[test]
fn host_bits_of_a_prefix_are_zero_in_every_form() {
    let with = nlri(5, &[&RD, &[0; 10], &[0; 4], &[24, 192, 168, 20, 77], &[0; 4], &[0, 0, 20]]);
    let without = nlri(5, &[&RD, &[0; 10], &[0; 4], &[24, 192, 168, 20, 0], &[0; 4], &[0, 0, 20]]);
    assert_eq!(split(&with), split(&without));
    assert_eq!(EvpnRoute::parse(&with), EvpnRoute::parse(&without));
    let (key, rest) = split(&with).unwrap();
    let mut joined = Vec::new();
    join(&key, &rest, &mut joined);
    assert_eq!(joined, without);
}

#[test]
fn a_gateway_of_the_other_family_is_not_sent() {
    let route = EvpnRoute::IpPrefix(IpPrefix {
        rd: RouteDistinguisher(RD),
        esi: Esi::ZERO,
        ethernet_tag: EthernetTag::ZERO,
        prefix: "10.0.0.0/8".parse().unwrap(),
        gateway: address("::1"),
        label: [0, 0, 20],
    });
    let (parsed, _) = EvpnRoute::parse(&route.to_wire()).unwrap();
    assert!(matches!(parsed, EvpnRoute::IpPrefix(IpPrefix { gateway, .. }) if gateway == address("0.0.0.0")));
}

#[test]
fn an_unknown_route_too_long_for_its_length_octet_is_cut() {
    let wire = EvpnRoute::Unknown(UnknownRoute { route_type: 99, value: vec![1; 300] }).to_wire();
    assert_eq!((wire.len(), measure(&wire)), (257, Ok(257)));
}

#[test]
fn json_has_the_keys_of_frr() {
    let json: Vec<String> = samples()
        .iter()
        .filter(|(wire, ..)| [25, 33, 37, 29, 23, 34, 2].contains(&wire[1]))
        .map(|(wire, ..)| serde_json::to_string(&EvpnRoute::parse(wire).unwrap().0).unwrap())
        .collect();
    assert_eq!(
        json,
        [
            r#"{"routeType":1,"ethTag":4294967295,"esi":"03:44:38:39:ff:ff:01:00:00:01"}"#,
            r#"{"routeType":2,"ethTag":0,"macLen":48,"mac":"02:00:00:00:00:01"}"#,
            r#"{"routeType":2,"ethTag":0,"macLen":48,"mac":"02:00:00:00:00:01","ipLen":32,"ip":"192.168.10.1"}"#,
            r#"{"routeType":3,"ethTag":0,"ipLen":128,"ip":"2001:db8::1"}"#,
            r#"{"routeType":4,"esi":"03:44:38:39:ff:ff:01:00:00:01","ipLen":32,"ip":"10.255.0.2"}"#,
            r#"{"routeType":5,"ethTag":0,"ipLen":24,"ip":"192.168.20.0"}"#,
            r#"{"routeType":6,"value":"abcd"}"#,
        ]
    );
}

/// The same route with every octet that is not key replaced.
fn with_other_rest(route: &EvpnRoute, esi: Esi, label: [u8; 3], label2: Option<[u8; 3]>) -> EvpnRoute {
    match route.clone() {
        EvpnRoute::EthernetAd(route) => EvpnRoute::EthernetAd(EthernetAd { label, ..route }),
        EvpnRoute::MacIp(route) => EvpnRoute::MacIp(MacIp { esi, label1: label, label2, ..route }),
        EvpnRoute::IpPrefix(route) => {
            let gateway = match (route.prefix.addr(), label2) {
                (ip, Some(_)) => ip,
                (IpAddr::V4(_), None) => address("192.0.2.1"),
                (IpAddr::V6(_), None) => address("::"),
            };
            EvpnRoute::IpPrefix(IpPrefix { esi, gateway, label, ..route })
        }
        all_key => all_key,
    }
}

/// What tells routes apart, by the typed form.
fn key_fields(route: &EvpnRoute) -> EvpnRoute {
    with_other_rest(route, Esi::ZERO, [0; 3], None)
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(routes in prop::collection::vec(route(), 1..5)) {
        let mut wire = Vec::new();
        for route in &routes {
            route.emit(&mut wire);
        }
        let mut left = wire.as_slice();
        for route in &routes {
            let (parsed, length) = EvpnRoute::parse(left).unwrap();
            prop_assert_eq!(&parsed, route);
            prop_assert_eq!(measure(left), Ok(length));
            left = &left[length..];
        }
        prop_assert!(left.is_empty());
    }

    #[test]
    fn what_is_cut_is_joined_again(route in route()) {
        let wire = route.to_wire();
        let (key, rest) = split(&wire).unwrap();
        let mut joined = Vec::new();
        join(&key, &rest, &mut joined);
        prop_assert_eq!(joined, wire);
    }

    #[test]
    fn octets_that_are_not_key_do_not_tell_routes_apart(
        route in route(),
        esi: [u8; 10],
        label: [u8; 3],
        label2: Option<[u8; 3]>,
    ) {
        let other = with_other_rest(&route, Esi(esi), label, label2);
        prop_assert_eq!(split(&route.to_wire()).unwrap().0, split(&other.to_wire()).unwrap().0);
    }

    #[test]
    fn keys_are_equal_just_when_the_key_fields_are(one in strategy::narrow(), other in strategy::narrow()) {
        let same = split(&one.to_wire()).unwrap().0 == split(&other.to_wire()).unwrap().0;
        prop_assert_eq!(same, key_fields(&one) == key_fields(&other));
    }

    #[test]
    fn rests_are_equal_just_when_the_octets_are(one in strategy::narrow(), other in strategy::narrow()) {
        let (one, other) = (one.to_wire(), other.to_wire());
        prop_assert_eq!(split(&one) == split(&other), one == other);
    }

    #[test]
    fn arbitrary_octets_never_panic_and_all_readers_agree(wire in strategy::octets()) {
        let parsed = EvpnRoute::parse(&wire);
        prop_assert_eq!(measure(&wire), parsed.clone().map(|(_, length)| length));
        if let Ok((route, length)) = parsed {
            let one = &wire[..length];
            let (key, rest) = split(one).unwrap();
            let mut joined = Vec::new();
            join(&key, &rest, &mut joined);
            prop_assert_eq!(EvpnRoute::parse(&joined), Ok((route.clone(), length)));
            prop_assert_eq!(route.to_wire(), joined);
        }
    }

    #[test]
    fn arbitrary_keys_and_rests_never_panic(
        key in prop::collection::vec(any::<u8>(), 0..300),
        rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        join(&key, &rest, &mut Vec::new());
    }
}

#[test]
fn types_are_told_apart_though_their_values_are_the_same() {
    let mac = EvpnRoute::MacIp(MacIp {
        rd: RouteDistinguisher(RD),
        esi: Esi::ZERO,
        ethernet_tag: EthernetTag::ZERO,
        mac: MacAddr(MAC),
        ip: None,
        label1: [0, 0, 10],
        label2: None,
    });
    let mut wire = mac.to_wire();
    wire[0] = 200;
    assert_ne!(split(&wire).unwrap().0, split(&mac.to_wire()).unwrap().0);
    assert!(matches!(EvpnRoute::parse(&wire), Ok((EvpnRoute::Unknown(_), 35))));
}
