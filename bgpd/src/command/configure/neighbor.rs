//! `neighbor …` outside of an address family; the same lines serve addresses and peer-groups.

use super::{
    Edit,
    router::{timers, value},
};
use crate::{
    command::{Args, Command, Reject, grammar::token::parse_asn},
    config::{GracefulRestartMode, Neighbor, NeighborSettings, RemoteAs, Shutdown, UpdateSource},
};
use std::net::IpAddr;

/// The hops of a bare `ebgp-multihop`.
const MAX_HOPS: u8 = 255;

/// The lines of `router bgp`.
pub static COMMANDS: &[Command] = &[
    Command::set(
        "[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer remote-as / <ASN$asn|internal|external>",
        remote_as,
    ),
    Command::set("no neighbor <A.B.C.D|X:X::X:X|WORD>$peer", remove),
    Command::set("[no] neighbor WORD$peer peer-group", group),
    Command::set("[no] neighbor <A.B.C.D|X:X::X:X>$peer peer-group / WORD$group", membership),
    Command::set("[no] neighbor <A.B.C.D|X:X::X:X>$peer interface / IFNAME$ifname", |edit, args| {
        settings(edit, args)?.interface = value(args, "ifname")?;
        Ok(())
    }),
    Command::set(
        "[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer update-source / <A.B.C.D|X:X::X:X|IFNAME>$source",
        |edit, args| {
            let source = args.text("source").filter(|_| !args.negative());
            settings(edit, args)?.update_source = source.map(|text| match text.parse() {
                Ok(address) => UpdateSource::Address(address),
                Err(_) => UpdateSource::Interface(text.to_owned()),
            });
            Ok(())
        },
    ),
    Command::set(
        "[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer timers / (0-65535)$keepalive (0-65535)$hold",
        |edit, args| {
            settings(edit, args)?.timers = timers(args)?;
            Ok(())
        },
    ),
    Command::set(
        "[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer timers connect / (1-65535)$connect",
        |edit, args| {
            settings(edit, args)?.connect_timer = value(args, "connect")?;
            Ok(())
        },
    ),
    Command::set("[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer passive", |edit, args| {
        settings(edit, args)?.passive = !args.negative();
        Ok(())
    }),
    Command::set(
        "[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer description / LINE$description",
        |edit, args| {
            settings(edit, args)?.description = text(args, "description", 80)?;
            Ok(())
        },
    ),
    Command::set(
        "[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer shutdown [message LINE$message]",
        |edit, args| {
            let message = text(args, "message", 255)?;
            settings(edit, args)?.shutdown = (!args.negative()).then_some(Shutdown { message });
            Ok(())
        },
    ),
    Command::set("[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer password / LINE$password", |edit, args| {
        settings(edit, args)?.password = text(args, "password", 80)?;
        Ok(())
    }),
    Command::set(
        "[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer ttl-security hops / (1-254)$hops",
        |edit, args| {
            let settings = settings(edit, args)?;
            if !args.negative() && settings.ebgp_multihop.is_some() {
                return Err(args.reject("ttl-security", "not together with ebgp-multihop"));
            }
            settings.ttl_security_hops = value(args, "hops")?;
            Ok(())
        },
    ),
    Command::set("[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer ebgp-multihop [(1-255)$hops]", |edit, args| {
        let settings = settings(edit, args)?;
        if !args.negative() && settings.ttl_security_hops.is_some() {
            return Err(args.reject("ebgp-multihop", "not together with ttl-security"));
        }
        settings.ebgp_multihop =
            if args.negative() { None } else { Some(args.get("hops")?.unwrap_or(MAX_HOPS)) };
        Ok(())
    }),
    Command::set("[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer disable-connected-check", |edit, args| {
        settings(edit, args)?.disable_connected_check = !args.negative();
        Ok(())
    }),
    Command::set("[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer port / (1-65535)$port", |edit, args| {
        settings(edit, args)?.port = value(args, "port")?;
        Ok(())
    }),
    Command::set("[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer capability extended-nexthop", |edit, args| {
        settings(edit, args)?.capability_extended_nexthop = !args.negative();
        Ok(())
    }),
    Command::set("[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer enforce-first-as", |edit, args| {
        settings(edit, args)?.enforce_first_as = !args.negative();
        Ok(())
    }),
    Command::set("[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer capability fqdn", |edit, args| {
        settings(edit, args)?.suppress_fqdn = args.negative();
        Ok(())
    }),
    Command::set("[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer graceful-restart", |edit, args| {
        graceful_restart(edit, args, GracefulRestartMode::Restart)
    }),
    Command::set("[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer graceful-restart-helper", |edit, args| {
        graceful_restart(edit, args, GracefulRestartMode::Helper)
    }),
    Command::set("[no] neighbor <A.B.C.D|X:X::X:X|WORD>$peer graceful-restart-disable", |edit, args| {
        graceful_restart(edit, args, GracefulRestartMode::Disable)
    }),
];

/// The settings that a line is about. A neighbour is made by `remote-as` or `peer-group` only, so that a
/// mistyped address is an error and not a new neighbour.
pub(super) fn settings<'e>(
    edit: &'e mut Edit<'_>,
    args: &Args<'_>,
) -> Result<&'e mut NeighborSettings, Reject> {
    let peer = args.text("peer").unwrap_or_default();
    let bgp = edit.instance()?;
    let known = match peer.parse::<IpAddr>() {
        Ok(address) => bgp.neighbors.get_mut(&address).map(|neighbor| &mut neighbor.settings),
        Err(_) => bgp.peer_groups.get_mut(peer),
    };
    known.ok_or_else(|| unknown(args, peer))
}

