//! The figures of a size as a table in Markdown, for the README.

use super::{Design, Entries, Move, Role, Size};
use std::fmt::Write;

const ROLES: [(Role, &str); 4] = [
    (Role::Leaf, "leaf"),
    (Role::Gateway, "gateway"),
    (Role::SiteReflector, "site reflector"),
    (Role::CoreReflector, "core reflector"),
];

/// What each role holds, and what a move costs.
pub fn markdown(size: &Size) -> String {
    let mut text = format!(
        "{} sites, each with {} leaves and {} hosts (one MAC, one IPv4 address) in {} subnets of {} tenants.\n\n\
         | entries | flat | aggregated |\n|---|---|---|\n",
        number(size.sites),
        number(size.leaves),
        number(size.hosts),
        number(size.tenants * size.subnets),
        number(size.tenants)
    );
    for (role, name) in ROLES {
        let [flat, aggregated] = [Design::Flat, Design::Aggregated].map(|design| size.entries(design, role));
        let mut row = |what: &str, value: fn(&Entries) -> u64| {
            let [flat, aggregated] = [&flat, &aggregated]
                .map(|entries| entries.as_ref().map_or("-".into(), |entries| number(value(entries))));
            let _ = writeln!(text, "| {name}: {what} | {flat} | {aggregated} |");
        };
        row("EVPN routes", |entries| entries.evpn_routes);
        if matches!(role, Role::Leaf | Role::Gateway) {
            row("routes in its tenants' tables", |entries| entries.routes);
        }
        if role == Role::Leaf {
            row("FDB, neighbour and flood entries", |entries| entries.kernel() - entries.routes);
        }
    }
    text += "\n| UPDATE messages of one move | flat | aggregated |\n|---|---|---|\n";
    for (moved, name) in [(Move::InsideSite, "inside a site"), (Move::AcrossSites, "to another site")] {
        let [flat, aggregated] =
            [Design::Flat, Design::Aggregated].map(|design| size.messages(design, moved));
        for (what, values) in [
            ("on all sessions", [flat.all, aggregated.all]),
            ("at a leaf of a third site", [flat.at_uninvolved_leaf, aggregated.at_uninvolved_leaf]),
            ("at the core reflector", [flat.at_core, aggregated.at_core]),
        ] {
            let [flat, aggregated] = values.map(number);
            let _ = writeln!(text, "| {name}: {what} | {flat} | {aggregated} |");
        }
    }
    text
}

/// A number with its thousands apart.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_each_figure() {
        let text = markdown(&Size::LARGE);
        for row in [
            "| leaf: EVPN routes | 2,320,000 | 24,190 |",
            "| gateway: EVPN routes | - | 25,190 |",
            "| core reflector: EVPN routes | 2,320,000 | 1,000 |",
            "| inside a site: on all sessions | 12,300 | 123 |",
            "| to another site: at a leaf of a third site | 3 | 1 |",
        ] {
            assert!(text.contains(row), "{row} in\n{text}");
        }
        assert_eq!(number(999), "999");
        assert_eq!(number(1_234_567), "1,234,567");
    }
}
