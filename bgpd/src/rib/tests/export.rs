//! The rules of export, one by one, and that nothing that makes a difference is missing in
//! the key of update groups.

use super::*;
use crate::peer::{AllowAsIn, MaximumPrefix};
use crate::wire::attribute::{AsPath, Origin, RawAttribute};
use std::net::IpAddr;
use weft_evpn::ExtendedCommunity;

const SPEAKER: Speaker = Speaker {
    router_id: Ipv4Addr::new(8, 8, 8, 8),
    cluster_id: Ipv4Addr::new(9, 9, 9, 9),
    default_local_pref: 100,
    client_to_client: true,
};

fn peer(kind: PeerKind, client: bool) -> RibPeer {
    let mut row = RibPeerFamily::new(Family::L2vpnEvpn);
    row.settings.route_reflector_client = client;
    RibPeer {
        kind,
        local_as: 65_000,
        remote_as: 65_001,
        router_id: Ipv4Addr::new(1, 1, 1, 1),
        address: IpAddr::V4(Ipv4Addr::new(2, 2, 2, 2)),
        enforce_first_as: false,
        four_octet_as: true,
        extended_next_hop: false,
        max_message: 4096,
        enhanced_refresh: true,
        restarting: false,
        stale_path_time: std::time::Duration::ZERO,
        families: vec![row],
    }
}

fn key(kind: PeerKind, client: bool) -> GroupKey {
    let peer = peer(kind, client);
    GroupKey::of(&peer, &peer.families[0])
}

fn anywhere(from: Origination) -> super::Origin {
    super::Origin { from, domain: None }
}

fn internal(client: bool) -> Origination {
    Origination::Internal { client, router_id: Ipv4Addr::new(5, 5, 5, 5) }
}

fn full() -> Arc<AttributeSet> {
    Arc::new(AttributeSet {
        origin: Origin::Egp,
        as_path: AsPath(vec![
            AsSegment { kind: AsSegmentKind::ConfedSequence, asns: vec![1] },
            AsSegment { kind: AsSegmentKind::Sequence, asns: vec![65_010] },
        ]),
        next_hop: Some(Ipv4Addr::new(10, 0, 0, 1).into()),
        med: Some(5),
        local_pref: Some(200),
        originator_id: Some(Ipv4Addr::new(7, 7, 7, 7)),
        cluster_list: vec![Ipv4Addr::new(8, 8, 8, 8)],
        ext_communities: vec![
            ExtendedCommunity([0, 2, 0, 0, 0, 0, 0, 1]),
            ExtendedCommunity([0x40, 2, 0, 0, 0, 0, 0, 1]),
        ],
        ipv6_ext_communities: vec![[0; 20], [0x40; 20]],
        unknown: vec![RawAttribute { flags: 0xe0, code: 99, value: vec![1, 2] }],
        ..AttributeSet::default()
    })
}

#[test]
fn ibgp_split_horizon_and_reflection() {
    let set = full();
    let may = |from, client| may_send(&SPEAKER, &key(PeerKind::Internal, client), anywhere(from), &set);
    assert!(!may(internal(false), false));
    assert!(may(internal(false), true) && may(internal(true), false) && may(internal(true), true));
    assert!(may(Origination::Local, false) && may(Origination::External, false));
    let quiet = Speaker { client_to_client: false, ..SPEAKER };
    assert!(!may_send(&quiet, &key(PeerKind::Internal, true), anywhere(internal(true)), &set));
    assert!(may_send(&quiet, &key(PeerKind::Internal, false), anywhere(internal(true)), &set));
}

