//! The operational commands: every `show` and `clear`, and what concerns the shell itself.

use super::{
    Args, Command, ExecCommand, Reject, ShellAction,
    exec::{
        Afi, ClearHow, ClearTarget, DuplicateFilter, MacFilter, NeighFilter, NeighborTable, PrefixQuery,
        RouteQuery, SessionFilter, VrfSelector,
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
        let sessions = session_filter(args);
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
            Ok(ExecCommand::ShowBgpEvpnNeighborRoutes {
                peer: args.need("peer")?,
                table: neighbor_table(args),
                json: args.has("json"),
            })
        },
    ),
    Command::exec("show bgp rtfilter [unicast] [json]", |args| {
        Ok(ExecCommand::ShowBgpRtFilter { json: args.has("json") })
    }),
    Command::exec("show bgp rtfilter [unicast] summary [<established|failed>] [json]", |args| {
        let (family, sessions) = (Some(Family::RtFilter), session_filter(args));
        Ok(ExecCommand::ShowBgpSummary { family, sessions, json: args.has("json") })
    }),
    Command::exec("show bgp rtfilter [unicast] neighbors <A.B.C.D|X:X::X:X>$peer [json]", |args| {
        Ok(ExecCommand::ShowBgpRtFilterNeighbor { peer: args.need("peer")?, json: args.has("json") })
    }),
    Command::exec(
        "show [ip] bgp vrf <all|IFNAME$vrf> [<ipv4|ipv6>$afi [unicast]] summary [<established|failed>] [json]",
        |args| {
            let (sessions, json) = (session_filter(args), args.has("json"));
            Ok(ExecCommand::ShowBgpVrfSummary { vrf: vrf(args), afi: afi(args), sessions, json })
        },
    ),
    Command::exec(
        "show [ip] bgp vrf <all|IFNAME$vrf> [<ipv4|ipv6>$afi [unicast]] neighbors [<A.B.C.D|X:X::X:X>$peer] [json]",
        |args| {
            let (peer, json) = (args.get("peer")?, args.has("json"));
            Ok(ExecCommand::ShowBgpVrfNeighbors { vrf: vrf(args), peer, json })
        },
    ),
    Command::exec(
        "show [ip] bgp vrf IFNAME$vrf [<ipv4|ipv6>$afi [unicast]] neighbors <A.B.C.D|X:X::X:X>$peer \
         <advertised-routes|routes|received-routes>$table [json]",
        |args| {
            Ok(ExecCommand::ShowBgpVrfNeighborRoutes {
                vrf: args.need("vrf")?,
                afi: afi(args).unwrap_or(Afi::Ipv4),
                peer: args.need("peer")?,
                table: neighbor_table(args),
                json: args.has("json"),
            })
        },
    ),
    Command::exec(
        "show [ip] bgp vrf <all|IFNAME$vrf> [<ipv4|ipv6>$afi [unicast]] \
         [<A.B.C.D|X:X::X:X|A.B.C.D/M|X:X::X:X/M>$prefix] [json]",
        |args| {
            let prefix = prefix_query(args, afi(args))?;
            let afi = afi(args).or(prefix.map(afi_of)).unwrap_or(Afi::Ipv4);
            Ok(ExecCommand::ShowBgpVrfRoutes { vrf: vrf(args), afi, prefix, json: args.has("json") })
        },
    ),
    Command::exec("show bgp vrf <all|IFNAME$vrf> vni [json]", |args| {
        Ok(ExecCommand::ShowBgpVrfVni { vrf: vrf(args), json: args.has("json") })
    }),
    Command::exec(
        "show <ip|ipv6>$afi route vrf <all|IFNAME$vrf> [<A.B.C.D|X:X::X:X|A.B.C.D/M|X:X::X:X/M>$prefix] [json]",
        |args| {
            let afi = afi(args).unwrap_or(Afi::Ipv4);
            let prefix = prefix_query(args, Some(afi))?;
            Ok(ExecCommand::ShowRouteVrf { vrf: vrf(args), afi, prefix, json: args.has("json") })
        },
    ),
    Command::exec("show vrf [json]", |args| Ok(ExecCommand::ShowVrf { json: args.has("json") })),
    Command::exec("show vrf [<all|IFNAME$vrf>] vni [json]", |args| {
        Ok(ExecCommand::ShowVrfVni { vrf: vrf(args), json: args.has("json") })
    }),
    Command::exec("show route-map [WORD$route_map] [json]", |args| {
        Ok(ExecCommand::ShowRouteMap { name: args.get("route_map")?, json: args.has("json") })
    }),
    Command::exec("show <ip|ipv6>$afi prefix-list [WORD$prefix_list] [json]", |args| {
        let (afi, json) = (afi(args).unwrap_or(Afi::Ipv4), args.has("json"));
        Ok(ExecCommand::ShowPrefixList { afi, name: args.get("prefix_list")?, json })
    }),
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
    Command::exec("show evpn rmac vni <all|VNI$vni> [mac M:M:M$mac] [json]", |args| {
        let (vni, mac, json) = (args.get("vni")?, args.get("mac")?, args.has("json"));
        Ok(ExecCommand::ShowEvpnRmac { vni, mac, json })
    }),
    Command::exec("show evpn next-hops vni <all|VNI$vni> [ip <A.B.C.D|X:X::X:X>$ip] [json]", |args| {
        let (vni, ip, json) = (args.get("vni")?, args.get("ip")?, args.has("json"));
        Ok(ExecCommand::ShowEvpnNextHops { vni, ip, json })
    }),
    Command::exec("show evpn domain [WORD$domain] [json]", |args| {
        Ok(ExecCommand::ShowEvpnDomain { domain: args.get("domain")?, json: args.has("json") })
    }),
    Command::exec("show evpn consistency [json]", |args| {
        Ok(ExecCommand::ShowEvpnConsistency { json: args.has("json") })
    }),
    Command::exec(
        "clear [ip] bgp [l2vpn evpn] <*$everyone|A.B.C.D$peer|X:X::X:X$peer|peer-group WORD$group|external> \
         [<soft [<in|out>]|in|out>]",
        clear_bgp,
    ),
    Command::exec(
        "clear [ip] bgp vrf <all|IFNAME$vrf> [<ipv4|ipv6>$afi [unicast]] \
         <*$everyone|A.B.C.D$peer|X:X::X:X$peer|peer-group WORD$group|external> [<soft [<in|out>]|in|out>]",
        |args| {
            let (target, how) = (clear_target(args)?, clear_how(args));
            Ok(ExecCommand::ClearBgpVrf { vrf: vrf(args), afi: afi(args), target, how })
        },
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
    Ok(ExecCommand::ClearBgp { family: family(args), target: clear_target(args)?, how: clear_how(args) })
}

