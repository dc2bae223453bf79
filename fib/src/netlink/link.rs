//! Links and addresses through netlink-packet-route, reduced to the model's words.

use super::attribute::{Attributes, u16_of, u32_of};
use super::constants::*;
use crate::model::{Address, BridgePort, Link, LinkKind, PortVlans, Vxlan};
use netlink_packet_core::Parseable;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{
    InfoBridge, InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoVlan, InfoVrf, InfoVxlan,
    LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use std::collections::BTreeMap;
use std::net::IpAddr;
use weft_evpn::{MacAddr, Vni};

/// Length of `struct ifinfomsg`.
const IFINFOMSG: usize = 16;

/// What a link notification says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkNews {
    /// It is there, and so.
    Is(Link),
    /// It is gone.
    Gone(u32),
    /// Its settings as a bridge port changed, or it left the bridge (`AF_BRIDGE` notification, which tells
    /// only a part): ask for the whole.
    Ask(u32),
}

/// Reads the payload of `RTM_NEWLINK` or `RTM_DELLINK`.
///
/// # Errors
/// What netlink-packet-route could not read, for the log; such a link is asked for by nobody.
pub fn parse_link(kind: u16, payload: &[u8]) -> Result<LinkNews, String> {
    let family = payload.first().copied().unwrap_or(AF_UNSPEC);
    if family == AF_BRIDGE {
        let index = payload.get(4..).and_then(|rest| rest.first_chunk::<4>()).ok_or("short link message")?;
        return Ok(LinkNews::Ask(u32::from_ne_bytes(*index)));
    }
    let message = LinkMessage::parse(payload).map_err(|error| error.to_string())?;
    if kind == RTM_DELLINK {
        return Ok(LinkNews::Gone(message.header.index));
    }
    Ok(LinkNews::Is(link(message)))
}