#[test]
fn well_known_communities_and_rfc_8212() {
    let with = |community| AttributeSet { communities: vec![community], ..AttributeSet::default() };
    let (inside, outside) = (key(PeerKind::Internal, true), key(PeerKind::External, false));
    for (community, in_, out) in [
        (NO_EXPORT, true, false),
        (NO_EXPORT_SUBCONFED, true, false),
        (NO_ADVERTISE, false, false),
        (1, true, true),
    ] {
        assert_eq!(may_send(&SPEAKER, &inside, anywhere(Origination::Local), &with(community)), in_);
        assert_eq!(may_send(&SPEAKER, &outside, anywhere(Origination::Local), &with(community)), out);
    }
    let closed = GroupKey { policy_out: false, ..outside };
    assert!(!may_send(&SPEAKER, &closed, anywhere(Origination::Local), &with(1)));
}

#[test]
fn reflection_changes_nothing_but_its_own_attributes() {
    let set = full();
    let sent = outbound(&SPEAKER, &key(PeerKind::Internal, true), internal(true), &set);
    let mut expected = AttributeSet::clone(&set);
    expected.cluster_list.insert(0, SPEAKER.cluster_id);
    assert_eq!(*sent, expected);
    let mut first = AttributeSet::clone(&set);
    (first.originator_id, first.local_pref) = (None, None);
    let sent = outbound(&SPEAKER, &key(PeerKind::Internal, true), internal(false), &Arc::new(first));
    assert_eq!((sent.originator_id, sent.local_pref), (Some(Ipv4Addr::new(5, 5, 5, 5)), None));
}

#[test]
fn to_ibgp_local_pref_is_given_and_nothing_else() {
    let set = Arc::new(AttributeSet {
        local_pref: None,
        cluster_list: Vec::new(),
        originator_id: None,
        ..AttributeSet::clone(&full())
    });
    for from in [Origination::Local, Origination::External] {
        let sent = outbound(&SPEAKER, &key(PeerKind::Internal, false), from, &set);
        assert_eq!(*sent, AttributeSet { local_pref: Some(100), ..AttributeSet::clone(&set) });
    }
}

#[test]
fn at_the_border_of_the_as() {
    let set = full();
    let sent = outbound(&SPEAKER, &key(PeerKind::External, false), internal(true), &set);
    let path = AsPath(vec![AsSegment { kind: AsSegmentKind::Sequence, asns: vec![65_000, 65_010] }]);
    let expected = AttributeSet {
        as_path: path,
        med: None,
        local_pref: None,
        originator_id: None,
        cluster_list: Vec::new(),
        ext_communities: vec![ExtendedCommunity([0, 2, 0, 0, 0, 0, 0, 1])],
        ipv6_ext_communities: vec![[0; 20]],
        ..AttributeSet::clone(&set)
    };
    assert_eq!(*sent, expected);
    let own = outbound(&SPEAKER, &key(PeerKind::External, false), Origination::Local, &set);
    assert_eq!(own.med, Some(5));
}

#[test]
fn prepending_begins_a_segment_when_it_must() {
    let path = |kind, asns: Vec<u32>| AttributeSet {
        as_path: AsPath(vec![AsSegment { kind, asns }]),
        ..AttributeSet::default()
    };
    let segments = |mut set: AttributeSet| {
        prepend(&mut set, 1);
        set.as_path.0.iter().map(|segment| segment.asns.len()).collect::<Vec<_>>()
    };
    assert_eq!(segments(AttributeSet::default()), [1]);
    assert_eq!(segments(path(AsSegmentKind::Sequence, vec![2; 254])), [255]);
    assert_eq!(segments(path(AsSegmentKind::Sequence, vec![2; 255])), [1, 255]);
    assert_eq!(segments(path(AsSegmentKind::Set, vec![2])), [1, 1]);
}

#[test]
fn the_next_hop_is_kept_unless_the_rule_says_otherwise() {
    let set = full();
    let own = IpAddr::V4(Ipv4Addr::new(4, 4, 4, 4));
    let rule = GroupKey { next_hop: NextHopRule::Own(own), ..key(PeerKind::External, false) };
    assert_eq!(outbound(&SPEAKER, &rule, Origination::External, &set).next_hop, Some(own));
    assert_eq!(outbound(&SPEAKER, &rule, Origination::Local, &set).next_hop, set.next_hop);
}

