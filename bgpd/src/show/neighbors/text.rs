//! A neighbour in words.

use super::{Offers, hops, local_restart_mode, offers, remote_restart_mode};
use crate::{
    peer::{AllowAsIn, PeerOrigin, Sender, TtlPolicy, UpdateSource},
    show::{
        peer_view::{FamilyView, PeerView},
        summary::name,
        text::uptime,
    },
};

/// A neighbour, with the empty line behind it.
pub(super) fn neighbour(peer: &PeerView) -> String {
    let mut text = String::new();
    who(peer, &mut text);
    if let Some(offers) = offers(peer) {
        capabilities(&offers, &mut text);
    }
    graceful_restart(peer, &mut text);
    messages(peer, &mut text);
    for family in &peer.families {
        about_family(peer, family, &mut text);
    }
    connection(peer, &mut text);
    text.push('\n');
    text
}

fn who(peer: &PeerView, out: &mut String) {
    let settings = &peer.settings;
    let link = if peer.is_internal() { "internal" } else { "external" };
    *out += &format!(
        "BGP neighbor is {}, remote AS {}, local AS {}, {link} link\n",
        settings.address,
        peer.remote_as(),
        settings.local_as
    );
    if let Some(description) = &settings.description {
        *out += &format!(" Description: {description}\n");
    }
    if let Some(hostname) = peer.hostname() {
        *out += &format!("Hostname: {hostname}\n");
    }
    if let Some(group) = &settings.peer_group {
        *out += &format!(" Member of peer-group {group} for session parameters\n");
    }
    if let PeerOrigin::Dynamic { range } = settings.origin {
        *out += &format!(" Belongs to the subnet range group: {range}\n");
    }
    if peer.is_shut_down() {
        out.push_str(" Administratively shut down\n");
    }
    if peer.held_down {
        out.push_str(" Held down: maximum-prefix was exceeded\n");
    }
    let remote_id = peer.negotiated().map_or(std::net::Ipv4Addr::UNSPECIFIED, |agreed| agreed.remote_id);
    *out +=
        &format!("  BGP version 4, remote router ID {remote_id}, local router ID {}\n", settings.router_id);
    *out += &format!("  BGP state = {}", peer.status.state);
    if let (true, Some(up)) = (peer.is_established(), peer.uptime()) {
        *out += &format!(", up for {}", uptime(up));
    }
    out.push('\n');
    let configured = (settings.timers.hold.as_secs(), settings.timers.keepalive.as_secs());
    let (hold, keepalive) = peer
        .negotiated()
        .map_or(configured, |agreed| (agreed.hold_time.as_secs(), agreed.keepalive.as_secs()));
    *out += &format!("  Hold time is {hold} seconds, keepalive interval is {keepalive} seconds\n");
    *out += &format!(
        "  Configured hold time is {} seconds, keepalive interval is {} seconds\n",
        configured.0, configured.1
    );
}

fn capabilities(offers: &Offers<'_>, out: &mut String) {
    out.push_str("  Neighbor capabilities:\n");
    for (what, sides) in [
        ("4 Byte AS", offers.four_octet_as),
        ("Extended Message", offers.extended_message),
        ("Route refresh", offers.route_refresh),
        ("Enhanced Route Refresh", offers.enhanced_refresh),
    ] {
        if let Some(words) = sides.words() {
            *out += &format!("    {what}: {words}\n");
        }
    }
    for (family, sides) in &offers.families {
        if let Some(words) = sides.words() {
            *out += &format!("    Address Family {}: {words}\n", name(*family));
        }
    }
    let domain = |domain: &str| if domain.is_empty() { "n/a".to_owned() } else { domain.to_owned() };
    let own = offers.own_name.map(|own| format!(" advertised (name: {own},domain name: n/a)"));
    let remote =
        offers.remote_name.map(|(host, of)| format!(" received (name: {host},domain name: {})", domain(of)));
    if own.is_some() || remote.is_some() {
        *out +=
            &format!("    Hostname Capability:{}{}\n", own.unwrap_or_default(), remote.unwrap_or_default());
    }
    if let Some(words) = offers.graceful_restart.words() {
        *out += &format!("    Graceful Restart Capability: {words}\n");
    }
    if let Some(restart) = offers.remote_restart {
        *out += &format!(
            "      Remote Restart timer is {} seconds\n      Address families by peer:\n",
            restart.restart_time
        );
        if restart.families.is_empty() {
            out.push_str("        none\n");
        }
        for family in &restart.families {
            let preserved = if family.forwarding_preserved { "preserved" } else { "not preserved" };
            let known = crate::wire::Family::from_numbers(family.afi, family.safi);
            let text = known.map_or_else(|| format!("AFI {}, SAFI {}", family.afi, family.safi), name);
            *out += &format!("        {text}({preserved})\n");
        }
    }
}

