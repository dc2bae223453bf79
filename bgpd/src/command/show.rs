//! The operational commands: every `show` and `clear`, and what concerns the shell itself.

use super::{
    Args, Command, ExecCommand, Reject, ShellAction,
    exec::{
        ClearHow, ClearTarget, DuplicateFilter, MacFilter, NeighFilter, NeighborTable, RouteQuery,
        SessionFilter,
    },
};
use crate::wire::Family;

/// Declared in the order of FRR's manual.
pub static COMMANDS: &[Command] = &[
    Command::exec("show version [json]", |args| Ok(ExecCommand::ShowVersion { json: args.has("json") })),
    Command::exec("show memory [json]", |args| Ok(ExecCommand::ShowMemory { json: args.has("json") })),
    Command::shell("show running-config [<json|no-header>]", |args| {
        let json = args.has("json");
        Ok(ShellAction::ShowRunning { json, header: !json && !args.has("no-header") })
    }),
    Command::shell("show startup-config", |_| Ok(ShellAction::ShowStartup)),
    Command::exec("show [ip] bgp [l2vpn evpn] summary [<established|failed>] [json]", |args| {
        let sessions = match (args.has("established"), args.has("failed")) {
            (true, _) => SessionFilter::Established,
            (_, true) => SessionFilter::Failed,
            _ => SessionFilter::Any,
        };
        Ok(ExecCommand::ShowBgpSummary { family: family(args), sessions, json: args.has("json") })
    }),
    Command::exec("show [ip] bgp [l2vpn evpn] neighbors [<A.B.C.D|X:X::X:X>$peer] [json]", |args| {
        Ok(ExecCommand::ShowBgpNeighbors { peer: args.get("peer")?, json: args.has("json") })
    }),
    Command::exec("show bgp l2vpn evpn [detail] [json]", overview),
    Command::exec("show bgp l2vpn evpn rd <all|RD$rd> [json]", overview),
    Command::exec(
        "show bgp l2vpn evpn route [detail] [type <ead|macip|multicast|es|prefix|(1-5)>$type] [self-originate] [json]",
        routes,
    ),
    Command::exec(
        "show bgp l2vpn evpn route rd <all|RD$rd> [detail] \
         [<type <ead|macip|multicast|es|prefix|(1-5)>$type|mac M:M:M$mac [ip <A.B.C.D|X:X::X:X>$ip]|prefix <A.B.C.D/M|X:X::X:X/M>$prefix>] [json]",
        routes,
    ),
    Command::exec(
        "show bgp l2vpn evpn route vni <all|VNI$vni> [detail] \
         [<type <ead|macip|multicast|es|prefix|(1-5)>$type|mac M:M:M$mac [ip <A.B.C.D|X:X::X:X>$ip]>] \
         [vtep <A.B.C.D|X:X::X:X>$vtep] [json]",
        vni_routes,
    ),
    Command::exec(
        "show bgp vni <all|VNI$vni> [detail] \
         [<type <ead|macip|multicast|es|prefix|(1-5)>$type|mac M:M:M$mac [ip <A.B.C.D|X:X::X:X>$ip]>] \
         [vtep <A.B.C.D|X:X::X:X>$vtep] [json]",
        vni_routes,
    ),
    Command::exec("show bgp l2vpn evpn vni [VNI$vni] [json]", |args| {
        Ok(ExecCommand::ShowBgpEvpnVni { vni: args.get("vni")?, json: args.has("json") })
    }),
    Command::exec(
        "show bgp l2vpn evpn neighbors <A.B.C.D|X:X::X:X>$peer <advertised-routes|routes|received-routes>$table [json]",
        |args| {
            let table = match args.text("table") {
                Some("advertised-routes") => NeighborTable::Advertised,
                Some("received-routes") => NeighborTable::Received,
                _ => NeighborTable::Accepted,
            };
            Ok(ExecCommand::ShowBgpEvpnNeighborRoutes {
                peer: args.need("peer")?,
                table,
                json: args.has("json"),
            })
        },
    ),
    Command::exec("show evpn [json]", |args| Ok(ExecCommand::ShowEvpn { json: args.has("json") })),
    Command::exec("show evpn vni [<detail|VNI$vni>] [json]", |args| {
        Ok(ExecCommand::ShowEvpnVni {
            vni: args.get("vni")?,
            detail: args.has("detail"),
            json: args.has("json"),
        })
    }),
    Command::exec(
        "show evpn mac vni <all|VNI$vni> \
         [<detail|mac M:M:M$mac|vtep <A.B.C.D|X:X::X:X>$vtep|duplicate>] [json]",
        |args| {
            let filter = if args.has("duplicate") {
                MacFilter::Duplicate
            } else if let Some(mac) = args.get("mac")? {
                MacFilter::Mac(mac)
            } else if let Some(vtep) = args.get("vtep")? {
                MacFilter::Vtep(vtep)
            } else {
                MacFilter::All
            };
            let (detail, json) = (args.has("detail"), args.has("json"));
            Ok(ExecCommand::ShowEvpnMac { vni: args.get("vni")?, filter, detail, json })
        },
    ),
    Command::exec(
        "show evpn arp-cache vni <all|VNI$vni> \
         [<detail|ip <A.B.C.D|X:X::X:X>$ip|vtep <A.B.C.D|X:X::X:X>$vtep|duplicate>] [json]",
        |args| {
            let filter = if args.has("duplicate") {
                NeighFilter::Duplicate
            } else if let Some(ip) = args.get("ip")? {
                NeighFilter::Ip(ip)
            } else if let Some(vtep) = args.get("vtep")? {
                NeighFilter::Vtep(vtep)
            } else {
                NeighFilter::All
            };
            let (detail, json) = (args.has("detail"), args.has("json"));
            Ok(ExecCommand::ShowEvpnArpCache { vni: args.get("vni")?, filter, detail, json })
        },
    ),
    Command::exec("show evpn consistency [json]", |args| {
        Ok(ExecCommand::ShowEvpnConsistency { json: args.has("json") })
    }),
    Command::exec(
        "clear [ip] bgp [l2vpn evpn] <*$everyone|A.B.C.D$peer|X:X::X:X$peer|peer-group WORD$group|external> \
         [<soft [<in|out>]|in|out>]",
        clear_bgp,
    ),
    Command::exec(
        "clear evpn dup-addr vni <all|VNI$vni> [<mac M:M:M$mac|ip <A.B.C.D|X:X::X:X>$ip>]",
        |args| {
            let what = if let Some(mac) = args.get("mac")? {
                DuplicateFilter::Mac(mac)
            } else if let Some(ip) = args.get("ip")? {
                DuplicateFilter::Ip(ip)
            } else {
                DuplicateFilter::All
            };
            Ok(ExecCommand::ClearEvpnDupAddr { vni: args.get("vni")?, what })
        },
    ),
    Command::shell("configure [terminal]", |_| Ok(ShellAction::Configure)),
    Command::shell("write [<memory|file>]", |_| Ok(ShellAction::Write)),
    Command::shell("write terminal", |_| Ok(ShellAction::ShowRunning { json: false, header: true })),
    Command::shell("copy running-config startup-config", |_| Ok(ShellAction::Write)),
    Command::shell("[no] terminal length / (0-512)$length", |args| {
        Ok(ShellAction::TerminalLength(if args.negative() { None } else { args.get("length")? }))
    }),
    Command::shell("enable", |_| Ok(ShellAction::Nothing)),
    Command::shell("disable", |_| Ok(ShellAction::Nothing)),
    Command::shell("exit", |_| Ok(ShellAction::Exit)),
    Command::shell("quit", |_| Ok(ShellAction::Exit)),
    Command::shell("end", |_| Ok(ShellAction::End)),
];

