//! Each line of RFC 7606's matrix: one malformed UPDATE, and what must come of it.

use super::{
    AS_PATH, IMET_ROUTE, MAC_ROUTE, ORIGIN, UNKNOWN_ROUTE, attribute, body, external, frame, internal,
    mp_reach, mp_unreach, update,
};
use crate::wire::update::{AttributeIssue, IssueAction, IssueReason};
use crate::wire::{DecodeContext, Decoder, Family};
use IssueAction::{AttributeDiscard, Ignored, TreatAsWithdraw};

/// The attribute is at fault and the route is withdrawn; the session stays.
fn assert_withdrawn(context: DecodeContext, attributes: &[&[u8]], code: u8) -> AttributeIssue {
    let decoded = update(context, attributes).unwrap();
    assert!(decoded.update.reach.is_empty() && decoded.update.attributes.is_none());
    assert_eq!(decoded.update.unreach.len(), 1);
    assert_eq!(decoded.update.unreach[0].wire, MAC_ROUTE);
    let issue = *decoded.issues.iter().find(|issue| issue.action == TreatAsWithdraw).unwrap();
    assert_eq!(issue.code, Some(code));
    issue
}

/// The attribute is dropped, the route stays.
fn assert_discarded(context: DecodeContext, bad: &[u8]) {
    let good = update(context.clone(), &[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH]).unwrap();
    let decoded = update(context, &[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH, bad]).unwrap();
    assert_eq!(decoded.update, good.update, "attribute {}", bad[1]);
    assert_eq!(decoded.issues.len(), 1);
    assert_eq!((decoded.issues[0].code, decoded.issues[0].action), (Some(bad[1]), AttributeDiscard));
}

/// The session is reset.
fn assert_reset(context: DecodeContext, attributes: &[&[u8]], numbers: (u8, u8)) -> Vec<u8> {
    let notification = update(context, attributes).unwrap_err();
    assert_eq!(notification.error.numbers(), numbers);
    notification.data
}

/// An attribute with what must stand beside it, and nothing twice.
fn around<'a>(reach: &'a [u8], attribute: &'a [u8]) -> Vec<&'a [u8]> {
    let mandatory = [ORIGIN, AS_PATH].into_iter().filter(|other| other[1] != attribute[1]);
    [reach].into_iter().chain(mandatory).chain([attribute]).collect()
}