fn graceful_restart(peer: &PeerView, out: &mut String) {
    let list = |of: fn(&FamilyView) -> bool| {
        let those = peer.families.iter().filter(|family| of(family));
        those.map(|family| name(family.family)).collect::<Vec<_>>().join(", ")
    };
    out.push_str("  Graceful restart information:\n");
    if peer.is_established() {
        let sent = list(|family| family.end_of_rib_sent);
        let received = list(|family| family.counters.end_of_rib);
        for (what, families) in [("send", sent), ("received", received)] {
            if !families.is_empty() {
                *out += &format!("    End-of-RIB {what}: {families}\n");
            }
        }
    }
    let restart = offers(peer).and_then(|offers| offers.remote_restart.cloned()).unwrap_or_default();
    let truth = |value: bool| if value { "True" } else { "False" };
    *out += &format!(
        "    Local GR Mode: {}\n    Remote GR Mode: {}\n    R bit: {}\n    N bit: {}\n    Timers:\n      \
         Configured Restart Time(sec): {}\n      Received Restart Time(sec): {}\n      \
         Configured Stale Path Time(sec): {}\n",
        local_restart_mode(peer),
        remote_restart_mode(peer),
        truth(restart.restarting),
        truth(restart.notification),
        peer.settings.graceful_restart.restart_time.as_secs(),
        restart.restart_time,
        peer.settings.graceful_restart.stale_path_time.as_secs(),
    );
}

fn messages(peer: &PeerView, out: &mut String) {
    let (sent, received) = (peer.status.sent, peer.status.received);
    *out += &format!(
        "  Message statistics:\n    Inq depth is 0\n    Outq depth is {}\n{:25}Sent       Rcvd\n",
        peer.status.out_queue, ""
    );
    for (what, sent, received) in [
        ("Opens:", sent.opens, received.opens),
        ("Notifications:", sent.notifications, received.notifications),
        ("Updates:", sent.updates, received.updates),
        ("Keepalives:", sent.keepalives, received.keepalives),
        ("Route Refresh:", sent.route_refreshes, received.route_refreshes),
        ("Total:", sent.total(), received.total()),
    ] {
        *out += &format!("    {what:<14} {sent:>10} {received:>10}\n");
    }
    if peer.status.malformed_updates > 0 {
        *out += &format!("  Malformed updates received: {}\n", peer.status.malformed_updates);
    }
    if let Some(source) = &peer.settings.update_source {
        let source = match source {
            UpdateSource::Address(address) => address.to_string(),
            UpdateSource::Interface(interface) => interface.clone(),
        };
        *out += &format!("  Update source is {source}\n");
    }
    out.push('\n');
}

