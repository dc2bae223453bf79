//! `neighbor …`, the same for addresses and peer-groups.

use super::Text;
use crate::config::model::{
    AllowAsIn, Domain, GracefulRestartMode, MaximumPrefixAction, NeighborFamily, NeighborSettings,
    NextHopSelf, RemoteAs, UpdateSource,
};

/// The lines outside of the address families.
pub(super) fn settings(peer: &str, settings: &NeighborSettings, text: &mut Text) {
    let peer = format!("neighbor {peer}");
    match settings.remote_as {
        Some(RemoteAs::As(asn)) => text.line(format_args!("{peer} remote-as {asn}")),
        Some(RemoteAs::Internal) => text.line(format_args!("{peer} remote-as internal")),
        Some(RemoteAs::External) => text.line(format_args!("{peer} remote-as external")),
        None => {}
    }
    text.value(format_args!("{peer} description"), &settings.description);
    if let Some(shutdown) = &settings.shutdown {
        match &shutdown.message {
            Some(message) => text.line(format_args!("{peer} shutdown message {message}")),
            None => text.line(format_args!("{peer} shutdown")),
        }
    }
    text.value(format_args!("{peer} password"), &settings.password);
    text.value(format_args!("{peer} port"), &settings.port);
    text.line_if(settings.passive, format_args!("{peer} passive"));
    text.value(format_args!("{peer} ebgp-multihop"), &settings.ebgp_multihop);
    text.value(format_args!("{peer} ttl-security hops"), &settings.ttl_security_hops);
    text.line_if(settings.disable_connected_check, format_args!("{peer} disable-connected-check"));
    text.value(format_args!("{peer} interface"), &settings.interface);
    match &settings.update_source {
        Some(UpdateSource::Address(address)) => text.line(format_args!("{peer} update-source {address}")),
        Some(UpdateSource::Interface(name)) => text.line(format_args!("{peer} update-source {name}")),
        None => {}
    }
    if let Some(timers) = settings.timers {
        text.line(format_args!("{peer} timers {} {}", timers.keepalive, timers.hold));
    }
    text.value(format_args!("{peer} timers connect"), &settings.connect_timer);
    text.line_if(settings.capability_extended_nexthop, format_args!("{peer} capability extended-nexthop"));
    text.line_if(settings.enforce_first_as, format_args!("{peer} enforce-first-as"));
    text.line_if(settings.suppress_fqdn, format_args!("no {peer} capability fqdn"));
    match settings.graceful_restart {
        Some(GracefulRestartMode::Restart) => text.line(format_args!("{peer} graceful-restart")),
        Some(GracefulRestartMode::Helper) => text.line(format_args!("{peer} graceful-restart-helper")),
        Some(GracefulRestartMode::Disable) => text.line(format_args!("{peer} graceful-restart-disable")),
        None => {}
    }
}

/// The lines inside of one.
pub(super) fn family(peer: &str, family: &NeighborFamily, text: &mut Text) {
    let peer = format!("neighbor {peer}");
    match family.activate {
        Some(true) => text.line(format_args!("{peer} activate")),
        Some(false) => text.line(format_args!("no {peer} activate")),
        None => {}
    }
    match family.next_hop_self {
        Some(NextHopSelf::External) => text.line(format_args!("{peer} next-hop-self")),
        Some(NextHopSelf::Force) => text.line(format_args!("{peer} next-hop-self force")),
        None => {}
    }
    text.line_if(family.default_originate, format_args!("{peer} default-originate"));
    text.line_if(family.route_reflector_client, format_args!("{peer} route-reflector-client"));
    text.line_if(family.soft_reconfiguration_inbound, format_args!("{peer} soft-reconfiguration inbound"));
    match family.allowas_in {
        Some(AllowAsIn::Times(times)) => text.line(format_args!("{peer} allowas-in {times}")),
        Some(AllowAsIn::Origin) => text.line(format_args!("{peer} allowas-in origin")),
        None => {}
    }
    if let Some(maximum) = &family.maximum_prefix {
        let threshold = maximum.threshold.map(|threshold| format!(" {threshold}")).unwrap_or_default();
        let action = match maximum.action {
            MaximumPrefixAction::Close => String::new(),
            MaximumPrefixAction::WarningOnly => " warning-only".into(),
            MaximumPrefixAction::Restart(minutes) => format!(" restart {minutes}"),
        };
        text.line(format_args!("{peer} maximum-prefix {}{threshold}{action}", maximum.limit));
    }
    for (name, direction) in [(&family.prefix_list_in, "in"), (&family.prefix_list_out, "out")] {
        if let Some(name) = name {
            text.line(format_args!("{peer} prefix-list {name} {direction}"));
        }
    }
    for (name, direction) in [(&family.route_map_in, "in"), (&family.route_map_out, "out")] {
        if let Some(name) = name {
            text.line(format_args!("{peer} route-map {name} {direction}"));
        }
    }
}

/// The EVPN domain that it is in.
pub(super) fn domain(peer: &str, domain: Option<&Domain>, text: &mut Text) {
    if let Some(domain) = domain {
        text.line(format_args!("neighbor {peer} domain {}", super::evpn::domain(domain)));
    }
}
