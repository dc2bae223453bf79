//! What lines about lists have in common: entries by sequence number, in lists by name, a list being there
//! as long as something is in it.

use crate::{
    command::{Args, Reject},
    config::Action,
};
use std::collections::BTreeMap;

/// Sequence numbers that are not given are multiples of this.
const STEP: u32 = 5;

/// `permit` or `deny`.
pub(super) fn action(args: &Args<'_>) -> Action {
    if args.text("action") == Some("deny") { Action::Deny } else { Action::Permit }
}

/// Adds the entry to the list of this name, or takes it away in the `no` form.
pub(super) fn change_entry<L: Default + PartialEq, E: PartialEq>(
    lists: &mut BTreeMap<String, L>,
    args: &Args<'_>,
    name: &str,
    entry: E,
    entries: fn(&mut L) -> &mut BTreeMap<u32, E>,
) -> Result<(), Reject> {
    let list_name: String = args.need(name)?;
    let sequence = args.get("seq")?;
    if !args.negative() {
        return add(entries(lists.entry(list_name).or_default()), sequence, entry, args);
    }
    let Some(list) = lists.get_mut(&list_name) else { return Err(unknown(args, name)) };
    take(entries(list), sequence, &entry, args)?;
    if *list == L::default() {
        lists.remove(&list_name);
    }
    Ok(())
}

/// Adds an entry, behind the others if it has no number of its own.
pub(super) fn add<E: PartialEq>(
    entries: &mut BTreeMap<u32, E>,
    sequence: Option<u32>,
    entry: E,
    args: &Args<'_>,
) -> Result<(), Reject> {
    let sequence = match sequence {
        Some(sequence) => sequence,
        // As FRR: the same entry again is no second one.
        None if entries.values().any(|known| *known == entry) => return Ok(()),
        None => match entries.last_key_value() {
            None => STEP,
            Some((last, _)) => {
                let next = (last / STEP).checked_add(1).and_then(|n| n.checked_mul(STEP));
                next.ok_or_else(|| args.reject("action", "the list is full; give a `seq`"))?
            }
        },
    };
    entries.insert(sequence, entry);
    Ok(())
}

/// Takes an entry away: it must be there, under this number if one is given.
pub(super) fn take<E: PartialEq>(
    entries: &mut BTreeMap<u32, E>,
    sequence: Option<u32>,
    entry: &E,
    args: &Args<'_>,
) -> Result<(), Reject> {
    let found = entries
        .iter()
        .find(|(number, known)| *known == entry && sequence.is_none_or(|sequence| sequence == **number));
    let Some(number) = found.map(|(number, _)| *number) else {
        return Err(args.reject("action", "there is no such entry"));
    };
    entries.remove(&number);
    Ok(())
}

/// Takes a list away, or its entry of the number given.
pub(super) fn remove<L: Default + PartialEq, E>(
    lists: &mut BTreeMap<String, L>,
    args: &Args<'_>,
    name: &str,
    entries: fn(&mut L) -> &mut BTreeMap<u32, E>,
) -> Result<(), Reject> {
    let list_name: String = args.need(name)?;
    let Some(list) = lists.get_mut(&list_name) else { return Err(unknown(args, name)) };
    if let Some(sequence) = args.get::<u32>("seq")? {
        if entries(list).remove(&sequence).is_none() {
            return Err(args.reject("seq", format!("there is no entry {sequence}")));
        }
        if *list != L::default() {
            return Ok(());
        }
    }
    lists.remove(&list_name);
    Ok(())
}

/// Changes what is said about a list; `change` says whether nothing is left of it.
pub(super) fn describe<L: Default>(
    lists: &mut BTreeMap<String, L>,
    args: &Args<'_>,
    name: &str,
    change: impl FnOnce(&mut L) -> Result<bool, Reject>,
) -> Result<(), Reject> {
    let list_name: String = args.need(name)?;
    if args.negative() && !lists.contains_key(&list_name) {
        return Err(unknown(args, name));
    }
    if change(lists.entry(list_name.clone()).or_default())? {
        lists.remove(&list_name);
    }
    Ok(())
}

/// There is no list of the name given.
pub(super) fn unknown(args: &Args<'_>, name: &str) -> Reject {
    args.reject(name, format!("there is no list {}", args.text(name).unwrap_or_default()))
}
