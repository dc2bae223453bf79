//! `vrf NAME` and `router bgp N vrf NAME`.

use super::{Edit, router::value};
use crate::{
    command::{Args, Command, Mode, Reject, grammar::token::parse_asn},
    config::{BgpVrf, Vrf},
};
use weft_evpn::{MacAddr, Vni};

/// Tables that the kernel has names and rules for: default, main and local.
const KERNEL_TABLES: std::ops::RangeInclusive<u32> = 253..=255;

/// The commands of `configure terminal` that concern IP-VRFs.
pub static GLOBAL_COMMANDS: &[Command] = &[
    Command::set("[no] vrf IFNAME$vrf", |edit, args| {
        let name = vrf_name(args)?;
        if args.negative() {
            return match edit.config.vrfs.remove(&name) {
                Some(_) => Ok(()),
                None => Err(args.reject("vrf", format!("there is no vrf {name}"))),
            };
        }
        edit.config.vrfs.entry(name.clone()).or_insert_with(Vrf::default);
        edit.enter(Mode::Vrf(name));
        Ok(())
    }),
    Command::set("[no] gateway mac / M:M:M$gateway_mac", |edit, args| {
        edit.config.gateway_mac = gateway_mac(args)?;
        Ok(())
    }),
    Command::set("router bgp [ASN$asn] vrf IFNAME$vrf", enter_router),
    Command::set("no router bgp [ASN$asn] vrf IFNAME$vrf", |edit, args| {
        let (name, asn) = (vrf_name(args)?, args.text("asn").and_then(parse_asn));
        match edit.config.bgp_vrfs.get(&name) {
            Some(bgp) if asn.is_none_or(|asn| asn == bgp.asn) => {
                edit.config.bgp_vrfs.remove(&name);
                Ok(())
            }
            Some(bgp) => Err(args.reject("asn", format!("the AS is {}", bgp.asn))),
            None => Err(args.reject("vrf", format!("BGP is not configured in vrf {name}"))),
        }
    }),
];

/// The commands of `vrf NAME`.
pub static COMMANDS: &[Command] = &[
    Command::set("[no] vni / VNI$vni [prefix-routes-only]", |edit, args| {
        let vni: Option<Vni> = args.get("vni")?;
        let vrf = edit.vrf()?;
        if !args.negative() {
            vrf.vni = vni;
            vrf.prefix_routes_only = args.has("prefix-routes-only");
        } else if vni.is_some() && vni != vrf.vni {
            return Err(args.reject("vni", "it is not the vni of this vrf"));
        } else {
            // `no vni N prefix-routes-only` takes the switch only, as in FRR.
            let switch_only = args.has("prefix-routes-only");
            vrf.vni = vrf.vni.filter(|_| switch_only);
            vrf.prefix_routes_only = false;
        }
        Ok(())
    }),
    Command::set("[no] table / (1-4294967295)$table", |edit, args| {
        let table = value(args, "table")?;
        if table.is_some_and(|table| KERNEL_TABLES.contains(&table)) {
            return Err(
                args.reject("table", "253, 254 and 255 are the kernel's tables default, main and local")
            );
        }
        edit.vrf()?.table = table;
        Ok(())
    }),
    Command::set("exit-vrf", |edit, _| {
        edit.leave();
        Ok(())
    }),
];

/// The name of an IP-VRF: that of a device, and none that `show` has another meaning for.
pub(super) fn vrf_name(args: &Args<'_>) -> Result<String, Reject> {
    let name: String = args.need("vrf")?;
    if matches!(name.as_str(), "default" | "all") {
        return Err(args.reject("vrf", format!("`{name}` cannot be the name of an IP-VRF")));
    }
    Ok(name)
}

/// The address of a gateway, none in the `no` form.
pub(super) fn gateway_mac(args: &Args<'_>) -> Result<Option<MacAddr>, Reject> {
    let mac: Option<MacAddr> = value(args, "gateway_mac")?;
    if mac.is_some_and(|mac| !mac.is_unicast()) {
        return Err(args.reject("gateway_mac", "a gateway has a unicast address"));
    }
    Ok(mac)
}

fn enter_router(edit: &mut Edit<'_>, args: &Args<'_>) -> Result<(), Reject> {
    let (name, asn) = (vrf_name(args)?, args.text("asn").and_then(parse_asn));
    match (edit.config.bgp_vrfs.get(&name), asn) {
        (Some(bgp), Some(asn)) if bgp.asn != asn => {
            let message = format!("BGP is already configured in vrf {name}; the AS is {}", bgp.asn);
            return Err(args.reject("asn", message));
        }
        (Some(_), _) => {}
        (None, Some(asn)) => {
            edit.config.bgp_vrfs.insert(name.clone(), BgpVrf::instance(asn));
        }
        (None, None) => return Err(Reject::line("expected the AS: router bgp ASN vrf NAME")),
    }
    edit.enter(Mode::RouterVrf(name));
    Ok(())
}