fn clear_target(args: &Args<'_>) -> Result<ClearTarget, Reject> {
    Ok(if args.has("everyone") {
        ClearTarget::All
    } else if args.has("external") {
        ClearTarget::External
    } else if let Some(group) = args.text("group") {
        ClearTarget::PeerGroup(group.to_owned())
    } else {
        ClearTarget::Peer(args.need("peer")?)
    })
}

fn clear_how(args: &Args<'_>) -> ClearHow {
    match (args.has("soft"), args.has("in"), args.has("out")) {
        (_, true, _) => ClearHow::SoftIn,
        (_, _, true) => ClearHow::SoftOut,
        (true, ..) => ClearHow::SoftBoth,
        _ => ClearHow::Hard,
    }
}

fn session_filter(args: &Args<'_>) -> SessionFilter {
    match (args.has("established"), args.has("failed")) {
        (true, _) => SessionFilter::Established,
        (_, true) => SessionFilter::Failed,
        _ => SessionFilter::Any,
    }
}

fn neighbor_table(args: &Args<'_>) -> NeighborTable {
    match args.text("table") {
        Some("advertised-routes") => NeighborTable::Advertised,
        Some("received-routes") => NeighborTable::Received,
        _ => NeighborTable::Accepted,
    }
}

fn vrf(args: &Args<'_>) -> VrfSelector {
    args.value("vrf").map_or(VrfSelector::All, |name| VrfSelector::Named(name.to_owned()))
}

fn afi(args: &Args<'_>) -> Option<Afi> {
    match args.text("afi")? {
        "ipv6" => Some(Afi::Ipv6),
        _ => Some(Afi::Ipv4),
    }
}

fn afi_of(query: PrefixQuery) -> Afi {
    let ipv4 = match query {
        PrefixQuery::Exact(prefix) => prefix.addr().is_ipv4(),
        PrefixQuery::Longest(address) => address.is_ipv4(),
    };
    if ipv4 { Afi::Ipv4 } else { Afi::Ipv6 }
}

/// The prefix or address asked for; it is of the family asked for, if one was.
fn prefix_query(args: &Args<'_>, afi: Option<Afi>) -> Result<Option<PrefixQuery>, Reject> {
    let Some(text) = args.value("prefix") else { return Ok(None) };
    let query = match text.parse() {
        Ok(address) => PrefixQuery::Longest(address),
        Err(_) => PrefixQuery::Exact(args.need::<ipnet::IpNet>("prefix")?.trunc()),
    };
    if afi.is_some_and(|afi| afi != afi_of(query)) {
        return Err(args.reject("prefix", format!("{text} is of another address family")));
    }
    Ok(Some(query))
}
