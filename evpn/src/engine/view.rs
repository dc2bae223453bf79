//! What the shows read: plain values, made on demand while iterating, so a large table is
//! never copied.

use super::{Address, Flooding, Refusals, VrfActive};
use crate::vrf::VrfDevices;
use crate::{MacAddr, RouteDistinguisher, RouteTarget, RouteTargetMatch, Vni, VrfName};
use std::{net::IpAddr, time::Instant};

/// One L2VNI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceView<'a> {
    /// The L2VNI.
    pub vni: Vni,
    /// Routes are made and used for it.
    pub active: bool,
    /// Interface index and name of the vxlan device, if it is there and up.
    pub vxlan: Option<&'a (u32, String)>,
    /// Interface index and name of the bridge.
    pub bridge: Option<&'a (u32, String)>,
    /// Our VTEP.
    pub vtep: Option<IpAddr>,
    /// Addresses on the bridge.
    pub svi_addresses: &'a [IpAddr],
    /// The RD it advertises with.
    pub rd: Option<RouteDistinguisher>,
    /// What it imports.
    pub import: &'a [RouteTargetMatch],
    /// What it exports with.
    pub export: &'a [RouteTarget],
    /// Flooding in effect.
    pub flooding: Flooding,
    /// Bridge addresses are advertised as hosts.
    pub advertise_svi_ip: bool,
    /// Bridge addresses are advertised as default gateway.
    pub advertise_default_gw: bool,
    /// MACs that are here.
    pub local_macs: usize,
    /// MACs that are at another VTEP.
    pub remote_macs: usize,
    /// Addresses that are here.
    pub local_neighbours: usize,
    /// Addresses that are programmed for another VTEP.
    pub remote_neighbours: usize,
    /// Routes refused because their label is another VNI.
    pub label_mismatches: u64,
}

/// Where a MAC is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MacPlace<'a> {
    /// Behind a local port.
    Local {
        /// Interface index and name of the bridge port.
        port: &'a (u32, String),
    },
    /// At another VTEP.
    Remote {
        /// The VTEP.
        vtep: IpAddr,
        /// It is a default gateway.
        gateway: bool,
    },
    /// Nowhere: only addresses that wait for it are known (FRR's "auto").
    Unknown,
}

/// Duplicate detection's opinion of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DuplicateView {
    /// Moves counted in the window.
    pub moves: u32,
    /// It is held for a duplicate since then.
    pub since: Option<Instant>,
    /// Its moves are not followed.
    pub frozen: bool,
    /// When it is let go by itself.
    pub until: Option<Instant>,
}

/// One MAC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MacView<'a> {
    /// The MAC.
    pub mac: MacAddr,
    /// Where it is.
    pub place: MacPlace<'a>,
    /// It may not move.
    pub sticky: bool,
    /// The sequence number we advertise, 0 if we do not.
    pub local_sequence: u32,
    /// The highest sequence number that a peer advertises, 0 if none does.
    pub remote_sequence: u32,
    /// Routes held for it, from all VTEPs.
    pub candidates: usize,
    /// Duplicate detection.
    pub duplicate: DuplicateView,
}

/// Where an address is, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeighbourPlace {
    /// Here, and advertised.
    Local,
    /// The kernel told of it, but its MAC is not here (FRR's "inactive").
    Held,
    /// At another VTEP (`None`: its MAC has moved here, the address is not confirmed yet).
    Remote {
        /// The VTEP of its MAC.
        vtep: Option<IpAddr>,
    },
}

/// One address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeighbourView {
    /// The address.
    pub ip: IpAddr,
    /// Its MAC.
    pub mac: MacAddr,
    /// Where it is.
    pub place: NeighbourPlace,
    /// It is a router (RFC 9047).
    pub router: bool,
    /// The sequence number we advertise, 0 if we do not.
    pub local_sequence: u32,
    /// The best route's sequence number, 0 if there is none.
    pub remote_sequence: u32,
    /// Duplicate detection.
    pub duplicate: DuplicateView,
}

/// One address that moves too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DuplicateAddress {
    /// The L2VNI.
    pub vni: Vni,
    /// The address.
    pub address: Address,
    /// Moves, since when, until when.
    pub duplicate: DuplicateView,
}

/// Which duplicates to clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DuplicateFilter {
    /// All.
    All,
    /// One MAC, and the addresses at it.
    Mac(MacAddr),
    /// One address.
    Ip(IpAddr),
}

/// One IP-VRF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpVrfView<'a> {
    /// Its name.
    pub name: &'a VrfName,
    /// The L3VNI that is configured.
    pub vni: Option<Vni>,
    /// With what its routes are made; `None`: it takes no part in EVPN, any more or yet.
    pub active: Option<&'a VrfActive>,
    /// What it imports while it is active.
    pub import: &'a [RouteTargetMatch],
    /// Prefix routes only.
    pub prefix_routes_only: bool,
    /// Its devices, if the kernel has them.
    pub devices: Option<&'a VrfDevices>,
    /// The L2VNIs whose bridges route in it, in order.
    pub l2vnis: Vec<Vni>,
    /// Hosts and prefixes that routes are kept for.
    pub prefixes: usize,
    /// Paths to hosts that are given to its table.
    pub host_paths: usize,
    /// Paths to prefixes that are given to its table.
    pub prefix_paths: usize,
    /// Prefixes whose gateway overlay index leads nowhere, each once per gateway.
    pub unresolved: usize,
    /// Addresses that are bound here.
    pub local_hosts: usize,
    /// Addresses that SVIs answer for.
    pub proxies: usize,
    /// Routes refused, by reason.
    pub refusals: Refusals,
}

/// One next hop of an IP-VRF, through its L3VNI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct VrfNextHopView {
    /// The VTEP.
    pub vtep: IpAddr,
    /// Its router MAC.
    pub router_mac: MacAddr,
    /// How many paths lead there.
    pub paths: usize,
}
