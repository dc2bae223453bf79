//! `address-family l2vpn evpn`: of the speaker with its `vni` blocks, and of an IP-VRF.

use super::{Text, router::route_map};
use crate::config::model::{Advertise, Domain, Evpn, Flooding, Freeze, VniConfig, VrfEvpn};
use std::{collections::BTreeSet, fmt::Display};
use weft_evpn::Vni;

/// The speaker's, without its neighbours.
pub(super) fn speaker(evpn: &Evpn, text: &mut Text) {
    if let Some(own) = &evpn.domain {
        text.line(format_args!("domain {}", domain(own)));
    }
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
        route_targets("import", &config.import, config.auto_import, text);
        route_targets("export", &config.export, config.auto_export, text);
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

/// An IP-VRF's.
pub(super) fn of_vrf(evpn: &VrfEvpn, text: &mut Text) {
    text.value("rd", &evpn.rd);
    route_targets("import", &evpn.import, evpn.auto_import, text);
    route_targets("export", &evpn.export, evpn.auto_export, text);
    for (afi, advertise) in [("ipv4", &evpn.advertise_ipv4), ("ipv6", &evpn.advertise_ipv6)] {
        if let Some(Advertise { gateway_ip, route_map: name }) = advertise {
            let index = if *gateway_ip { " gateway-ip" } else { "" };
            text.line(format_args!("advertise {afi} unicast{index}{}", route_map(name.as_ref())));
        }
    }
    text.line_if(evpn.default_originate_ipv4, "default-originate ipv4");
    text.line_if(evpn.default_originate_ipv6, "default-originate ipv6");
}

/// Name and identifier of a domain.
pub(super) fn domain(domain: &Domain) -> String {
    let id = domain.id.map(|id| format!(" id {id}")).unwrap_or_default();
    format!("{}{id}", domain.name)
}

fn route_targets<T: Display>(direction: &str, targets: &BTreeSet<T>, auto: bool, text: &mut Text) {
    for target in targets {
        text.line(format_args!("route-target {direction} {target}"));
    }
    text.line_if(auto, format_args!("route-target {direction} auto"));
}
