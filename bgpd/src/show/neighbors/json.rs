//! A neighbour in JSON, with FRR's keys.

use super::{Offers, hops, local_restart_mode, offers, remote_restart_mode};
use crate::{
    peer::{AllowAsIn, PeerOrigin, Sender, UpdateSource},
    show::{
        peer_view::{FamilyView, PeerView},
        text::{uptime, whole_millis},
    },
    wire::Family,
};
use serde_json::{Map, Value, json};

type Object = Map<String, Value>;

fn put(object: &mut Object, key: &str, value: impl Into<Value>) {
    object.insert(key.to_owned(), value.into());
}

/// A neighbour.
pub(super) fn neighbour(peer: &PeerView) -> Value {
    let mut json = Object::new();
    who(peer, &mut json);
    if let Some(offers) = offers(peer) {
        put(&mut json, "neighborCapabilities", capabilities(&offers));
    }
    put(&mut json, "gracefulRestartInfo", graceful_restart(peer));
    put(&mut json, "messageStats", messages(peer));
    if let Some(source) = &peer.settings.update_source {
        let source = match source {
            UpdateSource::Address(address) => address.to_string(),
            UpdateSource::Interface(interface) => interface.clone(),
        };
        put(&mut json, "updateSource", source);
    }
    let families = peer.families.iter();
    let families = families.map(|view| (view.family.row().json_key.to_owned(), about_family(peer, view)));
    put(&mut json, "addressFamilyInfo", families.collect::<Object>());
    connection(peer, &mut json);
    Value::Object(json)
}

fn who(peer: &PeerView, json: &mut Object) {
    let settings = &peer.settings;
    put(json, "remoteAs", peer.remote_as());
    put(json, "localAs", settings.local_as);
    put(json, if peer.is_internal() { "nbrInternalLink" } else { "nbrExternalLink" }, true);
    if let Some(description) = &settings.description {
        put(json, "nbrDesc", description.as_str());
    }
    if let Some(hostname) = peer.hostname() {
        put(json, "hostname", hostname);
    }
    if let Some(group) = &settings.peer_group {
        put(json, "peerGroup", group.as_str());
    }
    if let PeerOrigin::Dynamic { range } = settings.origin {
        put(json, "dynamicPeer", true);
        put(json, "subnetRangeGroup", range.to_string());
    }
    if peer.is_shut_down() {
        put(json, "adminShutDown", true);
    }
    if peer.held_down {
        put(json, "prefixOverflow", true);
    }
    put(json, "bgpVersion", 4);
    let remote_id = peer.negotiated().map_or(std::net::Ipv4Addr::UNSPECIFIED, |agreed| agreed.remote_id);
    put(json, "remoteRouterId", remote_id.to_string());
    put(json, "localRouterId", settings.router_id.to_string());
    put(json, "bgpState", peer.status.state.to_string());
    if let (true, Some(up)) = (peer.is_established(), peer.uptime()) {
        put(json, "bgpTimerUpMsec", whole_millis(up));
        put(json, "bgpTimerUpString", uptime(up));
        put(json, "bgpTimerUpEstablishedEpoch", peer.clock.epoch(peer.status.since));
    }
    let timers = settings.timers;
    put(json, "bgpTimerConfiguredHoldTimeMsecs", whole_millis(timers.hold));
    put(json, "bgpTimerConfiguredKeepAliveIntervalMsecs", whole_millis(timers.keepalive));
    let (hold, keepalive) = peer
        .negotiated()
        .map_or((timers.hold, timers.keepalive), |agreed| (agreed.hold_time, agreed.keepalive));
    put(json, "bgpTimerHoldTimeMsecs", whole_millis(hold));
    put(json, "bgpTimerKeepAliveIntervalMsecs", whole_millis(keepalive));
}