/// Malformed attributes that are treated as withdraw on an internal session.
fn withdrawing() -> Vec<Vec<u8>> {
    let long = |code, length| attribute(0xc0, code, &vec![1; length]);
    vec![
        // ORIGIN, AS_PATH, NEXT_HOP, MULTI_EXIT_DISC (§7.1 to 7.4).
        attribute(0x40, 1, &[]),
        attribute(0x40, 1, &[0, 0]),
        attribute(0x40, 1, &[3]),
        attribute(0x40, 2, &[2]),
        attribute(0x40, 2, &[2, 0]),
        attribute(0x40, 2, &[9, 1, 0, 0, 0, 1]),
        attribute(0x40, 2, &[2, 2, 0, 0, 0, 1]),
        attribute(0x40, 2, &[2, 1, 0, 0, 0, 1, 0]),
        // AS 0 (RFC 7607).
        attribute(0x40, 2, &[2, 2, 0, 0, 0, 1, 0, 0, 0, 0]),
        attribute(0x40, 3, &[10, 0, 0]),
        attribute(0x40, 3, &[10, 0, 0, 1, 0]),
        attribute(0x80, 4, &[0, 0, 0]),
        attribute(0x80, 4, &[0, 0, 0, 0, 0]),
        // LOCAL_PREF, COMMUNITIES, ORIGINATOR_ID, CLUSTER_LIST (§7.5, 7.8 to 7.10).
        attribute(0x40, 5, &[0, 0, 100]),
        attribute(0x40, 5, &[]),
        attribute(0xc0, 8, &[]),
        long(8, 3),
        long(8, 5),
        attribute(0x80, 9, &[1, 2, 3]),
        attribute(0x80, 9, &[]),
        attribute(0x80, 10, &[]),
        attribute(0x80, 10, &[1, 2, 3, 4, 5]),
        // Extended communities (§7.14), IPv6 (§7.15), large (RFC 8092 §5).
        attribute(0xc0, 16, &[]),
        long(16, 7),
        long(16, 12),
        attribute(0xc0, 25, &[]),
        long(25, 19),
        attribute(0xc0, 32, &[]),
        long(32, 11),
        long(32, 13),
        // PMSI Tunnel (RFC 6514 §5): too short, endpoint of neither 4 nor 16 octets.
        attribute(0xc0, 22, &[0, 6, 0, 0]),
        attribute(0xc0, 22, &[0, 6, 0, 0, 10]),
        attribute(0xc0, 22, &[0, 6, 0, 0, 10, 10, 0, 0]),
        attribute(0xc0, 22, &[0, 6, 0, 0, 10, 10, 0, 0, 1, 1]),
        // Tunnel Encapsulation (RFC 9012 §13): TLVs and sub-TLVs that do not fit.
        attribute(0xc0, 23, &[]),
        attribute(0xc0, 23, &[0, 8, 0]),
        attribute(0xc0, 23, &[0, 8, 0, 1]),
        attribute(0xc0, 23, &[0, 8, 0, 0, 1]),
        attribute(0xc0, 23, &[0, 8, 0, 2, 4, 1]),
        attribute(0xc0, 23, &[0, 8, 0, 2, 128, 0]),
    ]
}

#[test]
fn malformed_attributes_are_treated_as_withdraw() {
    for bad in withdrawing() {
        let reach = mp_reach(MAC_ROUTE);
        let attributes = around(&reach, &bad);
        let issue = assert_withdrawn(internal(), &attributes, bad[1]);
        // Where the attribute begins: after the header, two lengths and those before it.
        let before: usize = attributes[..attributes.len() - 1].iter().map(|attribute| attribute.len()).sum();
        assert_eq!(issue.offset, 23 + before);
    }
}

/// RFC 9135 §9.1.1: the route without a MAC alone, not those beside it and not the session.
#[test]
fn a_route_without_a_mac_is_passed_over() {
    let mut no_mac = MAC_ROUTE.to_vec();
    no_mac[24] = 0;
    for routes in [[MAC_ROUTE, &no_mac, MAC_ROUTE].concat(), [&no_mac, MAC_ROUTE, MAC_ROUTE].concat()] {
        for withdrawn in [false, true] {
            let field = if withdrawn { mp_unreach(&routes) } else { mp_reach(&routes) };
            let decoded = update(internal(), &[&field, ORIGIN, AS_PATH]).unwrap();
            let blocks = if withdrawn { &decoded.update.unreach } else { &decoded.update.reach };
            let seen: Vec<&[u8]> =
                blocks.iter().flat_map(|block| block.iter().map(|(_, route)| route)).collect();
            assert_eq!(seen, [MAC_ROUTE, MAC_ROUTE]);
            assert_eq!(decoded.update.attributes.is_some(), !withdrawn);
            let [issue] = decoded.issues.as_slice() else { panic!("{:?}", decoded.issues) };
            assert_eq!(issue.action, IssueAction::RouteWithdrawn);
            assert!(issue.to_string().contains("MAC length 0: that route treated as withdraw"), "{issue}");
        }
    }
}

#[test]
fn without_reachable_nlri_the_same_errors_reset_the_session() {
    // §5.2.
    for bad in withdrawing() {
        let notification = update(internal(), &[&mp_unreach(MAC_ROUTE), &bad]).unwrap_err();
        assert_eq!(notification.error.numbers().0, 3);
        assert_eq!(notification.data, bad, "the data is the attribute");
        assert!(update(internal(), &[&bad]).is_err());
        assert!(update(internal(), &around(&mp_reach(&[]), &bad)).is_err());
    }
}

