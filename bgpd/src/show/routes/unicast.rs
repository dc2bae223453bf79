//! `show bgp vrf V|all [ipv4|ipv6 unicast] [P] [json]`: the unicast tables of IP-VRFs, and one
//! prefix of them at length.

use super::{
    detail,
    entry::Entry,
    filter::Filter,
    frame::Form,
    json,
    list::{self, List},
};
use crate::{
    command::{
        ExecError, Sink,
        exec::{PrefixQuery, VrfSelector},
    },
    core::CoreHandle,
    rib::{Rib, RouteView, Scope},
    show::{
        instance::{Instance, select},
        json::{JsonStream, document},
        one::{self, Found},
        tables::Tables,
    },
    wire::{Family, unicast},
};
use ipnet::IpNet;
use std::net::IpAddr;

/// Carries out the command.
pub(in crate::show) fn show(
    core: &CoreHandle,
    selector: VrfSelector,
    family: Family,
    query: Option<PrefixQuery>,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let all = selector == VrfSelector::All;
    let mut instances = core.ask(move |core, _| select(core, &selector))??;
    if all {
        // Outside of IP-VRFs Weft exchanges no unicast routes.
        instances.retain(|instance| instance.vrf().is_some());
    }
    match query {
        Some(query) => one(core, instances, all, family, query, json, out),
        None => tables(core, instances, all, family, json, out),
    }
}

fn tables(
    core: &CoreHandle,
    instances: Vec<Instance>,
    all: bool,
    family: Family,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let mut stream = json.then(JsonStream::object);
    for instance in instances {
        match &mut stream {
            Some(stream) if all => stream.begin_object(instance.name()),
            None if all => out.text(&format!("\nInstance {}:\n", instance.name()))?,
            _ => {}
        }
        let (scope, filter, form) = (Some(Scope::All), Filter::default(), Form::Overview);
        stream = list::show(core, &instance, List { family, scope, filter, form, json: stream }, out)?;
        if let (Some(stream), true) = (&mut stream, all) {
            stream.end();
        }
    }
    match stream {
        Some(stream) => Ok(out.text(&stream.finish())?),
        None => Ok(()),
    }
}

fn one(
    core: &CoreHandle,
    instances: Vec<Instance>,
    all: bool,
    family: Family,
    query: PrefixQuery,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let found = one::find(core, instances, move |_, _, tables| entry(tables, family, query))?;
    if json {
        let of = |found: &Found<Entry>| json::detail(&found.what, &found.clock);
        return Ok(out.text(&document(&one::as_json(&found, all, of)))?);
    }
    if found.is_empty() {
        return Err(one::not_found());
    }
    for Found { instance, what, clock } in found {
        let mut text = if all { format!("\nInstance {}:\n", instance.name()) } else { String::new() };
        detail::entry(&what, Some(instance.name()), &clock, &mut text);
        out.text(&text)?;
    }
    Ok(())
}

/// The route that is asked for, with the neighbours that have been told of it.
pub(super) fn entry(tables: &Tables<'_>, family: Family, query: PrefixQuery) -> Option<Entry> {
    let view = match query {
        PrefixQuery::Exact(prefix) => route(tables.rib, prefix)?,
        PrefixQuery::Longest(address) => longest(tables.rib, address)?,
    };
    if view.family != family {
        return None;
    }
    let told = tables.rib.advertised_to(family, view.id);
    Some(Entry::new(tables, view, |_| true)?.with_told(tables, &told))
}

fn route(rib: &Rib, prefix: IpNet) -> Option<RouteView> {
    rib.route(unicast::family(&prefix), &unicast::nlri(&prefix)).ok()?
}

/// The longest prefix that holds the address.
fn longest(rib: &Rib, address: IpAddr) -> Option<RouteView> {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    (0..=bits).rev().find_map(|length| route(rib, IpNet::new(address, length).ok()?.trunc()))
}

#[cfg(test)]
mod tests;
