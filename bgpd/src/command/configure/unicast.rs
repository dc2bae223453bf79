//! `address-family ipv4|ipv6 unicast` of an IP-VRF, without the lines of neighbours.

use super::{Edit, router::value};
use crate::{
    command::{Args, Command, Reject},
    config::{Aggregate, Network, Redistribute, RedistributeSource},
};
use ipnet::IpNet;

/// The lines that both families have.
pub static COMMANDS: &[Command] = &[
    Command::set(
        "[no] redistribute <connected|kernel|static>$redistributed [route-map WORD$route_map]",
        |edit, args| {
            let name = args.text("redistributed").unwrap_or_default();
            let source = RedistributeSource::from_name(name)
                .ok_or_else(|| args.reject("redistributed", format!("{name} is not redistributed")))?;
            let route_map = args.get("route_map")?;
            let redistribute = &mut edit.unicast()?.redistribute;
            if !args.negative() {
                redistribute.insert(source, Redistribute { route_map });
            } else if redistribute.remove(&source).is_none() {
                return Err(args.reject("redistributed", format!("{name} routes are not redistributed")));
            }
            Ok(())
        },
    ),
    Command::set("[no] maximum-paths / (1-256)$paths", |edit, args| {
        edit.unicast()?.maximum_paths = value(args, "paths")?;
        Ok(())
    }),
    Command::set("[no] maximum-paths ibgp / (1-256)$paths", |edit, args| {
        edit.unicast()?.maximum_paths_ibgp = value(args, "paths")?;
        Ok(())
    }),
    Command::set("exit-address-family", |edit, _| {
        edit.leave();
        Ok(())
    }),
];

/// The lines with prefixes, for IPv4.
pub static IPV4_COMMANDS: &[Command] = &[
    Command::set("[no] network A.B.C.D/M$network / [route-map WORD$route_map]", network),
    Command::set(
        "[no] aggregate-address A.B.C.D/M$aggregate / [{summary-only|route-map WORD$route_map}]",
        aggregate,
    ),
];

/// The lines with prefixes, for IPv6.
pub static IPV6_COMMANDS: &[Command] = &[
    Command::set("[no] network X:X::X:X/M$network / [route-map WORD$route_map]", network),
    Command::set(
        "[no] aggregate-address X:X::X:X/M$aggregate / [{summary-only|route-map WORD$route_map}]",
        aggregate,
    ),
];

fn network(edit: &mut Edit<'_>, args: &Args<'_>) -> Result<(), Reject> {
    let prefix = args.need::<IpNet>("network")?.trunc();
    let route_map = args.get("route_map")?;
    let networks = &mut edit.unicast()?.networks;
    if !args.negative() {
        networks.insert(prefix, Network { route_map });
    } else if networks.remove(&prefix).is_none() {
        return Err(args.reject("network", format!("there is no network {prefix}")));
    }
    Ok(())
}

fn aggregate(edit: &mut Edit<'_>, args: &Args<'_>) -> Result<(), Reject> {
    let prefix = args.need::<IpNet>("aggregate")?.trunc();
    let route_map = args.get("route_map")?;
    let aggregates = &mut edit.unicast()?.aggregates;
    if !args.negative() {
        aggregates.insert(prefix, Aggregate { summary_only: args.has("summary-only"), route_map });
    } else if aggregates.remove(&prefix).is_none() {
        return Err(args.reject("aggregate", format!("there is no aggregate {prefix}")));
    }
    Ok(())
}