#[test]
fn a_reset_for_want_of_nlri_has_the_subcode_of_rfc_4271() {
    for (bad, subcode) in [
        (attribute(0x80, 1, &[0]), 4),
        (attribute(0x40, 1, &[0, 0]), 5),
        (attribute(0x40, 1, &[9]), 6),
        (attribute(0x40, 2, &[9, 1, 0, 0, 0, 1]), 11),
        (attribute(0xc0, 23, &[0, 8, 0]), 9),
    ] {
        assert_eq!(assert_reset(internal(), &[&mp_unreach(MAC_ROUTE), &bad], (3, subcode)), bad);
    }
    let missing_end = [0x40, 1];
    assert_reset(internal(), &[&mp_unreach(MAC_ROUTE), &missing_end], (3, 1));
}

#[test]
fn discarded_attributes_do_not_reset_without_nlri() {
    let decoded = update(internal(), &[&mp_unreach(MAC_ROUTE), &attribute(0x40, 6, &[1])]).unwrap();
    assert_eq!(decoded.update.unreach.len(), 1);
    assert_eq!(decoded.issues[0].action, AttributeDiscard);
}

#[test]
fn atomic_aggregate_aggregator_and_as4_are_discarded() {
    assert_discarded(internal(), &attribute(0x40, 6, &[0]));
    assert_discarded(internal(), &attribute(0xc0, 7, &[0, 1, 10, 0, 0, 1]));
    assert_discarded(internal(), &attribute(0xc0, 7, &[0, 0, 0, 1, 10, 0, 0]));
    assert_discarded(internal(), &attribute(0xc0, 7, &[0, 0, 0, 0, 10, 0, 0, 1]));
}

#[test]
fn malformed_as4_attributes_of_a_2_octet_peer_are_discarded() {
    let narrow = DecodeContext { four_octet_as: false, ..internal() };
    let as_path = [0x40, 2, 4, 2, 1, 0xfd, 0xe8];
    let good = update(narrow.clone(), &[&mp_reach(MAC_ROUTE), ORIGIN, &as_path]).unwrap();
    for bad in [
        attribute(0xc0, 17, &[]),
        attribute(0xc0, 17, &[2, 1, 0, 0, 1]),
        attribute(0xc0, 17, &[7, 1, 0, 0, 0, 1]),
        attribute(0xc0, 17, &[2, 1, 0, 0, 0, 0]),
        attribute(0xc0, 18, &[0, 1, 10, 0, 0, 1]),
        attribute(0xc0, 18, &[0, 0, 0, 0, 10, 0, 0, 1]),
    ] {
        let decoded = update(narrow.clone(), &[&mp_reach(MAC_ROUTE), ORIGIN, &as_path, &bad]).unwrap();
        assert_eq!(decoded.update, good.update);
        assert_eq!((decoded.issues[0].code, decoded.issues[0].action), (Some(bad[1]), AttributeDiscard));
    }
}

#[test]
fn internal_attributes_from_an_external_peer_are_discarded_well_formed_or_not() {
    for bad in [
        attribute(0x40, 5, &[0, 0, 0, 100]),
        attribute(0x40, 5, &[1]),
        attribute(0x80, 9, &[1, 2, 3, 4]),
        attribute(0x80, 9, &[1]),
        attribute(0x80, 10, &[1, 2, 3, 4]),
        attribute(0x80, 10, &[]),
    ] {
        assert_discarded(external(), &bad);
    }
}

#[test]
fn confederation_segments_from_outside_are_treated_as_withdraw() {
    let confederation = attribute(0x40, 2, &[3, 1, 0, 0, 0, 1]);
    assert_withdrawn(external(), &[&mp_reach(MAC_ROUTE), ORIGIN, &confederation], 2);
    assert!(update(internal(), &[&mp_reach(MAC_ROUTE), ORIGIN, &confederation]).unwrap().issues.is_empty());
}