fn capabilities(offers: &Offers<'_>) -> Value {
    let mut json = Object::new();
    for (key, sides) in [
        ("4byteAs", offers.four_octet_as),
        ("extendedMessage", offers.extended_message),
        ("routeRefresh", offers.route_refresh),
        ("enhancedRouteRefresh", offers.enhanced_refresh),
    ] {
        if let Some(value) = sides.key() {
            put(&mut json, key, value);
        }
    }
    let families = offers
        .families
        .iter()
        .filter_map(|(family, sides)| Some((family.row().json_key.to_owned(), json!({sides.key()?: true}))));
    put(&mut json, "multiprotocolExtensions", families.collect::<Object>());
    if offers.own_name.is_some() || offers.remote_name.is_some() {
        let mut names = Object::new();
        if let Some(own) = offers.own_name {
            put(&mut names, "advHostName", own);
            put(&mut names, "advDomainName", "n/a");
        }
        if let Some((host, domain)) = offers.remote_name {
            put(&mut names, "rcvHostName", host);
            put(&mut names, "rcvDomainName", if domain.is_empty() { "n/a" } else { domain });
        }
        put(&mut json, "hostName", names);
    }
    if let Some(value) = offers.graceful_restart.key() {
        put(&mut json, "gracefulRestart", value);
    }
    if let Some(restart) = offers.remote_restart {
        put(&mut json, "gracefulRestartRemoteTimerMsecs", u32::from(restart.restart_time) * 1000);
        let families = restart.families.iter().filter_map(|row| {
            let family = Family::from_numbers(row.afi, row.safi)?;
            let bits = match row.forwarding_preserved {
                true => json!({"preserved": true}),
                false => json!({}),
            };
            Some((family.row().json_key.to_owned(), bits))
        });
        let families: Object = families.collect();
        let value = if families.is_empty() { json!("none") } else { Value::Object(families) };
        put(&mut json, "addressFamiliesByPeer", value);
    }
    Value::Object(json)
}

fn graceful_restart(peer: &PeerView) -> Value {
    let list = |of: fn(&FamilyView) -> bool| -> Object {
        let those = peer.families.iter().filter(|family| peer.is_established() && of(family));
        those.map(|family| (family.family.row().json_key.to_owned(), true.into())).collect()
    };
    let restart = offers(peer).and_then(|offers| offers.remote_restart.cloned()).unwrap_or_default();
    json!({
        "endOfRibSend": list(|family| family.end_of_rib_sent),
        "endOfRibRecv": list(|family| family.counters.end_of_rib),
        "localGrMode": local_restart_mode(peer),
        "remoteGrMode": remote_restart_mode(peer),
        "rBit": restart.restarting,
        "nBit": restart.notification,
        "timers": {
            "configuredRestartTimer": peer.settings.graceful_restart.restart_time.as_secs(),
            "receivedRestartTimer": restart.restart_time,
            "configuredStalePathTimer": peer.settings.graceful_restart.stale_path_time.as_secs(),
        },
    })
}

fn messages(peer: &PeerView) -> Value {
    let (sent, received) = (peer.status.sent, peer.status.received);
    let mut json = json!({
        "depthInq": 0,
        "depthOutq": peer.status.out_queue,
        "opensSent": sent.opens,
        "opensRecv": received.opens,
        "notificationsSent": sent.notifications,
        "notificationsRecv": received.notifications,
        "updatesSent": sent.updates,
        "updatesRecv": received.updates,
        "keepalivesSent": sent.keepalives,
        "keepalivesRecv": received.keepalives,
        "routeRefreshSent": sent.route_refreshes,
        "routeRefreshRecv": received.route_refreshes,
        "totalSent": sent.total(),
        "totalRecv": received.total(),
    });
    if let (Some(members), 1..) = (json.as_object_mut(), peer.status.malformed_updates) {
        put(members, "updatesMalformed", peer.status.malformed_updates);
    }
    json
}

