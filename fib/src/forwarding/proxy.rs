//! An address that the SVI of a VNI answers ARP and ND for (`NTF_PROXY`): a host of its subnet that is reached by
//! routing. Pure.
//!
//! The kernel keeps the protocol of such an entry but tells nobody of changes (seen on 6.18): what somebody else does to
//! one shows only when the table is read again.

use crate::netlink::constants::*;
use crate::netlink::encode::Op;
use crate::netlink::neighbour::NeighbourMessage;
use std::net::IpAddr;

/// What the kernel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ActualProxy {
    #[default]
    Absent,
    /// With our protocol.
    Ours,
    /// Without: the operator's, which answers as well.
    Foreign,
}

impl ActualProxy {
    /// Reads a neighbour message with `NTF_PROXY`.
    pub fn read(message: &NeighbourMessage) -> Self {
        if message.protocol == RTPROT_BGP { ActualProxy::Ours } else { ActualProxy::Foreign }
    }
}

/// All that is wanted of and known about it.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProxyEntry {
    pub wanted: bool,
    pub actual: ActualProxy,
    /// Found with our mark, and nobody has asked for it yet.
    pub adopted: bool,
    /// In the work queue.
    pub dirty: bool,
    /// Not yet seen again in the dump that is being read.
    pub stale: bool,
}

impl ProxyEntry {
    /// Nothing is wanted and nothing is there.
    pub fn is_void(&self) -> bool {
        !self.wanted && self.actual == ActualProxy::Absent
    }

    /// The message that makes the kernel as wanted. See [`super::neighbour::NeighbourEntry::op`].
    pub fn op(&self, device: u32, ip: IpAddr, gone: bool, pruned: bool) -> Option<Op> {
        match (self.wanted && !gone, self.actual) {
            (true, ActualProxy::Absent) => Some(Op::ProxySet { device, ip }),
            (false, ActualProxy::Ours) if gone || !self.adopted || pruned => {
                Some(Op::ProxyDelete { device, ip })
            }
            _ => None,
        }
    }
}
