//! `router bgp N [vrf NAME]`: what concerns the whole instance.

use super::{Edit, Instance};
use crate::{
    command::{Args, Command, Mode, Reject},
    config::{GracefulRestartMode, Timers},
};
use ipnet::IpNet;
use std::net::Ipv4Addr;

/// The commands of the mode, without those of neighbours.
pub static COMMANDS: &[Command] = &[
    Command::set("[no] bgp router-id / A.B.C.D$router_id", |edit, args| {
        let id = value::<Ipv4Addr>(args, "router_id")?;
        if id.is_some_and(|id| id.is_unspecified()) {
            return Err(args.reject("router_id", "the router id is not 0.0.0.0 (RFC 6286)"));
        }
        *edit.instance()?.router_id = id;
        Ok(())
    }),
    Command::set("[no] bgp cluster-id / <A.B.C.D|(1-4294967295)>$cluster_id", |edit, args| {
        let id = match args.values("cluster_id").next().filter(|_| !args.negative()) {
            Some(value) => match value.text.parse::<u32>() {
                Ok(number) => Some(Ipv4Addr::from(number)),
                Err(_) => args.get("cluster_id")?,
            },
            None => None,
        };
        if id.is_some_and(|id| id.is_unspecified()) {
            return Err(args.reject("cluster_id", "the cluster id is not 0.0.0.0"));
        }
        *edit.instance()?.cluster_id = id;
        Ok(())
    }),
    Command::set("[no] bgp default ipv4-unicast", |edit, args| {
        flag(edit, args, |bgp| bgp.default_ipv4_unicast)
    }),
    Command::set("[no] bgp default local-preference / (0-4294967295)$local_preference", |edit, args| {
        *edit.instance()?.default_local_preference = value(args, "local_preference")?;
        Ok(())
    }),
    Command::set("[no] bgp ebgp-requires-policy", |edit, args| {
        flag(edit, args, |bgp| bgp.ebgp_requires_policy)
    }),
    Command::set("[no] bgp log-neighbor-changes", |edit, args| {
        flag(edit, args, |bgp| bgp.log_neighbor_changes)
    }),
    Command::set("[no] bgp always-compare-med", |edit, args| {
        flag(edit, args, |bgp| &mut bgp.best_path.always_compare_med)
    }),
    Command::set("[no] bgp deterministic-med", |edit, args| {
        flag(edit, args, |bgp| &mut bgp.best_path.deterministic_med)
    }),
    Command::set("[no] bgp bestpath as-path ignore", |edit, args| {
        flag(edit, args, |bgp| &mut bgp.best_path.as_path_ignore)
    }),
    Command::set("[no] bgp bestpath as-path multipath-relax", |edit, args| {
        flag(edit, args, |bgp| &mut bgp.best_path.as_path_multipath_relax)
    }),
    Command::set("[no] bgp bestpath compare-routerid", |edit, args| {
        flag(edit, args, |bgp| &mut bgp.best_path.compare_routerid)
    }),
    Command::set("[no] bgp bestpath med missing-as-worst", |edit, args| {
        flag(edit, args, |bgp| &mut bgp.best_path.med_missing_as_worst)
    }),
    Command::set("[no] bgp listen range <A.B.C.D/M|X:X::X:X/M>$range peer-group WORD$group", listen_range),
    Command::set("[no] bgp listen limit / (1-65535)$listen_limit", |edit, args| {
        *edit.instance()?.listen_limit = value(args, "listen_limit")?;
        Ok(())
    }),
    Command::set("[no] bgp graceful-restart", |edit, args| {
        let mode = if args.negative() { GracefulRestartMode::Helper } else { GracefulRestartMode::Restart };
        edit.instance()?.graceful_restart.mode = mode;
        Ok(())
    }),
    Command::set("[no] bgp graceful-restart-disable", |edit, args| {
        let mode = if args.negative() { GracefulRestartMode::Restart } else { GracefulRestartMode::Disable };
        edit.instance()?.graceful_restart.mode = mode;
        Ok(())
    }),
    Command::set("[no] bgp graceful-restart restart-time / (0-4095)$restart_time", |edit, args| {
        edit.instance()?.graceful_restart.restart_time = value(args, "restart_time")?;
        Ok(())
    }),
    Command::set("[no] bgp graceful-restart stalepath-time / (1-4095)$stalepath_time", |edit, args| {
        edit.instance()?.graceful_restart.stalepath_time = value(args, "stalepath_time")?;
        Ok(())
    }),
    Command::set("[no] bgp graceful-restart select-defer-time / (0-3600)$select_defer_time", |edit, args| {
        edit.instance()?.graceful_restart.select_defer_time = value(args, "select_defer_time")?;
        Ok(())
    }),
    Command::set("[no] bgp graceful-restart preserve-fw-state", |edit, args| {
        flag(edit, args, |bgp| &mut bgp.graceful_restart.preserve_fw_state)
    }),
    Command::set("[no] bgp graceful-restart notification", |edit, args| {
        flag(edit, args, |bgp| &mut bgp.graceful_restart.notification)
    }),
    Command::set("[no] timers bgp / (0-65535)$keepalive (0-65535)$hold", |edit, args| {
        *edit.instance()?.timers = timers(args)?;
        Ok(())
    }),
    Command::set("address-family l2vpn evpn", |edit, _| {
        edit.instance()?;
        edit.enter(if edit.instance_vrf().is_some() { Mode::VrfEvpn } else { Mode::Evpn });
        Ok(())
    }),
    Command::set("address-family rtfilter [unicast]", |edit, args| {
        if edit.instance_vrf().is_some() {
            return Err(
                args.reject("rtfilter", "memberships are for EVPN neighbors: say it outside of an IP-VRF")
            );
        }
        edit.instance()?;
        edit.enter(Mode::RtFilter);
        Ok(())
    }),
    Command::set("address-family <ipv4|ipv6>$afi [unicast]", |edit, args| {
        edit.instance()?;
        edit.enter(match (edit.instance_vrf(), args.text("afi")) {
            (None, _) => Mode::Unicast,
            (Some(_), Some("ipv6")) => Mode::VrfIpv6,
            (Some(_), _) => Mode::VrfIpv4,
        });
        Ok(())
    }),
];