fn link(message: LinkMessage) -> Link {
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        kind: LinkKind::Other,
        up: message.header.flags.contains(LinkFlags::Up),
        loopback: message.header.flags.contains(LinkFlags::Loopback),
        master: None,
        mac: None,
        mtu: 0,
        alias: None,
        port: None,
        vlan_aware: false,
        parent: None,
        group: 0,
    };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Controller(master) => link.master = Some(master),
            LinkAttribute::Link(parent) => link.parent = Some(parent),
            LinkAttribute::Mtu(mtu) => link.mtu = mtu,
            LinkAttribute::Group(group) => link.group = group,
            LinkAttribute::IfAlias(alias) => link.alias = Some(alias),
            LinkAttribute::Address(address) => link.mac = address.try_into().ok().map(MacAddr),
            LinkAttribute::LinkInfo(infos) => {
                for info in infos {
                    match info {
                        LinkInfo::Kind(InfoKind::Bridge) => link.kind = LinkKind::Bridge,
                        LinkInfo::Data(InfoData::Vxlan(settings)) => {
                            link.kind = LinkKind::Vxlan(vxlan(&settings))
                        }
                        LinkInfo::Data(InfoData::Bridge(settings)) => {
                            link.vlan_aware = settings.contains(&InfoBridge::VlanFiltering(true));
                        }
                        LinkInfo::Data(InfoData::Vrf(settings)) => {
                            link.kind = LinkKind::Vrf { table: vrf_table(&settings) };
                        }
                        LinkInfo::Data(InfoData::Vlan(settings)) => {
                            link.kind = LinkKind::Vlan { id: vlan_id(&settings) };
                        }
                        LinkInfo::PortData(InfoPortData::BridgePort(settings)) => {
                            link.port = Some(port(&settings));
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    link
}

fn vxlan(settings: &[InfoVxlan]) -> Vxlan {
    let mut vxlan = Vxlan::default();
    for setting in settings {
        match setting {
            InfoVxlan::Id(id) => vxlan.vni = Vni::new(*id),
            InfoVxlan::Local(local) => vxlan.local = Some(IpAddr::V4(*local)),
            InfoVxlan::Local6(local) => vxlan.local = Some(IpAddr::V6(*local)),
            InfoVxlan::Port(port) => vxlan.port = *port,
            InfoVxlan::Learning(learning) => vxlan.learning = *learning,
            InfoVxlan::CollectMetadata(external) => vxlan.external = *external,
            _ => {}
        }
    }
    // The kernel reports an unset local address as the wildcard in some versions.
    vxlan.local = vxlan.local.filter(|local| !local.is_unspecified());
    vxlan
}

/// Reads the VLANs of a bridge port out of an `AF_BRIDGE` message; `None` for other messages. A port that is gone, and
/// a port without VLANs, has none.
pub fn parse_vlans(kind: u16, payload: &[u8]) -> Option<(u32, PortVlans)> {
    let &[family, _, _, _, a, b, c, d, ..] = payload.first_chunk::<IFINFOMSG>()?;
    if family != AF_BRIDGE {
        return None;
    }
    let index = u32::from_ne_bytes([a, b, c, d]);
    let mut vlans = PortVlans::default();
    if kind == RTM_DELLINK {
        return Some((index, vlans));
    }
    let attributes = Attributes::new(payload.get(IFINFOMSG..)?);
    for (_, nest) in attributes.filter(|(kind, _)| *kind == IFLA_AF_SPEC) {
        let mut range = None;
        for (kind, value) in Attributes::new(nest) {
            match kind {
                IFLA_BRIDGE_VLAN_INFO => {
                    // `struct bridge_vlan_info`: flags, VLAN.
                    let &[a, b, c, d] = value.first_chunk::<4>()?;
                    if u16::from_ne_bytes([a, b]) & BRIDGE_VLAN_INFO_PVID != 0 {
                        vlans.untagged = Some(u16::from_ne_bytes([c, d]));
                    }
                }
                IFLA_BRIDGE_VLAN_TUNNEL_INFO => add_tunnels(value, &mut range, &mut vlans.tunnels),
                _ => {}
            }
        }
    }
    Some((index, vlans))
}

/// One mapping of a VLAN to a VNI, or one end of a range of them.
fn add_tunnels(nest: &[u8], range: &mut Option<(u16, u32)>, tunnels: &mut BTreeMap<u16, Vni>) {
    let (mut vni, mut vlan, mut flags) = (None, None, 0);
    for (kind, value) in Attributes::new(nest) {
        match kind {
            IFLA_BRIDGE_VLAN_TUNNEL_ID => vni = u32_of(value),
            IFLA_BRIDGE_VLAN_TUNNEL_VID => vlan = u16_of(value),
            IFLA_BRIDGE_VLAN_TUNNEL_FLAGS => flags = u16_of(value).unwrap_or(0),
            _ => {}
        }
    }
    let (Some(vni), Some(vlan)) = (vni, vlan) else { return };
    if flags & BRIDGE_VLAN_INFO_RANGE_BEGIN != 0 {
        *range = Some((vlan, vni));
        return;
    }
    let (first, first_vni) =
        range.take().filter(|_| flags & BRIDGE_VLAN_INFO_RANGE_END != 0).unwrap_or((vlan, vni));
    for (vlan, vni) in (first..=vlan).zip(first_vni..) {
        tunnels.extend(Vni::new(vni).map(|vni| (vlan, vni)));
    }
}

fn vrf_table(settings: &[InfoVrf]) -> u32 {
    let table = |setting: &InfoVrf| match setting {
        InfoVrf::TableId(table) => Some(*table),
        _ => None,
    };
    settings.iter().find_map(table).unwrap_or_default()
}

fn vlan_id(settings: &[InfoVlan]) -> u16 {
    let id = |setting: &InfoVlan| match setting {
        InfoVlan::Id(id) => Some(*id),
        _ => None,
    };
    settings.iter().find_map(id).unwrap_or_default()
}

fn port(settings: &[InfoBridgePort]) -> BridgePort {
    let mut port = BridgePort::default();
    for setting in settings {
        match setting {
            InfoBridgePort::Learning(learning) => port.learning = *learning,
            InfoBridgePort::NeighSupress(suppress) => port.neigh_suppress = *suppress,
            _ => {}
        }
    }
    port
}

/// Reads the payload of `RTM_NEWNETCONF`: the device of whose settings below /proc/sys/net one was changed.
pub fn parse_settings(payload: &[u8]) -> Option<u32> {
    // `struct netconfmsg` is one octet, the family.
    let mut attributes = Attributes::new(payload.get(4..)?);
    attributes.find(|(kind, _)| *kind == NETCONFA_IFINDEX).and_then(|(_, value)| u32_of(value))
}

/// Reads the payload of `RTM_NEWADDR` or `RTM_DELADDR`: the device and its address. `None` for what cannot be read.
pub fn parse_address(payload: &[u8]) -> Option<(u32, Address)> {
    let message = AddressMessage::parse(payload).ok()?;
    let works = !message.header.flags.contains(AddressHeaderFlags::Tentative)
        && !message.header.flags.contains(AddressHeaderFlags::Dadfailed);
    let (mut local, mut far, mut protocol, mut no_prefix_route) = (None, None, 0, false);
    for attribute in &message.attributes {
        match attribute {
            // On point-to-point links `Address` is the far end and `Local` ours; IPv6 often has no `Local`.
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Address(ip) => far = Some(*ip),
            AddressAttribute::Protocol(by) => protocol = u8::from(*by),
            AddressAttribute::Flags(flags) => no_prefix_route = flags.contains(AddressFlags::Noprefixroute),
            _ => {}
        }
    }
    let address =
        Address { ip: local.or(far)?, length: message.header.prefix_len, protocol, no_prefix_route, works };
    Some((message.header.index, address))
}
