//! A VTEP in the flood list of a VNI. Pure.

use crate::netlink::encode::Op;
use std::net::IpAddr;

/// What the vxlan FDB has for the all-zero MAC and this VTEP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ActualFlood {
    #[default]
    Absent,
    /// With our mark.
    Ours,
    /// Without. The mark belongs to the whole list: an operator who adds a VTEP by hand takes it from all.
    Unmarked,
}

/// All that is wanted of and known about it.
#[derive(Debug, Clone, Copy, Default)]
pub struct FloodEntry {
    pub wanted: bool,
    pub actual: ActualFlood,
    /// We wrote it or adopted it, so it is ours even when the mark was lost.
    pub held: bool,
    /// Found with our mark, and nobody has asked for it yet.
    pub adopted: bool,
    /// In the work queue.
    pub dirty: bool,
    /// Not yet seen again in the dump that is being read.
    pub stale: bool,
}

impl FloodEntry {
    /// Nothing is wanted and nothing is there.
    pub fn is_void(&self) -> bool {
        !self.wanted && self.actual == ActualFlood::Absent
    }

    /// The message that makes the kernel as wanted. See [`super::neighbour::NeighbourEntry::op`].
    pub fn op(&self, vxlan: u32, vtep: IpAddr, gone: bool, pruned: bool) -> Option<Op> {
        match (self.wanted && !gone, self.actual) {
            (true, ActualFlood::Absent) => Some(Op::FloodAdd { vxlan, vtep }),
            (true, _) | (false, ActualFlood::Absent) => None,
            (false, ActualFlood::Unmarked) if !self.held => None,
            (false, _) if gone || !self.adopted || pruned => Some(Op::FloodDelete { vxlan, vtep }),
            (false, _) => None,
        }
    }
}
