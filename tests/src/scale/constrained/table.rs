//! The figures of a fabric as a table in Markdown.

use super::{DESIGNS, Fabric, Holds, Move, Role, Traffic};
use crate::error::Result;
use crate::scale::cost::Wire;
use crate::scale::table::number;
use std::fmt::Write;

const ROLES: [(Role, &str); 4] = [
    (Role::Leaf, "leaf"),
    (Role::Reflector, "reflector of leaves"),
    (Role::Gateway, "gateway"),
    (Role::CoreReflector, "reflector of gateways"),
];

/// What each role holds, what a move costs, what a rack's power-up costs.
pub fn markdown(fabric: &Fabric) -> Result<String> {
    let wire = Wire::measure()?;
    let [of_fabric, of_site, of_core] = fabric.shards;
    let mut text = format!(
        "{} VTEPs in {} sites, {} hosts (one MAC, one IPv4 address), {} tenants, each in {} sites on {} leaves of each\n\
         ({} tenants on a leaf). Reflectors share the tenants: {of_fabric} of the fabric, or {of_site} in each site and {of_core} in the core.\n\n\
         | each | flat | RT constraint | RT constraint, a domain for each site |\n|---|---|---|---|\n",
        number(fabric.sites * fabric.leaves),
        number(fabric.sites),
        number(fabric.hosts),
        number(fabric.tenants),
        fabric.tenant_sites,
        fabric.tenant_leaves,
        number(fabric.tenants_of_leaf()),
    );
    for (role, name) in ROLES {
        let all = DESIGNS.map(|design| fabric.holds(design, role));
        let mut row = |what: &str, value: fn(&Holds) -> String| {
            let [flat, constrained, domains] =
                [0, 1, 2].map(|design| all.get(design).and_then(Option::as_ref).map_or("-".into(), value));
            let _ = writeln!(text, "| {name}: {what} | {flat} | {constrained} | {domains} |");
        };
        row("sessions", |holds| number(holds.sessions));
        row("EVPN routes", |holds| number(holds.routes));
        row("attribute sets", |holds| number(holds.sets));
        row("membership routes", |holds| number(holds.memberships));
        if matches!(role, Role::Leaf | Role::Gateway) {
            row("kernel entries", |holds| number(holds.kernel()));
        }
        row("memory", |holds| size(holds.memory()));
    }
    let mut costs = |what: &str, all: [Traffic; 3]| {
        let [flat, constrained, domains] = all.map(|cost| {
            format!("{}, {} routes, {}", number(cost.messages), number(cost.routes), size(cost.octets))
        });
        let _ = writeln!(text, "| {what} | {flat} | {constrained} | {domains} |");
    };
    for (what, moved) in [
        ("a host moves inside its site: UPDATEs", Move::InsideSite),
        ("a host moves to another site: UPDATEs", Move::AcrossSites),
    ] {
        costs(what, DESIGNS.map(|design| fabric.move_costs(design, moved, &wire)));
    }
    let rack = DESIGNS.map(|design| fabric.leaf_comes_up(design, &wire));
    let [told, says] =
        [0, 1].map(|which| rack.map(|both| both.get(which).copied().unwrap_or_default().times(fabric.rack)));
    costs(&format!("a rack of {} leaves comes up: UPDATEs to it", fabric.rack), told);
    costs("of it, to everybody", says);
    Ok(text)
}

/// Octets, to three digits.
fn size(octets: u64) -> String {
    let (mut value, mut units) = (octets as f64, ["B", "kB", "MB", "GB"].into_iter());
    let mut unit = units.next().unwrap_or_default();
    for next in units {
        if value < 1_000.0 {
            break;
        }
        value /= 1_000.0;
        unit = next;
    }
    let digits = if value >= 100.0 || unit == "B" {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_shown_to_three_digits() {
        assert_eq!(
            [999, 1_000, 12_340, 999_900, 1_460_000_000].map(size),
            ["999 B", "1.00 kB", "12.3 kB", "1000 kB", "1.46 GB"]
        );
    }

    #[test]
    fn the_rows_in_architecture_md_are_these() {
        let text = markdown(&Fabric::LARGE).unwrap();
        let written = include_str!("../../../../ARCHITECTURE.md");
        for start in [
            "leaf: EVPN routes",
            "leaf: kernel entries",
            "leaf: memory",
            "reflector of leaves: EVPN routes",
            "reflector of leaves: memory",
        ] {
            let row = text.lines().find(|line| line.starts_with(&format!("| {start} |"))).unwrap();
            assert!(written.contains(&format!("\n{row}\n")), "{row}");
        }
    }

    #[test]
    fn the_table_has_a_row_for_each_role_and_event() {
        let text = markdown(&Fabric::LARGE).unwrap();
        println!("{text}");
        for row in [
            "| leaf: memory |",
            "| gateway: memory | - | - |",
            "| a host moves to another site",
            "| a rack of 2 leaves",
        ] {
            assert!(text.contains(row), "{row} in\n{text}");
        }
    }
}
