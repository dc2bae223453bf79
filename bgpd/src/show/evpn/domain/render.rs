//! A domain as text and as JSON, a page of prefixes at a time.

use super::{Aggregate, Domain, HeldBack, Lists, Share};
use crate::{
    command::{ExecError, Sink},
    show::{json::JsonStream, page::PAGE},
};
use serde_json::{Map, Value, json};

/// Its text, with an empty line behind it.
pub(super) fn as_text(domain: &Domain, out: &mut dyn Sink) -> Result<(), ExecError> {
    let own = if domain.own { ", our own" } else { "" };
    let mut text = format!("Domain {} (id {}{own})\n", domain.name, domain.id);
    if domain.neighbours.is_empty() {
        text.push_str("  No neighbors\n");
    }
    for neighbour in &domain.neighbours {
        text += &format!(
            "  Neighbor {}: {}, {} routes in, {} out\n",
            neighbour.address, neighbour.state, neighbour.accepted, neighbour.sent
        );
    }
    out.text(&text)?;
    for vrf in &domain.vrfs {
        out.text(&share_text(vrf))?;
        if let Some(lists) = &vrf.lists {
            lists_text(lists, out)?;
        }
    }
    Ok(out.text("\n")?)
}

fn share_text(vrf: &Share) -> String {
    let mut text = format!(
        "  VRF {}: {} prefixes in, {} out, {} held back\n",
        vrf.vrf, vrf.came_in, vrf.sent, vrf.held_back
    );
    for Aggregate { prefix, summary_only, active, lingers, contributors } in &vrf.aggregates {
        let summary_only = if *summary_only { " summary-only" } else { "" };
        let state = match (active, lingers) {
            (true, true) => "active, about to end",
            (true, false) => "active",
            (false, _) => "not active",
        };
        text += &format!("    Aggregate {prefix}{summary_only}: {state}, {contributors} contributors\n");
    }
    text
}

fn lists_text(lists: &Lists, out: &mut dyn Sink) -> Result<(), ExecError> {
    list_text("In", &lists.came_in, |prefix| prefix.to_string(), out)?;
    list_text("Out", &lists.sent, |(prefix, reason)| format!("{prefix} ({reason})"), out)?;
    list_text("Held back", &lists.held_back, |held| format!("{} by {}", held.prefix, held.aggregate), out)
}

fn list_text<T>(
    heading: &str,
    items: &[T],
    line: impl Fn(&T) -> String,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    if items.is_empty() {
        return Ok(());
    }
    out.text(&format!("    {heading}:\n"))?;
    for page in items.chunks(PAGE) {
        out.text(&page.iter().map(|item| format!("      {}\n", line(item))).collect::<String>())?;
    }
    Ok(())
}

/// Its member of the object that is open.
pub(super) fn as_json(domain: &Domain, json: &mut JsonStream, out: &mut dyn Sink) -> Result<(), ExecError> {
    json.begin_object(&domain.name);
    json.member("id", domain.id.to_string());
    json.member("own", domain.own);
    let neighbours = domain.neighbours.iter().map(|neighbour| {
        let value = json!({
            "state": neighbour.state, "acceptedRoutes": neighbour.accepted, "sentRoutes": neighbour.sent
        });
        (neighbour.address.to_string(), value)
    });
    json.member("neighbors", neighbours.collect::<Map<String, Value>>());
    json.begin_object("vrfs");
    for vrf in &domain.vrfs {
        json.begin_object(&vrf.vrf);
        json.member("prefixesIn", vrf.came_in);
        json.member("prefixesOut", vrf.sent);
        json.member("prefixesHeldBack", vrf.held_back);
        let aggregates = vrf.aggregates.iter().map(|aggregate| {
            let value = json!({
                "summaryOnly": aggregate.summary_only,
                "active": aggregate.active,
                "aboutToEnd": aggregate.lingers,
                "contributors": aggregate.contributors,
            });
            (aggregate.prefix.to_string(), value)
        });
        json.member("aggregates", aggregates.collect::<Map<String, Value>>());
        if let Some(lists) = &vrf.lists {
            list_json("in", &lists.came_in, |prefix| json!(prefix.to_string()), json, out)?;
            let sent = |(prefix, reason): &(ipnet::IpNet, String)| json!({"prefix": prefix.to_string(), "reason": reason});
            list_json("out", &lists.sent, sent, json, out)?;
            let held = |held: &HeldBack| json!({"prefix": held.prefix.to_string(), "aggregate": held.aggregate.to_string()});
            list_json("heldBack", &lists.held_back, held, json, out)?;
        }
        json.end();
    }
    json.end();
    json.end();
    Ok(out.text(&json.take())?)
}

fn list_json<T>(
    key: &str,
    items: &[T],
    value: impl Fn(&T) -> Value,
    json: &mut JsonStream,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    json.begin_array(key);
    for page in items.chunks(PAGE) {
        page.iter().for_each(|item| json.element(value(item)));
        out.text(&json.take())?;
    }
    json.end();
    Ok(())
}