#[test]
fn flags_that_contradict_the_type_are_treated_as_withdraw() {
    // §3 c: well-formed attributes with the Optional or the Transitive bit turned.
    for good in [
        attribute(0x40, 1, &[0]),
        attribute(0x40, 2, &[]),
        attribute(0x40, 3, &[10, 0, 0, 1]),
        attribute(0x80, 4, &[0, 0, 0, 1]),
        attribute(0x40, 5, &[0, 0, 0, 1]),
        attribute(0x40, 6, &[]),
        attribute(0xc0, 7, &[0, 0, 0, 1, 10, 0, 0, 1]),
        attribute(0xc0, 8, &[0, 0, 0, 1]),
        attribute(0x80, 9, &[10, 0, 0, 1]),
        attribute(0x80, 10, &[10, 0, 0, 1]),
        attribute(0xc0, 16, &[0; 8]),
        attribute(0xc0, 22, &[0, 0, 0, 0, 0]),
        attribute(0xc0, 23, &[0, 8, 0, 0]),
        attribute(0xc0, 25, &[0; 20]),
        attribute(0xc0, 32, &[0; 12]),
    ] {
        for bit in [0x80, 0x40] {
            let mut bad = good.clone();
            bad[0] ^= bit;
            let reach = mp_reach(MAC_ROUTE);
            let attributes = around(&reach, &bad);
            let issue = assert_withdrawn(internal(), &attributes, bad[1]);
            assert_eq!(issue.reason, IssueReason::Flags { flags: bad[0] });
        }
        // The other bits do not matter; the partial bit is for others to judge.
        let mut odd = good.clone();
        odd[0] |= 0x2f;
        let reach = mp_reach(MAC_ROUTE);
        let attributes = around(&reach, &odd);
        assert!(update(internal(), &attributes).unwrap().issues.is_empty());
    }
}

#[test]
fn flags_of_the_multiprotocol_attributes_count_too() {
    let mut reach = mp_reach(MAC_ROUTE);
    reach[0] = 0xc0;
    assert_withdrawn(internal(), &[&reach, ORIGIN, AS_PATH], 14);
    let mut unreach = mp_unreach(MAC_ROUTE);
    unreach[0] = 0xc0;
    assert_withdrawn(internal(), &[&unreach], 15);
}

#[test]
fn missing_mandatory_attributes_are_treated_as_withdraw() {
    let issue = assert_withdrawn(internal(), &[&mp_reach(MAC_ROUTE), AS_PATH], 1);
    assert_eq!((issue.reason, issue.offset), (IssueReason::Missing, 23));
    assert_withdrawn(internal(), &[&mp_reach(MAC_ROUTE), ORIGIN], 2);
    // NEXT_HOP is in MP_REACH_NLRI; LOCAL_PREF is discretionary (RFC 4271 §5.1.5).
    assert!(update(internal(), &[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH]).unwrap().issues.is_empty());
}

#[test]
fn withdrawals_need_no_attributes() {
    let decoded = update(internal(), &[&mp_unreach(MAC_ROUTE)]).unwrap();
    assert!(decoded.issues.is_empty() && decoded.update.reach.is_empty());
    assert_eq!(decoded.update.unreach[0].wire, MAC_ROUTE);
    assert_eq!(decoded.update.end_of_rib, None);
}

