//! `neighbor …` inside of an address family.

use super::{Edit, neighbor::settings, router::value};
use crate::{
    command::{Args, Command, Mode, ModeKind, Reject},
    config::{AllowAsIn, Domain, MaximumPrefix, MaximumPrefixAction, NeighborFamily, NextHopSelf},
};

/// How often our AS may be in a path when `allowas-in` says nothing.
const DEFAULT_ALLOWAS_TIMES: u8 = 3;

/// The lines that every family has.
pub static COMMANDS: &[Command] = &[
    Command::set("[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer activate", |edit, args| {
        // Only IPv4 unicast may be on without being said, so only there an explicit no is kept.
        let silence = (edit.path.last() == Some(&Mode::VrfIpv4)).then_some(false);
        family(edit, args)?.activate = if args.negative() { silence } else { Some(true) };
        Ok(())
    }),
    Command::set("[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer route-reflector-client", |edit, args| {
        family(edit, args)?.route_reflector_client = !args.negative();
        Ok(())
    }),
    Command::set(
        "[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer allowas-in [<(1-10)$allowas_times|origin>]",
        |edit, args| {
            let allow = match args.get("allowas_times")? {
                _ if args.negative() => None,
                _ if args.has("origin") => Some(AllowAsIn::Origin),
                times => Some(AllowAsIn::Times(times.unwrap_or(DEFAULT_ALLOWAS_TIMES))),
            };
            family(edit, args)?.allowas_in = allow;
            Ok(())
        },
    ),
    Command::set(
        "[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer maximum-prefix / \
         (1-4294967295)$limit [(1-100)$threshold] [<warning-only|restart (1-65535)$minutes>]",
        |edit, args| {
            let action = match args.get("minutes")? {
                Some(minutes) => MaximumPrefixAction::Restart(minutes),
                None if args.has("warning-only") => MaximumPrefixAction::WarningOnly,
                None => MaximumPrefixAction::Close,
            };
            let limit = value(args, "limit")?;
            let threshold = args.get("threshold")?;
            family(edit, args)?.maximum_prefix =
                limit.map(|limit| MaximumPrefix { limit, threshold, action });
            Ok(())
        },
    ),
    Command::set("[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer soft-reconfiguration inbound", |edit, args| {
        family(edit, args)?.soft_reconfiguration_inbound = !args.negative();
        Ok(())
    }),
    // Weft sends every kind of community in any case.
    Command::nothing(
        "neighbor <A.B.C.D|X:X::X:X|WORD>$peer send-community [<all|both|extended|large|standard>]",
    ),
];

/// Filters by what routes are: not for memberships, which ask for routes.
pub static FILTER_COMMANDS: &[Command] = &[
    Command::set(
        "[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer route-map WORD$route_map <in|out>",
        |edit, args| {
            let family = family(edit, args)?;
            filter(args, "route_map", &mut family.route_map_in, &mut family.route_map_out)
        },
    ),
    Command::set(
        "[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer prefix-list WORD$prefix_list <in|out>",
        |edit, args| {
            let family = family(edit, args)?;
            filter(args, "prefix_list", &mut family.prefix_list_in, &mut family.prefix_list_out)
        },
    ),
];

/// The lines of `address-family l2vpn evpn` only.
pub static EVPN_COMMANDS: &[Command] = &[Command::set(
    "[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer domain / WORD$domain [id DOMAINID$domain_id]",
    |edit, args| {
        settings(edit, args)?.domain = domain(args)?;
        Ok(())
    },
)];

/// The lines of the unicast families only.
pub static UNICAST_COMMANDS: &[Command] =
    &[Command::set("[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer next-hop-self [force]", |edit, args| {
        let how = if args.has("force") { NextHopSelf::Force } else { NextHopSelf::External };
        family(edit, args)?.next_hop_self = (!args.negative()).then_some(how);
        Ok(())
    })];

/// The lines of the families that have a default: unicast and rtfilter.
pub static DEFAULT_COMMANDS: &[Command] =
    &[Command::set("[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer default-originate", |edit, args| {
        family(edit, args)?.default_originate = !args.negative();
        Ok(())
    })];

/// The name and identifier of a domain, none in the `no` form.
pub(super) fn domain(args: &Args<'_>) -> Result<Option<Domain>, Reject> {
    let id = args.get("domain_id")?;
    Ok(value(args, "domain")?.map(|name| Domain { name, id }))
}

/// The lines of the neighbour in the family entered.
fn family<'e>(edit: &'e mut Edit<'_>, args: &Args<'_>) -> Result<&'e mut NeighborFamily, Reject> {
    let mode = edit.path.last().map(Mode::kind);
    let settings = settings(edit, args)?;
    Ok(match mode {
        Some(ModeKind::VrfIpv4) => &mut settings.ipv4_unicast,
        Some(ModeKind::VrfIpv6) => &mut settings.ipv6_unicast,
        Some(ModeKind::RtFilter) => &mut settings.rtfilter,
        _ => &mut settings.l2vpn_evpn,
    })
}

/// A filter towards us or towards the neighbour. What is taken away must be what is there.
fn filter(
    args: &Args<'_>,
    name: &str,
    towards_us: &mut Option<String>,
    towards_peer: &mut Option<String>,
) -> Result<(), Reject> {
    let field = if args.has("in") { towards_us } else { towards_peer };
    let wanted: String = args.need(name)?;
    if !args.negative() {
        *field = Some(wanted);
    } else if field.take_if(|known| *known == wanted).is_none() {
        return Err(args.reject(name, format!("{wanted} is not configured")));
    }
    Ok(())
}
