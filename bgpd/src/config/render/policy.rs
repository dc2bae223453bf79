//! The lists and route-maps.

use super::Text;
use crate::config::model::{
    AccessListEntry, CommunityList, Config, OnMatch, PrefixListEntry, RegexEntry, RouteMap,
};
use std::{collections::BTreeMap, fmt::Display};

/// All of them.
pub(super) fn policy(config: &Config, text: &mut Text) {
    let before = text.lines.len();
    for (words, lists) in
        [("access-list", &config.access_lists.ipv4), ("ipv6 access-list", &config.access_lists.ipv6)]
    {
        for (name, list) in lists {
            text.value(format_args!("{words} {name} remark"), &list.remark);
            for (sequence, entry) in &list.entries {
                let action = entry.action.name();
                text.line(format_args!("{words} {name} seq {sequence} {action} {}", access(entry)));
            }
        }
    }
    for (name, list) in &config.mac_access_lists {
        text.value(format_args!("mac access-list {name} remark"), &list.remark);
        for (sequence, entry) in &list.entries {
            let mac = entry.mac.map_or_else(|| "any".to_owned(), |mac| mac.to_string());
            text.line(format_args!("mac access-list {name} seq {sequence} {} {mac}", entry.action.name()));
        }
    }
    for (afi, lists) in config.prefix_lists.both() {
        for (name, list) in lists {
            text.value(format_args!("{afi} prefix-list {name} description"), &list.description);
            for (sequence, entry) in &list.entries {
                let action = entry.action.name();
                text.line(format_args!("{afi} prefix-list {name} seq {sequence} {action} {}", prefix(entry)));
            }
        }
    }
    for (name, list) in &config.as_path_lists {
        regexes(&format!("bgp as-path access-list {name}"), list, text);
    }
    community_lists("community-list", &config.community_lists, text);
    community_lists("large-community-list", &config.large_community_lists, text);
    community_lists("extcommunity-list", &config.extcommunity_lists, text);
    text.line_if(text.lines.len() > before, "!");
    for (name, map) in &config.route_maps {
        route_map(name, map, text);
    }
}

fn access(entry: &AccessListEntry) -> String {
    match (entry.prefix.prefix_len(), entry.exact) {
        (0, false) => "any".into(),
        (_, exact) => format!("{}{}", entry.prefix, if exact { " exact-match" } else { "" }),
    }
}

fn prefix(entry: &PrefixListEntry) -> String {
    if entry.is_any() {
        return "any".into();
    }
    let bound =
        |word: &str, length: Option<u8>| length.map(|length| format!(" {word} {length}")).unwrap_or_default();
    format!("{}{}{}", entry.prefix, bound("ge", entry.ge), bound("le", entry.le))
}

fn regexes(words: &str, entries: &BTreeMap<u32, RegexEntry>, text: &mut Text) {
    for (sequence, entry) in entries {
        text.line(format_args!("{words} seq {sequence} {} {}", entry.action.name(), entry.regex));
    }
}

fn community_lists<C: Ord + Display>(
    kind: &str,
    lists: &BTreeMap<String, CommunityList<C>>,
    text: &mut Text,
) {
    for (name, list) in lists {
        // A number says by itself which kind it is.
        let numbered = name.bytes().all(|byte| byte.is_ascii_digit());
        let style = |style: &'static str| if numbered { "" } else { style };
        match list {
            CommunityList::Standard(entries) => {
                for (sequence, entry) in entries {
                    let communities: Vec<String> =
                        entry.communities.iter().map(ToString::to_string).collect();
                    let (style, action) = (style("standard "), entry.action.name());
                    let communities = communities.join(" ");
                    text.line(format_args!("bgp {kind} {style}{name} seq {sequence} {action} {communities}"));
                }
            }
            CommunityList::Expanded(entries) => {
                regexes(&format!("bgp {kind} {}{name}", style("expanded ")), entries, text);
            }
        }
    }
}

fn route_map(name: &str, map: &RouteMap, text: &mut Text) {
    for (order, entry) in map {
        text.block(format_args!("route-map {name} {} {order}", entry.action.name()), "exit", |text| {
            text.value("description", &entry.description);
            for condition in &entry.matches {
                text.line(format_args!("match {condition}"));
            }
            for set in &entry.sets {
                text.line(format_args!("set {set}"));
            }
            text.value("call", &entry.call);
            match entry.on_match {
                Some(OnMatch::Next) => text.line("on-match next"),
                Some(OnMatch::Goto(order)) => text.line(format_args!("on-match goto {order}")),
                None => {}
            }
        });
    }
}
