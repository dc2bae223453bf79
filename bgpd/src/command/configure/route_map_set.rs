//! `set …` in a route-map entry. A second line of the same kind replaces the first.

use super::Edit;
use crate::{
    command::{Args, Command, Reject, grammar::token::parse_asn},
    config::{Origin, Set, SetCommunities},
};
use std::{
    collections::BTreeSet,
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// Every set.
pub static COMMANDS: &[Command] = &[
    Command::set("[no] set local-preference / ADJUST$adjustment", |edit, args| {
        set(edit, args, "local-preference", |args| Ok(Set::LocalPreference(args.need("adjustment")?)))
    }),
    Command::set("[no] set metric / ADJUST$adjustment", |edit, args| {
        set(edit, args, "metric", |args| Ok(Set::Metric(args.need("adjustment")?)))
    }),
    Command::set("[no] set origin / <egp|igp|incomplete>$origin", |edit, args| {
        set(edit, args, "origin", |args| {
            let origin = args.text("origin").and_then(Origin::from_name);
            Ok(Set::Origin(origin.ok_or_else(|| Reject::line("expected egp, igp or incomplete"))?))
        })
    }),
    Command::set("[no] set atomic-aggregate", |edit, args| {
        set(edit, args, "atomic-aggregate", |_| Ok(Set::AtomicAggregate))
    }),
    Command::set("[no] set community / <none|AA:NN$community... [additive]>", |edit, args| {
        set(edit, args, "community", |args| Ok(Set::Community(communities(args)?)))
    }),
    Command::set("[no] set large-community / <none|AA:BB:CC$community... [additive]>", |edit, args| {
        set(edit, args, "large-community", |args| Ok(Set::LargeCommunity(communities(args)?)))
    }),
    Command::set("[no] set extcommunity rt / RT$rt...", |edit, args| {
        set(edit, args, "extcommunity rt", |args| Ok(Set::ExtcommunityRt(all(args, "rt")?)))
    }),
    Command::set("[no] set extcommunity soo / RT$soo...", |edit, args| {
        set(edit, args, "extcommunity soo", |args| Ok(Set::ExtcommunitySoo(all(args, "soo")?)))
    }),
    Command::set("[no] set extcommunity none", |edit, args| {
        set(edit, args, "extcommunity none", |_| Ok(Set::ExtcommunityNone))
    }),
    Command::set("[no] set comm-list / WORD$clist delete", |edit, args| {
        set(edit, args, "comm-list", |args| Ok(Set::CommListDelete(args.need("clist")?)))
    }),
    Command::set("[no] set large-comm-list / WORD$clist delete", |edit, args| {
        set(edit, args, "large-comm-list", |args| Ok(Set::LargeCommListDelete(args.need("clist")?)))
    }),
    Command::set("[no] set extended-comm-list / WORD$clist delete", |edit, args| {
        set(edit, args, "extended-comm-list", |args| Ok(Set::ExtendedCommListDelete(args.need("clist")?)))
    }),
    Command::set("[no] set as-path prepend / ASN$asn...", |edit, args| {
        set(edit, args, "as-path prepend", |args| Ok(Set::AsPathPrepend(asns(args)?)))
    }),
    Command::set("[no] set as-path prepend last-as / (1-10)$times", |edit, args| {
        set(edit, args, "as-path prepend", |args| Ok(Set::AsPathPrependLastAs(args.need("times")?)))
    }),
    Command::set("[no] set as-path exclude / ASN$asn...", |edit, args| {
        set(edit, args, "as-path exclude", |args| Ok(Set::AsPathExclude(asns(args)?)))
    }),
    Command::set("[no] set ip next-hop / A.B.C.D$next_hop", |edit, args| {
        set(edit, args, "ip next-hop", |args| {
            let address: Ipv4Addr = args.need("next_hop")?;
            if address.is_unspecified() || address.is_multicast() || address.is_broadcast() {
                return Err(args.reject("next_hop", "expected a unicast address"));
            }
            Ok(Set::IpNextHop(address))
        })
    }),
    Command::set("[no] set ip next-hop unchanged", |edit, args| {
        set(edit, args, "ip next-hop", |_| Ok(Set::IpNextHopUnchanged))
    }),
    Command::set("[no] set ipv6 next-hop global / X:X::X:X$next_hop", |edit, args| {
        set(edit, args, "ipv6 next-hop global", |args| Ok(Set::Ipv6NextHopGlobal(ipv6(args, false)?)))
    }),
    Command::set("[no] set ipv6 next-hop local / X:X::X:X$next_hop", |edit, args| {
        set(edit, args, "ipv6 next-hop local", |args| Ok(Set::Ipv6NextHopLocal(ipv6(args, true)?)))
    }),
    Command::set("[no] set ipv6 next-hop prefer-global", |edit, args| {
        set(edit, args, "ipv6 next-hop prefer-global", |_| Ok(Set::Ipv6NextHopPreferGlobal))
    }),
    Command::set("[no] set evpn gateway-ip ipv4 / A.B.C.D$next_hop", |edit, args| {
        set(edit, args, "evpn gateway-ip ipv4", |args| Ok(Set::EvpnGatewayIpv4(args.need("next_hop")?)))
    }),
    Command::set("[no] set evpn gateway-ip ipv6 / X:X::X:X$next_hop", |edit, args| {
        set(edit, args, "evpn gateway-ip ipv6", |args| Ok(Set::EvpnGatewayIpv6(args.need("next_hop")?)))
    }),
    Command::refuse(
        "set <ip|ipv6>$afi next-hop peer-address",
        "a route-map is told of the route only; use `next-hop-self`, or name the address",
    ),
    Command::refuse("set metric <rtt|+rtt|-rtt>$rtt", "Weft measures no round trip times"),
    Command::refuse("set weight LINE$line", "Weft has no weight; use local-preference"),
    Command::refuse("set tag LINE$line", "BGP routes carry no tag"),
    Command::refuse(
        "set <distance|table|src|label-index|vpn|sr-te|originator-id|aggregator|l3vpn>$what LINE$line",
        "Weft cannot set that",
    ),
];

fn set(
    edit: &mut Edit<'_>,
    args: &Args<'_>,
    command: &str,
    make: fn(&Args<'_>) -> Result<Set, Reject>,
) -> Result<(), Reject> {
    let sets = &mut edit.route_map_entry()?.sets;
    let before = sets.len();
    sets.retain(|known| known.command() != command);
    if !args.negative() {
        sets.push(make(args)?);
    } else if sets.len() == before {
        return Err(Reject::line(format!("there is no `set {command}` here")));
    }
    Ok(())
}

/// Every value of this name.
fn all<T: Ord + FromStr<Err: fmt::Display>>(args: &Args<'_>, name: &str) -> Result<BTreeSet<T>, Reject> {
    let read = args.values(name).map(|value| {
        let message = |error| format!("{}: {error}", value.text);
        value.text.parse().map_err(|error| Reject { at: Some(value.start), message: message(error) })
    });
    read.collect()
}

fn communities<C: Ord + FromStr<Err: fmt::Display>>(args: &Args<'_>) -> Result<SetCommunities<C>, Reject> {
    Ok(match (args.has("none"), args.has("additive")) {
        (true, _) => SetCommunities::None,
        (_, true) => SetCommunities::Add(all(args, "community")?),
        _ => SetCommunities::Replace(all(args, "community")?),
    })
}

fn asns(args: &Args<'_>) -> Result<Vec<u32>, Reject> {
    let read = args.values("asn").map(|value| {
        let message = format!("{} is no AS number", value.text);
        parse_asn(value.text).ok_or(Reject { at: Some(value.start), message })
    });
    read.collect()
}

fn ipv6(args: &Args<'_>, link_local: bool) -> Result<Ipv6Addr, Reject> {
    let address: Ipv6Addr = args.need("next_hop")?;
    let unicast = !address.is_unspecified() && !address.is_multicast();
    if !unicast || address.is_unicast_link_local() != link_local {
        let expected = if link_local { "a link-local address" } else { "a global unicast address" };
        return Err(args.reject("next_hop", format!("expected {expected}")));
    }
    Ok(address)
}
