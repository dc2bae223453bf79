//! `router bgp N` and `router bgp N vrf NAME`.

use super::{Text, evpn, neighbor};
use crate::config::model::{
    Aggregate, Bgp, BgpVrf, Evpn, GracefulRestartMode, NeighborFamily, NeighborSettings, Unicast, VrfEvpn,
};

/// The speaker's own instance.
pub(super) fn speaker(bgp: &Bgp, text: &mut Text) {
    text.block(format_args!("router bgp {}", bgp.asn), "exit", |text| {
        instance(bgp, text);
        // A line of these is refused when it is read; written all the same, so that a document that has one
        // is refused with that reason.
        unicast_family("ipv4", &bgp.ipv4, bgp, text);
        unicast_family("ipv6", &bgp.ipv6, bgp, text);
        if bgp.evpn != Evpn::default() || says_something(bgp, evpn_of) || says_something(bgp, |s| &s.domain) {
            text.line("!");
            text.block("address-family l2vpn evpn", "exit-address-family", |text| {
                for (peer, settings) in everybody(bgp) {
                    neighbor::domain(&peer, settings.domain.as_ref(), text);
                    neighbor::family(&peer, &settings.l2vpn_evpn, text);
                }
                evpn::speaker(&bgp.evpn, text);
            });
        }
        if !bgp.rtfilter.auto_import_as.is_empty() || says_something(bgp, |s| &s.rtfilter) {
            text.line("!");
            text.block("address-family rtfilter unicast", "exit-address-family", |text| {
                for (peer, settings) in everybody(bgp) {
                    neighbor::family(&peer, &settings.rtfilter, text);
                }
                for asn in &bgp.rtfilter.auto_import_as {
                    text.line(format_args!("auto-import as {asn}"));
                }
            });
        }
    });
}

/// The instance of an IP-VRF.
pub(super) fn of_vrf(name: &str, bgp: &BgpVrf, text: &mut Text) {
    text.block(format_args!("router bgp {} vrf {name}", bgp.asn), "exit", |text| {
        instance(bgp, text);
        unicast_family("ipv4", &bgp.ipv4, bgp, text);
        unicast_family("ipv6", &bgp.ipv6, bgp, text);
        if bgp.evpn != VrfEvpn::default() {
            text.line("!");
            text.block("address-family l2vpn evpn", "exit-address-family", |text| {
                evpn::of_vrf(&bgp.evpn, text)
            });
        }
    });
}

/// What stands outside of the address families.
fn instance<F>(bgp: &Bgp<F>, text: &mut Text) {
    knobs(bgp, text);
    for (name, settings) in &bgp.peer_groups {
        text.line(format_args!("neighbor {name} peer-group"));
        neighbor::settings(name, settings, text);
    }
    for (range, group) in &bgp.listen_ranges {
        text.line(format_args!("bgp listen range {range} peer-group {group}"));
    }
    for (address, peer) in &bgp.neighbors {
        let address = address.to_string();
        if let Some(group) = &peer.peer_group {
            // An own AS may stand beside the group's, so the neighbour exists by either line.
            text.line(format_args!("neighbor {address} peer-group {group}"));
        }
        neighbor::settings(&address, &peer.settings, text);
    }
}

/// Peer-groups and neighbours, by the name that a line gives them.
fn everybody<F>(bgp: &Bgp<F>) -> impl Iterator<Item = (String, &NeighborSettings)> {
    let groups = bgp.peer_groups.iter().map(|(name, settings)| (name.clone(), settings));
    groups.chain(bgp.neighbors.iter().map(|(address, peer)| (address.to_string(), &peer.settings)))
}

/// True if anybody has other than default lines in a family.
fn says_something<F, T: Default + PartialEq>(bgp: &Bgp<F>, part: fn(&NeighborSettings) -> &T) -> bool {
    everybody(bgp).any(|(_, settings)| *part(settings) != T::default())
}

fn evpn_of(settings: &NeighborSettings) -> &NeighborFamily {
    &settings.l2vpn_evpn
}

fn unicast_family<F>(afi: &str, unicast: &Unicast, bgp: &Bgp<F>, text: &mut Text) {
    let of: fn(&NeighborSettings) -> &NeighborFamily =
        if afi == "ipv4" { |settings| &settings.ipv4_unicast } else { |settings| &settings.ipv6_unicast };
    if unicast.is_silent() && !says_something(bgp, of) {
        return;
    }
    text.line("!");
    text.block(format_args!("address-family {afi} unicast"), "exit-address-family", |text| {
        for (prefix, network) in &unicast.networks {
            text.line(format_args!("network {prefix}{}", route_map(network.route_map.as_ref())));
        }
        for (prefix, aggregate) in &unicast.aggregates {
            let Aggregate { summary_only, route_map: name } = aggregate;
            let summary = if *summary_only { " summary-only" } else { "" };
            text.line(format_args!("aggregate-address {prefix}{summary}{}", route_map(name.as_ref())));
        }
        for (source, redistribute) in &unicast.redistribute {
            let judged = route_map(redistribute.route_map.as_ref());
            text.line(format_args!("redistribute {}{judged}", source.name()));
        }
        for (peer, settings) in everybody(bgp) {
            neighbor::family(&peer, of(settings), text);
        }
        text.value("maximum-paths", &unicast.maximum_paths);
        text.value("maximum-paths ibgp", &unicast.maximum_paths_ibgp);
    });
}

/// The end of a line that a route-map may stand at.
pub(super) fn route_map(name: Option<&String>) -> String {
    name.map(|name| format!(" route-map {name}")).unwrap_or_default()
}

fn knobs<F>(bgp: &Bgp<F>, text: &mut Text) {
    text.value("bgp router-id", &bgp.router_id);
    text.line_if(!bgp.log_neighbor_changes, "no bgp log-neighbor-changes");
    text.line_if(bgp.best_path.always_compare_med, "bgp always-compare-med");
    text.line_if(!bgp.best_path.deterministic_med, "no bgp deterministic-med");
    text.line_if(!bgp.ebgp_requires_policy, "no bgp ebgp-requires-policy");
    text.line_if(!bgp.default_ipv4_unicast, "no bgp default ipv4-unicast");
    text.value("bgp default local-preference", &bgp.default_local_preference);
    text.value("bgp cluster-id", &bgp.cluster_id);
    let restart = &bgp.graceful_restart;
    text.value("bgp graceful-restart stalepath-time", &restart.stalepath_time);
    text.value("bgp graceful-restart restart-time", &restart.restart_time);
    text.value("bgp graceful-restart select-defer-time", &restart.select_defer_time);
    text.line_if(restart.preserve_fw_state, "bgp graceful-restart preserve-fw-state");
    text.line_if(!restart.notification, "no bgp graceful-restart notification");
    match restart.mode {
        GracefulRestartMode::Restart => {}
        GracefulRestartMode::Helper => text.line("no bgp graceful-restart"),
        GracefulRestartMode::Disable => text.line("bgp graceful-restart-disable"),
    }
    text.line_if(bgp.best_path.as_path_ignore, "bgp bestpath as-path ignore");
    text.line_if(bgp.best_path.as_path_multipath_relax, "bgp bestpath as-path multipath-relax");
    text.line_if(bgp.best_path.compare_routerid, "bgp bestpath compare-routerid");
    text.line_if(bgp.best_path.med_missing_as_worst, "bgp bestpath med missing-as-worst");
    text.value("bgp listen limit", &bgp.listen_limit);
    if let Some(timers) = bgp.timers {
        text.line(format_args!("timers bgp {} {}", timers.keepalive, timers.hold));
    }
}
