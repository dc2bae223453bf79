//! The configuration as text that `parse` reads back to the same configuration. Defaults are not
//! written; the order of lines is FRR's, so that every name is declared before it is used.

use super::model::{
    AllowAsIn, Bgp, BridgeDomain, Config, Evpn, Flooding, Freeze, GracefulRestartMode, Log, LogLevel,
    MaximumPrefixAction, NeighborFamily, NeighborSettings, RemoteAs, UpdateSource, VniConfig,
};
use std::fmt::Display;
use weft_evpn::{RouteTargetMatch, Vni};

/// The text, ending with a newline.
pub fn render(config: &Config) -> String {
    let mut text = Text { lines: String::new(), indent: 0 };
    text.line("!");
    global(config, &mut text);
    for (name, domain) in &config.bridge_domains {
        bridge_domain(name, domain, &mut text);
    }
    if let Some(bgp) = &config.bgp {
        router(bgp, &mut text);
    }
    text.lines
}

struct Text {
    lines: String,
    indent: usize,
}

impl Text {
    fn line(&mut self, line: impl Display) {
        self.lines.extend(std::iter::repeat_n(' ', self.indent));
        self.lines.push_str(&line.to_string());
        self.lines.push('\n');
    }

    fn line_if(&mut self, condition: bool, line: impl Display) {
        if condition {
            self.line(line);
        }
    }

    fn value<T: Display>(&mut self, words: impl Display, value: &Option<T>) {
        if let Some(value) = value {
            self.line(format_args!("{words} {value}"));
        }
    }

    fn block(&mut self, open: impl Display, close: &str, inside: impl FnOnce(&mut Self)) {
        self.line(open);
        self.indent += 1;
        inside(self);
        self.indent -= 1;
        self.line(close);
        if self.indent == 0 {
            self.line("!");
        }
    }
}

fn global(config: &Config, text: &mut Text) {
    text.value("hostname", &config.hostname);
    log(&config.log, text);
    text.value("vtep source", &config.vtep_source);
    text.line_if(text.lines.len() > "!\n".len(), "!");
}

fn log(log: &Log, text: &mut Text) {
    let suffix =
        |level: Option<LogLevel>| level.map(|level| format!(" {}", level.name())).unwrap_or_default();
    if let Some(file) = &log.file {
        text.line(format_args!("log file {}{}", file.path, suffix(file.level)));
    }
    if let Some(target) = &log.syslog {
        text.line(format_args!("log syslog{}", suffix(target.level)));
    }
    if let Some(target) = &log.stdout {
        text.line(format_args!("log stdout{}", suffix(target.level)));
    }
    text.value("log level", &log.level.map(LogLevel::name));
}

fn bridge_domain(name: &str, domain: &BridgeDomain, text: &mut Text) {
    text.block(format_args!("bridge-domain {name}"), "exit", |text| {
        text.value("vni", &domain.vni);
        for interface in &domain.interfaces {
            text.line(format_args!("interface {interface}"));
        }
        text.value("mtu", &domain.mtu);
    });
}

fn router(bgp: &Bgp, text: &mut Text) {
    text.block(format_args!("router bgp {}", bgp.asn), "exit", |text| {
        speaker(bgp, text);
        for (name, settings) in &bgp.peer_groups {
            text.line(format_args!("neighbor {name} peer-group"));
            neighbor(name, settings, text);
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
            neighbor(&address, &peer.settings, text);
        }
        if has_family_lines(bgp) {
            text.line("!");
            text.block("address-family l2vpn evpn", "exit-address-family", |text| {
                for (name, settings) in &bgp.peer_groups {
                    family(name, &settings.l2vpn_evpn, text);
                }
                for (address, peer) in &bgp.neighbors {
                    family(&address.to_string(), &peer.settings.l2vpn_evpn, text);
                }
                evpn(&bgp.evpn, text);
            });
        }
    });
}

fn has_family_lines(bgp: &Bgp) -> bool {
    let silent = NeighborFamily::default();
    bgp.evpn != Evpn::default()
        || bgp.peer_groups.values().any(|settings| settings.l2vpn_evpn != silent)
        || bgp.neighbors.values().any(|neighbor| neighbor.settings.l2vpn_evpn != silent)
}

fn speaker(bgp: &Bgp, text: &mut Text) {
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

fn neighbor(peer: &str, settings: &NeighborSettings, text: &mut Text) {
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
    text.line_if(settings.suppress_fqdn, format_args!("no {peer} capability fqdn"));
    match settings.graceful_restart {
        Some(GracefulRestartMode::Restart) => text.line(format_args!("{peer} graceful-restart")),
        Some(GracefulRestartMode::Helper) => text.line(format_args!("{peer} graceful-restart-helper")),
        Some(GracefulRestartMode::Disable) => text.line(format_args!("{peer} graceful-restart-disable")),
        None => {}
    }
}

fn family(peer: &str, family: &NeighborFamily, text: &mut Text) {
    let peer = format!("neighbor {peer}");
    text.line_if(family.activate, format_args!("{peer} activate"));
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
}

fn evpn(evpn: &Evpn, text: &mut Text) {
    text.line_if(evpn.advertise_all_vni, "advertise-all-vni");
    text.line_if(evpn.auto_rt_rfc8365, "auto-route-target both rfc8365-compatible");
    text.line_if(evpn.advertise_default_gw, "advertise-default-gw");
    let detection = &evpn.duplicate_detection;
    let (moves, time) = (detection.max_moves, detection.time);
    text.line_if((moves, time) != (5, 180), format_args!("dup-addr-detection max-moves {moves} time {time}"));
    match detection.freeze {
        Freeze::Never => {}
        Freeze::Seconds(seconds) => text.line(format_args!("dup-addr-detection freeze {seconds}")),
        Freeze::Permanent => text.line("dup-addr-detection freeze permanent"),
    }
    // Behind the other two, which turn it on.
    text.line_if(!detection.enabled, "no dup-addr-detection");
    text.line_if(evpn.flooding == Flooding::Disable, "flooding disable");
    text.line_if(evpn.advertise_svi_ip, "advertise-svi-ip");
    for (number, config) in &evpn.vnis {
        vni(*number, config, text);
    }
}

fn vni(number: Vni, config: &VniConfig, text: &mut Text) {
    text.block(format_args!("vni {number}"), "exit-vni", |text| {
        text.value("rd", &config.rd);
        for target in &config.import {
            text.line(format_args!("route-target import {target}"));
        }
        for target in &config.export {
            text.line(format_args!("route-target export {}", RouteTargetMatch::Exact(*target)));
        }
        match config.flooding {
            Some(Flooding::Disable) => text.line("flooding disable"),
            Some(Flooding::HeadEndReplication) => text.line("flooding head-end-replication"),
            None => {}
        }
        switch("advertise-default-gw", config.advertise_default_gw, text);
        switch("advertise-svi-ip", config.advertise_svi_ip, text);
    });
}

fn switch(words: &str, value: Option<bool>, text: &mut Text) {
    match value {
        Some(true) => text.line(words),
        Some(false) => text.line(format_args!("no {words}")),
        None => {}
    }
}
