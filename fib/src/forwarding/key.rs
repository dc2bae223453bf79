//! Names of the things that are kept in the kernel, one per unit of work.

use crate::consistency::EntryKind;
use crate::netlink::encode::Op;
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use weft_evpn::{MacAddr, Vni};

/// A table of MACs, neighbours and flood entries: that of an L2VNI, or that of an L3VNI, which holds router MACs only.
/// A number may be the one today and the other tomorrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(u32);

impl TableId {
    /// Above the 24 bits of a VNI.
    const L3: u32 = 1 << 31;

    /// The table of an L2VNI.
    pub fn l2(vni: Vni) -> Self {
        TableId(vni.get())
    }

    /// The table of an L3VNI.
    pub fn l3(vni: Vni) -> Self {
        TableId(vni.get() | Self::L3)
    }

    /// Whether it is that of an L3VNI.
    pub fn is_l3(self) -> bool {
        self.0 & Self::L3 != 0
    }

    /// The VNI.
    pub fn vni(self) -> Option<Vni> {
        Vni::new(self.0 & !Self::L3)
    }
}

/// An IP-VRF in one routing table, as a small number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VrfId(NonZeroU32);

impl VrfId {
    pub(super) fn from_index(index: usize) -> Self {
        VrfId(numbered(index))
    }

    pub(super) fn index(self) -> usize {
        usize::try_from(self.0.get() - 1).unwrap_or(usize::MAX)
    }
}

/// An index counted from one. Never more of anything than memory for it; the bound only keeps the conversion total.
pub(super) fn numbered(index: usize) -> NonZeroU32 {
    u32::try_from(index).ok().and_then(|index| NonZeroU32::MIN.checked_add(index)).unwrap_or(NonZeroU32::MAX)
}

/// A remote VTEP, as a small number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VtepId(NonZeroU32);

impl VtepId {
    pub(super) fn from_index(index: usize) -> Self {
        VtepId(numbered(index))
    }

    pub(super) fn index(self) -> usize {
        usize::try_from(self.0.get() - 1).unwrap_or(usize::MAX)
    }
}

/// One unit of desired state, and of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The two FDB entries of a MAC.
    Mac(TableId, MacAddr),
    /// A neighbour entry.
    Neighbour(TableId, IpAddr),
    /// A flood entry.
    Flood(TableId, IpAddr),
    /// An address that the SVI answers for.
    Proxy(TableId, IpAddr),
    /// Nexthop and group of a VTEP.
    Vtep(VtepId),
    /// A nexthop with our mark that belongs to no VTEP.
    Orphan(u32),
    /// A neighbour of ours on a device that routes for its L3VNI no more.
    Leftover(u32, IpAddr),
    /// A next hop of routes or a group of such, by its id.
    Hop(u32),
    /// A route of an IP-VRF.
    Route(VrfId, IpNet),
}

impl Key {
    /// The table, where the key belongs to one.
    pub fn table(self) -> Option<TableId> {
        match self {
            Key::Mac(table, _) | Key::Neighbour(table, _) | Key::Flood(table, _) | Key::Proxy(table, _) => {
                Some(table)
            }
            Key::Vtep(_) | Key::Orphan(_) | Key::Leftover(..) | Key::Hop(_) | Key::Route(..) => None,
        }
    }

    /// The VNI, where the key has one.
    pub fn vni(self) -> Option<Vni> {
        self.table().and_then(TableId::vni)
    }

    /// The kind of entry that a message for this key is about.
    pub fn kind(self, op: &Op) -> EntryKind {
        match (self.table().is_some_and(TableId::is_l3), op.kind()) {
            (true, EntryKind::VxlanFdb | EntryKind::BridgeFdb) => EntryKind::RouterMacFdb,
            (true, EntryKind::Neighbour) => EntryKind::RouterMacNeighbour,
            (_, kind) if matches!(self, Key::Hop(_)) && kind == EntryKind::Nexthop => EntryKind::L3Nexthop,
            (_, kind) => kind,
        }
    }
}

impl Op {
    /// Whether it takes something away.
    pub fn is_deletion(&self) -> bool {
        matches!(
            self,
            Op::VxlanDelete { .. }
                | Op::BothDelete { .. }
                | Op::BridgeDelete { .. }
                | Op::FloodDelete { .. }
                | Op::NeighbourDelete { .. }
                | Op::NexthopDelete { .. }
                | Op::RouteDelete { .. }
                | Op::ProxyDelete { .. }
        )
    }

    /// The kind of entry that the message is about.
    pub fn kind(&self) -> EntryKind {
        match self {
            Op::VxlanSet { .. } | Op::VxlanDelete { .. } | Op::BothSet { .. } | Op::BothDelete { .. } => {
                EntryKind::VxlanFdb
            }
            Op::BridgeSet { .. } | Op::BridgeSticky { .. } | Op::BridgeDelete { .. } => EntryKind::BridgeFdb,
            Op::FloodAdd { .. } | Op::FloodDelete { .. } => EntryKind::Flood,
            Op::NeighbourSet { .. } | Op::NeighbourDelete { .. } => EntryKind::Neighbour,
            Op::NexthopSet { .. } | Op::GroupSet { .. } | Op::NexthopDelete { .. } => EntryKind::Nexthop,
            Op::HopSet { .. } | Op::HopGroupSet { .. } => EntryKind::L3Nexthop,
            Op::RouteSet { .. } | Op::RouteDelete { .. } => EntryKind::VrfRoute,
            Op::ProxySet { .. } | Op::ProxyDelete { .. } => EntryKind::Proxy,
        }
    }
}

/// The entry as an operator would look for it.
impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::VxlanSet { mac, .. }
            | Op::VxlanDelete { mac, .. }
            | Op::BridgeSet { mac, .. }
            | Op::BridgeSticky { mac, .. }
            | Op::BridgeDelete { mac, .. }
            | Op::BothSet { mac, .. }
            | Op::BothDelete { mac, .. } => write!(f, "{mac}"),
            Op::FloodAdd { vtep, .. } | Op::FloodDelete { vtep, .. } => write!(f, "{vtep}"),
            Op::NeighbourSet { ip, .. } | Op::NeighbourDelete { ip, .. } => write!(f, "{ip}"),
            Op::NexthopSet { id, gateway, .. } => write!(f, "{id} via {gateway}"),
            Op::GroupSet { id, .. } | Op::NexthopDelete { id } => write!(f, "{id}"),
            Op::HopSet { id, gateway, .. } => write!(f, "{id} via {gateway}"),
            Op::HopGroupSet { id, members, .. } => write!(f, "{id} group of {}", members.len()),
            Op::RouteSet { table, prefix, .. } | Op::RouteDelete { table, prefix } => {
                write!(f, "{prefix} table {table}")
            }
            Op::ProxySet { ip, .. } | Op::ProxyDelete { ip, .. } => write!(f, "{ip}"),
        }
    }
}
