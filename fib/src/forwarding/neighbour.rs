//! A neighbour on the bridge of a VNI: what should be there, what the kernel has, and the messages between.
//! Pure.

use crate::netlink::constants::*;
use crate::netlink::encode::Op;
use crate::netlink::neighbour::NeighbourMessage;
use std::net::IpAddr;
use weft_evpn::MacAddr;
use weft_evpn::forwarding::RemoteNeighbour;

/// What the kernel's neighbour table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ActualNeighbour {
    #[default]
    Absent,
    /// Protocol `bgp`, externally learned, not resolved by the kernel.
    Ours(RemoteNeighbour),
    /// Protocol `bgp`, but not as we write entries; or any entry where ours was.
    Overwritten,
    /// The kernel resolved it.
    Local(MacAddr),
    /// The kernel tries to, or could not.
    Unresolved,
    /// Set by the operator or another program; with its MAC if it is a plain permanent one.
    Fixed(Option<MacAddr>),
}

impl ActualNeighbour {
    /// Reads a neighbour message; `held`: our entry was there before.
    pub fn read(message: &NeighbourMessage, held: bool) -> Self {
        let ours = message.protocol == RTPROT_BGP;
        match message.mac {
            Some(mac) if ours && message.has(NTF_EXT_LEARNED) && message.is(NUD_NOARP) => {
                ActualNeighbour::Ours(RemoteNeighbour { mac, router: message.has(NTF_ROUTER) })
            }
            _ if ours => ActualNeighbour::Overwritten,
            mac if message.is(NUD_PERMANENT | NUD_NOARP) || message.has(NTF_EXT_LEARNED) => {
                if held {
                    ActualNeighbour::Overwritten
                } else {
                    ActualNeighbour::Fixed(mac.filter(|_| message.is(NUD_PERMANENT)))
                }
            }
            Some(mac) if message.is(NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE) => {
                ActualNeighbour::Local(mac)
            }
            _ => ActualNeighbour::Unresolved,
        }
    }

    /// The MAC of a neighbour that is known here without us.
    pub fn local_mac(self) -> Option<MacAddr> {
        match self {
            ActualNeighbour::Local(mac) => Some(mac),
            ActualNeighbour::Fixed(mac) => mac,
            _ => None,
        }
    }
}

/// All that is wanted of and known about a neighbour.
#[derive(Debug, Clone, Copy, Default)]
pub struct NeighbourEntry {
    pub wanted: Option<RemoteNeighbour>,
    pub actual: ActualNeighbour,
    /// Our entry has been there since it is wanted.
    pub held: bool,
    /// Found with our mark, and nobody has asked for it yet.
    pub adopted: bool,
    /// In the work queue.
    pub dirty: bool,
    /// Not yet seen again in the dump that is being read.
    pub stale: bool,
}

impl NeighbourEntry {
    /// Nothing is wanted and nothing is there.
    pub fn is_void(&self) -> bool {
        self.wanted.is_none() && self.actual == ActualNeighbour::Absent
    }

    /// The message that makes the kernel as wanted; none when it is, or when an entry of the operator stands
    /// there. `gone`: nothing is wanted any more; `pruned`: adopted entries may go.
    pub fn op(&self, bridge: u32, ip: IpAddr, gone: bool, pruned: bool) -> Option<Op> {
        match (self.wanted.filter(|_| !gone), self.actual) {
            (Some(wanted), ActualNeighbour::Ours(actual)) if wanted == actual => None,
            (Some(_), ActualNeighbour::Fixed(_)) => None,
            (Some(RemoteNeighbour { mac, router }), _) => Some(Op::NeighbourSet { bridge, ip, mac, router }),
            (None, ActualNeighbour::Ours(_) | ActualNeighbour::Overwritten)
                if gone || !self.adopted || pruned =>
            {
                Some(Op::NeighbourDelete { bridge, ip })
            }
            (None, _) => None,
        }
    }

    /// Whether an entry of the operator stands where ours belongs.
    pub fn conflict(&self) -> bool {
        self.wanted.is_some() && matches!(self.actual, ActualNeighbour::Fixed(_))
    }
}
