//! Neighbour and FDB messages (`RTM_*NEIGH`, neighbour.h), read into one flat struct without allocation.

use super::attribute::{Attributes, ip_of, mac_of, u16_of, u32_of};
use super::constants::*;
use std::net::IpAddr;
use weft_evpn::MacAddr;

/// Length of `struct ndmsg`.
pub const NDMSG: usize = 12;

/// What one `RTM_NEWNEIGH` or `RTM_DELNEIGH` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NeighbourMessage {
    /// `AF_BRIDGE`, `AF_INET` or `AF_INET6`.
    pub family: u8,
    /// The device; for bridge FDB entries the port.
    pub ifindex: u32,
    /// `NUD_…`
    pub state: u16,
    /// `NTF_…`
    pub flags: u8,
    /// `NDA_LLADDR`
    pub mac: Option<MacAddr>,
    /// `NDA_DST`: a neighbour's address, or the VTEP of a vxlan entry.
    pub address: Option<IpAddr>,
    /// `NDA_NH_ID`
    pub nexthop: Option<u32>,
    /// `NDA_MASTER`: the bridge.
    pub master: Option<u32>,
    /// `NDA_PROTOCOL`
    pub protocol: u8,
    /// `NDA_VLAN`
    pub vlan: Option<u16>,
    /// `NDA_SRC_VNI`: the VNI of an entry of a vxlan device for many.
    pub source_vni: Option<u32>,
    /// `NDA_PORT`, `NDA_VNI` or `NDA_IFINDEX` is there: a vxlan entry that leaves the device's defaults.
    pub special: bool,
}

impl NeighbourMessage {
    /// Reads the payload of a message; `None` when it is too short for its fixed part.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let &[family, _, _, _, a, b, c, d, e, f, flags, _] = payload.first_chunk::<NDMSG>()?;
        let mut message = NeighbourMessage {
            family,
            ifindex: u32::from_ne_bytes([a, b, c, d]),
            state: u16::from_ne_bytes([e, f]),
            flags,
            ..NeighbourMessage::default()
        };
        for (kind, value) in Attributes::new(payload.get(NDMSG..)?) {
            match kind {
                NDA_DST => message.address = ip_of(value),
                NDA_LLADDR => message.mac = mac_of(value),
                NDA_VLAN => message.vlan = u16_of(value),
                NDA_SRC_VNI => message.source_vni = u32_of(value),
                NDA_NH_ID => message.nexthop = u32_of(value),
                NDA_MASTER => message.master = u32_of(value),
                NDA_PROTOCOL => message.protocol = value.first().copied().unwrap_or(0),
                NDA_PORT | NDA_VNI | NDA_IFINDEX => message.special = true,
                _ => {}
            }
        }
        Some(message)
    }

    /// Whether the flag is set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether the state has one of these bits.
    pub fn is(&self, states: u16) -> bool {
        self.state & states != 0
    }
}