#[test]
fn an_attribute_that_overruns_is_treated_as_withdraw() {
    // §4, both cases; what comes after cannot be found.
    let front = [&mp_reach(MAC_ROUTE)[..], ORIGIN, AS_PATH].concat();
    for (rest, code, reason) in [
        (&[0x80, 4, 5, 0, 0, 0, 0][..], Some(4), IssueReason::Overrun),
        (&[0x90, 4, 1, 0, 0], Some(4), IssueReason::Overrun),
        (&[0x80], None, IssueReason::Trailing),
        (&[0x80, 4], Some(4), IssueReason::Trailing),
        (&[0x90, 4, 0], Some(4), IssueReason::Trailing),
    ] {
        let decoded = update(internal(), &[&front, rest]).unwrap();
        assert_eq!(decoded.update.unreach[0].wire, MAC_ROUTE);
        assert!(decoded.update.reach.is_empty());
        let offset = 23 + front.len();
        assert_eq!(decoded.issues, [AttributeIssue { code, reason, action: TreatAsWithdraw, offset }]);
    }
}

#[test]
fn an_overrun_that_hides_the_nlri_resets_the_session() {
    let mut hidden = mp_reach(MAC_ROUTE);
    hidden[2] += 1;
    assert_reset(internal(), &[ORIGIN, AS_PATH, &hidden], (3, 1));
}

#[test]
fn lengths_of_the_message_that_do_not_fit_reset_the_session() {
    for body in
        [&[0, 1, 0, 0][..], &[0, 0, 0, 1], &[0xff, 0xff, 0, 0], &[0, 0, 0xff, 0xff, 1, 2], &[0, 2, 1, 2, 0]]
    {
        let mut decoder = Decoder::new(internal());
        let body = [body, &[0; 4][..4usize.saturating_sub(body.len())]].concat();
        let notification = decoder.decode_update(&frame(2, &body)).unwrap_err();
        assert_eq!(notification.error.numbers(), (3, 1));
    }
}

#[test]
fn a_second_multiprotocol_attribute_resets_the_session() {
    let (reach, unreach) = (mp_reach(MAC_ROUTE), mp_unreach(IMET_ROUTE));
    assert_reset(internal(), &[&reach, ORIGIN, AS_PATH, &reach], (3, 1));
    assert_reset(internal(), &[&unreach, &unreach], (3, 1));
    // One of each is fine.
    let decoded = update(internal(), &[&reach, &unreach, ORIGIN, AS_PATH]).unwrap();
    assert!(decoded.issues.is_empty());
    assert_eq!(
        (&decoded.update.reach[0].wire[..], &decoded.update.unreach[0].wire[..]),
        (MAC_ROUTE, IMET_ROUTE)
    );
}

#[test]
fn of_other_duplicates_the_first_is_kept() {
    let twice: [&[u8]; 2] = [&[0x80, 4, 4, 0, 0, 0, 1], &[0x80, 4, 4, 0, 0, 0, 2]];
    let decoded = update(internal(), &[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH, twice[0], twice[1]]).unwrap();
    assert_eq!(decoded.update.attributes.unwrap().med, Some(1));
    assert_eq!(
        (decoded.issues[0].reason, decoded.issues[0].action),
        (IssueReason::Duplicate, AttributeDiscard)
    );
    // Also of unknown ones, and even if the second is malformed.
    let unknown: [&[u8]; 2] = [&[0xc0, 99, 1, 1], &[0xc0, 99, 1, 2]];
    let decoded =
        update(internal(), &[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH, unknown[0], unknown[1], &[0x40, 1, 0]])
            .unwrap();
    assert_eq!(decoded.update.attributes.unwrap().unknown[0].value, [1]);
    assert_eq!(decoded.issues.len(), 2);
}

#[test]
fn next_hop_lengths_that_the_family_does_not_have_reset_the_session() {
    for length in [0, 3, 5, 8, 12, 15, 17, 24, 32, 48, 255] {
        let value = [&[0, 25, 70, length][..], &vec![1; usize::from(length)], &[0], MAC_ROUTE].concat();
        let bad = attribute(0x80, 14, &value);
        assert_eq!(assert_reset(internal(), &[&bad, ORIGIN, AS_PATH], (3, 9)), bad);
    }
}

