//! `show route-map [NAME] [json]` and `show ip|ipv6 prefix-list [NAME] [json]`: what is configured,
//! as FRR prints it for bgpd. Left out: how often each was asked, which Weft does not count.

use super::json::JsonStream;
use crate::{
    command::{ExecError, Sink, exec::Afi},
    config::{OnMatch, PrefixList, PrefixListEntry, RouteMap, RouteMapEntry},
    core::CoreHandle,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// FRR names the daemon that answers; these are bgpd's.
const DAEMON: &str = "BGP";

/// Those of a map that are meant.
fn named<T: Clone>(all: &BTreeMap<String, T>, name: Option<&str>) -> BTreeMap<String, T> {
    let meant = all.iter().filter(|(other, _)| name.is_none_or(|name| name == other.as_str()));
    meant.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Carries out `show route-map`.
pub(super) fn route_maps(
    core: &CoreHandle,
    name: Option<String>,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let wanted = name.clone();
    let found = core.ask(move |core, _| named(&core.config().route_maps, wanted.as_deref()))?;
    if let (Some(name), true, false) = (name, found.is_empty(), json) {
        return Err(ExecError(format!("{DAEMON}: 'route-map {name}' not found")));
    }
    if json {
        return listed(found.iter().map(|(name, map)| (name.as_str(), route_map_json(map))), out);
    }
    out.text(&format!("{DAEMON}:\n"))?;
    for (name, map) in &found {
        out.text(&route_map_text(name, map))?;
    }
    Ok(())
}

/// `{"BGP": {NAME: …}}`, a name at a time.
fn listed<'a>(found: impl Iterator<Item = (&'a str, Value)>, out: &mut dyn Sink) -> Result<(), ExecError> {
    let mut json = JsonStream::object();
    json.begin_object(DAEMON);
    for (name, value) in found {
        json.member(name, value);
        out.text(&json.take())?;
    }
    Ok(out.text(&json.finish())?)
}

fn route_map_text(name: &str, map: &RouteMap) -> String {
    let mut text = format!("route-map: {name}\n");
    for (sequence, entry) in map {
        text += &format!(" {}, sequence {sequence}\n", entry.action.name());
        if let Some(description) = &entry.description {
            text += &format!("  Description:\n    {description}\n");
        }
        text.push_str("  Match clauses:\n");
        for condition in &entry.matches {
            text += &format!("    {condition}\n");
        }
        text.push_str("  Set clauses:\n");
        for set in &entry.sets {
            text += &format!("    {set}\n");
        }
        text.push_str("  Call clause:\n");
        if let Some(call) = &entry.call {
            text += &format!("    Call {call}\n");
        }
        text += &format!("  Action:\n    {}\n", action(entry));
    }
    text
}

/// Where it goes on, in FRR's words.
fn action(entry: &RouteMapEntry) -> String {
    match entry.on_match {
        None => "Exit routemap".to_owned(),
        Some(OnMatch::Next) => "Continue to next entry".to_owned(),
        Some(OnMatch::Goto(sequence)) => format!("Goto {sequence}"),
    }
}

fn route_map_json(map: &RouteMap) -> Value {
    let rules = map.iter().map(|(sequence, entry)| {
        let mut json = Map::new();
        let mut put = |key: &str, value: Value| drop(json.insert(key.to_owned(), value));
        put("sequenceNumber", json!(sequence));
        put("type", json!(entry.action.name()));
        if let Some(description) = &entry.description {
            put("description", json!(description));
        }
        put("matchClauses", entry.matches.iter().map(ToString::to_string).collect());
        put("setClauses", entry.sets.iter().map(ToString::to_string).collect());
        if let Some(call) = &entry.call {
            put("callClause", json!(call));
        }
        put("action", json!(action(entry)));
        Value::Object(json)
    });
    json!({"rules": rules.collect::<Vec<Value>>()})
}

/// Carries out `show ip|ipv6 prefix-list`.
pub(super) fn prefix_lists(
    core: &CoreHandle,
    afi: Afi,
    name: Option<String>,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let wanted = name.clone();
    let found = core.ask(move |core, _| {
        let lists = &core.config().prefix_lists;
        let lists = if afi == Afi::Ipv4 { &lists.ipv4 } else { &lists.ipv6 };
        named(lists, wanted.as_deref())
    })?;
    if name.is_some() && found.is_empty() && !json {
        return Err(ExecError("Can't find specified prefix-list".to_owned()));
    }
    if json {
        return listed(found.iter().map(|(name, list)| (name.as_str(), prefix_list_json(afi, list))), out);
    }
    for (name, list) in &found {
        out.text(&prefix_list_text(afi, name, list))?;
    }
    Ok(())
}

