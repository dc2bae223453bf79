//! Figures of routed tenants: leaves with IP-VRFs around a reflector. FRR 8.4 stands in two forms
//! that need no VRF device: the L3VNI in its default VRF, and a network namespace as the VRF.

use super::{Figure, Lab, lost, milliseconds, repairs};
use crate::error::Result;
use crate::fabric::Leaving;
use crate::routed::{Fabric, Form, Plan};
use crate::scenario::{routing, upkeep};
use std::time::Duration;

const fn row(name: &'static str, wanted: &'static str, take: fn(Form) -> Result<String>) -> Figure {
    Figure { name, wanted, lab: Lab::Routed { weft: Form::Made, frr_default: None, take } }
}

/// The rows.
pub const FIGURES: [Figure; 8] = [
    row("routed: start to first ping", "<= 1.5 s", |form| {
        Ok(milliseconds(routing::start_to_first_ping(form)?))
    }),
    row("routed: move, port goes down", "<= 3 lost", |form| moves(form, Leaving::PortDown)),
    row("routed: move, old leaf sees nothing", "<= 3 lost", |form| moves(form, Leaving::Silent)),
    row("routed: leaf killed, restarted at once", "0 lost", |form| killed(form, Duration::ZERO)),
    row("routed: leaf killed, restarted after 1 s", "0 lost", |form| killed(form, Duration::from_secs(1))),
    row("routed: foreign change undone", "<= 50 ms", foreign_changes),
    Figure {
        name: "routed: router MAC changed, followed",
        wanted: "<= 500 ms",
        lab: Lab::Routed {
            // The router MAC of a device that Weft made is Weft's own; an operator's may change.
            weft: Form::OperatorL3vni,
            frr_default: None,
            take: |form| Ok(milliseconds(routing::router_mac_changes(&Fabric::up(&pair(form))?)?)),
        },
    },
    Figure {
        name: "routed: one of two border leaves leaves",
        wanted: "<= 10 lost",
        lab: Lab::Routed {
            weft: Form::Made,
            frr_default: Some("the border leaves' CE sessions are those of a VRF"),
            take: |form| Ok(lost(&routing::ecmp_border_leaves(form)?)),
        },
    },
];

/// Two leaves with a subnet each.
fn pair(form: Form) -> Plan {
    Plan::new(form, &[&[10], &[20]])
}

fn moves(form: Form, leaving: Leaving) -> Result<String> {
    let mut fabric = Fabric::up(&Plan::new(form, &[&[10], &[10, 20], &[30]]).machine(10, &[0, 1]))?;
    // Seen from a third leaf, where the host route has to change, and from the leaf that it moves to.
    let runs = [
        routing::machine_moves(&mut fabric, (2, 30), leaving)?,
        routing::machine_moves(&mut fabric, (1, 20), leaving)?,
    ];
    Ok(lost(runs.iter().flatten()))
}

fn killed(form: Form, pause: Duration) -> Result<String> {
    Ok(upkeep::kill_leaf_under_ping(&mut Fabric::up(&pair(form))?, pause)?.to_string())
}

/// After a change that nobody undoes, the next one gets a fabric of its own.
fn foreign_changes(form: Form) -> Result<String> {
    let mut fabric = None;
    let mut undone = Vec::new();
    for change in &upkeep::CHANGES {
        let here = match fabric.take() {
            Some(fabric) => fabric,
            None => Fabric::up(&pair(form))?,
        };
        let Some(repair) = upkeep::foreign_change(&here, change, Duration::from_secs(2))? else {
            fabric = Some(here);
            continue;
        };
        fabric = repair.took.is_some().then_some(here);
        undone.push(repair);
    }
    Ok(repairs(undone.iter().map(|repair| (repair.change, repair.took))))
}
