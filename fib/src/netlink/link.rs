//! Links and addresses through netlink-packet-route, reduced to the model's words.

use super::constants::*;
use crate::model::{Address, BridgePort, Link, LinkKind, Vxlan};
use netlink_packet_core::Parseable;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{
    InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoVlan, InfoVrf, InfoVxlan, LinkAttribute, LinkFlags,
    LinkInfo, LinkMessage,
};
use std::net::IpAddr;
use weft_evpn::{MacAddr, Vni};

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
        parent: None,
    };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Controller(master) => link.master = Some(master),
            LinkAttribute::Link(parent) => link.parent = Some(parent),
            LinkAttribute::Mtu(mtu) => link.mtu = mtu,
            LinkAttribute::IfAlias(alias) => link.alias = Some(alias),
            LinkAttribute::Address(address) => link.mac = address.try_into().ok().map(MacAddr),
            LinkAttribute::LinkInfo(infos) => {
                for info in infos {
                    match info {
                        LinkInfo::Kind(InfoKind::Bridge) => link.kind = LinkKind::Bridge,
                        LinkInfo::Data(InfoData::Vxlan(settings)) => {
                            link.kind = LinkKind::Vxlan(vxlan(&settings))
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