/// The value of this name, none in the `no` form: the default comes back.
pub fn value<T: std::str::FromStr<Err: std::fmt::Display>>(
    args: &Args<'_>,
    name: &str,
) -> Result<Option<T>, Reject> {
    if args.negative() { Ok(None) } else { args.need(name).map(Some) }
}

/// Keepalive and hold time, none in the `no` form.
pub fn timers(args: &Args<'_>) -> Result<Option<Timers>, Reject> {
    let (Some(keepalive), Some(hold)) = (value(args, "keepalive")?, value(args, "hold")?) else {
        return Ok(None);
    };
    if matches!(hold, 1 | 2) {
        return Err(args.reject("hold", "the hold time is 0 or at least 3 seconds (RFC 4271)"));
    }
    Ok(Some(Timers { keepalive, hold }))
}

fn flag(
    edit: &mut Edit<'_>,
    args: &Args<'_>,
    field: for<'e> fn(Instance<'e>) -> &'e mut bool,
) -> Result<(), Reject> {
    *field(edit.instance()?) = !args.negative();
    Ok(())
}

fn listen_range(edit: &mut Edit<'_>, args: &Args<'_>) -> Result<(), Reject> {
    let range: IpNet = args.need("range")?;
    let (range, group) = (range.trunc(), args.text("group").unwrap_or_default());
    let bgp = edit.instance()?;
    if args.negative() {
        return match bgp.listen_ranges.get(&range) {
            Some(known) if known == group => {
                bgp.listen_ranges.remove(&range);
                Ok(())
            }
            _ => Err(args.reject("range", format!("{range} is not listened for with peer-group {group}"))),
        };
    }
    if !bgp.peer_groups.contains_key(group) {
        return Err(args.reject(
            "group",
            format!("there is no peer-group {group}: first `neighbor {group} peer-group`"),
        ));
    }
    bgp.listen_ranges.insert(range, group.to_owned());
    Ok(())
}
