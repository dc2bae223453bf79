//! VNIs on a vxlan device for many (`external`, with a VLAN mapped to each): which entry belongs to which. Pure.

use super::Forwarding;
use super::key::{Key, TableId};
use crate::netlink::encode::Tunnel;
use crate::netlink::neighbour::NeighbourMessage;
use std::collections::BTreeMap;
use weft_evpn::Vni;

impl Forwarding {
    /// The VNIs of such devices: interface index, and VLAN. To be told before their devices are attached.
    pub fn set_tunnels(&mut self, tunnels: BTreeMap<Vni, (u32, u16)>) {
        self.tunnels = tunnels;
    }

    /// Whether there is any such device.
    pub fn has_tunnels(&self) -> bool {
        !self.tunnels.is_empty()
    }

    /// What the messages of a key must say beside the entry.
    pub fn tunnel(&self, key: Key) -> Option<Tunnel> {
        let vni = key.vni()?;
        self.tunnels.get(&vni).map(|(_, vlan)| Tunnel { vni, vlan: *vlan })
    }

    /// Whether a device is one for many VNIs.
    fn is_tunnel(&self, device: u32) -> bool {
        self.tunnels.values().any(|(at, _)| *at == device)
    }

    /// The table that an FDB message about a vxlan device, or its port, belongs to.
    pub(super) fn table_of_port(&self, message: &NeighbourMessage) -> Option<TableId> {
        let device = message.ifindex;
        if !self.has_tunnels() || !self.is_tunnel(device) {
            return self.by_vxlan.get(&device).copied();
        }
        let matches = |vni: &Vni, at: u32, vlan: u16| {
            at == device
                && match message.source_vni {
                    Some(source) => source == vni.get(),
                    None => message.vlan == Some(vlan),
                }
        };
        let (vni, _) = self.tunnels.iter().find(|(vni, (at, vlan))| matches(vni, *at, *vlan))?;
        let attached = |id: &TableId| self.tables.get(id).is_some_and(|table| table.devices.is_some());
        [TableId::l2(*vni), TableId::l3(*vni)].into_iter().find(attached)
    }
}
