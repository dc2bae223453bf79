//! A neighbour against what FRR 8.4 printed of it.

use super::*;
use crate::{
    peer::{
        Administrative, DownReason, Endpoints, FsmState, Negotiated, NotificationSummary, PeerKind, Sender,
    },
    rib::PeerCounters,
    session::MessageCounts,
    show::{
        bench::{self, EPOCH},
        filters::Filters,
        peer_view::{FamilyView, PolicyMissing, no_session},
        text::Clock,
    },
    wire::capability::GracefulRestartFamily,
};
use serde_json::{Value, json};
use std::{
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant, UNIX_EPOCH},
};

fn negotiated() -> Negotiated {
    let restart = GracefulRestart {
        restarting: true,
        notification: true,
        restart_time: 120,
        families: vec![GracefulRestartFamily { afi: 25, safi: 70, forwarding_preserved: false }],
    };
    Negotiated {
        kind: PeerKind::Internal,
        local_as: 65_000,
        remote_as: 65_000,
        local_id: Ipv4Addr::new(10, 255, 0, 100),
        remote_id: Ipv4Addr::new(10, 255, 0, 1),
        endpoints: Endpoints {
            local: "10.255.0.100:179".parse().unwrap(),
            remote: "10.255.0.1:46251".parse().unwrap(),
        },
        families: vec![Family::L2vpnEvpn],
        four_octet_as: true,
        max_message: 65_535,
        max_receive: 65_535,
        add_path: Vec::new(),
        extended_next_hop: false,
        route_refresh: true,
        enhanced_refresh: true,
        graceful_restart: None,
        hold_time: Duration::from_secs(3),
        keepalive: Duration::from_secs(1),
        hostname: Some("leaf1".to_owned()),
        remote_capabilities: vec![
            Capability::Multiprotocol { afi: 25, safi: 70 },
            Capability::RouteRefresh,
            Capability::ExtendedMessage,
            Capability::FourOctetAs(65_000),
            Capability::Fqdn { hostname: "leaf1".to_owned(), domain: String::new() },
            Capability::GracefulRestart(restart),
        ],
    }
}

fn silent() -> PeerView {
    let start = Instant::now();
    let mut settings = bench::settings(1, 65_000);
    settings.router_id = Ipv4Addr::new(10, 255, 0, 100);
    settings.hostname = Some("reflector".to_owned());
    settings.peer_group = Some("LEAF".to_owned());
    settings.description = Some("first leaf".to_owned());
    settings.timers.hold = Duration::from_secs(3);
    settings.timers.keepalive = Duration::from_secs(1);
    settings.timers.connect_retry = Duration::from_secs(1);
    settings.families.values_mut().for_each(|family| family.route_reflector_client = true);
    let family = FamilyView {
        family: Family::L2vpnEvpn,
        counters: PeerCounters::default(),
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
        families: vec![family],
        held_down: false,
        clock: Clock::new(start + Duration::from_secs(51), UNIX_EPOCH + Duration::from_secs(EPOCH)),
    }
}

fn established() -> PeerView {
    let mut peer = silent();
    peer.status.state = FsmState::Established;
    peer.status.established = 1;
    peer.status.negotiated = Some(Arc::new(negotiated()));
    peer.status.sent = MessageCounts { opens: 1, updates: 9, keepalives: 51, ..MessageCounts::default() };
    peer.status.received = MessageCounts { opens: 1, updates: 5, keepalives: 51, ..MessageCounts::default() };
    let family = &mut peer.families[0];
    family.counters =
        PeerCounters { received: 16, accepted: 15, sent: 30, end_of_rib: true, ..PeerCounters::default() };
    family.group = Some((1, 1));
    family.end_of_rib_sent = true;
    peer
}

