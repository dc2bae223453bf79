//! `bridge-domain NAME`: a bridge with its VNI and ports, and the gateways of the subnet on it.

use super::vrf::{gateway_mac, vrf_name};
use crate::command::Command;
use ipnet::IpNet;
use std::net::IpAddr;

/// The commands of `bridge-domain NAME`.
pub static COMMANDS: &[Command] = &[
    Command::set("[no] vni / VNI$vni", |edit, args| {
        edit.bridge_domain()?.vni = if args.negative() { None } else { args.get("vni")? };
        Ok(())
    }),
    Command::set("[no] interface IFNAME$ifname", |edit, args| {
        let name: String = args.need("ifname")?;
        let interfaces = &mut edit.bridge_domain()?.interfaces;
        if !args.negative() {
            interfaces.insert(name);
        } else if !interfaces.remove(&name) {
            return Err(args.reject("ifname", format!("{name} is not in this bridge domain")));
        }
        Ok(())
    }),
    Command::set("[no] mtu / (68-65535)$mtu", |edit, args| {
        edit.bridge_domain()?.mtu = if args.negative() { None } else { args.get("mtu")? };
        Ok(())
    }),
    Command::set("[no] vrf / IFNAME$vrf", |edit, args| {
        let name = if args.negative() { None } else { Some(vrf_name(args)?) };
        edit.bridge_domain()?.vrf = name;
        Ok(())
    }),
    Command::set("[no] gateway <A.B.C.D/M|X:X::X:X/M>$gateway", |edit, args| {
        let gateway: IpNet = args.need("gateway")?;
        let gateways = &mut edit.bridge_domain()?.gateways;
        if args.negative() {
            return match gateways.remove(&gateway) {
                true => Ok(()),
                false => {
                    Err(args.reject("gateway", format!("{gateway} is not a gateway of this bridge domain")))
                }
            };
        }
        if let Some(reason) = unfit(gateway) {
            return Err(args.reject("gateway", format!("{gateway} cannot be a gateway: {reason}")));
        }
        gateways.insert(gateway);
        Ok(())
    }),
    Command::set("[no] gateway mac / M:M:M$gateway_mac", |edit, args| {
        edit.bridge_domain()?.gateway_mac = gateway_mac(args)?;
        Ok(())
    }),
];

/// Why hosts could not use this address as their gateway.
fn unfit(gateway: IpNet) -> Option<&'static str> {
    let address = gateway.addr();
    let link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    // A subnet of two addresses has neither a network nor a broadcast address (RFC 3021, RFC 6164).
    let ends = gateway.prefix_len() + 1 < gateway.max_prefix_len();
    Some(match address {
        _ if address.is_multicast() => "it is a multicast address",
        _ if address.is_unspecified() => "it is the unspecified address",
        _ if address.is_loopback() => "it is a loopback address",
        _ if link_local => "it is a link-local address",
        IpAddr::V4(address) if address.is_broadcast() => "it is a broadcast address",
        _ if gateway.prefix_len() == gateway.max_prefix_len() => "it has no subnet; give the subnet's length",
        _ if ends && address == gateway.network() => "it is the address of its network",
        IpAddr::V4(_) if ends && address == gateway.broadcast() => {
            "it is the broadcast address of its network"
        }
        _ => return None,
    })
}