#[test]
fn multiprotocol_attributes_that_are_too_short_reset_the_session() {
    for value in [&[][..], &[0, 25], &[0, 25, 70], &[0, 25, 70, 4, 10, 0, 0], &[0, 25, 70, 4, 10, 0, 0, 1]] {
        let bad = attribute(0x80, 14, value);
        assert_eq!(assert_reset(internal(), &[&bad, ORIGIN, AS_PATH], (3, 9)), bad);
    }
    for value in [&[][..], &[0, 25]] {
        let bad = attribute(0x80, 15, value);
        assert_eq!(assert_reset(internal(), &[&bad], (3, 9)), bad);
    }
}

#[test]
fn nlri_that_cannot_be_read_reset_the_session() {
    let mut long = MAC_ROUTE.to_vec();
    long[1] = 34;
    let mut mac_length = MAC_ROUTE.to_vec();
    mac_length[24] = 47;
    for nlri in
        [&[2][..], &[99, 4, 1, 2, 3], &long, &mac_length, &[MAC_ROUTE, &[3]].concat(), &[2, 0], &[5, 33]]
    {
        for bad in [mp_reach(nlri), mp_unreach(nlri)] {
            assert_eq!(assert_reset(internal(), &[&bad, ORIGIN, AS_PATH], (3, 9)), bad);
        }
    }
}

#[test]
fn an_unknown_route_type_is_a_route_like_others() {
    // §5.4 would skip it; a reflector has to relay it.
    let nlri = [UNKNOWN_ROUTE, MAC_ROUTE, UNKNOWN_ROUTE].concat();
    let decoded = update(internal(), &[&mp_reach(&nlri), ORIGIN, AS_PATH]).unwrap();
    assert!(decoded.issues.is_empty());
    let routes: Vec<_> = decoded.update.reach[0].iter().map(|(_, route)| route).collect();
    assert_eq!(routes, [UNKNOWN_ROUTE, MAC_ROUTE, UNKNOWN_ROUTE]);
}

#[test]
fn the_strongest_action_wins() {
    // §3 h: discard and withdraw make withdraw, whatever the order.
    let (discard, withdraw) = (attribute(0x40, 6, &[1]), attribute(0x80, 4, &[1]));
    for pair in [[&discard, &withdraw], [&withdraw, &discard]] {
        let decoded = update(internal(), &[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH, pair[0], pair[1]]).unwrap();
        assert!(decoded.update.reach.is_empty());
        assert_eq!(decoded.issues.len(), 2);
    }
    // And a reset beats both.
    let mut nlri = mp_reach(&[2, 0]);
    assert_reset(internal(), &[&discard, &withdraw, &nlri], (3, 9));
    nlri = mp_reach(MAC_ROUTE);
    assert_reset(internal(), &[&nlri, &withdraw, ORIGIN, AS_PATH, &[0x40, 200, 0]], (3, 2));
}

#[test]
fn an_unrecognized_well_known_attribute_is_3_2_with_the_attribute() {
    for flags in [0x40, 0x00] {
        let bad = attribute(flags, 200, &[1, 2]);
        assert_eq!(assert_reset(internal(), &[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH, &bad], (3, 2)), bad);
    }
}

#[test]
fn families_that_were_not_negotiated_are_ignored() {
    let ipv6 = |value: &[u8]| attribute(0x80, 14, &[&[0, 2, 1][..], value].concat());
    for reach in [ipv6(&[16, 1, 2]), ipv6(&[]), attribute(0x80, 15, &[0, 2, 1, 129, 1])] {
        let decoded = update(internal(), &[&reach, ORIGIN, AS_PATH]).unwrap();
        assert_eq!(decoded.update, Default::default());
        let reason = IssueReason::FamilyNotNegotiated { afi: 2, safi: 1 };
        let code = Some(reach[1]);
        assert_eq!(decoded.issues, [AttributeIssue { code, reason, action: Ignored, offset: 23 }]);
    }
    let none = DecodeContext { families: vec![], ..internal() };
    let decoded = update(none, &[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH]).unwrap();
    assert_eq!((decoded.update, decoded.issues.len()), (Default::default(), 1));
    // A malformed attribute beside them withdraws nothing and resets nothing.
    let decoded = update(internal(), &[&ipv6(&[16, 1, 2]), ORIGIN, AS_PATH, &[0x80, 4, 0]]).unwrap();
    assert_eq!((decoded.update, decoded.issues.len()), (Default::default(), 2));
}