#[test]
fn an_established_neighbour_is_in_frrs_words() {
    assert_eq!(
        text::neighbour(&established()),
        "BGP neighbor is 10.255.0.1, remote AS 65000, local AS 65000, internal link\n \
         Description: first leaf\nHostname: leaf1\n Member of peer-group LEAF for session parameters\n  \
         BGP version 4, remote router ID 10.255.0.1, local router ID 10.255.0.100\n  \
         BGP state = Established, up for 00:00:51\n  \
         Hold time is 3 seconds, keepalive interval is 1 seconds\n  \
         Configured hold time is 3 seconds, keepalive interval is 1 seconds\n  \
         Neighbor capabilities:\n    4 Byte AS: advertised and received\n    \
         Extended Message: advertised and received\n    Route refresh: advertised and received\n    \
         Enhanced Route Refresh: advertised\n    \
         Address Family L2VPN EVPN: advertised and received\n    \
         Hostname Capability: advertised (name: reflector,domain name: n/a) \
         received (name: leaf1,domain name: n/a)\n    \
         Graceful Restart Capability: advertised and received\n      \
         Remote Restart timer is 120 seconds\n      Address families by peer:\n        \
         L2VPN EVPN(not preserved)\n  \
         Graceful restart information:\n    End-of-RIB send: L2VPN EVPN\n    \
         End-of-RIB received: L2VPN EVPN\n    Local GR Mode: Restart\n    Remote GR Mode: Restart\n    \
         R bit: True\n    N bit: True\n    Timers:\n      Configured Restart Time(sec): 120\n      \
         Received Restart Time(sec): 120\n      Configured Stale Path Time(sec): 360\n  \
         Message statistics:\n    Inq depth is 0\n    Outq depth is 0\n                         \
         Sent       Rcvd\n    Opens:                  1          1\n    \
         Notifications:          0          0\n    Updates:                9          5\n    \
         Keepalives:            51         51\n    Route Refresh:          0          0\n    \
         Total:                 61         57\n\n \
         For address family: L2VPN EVPN\n  LEAF peer-group member\n  Update group 1, subgroup 1\n  \
         Packet Queue length 0\n  Route-Reflector Client\n  \
         NEXT_HOP is propagated unchanged to this neighbor\n  \
         Community attribute sent to this neighbor(all)\n  15 accepted prefixes\n  \
         1 received prefixes are not used\n\n  \
         Connections established 1; dropped 0\n  Last reset never\n  \
         Internal BGP neighbor may be up to 255 hops away.\n\
         Local host: 10.255.0.100, Local port: 179\nForeign host: 10.255.0.1, Foreign port: 46251\n\
         BGP Connect Retry Timer in Seconds: 1\n\n"
    );
}

#[test]
fn an_established_neighbour_has_frrs_keys() {
    let json = json::neighbour(&established());
    for (key, value) in [
        ("bgpState", json!("Established")),
        ("remoteAs", json!(65_000)),
        ("localAs", json!(65_000)),
        ("nbrInternalLink", json!(true)),
        ("nbrDesc", json!("first leaf")),
        ("hostname", json!("leaf1")),
        ("peerGroup", json!("LEAF")),
        ("remoteRouterId", json!("10.255.0.1")),
        ("localRouterId", json!("10.255.0.100")),
        ("bgpTimerUpMsec", json!(51_000)),
        ("bgpTimerUpString", json!("00:00:51")),
        ("bgpTimerUpEstablishedEpoch", json!(EPOCH - 51)),
        ("bgpTimerHoldTimeMsecs", json!(3000)),
        ("connectionsEstablished", json!(1)),
        ("connectionsDropped", json!(0)),
        ("lastReset", json!("never")),
        ("hostLocal", json!("10.255.0.100")),
        ("portLocal", json!(179)),
        ("hostForeign", json!("10.255.0.1")),
        ("portForeign", json!(46_251)),
        ("internalBgpNbrMaxHopsAway", json!(255)),
    ] {
        assert_eq!(json[key], value, "{key}");
    }
    assert_eq!(
        json["neighborCapabilities"],
        json!({
            "4byteAs": "advertisedAndReceived", "extendedMessage": "advertisedAndReceived",
            "routeRefresh": "advertisedAndReceived", "enhancedRouteRefresh": "advertised",
            "multiprotocolExtensions": {"l2VpnEvpn": {"advertisedAndReceived": true}},
            "hostName": {
                "advHostName": "reflector", "advDomainName": "n/a", "rcvHostName": "leaf1", "rcvDomainName": "n/a"
            },
            "gracefulRestart": "advertisedAndReceived", "gracefulRestartRemoteTimerMsecs": 120_000,
            "addressFamiliesByPeer": {"l2VpnEvpn": {}}
        })
    );
    assert_eq!(json["gracefulRestartInfo"]["endOfRibRecv"], json!({"l2VpnEvpn": true}));
    assert_eq!(json["messageStats"]["totalSent"], 61);
    let family = &json["addressFamilyInfo"]["l2VpnEvpn"];
    assert_eq!((&family["acceptedPrefixCounter"], &family["sentPrefixCounter"]), (&json!(15), &json!(30)));
    assert_eq!((&family["updateGroupId"], &family["routeReflectorClient"]), (&json!(1), &json!(true)));
}

