//! `address-family l2vpn evpn` and the `vni N` blocks in it.

use super::{Edit, neighbor_family::domain};
use crate::{
    command::{Args, Command, Mode, Reject},
    config::{DuplicateDetection, Evpn, Flooding, Freeze},
};
use weft_evpn::Vni;

/// The lines of the address family, without those of neighbours.
pub static COMMANDS: &[Command] = &[
    Command::set("[no] advertise-all-vni", |edit, args| flag(edit, args, |evpn| &mut evpn.advertise_all_vni)),
    Command::set("[no] advertise-svi-ip", |edit, args| flag(edit, args, |evpn| &mut evpn.advertise_svi_ip)),
    Command::set("[no] advertise-default-gw", |edit, args| {
        flag(edit, args, |evpn| &mut evpn.advertise_default_gw)
    }),
    Command::set("[no] flooding <disable|head-end-replication>$how", |edit, args| {
        edit.evpn()?.flooding = flooding(args).unwrap_or_default();
        Ok(())
    }),
    Command::set("[no] dup-addr-detection", |edit, args| {
        edit.evpn()?.duplicate_detection.enabled = !args.negative();
        Ok(())
    }),
    Command::set("[no] dup-addr-detection max-moves / (2-1000)$moves time (2-1800)$time", |edit, args| {
        let default = DuplicateDetection::default();
        let detection = &mut edit.evpn()?.duplicate_detection;
        if args.negative() {
            (detection.max_moves, detection.time) = (default.max_moves, default.time);
        } else {
            (detection.max_moves, detection.time) = (args.need("moves")?, args.need("time")?);
            detection.enabled = true;
        }
        Ok(())
    }),
    Command::set("[no] dup-addr-detection freeze / <permanent|(30-3600)$frozen>", |edit, args| {
        let freeze = match args.get("frozen")? {
            _ if args.negative() => Freeze::Never,
            Some(seconds) => Freeze::Seconds(seconds),
            None => Freeze::Permanent,
        };
        let detection = &mut edit.evpn()?.duplicate_detection;
        detection.freeze = freeze;
        detection.enabled |= !args.negative();
        Ok(())
    }),
    Command::set("[no] auto-route-target both rfc8365-compatible", |edit, args| {
        flag(edit, args, |evpn| &mut evpn.auto_rt_rfc8365)
    }),
    Command::set("[no] autort rfc8365-compatible", |edit, args| {
        flag(edit, args, |evpn| &mut evpn.auto_rt_rfc8365)
    }),
    Command::set("[no] domain / WORD$domain [id DOMAINID$domain_id]", |edit, args| {
        edit.evpn()?.domain = domain(args)?;
        Ok(())
    }),
    Command::set("[no] vni VNI$vni", |edit, args| {
        let vni: Vni = args.need("vni")?;
        if args.negative() {
            return match edit.evpn()?.vnis.remove(&vni) {
                Some(_) => Ok(()),
                None => Err(args.reject("vni", format!("vni {vni} is not configured"))),
            };
        }
        edit.evpn()?.vnis.entry(vni).or_default();
        edit.enter(Mode::Vni(vni));
        Ok(())
    }),
    Command::set("exit-address-family", |edit, _| {
        edit.leave();
        Ok(())
    }),
];

/// The lines of `vni N`.
pub static VNI_COMMANDS: &[Command] = &[
    Command::set("[no] rd / RD$rd", |edit, args| {
        edit.vni()?.rd = if args.negative() { None } else { args.get("rd")? };
        Ok(())
    }),
    Command::set("[no] flooding <disable|head-end-replication>$how", |edit, args| {
        edit.vni()?.flooding = flooding(args);
        Ok(())
    }),
    Command::set("[no] advertise-svi-ip", |edit, args| {
        edit.vni()?.advertise_svi_ip = Some(!args.negative());
        Ok(())
    }),
    Command::set("[no] advertise-default-gw", |edit, args| {
        edit.vni()?.advertise_default_gw = Some(!args.negative());
        Ok(())
    }),
    Command::set("exit-vni", |edit, _| {
        edit.leave();
        Ok(())
    }),
];

fn flag(edit: &mut Edit<'_>, args: &Args<'_>, field: fn(&mut Evpn) -> &mut bool) -> Result<(), Reject> {
    *field(edit.evpn()?) = !args.negative();
    Ok(())
}

fn flooding(args: &Args<'_>) -> Option<Flooding> {
    match args.text("how") {
        _ if args.negative() => None,
        Some("disable") => Some(Flooding::Disable),
        _ => Some(Flooding::HeadEndReplication),
    }
}
