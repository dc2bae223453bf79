//! `make figures`: takes the figures that the kernel labs assert, for Weft and for FRR in its
//! place, and prints them side by side. Nothing fails here; the tests do that.

use clap::{Parser, ValueEnum};
use std::time::Duration;
use weft_tests::Result;
use weft_tests::fabric::{Fabric, Leaving, Plan};
use weft_tests::scenario::{basics, drift, movement, resilience, scale};
use weft_tests::speaker::Kind;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Who {
    Weft,
    Frr,
    Both,
}

/// The labs' figures, for Weft and FRR.
#[derive(Debug, Parser)]
struct Options {
    /// Whose figures to take.
    #[arg(long, default_value = "both")]
    who: Who,
    /// Print what networks of many sites cost, by formulas that the tests compare with a simulation;
    /// take no figures.
    #[arg(long)]
    scale: bool,
    /// Only figures whose name contains this.
    #[arg(default_value = "")]
    name: String,
}

type Figure = (&'static str, &'static str, fn(Kind) -> Result<String>);

const FIGURES: [Figure; 14] = [
    ("start to first ping", "<= 1 s", |kind| Ok(milliseconds(basics::start_to_first_ping(kind)?))),
    ("50 VNIs after the session", "<= 0.5 s", |kind| Ok(milliseconds(scale::many_vnis(kind, 42)?))),
    ("move, port goes down", "<= 3 lost", |kind| moves(kind, Leaving::PortDown)),
    ("move, old leaf sees nothing", "<= 3 lost", |kind| moves(kind, Leaving::Silent)),
    ("leaf killed, restarted at once", "0 lost", |kind| {
        Ok(resilience::kill_leaf(&mut Fabric::up(Plan::all(kind))?, Duration::ZERO)?.to_string())
    }),
    ("leaf killed, restarted after 1 s", "0 lost", |kind| {
        Ok(resilience::kill_leaf(&mut Fabric::up(Plan::all(kind))?, Duration::from_secs(1))?.to_string())
    }),
    ("reflector killed and restarted", "0 lost", |kind| {
        Ok(resilience::kill_reflector(&mut Fabric::up(Plan::all(kind))?, Duration::ZERO)?.to_string())
    }),
    ("all sessions cleared", "0 lost", |kind| {
        Ok(resilience::clear_sessions(&mut Fabric::up(Plan::all(kind))?)?.to_string())
    }),
    ("ghosts 3 s after a restart", "none", |kind| {
        let left = resilience::ghosts(&mut Fabric::up(Plan::all(kind))?, Duration::from_secs(3))?;
        Ok(format!("{} entries", left.len()))
    }),
    ("foreign change undone", "<= 50 ms", |kind| {
        let repairs = drift::foreign_changes(&Fabric::up(Plan::all(kind))?, Duration::from_secs(1))?;
        Ok(repairs
            .iter()
            .map(|repair| format!("{}: {}", repair.change, repair.took.map_or("never".into(), milliseconds)))
            .collect::<Vec<_>>()
            .join("; "))
    }),
    ("port down to MAC gone", "-", |kind| {
        Ok(milliseconds(resilience::port_down(&Fabric::up(Plan::all(kind))?)?))
    }),
    ("vxlan made again to ping", "-", |kind| {
        Ok(milliseconds(resilience::vxlan_recreated(&Fabric::up(Plan::all(kind))?)?))
    }),
    ("netlink overrun survived", "right again", |kind| {
        Ok(milliseconds(resilience::netlink_overrun(&mut Fabric::up(Plan::all(kind))?, 30_000)?))
    }),
    ("duplicate MAC detected after", "5 moves", |kind| {
        Ok(format!("{} moves", movement::duplicate_mac(&Fabric::up(Plan::all(kind))?)?))
    }),
];

fn milliseconds(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

fn moves(kind: Kind, leaving: Leaving) -> Result<String> {
    let fabric = Fabric::up(Plan::all(kind))?;
    // Pinged from the old leaf and from the new one: different tables have to change.
    let runs = [movement::vm_moves(&fabric, 0, leaving)?, movement::vm_moves(&fabric, 1, leaving)?];
    let lost: Vec<String> =
        runs.iter().flat_map(|run| [run.there.lost, run.back.lost]).map(|lost| lost.to_string()).collect();
    let stale = runs.iter().map(|run| run.stale.len()).sum::<usize>();
    Ok(format!("{} lost; {stale} stale entries", lost.join(", ")))
}

fn main() {
    let options = Options::parse();
    if options.scale {
        print!("{}", weft_tests::scale::table::markdown(&weft_tests::scale::Size::LARGE));
        return;
    }
    let kinds: &[Kind] = match options.who {
        Who::Weft => &[Kind::Weft],
        Who::Frr => &[Kind::Frr],
        Who::Both => &[Kind::Frr, Kind::Weft],
    };
    for (name, wanted, take) in FIGURES.iter().filter(|(name, ..)| name.contains(&options.name)) {
        println!("{name} ({wanted})");
        for kind in kinds {
            match take(*kind) {
                Ok(figure) => println!("  {kind}: {figure}"),
                Err(error) => println!("  {kind}: failed: {error}"),
            }
        }
    }
}