type Change = fn(&mut RibPeer);

/// `GroupKey::of` names every field, so a new one does not compile until somebody decides; here
/// stands what was decided.
#[test]
fn every_knob_that_changes_what_is_sent_is_in_the_key() {
    let differ: [(&str, Change); 10] = [
        ("kind", |peer| peer.kind = PeerKind::External),
        ("client", |peer| peer.families[0].settings.route_reflector_client = true),
        ("local AS", |peer| peer.local_as = 1),
        ("4-octet AS", |peer| peer.four_octet_as = false),
        ("message size", |peer| peer.max_message = 65_535),
        ("add-path", |peer| peer.families[0].add_path = true),
        ("policy", |peer| {
            let rules = std::sync::Arc::new(crate::rib::tests::policy::Rules::default());
            peer.families[0].policy_export = Some(PolicyRef::new(rules, 1));
        }),
        ("domain", |peer| peer.families[0].domain = DomainId::of_name("elsewhere")),
        ("policy out", |peer| peer.families[0].policy_out = false),
        ("next hop", |peer| peer.families[0].next_hop = NextHopRule::Own(Ipv4Addr::new(4, 4, 4, 4).into())),
    ];
    let same: [(&str, Change); 15] = [
        ("remote AS", |peer| peer.remote_as = 7),
        ("identifier", |peer| peer.router_id = Ipv4Addr::new(3, 3, 3, 3)),
        ("address", |peer| peer.address = Ipv4Addr::new(3, 3, 3, 3).into()),
        ("enhanced refresh", |peer| peer.enhanced_refresh = false),
        ("restarting", |peer| peer.restarting = true),
        ("stale path time", |peer| peer.stale_path_time = std::time::Duration::MAX),
        ("first AS", |peer| peer.enforce_first_as = true),
        ("extended next hop", |peer| peer.extended_next_hop = true),
        ("default-originate", |peer| peer.families[0].settings.default_originate = true),
        ("import policy", |peer| {
            let rules = std::sync::Arc::new(crate::rib::tests::policy::Rules::default());
            peer.families[0].policy_import = Some(PolicyRef::new(rules, 1));
        }),
        ("restart", |peer| peer.families[0].restart = Some(true)),
        ("policy in", |peer| peer.families[0].policy_in = false),
        ("allowas-in", |peer| peer.families[0].settings.allowas_in = AllowAsIn::Times(3)),
        ("maximum-prefix", |peer| {
            peer.families[0].settings.maximum_prefix = Some(MaximumPrefix {
                limit: 1,
                threshold: 75,
                warning_only: true,
                all_beyond: false,
                restart: None,
            });
        }),
        ("soft reconfiguration", |peer| peer.families[0].settings.soft_reconfiguration_inbound = true),
    ];
    let of = |change: Change| {
        let mut peer = peer(PeerKind::Internal, false);
        change(&mut peer);
        GroupKey::of(&peer, &peer.families[0])
    };
    let plain = of(|_| {});
    for (name, change) in differ {
        assert_ne!(of(change), plain, "{name}");
    }
    for (name, change) in same {
        assert_eq!(of(change), plain, "{name}");
    }
    let unicast: [(&str, Change); 3] = [
        ("extended next hop", |peer| peer.extended_next_hop = true),
        ("default-originate", |peer| peer.families[0].settings.default_originate = true),
        ("next hop", |peer| peer.families[0].next_hop = NextHopRule::OwnIfNone([4, 4, 4, 4].into())),
    ];
    let of = |change: Change| {
        let mut peer = peer(PeerKind::Internal, false);
        peer.families[0].family = Family::Ipv4Unicast;
        change(&mut peer);
        GroupKey::of(&peer, &peer.families[0])
    };
    for (name, change) in unicast {
        assert_ne!(of(change), of(|_| {}), "{name}");
    }
}