#[test]
fn ipv4_routes_that_were_not_negotiated_are_ignored() {
    let attributes = [ORIGIN, AS_PATH, &[0x40, 3, 4, 10, 0, 0, 1]].concat();
    // Even if they could not be read.
    for nlri in [&[24, 192, 0, 2][..], &[99, 1]] {
        let decoded =
            Decoder::new(internal()).decode_update(&frame(2, &body(nlri, &attributes, nlri))).unwrap();
        assert_eq!(decoded.update, Default::default());
        let issue = |offset| {
            let reason = IssueReason::FamilyNotNegotiated { afi: 1, safi: 1 };
            AttributeIssue { code: None, reason, action: Ignored, offset }
        };
        let after = 23 + nlri.len() + attributes.len();
        assert_eq!(decoded.issues, [issue(21), issue(after)]);
    }
    // EVPN routes beside them are taken.
    let attributes = [&mp_reach(MAC_ROUTE), &attributes[..]].concat();
    let frame = frame(2, &body(&[], &attributes, &[24, 192, 0, 2]));
    let decoded = Decoder::new(internal()).decode_update(&frame).unwrap();
    assert_eq!(decoded.update.reach.len(), 1);
}

#[test]
fn end_of_rib() {
    let decoded = update(internal(), &[&mp_unreach(&[])]).unwrap();
    assert_eq!((decoded.update.end_of_rib, decoded.issues.len()), (Some(Family::L2vpnEvpn), 0));
    assert!(decoded.update.unreach.is_empty());
    // The empty UPDATE is IPv4 unicast's, a family without a row.
    let decoded = update(internal(), &[]).unwrap();
    assert_eq!(decoded, Default::default());
    // With anything else it is none.
    for attributes in [&[ORIGIN][..], &[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH]] {
        let attributes = [&mp_unreach(&[])[..], &attributes.concat()].concat();
        assert_eq!(update(internal(), &[&attributes]).unwrap().update.end_of_rib, None);
    }
    // Of a family that was not negotiated neither.
    let decoded = update(internal(), &[&attribute(0x80, 15, &[0, 2, 1])]).unwrap();
    assert_eq!((decoded.update.end_of_rib, decoded.issues.len()), (None, 1));
}

#[test]
fn the_number_of_issues_is_bounded() {
    let many = [0x80, 4, 0].repeat(1000);
    let decoded = update(internal(), &[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH, &many]).unwrap();
    assert_eq!(decoded.issues.len(), 16);
    assert!(decoded.update.reach.is_empty());
}

#[test]
fn notification_data_is_bounded() {
    let context = DecodeContext { max_length: u16::MAX, ..internal() };
    let bad = attribute(0x40, 200, &vec![7; 60_000]);
    let notification = update(context, &[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH, &bad]).unwrap_err();
    assert_eq!(notification.data.len(), 4096 - 21);
}

#[test]
fn issues_read_well() {
    let decoded =
        update(external(), &[&mp_reach(MAC_ROUTE), ORIGIN, AS_PATH, &[0x40, 5, 1, 1], &[0x80, 4, 0]])
            .unwrap();
    let lines: Vec<_> = decoded.issues.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "LOCAL_PREF at octet 83 is not allowed from this peer: attribute discarded",
            "MULTI_EXIT_DISC at octet 87 has a wrong length 0: treated as withdraw",
        ]
    );
}
