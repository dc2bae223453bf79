//! What an operator types for a tenant's bridges, VRF devices and vxlan devices, in the forms
//! that are in use: a bridge for each VNI, one bridge that keeps VLANs apart with a vxlan
//! device for each VNI, and one such bridge with a single vxlan device for all VNIs.

use super::{Form, Tenant, gateways, prefixes};
use crate::error::Result;
use crate::netns::Namespace;
use std::fmt::Write;
use std::net::IpAddr;

/// The bridge that keeps VLANs apart.
pub const VLAN_BRIDGE: &str = "br0";
/// The vxlan device for all VNIs.
pub const SINGLE_VXLAN: &str = "vx0";
/// The Ethernet address of every gateway.
const GATEWAY_MAC: &str = "00:00:5e:00:01:01";

/// The VLAN of a VNI of a tenant.
pub fn vlan(tenant: Tenant, vni: u32) -> u32 {
    if vni == tenant.l3vni { tenant.l3vni - 1000 } else { vni }
}

/// The router MAC that an operator gives leaf `number` for a tenant.
fn router_mac(tenant: Tenant, number: u8) -> String {
    format!("02:00:00:ff:{:02x}:{number:02x}", tenant.l3vni % 100)
}

/// The lines that give a device the gateways of a subnet.
fn gateway_lines(subnet: u8, device: &str) -> String {
    let mut text = String::new();
    for (gateway, prefix) in gateways(subnet).into_iter().zip(prefixes(subnet)) {
        let length = prefix.split('/').nth(1).unwrap_or_default();
        let dad = if gateway.is_ipv6() { " nodad" } else { "" };
        let _ = writeln!(text, "addr add {gateway}/{length} dev {device}{dad}");
    }
    text
}

/// A bridge for each subnet, with the anycast gateway on it, and one for the L3VNI, whose MAC is the
/// router MAC; with a VRF device, enslaved to it. The vxlan devices are there.
pub fn bridges(tenant: Tenant, number: u8, subnets: &[u8], vrf: bool) -> String {
    let mut text = if vrf { vrf_device(tenant) } else { String::new() };
    let enslave =
        |bridge: &str| if vrf { format!("link set {bridge} master {tenant}\n") } else { String::new() };
    for subnet in subnets {
        let vni = tenant.l2vni(*subnet);
        let bridge = format!("br{vni}");
        let _ = write!(
            text,
            "link add {bridge} type bridge\nlink set {bridge} address {GATEWAY_MAC}\n{}\
             link set vx{vni} master {bridge}\nlink set vx{vni} addrgenmode none\n\
             link set {bridge} up\nlink set vx{vni} up\n{}",
            enslave(&bridge),
            gateway_lines(*subnet, &bridge)
        );
    }
    let vni = tenant.l3vni;
    let _ = write!(
        text,
        "link add br{vni} type bridge\nlink set br{vni} address {}\nlink set br{vni} addrgenmode none\n{}\
         link set vx{vni} master br{vni}\nlink set vx{vni} addrgenmode none\nlink set br{vni} up\nlink set vx{vni} up\n",
        router_mac(tenant, number),
        enslave(&format!("br{vni}"))
    );
    text
}

fn vrf_device(tenant: Tenant) -> String {
    format!("link add {tenant} type vrf table {}\nlink set {tenant} up\n", tenant.table())
}

/// Makes the bridge that all tenants of a leaf share, and the single vxlan device where the form has it.
pub fn make_shared(ns: &Namespace, form: Form, vtep: IpAddr) -> Result<()> {
    ns.ip_batch(&format!(
        "link add {VLAN_BRIDGE} type bridge vlan_filtering 1 vlan_default_pvid 0 mcast_snooping 0\n\
         link set {VLAN_BRIDGE} addrgenmode none\nlink set {VLAN_BRIDGE} up\n"
    ))?;
    if form == Form::OperatorVniFilter {
        ns.ip_batch(&format!(
            "link add {SINGLE_VXLAN} type vxlan external vnifilter local {vtep} dstport 4789 nolearning\n\
             link set {SINGLE_VXLAN} addrgenmode none\nlink set {SINGLE_VXLAN} master {VLAN_BRIDGE}\n\
             link set {SINGLE_VXLAN} up\n"
        ))?;
        ns.bridge(&format!("link set dev {SINGLE_VXLAN} vlan_tunnel on learning off neigh_suppress on"))?;
    }
    Ok(())
}

/// A tenant's VLANs on the shared bridge, a device for each of them with the gateways or the router MAC, and
/// the VRF device that they are in.
pub fn make_vlans(
    ns: &Namespace,
    form: Form,
    tenant: Tenant,
    leaf: (u8, IpAddr),
    subnets: &[u8],
) -> Result<()> {
    let (number, vtep) = leaf;
    let (mut devices, mut vlans, mut after) = (vrf_device(tenant), String::new(), String::new());
    let of_subnets = subnets.iter().map(|subnet| (tenant.l2vni(*subnet), Some(*subnet)));
    for (vni, subnet) in of_subnets.chain([(tenant.l3vni, None)]) {
        let vlan = vlan(tenant, vni);
        if form == Form::OperatorVniFilter {
            let _ = write!(
                vlans,
                "vni add dev {SINGLE_VXLAN} vni {vni}\nvlan add dev {SINGLE_VXLAN} vid {vlan}\n\
                 vlan add dev {SINGLE_VXLAN} vid {vlan} tunnel_info id {vni}\n"
            );
        } else {
            let _ = write!(
                devices,
                "link add vx{vni} type vxlan id {vni} local {vtep} dstport 4789 nolearning\n\
                 link set vx{vni} addrgenmode none\nlink set vx{vni} master {VLAN_BRIDGE}\nlink set vx{vni} up\n"
            );
            let _ = write!(
                vlans,
                "vlan add dev vx{vni} vid {vlan} pvid untagged\n\
                 link set dev vx{vni} learning off neigh_suppress on\n"
            );
        }
        let _ = writeln!(vlans, "vlan add dev {VLAN_BRIDGE} vid {vlan} self");
        let mac = subnet.map_or_else(|| router_mac(tenant, number), |_| GATEWAY_MAC.to_owned());
        let _ = write!(
            after,
            "link add link {VLAN_BRIDGE} name vlan{vlan} type vlan id {vlan}\nlink set vlan{vlan} address {mac}\n\
             link set vlan{vlan} addrgenmode none\nlink set vlan{vlan} master {tenant}\nlink set vlan{vlan} up\n"
        );
        if let Some(subnet) = subnet {
            after += &gateway_lines(subnet, &format!("vlan{vlan}"));
            // Without a link-local address a router asks for no host (NS of packets that it forwards); one made
            // of the MAC would be on every leaf.
            let _ = writeln!(after, "addr add fe80::{number}/64 dev vlan{vlan} nodad");
        }
    }
    ns.ip_batch(&devices)?;
    ns.bridge_batch(&vlans)?;
    ns.ip_batch(&after)
}

/// Makes a port a member of a tenant's subnet on the shared bridge.
pub fn join_vlan(ns: &Namespace, tenant: Tenant, subnet: u8, port: &str) -> Result<()> {
    let vlan = vlan(tenant, tenant.l2vni(subnet));
    ns.ip(&format!("link set {port} master {VLAN_BRIDGE}"))?;
    ns.bridge(&format!("vlan add dev {port} vid {vlan} pvid untagged")).map(drop)
}