fn about_family(peer: &PeerView, view: &FamilyView, out: &mut String) {
    *out += &format!(" For address family: {}\n", name(view.family));
    if let Some(group) = &peer.settings.peer_group {
        *out += &format!("  {group} peer-group member\n");
    }
    match view.group {
        Some((group, subgroup)) => {
            *out += &format!(
                "  Update group {group}, subgroup {subgroup}\n  Packet Queue length {}\n",
                peer.status.out_queue
            );
        }
        None => out.push_str("  Not part of any update group\n"),
    }
    let settings = peer.settings.families.get(&view.family).cloned().unwrap_or_default();
    if settings.route_reflector_client {
        out.push_str("  Route-Reflector Client\n");
    }
    if settings.soft_reconfiguration_inbound {
        out.push_str("  Inbound soft reconfiguration allowed\n");
    }
    match settings.allowas_in {
        AllowAsIn::Times(0) => {}
        AllowAsIn::Times(times) => *out += &format!("  Local AS allowed in path, {times} occurrences\n"),
        AllowAsIn::Origin => out.push_str("  Local AS allowed as path origin\n"),
    }
    if settings.next_hop_self {
        out.push_str("  NEXT_HOP is always this router\n");
    } else if view.family == crate::wire::Family::L2vpnEvpn {
        out.push_str("  NEXT_HOP is propagated unchanged to this neighbor\n");
    }
    out.push_str("  Community attribute sent to this neighbor(all)\n");
    if settings.default_originate {
        out.push_str("  Default information originate\n");
    }
    if let Some(constraint) = view.constraint {
        *out += &match (constraint.held_until, constraint.all) {
            (Some(_), _) => "  Held until its memberships of route targets are known\n".to_owned(),
            (None, true) => "  Asks for all routes\n".to_owned(),
            (None, false) => format!("  Asks for {} route targets\n", constraint.targets + constraint.ranges),
        };
    }
    if settings.policy_import.is_some() {
        out.push_str("  Inbound path policy configured\n");
    }
    if settings.policy_export.is_some() {
        out.push_str("  Outbound path policy configured\n");
    }
    let filters = &view.filters;
    for (what, filter) in [
        ("Incoming update prefix filter list is", &filters.prefix_list_in),
        ("Outgoing update prefix filter list is", &filters.prefix_list_out),
        ("Route map for incoming advertisements is", &filters.route_map_in),
        ("Route map for outgoing advertisements is", &filters.route_map_out),
    ] {
        if let Some(filter) = filter {
            *out += &format!("  {what} {}\n", filter.text());
        }
    }
    if view.policy_missing.inbound {
        out.push_str("  Inbound updates discarded due to missing policy\n");
    }
    if view.policy_missing.outbound {
        out.push_str("  Outbound updates discarded due to missing policy\n");
    }
    *out += &format!("  {} accepted prefixes\n", view.counters.accepted);
    let refused = view.counters.received.saturating_sub(view.counters.accepted);
    if refused > 0 {
        *out += &format!("  {refused} received prefixes are not used\n");
    }
    if view.counters.stale > 0 {
        *out += &format!("  {} stale prefixes\n", view.counters.stale);
    }
    if let Some(maximum) = settings.maximum_prefix {
        let only = if maximum.warning_only { " (warning-only)" } else { "" };
        *out += &format!(
            "  Maximum prefixes allowed {}{only}\n  Threshold for warning message {}%\n",
            maximum.limit, maximum.threshold
        );
        if let Some(restart) = maximum.restart {
            *out += &format!("  Restart interval {} minutes\n", restart.as_secs() / 60);
        }
    }
    out.push('\n');
}

fn connection(peer: &PeerView, out: &mut String) {
    let status = &peer.status;
    *out += &format!("  Connections established {}; dropped {}\n", status.established, status.dropped);
    match peer.last_reset() {
        None if status.last_failure.is_none() => out.push_str("  Last reset never\n"),
        None => *out += &format!("  Last reset never,  {}\n", peer.reason()),
        Some(time) => {
            let reason = match peer.last_notification() {
                Some((Sender::Local, error, _)) => format!("Notification sent ({error})"),
                Some((Sender::Remote, error, _)) => format!("Notification received ({error})"),
                None => peer.reason(),
            };
            *out += &format!("  Last reset {},  {reason}\n", uptime(time));
            if let Some((_, _, Some(words))) = peer.last_notification() {
                *out += &format!("    Message received that caused the reset: \"{words}\"\n");
            }
        }
    }
    let kind = if peer.is_internal() { "Internal" } else { "External" };
    match peer.settings.ttl {
        TtlPolicy::Security(hops) => {
            *out += &format!("  {kind} BGP neighbor may be up to {hops} hops away (TTL security).\n");
        }
        _ => *out += &format!("  {kind} BGP neighbor may be up to {} hops away.\n", hops(peer)),
    }
    if let Some(agreed) = peer.negotiated() {
        let (local, remote) = (agreed.endpoints.local, agreed.endpoints.remote);
        *out += &format!(
            "Local host: {}, Local port: {}\nForeign host: {}, Foreign port: {}\n",
            local.ip(),
            local.port(),
            remote.ip(),
            remote.port()
        );
    }
    if peer.settings.password.is_some() {
        out.push_str("Peer Authentication Enabled\n");
    }
    *out +=
        &format!("BGP Connect Retry Timer in Seconds: {}\n", peer.settings.timers.connect_retry.as_secs());
}
