//! `match …` in a route-map entry. A second line of the same kind replaces the first.

use super::Edit;
use crate::{
    command::{Args, Command, Reject},
    config::{CommunityComparison, CommunityMatch, EvpnRouteType, Match, Origin},
};

/// Every match.
pub static COMMANDS: &[Command] = &[
    Command::set("[no] match ip address / WORD$access_list", |edit, args| {
        matched(edit, args, "ip address", |args| Ok(Match::IpAddress(args.need("access_list")?)))
    }),
    Command::set("[no] match ip address prefix-list / WORD$prefix_list", |edit, args| {
        matched(edit, args, "ip address prefix-list", |args| {
            Ok(Match::IpAddressPrefixList(args.need("prefix_list")?))
        })
    }),
    Command::set("[no] match ip address prefix-len / (0-32)$prefix_len", |edit, args| {
        matched(edit, args, "ip address prefix-len", |args| {
            Ok(Match::IpAddressPrefixLen(args.need("prefix_len")?))
        })
    }),
    Command::set("[no] match ip next-hop / WORD$access_list", |edit, args| {
        matched(edit, args, "ip next-hop", |args| Ok(Match::IpNextHop(args.need("access_list")?)))
    }),
    Command::set("[no] match ip next-hop prefix-list / WORD$prefix_list", |edit, args| {
        matched(edit, args, "ip next-hop prefix-list", |args| {
            Ok(Match::IpNextHopPrefixList(args.need("prefix_list")?))
        })
    }),
    Command::set("[no] match ip next-hop address / A.B.C.D$next_hop", |edit, args| {
        matched(edit, args, "ip next-hop address", |args| Ok(Match::IpNextHopAddress(args.need("next_hop")?)))
    }),
    Command::set("[no] match ipv6 address / WORD$access_list", |edit, args| {
        matched(edit, args, "ipv6 address", |args| Ok(Match::Ipv6Address(args.need("access_list")?)))
    }),
    Command::set("[no] match ipv6 address prefix-list / WORD$prefix_list", |edit, args| {
        matched(edit, args, "ipv6 address prefix-list", |args| {
            Ok(Match::Ipv6AddressPrefixList(args.need("prefix_list")?))
        })
    }),
    Command::set("[no] match ipv6 address prefix-len / (0-128)$prefix_len", |edit, args| {
        matched(edit, args, "ipv6 address prefix-len", |args| {
            Ok(Match::Ipv6AddressPrefixLen(args.need("prefix_len")?))
        })
    }),
    Command::set("[no] match ipv6 next-hop / WORD$access_list", |edit, args| {
        matched(edit, args, "ipv6 next-hop", |args| Ok(Match::Ipv6NextHop(args.need("access_list")?)))
    }),
    Command::set("[no] match ipv6 next-hop prefix-list / WORD$prefix_list", |edit, args| {
        matched(edit, args, "ipv6 next-hop prefix-list", |args| {
            Ok(Match::Ipv6NextHopPrefixList(args.need("prefix_list")?))
        })
    }),
    Command::set("[no] match ipv6 next-hop address / X:X::X:X$next_hop", |edit, args| {
        matched(edit, args, "ipv6 next-hop address", |args| {
            Ok(Match::Ipv6NextHopAddress(args.need("next_hop")?))
        })
    }),
    Command::set("match ipv6 next-hop X:X::X:X$next_hop", |edit, args| {
        matched(edit, args, "ipv6 next-hop address", |args| {
            Ok(Match::Ipv6NextHopAddress(args.need("next_hop")?))
        })
    }),
    Command::set("[no] match community / WORD$clist [<exact-match|any>]", |edit, args| {
        matched(edit, args, "community", |args| Ok(Match::Community(community(args)?)))
    }),
    Command::set("[no] match large-community / WORD$clist [<exact-match|any>]", |edit, args| {
        matched(edit, args, "large-community", |args| Ok(Match::LargeCommunity(community(args)?)))
    }),
    Command::set("[no] match extcommunity / WORD$clist", |edit, args| {
        matched(edit, args, "extcommunity", |args| Ok(Match::Extcommunity(args.need("clist")?)))
    }),
    Command::set("[no] match as-path / WORD$as_path_list", |edit, args| {
        matched(edit, args, "as-path", |args| Ok(Match::AsPath(args.need("as_path_list")?)))
    }),
    Command::set("[no] match metric / (0-4294967295)$med", |edit, args| {
        matched(edit, args, "metric", |args| Ok(Match::Metric(args.need("med")?)))
    }),
    Command::set("[no] match local-preference / (0-4294967295)$local_preference", |edit, args| {
        matched(edit, args, "local-preference", |args| {
            Ok(Match::LocalPreference(args.need("local_preference")?))
        })
    }),
    Command::set("[no] match origin / <egp|igp|incomplete>$origin", |edit, args| {
        matched(edit, args, "origin", |args| {
            let origin = args.text("origin").and_then(Origin::from_name);
            Ok(Match::Origin(origin.ok_or_else(|| Reject::line("expected egp, igp or incomplete"))?))
        })
    }),
    Command::set("[no] match evpn route-type / <ead|macip|multicast|es|prefix|(1-5)>$type", |edit, args| {
        matched(edit, args, "evpn route-type", |args| {
            let kind = args.text("type").and_then(EvpnRouteType::from_name);
            Ok(Match::EvpnRouteType(kind.ok_or_else(|| Reject::line("expected a route type"))?))
        })
    }),
    Command::set("[no] match evpn vni / VNI$vni", |edit, args| {
        matched(edit, args, "evpn vni", |args| Ok(Match::EvpnVni(args.need("vni")?)))
    }),
    Command::set("[no] match evpn rd / RD$rd", |edit, args| {
        matched(edit, args, "evpn rd", |args| Ok(Match::EvpnRd(args.need("rd")?)))
    }),
    Command::set("[no] match evpn default-route", |edit, args| {
        matched(edit, args, "evpn default-route", |_| Ok(Match::EvpnDefaultRoute))
    }),
    Command::set("[no] match mac address / WORD$mac_list", |edit, args| {
        matched(edit, args, "mac address", |args| Ok(Match::MacAddress(args.need("mac_list")?)))
    }),
    Command::refuse("match tag LINE$line", "BGP routes carry no tag"),
    Command::refuse(
        "match <peer|interface|source-vrf|source-protocol|source-instance>$source LINE$line",
        "a route-map is told of the route only; give the neighbor a route-map of its own",
    ),
    Command::refuse("match <rpki|probability|alias|vpn>$what LINE$line", "Weft cannot match that"),
];

fn matched(
    edit: &mut Edit<'_>,
    args: &Args<'_>,
    command: &str,
    make: fn(&Args<'_>) -> Result<Match, Reject>,
) -> Result<(), Reject> {
    let matches = &mut edit.route_map_entry()?.matches;
    let before = matches.len();
    matches.retain(|known| known.command() != command);
    if !args.negative() {
        matches.push(make(args)?);
    } else if matches.len() == before {
        return Err(Reject::line(format!("there is no `match {command}` here")));
    }
    Ok(())
}

fn community(args: &Args<'_>) -> Result<CommunityMatch, Reject> {
    let how = match (args.has("exact-match"), args.has("any")) {
        (true, _) => CommunityComparison::Exact,
        (_, true) => CommunityComparison::Any,
        _ => CommunityComparison::All,
    };
    Ok(CommunityMatch { list: args.need("clist")?, how })
}
