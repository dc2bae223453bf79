//! Names of the things that are kept in the kernel, one per unit of work.

use crate::consistency::EntryKind;
use crate::netlink::encode::Op;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use weft_evpn::{MacAddr, Vni};

/// A remote VTEP, as a small number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VtepId(NonZeroU32);

impl VtepId {
    pub(super) fn from_index(index: usize) -> Self {
        // Never more VTEPs than memory for them; the bound only keeps the conversion total.
        VtepId(
            u32::try_from(index)
                .ok()
                .and_then(|index| NonZeroU32::MIN.checked_add(index))
                .unwrap_or(NonZeroU32::MAX),
        )
    }

    pub(super) fn index(self) -> usize {
        usize::try_from(self.0.get() - 1).unwrap_or(usize::MAX)
    }
}

/// One unit of desired state, and of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The two FDB entries of a MAC.
    Mac(Vni, MacAddr),
    /// A neighbour entry.
    Neighbour(Vni, IpAddr),
    /// A flood entry.
    Flood(Vni, IpAddr),
    /// Nexthop and group of a VTEP.
    Vtep(VtepId),
    /// A nexthop with our mark that belongs to no VTEP.
    Orphan(u32),
}

impl Key {
    /// The VNI, where the key has one.
    pub fn vni(self) -> Option<Vni> {
        match self {
            Key::Mac(vni, _) | Key::Neighbour(vni, _) | Key::Flood(vni, _) => Some(vni),
            Key::Vtep(_) | Key::Orphan(_) => None,
        }
    }
}

impl Op {
    /// Whether it takes something away.
    pub fn is_deletion(&self) -> bool {
        matches!(
            self,
            Op::VxlanDelete { .. }
                | Op::BridgeDelete { .. }
                | Op::FloodDelete { .. }
                | Op::NeighbourDelete { .. }
                | Op::NexthopDelete { .. }
        )
    }

    /// The kind of entry that the message is about.
    pub fn kind(&self) -> EntryKind {
        match self {
            Op::VxlanSet { .. } | Op::VxlanDelete { .. } => EntryKind::VxlanFdb,
            Op::BridgeSet { .. } | Op::BridgeSticky { .. } | Op::BridgeDelete { .. } => EntryKind::BridgeFdb,
            Op::FloodAdd { .. } | Op::FloodDelete { .. } => EntryKind::Flood,
            Op::NeighbourSet { .. } | Op::NeighbourDelete { .. } => EntryKind::Neighbour,
            Op::NexthopSet { .. } | Op::GroupSet { .. } | Op::NexthopDelete { .. } => EntryKind::Nexthop,
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
            | Op::BridgeDelete { mac, .. } => write!(f, "{mac}"),
            Op::FloodAdd { vtep, .. } | Op::FloodDelete { vtep, .. } => write!(f, "{vtep}"),
            Op::NeighbourSet { ip, .. } | Op::NeighbourDelete { ip, .. } => write!(f, "{ip}"),
            Op::NexthopSet { id, gateway, .. } => write!(f, "{id} via {gateway}"),
            Op::GroupSet { id, .. } | Op::NexthopDelete { id } => write!(f, "{id}"),
        }
    }
}
