//! `ip|ipv6 prefix-list`, `access-list`, `ipv6 access-list` and `mac access-list`.

use super::{Edit, list::*};
use crate::{
    command::{Args, Command, Reject},
    config::{AccessList, AccessListEntry, MacAccessList, MacAccessListEntry, PrefixList, PrefixListEntry},
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::BTreeMap;

/// The commands of `configure terminal` that concern these lists.
pub static COMMANDS: &[Command] = &[
    Command::set(
        "[no] ip prefix-list WORD$prefix_list [seq (1-4294967295)$seq] <permit|deny>$action \
         <any|A.B.C.D/M$prefix [{ge (0-32)$ge|le (0-32)$le}]>",
        prefix_list_entry,
    ),
    Command::set(
        "[no] ipv6 prefix-list WORD$prefix_list [seq (1-4294967295)$seq] <permit|deny>$action \
         <any|X:X::X:X/M$prefix [{ge (0-128)$ge|le (0-128)$le}]>",
        prefix_list_entry,
    ),
    Command::set("no <ip|ipv6> prefix-list WORD$prefix_list [seq (1-4294967295)$seq]", |edit, args| {
        remove(prefix_lists(edit, args), args, "prefix_list", |list| &mut list.entries)
    }),
    Command::set(
        "[no] <ip|ipv6> prefix-list WORD$prefix_list description / LINE$description",
        |edit, args| {
            describe(prefix_lists(edit, args), args, "prefix_list", |list| {
                list.description = args.get("description")?.filter(|_: &String| !args.negative());
                Ok(list.description.is_none() && list.entries.is_empty())
            })
        },
    ),
    Command::nothing("[no] <ip|ipv6> prefix-list sequence-number"),
    Command::set(
        "[no] access-list WORD$access_list [seq (1-4294967295)$seq] <permit|deny>$action \
         <any|A.B.C.D/M$prefix [exact-match]>",
        access_list_entry,
    ),
    Command::set(
        "[no] ipv6 access-list WORD$access_list [seq (1-4294967295)$seq] <permit|deny>$action \
         <any|X:X::X:X/M$prefix [exact-match]>",
        access_list_entry,
    ),
    Command::set("no [ipv6] access-list WORD$access_list [seq (1-4294967295)$seq]", |edit, args| {
        remove(access_lists(edit, args), args, "access_list", |list| &mut list.entries)
    }),
    Command::set("[no] [ipv6] access-list WORD$access_list remark / LINE$description", |edit, args| {
        describe(access_lists(edit, args), args, "access_list", |list| {
            list.remark = args.get("description")?.filter(|_: &String| !args.negative());
            Ok(list.remark.is_none() && list.entries.is_empty())
        })
    }),
    Command::set(
        "[no] mac access-list WORD$mac_list [seq (1-4294967295)$seq] <permit|deny>$action <any|M:M:M$mac>",
        |edit, args| {
            let entry = MacAccessListEntry { action: action(args), mac: args.get("mac")? };
            let lists = &mut edit.config.mac_access_lists;
            change_entry(lists, args, "mac_list", entry, |list: &mut MacAccessList| &mut list.entries)
        },
    ),
    Command::set("no mac access-list WORD$mac_list [seq (1-4294967295)$seq]", |edit, args| {
        remove(&mut edit.config.mac_access_lists, args, "mac_list", |list| &mut list.entries)
    }),
    Command::set("[no] mac access-list WORD$mac_list remark / LINE$description", |edit, args| {
        describe(&mut edit.config.mac_access_lists, args, "mac_list", |list| {
            list.remark = args.get("description")?.filter(|_: &String| !args.negative());
            Ok(list.remark.is_none() && list.entries.is_empty())
        })
    }),
];

fn prefix_lists<'e>(edit: &'e mut Edit<'_>, args: &Args<'_>) -> &'e mut BTreeMap<String, PrefixList> {
    let lists = &mut edit.config.prefix_lists;
    if args.has("ipv6") { &mut lists.ipv6 } else { &mut lists.ipv4 }
}

fn access_lists<'e>(edit: &'e mut Edit<'_>, args: &Args<'_>) -> &'e mut BTreeMap<String, AccessList> {
    let lists = &mut edit.config.access_lists;
    if args.has("ipv6") { &mut lists.ipv6 } else { &mut lists.ipv4 }
}

/// The prefix of an entry, host bits cleared; for `any` the one that holds all of the family.
fn prefix_or_all(args: &Args<'_>) -> Result<IpNet, Reject> {
    let all = || if args.has("ipv6") { Ipv6Net::default().into() } else { Ipv4Net::default().into() };
    Ok(args.get::<IpNet>("prefix")?.map_or_else(all, |prefix| prefix.trunc()))
}

fn prefix_list_entry(edit: &mut Edit<'_>, args: &Args<'_>) -> Result<(), Reject> {
    let prefix = prefix_or_all(args)?;
    let (ge, le): (Option<u8>, Option<u8>) = (args.get("ge")?, args.get("le")?);
    let le = if args.has("any") { Some(prefix.max_prefix_len()) } else { le };
    if let Some(ge) = ge.filter(|ge| *ge < prefix.prefix_len()) {
        return Err(args.reject("ge", format!("{ge} is less than the length of {prefix}")));
    }
    let least = ge.unwrap_or(prefix.prefix_len());
    if let Some(le) = le.filter(|le| *le < least) {
        return Err(args.reject("le", format!("{le} is less than {least}")));
    }
    let entry = PrefixListEntry { action: action(args), prefix, ge, le };
    change_entry(prefix_lists(edit, args), args, "prefix_list", entry, |list: &mut PrefixList| {
        &mut list.entries
    })
}

fn access_list_entry(edit: &mut Edit<'_>, args: &Args<'_>) -> Result<(), Reject> {
    let prefix = prefix_or_all(args)?;
    let entry = AccessListEntry { action: action(args), prefix, exact: args.has("exact-match") };
    change_entry(access_lists(edit, args), args, "access_list", entry, |list: &mut AccessList| {
        &mut list.entries
    })
}
