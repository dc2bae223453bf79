//! One link, reduced to what EVPN asks of it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use weft_evpn::{MacAddr, Vni};

/// A network device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Interface index.
    pub index: u32,
    /// Interface name.
    pub name: String,
    /// What kind of device, with the settings of those that matter.
    pub kind: LinkKind,
    /// `IFF_UP`: switched on. Carrier does not count: a bridge without hosts is ready to serve.
    pub up: bool,
    /// `IFF_LOOPBACK`.
    pub loopback: bool,
    /// Index of the bridge (or bond, VRF) it is a port of.
    pub master: Option<u32>,
    /// Its Ethernet address.
    pub mac: Option<MacAddr>,
    /// In octets.
    pub mtu: u32,
    /// `IFLA_GROUP`: a number by which many devices can be named at once; 0 unless somebody says otherwise.
    pub group: u32,
    /// `IFLA_IFALIAS`: where Weft marks the devices it made.
    pub alias: Option<String>,
    /// Settings as a bridge port.
    pub port: Option<BridgePort>,
    /// A bridge that keeps VLANs apart (`vlan_filtering`).
    pub vlan_aware: bool,
    /// Index of the device that this one stands on: of a VLAN device, the one whose VLAN it is.
    pub parent: Option<u32>,
}

/// Kinds of devices that EVPN knows apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkKind {
    /// A bridge.
    Bridge,
    /// A vxlan device.
    Vxlan(Vxlan),
    /// A VRF device and its routing table.
    Vrf {
        /// The table.
        table: u32,
    },
    /// A VLAN device; of a VLAN-aware bridge, that VLAN's SVI.
    Vlan {
        /// The VLAN.
        id: u16,
    },
    /// Anything else.
    Other,
}

/// Settings of a vxlan device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vxlan {
    /// `id`; none for `external` devices.
    pub vni: Option<Vni>,
    /// `local`.
    pub local: Option<IpAddr>,
    /// UDP port.
    pub port: u16,
    /// `learning` of the device itself.
    pub learning: bool,
    /// `external`: VNIs come with each packet.
    pub external: bool,
}

/// Settings of a bridge port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BridgePort {
    /// The bridge learns MACs from frames that come in here.
    pub learning: bool,
    /// The bridge answers ARP and ND for known neighbours instead of flooding here.
    pub neigh_suppress: bool,
}

/// VLANs of a port of a bridge that keeps them apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PortVlans {
    /// That of frames without a tag.
    pub untagged: Option<u16>,
    /// The VNI that a VLAN is mapped to, on the port of a vxlan device for many.
    pub tunnels: BTreeMap<u16, Vni>,
}

impl Link {
    /// The vxlan settings, if it is one.
    pub fn vxlan(&self) -> Option<&Vxlan> {
        match &self.kind {
            LinkKind::Vxlan(vxlan) => Some(vxlan),
            _ => None,
        }
    }

    /// The routing table, if it is a VRF device.
    pub fn vrf_table(&self) -> Option<u32> {
        match self.kind {
            LinkKind::Vrf { table } => Some(table),
            _ => None,
        }
    }

    /// Index and name, as the parts of Weft name interfaces to each other.
    pub fn id(&self) -> (u32, String) {
        (self.index, self.name.clone())
    }

    /// Whether it is a bridge.
    pub fn is_bridge(&self) -> bool {
        self.kind == LinkKind::Bridge
    }
}
