//! Figures of the L2 fabric: two leaves and a reflector on bridges that an operator made.

use super::{Figure, Lab, lost, milliseconds, repairs};
use crate::error::Result;
use crate::fabric::{Fabric, Leaving, Plan};
use crate::scenario::{basics, drift, movement, resilience, scale};
use crate::speaker::Kind;
use std::time::Duration;

const fn row(name: &'static str, wanted: &'static str, take: fn(Kind) -> Result<String>) -> Figure {
    Figure { name, wanted, lab: Lab::Bridged(take) }
}

/// The rows.
pub const FIGURES: [Figure; 14] = [
    row("start to first ping", "<= 1 s", |kind| Ok(milliseconds(basics::start_to_first_ping(kind)?))),
    row("50 VNIs after the session", "<= 0.5 s", |kind| Ok(milliseconds(scale::many_vnis(kind, 42)?))),
    row("move, port goes down", "<= 3 lost", |kind| moves(kind, Leaving::PortDown)),
    row("move, old leaf sees nothing", "<= 3 lost", |kind| moves(kind, Leaving::Silent)),
    row("leaf killed, restarted at once", "0 lost", |kind| {
        Ok(resilience::kill_leaf(&mut Fabric::up(Plan::all(kind))?, Duration::ZERO)?.to_string())
    }),
    row("leaf killed, restarted after 1 s", "0 lost", |kind| {
        Ok(resilience::kill_leaf(&mut Fabric::up(Plan::all(kind))?, Duration::from_secs(1))?.to_string())
    }),
    row("reflector killed and restarted", "0 lost", |kind| {
        Ok(resilience::kill_reflector(&mut Fabric::up(Plan::all(kind))?, Duration::ZERO)?.to_string())
    }),
    row("all sessions cleared", "0 lost", |kind| {
        Ok(resilience::clear_sessions(&mut Fabric::up(Plan::all(kind))?)?.to_string())
    }),
    row("ghosts 3 s after a restart", "none", |kind| {
        let left = resilience::ghosts(&mut Fabric::up(Plan::all(kind))?, Duration::from_secs(3))?;
        Ok(format!("{} entries", left.len()))
    }),
    row("foreign change undone", "<= 50 ms", |kind| {
        let undone = drift::foreign_changes(&Fabric::up(Plan::all(kind))?, Duration::from_secs(1))?;
        Ok(repairs(undone.iter().map(|repair| (repair.change, repair.took))))
    }),
    row("port down to MAC gone", "-", |kind| {
        Ok(milliseconds(resilience::port_down(&Fabric::up(Plan::all(kind))?)?))
    }),
    row("vxlan made again to ping", "-", |kind| {
        Ok(milliseconds(resilience::vxlan_recreated(&Fabric::up(Plan::all(kind))?)?))
    }),
    row("netlink overrun survived", "right again", |kind| {
        Ok(milliseconds(resilience::netlink_overrun(&mut Fabric::up(Plan::all(kind))?, 30_000)?))
    }),
    row("duplicate MAC detected after", "5 moves", |kind| {
        Ok(format!("{} moves", movement::duplicate_mac(&Fabric::up(Plan::all(kind))?)?))
    }),
];

fn moves(kind: Kind, leaving: Leaving) -> Result<String> {
    let fabric = Fabric::up(Plan::all(kind))?;
    // Pinged from the old leaf and from the new one: different tables have to change.
    let runs = [movement::vm_moves(&fabric, 0, leaving)?, movement::vm_moves(&fabric, 1, leaving)?];
    let stale = runs.iter().map(|run| run.stale.len()).sum::<usize>();
    Ok(format!("{}; {stale} stale entries", lost(runs.iter().flat_map(|run| [&run.there, &run.back]))))
}
