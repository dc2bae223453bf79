//! `route-target`, the same in a `vni` block and in the EVPN family of an IP-VRF.

use super::Edit;
use crate::{
    command::{Args, Command, Mode, Reject},
    config::{VniConfig, VrfEvpn},
};
use std::collections::BTreeSet;
use weft_evpn::{RouteTarget, RouteTargetMatch};

/// The lines of both modes.
pub static COMMANDS: &[Command] = &[
    Command::set("route-target <both|import|export>$direction <auto|RTMATCH$rt...>", add),
    Command::set("no route-target <both|import|export>$direction [<auto|RTMATCH$rt...>]", remove),
];

/// The route targets of a MAC-VRF or an IP-VRF.
struct Targets<'e> {
    import: &'e mut BTreeSet<RouteTargetMatch>,
    export: &'e mut BTreeSet<RouteTarget>,
    auto_import: &'e mut bool,
    auto_export: &'e mut bool,
}

fn targets<'e>(edit: &'e mut Edit<'_>) -> Result<Targets<'e>, Reject> {
    if edit.path.last() == Some(&Mode::VrfEvpn) {
        let VrfEvpn { import, export, auto_import, auto_export, .. } = edit.vrf_evpn()?;
        return Ok(Targets { import, export, auto_import, auto_export });
    }
    let VniConfig { import, export, auto_import, auto_export, .. } = edit.vni()?;
    Ok(Targets { import, export, auto_import, auto_export })
}

fn directions(args: &Args<'_>) -> (bool, bool) {
    match args.text("direction") {
        Some("import") => (true, false),
        Some("export") => (false, true),
        _ => (true, true),
    }
}

fn add(edit: &mut Edit<'_>, args: &Args<'_>) -> Result<(), Reject> {
    let (import, export) = directions(args);
    let targets = targets(edit)?;
    if args.has("auto") {
        *targets.auto_import |= import;
        *targets.auto_export |= export;
    }
    for value in args.values("rt") {
        let at = |message| Reject { at: Some(value.start), message };
        let matched: RouteTargetMatch =
            value.text.parse().map_err(|error| at(format!("{}: {error}", value.text)))?;
        if export {
            let RouteTargetMatch::Exact(target) = matched else {
                return Err(at(format!("{}: only an import takes *:NN", value.text)));
            };
            targets.export.insert(target);
        }
        if import {
            targets.import.insert(matched);
        }
    }
    Ok(())
}

fn remove(edit: &mut Edit<'_>, args: &Args<'_>) -> Result<(), Reject> {
    let (import, export) = directions(args);
    let targets = targets(edit)?;
    let named = args.values("rt").next().is_some();
    if !named {
        *targets.auto_import &= !import;
        *targets.auto_export &= !export;
    }
    if !named && !args.has("auto") {
        if import {
            targets.import.clear();
        }
        if export {
            targets.export.clear();
        }
    }
    for value in args.values("rt") {
        let at = |message| Reject { at: Some(value.start), message };
        let matched: RouteTargetMatch =
            value.text.parse().map_err(|error| at(format!("{}: {error}", value.text)))?;
        let mut known = import && targets.import.remove(&matched);
        if let RouteTargetMatch::Exact(target) = matched {
            known |= export && targets.export.remove(&target);
        }
        if !known {
            return Err(at(format!("route target {matched} is not configured")));
        }
    }
    Ok(())
}
