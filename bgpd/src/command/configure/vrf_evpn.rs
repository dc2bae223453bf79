//! `address-family l2vpn evpn` of `router bgp N vrf NAME`: the IP-VRF's identity and what of its
//! table goes out as type 5. Its route targets are in `route_target`.

use super::Edit;
use crate::{
    command::{Args, Command, Reject},
    config::{Advertise, VrfEvpn},
};

/// The lines of the address family.
pub static COMMANDS: &[Command] = &[
    Command::set("[no] rd / RD$rd", |edit, args| {
        edit.vrf_evpn()?.rd = if args.negative() { None } else { args.get("rd")? };
        Ok(())
    }),
    Command::set(
        "[no] advertise <ipv4|ipv6>$afi unicast [gateway-ip] [route-map WORD$route_map]",
        |edit, args| {
            let route_map = args.get("route_map")?;
            let advertise = Advertise { gateway_ip: args.has("gateway-ip"), route_map };
            let VrfEvpn { advertise_ipv4, advertise_ipv6, .. } = edit.vrf_evpn()?;
            let field = if is_ipv6(args) { advertise_ipv6 } else { advertise_ipv4 };
            *field = (!args.negative()).then_some(advertise);
            Ok(())
        },
    ),
    Command::set("[no] default-originate <ipv4|ipv6>$afi", |edit, args| {
        let VrfEvpn { default_originate_ipv4, default_originate_ipv6, .. } = edit.vrf_evpn()?;
        let field = if is_ipv6(args) { default_originate_ipv6 } else { default_originate_ipv4 };
        *field = !args.negative();
        Ok(())
    }),
    Command::set("exit-address-family", leave),
];

fn is_ipv6(args: &Args<'_>) -> bool {
    args.text("afi") == Some("ipv6")
}

fn leave(edit: &mut Edit<'_>, _: &Args<'_>) -> Result<(), Reject> {
    edit.leave();
    Ok(())
}