/// FRR's two names of a family.
fn family(afi: Afi) -> (&'static str, &'static str) {
    match afi {
        Afi::Ipv4 => ("ip", "IPv4"),
        Afi::Ipv6 => ("ipv6", "IPv6"),
    }
}

fn prefix_list_text(afi: Afi, name: &str, list: &PrefixList) -> String {
    let mut text =
        format!("{DAEMON}: {} prefix-list {name}: {} entries\n", family(afi).0, list.entries.len());
    if let Some(description) = &list.description {
        text += &format!("   Description: {description}\n");
    }
    let bound =
        |word: &str, length: Option<u8>| length.map(|length| format!(" {word} {length}")).unwrap_or_default();
    for (sequence, entry) in &list.entries {
        let PrefixListEntry { action, prefix, ge, le } = entry;
        text += &format!(
            "   seq {sequence} {} {prefix}{}{}\n",
            action.name(),
            bound("ge", *ge),
            bound("le", *le)
        );
    }
    text
}

fn prefix_list_json(afi: Afi, list: &PrefixList) -> Value {
    let entries = list.entries.iter().map(|(sequence, entry)| {
        let mut json = json!({
            "sequenceNumber": sequence,
            "type": entry.action.name(),
            "prefix": entry.prefix.to_string(),
        });
        if let Value::Object(members) = &mut json {
            let bounds = [("minimumPrefixLength", entry.ge), ("maximumPrefixLength", entry.le)];
            members.extend(
                bounds.into_iter().filter_map(|(key, length)| Some((key.to_owned(), json!(length?)))),
            );
        }
        json
    });
    let entries: Vec<Value> = entries.collect();
    json!({"addressFamily": family(afi).1, "entries": entries})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, parse};

    fn config() -> Config {
        let text = "ip prefix-list TEN seq 5 permit 10.0.0.0/8 ge 16 le 24\n\
                    ip prefix-list TEN seq 10 deny 0.0.0.0/0 le 32\n\
                    route-map RM permit 10\n description hello\n match ip address prefix-list TEN\n \
                    set metric 50\n on-match next\nexit\nroute-map RM deny 20\nexit\n";
        parse("weft.conf", text).unwrap()
    }

    #[test]
    fn a_route_map_is_as_in_frr_without_its_counts() {
        let map = &config().route_maps["RM"];
        assert_eq!(
            route_map_text("RM", map),
            "route-map: RM\n permit, sequence 10\n  Description:\n    hello\n  Match clauses:\n    \
             ip address prefix-list TEN\n  Set clauses:\n    metric 50\n  Call clause:\n  Action:\n    \
             Continue to next entry\n deny, sequence 20\n  Match clauses:\n  Set clauses:\n  Call clause:\n  \
             Action:\n    Exit routemap\n"
        );
        assert_eq!(
            route_map_json(map)["rules"][0],
            json!({
                "sequenceNumber": 10, "type": "permit", "description": "hello",
                "matchClauses": ["ip address prefix-list TEN"], "setClauses": ["metric 50"],
                "action": "Continue to next entry"
            })
        );
    }

    #[test]
    fn a_prefix_list_is_as_in_frr() {
        let list = &config().prefix_lists.ipv4["TEN"];
        assert_eq!(
            prefix_list_text(Afi::Ipv4, "TEN", list),
            "BGP: ip prefix-list TEN: 2 entries\n   seq 5 permit 10.0.0.0/8 ge 16 le 24\n   \
             seq 10 deny 0.0.0.0/0 le 32\n"
        );
        assert_eq!(
            prefix_list_json(Afi::Ipv4, list),
            json!({"addressFamily": "IPv4", "entries": [
                {
                    "sequenceNumber": 5, "type": "permit", "prefix": "10.0.0.0/8",
                    "minimumPrefixLength": 16, "maximumPrefixLength": 24
                },
                {"sequenceNumber": 10, "type": "deny", "prefix": "0.0.0.0/0", "maximumPrefixLength": 32}
            ]})
        );
    }

    #[test]
    fn names_choose() {
        let lists = config().prefix_lists.ipv4;
        assert_eq!(named(&lists, Some("TEN")).len(), 1);
        assert!(named(&lists, Some("NOPE")).is_empty());
        let mut out = String::new();
        let value = |(name, list): (&String, &PrefixList)| (name.clone(), prefix_list_json(Afi::Ipv4, list));
        let all: Vec<(String, Value)> = lists.iter().map(value).collect();
        listed(all.iter().map(|(name, value)| (name.as_str(), value.clone())), &mut out).unwrap();
        let json: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["BGP"]["TEN"]["addressFamily"], "IPv4");
    }
}
