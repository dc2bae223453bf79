//! `bgp community-list`, `bgp large-community-list`, `bgp extcommunity-list` and `bgp as-path access-list`.
//! A list is standard (entries name communities) or expanded (entries are regular expressions); one with a
//! number is standard up to 99 and expanded from 100.

use super::list;
use crate::{
    command::{Args, Command, Reject},
    config::{CommunityList, CommunityListEntry, Config, RegexEntry, pattern::Pattern},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

/// The commands of `configure terminal` that concern these lists.
pub static COMMANDS: &[Command] = &[
    Command::set(
        "[no] bgp community-list <(1-99)$clist|standard WORD$clist> [seq (1-4294967295)$seq] \
         <permit|deny>$action AA:NN$community...",
        |edit, args| standard(&mut edit.config.community_lists, args, communities(args)?),
    ),
    Command::set(
        "[no] bgp community-list <(100-500)$clist|expanded WORD$clist> [seq (1-4294967295)$seq] \
         <permit|deny>$action LINE$regex",
        |edit, args| expanded(&mut edit.config.community_lists, args),
    ),
    Command::set(
        "no bgp community-list <(1-500)$clist|standard WORD$clist|expanded WORD$clist> \
         [seq (1-4294967295)$seq]",
        |edit, args| remove(&mut edit.config.community_lists, args),
    ),
    Command::set(
        "[no] bgp large-community-list <(1-99)$clist|standard WORD$clist> [seq (1-4294967295)$seq] \
         <permit|deny>$action AA:BB:CC$community...",
        |edit, args| standard(&mut edit.config.large_community_lists, args, communities(args)?),
    ),
    Command::set(
        "[no] bgp large-community-list <(100-500)$clist|expanded WORD$clist> [seq (1-4294967295)$seq] \
         <permit|deny>$action LINE$regex",
        |edit, args| expanded(&mut edit.config.large_community_lists, args),
    ),
    Command::set(
        "no bgp large-community-list <(1-500)$clist|standard WORD$clist|expanded WORD$clist> \
         [seq (1-4294967295)$seq]",
        |edit, args| remove(&mut edit.config.large_community_lists, args),
    ),
    Command::set(
        "[no] bgp extcommunity-list <(1-99)$clist|standard WORD$clist> [seq (1-4294967295)$seq] \
         <permit|deny>$action <rt|soo>$kind LINE$community",
        |edit, args| standard(&mut edit.config.extcommunity_lists, args, extended(args)?),
    ),
    Command::set(
        "[no] bgp extcommunity-list <(100-500)$clist|expanded WORD$clist> [seq (1-4294967295)$seq] \
         <permit|deny>$action LINE$regex",
        |edit, args| expanded(&mut edit.config.extcommunity_lists, args),
    ),
    Command::set(
        "no bgp extcommunity-list <(1-500)$clist|standard WORD$clist|expanded WORD$clist> \
         [seq (1-4294967295)$seq]",
        |edit, args| remove(&mut edit.config.extcommunity_lists, args),
    ),
    Command::set(
        "[no] bgp as-path access-list WORD$as_path_list [seq (1-4294967295)$seq] <permit|deny>$action LINE$regex",
        |edit, args| {
            let entry = regex(args)?;
            list::change_entry(&mut edit.config.as_path_lists, args, "as_path_list", entry, |list| list)
        },
    ),
    Command::set("no bgp as-path access-list WORD$as_path_list [seq (1-4294967295)$seq]", |edit, args| {
        list::remove(&mut edit.config.as_path_lists, args, "as_path_list", |list| list)
    }),
];

type Lists<C> = BTreeMap<String, CommunityList<C>>;

/// True for a name that stands for its kind by itself.
pub fn is_numbered(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

/// The name of the list, which is a number only where a number may stand.
fn name(args: &Args<'_>) -> Result<String, Reject> {
    let name: String = args.need("clist")?;
    if is_numbered(&name) && (args.has("standard") || args.has("expanded")) {
        return Err(args.reject("clist", "the name of a list is not a number"));
    }
    Ok(name)
}

/// Each word as a community.
fn communities<C: Ord + FromStr<Err: fmt::Display>>(args: &Args<'_>) -> Result<BTreeSet<C>, Reject> {
    let read = args.values("community").map(|value| {
        let message = |error| format!("{}: {error}", value.text);
        value.text.parse().map_err(|error| Reject { at: Some(value.start), message: message(error) })
    });
    read.collect()
}

/// `rt A B soo C`: each word belongs to the kind said last.
fn extended<C: Ord + FromStr<Err: fmt::Display>>(args: &Args<'_>) -> Result<BTreeSet<C>, Reject> {
    let mut kind = args.text("kind").unwrap_or_default();
    let mut communities = BTreeSet::new();
    for word in args.text("community").unwrap_or_default().split_whitespace() {
        if matches!(word, "rt" | "soo") {
            kind = word;
            continue;
        }
        let community = format!("{kind} {word}").parse();
        communities.insert(community.map_err(|error| args.reject("community", format!("{word}: {error}")))?);
    }
    if communities.is_empty() {
        return Err(args.reject("community", "expected a community"));
    }
    Ok(communities)
}

fn regex(args: &Args<'_>) -> Result<RegexEntry, Reject> {
    let regex: String = args.need("regex")?;
    Pattern::new(&regex).map_err(|error| args.reject("regex", error.to_string()))?;
    Ok(RegexEntry { action: list::action(args), regex })
}

fn standard<C: Ord + Clone>(
    lists: &mut Lists<C>,
    args: &Args<'_>,
    communities: BTreeSet<C>,
) -> Result<(), Reject> {
    let entry = CommunityListEntry { action: list::action(args), communities };
    let none = || CommunityList::Standard(BTreeMap::new());
    change(
        lists,
        args,
        none,
        |list| match list {
            CommunityList::Standard(entries) => Some(entries),
            CommunityList::Expanded(_) => None,
        },
        entry,
    )
}

fn expanded<C: Ord>(lists: &mut Lists<C>, args: &Args<'_>) -> Result<(), Reject> {
    let entry = regex(args)?;
    let none = || CommunityList::Expanded(BTreeMap::new());
    change(
        lists,
        args,
        none,
        |list| match list {
            CommunityList::Expanded(entries) => Some(entries),
            CommunityList::Standard(_) => None,
        },
        entry,
    )
}

/// Adds or takes away an entry of a list, which is of one kind.
fn change<C: Ord, E: PartialEq>(
    lists: &mut Lists<C>,
    args: &Args<'_>,
    none: fn() -> CommunityList<C>,
    entries: fn(&mut CommunityList<C>) -> Option<&mut BTreeMap<u32, E>>,
    entry: E,
) -> Result<(), Reject> {
    let name = name(args)?;
    let sequence = args.get("seq")?;
    if args.negative() && !lists.contains_key(&name) {
        return Err(list::unknown(args, "clist"));
    }
    let list = lists.entry(name.clone()).or_insert_with(none);
    let Some(entries) = entries(list) else {
        return Err(args.reject("clist", format!("{name} is a list of the other kind, standard or expanded")));
    };
    if !args.negative() {
        return list::add(entries, sequence, entry, args);
    }
    list::take(entries, sequence, &entry, args)?;
    if entries.is_empty() {
        lists.remove(&name);
    }
    Ok(())
}

fn remove<C: Ord>(lists: &mut Lists<C>, args: &Args<'_>) -> Result<(), Reject> {
    let name = name(args)?;
    let Some(list) = lists.get_mut(&name) else { return Err(list::unknown(args, "clist")) };
    if let Some(sequence) = args.get::<u32>("seq")? {
        let (removed, empty) = match list {
            CommunityList::Standard(entries) => (entries.remove(&sequence).is_some(), entries.is_empty()),
            CommunityList::Expanded(entries) => (entries.remove(&sequence).is_some(), entries.is_empty()),
        };
        if !removed {
            return Err(args.reject("seq", format!("there is no entry {sequence}")));
        }
        if !empty {
            return Ok(());
        }
    }
    lists.remove(&name);
    Ok(())
}

/// Names of community lists of every kind.
pub fn names(config: &Config) -> Vec<String> {
    let standard = config.community_lists.keys();
    let large = config.large_community_lists.keys();
    standard.chain(large).chain(config.extcommunity_lists.keys()).cloned().collect()
}
