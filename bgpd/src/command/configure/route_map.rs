//! `route-map NAME permit|deny N` and the lines in it.

use super::{Edit, list::action, router::value};
use crate::{
    command::{Args, Command, Mode, Reject},
    config::{OnMatch, RouteMapEntry},
};

/// The commands of `configure terminal` that concern route-maps.
pub static GLOBAL_COMMANDS: &[Command] = &[
    Command::set("route-map WORD$route_map <permit|deny>$action (1-65535)$order", |edit, args| {
        let (name, order): (String, u16) = (args.need("route_map")?, args.need("order")?);
        let entries = edit.config.route_maps.entry(name.clone()).or_default();
        // The same number with the other action is the same entry changed, as in FRR.
        entries.entry(order).or_insert_with(|| RouteMapEntry::new(action(args))).action = action(args);
        edit.enter(Mode::RouteMap(name, order));
        Ok(())
    }),
    Command::set("no route-map WORD$route_map [<permit|deny>$action (1-65535)$order]", |edit, args| {
        let name: String = args.need("route_map")?;
        let Some(entries) = edit.config.route_maps.get_mut(&name) else {
            return Err(args.reject("route_map", format!("there is no route-map {name}")));
        };
        match args.get::<u16>("order")? {
            None => entries.clear(),
            Some(order) if entries.get(&order).is_some_and(|entry| entry.action == action(args)) => {
                entries.remove(&order);
            }
            Some(order) => {
                return Err(args.reject("order", format!("route-map {name} has no such entry {order}")));
            }
        }
        if entries.is_empty() {
            edit.config.route_maps.remove(&name);
        }
        Ok(())
    }),
    // How FRR searches a route-map, not what it means.
    Command::nothing("[no] route-map WORD$route_map optimization"),
];

/// The lines of an entry, without its matches and sets.
pub static COMMANDS: &[Command] = &[
    Command::set("[no] description / LINE$description", |edit, args| {
        edit.route_map_entry()?.description = value(args, "description")?;
        Ok(())
    }),
    Command::set("[no] call / WORD$route_map", |edit, args| {
        edit.route_map_entry()?.call = value(args, "route_map")?;
        Ok(())
    }),
    Command::set("[no] on-match next", |edit, args| go_on(edit, args, OnMatch::Next)),
    Command::set("[no] on-match goto / (1-65535)$order", goto),
    Command::set("[no] continue", |edit, args| go_on(edit, args, OnMatch::Next)),
    Command::set("[no] continue (1-65535)$order", goto),
    Command::set("exit-route-map", |edit, _| {
        edit.leave();
        Ok(())
    }),
];

fn goto(edit: &mut Edit<'_>, args: &Args<'_>) -> Result<(), Reject> {
    let Some(Mode::RouteMap(_, own)) = edit.path.last() else { return Err(outside()) };
    let own = *own;
    match args.get::<u16>("order")? {
        // A jump backwards could go round for ever.
        Some(order) if order <= own && !args.negative() => {
            Err(args.reject("order", format!("only an entry behind {own} can be jumped to")))
        }
        order => go_on(edit, args, OnMatch::Goto(order.unwrap_or_default())),
    }
}

fn go_on(edit: &mut Edit<'_>, args: &Args<'_>, on_match: OnMatch) -> Result<(), Reject> {
    edit.route_map_entry()?.on_match = (!args.negative()).then_some(on_match);
    Ok(())
}

fn outside() -> Reject {
    Reject::line("only inside a `route-map` entry")
}
