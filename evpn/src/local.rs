//! What the kernel tells the EVPN tables: VNIs that have devices, local MACs, neighbours.
//! `weft-fib` makes these events, `Evpn` takes them. They are levels, not edges: an event
//! that says again what is known changes nothing.

use crate::vrf::{LocalRoute, VrfDevices};
use crate::{MacAddr, Vni, VrfName};
use ipnet::IpNet;
use std::net::IpAddr;

/// The devices that serve an L2VNI in this kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VniDevices {
    /// Interface index and name of the vxlan device.
    pub vxlan: (u32, String),
    /// Interface index and name of its bridge.
    pub bridge: (u32, String),
    /// The vxlan device's `local` address: our VTEP.
    pub vtep: IpAddr,
    /// The bridge's own MAC.
    pub bridge_mac: MacAddr,
    /// Addresses on the bridge (the SVI), without prefix length.
    pub svi_addresses: Vec<IpAddr>,
    /// The subnets of these addresses; no link-local ones.
    pub svi_subnets: Vec<IpNet>,
    /// The IP-VRF that the bridge routes in.
    pub vrf: Option<VrfName>,
}

/// How a neighbour became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NeighbourSource {
    /// The kernel's neighbour table of the bridge holds it.
    Kernel,
    /// An ARP or ND message with it came in by a local port of the bridge.
    Snooped,
}

/// One thing that the kernel says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalEvent {
    /// Vxlan device and bridge of this VNI are there and up, or something of them changed.
    VniUp {
        /// The L2VNI.
        vni: Vni,
        /// Its devices.
        devices: VniDevices,
    },
    /// The VNI's devices are gone, down, or no longer joined. Its MACs and neighbours went
    /// with it; no separate events follow for them.
    VniDown {
        /// The L2VNI.
        vni: Vni,
    },
    /// The bridge has learned this MAC on a port that is not the vxlan device.
    Mac {
        /// The L2VNI.
        vni: Vni,
        /// The host's MAC.
        mac: MacAddr,
        /// Interface index and name of the bridge port.
        port: (u32, String),
        /// A static entry: the MAC may not move (RFC 7432 §15.2).
        sticky: bool,
    },
    /// The bridge no longer has this MAC on a local port: aged, port gone, or deleted.
    /// (Not sent when our own remote entry replaced it.)
    MacGone {
        /// The L2VNI.
        vni: Vni,
        /// The host's MAC.
        mac: MacAddr,
    },
    /// This address is at this MAC, behind a local port.
    Neighbour {
        /// The L2VNI.
        vni: Vni,
        /// The host's address.
        ip: IpAddr,
        /// The MAC it is at.
        mac: MacAddr,
        /// Who says so.
        source: NeighbourSource,
    },
    /// The kernel's neighbour table no longer has this address (source `Kernel`), or it did
    /// not answer a probe (FAILED).
    NeighbourGone {
        /// The L2VNI.
        vni: Vni,
        /// The host's address.
        ip: IpAddr,
    },
    /// The routing table of this IP-VRF is there, or something of its devices changed.
    VrfUp {
        /// The IP-VRF.
        vrf: VrfName,
        /// Its devices.
        devices: VrfDevices,
    },
    /// The IP-VRF's table or devices are gone. Its routes went with it; no events follow for them.
    VrfDown {
        /// The IP-VRF.
        vrf: VrfName,
    },
    /// A route that is not ours stands in the table of this IP-VRF, or no longer does.
    Route {
        /// The IP-VRF.
        vrf: VrfName,
        /// The prefix.
        prefix: IpNet,
        /// The best of those routes; `None`: there is none.
        route: Option<LocalRoute>,
    },
}