fn family(args: &Args<'_>) -> Option<Family> {
    args.has("evpn").then_some(Family::L2vpnEvpn)
}

fn overview(args: &Args<'_>) -> Result<ExecCommand, Reject> {
    Ok(ExecCommand::ShowBgpEvpnRoutes(RouteQuery { overview: true, ..query(args)? }))
}

fn routes(args: &Args<'_>) -> Result<ExecCommand, Reject> {
    Ok(ExecCommand::ShowBgpEvpnRoutes(query(args)?))
}

fn vni_routes(args: &Args<'_>) -> Result<ExecCommand, Reject> {
    Ok(ExecCommand::ShowBgpEvpnVniRoutes { vni: args.get("vni")?, query: query(args)? })
}

fn query(args: &Args<'_>) -> Result<RouteQuery, Reject> {
    Ok(RouteQuery {
        detail: args.has("detail"),
        route_type: args.text("type").and_then(route_type),
        rd: args.get("rd")?,
        mac: args.get("mac")?,
        ip: args.get("ip")?,
        prefix: args.get("prefix")?,
        vtep: args.get("vtep")?,
        self_originate: args.has("self-originate"),
        overview: false,
        json: args.has("json"),
    })
}

fn route_type(name: &str) -> Option<u8> {
    match name {
        "ead" => Some(1),
        "macip" => Some(2),
        "multicast" => Some(3),
        "es" => Some(4),
        "prefix" => Some(5),
        number => number.parse().ok(),
    }
}

fn clear_bgp(args: &Args<'_>) -> Result<ExecCommand, Reject> {
    let target = if args.has("everyone") {
        ClearTarget::All
    } else if args.has("external") {
        ClearTarget::External
    } else if let Some(group) = args.text("group") {
        ClearTarget::PeerGroup(group.to_owned())
    } else {
        ClearTarget::Peer(args.need("peer")?)
    };
    let how = match (args.has("soft"), args.has("in"), args.has("out")) {
        (_, true, _) => ClearHow::SoftIn,
        (_, _, true) => ClearHow::SoftOut,
        (true, ..) => ClearHow::SoftBoth,
        _ => ClearHow::Hard,
    };
    Ok(ExecCommand::ClearBgp { family: family(args), target, how })
}
