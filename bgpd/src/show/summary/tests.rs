//! The summary against what FRR 8.4 printed of the same neighbours.

use super::*;
use crate::{
    peer::{Administrative, DownReason, FsmState, PeerSettings},
    rib::PeerCounters,
    session::MessageCounts,
    show::{
        bench::{self, EPOCH},
        filters::Filters,
        peer_view::{FamilyView, PolicyMissing, no_session},
        text::Clock,
    },
};
use std::time::{Duration, Instant, UNIX_EPOCH};

const FAMILY: Family = Family::L2vpnEvpn;

fn head() -> Head {
    Head {
        instance: "default".to_owned(),
        vrf_id: Some(0),
        family: FAMILY,
        router_id: Ipv4Addr::new(10, 255, 0, 100),
        asn: 65_000,
        version: 8,
        destinations: 30,
        table_bytes: 1344,
        peers: 5,
        dynamic: 0,
        groups: 1,
        multipath_relax: false,
        width: 12,
    }
}

/// A neighbour of which nothing is known but its settings.
fn silent(settings: PeerSettings) -> PeerView {
    let start = Instant::now();
    let view = |counters| FamilyView {
        family: FAMILY,
        counters,
        version: 0,
        group: None,
        end_of_rib_sent: false,
        policy_missing: PolicyMissing::default(),
        filters: Filters::default(),
        constraint: None,
    };
    PeerView {
        settings,
        status: no_session(start),
        families: vec![view(PeerCounters::default())],
        held_down: false,
        clock: Clock::new(start + Duration::from_secs(71), UNIX_EPOCH + Duration::from_secs(EPOCH)),
    }
}

/// Up for 71 seconds, 77 messages received and 81 sent.
fn established(settings: PeerSettings) -> PeerView {
    let mut peer = silent(settings);
    peer.status.state = FsmState::Established;
    peer.status.established = 1;
    peer.status.received = MessageCounts { keepalives: 76, opens: 1, ..MessageCounts::default() };
    peer.status.sent = MessageCounts { keepalives: 80, opens: 1, ..MessageCounts::default() };
    peer.families[0].counters =
        PeerCounters { accepted: 15, received: 15, sent: 30, ..PeerCounters::default() };
    peer
}

fn leaf() -> PeerView {
    let mut peer = established(bench::settings(1, 65_000));
    peer.settings.description = Some("first leaf".to_owned());
    peer
}

#[test]
fn the_columns_are_frrs() {
    let head_text = head().text();
    assert_eq!(
        head_text,
        "BGP router identifier 10.255.0.100, local AS number 65000 vrf-id 0\nBGP table version 8\n\
         RIB entries 30, using 1344 bytes of memory\nPeers 5\nPeer groups 1\n\n"
    );
    let mut policy = established(bench::settings(3, 65_003));
    policy.families[0].policy_missing = PolicyMissing { inbound: true, outbound: true };
    let mut shut = silent(bench::settings(10, 65_010));
    shut.settings.administrative = Administrative::Shutdown { message: None };
    let mut active = silent(bench::settings(9, 65_000));
    active.status.state = FsmState::Active;
    let rows = [leaf(), established(bench::settings(2, 65_000)), policy, active, shut];
    let columns = head().columns();
    let lines: String = rows.iter().map(|peer| row(columns, FAMILY, SessionFilter::Any, peer)).collect();
    assert_eq!(
        column_heads(columns, SessionFilter::Any) + &lines,
        "Neighbor        V         AS   MsgRcvd   MsgSent   TblVer  InQ OutQ  Up/Down State/PfxRcd   PfxSnt Desc\n\
         10.255.0.1      4      65000        77        81        0    0    0 00:01:11           15       30 first leaf\n\
         10.255.0.2      4      65000        77        81        0    0    0 00:01:11           15       30 N/A\n\
         10.255.0.3      4      65003        77        81        0    0    0 00:01:11     (Policy) (Policy) N/A\n\
         10.255.0.9      4      65000         0         0        0    0    0    never       Active        0 N/A\n\
         10.255.0.10     4      65010         0         0        0    0    0    never Idle (Admin)        0 N/A\n"
    );
}

#[test]
fn failed_sessions_have_their_reasons() {
    let mut lost = silent(bench::settings(2, 65_000));
    lost.status.established = 1;
    lost.status.dropped = 1;
    let reason =
        DownReason { retain: true, notification: None, text: "connection closed by the neighbour".into() };
    lost.status.last_down = Some((lost.status.since, reason));
    let mut refused = silent(bench::settings(9, 65_000));
    refused.status.last_failure = Some("connection refused".to_owned());
    let columns = head().columns();
    let lines: String =
        [&lost, &refused].iter().map(|peer| row(columns, FAMILY, SessionFilter::Failed, peer)).collect();
    assert_eq!(
        column_heads(columns, SessionFilter::Failed) + &lines,
        "Neighbor        EstdCnt DropCnt ResetTime Reason\n\
         10.255.0.2            1       1  00:01:11 connection closed by the neighbour\n\
         10.255.0.9            0       0     never connection refused\n"
    );
    let json = peer_json(FAMILY, SessionFilter::Failed, &lost);
    assert_eq!(
        json,
        json!({
            "connectionsEstablished": 1, "connectionsDropped": 1, "peerUptime": "00:01:11",
            "peerUptimeMsec": 71_000, "peerUptimeEstablishedEpoch": EPOCH - 71,
            "lastResetDueTo": "connection closed by the neighbour", "idType": "ipv4"
        })
    );
}

#[test]
fn the_json_has_frrs_keys() {
    assert_eq!(
        peer_json(FAMILY, SessionFilter::Any, &leaf()),
        json!({
            "remoteAs": 65_000, "localAs": 65_000, "version": 4, "msgRcvd": 77, "msgSent": 81,
            "tableVersion": 0, "outq": 0, "inq": 0, "peerUptime": "00:01:11", "peerUptimeMsec": 71_000,
            "peerUptimeEstablishedEpoch": EPOCH - 71, "pfxRcd": 15, "pfxSnt": 30, "state": "Established",
            "peerState": "OK", "connectionsEstablished": 1, "connectionsDropped": 0, "desc": "first leaf",
            "idType": "ipv4"
        })
    );
    let mut policy = established(bench::settings(3, 65_003));
    policy.families[0].policy_missing = PolicyMissing { inbound: true, outbound: true };
    assert_eq!(peer_json(FAMILY, SessionFilter::Any, &policy)["peerState"], "Policy");
    let mut held = silent(bench::settings(4, 65_000));
    held.held_down = true;
    let json = peer_json(FAMILY, SessionFilter::Any, &held);
    assert_eq!((&json["state"], &json["peerUptime"]), (&json!("Idle (PfxCt)"), &json!("never")));
    let mut stream = JsonStream::object();
    head().json(&mut stream);
    let json: Value = serde_json::from_str(&stream.finish()).unwrap();
    assert_eq!(
        (&json["as"], &json["vrfName"], &json["ribCount"]),
        (&json!(65_000), &json!("default"), &json!(30))
    );
}

#[test]
fn long_addresses_widen_the_column_and_filters_choose() {
    let wide = Head { width: "2001:db8:1234:5678::1".len(), ..head() };
    assert_eq!(wide.columns(), 22);
    let up = leaf();
    let down = silent(bench::settings(9, 65_000));
    assert!(is_wanted(SessionFilter::Established, &up) && !is_wanted(SessionFilter::Failed, &up));
    assert!(is_wanted(SessionFilter::Failed, &down) && !is_wanted(SessionFilter::Established, &down));
}