#[test]
fn a_neighbour_without_a_session_says_why() {
    let mut peer = silent();
    let summary = NotificationSummary {
        sender: Sender::Remote,
        code: 6,
        subcode: 2,
        hard_reset: true,
        communication: Some("upgrade".to_owned()),
    };
    let reason =
        DownReason { retain: false, notification: Some(summary), text: "the neighbour shut down".into() };
    peer.status.last_down = Some((peer.status.since, reason));
    peer.status.dropped = 1;
    let words = text::neighbour(&peer);
    assert!(words.contains("  BGP state = Idle\n"), "{words}");
    assert!(
        words.contains(
            "  Last reset 00:00:51,  Notification received (Cease/Administrative Shutdown)\n    \
             Message received that caused the reset: \"upgrade\"\n"
        ),
        "{words}"
    );
    assert!(!words.contains("Neighbor capabilities"), "{words}");
    let json = json::neighbour(&peer);
    for (key, value) in [
        ("lastResetTimerMsecs", json!(51_000)),
        ("lastResetDueTo", json!("BGP Notification received")),
        ("lastErrorCodeSubcode", json!("0602")),
        ("lastShutdownDescription", json!("upgrade")),
        ("hostLocal", json!("Unknown")),
        ("portForeign", json!(-1)),
    ] {
        assert_eq!(json[key], value, "{key}");
    }
    assert_eq!(json.get("neighborCapabilities"), None::<&Value>);
    assert_eq!(json["gracefulRestartInfo"]["remoteGrMode"], "NotApplicable");
}

#[test]
fn an_external_neighbour_without_policy_and_one_shut_down() {
    let mut peer = silent();
    peer.settings.remote_as = crate::peer::RemoteAs::Number(65_003);
    peer.settings.administrative = Administrative::Shutdown { message: None };
    peer.families[0].policy_missing = PolicyMissing { inbound: true, outbound: true };
    let words = text::neighbour(&peer);
    assert!(words.contains("remote AS 65003, local AS 65000, external link\n"), "{words}");
    assert!(words.contains(" Administratively shut down\n"), "{words}");
    assert!(words.contains("  Inbound updates discarded due to missing policy\n"), "{words}");
    assert!(words.contains("  External BGP neighbor may be up to 1 hops away.\n"), "{words}");
    let json = json::neighbour(&peer);
    assert_eq!((&json["adminShutDown"], &json["nbrExternalLink"]), (&json!(true), &json!(true)));
    let family = &json["addressFamilyInfo"]["l2VpnEvpn"];
    assert_eq!(family["inboundEbgpRequiresPolicy"], "Inbound updates discarded due to missing policy");
}

#[test]
fn filters_are_named_as_in_frr() {
    use crate::show::filters::Named;
    let mut peer = established();
    let named = |name: &str, exists| Some(Named { name: name.to_owned(), exists });
    peer.families[0].filters = Filters {
        prefix_list_in: named("TEN", true),
        route_map_out: named("NOPE", false),
        ..Filters::default()
    };
    let words = text::neighbour(&peer);
    assert!(
        words.contains(
            "  Incoming update prefix filter list is *TEN\n  Route map for outgoing advertisements is NOPE\n"
        ),
        "{words}"
    );
    let family = &json::neighbour(&peer)["addressFamilyInfo"]["l2VpnEvpn"];
    assert_eq!(family["incomingUpdatePrefixFilterList"], "*TEN");
    assert_eq!(family["routeMapForOutgoingAdvertisements"], "NOPE");
}