fn unknown(args: &Args<'_>, peer: &str) -> Reject {
    let message = if peer.parse::<IpAddr>().is_ok() {
        format!("there is no neighbor {peer}: first `neighbor {peer} remote-as …` or `… peer-group NAME`")
    } else if is_group_name(peer) {
        format!("there is no peer-group {peer}: first `neighbor {peer} peer-group`")
    } else {
        format!("{peer} is no address, and no name of a peer-group")
    };
    args.reject("peer", message)
}

/// A name that nobody takes for a mistyped address.
fn is_group_name(name: &str) -> bool {
    !name.contains([':', '/', '*', '|']) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Free text of a line, none in the `no` form.
fn text(args: &Args<'_>, name: &str, at_most: usize) -> Result<Option<String>, Reject> {
    match args.value(name).filter(|_| !args.negative()) {
        Some(text) if text.len() > at_most => {
            Err(args.reject(name, format!("{} octets; at most {at_most}", text.len())))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

fn graceful_restart(edit: &mut Edit<'_>, args: &Args<'_>, mode: GracefulRestartMode) -> Result<(), Reject> {
    settings(edit, args)?.graceful_restart = (!args.negative()).then_some(mode);
    Ok(())
}

fn remote_as(edit: &mut Edit<'_>, args: &Args<'_>) -> Result<(), Reject> {
    let peer = args.text("peer").unwrap_or_default();
    if args.negative() {
        return match peer.parse::<IpAddr>() {
            Ok(address) => forget(edit, args, address, |neighbor| neighbor.settings.remote_as = None),
            Err(_) => {
                settings(edit, args)?.remote_as = None;
                Ok(())
            }
        };
    }
    let remote_as = match args.text("asn").and_then(parse_asn) {
        Some(asn) => RemoteAs::As(asn),
        None if args.has("internal") => RemoteAs::Internal,
        None => RemoteAs::External,
    };
    match peer.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() || address.is_multicast() => {
            Err(args.reject("peer", "expected a unicast address"))
        }
        Ok(address) => {
            edit.instance()?.neighbors.entry(address).or_default().settings.remote_as = Some(remote_as);
            Ok(())
        }
        Err(_) => {
            settings(edit, args)?.remote_as = Some(remote_as);
            Ok(())
        }
    }
}

/// Takes something from a neighbour, and the neighbour too if neither an AS nor a group is left.
fn forget(
    edit: &mut Edit<'_>,
    args: &Args<'_>,
    address: IpAddr,
    take: fn(&mut Neighbor),
) -> Result<(), Reject> {
    let neighbors = &mut edit.instance()?.neighbors;
    let Some(neighbor) = neighbors.get_mut(&address) else {
        return Err(unknown(args, &address.to_string()));
    };
    take(neighbor);
    if neighbor.settings.remote_as.is_none() && neighbor.peer_group.is_none() {
        neighbors.remove(&address);
    }
    Ok(())
}

fn remove(edit: &mut Edit<'_>, args: &Args<'_>) -> Result<(), Reject> {
    let peer = args.text("peer").unwrap_or_default();
    match peer.parse::<IpAddr>() {
        Ok(address) => match edit.instance()?.neighbors.remove(&address) {
            Some(_) => Ok(()),
            None => Err(unknown(args, peer)),
        },
        Err(_) => remove_group(edit, args, peer),
    }
}

fn group(edit: &mut Edit<'_>, args: &Args<'_>) -> Result<(), Reject> {
    let name = args.text("peer").unwrap_or_default();
    if args.negative() {
        return remove_group(edit, args, name);
    }
    if !is_group_name(name) {
        return Err(args.reject("peer", format!("{name} is no address, and no name of a peer-group")));
    }
    edit.instance()?.peer_groups.entry(name.to_owned()).or_default();
    Ok(())
}

/// A group goes with its members that have nothing but the group, and with its listen ranges.
fn remove_group(edit: &mut Edit<'_>, args: &Args<'_>, name: &str) -> Result<(), Reject> {
    let bgp = edit.instance()?;
    if bgp.peer_groups.remove(name).is_none() {
        return Err(unknown(args, name));
    }
    bgp.listen_ranges.retain(|_, group| group != name);
    bgp.neighbors.retain(|_, neighbor| {
        if neighbor.peer_group.as_deref() == Some(name) {
            neighbor.peer_group = None;
        }
        neighbor.peer_group.is_some() || neighbor.settings.remote_as.is_some()
    });
    Ok(())
}

fn membership(edit: &mut Edit<'_>, args: &Args<'_>) -> Result<(), Reject> {
    let address: IpAddr = args.need("peer")?;
    if args.negative() {
        return forget(edit, args, address, |neighbor| neighbor.peer_group = None);
    }
    let name: String = args.need("group")?;
    if address.is_unspecified() || address.is_multicast() {
        return Err(args.reject("peer", "expected a unicast address"));
    }
    let bgp = edit.instance()?;
    if !bgp.peer_groups.contains_key(&name) {
        return Err(args
            .reject("group", format!("there is no peer-group {name}: first `neighbor {name} peer-group`")));
    }
    bgp.neighbors.entry(address).or_default().peer_group = Some(name);
    Ok(())
}