fn about_family(peer: &PeerView, view: &FamilyView) -> Value {
    let mut json = Object::new();
    if let Some(group) = &peer.settings.peer_group {
        put(&mut json, "peerGroupMember", group.as_str());
    }
    if let Some((group, subgroup)) = view.group {
        put(&mut json, "updateGroupId", group);
        put(&mut json, "subGroupId", subgroup);
        put(&mut json, "packetQueueLength", peer.status.out_queue);
    }
    let settings = peer.settings.families.get(&view.family).cloned().unwrap_or_default();
    if settings.route_reflector_client {
        put(&mut json, "routeReflectorClient", true);
    }
    if settings.soft_reconfiguration_inbound {
        put(&mut json, "inboundSoftConfigPermit", true);
    }
    match settings.allowas_in {
        AllowAsIn::Times(0) => {}
        AllowAsIn::Times(times) => put(&mut json, "allowAsInCount", times),
        AllowAsIn::Origin => put(&mut json, "allowAsInOrigin", true),
    }
    if settings.next_hop_self {
        put(&mut json, "routerAlwaysNextHop", true);
    } else if view.family == Family::L2vpnEvpn {
        // FRR's spelling.
        put(&mut json, "unchangedNextHopPropogatedToNbr", true);
    }
    put(&mut json, "commAttriSentToNbr", "extendedAndStandard");
    if settings.default_originate {
        put(&mut json, "defaultOriginate", true);
    }
    if let Some(constraint) = view.constraint {
        put(&mut json, "heldForMemberships", constraint.held_until.is_some());
        put(&mut json, "asksForAll", constraint.all);
        put(&mut json, "routeTargetsAskedFor", constraint.targets);
    }
    if settings.policy_import.is_some() {
        put(&mut json, "inboundPathPolicyConfig", true);
    }
    if settings.policy_export.is_some() {
        put(&mut json, "outboundPathPolicyConfig", true);
    }
    let filters = &view.filters;
    for (key, filter) in [
        ("incomingUpdatePrefixFilterList", &filters.prefix_list_in),
        ("outgoingUpdatePrefixFilterList", &filters.prefix_list_out),
        ("routeMapForIncomingAdvertisements", &filters.route_map_in),
        ("routeMapForOutgoingAdvertisements", &filters.route_map_out),
    ] {
        if let Some(filter) = filter {
            put(&mut json, key, filter.text());
        }
    }
    if view.policy_missing.inbound {
        put(&mut json, "inboundEbgpRequiresPolicy", "Inbound updates discarded due to missing policy");
    }
    if view.policy_missing.outbound {
        put(&mut json, "outboundEbgpRequiresPolicy", "Outbound updates discarded due to missing policy");
    }
    put(&mut json, "acceptedPrefixCounter", view.counters.accepted);
    put(&mut json, "receivedPrefixCounter", view.counters.received);
    if view.counters.stale > 0 {
        put(&mut json, "stalePrefixCounter", view.counters.stale);
    }
    if peer.is_established() {
        put(&mut json, "sentPrefixCounter", view.counters.sent);
    }
    if let Some(maximum) = settings.maximum_prefix {
        put(&mut json, "prefixAllowedMax", maximum.limit);
        if maximum.warning_only {
            put(&mut json, "prefixAllowedMaxWarning", true);
        }
        put(&mut json, "prefixAllowedWarningThresh", maximum.threshold);
        if let Some(restart) = maximum.restart {
            put(&mut json, "prefixAllowedRestartIntervalMsecs", whole_millis(restart));
        }
    }
    Value::Object(json)
}

fn connection(peer: &PeerView, json: &mut Object) {
    let status = &peer.status;
    put(json, "connectionsEstablished", status.established);
    put(json, "connectionsDropped", status.dropped);
    match peer.last_reset() {
        None => put(json, "lastReset", "never"),
        Some(time) => put(json, "lastResetTimerMsecs", whole_millis(time)),
    }
    match peer.last_notification() {
        Some((sender, error, words)) => {
            let (code, subcode) = error.numbers();
            let due = match sender {
                Sender::Local => "BGP Notification send",
                Sender::Remote => "BGP Notification received",
            };
            put(json, "lastResetDueTo", due);
            put(json, "lastErrorCodeSubcode", format!("{code:02X}{subcode:02X}"));
            put(json, "lastNotificationReason", error.to_string());
            if let Some(words) = words {
                put(json, "lastShutdownDescription", words);
            }
        }
        None => {
            let reason = peer.reason();
            if !reason.is_empty() {
                put(json, "lastResetDueTo", reason);
            }
        }
    }
    if let (Some(failure), false) = (&status.last_failure, peer.is_established()) {
        put(json, "lastFailure", failure.as_str());
    }
    let key = if peer.is_internal() { "internalBgpNbrMaxHopsAway" } else { "externalBgpNbrMaxHopsAway" };
    put(json, key, hops(peer));
    match peer.negotiated() {
        Some(agreed) => {
            put(json, "hostLocal", agreed.endpoints.local.ip().to_string());
            put(json, "portLocal", agreed.endpoints.local.port());
            put(json, "hostForeign", agreed.endpoints.remote.ip().to_string());
            put(json, "portForeign", agreed.endpoints.remote.port());
        }
        None => {
            put(json, "hostLocal", "Unknown");
            put(json, "portLocal", -1);
            put(json, "hostForeign", "Unknown");
            put(json, "portForeign", -1);
        }
    }
    if peer.settings.password.is_some() {
        put(json, "authenticationEnabled", 1);
    }
    put(json, "connectRetryTimer", peer.settings.timers.connect_retry.as_secs());
}
